"""Clocks of learning curves: when a class is learned, when it is memorised, and the units of time.

``times`` (moments,) increase; curves are (..., moments), one for each class, seed or condition, and clocks come
out as (...,). Crossings are interpolated linearly in log time (in time, where an interval begins at 0).

Censoring: a clock that was never reached is ``inf``, and only means "later than the last time"; one that was
reached already at the first time is that first time, and means "not later". Compare clocks with
``statistics.log_ratio``, which knows this. A curve with a missing number (NaN) before its crossing has no
clock: NaN.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def first_passage(times: ArrayLike, values: ArrayLike, threshold: ArrayLike) -> Floats:
    """First time at which ``values`` (..., moments) reach ``threshold`` (scalar or (...,)) from below, (...,).

    Raises ValueError for times that do not increase or do not fit.

    >>> first_passage([1.0, 10.0, 100.0], [[0.0, 1.0, 2.0], [0.0, 1.0, 1.0]], 1.5).round(3).tolist()
    [31.623, inf]
    """
    moments = _checked_times(times)
    curves = np.asarray(values, dtype=np.float64)
    if curves.ndim == 0 or curves.shape[-1] != moments.size:
        raise ValueError(f"values: shape {curves.shape} given; the last axis is that of {moments.size} times")
    level = np.asarray(threshold, dtype=np.float64)[..., None]
    excess = curves - level
    reached = excess >= 0
    after = reached.argmax(axis=-1)
    never = np.logical_not(reached.any(axis=-1))
    before = np.maximum(after - 1, 0)

    def at(index: Any) -> Any:
        return np.take_along_axis(excess, index[..., None], axis=-1)[..., 0]

    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(after == before, 0.0, -at(before) / (at(after) - at(before)))
        start, end = moments[before], moments[after]
        crossing = np.where(start > 0, start ** (1 - share) * end**share, start + share * (end - start))
    missing = np.isnan(excess) & (np.expand_dims(never, -1) | (np.arange(moments.size) < after[..., None]))
    return np.where(missing.any(axis=-1), np.nan, np.where(never, np.inf, crossing))


def gen_passage(
    times: ArrayLike, test: ArrayLike, reducible: ArrayLike, share: ArrayLike = 0.5, *, start: float = 1.0
) -> Floats:
    """First time the gain ``start`` - L^test reaches the ``share`` of the reducible loss, (...,).

    ``reducible`` (...,) is ``start`` less the lowest loss possible, 1 - L*_c for the score models, whose loss
    is 1 before training.
    """
    goal = np.asarray(share, dtype=np.float64) * np.asarray(reducible, dtype=np.float64)
    return first_passage(times, start - np.asarray(test, dtype=np.float64), goal)


def own_passage(times: ArrayLike, test: ArrayLike, share: ArrayLike = 0.5, *, start: float = 1.0) -> Floats:
    """``gen_passage`` with what the class itself ever gains as its reducible loss; inf if it never gains."""
    losses = np.asarray(test, dtype=np.float64)
    best = start - losses.min(axis=-1)
    found = gen_passage(times, losses, best, share, start=start)
    return np.where(best <= 0, np.inf, found)


def early_stop(times: ArrayLike, test: ArrayLike, *, rise: float = 1e-6) -> Floats:
    """Time of the lowest test loss, (...,), by a parabola in log time through the lowest point and its neighbours.

    Inf unless the loss has later risen by more than ``rise`` of its lowest value: a curve that still falls, or
    has levelled off, has not been overfitted yet.
    """
    moments = _checked_times(times)
    losses = np.asarray(test, dtype=np.float64)
    if losses.ndim == 0 or losses.shape[-1] != moments.size:
        raise ValueError(f"test: shape {losses.shape} given; the last axis is that of {moments.size} times")
    lowest = losses.argmin(axis=-1)
    later = np.where(np.arange(moments.size) >= lowest[..., None], losses, -np.inf).max(axis=-1)
    least = losses.min(axis=-1)
    found = moments[lowest]
    inside = (lowest > 0) & (lowest < moments.size - 1)
    if inside.any():
        found = np.where(inside, _vertex(moments, losses, np.clip(lowest, 1, moments.size - 2)), found)
    found = np.where(later > least + rise * np.abs(least), found, np.inf)
    return np.where(np.isnan(losses).any(axis=-1), np.nan, found)


def mem_gap(
    times: ArrayLike, train: ArrayLike, test: ArrayLike, reducible: ArrayLike, margin: ArrayLike = 0.25
) -> Floats:
    """First time L^test - L^train reaches ``margin`` times the reducible loss (...,), (...,)."""
    goal = np.asarray(margin, dtype=np.float64) * np.asarray(reducible, dtype=np.float64)
    return mem_gap_absolute(times, train, test, goal)


def mem_gap_absolute(times: ArrayLike, train: ArrayLike, test: ArrayLike, gap: ArrayLike = 0.05) -> Floats:
    """First time L^test - L^train reaches ``gap``, (...,)."""
    return first_passage(times, np.asarray(test, dtype=np.float64) - np.asarray(train, dtype=np.float64), gap)


def mem_half(times: ArrayLike, train: ArrayLike, test: ArrayLike) -> Floats:
    """First time the training loss is down to half of the test loss, (...,); losses are positive."""
    with np.errstate(divide="ignore"):
        ratio = np.log(np.asarray(test, dtype=np.float64)) - np.log(np.asarray(train, dtype=np.float64))
    return first_passage(times, ratio, np.log(2.0))


def mem_copy(times: ArrayLike, fraction: ArrayLike, share: ArrayLike = 0.1) -> Floats:
    """First time the memorised ``fraction`` (..., moments) of generated samples reaches ``share``, (...,)."""
    return first_passage(times, fraction, share)


def half_plateau(times: ArrayLike, fraction: ArrayLike, plateau: ArrayLike | None = None) -> Floats:
    """First time the memorised ``fraction`` (..., moments) reaches half of its ``plateau`` (...,), (...,).

    Without ``plateau`` it is the largest value of the curve, of which a curve that still rises has not shown all: the
    clock is early then. Inf where nothing is ever memorised.
    """
    curves = np.asarray(fraction, dtype=np.float64)
    top = curves.max(axis=-1) if plateau is None else np.asarray(plateau, dtype=np.float64)
    found = first_passage(times, curves, top / 2)
    return np.where(top > 0, found, np.where(np.isnan(top), np.nan, np.inf))


def frechet_passage(times: ArrayLike, distances: ArrayLike, margin: float = 1.1) -> Floats:
    """First time the Fréchet distance (..., moments) is down to ``margin`` times its smallest, (...,).

    Never inf, because the smallest is reached: a distance that still falls at the last time gives a late clock, not a
    censored one. Raises ValueError for a margin below 1.
    """
    if not margin >= 1:
        raise ValueError(f"margin: {margin} given, allowed is >= 1")
    curves = np.asarray(distances, dtype=np.float64)
    return first_passage(times, -curves, -margin * curves.min(axis=-1))


def filled_start(values: ArrayLike, start: float = 0.0) -> Floats:
    """``values`` (..., moments) with the missing numbers before the first known one set to ``start``.

    For fractions of a class that are blank as long as no sample is of the class: nothing of it is memorised then.
    Later gaps stay, and so does a curve without any number.

    >>> filled_start([np.nan, 0.2, np.nan]).tolist()
    [0.0, 0.2, nan]
    """
    curves = np.asarray(values, dtype=np.float64)
    known = np.logical_or.accumulate(np.isfinite(curves), axis=-1)
    return np.where(~known & known[..., -1:], start, curves)


def published_time(eigen_time: ArrayLike, feature_ratio: float, noise_variance: float) -> Floats:
    """τ = ψ_p T/(2 Δ): the clock of dA/dτ = -d² ∇_A L (arXiv:2505.17638), in which mode k has τ_k = ψ_p/(2 Δ λ_k).

    >>> float(published_time(2.0, 8.0, 0.5))
    16.0
    """
    return np.asarray(eigen_time, dtype=np.float64) * (feature_ratio / (2 * noise_variance))


def eigen_time(published: ArrayLike, feature_ratio: float, noise_variance: float) -> Floats:
    """T = 2 Δ τ/ψ_p, the time in which mode k of the features' second moments relaxes as e^-λ_k T."""
    return np.asarray(published, dtype=np.float64) * (2 * noise_variance / feature_ratio)


