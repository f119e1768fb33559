"""Figures of imbalance: what a smaller share of one class does to the clocks of both, and to what is generated."""

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
from companion.figures.unet_classes import (
    CLASS_COLOURS,
    TEST_DASHES,
    TRAIN_DASHES,
    class_names,
    class_shades,
)
from companion.figures.unet_contrasts import RATIO, contrasts, draw_contrasts, ratio_axis, span
from companion.figures.unet_curves import CLOCKS, LOSS_INDEX, STEPS, as_drawn, curve, log_axis, step_axis
from companion.figures.unet_order_map import ORDER_CLOCKS, order_maps, share_text

_ORDER = "order"
#: Centrings in the order of the study: their names, markers and colours.
_CENTRINGS = {
    "pair": ("pair mean", "o", PALETTE["ink"]),
    "pixel": ("one grey value", "s", PALETTE["green"]),
    "balanced": ("mean of all classes", "D", PALETTE["plum"]),
    "none": ("none", "P", PALETTE["sky"]),
}
_EXPOSURES = {"equal": ("few, shown often", "p"), "swapped": ("many, shown rarely", "*")}
_CONFOUND = (
    "The criterion of copies, $d_1/d_2<1/3$, tolerates $d_2/3$: more for the wider class, and more for the class with "
    "fewer images; losses know no such threshold. "
)
_SHARED = (
    "Classes, counts and recipe are our settings; the total number of images, the centring vector and the "
    "preconditioner's $v$ are the same for all shares of a centring. "
)


@described(
    title="A smaller share shifts the clocks",
    caption="The first class has a part of a fixed number of images. (a, b) Memorised fraction and (d, e) losses at "
    "$t=136$ ($t_{OU}=.1$; solid: held-out, dashed: training images) of the first and the second class, dark to "
    "pale with falling share, first centring. (c, f) Ratio of the clocks of both classes against the share of the "
    "first; above 1 it is first: means over replicates (small dots) with 95 % bootstrap intervals, open with an arrow "
    "where one class never gets there, nothing where neither does. Lines: centrings. Open marks, first centring: "
    "a weighted sampler that shows few images as often as many, or as many images as rarely as few. (g, h) Where "
    "drawn: $\\log(\\tau_2/\\tau_1)$ over the share and the ratio of standard deviations of two halves of one class; "
    "red: the dialled half is first, white: both at once, hatched: no order (neither gets there, or no number). "
    + _CONFOUND
    + _SHARED
    + "The runs are shared with the figure of class shares and with the one of speciation.",
    equation=r"\pi_1=\frac{n_1}{n_1+n_2},\qquad L_c(\tau_\mathrm{stop}^c)=\min_\tau L_c,\qquad "
    r"\tau_\mathrm{gap}^c=\min\{\tau:L_c-L_{\mathrm{train},c}\geq\tfrac14(L_c(0)-\min_\tau L_c)\},\qquad "
    r"\frac{\tau_2}{\tau_1}",
    claims=["p2unet_c5_imbalance_shifts"],
)
def imbalance(data: xr.Dataset) -> Figure:
    """Curves by share, clock ratios against share, and the map of order where `with_order` put one."""
    order = taken_out(data, _ORDER)
    rows = 2 if order is None else 3
    drawing, grid = figure("text", height=2.05 * rows + 0.35, nrows=rows, ncols=3)
    counted = _counted(data)
    for label, name in enumerate(class_names(data)):
        _curves_byshare_text(grid[0, label], grid[1, label], counted, label)
        grid[0, label].set_title(name)
    found = {clock: contrasts(data.time.sel(clock=clock), "case") for clock in ORDER_CLOCKS}
    for axes, clock in zip(grid[:2, 2], ORDER_CLOCKS, strict=True):
        _leads(axes, data, found[clock], span(each for each in found[clock]))
        axes.set_title(CLOCKS[clock][0])
        axes.set_ylabel(RATIO)
    panels = list(grid[:2].flat)
    if order is not None:
        panels += list(grid[2, :2])
        order_maps(grid[2, :2], grid[2, 2], order)
    _legend(drawing, None if order is None else grid[2, 2], data)
    letter_panels(panels)
    return drawing


