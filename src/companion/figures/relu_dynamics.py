"""Figures of one-pass learning with ReLU units: trajectories, linearisation, attractors."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds, simulation_points, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades


@described(
    title="One-pass learning follows the flow of its overlaps",
    caption="Loss (left) and overlaps $R_{km}$ of the students with one teacher unit $m$ (right), the one that a "
    "student points away from most in the end; one row for each system. Solid lines: limit $d\\to\\infty$ with the "
    "noise of finite steps; dashed: without it. All curves of a row share their start. Markers: medians of the runs of "
    "the chain at finite $d$ with bars from the 10th to the 90th percentile, filled for runs that end with as many "
    "anti-aligned students as the flow and hollow for the others (left, moved apart for sight; right, runs with the "
    "flow's fate at the largest $d$, which the title counts). Where the flow ends in a spurious minimum, thin lines "
    "mark its loss and that of the state of rest which noise makes of it.",
    equation=r"\dot R=-\eta(AR-BT),\qquad \dot Q=-\eta(AQ+QA-BR^\top-RB^\top)+\eta^2N",
)
def trajectories(paths: xr.Dataset) -> Figure:
    """Loss and overlaps against time, one row of panels for each system."""
    systems = paths.sizes["system"]
    drawing, grid = figure("text", height=1.3 * systems + 0.35, nrows=systems, ncols=2, squeeze=False)
    for row, (left, right) in enumerate(grid):
        part = paths.isel(system=row, track=paths.track_system.values == row)
        _losses(left, part)
        _overlaps(right, part)
        students, teachers = int(part.students), int(part.teachers)
        size = f"$K=M={students}$" if students == teachers else f"$K={students}$, $M={teachers}$"
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
        for fate, face in (("as the flow", colour), ("elsewhere", "white")):
            chain = part.chain_loss.isel(dimension=place).sel(fate=fate)
            if chain.notnull().any():
                marks = {"color": colour, "markerfacecolor": face, "markeredgewidth": 0.5}
                _spread(axes, beside, chain.values, **marks)
    for loss in part.rest_loss.values[np.isfinite(part.rest_loss.values)]:
        guide(axes, y=float(loss), text=str(part.rest.values) if loss == part.rest_loss.min() else "")
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    lowest = min(float(quiet.min()), float(noisy.min()))
    axes.set_ylim(0.4 * lowest, 2 * float(noisy.max()))
    axes.set_ylabel(axis_label(part.flow_loss))


def _overlaps(axes: Axes, part: xr.Dataset) -> None:
    ordered = part.isel(track=np.argsort(part.flow_overlap.values[:, 1, -1]))
    for track, colour in enumerate(_unit_colours(ordered.sizes["track"])):
        noisy = ordered.flow_overlap.isel(track=track).sel(curve="with noise")
        theory_line(axes, part.flow_time, noisy, color=colour)
        chain = ordered.chain_overlap.isel(track=track).values
        if np.isfinite(chain).all():
            _spread(axes, part.chain_time.values, chain, color=colour)
    counts = [
        f"{int(number[0])}/{int(number.sum())} ($d={_power(int(dimension))}$)"
        for number, dimension in zip(part.runs.values, part.dimension.values, strict=True)
        if number.sum()
    ]
    axes.set_title(f"runs with the flow's fate: {', '.join(counts)}" if str(part.rest.values) else "")
    axes.set_ylabel(axis_label(part.flow_overlap))


def _unit_colours(count: int) -> list[str]:
    """Colours of the students by their final overlap; the one that points away stands out."""
    return [PALETTE["vermilion"], *shades(count - 1)] if count > 1 else [PALETTE["vermilion"]]


def _spread(axes: Axes, time: np.ndarray, quantiles: np.ndarray, **marks: Any) -> None:
    lower, middle, upper = quantiles.T
    simulation_points(axes, time, middle, lower, upper, **{"markersize": 2.4} | marks)


@described(
    title="The Hessian predicts how the flow linearises",
    caption="Eigenvalues of the Jacobian of the noise-free flow of $(Q,R)$ at critical points (markers) against those "
    "predicted from the Hessian inside the span and from sums of two eigenvalues of $A$ (line: equality), one panel "
    "for each $K$, with the number of points drawn. Inset: the largest eigenvalue of each point, filled for minima of "
    "the loss and hollow for saddles; shaded: growing deviations.",
    equation=r"\mathrm{spec}\,J=-\eta\,\{\mathrm{eig}\,H_\parallel\}\cup-\eta\,\{a_i+a_j:\,i\leq j\}",
    claims=["p1_c5_sgd_attractor"],
)
def linearisation(spectra: xr.Dataset) -> Figure:
    """Measured against predicted eigenvalues, one panel for each size, with the largest ones in an inset."""
    sizes = np.unique(spectra.students)
    columns = len(sizes) if len(sizes) <= 4 else 4
    rows = -(-len(sizes) // columns)
    drawing, grid = figure(
        "text", height=0.2 + 2.2 * rows, nrows=rows, ncols=columns, sharey=True, squeeze=False
    )
    for axes, students in zip(grid.flat, sizes, strict=False):
        points = spectra.students.values == students
        _equality(axes, spectra.isel(eigenvalue=points[spectra.owner.values]))
        _largest(axes.inset_axes((0.62, 0.14, 0.36, 0.36)), spectra.isel(point=points))
        number, difference = int(points.sum()), float(spectra.difference.values[points].max())
        title = f"$K={int(students)}$: {number} point{'s' * (number > 1)} within {difference:.0e}"
        axes.set_title(title, loc="right", fontsize=8 if columns < 4 else 7)
        axes.set_xlabel(axis_label(spectra.predicted))
    for axes in grid.flat[len(sizes) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(axis_label(spectra.measured))
    grid[0, 0].legend(loc="upper left", bbox_to_anchor=(0.0, 0.95))
    letter_panels(grid.flat[: len(sizes)])
    return drawing


def _equality(axes: Axes, part: xr.Dataset) -> None:
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
            markersize=3.4,
            label=label,
        )


def _largest(axes: Axes, points: xr.Dataset) -> None:
    """Largest eigenvalue of each point, in the order of its value."""
    ordered = points.sortby("largest")
    places, values = np.arange(ordered.sizes["point"]), ordered.largest.values
    for chosen, face in ((ordered.is_minimum.values, PALETTE["ink"]), (~ordered.is_minimum.values, "white")):
        axes.plot(
            places[chosen],
            values[chosen],
            "o",
            color=PALETTE["ink"],
            markerfacecolor=face,
            markersize=2.6,
            markeredgewidth=0.6,
        )
    margin = 0.15 * max(float(np.ptp(values)), 0.01)
    axes.set_ylim(min(values.min(), 0.0) - margin, max(values.max(), 0.0) + margin)
    axes.set_xlim(-0.7, places[-1] + 0.7)
    axes.axhspan(0, axes.get_ylim()[1], color=PALETTE["orange"], alpha=0.25, linewidth=0, zorder=0.5)
    axes.set_xticks([])
    axes.tick_params(labelsize=5, pad=1)


@described(
    title="Finite steps shift the attractor",
    caption="Stationary state of one-pass learning near I(1), $K=M$, against the step size: (a) loss, (b) part of the "
    "students across the span of the teachers, (c) shift of the loss over the linear prediction. Lines: fixed point of "
    "the flow with noise at $d\\to\\infty$, dotted where it is unstable; dashed: prediction linear in $\\eta$; "
    "markers: means of runs of the chain at finite $d$ (95 % bootstrap intervals over runs). Vertical: the fold where "
    "the state ceases to exist.",
    equation=r"A\mathcal{S}+\mathcal{S}A=N,\qquad S=\eta\,\mathcal{S},\qquad L=L_0+\tfrac{\eta}{4}\mathrm{tr}\,N",
    claims=["p1_c5_sgd_attractor"],
)
def attractors(states: xr.Dataset) -> Figure:
    """Stationary loss, tr S, and the loss shift over its linear prediction, against the step size."""
    drawing, panels = figure("text", height=2.4, ncols=3)
    rates = states.learning_rate.values
    colours = shades(states.sizes["students"]) if states.sizes["students"] > 1 else [PALETTE["blue"]]
    for size, colour in zip(states.students.values, colours, strict=True):
        part = states.sel(students=size)
        fold = float(part.fold)
        for axes, name in zip(panels, ("loss", "transverse"), strict=False):
            start = float(part.minimum_loss) if name == "loss" else 0.0
            slope = float(part[f"{name}_slope"])
            theory_line(axes, [0.0, fold], [start, start + slope * fold], color=colour, linestyle="--")
            _branch(axes, part, part[f"curve_{name}"].values, colour)
            points_over_seeds(axes, rates, part[f"chain_{name}"].values, color=colour)
        start, slope = float(part.minimum_loss), float(part.loss_slope)
        along = part.curve_rate.where(part.curve_rate != 0)
        ratio = ((part.curve_loss - start) / (slope * along)).where(part.curve_rate != 0, 1.0).values
        _branch(panels[2], part, ratio, colour)
        runs = (part.chain_loss.values - start) / (slope * rates[:, None])
        points_over_seeds(panels[2], rates, runs, color=colour)
        for axes in panels:
            guide(axes, x=fold)
    for axes, name in zip(panels, ("loss", "transverse"), strict=False):
        measured = states[f"chain_{name}"]
        axes.set_ylim(
            0.8 * float(states.minimum_loss.min()) if name == "loss" else 0, 1.35 * float(measured.max())
        )
        axes.set_ylabel(axis_label(states[name]))
    guide(panels[2], y=1.0)
    panels[2].set_yscale("log")
    panels[2].set_ylabel("loss shift over the linear one")
    for axes in panels:
        axes.set_xlabel(axis_label(states.learning_rate))
        axes.set_xlim(0, None)
    drawing.legend(handles=_handles(states, colours), loc="outside lower center", ncols=5)
    letter_panels(panels)
    return drawing


def _branch(axes: Axes, part: xr.Dataset, values: np.ndarray, colour: str) -> None:
    """The branch of stationary states, dotted from its first unstable state on."""
    exists = np.isfinite(part.curve_rate.values)
    rate, height, stable = (
        part.curve_rate.values[exists],
        values[exists],
        part.curve_leading.values[exists] < 1e-6,
    )
    last = int(np.argmin(stable)) if not stable.all() else len(stable)
    theory_line(axes, rate[:last], height[:last], color=colour)
    theory_line(axes, rate[last - 1 :], height[last - 1 :], color=colour, linestyle=(0, (1, 1.2)))


def _handles(states: xr.Dataset, colours: list[str]) -> list[Line2D]:
    sizes = [
        Line2D([], [], color=colour, label=f"$K=M={int(size)}$, fold at {fold:.3f}")
        for size, fold, colour in zip(states.students.values, states.fold.values, colours, strict=True)
    ]
    ink = PALETTE["ink"]
    return [
        *sizes,
        Line2D([], [], color=ink, linestyle="--", label=r"linear in $\eta$"),
        Line2D(
            [], [], color=ink, marker="o", linestyle="", label=f"$d={_power(int(states.attrs['dimension']))}$"
        ),
    ]
