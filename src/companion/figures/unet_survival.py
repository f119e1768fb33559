"""Figure of the data side of memorisation: stored dataset in, Figure out."""

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures.described import described
from companion.figures.marks import guide, letter_panels
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_classes import CLASS_COLOURS, class_handles, class_names
from companion.figures.unet_curves import STEPS, log_axis, step_axis

_ROWS = {
    "label": "second class",
    "centroid_distance": "far from centroid",
    "neighbour_distance": "far from nearest",
    "density_distance": "sparse around",
    "twin": "has a twin",
}
_MARKERS = "osD^v"


@described(
    title="When each training image is first copied",
    caption="A training image is copied at the first checkpoint at which a sample has it as nearest image at "
    "$d_1/d_2<1/3$. First panels, one for each pair: share of the images of each class not copied yet, "
    "Kaplan-Meier with 95 % bands over the images of all training sets (thin: single sets); rings: not "
    "copied by the last step, censored. Then, for the first pair, first copy of each image against its "
    "distance to the class centroid and to the nearest image of its class (rings with arrows: censored). "
    "Last: concordance of what may predict the order of copies; above one half a larger value is copied "
    "later; second class: between the classes, all others among images of one class; strokes: training "
    "sets, bars: 95 % bootstrap intervals over them. The criterion tolerates errors up to $d_2/3$, larger "
    "where images lie further apart, and sees no copy of a twin. Runs are those of the clocks.",
    equation=r"C=P(x_\nu>x_{\nu'}\mid\tau_\nu>\tau_{\nu'})",
)
def survival(data: xr.Dataset) -> Figure:
    """Survival curves of each pair, copy times against two predictors, and a forest of concordances."""
    pairs = data.sizes["pair"]
    count = pairs + 3
    columns = 2 if count <= 4 else 3
    rows = math.ceil(count / columns)
    drawing, grid = figure("text", height=0.3 + 2.0 * rows, nrows=rows, ncols=columns, squeeze=False)
    panels = list(grid.flat)
    for axes in panels[count:]:
        axes.remove()
    for place, axes in enumerate(panels[:pairs]):
        _curves(axes, data.isel(pair=place))
        if place % columns == 0:
            axes.set_ylabel(axis_label(data.pooled))
    to_centroid, to_nearest, forest = panels[pairs:count]
    for axes, name in ((to_centroid, "centroid_distance"), (to_nearest, "neighbour_distance")):
        _scatter(axes, data.isel(pair=0), name)
        axes.set_ylabel(axis_label(data.copy_time))
    _forest(forest, data)
    letter_panels(panels[:count])
    return drawing


def _curves(axes: Axes, part: xr.Dataset) -> None:
    shown = part.isel(step=part.step.values > 0)
    steps = shown.step.values
    for label, colour in enumerate(CLASS_COLOURS):
        own = shown.isel(label=label)
        pooled = own.pooled.values
        ends = (own.pooled_low.values, own.pooled_high.values)
        axes.fill_between(steps, *ends, step="post", color=colour, alpha=0.15, linewidth=0)
        single = own.survival.transpose("step", "replicate").values
        if single.shape[1] > 1:
            axes.step(steps, single, where="post", color=colour, linewidth=0.4, alpha=0.5)
        # Where no image is copied the curves lie on each other: the second is dashed there to show both.
        axes.step(
            steps,
            pooled,
            where="post",
            color=colour,
            linewidth=1.3,
            linestyle=(0, (3, 1.5)) if label else "-",
        )
        if pooled[-1] > 0:
            mark: dict[str, Any] = {
                "markerfacecolor": "white",
                "markersize": 4 + 2 * label,
                "zorder": 4.0 - label,
            }
            axes.plot(steps[-1], pooled[-1], "o", color=colour, clip_on=False, **mark)
    step_axis(axes, steps)
    axes.set_ylim(0, 1.04)
    axes.set_xlabel(STEPS)
    axes.legend(handles=class_handles(class_names(part)), loc="lower left")


def _scatter(axes: Axes, part: xr.Dataset, predictor: str) -> None:
    steps = part.step.values
    last = float(steps[-1])
    times = part.copy_time.transpose("replicate", "image").values
    values = part[predictor].transpose("replicate", "image").values
    labels = np.broadcast_to(part.image_label.values, times.shape)
    for label, colour in enumerate(CLASS_COLOURS):
        own = labels == label
        seen, never = own & np.isfinite(times), own & np.isinf(times)
        axes.plot(values[seen], times[seen], "o", color=colour, markersize=2.5)
        at = np.full(np.count_nonzero(never), last * 1.12)
        ring: dict[str, Any] = {
            "markerfacecolor": "white",
            "markersize": 2.5,
            "linestyle": "",
            "color": colour,
        }
        arrow: dict[str, Any] = ring | {"marker": r"$\uparrow$", "markersize": 4.5}
        axes.plot(values[never], at * 1.11, **arrow)
        axes.plot(values[never], at, marker="o", **ring)
    known = times[np.isfinite(times)]
    earliest = float(known.min()) if known.size else float(steps[steps > 0].min())
    axes.set_ylim(0.8 * earliest, 1.45 * last)
    log_axis(axes)
    axes.set_xlabel(axis_label(part[predictor]))


def _forest(axes: Axes, data: xr.Dataset) -> None:
    pairs, names = data.sizes["pair"], [str(name) for name in data.predictor.values]
    shifts = (np.arange(pairs) - (pairs - 1) / 2) * 0.5 / max(pairs, 2)
    handles = []
    for place, shift in enumerate(shifts):
        part, marker = data.isel(pair=place), _MARKERS[place % len(_MARKERS)]
        for row, name in enumerate(names):
            own, at = part.sel(predictor=name), row + shift
            each = own.concordance.values
            if each.size > 1:
                axes.plot(each, np.full(each.size, at), "|", color=GREY, markersize=3)
                ends = np.array([float(own.concordance_low), float(own.concordance_high)])
                if np.isfinite(ends).all():
                    axes.plot(ends, [at, at], color=PALETTE["ink"], linewidth=0.7)
            axes.plot(float(own.concordance_mean), at, marker, color=PALETTE["ink"], markersize=3)
        look = {"linestyle": "", "marker": marker, "markersize": 3, "color": PALETTE["ink"]}
        handles.append(Line2D([], [], label=str(part.pair.values), **look))
    guide(axes, x=0.5)
    for row, name in enumerate(names):
        if np.isnan(data.concordance_mean.sel(predictor=name)).all():
            axes.text(
                0.5, row, " none ", ha="center", va="center", fontsize=6, color=GREY, backgroundcolor="white"
            )
    axes.set_xlim(0, 1)
    axes.set_ylim(len(names) + 0.3 * pairs - 0.3, -0.5)
    axes.set_yticks(range(len(names)), [_ROWS.get(name, name) for name in names], fontsize=6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("concordance with copy time")
    axes.legend(handles=handles, loc="lower left", fontsize=6)