def with_order(data: xr.Dataset, order: xr.Dataset) -> xr.Dataset:
    """No more of ``data`` than is drawn, with the map of order, ``lead`` (gain, share, replicate, clock), beside it."""
    return beside(as_drawn(data), order, _ORDER)


def _counted(data: xr.Dataset) -> xr.Dataset:
    """Cases of the first centring without a weighted sampler, by falling share."""
    keep = (data.exposure.values == "counts") & (data.centring.values == str(data.centring.values[0]))
    chosen = data.isel(case=np.flatnonzero(keep))
    return chosen.isel(case=np.argsort(-chosen.share.values, kind="stable"))


def _curves_byshare_text(above: Axes, below: Axes, counted: xr.Dataset, label: int) -> None:
    part = counted.isel(label=label)
    losses = part.sel(diffusion_index=LOSS_INDEX)
    tones = class_shades(label, part.sizes["case"])
    for place, tone in enumerate(tones):
        curve(above, part.memorised.isel(case=place), tone)
        curve(below, losses.test_loss.isel(case=place), tone, linestyle=TEST_DASHES)
        curve(below, losses.train_loss.isel(case=place), tone, linestyle=TRAIN_DASHES, lone=False)
    top = float(np.nanmax(np.append(counted.memorised.values, 0.15)))
    above.set_ylim(-0.02, min(1.12 * top, 1.04))
    above.set_ylabel(axis_label(counted.memorised))
    below.set_ylabel(rf"loss $L_c$ at $t={LOSS_INDEX}$")
    log_axis(below)
    for axes in (above, below):
        step_axis(axes, part.step.values)
    below.set_xlabel(STEPS)
    handles = [
        Line2D([], [], color=tone, label=f"{share_text(float(share if label == 0 else 1 - share))}")
        for tone, share in zip(tones, part.share.values, strict=True)
    ]
    above.legend(handles=handles, title="share", loc="upper left", fontsize=6, title_fontsize=6)
    dashes = [
        Line2D([], [], color=tones[0], linestyle=TEST_DASHES, label="test"),
        Line2D([], [], color=tones[0], linestyle=TRAIN_DASHES, label="training"),
    ]
    below.legend(handles=dashes, loc="lower left", fontsize=6, handlelength=2.0)


def _centring(name: str) -> tuple[str, str, str]:
    return _CENTRINGS.get(name, (name, "X", PALETTE["sky"]))


def _leads(axes: Axes, data: xr.Dataset, found: list[Any], width: float) -> None:
    ratio_axis(axes, width)
    exposure, centring, share = data.exposure.values, data.centring.values, data.share.values
    names = list(dict.fromkeys(centring.tolist()))
    for place, name in enumerate(names):
        rows = np.flatnonzero((exposure == "counts") & (centring == name))
        rows = rows[np.argsort(share[rows])]
        _, marker, colour = _centring(name)
        at = share[rows] * 1.02 ** (place - (len(names) - 1) / 2)
        drawn = [found[row] for row in rows]
        draw_contrasts(axes, at, drawn, width, colour=colour, marker=marker, joined=True)
    for kind, (_, marker) in _EXPOSURES.items():
        rows = np.flatnonzero(exposure == kind)
        drawn = [found[row] for row in rows]
        colour = _centring(names[0])[2]
        draw_contrasts(axes, share[rows], drawn, width, colour=colour, marker=marker, filled=False, size=4.4)
    axes.set_xscale("log")
    axes.minorticks_off()
    shown = np.unique(share.round(6))
    axes.set_xticks(shown, [share_text(value) for value in shown])
    axes.set_xlim(shown.min() / 1.15, shown.max() * 1.15)
    axes.set_xlabel(f"share of {class_names(data)[0]}")


def _legend(drawing: Figure, corner: Axes | None, data: xr.Dataset) -> None:
    names = list(dict.fromkeys(data.centring.values.tolist()))
    handles: list[Any] = [
        Line2D([], [], color=colour, marker=marker, linewidth=0.8, label=text)
        for text, marker, colour in map(_centring, names)
    ]
    open_mark = {"markerfacecolor": "white", "linestyle": "", "markersize": 4}
    handles += [
        Line2D([], [], color=_centring(names[0])[2], marker=marker, label=text, **open_mark)
        for kind, (text, marker) in _EXPOSURES.items()
        if kind in data.exposure.values
    ]
    if corner is None:
        drawing.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=6)
    else:
        corner.set_axis_off()
        corner.legend(handles=handles, loc="upper center", title="centring, exposure", title_fontsize=7)


