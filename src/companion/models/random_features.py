"""The random-features score model: fixed first layer W, trained second layer (arXiv:2605.06367, arXiv:2505.17638).

s(x) = A σ(W x/√d)/√p with W_ij ~ N(0, 1), trained at one time t of the forward process; here
B = √(Δ/p) A, so that √Δ s(x) = B σ(W x/√d) and the loss per coordinate is 1 at B = 0.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.datasets.gaussian_mixture import Samples
from companion.models.feature_equivalents import GaussianEquivalent, gaussian_equivalent
from companion.models.feature_hermite import Activation, checked_activation
from companion.models.feature_learning_curves import ScoreFlow
from companion.models.feature_matrices import ClassMatrices, population_matrices, train_matrices
from companion.theory.mixtures import Mixture

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RandomFeatures:
    """Features σ(W x/√d) of points at diffusion time t, with W (p, d); draw them with ``draw_features``.

    Raises ValueError for a W that is not a finite matrix, t <= 0, an unknown activation.
    """

    W: Floats
    diffusion_time: float
    activation: Activation = "tanh"

    def __post_init__(self) -> None:
        W = np.ascontiguousarray(self.W, dtype=np.float64)
        if W.ndim != 2 or 0 in W.shape or not np.isfinite(W).all():
            raise ValueError(f"W: shape {W.shape} given; it is a finite matrix (features, dimension)")
        if not (math.isfinite(self.diffusion_time) and self.diffusion_time > 0):
            raise ValueError(f"diffusion_time: {self.diffusion_time} given; it is positive and finite")
        checked_activation(self.activation)
        object.__setattr__(self, "W", W)

    @property
    def noise_variance(self) -> float:
        """Δ = 1 - e^-2t."""
        return -math.expm1(-2 * self.diffusion_time)

    def at(self, diffusion_time: float) -> "RandomFeatures":
        """The same features for points at another diffusion time."""
        return replace(self, diffusion_time=diffusion_time)

    def features(self, points: ArrayLike) -> Floats:
        """σ(W x/√d) of ``points`` (..., n, d), as (..., n, p)."""
        fields = np.asarray(points, dtype=np.float64) @ (self.W.T / math.sqrt(self.W.shape[1]))
        return np.asarray(checked_activation(self.activation)(fields), dtype=np.float64)

    def score(self, points: ArrayLike, coefficients: ArrayLike) -> Floats:
        """s(x) = B σ(W x/√d)/√Δ of ``points`` (n, d) for B (..., d, p), as (..., n, d)."""
        B = np.asarray(coefficients, dtype=np.float64)
        if B.shape[-2:] != self.W.T.shape:
            raise ValueError(f"coefficients: shape {B.shape} given; it ends in {self.W.T.shape}")
        return self.features(points) @ np.swapaxes(B, -1, -2) / math.sqrt(self.noise_variance)

    def train_matrices(self, samples: Samples, order: int = 4) -> ClassMatrices:
        """Exact U_c and V_c of the training points: ``feature_matrices.train_matrices``."""
        return train_matrices(self.W, samples, self.diffusion_time, self.activation, order)

    def population_matrices(self, mixture: Mixture, centroids: ArrayLike, order: int = 8) -> ClassMatrices:
        """Exact U_c and V_c of the distribution of each class; the mixture is one at this diffusion time.

        Raises ValueError if the mixture has another diffusion time or activation than the features.
        """
        return population_matrices(self.W, self._own(mixture), centroids, order)

    def gaussian_equivalent(
        self, mixture: Mixture, samples: Samples, generator: np.random.Generator
    ) -> GaussianEquivalent:
        """Gaussian-equivalent features of the same points: ``feature_equivalents.gaussian_equivalent``."""
        return gaussian_equivalent(self.W, self._own(mixture), samples, generator)

    def score_flow(
        self, mixture: Mixture, samples: Samples, class_weights: ArrayLike | None = None
    ) -> ScoreFlow:
        """Learning curves on these points, tested on the mixture around their centroids."""
        population = self.population_matrices(mixture, samples.centroids)
        return ScoreFlow(self.train_matrices(samples), population, class_weights)

    def _own(self, mixture: Mixture) -> Mixture:
        if mixture.diffusion_time != self.diffusion_time or mixture.activation != self.activation:
            raise ValueError(
                f"mixture: diffusion time {mixture.diffusion_time} and activation {mixture.activation!r} given; the"
                f" features have {self.diffusion_time} and {self.activation!r}"
            )
        return mixture


def draw_features(
    mixture: Mixture,
    number_of_features: int,
    dimension: int,
    generator: np.random.Generator,
    *,
    normalise_rows: bool = False,
) -> RandomFeatures:
    """p features with W_ij ~ N(0, 1), at the mixture's diffusion time and with its activation.

    ``normalise_rows`` gives every row the norm √d that it has for d -> infinity: much of the distance between
    finite size and theory comes from these norms. Raises ValueError for sizes below one.

    >>> draw_features(Mixture((1.0,), (1.0,)), 6, 4, np.random.default_rng(0)).W.shape
    (6, 4)
    """
    for name, value in (("number_of_features", number_of_features), ("dimension", dimension)):
        if value < 1:
            raise ValueError(f"{name}: {value} given; it is at least 1")
    W = generator.standard_normal((number_of_features, dimension))
    if normalise_rows:
        W *= math.sqrt(dimension) / np.linalg.norm(W, axis=1, keepdims=True)
    return RandomFeatures(W, mixture.diffusion_time, mixture.activation)
