"""The data side of memorisation: when each training image is first copied, and what predicts it.

``copy_times`` (..., images) are those of `memorisation.first_copies`: the first checkpoint at which a sample copies the
image, inf where none did by the last one (censored). Leading axes are runs. Images differ within a run, but runs are
the replicates: intervals and tests are over runs.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.analysis.statistics import Survival, bootstrap_interval, kaplan_meier, sign_flip_test
from companion.analysis.twins import class_neighbours, other_neighbours

Floats = NDArray[np.float64]

# Pairs of images held at once.
_BLOCK = 1 << 22


def class_survival(
    copy_times: ArrayLike, labels: ArrayLike, end: float, confidence: float = 0.95
) -> dict[int, Survival]:
    """Kaplan-Meier curve of "not copied yet" for each class of ``labels`` (images,).

    ``copy_times`` (images,) or (runs, images), pooled over runs of the same size; ``end`` is the last checkpoint, up to
    which images were watched. The intervals take images as independent: they say how few images there are, not how
    much runs differ.
    """
    times, own = _checked(copy_times), np.asarray(labels)
    if own.shape != times.shape[-1:]:
        raise ValueError(f"labels: shape {own.shape} given, allowed is {times.shape[-1:]}")
    observed = np.isfinite(times)
    if not np.isfinite(end) or (times[observed] > end).any():
        raise ValueError(f"end: {end} given, allowed is the last checkpoint, after every copy")
    watched = np.where(observed, times, end)
    return {
        int(label): kaplan_meier(
            watched[..., own == label].ravel(), observed[..., own == label].ravel(), confidence
        )
        for label in np.unique(own)
    }


def survival_curves(copy_times: ArrayLike, labels: ArrayLike, classes: int, times: ArrayLike) -> Floats:
    """Share of each class's images not copied by each of ``times`` (moments,), (..., classes, moments).

    Every image is watched to the same end, so that this is the Kaplan-Meier estimate up to there. NaN for a class
    without images.
    """
    given, own = _checked(copy_times), np.asarray(labels)
    later = given[..., None] > np.asarray(times, dtype=np.float64)
    members = (own == np.arange(classes)[:, None]).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return members @ later / members.sum(axis=1)[:, None]


def image_predictors(
    images: ArrayLike,
    labels: ArrayLike,
    *,
    neighbour: int = 5,
    share: float = 1 / 3,
    centroids: ArrayLike | None = None,
) -> xr.Dataset:
    """What may predict when an image is copied: four numbers of each of ``images`` (n, d), over "image".

    ``centroid_distance``: to the centroid of its class (to row ``labels`` of ``centroids`` (K, d), where given: those
    of the full class); ``neighbour_distance``: to the nearest other image of its class; ``density_distance``: to the
    ``neighbour``-th, large where images are sparse; ``twin``: 1 where the nearest is closer than ``share`` of the
    class's median. NaN where the class has too few images.
    """
    given, own = np.asarray(images, dtype=np.float64), np.asarray(labels)
    nearest = class_neighbours(given, own)
    to_centroid, density = np.full(own.size, np.nan), np.full(own.size, np.nan)
    for label in np.unique(own):
        members = np.flatnonzero(own == label)
        part = given[members]
        centre = part.mean(axis=0) if centroids is None else np.asarray(centroids, dtype=np.float64)[label]
        to_centroid[members] = np.linalg.norm(part - centre, axis=1)
        if members.size > neighbour:
            density[members] = other_neighbours(part, neighbour)[0][:, -1]
    alone = np.isinf(nearest.distance)
    names = {
        "centroid_distance": (to_centroid, "distance to the class centroid"),
        "neighbour_distance": (
            np.where(alone, np.nan, nearest.distance),
            "distance to the nearest of its class",
        ),
        "density_distance": (density, f"distance to number {neighbour} of its class"),
        "twin": (nearest.twins(share).astype(np.int64), "has a twin"),
    }
    return xr.Dataset(
        {name: ("image", values, {"long_name": text}) for name, (values, text) in names.items()}
    )


def concordance(copy_times: ArrayLike, predictor: ArrayLike, strata: ArrayLike | None = None) -> Floats:
    """Probability (...,) that of two images the one with the larger ``predictor`` is copied later, ties counting half.

    Harrell's index for censored times: over all pairs with different copy times of which the earlier was seen. .5 is
    no association, 1 perfect order, 0 the reverse. ``predictor`` (..., images) broadcasts against ``copy_times``; with
    ``strata`` (images,) only pairs of one stratum count, so that a difference between classes does not pass for one
    between images. NaN where no pair can be compared or a predictor is missing.

    >>> float(concordance([1.0, 2.0, np.inf, np.inf], [0.1, 0.2, 0.3, 0.4]))
    1.0
    """
    times, values = np.broadcast_arrays(_checked(copy_times), np.asarray(predictor, dtype=np.float64))
    images = times.shape[-1]
    groups = np.zeros(images, dtype=np.int64) if strata is None else np.asarray(strata)
    if groups.shape != (images,):
        raise ValueError(f"strata: shape {groups.shape} given, allowed is ({images},)")
    same = groups[:, None] == groups
    flat_times, flat_values = times.reshape(-1, images), values.reshape(-1, images)
    agreeing, pairs = np.zeros(len(flat_times)), np.zeros(len(flat_times))
    rows = max(1, _BLOCK // max(1, flat_times.size))
    for start in range(0, images, rows):
        part = slice(start, start + rows)
        earlier = (flat_times[:, part, None] < flat_times[:, None]) & same[part]
        above = np.sign(flat_values[:, None] - flat_values[:, part, None])
        agreeing += (earlier * (1 + above)).sum(axis=(1, 2)) / 2
        pairs += earlier.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (agreeing / pairs).reshape(times.shape[:-1])


def log_rank(copy_times: ArrayLike, group: ArrayLike, strata: ArrayLike | None = None) -> Floats:
    """Log-rank statistic z (...,): positive where images of ``group`` (images,) true are copied earlier.

    Copies seen in the group minus those expected if hazards were equal, over the standard deviation
    (hypergeometric), summed over times and ``strata`` (images,); about N(0, 1) without a difference. NaN where nothing
    can be compared.

    >>> float(log_rank([1.0, 2.0, 3.0, 4.0], [True, True, False, False]).round(3))
    1.698
    """
    times = _checked(copy_times)
    images = times.shape[-1]
    inside = np.asarray(group, dtype=bool)
    groups = np.zeros(images, dtype=np.int64) if strata is None else np.asarray(strata)
    if inside.shape != (images,) or groups.shape != (images,):
        raise ValueError(
            f"group, strata: shapes {inside.shape}, {groups.shape} given; allowed is ({images},)"
        )
    flat = times.reshape(-1, images)
    moments = np.unique(flat[np.isfinite(flat)])
    surplus, variance = np.zeros(len(flat)), np.zeros(len(flat))
    for stratum in np.unique(groups):
        part, members = flat[:, groups == stratum], inside[groups == stratum]
        for moment in moments:
            at_risk, copied = part >= moment, part == moment
            risk, events = at_risk.sum(axis=1), copied.sum(axis=1)
            share = np.divide((at_risk & members).sum(axis=1), risk, out=np.zeros(len(flat)), where=risk > 0)
            surplus += (copied & members).sum(axis=1) - events * share
            left = np.divide(risk - events, risk - 1, out=np.zeros(len(flat)), where=risk > 1)
            variance += events * share * (1 - share) * left
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(variance > 0, surplus / np.sqrt(variance), np.nan).reshape(times.shape[:-1])


@dataclass(frozen=True, eq=False)
class Association:
    """How a predictor orders copy times: its concordance in each run, and over runs."""

    concordance: Floats
    """(runs,)."""
    mean: float
    lower: float
    upper: float
    p_value: float
    """Sign-flip test over runs that the concordance is .5 (`statistics.sign_flip_test`)."""


def association(
    copy_times: ArrayLike,
    predictor: ArrayLike,
    strata: ArrayLike | None = None,
    *,
    generator: np.random.Generator,
    confidence: float = 0.95,
) -> Association:
    """`concordance` of each run of ``copy_times`` (runs, images) with a bootstrap interval over runs.

    ``predictor`` (images,), or (runs, images) where every run drew its own images. Runs in which nothing can be
    compared make all of it NaN.
    """
    times = _checked(copy_times)
    if times.ndim != 2:
        raise ValueError(f"copy_times: shape {times.shape} given, allowed is (runs, images)")
    found = concordance(times, predictor, strata)
    lower, upper = bootstrap_interval(found, generator=generator, confidence=confidence)
    p_value = sign_flip_test(found - 0.5, generator=generator)
    return Association(found, float(found.mean()), lower, upper, p_value)


def _checked(copy_times: ArrayLike) -> Floats:
    times = np.asarray(copy_times, dtype=np.float64)
    if times.ndim == 0 or np.isnan(times).any() or (times < 0).any():
        raise ValueError(
            f"copy_times: shape {times.shape} given; allowed are times >= 0, inf where never copied"
        )
    return times
