"""Stored experiments on two tasks made of handwritten digits, for specialised and for shared starts.

The committee of arXiv:2503.02526 away from its theory: inputs that are not Gaussian, targets that no committee fits.
The first head starts as (r, 0, ..., 0) ("specialised") or as r (1, ..., 1) / √K ("shared"), the second always as the
latter. Errors are on the training images, half the mean square; a constant output has 1/2.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr

from companion.analysis.specialisation import continual_cost, contributions, forgetting, usage_specialisation
from companion.compute.sweeps import sweep
from companion.datasets.digits import Source, digit_tasks
from companion.store.durable import stored
from companion.training.digit_tasks import Penalty, drawn_weights, learn_two_tasks

SCHEMES: Final = ("specialised", "shared")
#: How a run is protected while it learns task 2: its start, and the penalty where that is not the Fisher matrix's.
PROTECTIONS: Final[Mapping[str, tuple[str, Penalty]]] = {
    "specialised": ("specialised", "fisher"),
    "shared": ("shared", "fisher"),
    "specialised, uniform penalty": ("specialised", "uniform"),
}
SIMILARITY = {"long_name": "similarity $V$ of the tasks"}
CONSOLIDATION = {"long_name": r"strength $\gamma$ of the penalty"}
#: Scale of weights so small that units with equal readouts stay alike through both tasks.
TIED_SCALE = 1e-9
#: Points of the course of learning on either task, closer together at its beginning.
COURSE_POINTS = 13
FORGETTING = {"long_name": "forgetting $F$"}
SECOND_ERROR = {"long_name": r"error $\epsilon_2$ after task 2"}


def start_readouts(scheme: str, students: int, norm: float) -> tuple[np.ndarray, np.ndarray]:
    """Readouts (K,) of both heads at the start, each of length ``norm``.

    Raises ValueError for another scheme than those of `SCHEMES`.

    >>> start_readouts("specialised", 4, 0.5)
    (array([0.5, 0. , 0. , 0. ]), array([0.25, 0.25, 0.25, 0.25]))
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: {scheme!r} given; allowed: {', '.join(map(repr, SCHEMES))}")
    even = np.full(students, norm / np.sqrt(students))
    return (norm * np.eye(students)[0] if scheme == "specialised" else even), even


@stored(
    work=lambda conditions, similarities, consolidations, dimension, steps, batch, **_: (
        sum(each["students"] for each in conditions)
        * len(similarities)
        * len(consolidations)
        * steps
        * batch
        * dimension
    ),
)
def digit_runs(
    conditions: Sequence[Mapping[str, Any]],
    similarities: Sequence[float],
    consolidations: Sequence[float],
    seed: int,
    *,
    source: Source = "digits",
    dimension: int = 30,
    steps: int = 4000,
    batch: int = 16,
    learning_rate: float = 0.3,
    weight_scale: float = 0.01,
    readout_norm: float = 0.3,
    marks: Sequence[int] | None = None,
) -> xr.Dataset:
    """Both tasks for ``conditions``: dicts with "students", "protection" (a key of `PROTECTIONS`) and "draw".

    ``first_course`` and ``second_course`` (condition, consolidation, similarity, step, task) are the errors on both
    tasks while task 1 and task 2 are learned, at ``marks``; ``used`` (condition,) is S_use after task 1. A draw has the
    same weights and batches for every similarity, consolidation and protection.
    """
    tasks = digit_tasks(source, dimension)
    branches = np.stack(np.meshgrid(consolidations, similarities, indexing="ij")).reshape(2, -1)
    grid = (len(consolidations), len(similarities))
    at = [0, steps] if marks is None else list(marks)
    courses = np.empty((2, len(conditions), *grid, len(at), 2))
    used = np.empty(len(conditions))
    groups: dict[tuple[int, str], list[int]] = {}
    for place, condition in enumerate(conditions):
        groups.setdefault((condition["students"], condition["protection"]), []).append(place)
    for (students, protection), places in groups.items():
        scheme, penalty = PROTECTIONS[protection]
        draws = [conditions[place]["draw"] for place in places]
        found = learn_two_tasks(
            tasks.inputs,
            tasks.targets,
            drawn_weights(students, dimension, weight_scale, draws, seed),
            *start_readouts(scheme, students, readout_norm),
            branches[1],
            branches[0],
            draws,
            seed,
            steps=steps,
            batch=batch,
            learning_rate=learning_rate,
            marks=at,
            penalty=penalty,
        )
        courses[:, places] = np.stack([found.first, found.second]).reshape(2, len(places), *grid, len(at), 2)
        used[places] = usage_specialisation(contributions(found.readouts, found.overlaps))
    dims = ("condition", "consolidation", "similarity", "step", "task")
    error = {"long_name": r"error $\epsilon$"}
    return xr.Dataset(
        {
            "first_course": (dims, courses[0], error),
            "second_course": (dims, courses[1], error),
            "used": ("condition", used, {"long_name": r"$S_\mathrm{use}$ after task 1"}),
        },
        coords={
            "consolidation": ("consolidation", list(consolidations), CONSOLIDATION),
            "similarity": ("similarity", list(similarities), SIMILARITY),
            "step": ("step", at, {"long_name": "steps"}),
            "task": [1, 2],
        },
        attrs={"source": source, "images": len(tasks.inputs), "explained": tasks.explained},
    )


