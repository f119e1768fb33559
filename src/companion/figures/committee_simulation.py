"""Figure of two tasks learned by SGD, beside the flow that is its limit of large dimension."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, simulation_points, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure

_UNITS = [PALETTE[name] for name in ("blue", "vermilion", "green", "orange")]
_TASKS = {1: PALETTE["blue"], 2: PALETTE["vermilion"]}
_DEVIATIONS = {
    "$Q$, $R$, $U$, $h$": (["Q", "R, U", "readout"], PALETTE["blue"], "o"),
    r"$\epsilon$": (["error"], PALETTE["vermilion"], "s"),
}
_ROWS = 4


@described(
    title="Simulations follow the flow of the order parameters",
    caption="Two tasks one after the other (the switch is the thin line), learned by erf students of $K$ units from "
    "teachers of $M$; a column for each system, $\\gamma$ being the penalty of consolidation in the second task. "
    "Lines: flow for $d\\to\\infty$; markers: one-pass SGD at one dimension $d$, means over streams of inputs with "
    "95 % bootstrap intervals, all from the same start. (a-c) Generalisation errors of both tasks. (d-f) Squared "
    "length of each student. (g-i) Overlaps with the first unit of teacher 1 (solid, filled) and of teacher 2 "
    "(dashed, hollow); colours are students. (j-l) Readouts of the task that is being learned. (m-o) Largest deviation "
    "of a run from the flow, over entries and times, against $d$; dashed: slope $-1/2$.",
    equation=r"\frac{dR_{km}}{da}=\eta h_k\sum_a e_a I_3(k,m,a),\qquad \frac{dh_k}{da}=\eta\sum_a e_a I_2(k,a)",
)
def simulation(data: xr.Dataset) -> Figure:
    """A column for each system: errors, lengths, overlaps and readouts against time, deviation against d."""
    columns = data.sizes["system"]
    drawing, grid = figure("text", height=5.7, nrows=_ROWS + 1, ncols=columns, squeeze=False)
    for place, column in enumerate(grid.T):
        part = data.isel(system=place)
        _errors(column[0], part)
        _curves(column[1], part, "square")
        _curves(column[2], part, "first")
        _curves(column[2], part, "second", line="--", face="white")
        _readouts(column[3], part)
        _deviations(column[4], part)
        column[0].set_title(_name(part))
        column[3].set_xlabel(axis_label(data.time))
        for upper in column[: _ROWS - 1]:
            upper.tick_params(labelbottom=False)
    _share_limits(grid[0, :-1])
    for row in grid[1:]:
        _share_limits(row)
    labels = [axis_label(data[f"flow_{name}"]) for name in ("error", "square", "first", "readout")]
    for axes, label in zip(grid[:, 0], [*labels, "largest deviation"], strict=True):
        axes.set_ylabel(label)
    _legends(grid, data)
    letter_panels(grid.flat)
    return drawing


def _name(part: xr.Dataset) -> str:
    """K=2, M=1, γ=0 as a formula."""
    return f"${str(part['name'].values).replace('γ', chr(92) + 'gamma')}$"


def _errors(axes: Axes, part: xr.Dataset) -> None:
    for task, colour in _TASKS.items():
        theory_line(axes, part.time, part.flow_error.sel(task=task), color=colour)
        _points(axes, part.mark, part.run_error.sel(task=task), colour)
    _switch(axes, part)


def _curves(axes: Axes, part: xr.Dataset, name: str, *, line: str = "-", face: str = "") -> None:
    for student, colour in zip(part.student.values, _UNITS, strict=False):
        one = part.sel(student=student)
        if one[f"flow_{name}"].notnull().all():
            theory_line(axes, part.time, one[f"flow_{name}"], color=colour, linestyle=line)
            _points(axes, part.mark, one[f"run_{name}"], colour, face)
    _switch(axes, part)


def _readouts(axes: Axes, part: xr.Dataset) -> None:
    first = part.time <= part.attrs["duration"]
    for student, colour in zip(part.student.values, _UNITS, strict=False):
        one = part.sel(student=student)
        if one.flow_readout.notnull().all():
            for during in (first, ~first):
                theory_line(axes, part.time[during], one.flow_readout[during], color=colour)
            _points(axes, part.mark, one.run_readout, colour)
    _switch(axes, part)


def _points(axes: Axes, marks: xr.DataArray, runs: xr.DataArray, colour: str, face: str = "") -> None:
    ends = (runs.sel(summary=name) for name in ("mean", "lower", "upper"))
    shape = {"markersize": 2.4, "markerfacecolor": face or colour, "markeredgewidth": 0.6 if face else 0}
    simulation_points(axes, marks, *ends, color=colour, **shape)


def _switch(axes: Axes, part: xr.Dataset) -> None:
    axes.axvline(part.attrs["duration"], color=GREY, linewidth=0.6, zorder=1.0)
    axes.set_xlim(0, 2.02 * part.attrs["duration"])
    axes.set_xticks(part.attrs["duration"] * np.arange(0, 2, 0.5))


def _deviations(axes: Axes, part: xr.Dataset) -> None:
    dimensions = part.dimension.values.astype(float)
    for label, (quantities, colour, marker) in _DEVIATIONS.items():
        runs = part.deviation.sel(quantity=quantities).max("quantity").transpose("dimension", "draw")
        line = {"fmt": f"-{marker}", "linewidth": 0.7, "markersize": 2.8, "label": label}
        points_over_seeds(axes, dimensions, runs, color=colour, **line)
    middle = float(part.deviation.sel(quantity="R, U").mean("draw").isel(dimension=-1))
    guide = middle * np.sqrt(dimensions[-1] / dimensions)
    axes.plot(dimensions, guide, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1.0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(dimensions, [f"{int(d)}" for d in dimensions])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_xlabel(axis_label(part.dimension))


def _share_limits(row: np.ndarray) -> None:
    limits = np.array([axes.get_ylim() for axes in row])
    for axes in row:
        axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    for axes in row[1:]:
        axes.tick_params(labelleft=False)


def _legends(grid: np.ndarray, data: xr.Dataset) -> None:
    marked = {"color": GREY, "marker": "o", "markersize": 2.4}
    of_tasks = [Line2D([], [], color=colour, label=f"task {task}") for task, colour in _TASKS.items()]
    shown = Line2D([], [], linestyle="", label=f"$d={data.attrs['shown_dimension']}$", **marked)
    grid[0, 0].legend(handles=[*of_tasks, shown], loc="upper right")
    students = [
        Line2D([], [], color=colour, label=f"$k={student}$")
        for student, colour in zip(data.student.values, _UNITS, strict=False)
    ]
    grid[1, -1].legend(handles=students, loc="upper left", ncols=2)
    first = Line2D([], [], label="$R_{k1}$", **marked)
    second = Line2D([], [], label="$U_{k1}$", markerfacecolor="white", linestyle="--", **marked)
    grid[2, 0].legend(handles=[first, second], loc="upper left")
    grid[_ROWS, 0].legend(loc="lower left", ncols=2)
