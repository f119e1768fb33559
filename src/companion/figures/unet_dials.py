"""Figures of the dials: how the clocks of two classes part with variance alone, and with centroid norm alone."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.beside import beside, taken_out
from companion.figures.described import described
from companion.figures.marks import letter_panels
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_contrasts import (
    RATIO,
    contrasts,
    draw_contrasts,
    draw_theory,
    ratio_axis,
    span,
)
from companion.figures.unet_curves import CLOCKS, as_drawn

#: Clocks that experiment and theory have in common.
OVERLAID = ("early_stop", "mem_gap")
_EXPERIMENT = (*OVERLAID, "mem_copy")
_NATURAL = "natural"
_MARKS = (
    "Markers: mean over replicates (small dots) with 95 % bootstrap interval, medians where some never get there; "
    "open with an arrow: one class never does; left out where neither does in more than a quarter of the runs. "
)
_CONFOUND = (
    "The clock of copies reads $d_1/d_2<1/3$, whose tolerance $d_2/3$ grows with the standard deviation of a class; "
    "the two clocks of losses have no such threshold. "
)
_THEORY = (
    "(b) The same contrast by the asymptotic random-features model ($\\psi_n=8$, $\\psi_p=16$) on a mixture with the "
    "variances and centroids of these images, on a scale of its own: another model and another optimiser (the "
    "U-Nets have averaged weights and see low noise more often), to be compared in sign and shape. "
)


@described(
    title="The wider half is first",
    caption="Half of a class, widened by $g$ about its centroid, beside the other half as it is: centroids of equal "
    "norm, shapes of the covariances alike. (a) Ratio of the clocks of the two halves; above 1 the dialled half is "
    "first; at $g=1$ both are the same by construction, which is the null test. "
    + _MARKS
    + _THEORY
    + _CONFOUND
    + "Class, counts, gains and recipe are our settings; the runs at $g=1$ are shared with the centroid dial.",
    equation=r"x'=m'+g\,(x-m)",
    claims=["p2unet_c2_variance_first", "p2unet_c3_null", "p2unet_c4_centroid_secondary"],
)
def variance(dial: xr.Dataset) -> Figure:
    """Clock ratios of experiment (left) and theory (right) against the gain of one half."""
    return _dial(dial, "gain", "theory_gain", None)


@described(
    title="The norm of a centroid counts for less",
    caption="Half of a class with its centroid at a multiple of the norm of the other half's, orthogonal to it, with "
    "the same covariance. (a) Ratio of the clocks of the two halves; above 1 the moved half is first; at 1 both are "
    "the same by construction. Open marks with a name: natural pairs of nearly equal variance in raw pixels, "
    "so that their norms differ (their variances and shapes do too, a little). "
    + _MARKS
    + _THEORY
    + _CONFOUND
    + "Classes, counts, norms and recipe are our settings; the runs at 1 are shared with the variance dial.",
    equation=r"x'=\mu_k+(x-m),\qquad |\mu_1|=\rho\,|\mu_2|,\qquad \mu_1\cdot\mu_2=0,\qquad \frac{\tau_2}{\tau_1}",
    claims=["p2unet_c4_centroid_secondary", "p2unet_c3_null"],
)
def centroid(dial: xr.Dataset) -> Figure:
    """Clock ratios of experiment, with natural pairs where `with_natural` put them, and theory, against norms."""
    return _dial(dial, "norm_ratio", "theory_ratio", taken_out(dial, _NATURAL))


def with_natural(dial: xr.Dataset, natural: xr.Dataset) -> xr.Dataset:
    """No more of the dial than is drawn, and beside it natural pairs in raw pixels with their ``norm``."""
    return beside(as_drawn(dial, curves=False), as_drawn(natural, curves=False), _NATURAL)


def _dial(dial: xr.Dataset, dim: str, theory_dim: str, natural: xr.Dataset | None) -> Figure:
    drawing, (left, right) = figure("text", height=2.5, ncols=2)
    at = dial[dim].values.astype(float)
    found = {clock: contrasts(dial.time.sel(clock=clock), dim) for clock in _EXPERIMENT}
    beyond = {} if natural is None else {c: contrasts(natural.time.sel(clock=c), "pair") for c in OVERLAID}
    width = span(each for part in (found, beyond) for row in part.values() for each in row)
    ratio_axis(left, width)
    apart = _apart(at)
    for place, (clock, row) in enumerate(found.items()):
        _, marker, colour = CLOCKS[clock]
        shifted = at * apart ** (place - 1)
        draw_contrasts(left, shifted, row, width, colour=colour, marker=marker, joined=True)
    drawn_at = at
    if natural is not None:
        norms = natural.norm.transpose("pair", "label").values
        places = norms[:, 0] / norms[:, 1]
        drawn_at = np.concatenate([at, places])
        for clock, row in beyond.items():
            _, marker, colour = CLOCKS[clock]
            draw_contrasts(left, places, row, width, colour=colour, marker=marker, filled=False, size=4.6)
        _name_natural(left, natural, places, [row[0].centre for row in zip(*beyond.values(), strict=True)])
    leads = {clock: dial.theory_lead.sel(clock_of_theory=clock).values for clock in OVERLAID}
    theory_width = span([], np.array(list(leads.values())))
    ratio_axis(right, theory_width)
    for clock, values in leads.items():
        draw_theory(right, dial[theory_dim].values, values, theory_width, color=CLOCKS[clock][2])
    for axes, values in ((left, drawn_at), (right, dial[theory_dim].values)):
        _log_ticks(axes, at, values)
        axes.set_xlabel(axis_label(dial[dim]))
        axes.axvline(1.0, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1.0)
    left.set_ylabel(f"ratio of clocks {RATIO}")
    right.set_ylabel(f"{RATIO} by random features")
    letter_panels((left, right))
    handles = [
        Line2D([], [], color=colour, marker=marker, linewidth=0.8, label=text)
        for text, marker, colour in (CLOCKS[clock] for clock in _EXPERIMENT)
    ]
    if natural is not None:
        open_mark: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "linestyle": ""}
        handles.append(Line2D([], [], color=PALETTE["ink"], label="natural pair", **open_mark))
    drawing.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return drawing


def _apart(at: np.ndarray) -> float:
    """A factor that moves the marks of three clocks at one place apart, small against the distance of places."""
    steps = np.diff(np.sort(np.log(at)))
    return float(np.exp(min(0.06 * steps.min(), 0.02))) if steps.size else 1.01


def _log_ticks(axes: Axes, named: np.ndarray, held: np.ndarray) -> None:
    axes.set_xscale("log")
    room = 1.25 * max(np.log(held.max() / held.min()), 0.1) / 2
    centre = np.sqrt(held.max() * held.min())
    axes.set_xlim(centre * np.exp(-room), centre * np.exp(room))
    axes.minorticks_off()
    axes.set_xticks(named, [f"{value:.3g}" for value in named])


def _name_natural(axes: Axes, natural: xr.Dataset, places: np.ndarray, leads: list[float]) -> None:
    """A thin line with a name at each natural pair, on that side of 1 where its marks are not."""
    above = axes.get_xaxis_transform()
    for name, place, lead in zip(natural.pair.values, places, leads, strict=True):
        axes.axvline(place, color=GREY, linewidth=0.4, linestyle=(0, (1, 1.5)), zorder=1.0)
        height, side = (0.98, "top") if lead < 0 else (0.02, "bottom")
        look = {"rotation": 90, "fontsize": 5.5, "color": GREY, "ha": "right", "va": side}
        axes.text(place, height, str(name), transform=above, **look)
