"""Backward diffusion with any score, and clones: trajectories that continue from the same noised point.

Forward dX = -X dt + √2 dW; backward dX = (X + 2 s(X, t)) dt' + √2 dW with t' = -t, from a late time to an early one.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.class_posterior import GaussianClasses, checked_times

Floats = NDArray[np.float64]
Score = Callable[[Floats, float], Floats]


def log_spaced_times(start: float, end: float = 1e-3, steps: int = 150) -> Floats:
    """``steps`` + 1 falling times from ``start`` to ``end``, evenly spaced in log t.

    >>> log_spaced_times(1.0, 0.01, 2).round(2).tolist()
    [1.0, 0.1, 0.01]
    """
    if steps < 1 or not 0 < end < start:
        raise ValueError(
            f"start, end, steps: {start}, {end}, {steps} given; 0 < end < start and one step at least"
        )
    return np.geomspace(start, end, steps + 1)


def backward_sde(score: Score, start: ArrayLike, times: ArrayLike, generator: np.random.Generator) -> Floats:
    """Run the backward process from ``start`` (..., d) at times[0] to times[-1]; the points there, (..., d).

    ``score(x, t)`` is called once per step, at times[0], ..., times[-2] and nowhere else, so that a score learned
    separately at each time will do. Within a step the implied denoiser (x + Δ s)e^t is held fixed and the rest is
    exact: x' is drawn from the law of x_t' given x_t and x_0, which is stable however long the step.

    Raises ValueError for times that do not fall, or are not positive.
    """
    times = _falling(times)
    points = np.array(start, dtype=np.float64)
    for now, then in pairwise(times.tolist()):
        points = backward_step(score(points, now), points, now, then, generator)
    return points


def backward_step(
    score: Floats, points: Floats, now: float, then: float, generator: np.random.Generator
) -> Floats:
    """One step from time ``now`` to ``then`` < ``now``: mean b x + a (x + Δ s) e^t and variance Δ_h Δ'/Δ.

    Δ_h = 1 - e^-2h with the step h, a = e^-t' Δ_h/Δ and b = e^-h Δ'/Δ.
    """
    step = now - then
    noise, after, between = (-np.expm1(-2 * time) for time in (now, then, step))
    clean = np.exp(step) * between / noise  # a e^t
    factor = np.exp(-step) * after / noise + clean
    moved = generator.standard_normal(points.shape)
    moved *= np.sqrt(between * after / noise)
    moved += factor * points
    moved += (clean * noise) * score
    return moved


def clone_attribution(
    score: Score,
    classes: GaussianClasses,
    start_indices: Sequence[int],
    times: ArrayLike,
    clones: int,
    generator: np.random.Generator,
) -> tuple[Floats, NDArray[np.int64]]:
    """End points of ``clones`` trajectories for every start time and class, and the class nearest to each.

    Clones start from exact noised points of each class at times[i], i in ``start_indices`` (rising), and run to
    times[-1] together: a cohort joins the others when they have come down to its time. Returns end points
    (starts, K, clones, d) and, by posterior at times[-1], their most probable classes (starts, K, clones).
    """
    times = _falling(times)
    indices = list(start_indices)
    if not indices or sorted(set(indices)) != indices or not 0 <= indices[0] <= indices[-1] < times.size - 1:
        raise ValueError(f"start_indices: {indices} given; rising places in times, before its last")
    points = np.empty((len(indices), classes.size, clones, classes.dimension))
    begun = 0
    for place in range(times.size - 1):
        if begun < len(indices) and indices[begun] == place:
            for label in range(classes.size):
                normals = generator.standard_normal((clones, classes.dimension))
                points[begun, label] = classes.noised(label, times[place], normals)
            begun += 1
        if begun:
            active = points[:begun]
            now, then = float(times[place]), float(times[place + 1])
            active[:] = backward_step(score(active, now), active, now, then, generator)
    return points, classes.log_joint(points, times[-1]).argmax(axis=-1)


def _falling(times: ArrayLike) -> Floats:
    array = checked_times(times)
    if array.ndim != 1 or array.size < 2 or (np.diff(array) >= 0).any():
        raise ValueError("times: given ones do not fall; a backward process goes from late to early times")
    return array
