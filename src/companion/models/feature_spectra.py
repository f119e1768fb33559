"""Spectral densities of matrices too large to diagonalise, from their products with vectors alone.

``lanczos_quadrature`` gives few nodes and masses that stand for the whole spectrum (stochastic Lanczos
quadrature); ``kernel_polynomial_density`` a Chebyshev series with Jackson damping. Both average over random
probes; outliers may be deflated, so that they do not stretch the interval of the bulk.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator, eigsh

from companion.models.feature_densities import Complexes, stieltjes

Floats = NDArray[np.float64]
#: Product of a symmetric matrix with vectors (p, m).
Product = Callable[[Floats], Floats]


class _Operator(LinearOperator):
    def __init__(self, product: Product, size: int) -> None:
        self._product = product
        super().__init__(np.float64, (size, size))

    def _matmat(self, X: Floats) -> Floats:
        return self._product(X)


class SpectralQuadrature(NamedTuple):
    """``nodes`` and ``masses`` (probes * steps,) with Σ m f(x) = (1/p) Tr f(U) up to the noise of the probes."""

    nodes: Floats
    masses: Floats

    def stieltjes(self, z: ArrayLike) -> Complexes:
        """g(z) = (1/p) Tr 1/(U - z), (Z,)."""
        return stieltjes(self.nodes, z, self.masses)

    def mass_above(self, points: ArrayLike) -> Floats:
        """Share of the eigenvalues above each of ``points``."""
        return (self.nodes > np.asarray(points, dtype=np.float64)[..., None]) @ self.masses


def leading_eigenpairs(product: Product, size: int, count: int) -> tuple[Floats, Floats]:
    """The ``count`` largest eigenvalues, descending, and their vectors (p, count): the outliers to deflate.

    Raises ValueError unless 0 < count < size.
    """
    if not 0 < count < size:
        raise ValueError(f"count: {count} given; it is between 1 and {size - 1}")
    start = 1.0 + np.cos(np.arange(size))  # fixed, so that calls repeat
    values, vectors = eigsh(_Operator(product, size), k=count, which="LA", v0=start)
    return values[::-1], vectors[:, ::-1]


def lanczos_quadrature(
    product: Product,
    size: int,
    steps: int,
    probes: int,
    generator: np.random.Generator,
    deflated: Floats | None = None,
) -> SpectralQuadrature:
    """Quadrature of the spectrum from ``steps`` Lanczos steps on each of ``probes`` random vectors.

    Full reorthogonalisation: O(p steps²) beside the products, all probes at once. ``deflated`` (p, r) are
    orthonormal eigenvectors left out, with their mass r/p.

    Raises ValueError for sizes that do not fit.
    """
    _check_sizes(size, deflated, steps=steps, probes=probes)
    steps = min(steps, size - (0 if deflated is None else deflated.shape[1]))
    start = _probes(size, probes, generator, deflated)
    norms = np.linalg.norm(start, axis=0)
    basis = np.empty((steps, size, probes))
    diagonal, beside = np.zeros((steps, probes)), np.zeros((steps, probes))
    basis[0] = start / norms
    for step in range(steps):
        following = _projected(product(basis[step]), deflated)
        diagonal[step] = np.einsum("ip,ip->p", basis[step], following)
        for _ in range(2):  # once is not enough in floating point
            overlaps = np.einsum("sip,ip->sp", basis[: step + 1], following)
            following -= np.einsum("sip,sp->ip", basis[: step + 1], overlaps)
        beside[step] = np.linalg.norm(following, axis=0)
        if step + 1 < steps:
            # An exhausted space goes on with zeros: its block then has no mass.
            alive = beside[step] > 1e-13 * np.abs(diagonal[: step + 1]).max(axis=0)
            beside[step] *= alive
            basis[step + 1] = np.where(alive, following, 0.0) / np.where(alive, beside[step], 1.0)
    nodes, masses = np.empty((probes, steps)), np.empty((probes, steps))
    for probe in range(probes):
        nodes[probe], vectors = eigh_tridiagonal(diagonal[:, probe], beside[:-1, probe])
        masses[probe] = vectors[0] ** 2 * norms[probe] ** 2 / (size * probes)
    return SpectralQuadrature(nodes.ravel(), masses.ravel())


def chebyshev_moments(
    product: Product,
    interval: tuple[float, float],
    moments: int,
    probes: Floats,
    observable: Product | None = None,
    deflated: Floats | None = None,
) -> Floats:
    """μ_n = mean over the ``probes`` (p, m) of xᵀ O T_n(Ũ) x/p for n < moments, Ũ being U scaled to [-1, 1].

    O is the identity, or ``observable`` (class matrices give class-resolved densities). Without it every
    product serves two moments, by T_2n = 2 T_n² - 1 and T_2n+1 = 2 T_n T_n+1 - T_1.

    Raises ValueError if U has eigenvalues outside the interval (the recursion then diverges).
    """
    low, high = interval
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    if not half > 0:
        raise ValueError(f"interval: {interval} given; its ends are ascending")

    def scaled(vectors: Floats) -> Floats:
        return (_projected(product(vectors), deflated) - centre * vectors) / half

    probes = _projected(probes, deflated)
    left = probes if observable is None else _projected(observable(probes), deflated)
    result = np.zeros(moments + 1)
    before, now = probes, scaled(probes)
    largest = 4 * np.abs(probes).max() * len(probes) ** 0.5
    for n in range(moments if observable is not None else moments // 2 + 1):
        if not np.abs(now).max() <= largest:
            raise ValueError(f"interval: {interval} given; it does not contain the spectrum")
        if observable is not None or n == 0:
            result[n : n + 2] = np.vdot(left, before), np.vdot(left, now)
        else:
            pair = 2 * np.vdot(before, before) - result[0], 2 * np.vdot(before, now) - result[1]
            result[2 * n : 2 * n + 2] = pair[: max(0, moments + 1 - 2 * n)]
        before, now = now, 2 * scaled(now) - before
    return result[:moments] / probes.size


def kernel_polynomial_density(
    product: Product,
    size: int,
    points: ArrayLike,
    interval: tuple[float, float],
    moments: int,
    probes: int,
    generator: np.random.Generator,
    observable: Product | None = None,
    deflated: Floats | None = None,
) -> Floats:
    """Density at ``points``, (len(points),), from a Chebyshev series with Jackson damping (arXiv:cond-mat/0504627).

    Resolution: π (high - low)/(2 moments) in the middle of ``interval``; the noise falls like (probes p)^-1/2.
    With ``observable`` O it is that of Tr O δ(λ - U)/p. ``deflated`` (p, r) are orthonormal eigenvectors left out.

    Raises ValueError for sizes or intervals that do not fit.
    """
    _check_sizes(size, deflated, moments=moments, probes=probes)
    start = _probes(size, probes, generator, deflated)
    series = chebyshev_moments(product, interval, moments, start, observable, deflated)
    return damped_series(series, points, interval)


def damped_series(moments: ArrayLike, points: ArrayLike, interval: tuple[float, float]) -> Floats:
    """Σ_n g_n μ_n T_n(x) (2 - δ_n0)/π√(1 - x²) on the interval, with Jackson's g_n; zero outside."""
    series = np.asarray(moments, dtype=np.float64)
    low, high = interval
    x = (2 * np.atleast_1d(np.asarray(points, dtype=np.float64)) - low - high) / (high - low)
    inside = np.abs(x) < 1
    angles = np.arccos(np.where(inside, x, 0.0))
    n, step = np.arange(series.size), np.pi / (series.size + 1)
    jackson = (series.size - n + 1) * np.cos(n * step) + np.sin(n * step) / np.tan(step)
    factors = series * jackson / (series.size + 1)
    factors[1:] *= 2
    sums = np.cos(angles[:, None] * n) @ factors
    return np.where(inside, sums / (np.pi * np.sin(angles)) * 2 / (high - low), 0.0)


def _probes(size: int, probes: int, generator: np.random.Generator, deflated: Floats | None) -> Floats:
    """Uniform directions of norm √p: the noise of the total mass is gone."""
    vectors = generator.standard_normal((size, probes))
    vectors *= size**0.5 / np.linalg.norm(vectors, axis=0)
    return _projected(vectors, deflated)


def _projected(vectors: Floats, deflated: Floats | None) -> Floats:
    return vectors if deflated is None else vectors - deflated @ (deflated.T @ vectors)


def _check_sizes(size: int, deflated: Floats | None, **counts: int) -> None:
    for name, value in {"size": size, **counts}.items():
        if value < 1:
            raise ValueError(f"{name}: {value} given; it is at least 1")
    if deflated is not None and (deflated.ndim != 2 or len(deflated) != size):
        raise ValueError(f"deflated: shape {deflated.shape} given; it is ({size}, vectors)")
