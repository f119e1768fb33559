"""Exact noise-averaged matrices of random features, class by class (setting of arXiv:2605.06367).

The loss of the score B σ(W x_t/√d), per coordinate and averaged over the noise of the forward process, is
L_c = 1 + Tr(B U_c Bᵀ)/d + 2 Tr(B V_c)/d with U_c = E[σ σᵀ] and V_c = E[σ ξᵀ] over class c. Given a point, the
preactivations are jointly Gaussian; Mehler's formula sums over their correlations ρ_ij (derived here):
U_ij = Σ_k ρ_ij^k E[c_k,i c_k,j], with the Hermite coefficients of ``feature_hermite``.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.datasets.gaussian_mixture import Samples, coordinate_variances
from companion.models.feature_hermite import Activation, hermite_expansion
from companion.models.feature_tables import expand_rows
from companion.theory.mixtures import Mixture

Floats = NDArray[np.float64]

#: Rows and columns of a block of U: two blocks and a product stay in the cache.
_BLOCK = 256
#: Numbers kept for the Hermite coefficients of a batch of points.
_BATCH = 1 << 24


class SecondMoments(NamedTuple):
    """U (p, p) and V (p, d) of a weighted sum over classes."""

    features: Floats
    cross: Floats


@dataclass(frozen=True, eq=False)
class ClassMatrices:
    """U_c (K, p, p) in ``features``, and V_c = diag(``gains``_c) W/√d with gains (K, p).

    ``shares`` (K,) are the weights of the classes in the plain average: n_c/n, or π_c in the population.
    """

    features: Floats
    gains: Floats
    scaled_rows: Floats
    shares: Floats

    def cross(self, label: int) -> Floats:
        """V_c of one class, (p, d)."""
        return self.gains[label][:, None] * self.scaled_rows

    def weighted(self, class_weights: ArrayLike | None = None) -> SecondMoments:
        """Σ_c w_c U_c and Σ_c w_c V_c; w_c are the shares unless given, apart from the numbers of points.

        Raises ValueError for weights that are negative, all zero, or not one for each class.
        """
        weights = self.checked_weights(class_weights)
        total = weights[0] * self.features[0]
        for weight, matrix in zip(weights[1:], self.features[1:], strict=True):
            total += weight * matrix
        return SecondMoments(total, (weights @ self.gains)[:, None] * self.scaled_rows)

    def losses(self, coefficients: ArrayLike) -> Floats:
        """L_c per coordinate, (..., K), of the scores with B = ``coefficients`` (..., d, p)."""
        B = np.asarray(coefficients, dtype=np.float64)
        dimension = self.scaled_rows.shape[1]
        linear = 2 * np.einsum("...jp,pj->...p", B, self.scaled_rows) @ self.gains.T
        quadratic = [np.einsum("...jp,...jp->...", B @ matrix, B) for matrix in self.features]
        return 1.0 + (np.stack(quadratic, axis=-1) + linear) / dimension

    def checked_weights(self, class_weights: ArrayLike | None) -> Floats:
        """The given weights as an array, or the shares."""
        if class_weights is None:
            return self.shares
        weights = np.asarray(class_weights, dtype=np.float64)
        if weights.shape != self.shares.shape or not np.isfinite(weights).all():
            raise ValueError(
                f"class_weights: {class_weights!r} given; one finite number for each of {self.shares.size} classes"
            )
        if (weights < 0).any() or not weights.any():
            raise ValueError(
                f"class_weights: {weights.tolist()} given; they are not negative, and not all zero"
            )
        return weights


def train_matrices(
    W: Floats,
    samples: Samples,
    diffusion_time: float,
    activation: Activation = "tanh",
    order: int = 4,
) -> ClassMatrices:
    """U_c and V_c averaged over the training points of each class and over all their noise.

    ``order`` is the last power of ρ kept off the diagonal; ρ = O(d^-1/2), and 4 leaves about 1e-8 of the
    norm. Cost: order + 1 products of p x n by n x p, and 20 ns for each of n p fields.

    Raises ValueError if W and the points do not fit, a class has no point, or p is beyond ``largest_features``.
    """
    count, dimension = W.shape
    if samples.points.shape[1] != dimension:
        raise ValueError(f"samples: dimension {samples.points.shape[1]} given; W has {dimension} columns")
    counts = samples.class_counts
    if (counts == 0).any():
        raise ValueError(f"samples: class counts {counts.tolist()} given; every class has a point")
    check_memory(count, counts.size)
    noise_variance = -np.expm1(-2 * diffusion_time)
    scaled_rows = W / np.sqrt(dimension)
    noise = np.sqrt(noise_variance) * scaled_rows
    deviations = np.linalg.norm(noise, axis=1)
    features, gains = np.zeros((counts.size, count, count)), np.zeros((counts.size, count))
    length = max(64, _BATCH // ((order + 2) * count))
    contracted = np.exp(-diffusion_time) * scaled_rows
    for label, size in enumerate(counts):
        points = samples.points[samples.labels == label]
        diagonal = np.zeros(count)
        for start in range(0, size, length):
            fields = contracted @ points[start : start + length].T
            coefficients, second = expand_rows(fields, deviations, activation, max(order, 1))
            gains[label] += coefficients[1].sum(axis=1)
            diagonal += second.sum(axis=1)
            _add_mehler_sum(features[label], noise / deviations[:, None], coefficients[: order + 1])
        _finish(features[label], diagonal, 1.0 / size)
        gains[label] *= np.sqrt(noise_variance) / (size * deviations)
    return ClassMatrices(features, gains, scaled_rows, counts / counts.sum())


def population_matrices(W: Floats, mixture: Mixture, centroids: ArrayLike, order: int = 8) -> ClassMatrices:
    """U_c and V_c over the distribution of each class around its centroid (K, d): those of the test losses.

    Inside a class preactivations are Gaussian with covariance W (e^-2t Σ_c + Δ) Wᵀ/d, so a class counts as
    one point with more noise. Raises ValueError for centroids that do not fit, or p beyond ``largest_features``.
    """
    count, dimension = W.shape
    centres = np.asarray(centroids, dtype=np.float64)
    if centres.shape != (mixture.classes, dimension):
        raise ValueError(f"centroids: shape {centres.shape} given; they are ({mixture.classes}, {dimension})")
    check_memory(count, mixture.classes)
    scaled_rows = W / np.sqrt(dimension)
    variances = mixture.contraction**2 * coordinate_variances(mixture, dimension) + mixture.noise_variance
    features, gains = np.zeros((mixture.classes, count, count)), np.zeros((mixture.classes, count))
    for label in range(mixture.classes):
        noise = scaled_rows * np.sqrt(variances[:, label])
        deviations = np.linalg.norm(noise, axis=1)
        fields = mixture.contraction * scaled_rows @ centres[label]
        coefficients, second = hermite_expansion(fields, deviations, mixture.activation, max(order, 1))
        _add_mehler_sum(features[label], noise / deviations[:, None], coefficients[: order + 1, :, None])
        _finish(features[label], second, 1.0)
        gains[label] = np.sqrt(mixture.noise_variance) * coefficients[1] / deviations
    return ClassMatrices(features, gains, scaled_rows, mixture.pi)


def _add_mehler_sum(out: Floats, unit_rows: Floats, coefficients: Floats) -> None:
    """Add Σ_k ρ^k ∘ (c_k c_kᵀ) to the lower blocks of ``out``, ``coefficients`` being (order + 1, p, points)."""
    count = len(out)
    buffers = np.empty((3, _BLOCK * _BLOCK))
    for row in range(0, count, _BLOCK):
        rows = slice(row, min(row + _BLOCK, count))
        for column in range(0, row + 1, _BLOCK):
            columns = slice(column, min(column + _BLOCK, count))
            block = out[rows, columns]
            correlation, total, product = (buffer[: block.size].reshape(block.shape) for buffer in buffers)
            np.matmul(unit_rows[rows], unit_rows[columns].T, out=correlation)
            np.matmul(coefficients[-1, rows], coefficients[-1, columns].T, out=total)
            for power in range(len(coefficients) - 2, -1, -1):
                total *= correlation
                total += np.matmul(coefficients[power, rows], coefficients[power, columns].T, out=product)
            block += total


def _finish(out: Floats, diagonal: Floats, factor: float) -> None:
    """Mirror the lower blocks to the upper ones, set the exact diagonal, and multiply by ``factor``."""
    for row in range(0, len(out), _BLOCK):
        rows = slice(row, row + _BLOCK)
        out[rows, : row + _BLOCK] *= factor
        out[:row, rows] = out[rows, :row].T
    np.fill_diagonal(out, factor * diagonal)


def largest_features(classes: int = 2, memory: float | None = None) -> int:
    """Largest number p of features whose matrices and learning curves fit into ``memory`` bytes.

    They take 4 K + 4 matrices of p x p; memory is what this machine has free, unless given.

    >>> largest_features(classes=2, memory=8e9)
    9128
    """
    available = _available_memory() if memory is None else memory
    return int((available / (8 * (4 * classes + 4))) ** 0.5)


def check_memory(count: int, classes: int) -> None:
    """Raise ValueError if p x p matrices of ``count`` features do not fit into memory."""
    largest = largest_features(classes)
    if count > largest:
        needed, available = 8 * (4 * classes + 4) * count**2 / 1e9, _available_memory() / 1e9
        raise ValueError(
            f"W: p = {count} features of {classes} classes need {needed:.1f} GB, {available:.1f} GB are free; p is at"
            f" most {largest} here (matrix-free densities of companion.models.feature_spectra go beyond)"
        )


def _available_memory() -> float:
    pages = "SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES"
    free = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf(pages))
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():  # Linux counts memory that caches would give back
        entries = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        free = max(free, 1024.0 * float(entries.get("MemAvailable", "0 kB").split()[0]))
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdigit():
        free = min(free, float(text))
    return free
