"""Figure of forgetting against the similarity of two tasks: from specialised to shared starts."""

from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import letter_panels, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

_BETWEEN = ("sky", "green", "orange")
_DOTTED = (0, (1, 1.2))
_DASHED = (0, (3, 1.5))


def scheme_colours(count: int) -> list[str]:
    """Colours of ``count`` starts, blue for the specialised and vermilion for the shared one."""
    between = count - 2
    middle = [PALETTE[name] for name in _BETWEEN[:between]] if between <= len(_BETWEEN) else shades(between)
    return [PALETTE["blue"], *middle, PALETTE["vermilion"]]


@described(
    title="Forgetting against similarity, from specialised to shared starts",
    caption="Two erf units, teachers of one unit, $d\\to\\infty$; first readout $r(\\cos\\theta,\\sin\\theta)$ with "
    "$\\theta=0$ (specialised) to $\\pi/4$ (shared: an exact tie), second $r(1,1)/\\sqrt2$. (a) Forgetting at the end "
    "of task 2, solid after the shorter and dotted (both ends of the scale) after the longer time for each task; "
    "dashed: limit of exactly shared units; thin: starts at finite $d$ with all readouts $\\mathcal{N}(0,s^2)$, blue "
    "where $S_{\\mathrm{use}}>.9$ at the switch, vermilion where it is below .2. (b) Largest forgetting on the way "
    "(solid) and transfer to task 2 (dashed), shorter time. (c) Forgetting while task 2 is learned, longer time.",
    equation=r"F(a)=\epsilon_1(T+a)-\epsilon_1(T),\qquad F_{\mathrm{shared}}\to\frac13-\frac2\pi\arcsin\frac V2",
    claims=["p3_c_maslow"],
)
def profiles(data: xr.Dataset) -> Figure:
    """F against V, largest F and transfer against V, F against time for a few V."""
    drawing, panels = figure("text", height=2.8, ncols=3)
    colours = scheme_colours(data.sizes["scheme"])
    _final(panels[0], data, colours)
    _on_the_way(panels[1], data, colours)
    _courses(panels[2], data)
    for axes in panels[:2]:
        axes.set_xlabel(axis_label(data.similarity))
        axes.set_ylim(0, 1.04 * float(data.largest.max()))
    drawing.legend(handles=_handles(data, colours), loc="outside lower center", ncols=4)
    letter_panels(panels)
    return drawing


def _final(axes: Axes, data: xr.Dataset, colours: list[str]) -> None:
    for values, use in zip(data.drawn.values, data.drawn_specialisation.values, strict=True):
        colour = PALETTE["blue"] if use > 0.9 else PALETTE["vermilion"] if use < 0.2 else GREY
        # Without antialiasing so many faint lines take half the bytes.
        look = {"alpha": 0.3, "linewidth": 0.3, "antialiased": False}
        axes.plot(data.similarity, values, color=colour, zorder=1.0, **look)
    limit = {"color": PALETTE["ink"], "linestyle": _DASHED, "linewidth": 0.7}
    theory_line(axes, data.similarity, data.limit, zorder=2.5, **limit)
    for place, colour in enumerate(colours):
        part = data.forgetting.isel(scheme=place)
        theory_line(axes, data.similarity, part.isel(duration=0), color=colour)
        if place in (0, len(colours) - 1) and data.sizes["duration"] > 1:
            theory_line(axes, data.similarity, part.isel(duration=-1), color=colour, linestyle=_DOTTED)
    axes.set_ylabel(f"forgetting $F(T)$, $T={float(data.duration[0]):g}$")


def _handles(data: xr.Dataset, colours: list[str]) -> list[Line2D]:
    uses = data.specialisation.isel(duration=0).values
    handles = [
        Line2D([], [], color=colour, label=f"{name}, $S_{{\\mathrm{{use}}}}={abs(use):.2f}$")
        for name, use, colour in zip(data.scheme.values, uses, colours, strict=True)
    ]
    if data.sizes["duration"] > 1:
        label = f"$T={float(data.duration[-1]):g}$"
        handles.append(Line2D([], [], color=GREY, linestyle=_DOTTED, label=label))
    limit = {"color": PALETTE["ink"], "linestyle": _DASHED, "linewidth": 0.7}
    return [*handles, Line2D([], [], label=r"shared, $T\to\infty$", **limit)]


def _on_the_way(axes: Axes, data: xr.Dataset, colours: list[str]) -> None:
    kinds: dict[str, Any] = {"largest": "-", "transfer": _DASHED}
    for place in sorted({0, len(colours) // 2, len(colours) - 1}):
        part = data.isel(scheme=place, duration=0)
        for name, line in kinds.items():
            theory_line(axes, data.similarity, part[name], color=colours[place], linestyle=line)
    handles = [
        Line2D([], [], color=GREY, linestyle=line, label=axis_label(data[name]))
        for name, line in kinds.items()
    ]
    axes.legend(handles=handles, loc="upper right")
    axes.set_ylabel("difference of errors")


def _courses(axes: Axes, data: xr.Dataset) -> None:
    after = data.sel(moment=data.moment > 0)
    similarities = data.course_similarity.values
    colours = shades(len(similarities))
    lines = dict(zip(data.course_scheme.values.tolist(), ("-", _DASHED), strict=True))
    for scheme, line in lines.items():
        for value, colour in zip(similarities, colours, strict=True):
            values = after.course.sel(course_scheme=scheme, course_similarity=value)
            theory_line(axes, after.moment, values, color=colour, linestyle=line)
    handles = [Line2D([], [], color=GREY, linestyle=line, label=scheme) for scheme, line in lines.items()]
    handles += [
        Line2D([], [], color=colour, label=f"$V={value:g}$")
        for value, colour in zip(similarities, colours, strict=True)
    ]
    axes.legend(handles=handles, loc="upper left")
    axes.set_xscale("log")
    axes.set_xlim(float(after.moment[0]), float(after.moment[-1]))
    axes.set_xlabel(axis_label(data.moment))
    axes.set_ylabel(axis_label(data["course"]))
