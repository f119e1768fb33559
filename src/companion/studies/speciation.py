"""Stored experiments on speciation with the exact score of Gaussian classes (arXiv:2402.18491, 2605.06367).

Classes have deviation 1 and orthogonal centroids of norm √d unless something else is said; of three, two share
what the minority leaves. A draw is a fresh set of noised points.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.theory.attribution import Attribution
from companion.theory.backward_diffusion import clone_attribution
from companion.theory.class_posterior import GaussianClasses
from companion.theory.speciation import speciation_times
from companion.theory.speciation_closed_forms import means_time, variances_time

ROLES = ("majority", "minority")
TIME = {"long_name": "diffusion time $t$"}
SPECIATION_TIME = {"long_name": "speciation time $t_S$"}
WEIGHT = {"long_name": r"weight $\pi_{\min}$ of the minority"}
#: Points for each class behind the curves that are drawn as lines, 4096 of them being good to 1e-3.
LINE_SAMPLES = 2**14


def orthogonal_centroids(classes: int, dimension: int) -> np.ndarray:
    """μ_c = √d e_c, (classes, d)."""
    return np.sqrt(dimension) * np.eye(classes, dimension)


def two_majorities(minority: float) -> tuple[float, float, float]:
    """Weights of two equal classes and a minority."""
    return (1 - minority) / 2, (1 - minority) / 2, minority


def by_role(values: np.ndarray) -> np.ndarray:
    """Mean over the two majorities beside the minority, (..., 2) from (..., 3)."""
    return np.stack([values[..., :2].mean(axis=-1), values[..., 2]], axis=-1)


@stored(
    work=lambda minority_weights, dimension, clones, draws, starts, steps, **_: (
        len(minority_weights) * (draws * clones * starts * steps * 3 + 150 * 2**14) * (30 + dimension)
    ),
)
def attribution_curves(
    minority_weights: Sequence[float],
    dimension: int,
    clones: int,
    draws: int,
    seed: int,
    *,
    latest: float = 3.0,
    starts: int = 9,
    steps: int = 48,
) -> xr.Dataset:
    """C_c(t) of two majorities and a minority: from the posterior, and by clones of the backward process.

    ``curve`` (weight, time, role) is exact up to sampling at 1e-3; ``ended`` (weight, start, role, draw) is the
    share of ``clones`` for each class that end in the class of the noised point that they start from.
    """
    times = np.linspace(0.02, latest, 150)
    begin = np.linspace(0.25, latest, starts)
    grid = np.unique(np.concatenate([begin, np.geomspace(1e-3, latest, steps)]))[::-1]
    indices = [int(np.flatnonzero(grid == time)[0]) for time in begin[::-1]]
    centroids = orthogonal_centroids(3, dimension)
    curves = np.empty((len(minority_weights), times.size, 2))
    ended = np.empty((len(minority_weights), starts, 2, draws))
    for place, weight in enumerate(minority_weights):
        classes = GaussianClasses(np.array(two_majorities(weight)), np.ones(3), centroids)
        attribution = Attribution(classes, generator(seed, "curves", place), LINE_SAMPLES)
        curves[place] = by_role(attribution.curves(times, balanced=True))
        for draw in range(draws):
            noise = generator(seed, "clones", place, draw)
            _, labels = clone_attribution(classes.score, classes, indices, grid, clones, noise)
            own = (labels == np.arange(3)[:, None]).mean(axis=2)
            ended[place, ..., draw] = by_role(own)[::-1]
    return xr.Dataset(
        {
            "curve": (
                ("curve_weight", "time", "role"),
                curves,
                {"long_name": "attribution $C_c(t)$"},
            ),
            "ended": (
                ("curve_weight", "start", "role", "draw"),
                ended,
                {"long_name": "share of clones that end in their class"},
            ),
        },
        coords={
            "curve_weight": ("curve_weight", list(minority_weights), WEIGHT),
            "time": ("time", times, TIME),
            "start": ("start", begin, TIME),
            "role": list(ROLES),
        },
        attrs={"dimension": dimension, "clones": clones, "root_seed": seed},
    )


@stored(
    work=lambda minority_weights, dimension, samples, draws, **_: (
        len(minority_weights) * draws * samples * 4 + 22 * 2**13
    ),
)
def times_against_weight(
    minority_weights: Sequence[float],
    dimension: int,
    samples: int,
    draws: int,
    seed: int,
    *,
    line_points: int = 22,
) -> xr.Dataset:
    """Speciation times against the weight of a minority, for two classes and for three.

    ``three`` (weight, label, draw): normalised times of two majorities and the minority; ``turned`` the same for
    Gaussian centroids drawn anew each time. ``two_absolute`` (weight, draw): the minority's absolute time beside one
    class; ``two_normalised`` (weight, class_of_two, draw): both normalised times, each from its own points without
    detailed balance imposed. Lines: ``three_line`` (line_weight, role), ``closed_absolute`` and ``closed_normalised``
    (closed_weight,); ``closed`` (weight,) is the closed form of the absolute time.
    """
    weights = np.array(minority_weights)
    three, turned = (np.empty((weights.size, 3, draws)) for _ in range(2))
    absolute, normalised = np.empty((weights.size, draws)), np.empty((weights.size, 2, draws))
    centroids, ones = orthogonal_centroids(3, dimension), np.ones(3)
    distance = 2.0 * dimension
    for place, weight in enumerate(weights):
        shares, pair = two_majorities(weight), (1 - weight, weight)
        for draw in range(draws):
            noise = generator(seed, "times", place, draw)
            options = {"generator": noise, "samples": samples}
            three[place, :, draw] = speciation_times(shares, ones, centroids, "normalised", **options)
            absolute[place, draw] = speciation_times(pair, ones[:2], centroids[:2], **options)[1]
            normalised[place, :, draw] = speciation_times(
                pair, ones[:2], centroids[:2], "normalised", balanced=False, **options
            )
            drawn = noise.standard_normal((3, dimension))
            turned[place, :, draw] = speciation_times(shares, ones, drawn, "normalised", **options)
    line = np.geomspace(weights.min(), min(weights.max(), 0.49), line_points)
    fixed = generator(seed, "line")
    rows = [
        by_role(
            speciation_times(
                two_majorities(weight),
                ones,
                centroids,
                "normalised",
                generator=fixed,
                samples=LINE_SAMPLES // 2,
            )
        )
        for weight in line
    ]
    dense = np.geomspace(weights.min(), min(1.2 * weights.max(), 0.49), 100)
    closed = {
        name: np.array([float(means_time(distance, weight, name)) for weight in dense])
        for name in ("absolute", "normalised")
    }
    return xr.Dataset(
        {
            "three": (("weight", "label", "draw"), three, SPECIATION_TIME),
            "turned": (("weight", "label", "draw"), turned, SPECIATION_TIME),
            "two_absolute": (("weight", "draw"), absolute, SPECIATION_TIME),
            "two_normalised": (("weight", "class_of_two", "draw"), normalised, SPECIATION_TIME),
            "closed": (
                "weight",
                [float(means_time(distance, weight, "absolute")) for weight in weights],
                SPECIATION_TIME,
            ),
            "three_line": (("line_weight", "role"), np.array(rows), SPECIATION_TIME),
            "closed_absolute": ("closed_weight", closed["absolute"], SPECIATION_TIME),
            "closed_normalised": ("closed_weight", closed["normalised"], SPECIATION_TIME),
        },
        coords={
            "weight": ("weight", weights, WEIGHT),
            "line_weight": ("line_weight", line, WEIGHT),
            "closed_weight": ("closed_weight", dense, WEIGHT),
            "role": list(ROLES),
            "class_of_two": list(ROLES),
        },
        attrs={"dimension": dimension, "samples": samples, "root_seed": seed},
    )


@stored(work=lambda dimensions, samples, draws, **_: len(dimensions) * samples * draws)
def growth_with_dimension(
    dimensions: Sequence[int], deviations: Sequence[float], samples: int, draws: int, seed: int
) -> xr.Dataset:
    """Normalised times of two balanced classes that differ in means or in ``deviations`` alone, and their laws.

    ``measured`` (difference, dimension, draw) and ``law`` (difference, dimension), the large-d closed forms.
    """
    half, measured = (0.5, 0.5), np.empty((2, len(dimensions), draws))
    for place, dimension in enumerate(dimensions):
        centroids = orthogonal_centroids(2, dimension)
        for draw in range(draws):
            options = {"generator": generator(seed, "growth", dimension, draw), "samples": samples}
            settings = ((np.ones(2), centroids), (deviations, 0 * centroids))
            for row, (widths, places) in enumerate(settings):
                measured[row, place, draw] = speciation_times(half, widths, places, "normalised", **options)[
                    0
                ]
    laws = [means_time(2.0 * np.array(dimensions)), variances_time(dimensions, deviations)]
    return xr.Dataset(
        {
            "measured": (("difference", "dimension", "draw"), measured, SPECIATION_TIME),
            "law": (("difference", "dimension"), np.stack(laws), SPECIATION_TIME),
        },
        coords={
            "difference": ["means", "variances"],
            "dimension": ("dimension", list(dimensions), {"long_name": "dimension $d$"}),
        },
        attrs={"deviations": [float(sigma) for sigma in deviations], "root_seed": seed},
    )


@stored(calls="body")
def overview(
    curve_weights: Sequence[float],
    minority_weights: Sequence[float],
    dimension: int,
    dimensions: Sequence[int],
    deviations: Sequence[float],
    samples: int,
    clones: int,
    draws: int,
    seed: int,
) -> xr.Dataset:
    """The three experiments of this module in one dataset, as the figure shows them."""
    parts = [
        attribution_curves(curve_weights, dimension, clones, draws, seed),
        times_against_weight(minority_weights, dimension, samples, draws, seed),
        growth_with_dimension(dimensions, deviations, samples, draws, seed).rename(
            dimension="growth_dimension"
        ),
    ]
    merged = xr.merge(parts, join="exact", compat="equals", combine_attrs="drop_conflicts")
    attributes = {"dimension": dimension, "samples": samples, "clones": clones, "root_seed": seed}
    merged.attrs = attributes | {"deviations": [float(sigma) for sigma in deviations]}
    return merged
