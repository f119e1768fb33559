"""Gaussian classes at finite dimension, noised: posterior of the class and exact score.

Class c has weight π_c and clean points μ_c + σ_c z. At time t of the forward process
x_t = e^-t x + √Δ ξ, Δ = 1 - e^-2t, its law is N(e^-t μ_c, Γ_c² 1_d) with Γ_c² = e^-2t σ_c² + Δ
(arXiv:2402.18491, section "Speciation"; several classes and weights derived here).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GaussianClasses:
    """K isotropic Gaussian classes in d dimensions.

    ``weights`` (K,) are positive and sum to one, ``standard_deviations`` (K,) are not negative, ``centroids``
    (K, d) are the points μ_c themselves (of norm √d in the usual scaling). A class of deviation zero is a
    single point: n of them with equal weights are the empirical distribution of a training set.

    Raises ValueError naming the argument.

    >>> GaussianClasses((0.5, 0.5), (1.0, 1.0), np.zeros((2, 3))).variances(0.7).tolist()
    [1.0, 1.0]
    """

    weights: Floats
    standard_deviations: Floats
    centroids: Floats

    def __post_init__(self) -> None:
        weights = _numbers(self.weights, "weights", 1)
        deviations = _numbers(self.standard_deviations, "standard_deviations", 1)
        centroids = _numbers(self.centroids, "centroids", 2)
        if (weights <= 0).any() or abs(weights.sum() - 1.0) > 1e-9:
            raise ValueError(f"weights: {weights.tolist()} given; class shares are positive and sum to 1")
        for name, array in (("standard_deviations", deviations), ("centroids", centroids)):
            if len(array) != weights.size:
                raise ValueError(f"{name}: {len(array)} given for {weights.size} weights")
        if (deviations < 0).any():
            raise ValueError(f"standard_deviations: {deviations.tolist()} given; they are not negative")
        for name, array in (
            ("weights", weights),
            ("standard_deviations", deviations),
            ("centroids", centroids),
        ):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def size(self) -> int:
        """Number of classes K."""
        return self.weights.size

    @property
    def dimension(self) -> int:
        """Input dimension d."""
        return self.centroids.shape[1]

    def variances(self, times: ArrayLike) -> Floats:
        """Γ_c² = e^-2t σ_c² + 1 - e^-2t of every class, (..., K) for times (...)."""
        times = np.asarray(times, dtype=np.float64)[..., None]
        return np.exp(-2 * times) * self.standard_deviations**2 - np.expm1(-2 * times)

    def log_joint(self, points: ArrayLike, times: ArrayLike) -> Floats:
        """log(π_c p_t(x | c)) up to a constant that all classes share, (..., K).

        ``points`` (..., d), ``times`` broadcast against the leading shape of ``points``.
        """
        points, times = _points(points, self.dimension), checked_times(times)
        shrink = np.exp(-times)[..., None]
        variances = self.variances(times)
        products = points @ self.centroids.T
        lengths = (self.centroids**2).sum(axis=1)
        square = (points**2).sum(axis=-1)[..., None] - 2 * shrink * products + shrink**2 * lengths
        return np.log(self.weights) - 0.5 * self.dimension * np.log(variances) - 0.5 * square / variances

    def log_posterior(self, points: ArrayLike, times: ArrayLike) -> Floats:
        """log P(c | x_t), (..., K), by a softmax in log space; see `log_joint` for the shapes."""
        return log_softmax(self.log_joint(points, times), axis=-1)

    def posterior(self, points: ArrayLike, times: ArrayLike) -> Floats:
        """P(c | x_t), (..., K); see `log_joint` for the shapes.

        >>> two = GaussianClasses((0.5, 0.5), (1.0, 1.0), [[1.0, 0.0], [-1.0, 0.0]])
        >>> two.posterior([[0.0, 3.0], [9.0, 0.0]], 0.1).round(3).tolist()
        [[0.5, 0.5], [1.0, 0.0]]
        """
        return np.exp(self.log_posterior(points, times))

    def score(self, points: ArrayLike, times: ArrayLike) -> Floats:
        """Exact score ∇ log p_t(x) = Σ_c P(c | x) (e^-t μ_c - x) / Γ_c², (..., d)."""
        points, times = _points(points, self.dimension), checked_times(times)
        pulls = self.posterior(points, times) / self.variances(times)
        total = pulls.sum(axis=-1, keepdims=True)
        return np.exp(-times)[..., None] * (pulls @ self.centroids) - total * points

    def noised(self, label: int, times: ArrayLike, normals: ArrayLike) -> Floats:
        """Points x_t of class ``label`` made of standard ``normals`` (..., d), (..., d); times broadcast."""
        times = np.asarray(times, dtype=np.float64)
        widths = np.sqrt(self.variances(times)[..., label])
        return np.exp(-times)[..., None] * self.centroids[label] + widths[..., None] * np.asarray(normals)


def checked_times(times: ArrayLike, name: str = "times") -> Floats:
    """Diffusion times as an array; ValueError unless they are positive and finite."""
    array = np.asarray(times, dtype=np.float64)
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise ValueError(f"{name}: {times!r} given; diffusion times are positive and finite")
    return array


def _numbers(values: ArrayLike, name: str, dimensions: int) -> Floats:
    array = np.array(values, dtype=np.float64)
    if array.ndim != dimensions or array.size == 0 or not np.isfinite(array).all():
        shape = "one number for each class" if dimensions == 1 else "one row for each class"
        raise ValueError(f"{name}: shape {array.shape} given; finite numbers are due, {shape}")
    return array


def _points(points: ArrayLike, dimension: int) -> Floats:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != dimension:
        raise ValueError(f"points: shape {array.shape} given; the last axis holds {dimension} coordinates")
    return array
