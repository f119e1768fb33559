"""Stored sweeps over optimisers and simplifying assumptions for two-layer networks (arXiv:2604.09412).

Rows have norms of order one and W0 has entries N(0, 1/D) with D = max(K, M), so that K orthonormal rows
fit in. Steps are 2/K for every optimiser. A run is global once it meets its tolerance with a loss below
a tenth of the lowest family's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.statistics import wilson_interval
from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored
from companion.theory.relu_landscape import known_families
from companion.training.descent import initial_weights
from companion.training.relu_optimisers import optimise

OPTIMISERS = ("gradient_descent", "two_layer", "normalised", "orthonormalised")
CONSTRAINED = ("normalised", "orthonormalised")
LOSS = {"long_name": "loss $L$"}
WIDTH = {"long_name": "students $K$"}
# With K > M a global minimum is approached by a power law: below this loss no smaller gradient is waited for.
_SETTLED = 1e-3


@stored
def optimiser_batch(
    conditions: Sequence[Condition],
    runs: int,
    seed: int,
    tolerances: Sequence[float],
    maximum_steps: int,
) -> xr.Dataset:
    """Loss, steps and convergence (condition, tolerance, run); a condition is a batch of ``runs`` starts.

    Each names optimiser, activation, negative_slope, students, teachers and batch (its number).
    """
    found = []
    for condition in conditions:
        students, teachers = condition["students"], condition["teachers"]
        dimension, first = max(students, teachers), condition["batch"] * runs
        found.append(
            optimise(
                initial_weights(students, dimension, range(first, first + runs), seed),
                np.eye(teachers, dimension),
                condition["optimiser"],
                activation=condition["activation"],
                negative_slope=condition["negative_slope"],
                tolerances=tolerances,
                maximum_steps=maximum_steps,
                settled_loss=_SETTLED if students > teachers else None,
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


@stored
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

    ``criterion`` counts a success "within budget" (the first, loosest tolerance met in ``step_budget``
    steps), or at each tolerance without a budget but ``maximum_steps``. Over (criterion, optimiser,
    students): ``successes``, their ``share`` of all runs with its Wilson interval ``lower``, ``upper``,
    and the share ``unconverged``. ``success_by`` (optimiser, students, steps) is the share that succeeded by then.
    ``loss_floor`` is what no weights of the optimiser can go below: (K - M)²/4π with unit rows,
    from the means of the outputs alone.

    Raises ValueError for sizes below one and for K < M.
    """
    _check_sizes(initialisations=initialisations, teachers=teachers, students=min(students))
    if min(students) < teachers:
        raise ValueError(
            f"students: given {min(students)} for {teachers} teachers; allowed: at least as many"
        )
    cells = [_cell(name, size, teachers) for name in OPTIMISERS for size in students]
    runs = _runs(
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
    thresholds = np.array([_global_loss(size, teachers) for size in students])[None, :, None, None]
    reached = converged & (loss < thresholds)
    # A run that met no tolerance was at its first one never: not in time either.
    intime = np.where(converged, steps, np.iinfo(np.int64).max)[:, :, :1] <= step_budget
    met = np.concatenate([converged[:, :, :1] & intime, converged], axis=2)
    success = np.concatenate([reached[:, :, :1] & intime, reached], axis=2)
    successes = success.sum(axis=3).transpose(2, 0, 1)
    lower, upper = _wilson(successes, initialisations)
    grid = np.unique(np.geomspace(max(maximum_steps / 100, 1), maximum_steps, 60).round().astype(int))
    first = np.where(reached[:, :, 0], steps[:, :, 0], np.iinfo(np.int64).max)
    dims = ("criterion", "optimiser", "students")
    excess = np.array(students, dtype=float) - teachers
    floors = np.stack([excess**2 / (4 * np.pi) * (name in CONSTRAINED) for name in OPTIMISERS])
    return xr.Dataset(
        {
            "successes": (dims, successes, {"long_name": "runs that reach a global minimum"}),
            "share": (dims, successes / initialisations, {"long_name": "share of runs that succeed"}),
            "lower": (dims, lower, {"long_name": "lower end of the 95 % Wilson interval"}),
            "upper": (dims, upper, {"long_name": "upper end of the 95 % Wilson interval"}),
            "unconverged": (
                dims,
                1 - met.mean(axis=3).transpose(2, 0, 1),
                {"long_name": "unconverged share of runs"},
            ),
            "success_by": (
                ("optimiser", "students", "steps"),
                (first[..., None] <= grid).mean(axis=2),
                {"long_name": "share of runs that succeed"},
            ),
            "median_steps": (
                ("optimiser", "students"),
                _median_steps(steps[:, :, 0], converged[:, :, 0]),
                {"long_name": "median number of steps to the first tolerance"},
            ),
            "lowest_loss": (
                ("optimiser", "students"),
                np.fmin.reduce(loss.reshape(*shape[:2], -1), axis=2),
                {"long_name": "lowest loss of any run"},
            ),
            "loss_floor": (("optimiser", "students"), floors, {"long_name": "lowest loss possible"}),
        },
        coords={
            "criterion": ["within budget", *(f"gradient {tolerance:.0e}" for tolerance in tolerances)],
            "optimiser": list(OPTIMISERS),
            "students": ("students", list(students), WIDTH),
            "steps": ("steps", grid, {"long_name": "steps"}),
        },
        attrs={
            "root_seed": seed,
            "teachers": teachers,
            "initialisations": initialisations,
            "step_budget": step_budget,
            "maximum_steps": maximum_steps,
        },
    )


#: What is assumed, and the optimiser and activation that assume it.
ASSUMPTIONS: dict[str, dict[str, Any]] = {
    "free": {"optimiser": "gradient_descent"},
    "unit rows": {"optimiser": "normalised"},
    "orthonormal rows": {"optimiser": "orthonormalised"},
    "leaky ReLU": {"optimiser": "gradient_descent", "activation": "leaky_relu"},
    "erf": {"optimiser": "gradient_descent", "activation": "erf"},
}


@stored
def assumption_audit(
    students: Sequence[int],
    initialisations: int,
    seed: int,
    *,
    negative_slope: float = 0.2,
    tolerance: float = 1e-8,
    maximum_steps: int = 50_000,
) -> xr.Dataset:
    """Spurious minima met under simplifying assumptions, K = M = d: how often, and at which losses.

    Over (assumption, students): ``spurious`` and ``converged`` runs, ``share`` = spurious / converged
    with its Wilson interval, ``unconverged``. Each loss that spurious runs end on is a ``level``, losses
    closer than 1e-5 being one; each family that is a minimum for free ReLU students is a ``line``.

    Raises ValueError for sizes below one.
    """
    _check_sizes(initialisations=initialisations, students=min(students))
    slopes = {"leaky_relu": negative_slope}
    cells = [
        _cell(students=size, teachers=size, **how)
        | {"negative_slope": slopes.get(how.get("activation", ""), 0.0)}
        for how in ASSUMPTIONS.values()
        for size in students
    ]
    runs = _runs(
        cells,
        initialisations,
        100,
        "assumptions",
        seed=seed,
        tolerances=(tolerance,),
        maximum_steps=maximum_steps,
    )
    shape = (len(ASSUMPTIONS), len(students), initialisations)
    loss, converged = runs.loss.values.reshape(shape), runs.converged.values.reshape(shape)
    thresholds = np.array([_global_loss(size, size) for size in students])[None, :, None]
    stuck = converged & (loss > thresholds)
    spurious, number = stuck.sum(axis=2), converged.sum(axis=2)
    lower, upper = _wilson(spurious, number)
    levels = [
        (name, size, *level)
        for row, name in enumerate(ASSUMPTIONS)
        for column, size in enumerate(students)
        for level in _levels(loss[row, column][stuck[row, column]])
    ]
    lines = [
        (size, family.name, family.loss)
        for size in students
        for family in known_families(size)
        if family.is_minimum
    ]
    dims = ("assumption", "students")
    return xr.Dataset(
        {
            "spurious": (dims, spurious, {"long_name": "runs on spurious minima"}),
            "converged": (dims, number, {"long_name": "converged runs"}),
            "share": (dims, spurious / np.maximum(number, 1), {"long_name": "spurious share of runs"}),
            "lower": (dims, lower, {"long_name": "lower end of the 95 % Wilson interval"}),
            "upper": (dims, upper, {"long_name": "upper end of the 95 % Wilson interval"}),
            "unconverged": (dims, 1 - number / initialisations, {"long_name": "unconverged share of runs"}),
            "level_assumption": ("level", np.array([row[0] for row in levels], dtype=str)),
            "level_students": ("level", np.array([row[1] for row in levels], dtype=int), WIDTH),
            "level_loss": ("level", np.array([row[2] for row in levels], dtype=float), LOSS),
            "level_runs": ("level", np.array([row[3] for row in levels], dtype=int), {"long_name": "runs"}),
            "line_students": ("line", np.array([row[0] for row in lines], dtype=int), WIDTH),
            "line_family": ("line", np.array([row[1] for row in lines], dtype=str), {"long_name": "family"}),
            "line_loss": ("line", np.array([row[2] for row in lines], dtype=float), LOSS),
        },
        coords={
            "assumption": list(ASSUMPTIONS),
            "students": ("students", list(students), {"long_name": "$K=M$"}),
        },
        attrs={"initialisations": initialisations, "negative_slope": negative_slope},
    )


def _cell(optimiser: str, students: int, teachers: int, activation: str = "relu") -> dict[str, Any]:
    cell = {"optimiser": optimiser, "students": int(students), "teachers": int(teachers)}
    return cell | {"activation": activation, "negative_slope": 0.0}


def _runs(cells: list[dict[str, Any]], number: int, runs: int, label: str, **common: Any) -> xr.Dataset:
    """The first ``number`` runs of each cell, (cell, tolerance, initialisation), in batches of ``runs``."""
    batches = -(-number // runs)
    conditions = [cell | {"batch": batch} for cell in cells for batch in range(batches)]
    found = sweep(optimiser_batch, conditions, block=1, label=label, runs=runs, **common)
    dims = ("cell", "tolerance", "initialisation")

    def regrouped(values: np.ndarray) -> np.ndarray:
        grouped = values.reshape(len(cells), batches, -1, runs).swapaxes(1, 2)
        return grouped.reshape(len(cells), -1, batches * runs)[..., :number]

    return xr.Dataset(
        {name: (dims, regrouped(found[name].values)) for name in ("loss", "steps", "converged")}
    )


def _global_loss(students: int, teachers: int) -> float:
    """A tenth of the lowest family's loss at these sizes, or at K = M where no family is known."""
    families = known_families(students, teachers) or known_families(teachers)
    return min(family.loss for family in families) / 10 if families else 1e-3


def _wilson(successes: np.ndarray, trials: np.ndarray | int) -> np.ndarray:
    """Lower and upper ends, (2, ...)."""
    pairs = np.broadcast_arrays(successes, trials)
    ends = [wilson_interval(int(hits), int(runs)) for hits, runs in zip(*map(np.ravel, pairs), strict=True)]
    return np.array(ends).T.reshape(2, *successes.shape)


def _median_steps(steps: np.ndarray, converged: np.ndarray) -> np.ndarray:
    """Median over all runs, infinite where less than half of them converged."""
    return np.median(np.where(converged, steps, np.inf), axis=2)


def _levels(losses: np.ndarray, apart: float = 1e-5) -> list[tuple[float, int]]:
    """Losses that stand apart, each with its number of runs."""
    ordered = np.sort(losses)
    groups = np.split(ordered, np.flatnonzero(np.diff(ordered) > apart) + 1)
    return [(float(np.median(group)), group.size) for group in groups if group.size]


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: given {size}; allowed: whole numbers >= 1")
