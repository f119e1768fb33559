"""Benchmark of the optimisers of two-layer students: steps per second on one core.

    python benchmarks/relu_optimisers.py [--quick]

Eight runs side by side, as in every census; a step is one step of one run, gradient and stopping test
included. The plain iteration, written with numpy matrices, is the peer; compilation is excluded.
"""

import argparse
import platform
import time
from collections.abc import Callable

import numba
import numpy as np

from companion.theory.two_layer import Activation, two_layer_gradient
from companion.training.descent import initial_weights
from companion.training.relu_optimisers import Optimiser, optimise

_CASES: tuple[tuple[Optimiser, Activation], ...] = (
    ("gradient_descent", "relu"),
    ("gradient_descent", "leaky_relu"),
    ("gradient_descent", "erf"),
    ("two_layer", "relu"),
    ("two_layer", "erf"),
    ("normalised", "relu"),
    ("orthonormalised", "relu"),
)


def _seconds(task: Callable[[], object], repeats: int = 5) -> float:
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()  # of this process: others share the machine
        task()
        best = min(best, time.process_time() - start)
    return best


def _rate(optimiser: Optimiser, activation: Activation, size: int, steps: int) -> float:
    start, teacher = initial_weights(size, size, range(8), seed=0), np.eye(size)

    def run(number: int) -> None:
        optimise(start, teacher, optimiser, activation=activation, tolerances=[1e-300], maximum_steps=number)

    run(1)
    return 8 * steps / _seconds(lambda: run(steps))


def _plain_rate(size: int, steps: int) -> float:
    start, ones, teacher = initial_weights(size, size, [0], seed=0)[0], np.ones(size), np.eye(size)

    def run() -> None:
        W = start
        for _ in range(steps):
            W = W - 2.0 / size * two_layer_gradient(W, ones, teacher)[0]

    return steps / _seconds(run, 2)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description="Steps per second of the optimisers of two-layer students.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps")
    steps = 300 if parser.parse_args().quick else 3000
    numba.set_num_threads(1)
    sizes = (10, 17)
    print(
        f"{platform.machine()}, numba {numba.__version__}, one thread; thousand steps per second (µs per step)\n"
    )
    print(f"{'optimiser':18} {'activation':12}" + "".join(f"{f'K = M = {size}':>20}" for size in sizes))
    for optimiser, activation in _CASES:
        rates = [_rate(optimiser, activation, size, steps) for size in sizes]
        cells = (f"{rate / 1e3:.0f} ({1e6 / rate:.2f})" for rate in rates)
        print(f"{optimiser:18} {activation:12}" + "".join(f"{cell:>20}" for cell in cells))
    rates = [_plain_rate(size, steps // 10) for size in sizes]
    cells = (f"{rate / 1e3:.1f} ({1e6 / rate:.0f})" for rate in rates)
    print(f"{'numpy, plain':18} {'relu':12}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()
