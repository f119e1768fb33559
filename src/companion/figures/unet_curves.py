"""Curves over training of the two classes of a pair, one for each replicate, and the clocks that are read off them."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

from companion.analysis.statistics import median
from companion.figures.style import PALETTE
from companion.figures.unet_classes import CLASS_COLOURS

#: Noise level whose losses are drawn: t_OU = .1.
LOSS_INDEX = 136

#: Clocks as figures name them, their markers, and their colours where the colour is not that of a class.
CLOCKS: dict[str, tuple[str, str, str]] = {
    "early_stop": ("lowest test loss", "v", PALETTE["green"]),
    "frechet_gen": ("Fréchet distance settled", "^", PALETTE["sky"]),
    "mem_gap": ("loss gap opened", "s", PALETTE["plum"]),
    "mem_half": ("training loss half of test", "D", PALETTE["orange"]),
    "mem_copy": ("a tenth copied", "o", PALETTE["ink"]),
    "mem_plateau": ("half of the last copies", "P", PALETTE["sky"]),
}

STEPS = r"training steps $\tau$"

_CURVES = (
    "memorised",
    "memorised_low",
    "memorised_high",
    "frechet",
    "test_loss",
    "train_loss",
    "class_share",
    "undecided",
)
_NUMBERS = (
    "time",
    "stopped_at",
    "null_memorised",
    "null_queries",
    "frechet_floor",
    "norm",
    "deviation",
    "theory_lead",
)
_EDGE = 1.12  # how far right of the last step, as a factor, times stand that were not reached


def as_drawn(data: xr.Dataset, *, curves: bool = True) -> xr.Dataset:
    """``data`` with no more than figures draw, so that the tables beside them stay small; attributes are kept.

    Losses at the level that is drawn, clocks without their variants; ``curves`` false leaves nothing along steps.
    """
    names = (*_CURVES, *_NUMBERS) if curves else _NUMBERS
    kept = data[[name for name in names if name in data]]
    if "diffusion_index" in kept.dims:
        kept = kept.sel(diffusion_index=[LOSS_INDEX])
    used = {dim for variable in kept.data_vars.values() for dim in variable.dims}
    return kept.drop_dims([dim for dim in kept.dims if dim not in used])


def middle(values: ArrayLike) -> np.ndarray:
    """Median over the last axis of the numbers that are there, NaN where none is."""
    given = np.asarray(values, dtype=float)
    known = [row[~np.isnan(row)] for row in given.reshape(-1, given.shape[-1])]
    return np.array([median(row) if row.size else np.nan for row in known], float).reshape(given.shape[:-1])


def curve(
    axes: Axes, values: xr.DataArray, colour: str, *, scale: float = 1.0, lone: bool = True, **line: Any
) -> None:
    """One thin line for each replicate of ``values`` (replicate, step) and a thick one for their median.

    Step 0 has no place on a logarithmic axis and is left out; ``scale`` divides the steps. A single replicate is the
    thick line itself, with small marks at its checkpoints unless ``lone`` is false.
    """
    later = values.isel(step=values.step.values > 0).transpose("replicate", "step")
    at, drawn = later.step.values / scale, later.values
    several = len(drawn) > 1
    if several:
        axes.plot(at, drawn.T, **{"color": colour, "linewidth": 0.45, "alpha": 0.45, "zorder": 1.8} | line)
    marks = {} if several or not lone else {"marker": "o", "markersize": 1.6, "markeredgewidth": 0}
    axes.plot(at, middle(drawn.T), **{"color": colour, "linewidth": 1.2, "zorder": 2.2} | marks | line)


def band(axes: Axes, lower: xr.DataArray, upper: xr.DataArray, colour: str) -> None:
    """A pale band between two curves (step); used for a single replicate."""
    shown = lower.step.values > 0
    ends = (lower.values[shown], upper.values[shown])
    axes.fill_between(lower.step.values[shown], *ends, color=colour, alpha=0.18, linewidth=0)


def memorised(axes: Axes, data: xr.Dataset, **line: Any) -> None:
    """Memorised fractions of both classes of ``data`` (replicate, step, label); one replicate has Wilson's band."""
    for label, colour in enumerate(CLASS_COLOURS):
        part = data.isel(label=label)
        curve(axes, part.memorised, colour, **line)
        if data.sizes["replicate"] == 1:
            alone = part.isel(replicate=0)
            band(axes, alone.memorised_low, alone.memorised_high, colour)


