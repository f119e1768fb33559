"""Explorer of where descent ends: choose sizes of student and teacher, see how often every family is met."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.analysis.statistics import wilson_interval
from companion.explore.missing import stored_result
from companion.explore.panel import in_lab, panel, slider, stops
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.studies.relu_landscape import basin_census

COUNTS = (50, 100, 200, 500)
_ROOT = 0  # of the seeds, that of the notebook's figures
_COLOURS = {"global": GREY, "unmatched": PALETTE["vermilion"], "unconverged": PALETTE["orange"]}
_MOST = 9  # outcomes that are drawn, the most frequent ones


class Knobs(NamedTuple):
    """What can be chosen: M, K - M, and how many random starts."""

    teachers: int = 8
    surplus: int = 0
    starts: int = 200


def census(knobs: Knobs) -> xr.Dataset:
    """The stored `basin_census` of these sizes. Raises NotStored where there is none."""
    students = knobs.teachers + knobs.surplus
    what = f"{knobs.starts} descents at K = {students}, M = {knobs.teachers}"
    return stored_result(what, basin_census, students, knobs.teachers, knobs.starts, _ROOT)


@styled()
def view(knobs: Knobs) -> Figure:
    """Losses at the end of all runs, sorted (left); shares of the outcomes with 95 % Wilson intervals (right).

    Raises NotStored where these descents are in no store.
    """
    found = census(knobs)
    drawing, (left, right) = figure("text", height=2.3, ncols=2, width_ratios=[1.3, 1])
    drawing.set_layout_engine(None)  # to find places anew for each view takes longer than to draw it
    drawing.subplots_adjust(left=0.07, right=0.98, bottom=0.17, top=0.8, wspace=0.28)
    _losses(left, found)
    _shares(right, found)
    drawing.suptitle(
        f"K = {knobs.teachers + knobs.surplus},  M = {knobs.teachers}:  {100 * float(found.fraction_spurious):.1f} % "
        f"of the runs that converged are spurious"
    )
    return drawing


def _losses(axes: Axes, found: xr.Dataset) -> None:
    order = np.argsort(found.loss.values)
    labels = found.family.values[order]
    for name in dict.fromkeys(labels):
        at = np.flatnonzero(labels == name)
        colour = _COLOURS.get(name, PALETTE["blue"])
        axes.plot(1 + at, found.loss.values[order][at], ".", color=colour, markersize=3)
    axes.set_ylim(-0.004, max(0.1, 1.05 * float(found.loss.max())))
    axes.set_xlabel("runs, by their loss")
    axes.set_title("loss at the end")


def _shares(axes: Axes, found: xr.Dataset) -> None:
    names, counts = np.unique(found.family.values.astype(str), return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_MOST]
    total = found.sizes["initialisation"]
    for place, (name, count) in enumerate(zip(names[most], counts[most], strict=True)):
        low, high = wilson_interval(int(count), total)
        axes.barh(-place, count / total, color=_COLOURS.get(name, PALETTE["blue"]), height=0.6, alpha=0.8)
        axes.plot([low, high], [-place, -place], color=PALETTE["ink"], linewidth=1.0)
    axes.set_yticks(-np.arange(len(most)), list(names[most]))
    axes.set_ylim(-_MOST + 0.4, 0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of runs")
    axes.set_title("where they ended")


@in_lab
def explorer(**knobs: int) -> VBox:
    """A control for each of `Knobs`, at first at these, and the view below them."""
    start = Knobs(**knobs)
    controls = {
        "teachers": slider("teachers M", start.teachers, 4, 17, 1),
        "surplus": slider("K - M", start.surplus, 0, 2, 1),
        "starts": stops("random starts", COUNTS, start.starts),
    }
    return panel(lambda **chosen: view(Knobs(**chosen)), controls)
