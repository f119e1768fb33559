"""The Gaussian-mixture twin of the image experiments, beside the random-features theory (arXiv:2605.06367).

Two kinds of network learn the same mixtures. ``eps_plain`` predicts the noise outright, as the model of the theory
does, and starts from a loss of 1; ``preconditioned`` starts from the score of an isotropic Gaussian, as the U-Nets do.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.memorisation import THRESHOLD, distance_ratio
from companion.analysis.neighbours import nearest_neighbours
from companion.models.score_model import Prediction
from companion.store.durable import stored
from companion.studies.mixture_runs import TwinRecipe, image_moments, twin_name, twin_points, twins
from companion.studies.mixture_theory import (
    TWIN_CLOCKS,
    class_lead,
    closeness,
    mismatch,
    theory_curves,
    theory_leads,
    twin_clocks,
    twin_mixture,
)
from companion.studies.unet_memorisation import pair_setting
from companion.studies.unet_recipes import ImageSetting
from companion.studies.unet_runs import by_setting
from companion.studies.unet_summaries import PRIMARY_INDEX, curves

PREDICTIONS: tuple[Prediction, ...] = ("eps_plain", "preconditioned")
_LEAD = {"long_name": r"$\log\,\tau_2/\tau_1$"}
_STEPS = {"long_name": r"training steps $\tau$"}
_SEEN = ("memorised", "memorised_low", "memorised_high", "class_share")
_FINE = 21


@stored(
    device=True,
    calls=lambda pair, category, points, gains, recipe, contrast_steps, replicates, seed, *, block, **given: [
        twins(settings, own.changed(prediction=kind), replicates, seed, block=block)
        for settings, own in (
            ([pair_setting(pair, (points // 2, points // 2))], recipe),
            (
                [
                    *(_dial(category, points // 2, float(gain)) for gain in gains),
                    *(
                        pair_setting(pair, (few, points - few), centring=centring)
                        for centring in given["centrings"]
                        for few in given["minorities"]
                    ),
                ],
                recipe.changed(steps=contrast_steps, samples=0),
            ),
        )
        for kind in PREDICTIONS
    ],
)
def mixture_twin(
    pair: Sequence[str],
    category: str,
    points: int,
    gains: Sequence[float],
    minorities: Sequence[int],
    centrings: Sequence[str],
    recipe: TwinRecipe,
    contrast_steps: int,
    replicates: int,
    seed: int,
    *,
    feature_ratio: float = 16.0,
    gap: float = 0.1,
    block: int = 1,
) -> xr.Dataset:
    """Curves of one mixture, and who is first over variances and shares: both kinds of network, and the theory.

    Dims ``prediction``, ``replicate``; clocks are `TWIN_CLOCKS`, ``gap`` the margin of ``mem_gap``.

    - The mixture of ``pair``, ``points``/2 of each class: ``train_loss``, ``test_loss``, ``memorised`` (…, step,
      label), ``time`` (…, label, clock); of the theory ``theory_train``, ``theory_test`` (label, eigen_time),
      ``theory_time``, ``bayes``. ``mismatch`` is the distance of the losses from the theory's on the best common
      ``scale`` of time.
    - ``gain_time`` (…, gain, label, clock): where class 0 has ``gains`` times the standard deviation of class 1, that
      of ``category``; ``gain_theory`` (gain, clock) is the theory's log τ_2/τ_1, ``gain_line`` (fine_gain, clock) too.
    - ``share_time`` (…, centring, share, label, clock): for ``pair`` where class 0 has ``minorities`` of all points,
      with the Gram matrix (``gram``) about each of the origins ``centrings``; ``share_theory``, ``share_line``.

    The runs of the last two end after ``contrast_steps``, without samples. ``lead_error``, ``same_order``, ``compared``
    (prediction, clock) sum up how near they come to the theory, which has n/d of ``recipe`` and ``feature_ratio``
    features per dimension. Raises ValueError for an odd number of points, and minorities that leave a class empty.
    """
    if points < 2 or points % 2:
        raise ValueError(f"points: {points} given; allowed: even numbers, half of them for each class")
    if not all(0 < few < points for few in minorities):
        raise ValueError(f"minorities: {list(minorities)} given; allowed: 1 to {points - 1} of the points")
    sizes, half = (points / recipe.dimension, float(feature_ratio)), points // 2
    main = pair_setting(pair, (half, half))
    dials = [_dial(category, half, float(gain)) for gain in gains]
    shares = [
        pair_setting(pair, (few, points - few), centring=centring)
        for centring in centrings
        for few in minorities
    ]
    first = [
        _main_curves(main, recipe.changed(prediction=kind), replicates, seed, gap, block)
        for kind in PREDICTIONS
    ]
    short = recipe.changed(steps=contrast_steps, samples=0)
    times = np.stack(
        [
            _times(dials + shares, short.changed(prediction=kind), replicates, seed, gap, block)
            for kind in PREDICTIONS
        ]
    )
    predicted = theory_leads(dials + shares, recipe, sizes, gap)
    found = xr.concat(first, dim="prediction").assign(theory_curves(twin_mixture(main, recipe), sizes, gap))
    found = found.assign(_compared_curves(found))
    found = found.assign(_training_sets(main, recipe, replicates, seed))
    found = found.assign(_over_gains(times[:, :, : len(gains)], predicted[: len(gains)]))
    found = found.assign(
        _over_shares(times[:, :, len(gains) :], predicted[len(gains) :], (len(centrings), len(minorities)))
    )
    null = np.array([setting.gain == 1 and not setting.second for setting in dials + shares])
    found = found.assign(closeness(class_lead(times[:, :, ~null]), predicted[~null]))
    fine_gains = np.geomspace(min([*gains, 0.6]), max([*gains, 1.6]), _FINE)
    fine_shares = np.geomspace(min(minorities), max(minorities), _FINE) / points
    return (
        found.assign(
            gain_line=(
                ("fine_gain", "clock"),
                theory_leads([_dial(category, half, float(gain)) for gain in fine_gains], recipe, sizes, gap),
            ),
            share_line=_share_line(pair, centrings, fine_shares, recipe, sizes, gap),
            gram=(
                ("centring", "label", "other_label"),
                np.stack([image_moments(main.changed(centring=each), recipe).gram for each in centrings]),
            ),
        )
        .assign_coords(
            prediction=list(PREDICTIONS),
            clock=list(TWIN_CLOCKS),
            label=[0, 1],
            gain=("gain", list(map(float, gains)), {"long_name": "gain $g$"}),
            fine_gain=fine_gains,
            share=(
                "share",
                np.array(minorities) / points,
                {"long_name": f"share of {pair[0]}"},
            ),
            fine_share=fine_shares,
            centring=list(centrings),
            class_name=("label", list(pair)),
        )
        .assign_attrs(
            points=points,
            dimension=recipe.dimension,
            sample_ratio=sizes[0],
            feature_ratio=sizes[1],
            gap=gap,
            category=category,
        )
    )


def _dial(category: str, half: int, gain: float) -> ImageSetting:
    return ImageSetting(first=category, second="", first_count=half, second_count=half, gain=gain)


def _main_curves(
    setting: ImageSetting, recipe: TwinRecipe, replicates: int, seed: int, gap: float, block: int
) -> xr.Dataset:
    """Losses at t_OU = .1, memorised fraction and clocks of one setting, dim ``replicate``."""
    runs = twins([setting], recipe, replicates, seed, block=block)
    watched = runs[["train_loss", "test_loss", "stopped_at"]].sel(diffusion_index=PRIMARY_INDEX, drop=True)
    if recipe.samples:
        seen = curves(runs)
        watched = watched.assign({name: seen[name] for name in _SEEN})
    found = by_setting(watched, "setting", replicates).isel(setting=0)
    times = twin_clocks(found.step.values, *_by_class(found), gap)
    return found.assign(
        time=(("replicate", "label", "clock"), times, {"long_name": r"training steps $\tau$"})
    )


def _times(
    settings: Sequence[ImageSetting],
    recipe: TwinRecipe,
    replicates: int,
    seed: int,
    gap: float,
    block: int,
) -> np.ndarray:
    """Clocks of all settings in training steps, (replicate, setting, label, clock)."""
    runs = twins(settings, recipe, replicates, seed, block=block)
    losses = runs[["train_loss", "test_loss"]].sel(diffusion_index=PRIMARY_INDEX)
    times = twin_clocks(losses.step.values, *_by_class(losses), gap)
    return np.swapaxes(times.reshape(len(settings), replicates, *times.shape[1:]), 0, 1)


def _by_class(losses: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Training and test losses (..., label, step)."""
    train, test = (
        losses[name].transpose(..., "label", "step").values for name in ("train_loss", "test_loss")
    )
    return train, test


