"""How a committee ends its one task, for starts that share weights or readouts (arXiv:2503.02526).

Erf students learn teacher 1 from weights of scale σ_w and readouts of norm r, whose angle θ goes from 0, one readout
alone, to π/4, all alike. Specialisation is S_use, for a teacher of several units S_sel. A draw is a set of weights.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.analysis.specialisation import (
    contributions,
    selectivity,
    usage_specialisation,
)
from companion.compute.seeds import generator
from companion.compute.sweeps import Condition
from companion.store.durable import stored
from companion.theory.committee_conditions import (
    Conditions,
    drawn_start,
    isotropic_start,
    two_task_conditions,
)
from companion.theory.soft_committee import solve_two_tasks

Floats = NDArray[np.float64]

#: The angle at which all readouts are alike, whatever their number.
EVEN: Final = float(np.pi / 4)

USAGE = {"long_name": r"specialisation $S_\mathrm{use}$"}
SELECTIVITY = {"long_name": r"specialisation $S_\mathrm{sel}$"}
ERROR = {"long_name": r"error $\epsilon_1$ at the end"}
ANGLE = {"long_name": r"readout angle $\theta$"}
ENTROPY = {"long_name": r"readout entropy $H_\mathrm{read}$"}


def polar_readouts(angles: ArrayLike, students: int) -> Floats:
    """Readouts (..., K) of norm 1: (1, 0, ...) at angle 0, all alike at `EVEN`, for K = 2 (cos θ, sin θ).

    For more units the angle is stretched, and all but the first are alike. Raises ValueError for angles outside.

    >>> polar_readouts([0.0, EVEN], 4).round(12).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]]
    """
    given = np.asarray(angles, dtype=np.float64)
    if not ((given >= 0.0) & (given <= EVEN * (1.0 + 1e-12))).all():
        raise ValueError(f"angles: {given.min():g} to {given.max():g} given; allowed: numbers from 0 to pi/4")
    turned = given * np.arccos(1.0 / np.sqrt(students)) / EVEN
    others = np.repeat(np.sin(turned)[..., None], students - 1, axis=-1) / np.sqrt(students - 1.0)
    return np.concatenate([np.cos(turned)[..., None], others], axis=-1)


def integration_steps(given: Conditions, step: float) -> Floats:
    """Largest steps (B,) at which large readouts and rates are still resolved: ``step`` halved as often as needed.

    The decay of a unit's weights goes as e_w h², so that steps shrink with it beyond e_w = 1 and |h| = 2.
    """
    squared = (given.readouts[:, 0] ** 2).sum(axis=-1)
    fastest = np.maximum(given.learning_rate, 1.0) * np.maximum(squared / 4.0, 1.0)
    return step * 0.5 ** np.ceil(np.log2(fastest))


def final_measures(given: Conditions, first_time: float, step: float) -> dict[str, Floats]:
    """S_use, S_sel (NaN for M = 1) and ε_1, each (B,), at the end of the first task."""
    steps = integration_steps(given, step)
    end = solve_two_tasks(given, first_time=first_time, second_time=0.0, step=steps, times=[]).isel(time=-1)
    h, Q, R = end.readout.sel(task=1).values, end.Q.values, end.R.values
    return {
        "usage": usage_specialisation(contributions(h, Q)),
        "selectivity": selectivity(h, Q, R),
        "error": end.error.sel(task=1).values,
    }


@stored(
    work=lambda conditions, angles, students, teachers, draws, first_time, step, **_: (
        sum(max(each["learning_rate"], 1) * max(each["readout_scale"] ** 2 / 4, 1) for each in conditions)
        * len(angles)
        * max(draws, 1)
        * students
        * (students + teachers)
        * first_time
        / step
    ),
)
def ends_of_task(
    conditions: Sequence[Condition],
    angles: Sequence[float],
    students: int,
    teachers: int,
    draws: int,
    dimension: int,
    first_time: float,
    step: float,
    seed: int,
) -> xr.Dataset:
    """`final_measures` (condition, angle, draw) of one architecture.

    A condition has a ``weight_scale``, a ``readout_scale``, a ``learning_rate`` and a ``readout_learning_rate``. With
    0 ``draws`` there is one, the start of d → ∞; otherwise weights are drawn in ``dimension`` dimensions, the same
    directions in every condition.
    """
    names = ("weight_scale", "readout_scale", "learning_rate", "readout_learning_rate")
    weight, readout, rate, readout_rate = (np.array([each[name] for each in conditions]) for name in names)
    rows = isotropic_start(students, teachers, weight)[:, None]
    if draws:
        scales, indices = np.repeat(weight, draws), np.tile(np.arange(draws), weight.size)
        rows = drawn_start(students, teachers, dimension, scales, indices, seed)
        rows = rows.reshape(weight.size, draws, students, -1)
    given = two_task_conditions(
        rows[:, None],
        readout[:, None, None, None] * polar_readouts(angles, students)[:, None],
        np.zeros(students),
        learning_rate=rate[:, None, None],
        readout_learning_rate=readout_rate[:, None, None],
    )
    found = final_measures(given, first_time, step)
    dims, words = ("condition", "angle", "draw"), (USAGE, SELECTIVITY, ERROR)
    return xr.Dataset(
        {
            name: (dims, values.reshape(given.shape), text)
            for (name, values), text in zip(found.items(), words, strict=True)
        },
        coords={"angle": ("angle", list(angles), ANGLE)},
    )


def starting_condition(
    weight_scale: float,
    readout_scale: float,
    learning_rate: float = 1.0,
    readout_learning_rate: float | None = None,
) -> dict[str, float]:
    """A condition of `ends_of_task`; the readouts' rate is that of the weights unless it is given."""
    return {
        "weight_scale": float(weight_scale),
        "readout_scale": float(readout_scale),
        "learning_rate": float(learning_rate),
        "readout_learning_rate": float(
            learning_rate if readout_learning_rate is None else readout_learning_rate
        ),
    }


def gaussian_readouts(students: int, draws: int, seed: int) -> Floats:
    """Readouts N(0, 1), (draws, K), each draw from a generator of its own: more draws keep the first ones."""
    rows = [
        generator(seed, "committee readouts", students, draw).standard_normal(students)
        for draw in range(draws)
    ]
    return np.array(rows)
