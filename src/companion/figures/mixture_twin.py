"""The figure of the Gaussian-mixture twin: networks on mixtures beside the random-features theory."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from companion.figures.described import described
from companion.figures.marks import letter_panels
from companion.figures.style import GREY, PALETTE, axis_label, figure
from companion.figures.unet_classes import (
    CLASS_COLOURS,
    TEST_DASHES,
    TRAIN_DASHES,
    class_handles,
    class_names,
)
from companion.figures.unet_contrasts import (
    RATIO,
    Contrast,
    contrasts,
    draw_contrasts,
    draw_theory,
    ratio_axis,
    span,
)
from companion.figures.unet_curves import (
    CLOCKS,
    STEPS,
    clock_handles,
    clock_marks,
    curve,
    memorised,
    short_number,
    step_axis,
)

#: The two kinds of network: their names, markers and colours where the colour is not that of a class.
KINDS = {
    "eps_plain": ("plain", "o", PALETTE["green"]),
    "preconditioned": ("preconditioned", "D", PALETTE["plum"]),
}
#: Clocks that networks and theory have in common.
SHARED_CLOCKS = ("early_stop", "mem_gap")
#: Origins, by the centring that makes them, as panels name them.
_ORIGINS = {
    "pair": "antipodal centroids",
    "balanced": "origin: mean of all classes",
    "pixel": "origin: one grey value",
    "none": "origin: raw pixels",
}
_BROKEN = np.log(3)  # a step of a predicted line in log(tau_2/tau_1) that is a jump, not a slope


@described(
    title="The same pipeline on Gaussian mixtures, and what random features predict",
    caption="A residual perceptron on two Gaussian classes with the variances and the Gram matrix of centroids of two "
    "image classes, in the images' units. Losses per coordinate at $t_{OU}=.1$ (solid: fresh "
    "points, dashed: training points) of (a) plain prediction of the noise, as in the theory, (b) the U-Nets' "
    "preconditioned prediction, (c) the asymptotic random-features model with as many points per dimension, at equal "
    "signal-to-noise, against eigen-time. Thick: median over replicates; marks above: clocks, the loss gap "
    "at a tenth of what the test loss falls. (d) Distance from the "
    "theory, each replicate a mark: root mean square of (a), (b) from (c) on one common scale of time, and of "
    "$\\log(\\tau_2/\\tau_1)$ in (g) to (l), medians over replicates, where all are finite; grey: settings "
    "in the theory's order. (e, f) Memorised fraction "
    "($d_1/d_2<1/3$, whose tolerance $d_2/3$ grows with a class's standard deviation; grey: rate on fresh points). "
    "(g, h) Ratio of clocks, above 1 class 1 is first, for two classes with the variance of one image class times "
    "$g^2$ and 1; null at $g=1$. (i to l) The same against the share of the first class, for the Gram matrix of "
    "pair-centring and others. Ink: theory, asymptotic; it jumps where one valley of the test loss becomes lower than "
    "another. Markers: mean over replicates (dots) with 95 % bootstrap interval; open with an arrow: one class never "
    "gets there. Counts, widths and recipe are our settings.",
    equation=r"x_t=a_t\,(\mu_c+\sigma_c z)+s_t\,\epsilon,\quad \mu_c\cdot\mu_{c'}=d\,M_{cc'}",
)
def mixture_twin(data: xr.Dataset) -> Figure:
    """Losses, memorised fraction and order of both kinds of network beside the theory."""
    origins = [str(name) for name in data.centring.values]
    rows = 2 + (len(origins) + 1) // 2
    drawing, grid = figure("text", height=0.4 + 1.75 * rows, nrows=rows, ncols=4)
    top = _loss_ceiling(data)
    for column, kind in enumerate(KINDS):
        part = data.sel(prediction=kind)
        _losses(grid[0, column], part, top)
        grid[0, column].set_title(KINDS[kind][0], y=1.17)
        _copies(grid[1, column], part)
    grid[0, 0].set_ylabel("loss $L_c$")
    grid[1, 0].set_ylabel("memorised fraction")
    _theory_losses(grid[0, 2], data, top)
    _distances(grid[0, 3], data)
    for axes, clock in zip(grid[1, 2:], SHARED_CLOCKS, strict=True):
        _leads(axes, data.gain_time.sel(clock=clock), "gain", data.fine_gain, data.gain_line.sel(clock=clock))
        axes.set_title(CLOCKS[clock][0])
        axes.axvline(1.0, color=GREY, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1.0)
    below = grid[2:].reshape(-1, len(SHARED_CLOCKS))
    for pair, origin in zip(below, origins, strict=False):
        for axes, clock in zip(pair, SHARED_CLOCKS, strict=True):
            part = data.sel(centring=origin, clock=clock)
            _leads(axes, part.share_time, "share", data.fine_share, part.share_line)
            axes.set_title(CLOCKS[clock][0])
            text = {"transform": axes.transAxes, "ha": "center", "va": "bottom", "fontsize": 6, "color": GREY}
            axes.text(0.5, 0.02, _ORIGINS.get(origin, origin), **text)
    unused = below[len(origins) :].ravel().tolist()
    for axes in unused:
        axes.set_axis_off()
    grid[1, 2].set_ylabel(RATIO)
    for row in grid[2:]:
        row[0].set_ylabel(RATIO)
    letter_panels([axes for axes in grid.flat if axes not in unused])
    for axes in grid[0]:  # above the marks of the clocks
        axes.set_title(axes.get_title("left"), loc="left", y=1.17, fontweight="bold")
    _legend(drawing, data)
    return drawing


def _loss_ceiling(data: xr.Dataset) -> float:
    """Upper end of the axes of losses: all that is finite after the start, and the 1 of no training."""
    measured = data.test_loss.values
    return 1.04 * float(max(1.0, np.nanmax(np.where(np.isfinite(measured), measured, np.nan))))


def _losses(axes: Axes, part: xr.Dataset, top: float) -> None:
    for label, colour in enumerate(CLASS_COLOURS):
        for name, dashes in (("test_loss", TEST_DASHES), ("train_loss", TRAIN_DASHES)):
            curve(axes, part[name].isel(label=label), colour, lone=False, linestyle=dashes)
    step_axis(axes, part.step.values)
    clock_marks(axes, part, SHARED_CLOCKS)
    _loss_axis(axes, part.bayes, top)
    axes.set_xlabel(STEPS)


def _loss_axis(axes: Axes, bayes: xr.DataArray, top: float) -> None:
    for level, colour in zip(bayes.values, CLASS_COLOURS, strict=True):
        axes.axhline(level, color=colour, linewidth=0.5, linestyle=(0, (1, 2)), zorder=1.0)
    axes.set_ylim(0, top)


def _theory_losses(axes: Axes, data: xr.Dataset, top: float) -> None:
    for label, colour in enumerate(CLASS_COLOURS):
        for name, dashes in (("theory_test", TEST_DASHES), ("theory_train", TRAIN_DASHES)):
            axes.plot(data.eigen_time, data[name].isel(label=label), color=colour, linestyle=dashes)
    axes.set_xscale("log")
    axes.set_xlim(*_told(data))
    axes.xaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _loss_axis(axes, data.bayes, top)
    axes.set_xlabel(axis_label(data.eigen_time))
    axes.set_title("theory", y=1.17)
    _theory_marks(axes, data)


def _told(data: xr.Dataset) -> tuple[float, float]:
    """Times between which the theory's losses change: from 2 % of the first fall to where all have settled."""
    both = np.concatenate(
        [data.theory_train.transpose("label", "eigen_time").values, data.theory_test.values]
    )
    moving = np.abs(both - both[:, -1:]).max(axis=0) > 0.01
    times = data.eigen_time.values
    last = times[min(int(np.flatnonzero(moving).max(initial=0)) + 8, times.size - 1)]
    return float(times[0]), float(max(last, 10 * times[0]))


