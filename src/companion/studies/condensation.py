"""Stored experiments on copying with the exact empirical score (arXiv:2402.18491, 2408.05807).

A noised training point returns to its origin with the mean weight of this origin. A draw is a training set with its
queries: noised training points, as the backward process visits them.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored
from companion.studies.speciation import TIME, orthogonal_centroids
from companion.theory.attribution import Attribution
from companion.theory.class_posterior import GaussianClasses
from companion.theory.condensation import (
    class_collapse_times,
    collapse_time,
    entropy_density,
    half_return_time,
    return_probability,
)
from companion.theory.empirical_score import copying
from companion.theory.speciation import sampled_crossing

RETURN = {"long_name": "mean weight of the origin"}
COLLAPSE = {"long_name": "condensation time $t_C$"}


@stored(
    work=lambda conditions, deviations, times, queries, **_: sum(
        len(deviations) ** 2 * each["count"] * queries * (len(times) + each["dimension"] / 8)
        for each in conditions
    ),
)
def copying_block(
    conditions: Sequence[Condition],
    deviations: Sequence[float],
    times: Sequence[float],
    queries: int,
    centroid_norm: float,
    seed: int,
) -> xr.Dataset:
    """Means over ``queries`` for each class, one row for each condition (``dimension``, ``count``, ``draw``).

    Classes have ``count`` points each, ``deviations`` and orthogonal centroids of norm ``centroid_norm`` √d. Variables
    ``own``, ``participation``, ``entropy``, ``class_weight`` (condition, label, time).
    """
    found = np.empty((4, len(conditions), len(deviations), len(times)))
    widths = np.array(deviations)
    for row, condition in enumerate(conditions):
        dimension, count = condition["dimension"], condition["count"]
        noise = generator(seed, "copying", dimension, count, condition["draw"])
        labels = np.repeat(np.arange(widths.size), count)
        points = widths[labels][:, None] * noise.standard_normal((labels.size, dimension))
        points += centroid_norm * orthogonal_centroids(widths.size, dimension)[labels]
        for label in range(widths.size):
            origins = np.flatnonzero(labels == label)[noise.integers(count, size=queries)]
            weights = copying(points, labels, origins, noise.standard_normal((queries, dimension)), times)
            means = (weights.own, weights.participation, weights.entropy, weights.class_weight)
            found[:, row, label] = [values.mean(axis=1) for values in means]
    names = ("own", "participation", "entropy", "class_weight")
    return xr.Dataset(
        {name: (("condition", "label", "time"), values) for name, values in zip(names, found, strict=True)}
    )


def _copying(dimension: int, count: int, draws: int, **common) -> xr.Dataset:
    """`copying_block` over draws, (draw, label, time)."""
    conditions = [{"dimension": dimension, "count": count, "draw": draw} for draw in range(draws)]
    # About a second of exponentials in a block.
    size = len(common["deviations"]) ** 2 * count * common["queries"] * len(common["times"])
    block = int(np.clip(1e8 // size, 1, 64))
    found = sweep(copying_block, conditions, block=block, label=f"copies among {count}", **common)
    return found.drop_vars([name for name in found.coords if name != "time"]).rename(condition="draw")


@stored(
    work=lambda dimensions, large_dimensions, **_: len(dimensions) + len(large_dimensions),
    calls=lambda dimensions, rate, queries, draws, seed, moments, **_: [
        _copying(
            d,
            max(2, round(np.exp(rate * d))),
            draws,
            deviations=[1.0],
            times=(float(collapse_time(rate, 1.0)) * np.linspace(0.2, 3.0, moments)).tolist(),
            queries=queries,
            centroid_norm=0.0,
            seed=seed,
        )
        for d in dimensions
    ],
)
def sharpening(
    dimensions: Sequence[int],
    large_dimensions: Sequence[int],
    rate: float,
    queries: int,
    draws: int,
    seed: int,
    *,
    moments: int = 9,
) -> xr.Dataset:
    """One class of deviation 1 and n = e^{αd} points at α = ``rate``: the weights against t, ever sharper with d.

    ``own``, ``participation``, ``entropy_density`` (dimension, time, draw), the last over d; ``law`` (dimension,
    moment) exact at finite size and ``large_law`` (large_dimension, moment); ``limit_entropy`` (moment,) and the time
    ``limit`` for d -> ∞.
    """
    limit = float(collapse_time(rate, 1.0))
    times, line = limit * np.linspace(0.2, 3.0, moments), limit * np.linspace(0.1, 3.1, 41)
    counts = [max(2, round(np.exp(rate * dimension))) for dimension in dimensions]
    parts = [
        _copying(
            d, n, draws, deviations=[1.0], times=times.tolist(), queries=queries, centroid_norm=0.0, seed=seed
        ).isel(label=0)
        for d, n in zip(dimensions, counts, strict=True)
    ]

    def stacked(name: str) -> np.ndarray:
        return np.stack([part[name].transpose("time", "draw").values for part in parts])

    sizes = np.array(dimensions)[:, None, None]
    return xr.Dataset(
        {
            "own": (("dimension", "time", "draw"), stacked("own"), RETURN),
            "participation": (
                ("dimension", "time", "draw"),
                stacked("participation"),
                {"long_name": r"participation ratio $\sum w_\nu^2$"},
            ),
            "entropy_density": (
                ("dimension", "time", "draw"),
                stacked("entropy") / sizes,
                {"long_name": r"entropy of the weights$\,/\,d$"},
            ),
            "law": (
                ("dimension", "moment"),
                np.stack(
                    [
                        return_probability(line, np.log(n), d, 1.0)
                        for d, n in zip(dimensions, counts, strict=True)
                    ]
                ),
                RETURN,
            ),
            "large_law": (
                ("large_dimension", "moment"),
                np.stack([return_probability(line, rate * d, d, 1.0) for d in large_dimensions]),
                RETURN,
            ),
            "limit_entropy": ("moment", entropy_density(line, rate, 1.0)),
            "limit": ((), limit, COLLAPSE),
            "points": ("dimension", counts, {"long_name": "training points $n$"}),
        },
        coords={
            "dimension": ("dimension", list(dimensions), {"long_name": "dimension $d$"}),
            "large_dimension": list(large_dimensions),
            "time": ("time", times, TIME),
            "moment": ("moment", line, TIME),
        },
        attrs={"rate": rate, "root_seed": seed},
    )


@stored(
    work=lambda deviations, **_: len(deviations),
    calls=lambda dimension, counts, deviations, shown, queries, draws, seed, centroid_norm, moments, fine_moments: [
        _copying(
            dimension,
            count,
            draws,
            times=times.tolist(),
            deviations=list(deviations),
            queries=queries,
            centroid_norm=centroid_norm,
            seed=seed,
        )
        for count, times in (
            (shown, np.geomspace(0.01, 3.0, moments)),
            *(
                (count, np.geomspace(0.3 * middle.min(), 3.5 * middle.max(), fine_moments))
                for count in counts
                for middle in [
                    class_collapse_times([count] * len(deviations), np.array(deviations), dimension)
                ]
            ),
        )
    ],
)
def copied_classes(
    dimension: int,
    counts: Sequence[int],
    deviations: Sequence[float],
    shown: int,
    queries: int,
    draws: int,
    seed: int,
    *,
    centroid_norm: float = 2.0,
    moments: int = 13,
    fine_moments: int = 16,
) -> xr.Dataset:
    """Classes of several ``deviations`` and equal counts: when each is copied, and that it speciates before.

    Orthogonal centroids have norm ``centroid_norm`` √d.

    At ``shown`` points per class, ``own_class`` and ``class_weight`` (label, class_time, class_draw) with
    ``class_law``, ``class_curve`` (label, class_moment). For every count, ``half_time`` (label, count, class_draw),
    where the mean weight of the origin is one half, with ``half_law`` of finite size and ``collapse`` for d -> ∞
    (label, line_count).
    """
    widths, classes = np.array(deviations), len(deviations)
    common = {
        "deviations": list(deviations),
        "queries": queries,
        "centroid_norm": centroid_norm,
        "seed": seed,
    }
    times, line = np.geomspace(0.01, 3.0, moments), np.geomspace(0.008, 3.2, 60)
    one = _copying(dimension, shown, draws, times=times.tolist(), **common)
    centroids = centroid_norm * orthogonal_centroids(classes, dimension)
    mixture = GaussianClasses(np.full(classes, 1 / classes), widths, centroids)
    speciation = Attribution(mixture, generator(seed, "classes"), 2**14).curves(line)
    half = np.empty((classes, len(counts), draws))
    for place, count in enumerate(counts):
        middle = class_collapse_times([count] * classes, widths, dimension)
        fine = np.geomspace(0.3 * middle.min(), 3.5 * middle.max(), fine_moments)
        found = _copying(dimension, count, draws, times=fine.tolist(), **common).own.values
        half[:, place] = np.apply_along_axis(lambda curve, at=fine: sampled_crossing(at, curve), 2, found).T
    between = np.geomspace(min(counts), max(counts), 8)
    half_law = [[half_return_time(np.log(n), dimension, sigma, 1e-3) for n in between] for sigma in widths]
    return xr.Dataset(
        {
            "own_class": (("label", "class_time", "class_draw"), _arranged(one.own), RETURN),
            "class_weight": (
                ("label", "class_time", "class_draw"),
                _arranged(one.class_weight),
                {"long_name": "mean weight of the class"},
            ),
            "class_law": (
                ("label", "class_moment"),
                np.stack([return_probability(line, np.log(shown), dimension, sigma) for sigma in widths]),
                RETURN,
            ),
            "class_curve": (
                ("label", "class_moment"),
                speciation.T,
                {"long_name": "attribution $C_c(t)$"},
            ),
            "half_time": (("label", "count", "class_draw"), half, COLLAPSE),
            "half_law": (("label", "line_count"), np.array(half_law), COLLAPSE),
            "collapse": (
                ("label", "line_count"),
                collapse_time(np.log(between) / dimension, widths[:, None]),
                COLLAPSE,
            ),
        },
        coords={
            "label": np.arange(classes),
            "deviation": ("label", widths, {"long_name": r"standard deviation $\sigma_c$"}),
            "class_time": ("class_time", times, TIME),
            "class_moment": ("class_moment", line, TIME),
            "count": ("count", list(counts), {"long_name": "points of the class $n_c$"}),
            "line_count": ("line_count", between, {"long_name": "points of the class $n_c$"}),
        },
        attrs={"class_dimension": dimension, "shown": shown, "root_seed": seed},
    )


def _arranged(values: xr.DataArray) -> np.ndarray:
    return values.transpose("label", "time", "draw").values


@stored(calls="body")
def condensation(
    dimensions: Sequence[int],
    large_dimensions: Sequence[int],
    rate: float,
    class_dimension: int,
    counts: Sequence[int],
    deviations: Sequence[float],
    shown: int,
    queries: int,
    draws: int,
    seed: int,
) -> xr.Dataset:
    """`sharpening` and `copied_classes` in one dataset, as the figure shows them."""
    parts = [
        sharpening(dimensions, large_dimensions, rate, queries, draws, seed),
        copied_classes(class_dimension, counts, deviations, shown, queries, draws, seed),
    ]
    merged = xr.merge(parts, join="exact", compat="equals", combine_attrs="drop_conflicts")
    return merged
