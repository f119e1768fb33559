"""Memorisation of single rows: how much more often a row is answered by those who were trained on it.

mem(z) = P(right on z | z trained on) - P(right on z | z not trained on), over replicates that each drew their own
training set (the leave-one-out measure of arXiv:1906.05271). Its mean over rows is training minus test accuracy and
says nothing new; that rows differ does. Replicates are few, so rows differ by chance alone: what is left of the
variance over rows once chance is taken off is the finding.

Chance is what would be seen if no row were special: each replicate answers each of its training rows with its own
training accuracy and every other row with its own test accuracy. Replicates that are late are so for all rows; a null
that knew the mean accuracies only would take that for noise of rows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Expected(NamedTuple):
    """What mem(z) would be if no row were special: ``mean`` and ``variance`` (..., rows)."""

    mean: Floats
    variance: Floats


def memorisation(correct: ArrayLike, train: ArrayLike) -> Floats:
    """mem(z) (..., rows) of ``correct`` (..., replicates, rows), 0 or 1, given ``train`` (replicates, rows).

    NaN for a row that no replicate, or every one, was trained on.
    """
    right, member = _checked(correct, train)
    return _mean(right, member) - _mean(right, ~member)


def expected_memorisation(correct: ArrayLike, train: ArrayLike) -> Expected:
    """Mean and variance of mem(z) if each replicate's accuracies held for each of its rows; same shapes.

    With replicates s in S₁(z) trained on z and S₀(z) not, and their accuracies p₁, p₀: the mean is <p₁(s)> over S₁ less
    <p₀(s)> over S₀, the variance Σ p₁(1 - p₁)/n₁² + Σ p₀(1 - p₀)/n₀², binomial where replicates are alike.
    """
    right, member = _checked(correct, train)
    first, second = _own_accuracy(right, member), _own_accuracy(right, ~member)
    mean = _mean(first, member) - _mean(second, ~member)
    variance = _mean(first * (1 - first), member) / member.sum(axis=0)
    variance += _mean(second * (1 - second), ~member) / (~member).sum(axis=0)
    return Expected(mean, variance)


def excess_variance(correct: ArrayLike, train: ArrayLike) -> tuple[Floats, Floats]:
    """Variance over rows of mem(z) less its expected mean, and what chance gives of it: both (...,).

    Their difference is an estimate of how much rows truly differ in mem(z), without bias where replicates are
    independent; it is negative by chance where they do not. Rows whose mem(z) is NaN are left out.
    """
    expected = expected_memorisation(correct, train)
    residual = memorisation(correct, train) - expected.mean
    return np.nanvar(residual, axis=-1, ddof=1), np.nanmean(expected.variance, axis=-1)


def drawn_memorisation(
    correct: ArrayLike, train: ArrayLike, draws: int, generator: np.random.Generator
) -> Floats:
    """mem(z) - its expected mean (draws, ..., rows) if no row were special, drawn ``draws`` times.

    Answers of each replicate are exchanged among its training rows, and among the others: its accuracies stay exactly
    what they are.
    """
    right, member = _checked(correct, train)
    mean = expected_memorisation(correct, train).mean
    target = np.argsort(member, axis=1, kind="stable")
    origin = np.empty_like(target)
    found = np.empty((draws, *mean.shape))
    for draw in range(draws):
        # Test rows come first in both orders, so that rows change places within their own side only.
        source = np.argsort(generator.random(member.shape) + member, axis=1)
        np.put_along_axis(origin, target, source, axis=1)
        exchanged = np.take_along_axis(right, np.broadcast_to(origin, right.shape), axis=-1)
        found[draw] = memorisation(exchanged, member) - mean
    return found


def _checked(correct: ArrayLike, train: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    right, member = np.asarray(correct, dtype=np.float64), np.asarray(train, dtype=bool)
    if member.ndim != 2 or right.shape[-2:] != member.shape:
        raise ValueError(
            f"correct, train: shapes {right.shape}, {member.shape} given; "
            "allowed: (..., replicates, rows), (replicates, rows)"
        )
    return right, member


def _mean(values: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Means over the replicates in ``mask``, (..., rows)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (values * mask).sum(axis=-2) / mask.sum(axis=0)


def _own_accuracy(right: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Each replicate's accuracy over the rows in ``mask``, (..., replicates, 1)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (right * mask).sum(axis=-1, keepdims=True) / mask.sum(axis=-1, keepdims=True)