@described(
    title="What is generated against what was shown",
    caption="Share of the first class among generated samples that a classifier decides on, against steps: one row for "
    "each centring, one column for each share of the first class among the images; at the right a weighted sampler. "
    "Dashed: its share of the images; dotted, where it differs: of the batches. Grey: share of all samples that are "
    "left undecided (posterior below .9): while it is large the shares say little. Of several replicates each is "
    "a thin line, the thick one their median. "
    + _SHARED
    + "Shares are a classifier's and no criterion of copies: the "
    "tolerance $d_2/3$ of that criterion plays no part here. The runs are those of the figure of imbalance.",
    equation=r"\frac{\#\{x:P(1\mid x)\geq.9\}}{\#\{x:\max_cP(c\mid x)\geq.9\}}\quad\mathrm{against}\quad"
    r"\pi_1=\frac{n_1}{n_1+n_2}",
    claims=["p2unet_c5_imbalance_shifts"],
)
def class_shares(data: xr.Dataset) -> Figure:
    """One panel for each case: generated share of the first class, its training share, and the undecided share."""
    centrings = list(dict.fromkeys(data.centring.values.tolist()))
    cases = _cases_by_place(data, centrings)
    columns = 1 + max(column for _, column in cases)
    drawing, grid = figure(
        "text",
        1.35 * len(centrings) + 0.55,
        "columns",
        nrows=len(centrings),
        ncols=columns,
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for (row, column), axes in np.ndenumerate(grid):
        if (row, column) not in cases:
            axes.set_axis_off()
            continue
        _shares(axes, data.isel(case=cases[row, column]))
        if column == 0 and len(centrings) > 1:
            axes.set_ylabel(_centring(centrings[row])[0])
        axes.tick_params(labelbottom=(row + 1, column) not in cases)
    drawing.supxlabel(STEPS, fontsize=8)
    drawing.supylabel("share of samples", fontsize=8)
    names = class_names(data)
    handles = [
        Line2D([], [], color=CLASS_COLOURS[0], label=f"{names[0]}, generated"),
        Line2D([], [], color=PALETTE["ink"], linestyle="--", linewidth=0.8, label="share of images"),
        Line2D([], [], color=PALETTE["ink"], linestyle=":", linewidth=0.8, label="share of batches"),
        Line2D([], [], color=GREY, label="undecided"),
    ]
    drawing.legend(handles=handles, loc="outside upper center", ncols=4)
    return drawing


def _cases_by_place(data: xr.Dataset, centrings: list[str]) -> dict[tuple[int, int], int]:
    """Which case stands in which (row, column): shares fall to the right, weighted samplers stand last."""
    counted = data.exposure.values == "counts"
    shares = sorted(set(data.share.values[counted].tolist()), reverse=True)
    found, further = {}, len(shares)
    for case in range(data.sizes["case"]):
        row = centrings.index(str(data.centring.values[case]))
        if counted[case]:
            found[row, shares.index(float(data.share.values[case]))] = case
        else:
            found[row, further] = case
            further += 1
    return found


def _shares(axes: Axes, case: xr.Dataset) -> None:
    curve(axes, case.undecided, GREY, lone=False)
    curve(axes, case.class_share.isel(label=0), CLASS_COLOURS[0])
    share, shown = float(case.share), float(case.shown_share)
    axes.axhline(share, color=PALETTE["ink"], linewidth=0.8, linestyle="--", zorder=1.5)
    if abs(share - shown) > 1e-9:
        axes.axhline(shown, color=PALETTE["ink"], linewidth=0.8, linestyle=":", zorder=1.5)
    axes.set_ylim(-0.03, 1.03)
    step_axis(axes, case.step.values)
    kind = str(case.exposure.values)
    title = f"share {share_text(share)}" if kind == "counts" else _EXPOSURES.get(kind, (kind, ""))[0]
    axes.set_title(title, fontsize=6)
