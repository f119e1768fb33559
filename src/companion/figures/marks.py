"""Marks with a fixed meaning: theory is a line, simulation is a marker with its interval over seeds."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.figures.style import GREY, PALETTE


def theory_line(axes: Axes, x: ArrayLike, y: ArrayLike, **line: Any) -> Line2D:
    """Draw a prediction: a plain line behind the simulations. ``line`` goes to ``Axes.plot``."""
    (drawn,) = axes.plot(np.asarray(x), np.asarray(y), **{"marker": "", "zorder": 2.0} | line)
    return drawn


def simulation_points(
    axes: Axes, x: ArrayLike, centre: ArrayLike, lower: ArrayLike, upper: ArrayLike, **marks: Any
) -> ErrorbarContainer:
    """Draw what was measured: markers at ``centre`` (points,) with bars from ``lower`` to ``upper``.

    A bar that is missing or infinite is left out and its marker stays. ``marks`` goes to ``Axes.errorbar``.
    """
    middle = np.asarray(centre, dtype=float)
    ends = np.stack([np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)])
    bars = np.abs(ends - middle)
    bars[~np.isfinite(bars)] = np.nan
    fixed = {"fmt": "o", "markeredgewidth": 0, "elinewidth": 0.7, "capsize": 0, "zorder": 3.0}
    return axes.errorbar(np.asarray(x), middle, yerr=bars, **fixed | marks)


def points_over_seeds(
    axes: Axes, x: ArrayLike, samples: ArrayLike, *, confidence: float = 0.95, **marks: Any
) -> ErrorbarContainer:
    """Draw the mean over seeds of ``samples`` (points, seeds) with bootstrap intervals over seeds."""
    values = np.asarray(samples, dtype=float)
    lower, upper = bootstrap_band(values, generator=generator(0, "error bars"), confidence=confidence)
    return simulation_points(axes, x, values.mean(axis=-1), lower, upper, **marks)


def guide(axes: Axes, *, x: float | None = None, y: float | None = None, text: str = "") -> None:
    """A thin dashed line in grey at ``x`` or at ``y``, with its name beside it."""
    line = {"color": GREY, "linewidth": 0.6, "linestyle": (0, (4, 2)), "zorder": 1.0}
    small = {"color": GREY, "fontsize": 6, "annotation_clip": False, "textcoords": "offset points"}
    if x is not None:
        axes.axvline(x, **line)
        at = (x, 1.0)
        axes.annotate(
            text, at, (1, 0), xycoords=axes.get_xaxis_transform(), va="bottom", ha="center", **small
        )
    if y is not None:
        axes.axhline(y, **line)
        at = (1.0, y)
        axes.annotate(text, at, (1, 0), xycoords=axes.get_yaxis_transform(), va="center", ha="left", **small)


def letter_panels(panels: Iterable[Axes]) -> None:
    """Write (a), (b), ... at the upper left of each panel, as a paper refers to them."""
    for index, axes in enumerate(panels):
        axes.set_title(f"({chr(ord('a') + index)})", loc="left", color=PALETTE["ink"], fontweight="bold")