def _theory_marks(axes: Axes, data: xr.Dataset) -> None:
    """The theory's clocks in the manner of `clock_marks`; what is never reached stands open at the right edge."""
    last = axes.get_xlim()[1]
    for label, colour in enumerate(CLASS_COLOURS):
        height = 1.04 + 0.065 * label
        for clock in SHARED_CLOCKS:
            time = float(data.theory_time.sel(clock=clock).isel(label=label))
            look: dict[str, Any] = {"color": colour, "clip_on": False, "markersize": 3.2, "zorder": 4.0}
            reached = time <= last
            place = time if reached else last
            face = {} if reached else {"markerfacecolor": "white", "markeredgewidth": 0.6}
            axes.plot(place, height, CLOCKS[clock][1], transform=axes.get_xaxis_transform(), **look | face)
            if reached:
                axes.axvline(time, color=colour, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=1.0)


def _copies(axes: Axes, part: xr.Dataset) -> None:
    if "memorised" in part:
        memorised(axes, part)
        highest = float(np.nanmax(np.nan_to_num(part.memorised.values)))
        null = float(part.null_memorised.sum() / part.null_queries.sum())
        axes.axhline(null, color=GREY, linewidth=0.8, zorder=1.0)
        axes.set_ylim(-0.02 * max(highest, 0.1), 1.15 * max(highest, 0.1))
    else:
        axes.text(0.5, 0.5, "not sampled", transform=axes.transAxes, ha="center", fontsize=6, color=GREY)
    step_axis(axes, part.step.values)
    axes.set_xlabel(STEPS)


#: Rows of the panel of distances below that of the losses: whose leads are compared.
_ROWS = {"early_stop": "test loss", "mem_gap": "loss gap"}


