"""Benchmark of the ReLU landscape: descent against scipy's L-BFGS, families, Hessians.

    python benchmarks/relu_landscape.py [--quick]

Descent and L-BFGS start from the same weights, in one process, with the same compiled loss and
gradient; compilation is excluded. L-BFGS is there for speed only: it falls into other basins than
gradient descent and its fractions are no substitute.
"""

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from scipy.optimize import minimize

from companion.theory import relu_kernels, relu_landscape
from companion.theory.relu_families import branch
from companion.theory.relu_family_table import global_loss_limit
from companion.training.descent import descend, initial_weights

_TOLERANCE = 1e-7
_HEADER = ("task", "runs", "seconds", "ms per run", "|∇L| median", "|∇L| max", "below 1e-7", "spurious")


def _seconds(task: Callable[[], object], repeats: int = 1) -> float:
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        best = min(best, time.perf_counter() - start)
    return best


def _row(task: str, seconds: float, runs: int, norms=None, spurious=None) -> tuple[str, ...]:
    cells = [task, str(runs), f"{seconds:.3f}", f"{1e3 * seconds / runs:.3f}"]
    if norms is None or spurious is None:
        return (*cells, "", "", "", "")
    below, share = np.mean(norms < _TOLERANCE), np.mean(spurious)
    return (*cells, f"{np.median(norms):.1e}", f"{np.max(norms):.1e}", f"{below:.1%}", f"{share:.1%}")


def _descent(students: int, runs: int, threads: int) -> tuple[str, ...]:
    start, teacher = initial_weights(students, students, range(runs), seed=0), np.eye(students)
    numba.set_num_threads(threads)
    descend(start[:2], teacher)
    ends = []
    seconds = _seconds(lambda: ends.append(descend(start, teacher, tolerance=_TOLERANCE)), repeats=3)
    name = f"descent, K = {students}, {threads} thread{'s' if threads > 1 else ''}"
    spurious = ends[-1].loss > global_loss_limit(students)
    return _row(name, seconds, runs, ends[-1].gradient_norm, spurious)


def _quasi_newton(students: int, runs: int) -> tuple[str, ...]:
    teacher = np.eye(students)
    losses, norms = [], []

    def loss_and_gradient(flat):
        W = flat.reshape(students, students)
        return relu_kernels.loss(W, teacher), relu_kernels.gradient(W, teacher).ravel()

    options = {"gtol": _TOLERANCE / students, "ftol": 0.0, "maxiter": 10_000, "maxfun": 100_000}
    starts = initial_weights(students, students, range(runs), seed=0)
    loss_and_gradient(starts[0].ravel())

    def every_run():
        for W in starts:
            end = minimize(loss_and_gradient, W.ravel(), jac=True, method="L-BFGS-B", options=options)
            losses.append(end.fun)
            norms.append(np.linalg.norm(end.jac))

    seconds = _seconds(every_run)
    spurious = np.array(losses) > global_loss_limit(students)
    return _row(f"scipy L-BFGS, K = {students}", seconds, runs, np.array(norms), spurious)


def _families(largest: int) -> list[tuple[str, ...]]:
    times = []
    for students in range(4, largest + 1):
        members = [("I", p) for p in range(1, students - 2)] + [("II", q) for q in range(5, students + 1)]
        for kind, flipped in members:
            call = (kind, float(flipped), float(students))
            times.append(_seconds(lambda call=call: branch(*call), repeats=3))
    slowest = _row(f"slowest family, K <= {largest}", max(times), 1)
    return [_row(f"families by Newton, K <= {largest}", sum(times), len(times)), slowest]


def _hessians(students: int) -> list[tuple[str, ...]]:
    W, teacher = relu_landscape.family("I", 1, students).weights, np.eye(students)
    ansatz, values = branch("I", 1, students)
    H = relu_landscape.hessian(W, teacher)
    tasks = {
        "Hessian": lambda: relu_landscape.hessian(W, teacher),
        "its eigenvalues": lambda: np.linalg.eigvalsh(H),
        "distinct eigenvalues by symmetry": lambda: ansatz.hessian_eigenvalues(values),
    }
    return [_row(f"{name}, K = {students}", _seconds(task, 5), 1) for name, task in tasks.items()]


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    models = [line for line in path.read_text().splitlines() if "model name" in line] if path.exists() else []
    return models[0].split(":")[1].strip() if models else platform.processor()


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    runs = 100 if parser.parse_args().quick else 1000
    threads = numba.config.NUMBA_NUM_THREADS
    rows = [_HEADER]
    rows += [_descent(10, runs, count) for count in sorted({1, threads})]
    rows.append(_quasi_newton(10, runs))
    rows.append(_descent(17, max(runs // 10, 30), threads))
    rows += _families(20) + _hessians(20)
    print(f"{_processor()}, {threads} threads, {platform.system()}, numba {numba.__version__}, float64\n")
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())


if __name__ == "__main__":
    main()
