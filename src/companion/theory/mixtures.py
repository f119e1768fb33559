"""Gaussian mixtures in high dimension, seen at one time of the forward diffusion (arXiv:2605.06367).

Class c has weight π_c, points x = μ_c + σ_c z with z ~ N(0, 1_d), and centroids of norm O(√d), of which
only the Gram matrix M_cc' = μ_c·μ_c'/d counts. The forward process is x_t = e^-t x + √Δ ξ with
Δ = 1 - e^-2t and ξ ~ N(0, 1_d).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Activations known by name; any vectorised function of one real array serves too.
ACTIVATIONS = ("tanh", "erf", "relu")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """K Gaussian classes at diffusion time t; equal mixtures are equal and hash alike.

    ``weights`` (K,) are the class shares π_c and sum to one; ``standard_deviations`` (K,) are σ_c;
    ``centroid_gram`` (K, K) is M, zero by default; ``activation`` is that of the features that will
    look at the mixture: "tanh", "erf", "relu", or a vectorised function.

    ``spectrum`` (directions, K) makes the classes anisotropic with commuting covariances: class c has
    variance σ_c² spectrum_jc / mean_j(spectrum_jc) along the j-th of equally many directions of each
    kind, so that σ_c² stays its mean variance per coordinate.

    Raises ValueError naming the argument: weights that are not positive or do not sum to one, negative
    deviations, a Gram matrix that is not symmetric positive semi-definite, t <= 0, an unknown activation.

    >>> Mixture((0.5, 0.5), (1.5, 0.5)).total_variances.round(6).tolist()
    [2.023413, 0.385952]
    """

    weights: tuple[float, ...]
    standard_deviations: tuple[float, ...]
    centroid_gram: tuple[tuple[float, ...], ...] | None = None
    diffusion_time: float = 0.1
    activation: str | Callable[[Any], Any] = "tanh"
    spectrum: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        weights = _vector(self.weights, "weights")
        if (weights <= 0).any() or abs(weights.sum() - 1) > 1e-9:
            raise ValueError(f"weights: {weights.tolist()} given; class shares are positive and sum to 1")
        deviations = _vector(self.standard_deviations, "standard_deviations")
        if deviations.shape != weights.shape:
            raise ValueError(f"standard_deviations: {deviations.size} given for {weights.size} weights")
        if (deviations < 0).any():
            raise ValueError(f"standard_deviations: {deviations.tolist()} given; they are not negative")
        if not (math.isfinite(self.diffusion_time) and self.diffusion_time > 0):
            raise ValueError(f"diffusion_time: {self.diffusion_time} given; it is positive and finite")
        if not callable(self.activation) and self.activation not in ACTIVATIONS:
            allowed = ", ".join(ACTIVATIONS)
            raise ValueError(
                f"activation: {self.activation!r} given; allowed are {allowed} or a vectorised function"
            )
        object.__setattr__(self, "weights", tuple(weights.tolist()))
        object.__setattr__(self, "standard_deviations", tuple(deviations.tolist()))
        object.__setattr__(self, "diffusion_time", float(self.diffusion_time))
        object.__setattr__(self, "centroid_gram", _checked_gram(self.centroid_gram, weights.size))
        if self.spectrum is not None:
            object.__setattr__(self, "spectrum", _checked_spectrum(self.spectrum, weights.size))

    @property
    def classes(self) -> int:
        """Number of classes K."""
        return len(self.weights)

    @property
    def pi(self) -> Floats:
        """Class shares π_c, (K,)."""
        return np.array(self.weights)

    @property
    def gram(self) -> Floats:
        """M_cc' = μ_c·μ_c'/d, (K, K)."""
        assert self.centroid_gram is not None
        return np.array(self.centroid_gram)

    @property
    def contraction(self) -> float:
        """e^-t, the factor of the clean point in x_t."""
        return math.exp(-self.diffusion_time)

    @property
    def noise_variance(self) -> float:
        """Δ = 1 - e^-2t, the variance of the noise in x_t."""
        return -math.expm1(-2 * self.diffusion_time)

    @property
    def alphas(self) -> Floats:
        """α_c = e^-t σ_c, (K,): the deviation inside class c that is not noise."""
        return self.contraction * np.array(self.standard_deviations)

    @property
    def total_variances(self) -> Floats:
        """Γ_c² = α_c² + Δ, (K,): variance of x_t per coordinate inside class c."""
        return self.alphas**2 + self.noise_variance

    @property
    def bayes_losses(self) -> Floats:
        """L*_c, (K,): denoising loss per coordinate of class c's own linear score; α_c²/Γ_c² when isotropic."""
        variances = self.direction_variances
        return (variances / (variances + self.noise_variance)).mean(axis=0)

    @property
    def direction_variances(self) -> Floats:
        """e^-2t times the eigenvalues of the class covariances, (directions, K); one row when isotropic."""
        if self.spectrum is None:
            return self.alphas[None, :] ** 2
        spectrum = np.array(self.spectrum)
        return self.alphas**2 * spectrum / spectrum.mean(axis=0)


def _vector(values: Sequence[float], name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name}: {values!r} given; it is a sequence of finite numbers, one for each class")
    return array


def _checked_gram(gram: Any, classes: int) -> tuple[tuple[float, ...], ...]:
    if gram is None:
        return tuple((0.0,) * classes for _ in range(classes))
    array = np.asarray(gram, dtype=np.float64)
    if array.shape != (classes, classes) or not np.isfinite(array).all():
        raise ValueError(f"centroid_gram: shape {array.shape} given; it is {classes} x {classes} and finite")
    scale = max(float(np.abs(array).max()), 1.0)
    if np.abs(array - array.T).max() > 1e-9 * scale:
        raise ValueError(f"centroid_gram: {array.tolist()} given; a Gram matrix is symmetric")
    lowest = float(np.linalg.eigvalsh(array).min())
    if lowest < -1e-9 * scale:
        raise ValueError(
            f"centroid_gram: {array.tolist()} given; a Gram matrix has no negative eigenvalue, this one {lowest:.3g}"
        )
    return tuple(map(tuple, ((array + array.T) / 2).tolist()))


def _checked_spectrum(spectrum: Any, classes: int) -> tuple[tuple[float, ...], ...]:
    array = np.asarray(spectrum, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != classes or not len(array):
        raise ValueError(f"spectrum: shape {array.shape} given; it is (directions, {classes})")
    if not np.isfinite(array).all() or (array < 0).any() or (array.sum(axis=0) <= 0).any():
        raise ValueError("spectrum: its entries are finite and not negative, and no class has zeros only")
    return tuple(map(tuple, array.tolist()))
