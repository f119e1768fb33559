"""Intervals and tests over replicates; the only place where the project computes them.

A replicate is an independent training set and initialisation. Times that were never reached are ``inf``;
numbers that are missing are NaN and make every result NaN, so that nothing is ever decided without them.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

Interval = tuple[float, float]
Alternative = Literal["two-sided", "less", "greater"]

#: Up to this many differences the sign-flip test visits every pattern of signs.
EXACT_UP_TO = 20


def _check_counts(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"successes: {successes} given, allowed is 0 to the number of trials, {trials}")


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (scipy); NaN where there are no trials.

    Raises ValueError unless 0 <= successes <= trials.

    >>> low, high = wilson_interval(10, 10)
    >>> round(low, 3), high
    (0.722, 1.0)
    """
    _check_counts(successes, trials)
    if trials == 0:
        return np.nan, np.nan
    found = stats.binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def wilson_band(
    successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of `wilson_interval` for arrays of counts that broadcast together.

    >>> [ends.round(3).tolist() for ends in wilson_band([0, 10], 10)]
    [[0.0, 0.722], [0.278, 1.0]]
    """
    hits, runs = np.broadcast_arrays(successes, trials)
    ends = [
        wilson_interval(int(hit), int(run), confidence) for hit, run in zip(hits.flat, runs.flat, strict=True)
    ]
    lower, upper = np.moveaxis(np.reshape(ends, (*hits.shape, 2)), -1, 0)
    return lower, upper


def fisher_exact(
    successes_a: int, trials_a: int, successes_b: int, trials_b: int, alternative: Alternative = "two-sided"
) -> float:
    """P-value of Fisher's exact test that two proportions are equal; 0 against 0 gives 1.

    ``alternative="greater"`` asks whether a's proportion is the greater one. NaN where a sample is empty.
    """
    _check_counts(successes_a, trials_a)
    _check_counts(successes_b, trials_b)
    if min(trials_a, trials_b) == 0:
        return np.nan
    table = [[successes_a, trials_a - successes_a], [successes_b, trials_b - successes_b]]
    found: Any = stats.fisher_exact(table, alternative=alternative)
    return float(found.pvalue)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's step-down adjustment of a family of p-values, in the order given.

    A missing member (NaN) stays NaN and still counts in the size of the family.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=float)
    order = np.argsort(given, kind="stable")  # NaN last
    factors = given.size - np.arange(given.size)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * given[order]), 1.0)
    return adjusted


def _percentile_level(replicates: int, confidence: float) -> float:
    """Share cut from each tail so that a few replicates still cover as promised.

    Percentile intervals are narrow by sqrt((n - 1)/n) and by Gauss against Student; cutting less undoes
    both (Hesterberg 2014, arXiv:1411.5279, section 4.3.2, the expanded percentile interval).
    """
    student = stats.t.ppf((1 - confidence) / 2, replicates - 1)
    return float(stats.norm.cdf(np.sqrt(replicates / (replicates - 1)) * student))


def bootstrap_band(
    values: ArrayLike,
    statistic: Callable[..., Any] = np.mean,
    *,
    generator: np.random.Generator,
    paired: ArrayLike | None = None,
    confidence: float = 0.95,
    resamples: int = 9999,
) -> tuple[np.ndarray, np.ndarray]:
    """Expanded percentile bootstrap of a statistic over replicates, pointwise along a curve.

    ``values`` (..., seeds): whole seeds are redrawn, the same ones at every point. ``statistic(values,
    axis=-1)`` is called on (..., seeds) arrays; with ``paired`` (same shape, same seeds) it is called as
    ``statistic(values, paired, axis=-1)``. Returns lower and upper (...,). One seed says nothing and gives
    (-inf, inf); none, a missing number, or a statistic that is NaN on a redrawing, gives NaN. Tails are order
    statistics, never interpolated, so that infinite values are allowed.
    """
    samples = [np.asarray(values, dtype=float)]
    if paired is not None:
        samples.append(np.asarray(paired, dtype=float))
    shape, seeds = samples[0].shape[:-1], samples[0].shape[-1]
    if samples[-1].shape != samples[0].shape:
        raise ValueError(
            f"paired: shape {samples[-1].shape} given, allowed is that of values, {(*shape, seeds)}"
        )
    if seeds < 2:
        unknown = -np.inf if seeds else np.nan
        lower, upper = np.full(shape, unknown), np.full(shape, -unknown)
    else:
        chosen = generator.integers(seeds, size=(resamples, seeds))
        distribution = np.empty((resamples, *shape))
        for start in range(0, resamples, 1000):  # bounds the memory of long curves
            redrawn = [sample[..., chosen[start : start + 1000]] for sample in samples]
            with np.errstate(divide="ignore", invalid="ignore"):
                distribution[start : start + 1000] = np.moveaxis(statistic(*redrawn, axis=-1), -1, 0)
        distribution.sort(axis=0)  # NaN last
        cut = int(_percentile_level(seeds, confidence) * (resamples + 1))
        cut = min(max(cut - 1, 0), resamples // 2)
        lower, upper = distribution[cut], distribution[resamples - 1 - cut]
        lower = np.where(np.isnan(distribution[-1]), np.nan, lower)
    missing = np.any([np.isnan(sample).any(axis=-1) for sample in samples], axis=0) | np.isnan(lower)
    return np.where(missing, np.nan, lower), np.where(missing, np.nan, upper)


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[..., Any] = np.mean,
    *,
    generator: np.random.Generator,
    paired: ArrayLike | None = None,
    confidence: float = 0.95,
    resamples: int = 9999,
) -> Interval:
    """Bootstrap interval of a statistic of one number per seed; see `bootstrap_band`.

    >>> low, high = bootstrap_interval([1.0, 2.0, 3.0, 4.0], generator=np.random.default_rng(0))
    >>> low < 2.5 < high
    True
    """
    if np.ndim(values) != 1:
        raise ValueError(f"values: shape {np.shape(values)} given, allowed is one number per seed, (seeds,)")
    lower, upper = bootstrap_band(
        values, statistic, generator=generator, paired=paired, confidence=confidence, resamples=resamples
    )
    return float(lower), float(upper)


def _sums_of_all_signs(values: np.ndarray) -> np.ndarray:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate((sums + value, sums - value))
    return sums


def sign_flip_test(
    differences: ArrayLike,
    alternative: Alternative = "two-sided",
    *,
    generator: np.random.Generator | None = None,
    resamples: int = 99_999,
) -> float:
    """P-value that paired differences (seeds,) are symmetric about 0, from the mean under flips of sign.

    Exact over all 2^n patterns up to n = 20; beyond, ``generator`` draws patterns (Davison and Hinkley's
    (b + 1)/(m + 1)). With an infinite difference (one member of a pair censored) signed midranks take the
    place of the values. ``alternative``: "two-sided", "greater" (the mean is above 0) or "less".
    """
    values = np.asarray(differences, dtype=float)
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(f"alternative: {alternative!r} given, allowed are two-sided, greater, less")
    if values.size == 0 or np.isnan(values).any():
        return np.nan
    if np.isinf(values).any():
        values = np.sign(values) * stats.rankdata(np.abs(values))
    observed = values.sum()
    if values.size <= EXACT_UP_TO:
        sums, extra = _sums_of_all_signs(values), 0
    elif generator is None:
        raise ValueError(f"generator: needed beyond {EXACT_UP_TO} differences, {values.size} given")
    else:
        signs = generator.integers(2, size=(resamples, values.size), dtype=np.int8) * 2 - 1
        sums, extra = signs @ values, 1
    if alternative == "two-sided":
        sums, observed = np.abs(sums), abs(observed)
    elif alternative == "less":
        sums, observed = -sums, -observed
    # Patterns whose sums are equal in exact arithmetic must count although they were added in another order.
    slack = 1e-12 * np.abs(values).sum()
    return float((np.count_nonzero(sums >= observed - slack) + extra) / (sums.size + extra))


def log_ratio(times_a: ArrayLike, times_b: ArrayLike) -> np.ndarray:
    """log(tau_b / tau_a) per pair: positive where a comes first.

    One member censored (inf) orders the pair (+-inf), both censored is a tie (0), a missing one gives NaN.
    Raises ValueError for negative times.

    >>> log_ratio([1.0, np.inf, np.inf], [np.inf, 1.0, np.inf]).tolist()
    [inf, -inf, 0.0]
    """
    first, second = np.asarray(times_a, dtype=float), np.asarray(times_b, dtype=float)
    for name, times in (("times_a", first), ("times_b", second)):
        if (times < 0).any():
            raise ValueError(f"{name}: {times.min()} given, allowed are times >= 0 and inf")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(second) - np.log(first)
    return np.where((first == second) & ~np.isnan(first), 0.0, ratios)


def median(values: ArrayLike, axis: int = -1) -> np.ndarray:
    """Median that knows infinite values: between -inf and inf lies 0, between a number and inf lies inf.

    NaN where a value is missing.

    >>> median([[1.0, 1.0, np.inf], [1.0, 1.0, np.nan]]).tolist()
    [1.0, nan]
    """
    given = np.asarray(values, dtype=float)
    ordered = np.sort(given, axis=axis)
    size = ordered.shape[axis]
    low, high = ordered.take((size - 1) // 2, axis=axis), ordered.take(size // 2, axis=axis)
    opposite = np.isinf(low) & np.isinf(high) & (low != high)
    middle = np.where(opposite, 0.0, (np.where(opposite, 0.0, low) + np.where(opposite, 0.0, high)) / 2)
    return np.where(np.isnan(given).any(axis=axis), np.nan, middle)


@dataclass(frozen=True)
class Survival:
    """Kaplan-Meier estimate: a step function that starts at 1 and drops at ``times`` (n,)."""

    times: np.ndarray
    probability: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    end: float
    """Up to here the data speak; the estimate says nothing later."""


def kaplan_meier(
    times: ArrayLike, observed: Sequence[bool] | np.ndarray, confidence: float = 0.95
) -> Survival:
    """Survival curve of right-censored times (scipy), with log-log intervals (NaN where survival is 0 or 1).

    ``times`` (n,) finite: when the event happened, or, where ``observed`` is false, when watching ended.
    Raises ValueError for times that are empty, missing or infinite.
    """
    given, seen = np.asarray(times, dtype=float), np.asarray(observed, dtype=bool)
    if given.size == 0 or not np.isfinite(given).all():
        raise ValueError("times: allowed are finite numbers; a censored one is the last time watched")
    curve = stats.ecdf(stats.CensoredData(uncensored=given[seen], right=given[~seen])).sf
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # scipy warns of the NaNs that the docstring promises
        band = curve.confidence_interval(confidence, method="log-log")
    lower, upper = band.low.probabilities, band.high.probabilities
    return Survival(curve.quantiles, curve.probabilities, lower, upper, float(given.max()))


def restricted_mean(times: ArrayLike, observed: Sequence[bool] | np.ndarray, horizon: float) -> float:
    """Mean of min(time, horizon): the area under the survival curve up to ``horizon``.

    Raises ValueError where watching ended before the horizon while some had still not happened.
    """
    curve = kaplan_meier(times, observed)
    if horizon > curve.end and curve.probability[-1] > 0:
        raise ValueError(f"horizon: {horizon} given, allowed is up to {curve.end}, where watching ended")
    inside = curve.times[curve.times < horizon]
    heights = np.concatenate(([1.0], curve.probability[: inside.size]))
    return float(np.sum(heights * np.diff(np.concatenate(([0.0], inside, [horizon])))))
