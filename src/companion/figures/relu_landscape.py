"""Figures of the landscape of two-layer ReLU networks: stored datasets in, Figure out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, theory_line
from companion.figures.names import names_above
from companion.figures.style import DIVERGING, GREY, PALETTE, axis_label, figure

_COLOURS = {
    "I(1)": PALETTE["blue"],
    "I(2)": PALETTE["vermilion"],
    "I(3)": PALETTE["green"],
    "I(4)": PALETTE["orange"],
    "II(6)": PALETTE["plum"],
    "II(7)": PALETTE["sky"],
    "II(K)": PALETTE["ink"],
    "S(1)": PALETTE["blue"],
    "S(2)": PALETTE["vermilion"],
    "X(3)": PALETTE["green"],
    "X(4)": PALETTE["orange"],
    "X(5)": PALETTE["plum"],
}
_SHAPES = {
    **{"I(1)": "o", "I(2)": "s", "I(3)": "^", "I(4)": "v", "II(6)": "D", "II(7)": "P", "II(K)": "h"},
    **{"S(1)": "o", "S(2)": "s", "X(3)": "^", "X(4)": "v", "X(5)": "D"},
}
_BINS = 90


@described(
    title="Gradient descent ends on discrete losses",
    caption="Losses at the end of gradient descent from random starts, $K=M$ (and $d=M$ where no other is given). "
    "Dashed: losses of the families, from Newton's method. Grey bar: runs that found the teacher ($L=0$), with their "
    "share of all runs and its 95 % Wilson interval; blue: runs on a listed family; vermilion, where there are any: "
    "runs on none. Runs that have not converged are in no bar; where there are any the title counts them.",
    equation=r"L=\frac{1}{2}\,\mathbb{E}_x\left[\left(f_W(x)-f_V(x)\right)^2\right]",
    claims=["p1_c1_discrete_minima"],
)
def loss_histogram(histogram: xr.Dataset) -> Figure:
    """Endpoint losses of gradient descent, one panel per size and dimension, families as dashed lines."""
    number = histogram.sizes["panel"]
    columns = number if number <= 2 else 2 if number == 4 else 3
    rows = -(-number // columns)
    drawing, grid = figure(
        "text", height=0.3 + 1.8 * rows, nrows=rows, ncols=columns, sharey=True, squeeze=False
    )
    longest = 1.04 * float(histogram.line_loss.max())
    for panel, axes in zip(range(number), grid.flat, strict=False):
        _draw_endpoints(axes, histogram.isel(run=histogram.run_panel.values == panel), longest)
        _draw_family_lines(axes, histogram.isel(line=histogram.line_panel.values == panel))
        axes.set_xlabel(axis_label(histogram.loss))
        axes.set_title(_panel_title(histogram.isel(panel=panel)), pad=26, fontsize=8 if columns < 3 else 7)
    for axes in grid.flat[number:]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("runs")
    return drawing


def _panel_title(panel: xr.Dataset) -> str:
    size, dimension, unconverged = int(panel.students), int(panel.dimension), int(panel.unconverged)
    setting = f"$K={size}$" if dimension == size else f"$K={size}$, $d={dimension}$"
    share, lower, upper = (100 * float(panel[name]) for name in ("share_global", "lower", "upper"))
    rest = f"; {unconverged} unconverged" if unconverged else ""
    return f"{setting}: {share:.1f} % global ({lower:.1f} to {upper:.1f}){rest}"


def _draw_endpoints(axes: Axes, runs: xr.Dataset, longest: float) -> None:
    """Bars of the converged runs: those that found the teacher, known families, and the rest."""
    ended = runs.loss.values[runs.converged.values]
    label = runs.family.values[runs.converged.values]
    parts = (
        (label == "global", GREY),
        ((label != "global") & (label != "unmatched"), PALETTE["blue"]),
        (label == "unmatched", PALETTE["vermilion"]),
    )
    width = longest / _BINS
    for chosen, colour in parts:
        losses = ended[chosen]
        for place in np.unique(losses // width):
            here = losses[losses // width == place]
            axes.bar(
                here.mean(), here.size, width, color=colour, zorder=2.0
            )  # on its losses, not in the bin's middle
    axes.set_yscale("log")
    axes.set_ylim(0.7, None)
    axes.set_xlim(-width, longest)


def _draw_family_lines(axes: Axes, lines: xr.Dataset) -> None:
    """A dashed line at each family's loss, and all names above."""
    for loss in lines.line_loss.values:
        guide(axes, x=float(loss))
    names_above(axes, lines.line_loss.values, lines.line_family.values.tolist())


