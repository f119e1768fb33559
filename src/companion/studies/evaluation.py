"""Evaluation of samples that exist already: copies, their null rate, classes, coverage, Fréchet distance.

Arrays are (n, d): generated samples and the training images of the same run, in the same units.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.attribution import fit_attribution
from companion.analysis.frechet import FeatureSpace, class_frechet, finite_size_floor, frechet_distance
from companion.analysis.memorisation import (
    copy_counts,
    coverage,
    distance_ratio,
    memorised_counts,
    memorised_rate,
    null_rate,
)
from companion.analysis.statistics import wilson_band
from companion.analysis.twins import class_neighbours, other_neighbours
from companion.compute.seeds import generator
from companion.store.durable import stored

#: Images of which a null rate by leave-one-out is taken; more would not narrow its interval to the eye.
NULL_IMAGES = 10_000

# Folds of the discriminant, and so the fewest images of a class for it.
_FOLDS = 5
_BINS = 50
_DIMENSION = 20
_MOST_COPIED = 10
_SHOWN = 12


def neighbour_search(
    samples: NDArray,
    train: NDArray,
    held_out: NDArray | None = None,
    *,
    null_images: int = NULL_IMAGES,
    seed: int = 0,
) -> xr.Dataset:
    """The two nearest training images of every sample, and of real images for the null rate; exact.

    ``distance`` and ``index`` (sample, neighbour), ``null_distance`` (null, neighbour): of ``held_out`` images to the
    training set, or of each training image to the others (of ``null_images`` drawn by ``seed``, where there are more).
    Not stored: it uses all threads, and its numbers do not depend on them.
    """
    from companion.analysis.neighbours import Reference, nearest_neighbours

    distances, indices = nearest_neighbours(samples, Reference(train), 2)
    if held_out is not None:
        null = nearest_neighbours(held_out, train, 2)[0]
    elif len(train) < 3:
        null = np.empty((0, 2))
    else:
        rows = np.arange(len(train))
        if rows.size > null_images:
            rows = np.sort(generator(seed, "evaluation", "null").choice(rows, null_images, replace=False))
        null = other_neighbours(train, 2, rows=rows)[0]
    return xr.Dataset(
        {
            "distance": (("sample", "neighbour"), distances),
            "index": (("sample", "neighbour"), indices),
            "null_distance": (("null", "neighbour"), null),
        }
    )


@stored(work=lambda samples, train, **_: len(samples) * len(train) * train.shape[1])
def evaluation(
    found: xr.Dataset,
    samples: NDArray,
    train: NDArray,
    labels: NDArray | None,
    threshold: float,
    picture: Sequence[int] | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Everything that `neighbour_search` ``found``, judged at ``threshold``; ``labels`` (n,) are whole numbers.

    By sample: ``ratio``, ``nearest``. By threshold: ``memorised`` and ``null`` with ``_lower`` and ``_upper`` (Wilson).
    By bin of d1/d2: ``generated_density``, ``null_density``. By class (``label``), where labels are given: samples,
    copies and images hit, by the nearest image and, where every class has five images, by the linear discriminant.
    ``copied_image`` and ``copies`` by rank. With ``picture`` (height, width): ``shown_sample``, ``shown_nearest``.
    Scalars: rates at the threshold, coverage, Fréchet distance to the training set and its finite-size floor.
    """
    ratio = distance_ratio(found.distance.values)
    null_ratio = distance_ratio(found.null_distance.values)
    nearest = found["index"].values[:, 0]
    parts = [
        _sample_table(found, ratio),
        _swept(ratio, null_ratio, threshold),
        _histograms(ratio, null_ratio),
        _rates(found, ratio, nearest, len(train), threshold),
        _most_copied(ratio, nearest, len(train), threshold),
    ]
    space = FeatureSpace.fit(train, min(_DIMENSION, train.shape[1], len(train) - 1))
    features, reference = space.features(samples), space.features(train)
    parts.append(_distances(features, reference, space, seed))
    if labels is not None:
        parts.append(_classes(samples, train, labels, ratio, nearest, features, reference, threshold))
    if picture is not None:
        parts.append(_pictures(samples, train, ratio, nearest, tuple(picture)))
    return xr.merge(parts, join="exact", compat="no_conflicts").assign_attrs(threshold=threshold)


