"""Figures on width in two-layer ReLU networks: stored datasets in, Figure out."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import NullFormatter

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, simulation_points
from companion.figures.names import names_above
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

_PLAIN: dict[str, Any] = {"linewidth": 0}
#: Groups of outcomes, bottom to top: the families of K = M dark to light, then the others.
_GROUPS: dict[str, dict[str, Any]] = {
    "I(1)": {"facecolor": "#123A68"},
    "I(2)": {"facecolor": PALETTE["blue"]},
    "I(3)": {"facecolor": PALETTE["sky"]},
    "I(4) and on": {"facecolor": "#C6DFF3"},
    "II": {"facecolor": PALETTE["plum"]},
    "S": {"facecolor": PALETTE["green"]},
    "X": {"facecolor": PALETTE["orange"]},
    "other family": {"facecolor": GREY},
    "no family": {"facecolor": PALETTE["vermilion"], "hatch": "xxxx", "edgecolor": "white"},
    "unconverged": {"facecolor": "white", "hatch": "////", "edgecolor": GREY, "linewidth": 0.5},
}


@described(
    title="Where descent ends, by width",
    caption="Share of all runs that end in a spurious minimum at each $K-M$, stacked by family, $d=M$; whiskers: 95 % "
    "Wilson intervals of the total. Vermilion, where there are any: endpoints of no listed family; hatched in grey: "
    "runs not converged, which the whiskers leave out.",
    equation=r"\hat p=\frac{n_\mathrm{spurious}}{n},\qquad "
    r"\frac{1}{1+z^2/n}\left(\hat p+\frac{z^2}{2n}\pm z\sqrt{\frac{\hat p(1-\hat p)}{n}+\frac{z^2}{4n^2}}\right),"
    r"\quad z=1.96",
    claims=["p1_c3_width_reaches_global"],
)
def endpoint_frequencies(frequencies: xr.Dataset) -> Figure:
    """Stacked bars of the spurious share against M, one panel for each K - M."""
    surplus = (frequencies.students - frequencies.teachers).values
    values = np.unique(surplus)
    columns = min(len(values), 3)
    rows = -(-len(values) // columns)
    drawing, grid = figure(
        "text", height=0.4 + 1.9 * rows, nrows=rows, ncols=columns, sharey=True, squeeze=False
    )
    drawn: set[str] = set()
    for extra, axes in zip(values, grid.flat, strict=False):
        drawn |= _stack(axes, frequencies.isel(cell=surplus == extra))
        axes.set_title(f"$K=M+{extra}$" if extra else "$K=M$")
        axes.set_xlabel(axis_label(frequencies.teachers))
    for axes in grid.flat[len(values) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("spurious runs (%)")
    handles = [Patch(label=name, **_PLAIN | look) for name, look in _GROUPS.items() if name in drawn]
    drawing.legend(handles=handles, loc="outside lower center", ncols=8)
    return drawing


def _group(outcome: str) -> str | None:
    if outcome == "global":
        return None
    if outcome in ("unmatched", "unconverged"):
        return {"unmatched": "no family"}.get(outcome, outcome)
    kind = outcome.partition("(")[0]
    if kind == "I":
        return outcome if outcome in _GROUPS else "I(4) and on"
    return kind if kind in _GROUPS else "other family"


def _stack(axes: Axes, part: xr.Dataset) -> set[str]:
    """Bars of one panel; the names of the groups that occur."""
    places, bottom, drawn = np.arange(part.sizes["cell"]), np.zeros(part.sizes["cell"]), set()
    for name, look in _GROUPS.items():
        members = [str(outcome) for outcome in part.outcome.values if _group(str(outcome)) == name]
        share = 100 * part.share.sel(outcome=members).sum("outcome").values
        if share.any():
            axes.bar(places, share, bottom=bottom, width=0.8, **_PLAIN | look)
            drawn.add(name)
            bottom += share
    total, lower, upper = (
        100 * part[name].values for name in ("spurious_share", "spurious_share_lower", "spurious_share_upper")
    )
    _, _, whiskers = simulation_points(axes, places, total, lower, upper, color=PALETTE["ink"], markersize=0)
    for bar in whiskers:  # a white edge, so that they stand out on every colour
        bar.set_path_effects([Stroke(linewidth=2.2, foreground="white"), Normal()])
    axes.set_xticks(places, [str(size) for size in part.teachers.values])
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.set_ylim(0, 100)
    return drawn


_KINDS = {
    "I": ("o", "blue"),
    "II": ("s", "plum"),
    "S": ("^", "green"),
    "X": ("D", "vermilion"),
    "T": ("v", "orange"),
}
_MEANINGS = {
    "I": "I(p): p flipped units",
    "II": "II(q): flipped block; its child II(q-1+1)",
    "S": "S(p): shared flip",
    "X": "X(p): average and flipped",
    "T": "T(q): shared block",
}


@described(
    title="Families at the published sizes",
    caption="Families by loss, one column for each $K$: smallest eigenvalue of the Hessian inside the span of the "
    "teacher (top) and across it (middle), filled for minima, which are named above, hollow for saddles, which have a "
    "negative one. Bottom: share of random starts that end there, with 95 % Wilson intervals, where any do. At $K=M$ "
    "I($p$) has $p$ flipped units and II($q$) a block of $q$, which one unit has left in its child II($q-1+1$). At "
    "$K=M+1$: in S($p$) the extra student takes a part of the flipped role, in X($p$) it averages the flipped units' "
    "teachers, and T($q$) is S beside a flipped block. The file of numbers is the table.",
    equation=r"\mathrm{spec}\,\nabla^2L=\mathrm{spec}\,H_\parallel\ \cup\ \left(\mathrm{spec}\,A\right)^{d-M},\qquad "
    r"\mathrm{minimum}:\ \min\mathrm{spec}\,H_\parallel>0,\ \min\mathrm{spec}\,A>0",
    claims=["p1_c4_width_changes_stability"],
)
def family_table(table: xr.Dataset) -> Figure:
    """Smallest eigenvalues and basins against loss, one marker for each family, one column for each K."""
    pairs = zip(table.students.values.tolist(), table.teachers.values.tolist(), strict=True)
    sizes = list(dict.fromkeys(pairs))
    drawing, grid = figure(
        "text", 4.4, "columns", nrows=3, ncols=len(sizes), sharex=True, sharey="row", squeeze=False
    )
    variables: tuple[xr.DataArray, ...] = (table.hessian_min, table.transverse_min, table.basin_share)
    margin = 0.04 * float(np.ptp(table.loss.values))
    for (students, teachers), column in zip(sizes, grid.T, strict=True):
        part = table.isel(row=((table.students == students) & (table.teachers == teachers)).values)
        column[0].set_xlim(float(table.loss.min()) - margin, float(table.loss.max()) + margin)
        for axes, variable in zip(column, variables, strict=True):
            _members(axes, part, str(variable.name))
        minima = part.isel(row=part.is_minimum.values)
        names = minima.name.values.tolist()
        colours = [PALETTE[_KINDS[_kind(name)][1]] for name in names]
        names_above(column[0], minima.loss.values, names, colours=colours)
        column[0].set_title(f"$K={students}$, $M={teachers}$", pad=26)
        column[2].set_xlabel(axis_label(table.loss))
    for axes, variable in zip(grid[:, 0], variables, strict=True):
        axes.set_ylabel("runs (%)" if variable is variables[2] else axis_label(variable))
    for axes in grid[:2].flat:
        guide(axes, y=0.0)
    grid[2, 0].set_ylim(0, None)
    present = {_kind(str(name)) for name in table.name.values}
    handles = [
        Line2D([], [], color=PALETTE[colour], marker=marker, linestyle="", label=_MEANINGS[kind])
        for kind, (marker, colour) in _KINDS.items()
        if kind in present
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=5)
    return drawing


def _kind(name: str) -> str:
    return name.partition("(")[0]


def _members(axes: Axes, part: xr.Dataset, variable: str) -> None:
    """A marker for each family, on a thin line down from its name where it is a minimum."""
    for row in range(part.sizes["row"]):
        member = part.isel(row=row)
        minimum, loss = bool(member.is_minimum), float(member.loss)
        marker, colour = _KINDS[_kind(str(member.name.item()))]
        look: dict[str, Any] = {"color": PALETTE[colour], "markersize": 3.2}
        if minimum:
            axes.axvline(loss, color=PALETTE[colour], linewidth=0.3, alpha=0.5, zorder=0.9)
        if variable != "basin_share":
            face = PALETTE[colour] if minimum else "white"
            axes.plot(
                loss, float(member[variable]), marker, markerfacecolor=face, markeredgewidth=0.7, **look
            )
        elif int(member.basin_runs):
            ends = [f"{variable}_lower", f"{variable}_upper"]
            share, lower, upper = ([100 * float(member[name])] for name in (variable, *ends))
            simulation_points(axes, [loss], share, lower, upper, fmt=marker, **look)


@described(
    title="The start hardly matters",
    caption="Share of spurious endpoints among converged runs at $K=M$ against (a) the input dimension $d$, rows of "
    "unit mean square norm, and (b) the scale $\\sigma$ of the initial weights, $d=M$; 95 % Wilson intervals. "
    "Markers of different sizes are moved apart for sight.",
    equation=r"\hat p=\frac{n_\mathrm{spurious}}{n_\mathrm{converged}},\qquad "
    r"W_{0,ki}\sim\mathcal{N}\left(0,\frac{\sigma^2}{d}\right)",
)
def start_dependence(dependence: xr.Dataset) -> Figure:
    """Spurious share against dimension (left) and initial scale (right), one colour for each size."""
    drawing, panels = figure("text", height=2.2, ncols=2, sharey=True)
    sizes = np.unique(dependence.students)
    for axes, name in zip(panels, ("dimension", "scale"), strict=True):
        for place, (size, colour) in enumerate(zip(sizes, shades(len(sizes)), strict=True)):
            chosen = (dependence.varied.values == name) & (dependence.students.values == size)
            part = dependence.isel(setting=chosen)
            centre, lower, upper = (
                100 * part[column].values for column in ("fraction_spurious", "lower", "upper")
            )
            beside = part[name].values * 1.06 ** (place - (len(sizes) - 1) / 2)  # so that bars stay apart
            simulation_points(axes, beside, centre, lower, upper, color=colour, label=f"$K=M={int(size)}$")
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(axis_label(dependence[name]))
    panels[0].set_ylim(0, 110 * float(dependence.upper.max()))
    panels[0].set_ylabel("spurious runs (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=8)
    letter_panels(panels)
    return drawing


@described(
    title="When to stop decides what is counted",
    caption="Endpoints of the same starts in percent of all runs, by width (rows), stopped at a gradient norm of "
    "$10^{-5}$ (top) and converged (bottom). Left: by the number $k_1$ of anti-aligned students, 0 being the global "
    "minimum. Right: by family, with the smallest eigenvalue of its Hessian, vermilion for saddles. Unmatched "
    "endpoints and runs not converged have columns of their own.",
    equation=r"k_1=\#\{k:R_{km_k}<0\},\qquad |R_{km_k}|=\max_m|R_{km}|,\qquad R=WV^\top",
)
def stopping(comparison: xr.Dataset) -> Figure:
    """Two pairs of heat maps of endpoint shares with the numbers written in, one for each stopping rule."""
    names = [str(outcome) for outcome in comparison.outcome.values]
    by_count = comparison.anti_aligned_share.where(comparison.anti_aligned > 0, 0.0)
    by_count = by_count + comparison.share.sel(outcome="global", drop=True) * (comparison.anti_aligned == 0)
    met = [int(count) for count in by_count.anti_aligned.values if by_count.sel(anti_aligned=count).any()]
    drawing, grid = figure(
        "text",
        2.9,
        "columns",
        nrows=2,
        ncols=2,
        sharex="col",
        sharey=True,
        width_ratios=[len(met), len(names)],
    )
    teachers = int(comparison.teachers.values.flat[0])
    for (left, right), rule in zip(grid, comparison.stopping.values, strict=True):
        _shares(left, by_count.sel(stopping=rule, anti_aligned=met).transpose("cell", "anti_aligned").values)
        _shares(right, comparison.share.sel(stopping=rule).transpose("cell", "outcome").values)
        title = r"stopped at $\|\nabla L\|<10^{-5}$" if rule == "1e-5" else "converged"
        left.set_title(f"{title}, $M={teachers}$ (%)", loc="left")
        students = comparison.students.values.reshape(-1, by_count.sizes["cell"])[0]
        left.set_yticks(range(len(students)), [f"$K={int(size)}$" for size in students])
    grid[1, 0].set_xticks(range(len(met)), [str(count) for count in met])
    grid[1, 0].set_xlabel("anti-aligned students $k_1$")
    least = comparison.smallest_eigenvalue.values
    labels = [
        name if np.isnan(value) else f"{name}  ${value:+.5f}$"
        for name, value in zip(names, least, strict=True)
    ]
    grid[1, 1].set_xticks(range(len(names)), labels, rotation=90, fontsize=6)
    for label, value in zip(grid[1, 1].get_xticklabels(), least, strict=True):
        label.set_color(PALETTE["vermilion"] if value < 0 else PALETTE["ink"])
    return drawing


def _shares(axes: Axes, shares: np.ndarray) -> None:
    axes.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(100 * shares):
        if value:
            colour = "white" if value > 60 else PALETTE["ink"]
            text = f"{value:.0f}" if value >= 0.95 else f"{value:.1f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=6, color=colour)
