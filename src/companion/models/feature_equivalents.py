"""Gaussian equivalents of random features: the matrix whose spectrum the asymptotic equations describe exactly.

In class c with fields h_i = e^-t w_i·μ_c/√d a feature acts like
m_c(h_i) + a_c(h_i) e^-t w_i·(x - μ_c)/√d + v_c(h_i) ω_i, plus the same two parts of the diffusion noise:
U_c = G_c G_cᵀ/n_c + Δ D_c W Wᵀ D_c/d + diag s_c², V_c = √Δ D_c W/√d, D_c = diag a_c (derived here).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.datasets.gaussian_mixture import Samples
from companion.models.feature_matrices import ClassMatrices, check_memory
from companion.theory.feature_coefficients import class_profile
from companion.theory.mixtures import Mixture

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GaussianEquivalent:
    """Equivalent features G (p, n) of points with ``labels`` (n,), gains a_c and noise s_c², both (K, p)."""

    equivalents: Floats
    labels: NDArray[np.int64]
    gains: Floats
    noise: Floats
    scaled_rows: Floats
    diffusion_noise: float

    def matrices(self) -> ClassMatrices:
        """U_c and V_c, in place of the exact train matrices. Raises ValueError for p beyond ``largest_features``."""
        classes, count = self.gains.shape
        check_memory(count, classes)
        features, shares = np.empty((classes, count, count)), self._shares
        for label in range(classes):
            G = self.equivalents[:, self.labels == label]
            np.matmul(G, G.T, out=features[label])
            features[label] /= G.shape[1]
            noisy = math.sqrt(self.diffusion_noise) * self.gains[label][:, None] * self.scaled_rows
            features[label] += noisy @ noisy.T
            features[label].ravel()[:: count + 1] += self.noise[label]
        return ClassMatrices(features, math.sqrt(self.diffusion_noise) * self.gains, self.scaled_rows, shares)

    def product(self, vectors: Floats, class_weights: ArrayLike | None = None) -> Floats:
        """Σ_c w_c U_c times ``vectors`` (p, ...) without any p x p matrix: O(p (n + K d)) each."""
        shares = self._shares
        weights = shares if class_weights is None else np.asarray(class_weights, dtype=np.float64)
        columns = vectors.reshape(len(vectors), -1)
        per_point = (weights / (shares * self.labels.size))[self.labels]
        result = self.equivalents @ (per_point[:, None] * (self.equivalents.T @ columns))
        result += (weights @ self.noise)[:, None] * columns
        for weight, gains in zip(weights, self.gains, strict=True):
            inner = self.scaled_rows.T @ (gains[:, None] * columns)
            result += weight * self.diffusion_noise * gains[:, None] * (self.scaled_rows @ inner)
        return result.reshape(vectors.shape)

    @property
    def _shares(self) -> Floats:
        return np.bincount(self.labels, minlength=len(self.gains)) / self.labels.size


def gaussian_equivalent(
    W: Floats, mixture: Mixture, samples: Samples, generator: np.random.Generator
) -> GaussianEquivalent:
    """Equivalent features of the training points; ``generator`` draws ω (p, n).

    Raises ValueError if W, mixture and samples do not fit.
    """
    count, dimension = W.shape
    if samples.points.shape[1] != dimension or samples.centroids.shape[0] != mixture.classes:
        raise ValueError(
            f"samples: points {samples.points.shape} and centroids {samples.centroids.shape} given for W {W.shape}"
            f" and {mixture.classes} classes"
        )
    scaled_rows = W / math.sqrt(dimension)
    equivalents = generator.standard_normal((count, samples.labels.size))
    gains, noise = np.empty((mixture.classes, count)), np.empty((mixture.classes, count))
    for label, centroid in enumerate(samples.centroids):
        fields, places = np.unique(mixture.contraction * scaled_rows @ centroid, return_inverse=True)
        mean, gain, sample_variance, noise[label] = class_profile(mixture, label, fields)[:, places]
        gains[label] = gain
        own = samples.labels == label
        linear = mixture.contraction * scaled_rows @ (samples.points[own] - centroid).T
        equivalents[:, own] = (
            mean[:, None] + gain[:, None] * linear + np.sqrt(sample_variance)[:, None] * equivalents[:, own]
        )
    return GaussianEquivalent(equivalents, samples.labels, gains, noise, scaled_rows, mixture.noise_variance)
