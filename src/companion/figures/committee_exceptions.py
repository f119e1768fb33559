"""Figure of the starts from which forgetting is not what specialisation leads one to expect."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, theory_line
from companion.figures.page import joined
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

_SPECIALISED, _SHARED = PALETTE["blue"], PALETTE["vermilion"]
_EQUAL, _ONE, _PEAK = PALETTE["green"], PALETTE["orange"], PALETTE["plum"]
_EXPECTED = {"linestyle": (0, (3, 1.5)), "linewidth": 0.8, "zorder": 2.5}
_PLAIN = {"specialised": _SPECIALISED, "shared": _SHARED}
#: What each panel shows: title, the plain starts that it is held against, the cases with their colours.
_PANELS: tuple[tuple[str, tuple[str, ...], Mapping[str, str]], ...] = (
    ("readout copied", ("specialised",), {"copied readout": _SPECIALISED}),
    ("second readout small", ("specialised",), {"small readout": _SPECIALISED}),
    (r"readouts $\mathcal{N}(0,1)$", ("specialised",), {"": _SPECIALISED}),
    (r"shared, $\sigma_w=0.1$", ("shared",), {"large weights": _SHARED}),
    ("$K=M=2$", ("specialised", "shared"), {"K=M=2, equal": _EQUAL, "K=M=2, one": _ONE}),
    ("$K=4$, $M=2$", ("specialised", "shared"), {"K=4, M=2, equal": _EQUAL, "K=4, M=2, one": _ONE}),
)
#: So many of the distances from the tie have their curves drawn, the largest ones.
_CURVES = 5


@described(
    title="Where forgetting is not what specialisation says",
    caption="Forgetting after the longer time for each task, starts drawn at finite $d$; dashed: the plain specialised "
    "(blue) or shared (vermilion) start, which says what to expect; thin: draws, thick: their mean. (a) The readout of "
    "task 1 goes on into task 2, (b) that of task 2 starts at $10^{-3}$, (c) all readouts are $\\mathcal{N}(0,1)$ and "
    "one unit does the work ($S_{\\mathrm{use}}>.9$). (d) Equal readouts with larger first weights. (e, f) Teachers of "
    "two units, forgetting over $M$, $\\sigma_w=.1$: first readouts equal (green) or one alone (orange). (g, h) Near "
    "the tie, $\\theta=\\pi/4-\\delta$: (g) profiles at $d\\to\\infty$, dashed: the tie; (h) forgetting at $V=0$ "
    "against $\\delta$ (left scale, ink) and the similarity of the largest forgetting (right scale, plum), solid after "
    "the longer and dotted after the shorter time; markers: drawn starts with 95 % bootstrap intervals.",
    equation=r"h(0)=r\left(\cos\theta,\,\sin\theta\right),\qquad\theta=\frac\pi4-\delta",
    claims=["p3_c_maslow"],
)
def exceptions(data: xr.Dataset) -> Figure:
    """Six small panels of F against V; below them profiles near the tie, and what they do as it is approached."""
    drawing, grid = figure("text", height=5.2, nrows=3, ncols=3)
    for axes, (title, expected, cases) in zip(grid[:2].flat, _PANELS, strict=True):
        _profiles(axes, data, expected, cases)
        axes.set_title(title)
    top = 1.05 * max(float(data.forgetting.max()), float(data.tilted.max()))
    for axes in (*grid[:2].flat, grid[2, 0]):
        axes.set_ylim(min(-0.01, float(data.forgetting.min())), top)
        axes.set_xlim(-0.02, 1.02)
    if data.random.size:
        grid[0, 2].set_ylim(-0.01, 1.05 * float(data.random.max()))
    for axes in grid[0]:
        axes.tick_params(axis="x", labelbottom=False)
    for axes in (*grid[1], grid[2, 0]):
        axes.set_xlabel(axis_label(data.similarity))
    for axes in (grid[0, 0], grid[1, 0], grid[2, 0]):
        axes.set_ylabel(axis_label(data.random))
    grid[1, 1].set_ylabel(axis_label(data.forgetting))
    wide = joined(grid[2, 1:])
    _near_tie(grid[2, 0], data)
    _scan(wide, data)
    letter_panels([*grid[:2].flat, grid[2, 0], wide])
    return drawing


def _profiles(axes: Axes, data: xr.Dataset, expected: tuple[str, ...], cases: Mapping[str, str]) -> None:
    V = data.similarity.values
    for plain in expected:
        values = data.forgetting.sel(case=plain).mean("draw")
        theory_line(axes, V, values, color=_PLAIN[plain], **_EXPECTED)
    for case, colour in cases.items():
        curves = data.forgetting.sel(case=case).values if case else data.random.values
        for curve in curves:
            axes.plot(V, curve, color=colour, alpha=0.35, linewidth=0.4, zorder=1.0, antialiased=False)
        if len(curves):
            theory_line(axes, V, curves.mean(axis=0), color=colour)
    if len(cases) > 1:
        words = ("first readouts equal", "one first readout")
        handles = [
            Line2D([], [], color=colour, label=word)
            for word, colour in zip(words, cases.values(), strict=True)
        ]
        axes.legend(handles=handles, loc="upper right")


def _near_tie(axes: Axes, data: xr.Dataset) -> None:
    tilts = data.tilt.values
    apart = np.flatnonzero(tilts > 0)
    chosen = apart[np.argsort(-tilts[apart])][:_CURVES]
    last = data.tilted.isel(duration=-1)
    for place, colour in zip(chosen, shades(len(chosen)), strict=True):
        label = rf"$\delta={_number(float(tilts[place]))}$"
        theory_line(axes, data.similarity, last.isel(tilt=place), color=colour, label=label)
    theory_line(axes, data.similarity, last.isel(tilt=int(tilts.argmin())), color=_SHARED, **_EXPECTED)
    axes.legend(loc="upper right")
    axes.set_title("near the tie")


def _number(value: float) -> str:
    """A distance as a reader writes it: 0.03, 3·10^{-4}."""
    exponent = int(np.floor(np.log10(value) + 1e-9))
    if exponent >= -2:
        return f"{value:g}"
    front = round(value / 10.0**exponent)
    return f"10^{{{exponent}}}" if front == 1 else rf"{front}\cdot10^{{{exponent}}}"


def _scan(axes: Axes, data: xr.Dataset) -> None:
    tilts = data.tilt.values
    positive = tilts > 0
    # The tie itself has a place of its own, left of the logarithmic axis.
    lowest = tilts[positive].min()
    places = np.where(positive, tilts, lowest / 10)
    right = axes.twinx()
    peaks = data.similarity.values[data.tilted.argmax("similarity").values]
    lines: tuple[Any, ...] = ((0, (1, 1.2)), "-") if data.sizes["duration"] > 1 else ("-",)
    for row, line in zip((0, -1), lines, strict=False):
        style = {"linestyle": line, "linewidth": 0.9}
        start = data.tilted.isel(duration=row, similarity=0).values
        for panel, values, colour in ((axes, start, PALETTE["ink"]), (right, peaks[row], _PEAK)):
            theory_line(panel, places[positive], values[positive], color=colour, **style)
            for place, value in zip(places[~positive], values[~positive], strict=True):
                theory_line(panel, [0.5 * place, 2 * place], [value, value], color=colour, **style)
    points_over_seeds(axes, places, data.tilted_start.values, color=PALETTE["ink"])
    points_over_seeds(right, places, data.tilted_peak.values, color=_PEAK, fmt="s")
    axes.set_xscale("log")
    ticks = 10.0 ** np.arange(np.floor(np.log10(lowest)), 0)
    tie = [places.min()] if not positive.all() else []
    axes.set_xticks(
        [*tie, *ticks], [*["0"] * len(tie), *(f"$10^{{{round(np.log10(tick))}}}$" for tick in ticks)]
    )
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_xlabel(axis_label(data.tilt))
    axes.set_ylabel("forgetting at $V=0$")
    axes.set_ylim(0, None)
    right.set_ylabel(axis_label(data.tilted_peak), color=_PEAK)
    right.set_ylim(-0.02, 0.62)
    right.spines["right"].set_visible(True)
    right.spines["right"].set_color(_PEAK)
    right.tick_params(axis="y", colors=_PEAK)
    handles = [
        Line2D([], [], color=GREY, linestyle=line, linewidth=0.9, label=f"$T={float(data.duration[row]):g}$")
        for row, line in zip((0, -1), lines, strict=False)
    ]
    axes.legend(handles=handles, loc="center left")