def descent_steps(
    eigen_time: ArrayLike,
    learning_rate: float,
    dimension: int,
    noise_variance: float,
    *,
    features: int | None = None,
) -> Floats:
    """Steps of full-batch gradient descent on A that make up an eigen-time, not rounded.

    T = 2 Δ η steps/d for the model A σ(W x/√d), as in the public code of arXiv:2505.17638; with p ``features``
    given, T = 2 Δ η steps/(d p) for the model with the factor 1/√p. Losses are per coordinate. Stable while the
    T of one step stays below 2/λ_max.

    >>> float(descent_steps(1.0, 0.01 * 100 / 0.2, 100, 0.2))  # that code's rate .01 d/Δ: .02 of T each
    50.0
    """
    per_step = 2 * noise_variance * learning_rate / dimension
    return np.asarray(eigen_time, dtype=np.float64) / (per_step if features is None else per_step / features)


def _checked_times(times: ArrayLike) -> Floats:
    moments = np.asarray(times, dtype=np.float64)
    if moments.ndim != 1 or moments.size == 0 or not np.isfinite(moments).all():
        raise ValueError(f"times: shape {moments.shape} given; they are a list of finite numbers")
    if moments[0] < 0 or (np.diff(moments) <= 0).any():
        raise ValueError("times: they start at 0 or later and increase")
    return moments


def _vertex(moments: Floats, losses: Floats, index: Any) -> Floats:
    """Time of the vertex of the parabola through the points around ``index``, in log time where that is finite."""
    scale = np.log(moments) if moments[0] > 0 else np.log(np.maximum(moments, moments[1] * 1e-3))
    x0, x1, x2 = scale[index - 1], scale[index], scale[index + 1]
    y0, y1, y2 = (np.take_along_axis(losses, (index + k)[..., None], axis=-1)[..., 0] for k in (-1, 0, 1))
    left, right = (y0 - y1) * (x2 - x1), (y2 - y1) * (x1 - x0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = (left * (x2 - x1) - right * (x1 - x0)) / (2 * (left + right))
    return np.exp(x1 + np.where(left + right > 0, shift, 0.0))
