"""Figure of two tasks made of handwritten digits: forgetting, its course, and its price under a penalty."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds
from companion.figures.style import GREY, PALETTE, axis_label, figure

_COLOURS = {
    "specialised": PALETTE["blue"],
    "shared": PALETTE["vermilion"],
    "specialised, uniform penalty": PALETTE["green"],
}
#: By the number of students, from the first on.
_LOOKS: tuple[dict[str, Any], ...] = (
    {"linestyle": "-", "marker": "o"},
    {"linestyle": "--", "marker": "s", "markerfacecolor": "white", "markeredgewidth": 0.7},
    {"linestyle": ":", "marker": "^"},
    {"linestyle": "-.", "marker": "D", "markerfacecolor": "white", "markeredgewidth": 0.7},
)
_FIRST: dict[str, Any] = _LOOKS[0]
_TASKS: dict[int, dict[str, Any]] = {1: _FIRST, 2: {"linestyle": ":", "marker": "^"}}
#: Forgetting below this is left out where the axis is a logarithm.
_LEAST = 1e-3


@described(
    title="Two tasks on handwritten digits",
    caption="Erf committees with a head for each task, mini-batch descent: even against odd, then a task of "
    "similarity $V$. The first head starts on one unit (specialised) or alike on all (shared). (a) Forgetting, "
    "no penalty; paler: a shared start whose units stay alike; inset: the specialised start. (b) Errors on both "
    "tasks in the course of learning, at one similarity and number of students; guide: the switch. (c) Error on "
    "task 2 in the end; lines without markers: on task 1 before the switch. (d) Forgetting under elastic weight "
    "consolidation, paler for larger $\\gamma$, where it exceeds $10^{-3}$. (e, f) Forgetting and error on task 2 "
    "together, against the strength of the penalty; green: a penalty of the same mean strength, but equal for all "
    "weights. Means of draws with 95 % bootstrap intervals; lines join points.",
    equation=r"F(V)=\epsilon_1^{\mathrm{end}}-\epsilon_1^{\mathrm{switch}},\qquad "
    r"\frac{\gamma}{2}\sum_{kj}F_{kj}(w_{kj}-w_{kj}^{\circ})^2,\quad "
    r"F_{kj}=\left\langle(\partial\phi_1/\partial w_{kj})^2\right\rangle",
)
def two_task_digits(data: xr.Dataset) -> Figure:
    """Forgetting, course and final errors in the first row; forgetting and costs under a penalty in the second."""
    counts = data.students.values.tolist()
    drawing, grid = figure("text", height=3.9, nrows=2, ncols=max(3, 1 + len(counts)))
    top, bottom = grid
    plain = data.sel(shown=0.0)
    for K, look in zip(counts, _LOOKS, strict=False):
        part = data.tied_forgetting.sel(students=K)
        _points(top[0], data.similarity, part, color=_COLOURS["shared"], alpha=0.35, **look)
    _over_similarity(top[0], plain.forgetting)
    # In the empty corner above the falling side.
    inset = top[0].inset_axes((0.6, 0.57, 0.4, 0.38))
    _over_similarity(inset, plain.forgetting.sel(scheme=["specialised"]), markersize=1.6)
    inset.set(xlabel="", ylabel="")
    inset.tick_params(labelsize=6)
    _course(top[1], data)
    _over_similarity(top[2], plain.second_error)
    for scheme in data.scheme.values:
        for K, look in zip(counts, _LOOKS, strict=False):
            level = float(data.first_error.sel(students=K, scheme=scheme).mean())
            top[2].axhline(
                level, color=_COLOURS[str(scheme)], linewidth=0.6, linestyle=look["linestyle"], zorder=1.0
            )
    _protected(bottom[0], data)
    for axes, K in zip(bottom[1:], counts, strict=False):
        _cost(axes, data.sel(students=K))
    for axes in (*top[3:], *bottom[1 + len(counts) :]):
        axes.set_visible(False)
    handles = [Line2D([], [], color=_COLOURS[name], label=name) for name in data.protection.values]
    handles += [
        Line2D([], [], color=GREY, label=f"$K={K}$", **look) for K, look in zip(counts, _LOOKS, strict=False)
    ]
    drawing.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    letter_panels(axes for axes in grid.flat if axes.get_visible())
    return drawing


def _points(axes: Axes, x: Any, values: xr.DataArray, **look: Any) -> None:
    """Means over draws with intervals, joined by a thin line."""
    (along,) = [dim for dim in values.dims if dim != "draw"]
    fixed = {"fmt": "", "linewidth": 0.7, "markersize": 2.6}
    points_over_seeds(axes, x, values.transpose(along, "draw"), **fixed | look)


def _over_similarity(axes: Axes, values: xr.DataArray, **look: Any) -> None:
    for K, own in zip(values.students.values, _LOOKS, strict=False):
        for scheme in values.scheme.values:
            part = values.sel(students=K, scheme=scheme)
            _points(axes, values.similarity, part, color=_COLOURS[str(scheme)], **own | look)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xlabel(axis_label(values.similarity))
    axes.set_ylabel(axis_label(values))


def _course(axes: Axes, data: xr.Dataset) -> None:
    for scheme in data.scheme.values:
        for task, look in _TASKS.items():
            part = data.course.sel(scheme=scheme, task=task)
            _points(axes, data.course_step, part, color=_COLOURS[str(scheme)], **look)
    steps = data.attrs["steps"]
    guide(axes, x=steps)
    handles = [
        Line2D([], [], color=GREY, label=rf"$\epsilon_{task}$", **look) for task, look in _TASKS.items()
    ]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(0.15, 0.55))
    axes.set_title(
        f"$V={data.attrs['course_similarity']:g}$, $K={data.attrs['course_students']}$", loc="right"
    )
    axes.set_xticks([0, steps, 2 * steps])
    axes.set_xlabel(axis_label(data.course_step))
    axes.set_ylabel(axis_label(data.course))
    axes.set_ylim(0, None)


def _protected(axes: Axes, data: xr.Dataset) -> None:
    students = data.attrs["course_students"]
    found = data.forgetting.sel(students=students)
    strengths = data.shown.values
    solid = dict(zip(strengths.tolist(), np.linspace(1.0, 0.4, strengths.size), strict=True))
    for scheme in data.scheme.values:
        for strength, alpha in solid.items():
            part = found.sel(scheme=scheme, shown=strength)
            visible = part.mean("draw").values > _LEAST
            part = part.isel(similarity=visible)
            _points(axes, part.similarity, part, color=_COLOURS[str(scheme)], alpha=alpha, **_FIRST)
    handles = [
        Line2D([], [], color=GREY, alpha=alpha, label=rf"$\gamma={strength:g}$", **_FIRST)
        for strength, alpha in solid.items()
    ]
    axes.legend(handles=handles, loc="lower center", ncols=len(handles), handlelength=1.0, columnspacing=0.8)
    axes.set_title(f"$K={students}$", loc="right")
    axes.set_yscale("log")
    axes.set_ylim(_LEAST / 5, 1.0)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xlabel(axis_label(data.similarity))
    axes.set_ylabel(axis_label(data.forgetting))


def _cost(axes: Axes, data: xr.Dataset) -> None:
    strengths = data.consolidation.values
    positive = strengths[strengths > 0]
    # No penalty has a place of its own, left of the logarithmic axis.
    zero = positive.min() / 4
    places = np.where(strengths > 0, strengths, zero)
    for protection in data.protection.values:
        part = data.cost.sel(protection=protection)
        _points(axes, places, part, color=_COLOURS[str(protection)], **_FIRST)
    axes.set_xscale("log")
    axes.set_xticks([zero, *positive], ["0", *(f"{value:g}" for value in positive)])
    axes.minorticks_off()
    axes.set_ylim(0, None)
    axes.set_title(f"$K={data.students.item()}$", loc="right")
    axes.set_xlabel(axis_label(data.consolidation))
    axes.set_ylabel(axis_label(data.cost))
