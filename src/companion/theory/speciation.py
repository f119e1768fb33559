"""Speciation times: when, going backward in time, a diffusing point commits itself to a class.

With the exact score of a Gaussian mixture (arXiv:2402.18491 for two balanced classes; several classes with
weights derived here). Larger times are earlier in the backward process: a class of small time speciates late.
"""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from companion.compute.seeds import generator as named_generator
from companion.theory.attribution import Attribution, normalised
from companion.theory.class_posterior import GaussianClasses, checked_times

Floats = NDArray[np.float64]
Definition = Literal["absolute", "normalised"]

#: Earlier diffusion times are not asked for: the noise is then 1e-3 of the width of a class of deviation 1.
EARLIEST_TIME = 1e-6


def speciation_times(
    weights: ArrayLike,
    standard_deviations: ArrayLike,
    centroids: ArrayLike,
    definition: Definition = "absolute",
    *,
    generator: np.random.Generator | None = None,
    samples: int = 8192,
    threshold: float = 0.5,
    balanced: bool = True,
    tolerance: float = 1e-6,
) -> Floats:
    """Largest t at which each class's attribution reaches ``threshold``, (K,).

    "absolute" asks it of C_c(t) = E[P(c | x_t) | c] itself, "normalised" of (C_c - π_c)/(1 - π_c). Two classes
    have the same normalised curve (detailed balance), so that differences between classes need the absolute
    definition or K >= 3. ``inf`` where the curve is above the threshold at all times: an absolute time with
    π_c >= threshold, since C_c never falls below π_c. ``0`` where it is never reached: classes that overlap
    even without noise. ``centroids`` (K, d) are of norm √d in the usual scaling.

    The curves come from ``samples`` points per class (a power of two; see `Attribution`), the same at all times,
    drawn by ``generator`` (a fixed one by default); the crossing is bisected to ``tolerance``. ``balanced``
    imposes detailed balance, which frequent classes beside a rare one need. The error from sampling is about
    1e-3 by default.

    Raises ValueError naming the argument.

    >>> speciation_times((0.9, 0.1), (1.0, 1.0), 8.0 * np.eye(2, 64)).round(2).tolist()  # exact: 1.686
    [inf, 1.69]
    """
    if definition not in get_args(Definition):
        raise ValueError(f"definition: {definition!r} given; allowed are {', '.join(get_args(Definition))}")
    if not 0 < threshold < 1:
        raise ValueError(f"threshold: {threshold} given; it lies strictly between 0 and 1")
    if not tolerance > 0:
        raise ValueError(f"tolerance: {tolerance} given; it is positive")
    classes = GaussianClasses(np.asarray(weights), np.asarray(standard_deviations), np.asarray(centroids))
    if classes.size < 2:
        raise ValueError("weights: one class given; speciation needs two at least")
    generator = generator if generator is not None else named_generator(0, "speciation times")
    attribution = Attribution(classes, generator, samples)
    share = classes.weights if definition == "normalised" else 0.0

    def heights(times: Floats) -> Floats:
        curves = attribution.curves(times, balanced=balanced)
        return normalised(curves, share) if definition == "normalised" else curves

    times = crossing_times(heights, latest_time(classes), threshold, tolerance)
    if definition == "absolute":
        times[classes.weights >= threshold] = np.inf
    return times


def latest_time(classes: GaussianClasses) -> float:
    """A time at which the posterior is the prior to about one part in a thousand.

    Distances between centroids shrink as e^-2t, differences of variance act as d e^-4t.
    """
    centroids, variances = classes.centroids, classes.standard_deviations**2
    distance = float(((centroids[:, None] - centroids) ** 2).sum(axis=-1).max())
    spread = float(np.ptp(variances)) * np.sqrt(classes.dimension)
    return 4.0 + 0.5 * np.log1p(distance + spread)


def crossing_times(
    heights: Callable[[Floats], Floats], latest: float, threshold: float, tolerance: float
) -> Floats:
    """Largest time at which each of the falling curves is at ``threshold``, (K,); 0 where none is.

    ``heights(times)`` gives the curves, (T, K), at times (T,). The last crossing on a grid is bisected, all
    curves together.
    """
    grid = np.concatenate([np.geomspace(EARLIEST_TIME, 0.1, 8), np.linspace(0.4, latest, 16)])
    above = heights(grid) >= threshold
    found = above.any(axis=0)
    last = above.shape[0] - 1 - above[::-1].argmax(axis=0)
    lower = grid[np.where(found, last, 0)]
    upper = grid[np.minimum(np.where(found, last, 0) + 1, grid.size - 1)]
    each = np.arange(found.size)
    while (upper - lower).max() > tolerance:
        middle = (lower + upper) / 2
        higher = heights(middle)[each, each] >= threshold
        lower, upper = np.where(higher, middle, lower), np.where(higher, upper, middle)
    return np.where(found, (lower + upper) / 2, 0.0)


def sampled_crossing(times: ArrayLike, heights: ArrayLike, threshold: float = 0.5) -> float:
    """Largest time at which a falling curve, measured with noise at some ``times`` (T,), is at ``threshold``.

    The nearest falling curve (isotonic regression) is interpolated linearly in log t. ``inf`` where it is above the
    threshold at the latest time, 0 where it is below at the earliest.

    >>> round(sampled_crossing([1.0, 2.0, 4.0], [0.9, 0.6, 0.4]), 3)  # geometric mean of 2 and 4
    2.828
    """
    times, heights = checked_times(times), np.asarray(heights, dtype=np.float64)
    if times.ndim != 1 or times.shape != heights.shape:
        raise ValueError(f"heights: shape {heights.shape} given for times of shape {times.shape}")
    if np.isnan(heights).any():
        return float("nan")
    order = np.argsort(times)
    logs, curve = np.log(times[order]), isotonic_regression(heights[order], increasing=False).x
    if curve[-1] >= threshold:
        return float("inf")
    if curve[0] < threshold:
        return 0.0
    below = int(np.argmax(curve < threshold))
    share = (curve[below - 1] - threshold) / (curve[below - 1] - curve[below])
    return float(np.exp(logs[below - 1] + share * (logs[below] - logs[below - 1])))
