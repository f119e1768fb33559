"""Is a generated sample a copy? The ratio criterion, its rates by class, and what it says of real images.

A sample counts as memorised when the nearest training image is much nearer than the second: d1/d2 < 1/3 (criterion
and threshold of arXiv:2505.17638). ``distances`` are (..., 2): the two smallest of each sample, ascending, as
`neighbours.nearest_neighbours` returns them; leading axes are checkpoints, runs, conditions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.analysis.statistics import wilson_band, wilson_interval

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: A sample is memorised where d1/d2 is smaller.
THRESHOLD = 1 / 3

#: Fractions of a class are blank (NaN) where fewer samples than this are of the class.
LEAST_SAMPLES = 30


def distance_ratio(distances: ArrayLike) -> Floats:
    """d1/d2 (...,) from the two smallest ``distances`` (..., 2 or more), with 0/0 = 1: exact twins say nothing.

    Raises ValueError for distances that are missing, infinite, negative or not ascending.

    >>> distance_ratio([[1.0, 4.0], [0.0, 2.0], [0.0, 0.0]]).tolist()
    [0.25, 0.0, 1.0]
    """
    given = np.asarray(distances, dtype=np.float64)
    if given.ndim == 0 or given.shape[-1] < 2:
        raise ValueError(f"distances: shape {given.shape} given; allowed is (..., 2): two for each sample")
    first, second = given[..., 0], given[..., 1]
    wrong = ~(np.isfinite(second) & (first >= 0) & (first <= second))
    if wrong.any():
        row = tuple(map(int, np.argwhere(wrong)[0]))
        raise ValueError(
            f"distances: {given[row][:2].tolist()} given at {row}; allowed are finite 0 <= d1 <= d2"
        )
    return np.divide(first, second, out=np.ones_like(first), where=second > 0)


def memorised_fraction(distances: ArrayLike, threshold: float = THRESHOLD) -> float:
    """Share of samples with d1/d2 < ``threshold``; 0/0 counts as ratio 1, no samples give NaN.

    >>> memorised_fraction([[1.0, 4.0], [3.0, 4.0]])
    0.5
    """
    memorised = distance_ratio(distances) < threshold
    return float(memorised.mean()) if memorised.size else np.nan


def threshold_sweep(distances: ArrayLike, thresholds: ArrayLike = (0.2, THRESHOLD, 0.5)) -> Floats:
    """Memorised fraction (..., thresholds) of ``distances`` (..., samples, 2) at each threshold.

    >>> threshold_sweep([[1.0, 4.0], [3.0, 4.0]], [0.2, 0.5, 1.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    ratio = np.sort(distance_ratio(distances), axis=-1)
    levels = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    if ratio.ndim == 0 or ratio.shape[-1] == 0:
        return np.full((*ratio.shape[:-1], levels.size), np.nan)
    flat = ratio.reshape(-1, ratio.shape[-1])
    below = np.stack([np.count_nonzero(flat < level, axis=1) for level in levels], axis=-1)
    return (below / flat.shape[1]).reshape(*ratio.shape[:-1], levels.size)


@dataclass(frozen=True)
class Rate:
    """``hits`` among ``trials`` with Wilson's interval from ``lower`` to ``upper``."""

    hits: int
    trials: int
    lower: float
    upper: float

    @property
    def value(self) -> float:
        """The share; NaN without trials."""
        return self.hits / self.trials if self.trials else np.nan


def memorised_rate(distances: ArrayLike, threshold: float = THRESHOLD, confidence: float = 0.95) -> Rate:
    """Memorised samples, counted over all of ``distances`` (..., 2), with Wilson's interval."""
    memorised = distance_ratio(distances) < threshold
    hits = int(np.count_nonzero(memorised))
    return Rate(hits, memorised.size, *wilson_interval(hits, memorised.size, confidence))


def null_rate(distances: ArrayLike, threshold: float = THRESHOLD, confidence: float = 0.95) -> Rate:
    """How often the criterion calls a real image a copy: its rate of false alarms.

    ``distances`` (n, 2) are those of held-out images to the training set, or of each training image to the others
    (`twins.other_neighbours`), which counts its twins too. Points at random in d dimensions give threshold^d: the
    criterion means something because images fill many dimensions, and nothing on a line.

    >>> null_rate([[3.0, 4.0]] * 100).value
    0.0
    """
    return memorised_rate(distances, threshold, confidence)


@dataclass(frozen=True)
class ClassCounts:
    """Memorised samples by class, (..., classes); shares are blank where a class has under ``least`` samples."""

    classified: Integers
    """Samples that the classifier gives to the class."""
    memorised: Integers
    """Samples that are memorised and classified as the class."""
    memorised_nearest: Integers
    """Memorised samples whose nearest training image is of the class, wherever they are classified."""
    undecided: Floats
    """Share of samples that the classifier gives to no class, (...,)."""
    disagreement: Floats
    """Share of classified samples whose nearest training image is of another class, (...,)."""
    least: int = LEAST_SAMPLES

    @property
    def fraction(self) -> Floats:
        """Memorised and classified c over classified c."""
        return self._share(self.memorised)

    @property
    def fraction_nearest(self) -> Floats:
        """Memorised with a nearest image of c over classified c; beyond 1 where the two rules disagree."""
        return self._share(self.memorised_nearest)

    @property
    def class_share(self) -> Floats:
        """Share of each class among the classified samples; NaN where none is."""
        total = self.classified.sum(axis=-1, keepdims=True)
        return _ratio(self.classified, np.broadcast_to(total, self.classified.shape), 1)

    def band(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Ends of Wilson's intervals of ``fraction``, blank where it is."""
        lower, upper = wilson_band(self.memorised, self.classified, confidence)
        blank = self.classified < max(self.least, 1)
        return np.where(blank, np.nan, lower), np.where(blank, np.nan, upper)

    def _share(self, counts: Integers) -> Floats:
        return _ratio(counts, self.classified, self.least)


def memorised_counts(
    ratio: ArrayLike,
    nearest_class: ArrayLike,
    sample_class: ArrayLike,
    classes: int,
    threshold: float = THRESHOLD,
    *,
    least: int = LEAST_SAMPLES,
) -> ClassCounts:
    """Count memorised samples by class from ``ratio``, ``nearest_class`` and ``sample_class``, all (..., samples).

    ``nearest_class`` is the class of the nearest training image and ``sample_class`` the classifier's, -1 where it
    is undecided; classes are 0, ..., ``classes`` - 1. The class of the nearest image is biased towards the larger
    class, so that shares are taken by the classifier's. Raises ValueError for labels that are none.

    >>> counts = memorised_counts([0.1, 0.9, 0.1], [0, 0, 1], [0, 0, -1], 2, least=1)
    >>> counts.fraction.tolist(), counts.memorised_nearest.tolist()
    ([0.5, nan], [1, 1])
    """
    memorised = np.asarray(ratio, dtype=np.float64) < threshold
    nearest = _labels("nearest_class", nearest_class, classes, lowest=0)
    decided = _labels("sample_class", sample_class, classes, lowest=-1)
    memorised, nearest, decided = np.broadcast_arrays(memorised, nearest, decided)
    labels = np.arange(classes)
    own = decided[..., None] == labels
    classified = np.count_nonzero(own, axis=-2)
    by_nearest = (nearest[..., None] == labels) & memorised[..., None]
    differing = np.count_nonzero((decided >= 0) & (decided != nearest), axis=-1)
    samples = np.full(decided.shape[:-1], decided.shape[-1])
    return ClassCounts(
        classified,
        np.count_nonzero(own & memorised[..., None], axis=-2),
        np.count_nonzero(by_nearest, axis=-2),
        _ratio(samples - classified.sum(axis=-1), samples, 1),
        _ratio(differing, classified.sum(axis=-1), 1),
        least,
    )


def copy_counts(ratio: ArrayLike, nearest: ArrayLike, images: int, threshold: float = THRESHOLD) -> Integers:
    """How many samples copy each training image, (..., images), from ``ratio`` and ``nearest`` (..., samples).

    >>> copy_counts([0.1, 0.2, 0.9], [2, 2, 0], 3).tolist()
    [0, 0, 2]
    """
    memorised = np.asarray(ratio, dtype=np.float64) < threshold
    index = _labels("nearest", nearest, images, lowest=0)
    if memorised.shape != index.shape or index.ndim == 0:
        raise ValueError(f"nearest: shape {index.shape} given, allowed is that of ratio, {memorised.shape}")
    rows = int(np.prod(index.shape[:-1], dtype=np.int64))
    offsets = np.arange(rows).reshape((*index.shape[:-1], 1)) * images
    found = np.bincount((index + offsets)[memorised], minlength=rows * images)
    return found.reshape(*index.shape[:-1], images)


def coverage(
    ratio: ArrayLike, nearest: ArrayLike, labels: ArrayLike, classes: int, threshold: float = THRESHOLD
) -> Integers:
    """Distinct training images that some sample copies, by class (..., classes); ``labels`` (images,).

    Early on a few images account for most copies: the memorised fraction alone does not show it.
    """
    own = _labels("labels", labels, classes, lowest=0)
    hit = copy_counts(ratio, nearest, own.size, threshold) > 0
    return np.count_nonzero(hit[..., None] & (own[:, None] == np.arange(classes)), axis=-2)


def first_copies(
    ratio: ArrayLike, nearest: ArrayLike, times: ArrayLike, images: int, threshold: float = THRESHOLD
) -> Floats:
    """First of ``times`` (moments,) at which a sample copies each training image, (..., images); inf if none does.

    ``ratio`` and ``nearest`` are (..., moments, samples): the two nearest at every checkpoint.

    >>> first_copies([[0.9, 0.9], [0.1, 0.9], [0.1, 0.2]], [[0, 0], [0, 1], [0, 2]], [10.0, 20.0, 30.0], 3).tolist()
    [20.0, inf, 30.0]
    """
    moments = np.asarray(times, dtype=np.float64)
    copied = copy_counts(ratio, nearest, images, threshold) > 0
    if copied.ndim < 2 or moments.shape != copied.shape[-2:-1]:
        raise ValueError(
            f"times: shape {moments.shape} given; allowed is one for each of {copied.shape[:-1]}"
        )
    return np.where(copied.any(axis=-2), moments[copied.argmax(axis=-2)], np.inf)


def _labels(name: str, given: ArrayLike, classes: int, *, lowest: int) -> Integers:
    labels = np.asarray(given)
    if labels.size and (labels.dtype.kind not in "iu" or labels.min() < lowest or labels.max() >= classes):
        raise ValueError(
            f"{name}: {labels.dtype} from {labels.min()} to {labels.max()} given; "
            f"allowed are whole numbers from {lowest} to {classes - 1}"
        )
    return labels.astype(np.int64)


def _ratio(part: NDArray, whole: NDArray, least: int) -> Floats:
    blank = whole < max(least, 1)
    return np.where(blank, np.nan, part / np.where(blank, 1, whole))