def _sample_table(found: xr.Dataset, ratio: NDArray) -> xr.Dataset:
    columns = {
        "ratio": (ratio, "$d_1/d_2$"),
        "first_distance": (found.distance.values[:, 0], "$d_1$"),
        "second_distance": (found.distance.values[:, 1], "$d_2$"),
        "nearest": (found["index"].values[:, 0], "nearest training image"),
        "second_nearest": (found["index"].values[:, 1], "second nearest training image"),
    }
    return xr.Dataset(
        {name: ("sample", values, {"long_name": text}) for name, (values, text) in columns.items()}
    )


def _swept(ratio: NDArray, null_ratio: NDArray, threshold: float) -> xr.Dataset:
    levels = np.union1d(np.arange(1, 51) / 50, [threshold])
    variables: dict[str, Any] = {}
    for name, values, text in (
        ("memorised", ratio, "memorised fraction of samples"),
        ("null", null_ratio, "null rate"),
    ):
        hits = np.searchsorted(np.sort(values), levels, side="left")
        lower, upper = wilson_band(hits, values.size)
        share = hits / values.size if values.size else np.full(levels.size, np.nan)
        variables[name] = ("threshold", share, {"long_name": text})
        variables |= {f"{name}_lower": ("threshold", lower), f"{name}_upper": ("threshold", upper)}
    return xr.Dataset(variables, {"threshold": ("threshold", levels, {"long_name": r"threshold $\kappa$"})})


def _histograms(ratio: NDArray, null_ratio: NDArray) -> xr.Dataset:
    edges = np.linspace(0, 1, _BINS + 1)
    variables = {}
    for name, values in (("generated_density", ratio), ("null_density", null_ratio)):
        counts = np.histogram(values, edges)[0]
        density = counts * _BINS / values.size if values.size else np.full(_BINS, np.nan)
        variables[name] = ("bin", density, {"long_name": "density"})
    return xr.Dataset(variables, {"bin": ("bin", (edges[1:] + edges[:-1]) / 2, {"long_name": "$d_1/d_2$"})})


def _rates(found: xr.Dataset, ratio: NDArray, nearest: NDArray, images: int, threshold: float) -> xr.Dataset:
    memorised = memorised_rate(found.distance.values, threshold)
    null = null_rate(found.null_distance.values, threshold)
    return xr.Dataset(
        {
            "memorised_fraction": memorised.value,
            "memorised_fraction_lower": memorised.lower,
            "memorised_fraction_upper": memorised.upper,
            "memorised_samples": memorised.hits,
            "samples": memorised.trials,
            "null_rate": null.value,
            "null_rate_lower": null.lower,
            "null_rate_upper": null.upper,
            "null_samples": null.hits,
            "null_trials": null.trials,
            "training_images": images,
            "images_hit": np.count_nonzero(copy_counts(ratio, nearest, images, threshold)),
            "median_ratio": float(np.median(ratio)),
        }
    )


def _most_copied(ratio: NDArray, nearest: NDArray, images: int, threshold: float) -> xr.Dataset:
    counts = copy_counts(ratio, nearest, images, threshold)
    order = np.argsort(-counts, kind="stable")[:_MOST_COPIED]
    return xr.Dataset(
        {
            "copied_image": ("rank", order, {"long_name": "training image"}),
            "copies": ("rank", counts[order], {"long_name": "samples that copy it"}),
        }
    )


