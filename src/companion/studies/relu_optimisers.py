"""Stored table of four optimisers for two-layer ReLU networks (arXiv:2604.09412).

Rows have norms of order one and W0 has entries N(0, 1/d) with d = max(K, M), so that K orthonormal rows
fit in. Steps are 2/K for every optimiser, and each has random starts of its own: cells of a table are
independent samples.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.statistics import wilson_band
from companion.compute.sweeps import Condition, sweep
from companion.store.durable import StoredFunction, stored
from companion.studies.relu_families import LOSS
from companion.theory.relu_family_table import global_loss_limit
from companion.training.descent import initial_weights
from companion.training.relu_optimisers import optimise

OPTIMISERS = ("gradient_descent", "two_layer", "normalised", "orthonormalised")
CONSTRAINED = ("normalised", "orthonormalised")
STUDENTS = {"long_name": "students $K$"}


@stored(
    work=lambda conditions, runs, maximum_steps, **_: (
        runs
        * sum(each["students"] * (each["students"] + each["teachers"]) for each in conditions)
        * maximum_steps**0.5
    ),
)
def optimiser_batch(
    conditions: Sequence[Condition],
    runs: int,
    seed: int,
    tolerances: Sequence[float],
    maximum_steps: int,
) -> xr.Dataset:
    """Loss, steps and convergence (condition, tolerance, run); a condition is a batch of ``runs`` starts.

    Each names optimiser, students, teachers and batch (its number).
    """
    found = []
    for condition in conditions:
        students, teachers = condition["students"], condition["teachers"]
        dimension, first = max(students, teachers), condition["batch"] * runs
        found.append(
            optimise(
                initial_weights(
                    students, dimension, range(first, first + runs), seed, purpose=condition["optimiser"]
                ),
                np.eye(teachers, dimension),
                condition["optimiser"],
                tolerances=tolerances,
                maximum_steps=maximum_steps,
                # With K > M a global minimum is approached by a power law: nobody waits for it.
                settled_loss=global_loss_limit(students, teachers) if students > teachers else None,
            )
        )
    dims = ("condition", "tolerance", "run")
    return xr.Dataset(
        {
            "loss": (dims, np.stack([end.loss for end in found]), LOSS),
            "steps": (dims, np.stack([end.steps for end in found]), {"long_name": "steps"}),
            "converged": (dims, np.stack([end.converged for end in found]), {"long_name": "converged"}),
        },
        coords={"tolerance": ("tolerance", list(tolerances), {"long_name": "gradient norm"})},
    )


def batched_runs(
    batch: StoredFunction,
    cells: Sequence[dict[str, Any]],
    number: int,
    runs: int,
    label: str,
    **common: Any,
) -> xr.Dataset:
    """The first ``number`` runs of each cell, (cell, tolerance, run), from batches of ``runs``.

    ``batch`` is a stored function as ``optimiser_batch``. More runs compute only the new batches.
    """
    batches = -(-number // runs)
    conditions = [cell | {"batch": index} for cell in cells for index in range(batches)]
    found = sweep(batch, conditions, block=1, label=label, runs=runs, **common)
    dims = ("cell", "tolerance", "run")

    def regrouped(values: np.ndarray) -> np.ndarray:
        grouped = values.reshape(len(cells), batches, -1, runs).swapaxes(1, 2)
        return grouped.reshape(len(cells), -1, batches * runs)[..., :number]

    return xr.Dataset(
        {name: (dims, regrouped(found[name].values)) for name in ("loss", "steps", "converged")}
    )


@stored(calls="body")
def optimiser_table(
    students: Sequence[int],
    teachers: int,
    initialisations: int,
    seed: int,
    *,
    tolerances: Sequence[float] = (1e-5, 1e-9),
    step_budget: int = 20_000,
    maximum_steps: int = 40_000,
) -> xr.Dataset:
    """Table A: how many of ``initialisations`` reach a global minimum, four optimisers at several widths.

    A run succeeds when it meets a tolerance with a loss below ``global_loss_limit``; with K > M one that
    does so at the first tolerance goes no further and counts at the smaller ones too. ``success_steps``
    (tolerance, optimiser, students, run) is when, inf for never. ``criterion`` counts successes "within
    budget" (at the first tolerance in ``step_budget`` steps), or at each tolerance within
    ``maximum_steps``. Over (criterion, optimiser, students): ``successes``, their ``share`` of all runs
    with its Wilson interval ``lower``, ``upper``, and the share ``unconverged``. ``success_by`` (optimiser,
    students, steps) is the share that succeeded by then. ``loss_floor`` is what no weights of the
    optimiser can go below: (K - M)²/4π with unit rows, from the means of the outputs alone.

    Raises ValueError for sizes below one, no sizes, K < M and a budget above ``maximum_steps``.
    """
    _check_table(students, teachers, initialisations, step_budget, maximum_steps)
    cells = [
        {"optimiser": name, "students": int(size), "teachers": int(teachers)}
        for name in OPTIMISERS
        for size in students
    ]
    runs = batched_runs(
        optimiser_batch,
        cells,
        initialisations,
        30,
        "optimisers",
        seed=seed,
        tolerances=tolerances,
        maximum_steps=maximum_steps,
    )
    shape = (len(OPTIMISERS), len(students), len(tolerances), initialisations)
    loss, steps, converged = (runs[name].values.reshape(shape) for name in ("loss", "steps", "converged"))
    limits = np.array([global_loss_limit(size, teachers) for size in students])[:, None]
    ended = np.where(converged, steps, np.inf).transpose(2, 0, 1, 3)
    success = np.where(loss.transpose(2, 0, 1, 3) < limits, ended, np.inf)
    counted = {
        "within budget": (success[0] <= step_budget, ended[0] <= step_budget),
        **{
            f"gradient {tolerance:.0e}": (np.isfinite(success[at]), np.isfinite(ended[at]))
            for at, tolerance in enumerate(tolerances)
        },
    }
    reached, met = (np.stack(column) for column in zip(*counted.values(), strict=True))
    successes = reached.sum(axis=3)
    lower, upper = wilson_band(successes, initialisations)
    grid = np.unique(np.geomspace(max(maximum_steps / 100, 1), maximum_steps, 60).round().astype(int))
    excess = np.array(students, dtype=float) - teachers
    floors = np.stack([excess**2 / (4 * np.pi) * (name in CONSTRAINED) for name in OPTIMISERS])
    dims, cell = ("criterion", "optimiser", "students"), ("optimiser", "students")
    words = {
        "successes": (dims, successes, "runs that reach a global minimum"),
        "share": (dims, successes / initialisations, "share of runs that succeed"),
        "lower": (dims, lower, "lower end of the 95 % Wilson interval"),
        "upper": (dims, upper, "upper end of the 95 % Wilson interval"),
        "unconverged": (dims, 1 - met.mean(axis=3), "unconverged share of runs"),
        "success_by": (
            (*cell, "steps"),
            (success[0][..., None] <= grid).mean(axis=2),
            "share of runs that succeed",
        ),
        "success_steps": (("tolerance", *cell, "run"), success, "steps to a global minimum"),
        "median_steps": (cell, np.median(ended[0], axis=2), "median number of steps to the first tolerance"),
        "lowest_loss": (cell, np.fmin.reduce(loss, axis=(2, 3)), "lowest loss of any run"),
        "loss_floor": (cell, floors, "lowest loss possible"),
    }
    return xr.Dataset(
        {name: (where, values, {"long_name": text}) for name, (where, values, text) in words.items()},
        coords={
            "criterion": list(counted),
            "optimiser": list(OPTIMISERS),
            "students": ("students", list(students), STUDENTS),
            "steps": ("steps", grid, {"long_name": "steps"}),
            "tolerance": ("tolerance", list(tolerances), {"long_name": "gradient norm"}),
        },
        attrs={
            "root_seed": seed,
            "teachers": teachers,
            "initialisations": initialisations,
            "step_budget": step_budget,
            "maximum_steps": maximum_steps,
        },
    )


def _check_table(
    students: Sequence[int], teachers: int, initialisations: int, step_budget: int, maximum_steps: int
) -> None:
    check_sizes(students=students, teachers=[teachers], initialisations=[initialisations])
    check_sizes(step_budget=[step_budget], maximum_steps=[maximum_steps])
    if min(students) < teachers:
        raise ValueError(
            f"students: given {min(students)} for {teachers} teachers; allowed: at least as many"
        )
    if step_budget > maximum_steps:
        raise ValueError(
            f"step_budget: given {step_budget}; allowed: up to maximum_steps, which is {maximum_steps}"
        )


def check_sizes(*, least: int = 1, **sizes: Sequence[int]) -> None:
    """Raise ValueError for an empty list and for a size below ``least``, by the name of the argument."""
    for name, given in sizes.items():
        if len(given) == 0:
            raise ValueError(f"{name}: an empty list given; allowed: at least one size")
        if min(given) < least:
            raise ValueError(f"{name}: given {min(given)}; allowed: whole numbers >= {least}")
