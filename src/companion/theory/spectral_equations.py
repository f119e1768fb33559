"""Self-consistent equations for the spectrum of the feature covariance of a Gaussian mixture.

For the noise-averaged covariance U of p = ψ_p d features on n = ψ_n d points, (U - z)^-1 is described
by K scalars δ_c and a symmetric K x K matrix Q for each z (equations derived here; the setting is that
of arXiv:2605.06367, and K = 1 without centroids is arXiv:2505.17638).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.feature_coefficients import FeatureCoefficients, FieldRule, feature_coefficients
from companion.theory.mixtures import Mixture
from companion.theory.spectral_equations_kernels import ACCEPTED, BLOCK, solve_block, solve_blocks

Floats = NDArray[np.float64]


class ConvergenceError(ArithmeticError):
    """The equations were not solved at some z: the message tells where, how far off, and what to try."""


@dataclass(frozen=True)
class SpectralSolution:
    """Solution at each of Z points; real arrays where all z are real.

    ``z`` (Z,); ``delta`` (Z, K) is δ_c; ``overlap`` (Z, K, K) is Q; ``projected`` (Z, K, K) is
    P = (Q^-1 + κ)^-1, averaged over directions if the classes are anisotropic; ``response`` (Z, N) is
    R(h) on the field nodes of ``coefficients``; ``residual`` (Z,) is the largest relative change by a
    further step of the fixed-point map.
    """

    z: NDArray[Any]
    delta: NDArray[Any]
    overlap: NDArray[Any]
    projected: NDArray[Any]
    response: NDArray[Any]
    residual: Floats
    coefficients: FeatureCoefficients


def solve(
    z: ArrayLike,
    mixture: Mixture,
    sample_ratio: float,
    feature_ratio: float,
    *,
    class_weights: ArrayLike | None = None,
    population_weights: ArrayLike | None = None,
    nodes: int = 24,
    rule: FieldRule = "stretched",
) -> SpectralSolution:
    """Solve for δ, Q and R(h) at each z, real negative or off the real axis (equations derived here).

    ``sample_ratio`` ψ_n = n/d, ``feature_ratio`` ψ_p = p/d; ``class_weights`` (K,) are the weights w_c of
    the classes' training losses, the shares π_c by default, while examples are counted by π_c;
    ``population_weights`` (K,) are the weights ε_c of their population losses, zero by default; ``nodes``
    and ``rule`` place the fields' nodes as in `feature_coefficients`. With
    τ_c the variances of e^-t times a point (averages over directions if the classes are anisotropic):

        κ_c  = w_c (τ_c/(1+δ_c) + Δ) + ε_c (τ_c + Δ)
        1/R  = Σ_c [w_c s_c² + ε_c (s_c² + v_c²)] - z + Σ_c w_c v_c²/(1+δ_c) + aᵀ (κ^-1 + Q)^-1 a
        Q    = ψ_p E_h[a aᵀ R],   P = (Q^-1 + κ)^-1
        δ_c  = w_c/(π_c ψ_n) {ψ_p E_h[v_c² R] + τ_c P_cc}

    Raises ValueError naming the argument, and ConvergenceError with z, residual and advice.

    >>> A = Mixture((1.0,), (1.0,))
    >>> round(float(solve([-0.1], A, 4, 8).response[0, 0]), 5)
    7.17076
    """
    points = _checked_points(z)
    check_ratios(sample_ratio, feature_ratio)
    coefficients = feature_coefficients(mixture, nodes, rule)
    weights = _checked_weights(class_weights, mixture.pi, "class_weights")
    population = _checked_weights(population_weights, np.zeros(mixture.classes), "population_weights")
    if (weights < 0).any() or not (weights > 0).any():
        raise ValueError(f"class_weights: {weights.tolist()} given; not negative, and one is positive")
    basis = _gain_basis(coefficients.gain)
    problem = _problem(mixture, coefficients, basis, weights, population, sample_ratio, feature_ratio)
    x, response, projected, errors = _solve_sorted(points, problem, mixture.classes)
    if not (errors <= ACCEPTED).all():
        raise ConvergenceError(_complaint(points, errors, coefficients.node_weights.size))
    delta = x[:, : mixture.classes]
    arrays = (points, delta, _overlap(x[:, mixture.classes :], basis), projected, response)
    if not points.imag.any():
        arrays = tuple(array.real.copy() for array in arrays)
    return SpectralSolution(*arrays, residual=errors, coefficients=coefficients)


def check_ratios(sample_ratio: float, feature_ratio: float) -> None:
    """Refuse ratios that are not positive and finite with a ValueError that names the argument."""
    for name, ratio in (("sample_ratio", sample_ratio), ("feature_ratio", feature_ratio)):
        if not (np.isfinite(ratio) and ratio > 0):
            raise ValueError(f"{name}: {ratio} given; it is positive and finite")


def _checked_points(z: ArrayLike) -> NDArray[np.complex128]:
    points = np.atleast_1d(np.asarray(z, dtype=np.complex128))
    if points.ndim != 1 or points.size == 0:
        raise ValueError(f"z: shape {points.shape} given; it is a sequence of points")
    if not np.isfinite(points).all():
        raise ValueError("z: some points are not finite")
    wrong = points[(points.imag == 0) & (points.real >= 0)]
    if wrong.size:
        raise ValueError(
            f"z: {wrong[0].real:g} given; eigenvalues lie there: take z < 0 or z off the real axis, as λ(1 + iη)"
        )
    return points


def _checked_weights(values: ArrayLike | None, default: Floats, name: str) -> Floats:
    if values is None:
        return default
    array = np.array(values, dtype=np.float64)
    if array.shape != default.shape or not np.isfinite(array).all():
        raise ValueError(
            f"{name}: {array.tolist()} given; one finite number for each of {default.size} classes"
        )
    return array


def _gain_basis(gain: Floats) -> Floats:
    """Orthonormal columns E (K, r) that span the gains a(h): one column if all profiles are alike, as at M = 0.

    Without it 1 + κ Q would be the near-singular sum of 1 and a large Q of low rank.
    """
    _, sizes, rows = np.linalg.svd(gain, full_matrices=False)
    rank = max(1, int((sizes > 1e-12 * sizes[0]).sum()))
    return np.eye(gain.shape[1]) if rank == gain.shape[1] else np.ascontiguousarray(rows[:rank].T)


def _overlap(entries: NDArray[np.complex128], basis: Floats) -> NDArray[np.complex128]:
    """Q (Z, K, K) from the upper triangle of q."""
    rank = basis.shape[1]
    rows, columns = np.triu_indices(rank)
    q = np.empty((len(entries), rank, rank), np.complex128)
    q[:, rows, columns] = q[:, columns, rows] = entries
    return basis @ q @ basis.T


def _problem(
    mixture: Mixture,
    coefficients: FeatureCoefficients,
    basis: Floats,
    weights: Floats,
    population: Floats,
    sample_ratio: float,
    feature_ratio: float,
) -> tuple:
    """What the kernels take: features f = (v_c², b_i b_j) on the nodes, S(h), E, and the constants."""
    rows, columns = np.triu_indices(basis.shape[1])
    gain = coefficients.gain @ basis
    features = np.hstack([coefficients.sample_variance, gain[:, rows] * gain[:, columns]])
    floor = coefficients.noise_variance @ (weights + population) + coefficients.sample_variance @ population
    return (
        np.ascontiguousarray(features),
        np.array(coefficients.node_weights),
        floor,
        basis,
        np.ascontiguousarray(mixture.direction_variances),
        weights,
        population,
        weights / (mixture.pi * sample_ratio),
        mixture.noise_variance,
        float(feature_ratio),
    )


def _solve_sorted(points: NDArray[np.complex128], problem: tuple, classes: int) -> tuple:
    """Solve in the upper half plane, in an order in which neighbours are near; restore order and signs."""
    upper = points.real + 1j * np.abs(points.imag)
    order = np.lexsort((upper.imag, upper.real))
    size = problem[0].shape[1]
    x = np.empty((points.size, size), np.complex128)
    response = np.empty((points.size, problem[0].shape[0]), np.complex128)
    projected = np.empty((points.size, classes, classes), np.complex128)
    errors = np.empty(points.size)
    run = solve_block if points.size <= BLOCK else solve_blocks
    run(upper[order], problem, x, response, projected, errors)
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    lower = points.imag < 0
    arrays = [array[back] for array in (x, response, projected)]
    for array in arrays:
        np.conj(array, out=array, where=lower.reshape(-1, *(1,) * (array.ndim - 1)))
    return *arrays, errors[back]


def _complaint(points: NDArray[np.complex128], errors: Floats, nodes: int) -> str:
    failed = np.flatnonzero(~(errors <= ACCEPTED))
    worst = failed[np.argmax(errors[failed])]
    return (
        f"the equations were not solved at {failed.size} of {points.size} points; worst at z = {points[worst]:g} "
        f"with a relative residual of {errors[worst]:.1e} ({nodes} field nodes). Move z away from the real axis, "
        "or take more field nodes"
    )
