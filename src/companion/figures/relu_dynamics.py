"""Figures of one-pass learning with ReLU units: trajectories, linearisation, attractors."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds, simulation_points, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

_UNIT_COLOURS = tuple(PALETTE[name] for name in ("blue", "vermilion", "green", "orange", "plum", "sky"))


@described(
    title="One-pass learning follows the flow of its overlaps",
    caption="Loss (left) and overlaps $R_{k1}$ of the students with teacher 1 (right) from one start, one row for each "
    "system. Solid lines: limit $d\\to\\infty$ with the noise of finite steps; dashed: without it. Markers: chain at "
    "finite $d$, median of the runs with bars from the 10th to the 90th percentile (left, moved "
    "apart for sight); right, the largest $d$ only.",
    equation=r"\dot R=-\eta(AR-BT),\qquad \dot Q=-\eta(AQ+QA-BR^\top-RB^\top)+\eta^2N",
)
def trajectories(paths: xr.Dataset) -> Figure:
    """Loss and overlaps against time, one row of panels for each system."""
    systems = paths.sizes["system"]
    drawing, grid = figure("text", height=1.75 * systems + 0.35, nrows=systems, ncols=2, squeeze=False)
    for row, (left, right) in enumerate(grid):
        part = paths.isel(system=row)
        _losses(left, part)
        _overlaps(right, part)
        size = f"$K={int(part.students)}$, $M={int(paths.attrs['teachers'])}$"
        left.set_title(f"{size}, $\\eta={float(part.learning_rate):g}$")
    for axes in grid[-1]:
        axes.set_xlabel(axis_label(paths.flow_time))
    colours = shades(paths.sizes["dimension"])
    handles = [
        Line2D([], [], color=PALETTE["ink"], label=r"$d\to\infty$"),
        Line2D([], [], color=GREY, linestyle="--", label=r"$d\to\infty$, no noise"),
        *(
            Line2D([], [], color=colour, marker="o", linestyle="", label=f"$d={_power(int(d))}$")
            for d, colour in zip(paths.dimension.values, colours, strict=True)
        ),
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    letter_panels(grid.flat)
    return drawing


def _power(number: int) -> str:
    exponent = round(np.log10(number))
    return f"10^{{{exponent}}}" if number == 10**exponent else str(number)


def _losses(axes: Axes, part: xr.Dataset) -> None:
    quiet, noisy = part.flow_loss.values
    theory_line(axes, part.flow_time, quiet, color=GREY, linestyle="--")
    theory_line(axes, part.flow_time, noisy, color=PALETTE["ink"])
    count = part.sizes["dimension"]
    step = float(part.chain_time[0])
    for place, colour in enumerate(shades(count)):
        # Side by side, so that the bars of different d stay apart.
        beside = part.chain_time.values + 0.14 * step * (place - (count - 1) / 2)
        _spread(axes, beside, part.chain_loss.isel(dimension=place).values, colour)
    axes.set_yscale("log")
    axes.set_ylabel(axis_label(part.flow_loss))


def _overlaps(axes: Axes, part: xr.Dataset) -> None:
    for unit in range(int(part.students)):
        colour = _UNIT_COLOURS[unit % len(_UNIT_COLOURS)]
        quiet, noisy = part.flow_overlap.isel(unit=unit).values
        theory_line(axes, part.flow_time, quiet, color=colour, linestyle="--", linewidth=0.7)
        theory_line(axes, part.flow_time, noisy, color=colour, label=f"$k={unit + 1}$")
        _spread(axes, part.chain_time.values, part.chain_overlap.isel(dimension=-1, unit=unit).values, colour)
    axes.set_ylabel(axis_label(part.flow_overlap))
    axes.legend(loc="center right")


def _spread(axes: Axes, time: np.ndarray, samples: np.ndarray, colour: str) -> None:
    lower, middle, upper = np.quantile(samples, (0.1, 0.5, 0.9), axis=-1)
    simulation_points(axes, time, middle, lower, upper, color=colour, markersize=2.4)


@described(
    title="The Hessian predicts how the flow linearises",
    caption="Eigenvalues of the Jacobian of the noise-free flow of $(Q,R)$ at I(1) (markers) against those "
    "predicted from the Hessian inside the span and from sums of two eigenvalues of $A$ (line: equality), one panel "
    "for each $K=M$. Inset: largest ten; shaded: growing deviations.",
    equation=r"\mathrm{spec}\,J=-\eta\,\{\mathrm{eig}\,H_\parallel\}\cup-\eta\,\{a_i+a_j:\,i\leq j\}",
    claims=["p1_c5_sgd_attractor"],
)
def linearisation(spectra: xr.Dataset) -> Figure:
    """Measured against predicted eigenvalues, one panel for each size, with an inset near zero."""
    sizes = spectra.students.values
    drawing, grid = figure("text", height=2.4, ncols=len(sizes), sharey=True, squeeze=False)
    for axes, students in zip(grid.flat, sizes, strict=True):
        part = spectra.isel(eigenvalue=spectra.eigenvalue_students.values == students)
        _equality(axes, part, markersize=3.4)
        inset = axes.inset_axes((0.6, 0.12, 0.38, 0.38))
        _equality(inset, part, markersize=2.6)
        largest = np.sort(part.predicted.values)[-10:]
        margin = 0.25 * float(np.ptp(largest)) + 1e-3
        window = (largest[0] - margin, max(largest[-1], 0.0) + margin)
        inset.set_xlim(*window)
        inset.set_ylim(*window)
        inset.axhspan(0, window[1], color=PALETTE["orange"], alpha=0.25, linewidth=0, zorder=0.5)
        inset.tick_params(labelsize=5, pad=1)
        difference = float(spectra.difference.sel(students=students))
        axes.set_title(f"$K={int(students)}$, largest difference {difference:.0e}")
        axes.set_xlabel(axis_label(spectra.predicted))
    grid[0, 0].set_ylabel(axis_label(spectra.measured))
    grid[0, 0].legend(loc="upper left", bbox_to_anchor=(0.0, 0.95))
    letter_panels(grid.flat)
    return drawing


def _equality(axes: Axes, part: xr.Dataset, markersize: float) -> None:
    ends = [float(part.predicted.min()), float(part.predicted.max())]
    theory_line(axes, ends, ends, color=GREY, linewidth=0.7)
    for name, label, marker, colour in (
        ("inside", r"$-H_\parallel$", "o", "blue"),
        ("across", "$-(a_i+a_j)$", "^", "vermilion"),
    ):
        chosen = part.part.values == name
        axes.plot(
            part.predicted.values[chosen],
            part.measured.values[chosen],
            marker,
            color=PALETTE[colour],
            markerfacecolor="none",
            markeredgewidth=0.6,
            markersize=markersize,
            label=label,
        )


@described(
    title="Finite steps shift the attractor",
    caption="Stationary state of one-pass learning near I(1), $K=M$, against the step size: (a) loss, (b) part of the "
    "students across the span of the teachers, (c) shift of both over the linear prediction. Lines: fixed point of "
    "the flow with noise at $d\\to\\infty$; dashed: prediction linear in $\\eta$; markers: means of runs of the chain "
    "at finite $d$ (95 % bootstrap intervals over runs).",
    equation=r"A\mathcal{S}+\mathcal{S}A=N,\qquad S=\eta\,\mathcal{S},\qquad L=L_0+\tfrac{\eta}{4}\mathrm{tr}\,N",
    claims=["p1_c5_sgd_attractor"],
)
def attractors(states: xr.Dataset) -> Figure:
    """Stationary loss, tr S, and both over their linear predictions, against the step size."""
    drawing, panels = figure("text", height=2.3, ncols=3)
    rates = states.learning_rate.values
    dense = np.linspace(0.0, float(states.curve_rate.max()), 50)
    for axes, name, colour in zip(panels, ("loss", "transverse"), ("blue", "vermilion"), strict=False):
        start = float(states.minimum_loss) if name == "loss" else 0.0
        slope = float(states[f"{name}_slope"])
        curve = np.concatenate([[start], states[f"curve_{name}"].values])
        runs = states[f"chain_{name}"].values
        theory_line(axes, dense, start + slope * dense, color=GREY, linestyle="--", label="linear in $\\eta$")
        along = np.concatenate([[0.0], states.curve_rate.values])
        theory_line(axes, along, curve, color=PALETTE[colour], label=r"$d\to\infty$")
        points_over_seeds(axes, rates, runs, color=PALETTE[colour], label=_chain_label(states))
        axes.set_ylabel(axis_label(states[name]))
        axes.legend(loc="upper left")
        label = "loss shift" if name == "loss" else r"$\mathrm{tr}\,S$"
        ratio = (curve[1:] - start) / (slope * along[1:])
        theory_line(
            panels[2],
            np.concatenate([[0.0], along[1:]]),
            np.concatenate([[1.0], ratio]),
            color=PALETTE[colour],
            label=label,
        )
        points_over_seeds(panels[2], rates, (runs - start) / (slope * rates[:, None]), color=PALETTE[colour])
    guide(panels[2], y=1.0)
    panels[2].legend(loc="upper left")
    panels[2].set_ylabel("over the linear prediction")
    for axes in panels:
        axes.set_xlabel(axis_label(states.learning_rate))
        axes.set_xlim(0, None)
    panels[1].set_title(f"I(1), $K=M={int(states.attrs['students'])}$")
    letter_panels(panels)
    return drawing


def _chain_label(states: xr.Dataset) -> str:
    return f"$d={_power(int(states.attrs['dimension']))}$"
