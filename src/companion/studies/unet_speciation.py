"""Stored speciation of trained U-Nets: from which noise on does a noised image come back to its class?

Images of class c, noised to level t and followed back through the deterministic sampler, return to c with probability
φ_c(t), which falls from one to the share φ_∞ that all noise has. t_S^c is where φ_c = (1 + φ_∞)/2 (arXiv:2605.06367
states that imbalance delays the minority's).
"""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.statistics import wilson_band
from companion.compute.devices import arithmetic, torch_device
from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.models.score_model import ScoreModel
from companion.store.durable import stored
from companion.studies.unet_memorisation import pair_setting
from companion.studies.unet_recipes import Recipe
from companion.studies.unet_runs import by_setting, drawn_runs, score_runs, trained
from companion.theory.noise_schedule import NoiseSchedule
from companion.theory.speciation import sampled_crossing
from companion.training.diffusion import Snapshot
from companion.training.diffusion_monitors import SpeciationMonitor

Floats = NDArray[np.float64]

LEVELS = (136, 200, 260, 311, 370, 440, 520, 600, 680, 760, 860, 999)
CLASSES = 2
#: A curve that falls by less says nothing of where it falls.
LEAST_FALL = 0.1
_REDRAWN = 400


@stored(
    device=True,
    calls=lambda conditions, recipe, seed, **_: score_runs(conditions=conditions, recipe=recipe, seed=seed),
    work=lambda conditions, recipe, levels, rows, **_: (
        len(conditions)
        * (
            2e8
            + rows
            * len(levels)
            * recipe.sampler_steps
            * recipe.base**2
            * recipe.blocks
            * sum(m**2 / 4**level for level, m in enumerate(recipe.multipliers))
            * (recipe.side / recipe.patch) ** 2
        )
    ),
)
def returns(
    conditions: Sequence[Condition], recipe: Recipe, seed: int, levels: Sequence[int], rows: int
) -> xr.Dataset:
    """Shares of noised images that return to their class, for a block of finished `score_runs`.

    ``returned`` (condition, level, label), of ``rows`` held-out images of each class; NaN for a run that stopped.
    """
    where = torch_device()
    trained_runs = score_runs(conditions=conditions, recipe=recipe, seed=seed)
    drawn = drawn_runs(conditions, recipe, seed)
    watched, moments = [run.watched for run in drawn], [run.pair.second_moment for run in drawn]
    spec = recipe.training
    weights = trained_runs.weights.transpose("condition", "weight").values
    stopped = ~np.isfinite(weights).all(axis=1) | (trained_runs.stopped_at.values >= 0)
    with arithmetic(where, spec.precision), torch.no_grad():
        model = ScoreModel(spec.network, moments, prediction=spec.prediction, device=where)
        kept = torch.from_numpy(np.where(stopped[:, None], 0, weights).astype(np.float32)).to(where)
        monitor = SpeciationMonitor(watched, levels, rows, recipe.sampler_steps, where)
        seen = monitor(Snapshot(recipe.steps, model, kept))
    dims, shares = seen["returned"]
    return xr.Dataset(
        {"returned": (("condition", *dims), np.where(stopped[:, None, None], np.nan, shares))},
        coords={"level": list(levels), "label": [0, 1]},
    )


