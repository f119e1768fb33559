"""Figure of layers that start with different size, and of what their imbalance does to specialisation."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, simulation_points
from companion.figures.style import axis_label, figure, shades

_MARKERS = "os^Dv*P"


@described(
    title="Imbalance of the layers helps where one of them is large",
    caption="Two students learn one teacher unit from weights $N(0,\\sigma_w^2)$ and readouts $N(0,\\sigma_h^2)$. "
    "(a) Mean $S_\\mathrm{use}$ and (b) share of runs with $S_\\mathrm{use}>.9$ against the ratio of the two sizes "
    "at fixed $g=\\sqrt{\\sigma_h\\sigma_w}$, of the runs that fit their task, $\\epsilon_1\\leq10^{-2}$; faint "
    "hollow markers: mean of all, where some are left out. (c) Share of runs that are left out. Markers: means over "
    "draws with 95 % bootstrap, for shares Wilson, intervals, moved apart for sight; every point has the same draws.",
    equation=r"S_\mathrm{use}=1-\frac{H(p)}{\log2},\qquad p_k\propto|h_k|\sqrt{Q_{kk}},\qquad "
    r"g=\sqrt{\sigma_h\sigma_w}",
    claims=["p3_b3_imbalance"],
)
def imbalance(data: xr.Dataset) -> Figure:
    """Mean S_use, share of runs with one unit nearly alone, and share left out, against the ratio of the layers."""
    drawing, grid = figure("text", height=2.2, ncols=3)
    mean, alone, left = grid
    for place, colour in enumerate(shades(data.sizes["geometric_mean"])):
        marker = _MARKERS[place % len(_MARKERS)]
        part = data.isel(geometric_mean=place)
        # Side by side, so that bars stay apart.
        shift = 0.09 * (place - (data.sizes["geometric_mean"] - 1) / 2)
        look = {"color": colour, "fmt": f"-{marker}", "linewidth": 0.7}
        for axes, name in ((mean, "mean"), (alone, "alone"), (left, "unfitted")):
            ends = part[f"{name}_lower"], part[f"{name}_upper"]
            label = _scale(float(part.geometric_mean))
            simulation_points(axes, part.ratio + shift, part[name], *ends, label=label, **look)
        some = part.unfitted.values > 0
        mean.plot(
            part.ratio[some] + shift,
            part.mean_of_all[some],
            linestyle="",
            marker=marker,
            color=colour,
            markerfacecolor="none",
            markeredgewidth=0.6,
            alpha=0.5,
        )
    for axes, name in ((mean, "mean"), (alone, "alone"), (left, "unfitted")):
        _finish(axes, data, name)
    mean.set_ylim(0.4, None)
    left.set_ylim(0, None)
    left.legend(loc="upper center", title="$g$", title_fontsize=7)
    letter_panels(grid)
    return drawing


def _finish(axes: Axes, data: xr.Dataset, name: str) -> None:
    if name != "unfitted":
        guide(axes, x=0.0)
    axes.set_xticks(np.unique(np.round(data.ratio.values)))
    axes.set_xlabel(axis_label(data.ratio))
    axes.set_ylabel(axis_label(data[name]))
    if name != "mean":
        axes.set_ylim(0, None)


def _scale(value: float) -> str:
    exponent = np.log10(value)
    whole = value < 0.01 and abs(exponent - round(exponent)) < 1e-9
    return f"$10^{{{round(exponent)}}}$" if whole else f"${value:g}$"
