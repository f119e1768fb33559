"""The figure of operations learned one after the other: speed-up, gain and forgetting of every ordered pair."""

import math
from typing import Final

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from companion.figures.beside import beside, taken_out
from companion.figures.curriculum_returns import draw_returns
from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, simulation_points
from companion.figures.style import DIVERGING, PALETTE, SEQUENTIAL, figure

_COLOURS: Final = ("blue", "vermilion", "green", "orange", "plum", "sky", "ink")
_MARKERS: Final = "osD^vP*X"
_RETURNS: Final = "return"


@described(
    title="One operation after another",
    caption="Each operation (row: source $i$) is trained for a stage of its own, with most of its table, then another "
    "one (column: target $j$) without a row of the source, with a smaller share of its table; numbers are means"
    " over seeds with 95 % bootstrap intervals. (a) Speed-up: restricted mean of the steps until 90 % of the "
    "target's test rows are answered, alone over after the source; networks that do not get there count with "
    "the whole stage, so that 1 also stands where none does. (b) Final test accuracy of the target after the "
    "source less that alone, from the same start on the same rows. (c) Forgetting of the source: its test "
    "accuracy at the switch less that at the end, not below 0. (d) Forward transfer, the target's test accuracy at the "
    "switch, before a row of it, less chance, against backward transfer, what the target's stage does to the source; "
    "colour: target, marker: source. The learning rate falls to 0 over the same last steps in all of them. "
    "(e) One pair, and its source again, at a constant learning rate: test accuracy of the source (solid) and of the "
    "target (dashed), Adam's moments kept or reset at the dotted switches; thin, seeds; thick, means. (f) Steps until "
    "90 % of the source's test rows are answered for the first time (filled) and again (open), joined by seed; "
    "triangles: not within the stage, so that its first time is only known to be longer; green: the source for the "
    "first time, after a stage of the target and none of its own, the control of what the target alone gives. "
    "Stages, shares and operations are our settings.",
    equation=r"R[j\leftarrow i]=\frac{\langle\min(T_j,T)\rangle}{\langle\min(T_{j|i},T)\rangle},\qquad "
    r"F_i=\max_k A_{ki}-A_{Ki}",
)
def transfer(data: xr.Dataset) -> Figure:
    """Three matrices with their numbers written in, both transfers, and what `with_returns` put beside."""
    returned = taken_out(data, _RETURNS)
    rows = 2 if returned is None else 3
    drawing, grid = figure(
        "text", height=5.6 + 1.9 * (rows - 2), nrows=rows, ncols=2, height_ratios=(1.4, 1.4, 1)[:rows]
    )
    speed, gain, lost, both = grid.flat[:4]
    shown = data.isel(threshold=0)
    ratio, low, high = (_matrix(shown[name]) for name in ("speed_up", "speed_up_low", "speed_up_high"))
    extreme = max(float(np.nanmax(np.abs(np.log(ratio)), initial=0.0)), math.log(1.25))
    _heat(speed, data, ratio, (low, high), np.log(ratio) / extreme, DIVERGING)
    speed.set_title("speed-up $R[j\\leftarrow i]$")
    means = {name: _matrix(data[name].mean("replicate", skipna=False)) for name in ("gain", "forgetting")}
    intervals = {name: tuple(_matrix(data[f"{name}_{end}"]) for end in ("low", "high")) for name in means}
    _heat(gain, data, means["gain"], intervals["gain"], means["gain"], DIVERGING)
    gain.set_title("gain in final test accuracy")
    _heat(lost, data, means["forgetting"], intervals["forgetting"], 2 * means["forgetting"] - 1, SEQUENTIAL)
    lost.set_title("forgetting $F_i$ of the source")
    _against(both, data)
    if returned is not None:
        switches = [data.attrs["return_source_steps"], data.attrs["return_target_steps"]]
        draw_returns(grid[2, 0], grid[2, 1], returned, switches)
    letter_panels(grid.flat)
    return drawing


def with_returns(data: xr.Dataset, returned: xr.Dataset) -> xr.Dataset:
    """``data`` (`transfer_matrix`) with ``returned`` (`returning_source`) beside it."""
    stages = {f"{_RETURNS}_{name}": returned.attrs[name] for name in ("source_steps", "target_steps")}
    return beside(data, returned, _RETURNS).assign_attrs(stages)


def _matrix(values: xr.DataArray) -> np.ndarray:
    return values.transpose("source", "target").values


def _heat(
    axes: Axes,
    data: xr.Dataset,
    values: np.ndarray,
    ends: tuple[np.ndarray, ...],
    tones: np.ndarray,
    colormap: str,
) -> None:
    """A cell for each pair, coloured by ``tones`` from -1 to 1, with its number and interval."""
    drawn = np.ma.masked_invalid(tones)
    axes.imshow(drawn, cmap=colormap, norm=Normalize(-1, 1), aspect="auto", interpolation="nearest")
    colours = matplotlib.colormaps[colormap](Normalize(-1, 1)(np.nan_to_num(tones)))
    for row, column in np.ndindex(values.shape):
        if row == column:
            continue
        light = np.dot(colours[row, column, :3], (0.3, 0.59, 0.11)) > 0.5
        text = _number(float(values[row, column]))
        low, high = (float(end[row, column]) for end in ends)
        if math.isfinite(low) and math.isfinite(high):
            text += f"\n{_number(low)} to {_number(high)}"
        ink = PALETTE["ink"] if light else "white"
        axes.text(column, row, text, ha="center", va="center", fontsize=6, color=ink, linespacing=1.3)
    for axis, name in ((axes.xaxis, "target"), (axes.yaxis, "source")):
        axis.set_ticks(range(data.sizes[name]), data[name].values.tolist())
    axes.tick_params(length=0)
    axes.set_xlabel("target $j$, second stage")
    axes.set_ylabel("source $i$, first stage")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _number(value: float) -> str:
    """Two decimals, one minus sign, and none before a zero.

    >>> _number(-0.001), _number(0.5)
    ('0.00', '0.50')
    """
    return "?" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def _against(axes: Axes, data: xr.Dataset) -> None:
    """Forward transfer to the target against backward transfer to the source, with intervals on the former."""
    names = data.target.values.tolist()
    backward = _matrix(data.backward_transfer.mean("replicate", skipna=False))
    forward, low, high = (
        _matrix(each)
        for each in (
            data.forward_transfer.mean("replicate", skipna=False),
            data.forward_transfer_low,
            data.forward_transfer_high,
        )
    )
    for row, column in np.ndindex(forward.shape):
        if row == column:
            continue
        colour = PALETTE[_COLOURS[column % len(_COLOURS)]]
        marker = _MARKERS[row % len(_MARKERS)]
        point = ([each[row, column]] for each in (backward, forward, low, high))
        simulation_points(axes, *point, color=colour, fmt=marker, markersize=4)
    guide(axes, x=0.0, y=0.0)
    axes.set_xlabel("backward transfer to the source")
    axes.set_ylabel("forward transfer to the target")
    for place, name in enumerate(names):
        axes.plot([], [], "s", color=PALETTE[_COLOURS[place % len(_COLOURS)]], label=f"target {name}")
    for place, name in enumerate(names):
        ink = {"color": PALETTE["ink"], "markerfacecolor": "white", "markeredgewidth": 0.7}
        axes.plot([], [], _MARKERS[place % len(_MARKERS)], label=f"source {name}", **ink)
    axes.legend(loc="best", ncols=2, fontsize=6)
