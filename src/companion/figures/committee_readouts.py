"""Figure of the readouts' entropy at the start, and of what it does to specialisation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.analysis.statistics import wilson_band
from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, simulation_points
from companion.figures.style import GREY, PALETTE, axis_label, figure

_ENTROPY = ("two units", "two units, sigma_w = 0.3", "two units, sigma_w = 1", "one unit")
_ELSEWHERE = (
    "four students",
    "four students, half the rate",
    "two units, sigma_w = 0.001",
    "two units, sigma_w = 0.001, half the rate",
)
_COLOURS = ("blue", "green", "orange", "sky")


@described(
    title="Entropy of the readouts: good for two teacher units, bad for one",
    caption="Start between one readout alone, $H_\\mathrm{read}=0$, and all alike, $H_\\mathrm{read}=1$. (a) "
    "$S_\\mathrm{sel}$ at the end for $K=M=2$ and, in grey, $S_\\mathrm{use}$ for $K=2$, $M=1$; (b) share of draws "
    "whose error falls below $10^{-3}$. (c) The same as (a) where the effect changes: four students (filled: "
    "$e_w=e_h=1$; rings: half that rate) and tiny weights. (d) Gaussian readouts, $e_w=e_h=.5$, one marker for each "
    "draw of weights and readouts, with the coefficient of correlation; dashed: mean with equal readouts. Markers "
    "in (a-c): means over draws with 95 % bootstrap, for shares Wilson, intervals.",
    equation=r"H_\mathrm{read}=\frac{H(|h|/\sum|h|)}{\log K},\qquad "
    r"S_\mathrm{sel}=\sum_kp_k\left[1-\frac{H(p_{k\cdot})}{\log M}\right],\qquad p_{km}\propto|R_{km}|",
    claims=["p3_b1_entropy_one_unit", "p3_b2_entropy_two_units"],
)
def readout_evenness(data: xr.Dataset) -> Figure:
    """Specialisation and solved share against H_read, four students and tiny weights, Gaussian readouts."""
    drawing, grid = figure("text", height=4.4, nrows=2, ncols=2)
    clear, solved, elsewhere, drawn = grid.flat
    _against_entropy(clear, data, _ENTROPY)
    _solved(solved, data)
    _against_entropy(elsewhere, data, _ELSEWHERE)
    _drawn(drawn, data)
    drawing.legend(*clear.get_legend_handles_labels(), loc="outside upper center", ncols=4, title="(a, b)")
    elsewhere.legend(loc="upper left")
    elsewhere.set_ylim(-0.03, 1.5)
    elsewhere.set_yticks(np.linspace(0, 1, 6))
    letter_panels(grid.flat)
    return drawing


def _look(part: xr.Dataset, colour: str) -> dict[str, Any]:
    hollow = float(part.learning_rate) < 1.0
    return {
        "color": colour,
        "fmt": "-o",
        "linewidth": 0.7,
        "markerfacecolor": "white" if hollow else colour,
        "markeredgewidth": 0.7,
    }


def _label(part: xr.Dataset) -> str:
    students, teachers = int(part.students), int(part.teachers)
    size = f"$K=M={students}$" if students == teachers else f"$K={students}$, $M={teachers}$"
    weight = float(part.weight_scale)
    scale = r"10^{-3}" if abs(weight - 1e-3) < 1e-12 else f"{weight:g}"
    rate = "" if float(part.learning_rate) == 1.0 else rf", $e_w={float(part.learning_rate):g}$"
    return rf"{size}, $\sigma_w={scale}$, $r={float(part.readout_scale):g}${rate}"


def _against_entropy(axes: Axes, data: xr.Dataset, settings: Sequence[str]) -> None:
    colours = iter(_COLOURS)
    colour = ""
    for name in settings:
        part = data.sel(setting=name)
        single = int(part.teachers) == 1
        if not name.endswith("half the rate"):
            colour = GREY if single else PALETTE[next(colours)]
        samples = part.specialisation.transpose("angle", "draw")
        measure = r" ($S_\mathrm{use}$)" if single else ""
        points_over_seeds(axes, part.entropy, samples, label=_label(part) + measure, **_look(part, colour))
    axes.set_xlabel(axis_label(data.entropy))
    axes.set_ylabel(r"specialisation $S_\mathrm{sel}$")
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)


def _solved(axes: Axes, data: xr.Dataset) -> None:
    colours = iter(_COLOURS)
    for name in _ENTROPY:
        part = data.sel(setting=name)
        colour = GREY if int(part.teachers) == 1 else PALETTE[next(colours)]
        hits = part.solved.transpose("angle", "draw").values.sum(axis=-1)
        lower, upper = wilson_band(hits, part.sizes["draw"])
        simulation_points(axes, part.entropy, hits / part.sizes["draw"], lower, upper, **_look(part, colour))
    axes.set_xlabel(axis_label(data.entropy))
    axes.set_ylabel(r"share of draws with $\epsilon_1<10^{-3}$")
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)


def _drawn(axes: Axes, data: xr.Dataset) -> None:
    middle = data.isel(random_scale=data.sizes["random_scale"] // 2)
    for students, marker, colour in zip(
        data.random_students.values, "o^", ("blue", "vermilion"), strict=False
    ):
        part = middle.sel(random_students=students)
        entropy, found = part.random_entropy.values, part.selectivity.values
        strength = float(np.corrcoef(entropy, found)[0, 1])
        axes.plot(
            entropy,
            found,
            linestyle="",
            marker=marker,
            color=PALETTE[colour],
            markersize=2.6,
            markeredgewidth=0,
            label=f"$K={int(students)}$, correlation {strength:.2f}",
        )
        level = float(part.even_selectivity.mean())
        axes.axhline(level, color=PALETTE[colour], linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
    axes.set_xlabel(axis_label(data.random_entropy))
    axes.set_ylabel(axis_label(data.selectivity))
    axes.set_title(rf"$M=2$, $\sigma_h={float(middle.random_scale):g}$", loc="right")
    axes.set_xlim(None, 1.03)
    axes.set_ylim(-0.03, 1.25)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.legend(loc="upper left")
