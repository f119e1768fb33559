"""Figures of speciation: with the exact score of Gaussian classes, and with scores that are being learned."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, theory_line
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

_ROLES = {"majority": PALETTE["blue"], "minority": PALETTE["vermilion"]}
#: A minority's weight below which the majority's own points say nothing of its time.
_MEASURABLE = 5e-3


@described(
    title="A minority speciates late",
    caption="Exact score of Gaussian classes with orthogonal centroids of norm $\\sqrt d$. (a) Attribution of two "
    "majorities (dashed) and a minority (solid), by the weight of the minority; markers: share of clones of the "
    "backward process that end in the class of the noised point that they start from. (b) Normalised speciation times "
    "of these three classes against the weight of the minority; lines: many points. (c) A minority beside one class: "
    "its absolute time and the normalised times of both (rings: majority), which coincide; lines: closed forms. (d) "
    "Growth with the dimension for two balanced classes that differ in means or in variances; lines: closed forms for "
    "large $d$. Markers: means of draws with 95 % bootstrap intervals, in (b-d) smaller than the markers.",
    equation=r"C_c(t)=\mathrm{E}\left[P(c\mid x_t)\mid c\right],\qquad "
    r"\frac{C_c(t_S)-\pi_c}{1-\pi_c}=\frac12,\qquad "
    r"t_{\min}=\frac12\log\frac{|\mu_c-\mu_{c'}|^2}{2\log(\pi_{c'}/\pi_c)}",
    claims=["p2rf_k5_minority_speciates_late"],
)
def speciation(data: xr.Dataset) -> Figure:
    """Attribution curves, times for three classes and for two against weight, times against dimension."""
    drawing, grid = figure("text", height=4.0, nrows=2, ncols=2)
    curves, three, two, growth = grid.flat
    _curves(curves, data)
    _three(three, data)
    _two(two, data)
    _growth(growth, data)
    letter_panels(grid.flat)
    return drawing


def _curves(axes: Axes, data: xr.Dataset) -> None:
    colours = shades(data.sizes["curve_weight"])
    for place, colour in enumerate(colours):
        part = data.isel(curve_weight=place)
        for role, line in (("majority", "--"), ("minority", "-")):
            theory_line(axes, data.time, part["curve"].sel(role=role), color=colour, linestyle=line)
            points_over_seeds(
                axes,
                data.start,
                part.ended.sel(role=role).transpose("start", "draw"),
                color=colour,
                markerfacecolor="white" if role == "majority" else colour,
                markeredgewidth=0.7,
                markersize=2.8,
            )
    handles = [
        Line2D([], [], color=colour, label=rf"$\pi_{{\min}}={_share(float(weight))}$")
        for colour, weight in zip(colours, data.curve_weight.values, strict=True)
    ]
    ring = {"marker": "o", "markersize": 2.8, "markerfacecolor": "white"}
    handles += [
        Line2D([], [], color=GREY, marker="o", markersize=2.8, label="minority"),
        Line2D([], [], color=GREY, linestyle=(0, (2.4, 1.2)), label="majority", **ring),
    ]
    axes.legend(handles=handles, loc="lower left", handlelength=2.2)
    axes.set_xlabel(axis_label(data.time))
    axes.set_ylabel(axis_label(data["curve"]))
    axes.set_xlim(0, None)
    axes.set_ylim(0, 1.02)


def _share(weight: float) -> str:
    """A weight as a reader writes it: 1/3, 0.1, 10^{-3}."""
    if abs(3 * weight - 1) < 1e-6:
        return "1/3"
    exponent = np.log10(weight)
    if weight < 0.01 and abs(exponent - round(exponent)) < 1e-9:
        return f"10^{{{round(exponent)}}}"
    return f"{weight:g}"


def _three(axes: Axes, data: xr.Dataset) -> None:
    for role, colour in _ROLES.items():
        theory_line(axes, data.line_weight, data.three_line.sel(role=role), color=colour, label=role)
        samples = data.three.isel(label=[0, 1] if role == "majority" else [2]).mean("label")
        points_over_seeds(axes, data.weight, samples.transpose("weight", "draw"), color=colour)
    _over_weights(axes, data, "normalised $t_S$, two majorities")


def _two(axes: Axes, data: xr.Dataset) -> None:
    colour = _ROLES["minority"]
    theory_line(axes, data.closed_weight, data.closed_normalised, color=GREY, label="both, normalised")
    theory_line(axes, data.closed_weight, data.closed_absolute, color=colour, label="minority, absolute")
    points_over_seeds(axes, data.weight, data.two_absolute.transpose("weight", "draw"), color=colour)
    # One normalised time: the majority's mark is a ring around the minority's.
    shown = data.weight.values > _MEASURABLE
    for role, marks in (
        ("majority", {"markerfacecolor": "none", "markeredgewidth": 0.7, "markersize": 5}),
        ("minority", {"markersize": 2.2}),
    ):
        samples = data.two_normalised.sel(class_of_two=role).transpose("weight", "draw")[shown]
        points_over_seeds(axes, data.weight[shown], samples, color=_ROLES[role], **marks)
    _over_weights(axes, data, "$t_S$, one majority")


def _over_weights(axes: Axes, data: xr.Dataset, label: str) -> None:
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(data.weight))
    axes.set_ylabel(label)
    axes.minorticks_off()
    axes.legend(loc="lower right")


def _growth(axes: Axes, data: xr.Dataset) -> None:
    first, second = data.attrs["deviations"]
    words = {
        "means": ("means, slope 1/2", "blue"),
        "variances": (rf"variances, $\sigma=({first:g},\,{second:g})$, slope 1/4", "green"),
    }
    for name, (label, colour) in words.items():
        part = data.sel(difference=name)
        samples = part.measured.transpose("growth_dimension", "draw")
        theory_line(axes, data.growth_dimension, part.law, color=PALETTE[colour], label=label)
        points_over_seeds(axes, data.growth_dimension, samples, color=PALETTE[colour])
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(data.growth_dimension))
    axes.set_ylabel("normalised $t_S$, balanced")
    axes.set_ylim(0, None)
    axes.legend(loc="upper left")


@described(
    title="Speciation while the score is being learned",
    caption="Backward process with random-features scores (ReLU, one second layer for each $t$) trained for eigen-time "
    "$T$ on two majorities and a minority. (a, b) Share of clones that end in the class that they come from; black: "
    "attribution with the exact score, crosses: clones of the exact score on the same grid of times. (c) Share of each "
    "class among samples generated from noise; dashed: true weights. (d) Speciation times, from curves normalised by "
    "these shares; dashed: exact score. Markers: means of training sets with 95 % bootstrap intervals (in (d) moved "
    "apart for sight); $T=0$ is the untrained score, $s=0$.",
    equation=r"s(x)=\frac{A_t(T)\,\sigma(Wx/\sqrt d)}{\sqrt p},\qquad "
    r"\frac{C_c(t_S)-\pi_c(T)}{1-\pi_c(T)}=\frac12",
    claims=["p2rf_k5_minority_speciates_late"],
)
def learned_speciation(data: xr.Dataset) -> Figure:
    """Attribution of both roles at several training times, class shares and speciation times against T."""
    drawing, grid = figure("text", height=4.0, nrows=2, ncols=2)
    minority, majority, shares, times = grid.flat
    _learned_curves(minority, data, "minority")
    _learned_curves(majority, data, "majority")
    minority.legend(loc="lower left")
    minority.set_ylabel("clones that return to the class")
    _over_training(shares, data, data.share, data.weight, apart=1.0)
    _over_training(times, data, data.time, data.exact_time, apart=1.1)
    shares.set_ylim(0, None)
    shares.legend(loc="center right")
    letter_panels(grid.flat)
    return drawing


def _learned_curves(axes: Axes, data: xr.Dataset, role: str) -> None:
    trainings = data.training.values
    places = sorted({round(place) for place in np.linspace(0, len(trainings) - 1, 4)})
    theory_line(axes, data.moment, data["curve"].sel(role=role), color=PALETTE["ink"], label="exact score")
    for place, colour in zip(places, shades(len(places)), strict=True):
        points_over_seeds(
            axes,
            data.start,
            data.attribution.isel(training=place).sel(role=role).transpose("start", "draw"),
            color=colour,
            linewidth=0.6,
            fmt="-o",
            markersize=2.5,
            label=f"$T={_training(float(trainings[place]))}$",
        )
    points_over_seeds(
        axes,
        data.start,
        data.control_attribution.sel(role=role).transpose("start", "draw"),
        color=PALETTE["ink"],
        fmt="x",
        markersize=3,
        markeredgewidth=0.7,
    )
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(data.start))
    axes.set_ylim(0, 1.02)
    axes.set_title(role)


def _training(value: float) -> str:
    exponent = np.log10(value) if value > 0 else 0.0
    if abs(exponent - round(exponent)) < 1e-9 and abs(exponent) >= 3:
        return f"10^{{{round(exponent)}}}"
    return f"{value:g}"


def _over_training(
    axes: Axes, data: xr.Dataset, values: xr.DataArray, exact: xr.DataArray, *, apart: float
) -> None:
    trainings = data.training.values
    positive = trainings[trainings > 0]
    # The untrained score has a place of its own, left of the logarithmic axis.
    places = np.where(trainings > 0, trainings, positive.min() / 8)
    for shift, (role, colour) in zip((1 / apart, apart), _ROLES.items(), strict=True):
        level = float(exact.sel(role=role))
        axes.axhline(level, color=colour, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1.0)
        samples = values.sel(role=role).transpose("training", "draw")
        line = {"fmt": "-o", "linewidth": 0.7, "label": role}
        points_over_seeds(axes, places * shift, samples, color=colour, **line)
    axes.set_xscale("log")
    axes.set_xlabel(axis_label(data.training))
    axes.set_ylabel(axis_label(values))
    axes.set_xticks(places, [f"${_training(float(value))}$" for value in trainings])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
