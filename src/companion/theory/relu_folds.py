"""Stationary states of one-pass learning near a minimum, followed in the step size up to their fold.

At d → ∞ the states solve drift(Q, R) + η N(Q, R) = 0 (see ``companion.theory.relu_attractors``). The branch
that starts at a minimum for η = 0 bends back at a largest η, a fold: there it meets an unstable branch,
and with longer steps learning has no state of rest near the minimum (arXiv:2604.09412 has η → 0 only).
The branch is followed in its own length, which goes on through a fold where η does not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar

from companion.theory.relu_attractors import NoAttractorError, flow_jacobian, lyapunov_shift
from companion.theory.relu_flow import flow_derivative
from companion.theory.relu_landscape import Minimum
from companion.theory.relu_noise import noise_matrix, noise_slopes
from companion.theory.relu_overlaps import loss, transverse_overlaps

_STEP = 0.03  # of the branch's length, where η counts as one coordinate beside R and Q
_SHORTEST = 1e-4
_RESIDUAL = 1e-12


@dataclass(frozen=True)
class AttractorBranch:
    """States from the minimum, η = 0, to the fold, the last one, by rising η.

    ``leading`` is the largest real part of the eigenvalues of the flow's Jacobian, over η: negative where
    the state is stable. One eigenvalue is zero at the fold, beyond which the branch is unstable.
    """

    learning_rate: NDArray[np.float64]
    loss: NDArray[np.float64]
    transverse_trace: NDArray[np.float64]
    leading: NDArray[np.float64]

    @property
    def fold(self) -> float:
        """Largest step size with a state of rest."""
        return float(self.learning_rate[-1])


def attractor_branch(minimum: Minimum) -> AttractorBranch:
    """Follow the stationary state of one-pass learning from ``minimum`` to its fold, orthonormal teacher.

    Some 40 states. Cost: about 2 s at K = M = 7, and as K to the fifth.

    Raises ValueError for a saddle, and NoAttractorError where the branch is lost before it folds.

    >>> from companion.theory.relu_landscape import family
    >>> round(attractor_branch(family("I", 1, 6)).fold, 3)
    0.541
    """
    shift = lyapunov_shift(minimum)
    R = minimum.weights
    system = _System(np.eye(R.shape[1]), R.shape)
    start = np.append(system.coordinates(R @ R.T, R), 0.0)
    first = np.append(system.coordinates(shift.transverse, np.zeros_like(R)), 1.0)
    points = [_Point(start, first / np.linalg.norm(first))]
    length = _STEP
    while points[-1].tangent[-1] > 0:
        ahead = system.along(points[-1], length)
        if ahead is None:
            length /= 2
            if length < _SHORTEST:
                raise NoAttractorError(
                    f"minimum: the states of rest near {minimum.name} were followed to a step size of "
                    f"{points[-1].place[-1]:.4g} and lost there"
                )
        else:
            points.append(ahead)
            length = min(1.3 * length, _STEP)
    points[-1] = system.fold(points[-2], length)
    return AttractorBranch(*np.array([system.numbers(point) for point in points]).T)


@dataclass(frozen=True)
class _Point:
    """A place (R, upper triangle of Q, η) on the branch and the unit vector along it."""

    place: NDArray[np.float64]
    tangent: NDArray[np.float64]


@dataclass(frozen=True)
class _System:
    """The equations drift + η N = 0 in the coordinates of ``flow_jacobian``, for one teacher."""

    T: NDArray[np.float64]
    shape: tuple[int, ...]

    def coordinates(self, Q: NDArray[np.float64], R: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([R.ravel(), Q[np.triu_indices(len(Q))]])

    def matrices(
        self, place: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        size = self.shape[0] * self.shape[1]
        Q = np.zeros((self.shape[0], self.shape[0]))
        Q[np.triu_indices(len(Q))] = place[size:-1]
        return Q + np.triu(Q, 1).T, place[:size].reshape(self.shape), self.T

    def residual(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        Q, R, T = self.matrices(place)
        dQ, dR = flow_derivative(Q, R, T, 1.0)
        return self.coordinates(dQ + place[-1] * noise_matrix(Q, R, T), dR)

    def slopes(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivatives of the residual in the coordinates and, in the last column, in η."""
        Q, R, T = self.matrices(place)
        upper, size = np.triu_indices(len(Q)), R.size
        jacobian = flow_jacobian(Q, R, T, 1.0)
        if place[-1] > 0:  # at the minimum itself, all students in the span, N has no derivative
            by_Q, by_R = noise_slopes(Q, R, T)
            jacobian[size:, :size] += place[-1] * by_R[upper].reshape(-1, size)
            jacobian[size:, size:] += place[-1] * by_Q[upper][:, *upper]
        by_rate = self.coordinates(noise_matrix(Q, R, T), np.zeros(self.shape))
        return np.column_stack([jacobian, by_rate])

    def along(self, point: _Point, length: float) -> _Point | None:
        """The point of the branch at this distance along the tangent, or None if Newton's method fails."""
        place, aim = point.place + length * point.tangent, np.zeros(len(point.place))
        aim[-1] = 1.0
        for _ in range(12):
            try:
                equations = np.vstack([self.slopes(place), point.tangent])
                residual = np.append(self.residual(place), point.tangent @ (place - point.place) - length)
            except ValueError:  # no such overlaps: too long a step
                return None
            if np.max(np.abs(residual)) < _RESIDUAL:
                tangent = np.linalg.solve(equations, aim)
                return _Point(place, tangent / np.linalg.norm(tangent))
            place = place - np.linalg.solve(equations, residual)
        return None

    def fold(self, before: _Point, length: float) -> _Point:
        """The point where the branch turns back, between ``before`` and one ``length`` ahead of it."""

        def turning(distance: float) -> float:
            point = self.along(before, distance) if distance else before
            return np.nan if point is None else float(point.tangent[-1])

        at = root_scalar(turning, bracket=(0.0, length), xtol=1e-7).root
        found = self.along(before, at)
        assert found is not None
        return found

    def numbers(self, point: _Point) -> tuple[float, float, float, float]:
        """η, loss, tr S and the leading eigenvalue over η."""
        Q, R, T = self.matrices(point.place)
        eigenvalues = np.linalg.eigvals(self.slopes(point.place)[:, :-1])
        trace = float(np.trace(transverse_overlaps(Q, R, T)))
        return float(point.place[-1]), float(loss(Q, R, T)), trace, float(eigenvalues.real.max())
