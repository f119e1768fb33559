"""Benchmark of the random-feature spectrum: compiled Newton steps against SciPy's root and damped iteration.

    python benchmarks/random_features_theory.py [--quick]

All solve the same self-consistent equations from the same coefficients, for the density at 400
eigenvalues and a broadening of 2e-3; compilation is excluded. SciPy goes down from a broadening of one
at each eigenvalue by itself; the damped iteration goes down for all of them together.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np
import scipy
from rich.console import Console
from rich.table import Table
from scipy.optimize import root

from companion.theory.feature_coefficients import FeatureCoefficients, feature_coefficients
from companion.theory.random_features import Mixture, resolvent, spectral_density
from companion.theory.spectral_bands import bands

SAMPLE_RATIO, FEATURE_RATIO, BROADENING = 4.0, 8.0, 2e-3
GRID = np.geomspace(0.005, 15, 400)
DESCENT = (1.0, 0.1, 0.02, 0.005, BROADENING)
ONE_CLASS = Mixture((1.0,), (1.0,))
TWO_CLASSES = Mixture((0.5, 0.5), (1.5, 0.5), ((1.0, 0.0), (0.0, 1.0)))


def _timed(task: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """The shortest of the times, and the last result."""
    best, result = np.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        result = task()
        best = min(best, time.perf_counter() - start)
    return best, result


def _map(z, delta, Q, mixture: Mixture, k: FeatureCoefficients):
    """One step of the fixed-point map for all z (Z,): new δ (Z, K) and Q (Z, K, K), and R (Z, N)."""
    pi, tau, noise = mixture.pi, mixture.alphas**2, mixture.noise_variance
    one = np.eye(mixture.classes)
    kappa = (pi * (tau / (1 + delta) + noise))[:, :, None] * one
    inverse = np.linalg.inv(one + kappa @ Q)
    A, P = inverse @ kappa, Q @ inverse
    quadratic = np.einsum("na,zab,nb->zn", k.gain, A, k.gain, optimize=True)
    bare = k.noise_variance @ pi - z[:, None] + (pi / (1 + delta)) @ k.sample_variance.T
    R = 1 / (bare + quadratic)
    weighted = R * k.node_weights
    products = k.gain[:, :, None] * k.gain[:, None, :]
    new_Q = FEATURE_RATIO * np.tensordot(weighted, products, axes=1)
    memory = FEATURE_RATIO * weighted @ k.sample_variance + tau * np.einsum("zcc->zc", P)
    return memory / SAMPLE_RATIO, new_Q, R


def damped_density(mixture: Mixture, nodes: int, tolerance: float = 1e-9) -> np.ndarray:
    """The density by damped iteration, with the broadening lowered in steps."""
    k = feature_coefficients(mixture, nodes)
    delta = np.ones((GRID.size, mixture.classes), complex)
    Q = np.ones((GRID.size, 1, 1)) * np.eye(mixture.classes, dtype=complex)
    R = np.empty(0)
    for eta in DESCENT:
        z = GRID * (1 + 1j * eta)
        for _ in range(20_000):
            new_delta, new_Q, R = _map(z, delta, Q, mixture, k)
            change = np.abs(new_delta / delta - 1).max()
            delta, Q = 0.4 * delta + 0.6 * new_delta, 0.4 * Q + 0.6 * new_Q
            if change < tolerance:
                break
    return (R @ k.node_weights).imag / np.pi


def root_density(points: np.ndarray, mixture: Mixture) -> np.ndarray:
    """The density of a single class by SciPy's root, one eigenvalue after the other."""
    k = feature_coefficients(mixture)

    def unpacked(x):
        return np.array([[x[0] + 1j * x[1]]]), np.array([[[x[2] + 1j * x[3]]]])

    density = []
    for point in points:
        x = np.array([1.0, 1.0, 1.0, 1.0])
        z = np.array([point * (1 + 1j)])

        def residual(x):
            delta, Q = unpacked(x)
            new_delta, new_Q, _ = _map(z, delta, Q, mixture, k)  # noqa: B023 (called at once)
            gap = np.array([(new_delta - delta)[0, 0], (new_Q - Q)[0, 0, 0]])
            return gap.view(float)

        for _ in range(20):
            x = x + 0.6 * residual(x)
        for eta in np.geomspace(1, BROADENING, 10):
            z = np.array([point * (1 + 1j * eta)])
            x = root(residual, x, tol=1e-12).x
        density.append((_map(z, *unpacked(x), mixture, k)[2] @ k.node_weights)[0].imag / np.pi)
    return np.array(density)


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of SciPy's points, no long iterations")
    quick = parser.parse_args().quick
    arguments = (SAMPLE_RATIO, FEATURE_RATIO)
    threads = numba.config.NUMBA_NUM_THREADS
    table = Table("task", "points", "ms", "ms per point", "× ours", "largest difference", "asked for")

    def row(task: str, seconds: float, points: int, slower: str = "", difference: str = "", goal: str = ""):
        table.add_row(
            task,
            str(points),
            f"{1e3 * seconds:.3g}",
            f"{1e3 * seconds / points:.3g}",
            slower,
            difference,
            goal,
        )

    z = -np.geomspace(0.01, 10, 100)
    resolvent(z[:1], ONE_CLASS, *arguments)
    each = _timed(lambda: [resolvent([point], ONE_CLASS, *arguments) for point in z], 3)[0]
    row("resolvent, z < 0, one node, call by call", each, z.size, goal="5 ms per point")
    feature_coefficients.cache_clear()
    first = _timed(lambda: resolvent(z[:1], ONE_CLASS, *arguments))[0]
    row("the same with the coefficients of a new mixture", first, 1)

    ours = {}
    for name, mixture, nodes, goal in (
        ("one class", ONE_CLASS, 24, "100 ms"),
        ("two classes, 12 x 12 nodes (24 x 24 folded)", TWO_CLASSES, 24, ""),
        ("two classes, 24 x 24 nodes (48 x 48 folded)", TWO_CLASSES, 48, "2000 ms"),
    ):
        for count in sorted({1, threads}):
            numba.set_num_threads(count)
            task = partial(spectral_density, GRID, mixture, *arguments, BROADENING, nodes=nodes)
            task()
            ours[nodes, mixture] = _timed(task, 5)
            plural = "s" if count > 1 else ""
            row(f"density, {name}, {count} thread{plural}", ours[nodes, mixture][0], GRID.size, goal=goal)
    row("bands, edges and masses, one class", _timed(lambda: bands(ONE_CLASS, *arguments), 3)[0], 1)

    mine, density = ours[24, ONE_CLASS]
    chosen = slice(None, None, 10) if quick else slice(None)
    spent, theirs = _timed(lambda: root_density(GRID[chosen], ONE_CLASS))
    slower = f"{spent / theirs.size / (mine / GRID.size):.0f}"
    difference = f"{np.abs(theirs / density[chosen] - 1).max():.0e}"
    row("scipy.optimize.root, one class", spent, theirs.size, slower, difference, "200 x ours")
    for name, mixture, nodes in (
        ("one class", ONE_CLASS, 24),
        ("two classes, 24 x 24 nodes", TWO_CLASSES, 48),
    ):
        if quick and mixture is TWO_CLASSES:
            continue
        mine, density = ours[nodes, mixture]
        spent, theirs = _timed(partial(damped_density, mixture, nodes))
        difference = f"{np.abs(theirs / density - 1).max():.0e}"
        row(f"damped iteration, {name}", spent, GRID.size, f"{spent / mine:.0f}", difference)

    console = Console(width=150)
    console.print(
        f"{platform.machine()}, {threads} threads, load {os.getloadavg()[0]:.1f}, numba {numba.__version__}, "
        f"SciPy {scipy.__version__}, float64"
    )
    console.print(table)


if __name__ == "__main__":
    main()
