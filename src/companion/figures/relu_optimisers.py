"""Figure of four optimisers of two-layer ReLU networks."""

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from companion.figures.described import described
from companion.figures.marks import guide, simulation_points
from companion.figures.style import GREY, PALETTE, axis_label, figure

_OPTIMISERS = {
    "gradient_descent": ("gradient descent", PALETTE["blue"], "o"),
    "two_layer": ("both layers", PALETTE["vermilion"], "s"),
    "normalised": ("unit rows", PALETTE["green"], "^"),
    "orthonormalised": ("orthonormal rows", PALETTE["orange"], "D"),
}


@described(
    title="Four optimisers, three widths",
    caption="Top: share of random starts that reach a global minimum within a number of steps, at $d=K$: gradient norm "
    "below $10^{-5}$, loss below a tenth of the lowest family's. Dashed: the step budget. Bottom: share within the "
    "budget (hollow) and within the largest number of steps (filled), there with gradient norm below $10^{-9}$ "
    "except that at $K>M$ a run once global is left alone, because it nears its minimum by a power law only; 95 % "
    "Wilson intervals. Grey bars: share of runs that did not converge in the largest number of steps. "
    "Every cell has random starts of its own. With $K>M$ unit rows cannot reach zero loss: "
    "$L\\geq(K-M)^2/4\\pi$, and their success is zero by construction.",
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
    lines: list[Artist] = [
        Line2D([], [], color=colour, label=label) for label, colour, _ in _OPTIMISERS.values()
    ]
    budgets = {"white": table.attrs["step_budget"], GREY: table.attrs["maximum_steps"]}
    marks: list[Artist] = [
        Line2D(
            [],
            [],
            linestyle="",
            color=GREY,
            marker="o",
            markerfacecolor=face,
            label=f"within {_thousands(steps)}",
        )
        for face, steps in budgets.items()
    ]
    marks.append(Patch(facecolor="#DDDDDD", linewidth=0, label="unconverged"))
    drawing.legend(handles=[*lines, *marks], loc="outside lower center", ncols=7)
    return drawing


def _thousands(steps: float) -> str:
    return f"{int(steps):,} steps".replace(",", "\u2009")


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
