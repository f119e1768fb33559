"""Contrasts of two clocks over paired seeds: which comes first, by how much, and how sure that is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from companion.analysis.statistics import (
    Interval,
    bootstrap_interval,
    holm,
    log_ratio,
    median,
    sign_flip_test,
)
from companion.claims.judging import MINIMUM_SEEDS, judge_all, judge_interval, judge_p_value
from companion.claims.protocol import VerdictName

#: More pairs than this share with both members censored, and their contrast is inconclusive.
LARGEST_SHARE_OF_TIES = 0.25


@dataclass(frozen=True)
class Contrast:
    """How much earlier a comes than b, over paired seeds."""

    log_ratios: np.ndarray
    """log(tau_b / tau_a) per pair, (seeds,)."""
    centre: float
    interval: Interval
    p_value: float
    """Of the exact two-sided sign-flip test, before any correction."""
    statistic: str
    """``"mean"`` of the log ratios; ``"median"`` where a member of a pair is censored."""
    ties: float
    """Share of the pairs with both members censored."""

    @property
    def replicates(self) -> int:
        return self.log_ratios.size


def contrast_times(
    times_a: ArrayLike, times_b: ArrayLike, *, generator: np.random.Generator, confidence: float = 0.95
) -> Contrast:
    """Contrast of two times (seeds,), ``inf`` where never reached; positive where a comes first."""
    first, second = np.asarray(times_a, dtype=float), np.asarray(times_b, dtype=float)
    ratios = log_ratio(first, second)
    censored = bool(np.isinf(first).any() or np.isinf(second).any())
    statistic = median if censored else np.mean
    return Contrast(
        log_ratios=ratios,
        centre=float(statistic(ratios)) if ratios.size else math.nan,
        interval=bootstrap_interval(ratios, statistic, generator=generator, confidence=confidence),
        p_value=sign_flip_test(ratios, generator=generator),
        statistic="median" if censored else "mean",
        ties=float(np.mean(np.isinf(first) & np.isinf(second))) if ratios.size else math.nan,
    )


def contrast_means(first: ArrayLike, second: ArrayLike, *, generator: np.random.Generator) -> Contrast:
    """Mean of ``first`` - ``second`` (seeds,) over paired seeds, as of accuracies; all NaN where one is missing.

    ``log_ratios`` are then plain differences, and there are no ties.
    """
    values = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    return Contrast(
        log_ratios=values,
        centre=float(values.mean()) if values.size else math.nan,
        interval=bootstrap_interval(values, generator=generator),
        p_value=sign_flip_test(values, generator=generator),
        statistic="mean",
        ties=0.0,
    )


class Estimate(Protocol):
    """A number over seeds with its interval, such as a contrast or a slope; ``ties`` is the share that says nothing."""

    @property
    def centre(self) -> float: ...
    @property
    def interval(self) -> Interval: ...
    @property
    def ties(self) -> float: ...
    @property
    def replicates(self) -> int: ...


def judge_order(
    found: Estimate,
    *,
    above: float | None = None,
    below: float | None = None,
    strict: bool = True,
    minimum_seeds: int = MINIMUM_SEEDS,
) -> VerdictName:
    """Verdict of one contrast or slope by its interval alone; too few seeds or too many ties are inconclusive."""
    verdict = judge_interval(
        found.centre,
        *found.interval,
        criterion_lower=above,
        criterion_upper=below,
        strict=strict,
        replicates=found.replicates,
        minimum_replicates=minimum_seeds,
    )
    return "inconclusive" if verdict != "not evaluated" and found.ties > LARGEST_SHARE_OF_TIES else verdict


def judge_contrasts(
    contrasts: Mapping[str, Contrast],
    *,
    above: float = 0.0,
    level: float = 0.05,
    minimum_seeds: int = MINIMUM_SEEDS,
) -> dict[str, VerdictName]:
    """Verdict of each contrast of one family: Holm-corrected p below ``level`` and interval above ``above``.

    Too few seeds or too many ties are inconclusive whatever the numbers say.
    """
    adjusted = holm([contrast.p_value for contrast in contrasts.values()])
    verdicts: dict[str, VerdictName] = {}
    for (name, contrast), p_value in zip(contrasts.items(), adjusted, strict=True):
        counts = {"replicates": contrast.replicates, "minimum_replicates": minimum_seeds}
        low, high = contrast.interval
        size = judge_interval(contrast.centre, low, high, criterion_lower=above, strict=True, **counts)
        test = judge_p_value(float(p_value), level, **counts)
        tied = size != "not evaluated" and contrast.ties > LARGEST_SHARE_OF_TIES
        # An interval that lies below the criterion refutes it however large the p-value is.
        verdicts[name] = "inconclusive" if tied else judge_all([size, test])
    return verdicts
