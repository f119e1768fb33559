"""Stored experiments on starts that decide how two units share one task (arXiv:2503.02526).

Readouts r (cos θ, sin θ) go from one alone, θ = 0, to both alike, θ = π/4, for a teacher of one unit. A draw is a set
of weights of scale σ_w; the start of d → ∞ needs none.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from companion.analysis.specialisation import readout_entropy, usage_specialisation
from companion.compute.sweeps import sweep
from companion.store.durable import stored
from companion.studies.committee_ends import (
    ANGLE,
    ENTROPY,
    ERROR,
    EVEN,
    USAGE,
    ends_of_task,
    polar_readouts,
    starting_condition,
)
from companion.theory.scalar_linear import small_start_shares

READOUT_SCALE = {"long_name": r"readout norm $r$"}
WEIGHT_SCALE = {"long_name": r"weight scale $\sigma_w$"}
LEARNING_RATE = {"long_name": r"learning rate $e_w$"}


@stored(
    calls=lambda weight_scales, draws, readout_scales, angles, first_time, step, **common: [
        sweep(
            ends_of_task,
            [starting_condition(weight, readout) for readout in readout_scales],
            block=max(1, round(1.3e7 / (angles * count * 4 * first_time / step))),
            angles=np.linspace(0.0, EVEN, angles).tolist(),
            students=2,
            teachers=1,
            draws=count,
            first_time=first_time,
            step=step,
            **common,
        )
        for weight, count in zip(weight_scales, draws, strict=True)
    ],
)
def landscape(
    weight_scales: Sequence[float],
    draws: Sequence[int],
    readout_scales: Sequence[float],
    angles: int,
    dimension: int,
    seed: int,
    *,
    first_time: float = 200.0,
    step: float = 0.2,
) -> xr.Dataset:
    """S_use of two students and one teacher unit, its mean and standard deviation over draws of the weights.

    ``mean`` and ``spread`` (weight_scale, readout_scale, angle), from ``draws`` for each of the ``weight_scales``.
    Raises ValueError where their numbers differ.
    """
    if len(draws) != len(weight_scales):
        raise ValueError(f"draws: {len(draws)} given; allowed: one for each of {len(weight_scales)} scales")
    grid = np.linspace(0.0, EVEN, angles)
    found = []
    for weight, count in zip(weight_scales, draws, strict=True):
        ends = sweep(
            ends_of_task,
            [starting_condition(weight, readout) for readout in readout_scales],
            # About two seconds of right-hand sides in a block.
            block=max(1, round(1.3e7 / (angles * count * 4 * first_time / step))),
            label=f"starts of scale {weight:g}",
            angles=grid.tolist(),
            students=2,
            teachers=1,
            draws=count,
            dimension=dimension,
            first_time=first_time,
            step=step,
            seed=seed,
        )
        found.append(ends.usage.transpose("condition", "angle", "draw").values)
    dims = ("weight_scale", "readout_scale", "angle")
    return xr.Dataset(
        {
            "mean": (dims, np.stack([usage.mean(axis=-1) for usage in found]), USAGE),
            "spread": (
                dims,
                np.stack([usage.std(axis=-1) for usage in found]),
                {"long_name": r"spread of $S_\mathrm{use}$ over draws"},
            ),
        },
        coords={
            "weight_scale": ("weight_scale", list(weight_scales), WEIGHT_SCALE),
            "draws": ("weight_scale", list(draws), {"long_name": "draws of the weights"}),
            "readout_scale": ("readout_scale", list(readout_scales), READOUT_SCALE),
            "angle": ("angle", grid, ANGLE),
        },
        attrs={"dimension": dimension, "first_time": first_time, "root_seed": seed},
    )


@stored(calls="body")
def decided_by_start(
    readout_scales: Sequence[float],
    learning_rates: Sequence[float],
    fast_rates: Sequence[float],
    drawn_scales: Sequence[float],
    angles: int,
    few_angles: int,
    draws: int,
    dimension: int,
    seed: int,
    *,
    weight_scale: float = 1e-3,
    readout_scale: float = 0.3,
    rate_weight_scale: float = 0.1,
    rate_angle: float = 0.3,
    first_time: float = 200.0,
    step: float = 0.1,
) -> xr.Dataset:
    """S_use and error at the end of one task against the readout angle: two students, one teacher unit.

    From σ_w = ``weight_scale`` and d → ∞, without draws: ``usage`` and ``error`` (readout_scale, angle), beside
    ``law`` and ``entropy`` (angle,), the linear law c_k ∝ h_k0² and H_read. At r = ``readout_scale``: ``drawn_usage``,
    ``drawn_error`` (weight_scale, few_angle, draw) for weights drawn in ``dimension`` dimensions; ``fast_usage``,
    ``fast_error`` (fast_rate, few_angle) at large e_w; ``rate_usage`` and ``rate_error`` (readout_rate, learning_rate)
    at the angle ``rate_angle`` and σ_w = ``rate_weight_scale``. Where no other is named the rate of the readouts is 1.
    """
    grid, few = np.linspace(0.0, EVEN, angles), np.linspace(0.0, EVEN, few_angles)
    common = {"students": 2, "teachers": 1, "dimension": dimension, "first_time": first_time}
    common |= {"step": step, "seed": seed}

    def ends(conditions: list[dict[str, float]], at: ArrayLike, draws: int = 0) -> xr.Dataset:
        chosen = np.atleast_1d(at).tolist()
        return sweep(ends_of_task, conditions, block=64, angles=chosen, draws=draws, **common)

    table = ends([starting_condition(weight_scale, scale) for scale in readout_scales], grid).isel(draw=0)
    drawn = ends([starting_condition(scale, readout_scale) for scale in drawn_scales], few, draws)
    fast = ends([starting_condition(weight_scale, readout_scale, rate, 1.0) for rate in fast_rates], few)
    rated = ends(
        [
            starting_condition(rate_weight_scale, readout_scale, rate, readout_rate)
            for readout_rate in (1.0, None)
            for rate in learning_rates
        ],
        rate_angle,
    )

    def measures(found: xr.Dataset, prefix: str, dims: tuple[str, ...], *shape: int) -> dict[str, Any]:
        return {
            prefix + name: (dims, found[name].values.reshape(shape or found[name].shape), words)
            for name, words in (("usage", USAGE), ("error", ERROR))
        }

    readouts = polar_readouts(grid, 2)
    law = usage_specialisation(small_start_shares(np.zeros_like(readouts), readouts))
    return xr.Dataset(
        {
            **measures(table, "", ("readout_scale", "angle")),
            **measures(drawn, "drawn_", ("weight_scale", "few_angle", "draw")),
            **measures(fast.isel(draw=0), "fast_", ("fast_rate", "few_angle")),
            **measures(rated, "rate_", ("readout_rate", "learning_rate"), 2, len(learning_rates)),
            "law": ("angle", law, USAGE),
            "entropy": ("angle", readout_entropy(readouts), ENTROPY),
        },
        coords={
            "readout_scale": ("readout_scale", list(readout_scales), READOUT_SCALE),
            "angle": ("angle", grid, ANGLE),
            "few_angle": ("few_angle", few, ANGLE),
            "weight_scale": ("weight_scale", list(drawn_scales), WEIGHT_SCALE),
            "fast_rate": ("fast_rate", list(fast_rates), LEARNING_RATE),
            "learning_rate": ("learning_rate", list(learning_rates), LEARNING_RATE),
            "readout_rate": ["one", "as the weights"],
        },
        attrs={
            "weight_scale": weight_scale,
            "readout_scale": readout_scale,
            "rate_weight_scale": rate_weight_scale,
            "rate_angle": rate_angle,
            "first_time": first_time,
            "root_seed": seed,
        },
    )


@stored(calls="body")
def starts(
    weight_scales: Sequence[float],
    map_draws: Sequence[int],
    map_readout_scales: Sequence[float],
    map_angles: int,
    readout_scales: Sequence[float],
    learning_rates: Sequence[float],
    fast_rates: Sequence[float],
    drawn_scales: Sequence[float],
    angles: int,
    few_angles: int,
    draws: int,
    dimension: int,
    seed: int,
) -> xr.Dataset:
    """`landscape`, with names that begin with "map", and `decided_by_start` in one dataset, as the figure shows them.

    Of the drawn weights only those of the largest scale are kept.
    """
    place = landscape(weight_scales, map_draws, map_readout_scales, map_angles, dimension, seed)
    decided = decided_by_start(
        readout_scales,
        learning_rates,
        fast_rates,
        drawn_scales,
        angles,
        few_angles,
        draws,
        dimension,
        seed,
    ).isel(weight_scale=[int(np.argmax(drawn_scales))])
    names = {name: f"map_{name}" for name in (*place.data_vars, *place.coords)}
    merged = xr.merge([decided, place.rename(names)], join="exact", compat="equals", combine_attrs="override")
    kept = {name: value for name, value in decided.attrs.items() if not name.startswith("companion")}
    merged.attrs = kept | {"dimension": dimension}
    return merged
