"""Flow of the overlaps (Q, R) under one-pass learning of a two-layer ReLU teacher at d → ∞.

Each step sees a fresh x ~ N(0, 1_d): w_k ← w_k - (η/d) Δ 1(w_k·x > 0) x, and time counts steps / d:

    dR/dt = -η (A R - B T)
    dQ/dt = -η (A Q + Q A - B Rᵀ - R Bᵀ) + η² N

with A, B of the gradient A W - B V and the noise matrix N of ``companion.theory.relu_noise``
(arXiv:2604.09412; Saad & Solla, Phys. Rev. E 52, 4225). Without N it is population gradient flow,
whose fixed points are the critical points of the loss.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory import relu_flow_kernels as kernels
from companion.theory.relu_noise import sobol_normals
from companion.theory.relu_overlaps import (
    checked_label_noise,
    checked_overlaps,
    checked_rates,
    checked_stack,
    checked_times,
    losses,
)

Noise = Literal["none", "exact", "quasi_monte_carlo"]

_MODES = {
    "none": kernels.NO_NOISE,
    "exact": kernels.EXACT_NOISE,
    "quasi_monte_carlo": kernels.SAMPLED_NOISE,
}


@dataclass(frozen=True)
class Trajectories:
    """Overlaps along n conditions: ``Q`` (n, times, K, K), ``R`` (n, times, K, M), ``loss`` (n, times).

    ``complete`` (n,) is False where the overlaps blew up, a student reached norm zero or the step limit
    was met: from there on that condition holds NaN.
    """

    times: NDArray[np.float64]
    Q: NDArray[np.float64]
    R: NDArray[np.float64]
    loss: NDArray[np.float64]
    complete: NDArray[np.bool_]


def flow_derivative(
    Q: ArrayLike,
    R: ArrayLike,
    T: ArrayLike,
    learning_rate: float,
    noise: Noise = "none",
    label_noise: float = 0.0,
    *,
    points: int = 2**14,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """dQ/dt (K, K) and dR/dt (K, M).

    ``label_noise`` is a variance and counts only with ``noise``; ``points`` and ``seed`` are those of
    ``relu_noise.sampled_noise_matrix``.

    Raises ValueError for bad overlaps (see ``relu_overlaps.checked_overlaps``), learning rate or noise.

    >>> dQ, dR = flow_derivative([[4.0]], [[2.0]], [[1.0]], 0.5)  # -η (w - v)/2 = -1/4
    >>> float(dQ[0, 0]), float(dR[0, 0])
    (-1.0, -0.25)
    """
    Q, R, T = checked_overlaps(Q, R, T)
    (rate,) = checked_rates(learning_rate, 1)
    mode, normals = _noise(noise, sum(R.shape), points, seed)
    change = np.empty((len(Q), sum(R.shape)))
    kernels.rates(np.hstack([Q, R]), T, rate, checked_label_noise(label_noise), mode, normals, change)
    return change[:, : len(Q)], change[:, len(Q) :]


def solve_flow(
    Q0: ArrayLike,
    R0: ArrayLike,
    T: ArrayLike,
    times: ArrayLike,
    learning_rate: ArrayLike,
    noise: Noise = "none",
    label_noise: float = 0.0,
    *,
    points: int = 2**14,
    seed: int = 0,
    tolerance: float | None = None,
    maximum_steps: int = 1_000_000,
) -> Trajectories:
    """Trajectories from Q0 (K, K), R0 (K, M) at time 0, or from stacks of them, at ``times``.

    Q0, R0 and ``learning_rate`` may each be one for all conditions or hold one for each. Steps keep
    the error of each below ``tolerance`` of the overlaps: 1e-8 unless given, 1e-5 for
    "quasi_monte_carlo", whose N jumps slightly where a point changes the sign of a field.
    Conditions run in parallel; results depend neither on the number of threads nor on the batch.
    Cost of a step at K = M = 6 on one core: 30 µs without noise, 8 ms with the exact one. ``times`` cost
    nothing: they are interpolated, to the accuracy of the steps.

    Raises ValueError for bad overlaps (see ``relu_overlaps.checked_overlaps``), times or parameters.
    """
    Q, R, T = checked_stack(Q0, R0, T)
    rates = np.asarray(learning_rate, dtype=np.float64)
    runs = len(rates) if rates.ndim == 1 and len(Q) == 1 else len(Q)
    rates = checked_rates(rates, runs)
    moments = checked_times(times)
    mode, normals = _noise(noise, sum(R.shape[1:]), points, seed)
    if tolerance is None:
        tolerance = 1e-5 if noise == "quasi_monte_carlo" else 1e-8
    for name, value in (("tolerance", tolerance), ("maximum_steps", maximum_steps)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")
    states = np.ascontiguousarray(
        np.broadcast_to(np.concatenate([Q, R], axis=2), (runs, *Q.shape[1:2], sum(R.shape[1:])))
    )
    paths = np.empty((runs, len(moments), *states.shape[1:]))
    complete = np.empty(runs, dtype=np.bool_)
    kernels.integrate_all(
        states,
        moments,
        T,
        rates,
        checked_label_noise(label_noise),
        mode,
        normals,
        float(tolerance),
        1e-3 * tolerance,
        int(maximum_steps),
        paths,
        complete,
    )
    students = Q.shape[1]
    Q = np.ascontiguousarray(paths[..., :students])
    R = np.ascontiguousarray(paths[..., students:])
    flat = losses(Q.reshape(-1, *Q.shape[2:]), R.reshape(-1, *R.shape[2:]), T)
    return Trajectories(moments, Q, R, flat.reshape(Q.shape[:2]), complete)


def _noise(noise: str, fields: int, points: int, seed: int) -> tuple[int, NDArray[np.float64]]:
    """Mode of the kernels and the normals it needs."""
    if noise not in _MODES:
        raise ValueError(f"noise must be one of {', '.join(map(repr, _MODES))}, got {noise!r}")
    sampled = noise == "quasi_monte_carlo"
    return _MODES[noise], sobol_normals(fields, points, seed) if sampled else np.empty((0, fields))
