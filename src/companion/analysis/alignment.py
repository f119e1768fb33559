"""How many students point away from the teacher unit that they have most to do with."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def anti_aligned(overlaps: ArrayLike) -> NDArray[np.int64]:
    """Number of anti-aligned students, (...), from overlaps R = W Vᵀ (..., K, M).

    A student's own unit is the one that it overlaps with most in modulus; it is anti-aligned where that
    overlap is negative. This is the k1 of arXiv:2604.09412, for any number of students: p at I(p), II(p)
    and X(p) with few flipped units, p + 1 at S(p), where the extra student points away too.

    Raises ValueError for overlaps with fewer than two dimensions or that are not finite.

    >>> int(anti_aligned([[1.0, 0.1], [0.3, -0.6]]))
    1
    """
    R = np.asarray(overlaps, dtype=np.float64)
    if R.ndim < 2 or 0 in R.shape[-2:] or not np.isfinite(R).all():
        raise ValueError(
            f"overlaps: shape {R.shape} given; allowed: finite numbers (..., students, teachers)"
        )
    largest = np.abs(R).argmax(axis=-1)[..., None]
    return np.count_nonzero(np.take_along_axis(R, largest, axis=-1)[..., 0] < 0, axis=-1)
