"""Stored experiments with dials: one class made into two that differ in variance alone, or in centroid norm alone.

The random-features theory (arXiv:2605.06367) has a prediction for each setting of a dial, because it needs no more of a
class than its variance and the Gram matrix of the centroids.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.analysis.statistics import log_ratio
from companion.analysis.timescales import early_stop, mem_gap
from companion.datasets.fashion_mnist import load
from companion.datasets.image_pairs import ImagePair
from companion.store.durable import stored
from companion.studies.unet_memorisation import pair_setting, summary
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.studies.unet_runs import run_name, trained
from companion.studies.unet_summaries import GAP
from companion.theory.mixtures import Mixture
from companion.theory.score_losses import flow_losses

#: Sizes of the random-features model whose contrasts are drawn beside the experiment: examples, features over d.
THEORY_SIZES = (8.0, 16.0)
THEORY_CLOCKS = ("early_stop", "mem_gap")
THEORY_TIME = 0.1
_TIMES = np.geomspace(0.02, 2e5, 160)


def variance_settings(category: str, gains: Sequence[float], count: int) -> list[ImageSetting]:
    """The settings of `variance_dial`."""
    return [
        ImageSetting(first=category, second="", first_count=count, second_count=count, gain=float(gain))
        for gain in gains
    ]


def centroid_settings(category: str, norm_ratios: Sequence[float], count: int) -> list[ImageSetting]:
    """The settings of `centroid_dial`."""
    return [
        ImageSetting(
            first=category, second="", first_count=count, second_count=count, norm_ratio=float(ratio)
        )
        for ratio in norm_ratios
    ]


def raw_settings(pairs: Sequence[Sequence[str]], count: int) -> list[ImageSetting]:
    """The settings of `raw_pairs`."""
    return [pair_setting(pair, (count, count), centring="none") for pair in pairs]


def order_settings(
    category: str, gains: Sequence[float], minorities: Sequence[int], total: int
) -> list[ImageSetting]:
    """The settings of `order_map`, gains in the outer loop."""
    return [
        ImageSetting(first=category, second="", first_count=few, second_count=total - few, gain=float(gain))
        for gain in gains
        for few in minorities
    ]


@stored(
    device=True,
    calls="body",
)
def variance_dial(
    category: str,
    gains: Sequence[float],
    count: int,
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
) -> xr.Dataset:
    """Half a class, ``gains`` times as wide as the other half, dims ``gain`` and ``replicate``; 1 is an exact null.

    Variables of `unet_memorisation.summary`; ``theory_lead`` (clock_of_theory, theory_gain) is the same contrast of a
    random-features model on the mixture of the dialled classes' variances and centroids.
    """
    settings = variance_settings(category, gains, count)
    found = _dialled(settings, "gain", gains, recipe, replicates, seed, block)
    found.coords["gain"].attrs["long_name"] = r"gain $g$, ratio of standard deviations"
    return found.assign_coords(class_name=("label", ["dialled", "as it is"]))


@stored(
    device=True,
    calls="body",
)
def centroid_dial(
    category: str,
    norm_ratios: Sequence[float],
    count: int,
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
) -> xr.Dataset:
    """Half a class with its centroid at ``norm_ratios`` times the norm of the other half's, dims ``norm_ratio``, …

    Otherwise as `variance_dial`; directions are orthogonal. 1 is the same exact null.
    """
    settings = centroid_settings(category, norm_ratios, count)
    found = _dialled(settings, "norm_ratio", norm_ratios, recipe, replicates, seed, block)
    found.coords["norm_ratio"].attrs["long_name"] = "ratio of centroid norms"
    return found.rename(theory_gain="theory_ratio").assign_coords(class_name=("label", ["moved", "as it is"]))


def _dialled(
    settings: Sequence[ImageSetting],
    name: str,
    values: Sequence[float],
    recipe: Recipe,
    replicates: int,
    seed: int,
    block: int,
) -> xr.Dataset:
    """Runs of a dial along ``name``, and the theory's contrast on a finer grid ``theory_gain``."""
    runs = trained(settings, recipe, replicates, seed, block=block)
    found = summary(runs, name, list(map(float, values)), replicates)
    fine = np.geomspace(min([*values, 0.6]), max([*values, 1.6]), 25)
    theory = [
        predicted_lead(dialled_mixture(settings[0].changed(**{name: float(value)}), recipe, seed))
        for value in fine
    ]
    return (
        found.assign(
            theory_lead=(
                ("theory_gain", "clock_of_theory"),
                np.array(theory),
                {"long_name": "lead by the theory"},
            )
        )
        .assign_coords(theory_gain=fine, clock_of_theory=list(THEORY_CLOCKS))
        .assign_attrs(root_seed=seed)
    )


