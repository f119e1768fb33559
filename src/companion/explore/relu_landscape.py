"""Explorer of the ReLU landscape: choose a size and a family, see its overlaps, spectrum and a descent."""

import numpy as np
from ipywidgets import VBox
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from companion.explore.panel import in_lab, menu, panel, slider
from companion.figures.marks import theory_line
from companion.figures.style import DIVERGING, GREY, PALETTE, figure, styled
from companion.theory.relu_landscape import Minimum, hessian_spectrum, known_families
from companion.training.descent import initial_weights
from companion.training.relu_decay import logarithmic_steps, loss_curve

LARGEST_TEACHERS = 17  # the published size; a view then takes less than half a second
_STEPS = 5000
_DIMENSION = 1000
_EQUAL = 8  # digits to which eigenvalues of one symmetry agree


def listed(teachers: int, surplus: int) -> dict[str, Minimum]:
    """The families at M = ``teachers``, K = M + ``surplus``, by name, in the order of their loss."""
    return {minimum.name: minimum for minimum in known_families(teachers + surplus, teachers)}


@styled()
def view(teachers: int, surplus: int, name: str, start: int) -> Figure:
    """Overlaps R and Q and the spectrum (d = 1000) of one family; losses of one descent from random weights.

    ``start`` is the index of the random start. Raises ValueError for a family that is not listed there.
    """
    families = listed(teachers, surplus)
    if name not in families:
        raise ValueError(f"name: given {name!r}; allowed at this size: {', '.join(families)}")
    drawing, panels = figure("text", height=1.9, ncols=4, width_ratios=[1, 1, 1.2, 1.4])
    drawing.set_layout_engine(None)  # to find places anew for each view takes longer than to draw it
    drawing.subplots_adjust(left=0.01, right=0.99, bottom=0.19, top=0.8, wspace=0.3)
    minimum = families[name]
    _overlaps(panels[0], minimum.weights, "$R_{km}$")
    _overlaps(panels[1], minimum.weights @ minimum.weights.T, "$Q_{kl}$")
    _spectrum(panels[2], minimum)
    _descent(panels[3], families, name, teachers, start)
    state = "minimum" if minimum.is_minimum else "saddle"
    drawing.suptitle(f"{name}, $K={minimum.students}$, $M={teachers}$: $L={minimum.loss:.6f}$, a {state}")
    return drawing


def _overlaps(axes: Axes, values: np.ndarray, title: str) -> None:
    axes.imshow(values, cmap=DIVERGING, norm=TwoSlopeNorm(0.0, vmin=-1.1, vmax=1.1))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title)


def _spectrum(axes: Axes, minimum: Minimum) -> None:
    """Every eigenvalue of the Hessian in d dimensions, against how often it occurs."""
    found = hessian_spectrum(minimum.weights, np.eye(minimum.teachers), _DIMENSION)
    for values, times, colour, label in (
        (found.in_span, 1, PALETTE["blue"], r"$H_\parallel$"),
        (found.transverse, found.multiplicity, PALETTE["vermilion"], "$A$"),
    ):
        levels, counts = np.unique(values.round(_EQUAL), return_counts=True)
        axes.plot(levels, times * counts, ".", color=colour, markersize=3, label=label)
    axes.axvline(0, color=GREY, linewidth=0.5)
    axes.set_yscale("log")
    axes.set_xlabel("eigenvalue")
    axes.set_title(f"multiplicity in $d={_DIMENSION}$")
    axes.legend(loc="center right")


def _descent(axes: Axes, families: dict[str, Minimum], name: str, teachers: int, start: int) -> None:
    students = next(iter(families.values())).students
    weights = initial_weights(students, teachers, [start], seed=0)
    steps = logarithmic_steps(_STEPS, 14)
    curve = loss_curve(weights, np.eye(teachers), steps)
    theory_line(axes, steps, curve.loss[0], color=PALETTE["ink"])
    losses = [minimum.loss for minimum in families.values()]
    axes.hlines(losses, 1, _STEPS, color=GREY, linewidth=0.4)  # one collection: a line each is slow to draw
    axes.axhline(families[name].loss, color=PALETTE["vermilion"], linewidth=0.9, linestyle="--")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-4, None)
    axes.set_xlabel("steps")
    axes.set_title(f"loss of descent {start}")


@in_lab
def explorer(teachers: int = 10, surplus: int = 0, name: str = "I(1)") -> VBox:
    """Controls for `view`: teachers, students more than teachers, family, random start."""
    controls = {
        "teachers": slider("teachers M", teachers, 6, LARGEST_TEACHERS, 1),
        "surplus": menu("students K", [("K = M", 0), ("K = M + 1", 1)], surplus),
        "name": menu("family", [name], name),
        "start": slider("random start", 0, 0, 99, 1),
    }
    families = {"name": lambda before: list(listed(before["teachers"], before["surplus"]))}
    return panel(lambda **chosen: view(**chosen), controls, families)
