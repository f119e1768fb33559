"""Stored controls of the ratio criterion d_1/d_2 < 1/3 (arXiv:2505.17638): what it says where the answer is known.

Real images that were not trained on must not count as copies, and samples of the exact score of the training set, which
returns training images, must. Both need no network.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.attribution import Attribution, fit_attribution
from companion.analysis.memorisation import (
    LEAST_SAMPLES,
    THRESHOLD,
    distance_ratio,
    memorised_counts,
)
from companion.analysis.neighbours import nearest_neighbours
from companion.analysis.statistics import wilson_band
from companion.datasets.fashion_mnist import load
from companion.datasets.image_pairs import ImagePair
from companion.store.durable import stored
from companion.studies.unet_memorisation import held_out_images, pair_setting
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.studies.unet_runs import run_name, trained
from companion.theory.noise_schedule import NoiseSchedule
from companion.training.diffusion_draws import RunName
from companion.training.diffusion_sampler import exact_predicted_noise, sample

Singles = NDArray[np.float32]

SAMPLER_STEPS = (5, 8, 12, 25)
#: A planted twin lies this share of its image's distance to the nearest other one away from it.
TWIN_SHARE = 0.05
CLASSES = 2
THRESHOLDS = tuple(np.linspace(0.02, 0.98, 49).round(2).tolist())
BINS = 40
SOURCES = ("generated", "held out", "exact score")


@stored(
    device=True,
    work=lambda count, recipe, sets, sampler_steps, samples, **_: (
        sets * samples * (sum(sampler_steps) * count * 8 + 6000) * recipe.side**2
    ),
)
def criterion_sets(
    pair: Sequence[str],
    count: int,
    recipe: Recipe,
    sets: int,
    seed: int,
    *,
    sampler_steps: Sequence[int] = SAMPLER_STEPS,
    samples: int = 512,
    twin_share: float = TWIN_SHARE,
    centring: str = "pair",
) -> xr.Dataset:
    """Counts of the criterion on real images and on samples of the exact score, for ``sets`` training sets.

    The training sets are those of the runs. ``null_memorised`` of ``null_queries`` (set) held-out images and
    ``exact_memorised`` (set, sampler_steps) of ``exact_samples`` (set) samples count as copies; by class of the
    classifier, ``class_memorised`` of ``class_samples`` (set, sampler_steps, label). ``coarse_…``: the same with a grid
    of noise levels whose last step, as long as the others, is the one to no noise. ``twin_…``: the same, on the usual
    grid, where each training image has a twin, at ``twin_share`` of the distance to its nearest other image in a random
    direction; the criterion cannot tell copies of twins apart.
    """
    setting = pair_setting(pair, (count, count), centring=centring)
    drawn = [_Set(setting, recipe, replicate, seed) for replicate in range(sets)]
    plain = [one.pair.train for one in drawn]
    doubled = [one.with_twins(twin_share) for one in drawn]
    found: dict[str, Any] = {"exact_samples": ("set", np.full(sets, samples))}
    for prefix, images in (("", plain), ("twin_", doubled)):
        null = [memorised(one.held_out, own) for one, own in zip(drawn, images, strict=True)]
        found[f"{prefix}null_memorised"] = ("set", np.array([hits for hits, _ in null]))
        found[f"{prefix}null_queries"] = ("set", np.array([size for _, size in null]))
    for prefix, images, schedule in (
        ("", plain, NoiseSchedule()),
        ("coarse_", plain, CoarseSchedule()),
        ("twin_", doubled, NoiseSchedule()),
    ):
        copies = [
            [one.copies(own, steps, samples, schedule) for steps in sampler_steps]
            for one, own in zip(drawn, images, strict=True)
        ]
        grid = ("set", "sampler_steps")
        by_class = np.array([[parts for _, parts in one] for one in copies])
        found |= {
            f"{prefix}exact_memorised": (grid, np.array([[hits for hits, _ in one] for one in copies])),
            f"{prefix}class_memorised": ((*grid, "label"), by_class[..., 0, :]),
            f"{prefix}class_samples": ((*grid, "label"), by_class[..., 1, :]),
        }
    return xr.Dataset(
        found,
        coords={
            "set": np.arange(sets),
            "sampler_steps": ("sampler_steps", list(sampler_steps), {"long_name": "sampler steps $K$"}),
            "label": [0, 1],
            "class_name": ("label", list(pair)),
        },
        attrs={"twin_share": twin_share, "threshold": THRESHOLD, "count": count, "root_seed": seed},
    )


class CoarseSchedule(NoiseSchedule):
    """The same noise levels, of which a sampler visits T - 1 to (T - 1)/steps: its last step is as long as the others.

    >>> CoarseSchedule().sampling_grid(4).tolist()
    [999, 749, 500, 250]
    """

    def sampling_grid(self, steps: int) -> NDArray[np.int64]:
        """``steps`` falling indices, (steps,)."""
        if not 1 <= steps <= self.length:
            raise ValueError(f"sampler steps: {steps} given; allowed: 1 to {self.length}")
        highest = self.length - 1
        return np.linspace(highest, highest / steps, steps).round().astype(np.int64)


def memorised(queries: Singles, references: Singles) -> tuple[int, int]:
    """How many of ``queries`` (m, d) count as copies of ``references`` (n, d), and m."""
    ratio = distance_ratio(nearest_neighbours(queries, references)[0])
    return int((ratio < THRESHOLD).sum()), ratio.size


class _Set:
    """One training set with all that its controls need."""

    def __init__(self, setting: ImageSetting, recipe: Recipe, replicate: int, seed: int):
        data = load(recipe.data)
        self.name: RunName = run_name(setting, replicate, seed)
        self.pair: ImagePair = setting.draw(data, recipe.side, self.name)
        self.held_out = held_out_images(self.pair, setting, recipe, self.name)
        everything = setting.everything(data, recipe.side, self.name)
        self.attribution: Attribution = fit_attribution(everything.train, everything.train_labels)

    def with_twins(self, share: float) -> Singles:
        """The training images, and beside each another one at ``share`` of its distance to the nearest."""
        images = self.pair.train
        distance = nearest_neighbours(images, images)[0][:, 1]
        direction = self.name.numpy("twins").standard_normal(images.shape)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        twins = images + (share * distance)[:, None] * direction
        return np.concatenate([images, twins.astype(np.float32)])

    def sampled(
        self, images: Singles, steps: int, samples: int, schedule: NoiseSchedule
    ) -> NDArray[np.float64]:
        """Samples (samples, d) of the exact score of ``images``, from the latents of the runs."""
        latents = torch.randn(samples, images.shape[1], generator=self.name.torch("latents"))
        exact = exact_predicted_noise(torch.from_numpy(images), schedule)
        return sample(exact, latents.to(torch.float64), schedule, steps).numpy()

    def copies(
        self, images: Singles, steps: int, samples: int, schedule: NoiseSchedule
    ) -> tuple[int, NDArray[np.int64]]:
        """Samples of the exact score that count as copies; by class, (2: copies and samples, label)."""
        ends = self.sampled(images, steps, samples, schedule)
        distance, neighbour = nearest_neighbours(ends, images)
        ratio = distance_ratio(distance)
        labels = np.resize(self.pair.train_labels, len(images))  # twins follow their images in the same order
        counts = memorised_counts(ratio, labels[neighbour[:, 0]], self.attribution.classes(ends), CLASSES)
        return int((ratio < THRESHOLD).sum()), np.stack([counts.memorised, counts.classified])


@stored(
    device=True,
    calls=lambda pair, count, recipe, replicates, seed, *, block, centring, sampler_steps, samples, sets, **_: (
        trained(
            [pair_setting(pair, (count, count), centring=centring)], recipe, replicates, seed, block=block
        ),
        criterion_sets(
            pair, count, recipe, sets, seed, sampler_steps=sampler_steps, samples=samples, centring=centring
        ),
    ),
)
def controls(
    pair: Sequence[str],
    count: int,
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
    centring: str = "pair",
    sizes: Sequence[int] = (8, 16, 32, 64, 128, 256),
    sampler_steps: Sequence[int] = SAMPLER_STEPS,
    samples: int = 512,
    sets: int = 3,
) -> xr.Dataset:
    """Ratios of finished runs beside both controls, and how the controls depend on what was chosen.

    ``ratio_share`` (source, bin): shares of samples by d_1/d_2, for those of the last checkpoint of all ``replicates``
    runs, all held-out images, and the exact score at the runs' own ``recipe.sampler_steps``; ``memorised`` (source,
    threshold): what would count as a copy at another threshold, ``memorised_class`` (source, threshold, label) by
    class. ``null_rate`` (size, label) with Wilson's ``null_low``, ``null_high``: held-out images against nested sets of
    ``size`` images of their own class. And all of `criterion_sets` with ``sets`` training sets.
    """
    setting = pair_setting(pair, (count, count), centring=centring)
    last = trained([setting], recipe, replicates, seed, block=block).isel(step=-1)
    drawn = [_Set(setting, recipe, replicate, seed) for replicate in range(max(replicates, sets))]
    found = criterion_sets(
        pair,
        count,
        recipe,
        sets,
        seed,
        sampler_steps=sampler_steps,
        samples=samples,
        centring=centring,
    )
    ratios = _ratios(last, drawn[:replicates], recipe.sampler_steps, samples)
    edges = np.linspace(0, 1, BINS + 1)
    shares = [np.histogram(ratio, edges)[0] / max(ratio.size, 1) for ratio, _ in ratios]
    own = [[ratio[kinds == label] for label in range(CLASSES)] for ratio, kinds in ratios]
    curves = [_below(ratio) for ratio, _ in ratios]
    by_class = [np.stack([_below(part) for part in parts], axis=-1) for parts in own]
    drawn_share = {"long_name": "share of samples"}
    fraction = {"long_name": "memorised fraction"}
    return found.assign(
        ratio_share=(("source", "bin"), np.array(shares), drawn_share),
        samples=("source", [ratio.size for ratio, _ in ratios], {"long_name": "samples"}),
        memorised=(("source", "threshold"), np.array(curves), fraction),
        memorised_class=(("source", "threshold", "label"), np.array(by_class), fraction),
        **_null_rates(drawn[:sets], setting, recipe, sizes),
    ).assign_coords(
        source=list(SOURCES),
        bin=("bin", (edges[:-1] + edges[1:]) / 2, {"long_name": "$d_1/d_2$"}),
        threshold=("threshold", list(THRESHOLDS), {"long_name": r"threshold $\kappa$"}),
        size=("size", list(sizes), {"long_name": "training images of the class $n_c$"}),
    )


def _ratios(
    last: xr.Dataset, drawn: Sequence[_Set], steps: int, samples: int
) -> list[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Ratio and class (by the classifier) of all samples of each of `SOURCES`, all training sets together."""
    generated = last.distance.transpose("condition", "sample", "neighbour_rank").values
    kinds = last.sample_class.transpose("condition", "sample").values
    finished = np.isfinite(generated).all(axis=(1, 2))  # a run that stopped has no samples
    found = [(distance_ratio(generated[finished]).ravel(), kinds[finished].ravel().astype(np.int64))]
    for queries in (
        [one.held_out for one in drawn],
        [one.sampled(one.pair.train, steps, samples, NoiseSchedule()) for one in drawn],
    ):
        ratio = [
            distance_ratio(nearest_neighbours(images, one.pair.train)[0])
            for one, images in zip(drawn, queries, strict=True)
        ]
        told = [one.attribution.classes(images) for one, images in zip(drawn, queries, strict=True)]
        found.append((np.concatenate(ratio), np.concatenate(told)))
    return found


