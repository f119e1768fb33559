"""Stored looks at the hidden features of U-Nets while they learn: can classes be read off, and when do features settle?

Features of held-out images with noise of t_OU = .1; images and noise of a run are the same at all its checkpoints.
"""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.representations import class_probe, linear_cka
from companion.compute.seeds import generator
from companion.datasets.fashion_mnist import load
from companion.store.durable import stored
from companion.studies.unet_memorisation import name_of, pair_setting
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.studies.unet_runs import FEATURE_LEVEL, by_setting, run_name, trained
from companion.studies.unet_summaries import clocks, curves
from companion.theory.noise_schedule import NoiseSchedule

Floats = NDArray[np.float64]

CLASSES = 2
_MOST_FOLDS = 5


@stored(
    device=True,
    calls="body",
)
def representations(
    pairs: Sequence[Sequence[str]],
    count: int,
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
    centring: str = "pair",
) -> xr.Dataset:
    """Class probes and alignment of hidden features of balanced ``pairs``, dims ``pair``, ``replicate``, ``step``.

    ``probe`` (…, step, label): accuracy of a linear read-out of the class, cross-validated over the held-out images;
    ``pixel_probe`` (…, label): the same on the noisy pixels themselves. ``alignment`` (…, step, other_step): debiased
    linear CKA between checkpoints; ``replicate_alignment`` (pair, step, comparison): between two replicates at the same
    step, which see the same images, each with its own noise. ``time`` (…, clock, label): clocks of the runs.
    """
    settings = [pair_setting(pair, (count, count), centring=centring) for pair in pairs]
    runs = trained(settings, recipe, replicates, seed, block=block)
    features = runs.features.transpose("condition", "step", "held_out", "unit").values.astype(np.float64)
    whole = np.isfinite(features).all(axis=(1, 2, 3))  # a run that stopped has no features from then on
    steps, labels = runs.sizes["step"], np.repeat(np.arange(CLASSES), features.shape[2] // CLASSES)
    probe = np.full((len(features), steps, CLASSES), np.nan)
    alignment = np.full((len(features), steps, steps), np.nan)
    for row in np.flatnonzero(whole):
        probe[row] = _probed(features[row], labels, seed)
        alignment[row] = linear_cka(features[row, :, None], features[row], debiased=True)
    pixels = [
        _probed(_noisy_images(setting, recipe, replicate, seed), labels, seed)
        for setting in settings
        for replicate in range(replicates)
    ]
    timed = clocks(curves(runs))
    found = by_setting(
        xr.Dataset(
            {
                "probe": (
                    ("condition", "step", "label"),
                    probe,
                    {"long_name": "accuracy of the class probe"},
                ),
                "pixel_probe": (("condition", "label"), np.array(pixels), {"long_name": "probe of pixels"}),
                "alignment": (
                    ("condition", "step", "other_step"),
                    alignment,
                    {"long_name": "alignment of features (CKA)"},
                ),
                "time": timed.time.drop_vars([n for n in timed.coords if timed[n].dims == ("condition",)]),
            },
            coords={"step": runs.step, "other_step": runs.step.values},
        ),
        "pair",
        replicates,
        pair=[name_of(pair) for pair in pairs],
    )
    grouped = features.reshape(len(pairs), replicates, *features.shape[1:])
    return (
        found.assign(
            replicate_alignment=(
                ("pair", "step", "comparison"),
                _between(grouped),
                {"long_name": "alignment between replicates (CKA)"},
            )
        )
        .assign_coords(class_name=(("pair", "label"), [list(pair) for pair in pairs]))
        .assign_attrs(root_seed=seed)
    )


def _probed(features: Floats, labels: NDArray[np.int64], seed: int) -> Floats:
    """Accuracy of each class (..., label) from ``features`` (..., n, p)."""
    folds = min(_MOST_FOLDS, labels.size // CLASSES)
    found = class_probe(features, labels, CLASSES, generator=generator(seed, "class probe"), folds=folds)
    return found.class_accuracy


def _between(features: Floats) -> Floats:
    """Alignment of all two replicates of a pair at each step, (pair, step, comparison); none for one replicate."""
    first, second = np.triu_indices(features.shape[1], 1)
    found = np.full((len(features), features.shape[2], first.size), np.nan)
    for place, own in enumerate(features):
        for column, (a, b) in enumerate(zip(first, second, strict=True)):
            if np.isfinite(own[[a, b]]).all():
                found[place, :, column] = linear_cka(own[a], own[b], debiased=True)
    return found


def _noisy_images(setting: ImageSetting, recipe: Recipe, replicate: int, seed: int) -> Floats:
    """The noisy images whose features were recorded, (held_out, pixel)."""
    name = run_name(setting, replicate, seed)
    pair = setting.draw(load(recipe.data), recipe.side, name)
    places = [
        np.resize(np.flatnonzero(pair.test_labels == label)[: recipe.feature_rows], recipe.feature_rows)
        for label in range(CLASSES)
    ]
    images = pair.test[np.concatenate(places)]
    noise = torch.randn(images.shape, generator=name.torch("feature noise")).numpy()
    schedule = NoiseSchedule()
    return schedule.signal[FEATURE_LEVEL] * images + schedule.noise[FEATURE_LEVEL] * noise
