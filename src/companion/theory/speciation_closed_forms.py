"""Speciation of Gaussian classes without sampling: two classes exactly, and laws in large dimension.

On points of class c the log-odds of c against c' have mean log(π_c/π_c') + KL_t(c ‖ c'). With equal variances
they are Gaussian with variance D and KL = D/2, D(t) = e^-2t |μ_c - μ_c'|²/Γ²: everything about two classes is one
integral (derived here; arXiv:2402.18491 has the balanced scaling).
"""

from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit

from companion.theory.class_posterior import checked_times

Floats = NDArray[np.float64]

_NODES, _SHARES = np.polynomial.hermite_e.hermegauss(200)
_SHARES = _SHARES / _SHARES.sum()


def log_odds_moments(
    times: ArrayLike,
    standard_deviations: ArrayLike,
    squared_distance: float,
    dimension: int,
) -> tuple[Floats, Floats]:
    """Mean KL_t(c ‖ c') and variance of log p_t(x | c) - log p_t(x | c') on points of c, each (...).

    ``standard_deviations`` are (σ_c, σ_c'), ``squared_distance`` is |μ_c - μ_c'|². KL has a part of the centroids
    and a part (d/2)(r - 1 - log r) of the variances, r = Γ_c²/Γ_c'²; both moments are exact.

    >>> mean, variance = log_odds_moments(1.0, (1.0, 1.0), 128.0, 64)
    >>> bool(np.isclose(variance, 2 * mean))
    True
    """
    times = checked_times(times)
    shrink, noise = np.exp(-2 * times), -np.expm1(-2 * times)
    own, other = (shrink * sigma**2 + noise for sigma in np.asarray(standard_deviations, dtype=np.float64))
    ratio = own / other
    # r - 1 - log r without cancellation near r = 1.
    excess = ratio - 1
    mean = 0.5 * shrink * squared_distance / other + 0.5 * dimension * (excess - np.log1p(excess))
    variance = own * shrink * squared_distance / other**2 + 0.5 * dimension * excess**2
    return mean, variance


def two_class_attribution(separation: ArrayLike, weight: ArrayLike) -> Floats:
    """C(D) of a class of ``weight`` against one other, variances equal; exact by Gauss-Hermite quadrature.

    C = E[1/(1 + exp(-(log(π/(1 - π)) + D/2 + √D g)))], g standard normal. Good to 1e-8 for D <= 25, 1e-5 at 60.

    >>> two_class_attribution([0.0, 2 * np.log(9)], [0.3, 0.1]).round(6).tolist()
    [0.3, 0.5]
    """
    separation = np.asarray(separation, dtype=np.float64)[..., None]
    weight = np.asarray(weight, dtype=np.float64)[..., None]
    log_odds = np.log(weight) - np.log1p(-weight) + separation / 2 + np.sqrt(separation) * _NODES
    return expit(log_odds) @ _SHARES


def half_separation(weight: float, definition: str = "absolute") -> float:
    """D at which a class of ``weight`` against one other is at one half; 0 where it is there at D = 0.

    Absolute: D = 2 log((1 - π)/π), exactly, by the symmetry of the Gaussian log-odds. Normalised: a root of
    `two_class_attribution`, the same for π and 1 - π; balanced D = 3.40338.

    >>> round(half_separation(0.5, "normalised"), 5)
    3.40338
    """
    if not 0 < weight < 1:
        raise ValueError(f"weight: {weight} given; it lies strictly between 0 and 1")
    if definition == "absolute":
        return max(0.0, 2 * float(np.log1p(-weight) - np.log(weight)))
    if definition != "normalised":
        raise ValueError(f"definition: {definition!r} given; allowed are absolute, normalised")
    rare = min(weight, 1 - weight)  # both classes share the curve, and the rare one is well conditioned
    upper = 8.0 + 2 * float(np.log1p(-rare) - np.log(rare))
    return _root(
        lambda separation: float(two_class_attribution(separation, rare)) - (1 + rare) / 2, 1e-9, upper
    )


def means_time(
    squared_distance: ArrayLike,
    weight: float = 0.5,
    definition: str = "normalised",
    standard_deviation: float = 1.0,
) -> Floats:
    """Speciation time of a class of ``weight`` against one other of equal variance; exact, (...).

    From D(t) = D*: t = (1/2) log(|μ_c - μ_c'|²/D* + 1 - σ²), with `half_separation` D*. For norms √d it grows as
    (1/2) log d. A minority's absolute time at σ = 1 is (1/2) log(|μ_c - μ_c'|²/(2 log((1 - π)/π))). ``inf`` where
    D* = 0, and 0 where the classes overlap so much that D* is not reached at t = 0.

    >>> means_time([128.0], 0.1, "absolute").round(3).tolist()
    [1.686]
    """
    needed = half_separation(weight, definition)
    distance = np.asarray(squared_distance, dtype=np.float64)
    if (distance < 0).any() or not standard_deviation >= 0:
        raise ValueError("squared_distance, standard_deviation: a negative one given; they are not negative")
    if needed == 0:
        return np.full(distance.shape, np.inf)
    return 0.5 * np.log(np.maximum(distance / needed + 1 - standard_deviation**2, 1.0))


def variances_time(
    dimension: ArrayLike, standard_deviations: ArrayLike, weight: float = 0.5, definition: str = "normalised"
) -> Floats:
    """Large-d speciation time of two classes with one centroid that differ in variance alone, (...).

    t = (1/4) log(d (σ_c² - σ_c'²)²/(2 D*)): to leading order in e^-2t log-odds are Gaussian with variance
    D = (d/2) e^-4t (σ_c² - σ_c'²)², and mean D/2. 2 % off at d = 64, σ = (1.3, .7), 1 % at 1024.

    >>> variances_time([64, 1024], (1.3, 0.7)).round(3).tolist()
    [0.651, 1.345]
    """
    first, second = np.asarray(standard_deviations, dtype=np.float64)
    needed = half_separation(weight, definition)
    dimension = np.asarray(dimension, dtype=np.float64)
    if needed == 0:
        return np.full(dimension.shape, np.inf)
    return 0.25 * np.log(np.maximum(dimension * (first**2 - second**2) ** 2 / (2 * needed), 1.0))


def mean_log_odds_time(
    weight: float, standard_deviations: ArrayLike, squared_distance: float, dimension: int
) -> float:
    """Time at which the mean log-odds of a class against one other vanish, log(π/(1 - π)) + KL_t = 0.

    The absolute time of a minority of ``weight`` with deviation σ_c (the first of ``standard_deviations``) as far
    as log-odds are symmetric: exact for equal variances. ``inf`` for π >= 1/2; 0 where KL never suffices.
    """
    needed = half_separation(weight, "absolute") / 2
    if needed == 0:
        return np.inf

    def missing(time: float) -> float:
        return float(log_odds_moments(time, standard_deviations, squared_distance, dimension)[0]) - needed

    if missing(1e-9) <= 0:
        return 0.0
    late = 2.0
    while missing(late) > 0:
        late *= 2
    return _root(missing, 1e-9, late)


def _root(function: Callable[[float], float], lower: float, upper: float) -> float:
    return float(cast(float, brentq(function, lower, upper)))
