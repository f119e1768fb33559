"""How well single latents stand for single factors: mutual information gap, and disentanglement, completeness.

MIG: arXiv:1802.04942. D, C and I: Eastwood and Williams 2018, with trees that look at all latents at every split:
where each tree sees a random few, importance spreads over latents, and even a perfect code scores D = 0.67.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import ExtraTreesClassifier

Floats = NDArray[np.float64]

BINS = 20


def factor_information(codes: ArrayLike, factors: ArrayLike, bins: int = BINS) -> Floats:
    """I(z_k; v_j)/H(v_j) of each latent and factor, (..., latents, factors), in [0, 1].

    ``codes`` (..., n, latents) are put into ``bins`` of equal width between the smallest and largest of each latent;
    ``factors`` (n, factors) are whole numbers from 0, the same for all leading axes. A factor with one value has no
    entropy and gives NaN, as does a code with a number that is not finite. Raises ValueError for shapes that do not
    fit, factors that are no whole numbers from 0, or less than two bins.
    """
    given, levels = _checked(codes, factors)
    if bins < 2:
        raise ValueError(f"bins: {bins} given; allowed: 2 or more")
    *lead, count, latents = given.shape
    lowest, highest = given.min(axis=-2, keepdims=True), given.max(axis=-2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        placed = np.floor(bins * (given - lowest) / (highest - lowest))
    whole = np.asarray(np.isfinite(given).all(axis=-2))[..., None]
    # A latent that never moves stands in one bin and tells nothing.
    binned = np.where(np.isfinite(placed), placed, 0).astype(np.int64).clip(0, bins - 1)
    rows = np.moveaxis(binned, -1, -2).reshape(-1, count)
    found = np.empty((len(rows), levels.shape[1]))
    for column, values in enumerate(levels.T):
        size = int(values.max()) + 1
        cells = (np.arange(len(rows))[:, None] * bins + rows) * size + values
        joint = np.bincount(cells.ravel(), minlength=len(rows) * bins * size)
        joint = joint.reshape(len(rows), bins, size) / count
        entropy = _entropy(joint.sum(axis=1))
        together = _entropy(joint.reshape(len(rows), -1))
        shared = _entropy(joint.sum(axis=2)) + entropy - together
        with np.errstate(invalid="ignore", divide="ignore"):
            found[:, column] = np.where(entropy > 0, shared / entropy, np.nan)
    found = found.reshape(*lead, latents, -1)
    return np.where(whole, np.clip(found, 0, 1), np.nan)


def mutual_information_gap(codes: ArrayLike, factors: ArrayLike, bins: int = BINS) -> Floats:
    """MIG (...,) of ``codes`` (..., n, latents): the largest `factor_information` of a factor minus the next, averaged.

    1: each factor is told by one latent and no other. A single latent has nothing beside it. Raises as
    `factor_information` does.

    >>> grid = np.stack(np.meshgrid(range(4), range(5)), axis=-1).reshape(-1, 2)
    >>> round(float(mutual_information_gap(grid, grid)), 6)
    1.0
    """
    information = factor_information(codes, factors, bins)
    if information.shape[-2] == 1:
        return information[..., 0, :].mean(axis=-1)
    ordered = np.sort(information, axis=-2)  # NaN last, so that it stays
    return (ordered[..., -1, :] - ordered[..., -2, :]).mean(axis=-1)


@dataclass(frozen=True, eq=False)
class Importances:
    """What latents are worth for telling factors, ``matrix`` (latents, factors), and the ``accuracy`` (factors,)."""

    matrix: Floats
    accuracy: Floats

    @property
    def disentanglement(self) -> float:
        """D: 1 - H of each latent's importances over factors / log factors, latents weighted by their importance."""
        return _one_sided(self.matrix)

    @property
    def completeness(self) -> float:
        """C: the same of each factor's importances over latents."""
        return _one_sided(self.matrix.T)

    @property
    def informativeness(self) -> float:
        """I: share of right answers on images that were held back, averaged over factors."""
        return float(self.accuracy.mean())


def importances(
    codes: ArrayLike,
    factors: ArrayLike,
    generator: np.random.Generator,
    *,
    trees: int = 10,
    depth: int = 10,
) -> Importances:
    """Importances of latents for factors, by extremely randomised trees on half of ``codes`` (n, latents).

    ``factors`` (n, factors) are whole numbers from 0. ``generator`` draws the halves and the trees. A code that is not
    finite gives NaN throughout. Raises ValueError for shapes that do not fit, fewer than two codes, or no tree.
    """
    given, levels = _checked(codes, factors)
    if given.ndim != 2 or len(given) < 2:
        raise ValueError(f"codes: shape {given.shape} given; allowed: (n, latents) with n of 2 or more")
    if min(trees, depth) < 1:
        raise ValueError(f"trees, depth: {trees}, {depth} given; allowed: 1 or more")
    order, seed = generator.permutation(len(given)), int(generator.integers(2**31))
    if not np.isfinite(given).all():
        size = (given.shape[1], levels.shape[1])
        return Importances(np.full(size, np.nan), np.full(size[1], np.nan))
    train, test = np.array_split(order, 2)
    matrix, accuracy = np.empty((given.shape[1], levels.shape[1])), np.empty(levels.shape[1])
    for column, values in enumerate(levels.T):
        forest = ExtraTreesClassifier(trees, random_state=seed)
        forest.set_params(max_depth=depth, max_features=None)
        forest.fit(given[train], values[train])
        matrix[:, column] = forest.feature_importances_
        accuracy[column] = forest.score(given[test], values[test])
    return Importances(matrix, accuracy)


def active_latents(divergence: ArrayLike, threshold: float = 0.1) -> Floats:
    """Number of latents (...,) whose mean ``divergence`` (..., latents) from the prior exceeds ``threshold`` nats.

    NaN where one of them is.
    """
    given = np.asarray(divergence, dtype=np.float64)
    return np.where(np.isnan(given).any(axis=-1), np.nan, (given > threshold).sum(axis=-1))


def _one_sided(matrix: Floats) -> float:
    """Mean over rows of 1 - H(row)/log columns, rows weighted by their sums; NaN with one column or without weight."""
    weights = matrix.sum(axis=1)
    if matrix.shape[1] < 2 or not weights.sum() > 0:
        return float("nan")
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(weights[:, None] > 0, matrix / weights[:, None], 0)
    return float((1 - _entropy(shares) / np.log(matrix.shape[1])) @ weights / weights.sum())


def _entropy(shares: Floats) -> Floats:
    """Shannon entropy (...,) of ``shares`` (..., states), in nats."""
    return -np.where(shares > 0, shares * np.log(np.where(shares > 0, shares, 1)), 0).sum(axis=-1)


def _checked(codes: ArrayLike, factors: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    given, levels = np.asarray(codes, dtype=np.float64), np.asarray(factors)
    if levels.ndim != 2 or 0 in levels.shape or levels.dtype.kind not in "iu" or levels.min() < 0:
        raise ValueError(
            f"factors: shape {levels.shape} given; allowed: whole numbers from 0, (images, factors)"
        )
    if given.ndim < 2 or given.shape[-2] != len(levels) or given.shape[-1] < 1:
        raise ValueError(f"codes: shape {given.shape} given; allowed: (..., {len(levels)}, latents)")
    return given, levels.astype(np.int64)
