"""Figures of the landscape of two-layer ReLU networks: stored datasets in, Figure out."""

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, theory_line
from companion.figures.style import DIVERGING, GREY, PALETTE, axis_label, figure

_COLOURS = {
    "I(1)": PALETTE["blue"],
    "I(2)": PALETTE["vermilion"],
    "I(3)": PALETTE["green"],
    "I(4)": PALETTE["orange"],
    "II(6)": PALETTE["plum"],
    "II(7)": PALETTE["sky"],
    "II(K)": PALETTE["ink"],
}
_SHAPES = {"I(1)": "o", "I(2)": "s", "I(3)": "^", "I(4)": "v", "II(6)": "D", "II(7)": "P", "II(K)": "h"}
_BINS = 90


@described(
    title="Gradient descent ends on discrete losses",
    caption="Losses at the end of gradient descent from random starts, $K=M=d$. Dashed: losses of the families, from "
    "Newton's method. Grey bar: runs that found the teacher ($L=0$, share given); blue: runs on a listed family; "
    "vermilion, where there are any: runs on none.",
    equation=r"L=\frac{1}{2}\,\mathbb{E}_x\left[\left(f_W(x)-f_V(x)\right)^2\right]",
    claims=["p1_c1_discrete_minima"],
)
def loss_histogram(histogram: xr.Dataset) -> Figure:
    """Endpoint losses of gradient descent, one panel per size, families as dashed lines."""
    sizes = np.unique(histogram.run_students)
    columns = min(3, len(sizes))
    rows = -(-len(sizes) // columns)
    drawing, grid = figure(
        "text", height=0.35 + 1.75 * rows, nrows=rows, ncols=columns, sharey=True, squeeze=False
    )
    longest = 1.06 * float(histogram.line_loss.max())
    for size, axes in zip(sizes, grid.flat, strict=False):
        _draw_endpoints(axes, histogram.isel(run=histogram.run_students.values == size), longest)
        _draw_family_lines(axes, histogram.isel(line=histogram.line_students.values == size))
        axes.set_xlabel(axis_label(histogram.loss))
    for axes in grid.flat[len(sizes) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("runs")
    return drawing


def _draw_endpoints(axes: Axes, runs: xr.Dataset, longest: float) -> None:
    """Bars of the converged runs: those that found the teacher, known families, and the rest."""
    edges = np.linspace(0, longest, _BINS).tolist()
    ended = runs.loss.values[runs.converged.values]
    label = runs.family.values[runs.converged.values]
    parts = (
        ("global minimum", label == "global", GREY),
        ("listed family", (label != "global") & (label != "unmatched"), PALETTE["blue"]),
        ("no listed family", label == "unmatched", PALETTE["vermilion"]),
    )
    for name, chosen, colour in parts:
        if chosen.any():
            axes.hist(ended[chosen], bins=edges, color=colour, label=name, zorder=2.0)
    axes.set_yscale("log")
    axes.set_ylim(0.7, None)
    axes.set_xlim(-0.01 * longest, longest)
    share = (label == "global").mean() if label.size else np.nan
    size = int(runs.run_students[0])
    axes.text(
        0.97,
        0.93,
        f"$K={size}$\n{100 * share:.1f} % global",
        transform=axes.transAxes,
        ha="right",
        va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        zorder=4.0,
    )


def _draw_family_lines(axes: Axes, lines: xr.Dataset) -> None:
    """A dashed line at each family's loss; names above, thinned out where they would overlap."""
    last = -np.inf
    gap = 0.045 * float(np.diff(axes.get_xlim())[0])
    order = np.argsort(lines.line_loss.values)
    for name, loss in zip(lines.line_family.values[order], lines.line_loss.values[order], strict=True):
        guide(axes, x=float(loss))
        if loss - last < gap:
            continue
        last = loss
        axes.annotate(
            str(name),
            (float(loss), 1.0),
            (0, 2),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=6,
            color=GREY,
        )


@described(
    title="Overlap matrices of the families",
    caption="Overlaps $R=WV^\\top$ with the teacher (top) and $Q=WW^\\top$ among students (bottom) at the critical "
    "points of five families at $K=M$. Rows and columns are permuted to block form; aligned "
    "units come first.",
    equation=r"A(Q,R)\,R=B(Q,R)\,T",
)
def overlap_matrices(overlaps: xr.Dataset) -> Figure:
    """Heat maps of R = W Vᵀ (top) and Q = W Wᵀ (bottom), one column per family."""
    names = [str(name) for name in overlaps.family.values]
    drawing, grid = figure("text", height=2.9, nrows=2, ncols=len(names), squeeze=False)
    norm = TwoSlopeNorm(0.0, vmin=-1.1, vmax=1.1)
    image = None
    for column, name in enumerate(names):
        member = overlaps.isel(family=column)
        for row, variable in enumerate((member.teacher_overlap, member.student_overlap)):
            axes = grid[row, column]
            image = axes.imshow(variable.values, cmap=DIVERGING, norm=norm, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(True)
            aligned = len(variable) - int(member.flipped) - 0.5
            if aligned > 0:
                axes.axhline(aligned, color=PALETTE["ink"], linewidth=0.4)
                axes.axvline(aligned, color=PALETTE["ink"], linewidth=0.4)
            axes.set_xlabel("teacher $m$" if row == 0 else "student $l$", fontsize=7)
        state = "" if bool(member.is_minimum) else " (saddle)"
        grid[0, column].set_title(f"{name}{state}\n$L={float(member.loss):.4f}$")
    for row, variable in enumerate((overlaps.teacher_overlap, overlaps.student_overlap)):
        grid[row, 0].set_ylabel(f"{axis_label(variable)}\nstudent $k$")
    assert image is not None
    drawing.colorbar(image, ax=grid, shrink=0.8, aspect=30, pad=0.01, ticks=[-1, 0, 1])
    return drawing


@described(
    title="Loss of the families against width",
    caption="(a) Loss against $K=M$; filled markers are minima, hollow ones saddles (full Hessian), lines come from "
    "the reduced equations. (b) Loss per flipped unit of family I, times $K$. Dashed: the limits.",
    equation=r"K\,L_{I(p)}/p\to\frac{1}{2}-\frac{2}{\pi^2},\qquad L_{II(K)}\to\frac{1}{2}-\frac{1}{\pi}",
)
def loss_against_width(widths: xr.Dataset) -> Figure:
    """Losses of the families against K (left), and K L / p of family I with its limit (right)."""
    drawing, (left, right) = figure("text", height=2.4, ncols=2)
    for name in widths.family.values:
        member = widths.sel(family=name)
        _draw_family(left, member, member.loss, str(name))
        if str(name).startswith("I("):
            _draw_family(right, member, member.scaled_loss, str(name))
    left.set_yscale("log")
    left.set_ylabel(axis_label(widths.loss))
    right.set_ylabel(axis_label(widths.scaled_loss))
    guide(left, y=widths.attrs["limit_loss_II"], text=r"$\frac{1}{2}-\frac{1}{\pi}$")
    guide(right, y=widths.attrs["limit_scaled_loss_I"], text=r"$\frac{1}{2}-\frac{2}{\pi^2}$")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel(axis_label(widths.students))
        axes.xaxis.set_minor_formatter(NullFormatter())
    _name_families(left, widths.family, loc="lower left")
    letter_panels((left, right))
    return drawing


def _draw_family(axes: Axes, member: xr.Dataset, values: xr.DataArray, name: str) -> None:
    """The reduced equations as a line; minima filled and saddles hollow where the Hessian was computed."""
    theory_line(axes, member.students, values, color=_COLOURS[name])
    for stable, face in ((1, _COLOURS[name]), (0, "white")):
        chosen = member.stable.values == stable
        _mark(axes, member.students.values[chosen], values.values[chosen], name, face)


def _name_families(axes: Axes, families: xr.DataArray, loc: Literal["lower left", "lower right"]) -> None:
    """A legend with each family's line and marker."""
    names = [str(name) for name in families.values]
    handles = [Line2D([], [], color=_COLOURS[name], marker=_SHAPES[name], label=name) for name in names]
    axes.legend(handles=handles, loc=loc, ncols=2)


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
    caption="Smallest eigenvalue of the Hessian (a) inside the span of the teacher and (b) across it, against $K=M$. "
    "Filled: minimum; hollow: saddle. Crosses: zero crossings, interpolated between integer widths.",
    equation=r"\mathrm{spec}\,\nabla^2L=\mathrm{spec}\,H_\parallel\ \cup\ \left(\mathrm{spec}\,A\right)^{d-M}",
    claims=["p1_c2_stability_windows"],
)
def stability(spectrum: xr.Dataset) -> Figure:
    """Smallest eigenvalues in the teacher's span (left) and across it (right) against K."""
    drawing, (left, right) = figure("text", height=2.4, ncols=2)
    minimum = (spectrum.hessian_min > 0) & (spectrum.transverse_min > 0)
    widths = spectrum.students.values
    for axes, variable in ((left, spectrum.hessian_min), (right, spectrum.transverse_min)):
        for name in map(str, spectrum.family.values):
            values = variable.sel(family=name).values
            theory_line(axes, widths, values, color=_COLOURS[name])
            for chosen, face in ((minimum, _COLOURS[name]), (~minimum, "white")):
                here = chosen.sel(family=name).values & np.isfinite(values)
                _mark(axes, widths[here], values[here], name, face)
        axes.set_xlabel(axis_label(spectrum.students))
        axes.set_ylabel(axis_label(variable))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    guide(left, y=0.0)
    for name, crossings in _crossings(spectrum).items():
        left.plot(crossings, np.zeros_like(crossings), "x", color=_COLOURS[name], markersize=4, zorder=4.0)
    _name_families(right, spectrum.family, loc="lower right")
    letter_panels((left, right))
    return drawing


def _crossings(spectrum: xr.Dataset) -> dict[str, np.ndarray]:
    """Real widths at which the smallest in-span eigenvalue changes sign, linear between integer widths."""
    found = {}
    widths = spectrum.students.values.astype(float)
    for name in map(str, spectrum.family.values):
        values = spectrum.hessian_min.sel(family=name).values
        at = np.flatnonzero(np.sign(values[:-1]) * np.sign(values[1:]) < 0)
        share = values[at] / (values[at] - values[at + 1])
        found[name] = widths[at] + share * (widths[at + 1] - widths[at])
    return found
