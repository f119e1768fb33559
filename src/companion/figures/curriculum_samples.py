"""The figure of which rows are memorised: mem(z) over training, over rows, and over how often operands are met."""

from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from companion.figures.described import described
from companion.figures.marks import letter_panels, simulation_points, theory_line
from companion.figures.style import DIVERGING, GREY, PALETTE, axis_label, figure, shades
from companion.figures.unet_curves import log_axis, short_number, step_axis

_MARKERS: Final = "osD^v"
_COLUMNS: Final = 3


@described(
    title="Which rows are memorised",
    caption="Answers to every row $z$ of the table by networks that were trained on it and by networks that were not, "
    "each network with its own half of the table. (a) Accuracies, and the mean of mem$(z)$. (b) Variance of mem$(z)$ "
    "over rows, less what the networks' own accuracies make of it; grey: 95 % of what is seen if answers change rows "
    "within training and test rows, so that no row is special. (c) Mean of mem$(z)$ over rows $(a,a)$, which have no "
    "mirror image to be known from, and over all others. Then, at three steps, histograms of mem$(z)$ (grey line: no "
    "row special) and mem$(z)$ over the table. Last row, where there is one: accuracy by the rank of the first operand "
    "where rank $r$ is met in proportion to $r^{-s}$, at the same steps, with 95 % intervals over networks.",
    equation=r"\mathrm{mem}(z)=P(\text{right on } z\mid z\in\mathrm{train})"
    r"-P(\text{right on } z\mid z\notin\mathrm{train})",
)
def samples(data: xr.Dataset) -> Figure:
    """Means and variances over moments, histograms and tables at the shown steps, accuracy over ranks."""
    ranked = "train_by_rank" in data
    shown = min(data.sizes["shown"], _COLUMNS)
    rows = 4 if ranked else 3
    drawing, grid = figure("text", height=0.2 + 1.55 * rows, nrows=rows, ncols=_COLUMNS)
    _means(grid[0, 0], data)
    _variances(grid[0, 1], data)
    _mirrors(grid[0, 2], data)
    for axes in grid[0]:
        step_axis(axes, data.moment.values)
        axes.set_xlabel(axis_label(data.moment))
    image = None
    for place in range(shown):
        own = data.isel(shown=place)
        _histogram(grid[1, place], own)
        image = grid[2, place].imshow(
            own.memorised.transpose("first", "second").values,
            cmap=DIVERGING,
            vmin=-1,
            vmax=1,
            origin="lower",
            interpolation="nearest",
        )
        grid[2, place].set_xlabel(axis_label(data.second))
        grid[2, place].set_ylabel(axis_label(data["first"]) if place == 0 else "")
    grid[1, 0].set_ylabel(axis_label(data.histogram))
    if image is not None:
        bar = drawing.colorbar(image, ax=grid[2].tolist(), pad=0.01, aspect=12)
        bar.set_label(axis_label(data.memorised))
    panels = [*grid[0], *grid[1, :shown], *grid[2, :shown]]
    if ranked:
        panels += _ranks(grid[3], data)
    for axes in grid.ravel():
        axes.set_visible(any(axes is each for each in panels))
    letter_panels(panels)
    return drawing


def _points(axes: Axes, data: xr.Dataset, name: str, colour: str, marker: str, label: str) -> None:
    axes.plot(data.moment, data[name], color=colour, marker=marker, label=label, linewidth=0.9)


def _means(axes: Axes, data: xr.Dataset) -> None:
    _points(axes, data, "train", PALETTE["vermilion"], "s", "training rows")
    _points(axes, data, "test", PALETTE["blue"], "o", "test rows")
    _points(axes, data, "mean", PALETTE["ink"], "D", "mean mem$(z)$")
    axes.set_ylim(-0.05, 1.5)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("accuracy, mem$(z)$")
    axes.legend(loc="upper center", ncols=2, fontsize=6)


def _variances(axes: Axes, data: xr.Dataset) -> None:
    """Variance over rows against chance, on a logarithmic axis: both span decades."""
    _points(axes, data, "variance", PALETTE["plum"], "o", "observed")
    theory_line(axes, data.moment, data.chance, color=GREY, label="chance")
    axes.fill_between(
        data.moment, data.chance_low, data.chance_high, color=GREY, alpha=0.3, linewidth=0, zorder=1.5
    )
    axes.set_ylabel(axis_label(data.variance))
    values = np.concatenate([data.variance.values, data.chance_high.values])
    if (values > 0).any():
        axes.set_ylim(values[values > 0].min() / 2, values.max() * 2)
        log_axis(axes)
    axes.legend(loc="best", fontsize=6)


def _mirrors(axes: Axes, data: xr.Dataset) -> None:
    _points(axes, data, "same_operands", PALETTE["orange"], "^", "rows $(a,a)$")
    _points(axes, data, "other_rows", PALETTE["green"], "v", "other rows")
    axes.set_ylim(-0.05, 1.05)
    axes.set_ylabel(axis_label(data.memorised))
    axes.legend(loc="best", fontsize=6)


def _histogram(axes: Axes, data: xr.Dataset) -> None:
    edges: NDArray = np.append(data.bin.values, 1.0)
    axes.stairs(data.histogram.values, edges, fill=True, color=PALETTE["plum"], alpha=0.45)
    axes.stairs(data.chance_histogram.values, edges, color=GREY, linewidth=1.0)
    held = np.flatnonzero((data.histogram.values > 0) | (data.chance_histogram.values > 0.5))
    if held.size:
        low, high = float(edges[held[0]]), float(edges[held[-1] + 1])
        axes.set_xlim(max(low - 0.1, -1.0), min(high + 0.1, 1.0))
    axes.set_xlabel(axis_label(data.bin))
    axes.set_title(f"$t={int(data.shown)}$")


def _ranks(panels: NDArray, data: xr.Dataset) -> list[Axes]:
    """Accuracies over rank at the shown steps, and their difference; the panels that were drawn on."""
    steps = data.shown.values.tolist()
    for axes, name in zip(panels, ("train_by_rank", "test_by_rank", "mem_by_rank"), strict=True):
        for place, (step, colour) in enumerate(zip(steps, shades(len(steps)), strict=True)):
            own = data.isel(shown=place)
            simulation_points(
                axes,
                data["rank"].values * 1.02 ** (place - 1),
                own[name],
                own[f"{name}_low"],
                own[f"{name}_high"],
                fmt=_MARKERS[place % len(_MARKERS)],
                color=colour,
                markersize=2.2,
                elinewidth=0.4,
                label=f"$t={step}$",
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(short_number))
        axes.xaxis.set_minor_formatter(NullFormatter())
        if name != "mem_by_rank":
            axes.set_ylim(-0.05, 1.05)
        axes.set_xlabel(axis_label(data["rank"]))
        axes.set_ylabel(axis_label(data[name]))
    panels[0].set_title(rf"$s={data.attrs['exponent']:g}$")
    panels[1].legend(loc="center", bbox_to_anchor=(0.5, 0.68), ncols=3, fontsize=6, columnspacing=0.8)
    return list(panels)
