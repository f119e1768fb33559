"""Fréchet distance of two clouds in a fixed feature space: how far generated samples are from the real class.

|μ_a - μ_b|² + tr(A + B - 2 (A^½ B A^½)^½), the squared 2-Wasserstein distance of Gaussians with the clouds' means and
covariances, which is what FID is in the features of another network (arXiv:1706.08500). Here features are principal
coordinates of the real images, so that nothing is downloaded and the unit is that of squared pixels. Clouds of G
samples have a floor of about the number of features over G: quote `finite_size_floor` at the same G.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """Principal coordinates of one set of real images, fixed for everything that is measured in them."""

    mean: Floats
    """(d,)."""
    axes: Floats
    """Orthonormal rows (dimension, d), the largest variance first, each with its largest entry positive."""
    explained: float
    """Share of the images' variance within the space."""

    @classmethod
    def fit(cls, images: ArrayLike, dimension: int = 20) -> "FeatureSpace":
        """The leading ``dimension`` principal axes of ``images`` (n, d).

        Raises ValueError where there are not as many: ``dimension`` is at most d and n - 1.
        """
        given = np.asarray(images, dtype=np.float64)
        if given.ndim != 2:
            raise ValueError(f"images: shape {given.shape} given, allowed is (n, d)")
        most = min(given.shape[0] - 1, given.shape[1])
        if not 1 <= dimension <= most:
            raise ValueError(f"dimension: {dimension} given, allowed is 1 to {most} for images {given.shape}")
        mean = given.mean(axis=0)
        centred = given - mean
        if given.shape[1] <= given.shape[0]:  # the smaller of the two Gram matrices
            values, vectors = np.linalg.eigh(centred.T @ centred)
            axes = vectors[:, ::-1].T[:dimension]
        else:
            values, vectors = np.linalg.eigh(centred @ centred.T)
            axes, _ = np.linalg.qr(centred.T @ vectors[:, : -dimension - 1 : -1])
            axes = axes.T
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        axes = axes * np.where(largest < 0, -1.0, 1.0)
        total = float(np.maximum(values, 0).sum())
        kept = float(np.maximum(values[-dimension:], 0).sum())
        return cls(mean, np.ascontiguousarray(axes), kept / total if total > 0 else 1.0)

    def features(self, samples: ArrayLike) -> Floats:
        """Coordinates (..., dimension) of ``samples`` (..., d)."""
        given = np.asarray(samples, dtype=np.float64)
        if given.ndim == 0 or given.shape[-1] != self.mean.size:
            raise ValueError(f"samples: shape {given.shape} given, allowed is (..., {self.mean.size})")
        return given @ self.axes.T - self.axes @ self.mean


def frechet_distance(features_a: ArrayLike, features_b: ArrayLike) -> Floats:
    """Squared Fréchet distance (...,) of the clouds (..., n, p) and (..., m, p); leading axes broadcast.

    tr (A^½ B A^½)^½ is the sum of singular values of R_a R_bᵀ, with A = R_aᵀ R_a/(n - 1) from the centred clouds: no
    matrix is squared, so that flat directions cost no digits. NaN where a cloud has fewer than two points.

    >>> corners = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
    >>> float(frechet_distance(corners, corners + [3.0, 4.0]).round(9))
    25.0
    """
    first, second = np.asarray(features_a, dtype=np.float64), np.asarray(features_b, dtype=np.float64)
    for name, cloud in (("features_a", first), ("features_b", second)):
        if cloud.ndim < 2 or cloud.shape[-1] != first.shape[-1]:
            raise ValueError(
                f"{name}: shape {cloud.shape} given, allowed is (..., n, p), with the same p for both"
            )
    return _between(_moments(first, None), _moments(second, None))


def class_frechet(
    features: ArrayLike,
    sample_class: ArrayLike,
    reference: ArrayLike,
    reference_class: ArrayLike,
    classes: int,
    *,
    least: int = 30,
) -> Floats:
    """Squared Fréchet distance of each class to its real images, (..., classes).

    ``features`` (..., n, p) with ``sample_class`` (..., n), where labels outside of 0, ..., ``classes`` - 1 belong
    nowhere; ``reference`` (m, p) with ``reference_class`` (m,). Blank (NaN) for classes of fewer than ``least``
    samples, or of fewer than two real images.
    """
    given, real = np.asarray(features, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    own, labels = np.asarray(sample_class), np.arange(classes)
    if own.shape != given.shape[:-1]:
        raise ValueError(f"sample_class: shape {own.shape} given for features {given.shape}; one for each")
    members = np.moveaxis(own[..., None] == labels, -1, -2)
    real_members = np.asarray(reference_class) == labels[:, None]
    found = _between(_moments(given[..., None, :, :], members), _moments(real[None], real_members))
    return np.where(members.sum(axis=-1) < max(least, 2), np.nan, found)


def finite_size_floor(
    features: ArrayLike, size: int, *, generator: np.random.Generator, repetitions: int = 16
) -> Floats:
    """Distance of ``size`` real images to the other half of the real images, (repetitions,): what a perfect model gets.

    Each repetition cuts ``features`` (m, p) in two halves at random and takes ``size`` points of the first. Raises
    ValueError where half of the images are fewer than ``size``.
    """
    real = np.asarray(features, dtype=np.float64)
    half = real.shape[0] // 2
    if not 2 <= size <= half:
        raise ValueError(f"size: {size} given, allowed is 2 to {half}, half of the {real.shape[0]} images")
    order = generator.permuted(np.tile(np.arange(real.shape[0]), (repetitions, 1)), axis=1)
    return frechet_distance(real[order[:, :size]], real[order[:, half:]])


@dataclass(frozen=True)
class _Moments:
    """Mean (..., p) and covariance as a root (..., q, p): covariance = rootᵀ root. NaN for fewer than two points."""

    mean: Floats
    root: Floats


def _moments(cloud: Floats, members: NDArray[np.bool_] | None) -> _Moments:
    """Moments of the points of ``cloud`` (..., n, p) that are ``members`` (..., n)."""
    if members is None:
        count: NDArray = np.array(cloud.shape[-2])
        mean = cloud.sum(axis=-2) / max(cloud.shape[-2], 1)
        centred = cloud - mean[..., None, :]
    else:
        count = members.sum(axis=-1)
        mean = (members[..., None, :] @ cloud)[..., 0, :] / np.maximum(count, 1)[..., None]
        centred = (cloud - mean[..., None, :]) * members[..., None]
    spread = np.where(count < 2, np.nan, np.sqrt(np.maximum(count - 1, 1)))
    return _Moments(mean, np.linalg.qr(centred, mode="r") / spread[..., None, None])


def _between(a: _Moments, b: _Moments) -> Floats:
    shift = ((a.mean - b.mean) ** 2).sum(axis=-1)
    traces = (a.root**2).sum(axis=(-2, -1)) + (b.root**2).sum(axis=(-2, -1))
    known = np.isfinite(traces)
    product = np.where(known[..., None, None], a.root @ np.swapaxes(b.root, -1, -2), 0.0)
    overlap = np.linalg.svd(product, compute_uv=False).sum(axis=-1)
    # Rounding may leave a little below zero where the clouds are the same.
    return np.where(known, shift + np.maximum(traces - 2 * overlap, 0.0), np.nan)
