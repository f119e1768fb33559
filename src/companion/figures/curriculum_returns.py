"""Panels of an operation that is forgotten and comes back, with Adam's moments kept and reset, and a control."""

from collections.abc import Sequence
from typing import Any, Final

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.figures.seed_times import seed_times
from companion.figures.style import GREY, PALETTE, axis_label

_LOOKS: Final = (("blue", "o"), ("vermilion", "s"))
_UNMET: Final = ("green", "D")
_DASHES: Final = (0, (3, 1.2))


def draw_returns(curves: Axes, times: Axes, data: xr.Dataset, stages: Sequence[int]) -> None:
    """Accuracies through the stages of ``data`` (`returning_source`), both times of its source, and the control's.

    ``stages`` are the steps of the source's stage and of the target's.
    """
    for place, (colour, marker) in zip(range(data.sizes["moments"]), _LOOKS, strict=True):
        own = data.isel(moments=place)
        for name, line in (("source", "-"), ("target", _DASHES)):
            _curve(curves, own[name], PALETTE[colour], line)
        both = [own[each].values for each in ("first_time", "again_time")]
        seed_times(times, place, both, PALETTE[colour], marker, stages[0], 0.25)
    seed_times(times, len(data.moments), [data.unmet_time.values], PALETTE[_UNMET[0]], _UNMET[1], stages[0])
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
    ticks = [*(f"moments {name}" for name in names), "target first"]
    times.set_xticks(range(len(ticks)), ticks)
    times.set(xlim=(-0.5, len(ticks) - 0.5), ylim=(0, 1.1 * stages[0]))
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
