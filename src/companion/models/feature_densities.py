"""Spectral densities of finite matrices, whole and by class, at the same complex z as the theory.

g(z) = (1/p) Σ_k 1/(λ_k - z) and T_c(z) = (1/p) Σ_k share_kc λ_k/(λ_k - z), with Σ_c T_c = 1 + z g. Read at
z = λ (1 + i η) they are comparable with the asymptotic densities without bins (class traces derived here).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

_BLOCK = 1 << 21


def stieltjes(eigenvalues: ArrayLike, z: ArrayLike, masses: ArrayLike | None = None) -> Complexes:
    """g(z), (Z,), at complex or negative ``z``; ``masses`` (p,) or (p, columns) replace the 1/p of the eigenvalues.

    Raises ValueError if some z is an eigenvalue's place on the real axis or shapes do not fit.

    >>> stieltjes([1.0, 3.0], [-1.0]).real.tolist()
    [0.375]
    """
    values = np.asarray(eigenvalues, dtype=np.float64)
    places = np.atleast_1d(np.asarray(z, dtype=np.complex128))
    if values.ndim != 1 or not values.size or places.ndim != 1:
        raise ValueError(f"eigenvalues, z: shapes {values.shape} and {places.shape} given; they are lists")
    real = places[places.imag == 0].real
    if real.size and (real >= values.min()).any():
        raise ValueError("z: a real value inside the spectrum given; add an imaginary part")
    weights = (
        np.full(values.size, 1.0 / values.size) if masses is None else np.asarray(masses, dtype=np.float64)
    )
    if weights.shape[:1] != values.shape:
        raise ValueError(f"masses: shape {weights.shape} given for {values.size} eigenvalues")
    result = np.empty((places.size, *weights.shape[1:]), dtype=np.complex128)
    length = max(1, _BLOCK // values.size)
    for start in range(0, places.size, length):
        part = slice(start, start + length)
        result[part] = (1.0 / (values - places[part, None])) @ weights
    return result


def class_traces(eigenvalues: ArrayLike, class_shares: ArrayLike, z: ArrayLike) -> Complexes:
    """T_c(z), (Z, K), with ``class_shares`` (p, K) of ``ScoreFlow``; they sum to 1 + z g(z)."""
    values, shares = np.asarray(eigenvalues, dtype=np.float64), np.asarray(class_shares, dtype=np.float64)
    if shares.ndim != 2 or shares.shape[:1] != values.shape:
        raise ValueError(f"class_shares: shape {shares.shape} given for {values.size} eigenvalues")
    return stieltjes(values, z, shares * values[:, None] / values.size)


def empirical_density(eigenvalues: ArrayLike, points: ArrayLike, broadening: float = 1e-3) -> Floats:
    """ρ(λ) = Im g(λ(1 + iη))/π at λ = ``points`` > 0 with η = ``broadening``, (len(points),).

    Raises ValueError for points or a broadening that are not positive.
    """
    return stieltjes(eigenvalues, _complex_places(points, broadening)).imag / np.pi


def empirical_class_density(
    eigenvalues: ArrayLike, class_shares: ArrayLike, points: ArrayLike, broadening: float = 1e-3
) -> Floats:
    """ρ_c(λ) = Im T_c(λ(1 + iη))/πλ, (len(points), K): the part of the density that each class carries."""
    places = _complex_places(points, broadening)
    return class_traces(eigenvalues, class_shares, places).imag / (np.pi * places.real[:, None])


def _complex_places(points: ArrayLike, broadening: float) -> Complexes:
    values = np.atleast_1d(np.asarray(points, dtype=np.float64))
    if values.ndim != 1 or not (values > 0).all():
        raise ValueError(f"points: {points!r} given; they are a list of positive numbers")
    if not broadening > 0:
        raise ValueError(f"broadening: {broadening} given; it is positive")
    return np.asarray(values * (1.0 + 1j * broadening), dtype=np.complex128)
