"""Stored experiments on forgetting against similarity in an erf soft committee (arXiv:2503.02526, 2106.05418).

Task 1 is learned for a time T, then task 2 for as long, with a readout of its own that starts at r (1, ..., 1)/√K
unless something else is said. F(a) = ε_1(T + a) - ε_1(T). With K = 2 units and a teacher of one, the first readout
r (cos θ, sin θ) makes a network that is specialised at θ = 0 and shared, by an exact tie, at θ = π/4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.analysis.specialisation import (
    contributions,
    forgetting,
    selectivity,
    transfer,
    usage_specialisation,
)
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.theory.committee_conditions import (
    Conditions,
    drawn_start,
    isotropic_start,
    two_task_conditions,
)
from companion.theory.soft_committee import shared_forgetting_limit, solve_two_tasks

Floats = NDArray[np.float64]

TIE: Final = math.pi / 4
SPECIALISED, SHARED = "specialised", "shared"

SIMILARITY: Final = {"long_name": "similarity $V$"}
FORGETTING: Final = {"long_name": "forgetting $F(T)$"}
DURATION: Final = {"long_name": "time $T$ for each task", "units": "steps / d"}
FIRST_ERROR: Final = {"long_name": r"$\epsilon_1$ at the switch"}
SECOND_ERROR: Final = {"long_name": r"largest $\epsilon_2$ at the end"}
_LARGEST: Final = {"long_name": r"largest forgetting on the way"}
_TRANSFER: Final = {"long_name": r"transfer $\epsilon_2(T)-\epsilon_2(2T)$"}
LIMIT: Final = {"long_name": r"limit of exactly shared units, $T\to\infty$"}
USE: Final = {"long_name": r"specialisation $S_{\mathrm{use}}$ at the switch"}
_MOMENTS: Final = 60


def readouts_at(angle: ArrayLike, scale: ArrayLike) -> Floats:
    """Readouts r (cos θ, sin θ) (..., 2), one of them exactly 0 at θ = 0, both equal to the last bit at θ = π/4."""
    theta = np.asarray(angle, dtype=np.float64)
    delta = TIE - theta
    plain = np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    tilted = np.stack([np.cos(delta) + np.sin(delta), np.cos(delta) - np.sin(delta)], axis=-1) / math.sqrt(2)
    return np.asarray(scale)[..., None] * np.where((theta < TIE / 2)[..., None], plain, tilted)


def equal_readouts(students: int, scale: float) -> Floats:
    """r (1, ..., 1)/√K, (K,)."""
    return np.full(students, scale / math.sqrt(students))


def scheme_names(angles: Sequence[float]) -> list[str]:
    """Names of the specialised start, those at ``angles`` between, and the shared one."""
    return [SPECIALISED, *(rf"$\theta={angle:g}$" for angle in angles), SHARED]


def scheme_angles(angles: Sequence[float]) -> Floats:
    """θ of the specialised start, 0, of those between, and of the shared one, π/4; ValueError for others."""
    if any(not 0 < angle < TIE for angle in angles):
        raise ValueError(f"angles: {list(angles)} given; allowed: numbers between 0 and π/4")
    return np.array([0.0, *angles, TIE])


@dataclass(frozen=True)
class Followed:
    """Both errors (..., times, 2) from the switch on, times after it, and S_use, S_sel at the switch (...)."""

    errors: Floats
    times: Floats
    usage: Floats
    selectivity: Floats

    @property
    def final_forgetting(self) -> Floats:
        """F at the last of the times, (...)."""
        return forgetting(self.errors[..., 0])[..., -1]


def follow_both(given: Conditions, duration: float, step: ArrayLike, times: ArrayLike = ()) -> Followed:
    """Both tasks, ``duration`` for each; ``times`` after the switch are recorded beside its begin and end."""
    after = duration + np.asarray(times, dtype=np.float64)
    solved = solve_two_tasks(given, first_time=duration, second_time=duration, step=step, times=after)
    kept = solved.sel(time=slice(duration, None))
    at_switch = kept.isel(time=0).sel(task=1)
    readout, Q, R = (at_switch[name].values for name in ("readout", "Q", "R"))
    return Followed(
        kept.error.values.reshape(*given.shape, kept.sizes["time"], 2),
        kept.time.values - duration,
        usage_specialisation(contributions(readout, Q)).reshape(given.shape),
        selectivity(readout, Q, R).reshape(given.shape),
    )


@stored(
    work=lambda similarities, angles, durations, draws, step, **_: (
        len(similarities) * ((len(angles) + 2) * sum(durations) + draws * durations[0]) / step
    ),
)
def profiles(
    similarities: Sequence[float],
    angles: Sequence[float],
    readout_scale: float,
    weight_scale: float,
    durations: Sequence[float],
    dimension: int,
    draws: int,
    seed: int,
    *,
    course_similarities: Sequence[float] = (0.0, 0.25, 0.5, 0.75),
    random_scale: float = 0.1,
    step: float = 0.2,
) -> xr.Dataset:
    """Forgetting, its largest value and transfer against V, at d → ∞, for starts from specialised to shared.

    By (duration, scheme, similarity): ``forgetting``, ``largest``, ``transfer``; by (duration, scheme):
    ``specialisation`` S_use and ``first_error`` at the switch, ``second_error`` the largest ε_2 at the end; ``limit``
    (similarity,). ``course`` (course_scheme, course_similarity, moment) is F(a) after the longest of ``durations`` for
    both ends of the scale. ``drawn`` (draw, similarity) is F after the first of them for starts in ``dimension``
    dimensions whose readouts are all N(0, random_scale²), ``drawn_specialisation`` (draw,) their S_use.

    Raises ValueError for angles that are not between 0 and π/4.
    """
    V = np.asarray(similarities, dtype=np.float64)
    start, second = isotropic_start(2, 1, weight_scale), equal_readouts(2, readout_scale)
    first = readouts_at(scheme_angles(angles), readout_scale)
    shape = (len(durations), len(first), V.size)
    final, largest, gained = np.empty(shape), np.empty(shape), np.empty(shape)
    use, first_error, second_error = (np.empty(shape[:2]) for _ in range(3))
    for row, duration in enumerate(durations):
        moments = np.geomspace(min(0.1, duration), duration, _MOMENTS)
        given = two_task_conditions(start, first[:, None], second, V)
        found = follow_both(given, duration, step, moments)
        forgotten = forgetting(found.errors[..., 0])
        final[row], largest[row] = forgotten[..., -1], forgotten.max(axis=-1)
        gained[row] = transfer(found.errors[..., 1])[..., -1]
        use[row], first_error[row] = found.usage[:, 0], found.errors[:, 0, 0, 0]
        second_error[row] = found.errors[..., -1, 1].max(axis=-1)
    longest = max(durations)
    given = two_task_conditions(start, first[[0, -1], None], second, list(course_similarities))
    courses = follow_both(given, longest, step, np.geomspace(min(0.1, longest), longest, _MOMENTS))
    weights, *heads = random_start(range(draws), weight_scale, random_scale, dimension, seed)
    given = two_task_conditions(weights[:, None], heads[0][:, None], heads[1][:, None], V)
    drawn = follow_both(given, durations[0], step)
    along = ("duration", "scheme", "similarity")
    return xr.Dataset(
        {
            "forgetting": (along, final, FORGETTING),
            "largest": (along, largest, _LARGEST),
            "transfer": (along, gained, _TRANSFER),
            "specialisation": (along[:2], use, USE),
            "first_error": (along[:2], first_error, FIRST_ERROR),
            "second_error": (along[:2], second_error, SECOND_ERROR),
            "limit": ("similarity", shared_forgetting_limit(V), LIMIT),
            "course": (
                ("course_scheme", "course_similarity", "moment"),
                forgetting(courses.errors[..., 0]),
                {"long_name": "forgetting $F(a)$"},
            ),
            "drawn": (("draw", "similarity"), drawn.final_forgetting, FORGETTING),
            "drawn_specialisation": ("draw", drawn.usage[:, 0], USE),
        },
        coords={
            "similarity": ("similarity", V, SIMILARITY),
            "duration": ("duration", [float(time) for time in durations], DURATION),
            "scheme": scheme_names(angles),
            "course_scheme": [SPECIALISED, SHARED],
            "course_similarity": ("course_similarity", list(course_similarities), SIMILARITY),
            "moment": (
                "moment",
                courses.times,
                {"long_name": "time $a$ after the switch", "units": "steps / d"},
            ),
        },
        attrs={
            "readout_scale": readout_scale,
            "weight_scale": weight_scale,
            "random_scale": random_scale,
            "dimension": dimension,
            "root_seed": seed,
        },
    )


def random_start(
    draws: Sequence[int], weight_scale: float, readout_scale: float, dimension: int, seed: int
) -> tuple[Floats, Floats, Floats]:
    """Start (n, 2, 4) with both readouts (n, 2), of entries N(0, readout_scale²), K = 2 and M = 1."""
    heads = np.stack(
        [generator(seed, "random readouts", draw).standard_normal((2, 2)) for draw in draws], axis=1
    )
    start = drawn_start(2, 1, dimension, weight_scale, draws, seed)
    return start, readout_scale * heads[0], readout_scale * heads[1]