def _distances(features: NDArray, reference: NDArray, space: FeatureSpace, seed: int) -> xr.Dataset:
    size = min(len(features), len(reference) // 2)
    floor = np.nan
    if size >= 2:
        draws = generator(seed, "evaluation", "floor")
        floor = float(finite_size_floor(reference, size, generator=draws).mean())
    return xr.Dataset(
        {
            "frechet": float(frechet_distance(features, reference)),
            "frechet_floor": floor,
            "frechet_floor_size": size,
            "frechet_dimension": space.axes.shape[0],
            "frechet_explained": space.explained,
        }
    )


def _classes(
    samples: NDArray,
    train: NDArray,
    labels: NDArray,
    ratio: NDArray,
    nearest: NDArray,
    features: NDArray,
    reference: NDArray,
    threshold: float,
) -> xr.Dataset:
    names, own, images = np.unique(labels, return_inverse=True, return_counts=True)
    size, nearest_class = names.size, own[nearest]
    by_nearest = memorised_counts(ratio, nearest_class, nearest_class, size, threshold)
    hit = coverage(ratio, nearest, own, size, threshold)
    variables: dict[str, Any] = {
        "class_images": ("label", images, {"long_name": "training images"}),
        "class_images_hit": ("label", hit, {"long_name": "training images copied"}),
        "class_twins": (
            "label",
            np.bincount(own, class_neighbours(train, own).twins(), size).astype(np.int64),
        ),
        "class_frechet_by_nearest": ("label", class_frechet(features, nearest_class, reference, own, size)),
        **_counted("by_nearest", by_nearest),
    }
    if size > 1 and images.min() >= _FOLDS:
        fitted = fit_attribution(train, own, folds=_FOLDS)
        told = fitted.classes(samples)
        counts = memorised_counts(ratio, nearest_class, told, size, threshold)
        variables |= _counted("by_discriminant", counts) | {
            "class_frechet_by_discriminant": ("label", class_frechet(features, told, reference, own, size)),
            "discriminant_accuracy": (
                "label",
                fitted.class_accuracy,
                {"long_name": "accuracy, cross-validated"},
            ),
            "discriminant_temperature": fitted.temperature,
            "undecided": float(counts.undecided),
            "disagreement": float(counts.disagreement),
            "sample_class": (
                "sample",
                np.where(told < 0, -1, told),
                {"long_name": "place of the class, -1 undecided"},
            ),
        }
    variables["nearest_class"] = ("sample", nearest_class, {"long_name": "place of the class of the nearest"})
    return xr.Dataset(variables, {"label": ("label", names, {"long_name": "class"})})


def _counted(rule: str, counts: Any) -> dict[str, Any]:
    lower, upper = counts.band()
    return {
        f"class_samples_{rule}": ("label", counts.classified, {"long_name": "samples"}),
        f"class_memorised_{rule}": ("label", counts.memorised, {"long_name": "memorised samples"}),
        f"class_fraction_{rule}": ("label", counts.fraction, {"long_name": "memorised fraction"}),
        f"class_fraction_{rule}_lower": ("label", lower),
        f"class_fraction_{rule}_upper": ("label", upper),
    }


def _pictures(
    samples: NDArray, train: NDArray, ratio: NDArray, nearest: NDArray, picture: tuple[int, ...]
) -> xr.Dataset:
    """Samples at evenly spaced ranks of d1/d2, the smallest first, and their nearest training images."""
    ranks = np.linspace(0, ratio.size - 1, min(_SHOWN, ratio.size)).round().astype(int)
    chosen = np.argsort(ratio, kind="stable")[ranks]
    dims = ("shown", "row", "column")
    return xr.Dataset(
        {
            "shown_index": ("shown", chosen, {"long_name": "sample"}),
            "shown_ratio": ("shown", ratio[chosen], {"long_name": "$d_1/d_2$"}),
            "shown_sample": (dims, samples[chosen].astype(np.float64).reshape(-1, *picture)),
            "shown_nearest": (dims, train[nearest[chosen]].astype(np.float64).reshape(-1, *picture)),
        }
    )
