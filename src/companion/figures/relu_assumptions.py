"""Figure of what simplifying assumptions do to the minima that descent meets."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, simulation_points
from companion.figures.style import GREY, figure, shades

_MARKERS = ("o", "s", "D", "^", "v", "P")
#: Assumptions by what they are about, from the top of the figure to its bottom.
_GROUPS = {
    "": ("free",),
    "students": ("unit rows", "orthonormal rows", "leaky ReLU", "erf"),
    "teacher": ("correlated teacher", "unequal norms"),
    "problem": ("correlation only", "site symmetry"),
}


@described(
    title="What simplifying assumptions change",
    caption="(a) Share of converged runs that miss the teacher under an assumption, $K=M=d$, 95 % Wilson intervals. "
    "Free: ReLU students, orthonormal teacher. Students: rows kept at unit norm or orthonormal, units with a leak of "
    "0.2 or error functions. Teacher: units with a common cosine, norms that differ. Problem: minimising "
    "$-\\mathbb{E}f_Wf_V$ alone over unit rows; overlaps that treat all units alike. (b) Full loss where they end, "
    "over that of I(1) (dashed) at the same $K$; areas grow with the share of the runs that missed. Each row "
    "has starts of its own.",
    equation=r"-\mathbb{E}f_Wf_V=L-\frac{1}{2}\mathbb{E}f_W^2-\frac{1}{2}\mathbb{E}f_V^2;\qquad "
    r"Q_{kl}=c+(q-c)\,\delta_{kl},\quad R_{km}=s+(r-s)\,\delta_{km}",
)
def assumptions(audit: xr.Dataset) -> Figure:
    """Share of runs that miss the teacher (left) and the losses they end on (right), a row per assumption."""
    drawing, (left, right) = figure("text", height=3.5, ncols=2, sharey=True)
    rows = _rows()
    sizes = [int(size) for size in audit.students.values]
    shifts = np.linspace(0.26, -0.26, len(sizes)) if len(sizes) > 1 else np.zeros(1)
    for size, shift, colour, number in zip(sizes, shifts, shades(len(sizes)), range(len(sizes)), strict=True):
        marker = _MARKERS[number % len(_MARKERS)]
        member = audit.sel(students=size)
        for name, row in rows.items():
            at = member.sel(assumption=name)
            _draw_share(left, at, row + shift, colour, marker)
            _draw_losses(right, audit, name, size, row + shift, colour, marker)
    left.set_yticks(list(rows.values()), [_label(audit, name) for name in rows])
    for name, row in rows.items():
        if not (audit.level_assumption.values == name).any():
            right.text(1.15, row, "none met", color=GREY, fontsize=6, va="center")
    edges = [min(rows[name] for name in names) - 0.62 for names in list(_GROUPS.values())[:-1]]
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
        for edge in edges:
            axes.axhline(edge, color="#DDDDDD", linewidth=0.5, zorder=0.5)
    for group, names in _GROUPS.items():
        middle = float(np.mean([rows[name] for name in names]))
        right.annotate(
            group,
            (1.02, middle),
            xycoords=right.get_yaxis_transform(),
            rotation=-90,
            va="center",
            color=GREY,
            fontsize=7,
        )
    left.set_xlabel("runs that miss the teacher (%)")
    left.set_xlim(-2, 102)
    left.set_ylim(min(rows.values()) - 0.6, max(rows.values()) + 0.6)
    right.set_xscale("log")
    right.set_xlabel(r"$L\,/\,L_{\mathrm{I}(1)}$")
    guide(right, x=1.0, text="I(1)")
    handles = [
        Line2D(
            [], [], color=colour, marker=_MARKERS[number % len(_MARKERS)], linestyle="", label=f"$K=M={size}$"
        )
        for number, (size, colour) in enumerate(zip(sizes, shades(len(sizes)), strict=True))
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=len(sizes))
    letter_panels((left, right))
    return drawing


def _rows() -> dict[str, float]:
    """Height of each assumption; groups stand apart by a quarter of a row."""
    heights, height = {}, 0.0
    for names in _GROUPS.values():
        for name in names:
            heights[name] = height
            height -= 1.0
        height -= 0.25
    return heights


def _label(audit: xr.Dataset, name: str) -> str:
    return {
        "correlated teacher": f"correlated ({audit.attrs['correlation']:g})",
        "unequal norms": f"unequal norms ({audit.attrs['norm_ratio']:g} : 1)",
    }.get(name, name)


def _draw_share(axes: Axes, cell: xr.Dataset, height: float, colour: str, marker: str) -> None:
    lower, share, upper = (100 * float(cell[name]) for name in ("lower", "share", "upper"))
    axes.plot([lower, upper], [height, height], color=colour, linewidth=0.7, zorder=2.5)
    simulation_points(axes, [share], [height], [np.nan], [np.nan], fmt=marker, color=colour, markersize=3.2)


def _draw_losses(
    axes: Axes, audit: xr.Dataset, name: str, size: int, height: float, colour: str, marker: str
) -> None:
    here = (audit.level_assumption.values == name) & (audit.level_students.values == size)
    counts = audit.level_runs.values[here].astype(float)
    ratios = audit.level_loss.values[here] / float(audit.reference.sel(students=size))
    areas = 3 + 30 * counts / max(counts.sum(), 1)
    axes.scatter(
        ratios, np.full(counts.size, height), s=areas, color=colour, marker=marker, linewidths=0, zorder=3.0
    )
