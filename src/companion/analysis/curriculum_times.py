"""When an operation is memorised and when it is generalised, with runs that never get there.

Times are those of checkpoints, without interpolation: their resolution is the spacing of the grid. A time never
reached is inf (right-censored).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Accuracy from which training rows count as memorised and test rows as generalised.
THRESHOLD = 0.9


def first_checkpoint(steps: ArrayLike, accuracy: ArrayLike, threshold: float = THRESHOLD) -> Floats:
    """First of ``steps`` (n,) at which ``accuracy`` (..., n) is at least ``threshold``, inf where none is; (...,).

    NaN where an accuracy before it is missing: what is not known is not late.

    >>> first_checkpoint([0, 25, 50], [[0.1, 0.95, 0.5], [0.1, 0.2, 0.3]]).tolist()
    [25.0, inf]
    """
    times, values = np.asarray(steps, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    if times.ndim != 1 or values.shape[-1:] != times.shape:
        raise ValueError(
            f"steps, accuracy: shapes {times.shape}, {values.shape} given; allowed: (n,), (..., n)"
        )
    reached = values >= threshold
    place = np.where(reached.any(axis=-1), reached.argmax(axis=-1), times.size)
    unknown = np.isnan(values)
    missing = np.where(unknown.any(axis=-1), unknown.argmax(axis=-1), times.size)
    found = np.append(times, np.inf)[place]
    return np.where(missing < place, np.nan, found)


def area_in_log_time(steps: ArrayLike, accuracy: ArrayLike, first: float = 1.0) -> Floats:
    """Mean of ``accuracy`` (..., n) over log t from step ``first`` to the last, (...,): never censored.

    Trapezia between checkpoints; earlier checkpoints are left out.
    """
    times, values = np.asarray(steps, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    kept = times >= first
    if kept.sum() < 2:
        raise ValueError(f"steps: {kept.sum()} from {first:g} on given; allowed: at least 2")
    moments = np.log(times[kept])
    return np.trapezoid(values[..., kept], moments, axis=-1) / (moments[-1] - moments[0])


def final_accuracy(accuracy: ArrayLike, looks: int = 3) -> Floats:
    """Mean of the last ``looks`` evaluations of ``accuracy`` (..., n), (...,): spikes of the loss weigh less."""
    return np.asarray(accuracy, dtype=np.float64)[..., -looks:].mean(axis=-1)
