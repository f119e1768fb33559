"""Clocks of score models whose order is known, in the form in which the study of their curves stores them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import xarray as xr

_LEVELS: dict[str, tuple[str, tuple[float, ...]]] = {
    "gen_passage": ("share", (0.3, 0.5, 0.7, 0.9)),
    "mem_gap": ("margin", (0.1, 0.25, 0.5, 1.0)),
    "mem_gap_absolute": ("gap", (0.05, 0.1)),
    "early_stop": ("", (0.0,)),
}


def _clocks(
    settings: Mapping[str, Mapping[str, Any]],
    draws: int = 10,
    *,
    jitter: float = 0.02,
    spread: float = 0.3,
    dimension: int = 40,
) -> xr.Dataset:
    """Times of the two classes, (2,) or (draws, 2), by clock ("mem_gap(0.5)" before "mem_gap" before "every").

    Draws share a factor of ``spread`` between the classes and have ``jitter`` each, whose mean log is zero.
    """
    noise = np.random.default_rng(7)
    variables = {}
    for clock, (dim, levels) in _LEVELS.items():
        values = np.empty((len(settings), draws, 2, len(levels)))
        for row, given in enumerate(settings.values()):
            for place, level in enumerate(levels):
                pair = given.get(f"{clock}({level:g})", given.get(clock, given["every"]))
                own = jitter * noise.standard_normal((draws, 2))
                common = spread * noise.standard_normal((draws, 1))
                values[row, ..., place] = pair * np.exp(own - own.mean(axis=0) + common)
        dims = ("setting", "draw", "label", dim)
        variables[clock] = (dims, values) if dim else (dims[:3], values[..., 0])
    coords = {dim: list(levels) for dim, levels in _LEVELS.values() if dim}
    return xr.Dataset(
        variables,
        coords={"setting": list(settings)} | coords,
        attrs={"dimension": dimension, "root_seed": 1, "companion_key": "k" * 40},
    )


@pytest.fixture
def score_clocks() -> Callable[..., xr.Dataset]:
    """The builder of such clocks."""
    return _clocks
