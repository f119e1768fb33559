"""The figure of how large a network must be to add lists of numbers, alone and in company."""

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from companion.analysis.statistics import median
from companion.figures.described import described
from companion.figures.marks import guide, letter_panels, points_over_seeds
from companion.figures.style import PALETTE, axis_label, figure
from companion.figures.unet_curves import log_axis, short_number

_LOOKS: Final = (
    ("ink", "o"),
    ("blue", "s"),
    ("vermilion", "D"),
    ("sky", "^"),
    ("orange", "v"),
    ("plum", "P"),
)


@described(
    title="A size from which lists are added",
    caption="Addition modulo $n$ of lists, $(\\mathrm{ADD}\\;x_1\\ldots x_k)$, from fresh training expressions, "
    "alone (black) or beside as many expressions of operations that know order (colours; shuffled: another order of "
    "the numbers, drawn once, for them alone); one layer, a fifth of all expressions kept for tests. (a) Accuracy on "
    "addition at the end against the number of weights: test expressions (filled, solid) and training expressions "
    "(open, dotted); means with 95 % bootstrap intervals. (b) First step with 90 % of the test expressions: runs, and "
    "medians as lines; open triangles: not reached. (c, d) Test accuracy of the smallest and of the largest network; "
    "thin, runs; thick, means.",
    equation=r"(\mathrm{ADD}\;x_1\ldots x_k)=\textstyle\sum_i x_i \bmod n",
    claims=[],
)
def list_sizes(data: xr.Dataset) -> Figure:
    """Accuracy and times against the number of weights, and curves of the smallest and the largest network."""
    drawing, panels = figure("text", height=2.25, ncols=4, width_ratios=(1.1, 1.1, 1, 1))
    final, times, small, large = panels
    for place, (colour, marker) in zip(range(data.sizes["company"]), _LOOKS, strict=False):
        own = data.isel(company=place)
        _final(final, own, PALETTE[colour], marker)
        _times(times, own, PALETTE[colour], marker, (place - (data.sizes["company"] - 1) / 2) * 0.03)
    guide(final, y=1.0 / data.attrs["numbers"])
    final.set_ylim(-0.03, 1.05)
    final.set_ylabel(f"final accuracy, {data.attrs['target']}")
    times.set_ylabel(axis_label(data.reached))
    log_axis(times)
    for axes in (final, times):
        _size_axis(axes, data)
    for place, axes in enumerate((small, large)):
        _curves(axes, data.isel(size=place))
        axes.set_title(f"width {int(data['size'][place])}")
    small.set_ylabel(axis_label(data.curve))
    _legend(drawing, data)
    letter_panels(panels)
    return drawing


def _final(axes: Axes, own: xr.Dataset, colour: str, marker: str) -> None:
    for part, line, filled in (("train", (0, (1, 1.2)), "white"), ("test", "-", colour)):
        values = own.final.sel(part=part).transpose("width", "replicate").values
        look: dict[str, Any] = {"color": colour, "linestyle": line, "markerfacecolor": filled, "fmt": marker}
        points_over_seeds(
            axes,
            own.weight_count.values,
            values,
            markersize=3,
            markeredgewidth=0.6,
            **look | {"linewidth": 0.8},
        )


def _times(axes: Axes, own: xr.Dataset, colour: str, marker: str, shift: float) -> None:
    """Each run's time, shifted aside, and the medians; open triangles at the end where it was not reached."""
    end = float(own.attrs["steps"])
    times = own.reached.sel(part="test").transpose("width", "replicate").values
    at = own.weight_count.values[:, None] * np.exp(shift) * np.ones_like(times)
    late = np.isinf(times)
    look: dict[str, Any] = {"color": colour, "linestyle": "", "zorder": 3.0}
    axes.plot(at[~late], times[~late], marker, markersize=2.6, markeredgewidth=0, alpha=0.8, **look)
    axes.plot(
        at[late],
        np.full(late.sum(), end),
        "^",
        markersize=3.4,
        markerfacecolor="white",
        markeredgewidth=0.6,
        **look,
    )
    middle = _finite(median(times))
    axes.plot(at[:, 0], middle, color=colour, linewidth=1.0)


def _finite(values: NDArray) -> NDArray:
    return np.where(np.isfinite(values), values, np.nan)


def _size_axis(axes: Axes, data: xr.Dataset) -> None:
    counts = data.weight_count.isel(company=0).values
    axes.set_xscale("log")
    axes.set_xlim(counts.min() / 1.3, counts.max() * 1.3)
    axes.xaxis.set_major_locator(FixedLocator(counts.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(float(f"{value:.2g}"))))
    axes.set_xlabel("weights")


def _curves(axes: Axes, own: xr.Dataset) -> None:
    for place, (colour, _) in zip(range(own.sizes["company"]), _LOOKS, strict=False):
        runs = own.curve.isel(company=place).transpose("replicate", "step").values
        axes.plot(own.step, runs.T, color=PALETTE[colour], linewidth=0.35, alpha=0.45, zorder=1.8)
        axes.plot(own.step, runs.mean(axis=0), color=PALETTE[colour], linewidth=1.2, zorder=2.4)
    axes.set_xlim(0, float(own.step[-1]))
    axes.set_ylim(-0.03, 1.05)
    axes.set_xlabel(axis_label(own.step))


def _legend(drawing: Figure, data: xr.Dataset) -> None:
    target = data.attrs["target"]
    names = [
        f"{target} alone" if name == "alone" else f"{target} {name}" for name in map(str, data.company.values)
    ]
    handles = [
        Line2D([], [], color=PALETTE[colour], marker=marker, markersize=3, label=name)
        for name, (colour, marker) in zip(names, _LOOKS, strict=False)
    ]
    drawing.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
