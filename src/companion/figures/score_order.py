"""Figures on the order in which score models learn their classes: stored datasets in, Figure out."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter

from companion.analysis.statistics import bootstrap_interval, log_ratio, median
from companion.compute.seeds import generator
from companion.figures.described import described
from companion.figures.marks import letter_panels, points_over_seeds, theory_line
from companion.figures.style import DIVERGING, PALETTE, axis_label, figure

HIGH, LOW = PALETTE["vermilion"], PALETTE["blue"]
_CLOCKS: tuple[tuple[str, dict[str, float], str, str, Any], ...] = (
    ("gen_passage", {"share": 0.5}, "generalisation, $T_{gen}(0.5)$", "o", "-"),
    ("mem_gap_absolute", {"gap": 0.05}, "memorisation, gap 0.05", "s", (0, (4, 1.5))),
)
_TIME = "eigen-time $T$"
_CLOCK_TIMES = (
    r"T_\mathrm{gen}^c=\min\{T:1-L_c\geq\tfrac12(1-L_c^*)\},\qquad "
    r"T_\mathrm{mem}^c=\min\{T:L_c-L_{\mathrm{train},c}\geq.05\}"
)


@described(
    title="Higher variance comes first",
    caption="Generalisation time (half of the reducible loss) and memorisation time (gap of $.05$ between test and "
    "training loss) of the class with the larger (vermilion) and the smaller standard deviation (blue) against their "
    "ratio, at $\\sigma_1+\\sigma_2=2$, $M=1$, $t=.1$, $\\psi_n=8$, $\\psi_p=16$. Lines: theory; markers: closed form "
    "at finite $d$, mean over draws with 95 % bootstrap intervals.",
    equation=_CLOCK_TIMES,
    claims=["p2rf_k2_variance_first"],
)
def variance_order(order: xr.Dataset) -> Figure:
    """Clocks of both classes against the ratio of their standard deviations."""
    drawing, axes = figure("column", height=2.6)
    _draw_clocks(axes, order, order.ratio.values, order.point_ratio.values)
    axes.set_xlabel(axis_label(order.ratio))
    _legend(axes)
    return drawing


@described(
    title="Centroids decide little",
    caption="Clocks of two classes of equal variance ($\\sigma=1$) against (a) the ratio of their centroid norms, "
    "orthogonal centroids, and (b) the angle between centroids with $|\\mu|^2/d=2$ (vermilion) and $.5$ (blue); "
    "$t=.1$, $\\psi_n=8$, $\\psi_p=16$. Lines: theory; markers: closed form at finite $d$, 95 % bootstrap "
    "intervals over draws.",
    equation=_CLOCK_TIMES + r",\qquad M_{cc'}=\frac{\mu_c\cdot\mu_{c'}}{d}",
    claims=["p2rf_k3_centroid_secondary"],
)
def geometry_order(order: xr.Dataset) -> Figure:
    """Clocks against the ratio of centroid norms (left) and their angle (right)."""
    drawing, panels = figure("text", height=2.4, ncols=2, sharey=True)
    labels = {"norm": r"$|\mu_1|/|\mu_2|$", "angle": "angle between centroids (degrees)"}
    for axes, name in zip(panels, ("norm", "angle"), strict=True):
        part = order.isel(setting=order.axis.values == name, point=order.point_axis.values == name)
        _draw_clocks(axes, part, part.value.values, part.point_value.values)
        axes.set_xlabel(labels[name])
    panels[0].set_xscale("log")
    panels[0].xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    panels[1].set_xticks([0, 45, 90, 135, 180])
    panels[1].set_ylabel("")
    _legend(panels[0], first="larger, or class 1", second="smaller, or class 2")
    letter_panels(panels)
    return drawing


def _draw_clocks(axes: Axes, order: xr.Dataset, at: np.ndarray, point_at: np.ndarray) -> None:
    for name, level, _, marker, dashes in _CLOCKS:
        for label, colour in ((0, HIGH), (1, LOW)):
            line = order[name].sel(level, method="nearest").isel(label=label).values
            theory_line(axes, at, np.where(np.isinf(line), np.nan, line), color=colour, linestyle=dashes)
            drawn = order[f"simulated_{name}"].sel(level, method="nearest").isel(label=label)
            samples = drawn.transpose("point", "draw").values
            reached = np.isfinite(samples).all(axis=1)
            points_over_seeds(axes, point_at[reached], samples[reached], color=colour, fmt=marker)
    axes.set_yscale("log")
    axes.set_ylabel(_TIME)


def _legend(axes: Axes, first: str = "larger variance", second: str = "smaller variance") -> None:
    clocks = [
        Line2D([], [], color=PALETTE["ink"], linestyle=dashes, marker=marker, label=text)
        for _, _, text, marker, dashes in _CLOCKS
    ]
    classes = [Line2D([], [], color=HIGH, label=first), Line2D([], [], color=LOW, label=second)]
    axes.legend(handles=[*clocks, *classes], fontsize=6)


@described(
    title="Where low exposure reverses the order, and where it does not",
    caption="Theory for $\\log(T_{low}/T_{high})$ of generalisation (half of the reducible loss) over the share "
    "$\\pi_1$ of the high-variance class and (a) the ratio of standard deviations, (b) the squared centroid norm, "
    "(c) the angle between centroids; where not varied $\\sigma=(1.2,.8)$, $|\\mu|^2/d=16$, orthogonal; $t=.5$, "
    "$\\psi_n=\\psi_p=16$. Red: the high-variance class first; blue: order reversed; black line: equal; dashed: "
    "reduced model, $n=\\infty$. Grey hatching: no share below one half reverses the order.",
    equation=r"\pi_1<\pi_1^*:\ T_{gen,high}>T_{gen,low}",
    claims=["p2rf_k4_exposure_reverses"],
)
def phase_diagram(phases: xr.Dataset) -> Figure:
    """Sign and size of the advantage of the high-variance class, three planes."""
    drawing, panels = figure("text", height=2.3, ncols=3, sharey=True)
    norm = TwoSlopeNorm(0.0, vmin=-0.6, vmax=0.6)
    image = None
    shares = phases.share.values
    labels = (r"$\sigma_1/\sigma_2$", r"$|\mu|^2/d$", "angle (degrees)")
    for axes, name, label in zip(panels, phases.axis.values, labels, strict=True):
        part = phases.sel(axis=name)
        at, advantage = part.value.values, np.ma.masked_invalid(part.advantage.values)
        image = axes.pcolormesh(
            at, shares, advantage, cmap=DIVERGING, norm=norm, shading="nearest", rasterized=True
        )
        _zero(axes, at, shares, part.advantage.values, "-", 1.2)
        _zero(axes, at, shares, part.reduced.values, (0, (3, 2)), 0.8)
        _hatch_unreversed(axes, at, shares, part.advantage.values)
        axes.set_yscale("log")
        axes.set_xlabel(label)
        axes.set_xlim(at.min(), at.max())
    panels[0].set_ylabel(axis_label(phases.share))
    panels[0].yaxis.set_minor_locator(NullLocator())
    panels[0].set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
    panels[2].set_xticks([0, 45, 90, 135, 180])
    assert image is not None
    bar = drawing.colorbar(image, ax=panels, shrink=0.9, aspect=22, pad=0.01, extend="both")
    bar.set_label(axis_label(phases.advantage))
    letter_panels(panels)
    return drawing


def _zero(axes: Axes, at: np.ndarray, shares: np.ndarray, values: np.ndarray, dashes, width: float) -> None:
    if np.nanmin(values) < 0 < np.nanmax(values):
        axes.contour(
            at, shares, values, levels=[0.0], colors=PALETTE["ink"], linewidths=width, linestyles=[dashes]
        )


def _hatch_unreversed(axes: Axes, at: np.ndarray, shares: np.ndarray, advantage: np.ndarray) -> None:
    """Hatch the places at which no share of at most one half puts the low-variance class first."""
    never = ~(advantage[shares <= 0.5] < 0).any(axis=0)
    if never.any():
        edges = np.concatenate([at[:1], (at[1:] + at[:-1]) / 2, at[-1:]])
        for place in np.flatnonzero(never):
            axes.axvspan(
                edges[place],
                edges[place + 1],
                facecolor="none",
                edgecolor="#555555",
                hatch="///",
                linewidth=0,
            )


@described(
    title="Exposure sets generalisation, support sets memorisation",
    caption="Clocks of the high-variance class in a 2 x 2 design: its weight in the loss (horizontal) and its "
    "share of the examples (vermilion: one half; blue: one tenth). (a) Generalisation time, half of the reducible "
    "loss; (b) memorisation time, gap of $.05$. $\\sigma=(1.2,.8)$, $M=16$, $t=.5$, $\\psi_n=\\psi_p=16$. Lines: "
    "theory; markers: closed form at finite $d$, 95 % bootstrap intervals over draws.",
    equation=r"L_\mathrm{train}=\sum_cw_cL_{\mathrm{train},c},\qquad n_c=\pi_cn,\qquad " + _CLOCK_TIMES,
    claims=["p2rf_k4b_exposure_or_support"],
)
def support_exposure(design: xr.Dataset) -> Figure:
    """Times of the high-variance class against its weight in the loss, one line for each share of examples."""
    drawing, panels = figure("text", height=2.3, ncols=2)
    for axes, (name, level, text, _, _) in zip(panels, _CLOCKS, strict=True):
        for support, colour, marker, dashes, aside in (
            (0.5, HIGH, "o", "-", 0.97),
            (
                0.1,
                LOW,
                "s",
                (0, (4, 2)),
                1.03,
            ),  # set apart, since the two coincide where support does not count
        ):
            part = design.isel(setting=design.support.values == support).sortby("exposure")
            line = part[name].sel(level, method="nearest").isel(label=0).values
            theory_line(axes, part.exposure.values, line, color=colour, linestyle=dashes)
            samples = part[f"simulated_{name}"].sel(level, method="nearest").isel(label=0)
            samples = samples.transpose("setting", "draw").values
            reached = np.isfinite(samples).all(axis=1)
            points_over_seeds(
                axes,
                aside * part.exposure.values[reached],
                samples[reached],
                color=colour,
                fmt=marker,
                label=f"examples: {support:g}",
            )
        axes.set_yscale("log")
        axes.set_xscale("log")
        axes.set_xticks([0.1, 0.5], ["0.1", "0.5"])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(0.08, 0.62)
        axes.set_xlabel("weight in the loss")
        axes.set_ylabel(f"{_TIME}: {text}")
    panels[0].yaxis.set_minor_formatter(ScalarFormatter())
    panels[0].legend()
    letter_panels(panels)
    return drawing


_ROWS = (
    *(("gen_passage", "share", level, f"generalised {level:g}") for level in (0.3, 0.5, 0.7, 0.9)),
    ("early_stop", "", 0.0, "early stop"),
    *(("mem_gap", "margin", level, f"gap {level:g} rel.") for level in (0.1, 0.25, 0.5, 1.0)),
    *(("mem_gap_absolute", "gap", level, f"gap {level:g} abs.") for level in (0.05, 0.1)),
)
_EDGE, _INSIDE = 7.0, 6.0  # of log(T_2/T_1)
_MOST_TIES = 0.25  # as in the protocol of the claims
_SHOWN = {
    "V20": r"$\sigma=(1.2,0.8)$" "\n$M=0$",
    "V2": r"$\sigma=(1.2,0.8)$" "\n$M=1$",
    "V0": r"$\sigma=(1.5,0.5)$" "\n$M=0$",
    "V1": r"$\sigma=(1.5,0.5)$" "\n$M=1$",
    "G1": r"$\sigma=(1,1)$" "\n" r"$M=(2,\frac{1}{2})$",
    "G2": r"$\sigma=(1.2,0.8)$" "\n" r"$M=(2,\frac{1}{2})$",
    "R5": r"$M=16$" "\n" r"$\pi=(\frac{1}{2},\frac{1}{2})$",
    "R1": r"$M=16$" "\n" r"$\pi=(0.1,0.9)$",
    "MR": r"$M=4$" "\n" r"$\pi=(0.9,0.1)$",
}


@described(
    title="The same contrasts on every clock",
    caption="$\\log(T_2/T_1)$, positive where class 1 (the larger variance, or in the fifth panel the larger "
    "centroid norm) comes first, for every threshold of every clock (linear within .5, logarithmic beyond): mean "
    "over draws, median where some never get there, with 95 % bootstrap intervals. Where one class never gets "
    "there the marker stands at the edge; where in more than a quarter of the draws neither does it is left out.",
    equation=r"T_\mathrm{gen}^c=\min\{T:1-L_c\geq q\,(1-L_c^*)\},\qquad L_c(T_\mathrm{stop}^c)=\min_TL_c,\qquad "
    r"T_\mathrm{mem}^c=\min\{T:L_c-L_{\mathrm{train},c}\geq\epsilon\,(1-L_c^*)\}\ \mathrm{or}\ \geq\epsilon",
    claims=["p2rf_k2_variance_first", "p2rf_k3_centroid_secondary", "p2rf_k4c_memorisation_reverses"],
)
def robustness(clocks: xr.Dataset) -> Figure:
    """Forest of contrasts: one panel for each setting, one row for each clock and threshold."""
    names = [name for name in _SHOWN if name in clocks.setting.values]
    drawing, panels = figure("text", height=2.6, ncols=len(names), sharey=True, squeeze=False)
    for axes, name in zip(panels[0], names, strict=True):
        part = clocks.sel(setting=name)
        for row, (clock, dim, level, _) in enumerate(_ROWS):
            drawn = part[f"simulated_{clock}"]
            found = drawn.sel({dim: level}, method="nearest") if dim else drawn
            _draw_contrast(axes, row, *found.transpose("label", "draw").values)
        axes.axvline(0.0, color="#808080", linewidth=0.6, zorder=1.0)
        axes.set_xscale("symlog", linthresh=0.5, linscale=0.7)
        axes.set_xlim(-_EDGE, _EDGE)
        axes.set_xticks([-4, -0.5, 0, 0.5, 4], ["-4", "", "0", "", "4"])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(f"{name}\n{_SHOWN[name]}", fontsize=6)
        axes.tick_params(axis="y", length=0)
    panels[0, 0].set_yticks(range(len(_ROWS)), [text for *_, text in _ROWS], fontsize=6)
    panels[0, 0].set_ylim(len(_ROWS) - 0.5, -0.5)
    panels[0, len(names) // 2].set_xlabel(r"$\log(T_2/T_1)$")
    return drawing


def _draw_contrast(axes: Axes, row: int, first: np.ndarray, second: np.ndarray) -> None:
    """A point with its interval along x, kept inside the panel; nothing where too many pairs are tied."""
    ratios, never = log_ratio(first, second), np.isinf(first) & np.isinf(second)
    if np.isnan(ratios).any() or never.mean() > _MOST_TIES:
        return
    statistic = median if np.isinf(first).any() or np.isinf(second).any() else np.mean
    centre = float(statistic(ratios))
    inside = float(np.clip(centre, -_INSIDE, _INSIDE))
    marker = "o" if inside == centre else (">" if centre > 0 else "<")
    colour = HIGH if centre > 0 else LOW
    if ratios.size > 1:
        ends = bootstrap_interval(ratios, statistic, generator=generator(0, "error bars"))
        axes.plot(np.clip(ends, -_EDGE, _EDGE), [row, row], color=colour, linewidth=0.7)
    axes.plot(inside, row, marker, color=colour, markersize=2.5)
