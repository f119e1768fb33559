"""The figure of when one operation is memorised and when it is generalised."""

import math
from typing import Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from companion.analysis.statistics import bootstrap_band, median
from companion.compute.seeds import generator
from companion.figures.described import described
from companion.figures.marks import letter_panels, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_curves import short_number, step_axis

_COLUMNS: Final = 3
_COLOURS: Final = ("plum", "green", "orange", "sky", "ink", "blue", "vermilion")
_MARKERS: Final = "osD^vP*X"
#: Accuracies: colour and line.
_CURVES: Final = {
    "train": (PALETTE["vermilion"], (0, (3, 1.2))),
    "test": (PALETTE["blue"], "-"),
    "unseen": (PALETTE["ink"], (0, (1, 1))),
}
_PALE: Final = "#9DB9DC"  # of single runs
_THRESHOLD: Final = 0.9
_ABOVE: Final = 1.09  # accuracy at which times stand
_RATIOS: Final = (1.0, 3.0, 10.0)


@described(
    title="Memorised early, generalised late",
    caption="Accuracy while a small transformer learns a table of modular arithmetic, of which the share $f$ is "
    "trained on: training rows (dashed), test rows (solid), and those test rows $(a,b)$ whose $(b,a)$ was not trained "
    "on (dotted). Thick: medians over runs with 95 % bootstrap bands; thin: test rows of every run. Triangles: when "
    "each run first has 90 % of its training rows (open) and of its test rows (filled); vertical lines: their medians. "
    "First panel: all training rows in every step; comprehension: batches of more rows, more weight decay; few rows: "
    "too few of them to generalise. Last panels: norm of all weights, and both times of each run against each other, "
    "with lines of equal ratio; open triangles: not reached by the end of training.",
    equation=r"T_\mathrm{mem}=\min\{t:\mathrm{acc}_\mathrm{train}(t)\geq 0.9\},\qquad "
    r"T_\mathrm{gen}=\min\{t:\mathrm{acc}_\mathrm{test}(t)\geq 0.9\}",
    claims=["e4_q1_delay"],
)
def grokking(data: xr.Dataset) -> Figure:
    """A panel of accuracies for each setting, then weight norms and times of all."""
    settings = data.sizes["setting"]
    rows = math.ceil((settings + 3) / _COLUMNS)
    drawing, grid = figure("text", height=0.5 + 1.75 * rows, nrows=rows, ncols=_COLUMNS, squeeze=False)
    panels = grid.ravel()
    for place, axes in enumerate(panels[:settings]):
        _accuracies(axes, data.isel(setting=place))
        axes.set_title(_title(data, place))
        axes.set_ylabel("accuracy" if place % _COLUMNS == 0 else "")
    norms, times = panels[settings : settings + 2]
    _norms(norms, data)
    _times(times, data)
    for axes in panels[settings + 2 :]:
        axes.set_axis_off()
    _legend(panels[settings + 2], data)
    letter_panels(panels[: settings + 2])
    return drawing


def _title(data: xr.Dataset, place: int) -> str:
    own = data.isel(setting=place)
    return f"{own.setting.item()}, $f={float(own.fraction):g}$"


def _accuracies(axes: Axes, data: xr.Dataset) -> None:
    shown = data.isel(step=data.step.values > 0)
    for name, (colour, line) in _CURVES.items():
        runs = shown[name].transpose("replicate", "step").values
        if name == "test":
            axes.plot(shown.step, runs.T, color=_PALE, linewidth=0.35, zorder=1.8)
        _middle(axes, shown.step.values, runs, colour, line)
    step_axis(axes, shown.step.values)
    axes.set_ylim(-0.03, _ABOVE + 0.06)
    axes.set_yticks([0.0, 0.5, 1.0])
    axes.set_xlabel(axis_label(data.step))
    for name, filled in (("memorised_at", False), ("generalised_at", True)):
        _marks(axes, _at(data, name), filled)


def _middle(axes: Axes, steps: NDArray, runs: NDArray, colour: str, line: object) -> None:
    """Median over runs (replicate, step), which single spikes of the loss leave alone, with a bootstrap band."""
    axes.plot(steps, median(runs.T), color=colour, linestyle=line, linewidth=1.3, zorder=2.4)
    if len(runs) > 1:
        low, high = bootstrap_band(runs.T, median, generator=generator(0, "error bands"), resamples=999)
        axes.fill_between(steps, low, high, color=colour, alpha=0.18, linewidth=0, zorder=1.6)


