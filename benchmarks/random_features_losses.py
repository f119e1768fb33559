"""Benchmark of per-class losses of random-features score models: direct two-point response against iteration.

    python benchmarks/random_features_losses.py [--quick]

The peer does what the equations suggest: for every time 16 Talbot nodes, damped iteration of the
self-consistent equations at the eight that are kept, and damped iteration of the two-point response of all
their pairs, for all classes and both losses at once, to 1e-8. Everything in one process, on the same field
nodes; compilation is excluded.
"""

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from rich.console import Console
from rich.table import Table

from companion.theory.feature_coefficients import FeatureCoefficients, feature_coefficients
from companion.theory.mixtures import Mixture
from companion.theory.reduced_score_model import ReducedModel
from companion.theory.score_losses import flow_losses, ridge_losses, total_train_loss

_TOLERANCE = 1e-8
_KEPT = 0.4
_CASES = {
    "one class, 1 field node": (Mixture((1.0,), (1.0,)), 4.0, 8.0),
    "two classes, 1 field node": (Mixture((0.5, 0.5), (1.5, 0.5)), 4.0, 8.0),
    "two classes, 144 field nodes": (Mixture((0.5, 0.5), (1.5, 0.5), ((1, 0), (0, 1))), 8.0, 16.0),
}


def _seconds(task: Callable[[], object], repeats: int = 3) -> float:
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        best = min(best, time.perf_counter() - start)
    return best


def _iterated_solution(
    z: np.ndarray, mixture: Mixture, c: FeatureCoefficients, samples: float, features: float
):
    """δ (Z, K), Q (Z, K, K), R (Z, fields) by damped iteration, vectorised over z."""
    K, w = mixture.classes, mixture.pi
    gains = c.gain[:, :, None] * c.gain[:, None, :]
    delta, R = np.zeros((z.size, K), complex), 1 / (c.noise_variance @ w - z[:, None])
    Q = features * np.einsum("zn,n,nab->zab", R, c.node_weights, gains)
    while True:
        kappa = w * (mixture.alphas**2 / (1 + delta) + mixture.noise_variance)
        L = np.linalg.inv(np.eye(K) + kappa[:, :, None] * Q)
        A, P = L * kappa[:, None, :], Q @ L
        R = 1 / (
            c.noise_variance @ w
            - z[:, None]
            + (w / (1 + delta)) @ c.sample_variance.T
            + np.einsum("zab,nab->zn", A, gains)
        )
        newer_Q = features * np.einsum("zn,n,nab->zab", R, c.node_weights, gains)
        own = np.einsum("zaa->za", P)
        newer = (features * (R * c.node_weights) @ c.sample_variance + mixture.alphas**2 * own) / samples
        change = max(np.abs(newer_Q / Q - 1).max(), np.abs(newer - delta).max())
        Q, delta = _KEPT * Q + (1 - _KEPT) * newer_Q, _KEPT * delta + (1 - _KEPT) * newer
        if change < _TOLERANCE:
            return delta, Q, R


def _iterated_losses(moment: float, mixture: Mixture, samples: float, features: float) -> np.ndarray:
    """Losses (2, K) at one time, by damped iteration throughout."""
    c, K, w = feature_coefficients(mixture, 24, "stretched"), mixture.classes, mixture.pi
    noise, alpha2 = mixture.noise_variance, mixture.alphas**2
    angle = (2 * np.arange(8) + 1) * np.pi / 16
    inner = 0.6407 * angle
    s = 16 / moment * (0.5017 * angle / np.tan(inner) - 0.6122 + 0.2645j * angle)
    slope = 16 / moment * (0.5017 / np.tan(inner) - 0.5017 * inner / np.sin(inner) ** 2 + 0.2645j)
    weight = np.exp(s * moment) * slope / (16j * s)
    delta, Q, R = _iterated_solution(-s, mixture, c, samples, features)
    delta, Q, R = (np.concatenate([each, each.conj()]) for each in (delta, Q, R))
    row, column = np.triu_indices(8)
    first, second = np.concatenate([row, row]), np.concatenate([column, column + 8])
    kappa = w * (alpha2 / (1 + delta) + noise)
    L = np.linalg.inv(np.eye(K) + kappa[:, :, None] * Q)
    A, P = L * kappa[:, None, :], Q @ L
    L1, L2, A1, A2, P1, P2 = (x[i][:, None] for x in (L, A, P) for i in (first, second))
    RR = (R[first] * R[second])[:, None]
    unit, none = np.eye(K), np.zeros((K, K))
    t, e = np.concatenate([unit, none]), np.concatenate([none, unit])  # (sources, K)
    seen = 1 / ((1 + delta[first]) * (1 + delta[second]))[:, None]
    floor = (t + e) @ c.noise_variance.T + e @ c.sample_variance.T
    gains = c.gain[:, :, None] * c.gain[:, None, :]
    X, Q12 = np.zeros((first.size, 2 * K, K), complex), np.zeros((first.size, 2 * K, K, K), complex)
    while True:
        y = (t - w * X / samples) * seen
        k12 = alpha2 * y + noise * t + (alpha2 + noise) * e
        A12 = (L1 * k12[..., None, :]) @ L2.swapaxes(2, 3) - A1 @ Q12 @ A2
        P12 = L1.swapaxes(2, 3) @ Q12 @ L2 - (P1 * k12[..., None, :]) @ P2
        R12 = (
            -RR * (floor + y @ c.sample_variance.T + np.einsum("psab,nab->psn", A12, gains)) * c.node_weights
        )
        newer_Q = features * np.einsum("psn,nab->psab", R12, gains)
        newer_X = features * R12 @ c.sample_variance + alpha2 * np.einsum("psaa->psa", P12)
        scale = np.abs(newer_Q).max(), np.abs(newer_X).max()
        change = max(np.abs(newer_Q - Q12).max() / scale[0], np.abs(newer_X - X).max() / scale[1])
        Q12, X = _KEPT * Q12 + (1 - _KEPT) * newer_Q, _KEPT * X + (1 - _KEPT) * newer_X
        if change < _TOLERANCE:
            break
    both = np.concatenate([weight[row] * weight[column], weight[row] * weight[column].conj()])
    both *= np.tile(np.where(row == column, 2.0, 4.0), 2)
    quadratic = -noise * np.einsum("p,a,psab,b->s", both, w, P12, w).real
    linear = noise * 2 * np.einsum("z,zab,b->a", weight, P[:8], w).real
    return (1 - 2 * np.tile(linear, 2) + quadratic).reshape(2, K)


