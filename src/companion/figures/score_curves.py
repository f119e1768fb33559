"""Figures of learning curves and clocks of score models: stored datasets in, Figure out."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure

HIGH, LOW = PALETTE["vermilion"], PALETTE["blue"]
_TRAIN, _TEST = (0, (4, 1.5)), "-"


@described(
    title="Each class learns, and memorises, in its own time",
    caption="Losses per coordinate of the two classes of run V1, $\\sigma=(1.5,.5)$, $M=1$, $t=.1$, $\\psi_n=8$, "
    "$\\psi_p=16$, against eigen-time. Lines: theory, $d\\to\\infty$ (solid: test, dashed: training); markers: "
    "closed form at finite $d$, mean over draws with 95 % bootstrap intervals. Triangles: descent with new noise "
    "in every step. Grey dashes: the class's Bayes loss.",
    equation=r"L_c(T)=1-2\sum_k c_k\Delta\,(P(-s_k)\pi)_c-\Delta\sum_{kl}c_kc_l\,\pi^\top P_{12}(k,l)\,\pi",
    claims=["p2rf_k1_theory_predicts_times"],
)
def learning_curves(curves: xr.Dataset) -> Figure:
    """Train and test losses of one setting, one panel for each class."""
    drawing, panels = figure("text", height=2.4, ncols=2)
    part = curves.isel(setting=0)
    time, mark = part.time.values, part.mark.values
    for label, (axes, colour, name) in enumerate(
        zip(panels, (HIGH, LOW), ("larger variance", "smaller variance"), strict=True)
    ):
        for which, dashes, marker in (("test", _TEST, "o"), ("train", _TRAIN, "s")):
            theory_line(axes, time, part[which].isel(label=label), color=colour, linestyle=dashes)
            samples = part[f"simulated_{which}"].isel(label=label).transpose("mark", "draw").values
            face = {"markerfacecolor": "white", "markeredgewidth": 0.7} if which == "train" else {}
            points_over_seeds(axes, mark, samples, color=colour, fmt=marker, **face)
            if f"descended_{which}" in part:
                _descended(
                    axes, part[f"descended_{which}"].isel(label=label), "^" if which == "test" else "v"
                )
        guide(axes, y=float(1 - part.reducible.isel(label=label)))
        axes.set_xscale("log")
        axes.set_xlabel(axis_label(part.time))
        axes.set_ylabel("loss $L_c$")
        axes.set_title(name)
    handles = [
        Line2D([], [], color=PALETTE["ink"], marker="o", linestyle=_TEST, label="test"),
        Line2D(
            [],
            [],
            color=PALETTE["ink"],
            marker="s",
            markerfacecolor="white",
            linestyle=_TRAIN,
            label="training",
        ),
        Line2D(
            [], [], color=PALETTE["ink"], marker="^", markerfacecolor="none", linestyle="", label="descent"
        ),
    ]
    panels[0].legend(handles=handles)
    letter_panels(panels)
    return drawing


def _descended(axes: Axes, losses: xr.DataArray, marker: str) -> None:
    """Hollow triangles in ink for models that saw drawn noise."""
    ink = {"color": PALETTE["ink"], "markerfacecolor": "none", "markeredgewidth": 0.6, "markersize": 3.5}
    samples = losses.transpose("descent_time", "descent").values
    points_over_seeds(axes, losses.descent_time.values, samples, fmt=marker, **ink)


@described(
    title="Memorisation waits for the number of examples, generalisation does not",
    caption="One class of unit variance, $t=.01$, $\\psi_p=64$. (a) Medians of the generalisation band (circles) "
    "and of the memorisation band (squares) of the features' second moments, mean over draws of $W$ with 95 % "
    "bootstrap intervals; dashed: $1/n$. (b) Clocks of the theory: generalisation at half of the reducible loss, "
    "memorisation at a gap of $.05$; dashed: $n$.",
    equation=r"\mathrm{dashed}:\ \lambda\propto\frac1n,\ T\propto n,\qquad "
    r"T_\mathrm{gen}=\min\{T:1-L\geq\tfrac12(1-L^*)\},\qquad "
    r"T_\mathrm{mem}=\min\{T:L-L_\mathrm{train}\geq.05\}",
    claims=["p2rf_k7_linear_in_n"],
)
def sample_size(sizes: xr.Dataset) -> Figure:
    """Band medians (left) and clocks (right) against the number of examples per dimension."""
    drawing, (left, right) = figure("text", height=2.4, ncols=2)
    ratio = sizes.sample_ratio.values
    for name, colour, marker, text in (
        ("generalisation_band", PALETTE["green"], "o", "generalisation"),
        ("memorisation_band", PALETTE["plum"], "s", "memorisation"),
    ):
        samples = sizes[name].transpose("sample_ratio", "draw").values
        points_over_seeds(left, ratio, samples, color=colour, fmt=marker, label=text)
    middle = float(np.exp(np.log(sizes.memorisation_band).mean()))
    centre = float(np.exp(np.log(ratio).mean()))
    dashed = {"color": GREY, "linestyle": (0, (4, 2)), "linewidth": 0.8}
    theory_line(left, ratio, middle * centre / ratio, **dashed, label=r"$\propto 1/n$")
    left.set_ylabel(r"median eigenvalue $\lambda$")
    memorised = sizes.mem_gap_absolute.values
    theory_line(right, ratio, sizes.gen_passage, color=PALETTE["green"], label=axis_label(sizes.gen_passage))
    theory_line(right, ratio, memorised, color=PALETTE["plum"], label=axis_label(sizes.mem_gap_absolute))
    theory_line(right, ratio, memorised[0] * ratio / ratio[0], **dashed, label=r"$\propto n$")
    right.set_ylabel("eigen-time $T$")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xlabel(axis_label(sizes.sample_ratio))
        axes.set_xticks(ratio, [f"{value:g}" for value in ratio])
        axes.legend()
    letter_panels((left, right))
    return drawing


_EVENTS = (
    ("gen_passage", {"share": 0.5}, "half learned", "o"),
    ("gen_passage", {"share": 0.9}, "learned to 90 %", "D"),
    ("early_stop", {}, "lowest test loss", "v"),
    ("mem_gap_absolute", {"gap": 0.1}, "memorised, gap 0.1", "s"),
)


@described(
    title="Memorised while the other is still learned",
    caption="Clocks of both classes on one axis of eigen-time, one line for each run and class (vermilion: larger "
    "variance; blue: smaller). Markers: closed form at finite $d$, median over draws with the range of draws; thin "
    "marks of ink: theory. What is never reached stands at the right edge. V1: $\\sigma=(1.5,.5)$, $M=1$; V2: "
    "$(1.2,.8)$, $M=1$; R5, R1: $(1.2,.8)$, $M=16$, shares one half and a tenth; MR: $(1.1,.9)$, $M=4$, a tenth of "
    "low variance.",
    equation=r"T_\mathrm{gen}^c(q)=\min\{T:1-L_c\geq q\,(1-L_c^*)\},\qquad L_c(T_\mathrm{stop}^c)=\min_TL_c,\qquad "
    r"T_\mathrm{mem}^c=\min\{T:L_c-L_{\mathrm{train},c}\geq.1\}",
    claims=["p2rf_k6_window"],
)
def window(curves: xr.Dataset) -> Figure:
    """A time line for each run and class with its four events."""
    names = [str(name) for name in curves.setting.values]
    drawing, axes = figure("text", height=0.7 + 0.36 * len(names))
    edge = 1.6 * float(curves.attrs["last_time"])
    rows = []
    for place, name in enumerate(names):
        for label, colour in ((0, HIGH), (1, LOW)):
            row = place + 0.34 * label
            rows.append((row, name if label == 0 else ""))
            axes.axhline(row, color=colour, linewidth=0.4, alpha=0.5, zorder=1.0)
            for clock, level, _, marker in _EVENTS:
                part = curves.sel(setting=name).isel(label=label)
                _event(axes, row, part, clock, level, marker, colour, edge)
    axes.set_xscale("log")
    axes.set_xlim(0.5 * _earliest(curves), 1.3 * edge)
    axes.set_ylim(len(names) - 0.3, -0.6)
    axes.set_yticks([row + 0.17 for row, name in rows if name], names)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("eigen-time $T$")
    handles = [
        Line2D([], [], color=PALETTE["ink"], linestyle="", marker=marker, label=text)
        for *_, text, marker in _EVENTS
    ]
    handles.append(
        Line2D([], [], color=PALETTE["ink"], linestyle="", marker="|", markersize=7, label="theory")
    )
    axes.text(edge, -0.75, "never", ha="center", va="bottom", fontsize=6, color=GREY)
    drawing.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return drawing


def _earliest(curves: xr.Dataset) -> float:
    return float(curves.simulated_gen_passage.sel(share=0.5, method="nearest").min())


def _event(
    axes: Axes, row: float, part: xr.Dataset, clock: str, level: dict, marker: str, colour: str, edge: float
) -> None:
    samples, predicted = part[f"simulated_{clock}"], part[clock]
    if level:
        samples, predicted = (values.sel(level, method="nearest") for values in (samples, predicted))
    shown = np.minimum(samples.values, edge)
    low, middle, high = np.quantile(shown, [0.0, 0.5, 1.0])
    axes.plot([low, high], [row, row], color=colour, linewidth=1.6, zorder=2.0)
    axes.plot(middle, row, marker, color=colour, markersize=4, markeredgewidth=0, zorder=3.0)
    axes.plot(min(float(predicted), edge), row, "|", color=PALETTE["ink"], markersize=7, zorder=4.0)
