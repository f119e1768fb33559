"""How far gradients of several losses point the same way: their cosines, 1 where a step for one serves the other."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def cosine(first: ArrayLike, second: ArrayLike) -> Floats:
    """Cosine (...,) between vectors (..., n); leading axes broadcast. NaN where one of them is 0.

    Vectors are scaled by their largest entry first, so that small gradients do not underflow.

    >>> cosine([1.0, 0.0], [[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0]]).tolist()
    [1.0, 0.0, -1.0]
    """
    a, b = (np.asarray(given, dtype=np.float64) for given in (first, second))
    if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-1]:
        raise ValueError(f"first, second: shapes {a.shape}, {b.shape} given; allowed: (..., n), (..., n)")
    a, b = _direction(a), _direction(b)
    return np.clip((a * b).sum(axis=-1), -1.0, 1.0)


def _direction(vectors: Floats) -> Floats:
    """Unit vectors, NaN for vectors that are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = vectors / np.abs(vectors).max(axis=-1, keepdims=True, initial=0.0)
        return scaled / np.linalg.norm(scaled, axis=-1, keepdims=True)