def _flow_rows(name: str, count: int) -> list[tuple[str, ...]]:
    mixture, samples, features = _CASES[name]
    times = np.geomspace(0.01, 1e4, 60)
    flow_losses(times, mixture, samples, features)
    few = times[:: 60 // count]
    rows = []
    direct = np.stack(flow_losses(few, mixture, samples, features))
    peer = []
    seconds = _seconds(
        lambda: peer.append([_iterated_losses(float(T), mixture, samples, features) for T in few]), 1
    )
    error = np.abs(direct - np.swapaxes(np.array(peer[-1]), 0, 1)).max()
    slow = seconds / few.size
    rows.append((f"iteration, {name}", str(few.size), f"{1e3 * slow:.2f}", "", ""))
    for moments in (times[:1], times):
        each = (
            _seconds(lambda moments=moments: flow_losses(moments, mixture, samples, features)) / moments.size
        )
        label = f"direct, {name}, {moments.size} at once"
        rows.append((label, str(moments.size), f"{1e3 * each:.2f}", f"{slow / each:.0f}", f"{error:.1e}"))
    return rows


def _other_rows() -> list[tuple[str, ...]]:
    mixture, samples, features = _CASES["two classes, 144 field nodes"]
    amounts = np.geomspace(1e-4, 10, 60)
    three = Mixture((0.5, 0.3, 0.2), (1.3, 1.0, 0.6), ((1, 0, 0), (0, 2, 0), (0, 0, 0.5)))
    shares, ratios = np.meshgrid(np.linspace(0.02, 0.98, 40), np.linspace(1, 3, 40))
    settings = [
        Mixture((share, 1 - share), (2 * ratio / (1 + ratio), 2 / (1 + ratio)), ((16, 0), (0, 16)), 0.5)
        for share, ratio in zip(shares.ravel().tolist(), ratios.ravel().tolist(), strict=True)
    ]
    tasks = {
        ("ridge path, two classes, 144 field nodes", 60): lambda: ridge_losses(
            amounts, mixture, samples, features
        ),
        ("total training loss, the same", 60): lambda: total_train_loss(amounts, mixture, samples, features),
        ("flow, three classes, 1728 field nodes", 60): lambda: flow_losses(amounts, three, 6, 8),
        ("reduced model, phase diagram 40 x 40", 1600): lambda: ReducedModel(settings, 16).passage_times(),
    }
    rows = []
    for (label, count), task in tasks.items():
        task()
        rows.append((label, str(count), f"{1e3 * _seconds(task) / count:.3f}", "", ""))
    return rows


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    models = [line for line in path.read_text().splitlines() if "model name" in line] if path.exists() else []
    return models[0].split(":")[1].strip() if models else platform.processor()


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the iteration at 3 times instead of 12")
    count = 3 if parser.parse_args().quick else 12
    table = Table("task", "items", "ms per item", "times faster", "difference")
    for name in _CASES:
        for row in _flow_rows(name, count):
            table.add_row(*row)
    for row in _other_rows():
        table.add_row(*row)
    threads = numba.config.NUMBA_NUM_THREADS
    console = Console(width=120)
    console.print(f"{_processor()}, {threads} threads, numba {numba.__version__}, float64")
    console.print(table)


if __name__ == "__main__":
    main()
