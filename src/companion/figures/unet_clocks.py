"""Figures of the clocks of both classes of a pair: learned first, copied later, and how both depend on n."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from companion.analysis.statistics import wilson_interval
from companion.figures.described import described
from companion.figures.marks import letter_panels
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_classes import (
    CLASS_COLOURS,
    TEST_DASHES,
    TRAIN_DASHES,
    class_handles,
    class_names,
    class_shades,
)
from companion.figures.unet_contrasts import RATIO, contrasts, draw_contrasts, ratio_axis, span
from companion.figures.unet_curves import (
    CLOCKS,
    LOSS_INDEX,
    STEPS,
    clock_handles,
    clock_marks,
    curve,
    log_axis,
    memorised,
    middle,
    step_axis,
)

#: The pair whose classes are alike in variance and centroid norm.
NULL_PAIR = "Trouser / Sneaker"

#: Ratios of clocks within these ends count as equal.
EQUIVALENCE = (0.8, 1.25)

_MARKED = ("early_stop", "mem_copy")
_READING = (
    "One replicate has Wilson's 95 % band; of several each is a thin line, the thick one their median. Blank where "
    "fewer than 30 samples are of the class. Marks above: lowest test loss and first 10 % of copies; with an "
    "arrow: not reached (open), or before the first checkpoint. Grey: held-out real images that count as copies, with "
    "Wilson's 95 %. "
)
_CONFOUND = (
    "The criterion $d_1/d_2<1/3$ tolerates errors up to $d_2/3$, and $d_2$ grows with the standard deviation of a "
    "class: copies of the wider class are counted more leniently, losses know no such threshold. "
)


@described(
    title="Each class is learned before it is copied",
    caption="One row for each pair. (a) Memorised fraction of each class, (b) Fréchet distance of its samples to its "
    "real images in 20 principal components (dotted: half as many real images to others), (c) losses at $t=136$ "
    "($t_{OU}=.1$), solid on held-out and dashed on "
    "training images. "
    + _READING
    + _CONFOUND
    + "Classes, counts, network and recipe are our settings. Runs are "
    "shared with the null control, the sample sheet, and the figures of survival and of representations.",
    equation=r"f_{\mathrm{mem}}^c=\frac{\#\{d_1/d_2<1/3,\ c\}}{\#\{c\}},\qquad "
    r"L_c=\frac1d\,\mathrm{E}\left[|\hat\epsilon(x_t,t)-\epsilon|^2\mid c\right]",
    claims=["p2unet_c1_learn_then_copy", "p2unet_c2_variance_first"],
)
def clocks(pairs: xr.Dataset) -> Figure:
    """Memorised fraction, Fréchet distance and losses against steps; the null pair is left to `null_control`."""
    shown = _but_null(pairs)
    rows = shown.sizes["pair"]
    drawing, grid = figure("text", height=1.95 * rows + 0.35, nrows=rows, ncols=3, sharex=True, squeeze=False)
    for row in range(rows):
        _pair_row(grid[row], shown.isel(pair=row))
        for axes in grid[row]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(STEPS if row == rows - 1 else "")
    letter_panels(grid.flat)
    drawing.legend(handles=_handles(), loc="outside upper center", ncols=6)
    return drawing


@described(
    title="Alike classes have equal clocks",
    caption="A pair of classes alike in variance and in centroid norm. (a) Memorised fraction of each class, (b) "
    "Fréchet distance of its samples, (c) losses at $t=136$ ($t_{OU}=.1$), solid on held-out and dashed on training "
    "images. "
    + _READING
    + "(d) Ratio of the clocks of the two classes: mean over replicates (small dots) with 90 % "
    "bootstrap interval; grey: equal by our margin, $.8$ to $1.25$; open with an arrow: one class never gets there. "
    + _CONFOUND
    + "Here both widths are alike. Classes and recipe are our settings, runs those of the figure of clocks.",
    equation=r"\tau_\mathrm{copy}^c=\min\{\tau:f_\mathrm{mem}^c\geq.1\},\quad "
    r"L_c(\tau_\mathrm{stop}^c)=\min_\tau L_c,\quad "
    r"\tau_\mathrm{gap}^c=\min\{\tau:L_c-L_{\mathrm{train},c}\geq\tfrac14(L_c(0)-\min_\tau L_c)\},\quad "
    r".8<\frac{\tau_2}{\tau_1}<1.25",
    claims=["p2unet_c3_null"],
)
def null_control(pairs: xr.Dataset) -> Figure:
    """The panels of `clocks` for the null pair, or the first pair where it is not among them, and clock ratios."""
    names = [str(name) for name in pairs.pair.values]
    part = pairs.isel(pair=names.index(NULL_PAIR) if NULL_PAIR in names else 0)
    drawing, grid = figure("text", height=3.9, nrows=2, ncols=2)
    _pair_row(grid.flat[:3], part)
    for axes in grid.flat[:3]:
        axes.set_xlabel(STEPS)
    _clock_ratios(grid[1, 1], part)
    letter_panels(grid.flat)
    drawing.legend(handles=_handles(), loc="outside upper center", ncols=6)
    return drawing


def _but_null(pairs: xr.Dataset) -> xr.Dataset:
    keep = pairs.pair.values != NULL_PAIR
    return pairs.isel(pair=np.flatnonzero(keep)) if keep.any() else pairs


#: A horizontal line at the distance that real images have from each other.
FLOOR_DASHES = (0, (1, 1.6))


def _handles() -> list[Line2D | Patch]:
    losses = [
        Line2D([], [], color=PALETTE["ink"], linestyle=TEST_DASHES, label="test loss"),
        Line2D([], [], color=PALETTE["ink"], linestyle=TRAIN_DASHES, label="training loss"),
    ]
    null = Patch(facecolor=GREY, alpha=0.3, label="real images (null rate)")
    return [*losses, null, *clock_handles(_MARKED)]


def _pair_row(panels: Any, part: xr.Dataset) -> None:
    """Three panels of one pair of ``part`` (replicate, step, label)."""
    fraction, distance, loss = panels
    _null_rate(fraction, part)
    memorised(fraction, part)
    top = float(np.nanmax(np.append(part.memorised_high.values, 0.0)))
    fraction.set_ylim(-0.02, min(max(1.12 * top, 0.2), 1.04))
    fraction.set_ylabel(axis_label(part.memorised))
    fraction.legend(handles=class_handles(class_names(part)), loc="upper left")
    levels = part.sel(diffusion_index=LOSS_INDEX)
    for label, colour in enumerate(CLASS_COLOURS):
        curve(distance, part.frechet.isel(label=label), colour)
        if "frechet_floor" in part:
            level = float(part.frechet_floor.isel(label=label).mean())
            distance.axhline(level, color=colour, linewidth=0.7, linestyle=FLOOR_DASHES, zorder=1.0)
        curve(loss, levels.test_loss.isel(label=label), colour, linestyle=TEST_DASHES)
        curve(loss, levels.train_loss.isel(label=label), colour, linestyle=TRAIN_DASHES, lone=False)
    distance.set_ylabel(r"Fréchet distance $\mathrm{FD}_c$")
    loss.set_ylabel(rf"loss $L_c$ at $t={LOSS_INDEX}$")
    for axes in (distance, loss):
        log_axis(axes)
    for axes in panels:
        step_axis(axes, part.step.values)
        clock_marks(axes, part, _MARKED)
        axes.set_title(" ", fontsize=11)  # room for the marks


def _null_rate(axes: Axes, part: xr.Dataset) -> None:
    """Share of held-out images that count as copies, pooled over replicates, with its Wilson interval."""
    if "null_queries" not in part:
        return
    hits, trials = int(part.null_memorised.sum()), int(part.null_queries.sum())
    axes.axhspan(*wilson_interval(hits, trials), color=GREY, alpha=0.3, linewidth=0, zorder=1.0)
    axes.axhline(hits / max(trials, 1), color=GREY, linewidth=0.6, zorder=1.1)


def _clock_ratios(axes: Axes, part: xr.Dataset) -> None:
    names = [name for name in CLOCKS if name in part.clock.values]
    found = contrasts(part.time.sel(clock=names), "clock", 0.9)
    width = span(found, np.log(EQUIVALENCE))
    axes.axvspan(*EQUIVALENCE, color=GREY, alpha=0.2, linewidth=0, zorder=0.5)
    ratio_axis(axes, width, "x")
    for row, (name, each) in enumerate(zip(names, found, strict=True)):
        _, marker, colour = CLOCKS[name]
        draw_contrasts(axes, [row], [each], width, which="x", colour=colour, marker=marker)
        if np.isnan(each.centre):
            axes.text(
                1.0, row, "not reached", ha="center", va="center", fontsize=6, color=GREY, backgroundcolor="w"
            )
    axes.set_yticks(range(len(names)), [CLOCKS[name][0] for name in names], fontsize=6)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"ratio of clocks {RATIO}")


_SIZE_CLOCKS = ("early_stop", "mem_gap", "mem_copy")


@described(
    title="Copying waits for the number of images, learning does not",
    caption="One balanced pair with $n$ images in all. (a) Clocks of both classes against $n$: medians over replicates "
    "with their range; open marks: not reached within the run; dashed guides: constant, and $\\propto n$. (b) "
    "Memorised fraction against steps, dark to pale with growing $n$ (first class in shades of blue, second of "
    "red), medians over replicates; (c) the same against $\\tau/n$. "
    + _CONFOUND
    + "For the same reason $d_2$ falls "
    "as $n$ grows. Classes, counts, batch and steps are our settings, the same steps for all $n$.",
    equation=r"\tau_{\mathrm{mem}}\propto n,\qquad \tau_{\mathrm{gen}}\propto n^0",
    claims=["p2unet_c7_linear_in_n"],
)
def scaling(sizes: xr.Dataset) -> Figure:
    """Clocks against the number of images, and memorised fractions against steps and against steps over n."""
    drawing, (times, raw, collapsed) = figure("text", height=2.5, ncols=3)
    counts = sizes["size"].values.astype(float)
    _clocks_of_sizes(times, sizes, counts)
    tones = [class_shades(label, counts.size) for label in range(2)]
    for label in range(2):
        for count, tone in zip(counts, tones[label], strict=True):
            values = sizes.memorised.sel(size=count).isel(label=label)
            curve(raw, values, tone)
            curve(collapsed, values, tone, scale=count)
    steps = sizes.step.values[sizes.step.values > 0]
    step_axis(raw, steps)
    step_axis(collapsed, np.array([steps[0] / counts.max(), steps[-1] / counts.min()]))
    raw.set_xlabel(STEPS)
    collapsed.set_xlabel(r"steps over images $\tau/n$")
    raw.set_ylabel(axis_label(sizes.memorised))
    top = float(np.nanmax(np.append(sizes.memorised.values, 0.15)))
    for axes in (raw, collapsed):
        axes.set_ylim(-0.02, min(1.12 * top, 1.04))
    raw.legend(
        [tuple(Line2D([], [], color=tone) for tone in both) for both in zip(*tones, strict=True)],
        [f"$n={count:g}$" for count in counts],
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.3)},
        loc="upper left",
        fontsize=6,
        handlelength=2.4,
    )
    letter_panels((times, raw, collapsed))
    handles = [*class_handles(class_names(sizes)), *clock_handles(_SIZE_CLOCKS)]
    handles += [Line2D([], [], color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), label="slopes 0 and 1")]
    drawing.legend(handles=handles, loc="outside upper center", ncols=6)
    return drawing


def _clocks_of_sizes(axes: Axes, sizes: xr.Dataset, counts: np.ndarray) -> None:
    last = float(sizes.step.max())
    edge, medians = last * 1.25, {}
    for shift, clock in zip((0.94, 1.0, 1.06), _SIZE_CLOCKS, strict=True):
        for label, colour in enumerate(CLASS_COLOURS):
            times = sizes.time.sel(clock=clock).isel(label=label).transpose("size", "replicate").values
            centre = middle(times)
            medians[clock, label] = np.where(np.isfinite(centre), centre, np.nan)
            at = counts * shift * (1.015 if label else 0.985)
            for place, each, value in zip(at, times, centre, strict=True):
                if np.isnan(value):
                    continue
                known = np.minimum(each[~np.isnan(each)], edge)
                axes.plot([place] * 2, [known.min(), known.max()], color=colour, linewidth=0.6)
                face = {"markerfacecolor": colour if np.isfinite(value) else "white", "markeredgewidth": 0.6}
                axes.plot(place, min(value, edge), CLOCKS[clock][1], color=colour, markersize=3.4, **face)
    axes.axhline(last, color=GREY, linewidth=0.5, zorder=1.0)
    axes.annotate(
        "last step",
        (0.02, last),
        (0, -1),
        xycoords=axes.get_yaxis_transform(),
        va="top",
        fontsize=6,
        color=GREY,
        textcoords="offset points",
    )
    for clock, power in (("early_stop", 0), ("mem_copy", 1)):
        _slope(axes, counts, np.stack([medians[clock, label] for label in range(2)]), power)
    axes.set_xscale("log", base=2)
    log_axis(axes)
    axes.set_xticks(counts, [f"{count:g}" for count in counts])
    axes.set_xlim(counts.min() / 1.3, counts.max() * 1.3)
    axes.set_xlabel(axis_label(sizes["size"]))
    axes.set_ylabel(axis_label(sizes.time))


def _slope(axes: Axes, counts: np.ndarray, times: np.ndarray, power: int) -> None:
    """A dashed guide of slope ``power`` through the middle of ``times`` (label, size) that are known."""
    known = np.isfinite(times)
    if known.any():
        level = np.mean((np.log(times) - power * np.log(counts))[known])
        line = {"color": GREY, "linewidth": 0.7, "linestyle": (0, (4, 2)), "zorder": 1.0}
        axes.plot(counts, np.exp(level) * counts**power, **line)