def _below(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of ``ratio`` (samples,) below each threshold; NaN for too few samples."""
    if ratio.size < LEAST_SAMPLES:
        return np.full(len(THRESHOLDS), np.nan)
    return (ratio[:, None] < np.array(THRESHOLDS)).mean(axis=0)


def _null_rates(
    drawn: Sequence[_Set], setting: ImageSetting, recipe: Recipe, sizes: Sequence[int]
) -> dict[str, Any]:
    """How many held-out images count as copies of the first ``sizes`` training images of their own class."""
    most = max(sizes)
    hits = np.zeros((len(sizes), CLASSES), dtype=np.int64)
    queries = np.zeros(CLASSES, dtype=np.int64)
    data = load(recipe.data)
    wide = setting.changed(first_count=most, second_count=most)
    for one in drawn:
        pair = wide.draw(data, recipe.side, one.name)
        everything = wide.everything(data, recipe.side, one.name)
        unseen = ~np.isin(everything.train_source, pair.train_source)
        for label in range(CLASSES):
            images = pair.train[pair.train_labels == label]
            held_out = np.concatenate(
                [
                    everything.train[unseen & (everything.train_labels == label)],
                    pair.test[pair.test_labels == label],
                ]
            )
            queries[label] += len(held_out)
            for row, size in enumerate(sizes):
                hits[row, label] += memorised(held_out, images[:size])[0]
    low, high = wilson_band(hits, queries)
    by_size = ("size", "label")
    return {
        "null_rate": (by_size, hits / queries, {"long_name": "held-out images that count as copies"}),
        "null_low": (by_size, low),
        "null_high": (by_size, high),
        "null_tried": ("label", queries),
    }
