"""Critical points as attractors of one-pass learning: linearisation, first-order shift, stationary states.

At a critical point with all students in the span of the teachers, the noise-free flow of (Q, R) has
the Jacobian spectrum -η {eigenvalues of the Hessian inside the span} ∪ -η {a_i + a_j, i <= j} with
a the eigenvalues of A: non-degenerate minima are exactly its attractive fixed points.

Finite steps add η² N to dQ/dt. Hence dS/dt = -η (A S + S A) + η² N for S = Q - R T⁻¹ Rᵀ, all the
noise is across the span, and near a minimum S = η 𝒮 + O(η²) with A 𝒮 + 𝒮 A = N and the stationary
loss is L + (η/4) tr N + O(η²): minima are fixed points of one-pass learning for η → 0 only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_continuous_lyapunov

from companion.theory import relu_flow_kernels as kernels
from companion.theory.relu_landscape import (
    Minimum,
    hessian_spectrum,
    loss_gradient,
    overlaps,
    transverse_matrix,
)
from companion.theory.relu_noise import noise_matrix, noise_slopes
from companion.theory.relu_overlaps import (
    checked_label_noise,
    checked_overlaps,
    checked_rates,
    loss,
    transverse_overlaps,
)


class NoAttractorError(ArithmeticError):
    """There is no stationary state to be found near the minimum."""


def flow_jacobian(Q: ArrayLike, R: ArrayLike, T: ArrayLike, learning_rate: float) -> NDArray[np.float64]:
    """Jacobian of the noise-free flow in the coordinates R (row by row), then the upper triangle of Q.

    Exact derivatives, at any overlaps. Raises ValueError for bad overlaps (see
    ``relu_overlaps.checked_overlaps``) and learning rates, and where a student is parallel or opposed
    to another unit: angles have no derivative in the overlaps there.
    """
    Q, R, T = checked_overlaps(Q, R, T)
    (rate,) = checked_rates(learning_rate, 1)
    norms = np.sqrt(np.concatenate([np.diagonal(Q), np.diagonal(T)]))
    cosines = np.hstack([Q - np.diag(np.diagonal(Q)), R]) / np.outer(norms[: len(Q)], norms)
    if np.any(np.abs(cosines) > 1.0 - 1e-13):
        k, other = np.argwhere(np.abs(cosines) > 1.0 - 1e-13)[0]
        raise ValueError(f"Q, R, T: student {k} is parallel to unit {other}, where the flow has no Jacobian")
    return rate * kernels.drift_jacobian(Q, R, T)


def linearisation_spectrum(W: ArrayLike, V: ArrayLike, learning_rate: float) -> NDArray[np.float64]:
    """The K M + K (K + 1)/2 predicted eigenvalues of ``flow_jacobian`` at a critical point, ascending.

    Raises ValueError for bad arrays, a W that is no critical point (|∇L| > 1e-8) or has rows outside
    the span of V, and a V with dependent rows.
    """
    (rate,) = checked_rates(learning_rate, 1)
    slope = np.linalg.norm(loss_gradient(W, V))
    if slope > 1e-8:
        raise ValueError(f"W must be a critical point, the gradient of its loss has norm {slope:.2g}")
    spectrum = hessian_spectrum(W, V, np.shape(V)[1])
    students, teachers = len(spectrum.transverse), np.shape(V)[0]
    if len(spectrum.in_span) != students * teachers:
        raise ValueError("V must have independent rows, so that T is positive definite")
    first, second = np.triu_indices(students)
    sums = spectrum.transverse[first] + spectrum.transverse[second]
    return np.sort(-rate * np.concatenate([spectrum.in_span, sums]))


@dataclass(frozen=True)
class LyapunovShift:
    """First order in η of the stationary state near a minimum: S = η ``transverse``, L = L₀ + η ``loss_slope``.

    ``noise`` is N at the minimum; all matrices are (K, K).
    """

    noise: NDArray[np.float64]
    transverse: NDArray[np.float64]

    @property
    def loss_slope(self) -> float:
        """(1/4) tr N."""
        return float(np.trace(self.noise)) / 4.0

    @property
    def transverse_slope(self) -> float:
        """Slope of tr S."""
        return float(np.trace(self.transverse))


def lyapunov_shift(minimum: Minimum, label_noise: float = 0.0) -> LyapunovShift:
    """Solve A 𝒮 + 𝒮 A = N at a minimum, for an orthonormal teacher.

    Raises ValueError if ``minimum`` is a saddle, from which noise leads away.
    """
    if not minimum.is_minimum:
        raise ValueError(
            f"minimum: {minimum.name} with blocks {minimum.blocks} is a saddle, it attracts nothing"
        )
    W = minimum.weights
    V = np.eye(W.shape[1])
    noise = noise_matrix(*overlaps(W, V), label_noise)
    transverse = solve_continuous_lyapunov(transverse_matrix(W, V), noise)
    return LyapunovShift(noise, (transverse + transverse.T) / 2.0)


@dataclass(frozen=True)
class StationaryState:
    """Fixed point (Q, R) of the noisy flow and the spectrum of the flow's Jacobian there.

    ``rates`` (complex, by falling real part) are the eigenvalues in units of 1/t; ``stable`` says
    whether all of them decay.
    """

    learning_rate: float
    Q: NDArray[np.float64]
    R: NDArray[np.float64]
    loss: float
    transverse: NDArray[np.float64]
    rates: NDArray[np.complex128]

    @property
    def transverse_trace(self) -> float:
        """tr S."""
        return float(np.trace(self.transverse))

    @property
    def stable(self) -> bool:
        """Whether small deviations decay: False where one-pass learning leaves this state."""
        return bool(self.rates[0].real < 0.0)


def stationary_state(minimum: Minimum, learning_rate: float, label_noise: float = 0.0) -> StationaryState:
    """Stationary state of the noisy flow that grows out of ``minimum`` as η rises from 0.

    Newton's method with exact derivatives, from the first-order state, in steps of η where the way is
    too long for one. A state may be a fixed point and yet have lost its stability: see ``stable``.
    Those of I(1) are stable until they end in a fold, at η of about 0.541, 0.474, 0.346 and 0.294 for
    K = M = 6, 7, 10 and 12. Cost at K = M = 7 and η = 0.1: 0.1 s; some seconds near the fold.

    Raises ValueError for a saddle or a bad learning rate, and NoAttractorError where the branch of
    fixed points ends before this η: with such steps one-pass learning runs away.
    """
    (target,) = checked_rates(learning_rate, 1)
    variance = checked_label_noise(label_noise)
    shift = lyapunov_shift(minimum, variance)
    R = minimum.weights
    T = np.eye(R.shape[1])
    Q = R @ R.T
    slope_Q, slope_R = shift.transverse, np.zeros_like(R)
    reached, step = 0.0, target
    jacobian = np.empty((0, 0))
    while reached < target:
        eta = min(reached + step, target)
        ahead = eta - reached
        found = _newton(Q + ahead * slope_Q, R + ahead * slope_R, T, eta, variance)
        if found is None:
            step /= 2.0
            if step < 2e-3 * target:
                raise NoAttractorError(
                    f"learning_rate: the stationary state near {minimum.name} was followed to "
                    f"{reached:.4g} and not to {target:.4g}"
                )
        else:
            (Q, R, jacobian), reached = found, eta
            # Where η (drift) + η² N vanishes, its derivative in η is η N.
            pull = np.concatenate(
                [np.zeros(R.size), eta * noise_matrix(Q, R, T, variance)[np.triu_indices(len(Q))]]
            )
            slope_Q, slope_R = _matrices(_solve(jacobian, -pull), R.shape)
    rates = np.linalg.eigvals(jacobian)
    rates = rates[np.argsort(-rates.real, kind="stable")].astype(np.complex128)
    return StationaryState(target, Q, R, float(loss(Q, R, T)), transverse_overlaps(Q, R, T), rates)


def _newton(
    Q: NDArray[np.float64], R: NDArray[np.float64], T: NDArray[np.float64], eta: float, variance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """Fixed point near (Q, R) and the Jacobian there, or None if the iteration does not settle."""
    students = len(Q)
    upper = np.triu_indices(students)
    no_normals, change = np.empty((0, sum(R.shape))), np.empty((students, sum(R.shape)))
    start, best = Q, np.inf
    for _ in range(30):
        try:
            Q, R, T = checked_overlaps(Q, R, T)
        except ValueError:
            return None
        kernels.rates(np.hstack([Q, R]), T, eta, variance, kernels.EXACT_NOISE, no_normals, change)
        residual = np.concatenate([change[:, students:].ravel(), change[:, :students][upper]])
        size = float(np.max(np.abs(residual)))
        jacobian = _noisy_jacobian(Q, R, T, eta, variance)
        if size < 1e-13 * eta or (size < 1e-10 * eta and size > 0.5 * best):
            return Q, R, jacobian
        best = min(best, size)
        move = _solve(jacobian, -residual)
        dQ, dR = _matrices(move, R.shape)
        Q, R = Q + dQ, R + dR
        if not np.max(np.abs(Q - start)) < 0.2 * np.max(start):
            return None  # that far from the start lie other branches
    return None


def _solve(jacobian: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.solve(jacobian, right), dtype=np.float64)


def _matrices(
    coordinates: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Q and R from the coordinates of ``flow_jacobian``, for R of this shape."""
    size = shape[0] * shape[1]
    Q = np.zeros((shape[0], shape[0]))
    Q[np.triu_indices(shape[0])] = coordinates[size:]
    return Q + np.triu(Q, 1).T, coordinates[:size].reshape(shape)


def _noisy_jacobian(
    Q: NDArray[np.float64], R: NDArray[np.float64], T: NDArray[np.float64], eta: float, variance: float
) -> NDArray[np.float64]:
    """Jacobian of the noisy flow in the coordinates of ``flow_jacobian``."""
    upper = np.triu_indices(len(Q))
    by_Q, by_R = noise_slopes(Q, R, T, variance)
    jacobian = flow_jacobian(Q, R, T, eta)
    jacobian[R.size :, : R.size] += eta**2 * by_R[upper].reshape(len(upper[0]), R.size)
    jacobian[R.size :, R.size :] += eta**2 * by_Q[upper][:, *upper]
    return jacobian
