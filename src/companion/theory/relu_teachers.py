"""Teachers that are not orthonormal: rows that overlap, rows of unequal norm."""

import math

import numpy as np
from numpy.typing import NDArray


def teacher_rows(
    teachers: int, dimension: int, *, correlation: float = 0.0, norm_ratio: float = 1.0
) -> NDArray[np.float64]:
    """Teacher V (M, D) with cosines ``correlation`` between all rows and norms that span ``norm_ratio``.

    T = (1 - ρ) 1 + ρ J has unit rows; norms run in equal ratios from the smallest to ``norm_ratio`` times
    it and have mean square one, so that T has the trace M always. The rows are triangular: row m lies in
    the first m axes.

    Raises ValueError for sizes below one, M > D, cosines that make the rows dependent, and a ratio below one.

    >>> V = teacher_rows(3, 5, correlation=0.5)
    >>> (V @ V.T).round(12)
    array([[1. , 0.5, 0.5],
           [0.5, 1. , 0.5],
           [0.5, 0.5, 1. ]])
    >>> np.linalg.norm(teacher_rows(2, 2, norm_ratio=3.0), axis=1).round(6)
    array([0.447214, 1.341641])
    """
    for name, size in (("teachers", teachers), ("dimension", dimension)):
        if size < 1:
            raise ValueError(f"{name}: given {size}; allowed: a whole number >= 1")
    if dimension < teachers:
        raise ValueError(f"dimension: given {dimension} for {teachers} teachers; allowed: at least as many")
    lowest = -1.0 / (teachers - 1) if teachers > 1 else -1.0
    if not lowest < correlation < 1.0:
        raise ValueError(
            f"correlation: given {correlation} for {teachers} teachers; allowed: above {lowest:.3g} and below 1"
        )
    if not 1.0 <= norm_ratio < math.inf:
        raise ValueError(f"norm_ratio: given {norm_ratio}; allowed: finite numbers >= 1")
    rows = np.linalg.cholesky((1.0 - correlation) * np.eye(teachers) + correlation)
    norms = np.geomspace(1.0, norm_ratio, teachers)
    norms /= np.sqrt(np.mean(norms**2))
    return np.pad(norms[:, None] * rows, ((0, 0), (0, dimension - teachers)))
