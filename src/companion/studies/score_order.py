"""Stored maps of which class a score model learns first: over variances, centroids, shares (arXiv:2605.06367)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.store.durable import stored
from companion.studies.score_curves import simulated_curves, theory_curves
from companion.studies.score_settings import ScoreSetting, two_classes
from companion.theory.reduced_score_model import ReducedModel

_KEPT = ("gen_passage", "mem_gap_absolute", "mem_gap", "early_stop")
_RATIO = {"long_name": r"$\sigma_1/\sigma_2$"}


def _compared(
    lines: Mapping[str, ScoreSetting],
    points: Mapping[str, ScoreSetting],
    dimension: int,
    draws: int,
    seed: int,
) -> xr.Dataset:
    """Clocks of the theory (dim ``setting``) and of simulations (dims ``point``, ``draw``)."""
    theory = theory_curves(lines).sel(setting=list(lines))
    simulated = simulated_curves(points, dimension, draws, seed).sel(setting=list(points))
    simulated = simulated.rename(setting="point")
    drawn = {name: simulated[name].rename(f"simulated_{name}") for name in _KEPT}
    return xr.Dataset(
        {name: theory[name] for name in _KEPT} | {each.name: each for each in drawn.values()}
    ).assign_attrs(dimension=dimension, root_seed=seed)


@stored(calls="body")
def variance_order(
    ratios: Sequence[float], points: Sequence[float], dimension: int, draws: int, seed: int
) -> xr.Dataset:
    """Clocks of both classes against σ_1/σ_2 at σ_1 + σ_2 = 2, M = 1, t = .1, ψ_n = 8, ψ_p = 16.

    Theory at ``ratios`` (coordinate ``ratio``), simulations at ``points`` (``point_ratio``).
    Raises ValueError for ratios that are not positive.
    """
    if min(*ratios, *points) <= 0:
        raise ValueError(f"ratios, points: given {[*ratios, *points]}; allowed: positive numbers")

    def at(ratio: float) -> ScoreSetting:
        return two_classes(deviations=(2 * ratio / (1 + ratio), 2 / (1 + ratio)), gram=(1, 1))

    found = _compared(
        {f"{ratio:.6g}": at(ratio) for ratio in ratios},
        {f"{ratio:.6g}": at(ratio) for ratio in points},
        dimension,
        draws,
        seed,
    )
    return found.assign_coords(
        ratio=("setting", list(ratios), _RATIO), point_ratio=("point", list(points), _RATIO)
    )


@stored(calls="body")
def geometry_order(
    norm_ratios: Sequence[float],
    norm_points: Sequence[float],
    angles: Sequence[float],
    angle_points: Sequence[float],
    dimension: int,
    draws: int,
    seed: int,
) -> xr.Dataset:
    """Clocks against the ratio of centroid norms, and against the angle between centroids (degrees).

    Norms: equal variances, σ = 1, orthogonal centroids with geometric mean of M_11 and M_22 one (G1 at ratio 2).
    Angles: σ = (1, 1), M_11 = 2, M_22 = .5. Theory and simulations as in `variance_order`; ``axis`` tells
    which of the two a row belongs to. Raises ValueError for norm ratios that are not positive.
    """
    if min(*norm_ratios, *norm_points) <= 0:
        raise ValueError(
            f"norm_ratios, norm_points: given {[*norm_ratios, *norm_points]}; allowed: positive numbers"
        )

    def by_norm(ratio: float) -> ScoreSetting:
        return two_classes(deviations=(1, 1), gram=(ratio, 1 / ratio))

    def by_angle(angle: float) -> ScoreSetting:
        return two_classes(deviations=(1, 1), gram=(2, 0.5), cosine=float(np.cos(np.radians(angle))))

    def both(norms: Sequence[float], degrees: Sequence[float]) -> dict[str, ScoreSetting]:
        return {f"norm {ratio:.6g}": by_norm(ratio) for ratio in norms} | {
            f"angle {angle:.6g}": by_angle(angle) for angle in degrees
        }

    found = _compared(both(norm_ratios, angles), both(norm_points, angle_points), dimension, draws, seed)
    axis = ["norm"] * len(norm_ratios) + ["angle"] * len(angles)
    point_axis = ["norm"] * len(norm_points) + ["angle"] * len(angle_points)
    return found.assign_coords(
        axis=("setting", axis),
        value=("setting", [*norm_ratios, *angles]),
        point_axis=("point", point_axis),
        point_value=("point", [*norm_points, *angle_points]),
    )


#: The panels of the phase diagram: what varies beside the share of the high-variance class.
AXES: dict[str, dict[str, Any]] = {
    "deviation ratio": {"long_name": r"$\sigma_1/\sigma_2$", "largest": 2.0, "smallest": 1.0},
    "centroid norm": {"long_name": r"$|\mu|^2/d$", "largest": 32.0, "smallest": 0.0},
    "angle": {"long_name": "angle between centroids (degrees)", "largest": 180.0, "smallest": 0.0},
}


def phase_setting(axis: str, value: float, share: float) -> ScoreSetting:
    """R5 with another share of the high-variance class and one other thing changed."""
    change: dict[str, Any] = {"deviations": (1.2, 0.8), "gram": (16.0, 16.0), "cosine": 0.0}
    if axis == "deviation ratio":
        change["deviations"] = (2 * value / (1 + value), 2 / (1 + value))
    elif axis == "centroid norm":
        change["gram"] = (value, value)
    else:
        change["cosine"] = float(np.cos(np.radians(value)))
    return two_classes(**change, share=share, time=0.5, sizes=(16, 16))


@stored(
    calls="body",
    work=lambda values, shares: values * len(shares),
)
def phase_diagram(values: int, shares: Sequence[float]) -> xr.Dataset:
    """log(T_low/T_high) of gen_passage(.5) over (share, value) for each of `AXES`, by theory.

    ``advantage`` (axis, share, place) from the flow equations, ``reduced`` from the reduced model of n = infinity;
    positive where the high-variance class comes first. Raises ValueError for fewer than two values or shares.
    """
    for name, count in (("values", values), ("shares", len(shares))):
        if count < 2:
            raise ValueError(f"{name}: given {count}; allowed: at least 2")
    grids = {name: np.linspace(axis["smallest"], axis["largest"], values) for name, axis in AXES.items()}
    settings = {
        f"{name}|{share!r}|{value!r}": phase_setting(name, float(value), float(share))
        for name, grid in grids.items()
        for share in shares
        for value in grid
    }
    theory = theory_curves(settings, moments=81, nodes=16).sel(setting=list(settings))
    shape = (len(grids), len(shares), values)
    times = theory.gen_passage.sel(share=0.5).values.reshape(*shape, 2)
    reduced = ReducedModel([setting.mixture for setting in settings.values()], 16.0).passage_times(0.5)
    with np.errstate(invalid="ignore"):
        advantage = np.log(times[..., 1]) - np.log(times[..., 0])
        coarse = (np.log(reduced[:, 1]) - np.log(reduced[:, 0])).reshape(shape)
    dims = ("axis", "share", "place")
    return xr.Dataset(
        {
            "advantage": (dims, advantage, {"long_name": r"$\log(T_{low}/T_{high})$"}),
            "reduced": (dims, coarse, {"long_name": r"$\log(T_{low}/T_{high})$, reduced model"}),
            "value": (("axis", "place"), np.stack(list(grids.values()))),
        },
        coords={
            "axis": list(grids),
            "share": ("share", list(shares), {"long_name": r"share of the high-variance class $\pi_1$"}),
        },
    )
