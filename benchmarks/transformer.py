"""Training of small transformers: stacks of networks against a plain loop over modules, and against torch.func.vmap.

    python benchmarks/transformer.py [--device cuda] [--out FOLDER]

The plain loop is what most codes do: one ``nn.Module`` and one AdamW for each seed, one after the other, all positions,
torch's own attention. vmap is torch's way to stack modules: ``functional_call`` under ``vmap(grad(...))``. Ours: S
networks in one array program; on a GPU launched operation by operation, recorded as a graph, and fused before that. All
train the same shapes on as many rows of each step. Rows are drawn as each way would draw them, and that counts.

On a CPU the time is CPU time of one thread, the least of several turns that are interleaved, so that a busy machine
does not decide; on a GPU it is elapsed time, the median.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from companion.models.transformer import TransformerStack
from companion.models.transformer_module import TransformerModule
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec
from companion.training.diffusion_draws import RunName
from companion.training.operation_batches import TableSource, TrainingRows
from companion.training.recorded_step import RecordedStep
from companion.training.stacked_adam import StackedAdam

MIXED = TaskSpec(operations=("add", "mul"))
NANO = {
    "nano, full batch of 480": CurriculumSpec(),
    "nano, batch of 256": CurriculumSpec(tasks=MIXED, batch=256),
}
SMALL = {
    "small, batch of 512": CurriculumSpec(
        tasks=TaskSpec(operations=("add", "mul"), prime=97, fractions=(0.3,)),
        batch=512,
        width=128,
        layers=2,
        hidden=512,
        learning_rate=1e-3,
    )
}


class Setting:
    """Tables, splits, starts and the source of rows of ``runs`` networks of one spec."""

    def __init__(self, spec: CurriculumSpec, runs: int, device: str):
        self.spec, self.runs, self.device = spec, runs, torch.device(device)
        tasks = spec.tasks.tasks(0)
        splits = [spec.tasks.drawn(tasks, 0, seed) for seed in range(runs)]
        self.train = [np.flatnonzero(split.train) for split in splits]
        self.tokens, self.answers = tasks.tokens, tasks.answers
        self.stack = TransformerStack(spec.network(tasks))
        names = [RunName(0, ("benchmark", seed)) for seed in range(runs)]
        self.start = self.stack.draw_weights([name.torch("weights") for name in names]).to(device)
        operations = len(tasks.operations)
        rows = [
            TrainingRows(own, tasks.operation[own], split.row_weights[own])
            for own, split in zip(self.train, splits, strict=True)
        ]
        labels = np.stack([split.labels for split in splits])
        self.source = TableSource(tasks.tokens, labels, rows, names, operations, spec.batch)
        self.mixture = np.full((1, operations), 1 / operations)
        self.exposure = np.zeros((runs, operations), dtype=np.int64)


def plain_loop(setting: Setting) -> Callable[[], None]:
    """A step of every network, one after the other; tables lie on the device."""
    spec, networks = setting.spec, []
    for seed in range(setting.runs):
        weights = {name: part[seed] for name, part in setting.stack.named(setting.start).items()}
        network = TransformerModule(setting.stack.spec, weights).to(setting.device)
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=spec.learning_rate, betas=(0.9, 0.98), weight_decay=spec.weight_decay
        )
        networks.append((network, optimiser, *_own_rows(setting, seed)))

    def step() -> None:
        for network, optimiser, tokens, answers in networks:
            if spec.batch:
                drawn = torch.randint(len(tokens), (spec.batch,), device=tokens.device)
                tokens, answers = tokens[drawn], answers[drawn]
            optimiser.zero_grad()
            functional.cross_entropy(network(tokens), answers).backward()
            optimiser.step()

    return step


def mapped(setting: Setting) -> Callable[[], None]:
    """A step of all networks by ``vmap(grad(...))`` of the same module; tables lie on the device."""
    spec = setting.spec
    named = setting.stack.named(setting.start)
    module = TransformerModule(setting.stack.spec, {name: part[0] for name, part in named.items()})
    weights = {
        f"weights.{name.replace('.', '_')}": part.clone().requires_grad_(True) for name, part in named.items()
    }
    optimiser = torch.optim.AdamW(
        weights.values(), lr=spec.learning_rate, betas=(0.9, 0.98), weight_decay=spec.weight_decay
    )
    rows = [_own_rows(setting, seed) for seed in range(setting.runs)]
    tokens, answers = (torch.stack(parts) for parts in zip(*rows, strict=True))

    def loss(own: dict[str, torch.Tensor], given: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(torch.func.functional_call(module, own, (given,)), labels)

    gradients = torch.func.vmap(torch.func.grad(loss))

    def step() -> None:
        given, labels = tokens, answers
        if spec.batch:
            drawn = torch.randint(tokens.shape[1], (setting.runs, spec.batch), device=tokens.device)
            places = torch.arange(setting.runs, device=tokens.device)[:, None]
            given, labels = tokens[places, drawn], answers[places, drawn]
        own = {name: value.detach() for name, value in weights.items()}
        with sdpa_kernel(SDPBackend.MATH):  # vmap has no rule for the others, and would loop over networks
            found = gradients(own, given, labels)
        for name, value in weights.items():
            value.grad = found[name]
        optimiser.step()

    return step


def _own_rows(setting: Setting, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    own = setting.train[seed]
    tokens, answers = torch.from_numpy(setting.tokens[own]), torch.from_numpy(setting.answers[own])
    return tokens.to(setting.device), answers.to(setting.device)


def stacked(setting: Setting, *, recorded: bool = False, fused: bool = False) -> Callable[[], None]:
    """A step of all networks as `training.transformer_training` takes it, the schedule's drawing of rows included."""
    spec, stack, device = setting.spec, setting.stack, setting.device
    weights = setting.start.clone().requires_grad_(True)
    each = torch.ones(setting.runs, device=device)
    adam = StackedAdam(weights.detach(), spec.adam, spec.learning_rate * each, spec.weight_decay * each)
    alive = torch.ones(setting.runs, dtype=torch.bool, device=device)

    def losses(own: torch.Tensor, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = stack.logits(own, tokens)
        return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")

    entropy = torch.compile(losses) if fused else losses

    def move(tokens: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor) -> None:
        found = (entropy(weights, tokens, labels).view(labels.shape) * weight).sum(dim=1)
        alive.logical_and_(torch.isfinite(found.detach()))
        (gradient,) = torch.autograd.grad(found.sum(), weights)
        adam.step(weights.detach(), gradient, 1.0, alive)

    take = RecordedStep(move) if recorded else move

    def step() -> None:
        rows = setting.source.draw(0, setting.mixture, setting.exposure)
        given = (torch.from_numpy(array) for array in (rows.tokens, rows.labels, rows.weight))
        take(*(tensor.to(device) for tensor in given))

    return step


WAYS: dict[str, Callable[[Setting], Callable[[], None]]] = {
    "loop over modules": plain_loop,
    "vmap": mapped,
    "stack": stacked,
    "stack, graph": lambda setting: stacked(setting, recorded=True),
    "stack, fused, graph": lambda setting: stacked(setting, recorded=True, fused=True),
}


def timed(step: Callable[[], None], steps: int, device: str) -> float:
    """Seconds of one step: CPU time on a CPU, elapsed time on a GPU."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    if device == "cuda":
        torch.cuda.synchronize()
    started = clock()
    for _ in range(steps):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (clock() - started) / steps


def compare(
    spec: CurriculumSpec, ways: list[str], runs: int, device: str, steps: int, turns: int
) -> dict[str, float]:
    """Seconds of a step of ``runs`` networks in each way, the ways taking turns."""
    made: dict[str, Callable[[], None]] = {}
    for way in ways:
        step = WAYS[way](Setting(spec, runs, device))
        try:
            for _ in range(6 if device == "cuda" else 2):
                step()
        except RuntimeError as problem:
            print(f"{way}, {runs} networks: {str(problem)[:300]}", flush=True)
            continue
        made[way] = step
    found: dict[str, list[float]] = {way: [] for way in made}
    for _ in range(turns):
        for way, step in made.items():
            found[way].append(timed(step, steps, device))
    middle = np.median if device == "cuda" else np.min
    return {way: float(middle(seconds)) for way, seconds in found.items()}


def main() -> None:
    """Print the table; write it as JSON where ``--out`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--stacks", type=int, nargs="+", default=None)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    on_gpu = options.device == "cuda"
    if not on_gpu:
        torch.set_num_threads(1)
    card = torch.cuda.get_device_name() if on_gpu else f"CPU, one thread, load {os.getloadavg()[0]:.1f}"
    table = Table("network", "way", "S", "ms per seed-step", "speed-up", "seeds/h, 1000 steps", title=card)
    rows = []
    for name, spec in (NANO | (SMALL if on_gpu else {})).items():
        alone = float("nan")  # a loop costs the same for each seed, whatever their number
        for runs in options.stacks or ([1, 8, 32, 128] if on_gpu else [1, 2, 5, 8]):
            ways = [way for way in WAYS if on_gpu or "graph" not in way]
            if runs > 8:
                ways.remove("loop over modules")
            found = compare(spec, ways, runs, options.device, options.steps, options.turns)
            if "loop over modules" in found:
                alone = found["loop over modules"] / runs
            for way, seconds in found.items():
                own = seconds / runs
                rows.append(
                    {"network": name, "way": way, "runs": runs, "seconds": own, "speed_up": alone / own}
                )
                table.add_row(
                    name, way, str(runs), f"{1e3 * own:.3g}", f"{alone / own:.2f}", f"{3.6 / own:.3g}"
                )
                print(rows[-1], flush=True)
    Console(width=120).print(table)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "transformer.json").write_text(json.dumps({"device": card, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
