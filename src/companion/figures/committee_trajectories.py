"""Figure of a committee learning from contrasting starts: one unit specialises, or both share."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure

_STARTS = tuple(PALETTE[name] for name in ("blue", "green", "vermilion", "plum"))
_UNITS = {1: "-", 2: (0, (3.5, 1.5))}


@described(
    title="Same error, different division of labour",
    caption="(a) Two students with a readout for each task; the first task has one teacher unit. (b) Error on the "
    "first task for three starts of the readouts, $r(\\cos\\theta,\\sin\\theta)$, with equal small weights; (c) "
    "overlap of both students with the teacher at the end; (d-f) share of each student in the work. Lines and bars: "
    "limit $d\\to\\infty$. Markers: means of SGD runs at finite $d$ with 95 % bootstrap intervals, most of them "
    "smaller than the markers; in (b) errors of single runs that reach zero are not drawn.",
    equation=r"p_k=\frac{|h_k|\sqrt{Q_{kk}}}{\sum_j|h_j|\sqrt{Q_{jj}}},\qquad S_\mathrm{use}=1-\frac{H(p)}{\log K}",
    claims=["p3_a_start_decides"],
)
def trajectories(data: xr.Dataset) -> Figure:
    """A drawing of the network, errors of all starts, final overlaps, and the shares of both units for each start."""
    starts = data.sizes["start"]
    columns = max(starts, 3)
    drawing, grid = figure("text", height=3.3, nrows=2, ncols=columns)
    _network(grid[0, 0])
    _errors(grid[0, 1], data)
    _overlaps(grid[0, 2], data)
    for place, axes in enumerate(grid[1, :starts]):
        _shares(axes, data.isel(start=place), _STARTS[place % len(_STARTS)])
    for axes in (*grid[0, 3:], *grid[1, starts:]):
        axes.set_visible(False)
    grid[1, 0].set_ylabel(axis_label(data.share))
    units = [
        Line2D([], [], color=GREY, linestyle=line, label=f"student {unit}") for unit, line in _UNITS.items()
    ]
    dots = Line2D(
        [], [], color=GREY, marker="o", linestyle="", label=f"SGD, $d={int(data.attrs['dimension'])}$"
    )
    grid[1, 0].legend(handles=[*units, dots], loc="center left")
    letter_panels([*grid[0, :3], *grid[1, :starts]])
    return drawing


def _network(axes: Axes) -> None:
    """Inputs, two students, the readouts of both tasks, and beside them the teacher of the first."""
    ink, second = PALETTE["ink"], PALETTE["sky"]
    inputs, students = [(0.6, y) for y in (0.5, 1.4, 2.3, 3.2)], [(2.1, 2.5), (2.1, 1.2)]
    for x, y in inputs:
        for end in students:
            axes.plot([x, end[0]], [y, end[1]], color=GREY, linewidth=0.4, zorder=1)
    for place, ((x, y), colour) in enumerate(zip(((3.8, 2.75), (3.8, 0.95)), (ink, second), strict=True)):
        for start in students:
            axes.plot([start[0], x], [start[1], y], color=colour, linewidth=0.9, zorder=1)
        axes.add_patch(Circle((x, y), 0.2, facecolor="white", edgecolor=colour, linewidth=0.9, zorder=2))
        axes.text(x + 0.32, y, f"task {place + 1}", color=ink, va="center", fontsize=7)
    for place, at in enumerate(students):
        axes.add_patch(Circle(at, 0.3, facecolor="#E8E8E8", edgecolor=ink, linewidth=0.7, zorder=2))
        axes.text(*at, f"$u_{place + 1}$", ha="center", va="center", fontsize=7, zorder=3)
    for at in inputs:
        axes.add_patch(Circle(at, 0.13, facecolor="white", edgecolor=ink, linewidth=0.6, zorder=2))
    axes.text(0.6, 3.6, "$x$", ha="center", fontsize=7)
    axes.text(1.25, 3.05, "$w_k$", ha="center", fontsize=7)
    axes.text(2.95, 3.05, "$h_k^1$", ha="center", fontsize=7)
    axes.text(2.95, 0.32, "$h_k^2$", ha="center", fontsize=7)
    axes.set(xlim=(0.2, 5.2), ylim=(0.1, 3.9), aspect="equal")
    axes.set_axis_off()


def _errors(axes: Axes, data: xr.Dataset) -> None:
    for place, colour in zip(range(data.sizes["start"]), _STARTS, strict=False):
        part = data.isel(start=place)
        theory_line(axes, data.time, part.error, color=colour, label=_angle(float(part.start)))
        samples = part.run_error.transpose("run_time", "run").values
        shown = (samples > 0).all(axis=1)
        points_over_seeds(axes, data.run_time[shown], samples[shown], color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-6, None)
    axes.set_xlabel(axis_label(data.time))
    axes.set_ylabel(axis_label(data.error))
    axes.legend(loc="lower left")


def _overlaps(axes: Axes, data: xr.Dataset) -> None:
    units, starts = data.sizes["student"], data.sizes["start"]
    width = 0.8 / units
    for place, colour in zip(range(starts), _STARTS, strict=False):
        part = data.isel(start=place)
        at = place + width * (np.arange(units) - (units - 1) / 2)
        axes.bar(at, part.overlap, width=0.9 * width, color=colour, alpha=0.35)
        points_over_seeds(axes, at, part.run_overlap.transpose("student", "run"), color=colour)
        for x, unit in zip(at, data.student.values, strict=True):
            axes.text(x, -0.03, str(int(unit)), ha="center", va="top", fontsize=6, color=GREY)
    axes.set_xticks(range(starts), [_angle(float(value)) for value in data.start])
    axes.tick_params(axis="x", length=0, pad=8)
    axes.set_ylim(0, None)
    axes.set_ylabel(axis_label(data.overlap))


def _shares(axes: Axes, part: xr.Dataset, colour: str) -> None:
    for unit, line in _UNITS.items():
        own = part.sel(student=unit)
        theory_line(axes, part.time, own.share, color=colour, linestyle=line, clip_on=False)
        points_over_seeds(
            axes, part.run_time, own.run_share.transpose("run_time", "run"), color=colour, clip_on=False
        )
    axes.set_xscale("log")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(axis_label(part.time))
    usage = rf"$S_\mathrm{{use}}={float(part.usage):.2f}$"
    axes.set_title(f"{_angle(float(part.start))}: {usage}", loc="right")


def _angle(theta: float) -> str:
    """An angle as a reader writes it: 0, .3, π/4."""
    return r"$\theta=\pi/4$" if abs(theta - np.pi / 4) < 1e-9 else rf"$\theta={theta:g}$"
