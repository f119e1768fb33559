"""Stored data side of memorisation: when each training image is first copied, and what predicts it.

From the samples of the finished runs alone: at every checkpoint the nearest training image and d_1/d_2 of each sample.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.image_survival import (
    association,
    class_survival,
    image_predictors,
    survival_curves,
)
from companion.analysis.memorisation import distance_ratio, first_copies
from companion.compute.seeds import generator
from companion.datasets.fashion_mnist import load
from companion.store.durable import stored
from companion.studies.unet_memorisation import name_of, pair_setting
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.studies.unet_runs import by_setting, run_name, trained

Floats = NDArray[np.float64]

#: What may predict when an image is copied; the first between classes, the others among images of one class.
PREDICTORS = ("label", "centroid_distance", "neighbour_distance", "density_distance", "twin")
CLASSES = 2


@stored(
    device=True,
    calls="body",
)
def copy_survival(
    pairs: Sequence[Sequence[str]],
    count: int,
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
    centring: str = "pair",
) -> xr.Dataset:
    """First copies of the training images of balanced ``pairs``, dims ``pair``, ``replicate``, ``image``.

    ``copy_time``: first checkpoint at which a sample copies the image, inf where none did (censored at the last one),
    NaN for a run that stopped; ``image_label`` (image,). ``survival`` (pair, replicate, label, step): share not copied
    yet; ``pooled``, ``pooled_low``, ``pooled_high`` (pair, label, step): Kaplan-Meier over the images of all
    replicates. Of each image `image_predictors`; of each of `PREDICTORS` the ``concordance`` (pair, replicate,
    predictor) with copy times, .5 for no association and above where larger is later, its ``concordance_mean``, ends
    ``concordance_low``, ``concordance_high`` of an interval over replicates, and ``p_value`` (pair, predictor); NaN
    where the predictor is the same for all images, such as the flag of a twin where there is none.
    """
    settings = [pair_setting(pair, (count, count), centring=centring) for pair in pairs]
    runs = trained(settings, recipe, replicates, seed, block=block)
    steps = runs.step.values.astype(float)
    labels = np.repeat(np.arange(CLASSES), count)
    times = _copy_times(runs, labels.size)
    found = by_setting(
        xr.Dataset(
            {
                "copy_time": (
                    ("condition", "image"),
                    times,
                    {"long_name": r"first copy, training steps $\tau$"},
                ),
                "survival": (
                    ("condition", "label", "step"),
                    _survival(times, labels, steps),
                    {"long_name": "share of images not copied yet"},
                ),
            },
            coords={"step": runs.step},
        ),
        "pair",
        replicates,
        pair=[name_of(pair) for pair in pairs],
    )
    predictors = _predictors(settings, recipe, replicates, seed)
    return (
        found.assign(
            predictors
            | _pooled(found.copy_time.values, labels, steps)
            | _associations(found.copy_time.values, labels, predictors, seed)
        )
        .assign_coords(
            image_label=("image", labels),
            predictor=list(PREDICTORS),
            class_name=(("pair", "label"), [list(pair) for pair in pairs]),
        )
        .assign_attrs(root_seed=seed)
    )


def _copy_times(runs: xr.Dataset, images: int) -> Floats:
    """First copy of each image, (condition, images); NaN in a run that stopped, whose samples are missing."""
    ranked = ("condition", "step", "sample", "neighbour_rank")
    distances = runs.distance.transpose(*ranked).values
    nearest = runs.neighbour.transpose(*ranked).values[..., 0]
    whole = np.isfinite(distances).all(axis=(1, 2, 3))
    times = np.full((len(distances), images), np.nan)
    steps = runs.step.values.astype(float)
    times[whole] = first_copies(distance_ratio(distances[whole]), nearest[whole], steps, images)
    return times


def _survival(times: Floats, labels: NDArray[np.int64], steps: Floats) -> Floats:
    whole = np.isfinite(times).any(axis=1) | np.isinf(times).any(axis=1)
    shares = np.full((len(times), CLASSES, steps.size), np.nan)
    shares[whole] = survival_curves(times[whole], labels, CLASSES, steps)
    return shares


def _predictors(
    settings: Sequence[ImageSetting], recipe: Recipe, replicates: int, seed: int
) -> dict[str, Any]:
    data = load(recipe.data)
    tables = []
    for setting in settings:
        for replicate in range(replicates):
            pair = setting.draw(data, recipe.side, run_name(setting, replicate, seed))
            tables.append(image_predictors(pair.train, pair.train_labels, centroids=pair.centroids))
    shape = (len(settings), replicates, tables[0].sizes["image"])
    return {
        str(name): (
            ("pair", "replicate", "image"),
            np.stack([table[name].values for table in tables]).reshape(shape),
            values.attrs,
        )
        for name, values in tables[0].data_vars.items()
    }


def _pooled(times: Floats, labels: NDArray[np.int64], steps: Floats) -> dict[str, Any]:
    """Kaplan-Meier curves of all replicates of a pair together, at the checkpoints."""
    ends = np.full((3, len(times), CLASSES, steps.size), np.nan)
    for place, own in enumerate(times):
        whole = own[~np.isnan(own).any(axis=1)]
        if not len(whole):
            continue
        for label, curve in class_survival(whole, labels, float(steps[-1])).items():
            last = np.searchsorted(curve.times, steps, side="right")
            blank = (curve.probability == 1) | (curve.probability == 0)  # there an interval says nothing
            lower, upper = (np.where(blank, np.nan, values) for values in (curve.lower, curve.upper))
            for row, values in enumerate((curve.probability, lower, upper)):
                ends[row, place, label] = np.concatenate(([1.0 if row == 0 else np.nan], values))[last]
    dims = ("pair", "label", "step")
    text = {"long_name": "share of images not copied yet"}
    return {
        name: (dims, values, text)
        for name, values in zip(("pooled", "pooled_low", "pooled_high"), ends, strict=True)
    }


def _associations(times: Floats, labels: NDArray[np.int64], predictors: dict, seed: int) -> dict[str, Any]:
    shape = (len(times), len(PREDICTORS))
    each = np.full((len(times), times.shape[1], len(PREDICTORS)), np.nan)
    mean, low, high, p_value = np.full((4, *shape), np.nan)
    for place, own in enumerate(times):
        for column, name in enumerate(PREDICTORS):
            between = name == "label"
            values = np.broadcast_to(labels, own.shape) if between else predictors[name][1][place]
            # A run without any copy orders nothing.
            whole = ~np.isnan(own).any(axis=1) & np.isfinite(own).any(axis=1)
            told = whole & _varies(values, None if between else labels)
            if not told.any():
                continue
            found = association(
                own[told],
                values[told],
                None if between else labels,
                generator=generator(seed, "copy survival", place, name),
            )
            each[place, told, column] = found.concordance
            mean[place, column], p_value[place, column] = found.mean, found.p_value
            low[place, column], high[place, column] = found.lower, found.upper
    by_pair = ("pair", "predictor")
    return {
        "concordance": (
            ("pair", "replicate", "predictor"),
            each,
            {"long_name": "concordance with copy time"},
        ),
        "concordance_mean": (by_pair, mean, {"long_name": "concordance with copy time"}),
        "concordance_low": (by_pair, low),
        "concordance_high": (by_pair, high),
        "p_value": (by_pair, p_value, {"long_name": "p-value over replicates"}),
    }


def _varies(values: NDArray[Any], strata: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """Whether ``values`` (runs, images) are all known and differ within a stratum: a constant predicts nothing."""
    groups = np.zeros(values.shape[1], dtype=np.int64) if strata is None else strata
    spread = [np.ptp(values[:, groups == group], axis=1) > 0 for group in np.unique(groups)]
    return np.any(spread, axis=0) & np.isfinite(values).all(axis=1)
