"""Explorer of a diffusing point's two decisions: when it chooses its class, and when its training point."""

from typing import Any, NamedTuple

import numpy as np
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.compute.seeds import generator
from companion.explore.panel import in_lab, log_slider, panel, slider, stops
from companion.figures.marks import theory_line
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.theory.attribution import Attribution
from companion.theory.class_posterior import GaussianClasses
from companion.theory.condensation import class_collapse_times
from companion.theory.speciation import speciation_times

ROLES = (("majority", PALETTE["blue"]), ("minority", PALETTE["vermilion"]))
_SHOWN = [0, 2]  # of the three classes: a majority, and the minority
_SAMPLES = 2048  # points of a class for the curves; a quarter of them for each time on the right
_TIMES = np.geomspace(0.01, 6.0, 80)
_WEIGHTS = np.geomspace(1e-3, 1 / 3, 9)


class Knobs(NamedTuple):
    """What can be turned: weight and deviation of the minority, |μ_c|²/d, d, and log10 of the training points.

    Two majorities of deviation 1 share what the minority leaves; centroids are orthogonal.
    """

    weight: float = 0.1
    deviation: float = 1.0
    norm: float = 1.0
    dimension: int = 64
    points: float = 1000.0

    def classes(self, weight: float) -> GaussianClasses:
        """The mixture with these knobs and this ``weight``; ValueError for what is none."""
        centroids = np.sqrt(self.norm * self.dimension) * np.eye(3, self.dimension)
        weights = np.array([(1 - weight) / 2, (1 - weight) / 2, weight])
        return GaussianClasses(weights, np.array([1.0, 1.0, self.deviation]), centroids)


class Numbers(NamedTuple):
    """What a view shows, for a majority and the minority: C_c(t) (times, 2), t_S and t_C (2,), t_S(π) (weights, 2)."""

    curves: np.ndarray
    speciated: np.ndarray
    condensed: np.ndarray
    by_weight: np.ndarray


def numbers(knobs: Knobs) -> Numbers:
    """Attribution with the exact score, and where each class is copied. Raises ValueError for what is no mixture."""
    classes = knobs.classes(knobs.weight)
    attribution = Attribution(classes, generator(0, "explorer", "attribution"), _SAMPLES)
    counts = np.maximum(knobs.points * classes.weights, 2.0)
    condensed = class_collapse_times(counts, classes.standard_deviations, knobs.dimension)
    return Numbers(
        curves=attribution.curves(_TIMES, balanced=True)[:, _SHOWN],
        speciated=_speciated(classes, _SAMPLES),
        condensed=condensed[_SHOWN],
        by_weight=np.array([_speciated(knobs.classes(weight), _SAMPLES // 4) for weight in _WEIGHTS]),
    )


def _speciated(classes: GaussianClasses, samples: int) -> np.ndarray:
    """Normalised speciation times of a majority and the minority, (2,)."""
    given = (classes.weights, classes.standard_deviations, classes.centroids)
    return speciation_times(*given, "normalised", samples=samples, tolerance=1e-3)[_SHOWN]


@styled()
def view(knobs: Knobs) -> Figure:
    """Attribution over diffusion time (left), the two clocks of each class (middle), speciation over π (right)."""
    found = numbers(knobs)
    drawing, (left, middle, right) = figure("text", height=2.2, ncols=3, width_ratios=[1.2, 1, 1])
    drawing.set_layout_engine(None)  # to find places anew for each view takes longer than to draw it
    drawing.subplots_adjust(left=0.06, right=0.99, bottom=0.18, top=0.8, wspace=0.25)
    _attribution(left, found, knobs)
    _clocks(middle, found)
    _over_weight(right, found, knobs)
    drawing.suptitle(
        f"π = {knobs.weight:.3g},  σ = {knobs.deviation:.2f},  |μ|²/d = {knobs.norm:.2g},  d = {knobs.dimension},  "
        f"n = {knobs.points:,.0f} training points"
    )
    return drawing


def _attribution(axes: Axes, found: Numbers, knobs: Knobs) -> None:
    priors = ((1 - knobs.weight) / 2, knobs.weight)
    for place, (name, colour) in enumerate(ROLES):
        theory_line(axes, _TIMES, found.curves[:, place], color=colour, label=name)
        axes.axhline(priors[place], color=colour, linewidth=0.5, linestyle=":")
        if np.isfinite(found.speciated[place]):
            axes.plot(found.speciated[place], (1 + priors[place]) / 2, "o", color=colour, markersize=4)
    axes.set_ylim(-0.03, 1.05)
    axes.legend(loc="lower left")
    _over_time(axes)
    axes.set_title("the class is known: C(t), half way (dot)")


def _clocks(axes: Axes, found: Numbers) -> None:
    for place, (_, colour) in enumerate(ROLES):
        known = found.condensed[place] < found.speciated[place]  # the law of copying assumes it
        for marker, times, face in (
            ("o", found.speciated, colour),
            ("s", found.condensed, colour if known else "white"),
        ):
            at = max(times[place], _TIMES[0])
            axes.plot(at, 1 - place, marker, color=colour, mfc=face, markersize=5, clip_on=False)
    handles = [
        Line2D([], [], color=GREY, marker=marker, linestyle="", label=name)
        for marker, name in (("o", "class"), ("s", "training point"))
    ]
    axes.legend(handles=handles, loc="center", ncols=2, columnspacing=0.6, handletextpad=0.1)
    axes.set_ylim(-0.5, 1.5)
    axes.set_yticks([])
    _over_time(axes)
    axes.set_title("chosen at (open: too late for the law)")


def _over_weight(axes: Axes, found: Numbers, knobs: Knobs) -> None:
    for place, (_, colour) in enumerate(ROLES):
        theory_line(axes, _WEIGHTS, found.by_weight[:, place], color=colour)
    axes.axvline(knobs.weight, color=GREY, linewidth=0.6, linestyle="--")
    axes.set_xscale("log")
    axes.set_xticks([0.001, 0.01, 0.1], ["0.001", "0.01", "0.1"])
    axes.minorticks_off()
    axes.set_ylim(0, None)
    axes.set_xlabel("weight π of the minority")
    axes.set_title("time of choosing the class")


def _over_time(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlim(_TIMES[0], _TIMES[-1])
    axes.set_xticks([0.01, 0.1, 1.0], ["0.01", "0.1", "1"])
    axes.minorticks_off()
    axes.set_xlabel("diffusion time t")


@in_lab
def explorer(**knobs: Any) -> VBox:
    """A control for each of `Knobs`, at first at these, and the view below them."""
    start = Knobs(**knobs)
    controls = {
        "weight": log_slider("minority π", start.weight, -3, -0.5, 0.1),
        "deviation": slider("its deviation σ", start.deviation, 0.3, 2.0, 0.1),
        "norm": log_slider("centroids |μ|²/d", start.norm, -1.5, 1, 0.1),
        "dimension": stops("dimension d", [8, 16, 64, 256, 1024], start.dimension),
        "points": log_slider("training points n", start.points, 1, 6, 0.1),
    }
    return panel(lambda **turned: view(Knobs(**turned)), controls)
