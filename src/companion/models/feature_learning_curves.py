"""Gradient flow of the coefficients of a score on random features, in closed form after one diagonalisation.

dB/dT = -(B U + Vᵀ) from B = 0 has B(T) = -F diag(f) Eᵀ with U = E diag(λ) Eᵀ, F = Vᵀ E and
f_k = (1 - e^(-λ_k T))/λ_k; the ridge path has f_k = 1/(λ_k + ridge). Then every class has
L_c = 1 + fᵀ H_c f - 2 g_cᵀ f with H_c = (Fᵀ F) ∘ (Eᵀ U_c E)/d, g_c,k = (Eᵀ V_c)_k · (Fᵀ)_k/d (derived here).
Eigen-time T and the times of arXiv:2605.06367 and arXiv:2505.17638 differ by factors: see ``training.score_descent``.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.models.feature_matrices import ClassMatrices

Floats = NDArray[np.float64]


class ClassLosses(NamedTuple):
    """Losses per coordinate of each class, (times, K): over its training points, and over its distribution."""

    train: Floats
    test: Floats


class ScoreFlow:
    """The score model of given train matrices, diagonalised: learning curves at any time for O(K p²) each.

    ``class_weights`` w_c weigh the train losses of the classes, U = Σ_c w_c U_c; they are the shares of the
    points unless given. Attributes: ``eigenvalues`` λ (p,) ascending, ``eigenvectors`` E (p, p), ``couplings``
    F (d, p), ``class_weights`` (K,).

    Raises ValueError if the two sets of matrices do not belong together, or for unsuitable weights.
    """

    def __init__(
        self, train: ClassMatrices, population: ClassMatrices, class_weights: ArrayLike | None = None
    ) -> None:
        if train.features.shape != population.features.shape:
            raise ValueError(
                f"population: U_c of shape {population.features.shape} given; train has {train.features.shape}"
            )
        if not np.array_equal(train.scaled_rows, population.scaled_rows):
            raise ValueError(
                "population: matrices of other features given; train and population share their W"
            )
        self.class_weights = train.checked_weights(class_weights)
        U, V = train.weighted(self.class_weights)
        self.eigenvalues, self.eigenvectors = np.linalg.eigh(U)
        del U  # memory decides the largest p
        self.couplings = V.T @ self.eigenvectors
        overlaps = self.couplings.T @ self.couplings / len(self.couplings)
        self._strengths = np.diag(overlaps).copy()
        rotated = self._rotated(train)
        self._class_moments = np.diagonal(rotated, axis1=1, axis2=2).copy()
        self._train = self._quadratic(rotated, overlaps), self._linear(train)
        rotated = np.empty_like(population.features)
        for label, matrix in enumerate(population.features):
            rotated[label] = self._rotate(matrix)
        self._test = self._quadratic(rotated, overlaps), self._linear(population)

    def learning_curves(self, times: ArrayLike) -> ClassLosses:
        """Train and test losses of every class at eigen-times T (times,), from B = 0 at T = 0; inf is allowed."""
        return self.losses(self._flow_response(times))

    def ridge_path(self, ridge: ArrayLike) -> ClassLosses:
        """Losses at the minimum over B of the train loss + ridge ‖B‖²/d, for each ``ridge`` > 0."""
        return self.losses(self._ridge_response(ridge))

    def losses(self, response: Floats) -> ClassLosses:
        """Losses for B = -F diag(f) Eᵀ, the ``response`` f being (times, p)."""
        return ClassLosses(*(self._evaluate(response, *forms) for forms in (self._train, self._test)))

    def total_train_loss(self, times: ArrayLike) -> Floats:
        """Σ_c w_c L_c at eigen-times T from the spectrum alone: Σ w - Σ_k |F_k|² (1 - e^(-2 λ_k T))/λ_k d."""
        doubled = _relaxation(self.eigenvalues, 2 * _checked(times, "times"))
        return self.class_weights.sum() - doubled @ self._strengths

    def flow_coefficients(self, times: ArrayLike) -> Floats:
        """B(T), (times, d, p), at eigen-times T: the score is B σ(W x/√d)/√Δ."""
        return self._coefficients(self._flow_response(times))

    def ridge_coefficients(self, ridge: ArrayLike) -> Floats:
        """B, (ridge, d, p), on the ridge path."""
        return self._coefficients(self._ridge_response(ridge))

    def class_shares(self) -> Floats:
        """Share of each class in each mode, (p, K): w_c e_kᵀ U_c e_k/λ_k; they sum to one over the classes."""
        return (self.class_weights[:, None] * self._class_moments / self.eigenvalues).T

    def _flow_response(self, times: ArrayLike) -> Floats:
        return _relaxation(self.eigenvalues, _checked(times, "times"))

    def _ridge_response(self, ridge: ArrayLike) -> Floats:
        values = _checked(ridge, "ridge")
        if not (values > 0).all():
            raise ValueError(f"ridge: {ridge!r} given; it is positive")
        return 1.0 / (self.eigenvalues + values[:, None])

    def _coefficients(self, response: Floats) -> Floats:
        return -(self.couplings * response[:, None, :]) @ self.eigenvectors.T

    def _rotate(self, matrix: Floats) -> Floats:
        return self.eigenvectors.T @ (matrix @ self.eigenvectors)

    def _rotated(self, train: ClassMatrices) -> Floats:
        """Eᵀ U_c E; that of the heaviest class is what the others leave of diag(λ)."""
        heaviest = int(np.argmax(self.class_weights))
        rotated = np.empty_like(train.features)
        rest = np.diag(self.eigenvalues)
        for label, matrix in enumerate(train.features):
            if label != heaviest:
                rotated[label] = self._rotate(matrix)
                rest -= self.class_weights[label] * rotated[label]
        rotated[heaviest] = rest / self.class_weights[heaviest]
        return rotated

    @staticmethod
    def _quadratic(rotated: Floats, overlaps: Floats) -> Floats:
        rotated *= overlaps
        return rotated

    def _linear(self, matrices: ClassMatrices) -> Floats:
        """g_c (K, p); V_c is diagonal times W/√d, so that all classes share one product."""
        mapped = matrices.scaled_rows @ self.couplings / len(self.couplings)
        return matrices.gains @ (self.eigenvectors * mapped)

    @staticmethod
    def _evaluate(response: Floats, quadratic: Floats, linear: Floats) -> Floats:
        losses = np.empty((len(response), len(linear)))
        for label, (form, vector) in enumerate(zip(quadratic, linear, strict=True)):
            losses[:, label] = 1.0 + np.einsum("tk,tk->t", response @ form - 2 * vector, response)
        return losses


def _relaxation(eigenvalues: Floats, times: Floats) -> Floats:
    """(1 - e^(-λ T))/λ, (times, p), and T where λ = 0."""
    flat = eigenvalues == 0.0
    safe = np.where(flat, 1.0, eigenvalues)
    return np.where(flat, times[:, None], -np.expm1(-safe * times[:, None]) / safe)


def _checked(values: ArrayLike, name: str) -> Floats:
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or np.isnan(array).any() or (array < 0).any():
        raise ValueError(f"{name}: {values!r} given; they are a list of numbers that are not negative")
    return array
