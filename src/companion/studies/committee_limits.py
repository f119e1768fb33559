"""Stored limits of the maps of forgetting: near the tie, over weight scales, with other times and steps.

As in `studies.committee_maps`: an erf soft committee with K = 2, M = 1 (arXiv:2503.02526), θ the angle of the first
readout, r its scale, π/4 - θ the distance from the tie.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.specialisation import SHAPES
from companion.store.durable import stored
from companion.studies.committee_maps import (
    ISOTROPIC,
    LARGEST_START,
    PEAK_RANGE,
    SCALE,
    TIE,
    Condition,
    cell_angles,
    map_panels,
    map_start,
    readout_scales,
    shape_maps,
    solved_shapes,
)


@stored(
    calls=lambda weight_scales, angles, scales, similarities, seed, *, time, other_times, dimension, **given: [
        lambda: shape_maps(
            weight_scales,
            angles,
            scales,
            similarities,
            seed,
            time=time,
            dimension=dimension,
            **{name: given[name] for name in ("step", "drawn_scale")},
        ),
        *(
            lambda starts=starts, other=other: solved_shapes(
                starts,
                {},
                **{"similarities": similarities, "time": time, "step": given["step"]} | other,
                dimension=dimension,
                seed=seed,
            )
            for starts, ways in (
                (
                    [
                        map_start(TIE - a, s, **panel)
                        for panel in map_panels(weight_scales, given["drawn_scale"]).values()
                        for a in np.append(cell_angles(angles), TIE)[0:angles:4]
                        for s in readout_scales(scales)[::3]
                    ],
                    [*({"time": each} for each in other_times), {"step": given["finer_step"]}],
                ),
                (
                    [
                        map_start(each, s, weight_scale=float(weight_scales[0]))
                        for each in np.geomspace(3e-7, 0.4, given["distances"])
                        for s in readout_scales(max(scales // 2, 2))
                    ],
                    [{"time": each} for each in (time, *other_times)],
                ),
                (
                    [
                        map_start(TIE - a, s, weight_scale=float(width), draw=draw)
                        for width in np.geomspace(0.01, 1.0, given["area_scales"])
                        for draw in range(ISOTROPIC, given["draws"])
                        for a in cell_angles(9)
                        for s in readout_scales(6)
                    ],
                    [{}],
                ),
            )
            for other in ways
        ),
    ],
)
def shape_limits(
    weight_scales: Sequence[float],
    angles: int,
    scales: int,
    similarities: int,
    draws: int,
    seed: int,
    *,
    time: float = 600.0,
    other_times: Sequence[float] = (200.0,),
    step: float = 0.4,
    finer_step: float = 0.2,
    drawn_scale: float = 0.1,
    dimension: int = 1000,
    area_scales: int = 7,
    distances: int = 29,
) -> xr.Dataset:
    """What the maps of `shape_maps`, made with the same arguments, do not show: the tie, weight scales, time and step.

    ``near_shape``, ``near_peak`` and ``near_relative_start`` (time, distance, near_scale) come ever nearer to the tie,
    after ``time`` and ``other_times``; ``monotonic_below`` (time, near_scale) is the distance up to which all are
    monotonic, NaN where the nearest is not. ``area`` (weight_scale, kind) and ``drawn_area`` (weight_scale, kind, draw)
    are shares of (θ, log r), of each shape and of what meets the criterion, in maps of 9 x 6 cells at weight scales
    from .01 to 1, without overlaps and for ``draws`` draws. ``changed`` (comparison, change, panel) is the share of
    every fourth angle and third scale of the maps whose shape, or criterion, is another after other times, or with
    ``finer_step``.

    Raises ValueError as `shape_maps`, and for a count below 1, or 2 distances.
    """
    for name, given, least in (
        ("draws", draws, 1),
        ("area_scales", area_scales, 1),
        ("distances", distances, 2),
    ):
        if given < least:
            raise ValueError(f"{name}: {given} given; allowed: a whole number >= {least}")
    settings = {"time": time, "step": step, "drawn_scale": drawn_scale, "dimension": dimension}
    maps = shape_maps(weight_scales, angles, scales, similarities, seed, **settings)
    way = {"similarities": similarities, "time": time, "step": step, "dimension": dimension, "seed": seed}
    few = maps.isel(angle=slice(0, angles, 4), scale=slice(None, None, 3))
    ways = {f"$T={other:g}$": way | {"time": other} for other in other_times}
    ways[f"step {finer_step:g}"] = way | {"step": finer_step}
    parts = [
        _changed(few, map_panels(weight_scales, drawn_scale), ways),
        _near(float(weight_scales[0]), distances, max(scales // 2, 2), [time, *other_times], way),
        _areas(np.geomspace(0.01, 1.0, area_scales), draws, way),
    ]
    return xr.merge(parts, join="exact", compat="equals", combine_attrs="drop_conflicts").assign_attrs(
        weight_scales=list(weight_scales),
        peak_range=list(PEAK_RANGE),
        largest_start=LARGEST_START,
        time=time,
        step=step,
        dimension=dimension,
        root_seed=seed,
        conditions=sum(part.attrs["starts"] for part in parts) * similarities,
        largest_error=max(part.attrs["largest_error"] for part in parts),
    )


def _changed(
    maps: xr.Dataset, panels: Mapping[str, Mapping[str, Any]], ways: Mapping[str, Mapping[str, Any]]
) -> xr.Dataset:
    starts = [
        map_start(TIE - a, s, **panel)
        for panel in panels.values()
        for a in maps.angle.values
        for s in maps.scale.values
    ]
    sizes = {name: maps.sizes[name] for name in ("panel", "angle", "scale")}
    others = [solved_shapes(starts, sizes, **way) for way in ways.values()]
    kinds = ("shape", "criterion")
    changed = [[(other[kind] != maps[kind]).mean(("angle", "scale")) for kind in kinds] for other in others]
    return xr.Dataset(
        {"changed": (("comparison", "change", "panel"), np.array(changed), {"long_name": "share changed"})},
        coords={"comparison": list(ways), "change": list(kinds), "panel": list(panels)},
        attrs=_effort(starts, others),
    )


def _near(
    weight_scale: float, distances: int, scales: int, times: Sequence[float], way: Mapping[str, Any]
) -> xr.Dataset:
    distance, r = np.geomspace(3e-7, 0.4, distances), readout_scales(scales)
    starts = [map_start(each, s, weight_scale=weight_scale) for each in distance for s in r]
    sizes = {"distance": distances, "near_scale": scales}
    solved = [solved_shapes(starts, sizes, **{**way, "time": time}) for time in times]
    near = xr.concat(solved, "time", join="exact", combine_attrs="drop_conflicts")[
        ["shape", "peak", "relative_start"]
    ]
    monotonic = near["shape"].values == SHAPES.index("monotonic")
    unbroken = np.logical_and.accumulate(monotonic, axis=1).sum(axis=1)
    below = np.where(unbroken > 0, distance[np.maximum(unbroken - 1, 0)], np.nan)
    gap = {"long_name": r"distance from the tie $\pi/4-\theta$"}
    return (
        near.rename({str(name): f"near_{name}" for name in near.data_vars})
        .assign(monotonic_below=(("time", "near_scale"), below, gap))
        .assign_coords(
            time=("time", list(times), {"long_name": "time $T$ for each task"}),
            distance=("distance", distance, gap),
            near_scale=("near_scale", r, SCALE),
        )
        .assign_attrs(_effort(starts, solved))
    )


def _areas(widths: NDArray[np.float64], draws: int, way: Mapping[str, Any]) -> xr.Dataset:
    every, theta, r = range(ISOTROPIC, draws), cell_angles(9), readout_scales(6)
    starts = [
        map_start(TIE - a, s, weight_scale=float(width), draw=draw)
        for width in widths
        for draw in every
        for a in theta
        for s in r
    ]
    sizes = {"weight_scale": widths.size, "draw": len(every), "cell": theta.size * r.size}
    solved = solved_shapes(starts, sizes, **way)
    members = [solved["shape"] == index for index in range(len(SHAPES))] + [solved["criterion"] == 1]
    area = np.stack([each.mean("cell") for each in members], axis=1)
    share = {"long_name": r"share of ($\theta$, $\log r$)"}
    return xr.Dataset(
        {
            "area": (("weight_scale", "kind"), area[..., 0], share),
            "drawn_area": (("weight_scale", "kind", "draw"), area[..., 1:], share),
        },
        coords={
            "weight_scale": ("weight_scale", widths, {"long_name": r"weight scale $\sigma_w$"}),
            "kind": [*SHAPES, "criterion"],
        },
        attrs=_effort(starts, [solved]),
    )


def _effort(starts: Sequence[Condition], solved: Sequence[xr.Dataset]) -> dict[str, float]:
    error = max(float(each["error"].max()) for each in solved)
    return {"starts": len(starts) * len(solved), "largest_error": error}