def _compared_curves(found: xr.Dataset) -> dict[str, Any]:
    """``mismatch`` and ``scale`` (prediction, replicate) of all four loss curves, from step 1 on."""
    later = found.isel(step=found.step.values > 0)
    both = np.concatenate(_by_class(later[["train_loss", "test_loss"]].transpose("prediction", ...)), axis=-2)
    theory = np.concatenate([found[f"theory_{part}"].values for part in ("train", "test")])
    distance, scale = mismatch(later.step.values, both, found.eigen_time.values, theory)
    axes = ("prediction", "replicate")
    return {
        "mismatch": (axes, distance, {"long_name": "distance of losses from the theory"}),
        "scale": (axes, scale, {"long_name": r"eigen-time of a step $T/\tau$"}),
    }


def _over_gains(times: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    return {
        "gain_time": (("prediction", "replicate", "gain", "label", "clock"), times, _STEPS),
        "gain_theory": (("gain", "clock"), predicted, _LEAD),
    }


def _over_shares(times: np.ndarray, predicted: np.ndarray, cut: tuple[int, int]) -> dict[str, Any]:
    dims = ("prediction", "replicate", "centring", "share", "label", "clock")
    whole = times.reshape(*times.shape[:2], *cut, *times.shape[3:])
    return {
        "share_time": (dims, whole, _STEPS),
        "share_theory": (("centring", "share", "clock"), predicted.reshape(*cut, -1), _LEAD),
    }


def _share_line(
    pair: Sequence[str],
    centrings: Sequence[str],
    shares: np.ndarray,
    recipe: TwinRecipe,
    sizes: tuple[float, float],
    gap: float,
) -> tuple[tuple[str, ...], np.ndarray]:
    """The theory's leads between the measured shares: counts as fine as the theory's shares are wanted."""
    total = 100_000
    settings = [
        pair_setting(pair, (round(share * total), total - round(share * total)), centring=centring)
        for centring in centrings
        for share in shares
    ]
    found = theory_leads(settings, recipe, sizes, gap)
    return ("centring", "fine_share", "clock"), found.reshape(len(centrings), len(shares), -1)


def _training_sets(setting: ImageSetting, recipe: TwinRecipe, replicates: int, seed: int) -> dict[str, Any]:
    """Held-out points that count as memorised, and the class's own nearest-neighbour distances, by replicate."""
    null, queries, own = [], [], []
    for replicate in range(replicates):
        points = twin_points(setting, recipe, twin_name(replicate, seed))
        ratio = distance_ratio(nearest_neighbours(points.test, points.train)[0])
        null.append(int((ratio < THRESHOLD).sum()))
        queries.append(ratio.size)
        clouds = [points.train[points.train_labels == label] for label in (0, 1)]
        own.append([np.median(nearest_neighbours(cloud, cloud)[0][:, 1]) for cloud in clouds])
    return {
        "null_memorised": (
            "replicate",
            np.array(null),
            {"long_name": "held-out points that count as memorised"},
        ),
        "null_queries": ("replicate", np.array(queries), {"long_name": "held-out points"}),
        "own_distance": (
            ("replicate", "label"),
            np.array(own),
            {"long_name": "distance to the nearest of the class"},
        ),
    }