@described(
    title="Overlap matrices of the families",
    caption="Overlaps $R=WV^\\top$ with the teacher (top) and $Q=WW^\\top$ among students (bottom) at "
    "representatives of the families at $K=M$, and of S and X at $K=M+1$. Rows and columns are permuted to block "
    "form; aligned units come first.",
    equation=r"A(Q,R)\,R=B(Q,R)\,T",
)
def overlap_matrices(overlaps: xr.Dataset) -> Figure:
    """Heat maps of R = W Vᵀ (top) and Q = W Wᵀ (bottom), one column per family."""
    names = [str(name) for name in overlaps.family.values]
    drawing, grid = figure("text", 2.5, "columns", nrows=2, ncols=len(names), squeeze=False)
    norm = TwoSlopeNorm(0.0, vmin=-1.1, vmax=1.1)
    image = None
    for column, name in enumerate(names):
        member = overlaps.isel(family=column)
        students, teachers = int(member.students), int(member.teachers)
        teacher_overlap = member.teacher_overlap.values[:students, :teachers]
        student_overlap = member.student_overlap.values[:students, :students]
        for row, values in enumerate((teacher_overlap, student_overlap)):
            axes = grid[row, column]
            image = axes.imshow(values, cmap=DIVERGING, norm=norm, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(True)
            aligned = int(member.aligned)
            if aligned < students:
                axes.axhline(aligned - 0.5, color=PALETTE["ink"], linewidth=0.4)
                axes.axvline(aligned - 0.5, color=PALETTE["ink"], linewidth=0.4)
            axes.set_xlabel("teacher $m$" if row == 0 else "student $l$", fontsize=7)
        size = f"$K={students}$" if students == teachers else f"$K={students}$, $M={teachers}$"
        state = "" if bool(member.is_minimum) else " (saddle)"
        grid[0, column].set_title(f"{name}{state}\n{size}\n$L={float(member.loss):.4f}$", fontsize=7)
    for row, variable in enumerate((overlaps.teacher_overlap, overlaps.student_overlap)):
        grid[row, 0].set_ylabel(f"{axis_label(variable)}\nstudent $k$")
    assert image is not None
    drawing.colorbar(image, ax=grid, shrink=0.8, aspect=30, pad=0.01, ticks=[-1, 0, 1])
    return drawing


@described(
    title="Loss of the families against width",
    caption="(a) Loss against $K=M$, whole and real. Solid lines are minima, dotted ones saddles, by the symmetry "
    "types of the Hessian at real $K$; filled (minima) and hollow (saddles) markers by the full Hessian at whole $K$. "
    "(b) Loss per flipped unit of family I, times $K$. Dashed: the limits.",
    equation=r"K\,L_{I(p)}/p\to\frac{1}{2}-\frac{2}{\pi^2},\qquad L_{II(K)}\to\frac{1}{2}-\frac{1}{\pi}",
)
def loss_against_width(widths: xr.Dataset) -> Figure:
    """Losses of the families against K (left), and K L / p of family I with its limit (right)."""
    drawing, (left, right) = figure("text", height=2.4, ncols=2)
    for name in map(str, widths.family.values):
        member = widths.sel(family=name)
        _bifurcation(left, member, member.loss, _COLOURS[name])
        for stable, face in ((1, _COLOURS[name]), (0, "white")):
            chosen = member.stable.values == stable
            _mark(left, member.students.values[chosen], member.whole_loss.values[chosen], name, face)
        if name.startswith("I("):
            _bifurcation(right, member, member.scaled_loss, _COLOURS[name])
    left.set_yscale("log")
    left.set_ylabel(axis_label(widths.loss))
    right.set_ylabel(axis_label(widths.scaled_loss))
    guide(left, y=widths.attrs["limit_loss_II"], text=r"$\frac{1}{2}-\frac{1}{\pi}$")
    guide(right, y=widths.attrs["limit_scaled_loss_I"], text=r"$\frac{1}{2}-\frac{2}{\pi^2}$")
    for axes in (left, right):
        _width_axis(axes, axis_label(widths.students))
    left.legend(handles=_handles(widths.family), loc="lower left", ncols=2)
    letter_panels((left, right))
    return drawing


def _bifurcation(axes: Axes, member: xr.Dataset, values: xr.DataArray, colour: str) -> None:
    """A branch at real widths, solid where it is a minimum and dotted where it is a saddle."""
    width, height, stable = member.width.values, values.values, member.least.values > 0
    changed = stable[1:] != stable[:-1]
    for chosen, dashes in ((stable, "-"), (~stable, (0, (1, 1.2)))):
        # Both sides of a change belong to the line that ends there, so that no gap is left.
        reached = chosen.copy()
        reached[1:] |= changed & chosen[:-1]
        theory_line(axes, width, np.where(reached, height, np.nan), color=colour, linestyle=dashes)


def _width_axis(axes: Axes, label: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(label)
    axes.xaxis.set_minor_formatter(NullFormatter())


def _handles(families: xr.DataArray) -> list[Line2D]:
    """Each family's line and marker, for a legend."""
    names = [str(name) for name in families.values]
    return [Line2D([], [], color=_COLOURS[name], marker=_SHAPES[name], label=name) for name in names]


def _mark(axes: Axes, x: np.ndarray, y: np.ndarray, name: str, face: str) -> None:
    axes.plot(
        x,
        y,
        linestyle="",
        marker=_SHAPES[name],
        markerfacecolor=face,
        markeredgecolor=_COLOURS[name],
        markeredgewidth=0.7,
        zorder=3.0,
    )


@described(
    title="Stability windows of the families",
    caption="Smallest eigenvalue of the Hessian (a) inside the span of the teacher and (b) across it, against $K=M$, "
    "and (c) inside it for the families of $K=M+1$. Lines: symmetry types at real $K$; markers: full Hessian of the "
    "weights at whole $K$, filled for minima, hollow for saddles. Crosses: the real widths at which stability changes.",
    equation=r"\mathrm{spec}\,\nabla^2L=\mathrm{spec}\,H_\parallel\ \cup\ \left(\mathrm{spec}\,A\right)^{d-M}",
    claims=["p1_c2_stability_windows"],
)
def stability(spectrum: xr.Dataset) -> Figure:
    """Smallest eigenvalues in the span (left) and across it (middle) at K = M; in the span at K = M + 1."""
    drawing, (left, middle, right) = figure("text", height=2.4, ncols=3)
    equal, wider = (spectrum.isel(family=spectrum.surplus.values == extra) for extra in (0, 1))
    for axes, part, name in (
        (left, equal, "hessian_min"),
        (middle, equal, "transverse_min"),
        (right, wider, "hessian_min"),
    ):
        for family in map(str, part.family.values):
            _eigenvalue(axes, part.sel(family=family), name)
        _width_axis(axes, "width $K=M+1$" if part is wider else "width $K=M$")
        axes.set_ylabel(axis_label(part[name]))
        if name == "hessian_min":
            guide(axes, y=0.0)
            for family in map(str, part.family.values):
                crossings = part.crossing.sel(family=family).values
                axes.plot(crossings, 0 * crossings, "x", color=_COLOURS[family], markersize=4, zorder=4.0)
    drawing.legend(handles=_handles(equal.family), loc="outside upper left", ncols=equal.sizes["family"])
    right.legend(handles=_handles(wider.family), loc="lower right")
    letter_panels((left, middle, right))
    return drawing


def _eigenvalue(axes: Axes, member: xr.Dataset, name: str) -> None:
    """One family's smallest eigenvalue: a line at real widths, markers of the full Hessian at whole ones."""
    family, whole, values = str(member.family.item()), member.students.values, member[name].values
    theory_line(axes, member.width, member[f"branch_{name}"], color=_COLOURS[family])
    minimum = (member.hessian_min.values > 0) & (member.transverse_min.values > 0)
    for chosen, face in ((minimum, _COLOURS[family]), (~minimum & np.isfinite(values), "white")):
        _mark(axes, whole[chosen], values[chosen], family, face)
