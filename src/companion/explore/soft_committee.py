"""Explorer of two tasks in an erf soft committee: choose a start, see who learns, what is forgotten, what EWC costs."""

from typing import Any, NamedTuple

import numpy as np
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.analysis.specialisation import continual_cost, contributions, usage_specialisation
from companion.explore.panel import in_lab, log_slider, menu, panel, slider, stops
from companion.figures.marks import theory_line
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.studies.committee_maps import ISOTROPIC, SECOND_READOUTS, starting_readouts
from companion.theory.committee_conditions import drawn_start, isotropic_start, two_task_conditions
from companion.theory.soft_committee import solve_two_tasks

TIME = 200.0  # for each task
DIMENSION = 1000
STRENGTHS = np.array([0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
SIMILARITIES = np.linspace(0.0, 1.0, 11).round(12)
_CONSOLIDATIONS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # that can be chosen
_NO_PENALTY = 0.01  # where 0 stands on the logarithmic axis of strengths
_LEAST = 1e-6  # of what stands on logarithmic axes
# RK4 is stable on the penalty while 2 · step · γ F < 2.7, and F stays below .64 max h².
_STEP, _FINE_STEP, _STRONG = 0.4, 0.1, 2.0
_MOMENTS = np.concatenate([[0.0], np.geomspace(0.5, TIME, 40)])


class Knobs(NamedTuple):
    """What can be turned: θ in units of π/4, r, σ_w, V, γ, where the readout of task 2 starts, and the weights.

    Weights have no overlaps with each other or a teacher (``draw`` -1), or are a draw in 1000 dimensions: only with
    such a draw can a tie of the readouts break.
    """

    angle: float = 0.0
    scale: float = 0.3
    weight_scale: float = 1e-3
    similarity: float = 0.5
    consolidation: float = 0.0
    second_readout: str = SECOND_READOUTS[0]
    draw: int = ISOTROPIC


class Numbers(NamedTuple):
    """What a view shows.

    Over ``times``: ``errors`` (times, task) and ``shares`` (times, task, unit) of the contributions, those of a task's
    own readout. F at the end over `SIMILARITIES` without and with EWC: ``forgotten``, ``protected``. Means over
    similarity over `STRENGTHS`: ``forgetting``, ``second_error`` and their sum ``cost``. S_use at the switch.
    """

    times: np.ndarray
    errors: np.ndarray
    shares: np.ndarray
    forgotten: np.ndarray
    protected: np.ndarray
    forgetting: np.ndarray
    second_error: np.ndarray
    cost: np.ndarray
    specialisation: float


def numbers(knobs: Knobs) -> Numbers:
    """Order parameters for these knobs, K = 2, M = 1, 200 units of time for each task.

    Raises ValueError for an angle outside 0 to 1 (the tie), and for what no start or similarity can be.
    """
    if not 0.0 <= knobs.angle <= 1.0:
        raise ValueError(f"angle: {knobs.angle} given; allowed: from 0 to 1, in units of π/4")
    distance = (1.0 - knobs.angle) * np.pi / 4
    first, second = starting_readouts(distance, knobs.scale, knobs.second_readout)
    if knobs.draw == ISOTROPIC:
        start = isotropic_start(2, 1, knobs.weight_scale)
    else:
        start = drawn_start(2, 1, DIMENSION, knobs.weight_scale, [knobs.draw], seed=0)[0]
    # The strength that was chosen comes first, then those of the curve of costs; at each V, and at the chosen one.
    strengths = np.concatenate([[knobs.consolidation], STRENGTHS])[:, None]
    similarity = np.append(SIMILARITIES, knobs.similarity)
    given = two_task_conditions(
        start,
        first,
        second,
        similarity,
        consolidation=strengths,
        copy_readout=knobs.second_readout == "copied",
    )
    step = np.where(given.consolidation > _STRONG, _FINE_STEP, _STEP)
    chosen = slice(similarity.size - 1, similarity.size)
    shown = solve_two_tasks(
        given.part(chosen),
        first_time=TIME,
        second_time=TIME,
        step=step[chosen],
        times=np.concatenate([_MOMENTS, TIME + _MOMENTS]),
    ).isel(condition=0)
    ends = solve_two_tasks(
        given, first_time=TIME, second_time=TIME, step=step, times=(), overlaps=False
    ).error.values.reshape(*given.shape, 3, 2)[:, :-1]
    forgotten = ends[:, :, 2, 0] - ends[:, :, 1, 0]
    second_error = ends[:, :, 2, 1]
    parts = contributions(shown.readout.values, shown.Q.values[:, None])
    shares = parts / parts.sum(axis=-1, keepdims=True)
    switch = int(np.searchsorted(shown.time.values, TIME))
    return Numbers(
        times=shown.time.values,
        errors=shown.error.values,
        shares=shares,
        forgotten=forgotten[1],
        protected=forgotten[0],
        forgetting=forgotten[1:].mean(axis=1),
        second_error=second_error[1:].mean(axis=1),
        cost=continual_cost(forgotten[1:], second_error[1:]),
        specialisation=float(usage_specialisation(parts[switch, 0])),
    )


@styled()
def view(knobs: Knobs) -> Figure:
    """Errors and shares of the units along both tasks, forgetting over similarity, cost over the strength of EWC.

    Raises ValueError for knobs that describe no start.
    """
    found = numbers(knobs)
    drawing, (errors, shares, profile, cost) = figure("text", height=2.0, ncols=4)
    drawing.set_layout_engine(None)  # to find places anew for each view takes longer than to draw it
    drawing.subplots_adjust(left=0.055, right=0.99, bottom=0.2, top=0.79, wspace=0.3)
    _errors(errors, found)
    _shares(shares, found)
    _profile(profile, found, knobs)
    _cost(cost, found, knobs)
    drawing.suptitle(
        f"θ = {knobs.angle:.2f} · π/4,  r = {knobs.scale:.2g},  σ_w = {knobs.weight_scale:.2g},  "
        f"V = {knobs.similarity:.2f},  γ = {knobs.consolidation:g}:  S_use = {found.specialisation:.3f} at the switch"
    )
    return drawing


def _errors(axes: Axes, found: Numbers) -> None:
    for task, (colour, name) in enumerate(((PALETTE["blue"], "task 1"), (PALETTE["vermilion"], "task 2"))):
        heights = np.maximum(found.errors[:, task], _LEAST)
        theory_line(axes, _places(found.times), heights, color=colour, label=name)
    _logarithmic(axes, 0.03 * _LEAST)
    axes.legend(loc="lower left", ncols=2)
    axes.set_title("errors ε")
    _over_time(axes)


def _shares(axes: Axes, found: Numbers) -> None:
    after = found.times >= TIME
    for unit, colour in enumerate((PALETTE["ink"], PALETTE["orange"])):
        first, second = found.shares[..., unit].T
        theory_line(axes, _places(found.times), first, color=colour, label=f"unit {unit + 1}")
        theory_line(axes, _places(found.times)[after], second[after], color=colour, linestyle=(0, (3, 1.5)))
    axes.set_ylim(-0.03, 1.03)
    axes.legend(loc="center left")
    axes.set_title("shares p (dashed: task 2)")
    _over_time(axes)


def _profile(axes: Axes, found: Numbers, knobs: Knobs) -> None:
    theory_line(axes, SIMILARITIES, found.forgotten, color=GREY, label="without EWC")
    theory_line(
        axes, SIMILARITIES, found.protected, color=PALETTE["blue"], label=f"γ = {knobs.consolidation:g}"
    )
    here = np.interp(knobs.similarity, SIMILARITIES, found.protected)
    axes.axvline(knobs.similarity, color=GREY, linewidth=0.6, linestyle="--")
    axes.plot(knobs.similarity, here, "o", color=PALETTE["blue"], markersize=4)
    axes.set_ylim(-0.01, 0.38)
    axes.legend(loc="upper right")
    axes.set_xlabel("similarity V")
    axes.set_title("forgetting F(V)")


def _cost(axes: Axes, found: Numbers, knobs: Knobs) -> None:
    strengths = np.maximum(STRENGTHS, _NO_PENALTY)
    for values, colour, name in (
        (found.forgetting, PALETTE["blue"], "forgetting"),
        (found.second_error, PALETTE["vermilion"], "error on task 2"),
        (found.cost, PALETTE["ink"], "sum"),
    ):
        theory_line(axes, strengths, np.maximum(values, _LEAST), color=colour, label=name)
    axes.axvline(max(knobs.consolidation, _NO_PENALTY), color=GREY, linewidth=0.6, linestyle="--")
    axes.set_xscale("log")
    axes.set_xticks([_NO_PENALTY, 0.1, 1.0, 10.0], ["0", "0.1", "1", "10"])
    _logarithmic(axes, 1e-3 * _LEAST)
    axes.legend(loc="lower left")
    axes.set_xlabel("strength γ of EWC")
    axes.set_title("means over V")


def _logarithmic(axes: Axes, lowest: float) -> None:
    """Heights from ``lowest`` to 1; below `_LEAST` there is room for a legend only."""
    axes.set_yscale("log")
    axes.set_ylim(lowest, 1.0)
    axes.set_yticks([1e-6, 1e-4, 1e-2, 1.0], ["1e-6", "1e-4", "0.01", "1"])
    axes.minorticks_off()


def _places(times: np.ndarray) -> np.ndarray:
    """Where times stand: each task has an axis of its own from 0 to 1, logarithmic in 1 + a."""
    second = times > TIME
    own = np.where(second, times - TIME, times)
    return np.log1p(own) / np.log1p(TIME) + second


def _over_time(axes: Axes) -> None:
    marks = np.array([0.0, 10.0, 200.0])
    inside = _places(marks)
    axes.set_xticks([*inside, 1.0 + inside[1], 2.0], ["0", "10", "200 | 0", "10", "200"])
    axes.axvline(1.0, color=GREY, linewidth=0.6, linestyle="--")
    axes.set_xlim(0.0, 2.0)
    axes.set_xlabel("time a in task 1 | task 2")


@in_lab
def explorer(**knobs: Any) -> VBox:
    """A control for each of `Knobs`, at first at these, and the view below them."""
    start = Knobs(**knobs)
    weights = [("no overlaps", ISOTROPIC), ("a draw, d = 1000", 0), ("another draw", 1)]
    controls = {
        "angle": slider("angle θ / (π/4)", start.angle, 0.0, 1.0, 0.01),
        "scale": log_slider("readout scale r", start.scale, -2, 0, 0.05),
        "weight_scale": log_slider("weight scale σ", start.weight_scale, -3, 0, 0.1),
        "similarity": slider("similarity V", start.similarity, 0.0, 1.0, 0.05),
        "consolidation": stops("EWC γ", _CONSOLIDATIONS, start.consolidation),
        "second_readout": menu("second readout", SECOND_READOUTS, start.second_readout),
        "draw": menu("weights", weights, start.draw),
    }
    return panel(lambda **turned: view(Knobs(**turned)), controls)