@stored(
    calls=lambda students, similarities, consolidations, draws, seed, course_similarity, weight_scale, **common: (
        common.pop("shown"),
        sweep(
            digit_runs,
            [
                {"students": K, "protection": protection, "draw": draw}
                for draw in range(draws)
                for K in students
                for protection in PROTECTIONS
            ],
            block=len(students) * len(PROTECTIONS),
            similarities=list(similarities),
            consolidations=list(consolidations),
            weight_scale=weight_scale,
            seed=seed,
            **common,
        ),
        digit_runs(
            [
                {"students": K, "protection": "shared", "draw": draw}
                for draw in range(draws)
                for K in students
            ],
            list(similarities),
            [0.0],
            weight_scale=TIED_SCALE,
            seed=seed,
            **common,
        ),
        _course(
            min(students), draws, course_similarity, common | {"seed": seed, "weight_scale": weight_scale}
        ),
    ),
)
def two_task_digits(
    students: Sequence[int],
    similarities: Sequence[float],
    consolidations: Sequence[float],
    draws: int,
    seed: int,
    *,
    shown: Sequence[float] = (0.0, 0.3, 3.0),
    course_similarity: float = 0.4,
    source: Source = "digits",
    dimension: int = 30,
    steps: int = 4000,
    batch: int = 16,
    learning_rate: float = 0.3,
    weight_scale: float = 0.01,
) -> xr.Dataset:
    """Forgetting against similarity and its price under a penalty, as the figure shows them.

    Dims ``students``, ``protection``, ``similarity``, ``consolidation``, ``draw``. ``forgetting`` and ``second_error``
    by similarity at the consolidations ``shown``, for both schemes of `SCHEMES`; ``tied_forgetting`` is that of the
    shared scheme from weights of scale `TIED_SCALE`, whose units stay alike, without a penalty; ``mean_forgetting`` and
    ``mean_second_error`` over the similarities, with their sum ``cost``, by consolidation and protection;
    ``first_error`` and ``used`` after task 1; ``course`` (scheme, course_step, task, draw), the errors at
    ``course_similarity`` without a penalty and with the fewest students, steps counted from the first one on.

    Raises ValueError for ``shown`` without 0 or not among ``consolidations``, fewer than two students, and less than
    one draw.
    """
    if draws < 1:
        raise ValueError(f"draws: {draws} given; allowed: a whole number from 1 on")
    if 0.0 not in shown or not set(shown) <= set(consolidations):
        raise ValueError(
            f"shown: {list(shown)} given; allowed: 0 and others, all among consolidations, {list(consolidations)}"
        )
    if not students or min(students) < 2:
        raise ValueError(f"students: {list(students)} given; allowed: whole numbers from 2 on")
    common: dict[str, Any] = {"source": source, "dimension": dimension, "seed": seed}
    common |= {"steps": steps, "batch": batch, "learning_rate": learning_rate}
    conditions = [
        {"students": K, "protection": protection, "draw": draw}
        for draw in range(draws)
        for K in students
        for protection in PROTECTIONS
    ]
    found = sweep(
        digit_runs,
        conditions,
        block=len(students) * len(PROTECTIONS),
        label=f"two tasks on {source}",
        similarities=list(similarities),
        consolidations=list(consolidations),
        weight_scale=weight_scale,
        **common,
    )
    equal = [{"students": K, "protection": "shared", "draw": draw} for draw in range(draws) for K in students]
    tied = digit_runs(equal, list(similarities), [0.0], weight_scale=TIED_SCALE, **common)
    tied_lost = forgetting(tied.second_course.values[:, 0, ..., 0])[..., -1]
    shape = (draws, len(students), len(PROTECTIONS))
    errors = found.second_course.values.reshape(*shape, *found.second_course.shape[1:])
    lost, second = forgetting(errors[..., 0])[..., -1], errors[..., -1, 1]
    places = [list(consolidations).index(value) for value in shown]
    schemes = [list(PROTECTIONS).index(scheme) for scheme in SCHEMES]
    by_similarity = ("draw", "students", "scheme", "shown", "similarity")
    by_strength = ("draw", "students", "protection", "consolidation")
    by_run = ("draw", "students", "scheme")
    pick = np.ix_(range(draws), range(len(students)), schemes, places, range(len(similarities)))
    # Task 1 knows neither the penalty nor task 2.
    first = found.first_course.values[:, 0, 0, -1, 0].reshape(shape)[..., schemes]
    course = _course(min(students), draws, course_similarity, common | {"weight_scale": weight_scale})
    return xr.Dataset(
        {
            "forgetting": (by_similarity, lost[pick], FORGETTING),
            "tied_forgetting": (
                ("draw", "students", "similarity"),
                tied_lost.reshape(draws, len(students), -1),
                {"long_name": "forgetting $F$ of units that stay alike"},
            ),
            "second_error": (by_similarity, second[pick], SECOND_ERROR),
            "mean_forgetting": (by_strength, lost.mean(-1), {"long_name": "forgetting, mean over $V$"}),
            "mean_second_error": (
                by_strength,
                second.mean(-1),
                {"long_name": r"$\epsilon_2$, mean over $V$"},
            ),
            "cost": (
                by_strength,
                continual_cost(lost, second),
                {"long_name": r"$F+\epsilon_2$, mean over $V$"},
            ),
            "first_error": (by_run, first, {"long_name": r"error $\epsilon_1$ after task 1"}),
            "used": (by_run, found.used.values.reshape(shape)[..., schemes], found.used.attrs),
            "course": course,
        },
        coords={
            "draw": range(draws),
            "students": ("students", list(students), {"long_name": "students $K$"}),
            "scheme": list(SCHEMES),
            "protection": list(PROTECTIONS),
            "shown": ("shown", list(shown), CONSOLIDATION),
            "similarity": found.similarity,
            "consolidation": found.consolidation,
        },
        attrs=dict(found.attrs)
        | {"steps": steps, "course_similarity": course_similarity, "course_students": min(students)}
        | {"root_seed": seed},
    )


def _course(students: int, draws: int, similarity: float, common: Mapping[str, Any]) -> xr.DataArray:
    """Errors along both tasks without a penalty (draw, scheme, course_step, task), for the course of learning."""
    steps = common["steps"]
    marks = sorted({round(steps * part**2) for part in np.linspace(0, 1, COURSE_POINTS)})
    conditions = [
        {"students": students, "protection": scheme, "draw": draw}
        for draw in range(draws)
        for scheme in SCHEMES
    ]
    found = digit_runs(conditions, [similarity], [0.0], marks=marks, **common)
    # The last errors of task 1 are the first of task 2.
    both = np.concatenate(
        [found.first_course.values[..., :-1, :], found.second_course.values], axis=-2
    ).reshape(draws, len(SCHEMES), -1, 2)
    taken = [*marks[:-1], *(steps + mark for mark in marks)]
    return xr.DataArray(
        both,
        {"course_step": ("course_step", taken, {"long_name": "steps"}), "task": [1, 2]},
        ("draw", "scheme", "course_step", "task"),
        attrs={"long_name": r"error $\epsilon$"},
    )
