"""Exact score of a finite training set: what a network that fits its denoising loss perfectly would learn.

The noised empirical law is p_t(x) = (1/n) Σ_ν N(x; e^-t x^ν, Δ 1_d), Δ = 1 - e^-2t. With the weights
w_ν(x) = P(ν | x) its score is (e^-t Σ_ν w_ν x^ν - x)/Δ (arXiv:2402.18491). Diffusing backward with it returns training
points; `condensation` says from which time on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.class_posterior import checked_times

Floats = NDArray[np.float64]

# Number of weights held at once: few enough to stay in the cache, many enough for the matrix products.
_BLOCK = 1 << 17


def empirical_score(queries: ArrayLike, points: ArrayLike, times: ArrayLike) -> Floats:
    """Score of the noised training set, (T, queries, d).

    ``queries`` (T, queries, d) or, the same at all times, (queries, d); ``points`` (n, d); ``times`` (T,). Softmax in
    log space over blocks of training points, so that memory does not grow with n. A scalar time drops the axis T.

    Raises ValueError naming the argument.

    >>> empirical_score([[0.5, 0.0]], [[0.0, 0.0]], np.log(2) / 2).tolist()  # -x/Δ, Δ = 1/2
    [[-1.0, 0.0]]
    """
    queries, points, times, scalar = _arguments(queries, points, times)
    found = np.empty((times.size, queries.shape[-2], points.shape[1]))
    for place, time in enumerate(times):
        x = queries[place] if queries.ndim == 3 else queries
        noise = -np.expm1(-2 * time)
        found[place] = (np.exp(-time) * _denoised(x, points, time) - x) / noise
    return found[0] if scalar else found


def point_weights(queries: ArrayLike, points: ArrayLike, times: ArrayLike) -> Floats:
    """Weights w_ν(x) = P(ν | x_t = x) of all training points, (T, queries, n), rows summing to one.

    Arguments as in `empirical_score`; this one holds all of them in memory.

    >>> point_weights([[0.0]], [[1.0], [-1.0]], 0.3).tolist()
    [[0.5, 0.5]]
    """
    queries, points, times, scalar = _arguments(queries, points, times)
    found = np.empty((times.size, queries.shape[-2], len(points)))
    lengths = (points**2).sum(axis=1)
    for place, time in enumerate(times):
        x = queries[place] if queries.ndim == 3 else queries
        logits = _logits(x @ points.T, lengths, time)
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=found[place])
        found[place] /= found[place].sum(axis=1, keepdims=True)
    return found[0] if scalar else found


def score_of(points: ArrayLike) -> Callable[[Floats, float], Floats]:
    """The empirical score of ``points`` as a function of (x, t), for `backward_diffusion`; x is (..., d)."""
    training = np.array(points, dtype=np.float64)

    def score(x: Floats, time: float) -> Floats:
        return empirical_score(x.reshape(-1, x.shape[-1]), training, time).reshape(x.shape)

    return score


@dataclass(frozen=True)
class Copying:
    """How the weights of noised training points are spread, each (T, queries)."""

    own: Floats
    """Weight of the point that the query was made from: its mean over noise is the probability of a return."""
    largest: Floats
    """Largest weight."""
    participation: Floats
    """Σ_ν w_ν²: one over the number of points that share the weight."""
    entropy: Floats
    """-Σ_ν w_ν log w_ν in nats: what x_t leaves unknown about the point it came from."""
    class_weight: Floats
    """Weight of all points of the query's own class."""


def copying(
    points: ArrayLike,
    labels: ArrayLike,
    origins: ArrayLike,
    normals: ArrayLike,
    times: ArrayLike,
) -> Copying:
    """Weights at x_t = e^-t x^ν + √Δ ξ for ν in ``origins`` (queries,) and ξ = ``normals`` (queries, d).

    This is the law of the backward process with the exact empirical score. The same noise serves all ``times``
    (T,), and products with ``points`` (n, d) are taken once. ``labels`` (n,) are the classes of the points.
    """
    points, times = np.asarray(points, dtype=np.float64), np.atleast_1d(checked_times(times))
    labels, origins = np.asarray(labels), np.asarray(origins)
    normals = np.asarray(normals, dtype=np.float64)
    if labels.shape != (len(points),):
        raise ValueError(f"labels: shape {labels.shape} given for {len(points)} points")
    if normals.shape != (origins.size, points.shape[1]):
        raise ValueError(f"normals: shape {normals.shape} given; {(origins.size, points.shape[1])} is due")
    lengths = (points**2).sum(axis=1)
    found = np.empty((5, times.size, origins.size))
    step = max(1, _BLOCK // len(points))
    for start in range(0, origins.size, step):
        chosen = slice(start, start + step)
        own = origins[chosen]
        clean, dirt = points[own] @ points.T, normals[chosen] @ points.T
        mates = (labels == labels[own, None]).astype(np.float64)
        for place, time in enumerate(times):
            noise = -np.expm1(-2 * time)
            logits = _logits(np.exp(-time) * clean + np.sqrt(noise) * dirt, lengths, time)
            logits -= logits.max(axis=1, keepdims=True)
            weights = np.exp(logits)
            total = weights.sum(axis=1)
            found[0, place, chosen] = weights[np.arange(own.size), own] / total
            found[1, place, chosen] = 1 / total
            found[2, place, chosen] = np.einsum("qn,qn->q", weights, weights) / total**2
            found[3, place, chosen] = np.log(total) - np.einsum("qn,qn->q", weights, logits) / total
            found[4, place, chosen] = np.einsum("qn,qn->q", weights, mates) / total
    return Copying(*found)


def _logits(products: Floats, lengths: Floats, time: float) -> Floats:
    """-|x - e^-t x^ν|²/2Δ up to |x|²/2Δ, (queries, n), from the ``products`` x·x^ν."""
    shrink, noise = np.exp(-time), -np.expm1(-2 * time)
    return (shrink / noise) * products - (0.5 * shrink**2 / noise) * lengths


def _denoised(queries: Floats, points: Floats, time: float) -> Floats:
    """Σ_ν w_ν(x) x^ν, (queries, d), with a running maximum over blocks of points."""
    step = max(1, _BLOCK // max(len(queries), 1))
    highest = np.full(len(queries), -np.inf)
    total, mean = np.zeros(len(queries)), np.zeros(queries.shape)
    for start in range(0, len(points), step):
        block = points[start : start + step]
        logits = _logits(queries @ block.T, (block**2).sum(axis=1), time)
        before, highest = highest, np.maximum(highest, logits.max(axis=1))
        weights = np.exp(logits - highest[:, None])
        faded = np.exp(before - highest)
        total = faded * total + weights.sum(axis=1)
        mean = faded[:, None] * mean + weights @ block
    return mean / total[:, None]


def _arguments(
    queries: ArrayLike, points: ArrayLike, times: ArrayLike
) -> tuple[Floats, Floats, Floats, bool]:
    times = checked_times(times)
    scalar, times = times.ndim == 0, np.atleast_1d(times)
    points, queries = np.asarray(points, dtype=np.float64), np.asarray(queries, dtype=np.float64)
    if points.ndim != 2 or not points.size:
        raise ValueError(f"points: shape {points.shape} given; training points are rows, (n, d)")
    if queries.ndim not in (2, 3) or queries.shape[-1] != points.shape[1]:
        raise ValueError(f"queries: shape {queries.shape} given for points of {points.shape[1]} coordinates")
    if queries.ndim == 3 and len(queries) != times.size:
        raise ValueError(f"queries: {len(queries)} sets given for {times.size} times")
    return queries, points, times, scalar
