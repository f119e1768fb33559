"""Explorer of one-pass learning: choose a size, a step and a dimension, see the flow, the chain and the plateau."""

from typing import Any, NamedTuple

import numpy as np
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.explore.panel import in_lab, log_slider, panel, slider, stops
from companion.figures.marks import theory_line
from companion.figures.style import GREY, PALETTE, figure, styled
from companion.theory.relu_flow import Trajectories, solve_flow
from companion.training.relu_chain import Runs, initial_overlaps, run_chain

LARGEST = 4  # students and teachers; a view then takes less than half a second
DIMENSIONS = (20, 50, 100, 300, 1000)
_START_DIMENSION = 100  # of the weights whose overlaps all curves start from
_PROGRESS = 60.0  # η t at the end
_CHAINS = 4
_TOLERANCE = 1e-4  # of the flows: below the width of a line
_LEAST = 1e-5  # loss that is drawn
_COLOURS = tuple(PALETTE[name] for name in ("blue", "vermilion", "green", "orange", "plum"))


class Knobs(NamedTuple):
    """What can be turned: M, K - M, η, d of the chain, and the index of the random start."""

    teachers: int = 2
    surplus: int = 0
    learning_rate: float = 0.5
    dimension: int = 100
    start: int = 0


class Paths(NamedTuple):
    """What a view shows: gradient flow, the flow with the noise of steps, and chains at finite d."""

    gradient: Trajectories
    noisy: Trajectories
    chains: Runs


def paths(knobs: Knobs) -> Paths:
    """All curves from one start, to time 60/η. Raises ValueError for sizes, steps or dimensions that cannot be."""
    teacher = np.eye(knobs.teachers)
    students = knobs.teachers + knobs.surplus
    (Q,), (R,) = initial_overlaps(students, teacher, _START_DIMENSION, [knobs.start], 0)
    end, rate = _PROGRESS / knobs.learning_rate, knobs.learning_rate
    fine, coarse = end * np.linspace(0, 1, 60) ** 2, end * np.linspace(0, 1, 31)[1:]
    gradient, noisy = (
        solve_flow(Q, R, teacher, fine, rate, noise, tolerance=_TOLERANCE) for noise in ("none", "exact")
    )
    return Paths(
        gradient, noisy, run_chain(Q, R, teacher, coarse, rate, knobs.dimension, range(_CHAINS), seed=0)
    )


@styled()
def view(knobs: Knobs) -> Figure:
    """Loss over time of flow and chains (left); overlaps of all students with the first teacher unit (right)."""
    found = paths(knobs)
    drawing, (left, right) = figure("text", height=2.3, ncols=2)
    drawing.set_layout_engine(None)  # to find places anew for each view takes longer than to draw it
    drawing.subplots_adjust(left=0.07, right=0.99, bottom=0.17, top=0.8, wspace=0.2)
    _losses(left, found, knobs)
    _overlaps(right, found, knobs)
    drawing.suptitle(
        f"K = {knobs.teachers + knobs.surplus},  M = {knobs.teachers},  η = {knobs.learning_rate:.2f},  "
        f"random start {knobs.start}"
    )
    return drawing


def _losses(axes: Axes, found: Paths, knobs: Knobs) -> None:
    scale = knobs.learning_rate
    for run in range(_CHAINS):
        label = f"d = {knobs.dimension}, {_CHAINS} runs" if not run else None
        axes.plot(
            scale * found.chains.times[run], found.chains.loss[run], color=PALETTE["sky"], lw=0.8, label=label
        )
    theory_line(axes, scale * found.noisy.times, found.noisy.loss[0], color=PALETTE["ink"], label="d → ∞")
    theory_line(
        axes,
        scale * found.gradient.times,
        found.gradient.loss[0],
        color=GREY,
        linestyle=(0, (3, 1.5)),
        label="small steps",
    )
    axes.set_yscale("log")
    axes.set_ylim(_LEAST, 2)
    axes.set_yticks([1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1], ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1"])
    axes.minorticks_off()
    axes.legend(loc="lower left")
    axes.set_xlabel("η times steps/d")
    axes.set_title("loss")


def _overlaps(axes: Axes, found: Paths, knobs: Knobs) -> None:
    scale = knobs.learning_rate
    for student in range(knobs.teachers + knobs.surplus):
        colour = _COLOURS[student]
        theory_line(axes, scale * found.noisy.times, found.noisy.R[0, :, student, 0], color=colour)
        for run in range(_CHAINS):
            axes.plot(
                scale * found.chains.times[run],
                found.chains.R[run, :, student, 0],
                ".",
                color=colour,
                ms=1.5,
                alpha=0.6,
            )
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.set_ylim(-0.6, 1.3)
    axes.set_xlabel("η times steps/d")
    axes.set_title("overlap of every student with teacher unit 1")


@in_lab
def explorer(**knobs: Any) -> VBox:
    """A control for each of `Knobs`, at first at these, and the view below them."""
    start = Knobs(**knobs)
    controls = {
        "teachers": slider("teachers M", start.teachers, 1, LARGEST, 1),
        "surplus": slider("K - M", start.surplus, 0, 1, 1),
        "learning_rate": log_slider("step size η", start.learning_rate, -1, 0.3, 0.05),
        "dimension": stops("dimension d", DIMENSIONS, start.dimension),
        "start": slider("random start", start.start, 0, 99, 1),
    }
    return panel(lambda **turned: view(Knobs(**turned)), controls)
