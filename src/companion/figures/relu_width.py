"""Figures on width in two-layer ReLU networks: stored datasets in, Figure out."""

import json

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from companion.analysis.statistics import wilson_interval
from companion.figures.described import described
from companion.figures.marks import letter_panels, simulation_points
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades


@described(
    title="Where descent ends, by width",
    caption="Share of random starts that end in a spurious minimum at $K=M$, $M+1$, $M+2$, stacked by family (families "
    "above three flipped units together), with 95 % Wilson intervals of the total. Hatched: runs not converged.",
    claims=["p1_c3_width_reaches_global"],
)
def endpoint_frequencies(frequencies: xr.Dataset) -> Figure:
    """Stacked bars of the spurious share against M, one panel for each K - M."""
    surplus = (frequencies.students - frequencies.teachers).values
    panels = np.unique(surplus)
    drawing, grid = figure("text", height=2.3, ncols=len(panels), sharey=True, squeeze=False)
    for extra, axes in zip(panels, grid.flat, strict=True):
        part = frequencies.isel(cell=surplus == extra)
        _stack(axes, part, int(frequencies.attrs["initialisations"]))
        axes.set_title(f"$K=M+{extra}$" if extra else "$K=M$")
        axes.set_xlabel(axis_label(frequencies.teachers))
    grid[0, 0].set_ylabel("spurious runs (%)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    for axes in grid.flat[1:]:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    grid[0, -1].legend(handles, labels, loc="upper left", ncols=2)
    return drawing


_GROUPS = {
    "I(1)": PALETTE["blue"],
    "I(2)": PALETTE["vermilion"],
    "I(3)": PALETTE["green"],
    "I, p > 3": PALETTE["orange"],
    "II": PALETTE["plum"],
    "S": PALETTE["sky"],
    "X": PALETTE["ink"],
    "no family": "white",
}


def _group(outcome: str) -> str | None:
    if outcome in ("global", "unconverged"):
        return None
    if outcome == "unmatched":
        return "no family"
    kind = outcome.partition("(")[0]
    if kind == "I":
        return outcome if outcome in _GROUPS else "I, p > 3"
    return kind if kind in _GROUPS else "X"


def _stack(axes: Axes, part: xr.Dataset, runs: int) -> None:
    places = np.arange(part.sizes["cell"])
    bottom = np.zeros(len(places))
    for name, colour in _GROUPS.items():
        members = [str(outcome) for outcome in part.outcome.values if _group(str(outcome)) == name]
        share = 100 * part.runs.sel(outcome=members).sum("outcome").values / runs
        if share.any():
            axes.bar(places, share, bottom=bottom, color=colour, edgecolor="white", width=0.8, label=name)
            bottom += share
    unconverged = 100 * part.runs.sel(outcome="unconverged").values / runs
    if unconverged.any():
        axes.bar(
            places,
            unconverged,
            bottom=bottom,
            color="white",
            edgecolor=GREY,
            hatch="////",
            width=0.8,
            label="unconverged",
        )
    bounds = [
        wilson_interval(int(spurious), int(converged))
        for spurious, converged in zip(part.spurious.values, part.converged.values, strict=True)
    ]
    lower, upper = 100 * np.array(bounds).T
    centre = 100 * part.spurious.values / part.converged.values
    simulation_points(axes, places, centre, lower, upper, color=GREY, markersize=0)
    axes.set_xticks(places, [str(size) for size in part.teachers.values])
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_ylim(0, 100)


@described(
    title="Families at the published sizes",
    caption="Families at the sizes given, by loss: smallest eigenvalue of the Hessian inside the span of the teacher "
    "($H_\\parallel$) and across it ($A$). A saddle has a negative one. The file of numbers is the table.",
    claims=["p1_c4_width_changes_stability"],
)
def family_table(table: xr.Dataset) -> Figure:
    """The smallest eigenvalues against loss, one marker for each family; K = M and K = M + 1."""
    drawing, panels = figure("text", height=2.5, ncols=2)
    kinds = {"I": ("o", "blue"), "II": ("s", "plum"), "S": ("^", "green"), "X": ("D", "vermilion")}
    for axes, variable in zip(panels, (table.hessian_min, table.transverse_min), strict=True):
        for row, value in enumerate(variable.values):
            name = str(table.name.values[row])
            marker, colour = kinds.get(name.partition("(")[0], ("v", "orange"))
            face = PALETTE[colour] if bool(table.is_minimum.values[row]) else "white"
            loss = float(table.loss.values[row])
            axes.plot(loss, value, marker, color=PALETTE[colour], markerfacecolor=face, markeredgewidth=0.7)
            beside = name.startswith("II")  # these crowd: their names stand at their right
            axes.annotate(
                name,
                (loss, value),
                (4, -2) if beside else (0, 4),
                textcoords="offset points",
                fontsize=5,
                ha="left" if beside else "center",
            )
        axes.axhline(0, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1.0)
        axes.set_xlabel(axis_label(table.loss))
        axes.set_ylabel(axis_label(variable))
    letter_panels(panels)
    return drawing


@described(
    title="The start hardly matters",
    caption="Share of spurious endpoints at one size $K=M$ against (a) the input dimension $d$, rows of unit mean "
    "square norm, and (b) the scale $\\sigma$ of the initial weights, $d=M$; 95 % Wilson intervals.",
)
def start_dependence(dependence: xr.Dataset) -> Figure:
    """Spurious share against dimension (left) and initial scale (right)."""
    drawing, panels = figure("text", height=2.2, ncols=2, sharey=True)
    first = int(json.loads(dependence.attrs["axes"])["dimension"])
    parts = (
        (dependence.isel(setting=slice(0, first)), "dimension"),
        (dependence.isel(setting=slice(first, None)), "scale"),
    )
    colour, highest = shades(1)[0], 0.0
    for axes, (part, name) in zip(panels, parts, strict=True):
        bounds = [
            wilson_interval(int(spurious), int(converged))
            for spurious, converged in zip(part.spurious.values, part.converged.values, strict=True)
        ]
        lower, upper = 100 * np.array(bounds).T
        centre = 100 * part.spurious.values / part.converged.values
        simulation_points(axes, part[name].values, centre, lower, upper, color=colour)
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(axis_label(part[name]))
        highest = max(highest, float(upper.max()))
    panels[0].set_ylim(0, 1.1 * highest)
    panels[0].set_ylabel(f"spurious runs (%), $K={int(dependence.attrs['students'])}$")
    letter_panels(panels)
    return drawing


@described(
    title="When to stop decides what is counted",
    caption="Endpoints of the same starts in percent, by family (columns) and width (rows): stopped at a gradient "
    "norm of $10^{-5}$ (top) and converged (bottom). Runs not converged are a column of their own.",
)
def stopping(comparison: xr.Dataset) -> Figure:
    """Two heat maps of endpoint shares with the numbers written in, one for each stopping rule."""
    names = [str(outcome) for outcome in comparison.outcome.values]
    runs = int(comparison.attrs["initialisations"])
    drawing, panels = figure("text", height=2.6, nrows=2, sharex=True)
    for axes, rule in zip(panels, comparison.stopping.values, strict=True):
        part = comparison.sel(stopping=rule)
        share = 100 * part.runs.values / runs
        axes.imshow(share, cmap="Blues", vmin=0, vmax=100, aspect="auto")
        for (row, column), value in np.ndenumerate(share):
            if value:
                colour = "white" if value > 60 else PALETTE["ink"]
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=6, color=colour)
        axes.set_yticks(range(len(share)), [f"$K={int(students)}$" for students in part.students.values])
        title = r"stopped at $\|\nabla L\|<10^{-5}$" if rule == "1e-5" else "converged"
        axes.set_title(f"{title}, $M={int(part.teachers.values[0])}$ (%)", loc="left")
    panels[-1].set_xticks(range(len(names)), names, rotation=90)
    return drawing
