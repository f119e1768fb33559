"""Stored experiments on layers of different size: does their imbalance help a unit to specialise (arXiv:2503.02526)?

Two students learn one teacher unit from weights N(0, σ_w²) and readouts N(0, σ_h²) with the geometric mean
g = √(σ_h σ_w). A draw is a set of both, the same directions at every size.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from companion.analysis.statistics import bootstrap_interval, wilson_band
from companion.compute.seeds import generator
from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored
from companion.studies.committee_ends import ERROR, USAGE, final_measures, gaussian_readouts
from companion.theory.committee_conditions import drawn_start, two_task_conditions

#: A run with a larger error in the end has not fitted its task, so that its specialisation says nothing.
FITTED: Final = 1e-2
#: S_use of a run in which one unit does nearly all.
NEARLY_ALONE: Final = 0.9

RATIO = {"long_name": r"$\log_{10}(\sigma_h/\sigma_w)$"}
GEOMETRIC_MEAN = {"long_name": r"$g=\sqrt{\sigma_h\sigma_w}$"}


@stored(
    work=lambda conditions, draws, first_time, step, **_: len(conditions) * draws * first_time / step,
)
def imbalance_block(
    conditions: Sequence[Condition], draws: int, dimension: int, first_time: float, step: float, seed: int
) -> xr.Dataset:
    """S_use and error (condition, draw) of two students and one teacher unit; every condition has the same draws.

    A condition has a ``geometric_mean`` g and a ``ratio`` log10(σ_h/σ_w) of the sizes of Gaussian readouts and weights.
    """
    g, ratio = (np.array([each[name] for each in conditions]) for name in ("geometric_mean", "ratio"))
    weight, readout = g * 10.0 ** (-ratio / 2), g * 10.0 ** (ratio / 2)
    indices = np.tile(np.arange(draws), len(conditions))
    rows = drawn_start(2, 1, dimension, np.repeat(weight, draws), indices, seed)
    heads = readout[:, None, None] * gaussian_readouts(2, draws, seed)
    given = two_task_conditions(rows.reshape(len(conditions), draws, 2, -1), heads, np.zeros(2))
    found = final_measures(given, first_time, step)
    return xr.Dataset(
        {
            name: (("condition", "draw"), found[name].reshape(given.shape), words)
            for name, words in (("usage", USAGE), ("error", ERROR))
        }
    )


@stored(calls="body")
def imbalance_draws(
    ratios: Sequence[float],
    geometric_means: Sequence[float],
    draws: int,
    dimension: int,
    seed: int,
    *,
    first_time: float = 300.0,
    step: float = 0.2,
) -> xr.Dataset:
    """S_use and error at the end of one task, (geometric_mean, ratio, draw), from layers of different size.

    ``ratios`` are log10(σ_h/σ_w), ``geometric_means`` g = √(σ_h σ_w).
    """
    conditions = [
        {"geometric_mean": float(g), "ratio": float(ratio)} for g in geometric_means for ratio in ratios
    ]
    block = max(1, round(2.5e7 / (3 * draws * 4 * first_time / step)))
    found = sweep(
        imbalance_block,
        conditions,
        block=block,
        label="imbalance",
        draws=draws,
        dimension=dimension,
        first_time=first_time,
        step=step,
        seed=seed,
    )
    dims, shape = ("geometric_mean", "ratio", "draw"), (len(geometric_means), len(ratios), draws)
    return xr.Dataset(
        {
            name: (dims, found[name].values.reshape(shape), words)
            for name, words in (("usage", USAGE), ("error", ERROR))
        },
        coords={
            "geometric_mean": ("geometric_mean", list(geometric_means), GEOMETRIC_MEAN),
            "ratio": ("ratio", list(ratios), RATIO),
        },
        attrs={"dimension": dimension, "first_time": first_time, "fitted": FITTED, "root_seed": seed},
    )


@stored(calls="body")
def imbalance(
    ratios: Sequence[float], geometric_means: Sequence[float], draws: int, dimension: int, seed: int
) -> xr.Dataset:
    """Summary of `imbalance_draws`, each (geometric_mean, ratio), with 95 % intervals ``_lower``, ``_upper``.

    ``mean`` S_use of the runs that fit their task (NaN where none does), ``alone`` the share of these with S_use
    above `NEARLY_ALONE`, ``unfitted`` the share of runs that are left out; ``mean_of_all`` counts every run.
    """
    found = imbalance_draws(ratios, geometric_means, draws, dimension, seed)
    usage, fits = found.usage.values, found.error.values <= FITTED
    counts = fits.sum(axis=-1)
    mean, lower, upper = (np.full(counts.shape, np.nan) for _ in range(3))
    for place in zip(*np.nonzero(counts), strict=True):
        chosen = usage[place][fits[place]]
        mean[place] = chosen.mean()
        lower[place], upper[place] = bootstrap_interval(chosen, generator=generator(seed, "imbalance bars"))
    alone = ((usage > NEARLY_ALONE) & fits).sum(axis=-1)
    alone_lower, alone_upper = wilson_band(alone, counts)
    with np.errstate(invalid="ignore"):
        share = alone / counts
    left, left_lower, left_upper = draws - counts, *wilson_band(draws - counts, draws)
    values = {
        "mean": (mean, r"mean $S_\mathrm{use}$"),
        "mean_lower": (lower, r"mean $S_\mathrm{use}$"),
        "mean_upper": (upper, r"mean $S_\mathrm{use}$"),
        "mean_of_all": (usage.mean(axis=-1), r"mean $S_\mathrm{use}$ of all runs"),
        "alone": (share, rf"share with $S_\mathrm{{use}}>{NEARLY_ALONE:g}$"),
        "alone_lower": (alone_lower, "lower end of the share"),
        "alone_upper": (alone_upper, "upper end of the share"),
        "unfitted": (left / draws, "share of runs left out"),
        "unfitted_lower": (left_lower, "lower end of the share"),
        "unfitted_upper": (left_upper, "upper end of the share"),
    }
    attributes = {name: found.attrs[name] for name in ("dimension", "first_time", "fitted", "root_seed")}
    return xr.Dataset(
        {
            name: (("geometric_mean", "ratio"), cells, {"long_name": text})
            for name, (cells, text) in values.items()
        },
        coords={name: found[name] for name in ("geometric_mean", "ratio")},
        attrs=attributes | {"draws": draws, "nearly_alone": NEARLY_ALONE},
    )
