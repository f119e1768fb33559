"""Which of two classes is first: ratios τ_2/τ_1 of their clocks, with intervals over replicates, censoring shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from companion.analysis.statistics import bootstrap_interval, log_ratio, median
from companion.compute.seeds import generator
from companion.figures.style import GREY

#: Label of an axis of ratios; above 1 class 1 comes first.
RATIO = r"$\tau_2/\tau_1$"

#: Share of ties, where neither class ever got there, up to which a contrast says anything; as the claims have it.
MOST_TIES = 0.25

_LEAST_SPAN = float(np.log(1.5))
_TICKS = {
    2.1: (0.5, 0.67, 0.8, 1, 1.25, 1.5, 2),
    4.5: (0.25, 0.33, 0.5, 0.67, 1, 1.5, 2, 3, 4),
    25: (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20),
}


@dataclass(frozen=True)
class Contrast:
    """log(τ_2/τ_1) of some runs: ``centre`` with ends of its interval, and of each of them, ``seen`` (runs,).

    The centre is the mean, or the median where some are infinite (one class never got there). It is NaN, nothing to
    be drawn, where no run has both numbers and where in more than a quarter of them neither class got there. The
    interval is infinite for one run.
    """

    centre: float
    lower: float
    upper: float
    seen: NDArray[np.float64]


def contrast(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Contrast:
    """Contrast of paired times (runs,) of class 1 and class 2, inf where never reached; runs with a NaN are left out.

    >>> contrast([1.0, 1.0], [np.e, np.inf]).centre, contrast([np.inf], [np.inf]).centre
    (inf, nan)
    """
    ratios = log_ratio(first, second)
    tied = np.isinf(np.asarray(first, dtype=float)) & np.isinf(np.asarray(second, dtype=float))
    known = ~np.isnan(ratios)
    seen, tied = ratios[known], tied[known]
    if not seen.size or tied.mean() > MOST_TIES:
        return Contrast(np.nan, np.nan, np.nan, seen[~tied])
    statistic = median if np.isinf(seen).any() or tied.any() else np.mean
    if seen.size == 1:
        return Contrast(float(seen[0]), -np.inf, np.inf, seen)
    draws = generator(0, "error bars")
    ends = bootstrap_interval(seen, statistic, generator=draws, confidence=confidence)
    return Contrast(float(statistic(seen)), *ends, seen[~tied])


def contrasts(times: xr.DataArray, dim: str, confidence: float = 0.95) -> list[Contrast]:
    """One `contrast` for each place along ``dim`` of ``times`` (dim, replicate, label)."""
    ordered = times.transpose(dim, "label", "replicate").values
    return [contrast(first, second, confidence) for first, second in ordered]


def span(found: Iterable[Contrast], further: ArrayLike = ()) -> float:
    """Half-width, in log(τ_2/τ_1), of an axis about 1 that holds all that is finite of ``found`` and ``further``."""
    numbers = [np.asarray(further, dtype=float).ravel()]
    numbers += [np.array([each.centre, each.lower, each.upper, *each.seen]) for each in found]
    sizes = np.abs(np.concatenate(numbers))
    sizes = sizes[np.isfinite(sizes)]
    return 1.18 * max([_LEAST_SPAN, *sizes.tolist()])


def ratio_axis(axes: Axes, width: float, which: Literal["x", "y"] = "y") -> None:
    """Make an axis one of ratios, logarithmic about 1, ``width`` wide on either side, with a line at 1."""
    draw_one = axes.axvline if which == "x" else axes.axhline
    draw_one(1.0, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1.0)
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    ends = (np.exp(-width), np.exp(width))
    (axes.set_xlim if which == "x" else axes.set_ylim)(*ends)
    if width < np.log(25):
        chosen = next(places for most, places in _TICKS.items() if width <= np.log(most))
        axis.set_minor_locator(NullLocator())
        axis.set_ticks([place for place in chosen if ends[0] <= place <= ends[1]])
        axis.set_major_formatter(lambda value, _: f"{value:.2g}" if value < 1 else f"{value:.3g}")
    axis.set_minor_formatter(NullFormatter())


def draw_contrasts(
    axes: Axes,
    places: ArrayLike,
    found: Sequence[Contrast],
    width: float,
    *,
    which: Literal["x", "y"] = "y",
    colour: str,
    marker: str,
    filled: bool = True,
    joined: bool = False,
    size: float = 3.6,
) -> None:
    """Markers at exp(centre) along the axis ``which`` with bars of their intervals, small dots for the replicates.

    A contrast beyond all bounds is an open marker with an arrow at the edge of an axis ``width`` wide; one that is NaN
    is left out. ``joined`` draws a line through those that are finite.
    """
    at, edge = np.asarray(places, dtype=float), 0.94 * width
    drawn = [(place, each) for place, each in zip(at, found, strict=True) if not np.isnan(each.centre)]
    finite = [(place, each.centre) for place, each in drawn if np.isfinite(each.centre)]

    def plot(along: Any, ratios: Any, marker: str = "", **look: Any) -> None:
        values = np.exp(np.clip(ratios, -edge, edge))
        x, y = (values, along) if which == "x" else (along, values)
        style: dict[str, Any] = {"color": colour, "marker": marker} | look
        axes.plot(x, y, **style)

    if joined and finite:
        plot([place for place, _ in finite], [centre for _, centre in finite], linewidth=0.8, zorder=2.0)
    for place, each in drawn:
        if each.seen.size > 1:
            dots = each.seen[np.isfinite(each.seen)]
            dim = {"markersize": 1.4, "alpha": 0.4, "markeredgewidth": 0, "linestyle": ""}
            plot(np.full(dots.size, place), dots, "o", **dim)
        if not np.isnan(each.lower) and each.seen.size > 1:
            plot([place, place], [each.lower, each.upper], linewidth=0.8, zorder=2.5)
        if np.isfinite(each.centre):
            face = colour if filled else "white"
            look = {"markersize": size, "markerfacecolor": face, "markeredgewidth": 0.7, "zorder": 3.0}
            plot(place, each.centre, marker, **look)
        else:
            sign = np.sign(each.centre)
            plot(place, sign * 0.86 * width, marker, markersize=size, markerfacecolor="white", zorder=3.0)
            ends = [(place, np.exp(sign * share * width)) for share in (0.99, 0.88)]
            head, tail = (end[::-1] if which == "x" else end for end in ends)
            arrow = {"arrowstyle": "->", "color": colour, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 0}
            axes.annotate("", head, tail, arrowprops=arrow)


def draw_theory(axes: Axes, at: ArrayLike, leads: ArrayLike, width: float, **line: Any) -> None:
    """A line of predicted ratios from their logs; what is infinite lies on the edge and is left out of the line."""
    values = np.asarray(leads, dtype=float)
    axes.plot(np.asarray(at), np.exp(np.where(np.isfinite(values), values, np.nan)), **line)
    for sign, marker in ((-1, "v"), (1, "^")):
        beyond = np.isinf(values) & (np.sign(values) == sign)
        if beyond.any():
            edge = np.full(int(beyond.sum()), np.exp(sign * 0.94 * width))
            look: dict[str, Any] = {"color": line.get("color"), "markersize": 3, "markerfacecolor": "white"}
            axes.plot(np.asarray(at)[beyond], edge, marker, linestyle="", **look)
