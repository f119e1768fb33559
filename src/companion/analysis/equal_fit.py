"""Runs compared where they fit equally well, instead of after equally many steps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def common_error(errors: ArrayLike) -> Floats:
    """The lowest error that each of several runs reaches, (...,) from ``errors`` (..., runs, checkpoints).

    Checkpoints that were not seen are NaN; a run without any makes it NaN.
    """
    seen = np.asarray(errors, dtype=np.float64)
    lowest = np.where(np.isnan(seen), np.inf, seen).min(axis=-1).max(axis=-1)
    return np.where(np.isinf(lowest), np.nan, lowest)


def value_at(errors: ArrayLike, values: ArrayLike, common: ArrayLike) -> Floats:
    """``values`` (..., checkpoints) where ``errors`` (..., checkpoints) first come down to ``common`` (...,).

    Linear in log error between the two checkpoints around it. Checkpoints where either is NaN are passed over; a run
    that never comes down so far gives NaN. Raises ValueError for errors that are not positive.
    """
    seen, given, target = (np.asarray(each, dtype=np.float64) for each in (errors, values, common))
    if (seen <= 0).any():
        raise ValueError(f"errors: {np.nanmin(seen)} given; allowed: positive numbers")
    seen, given = np.broadcast_arrays(seen, given)
    target = np.broadcast_to(target, seen.shape[:-1])
    known = ~np.isnan(seen) & ~np.isnan(given)
    reached = known & (seen <= target[..., None])
    after = reached.argmax(axis=-1)[..., None]
    places = np.arange(seen.shape[-1])
    # The last known checkpoint before the crossing; where there is none, the crossing's own.
    before = np.where(known & (places < after), places, -1).max(axis=-1)[..., None]
    before = np.where(before < 0, after, before)
    (high, low), (first, second) = (
        [np.take_along_axis(array, place, axis=-1)[..., 0] for place in (before, after)]
        for array in (seen, given)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        way = np.log(high / target) / np.log(high / low)
    way = np.where(before[..., 0] == after[..., 0], 1.0, way)
    return np.where(reached.any(axis=-1), first + way * (second - first), np.nan)


def distance_to(errors: ArrayLike, common: ArrayLike) -> Floats:
    """Relative distance (...,) between ``common`` (...,) and the nearest of ``errors`` (..., checkpoints)."""
    seen, target = np.asarray(errors, dtype=np.float64), np.asarray(common, dtype=np.float64)[..., None]
    distance = np.abs(seen / target - 1)
    nearest = np.where(np.isnan(distance), np.inf, distance).min(axis=-1)
    return np.where(np.isinf(nearest), np.nan, nearest)
