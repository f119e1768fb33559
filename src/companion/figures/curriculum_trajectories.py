"""Figure of the ways of schedules through weight space, beside what random walks would show."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import letter_panels
from companion.figures.style import GREY, PALETTE, axis_label, figure

_COLOURS = tuple(PALETTE[name] for name in ("blue", "vermilion", "green", "orange", "plum", "sky", "ink"))
_DASHES = ("-", (0, (4, 1.2)))
_NULLS = {"random walk": GREY, "tossed steps": PALETTE["orange"]}
_PARTS: dict[str, dict[str, Any]] = {
    "all": {"marker": "o", "color": PALETTE["ink"]},
    "embedding": {"marker": "s", "color": PALETTE["blue"]},
    "attention": {"marker": "^", "color": PALETTE["green"]},
    "hidden layer": {"marker": "D", "color": PALETTE["plum"]},
    "readout": {"marker": "v", "color": PALETTE["vermilion"]},
}
_JOINT = "joint"


@described(
    title="Ways through weight space",
    caption="One replicate under each schedule (colour and dashes), from one start on one stream of rows. (a, b) All "
    "weights at evenly spaced steps, on the joint principal components of all trajectories, shares of variance in "
    "brackets; open square: start, crosses: steps at which blocks change, dots: end. (c) Variance that the joint "
    "components explain (dots), beside two nulls with the same step lengths, means and 95 % ranges: walks from one "
    "start whose steps have uniform and independent directions (grey), and the true steps, each taken forwards or "
    "backwards by a toss (orange). Thin: components of each trajectory alone; dotted: one walk of equal steps, "
    "$\\lambda_k\\propto1/k^2$. (d) First component of each trajectory alone, of all weights and of parts of them; "
    "grey bars: random walks with the same step lengths in infinitely many dimensions. A share near its null is no "
    "sign of few dimensions.",
    equation=r"\lambda_k\propto\frac{1}{4\sin^2(\pi k/2M)},\qquad \lambda_1/\sum_k\lambda_k\to 6/\pi^2",
)
def trajectories(data: xr.Dataset) -> Figure:
    """Two projections above, explained variance and first components below."""
    drawing, grid = figure("text", height=4.6, nrows=2, ncols=2)
    looks = _looks(data)
    for axes, pair in zip(grid[0], ((1, 2), (1, 3)), strict=True):
        _projection(axes, data, pair, looks)
    _explained(grid[1, 0], data, looks)
    _first_components(grid[1, 1], data)
    handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
    drawing.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5), handlelength=2.0)
    letter_panels(grid.flat)
    return drawing


def _looks(data: xr.Dataset) -> dict[str, dict[str, Any]]:
    names = data.schedule.values.tolist()
    return {
        name: {
            "color": _COLOURS[index % len(_COLOURS)],
            "linestyle": _DASHES[(index // len(_COLOURS)) % len(_DASHES)],
        }
        for index, name in enumerate(names)
    }


def _projection(
    axes: Axes, data: xr.Dataset, pair: tuple[int, int], looks: dict[str, dict[str, Any]]
) -> None:
    switches = np.atleast_1d(data.attrs["switches"])
    for name, look in looks.items():
        path = data.coordinate.sel(schedule=name, component=list(pair)).transpose("component", "point")
        axes.plot(*path.values, linewidth=0.9, **look)
        axes.plot(
            *path.values[:, -1], marker="o", markersize=4, color=look["color"], markeredgewidth=0, zorder=4
        )
        if name in data.attrs["blocked"]:
            at = path.sel(point=switches, method="nearest").values
            axes.plot(*at, linestyle="", marker="x", color=look["color"], markersize=4, zorder=4)
    start = data.coordinate.isel(schedule=0, point=0).sel(component=list(pair)).values
    square = {"marker": "s", "markersize": 5, "markerfacecolor": "white", "color": PALETTE["ink"]}
    axes.plot(*start[:, None], linestyle="", markeredgewidth=0.8, zorder=5, **square)
    shares = data.share.sel(path=_JOINT, order=list(pair)).values
    labels = [f"principal component {k} ({100 * share:.0f} %)" for k, share in zip(pair, shares, strict=True)]
    axes.set(xlabel=labels[0], ylabel=labels[1])


def _explained(axes: Axes, data: xr.Dataset, looks: dict[str, dict[str, Any]]) -> None:
    for name, look in looks.items():
        axes.plot(data.order, data.share.sel(path=name), linewidth=0.5, alpha=0.8, **look)
    joint = data.sel(path=_JOINT)
    order = data.order.values
    for name, colour in _NULLS.items():
        null = joint.sel(null=name)
        axes.fill_between(order, null.null_low, null.null_high, color=colour, alpha=0.35, linewidth=0)
        axes.plot(order, null.null_share, color=colour, linewidth=0.9, label=name)
    single = 1.0 / np.sin(np.pi * order / (2 * data.sizes["point"])) ** 2
    everything = 1.0 / np.sin(np.pi * np.arange(1, data.sizes["point"]) / (2 * data.sizes["point"])) ** 2
    axes.plot(
        order,
        single / everything.sum(),
        color=PALETTE["ink"],
        linewidth=0.7,
        linestyle=":",
        label="one walk, equal steps",
    )
    axes.plot(order, joint.share, linestyle="", marker="o", color=PALETTE["ink"], label="joint", zorder=4)
    axes.set(xscale="log", yscale="log", xlabel=axis_label(data.order), ylabel=axis_label(data.share))
    axes.set_xticks([1, 2, 3, 5, 10], ["1", "2", "3", "5", "10"])
    axes.minorticks_off()
    taking = [float(joint.participation), *joint.null_participation.values.tolist()]
    texts = [f"{name} {value:.1f}" for name, value in zip(("joint", *data.null.values), taking, strict=True)]
    axes.legend(
        loc="lower left",
        title="participation ratio:\n" + "\n".join(texts),
        title_fontsize=6,
        alignment="left",
    )


def _first_components(axes: Axes, data: xr.Dataset) -> None:
    """First shares by schedule, from the top down; a short bar where a random walk has its own."""
    rows = np.arange(data.sizes["schedule"], dtype=float)
    parts = data.part.values.tolist()
    for place, part in enumerate(parts):
        at = rows + 0.14 * (place - (len(parts) - 1) / 2)
        own = data.sel(part=part)
        axes.plot(own.part_share, at, linestyle="", label=part, markeredgewidth=0, **_PARTS[part])
        axes.vlines(own.part_limit, at - 0.07, at + 0.07, color=GREY, linewidth=1.2, zorder=1.5)
    axes.set_yticks(rows, data.schedule.values.tolist())
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(rows[-1] + 0.5, -0.5)
    axes.set_xlabel(axis_label(data.part_share))
    axes.set_xlim(min(0.4, float(data.part_share.min()) - 0.05), 1.0)
    beside = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": len(parts)}
    axes.legend(**beside, handlelength=0.6, handletextpad=0.3, columnspacing=0.7, borderaxespad=0.0)
