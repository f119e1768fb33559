"""Stored audit of what theories assume of two-layer networks: constraints, units, teachers, reductions.

K = M = d, W0 with entries N(0, 1/d), steps 2/K, losses with the factor 1/2 (arXiv:2604.09412). Each
assumption has random starts of its own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.statistics import wilson_band
from companion.compute.sweeps import Condition
from companion.store.durable import stored
from companion.studies.relu_families import LOSS
from companion.studies.relu_optimisers import STUDENTS, batched_runs, check_sizes
from companion.theory.relu_family_table import global_loss_limit
from companion.theory.relu_landscape import family, known_families
from companion.theory.relu_teachers import teacher_rows
from companion.theory.two_layer import Activation, check_activation
from companion.training.descent import initial_weights
from companion.training.relu_optimisers import Optimiser, optimise
from companion.training.relu_simplified import descend_correlation, descend_site_symmetric

#: What is assumed; beside "free" students of orthonormal teachers, which assume nothing but these.
ASSUMPTIONS = (
    "free",
    "unit rows",
    "orthonormal rows",
    "leaky ReLU",
    "erf",
    "correlated teacher",
    "unequal norms",
    "correlation only",
    "site symmetry",
)

_OPTIMISERS: dict[str, Optimiser] = {"unit rows": "normalised", "orthonormal rows": "orthonormalised"}
_ACTIVATIONS: dict[str, Activation] = {"leaky ReLU": "leaky_relu", "erf": "erf"}
_SMALLEST = 4  # the families begin here


@stored(
    work=lambda conditions, runs, **_: runs * sum(each["students"] ** 3 + 200 for each in conditions),
)
def assumption_batch(
    conditions: Sequence[Condition], runs: int, seed: int, tolerance: float, maximum_steps: int
) -> xr.Dataset:
    """Loss, steps and convergence (condition, tolerance, run) of ``runs`` starts under an assumption.

    A condition names assumption, students, negative_slope, correlation, norm_ratio and batch.
    """
    found = []
    for condition in conditions:
        size, first, name = condition["students"], condition["batch"] * runs, condition["assumption"]
        start = initial_weights(size, size, range(first, first + runs), seed, purpose=name)
        limits = {"tolerance": tolerance, "maximum_steps": maximum_steps}
        if name == "correlation only":
            end = descend_correlation(start, np.eye(size), **limits)
        elif name == "site symmetry":
            end = descend_site_symmetric(start, **limits)
        else:
            end = optimise(
                start,
                teacher_rows(
                    size, size, correlation=condition["correlation"], norm_ratio=condition["norm_ratio"]
                ),
                _OPTIMISERS.get(name, "gradient_descent"),
                activation=_ACTIVATIONS.get(name, "relu"),
                negative_slope=condition["negative_slope"],
                tolerances=(tolerance,),
                maximum_steps=maximum_steps,
            )
        found.append([np.reshape(part, (1, runs)) for part in (end.loss, end.steps, end.converged)])
    dims = ("condition", "tolerance", "run")
    words = {"loss": LOSS, "steps": {"long_name": "steps"}, "converged": {"long_name": "converged"}}
    columns = zip(words.items(), zip(*found, strict=True), strict=True)
    return xr.Dataset(
        {name: (dims, np.stack(parts), attributes) for (name, attributes), parts in columns},
        coords={"tolerance": ("tolerance", [tolerance], {"long_name": "gradient norm"})},
    )


@stored(calls="body")
def assumption_audit(
    students: Sequence[int],
    initialisations: int,
    seed: int,
    *,
    negative_slope: float = 0.2,
    correlation: float = 0.3,
    norm_ratio: float = 2.0,
    tolerance: float = 1e-8,
    maximum_steps: int = 50_000,
) -> xr.Dataset:
    """How often runs miss the teacher under simplifying assumptions, K = M = d, and at which losses.

    - "unit rows", "orthonormal rows": constrained students; "leaky ReLU" (slope ``negative_slope`` below
      zero), "erf": other units.
    - "correlated teacher": all cosines ``correlation``; "unequal norms": teacher norms in equal ratios, the
      largest ``norm_ratio`` times the smallest, mean square one.
    - "correlation only": minimises -E[f_W f_V] over unit rows, without what students do to each other.
    - "site symmetry": overlaps that treat all units alike (Saad & Solla 1995), averaged at the start.

    Over (assumption, students): ``spurious`` runs, which converge with a full loss above
    ``global_loss_limit``, and ``converged`` ones, ``share`` = spurious / converged with its Wilson interval,
    ``unconverged``. Each loss that spurious runs end on is a ``level``, losses closer than 1e-5 being one.
    ``reference`` (students,) is the loss of I(1).

    Raises ValueError for no runs, for sizes below 4, where the families begin, and for teachers and slopes that
    do not exist.
    """
    check_sizes(initialisations=[initialisations])
    check_sizes(least=_SMALLEST, students=students)
    teacher_rows(max(students), max(students), correlation=correlation, norm_ratio=norm_ratio)
    check_activation("leaky_relu", negative_slope)
    cells = [
        {
            "assumption": name,
            "students": int(size),
            "negative_slope": negative_slope if name == "leaky ReLU" else 0.0,
            "correlation": correlation if name == "correlated teacher" else 0.0,
            "norm_ratio": norm_ratio if name == "unequal norms" else 1.0,
        }
        for name in ASSUMPTIONS
        for size in students
    ]
    runs = batched_runs(
        assumption_batch,
        cells,
        initialisations,
        100,
        "assumptions",
        seed=seed,
        tolerance=tolerance,
        maximum_steps=maximum_steps,
    )
    shape = (len(ASSUMPTIONS), len(students), initialisations)
    loss, converged = runs.loss.values.reshape(shape), runs.converged.values.reshape(shape)
    limits = np.array([global_loss_limit(size) for size in students])[None, :, None]
    stuck = converged & (loss > limits)
    spurious, number = stuck.sum(axis=2), converged.sum(axis=2)
    lower, upper = wilson_band(spurious, number)
    dims = ("assumption", "students")
    words = {
        "spurious": (spurious, "runs that end elsewhere"),
        "converged": (number, "converged runs"),
        "share": (spurious / np.maximum(number, 1), "share of runs that miss the teacher"),
        "lower": (lower, "lower end of the 95 % Wilson interval"),
        "upper": (upper, "upper end of the 95 % Wilson interval"),
        "unconverged": (1 - number / initialisations, "unconverged share of runs"),
    }
    return xr.Dataset(
        {name: (dims, values, {"long_name": text}) for name, (values, text) in words.items()}
        | _level_columns(loss, stuck, students)
        | {
            "reference": (
                "students",
                [family("I", 1, size).loss for size in students],
                {"long_name": "loss of I(1)"},
            ),
            **_line_columns(students),
        },
        coords={
            "assumption": list(ASSUMPTIONS),
            "students": ("students", list(students), {"long_name": "$K=M$"}),
        },
        attrs={
            "initialisations": initialisations,
            "negative_slope": negative_slope,
            "correlation": correlation,
            "norm_ratio": norm_ratio,
        },
    )


def _level_columns(loss: np.ndarray, stuck: np.ndarray, students: Sequence[int]) -> dict[str, Any]:
    levels = [
        (name, size, *level)
        for row, name in enumerate(ASSUMPTIONS)
        for column, size in enumerate(students)
        for level in _levels(loss[row, column][stuck[row, column]])
    ]
    names, sizes, losses, counts = zip(*levels, strict=True) if levels else ((), (), (), ())
    return {
        "level_assumption": ("level", np.array(names, dtype=str), {"long_name": "assumption"}),
        "level_students": ("level", np.array(sizes, dtype=int), STUDENTS),
        "level_loss": ("level", np.array(losses, dtype=float), LOSS),
        "level_runs": ("level", np.array(counts, dtype=int), {"long_name": "runs"}),
    }


def _line_columns(students: Sequence[int]) -> dict[str, Any]:
    """The families that are minima for free students of an orthonormal teacher."""
    lines = [
        (size, each.name, each.loss) for size in students for each in known_families(size) if each.is_minimum
    ]
    sizes, names, losses = zip(*lines, strict=True) if lines else ((), (), ())
    return {
        "line_students": ("line", np.array(sizes, dtype=int), STUDENTS),
        "line_family": ("line", np.array(names, dtype=str), {"long_name": "family"}),
        "line_loss": ("line", np.array(losses, dtype=float), LOSS),
    }


def _levels(losses: np.ndarray, apart: float = 1e-5) -> list[tuple[float, int]]:
    """Losses that stand apart, each with its number of runs."""
    ordered = np.sort(losses)
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > apart) + 1)
    return [(float(np.median(group)), group.size) for group in groups if group.size]