@stored(
    device=True,
    calls="body",
)
def raw_pairs(
    pairs: Sequence[Sequence[str]], count: int, recipe: Recipe, replicates: int, seed: int, *, block: int = 1
) -> xr.Dataset:
    """Natural pairs in raw pixels, where their centroid norms differ; dims ``pair``, ``replicate``.

    ``norm`` (pair, label) are the centroid norms and ``deviation`` (pair, label) the standard deviations per pixel.
    """
    settings = raw_settings(pairs, count)
    runs = trained(settings, recipe, replicates, seed, block=block)
    found = summary(runs, "pair", [" / ".join(pair) for pair in pairs], replicates)
    drawn = [_everything(setting, recipe, seed) for setting in settings]
    return found.assign(
        norm=(("pair", "label"), np.stack([np.linalg.norm(pair.centroids, axis=1) for pair in drawn])),
        deviation=(("pair", "label"), np.stack([pair.standard_deviations for pair in drawn])),
    ).assign_attrs(root_seed=seed)


@stored(
    device=True,
    calls="body",
)
def order_map(
    category: str,
    gains: Sequence[float],
    minorities: Sequence[int],
    total: int,
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    block: int = 1,
) -> xr.Dataset:
    """Which class is first over (variance ratio, share): ``lead`` (gain, share, replicate, clock).

    The dialled half of ``category`` has ``minorities`` of ``total`` images. Only contrasts and clocks are kept.
    """
    settings = order_settings(category, gains, minorities, total)
    runs = trained(settings, recipe, replicates, seed, block=block)
    found = summary(runs, "case", range(len(settings)), replicates)
    lead = found.lead.transpose("case", "replicate", "clock")
    time = found.time.transpose("case", "replicate", "clock", "label")
    cells = (len(gains), len(minorities))
    dims = ("gain", "share", "replicate", "clock")
    shares = np.array(minorities) / total
    return xr.Dataset(
        {
            "lead": (dims, lead.values.reshape(*cells, *lead.shape[1:]), lead.attrs),
            "time": ((*dims, "label"), time.values.reshape(*cells, *time.shape[1:]), time.attrs),
        },
        coords={
            "gain": (
                "gain",
                list(map(float, gains)),
                {"long_name": r"gain $g$, ratio of standard deviations"},
            ),
            "share": ("share", shares, {"long_name": "share of the dialled class"}),
            "clock": lead.clock,
        },
        attrs={"root_seed": seed},
    )


def dialled_mixture(setting: ImageSetting, recipe: Recipe, seed: int) -> Mixture:
    """The Gaussian mixture with the variances, counts and centroid Gram matrix of a setting.

    In the units of the preconditioner, which shows its network x_t over the root mean square: lengths are over √v, and
    the time is the one with the signal-to-noise ratio of the images, e^-2t v/Δ_t, at t_OU = .1.
    """
    pair = _everything(setting, recipe, seed)
    share = setting.first_count / (setting.first_count + setting.second_count)
    v = pair.second_moment
    signal_to_noise = v / np.expm1(2 * THEORY_TIME)
    return Mixture(
        (share, 1 - share),
        tuple((pair.standard_deviations / v**0.5).tolist()),
        tuple(map(tuple, (pair.gram / v).tolist())),
        float(np.log1p(1 / signal_to_noise) / 2),
    )


def _everything(setting: ImageSetting, recipe: Recipe, seed: int) -> ImagePair:
    return setting.everything(load(recipe.data), recipe.side, run_name(setting, 0, seed))


def predicted_lead(mixture: Mixture, sizes: tuple[float, float] = THEORY_SIZES) -> np.ndarray:
    """log τ_2/τ_1 of early stopping and of the loss gap by the theory, (2,); its losses start at 1."""
    train, test = (losses.T for losses in flow_losses(_TIMES, mixture, *sizes))
    reducible = 1 - test.min(axis=-1)
    times = np.stack([early_stop(_TIMES, test), mem_gap(_TIMES, train, test, reducible, GAP)])
    never = np.isinf(times).all(axis=1)  # no order, and no tie either
    return np.where(never, np.nan, log_ratio(times[:, 0], times[:, 1]))
