"""Gaussian integrals of g(z) = erf(z/√2), for fields with covariance C (Saad & Solla 1995; arXiv:1906.08632).

With D_a = 1 + C_aa; every function takes a covariance (..., n, n) and the indices of its fields.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def activation_covariance(covariance: ArrayLike, a: int, b: int) -> Floats:
    """I2 = E[g(a) g(b)] = (2/π) arcsin(C_ab / √(D_a D_b)), (...,)."""
    C = np.asarray(covariance, dtype=np.float64)
    angle = C[..., a, b] / np.sqrt((1.0 + C[..., a, a]) * (1.0 + C[..., b, b]))
    return 2.0 / np.pi * np.arcsin(np.clip(angle, -1.0, 1.0))


def gradient_field(covariance: ArrayLike, k: int, n: int, a: int) -> Floats:
    """I3 = E[g'(k) n g(a)] = (2/π) (C_na D_k - C_kn C_ka) / (D_k √(D_k D_a - C_ka²)), (...,)."""
    C = np.asarray(covariance, dtype=np.float64)
    D_k, D_a = 1.0 + C[..., k, k], 1.0 + C[..., a, a]
    root = np.sqrt(D_k * D_a - C[..., k, a] ** 2)
    return 2.0 / np.pi * (C[..., n, a] * D_k - C[..., k, n] * C[..., k, a]) / (D_k * root)


def gradient_covariance(covariance: ArrayLike, i: int, k: int) -> Floats:
    """E[g'(i) g'(k)] = (2/π) / √L with L = D_i D_k - C_ik², (...,)."""
    C = np.asarray(covariance, dtype=np.float64)
    return 2.0 / np.pi / np.sqrt((1.0 + C[..., i, i]) * (1.0 + C[..., k, k]) - C[..., i, k] ** 2)


def gradient_noise(covariance: ArrayLike, i: int, k: int, a: int, b: int) -> Floats:
    """I4 = E[g'(i) g'(k) g(a) g(b)] = (4/π²) L^{-1/2} arcsin(r_ab / √((1 + r_aa)(1 + r_bb))), (...,).

    r is the covariance that is left of a and b once the fields i and k, each with one unit of extra variance, are
    known: a Schur complement, hence always a covariance.
    """
    C = np.asarray(covariance, dtype=np.float64)
    D_i, D_k, C_ik = 1.0 + C[..., i, i], 1.0 + C[..., k, k], C[..., i, k]
    L = D_i * D_k - C_ik**2

    def left(x: int, y: int) -> Floats:
        first = (D_k * C[..., i, x] - C_ik * C[..., k, x]) * C[..., i, y]
        second = (D_i * C[..., k, x] - C_ik * C[..., i, x]) * C[..., k, y]
        return C[..., x, y] - (first + second) / L

    angle = left(a, b) / np.sqrt((1.0 + left(a, a)) * (1.0 + left(b, b)))
    return 4.0 / np.pi**2 / np.sqrt(L) * np.arcsin(np.clip(angle, -1.0, 1.0))
