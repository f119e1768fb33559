"""Spectrum and losses of random-feature diffusion models on Gaussian mixtures, in the limit of large dimension.

U = E[σ σᵀ] is the feature covariance of p = ψ_p d random features at one diffusion time, averaged over
n = ψ_n d training points and over the noise; its eigenvalues set how fast each mode is learned
(setting of arXiv:2605.06367 and arXiv:2505.17638; equations derived here, see `spectral_equations`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.mixtures import Mixture
from companion.theory.score_losses import flow_losses, ridge_losses
from companion.theory.spectral_equations import solve

__all__ = [
    "Mixture",
    "Resolvent",
    "class_spectral_density",
    "flow_losses",
    "resolvent",
    "ridge_losses",
    "spectral_density",
]

Floats = NDArray[np.float64]

# Where class shares of the spectrum are anchored, relative to the smallest eigenvalue asked for.
_NEAR_ZERO = 1e-12


@dataclass(frozen=True)
class Resolvent:
    """Traces of (U - z)^-1 at each z; real where all z are real.

    ``stieltjes`` (Z,) is g(z) = (1/p) Tr (U - z)^-1; ``class_traces`` (Z, K) are
    T_c(z) = (1/p) Tr π_c U_c (U - z)^-1 with U_c the covariance over the points of class c. Together
    Σ_c T_c = 1 + z g.
    """

    z: NDArray[Any]
    stieltjes: NDArray[Any]
    class_traces: NDArray[Any]


def resolvent(
    z: ArrayLike, mixture: Mixture, sample_ratio: float, feature_ratio: float, *, nodes: int = 24
) -> Resolvent:
    """Asymptotic g(z) and T_c(z), without the O(p) outliers that centroids make (derived here).

        g = E_h[R],   T_c = (ψ_n/ψ_p) π_c δ_c/(1+δ_c) + (π_c Δ/ψ_p) P_cc + π_c E_h[s_c² R]

    ``z`` (Z,) is real negative or off the real axis; ``sample_ratio`` ψ_n = n/d and ``feature_ratio``
    ψ_p = p/d; ``nodes`` per direction of the fields.

    Raises ValueError naming the argument, and ConvergenceError with z, residual and advice.

    >>> A = Mixture((1.0,), (1.0,), diffusion_time=0.1)
    >>> resolvent([-1.0, -0.1], A, sample_ratio=4, feature_ratio=8).stieltjes.round(5).tolist()
    [0.89069, 7.17076]
    """
    solution = solve(z, mixture, sample_ratio, feature_ratio, nodes=nodes)
    coefficients, pi = solution.coefficients, mixture.pi
    averaged = solution.response * coefficients.node_weights
    projected = np.einsum("zcc->zc", solution.projected)
    memorised = sample_ratio * solution.delta / (1 + solution.delta)
    traces = (memorised + mixture.noise_variance * projected) / feature_ratio
    traces = pi * (traces + averaged @ coefficients.noise_variance)
    return Resolvent(solution.z, averaged.sum(axis=1), traces)


def spectral_density(
    eigenvalues: ArrayLike,
    mixture: Mixture,
    sample_ratio: float,
    feature_ratio: float,
    broadening: float = 1e-3,
    *,
    nodes: int = 24,
) -> Floats:
    """Density ρ(λ) of the eigenvalues of U, (n,), each broadened to a Lorentzian of relative width η (derived here).

    ρ = Im g(λ(1 + iη))/π at ``eigenvalues`` λ > 0, with η the ``broadening``; it integrates to one as η -> 0.
    Fields of centroids are averaged over ``nodes`` per direction: take more where S(h) shows them one by one.

    Raises ValueError naming the argument, and ConvergenceError with z, residual and advice.

    >>> A = Mixture((1.0,), (1.0,), diffusion_time=0.1)
    >>> spectral_density([0.05, 0.3, 3.0], A, 4, 8).round(4).tolist()
    [5.1383, 0.0011, 0.0241]
    """
    points = _checked_eigenvalues(eigenvalues, broadening)
    traces = resolvent(points * (1 + 1j * broadening), mixture, sample_ratio, feature_ratio, nodes=nodes)
    return np.imag(traces.stieltjes) / np.pi


def class_spectral_density(
    eigenvalues: ArrayLike,
    mixture: Mixture,
    sample_ratio: float,
    feature_ratio: float,
    broadening: float = 1e-3,
    *,
    nodes: int = 24,
) -> Floats:
    """Share of each class in the density, (n, K): ρ_c counts mode k by π_c e_kᵀ U_c e_k/λ_k (derived here).

    ρ_c = Im [(T_c(z) - T_c(0))/z]/π at z = λ(1 + iη), which sums to `spectral_density` over classes at any
    ``broadening`` η and tends to Im T_c/(π λ) as η -> 0. Eigenvalues that are exactly zero belong to no class.

    Raises ValueError naming the argument, and ConvergenceError with z, residual and advice.
    """
    points = _checked_eigenvalues(eigenvalues, broadening)
    z = points * (1 + 1j * broadening)
    arguments = (mixture, sample_ratio, feature_ratio)
    traces = resolvent(z, *arguments, nodes=nodes).class_traces
    at_zero = resolvent([-_NEAR_ZERO * points.min()], *arguments, nodes=nodes).class_traces
    return np.imag((traces - at_zero) / z[:, None]) / np.pi


def _checked_eigenvalues(eigenvalues: ArrayLike, broadening: float) -> Floats:
    points = np.atleast_1d(np.asarray(eigenvalues, dtype=np.float64))
    if points.ndim != 1 or points.size == 0 or not np.isfinite(points).all() or (points <= 0).any():
        raise ValueError("eigenvalues: a sequence of positive and finite numbers is needed")
    if not (np.isfinite(broadening) and broadening > 0):
        raise ValueError(f"broadening: {broadening} given; it is positive and finite")
    return points
