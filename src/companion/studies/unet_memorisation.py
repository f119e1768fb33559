"""Stored experiments with U-Nets on pairs of classes: who is learned first, and who is copied first (arXiv:2605.06367).

A replicate is a training set with an initialisation; contrasts between settings share both.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.analysis.frechet import FeatureSpace, finite_size_floor
from companion.analysis.memorisation import THRESHOLD, distance_ratio
from companion.analysis.neighbours import nearest_neighbours
from companion.analysis.statistics import log_ratio
from companion.analysis.twins import twin_flags
from companion.datasets.fashion_mnist import load
from companion.datasets.image_pairs import ImagePair
from companion.store.durable import stored
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.studies.unet_runs import FEATURE_SPACE, by_setting, run_name, trained
from companion.studies.unet_summaries import clocks, curves, ratios, share_below
from companion.training.diffusion_draws import RunName


def name_of(pair: Sequence[str]) -> str:
    """A pair as figures write it.

    >>> name_of(("Bag", "Trouser"))
    'Bag / Trouser'
    """
    return " / ".join(pair)


def pair_setting(pair: Sequence[str], counts: Sequence[int], **fields: object) -> ImageSetting:
    """The setting of two natural classes with these counts."""
    first, second = pair
    return ImageSetting.model_validate(
        {"first": first, "second": second, "first_count": counts[0], "second_count": counts[1]} | fields
    )


@stored(
    device=True,
    calls="body",
)
def natural_pairs(
    pairs: Sequence[Sequence[str]],
    count: int,
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
    centring: str = "pair",
) -> xr.Dataset:
    """Curves and clocks of balanced ``pairs`` with ``count`` images of each class, dims ``pair``, ``replicate``.

    Variables of `unet_summaries.curves` and ``clocks``, the contrast ``lead`` (pair, replicate, clock): log τ_2/τ_1,
    positive where the first class is first; and of the training sets: ``null_memorised`` of ``null_queries`` held-out
    images that count as memorised, ``twins``, and the median distance ``own_distance`` (pair, replicate, label) of a
    training image to the nearest one of its class, on which the criterion's tolerance depends.
    """
    settings = [pair_setting(pair, (count, count), centring=centring) for pair in pairs]
    runs = trained(settings, recipe, replicates, seed, block=block)
    found = summary(runs, "pair", [name_of(pair) for pair in pairs], replicates)
    return (
        found.assign(_training_sets(settings, recipe, replicates, seed))
        .assign_coords(class_name=(("pair", "label"), [list(pair) for pair in pairs]))
        .assign_attrs(root_seed=seed)
    )


def summary(runs: xr.Dataset, dim: str, names: Sequence[object], replicates: int) -> xr.Dataset:
    """Curves, clocks and ``lead`` of all runs, with dims ``dim`` (labelled by ``names``) and ``replicate``."""
    watched = curves(runs)
    timed = clocks(watched)
    joined = xr.merge([watched, timed], compat="equals", join="exact")
    joined["stopped_at"] = runs.stopped_at
    joined["checked_memorised"] = (
        "condition",
        share_below(ratios(runs.checked_distance.transpose("condition", ...).values), THRESHOLD),
        {"long_name": "memorised fraction, finer sampler"},
    )
    found = by_setting(joined, dim, replicates, **{dim: list(names)})
    return found.assign(leads(found))


def leads(found: xr.Dataset) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """log τ_2/τ_1 of all clocks of a `summary`: ``lead``, and its variants ``gap_lead`` and ``copy_lead``."""
    made = {}
    for name, source in (("lead", "time"), ("gap_lead", "gap_time"), ("copy_lead", "copy_time")):
        times = found[source]
        rest = tuple(map(str, (dim for dim in times.dims if dim != "label")))
        first, second = (times.sel(label=label).transpose(*rest).values for label in (0, 1))
        made[name] = (rest, log_ratio(first, second), {"long_name": r"$\log\,\tau_2/\tau_1$"})
    return made


def _training_sets(settings: Sequence[ImageSetting], recipe: Recipe, replicates: int, seed: int) -> dict:
    data = load(recipe.data)
    shape = (len(settings), replicates)
    null, queries, twins, own = (
        np.zeros(shape, int),
        np.zeros(shape, int),
        np.zeros(shape, int),
        np.zeros((*shape, 2)),
    )
    floor = np.zeros((*shape, 2))
    for row, setting in enumerate(settings):
        for replicate in range(replicates):
            name = run_name(setting, replicate, seed)
            pair = setting.draw(data, recipe.side, name)
            held_out = held_out_images(pair, setting, recipe, name)
            ratio = distance_ratio(nearest_neighbours(held_out, pair.train)[0])
            null[row, replicate], queries[row, replicate] = (ratio < THRESHOLD).sum(), ratio.size
            twins[row, replicate] = twin_flags(pair.train, pair.train_labels).sum()
            own[row, replicate] = own_distances(pair)
            floor[row, replicate] = _frechet_floor(setting, recipe, name)
    by_run = ("pair", "replicate")
    return {
        "null_memorised": (by_run, null, {"long_name": "held-out images that count as memorised"}),
        "null_queries": (by_run, queries, {"long_name": "held-out images"}),
        "twins": (by_run, twins, {"long_name": "training images with a near twin"}),
        "frechet_floor": (
            (*by_run, "label"),
            floor,
            {"long_name": "distance between halves of the real images"},
        ),
        "own_distance": ((*by_run, "label"), own, {"long_name": "distance to the nearest of the class"}),
    }


def held_out_images(pair: ImagePair, setting: ImageSetting, recipe: Recipe, name: RunName) -> np.ndarray:
    """All real images of the two classes that were not drawn for training, (m, d)."""
    everything = setting.everything(load(recipe.data), recipe.side, name)
    unseen = ~np.isin(everything.train_source, pair.train_source)
    return np.concatenate([everything.train[unseen], pair.test])


def _frechet_floor(setting: ImageSetting, recipe: Recipe, name: RunName) -> np.ndarray:
    """Mean distance of half as many real images as are sampled of a class to other real ones of it, (2,)."""
    everything = setting.everything(load(recipe.data), recipe.side, name)
    features = FeatureSpace.fit(everything.train, FEATURE_SPACE).features(everything.train)
    floors = []
    for label in range(2):
        own = features[everything.train_labels == label]
        size = min(recipe.samples // 2, len(own) // 2)
        floors.append(finite_size_floor(own, size, generator=name.numpy("floor", label)).mean())
    return np.array(floors)


def own_distances(pair: ImagePair) -> np.ndarray:
    """Median distance of a training image to the nearest other one of its class, (2,); NaN for a single image."""
    found = np.full(2, np.nan)
    for label in range(2):
        own = pair.train[pair.train_labels == label]
        if len(own) > 1:
            found[label] = np.median(nearest_neighbours(own, own)[0][:, 1])
    return found


@stored(
    device=True,
    calls="body",
)
def sheet(
    pair: Sequence[str],
    count: int,
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
    rows: int = 6,
) -> xr.Dataset:
    """Samples of the first replicate at ``rows`` checkpoints, each with its nearest training image, as pictures.

    ``sample_picture`` and ``nearest_picture`` (step, shown, height, width) in [-1, 1], ``ratio`` and ``kind`` (step,
    shown): d_1/d_2 and the class by the classifier, -1 undecided. Raises ValueError for a recipe that keeps no samples.
    """
    if not recipe.shown:
        raise ValueError("recipe.shown: 0 given; a sheet needs samples that were kept")
    setting = pair_setting(pair, (count, count))
    runs = trained([setting], recipe, replicates, seed, block=block).isel(condition=0)
    drawn = setting.draw(load(recipe.data), recipe.side, run_name(setting, 0, seed))
    places = np.unique(np.linspace(0, runs.sizes["step"] - 1, rows).round().astype(int))
    kept = runs.isel(step=places, sample=slice(recipe.shown))
    nearest = kept.neighbour.transpose("step", "sample", "neighbour_rank").values[..., 0]
    dims = ("step", "shown", "height", "width")
    return xr.Dataset(
        {
            "sample_picture": (dims, drawn.pictures(kept.image.transpose("step", "shown", "pixel").values)),
            "nearest_picture": (dims, drawn.pictures(drawn.train[nearest])),
            "ratio": (("step", "shown"), ratios(kept.distance.values), {"long_name": "$d_1/d_2$"}),
            "kind": (("step", "shown"), kept.sample_class.values.astype(np.int64)),
        },
        coords={"step": kept.step, "class_name": ("label", list(pair))},
    )


def size_settings(pair: Sequence[str], counts: Sequence[int]) -> list[ImageSetting]:
    """The settings of `sample_sizes`."""
    return [pair_setting(pair, (count, count)) for count in counts]


@stored(
    device=True,
    calls="body",
)
def sample_sizes(
    pair: Sequence[str], counts: Sequence[int], recipe: Recipe, replicates: int, seed: int, *, block: int = 1
) -> xr.Dataset:
    """Curves and clocks of one balanced pair at several sizes, dims ``size`` (n, both classes) and ``replicate``."""
    settings = size_settings(pair, counts)
    runs = trained(settings, recipe, replicates, seed, block=block)
    found = summary(runs, "size", [2 * count for count in counts], replicates)
    found.coords["size"].attrs["long_name"] = "training images $n$"
    return found.assign_attrs(batch_size=recipe.batch_size, root_seed=seed).assign_coords(
        class_name=("label", list(pair))
    )


Case = tuple[str, int, str]


def imbalance_cases(total: int, minorities: Sequence[int], centrings: Sequence[str]) -> list[Case]:
    """(centring, images of class 0, exposure) of all cases of `imbalance`."""
    cases = [(centring, minority, "counts") for centring in centrings for minority in minorities]
    return [*cases, (centrings[0], min(minorities), "equal"), (centrings[0], total // 2, "swapped")]


def _shown_share(case: Case, total: int, minorities: Sequence[int]) -> float:
    """Share of class 0 in the batches."""
    _, minority, exposure = case
    return {"counts": minority / total, "equal": 0.5, "swapped": min(minorities) / total}[exposure]


def imbalance_settings(
    pair: Sequence[str], total: int, minorities: Sequence[int], centrings: Sequence[str]
) -> list[ImageSetting]:
    """The settings of `imbalance`."""
    return [
        pair_setting(
            pair,
            (case[1], total - case[1]),
            centring=case[0],
            first_share=0.0 if case[2] == "counts" else _shown_share(case, total, minorities),
        )
        for case in imbalance_cases(total, minorities, centrings)
    ]


@stored(
    device=True,
    calls="body",
)
def imbalance(
    pair: Sequence[str],
    total: int,
    minorities: Sequence[int],
    centrings: Sequence[str],
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
) -> xr.Dataset:
    """The first class cut down to each of ``minorities`` among ``total`` images, dims ``case`` and ``replicate``.

    A case is a centring with a number of images of class 0 (``minority``) and an ``exposure``: ``counts`` (each image
    drawn alike), ``equal`` (a weighted sampler shows both classes alike, whatever their counts) or ``swapped`` (equal
    counts shown in the shares of the smallest minority). The last two stand for the first centring alone and separate
    support from exposure. ``share`` (case) is that of class 0 among the images, ``shown_share`` in the batches.
    """
    cases = imbalance_cases(total, minorities, centrings)
    shown = np.array([_shown_share(case, total, minorities) for case in cases])
    settings = imbalance_settings(pair, total, minorities, centrings)
    runs = trained(settings, recipe, replicates, seed, block=block)
    found = summary(runs, "case", range(len(cases)), replicates)
    share = np.array([minority / total for _, minority, _ in cases])
    return found.assign_coords(
        centring=("case", [case[0] for case in cases]),
        minority=("case", [case[1] for case in cases]),
        exposure=("case", [case[2] for case in cases]),
        share=("case", share, {"long_name": "share of the images"}),
        shown_share=("case", shown, {"long_name": "share of the batches"}),
        class_name=("label", list(pair)),
    ).assign_attrs(total=total, samples=recipe.samples, root_seed=seed)
