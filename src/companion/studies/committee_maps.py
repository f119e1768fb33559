"""Stored maps of how forgetting depends on the similarity of two tasks, over the starts of an erf soft committee.

K = 2 students, teachers of one unit (arXiv:2503.02526). The first readout starts at r (cos θ, sin θ), so θ = 0 gives
all to one unit and θ = π/4 is a tie; π/4 - θ is the distance from the tie.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.analysis.specialisation import (
    SHAPES,
    contributions,
    forgetting_shape,
    usage_specialisation,
)
from companion.compute.sweeps import sweep
from companion.settings.problems import did_you_mean
from companion.store.durable import stored
from companion.theory.committee_conditions import drawn_start, isotropic_start, two_task_conditions
from companion.theory.soft_committee import solve_two_tasks

Floats = NDArray[np.float64]
Condition = dict[str, Any]

#: Where the readout of task 2 starts: (r/√2)(1, 1); the same with r = .1 or .001; (0, r), at the unit that task 1 used
#: least; where the readout of task 1 ended.
SECOND_READOUTS: Final = ("equal", "fixed", "small", "free", "copied")
_FIXED: Final = {"fixed": 0.1, "small": 1e-3}

#: Forgetting peaks at intermediate similarity: its largest value lies here, ends included, and F(0) is below this
#: share of it.
PEAK_RANGE: Final = (0.3, 0.7)
LARGEST_START: Final = 0.2

ISOTROPIC: Final = -1  # the draw of a start without overlaps, d → ∞
TIE: Final = math.pi / 4
_SECONDS: Final = 7e-7  # of one step of Runge-Kutta and one condition

SCALE = {"long_name": "readout scale $r$"}
_VARIABLES: Final = {
    "shape": {"long_name": "shape of $F(V)$: " + ", ".join(f"{at} {name}" for at, name in enumerate(SHAPES))},
    "criterion": {"long_name": "1 where the peak is intermediate"},
    "peak": {"long_name": "similarity of the largest $F$"},
    "relative_start": {"long_name": r"$F(0)/\max F$"},
    "specialisation": {"long_name": r"$S_{\rm use}$"},
    "error": {"long_name": "largest error on a task just learned"},
}


def starting_readouts(
    tie_distance: ArrayLike, scale: ArrayLike, second_readout: str
) -> tuple[Floats, Floats]:
    """Readouts (..., 2) of task 1 and of task 2, from π/4 - θ and r (...,) and one of `SECOND_READOUTS`.

    Both units are equal to the last bit at a distance of 0. For "copied" the second is not used. Raises ValueError
    for another name.
    """
    if second_readout not in SECOND_READOUTS:
        close = did_you_mean(second_readout, SECOND_READOUTS, ", ".join(SECOND_READOUTS))
        raise ValueError(f"second_readout: {second_readout!r} given; {close}")
    distance, r = np.broadcast_arrays(np.asarray(tie_distance, dtype=float), np.asarray(scale, dtype=float))
    across, along = np.sin(distance), np.cos(distance)
    first = (r / math.sqrt(2))[..., None] * np.stack([along + across, along - across], axis=-1)
    if second_readout == "free":
        return first, np.stack([np.zeros_like(r), r], axis=-1)
    size = np.full_like(r, _FIXED.get(second_readout, 1.0)) if second_readout in _FIXED else r
    return first, np.stack([size, size], axis=-1) / math.sqrt(2)


@stored(
    work=lambda conditions, similarities, time, step, **_: (
        len(conditions) * (len(similarities) + 1) * time / step
    ),
)
def shape_block(
    conditions: Sequence[Mapping[str, Any]],
    similarities: Sequence[float],
    time: float,
    step: float,
    dimension: int,
    seed: int,
) -> xr.Dataset:
    """Shape of the forgetting curve F(V) of each start, after ``time`` for each task; dim ``condition``.

    A condition has ``tie_distance``, ``scale``, ``weight_scale``, ``second_readout`` and ``draw``, which numbers a
    draw of the weights in ``dimension`` dimensions or is -1 for no overlaps at all. ``shape`` indexes
    `analysis.specialisation.SHAPES`; ``criterion`` is 1 where the peak is intermediate; ``peak`` the similarity of the
    largest F, ``relative_start`` F at the lowest similarity over it; ``specialisation`` S_use at the switch (both of
    four decimals); ``error`` the larger of ε_1 at the switch and the largest ε_2 at the end.
    """
    V = np.asarray(similarities, dtype=np.float64)
    first, second = np.empty((2, len(conditions), 1, 2))
    for row, condition in enumerate(conditions):
        place = (condition["tie_distance"], condition["scale"], condition["second_readout"])
        first[row, 0], second[row, 0] = starting_readouts(*place)
    given = two_task_conditions(
        _starts(conditions, dimension, seed)[:, None],
        first,
        second,
        V,
        copy_readout=[[condition["second_readout"] == "copied"] for condition in conditions],
    )
    solved = solve_two_tasks(given, first_time=time, second_time=time, step=step, times=())
    errors = solved.error.values.reshape(*given.shape, 3, 2)
    forgotten = errors[:, :, 2, 0] - errors[:, :, 1, 0]
    largest = forgotten.max(axis=1)
    peak = V[forgotten.argmax(axis=1)]
    relative = np.divide(forgotten[:, 0], largest, out=np.full(peak.shape, np.nan), where=largest > 0)
    lowest, highest = PEAK_RANGE
    central = np.logical_and.reduce([peak >= lowest, peak <= highest, relative < LARGEST_START])
    overlaps = solved.Q.values.reshape(*given.shape, 3, 2, 2)[:, 0, 1]
    readout = solved.readout.values.reshape(*given.shape, 3, 2, 2)[:, 0, 1, 0]
    found = {
        "shape": forgetting_shape(V, forgotten),
        "criterion": central.astype(np.int64),
        "peak": peak,
        "relative_start": relative.round(4),
        "specialisation": usage_specialisation(contributions(readout, overlaps)).round(4),
        "error": np.maximum(errors[:, 0, 1, 0], errors[:, :, 2, 1].max(axis=1)),
    }
    return xr.Dataset({name: ("condition", values) for name, values in found.items()})


def _starts(conditions: Sequence[Mapping[str, Any]], dimension: int, seed: int) -> Floats:
    """Overlaps (n, 2, 4) at the start."""
    widths = np.array([condition["weight_scale"] for condition in conditions])
    draws = np.array([condition["draw"] for condition in conditions])
    start = isotropic_start(2, 1, widths)
    drawn = np.flatnonzero(draws != ISOTROPIC)
    start[drawn] = drawn_start(2, 1, dimension, widths[drawn], draws[drawn].tolist(), seed)
    return start


@stored(calls="body")
def shape_maps(
    weight_scales: Sequence[float],
    angles: int,
    scales: int,
    similarities: int,
    seed: int,
    *,
    time: float = 600.0,
    step: float = 0.4,
    drawn_scale: float = 0.1,
    dimension: int = 1000,
) -> xr.Dataset:
    """Maps of the shape of F(V) over θ and r, after ``time`` for each task; dims ``panel``, ``angle``, ``scale``.

    Panels: starts without overlaps at each of ``weight_scales``, one draw in ``dimension`` dimensions at
    ``drawn_scale``, and the other readouts of task 2 at the first weight scale. ``angles`` are middles of cells of
    equal width; behind them stands the tie, θ = π/4, that has none. Variables are those of `shape_block`, without the
    error, the largest of which is the attribute ``largest_error``; ``weight_scales``, ``second_readouts`` and
    ``draws`` of the panels are attributes too.

    Raises ValueError for fewer than 3 similarities, 2 scales, 1 angle.
    """
    for name, given, least in (
        ("angles", angles, 1),
        ("scales", scales, 2),
        ("similarities", similarities, 3),
    ):
        if given < least:
            raise ValueError(f"{name}: {given} given; allowed: a whole number >= {least}")
    panels = map_panels(weight_scales, drawn_scale)
    theta, r = np.append(cell_angles(angles), TIE), readout_scales(scales)
    starts = [map_start(TIE - a, s, **panel) for panel in panels.values() for a in theta for s in r]
    shape = {"panel": len(panels), "angle": theta.size, "scale": r.size}
    found = solved_shapes(starts, shape, similarities, time, step, dimension, seed)
    error = found.error.max()
    settings = [map_start(0.0, 1.0, **panel) for panel in panels.values()]
    return (
        found.drop_vars("error")
        .assign_coords(
            panel=list(panels),
            angle=("angle", theta, {"long_name": r"readout angle $\theta$"}),
            scale=("scale", r, SCALE),
        )
        .assign_attrs(
            weight_scales=[each["weight_scale"] for each in settings],
            second_readouts=[each["second_readout"] for each in settings],
            draws=[each["draw"] for each in settings],
            peak_range=list(PEAK_RANGE),
            largest_start=LARGEST_START,
            dimension=dimension,
            root_seed=seed,
            time=time,
            step=step,
            conditions=len(starts) * similarities,
            largest_error=float(error),
        )
    )


def solved_shapes(
    starts: Sequence[Condition],
    sizes: Mapping[str, int],
    similarities: int,
    time: float,
    step: float,
    dimension: int,
    seed: int,
) -> xr.Dataset:
    """Variables of `shape_block` over ``starts``, which are ``sizes`` in C order."""
    block = max(8, round(2.0 / (_SECONDS * (similarities + 1) * time / step)))  # two seconds of work
    found = sweep(
        shape_block,
        starts,
        block=block,
        label="shapes of forgetting",
        # Rounded, so that .7 is not above .7.
        similarities=np.linspace(0.0, 1.0, similarities).round(12).tolist(),
        time=time,
        step=step,
        dimension=dimension,
        seed=seed,
    )
    dims, shape = tuple(sizes), tuple(sizes.values())
    return xr.Dataset(
        {
            name: (dims, found[name].values.reshape(shape), attributes)
            for name, attributes in _VARIABLES.items()
        }
    )


def map_panels(weight_scales: Sequence[float], drawn_scale: float) -> dict[str, dict[str, Any]]:
    """What the panels of the maps have instead of the defaults of `map_start`, by name."""
    panels: dict[str, dict[str, Any]] = {
        f"weights {width:g}": {"weight_scale": float(width)} for width in weight_scales
    }
    panels[f"drawn {drawn_scale:g}"] = {"weight_scale": drawn_scale, "draw": 0}
    for name in SECOND_READOUTS[1:]:
        panels[name] = {"weight_scale": float(weight_scales[0]), "second_readout": name}
    return panels


def map_start(
    tie_distance: float,
    scale: float,
    *,
    weight_scale: float,
    second_readout: str = SECOND_READOUTS[0],
    draw: int = ISOTROPIC,
) -> Condition:
    """One condition of `shape_block`."""
    return {
        "tie_distance": float(tie_distance),
        "scale": float(scale),
        "weight_scale": weight_scale,
        "second_readout": second_readout,
        "draw": draw,
    }


def cell_angles(count: int) -> Floats:
    """Middles of ``count`` cells from 0 to the tie."""
    return ((np.arange(count) + 0.5) / count * TIE).round(4)


def readout_scales(count: int) -> Floats:
    """Readout scales from .01 to 1, of three digits."""
    return np.array([float(f"{value:.3g}") for value in np.geomspace(0.01, 1.0, count)])