def _at(data: xr.Dataset, name: str) -> NDArray:
    """Times at the threshold of the criterion, (.., replicate)."""
    return data[name].sel(threshold=_THRESHOLD, method="nearest").transpose(..., "replicate").values


def _marks(axes: Axes, times: NDArray, filled: bool) -> None:
    """Triangles above the curves at each run's time, and a line at their median; what is not reached has none."""
    colour, line = _CURVES["test" if filled else "train"]
    reached = times[np.isfinite(times)]
    look = {"color": colour, "markersize": 3.2, "markeredgewidth": 0.6, "zorder": 3}
    face = colour if filled else "white"
    axes.plot(reached, np.full(reached.size, _ABOVE), "v", markerfacecolor=face, **look)
    middle = float(median(times))
    if math.isfinite(middle):
        axes.axvline(middle, color=colour, linestyle=line, linewidth=0.7, zorder=1.2)


def _look(place: int) -> tuple[str, str]:
    return PALETTE[_COLOURS[place % len(_COLOURS)]], _MARKERS[place % len(_MARKERS)]


def _norms(axes: Axes, data: xr.Dataset) -> None:
    shown = data.isel(step=data.step.values > 0)
    for place in range(data.sizes["setting"]):
        colour, _ = _look(place)
        runs = shown.weight_norm.isel(setting=place).transpose("replicate", "step").values
        _middle(axes, shown.step.values, runs, colour, "-")
    step_axis(axes, shown.step.values)
    axes.set_ylim(0, None)
    axes.set_xlabel(axis_label(data.step))
    axes.set_ylabel(axis_label(data.weight_norm))


def _times(axes: Axes, data: xr.Dataset) -> None:
    """T_gen against T_mem of each run, log-log, with lines of equal ratio."""
    memorised, generalised = _at(data, "memorised_at"), _at(data, "generalised_at")
    top = 1.35 * float(data.step[-1])  # what is not reached stands just below
    reached = memorised[np.isfinite(memorised)]
    left, right = (reached.min() / 1.6, reached.max() * 3.0) if reached.size else (top / 100, top)
    right = min(right, top)
    for ratio in _RATIOS:
        span = np.array([left, right])
        theory_line(axes, span, ratio * span, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)))
        inside = top / ratio < right
        look = {"fontsize": 6, "color": GREY, "ha": "center" if inside else "left"}
        axes.text(
            min(top / ratio, right),
            min(ratio * right, top),
            f" {ratio:g}",
            va="bottom" if inside else "center",
            **look,
        )
    for place in range(data.sizes["setting"]):
        colour, marker = _look(place)
        x, y = np.minimum(memorised[place], right / 1.1), np.minimum(generalised[place], top / 1.1)
        late = np.isinf(memorised[place]) | np.isinf(generalised[place])
        axes.plot(x[~late], y[~late], marker, color=colour, markersize=3.2, markeredgewidth=0, alpha=0.85)
        axes.plot(
            x[late], y[late], "^", color=colour, markersize=4, markerfacecolor="white", markeredgewidth=0.7
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left, right)
    axes.set_ylim(left, top)
    axes.set_xlabel(axis_label(data.memorised_at))
    axes.set_ylabel(axis_label(data.generalised_at))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(short_number))
        axis.set_minor_formatter(NullFormatter())


def _legend(axes: Axes, data: xr.Dataset) -> None:
    """What lines, marks and colours are, in a panel of their own."""
    names = {"train": "training rows", "test": "test rows", "unseen": "test rows, mirror unseen"}
    handles = [
        Line2D([], [], color=colour, linestyle=line, label=names[name])
        for name, (colour, line) in _CURVES.items()
    ]
    marks = {"linestyle": "", "marker": "v", "markersize": 3.2, "markeredgewidth": 0.6}
    train, test = (_CURVES[name][0] for name in ("train", "test"))
    handles += [
        Line2D([], [], color=train, markerfacecolor="white", label=r"$T_\mathrm{mem}$ of a run", **marks),
        Line2D([], [], color=test, label=r"$T_\mathrm{gen}$ of a run", **marks),
    ]
    for place, name in enumerate(data.setting.values):
        colour, marker = _look(place)
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=3.2, label=str(name)))
    ratio = r"$T_\mathrm{gen}/T_\mathrm{mem}=1,\,3,\,10$"
    handles.append(Line2D([], [], color=GREY, linestyle=(0, (4, 2)), linewidth=0.6, label=ratio))
    axes.legend(handles=handles, loc="center", handlelength=2.2)
