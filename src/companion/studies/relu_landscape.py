"""Stored experiments on the landscape of two-layer ReLU networks (arXiv:2604.09412).

Inputs are x ~ N(0, 1), K students learn M teacher units, orthonormal unless a correlation is given,
and losses carry the factor 1/2. Sizes are always K = M here.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.minima import classify, polish
from companion.analysis.statistics import wilson_interval
from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored
from companion.studies.relu_families import LOSS, WIDTH
from companion.theory.relu_landscape import Minimum, known_families
from companion.training.descent import descend, initial_weights
from companion.training.reach import reachable_coordinates

_SMALLEST_SPURIOUS = 6


@stored
def basin_block(
    conditions: Sequence[Condition],
    students: int,
    teachers: int,
    seed: int,
    dimension: int,
    scale: float,
    tolerance: float,
    spurious_tolerance: float | None,
    maximum_steps: int,
    teacher_correlation: float,
    polished: bool,
    children: bool,
) -> xr.Dataset:
    """One block of `basin_census`: descend from each initialisation, polish, name the family."""
    starts = initial_weights(
        students, dimension, [condition["initialisation"] for condition in conditions], seed, scale
    )
    teacher = _teacher(teachers, dimension, teacher_correlation)
    if dimension > students + teachers:  # nothing leaves these K + M coordinates, polishing included
        starts, teacher, _ = reachable_coordinates(starts, teacher)
    ends = descend(
        starts,
        teacher,
        tolerance=tolerance,
        spurious_tolerance=spurious_tolerance,
        maximum_steps=maximum_steps,
    )
    weights, losses = ends.weights.copy(), ends.loss.copy()
    listed = known_families(students, teachers)
    families = [minimum for minimum in listed if children or len(minimum.blocks) <= 2]
    if polished:
        spurious = np.flatnonzero(ends.converged & (losses > _global_loss(families)))
        better = polish(weights[spurious], teacher)
        weights[spurious], losses[spurious] = better.weights, better.loss
    found = classify(weights, teacher, losses, ends.converged, families)
    run = "condition"
    return xr.Dataset(
        {
            "loss": (run, losses, LOSS),
            "converged": (run, ends.converged, {"long_name": "gradient norm below the tolerance"}),
            "family": (run, found.label, {"long_name": "family"}),
            "loss_difference": (
                run,
                found.loss_difference,
                {"long_name": r"$|\Delta L|$ to the nearest family"},
            ),
            "block_mismatch": (run, found.block_mismatch, {"long_name": "largest difference of blocks"}),
            "steps": (run, ends.steps, {"long_name": "steps of gradient descent"}),
            "gradient_norm": (
                run,
                ends.gradient_norm,
                {"long_name": r"$\|\nabla L\|$ where descent stopped"},
            ),
        }
    )


@stored
def basin_census(
    students: int,
    teachers: int,
    initialisations: int,
    seed: int,
    *,
    dimension: int | None = None,
    scale: float = 1.0,
    tolerance: float | None = None,
    spurious_tolerance: float | None = None,
    maximum_steps: int = 200_000,
    teacher_correlation: float = 0.0,
    polished: bool = True,
    children: bool = True,
) -> xr.Dataset:
    """Where gradient descent ends: one row per initialisation, and the fractions with intervals.

    W0 has entries N(0, scale²/D) with D = ``dimension`` (M unless given), the step is 2/K, and descent
    stops at a gradient norm of ``tolerance``: 1e-7 unless given for K = M; for K > M, where global minima
    are approached as a power law, 1e-6, and runs with L > 1e-3 go on to ``spurious_tolerance``, 1e-9.
    Spurious endpoints are polished by Newton's method before they are named, unless ``polished`` is
    false. ``children`` lists the three-block families too.

    Variables with dim ``initialisation``: loss, converged, family ("global", a family's name, "unmatched",
    "unconverged"), loss_difference, block_mismatch, steps, gradient_norm. Scalars: fraction_spurious =
    spurious / converged with its 95 % Wilson interval, fraction_unconverged. More initialisations
    compute only the new ones.

    Raises ValueError for sizes below one, for K < M and for a dimension below M.
    """
    for name, size in (("students", students), ("teachers", teachers), ("initialisations", initialisations)):
        if size < 1:
            raise ValueError(f"{name}: given {size}; allowed: a whole number >= 1")
    if students < teachers:
        raise ValueError(f"students: given {students} for {teachers} teachers; allowed: at least as many")
    if dimension is not None and dimension < teachers:
        raise ValueError(f"dimension: given {dimension} for {teachers} teachers; allowed: at least as many")
    if tolerance is None:
        tolerance, spurious_tolerance = (1e-6, 1e-9) if students > teachers else (1e-7, None)
    census = sweep(
        basin_block,
        [{"initialisation": index} for index in range(initialisations)],
        block=_runs_per_block(students),
        label=f"descent at K = {students}",
        students=students,
        teachers=teachers,
        seed=seed,
        dimension=teachers if dimension is None else dimension,
        scale=scale,
        tolerance=tolerance,
        spurious_tolerance=spurious_tolerance,
        maximum_steps=maximum_steps,
        teacher_correlation=teacher_correlation,
        polished=polished,
        children=children,
    )
    census = census.swap_dims(condition="initialisation")
    converged = int(census.converged.sum())
    spurious = converged - int((census.family == "global").sum())
    lower, upper = wilson_interval(spurious, converged)
    return census.assign(
        fraction_spurious=(
            (),
            spurious / max(converged, 1),
            {"long_name": "spurious share of converged runs"},
        ),
        fraction_spurious_interval=("bound", [lower, upper], {"long_name": "95 % Wilson interval"}),
        fraction_unconverged=(
            (),
            1 - converged / initialisations,
            {"long_name": "unconverged share of runs"},
        ),
    )


@stored
def loss_histogram(students: Sequence[int], initialisations: Sequence[int], seed: int) -> xr.Dataset:
    """Endpoint losses (dim ``run``) at several sizes K = M, and the losses of their minima (dim ``line``).

    ``initialisations`` has the number of random starts of each size.
    Raises ValueError for sizes below 6, which have no spurious minimum to show, and for lists unlike in length.
    """
    if len(initialisations) != len(students):
        raise ValueError(
            f"initialisations: given {len(initialisations)} numbers for {len(students)} sizes; allowed: one for each"
        )
    if min(students) < _SMALLEST_SPURIOUS:
        raise ValueError(
            f"students: given {list(students)}; allowed: sizes >= 6, where spurious minima exist"
        )
    runs, lines = [], []
    for size, starts in zip(students, initialisations, strict=True):
        census = basin_census(size, size, starts, seed)
        runs.append(
            census[["loss", "converged", "family"]]
            .rename(initialisation="run")
            .drop_vars("run")
            .assign(run_students=("run", np.full(starts, size), WIDTH))
        )
        lines += [
            (size, minimum.name, minimum.loss) for minimum in known_families(size) if minimum.is_minimum
        ]
    widths, names, losses = zip(*lines, strict=True)
    return xr.concat(runs, dim="run", **_JOIN).assign(
        line_students=("line", list(widths), WIDTH),
        line_family=("line", list(names), {"long_name": "family"}),
        line_loss=("line", list(losses), LOSS),
    )


@stored
def family_matches(
    students: Sequence[int],
    initialisations: int,
    regime_students: int,
    regime_initialisations: int,
    teacher_correlation: float,
    seed: int,
) -> xr.Dataset:
    """Spurious endpoints that belong to a listed family, by setting: the claim's sizes and three regimes.

    Dim ``setting``: K<size> for each of ``students``; "stopped early" (gradient norm 1e-5, unpolished),
    "without children" (two-block families only) and "correlated teacher", which the claim excludes.
    """
    largest = max(students)
    settings: dict[str, dict[str, Any]] = {
        f"K{size}": {"students": size, "teachers": size} for size in students
    }
    settings |= {
        "stopped early": {"students": largest, "teachers": largest, "tolerance": 1e-5, "polished": False},
        "stopped early, polished": {"students": largest, "teachers": largest, "tolerance": 1e-5},
        "without children": {"students": regime_students, "teachers": regime_students, "children": False},
        "correlated teacher": {
            "students": largest,
            "teachers": largest,
            "teacher_correlation": teacher_correlation,
        },
    }
    rows, unmatched = [], []
    for name, setting in settings.items():
        number = regime_initialisations if name == "without children" else initialisations
        census = basin_census(initialisations=number, seed=seed, **setting)
        spurious = census.where(census.converged & (census.family != "global"), drop=True)
        strays = spurious.where(spurious.family == "unmatched", drop=True)
        rows.append(
            (setting["students"], number, int(census.converged.sum()), spurious.loss.size, strays.loss.size)
        )
        unmatched.append([f"{loss:.9f}" for loss in strays.loss.values])
    columns = np.array(rows).T
    names = ("students", "initialisations", "converged", "spurious", "unmatched")
    long_names = (
        "width $K=M$",
        "random starts",
        "converged runs",
        "spurious endpoints",
        "endpoints of no family",
    )
    return xr.Dataset(
        {
            name: ("setting", values, {"long_name": long_name})
            for name, long_name, values in zip(names, long_names, columns, strict=True)
        },
        coords={"setting": list(settings)},
        attrs={
            "root_seed": seed,
            "claim_settings": json.dumps([f"K{size}" for size in students]),
            "unmatched_losses": json.dumps(dict(zip(settings, unmatched, strict=True))),
        },
    )


_JOIN: dict[str, Any] = {
    "data_vars": "minimal",
    "coords": "minimal",
    "compat": "equals",
    "join": "exact",
    "combine_attrs": "override",
}


def _teacher(teachers: int, dimension: int, correlation: float) -> np.ndarray:
    """Unit rows with common overlap ``correlation``, (M, D)."""
    overlaps = (1 - correlation) * np.eye(teachers) + correlation
    return np.pad(np.linalg.cholesky(overlaps), ((0, 0), (0, dimension - teachers)))


def _global_loss(families: Sequence[Minimum]) -> float:
    return min([1e-3, *(minimum.loss / 10 for minimum in families)])


def _runs_per_block(students: int) -> int:
    """Runs that take a few seconds of one core; the cost of a run grows about as K to the fourth."""
    return int(np.clip(2_000_000 // students**4, 10, 500))