@stored(
    device=True,
    calls=lambda pair, total, minorities, recipe, replicates, seed, *, levels, rows, block, centring: [
        (
            trained(settings, recipe, replicates, seed, block=block),
            sweep(
                returns,
                [each.condition(replicate) for each in settings for replicate in range(replicates)],
                block=block,
                recipe=recipe,
                seed=seed,
                levels=list(levels),
                rows=rows,
            ),
        )
        for settings in [[pair_setting(pair, (few, total - few), centring=centring) for few in minorities]]
    ],
)
def speciation(
    pair: Sequence[str],
    total: int,
    minorities: Sequence[int],
    recipe: Recipe,
    replicates: int,
    seed: int,
    *,
    levels: Sequence[int] = LEVELS,
    rows: int = 128,
    block: int = 1,
    centring: str = "pair",
) -> xr.Dataset:
    """Speciation of finished runs of ``pair`` with ``minorities`` images of class 0 among ``total``.

    Dims ``minority``, ``replicate``: ``returned`` (…, level, label) with Wilson's ``returned_low``, ``returned_high``;
    ``floor`` (…, label), its value at the highest level; ``time`` (…, label), t_S on the clock of the
    Ornstein-Uhlenbeck process, NaN where the curve falls by less than `LEAST_FALL`, 0 where it has fallen before the
    lowest level, with the 95 % interval ``time_low``, ``time_high`` of as many images drawn again at each level;
    ``index``, the same as noise level. ``share`` (minority) is that of class 0 among the images. The runs
    are those of `unet_memorisation.imbalance`, where ``block`` divides ``replicates``. Raises ValueError for fewer
    than three levels, or levels that do not increase.
    """
    if len(levels) < 3 or list(levels) != sorted(set(levels)):
        raise ValueError(f"levels: {levels!r} given; allowed are three or more, increasing")
    settings = [pair_setting(pair, (few, total - few), centring=centring) for few in minorities]
    trained(settings, recipe, replicates, seed, block=block)
    conditions = [setting.condition(replicate) for setting in settings for replicate in range(replicates)]
    found = sweep(
        returns,
        conditions,
        block=block,
        label="speciation of U-Nets",
        recipe=recipe,
        seed=seed,
        levels=list(levels),
        rows=rows,
    )
    cut = by_setting(found, "minority", replicates, minority=list(minorities))
    returned = cut.returned.transpose("minority", "replicate", "level", "label")
    hits = np.nan_to_num(returned.values * rows).round().astype(int)
    missing = np.isnan(returned.values)
    low, high = (np.where(missing, np.nan, ends) for ends in wilson_band(hits, rows))
    times = np.apply_along_axis(lambda curve: crossing(levels, curve), 2, returned.values)
    spread = _spread(levels, returned.values, rows, generator(seed, "speciation interval"))
    clock = NoiseSchedule().times
    index = np.interp(times, clock, np.arange(clock.size))
    by_level = ("minority", "replicate", "level", "label")
    by_run = ("minority", "replicate", "label")
    return xr.Dataset(
        {
            "returned": (by_level, returned.values, {"long_name": r"share that returns $\phi_c$"}),
            "returned_low": (by_level, low),
            "returned_high": (by_level, high),
            "floor": (by_run, returned.values[:, :, -1], {"long_name": r"floor $\phi_\infty$"}),
            "time": (by_run, times, {"long_name": r"speciation time $t_S^c$"}),
            "time_low": (by_run, spread[0]),
            "time_high": (by_run, spread[1]),
            "index": (by_run, np.where(np.isnan(times), np.nan, index), {"long_name": "noise level"}),
        },
        coords={
            "minority": list(minorities),
            "share": (
                "minority",
                np.array(minorities) / total,
                {"long_name": "share of the images"},
            ),
            "level": ("level", list(levels), {"long_name": "noise level $t$"}),
            "level_time": ("level", clock[list(levels)], {"long_name": r"diffusion time $t_{\mathrm{OU}}$"}),
            "label": [0, 1],
            "class_name": ("label", list(pair)),
        },
        attrs={"total": total, "rows": rows, "root_seed": seed},
    )


def _spread(levels: Sequence[int], returned: Floats, rows: int, draws: np.random.Generator) -> Floats:
    """Ends of the interval of `crossing` (2, …, label) for ``returned`` (…, level, label) of ``rows`` images each."""
    curves = np.moveaxis(returned, -2, -1)
    flat = curves.reshape(-1, len(levels))
    ends = np.full((2, len(flat)), np.nan)
    for row, curve in enumerate(flat):
        if np.isnan(crossing(levels, curve)):
            continue
        redrawn = draws.binomial(rows, curve, size=(_REDRAWN, len(levels))) / rows
        times = np.array([crossing(levels, again) for again in redrawn])
        known = np.sort(times[~np.isnan(times)])
        cut = round(0.025 * _REDRAWN)
        if known.size > _REDRAWN - cut:
            ends[:, row] = known[cut], known[-1 - cut]
    return ends.reshape(2, *curves.shape[:-1])


def crossing(levels: Sequence[int], returned: Floats) -> float:
    """t_OU at which ``returned`` (levels,) is halfway between 1 and its value at the highest level; see `speciation`.

    >>> round(crossing([136, 311, 600], np.array([1.0, 0.75, 0.5])), 3)
    0.5
    """
    floor = returned[-1]
    if not 1 - floor >= LEAST_FALL:
        return float("nan")
    return sampled_crossing(NoiseSchedule().times[list(levels)], returned, (1 + floor) / 2)
