"""Panels of an operation that is forgotten and comes back, with the optimiser's moments kept and reset."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.figures.style import GREY, PALETTE, axis_label

_LOOKS: Final = (("blue", "o"), ("vermilion", "s"))
_DASHES: Final = (0, (3, 1.2))


def draw_returns(curves: Axes, times: Axes, data: xr.Dataset, stages: Sequence[int]) -> None:
    """Accuracies through the three stages of ``data`` (`returning_source`), and both times of its source.

    ``stages`` are the steps of the source's stage and of the target's.
    """
    for place, (colour, marker) in zip(range(data.sizes["moments"]), _LOOKS, strict=True):
        own = data.isel(moments=place)
        for name, line in (("source", "-"), ("target", _DASHES)):
            _curve(curves, own[name], PALETTE[colour], line)
        _pairs(times, own, PALETTE[colour], marker, place, stages[0])
    for switch in (stages[0], sum(stages)):
        curves.axvline(switch, color=GREY, linewidth=0.8, linestyle=":", zorder=1.0)
    curves.set(xlim=(0, float(data.step[-1])), ylim=(-0.03, 1.05), xlabel=axis_label(data.step))
    curves.set_ylabel(axis_label(data.source))
    names = [str(name) for name in data.moments.values]
    handles = [
        Line2D([], [], color=PALETTE[colour], label=f"moments {name}")
        for name, (colour, _) in zip(names, _LOOKS, strict=True)
    ]
    ink = PALETTE["ink"]
    handles += [
        Line2D([], [], color=ink, label="source"),
        Line2D([], [], color=ink, linestyle=_DASHES, label="target"),
    ]
    curves.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=4, fontsize=6)
    times.set_xticks(range(len(names)), [f"moments {name}" for name in names])
    times.set(xlim=(-0.5, len(names) - 0.5), ylim=(0, 1.1 * stages[0]))
    times.set_ylabel("steps until the source is known")
    dot: dict[str, Any] = {"color": ink, "marker": "o", "linestyle": "", "markersize": 3.5}
    handles = [
        Line2D([], [], label="first time", **dot),
        Line2D([], [], label="again", markerfacecolor="white", **dot),
    ]
    times.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=6)


def _curve(axes: Axes, values: xr.DataArray, colour: str, line: Any) -> None:
    runs = values.transpose("step", "replicate").values
    look: dict[str, Any] = {"color": colour, "linestyle": line}
    axes.plot(values.step.values, runs, linewidth=0.4, alpha=0.45, zorder=1.8, **look)
    axes.plot(values.step.values, runs.mean(axis=1), linewidth=1.3, zorder=2.4, **look)


def _pairs(axes: Axes, own: xr.Dataset, colour: str, marker: str, place: int, stage: int) -> None:
    """First and second time of each seed, joined; what is not reached stands at the end of the stage."""
    count, end = own.sizes["replicate"], 1.04 * stage
    at = place + (np.linspace(-0.25, 0.25, count) if count > 1 else np.zeros(1))
    first, again = (np.minimum(own[name].values, end) for name in ("first_time", "again_time"))
    axes.vlines(at, first, again, color=colour, linewidth=0.6, alpha=0.7)
    for heights, name, fill in ((first, "first_time", colour), (again, "again_time", "white")):
        late = np.isinf(own[name].values)
        look: dict[str, Any] = {"color": colour, "linestyle": "", "markerfacecolor": fill}
        look |= {"markeredgewidth": 0.7, "zorder": 3.0}
        axes.plot(at[~late], heights[~late], marker, markersize=3.5, **look)
        axes.plot(at[late], heights[late], "^", markersize=4.5, **look)
