"""What features of a network say: how alike two representations are, and whether classes can be read off.

``features`` are (..., n, p): the same n images in each; leading axes are checkpoints, layers, runs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def linear_cka(features_a: ArrayLike, features_b: ArrayLike, *, debiased: bool = False) -> Floats:
    """Linear centred kernel alignment (...,) of (..., n, p) and (..., n, q); leading axes broadcast.

    |A_cᵀ B_c|² / (|A_cᵀ A_c| |B_cᵀ B_c|) for column-centred features (arXiv:1905.00414): 1 for representations that
    agree up to rotation and scale. With few images and many features it is near 1 for noise too; ``debiased`` takes
    the unbiased estimators of its three terms (arXiv:2010.15327), is 0 on average for unrelated features, may be
    negative, and needs n >= 4. NaN for features that are constant.
    """
    first, second = _features("features_a", features_a), _features("features_b", features_b)
    n = first.shape[-2]
    if second.shape[-2] != n:
        raise ValueError(f"features_b: {second.shape[-2]} images given, allowed are the {n} of features_a")
    if n < (4 if debiased else 2):
        raise ValueError(f"features_a: {n} images given, allowed are {4 if debiased else 2} or more")
    first, second = (given - given.mean(axis=-2, keepdims=True) for given in (first, second))
    if debiased:
        grams = [given @ np.swapaxes(given, -1, -2) for given in (first, second)]
        for gram in grams:
            gram[..., np.arange(n), np.arange(n)] = 0.0
        terms = [
            _unbiased(a, b) for a, b in ((grams[0], grams[1]), (grams[0], grams[0]), (grams[1], grams[1]))
        ]
    else:
        terms = [_alignment(a, b) for a, b in ((first, second), (first, first), (second, second))]
    scale = terms[1] * terms[2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > 0, terms[0] / np.sqrt(np.where(scale > 0, scale, 1.0)), np.nan)


def _alignment(a: Floats, b: Floats) -> Floats:
    """|aᵀ b|², through the smaller of features and images."""
    if a.shape[-1] * b.shape[-1] <= a.shape[-2] * a.shape[-2]:
        return ((np.swapaxes(a, -1, -2) @ b) ** 2).sum(axis=(-2, -1))
    return ((a @ np.swapaxes(a, -1, -2)) * (b @ np.swapaxes(b, -1, -2))).sum(axis=(-2, -1))


def _unbiased(a: Floats, b: Floats) -> Floats:
    """Unbiased estimate of the Hilbert-Schmidt criterion from Gram matrices without diagonal (Song et al. 2012)."""
    n = a.shape[-1]
    rows_a, rows_b = a.sum(axis=-1), b.sum(axis=-1)
    same = (a * b).sum(axis=(-2, -1))
    apart = rows_a.sum(axis=-1) * rows_b.sum(axis=-1) / ((n - 1) * (n - 2))
    return (same + apart - 2 / (n - 2) * (rows_a * rows_b).sum(axis=-1)) / (n * (n - 3))


@dataclass(frozen=True)
class Probe:
    """Held-out accuracy of a linear read-out of classes."""

    class_accuracy: Floats
    """(..., classes): share of held-out images of each class that are told right."""

    @property
    def accuracy(self) -> Floats:
        """Mean over classes, (...,); chance is one over the number of classes."""
        return self.class_accuracy.mean(axis=-1)


def class_probe(
    features: ArrayLike,
    labels: ArrayLike,
    classes: int,
    *,
    generator: np.random.Generator,
    folds: int = 5,
    penalty: float = 1e-2,
) -> Probe:
    """Accuracy of ridge regression of class indicators on ``features`` (..., n, p), by cross-validation.

    ``labels`` (n,) are 0, ..., ``classes`` - 1. Images are weighted so that classes count alike; features are centred
    and scaled on the images fitted, and ``penalty`` is relative to the mean variance of a feature. ``generator`` deals
    the images of each class out over the folds, the same for all leading axes. Raises ValueError for a class of fewer
    than ``folds`` images.
    """
    given, own = _features("features", features), np.asarray(labels)
    if own.shape != given.shape[-2:-1]:
        raise ValueError(
            f"labels: shape {own.shape} given for features {given.shape}; allowed is one for each"
        )
    if own.dtype.kind not in "iu" or (own.size and not 0 <= own.min() <= own.max() < classes):
        raise ValueError(f"labels: allowed are whole numbers from 0 to {classes - 1}")
    counts = np.bincount(own, minlength=classes)
    if folds < 2 or counts.min() < folds:
        raise ValueError(
            f"folds: {folds} given, allowed is 2 to {counts.min()}, the images of the rarest class"
        )
    if not penalty > 0:
        raise ValueError(f"penalty: {penalty} given, allowed is > 0")
    fold = np.empty(own.size, dtype=np.int64)
    for label in range(classes):
        members = np.flatnonzero(own == label)
        fold[generator.permutation(members)] = np.arange(members.size) % folds
    targets = (own[:, None] == np.arange(classes)).astype(np.float64)
    right = np.empty(given.shape[:-1], dtype=bool)
    for index in range(folds):
        tested = fold == index
        told = _ridge(given[..., ~tested, :], targets[~tested], given[..., tested, :], penalty).argmax(
            axis=-1
        )
        right[..., tested] = told == own[tested]
    return Probe((right @ targets) / counts)


def _ridge(features: Floats, targets: Floats, queries: Floats, penalty: float) -> Floats:
    """Fitted scores (..., queries, classes) of a ridge regression with classes weighted alike."""
    weights = (targets / targets.sum(axis=0)).sum(axis=1) / targets.shape[1]
    mean = weights @ features
    centred = features - mean[..., None, :]
    variance = weights @ centred**2
    scale = np.sqrt(np.where(variance > 0, variance, 1.0))[..., None, :]
    roots = np.sqrt(weights)[:, None]
    design, goal = roots * centred / scale, roots * (targets - weights @ targets)
    n, p = design.shape[-2:]
    if p <= n:
        square = np.swapaxes(design, -1, -2) @ design + penalty * np.eye(p)
        read_out = np.linalg.solve(square, np.swapaxes(design, -1, -2) @ goal)
    else:  # the same solution from the n x n side
        square = design @ np.swapaxes(design, -1, -2) + penalty * np.eye(n)
        read_out = np.swapaxes(design, -1, -2) @ np.linalg.solve(
            square, np.broadcast_to(goal, (*design.shape[:-1], goal.shape[-1]))
        )
    return (queries - mean[..., None, :]) / scale @ read_out


def _features(name: str, given: ArrayLike) -> Floats:
    found = np.asarray(given, dtype=np.float64)
    if found.ndim < 2 or not np.isfinite(found).all():
        raise ValueError(f"{name}: shape {found.shape} given; allowed are finite numbers (..., n, features)")
    return found
