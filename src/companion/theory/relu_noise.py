"""Noise of one-pass learning with ReLU units: N_kl = E[Δ² 1(λ_k > 0) 1(λ_l > 0)], exactly.

Δ = Σ_k ReLU(λ_k) - Σ_m ReLU(ρ_m) is the error of the students, with fields λ, ρ of covariance
((Q, R), (Rᵀ, T)). η² N is what finite steps add to dQ/dt at d → ∞ (arXiv:2604.09412).
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, qmc

from companion.theory import relu_noise_kernels as kernels
from companion.theory.relu_overlaps import checked_label_noise, checked_overlaps


def noise_matrix(Q: ArrayLike, R: ArrayLike, T: ArrayLike, label_noise: float = 0.0) -> NDArray[np.float64]:
    """N (K, K), N_kl = E[(Δ - ζ)² 1(λ_k > 0) 1(λ_l > 0)], in closed form up to one smooth integral.

    ``label_noise`` is the variance of ζ, independent of the input: it adds its multiple of
    (π - θ_kl) / 2π. Absolute error about 1e-13 for fields in general position, 1e-8 where four of
    them lie in one space of three dimensions: that is how sharply rounded overlaps define N there.
    Cost: about 2 µs for each set of four fields with two students or more (1, 10, 120 ms at K = M = 6,
    10, 20).

    Raises ValueError for bad overlaps (see ``relu_overlaps.checked_overlaps``) or label noise.

    >>> noise_matrix([[1.0]], [[0.0]], [[1.0]]).round(6)  # 1/2 - 1/π + 1/4
    array([[0.43169]])
    """
    return kernels.exact_noise(*checked_overlaps(Q, R, T), checked_label_noise(label_noise))


def sampled_noise_matrix(
    Q: ArrayLike,
    R: ArrayLike,
    T: ArrayLike,
    label_noise: float = 0.0,
    *,
    points: int = 2**14,
    seed: int = 0,
) -> NDArray[np.float64]:
    """N (K, K) by quasi-Monte-Carlo: ``points`` (a power of two) scrambled Sobol normals and their opposites.

    For larger K, where the sets of ``noise_matrix`` are too many. The points depend on ``seed`` alone:
    a smooth function of the overlaps that is the same every time. The worst entry is off by 1 % at
    K = M = 6 and 4 % at 20, with half the error for four times the points.

    Raises ValueError as ``noise_matrix`` does, and for points that are no power of two.
    """
    Q, R, T = checked_overlaps(Q, R, T)
    return kernels.sampled_noise(
        Q, R, T, checked_label_noise(label_noise), sobol_normals(sum(R.shape), points, seed)
    )


def sobol_normals(fields: int, points: int, seed: int) -> NDArray[np.float64]:
    """Standard normals (points, fields) from a scrambled Sobol sequence."""
    if points < 1 or points & (points - 1):
        raise ValueError(f"points must be a power of two, got {points}")
    uniform = qmc.Sobol(fields, rng=np.random.default_rng(seed)).random_base2(points.bit_length() - 1)
    return np.ascontiguousarray(norm.ppf(np.clip(uniform, 1e-12, 1.0 - 1e-12)))


def noise_slopes(
    Q: ArrayLike, R: ArrayLike, T: ArrayLike, label_noise: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Derivatives of N in Q and R: (K, K, K, K) for N_kl by Q_ab and (K, K, K, M) for N_kl by R_am.

    Q_ab and Q_ba change together. Exact, without finite differences.

    Raises ValueError as ``noise_matrix`` does, and for parallel or opposed fields, where N has no
    derivative in the overlaps.
    """
    Q, R, T = checked_overlaps(Q, R, T)
    students, teachers = R.shape
    fields = students + teachers
    of_students, weights, r, _ = kernels.directions(Q, R, T)
    if len(r) < fields or np.any(np.triu((1.0 - r) * (1.0 + r) < 1e-12, 1)):
        raise ValueError("Q, R, T hold parallel or opposed fields, where N has no derivative")
    sums = np.zeros((students, students))
    by_weight = np.zeros((students, students, fields))
    by_r = np.zeros((fields, fields, students, students))
    kernels.sum_over_sets(of_students, weights, r, True, sums, by_weight, by_r)
    by_r = np.moveaxis(by_r, (2, 3), (0, 1))
    variance = checked_label_noise(label_noise)
    for k in range(students):
        for other in range(k + 1, students):
            by_r[k, other, k, other] += variance / (2.0 * math.pi * math.sqrt(1.0 - r[k, other] ** 2))
    norms = np.sqrt(np.concatenate([np.diagonal(Q), np.diagonal(T)]))
    by_pair = by_r / np.outer(norms, norms)
    # A longer field has a larger weight in Δ and smaller correlations.
    signs = np.concatenate([np.ones(students), -np.ones(teachers)])
    shrink = np.einsum("klpq,pq->klp", by_r, r) + np.einsum("klpq,pq->klq", by_r, r)
    by_norm = (by_weight * signs * norms - shrink) / (2.0 * norms**2)
    slopes = by_pair + np.swapaxes(by_pair, 2, 3)
    slopes[:, :, range(fields), range(fields)] = by_norm
    upper = np.tri(students, dtype=bool).T[:, :, None, None]
    slopes = np.where(upper, slopes, np.swapaxes(slopes, 0, 1))
    return slopes[:, :, :students, :students], slopes[:, :, :students, students:]
