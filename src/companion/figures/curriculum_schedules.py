"""Figure of schedules: what each operation does under each of them, and what is left in the end."""

from itertools import pairwise

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import letter_panels
from companion.figures.style import GREY, PALETTE, axis_label, figure

_COLUMNS = 4
#: Heights of a panel of curves, of the strip under it, and of a schedule's place among the bars, in inches.
_CURVES, _STRIP, _BAR = 0.8, 0.22, 0.17
_BARS = {
    "final": "final test accuracy",
    "forgetting": "forgetting $F$",
    "equal_exposure": "less interleaved,\nequal exposure",
}
_COLOURS = tuple(PALETTE[name] for name in ("blue", "vermilion", "green", "plum", "orange", "sky"))


@described(
    title="Schedules of two operations",
    caption="Test accuracy of each operation (colour) against training steps under each schedule: thin lines are "
    "seeds, thick ones their mean. Shading: the operation of the stage. Strips: weights $w(t)$ in a batch, "
    "means over seeds. The learning rate is the same for all schedules: constant, then falling linearly to 0 from the "
    "dotted line on; under blocks only the last operation meets the fall. The gate goes on once those rows of an "
    "operation's training set are known that are held from training; yoked networks have the weights of another seed's "
    "gate. Bars below: means over seeds "
    "(dots), accuracies are means of three evaluations in a row: test accuracy in the end; forgetting, the highest "
    "less the last; test accuracy less that of the interleaved network of the same seed, each when it had first seen "
    "as many rows of the operation as the one that sees fewer, missing where the learning rate differs at these two "
    "moments by more than a tenth of the largest. $\\gamma$: strength of the penalty that ties weights "
    "to where they were at the switch; of several, the strongest has curves.",
    equation=r"F_i=\max_t A_i(t)-A_i(T),\qquad N_i(t)=\sum_{s<t}B\,w_i(s),\qquad "
    r"\frac{\gamma}{2}\left|\theta-\theta_{\mathrm{switch}}\right|^2",
    claims=["e4_q3_order"],
)
def schedules(data: xr.Dataset) -> Figure:
    """A panel of curves with a strip for each schedule, and three panels of bars for all of them."""
    cells = _cells(data)
    rows = -(-(len(cells) + 1) // _COLUMNS)
    bars = _BAR * data.sizes["schedule"] + 0.25
    ratios = [_CURVES, _STRIP] * rows + [bars]
    height = 1.25 * rows + bars + 0.35
    drawing, grid = figure(
        "text", height, "fixed", nrows=2 * rows + 1, ncols=_COLUMNS, height_ratios=ratios, sharex=False
    )
    _pair_up(grid, cells, data)
    layout = grid[0, 0].get_gridspec()
    for axes in grid[-1]:
        axes.remove()
    first = drawing.add_subplot(layout[-1, :2])
    panels = [first, *(drawing.add_subplot(layout[-1, place], sharey=first) for place in (2, 3))]
    for axes, (name, label) in zip(panels, _BARS.items(), strict=True):
        _bars(axes, data, name, label)
    for axes in panels[1:]:
        axes.tick_params(labelleft=False, left=False)
    letter_panels([*(grid[_place(index)] for index in range(len(cells))), *panels])
    return drawing


def _cells(data: xr.Dataset) -> list[str]:
    """Schedules that have curves: all without consolidation, and the strongest one."""
    strength = data.consolidation.values
    names = data.schedule.values.tolist()
    plain = [name for name, gamma in zip(names, strength, strict=True) if gamma == 0]
    return [*plain, names[int(strength.argmax())]] if strength.any() else plain


def _place(index: int) -> tuple[int, int]:
    row, column = divmod(index, _COLUMNS)
    return 2 * row, column


def _pair_up(grid: np.ndarray, cells: list[str], data: xr.Dataset) -> None:
    """Curves and strips in the places of the grid; the place after the last holds the legend."""
    for index in range(_COLUMNS * (len(grid) // 2)):
        row, column = _place(index)
        above, below = grid[row, column], grid[row + 1, column]
        if index >= len(cells):
            above.set_axis_off()
            below.set_axis_off()
            if index == len(cells):
                _legend(above, data)
            continue
        own = data.sel(schedule=cells[index])
        _curves(above, own)
        _strip(below, own)
        above.set_title(_text(cells[index]), loc="right")
        above.tick_params(labelbottom=False, labelleft=column == 0)
        last = index + _COLUMNS >= len(cells)
        below.tick_params(labelbottom=last, labelleft=column == 0)
        if last:
            below.set_xlabel(axis_label(data.step))
        if column == 0:
            above.set_ylabel("test accuracy")
            below.set_ylabel("$w$")


def _text(name: str) -> str:
    words = name.split()
    return rf"blocked, $\gamma={words[1]}$" if words[0] == "consolidated" else name


def _legend(axes: Axes, data: xr.Dataset) -> None:
    handles = [
        Line2D([], [], color=colour, label=name)
        for name, colour in zip(data.operation.values.tolist(), _COLOURS, strict=False)
    ]
    handles.append(
        Line2D([], [], color=GREY, linewidth=0.8, linestyle=":", label="learning rate falls\nfrom here on")
    )
    axes.legend(handles=handles, loc="upper left")


def _curves(axes: Axes, own: xr.Dataset) -> None:
    """Accuracies of each operation; a stage is shaded in the colour of its operation."""
    ends = [0, *np.atleast_1d(own.attrs["switches"]).tolist(), own.attrs["steps"]]
    if np.isfinite(own.stage_end.values).any():
        for start, end in pairwise(ends):
            weights = own.weight.sel(step=(start + end) / 2, method="nearest").values
            axes.axvspan(
                start, end, facecolor=_COLOURS[int(weights.argmax())], alpha=0.09, edgecolor="none", zorder=0
            )
    for place, colour in zip(range(own.sizes["operation"]), _COLOURS, strict=False):
        part = own.test_accuracy.isel(operation=place).transpose("step", "replicate")
        axes.plot(own.step, part, color=colour, linewidth=0.5, alpha=0.45)
        axes.plot(own.step, part.mean("replicate"), color=colour, linewidth=1.4)
    axes.axvline(own.attrs["decay_from"], color=GREY, linewidth=0.8, linestyle=":", zorder=1.0)
    axes.set(xlim=(0, own.attrs["steps"]), ylim=(-0.03, 1.03), yticks=[0, 0.5, 1])


def _strip(axes: Axes, own: xr.Dataset) -> None:
    weights = own.weight.transpose("operation", "step").values
    axes.stackplot(
        own.step.values, weights, colors=_COLOURS[: len(weights)], linewidth=0, step="post", alpha=0.8
    )
    axes.set(xlim=(0, own.attrs["steps"]), ylim=(0, 1), yticks=[0, 1])


def _bars(axes: Axes, data: xr.Dataset, name: str, label: str) -> None:
    """Means over seeds of each operation by schedule, from the top down, and the seeds; NaN has no place."""
    count = data.sizes["operation"]
    rows = np.arange(data.sizes["schedule"], dtype=float)
    thick = 0.8 / count
    for place, colour in zip(range(count), _COLOURS, strict=False):
        values = data[name].isel(operation=place).transpose("schedule", "replicate").values
        at = rows + (place - (count - 1) / 2) * thick
        means = data[name].isel(operation=place).mean("replicate").values
        axes.barh(at, means, height=0.9 * thick, color=colour, alpha=0.55, linewidth=0)
        axes.plot(values, at, linestyle="", marker="o", markersize=1.5, markeredgewidth=0, color=colour)
    axes.set_yticks(rows, [_text(each) for each in data.schedule.values.tolist()])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(rows[-1] + 0.5, -0.5)
    low = -1.03 if name == "equal_exposure" else 0.0
    axes.set_xlim(low, 1.03)
    if low < 0:
        axes.axvline(0, color=GREY, linewidth=0.6)
    axes.set_xlabel(label)