def _distances(axes: Axes, data: xr.Dataset) -> None:
    """How far each kind of network is from the theory: a row for the losses, one for each clock's leads."""
    for place, (kind, (_, marker, colour)) in enumerate(KINDS.items()):
        part, shift = data.sel(prediction=kind), 0.14 * (2 * place - 1)
        rows = [part.mismatch.values, *(part.lead_error.sel(clock=[c]).values for c in SHARED_CLOCKS)]
        for row, values in enumerate(rows):
            known = values[np.isfinite(values)]
            look: dict[str, Any] = {"color": colour, "markersize": 3.4, "linestyle": "", "alpha": 0.85}
            axes.plot(known, np.full(known.size, row + shift), marker=marker, **look)
    for row, clock in enumerate(SHARED_CLOCKS, start=1):
        counts = [
            f"{int(data.same_order.sel(prediction=kind, clock=clock))}/"
            f"{int(data.compared.sel(prediction=kind, clock=clock))}"
            for kind in KINDS
        ]
        small = {"fontsize": 5.5, "color": GREY, "ha": "right", "va": "center"}
        for place, text in enumerate(counts):
            at = (0.99, row + 0.14 * (2 * place - 1))
            axes.text(*at, text, transform=axes.get_yaxis_transform(), **small)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short_number))
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.3, high * (high / low) ** 0.25)
    settings = [int(data.lead_settings.sel(clock=clock)) for clock in SHARED_CLOCKS]
    rows = [f"order, {_ROWS[c]}\n({n} settings)" for c, n in zip(SHARED_CLOCKS, settings, strict=True)]
    axes.set_yticks(range(1 + len(rows)), ["losses", *rows], fontsize=6)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) + 0.5, -0.5)
    axes.set_xlabel("distance from theory")


def _leads(axes: Axes, times: xr.DataArray, dim: str, fine: xr.DataArray, line: xr.DataArray) -> None:
    """Ratios of clocks of both kinds of network against ``dim``, and the theory's line."""
    at = times[dim].values.astype(float)
    found: dict[str, list[Contrast]] = {kind: contrasts(times.sel(prediction=kind), dim) for kind in KINDS}
    width = span((each for row in found.values() for each in row), line.values)
    ratio_axis(axes, width)
    steps = np.abs(np.diff(np.log(np.sort(at))))
    apart = float(np.exp(min(0.06 * steps.min(), 0.03))) if steps.size else 1.01
    for place, (kind, row) in enumerate(found.items()):
        _, marker, colour = KINDS[kind]
        draw_contrasts(axes, at * apart ** (2 * place - 1), row, width, colour=colour, marker=marker)
    draw_theory(axes, *_broken(fine.values, line.values), width, color=PALETTE["ink"], linewidth=1.0)
    _trim(axes, [each for row in found.values() for each in row], line.values, width)
    axes.set_xscale("log")
    axes.minorticks_off()
    held = np.concatenate([at, fine.values])
    room = (held.max() / held.min()) ** 0.06 if held.max() > held.min() else 1.1
    axes.set_xlim(held.min() / room, held.max() * room)
    axes.set_xticks(at, [_named(value) for value in at])
    axes.set_xlabel(axis_label(times[dim]))


def _trim(axes: Axes, found: list[Contrast], line: np.ndarray, width: float) -> None:
    """Leave out what is empty of an axis ``width`` wide about 1, but no more than three quarters of a side."""
    rows = [np.array([each.centre, each.lower, each.upper]) for each in found if each.seen.size > 1]
    numbers = np.concatenate([*rows, *(each.seen for each in found)])
    numbers = np.concatenate([numbers[~np.isnan(numbers)], line[np.isfinite(line)], [0.0]])
    ends = np.clip([1.2 * numbers.min(), 1.2 * numbers.max()], -width, width)
    low, high = min(ends[0], -0.25 * width), max(ends[1], 0.25 * width)
    axes.set_ylim(np.exp(low), np.exp(high))


def _named(value: float) -> str:
    """A share as a fraction where it is 1/2, 1/4, 1/8, ..., any other number as it is.

    >>> _named(0.125), _named(1.4), _named(1.0)
    ('1/8', '1.4', '1')
    """
    inverse = 1 / value
    fraction = value < 1 and abs(inverse - round(inverse)) < 1e-9 and round(inverse) % 2 == 0
    return f"1/{round(inverse)}" if fraction else f"{value:.3g}"


def _broken(at: np.ndarray, leads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A predicted line with a gap (NaN) at each jump."""
    jumps = np.flatnonzero(np.abs(np.diff(leads)) > _BROKEN) + 1
    return np.insert(at, jumps, at[jumps]), np.insert(leads, jumps, np.nan)


def _legend(drawing: Figure, data: xr.Dataset) -> None:
    ink = PALETTE["ink"]
    handles = class_handles(class_names(data))
    handles += [
        Line2D([], [], color=ink, linestyle=TEST_DASHES, label="test; theory"),
        Line2D([], [], color=ink, linestyle=TRAIN_DASHES, label="training"),
        *clock_handles(SHARED_CLOCKS),
    ]
    handles += [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=3.6, label=name)
        for name, marker, colour in KINDS.values()
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=6.5)
