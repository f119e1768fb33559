"""What learning one operation does to another: forgetting, transfer, speed-up and savings.

Accuracies after stages are A[k, i], of operation i after stage k, with axes (..., stages, operations); leading axes are
free. Times are those of `curriculum_times`, inf where never reached.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def forgetting(accuracy: ArrayLike) -> Floats:
    """F_i = max_k A[k, i] - A[K, i], (..., operations), of ``accuracy`` (..., stages, operations).

    0 for an operation that is best at the end. Raises ValueError for fewer than 1 stage.

    >>> forgetting([[1.0, 0.25], [0.25, 0.5]]).tolist()
    [0.75, 0.0]
    """
    A = _staged(accuracy, 1)
    return A.max(axis=-2) - A[..., -1, :]


def backward_transfer(accuracy: ArrayLike) -> Floats:
    """Mean over i < K of A[K, i] - A[i, i], (...,): what later stages do to operations that had theirs before.

    ``accuracy`` (..., K, K), where stage i trains operation i. Negative where they are forgotten. Raises ValueError for
    other shapes and for fewer than 2 stages.
    """
    A = _staged(accuracy, 2)
    own = np.diagonal(_square(A), axis1=-2, axis2=-1)
    return (A[..., -1, :] - own)[..., :-1].mean(axis=-1)


def forward_transfer(accuracy: ArrayLike, chance: ArrayLike) -> Floats:
    """Mean over i > 1 of A[i - 1, i] - ``chance``_i, (...,): what an operation gets before a row of it is trained on.

    ``accuracy`` (..., K, K) as for `backward_transfer`, ``chance`` scalar or (K,).
    """
    A = _staged(accuracy, 2)
    before = np.diagonal(_square(A), offset=1, axis1=-2, axis2=-1)
    level = np.broadcast_to(np.asarray(chance, dtype=np.float64), A.shape[-1:])
    return (before - level[1:]).mean(axis=-1)


def restricted(times: ArrayLike, horizon: float) -> Floats:
    """min(time, ``horizon``), elementwise: a time that is not reached counts with the horizon; NaN stays.

    All runs must have been watched up to the horizon; their mean is then the Kaplan-Meier restricted mean. Raises
    ValueError for a horizon that is not positive.
    """
    if not horizon > 0:
        raise ValueError(f"horizon: {horizon} given; allowed: a positive number of steps")
    given = np.asarray(times, dtype=np.float64)
    return np.where(np.isnan(given), np.nan, np.minimum(given, horizon))


def speed_up(alone: ArrayLike, after: ArrayLike, horizon: float) -> Floats:
    """R = restricted mean of T_gen alone over that after another operation, over the last axis (runs), (...,).

    Both in steps on the operation itself; one that is known before its first step counts with one step. 1 where neither
    is ever reached by ``horizon``, above 1 where the other one helps; NaN where a run is missing.

    >>> speed_up([400.0, 800.0], [200.0, 400.0], 600.0).round(3).tolist()
    1.667
    """
    means = [np.maximum(restricted(times, horizon), 1.0).mean(axis=-1) for times in (alone, after)]
    return means[0] / means[1]


def savings(first: ArrayLike, again: ArrayLike) -> Floats:
    """Share of the steps that is saved when a forgotten operation is learned again, 1 - again/first, elementwise.

    Negative where it takes longer. NaN where learning it for the first time was never seen; -inf where only learning it
    again was not.

    >>> savings([400.0, 400.0], [100.0, 500.0]).tolist()
    [0.75, -0.25]
    """
    before, later = np.asarray(first, dtype=np.float64), np.asarray(again, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        saved = 1.0 - later / before
    return np.where(np.isfinite(before) & (before > 0), saved, np.nan)


def _staged(accuracy: ArrayLike, least: int) -> Floats:
    A = np.asarray(accuracy, dtype=np.float64)
    if A.ndim < 2 or A.shape[-2] < least:
        raise ValueError(
            f"accuracy: shape {A.shape} given; allowed: (..., stages, operations), {least} stages or more"
        )
    return A


def _square(A: Floats) -> Floats:
    if A.shape[-1] != A.shape[-2]:
        raise ValueError(f"accuracy: shape {A.shape} given; allowed: as many stages as operations")
    return A
