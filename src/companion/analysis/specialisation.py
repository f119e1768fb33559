"""Who does the work in a network of several units, and what a second task costs the first (arXiv:2503.02526).

Units are the last axis unless something else is said; leading axes are free.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: How forgetting depends on the similarity of the tasks: the values of `forgetting_shape` index these.
SHAPES: Final = ("hump", "monotonic", "other")


def contributions(readout: ArrayLike, overlaps: ArrayLike) -> Floats:
    """c_k = |h_k| √Q_kk (..., K) of erf units, from the readout (..., K) and Q (..., K, K)."""
    Q = np.diagonal(np.asarray(overlaps, dtype=np.float64), axis1=-2, axis2=-1)
    return np.abs(readout) * np.sqrt(Q)


def usage_specialisation(contribution: ArrayLike) -> Floats:
    """S_use = 1 - H(p) / log K with p_k = c_k / Σ c: 1 where one unit does the task, 0 where all share it, (...,).

    NaN where no unit contributes, or there is only one. Raises ValueError for a negative contribution.

    >>> usage_specialisation([[1.0, 0.0], [0.5, 0.5]])
    array([1., 0.])
    """
    return 1.0 - _even(_shares(contribution, "contribution"))


def readout_entropy(readout: ArrayLike) -> Floats:
    """H_read = H(|h| / Σ |h|) / log K, (...,): 0 where one readout starts alone, 1 where all start alike."""
    return _even(_shares(np.abs(readout), "readout"))


def selectivity(readout: ArrayLike, overlaps: ArrayLike, teacher_overlaps: ArrayLike) -> Floats:
    """S_sel, (...,): 1 where every used unit looks at one unit of the teacher, 0 where all look at all alike.

    Σ_k p_k (1 - H(p_k·) / log M) with p_km = ρ_km / Σ_m ρ_km, ρ_km = |R_km| / √Q_kk and p_k the shares of
    `contributions`; from the readout (..., K), Q (..., K, K) and R (..., K, M). A unit without overlap selects nothing;
    NaN for M = 1.
    """
    share = _shares(contributions(readout, overlaps), "contribution")
    R = np.abs(np.asarray(teacher_overlaps, dtype=np.float64))  # the norm √Q_kk cancels in p_km
    total = R.sum(axis=-1, keepdims=True)
    aligned = np.where(total > 0, R / np.where(total > 0, total, 1.0), 1.0 / R.shape[-1])
    return (share * (1.0 - _even(aligned))).sum(axis=-1)


def forgetting(first_error: ArrayLike) -> Floats:
    """F(a) = ε_1(switch + a) - ε_1(switch), (..., times), from ε_1 at the switch and after."""
    error = np.asarray(first_error, dtype=np.float64)
    return error - error[..., :1]


def transfer(second_error: ArrayLike) -> Floats:
    """G(a) = ε_2(switch) - ε_2(switch + a), (..., times), from ε_2 at the switch and after."""
    error = np.asarray(second_error, dtype=np.float64)
    return error[..., :1] - error


def continual_cost(final_forgetting: ArrayLike, final_second_error: ArrayLike, axis: int = -1) -> Floats:
    """Mean over the similarities (``axis``) of F(T2) + ε_2(T2): what both tasks cost in the end."""
    return (np.asarray(final_forgetting) + np.asarray(final_second_error)).mean(axis=axis)


def forgetting_shape(
    similarity: ArrayLike, final_forgetting: ArrayLike, *, tolerance: float = 0.02, least: float = 0.01
) -> NDArray[np.int64]:
    """Shape of F(V), (...,) as an index into `SHAPES`, from ``similarity`` (V,), rising, and F (..., V).

    "hump": one peak inside, at least ``tolerance`` of it above both ends, rising before and falling after it;
    "monotonic": falling throughout. Departures from the direction are forgiven up to ``tolerance`` of the peak in all.
    "other" is all else, and forgetting that stays below ``least`` everywhere. Raises ValueError for similarities that
    do not rise or do not fit, and for fewer than three.
    """
    V, F = np.asarray(similarity, dtype=np.float64), np.asarray(final_forgetting, dtype=np.float64)
    if V.ndim != 1 or V.size < 3 or (np.diff(V) <= 0).any() or F.shape[-1:] != V.shape:
        raise ValueError(
            f"similarity, final_forgetting: shapes {V.shape}, {F.shape} given; allowed: rising (V,), (..., V)"
        )
    peak, place = F.max(axis=-1), F.argmax(axis=-1)
    slack = (tolerance * peak)[..., None]
    # Against running extremes: slack for each step would add up, the more the finer the grid.
    at = np.arange(V.size) - place[..., None]
    highest = np.maximum.accumulate(F, axis=-1)
    lowest = np.minimum.accumulate(np.where(at < 0, np.inf, F), axis=-1)
    ordered = (np.where(at < 0, highest - F, F - lowest) <= slack).all(axis=-1)
    inside = (place > 0) & (place < V.size - 1)
    above = peak * (1.0 - tolerance) > np.maximum(F[..., 0], F[..., -1])
    rebound = F - np.minimum.accumulate(F, axis=-1)
    falling = (rebound <= slack).all(axis=-1) & (F[..., 0] >= peak * (1.0 - tolerance))
    real = peak >= least
    found = np.full(peak.shape, SHAPES.index("other"))
    found[real & falling] = SHAPES.index("monotonic")
    found[real & ordered & inside & above] = SHAPES.index("hump")
    return found


def _shares(amounts: ArrayLike, name: str) -> Floats:
    found = np.asarray(amounts, dtype=np.float64)
    if (found < 0).any():
        raise ValueError(f"{name}: {found[found < 0].flat[0]} given; allowed: numbers >= 0")
    total = found.sum(axis=-1, keepdims=True)
    return np.divide(found, total, out=np.full(found.shape, np.nan), where=total > 0)


def _even(shares: Floats) -> Floats:
    """Entropy of shares (..., n) over log n; NaN for n = 1."""
    if shares.shape[-1] == 1:
        return np.full(shares.shape[:-1], np.nan)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    # An even distribution can come out one rounding above 1.
    return np.minimum(-(shares * logs).sum(axis=-1) / np.log(shares.shape[-1]), 1.0)
