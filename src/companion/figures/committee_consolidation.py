"""Figure of elastic weight consolidation: what it costs a specialised, a partial and a shared start."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, theory_line
from companion.figures.page import joined
from companion.figures.style import GREY, PALETTE, SEQUENTIAL, axis_label, figure, shades

_LINES: dict[str, Any] = {"fisher": "-", "readout": (0, (1, 1.2)), "uniform": (0, (3, 1.5))}
_WORDS = {"fisher": "Fisher", "readout": "$F_k=h_k^2$", "uniform": "uniform"}
_PARTS = {"forgetting": "$F$", "second_error": r"$\epsilon_2$"}
#: The colour scale of the maps begins here.
_LEAST = 1e-4
_NAMED = (0.1, 1.0, 10.0)


@described(
    title="What consolidation costs, from specialised to shared starts",
    caption="Two erf units, teachers of one unit; starts drawn at finite $d$. (a) Forgetting plus error on task 2, "
    "averaged over similarities, against the strength $\\gamma$ of the penalty: with the Fisher information of the "
    "first task's output (solid; markers: mean of draws with 95 % bootstrap intervals), with $h_k^2$ instead (dotted) "
    "and with one weight for all units, of the same mean (dashed); dash-dotted: the shared start at $d\\to\\infty$, "
    "Fisher. (b) The two parts of the cost against each other as $\\gamma$ grows, Fisher, and for the specialised "
    "start uniform. (c-f) Forgetting and error on task 2 by similarity and strength, mean of draws, on one scale; all "
    "that lies below it in its darkest colour.",
    equation=r"\mathrm{cost}=\left\langle F(T)+\epsilon_2(2T)\right\rangle_V,\qquad "
    r"L_2+\tfrac{\gamma}{2}\sum_kF_k|w_k-w_k^\circ|^2,\quad "
    r"F_k=\frac2\pi\frac{h_k^2}{\sqrt{1+2Q_{kk}}}",
    claims=["p3_d_ewc"],
)
def consolidation(data: xr.Dataset) -> Figure:
    """Cost against strength and the trade-off behind it; below, both parts by similarity and strength."""
    drawing, grid = figure("text", height=4.5, nrows=2, ncols=4)
    cost, trade = joined(grid[0, :2]), joined(grid[0, 2:])
    colours = _colours(data)
    _cost(cost, data, colours)
    _trade_off(trade, data, colours)
    maps = [(name, scheme) for scheme in data.scheme.values[[0, -1]] for name in _PARTS]
    top = float(max(data.forgetting.max(), data.second_error.max()))
    norm = LogNorm(_LEAST, max(top, 10 * _LEAST))
    meshes = []
    for axes, (name, scheme) in zip(grid[1], maps, strict=True):
        meshes.append(_map(axes, data, data[name].sel(scheme=scheme), norm))
        axes.set_title(f"{_PARTS[name]}, {scheme}", loc="right")
    grid[1, 0].set_ylabel(axis_label(data.strength))
    for axes in grid[1, 1:]:
        axes.tick_params(axis="y", labelleft=False)
    drawing.colorbar(meshes[0], ax=grid[1].tolist(), pad=0.01, aspect=18, extend="min", label="error")
    letter_panels([cost, trade, *grid[1]])
    return drawing


def _colours(data: xr.Dataset) -> dict[str, str]:
    names = [str(name) for name in data.scheme.values]
    between = len(names) - 2
    middle = [PALETTE["green"]] if between == 1 else shades(between)
    return dict(zip(names, [PALETTE["blue"], *middle, PALETTE["vermilion"]], strict=True))


def _places(strengths: np.ndarray) -> np.ndarray:
    """Places on a logarithmic axis; no penalty has one of its own, left of all others."""
    positive = strengths > 0
    return np.where(positive, strengths, strengths[positive].min() / 4)


def _cost(axes: Axes, data: xr.Dataset, colours: dict[str, str]) -> None:
    places = _places(data.strength.values)
    costs = data.mean_forgetting + data.mean_second_error
    for scheme, colour in colours.items():
        for penalty in data.penalty.values.tolist():
            part = costs.sel(scheme=scheme, penalty=penalty).transpose("strength", "draw")
            theory_line(axes, places, part.mean("draw"), color=colour, linestyle=_LINES[penalty])
            if penalty == data.penalty.values[0]:
                points_over_seeds(axes, places, part.values, color=colour)
    tied = {"color": PALETTE["vermilion"], "linestyle": "-.", "linewidth": 0.7}
    theory_line(axes, places, data.tied_forgetting + data.tied_second_error, **tied)
    axes.set_yscale("log")
    _strength_axis(axes, data)
    axes.set_ylabel("cost")
    handles = [Line2D([], [], color=colour, label=scheme) for scheme, colour in colours.items()]
    handles += [
        Line2D([], [], color=GREY, linestyle=_LINES[name], label=_WORDS[name])
        for name in data.penalty.values.tolist()
    ]
    handles.insert(len(colours), Line2D([], [], label="exact tie", **tied))
    axes.legend(handles=handles, loc="center right", bbox_to_anchor=(1.0, 0.34), ncols=2)


def _strength_axis(axes: Axes, data: xr.Dataset) -> None:
    strengths = data.strength.values
    places, positive = _places(strengths), strengths[strengths > 0]
    decades = np.arange(
        np.ceil(np.log10(positive.min()) - 1e-9), np.floor(np.log10(positive.max()) + 1e-9) + 1
    )
    none = [places.min()] if (strengths == 0).any() else []
    axes.set_xscale("log")
    axes.set_xticks(
        [*none, *10.0**decades], [*["0"] * len(none), *(f"$10^{{{int(power)}}}$" for power in decades)]
    )
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_xlabel(axis_label(data.strength))


def _trade_off(axes: Axes, data: xr.Dataset, colours: dict[str, str]) -> None:
    first = str(data.penalty.values[0])
    drawn = [(scheme, first) for scheme in colours]
    if "uniform" in data.penalty.values:
        drawn.append((next(iter(colours)), "uniform"))
    for scheme, penalty in drawn:
        part = data.sel(scheme=scheme, penalty=penalty).mean("draw")
        error, forgotten = part.mean_second_error.values, part.mean_forgetting.values
        look = {"color": colours[scheme], "linestyle": _LINES[penalty], "markersize": 2}
        axes.plot(error, np.maximum(forgotten, 1e-9), marker="o", markeredgewidth=0, **look)
        for value in _NAMED if scheme == list(colours)[-1] else ():
            near = int(np.argmin(np.abs(part.strength.values - value)))
            at = (float(error[near]), float(max(forgotten[near], 1e-9)))
            axes.annotate(
                rf"$\gamma={part.strength.values[near]:g}$",
                at,
                (4, 2),
                textcoords="offset points",
                fontsize=6,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(axis_label(data.mean_second_error))
    axes.set_ylabel(axis_label(data.mean_forgetting))


def _map(axes: Axes, data: xr.Dataset, values: xr.DataArray, norm: LogNorm) -> QuadMesh:
    heights = np.log10(_places(data.strength.values))
    mesh = axes.pcolormesh(
        _edges(data.similarity.values),
        _edges(heights),
        np.maximum(values.transpose("strength", "similarity").values, _LEAST),
        cmap=SEQUENTIAL,
        norm=norm,
        rasterized=True,
    )
    strengths = data.strength.values
    shown = [
        (height, f"{value:g}")
        for height, value in zip(heights, strengths, strict=True)
        if value == 0 or abs(height - round(height)) < 1e-9
    ]
    axes.set_yticks([height for height, _ in shown], [text for _, text in shown])
    axes.set_xlabel(axis_label(data.similarity))
    return mesh


def _edges(centres: np.ndarray) -> np.ndarray:
    if centres.size == 1:
        return centres[0] + np.array([-0.5, 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate(
        [[1.5 * centres[0] - 0.5 * centres[1]], middle, [1.5 * centres[-1] - 0.5 * centres[-2]]]
    )
