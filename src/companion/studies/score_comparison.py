"""Stored comparisons of trained score models with the theory, and what support and exposure do apart."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.datasets.gaussian_mixture import sample
from companion.models.random_features import draw_features
from companion.store.durable import stored
from companion.studies.score_curves import simulated_curves, theory_curves
from companion.studies.score_settings import SETTINGS, ScoreSetting
from companion.theory.mixtures import Mixture
from companion.theory.score_losses import ridge_losses

CLOCKS = ("gen_passage", "early_stop", "mem_gap", "mem_gap_absolute")
#: The 2 x 2 design: run, share of the examples and weight in the loss of the high-variance class.
DESIGN = {"R5": (0.5, 0.5), "R5 rare": (0.1, 0.5), "R5 light": (0.5, 0.1), "R1": (0.1, 0.1)}


def chosen(names: Sequence[str]) -> dict[str, ScoreSetting]:
    """Settings by name. Raises ValueError that lists the names there are."""
    unknown = [name for name in names if name not in SETTINGS]
    if unknown:
        raise ValueError(f"settings: given {', '.join(unknown)}; allowed: {', '.join(SETTINGS)}")
    return {name: SETTINGS[name] for name in names}


@stored(
    calls=lambda names, dimension, draws, seed, **_: (
        simulated_curves(chosen(names), dimension, draws, seed),
        theory_curves(chosen(names)),
    ),
)
def compared_curves(
    names: Sequence[str], dimension: int, draws: int, seed: int, *, marks: int = 18
) -> xr.Dataset:
    """Losses of the theory (dim ``time``) and of trained models (``simulated_*``, dims ``draw``, ``mark``).

    ``marks`` of the times, evenly spaced, are kept of the simulations. Raises ValueError for unknown settings.
    """
    settings = chosen(names)
    simulated = simulated_curves(settings, dimension, draws, seed).sel(setting=list(names))
    theory = theory_curves(settings).sel(setting=list(names))
    kept = np.unique(np.linspace(0, simulated.sizes["time"] - 1, marks).round().astype(int))
    marked = simulated[["train", "test"]].isel(time=kept).rename(time="mark")
    drawn = {f"simulated_{name}": marked[name] for name in ("train", "test")}
    lines = theory[["train", "test", "reducible"]]
    return lines.assign(drawn).assign_attrs(dimension=dimension, root_seed=seed)


@stored(
    calls=lambda names, dimension, draws, seed: (
        simulated_curves(chosen(names), dimension, draws, seed),
        theory_curves(chosen(names)),
    ),
)
def compared_clocks(names: Sequence[str], dimension: int, draws: int, seed: int) -> xr.Dataset:
    """Clocks of the theory, and of trained models (``simulated_*``, dim ``draw``); inf where never reached.

    ``last_time`` (attribute) is when watching ended. Raises ValueError for unknown settings.
    """
    settings = chosen(names)
    simulated = simulated_curves(settings, dimension, draws, seed).sel(setting=list(names))
    theory = theory_curves(settings).sel(setting=list(names))
    drawn = {f"simulated_{name}": simulated[name] for name in CLOCKS}
    last = float(simulated.time.max())
    attrs = {"dimension": dimension, "root_seed": seed, "last_time": last}
    return theory[list(CLOCKS)].assign(drawn).assign_attrs(attrs)


@stored(calls="body")
def support_exposure(dimension: int, draws: int, seed: int) -> xr.Dataset:
    """Clocks in the 2 x 2 design of examples and weights, by theory and simulation (see `compared_clocks`)."""
    found = compared_clocks(list(DESIGN), dimension, draws, seed)
    support, exposure = zip(*DESIGN.values(), strict=True)
    return found.assign_coords(
        support=("setting", list(support), {"long_name": "share of the examples"}),
        exposure=("setting", list(exposure), {"long_name": "weight in the loss"}),
    )


@stored(work=lambda names: len(names))
def final_losses(names: Sequence[str]) -> xr.Dataset:
    """Losses at the end of training, T -> infinity, by theory: ``train`` and ``test`` (setting, label)."""
    settings = chosen(names)
    ends = [
        np.stack(ridge_losses([0.0], setting.mixture, *setting.sizes, class_weights=setting.class_weights))[
            :, 0
        ]
        for setting in settings.values()
    ]
    losses = np.stack(ends)
    dims = ("setting", "label")
    return xr.Dataset(
        {
            "train": (dims, losses[:, 0], {"long_name": r"training loss at $T\to\infty$"}),
            "test": (dims, losses[:, 1], {"long_name": r"test loss at $T\to\infty$"}),
        },
        coords={"setting": list(settings)},
    )


@stored(
    work=lambda conditions, dimension, feature_ratio, **_: len(conditions) * (feature_ratio * dimension) ** 3,
)
def band_block(
    conditions: Sequence[Condition], dimension: int, feature_ratio: float, diffusion_time: float, seed: int
) -> xr.Dataset:
    """Medians of the two bands of one class of unit variance, for each (``sample_ratio``, ``draw``).

    Ranks 1 to d are the generalisation band, d + 1 to n the memorisation band; rows of W have norm √d.
    """
    mixture = Mixture((1.0,), (1.0,), diffusion_time=diffusion_time)
    medians = []
    for condition in conditions:
        noise = generator(seed, "bands", dimension, condition["draw"])
        model = draw_features(
            mixture, round(feature_ratio * dimension), dimension, noise, normalise_rows=True
        )
        samples = sample(mixture, round(condition["sample_ratio"] * dimension), dimension, noise)
        matrix = model.train_matrices(samples).weighted().features
        eigenvalues = np.linalg.eigvalsh(matrix)[::-1]
        size = samples.labels.size
        medians.append((np.median(eigenvalues[:dimension]), np.median(eigenvalues[dimension:size])))
    generalisation, memorisation = np.array(medians).T
    return xr.Dataset(
        {
            "generalisation_band": (
                "condition",
                generalisation,
                {"long_name": "median of the generalisation band"},
            ),
            "memorisation_band": (
                "condition",
                memorisation,
                {"long_name": "median of the memorisation band"},
            ),
        }
    )


@stored(calls="body")
def sample_size(
    sample_ratios: Sequence[float],
    dimension: int,
    draws: int,
    seed: int,
    *,
    feature_ratio: float = 64.0,
    diffusion_time: float = 0.01,
) -> xr.Dataset:
    """How clocks and bands move with n: one class of unit variance (the setting of arXiv:2505.17638).

    ``memorisation_band`` and ``generalisation_band`` (sample_ratio, draw) are medians of eigenvalues;
    ``gen_passage`` (share one half) and ``mem_gap_absolute`` (.05), (sample_ratio,), come from the theory.
    Raises ValueError for a sample ratio of at most one, where there is no memorisation band, and for no draws.
    """
    if not sample_ratios or min(sample_ratios) <= 1:
        raise ValueError(f"sample_ratios: given {list(sample_ratios)}; allowed: numbers above 1")
    if draws < 1:
        raise ValueError(f"draws: given {draws}; allowed: at least 1")
    conditions = [
        {"sample_ratio": float(ratio), "draw": draw} for ratio in sample_ratios for draw in range(draws)
    ]
    bands = sweep(
        band_block,
        conditions,
        block=1,
        label=f"bands at p = {round(feature_ratio * dimension)}",
        dimension=dimension,
        feature_ratio=feature_ratio,
        diffusion_time=diffusion_time,
        seed=seed,
    )
    theory = theory_curves(
        {
            f"{ratio:g}": ScoreSetting(
                weights=(1.0,),
                standard_deviations=(1.0,),
                centroid_gram=((0.0,),),
                diffusion_time=diffusion_time,
                sample_ratio=ratio,
                feature_ratio=feature_ratio,
            )
            for ratio in sample_ratios
        }
    )
    clocks = theory.isel(label=0).sel(setting=[f"{ratio:g}" for ratio in sample_ratios])
    shape, dims = (len(sample_ratios), draws), ("sample_ratio", "draw")
    return xr.Dataset(
        {
            name: (dims, bands[name].values.reshape(shape), bands[name].attrs)
            for name in ("generalisation_band", "memorisation_band")
        }
        | {
            "gen_passage": (
                "sample_ratio",
                clocks.gen_passage.sel(share=0.5).values,
                {"long_name": "$T_{gen}(.5)$"},
            ),
            "mem_gap_absolute": (
                "sample_ratio",
                clocks.mem_gap_absolute.sel(gap=0.05).values,
                {"long_name": "$T_{mem}(.05)$"},
            ),
        },
        coords={
            "sample_ratio": ("sample_ratio", list(map(float, sample_ratios)), {"long_name": r"$\psi_n=n/d$"})
        },
        attrs={
            "dimension": dimension,
            "feature_ratio": feature_ratio,
            "diffusion_time": diffusion_time,
            "root_seed": seed,
        },
    )
