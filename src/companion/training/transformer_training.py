"""Training of stacks of small transformers on several operations, by a schedule, watched while they learn.

The loss is the sum over networks of each network's own mean cross-entropy at the last position, so that each one's
gradient is what it would be alone. Rates, decays and mixture weights may differ between the networks of a stack.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from companion.compute.devices import arithmetic, torch_device
from companion.models.transformer import TransformerStack
from companion.session import events
from companion.session.progress import progress
from companion.training.checkpoints import load_checkpoint, save_checkpoint
from companion.training.curriculum_recipe import CurriculumRecipe, Monitor, NetworkRun, Snapshot
from companion.training.operation_batches import Source
from companion.training.recorded_step import RecordedStep
from companion.training.schedules import State
from companion.training.stacked_adam import StackedAdam

_SAVE_SECONDS = 120.0


def train_stack(
    recipe: CurriculumRecipe,
    source: Source,
    runs: Sequence[NetworkRun],
    monitors: Sequence[Monitor] = (),
    *,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    folder: Path | None = None,
    label: str = "transformers",
    graph: bool = False,
    compile: bool = False,
) -> xr.Dataset:
    """Train ``runs`` as one stack on the rows of ``source``; what monitors see, with dim ``run``.

    Also ``mixture`` and ``exposure`` (run, look, operation) where an adaptive schedule looks and at switches, and
    ``stopped_at`` (run,): the step at which a network's loss was no number (-1: never); it stops alone, and its later
    records are NaN. With ``folder``, training goes on from the state that a killed call left there, bit for bit on a
    CPU. On CUDA ``graph`` records a step once and replays it; ``compile`` fuses the losses on any device. Raises
    ValueError for runs that do not fit, RuntimeError for a missing device.
    """
    where = torch_device(device)
    if not runs:
        raise ValueError("runs: none given; allowed: at least one")
    with arithmetic(where, recipe.precision):
        training = _Training(recipe, source, runs, monitors, where, folder, graph=graph, compile=compile)
        training.resume()
        with progress(label, recipe.steps, "steps") as advance:
            advance(training.step)
            training.watch()
            for stop in training.stops():
                advance(training.advance_to(stop))
                training.watch()
        return training.result()


class _Training:
    """A stack in training, and what has been recorded of it."""

    def __init__(
        self,
        recipe: CurriculumRecipe,
        source: Source,
        runs: Sequence[NetworkRun],
        monitors: Sequence[Monitor],
        device: torch.device,
        folder: Path | None,
        *,
        graph: bool = False,
        compile: bool = False,
    ):
        self.recipe, self.runs, self.monitors, self.device = recipe, list(runs), list(monitors), device
        self.file = folder / "training.pt" if folder else None
        self.stack = TransformerStack(recipe.network)
        self.operations = recipe.schedule.operations
        self.source = source
        weights = self.stack.draw_weights([run.name.torch("weights") for run in runs])
        self.weights = weights.to(device).requires_grad_(True)
        adam = recipe.adam
        rates = [adam.learning_rate if run.learning_rate is None else run.learning_rate for run in runs]
        decays = [adam.weight_decay if run.weight_decay is None else run.weight_decay for run in runs]
        self.adam = StackedAdam(self.weights.detach(), adam, torch.tensor(rates), torch.tensor(decays))
        self.anchor = self.weights.detach().clone()
        self.anchored = False
        self.alive = torch.ones(len(runs), dtype=torch.bool, device=device)
        self.stopped = torch.full((len(runs),), -1, device=device)
        self.step = 0
        self.state: State = recipe.schedule.start(len(runs))
        self.exposure = np.zeros((len(runs), self.operations), dtype=np.int64)
        self.switches = set(recipe.schedule.switches(recipe.steps))
        self.seen: dict[str, dict[str, Any]] = {}
        self.saved_at = time.monotonic()
        self._losses = torch.compile(self._own_losses) if compile else self._own_losses
        self._recorded = RecordedStep(self._move) if graph else None

    def stops(self) -> list[int]:
        """Steps still ahead at which somebody looks, and the end."""
        looked = {step for monitor in self.monitors for step in monitor.steps} | {self.recipe.steps}
        return sorted(step for step in looked if self.step < step <= self.recipe.steps)

    def advance_to(self, target: int) -> int:
        """Train up to step ``target``; the steps taken."""
        first = self.step
        while self.step < target:
            self._one_step()
        if self.file and time.monotonic() - self.saved_at > _SAVE_SECONDS:
            self.save()
        return self.step - first

    def _one_step(self) -> None:
        recipe, step = self.recipe, self.step
        if step in self.switches:
            self._switch()
        if self.state and step and step % recipe.look_every == 0:
            self._look()
        mixture = recipe.schedule.mixture(step, recipe.steps, self.state)
        if step == 0 or step in self.switches or (self.state and step % recipe.look_every == 0):
            self._note(mixture)
        rows = self.source.draw(step, mixture, self.exposure)
        given = [torch.from_numpy(array) for array in (rows.tokens, rows.labels, rows.weight)]
        given += [torch.tensor(recipe.adam.rate_factor(step, recipe.steps)), torch.tensor(step)]
        (self._recorded or self._move)(*(tensor.to(self.device) for tensor in given))
        np.add.at(self.exposure, (np.arange(len(self.runs))[:, None], rows.operation), rows.weight > 0)
        self.step += 1

    def _move(self, tokens: Tensor, labels: Tensor, weight: Tensor, factor: Tensor, step: Tensor) -> None:
        """One step on these rows, at ``factor`` times the rates; all that lasts changes in place (`RecordedStep`)."""
        losses = self._losses(self.weights, tokens, labels, weight)
        if self.recipe.consolidation and self.anchored:
            moved = (self.weights - self.anchor).square().sum(dim=1)
            losses = losses + 0.5 * self.recipe.consolidation * moved
        (gradient,) = torch.autograd.grad(losses.sum(), self.weights)
        broken = ~torch.isfinite(losses.detach()) & self.alive
        self.stopped.copy_(torch.where(broken, step, self.stopped))
        self.alive &= ~broken
        self.adam.step(self.weights.detach(), gradient, factor, self.alive)

    def _own_losses(self, weights: Tensor, tokens: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
        return (self._entropy(weights, tokens, labels)[0] * weight).sum(dim=1)

    def _entropy(self, weights: Tensor, tokens: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy of each row, and whether its class is the likeliest, both (S, rows)."""
        logits = self.stack.logits(weights, tokens)
        entropy = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        return entropy.view(labels.shape), logits.detach().argmax(dim=2) == labels

    def _switch(self) -> None:
        self.anchor, self.anchored = self.weights.detach().clone(), True
        if self._recorded:
            self._recorded.forget()
        if self.recipe.reset_moments:
            self.adam.reset(torch.ones_like(self.alive))

    @torch.no_grad()
    def _look(self) -> None:
        """Tell the schedule losses and accuracies on the training rows, of each operation apart."""
        rows = self.source.sample()
        given = (torch.from_numpy(array).to(self.device) for array in (rows.tokens, rows.labels))
        entropy, right = self._entropy(self.weights.detach(), *given)
        found = []
        for values in (entropy.cpu().numpy(), right.cpu().numpy()):
            weighted = values * rows.weight
            found.append(
                np.stack([(weighted * (rows.operation == k)).sum(axis=1) for k in range(self.operations)], 1)
            )
        self.state = self.recipe.schedule.observe(self.step, found[0], found[1], self.state)

    def _note(self, mixture: NDArray[np.float64]) -> None:
        """Record w(t) and the rows shown so far."""
        shape = (len(self.runs), self.operations)
        values = {
            "mixture": (("operation",), np.broadcast_to(mixture, shape).copy()),
            "exposure": (("operation",), self.exposure.copy()),
        }
        self._record("look", values)

    def watch(self) -> None:
        """Let the monitors look whose step it is, and save the state."""
        broken = ~torch.isfinite(self.weights.detach()).all(dim=1) & self.alive
        self.stopped.copy_(torch.where(broken, self.step, self.stopped))
        self.alive &= self.stopped < 0
        gone = (~self.alive).cpu().numpy()
        snapshot = Snapshot(self.step, self.stack, self.weights.detach())
        found: dict[str, dict[str, tuple[tuple[str, ...], NDArray]]] = {}
        for monitor in self.monitors:
            if self.step in monitor.steps:
                values = found.setdefault(monitor.dim, {})
                values[f"{monitor.dim}_exposure"] = (("operation",), self.exposure.copy())
                with torch.no_grad():
                    for name, (dims, array) in monitor(snapshot).items():
                        kept = np.array(array)
                        if np.issubdtype(kept.dtype, np.floating):
                            kept[gone] = np.nan
                        values[name] = dims, kept
        for dim, values in found.items():
            self._record(dim, values)
        self.save()

    def _record(self, dim: str, values: Mapping[str, tuple[tuple[str, ...], NDArray]]) -> None:
        kept = self.seen.setdefault(dim, {"steps": [], "dims": {}, "arrays": {}})
        if self.step in kept["steps"]:
            return
        kept["steps"].append(self.step)
        for name, (dims, array) in values.items():
            kept["dims"][name] = list(dims)
            kept["arrays"].setdefault(name, []).append(torch.from_numpy(array))

    def save(self) -> None:
        """Write everything that the rest of the training depends on."""
        if self.file is None:
            return
        self.saved_at = time.monotonic()
        save_checkpoint(
            self.file,
            {
                "step": self.step,
                "weights": self.weights.detach(),
                "adam": self.adam.state(),
                "anchor": self.anchor,
                "anchored": self.anchored,
                "alive": self.alive,
                "stopped": self.stopped,
                "state": {name: torch.from_numpy(values) for name, values in self.state.items()},
                "exposure": torch.from_numpy(self.exposure),
                "seen": self.seen,
            },
        )

    def resume(self) -> None:
        """Take up the state that a killed training left, if there is one."""
        state = load_checkpoint(self.file) if self.file else None
        if state is None:
            return
        self.step, self.anchored, self.seen = state["step"], state["anchored"], state["seen"]
        with torch.no_grad():
            self.weights.copy_(state["weights"])
        self.adam.restore({name: tensor.to(self.device) for name, tensor in state["adam"].items()})
        self.anchor, self.alive, self.stopped = (
            state[name].to(self.device) for name in ("anchor", "alive", "stopped")
        )
        self.state = {name: values.numpy() for name, values in state["state"].items()}
        self.exposure = state["exposure"].numpy()

    def result(self) -> xr.Dataset:
        """All records, (run, steps of their monitor, ...)."""
        stopped = self.stopped.cpu().numpy()
        for at in np.flatnonzero(stopped >= 0):
            name = self.runs[at].name
            events.tell(
                f"run {' '.join(map(str, name.name))}, root seed {name.root}: the loss of step {stopped[at]} is no "
                "finite number; this network stopped there"
            )
        found: dict[str, Any] = {"stopped_at": ("run", stopped)}
        coordinates: dict[str, Any] = {}
        for dim, kept in self.seen.items():
            coordinates[dim] = (dim, np.array(kept["steps"]), {"long_name": r"training steps $t$"})
            for name, parts in kept["arrays"].items():
                found[name] = (("run", dim, *kept["dims"][name]), torch.stack(parts, dim=1).numpy())
        return xr.Dataset(found, coords=coordinates, attrs={"device": self.device.type})
