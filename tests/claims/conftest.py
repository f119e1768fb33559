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


_UNET_CLOCKS = ("early_stop", "mem_gap", "mem_half", "mem_copy", "mem_plateau", "frechet_gen")
_MARGINS, _COPIES = (0.1, 0.25, 0.5, 1.0), (0.05, 0.1, 0.2)
LAST_STEP = 100_000


def _unet_runs(
    dim: str,
    settings: Mapping[Any, Mapping[str, Any]],
    replicates: int = 8,
    *,
    jitter: float = 0.02,
    spread: float = 0.3,
    stopped: Mapping[Any, int] | None = None,
    null: int = 1,
    **attrs: Any,
) -> xr.Dataset:
    """Times of the two classes by clock ("mem_copy(0.2)" before "mem_copy" before "every"), as the studies store them.

    A replicate has a factor of ``spread`` in all its times and ``jitter`` in each, whose mean log is zero. Of
    ``stopped`` settings so many replicates stopped on a loss that is no number.
    """
    noise = np.random.default_rng(7)
    common = spread * noise.standard_normal((replicates, 1))

    def drawn(clocks: list[str]) -> np.ndarray:
        values = np.empty((len(settings), replicates, len(clocks), 2))
        for row, given in enumerate(settings.values()):
            for place, clock in enumerate(clocks):
                pair = given.get(clock, given.get(clock.split("(")[0], given["every"]))
                own = jitter * noise.standard_normal((replicates, 2))
                values[row, :, place] = pair * np.exp(own - own.mean(axis=0) + common)
        return values

    gaps = drawn([f"mem_gap({margin:g})" for margin in _MARGINS])
    copies = drawn([f"mem_copy({share:g})" for share in _COPIES])
    times = drawn(list(_UNET_CLOCKS))
    times[:, :, 1], times[:, :, 3] = gaps[:, :, 1], copies[:, :, 1]
    stops = np.full((len(settings), replicates), -1)
    for name, count in (stopped or {}).items():
        stops[list(settings).index(name), :count] = 500
    by_run = (dim, "replicate")
    return xr.Dataset(
        {
            "time": ((*by_run, "clock", "label"), times),
            "gap_time": ((*by_run, "margin", "label"), gaps),
            "copy_time": ((*by_run, "copied", "label"), copies),
            "stopped_at": (by_run, stops),
            "null_memorised": (by_run, np.full(stops.shape, null)),
            "null_queries": (by_run, np.full(stops.shape, 1000)),
            "own_distance": ((*by_run, "label"), np.broadcast_to([5.6, 3.2], (*stops.shape, 2))),
        },
        coords={
            dim: list(settings),
            "clock": list(_UNET_CLOCKS),
            "margin": list(_MARGINS),
            "copied": list(_COPIES),
            "label": [0, 1],
            "step": [0, 75, LAST_STEP],
        },
        attrs={"root_seed": 1, "companion_key": "u" * 40} | attrs,
    )


@pytest.fixture
def unet_runs() -> Callable[..., xr.Dataset]:
    """The builder of results of U-Net runs."""
    return _unet_runs


def _unet_pairs(replicates: int = 8, **changes: Any) -> xr.Dataset:
    """Three natural pairs that satisfy the claims on order; ``changes`` are made to the pair of that first class."""
    own = {
        "Bag": {"early_stop": (300.0, 400.0), "mem_gap": (400.0, 600.0), "mem_copy": (900.0, 1500.0)},
        "Shirt": {"early_stop": (300.0, 400.0), "mem_gap": (400.0, 600.0), "mem_copy": (900.0, 1500.0)},
        "Trouser": {"early_stop": (400.0, 400.0), "mem_gap": (600.0, 600.0), "mem_copy": (1500.0, 1500.0)},
    }
    options = {name: changes.pop(name) for name in ("jitter", "stopped", "null") if name in changes}
    names = {"Bag": "Bag / Trouser", "Shirt": "Shirt / Sneaker", "Trouser": "Trouser / Sneaker"}
    settings = {
        names[first]: {"every": (500.0, 500.0)} | own[first] | changes.get(first, {}) for first in names
    }
    return _unet_runs("pair", settings, replicates, **options)


@pytest.fixture
def unet_pairs() -> Callable[..., xr.Dataset]:
    """The builder of ``natural_pairs``."""
    return _unet_pairs


def _unet_dial(
    replicates: int = 8,
    *,
    dim: str = "gain",
    power: float = 1.5,
    ratios: tuple[float, ...] = (0.7, 1.0, 1.5, 1.6),
    **options: Any,
) -> xr.Dataset:
    """A dial in which the ratio of times is the ``power`` of its ratio on every clock."""
    settings = {ratio: {"every": (500.0, 500.0 * ratio**power)} for ratio in ratios}
    return _unet_runs(dim, settings, replicates, **options)


@pytest.fixture
def unet_dial() -> Callable[..., xr.Dataset]:
    """The builder of ``variance_dial`` and ``centroid_dial``."""
    return _unet_dial
