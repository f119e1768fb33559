"""Training of score models: a plain loop over networks against stacks of them, images per second and share of peak.

    python benchmarks/score_training.py [--device cuda] [--out FOLDER]

The plain loop is what most codes do: one ``nn.Module`` and one optimiser for each run, one after the other, in float32
as torch ships it. Ours: S runs in one array program, on a GPU recorded as a graph. All train the same shapes on
the same number of images; times are medians over repeats in one process.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from companion.compute.devices import arithmetic
from companion.models.score_model import ScoreModel
from companion.models.unet import UNetSpec
from companion.training.diffusion_step import TrainingStep

SMALL = ("16 x 16, 0.64 M", UNetSpec(), 64)
PAPER = (
    "28 x 28, 4.1 M",
    UNetSpec(side=28, base=32, multipliers=(1, 2, 4), blocks=2, attention=(1, 2), patch=1),
    512,
)
# Dense matrix rates that the maker states, in Tflop/s, by a part of the card's name.
PEAK = {
    "H100": {"float32": 67, "tf32": 495, "bfloat16": 989},
    "H200": {"float32": 67, "tf32": 495, "bfloat16": 989},
}


def flops_per_image(spec: UNetSpec) -> float:
    """Arithmetic of one image in one training step, counted by torch."""
    network = spec.build()
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, spec.dimension), torch.zeros(1)).sum().backward()
    return counter.get_total_flops()


def plain_loop(spec: UNetSpec, batch: int, runs: int, steps: int, device: str) -> float:
    """Seconds for ``steps`` steps of ``runs`` networks, one after the other."""
    model = ScoreModel(spec, [0.3], device=device)
    networks = []
    for _ in range(runs):
        network = spec.build().to(device)
        networks.append((network, torch.optim.Adam(network.parameters(), lr=2e-3)))
    clean = torch.randn(batch, spec.dimension, device=device)

    def step() -> None:
        for network, optimiser in networks:
            noise = torch.randn_like(clean)
            index = torch.randint(0, 1000, (batch,), device=device)
            a, s = model.signal[index][:, None], model.noise[index][:, None]
            loss = (network(a * clean + s * noise, index.float()) - noise).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return _timed(step, steps, device)


def stacked(
    spec: UNetSpec, batch: int, runs: int, steps: int, device: str, precision: str, fused: bool
) -> float:
    """Seconds for ``steps`` steps of ``runs`` networks side by side."""
    where = torch.device(device)
    with arithmetic(where, precision):
        model = ScoreModel(spec, np.full(runs, 0.3), device=where)
        weights = model.draw_weights([torch.Generator().manual_seed(run) for run in range(runs)]).to(where)
        mover = TrainingStep(model, weights, 2e-3, compile=fused)
        clean = torch.randn(runs, batch, spec.dimension, device=where)

        def step() -> None:
            noise = torch.randn_like(clean)
            mover(clean, noise, torch.randint(0, 1000, (runs, batch), device=where), None)

        return _timed(step, steps, device)


def _timed(step, steps: int, device: str) -> float:
    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(6 if device == "cuda" else 1):
        step()
    found = []
    for _ in range(3):
        wait()
        started = time.perf_counter()
        for _ in range(steps):
            step()
        wait()
        found.append(time.perf_counter() - started)
    return float(np.median(found))


def main() -> None:
    """Print the table; write it as JSON where ``--out`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--stacks", type=int, nargs="+", default=None)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--paper", action="store_true", help="time the published size too (GPU)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    card = torch.cuda.get_device_name() if options.device == "cuda" else "CPU, one thread"
    if options.device == "cpu":
        torch.set_num_threads(1)
    peaks = next((rates for name, rates in PEAK.items() if name in card), {})
    table = Table(
        "network",
        "way",
        "runs",
        "precision",
        "ms per step of all",
        "images/s",
        "Tflop/s",
        "of peak",
        title=card,
    )
    rows = []
    for name, spec, batch in [SMALL, PAPER] if options.paper else [SMALL]:
        work = flops_per_image(spec) * batch
        stacks = (
            (options.stacks or ([1, 8, 32] if options.device == "cuda" else [1, 4])) if batch == 64 else [1]
        )
        precisions = ["float32", "tf32", "bfloat16"] if options.device == "cuda" else ["float32", "bfloat16"]
        steps = 20 if options.device == "cuda" else 4
        cases = [("loop", count, "float32", False) for count in stacks]
        cases += [("stack", count, precision, False) for count in stacks for precision in precisions]
        cases += [("stack, compiled", count, "bfloat16", True) for count in stacks if options.compile]
        for way, count, precision, fused in cases:
            try:
                seconds = (
                    plain_loop(spec, batch, count, steps, options.device)
                    if way == "loop"
                    else stacked(spec, batch, count, steps, options.device, precision, fused)
                ) / steps
            except RuntimeError as problem:
                print(f"{name} {way} {count} {precision}: {str(problem)[:300]}", flush=True)
                continue
            rate = count * work / seconds / 1e12
            share = rate / peaks[precision] if peaks else float("nan")
            rows.append([name, way, count, precision, 1e3 * seconds, count * batch / seconds, rate, share])
            print(rows[-1], flush=True)
    for row in rows:
        table.add_row(
            *row[:2], str(row[2]), row[3], f"{row[4]:.2f}", f"{row[5]:.0f}", f"{row[6]:.2f}", f"{row[7]:.3f}"
        )
    Console(width=140).print(table)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "score_training.json").write_text(json.dumps({"device": card, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
