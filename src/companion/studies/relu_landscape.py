"""Stored experiments on the landscape of two-layer ReLU networks (arXiv:2604.09412).

Inputs are x ~ N(0, 1), K students learn M teacher units, orthonormal unless a correlation is given,
and losses carry the factor 1/2.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.analysis.alignment import anti_aligned
from companion.analysis.minima import classify, polish
from companion.analysis.statistics import wilson_interval
from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored
from companion.studies.relu_families import LOSS
from companion.theory.relu_family_table import global_loss_limit
from companion.theory.relu_landscape import known_families
from companion.theory.relu_overlaps import embedded
from companion.training.descent import descend, initial_weights
from companion.training.relu_chain import initial_overlaps


@stored(
    work=lambda conditions, students, teachers, **_: (
        len(conditions) * students**2 * teachers**2 * (1 + (students > teachers))
    ),
)
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
    indices = [condition["initialisation"] for condition in conditions]
    starts, teacher = _starts(students, teachers, indices, seed, dimension, scale, teacher_correlation)
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
        spurious = np.flatnonzero(ends.converged & (losses > global_loss_limit(students, teachers)))
        better = polish(weights[spurious], teacher)
        weights[spurious], losses[spurious] = better.weights, better.loss
    found = classify(weights, teacher, losses, ends.converged, families)
    stray = ends.converged & (found.label != "global")
    flipped = np.zeros(len(weights), dtype=np.int64)
    flipped[stray] = anti_aligned(weights[stray] @ teacher.T)
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
            "anti_aligned": (run, flipped, {"long_name": "anti-aligned students $k_1$"}),
            "block_mismatch": (run, found.block_mismatch, {"long_name": "largest difference of blocks"}),
            "steps": (run, ends.steps, {"long_name": "steps of gradient descent"}),
            "gradient_norm": (
                run,
                ends.gradient_norm,
                {"long_name": r"$\|\nabla L\|$ where descent stopped"},
            ),
        }
    )


@stored(
    calls="body",
    work=lambda initialisations, **_: initialisations,
)
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

    W0 has entries N(0, scale²/D) with D = ``dimension`` (M unless given; beyond K + M the exact law of the
    overlaps is drawn, at a cost that does not grow with D), the step is 2/K, and descent stops at a gradient
    norm of ``tolerance``: 1e-7 unless given for K = M, 1e-6 for K > M, where global minima are approached as a
    power law. Runs that stop above the loss of global ones (``global_loss_limit``) go on to ``spurious_tolerance``,
    1e-9 unless given for K > M; one as large as ``tolerance`` stops them there. Spurious endpoints are polished by
    Newton's method before they are named, unless ``polished`` is false. ``children`` lists the three-block
    families too; ``teacher_correlation`` is the overlap of any two rows of the teacher.

    Variables with dim ``initialisation``: loss, converged, family ("global", a family's name, "unmatched",
    "unconverged"), anti_aligned (the published k1 of spurious endpoints, 0 for others), loss_difference,
    block_mismatch, steps, gradient_norm. Scalars: fraction_spurious =
    spurious / converged with its 95 % Wilson interval, fraction_unconverged. More initialisations
    compute only the new ones.

    Raises ValueError for sizes below one, for K < M, for a dimension below M, for a scale or tolerance that is
    not positive and finite, and for a correlation that no teacher of rank M has.
    """
    for name, size in (("students", students), ("teachers", teachers), ("initialisations", initialisations)):
        if size < 1:
            raise ValueError(f"{name}: given {size}; allowed: a whole number >= 1")
    if students < teachers:
        raise ValueError(f"students: given {students} for {teachers} teachers; allowed: at least as many")
    if dimension is not None and dimension < teachers:
        raise ValueError(f"dimension: given {dimension} for {teachers} teachers; allowed: at least as many")
    if tolerance is None:
        tolerance = 1e-6 if students > teachers else 1e-7
    if spurious_tolerance is None and students > teachers:
        spurious_tolerance = 1e-9
    positive = {"scale": scale, "tolerance": tolerance, "maximum_steps": maximum_steps}
    for name, value in (positive | {"spurious_tolerance": spurious_tolerance}).items():
        if value is not None and not 0 < value < np.inf:
            raise ValueError(f"{name}: given {value}; allowed: a positive finite number")
    lowest = -1 / (teachers - 1) if teachers > 1 else -np.inf
    if not lowest < teacher_correlation < 1:
        raise ValueError(
            f"teacher_correlation: given {teacher_correlation}; allowed: above {lowest:.3g} and below 1, "
            f"where {teachers} rows are independent"
        )
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


def _starts(
    students: int,
    teachers: int,
    indices: Sequence[int],
    seed: int,
    dimension: int,
    scale: float,
    correlation: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the random starts and of a teacher whose unit rows overlap by ``correlation``.

    In more than K + M dimensions both are those of the overlaps alone, in K + M coordinates: descent leaves the
    rest as it is.
    """
    gram = (1 - correlation) * np.eye(teachers) + correlation
    if dimension <= students + teachers:
        teacher = np.pad(np.linalg.cholesky(gram), ((0, 0), (0, dimension - teachers)))
        return initial_weights(students, dimension, indices, seed, scale), teacher
    stack = zip(*initial_overlaps(students, gram, dimension, indices, seed, scale), strict=True)
    weights, same = zip(*(embedded(Q, R, gram, students + teachers) for Q, R in stack), strict=True)
    return np.stack(weights), same[0]


def _runs_per_block(students: int) -> int:
    """Runs that take a few seconds of one core; the cost of a run grows about as K to the fourth."""
    return int(np.clip(2_000_000 // students**4, 10, 500))
