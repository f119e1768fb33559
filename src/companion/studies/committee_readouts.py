"""Stored experiments on the entropy of the readouts at the start: does it help units to specialise (arXiv:2503.02526)?

One task, weights drawn with scale σ_w in d dimensions. Specialisation is S_sel for a teacher of two units, S_use for
one unit.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.specialisation import readout_entropy
from companion.compute.sweeps import sweep
from companion.store.durable import stored
from companion.studies.committee_ends import (
    ANGLE,
    ENTROPY,
    ERROR,
    SELECTIVITY,
    ends_of_task,
    final_measures,
    gaussian_readouts,
    polar_readouts,
    starting_condition,
)
from companion.theory.committee_conditions import drawn_start, two_task_conditions

Floats = NDArray[np.float64]

#: Starts between one readout alone and all alike: students, teacher units, σ_w, r, rate of both layers.
SETTINGS: Final = {
    "two units": (2, 2, 0.1, 0.5, 1.0),
    "two units, sigma_w = 0.3": (2, 2, 0.3, 0.5, 1.0),
    "two units, sigma_w = 1": (2, 2, 1.0, 0.1, 1.0),
    "two units, sigma_w = 0.001": (2, 2, 1e-3, 0.5, 1.0),
    "two units, sigma_w = 0.001, half the rate": (2, 2, 1e-3, 0.5, 0.5),
    "one unit": (2, 1, 0.1, 0.5, 1.0),
    "four students": (4, 2, 0.1, 0.5, 1.0),
    "four students, half the rate": (4, 2, 0.1, 0.5, 0.5),
}

#: A run with a larger error in the end has not solved its task.
SOLVED: Final = 1e-3

SPECIALISATION = {"long_name": "specialisation"}


@stored(
    calls=lambda angles, draws, **common: [
        sweep(
            ends_of_task,
            [starting_condition(weight, readout, rate)],
            block=1,
            angles=list(angles),
            students=students,
            teachers=teachers,
            draws=draws,
            **common,
        )
        for students, teachers, weight, readout, rate in SETTINGS.values()
    ],
)
def even_readouts(
    angles: Sequence[float],
    draws: int,
    dimension: int,
    seed: int,
    *,
    first_time: float = 300.0,
    step: float = 0.15,
) -> xr.Dataset:
    """Specialisation and error at the end of the task from one readout alone to all alike, for every `SETTINGS`.

    ``specialisation`` and ``error`` (setting, angle, draw), ``entropy`` H_read (setting, angle).
    """
    shape = (len(SETTINGS), len(angles))
    specialisation, error = (np.empty((*shape, draws)) for _ in range(2))
    entropy = np.empty(shape)
    for row, (students, teachers, weight, readout, rate) in enumerate(SETTINGS.values()):
        found = sweep(
            ends_of_task,
            [starting_condition(weight, readout, rate)],
            block=1,
            label="readout entropy",
            angles=list(angles),
            students=students,
            teachers=teachers,
            draws=draws,
            dimension=dimension,
            first_time=first_time,
            step=step,
            seed=seed,
        ).isel(condition=0)
        specialisation[row] = found.usage if teachers == 1 else found.selectivity
        error[row] = found.error
        entropy[row] = readout_entropy(polar_readouts(angles, students))
    columns = zip(*SETTINGS.values(), strict=True)
    names = ("students", "teachers", "weight_scale", "readout_scale", "learning_rate")
    return xr.Dataset(
        {
            "specialisation": (("setting", "angle", "draw"), specialisation, SPECIALISATION),
            "error": (("setting", "angle", "draw"), error, ERROR),
            "entropy": (("setting", "angle"), entropy, ENTROPY),
        },
        coords={
            "setting": list(SETTINGS),
            "angle": ("angle", list(angles), ANGLE),
            **{name: ("setting", list(values)) for name, values in zip(names, columns, strict=True)},
        },
        attrs={"dimension": dimension, "first_time": first_time, "solved": SOLVED, "root_seed": seed},
    )


@stored(
    work=lambda students, readout_scales, draws, first_time, step, **_: (
        2 * len(readout_scales) * draws * sum(K * (K + 2) for K in students) * first_time / step
    ),
)
def random_readouts(
    students: Sequence[int],
    readout_scales: Sequence[float],
    draws: int,
    dimension: int,
    seed: int,
    *,
    weight_scale: float = 0.3,
    learning_rate: float = 0.5,
    first_time: float = 300.0,
    step: float = 0.15,
) -> xr.Dataset:
    """Gaussian readouts h ~ N(0, σ_h²) with a teacher of two units: H_read of a draw against its S_sel.

    ``random_entropy`` (students, draw), ``selectivity`` and ``random_error`` (students, random_scale, draw), and
    ``even_selectivity`` for the same weights with all readouts equal to σ_h.
    """
    scales = np.array(readout_scales)
    entropy = np.empty((len(students), draws))
    found = np.empty((3, len(students), scales.size, draws))
    for row, units in enumerate(students):
        start = drawn_start(units, 2, dimension, weight_scale, range(draws), seed)
        directions = gaussian_readouts(units, draws, seed)
        entropy[row] = readout_entropy(directions)
        both = np.stack([directions, np.ones_like(directions)])[:, None] * scales[:, None, None]
        given = two_task_conditions(start, both, np.zeros(units), learning_rate=learning_rate)
        ends = final_measures(given, first_time, step)
        chosen, even = ends["selectivity"].reshape(given.shape)
        found[:, row] = chosen, ends["error"].reshape(given.shape)[0], even
    dims = ("students", "random_scale", "draw")
    return xr.Dataset(
        {
            "random_entropy": (("students", "draw"), entropy, ENTROPY),
            "selectivity": (dims, found[0], SELECTIVITY),
            "random_error": (dims, found[1], ERROR),
            "even_selectivity": (dims, found[2], SELECTIVITY),
        },
        coords={
            "students": ("students", list(students), {"long_name": "students $K$"}),
            "random_scale": ("random_scale", scales, {"long_name": r"readout scale $\sigma_h$"}),
        },
        attrs={
            "weight_scale": weight_scale,
            "learning_rate": learning_rate,
            "dimension": dimension,
            "root_seed": seed,
        },
    )


@stored(
    calls=lambda angles, students, readout_scales, draws, random_draws, dimension, seed: (
        even_readouts(angles, draws, dimension, seed),
        random_readouts(students, readout_scales, random_draws, dimension, seed),
    ),
)
def readout_evenness(
    angles: Sequence[float],
    students: Sequence[int],
    readout_scales: Sequence[float],
    draws: int,
    random_draws: int,
    dimension: int,
    seed: int,
) -> xr.Dataset:
    """`even_readouts` and `random_readouts`, whose draws are ``random_draw``, as one figure shows them.

    ``solved`` (setting, angle, draw), 1 or 0, takes the place of the errors.
    """
    even = even_readouts(angles, draws, dimension, seed)
    words = {"long_name": f"share with {ERROR['long_name']} below {SOLVED:g}"}
    solved = (even.error < SOLVED).astype(np.int64).assign_attrs(words)
    even = even.drop_vars("error").assign(solved=solved)
    drawn = random_readouts(students, readout_scales, random_draws, dimension, seed)
    drawn = drawn.drop_vars("random_error").rename(draw="random_draw", students="random_students")
    merged = xr.merge([even, drawn], join="exact", compat="equals", combine_attrs="override")
    kept = {name: even.attrs[name] for name in ("dimension", "first_time", "solved", "root_seed")}
    merged.attrs = kept | {f"random_{name}": drawn.attrs[name] for name in ("weight_scale", "learning_rate")}
    return merged
