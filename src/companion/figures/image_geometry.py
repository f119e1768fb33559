"""Figure of the geometry of image classes: stored dataset in, Figure out."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels
from companion.figures.style import GREY, PALETTE, axis_label, figure, shades

#: Colour and words of what a pair is used for.
_PURPOSES = {
    "variance": (PALETTE["vermilion"], "unlike variances"),
    "null": (PALETTE["ink"], "null: alike"),
    "centroid norm": (PALETTE["green"], "unlike norms"),
    "close": (PALETTE["plum"], "close centroids"),
}
#: Pairs below this ratio are named under the line.
_ALIKE = 1.1
_STROKE: dict[str, Any] = {
    "arrowstyle": "-",
    "linewidth": 0.4,
    "relpos": (1, 0.5),
    "shrinkA": 1,
    "shrinkB": 2,
}


@described(
    title="Ten classes of images, their variances and their centroids",
    caption="Fashion-MNIST, pixels in [-1, 1]. (a) Variance per pixel of each class; numbers: its participation "
    "ratio. (b) Spectra of the class covariances; colours as in (a). (c) Centroids, classical scaling of "
    "their distances to two axes. (d) All 45 pairs by the distance of their centroids and the ratio of "
    "their variances, larger over smaller; named are those that isolate one thing, and which. In raw "
    "pixels classes of low variance have large centroid norms, so that only centred or dialled pairs tell "
    "the two effects apart.",
    equation=r"\mathrm{tr}\,\Sigma_c/d,\qquad (\mathrm{tr}\,\Sigma_c)^2/\mathrm{tr}\,\Sigma_c^2",
)
def geometry(table: xr.Dataset) -> Figure:
    """Variances, spectra, map of centroids, and the pairs."""
    drawing, grid = figure("text", height=4.7, nrows=2, ncols=2)
    bars, spectra, centroids, pairs = grid.flat
    order = np.argsort(-table.variance.values, kind="stable")
    ranked = table.isel(label=order)
    colours = shades(ranked.sizes["label"])
    _bars(bars, ranked, colours)
    _spectra(spectra, ranked, colours)
    _map(centroids, ranked, colours)
    _pairs(pairs, table)
    letter_panels(grid.flat)
    return drawing


def _bars(axes: Axes, ranked: xr.Dataset, colours: list[str]) -> None:
    rows = np.arange(ranked.sizes["label"])
    axes.barh(rows, ranked.variance.values, color=colours, height=0.7)
    for row, variance, ratio in zip(
        rows, ranked.variance.values, ranked.participation_ratio.values, strict=True
    ):
        axes.annotate(
            f"{ratio:.0f}", (variance, row), (2, 0), textcoords="offset points", va="center", fontsize=6
        )
    axes.set_yticks(rows, [str(name) for name in ranked.label.values], fontsize=6.5)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.invert_yaxis()
    axes.set_xlabel(r"variance per pixel $\mathrm{tr}\,\Sigma_c/d$")
    axes.set_xlim(0, 1.08 * float(ranked.variance.max()))


def _spectra(axes: Axes, ranked: xr.Dataset, colours: list[str]) -> None:
    ranks = ranked["eigenvalue"].values
    values = ranked.eigenvalues.transpose("label", "eigenvalue").values
    for colour, spectrum in zip(colours, values, strict=True):
        # Beyond as many ranks as there are images the estimate is zero: nothing to draw.
        axes.plot(ranks, np.where(spectrum > 1e-9 * spectrum[0], spectrum, np.nan), color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(axis_label(ranked["eigenvalue"]))
    axes.set_ylabel("eigenvalue of the class covariance")


def _map(axes: Axes, ranked: xr.Dataset, colours: list[str]) -> None:
    places = ranked.place.transpose("label", "axis").values
    width, height = np.ptp(places, axis=0) + 1e-12
    for colour, name, (x, y) in zip(colours, ranked.label.values, places, strict=True):
        axes.plot(x, y, "o", color=colour, markersize=4)
        # A name stands on the right, unless that is outside or where a neighbour is.
        ahead = (places[:, 0] - x) / width
        crowded = (ahead > 0) & (ahead < 0.25) & (np.abs(places[:, 1] - y) < 0.05 * height)
        right = ahead.max() > 0.3 and not crowded.any()
        axes.annotate(
            str(name),
            (x, y),
            (3.5 if right else -3.5, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=6,
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.14)
    share = round(100 * float(ranked.map_share))
    axes.set_xlabel(f"centroid map (pixel), {share} % of the squared distances")
    axes.set_ylabel("second axis (pixel)")


def _pairs(axes: Axes, table: xr.Dataset) -> None:
    separation, ratio = table.separation.values, table.variance_ratio.values
    purposes, names = table.purpose.values.astype(str), table.pair.values.astype(str)
    unused = purposes == ""
    axes.plot(separation[unused], ratio[unused], "o", color=GREY, markersize=2.5, alpha=0.6, zorder=1.5)
    for purpose, (colour, words) in _PURPOSES.items():
        own = np.flatnonzero(purposes == purpose)
        axes.plot(separation[own], ratio[own], "o", color=colour, markersize=4, label=words)
        for place in own[ratio[own] > _ALIKE]:
            _name(axes, str(names[place]), float(separation[place]), float(ratio[place]), (-4, 0), colour)
    _names_below(axes, separation, ratio, names, purposes)
    guide(axes, y=1.0)
    axes.set_yscale("log")
    axes.set_ylim(0.68, 1.08 * ratio.max())
    axes.set_xlim(0, 1.05 * separation.max())
    ticks = [1.0, 1.25, 1.5, 2.0, 2.5]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(axis_label(table.separation))
    axes.set_ylabel(axis_label(table.variance_ratio))
    axes.legend(loc="upper left", fontsize=6, handlelength=0.8)


def _names_below(
    axes: Axes, separation: np.ndarray, ratio: np.ndarray, names: np.ndarray, purposes: np.ndarray
) -> None:
    """Names of the used pairs near ratio 1, one under the other below the line, each with a stroke to its point."""
    close = np.flatnonzero((purposes != "") & (ratio <= _ALIKE))
    for row, place in enumerate(close[np.argsort(separation[close], kind="stable")]):
        colour = _PURPOSES[str(purposes[place])][0]
        at = (float(separation[place]), float(ratio[place]))
        _name(
            axes,
            str(names[place]),
            *at,
            (-8, 0.215 - 0.058 * row),
            colour,
            textcoords=("offset points", "axes fraction"),
            arrowprops=_STROKE | {"color": colour},
        )


def _name(
    axes: Axes, text: str, x: float, y: float, offset: tuple[float, float], colour: str, **more: Any
) -> None:
    look: dict[str, Any] = {"ha": "right", "va": "center", "fontsize": 6, "color": colour}
    look |= {"textcoords": "offset points"} | more
    axes.annotate(text, (x, y), offset, **look)
