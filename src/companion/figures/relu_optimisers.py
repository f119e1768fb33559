"""Figures of optimisers and simplifying assumptions for two-layer ReLU networks."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, simulation_points
from companion.figures.style import GREY, PALETTE, axis_label, figure

_OPTIMISERS = {
    "gradient_descent": ("gradient descent", PALETTE["blue"], "o"),
    "two_layer": ("both layers", PALETTE["vermilion"], "s"),
    "normalised": ("unit rows", PALETTE["green"], "^"),
    "orthonormalised": ("orthonormal rows", PALETTE["orange"], "D"),
}
_ASSUMPTIONS = {
    "free": (PALETTE["blue"], "o"),
    "unit rows": (PALETTE["green"], "^"),
    "orthonormal rows": (PALETTE["orange"], "D"),
    "leaky ReLU": (PALETTE["plum"], "v"),
    "erf": (PALETTE["sky"], "P"),
}


@described(
    title="Four optimisers, three widths",
    caption="Top: share of random starts that reach a global minimum within a number of steps, at $M$ and $K$ as given "
    "(gradient norm below the first tolerance, loss below a tenth of the lowest family's). Dashed: the stated step "
    "budget. Bottom: share within that budget (hollow), and at the tightest tolerance with no budget but the "
    "largest number of steps (filled), 95 % Wilson intervals; grey bars: share of runs that did not converge then. "
    "With $K>M$ unit rows cannot reach zero loss, whatever the training: $L\\geq(K-M)^2/4\\pi$, so that their "
    "success is zero by construction.",
    equation=r"L\geq\frac{1}{2}\left(\mathbb{E}f_W-\mathbb{E}f_V\right)^2=\frac{(K-M)^2}{4\pi}"
    r"\qquad\mathrm{for}\ |w_k|=1",
    claims=["p1_c7_optimisers"],
)
def optimisers(table: xr.Dataset) -> Figure:
    """Success against steps (top) and within or without the budget (bottom), one column per width."""
    sizes = table.students.values
    drawing, grid = figure("text", height=3.6, nrows=2, ncols=len(sizes), sharey="row", squeeze=False)
    for column, size in enumerate(sizes):
        cell = table.sel(students=size)
        _draw_success(grid[0, column], cell)
        _draw_shares(grid[1, column], cell)
        grid[0, column].set_title(f"$K={size},\\ M={table.attrs['teachers']}$")
        if float(cell.loss_floor.max()) > 0:
            grid[1, column].text(
                2.5,
                0.8,
                f"$L\\geq{float(cell.loss_floor.max()):.2g}$:\n0 by construction",
                ha="center",
                fontsize=6,
                color=GREY,
            )
    grid[0, 0].set_ylabel(axis_label(table.success_by))
    grid[1, 0].set_ylabel(axis_label(table.share))
    grid[0, 0].set_ylim(-0.03, 1.03)
    grid[1, 0].set_ylim(-0.03, 1.06)
    handles = [
        Line2D([], [], color=colour, marker=marker, label=label)
        for label, colour, marker in _OPTIMISERS.values()
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=4)
    return drawing


def _draw_success(axes: Axes, cell: xr.Dataset) -> None:
    for name in map(str, cell.optimiser.values):
        _, colour, _ = _OPTIMISERS[name]
        axes.step(
            cell.steps.values,
            cell.success_by.sel(optimiser=name).values,
            where="post",
            color=colour,
            zorder=3.0,
        )
    guide(axes, x=float(cell.attrs["step_budget"]))
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(cell.steps))


def _draw_shares(axes: Axes, cell: xr.Dataset) -> None:
    names = [str(name) for name in cell.optimiser.values]
    places = np.arange(len(names))
    last = cell.isel(criterion=-1)
    axes.bar(places, last.unconverged.values, width=0.75, color="#DDDDDD", zorder=1.0)
    for criterion, shift, filled in ((0, -0.14, False), (-1, 0.14, True)):
        found = cell.isel(criterion=criterion)
        for place, name in enumerate(names):
            _, colour, marker = _OPTIMISERS[name]
            at = found.sel(optimiser=name)
            simulation_points(
                axes,
                [place + shift],
                [float(at.share)],
                [float(at.lower)],
                [float(at.upper)],
                fmt=marker,
                color=colour,
                markersize=4,
                markerfacecolor=colour if filled else "white",
                markeredgewidth=0.8,
            )
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xticks(places, [_OPTIMISERS[name][0].replace(" ", "\n") for name in names], fontsize=6)


@described(
    title="Simplifying assumptions keep the phenomenon and change its numbers",
    caption="(a) Share of converged runs that end on spurious minima, $K=M=d$, 95 % Wilson intervals: "
    "gradient descent, the same with rows kept at unit norm or orthonormal, with leaky ReLU units or with error "
    "functions. (b) Losses of the spurious minima that they meet; areas of markers grow with their shares. "
    "Dashes: families that are minima for free ReLU students.",
    equation=r"|w_k|=1\quad\mathrm{or}\quad WW^\top=I_K\quad\mathrm{instead\ of\ free}\ W",
)
def assumptions(audit: xr.Dataset) -> Figure:
    """Share of spurious minima (left) and the losses met (right) against K = M."""
    drawing, (left, right) = figure("text", height=2.6, ncols=2)
    sizes = audit.students.values
    ranks = {int(size): rank for rank, size in enumerate(sizes)}
    names = [str(name) for name in audit.assumption.values]
    shifts = np.linspace(-0.28, 0.28, len(names))
    for name, shift in zip(names, shifts, strict=True):
        colour, marker = _ASSUMPTIONS[name]
        member = audit.sel(assumption=name)
        simulation_points(
            left,
            np.arange(len(sizes)) + shift,
            member.share,
            member.lower,
            member.upper,
            fmt=marker,
            color=colour,
            markersize=4,
            label=name,
        )
        here = audit.level_assumption.values == name
        counts = audit.level_runs.values[here].astype(float)
        widths = audit.level_students.values[here]
        totals = np.array([counts[widths == width].sum() for width in widths])
        right.scatter(
            [ranks[int(width)] + shift for width in widths],
            audit.level_loss.values[here],
            s=6 + 40 * counts / np.maximum(totals, 1),
            color=colour,
            marker=marker,
            linewidths=0,
            zorder=3.0,
        )
    for size, loss in zip(audit.line_students.values, audit.line_loss.values, strict=True):
        right.hlines(
            loss,
            ranks[int(size)] - 0.42,
            ranks[int(size)] + 0.42,
            color=GREY,
            linewidth=0.6,
            linestyle=(0, (4, 2)),
        )
    for axes in (left, right):
        axes.set_xticks(np.arange(len(sizes)), [str(size) for size in sizes])
        axes.set_xlim(-0.5, len(sizes) - 0.5)
        axes.set_xlabel(axis_label(audit.students))
    left.set_ylabel(axis_label(audit.share))
    left.set_ylim(-0.01, None)
    right.set_ylabel(axis_label(audit.level_loss))
    right.set_ylim(0, None)
    left.legend(loc="upper left")
    letter_panels((left, right))
    return drawing