def step_axis(axes: Axes, steps: ArrayLike) -> None:
    """A logarithmic axis of training steps with few names, as long as ``steps`` with room for what is not reached."""
    positive = np.asarray(steps, dtype=float)
    positive = positive[positive > 0]
    axes.set_xscale("log")
    axes.set_xlim(positive.min() / 1.06, positive.max() * _EDGE * 1.06)
    decades = np.log10(positive.max() / positive.min())
    subs = (1.0, 2.0, 5.0) if decades < 2.2 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(short_number))
    axes.xaxis.set_minor_formatter(NullFormatter())


def log_axis(axes: Axes) -> None:
    """A logarithmic vertical axis with a name at 1, 2 and 5 of each decade, or at whole decades where it is long."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 300 * low else (1.0,)))
    axes.yaxis.set_major_formatter(FuncFormatter(short_number))
    axes.yaxis.set_minor_formatter(NullFormatter())


def short_number(value: float, _place: int | None = None) -> str:
    """A number as it stands on a crowded axis.

    >>> [short_number(value) for value in (0.02, 500, 20000, 150000)]
    ['0.02', '500', '20k', '150k']
    """
    return f"{value / 1000:g}k" if value >= 1e4 else f"{value:g}"


def clock_marks(axes: Axes, data: xr.Dataset, clocks: tuple[str, ...]) -> None:
    """Where the ``clocks`` of both classes of ``data`` stand: marks above the panel with thin lines down into it.

    Above the panel class 0 has the lower row. A mark is the median over replicates and its bar their range. At the
    edges, with an arrow, stand a time that was not reached (open, right) and one before the first checkpoint that the
    axis, made by `step_axis`, has room for (left); a missing one is left out.
    """
    left, right = axes.get_xlim()
    above = axes.get_xaxis_transform()
    for label, colour in enumerate(CLASS_COLOURS):
        height, corners = 1.04 + 0.065 * label, {1: 0.95, -1: 0.16}
        for clock in clocks:
            times = data.time.sel(clock=clock).isel(label=label).values
            times = times[~np.isnan(times)]
            if not times.size:
                continue
            look: dict[str, Any] = {"color": colour, "clip_on": False}
            inside = np.clip([times.min(), times.max()], left, right)
            if inside[0] < inside[1]:
                axes.plot(inside, [height] * 2, linewidth=0.6, transform=above, **look)
            centre, marker = float(median(times)), CLOCKS[clock][1]
            mark: dict[str, Any] = {
                "marker": marker,
                "markersize": 3.2,
                "markeredgewidth": 0.6,
                "zorder": 4.0,
            } | look
            if left <= centre <= right:
                axes.axvline(centre, color=colour, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=1.0)
                axes.plot(centre, height, transform=above, **mark)
                continue
            side = 1 if centre > right else -1
            _at_edge(axes, corners[side], height, side, mark)
            corners[side] -= 0.09 * side


def _at_edge(axes: Axes, place: float, height: float, side: int, mark: dict[str, Any]) -> None:
    """A mark at the right (open) or left edge of a panel, in its own coordinates, with an arrow outwards."""
    shown: dict[str, Any] = mark | ({"markerfacecolor": "white"} if side > 0 else {})
    axes.plot(place, height, transform=axes.transAxes, **shown)
    look: dict[str, Any] = {"color": mark["color"], "clip_on": False, "transform": axes.transAxes}
    axes.plot([place + 0.012 * side, place + 0.05 * side], [height] * 2, linewidth=0.6, **look)
    axes.plot(place + 0.05 * side, height, ">" if side > 0 else "<", markersize=2, markeredgewidth=0, **look)


def clock_handles(clocks: tuple[str, ...]) -> list[Line2D]:
    """Entries of a legend for the marks of `clock_marks`."""
    look = {"color": PALETTE["ink"], "linestyle": "", "markersize": 3.2}
    return [Line2D([], [], marker=CLOCKS[clock][1], label=CLOCKS[clock][0], **look) for clock in clocks]
