"""Which of a training's evaluations are drawn or compared, by their place among its steps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Places = NDArray[np.intp]


def nearest(steps: ArrayLike, wanted: ArrayLike) -> Places:
    """Places of those of ``steps`` (n,) that lie nearest to ``wanted`` (m,), ascending, each once.

    >>> nearest([0, 10, 20, 30], [11.0, 9.0, 28.0]).tolist()
    [1, 3]
    """
    given, asked = np.asarray(steps, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    return np.unique(np.abs(given[:, None] - asked).argmin(axis=0))


def log_spaced(steps: ArrayLike, first: float, count: int) -> Places:
    """Places of about ``count`` of ``steps`` (n,), evenly spaced in log t from ``first``, at least 1, to the last."""
    last = float(np.asarray(steps)[-1])
    return nearest(steps, np.geomspace(min(max(first, 1.0), last), last, count))


def evenly_spaced(steps: ArrayLike, every: int) -> Places:
    """Places of the multiples of ``every`` among ``steps`` (n,), and of the last one.

    >>> evenly_spaced([0, 1, 5, 10, 12], 5).tolist()
    [0, 2, 3, 4]
    """
    given = np.asarray(steps)
    return np.flatnonzero((given % every == 0) | (given == given[-1]))
