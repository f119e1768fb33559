"""Stored experiments on where forgetting does not follow the similarity of two tasks as it does from plain starts.

The plain starts, and the notation, are those of `studies.committee_forgetting` (arXiv:2503.02526); starts are drawn
at finite dimension, exact overlaps included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.specialisation import contributions, usage_specialisation
from companion.store.durable import stored
from companion.studies.committee_forgetting import (
    DURATION,
    FIRST_ERROR,
    FORGETTING,
    LIMIT,
    SECOND_ERROR,
    SHARED,
    SIMILARITY,
    SPECIALISED,
    TIE,
    USE,
    equal_readouts,
    follow_both,
    random_start,
    readouts_at,
)
from companion.theory.committee_conditions import (
    Conditions,
    drawn_start,
    isotropic_start,
    two_task_conditions,
)
from companion.theory.soft_committee import shared_forgetting_limit, solve_two_tasks

Floats = NDArray[np.float64]

_EACH: Final = {"long_name": "forgetting $F(T)/M$"}
_SPECIALISATION: Final = {
    "long_name": r"$S_{\mathrm{use}}$ ($M=1$) or $S_{\mathrm{sel}}$ ($M>1$) at the switch"
}
_PEAK: Final = {"long_name": "similarity of the peak"}
_TILT: Final = {"long_name": r"distance from the tie $\delta=\pi/4-\theta$"}

#: What counts as specialised among random starts.
SPECIALISED_FROM: Final = 0.9


@dataclass(frozen=True)
class _Case:
    """One way to start: the first readout (r, 0, ...) or ``equal``, and what departs from the plain scheme."""

    students: int = 2
    teachers: int = 1
    equal: bool = False
    second_scale: float | None = None
    weight_scale: float | None = None
    copied: bool = False


#: The two plain schemes, then what departs from them.
CASES: Final = {
    SPECIALISED: _Case(),
    SHARED: _Case(equal=True),
    "copied readout": _Case(copied=True),
    "small readout": _Case(second_scale=1e-3),
    "large weights": _Case(equal=True, weight_scale=0.1),
    "K=M=2, equal": _Case(2, 2, equal=True, weight_scale=0.1),
    "K=M=2, one": _Case(2, 2, weight_scale=0.1),
    "K=4, M=2, equal": _Case(4, 2, equal=True, weight_scale=0.1),
    "K=4, M=2, one": _Case(4, 2, weight_scale=0.1),
}


@stored(
    work=lambda similarities, tilts, durations, draws, random_draws, step, **_: (
        (len(similarities) * (draws * (9 + len(tilts)) + random_draws + len(tilts))) * durations[-1] / step
    ),
)
def exceptions(
    similarities: Sequence[float],
    tilts: Sequence[float],
    readout_scale: float,
    weight_scale: float,
    durations: Sequence[float],
    dimension: int,
    draws: int,
    random_draws: int,
    seed: int,
    *,
    step: float = 0.2,
) -> xr.Dataset:
    """Where forgetting does not follow the two plain schemes: starts drawn in ``dimension`` dimensions.

    By (case, draw), after the last of ``durations`` for each task: ``forgetting`` (.., similarity) over M,
    ``specialisation`` at the switch, ``first_error`` ε_1 there and ``second_error``, the largest ε_2 at the end; cases
    as in `CASES`, the second readout of "small readout" being 1e-3 long and "large weights" N(0, .1²). ``random``
    (random_draw, similarity) is F for those of ``random_draws`` starts with readouts N(0, 1) that specialise, S_use
    above .9; attribute ``random_share`` is their share.

    ``tilts`` are the distances π/4 - θ from the tie: ``tilted`` (duration, tilt, similarity) is F at d → ∞,
    ``tilted_specialisation`` (duration, tilt) S_use; for the drawn starts, after the last of ``durations``,
    ``tilted_start`` (tilt, draw) is F at the first of the similarities and ``tilted_peak`` the one with the largest F.
    """
    V, last = np.asarray(similarities, dtype=np.float64), float(durations[-1])
    shape = (len(CASES), draws)
    forgotten = np.empty((*shape, V.size))
    measure, first_error, second_error = (np.empty(shape) for _ in range(3))
    for row, case in enumerate(CASES.values()):
        given = _case_conditions(case, V, readout_scale, weight_scale, dimension, draws, seed)
        found = follow_both(given, last, step)
        forgotten[row] = found.final_forgetting / case.teachers
        measure[row] = (found.usage if case.teachers == 1 else found.selectivity)[:, 0]
        first_error[row] = found.errors[:, 0, 0, 0]
        second_error[row] = found.errors[..., -1, 1].max(axis=-1)
    random, share = _specialised_at_random(V, weight_scale, last, dimension, random_draws, seed, step)
    first, second = readouts_at(TIE - np.asarray(tilts), readout_scale), equal_readouts(2, readout_scale)
    exact = two_task_conditions(isotropic_start(2, 1, weight_scale), first[:, None], second, V)
    start = drawn_start(2, 1, dimension, weight_scale, range(draws), seed)
    drawn = two_task_conditions(start[:, None], first[:, None, None], second, V)
    limits = [follow_both(exact, duration, step) for duration in durations]
    spread = follow_both(drawn, last, step).final_forgetting
    by_case, by_tilt = ("case", "draw"), ("duration", "tilt")
    return xr.Dataset(
        {
            "forgetting": ((*by_case, "similarity"), forgotten, _EACH),
            "specialisation": (by_case, measure, _SPECIALISATION),
            "first_error": (by_case, first_error, FIRST_ERROR),
            "second_error": (by_case, second_error, SECOND_ERROR),
            "limit": ("similarity", shared_forgetting_limit(V), LIMIT),
            "random": (("random_draw", "similarity"), random, FORGETTING),
            "tilted": (
                (*by_tilt, "similarity"),
                np.stack([limit.final_forgetting for limit in limits]),
                FORGETTING,
            ),
            "tilted_specialisation": (by_tilt, np.stack([limit.usage[:, 0] for limit in limits]), USE),
            "tilted_start": (("tilt", "draw"), spread[..., 0], {"long_name": "forgetting at $V=0$"}),
            "tilted_peak": (("tilt", "draw"), V[spread.argmax(axis=-1)], _PEAK),
        },
        coords={
            "similarity": ("similarity", V, SIMILARITY),
            "duration": ("duration", [float(time) for time in durations], DURATION),
            "case": list(CASES),
            "tilt": ("tilt", list(tilts), _TILT),
        },
        attrs={
            "readout_scale": readout_scale,
            "weight_scale": weight_scale,
            "duration_of_cases": last,
            "dimension": dimension,
            "random_share": share,
            "root_seed": seed,
        },
    )


def _case_conditions(
    case: _Case,
    V: Floats,
    readout_scale: float,
    weight_scale: float,
    dimension: int,
    draws: int,
    seed: int,
) -> Conditions:
    K, scale = case.students, weight_scale if case.weight_scale is None else case.weight_scale
    second_scale = readout_scale if case.second_scale is None else case.second_scale
    one = readout_scale * np.eye(K)[0]
    return two_task_conditions(
        drawn_start(K, case.teachers, dimension, scale, range(draws), seed)[:, None],
        equal_readouts(K, readout_scale) if case.equal else one,
        equal_readouts(K, second_scale),
        V,
        copy_readout=case.copied,
    )


def _specialised_at_random(
    V: Floats, weight_scale: float, duration: float, dimension: int, draws: int, seed: int, step: float
) -> tuple[Floats, float]:
    """F (n, V) of those draws with readouts N(0, 1) that specialise on task 1, and their share."""
    parts = random_start(range(draws), weight_scale, 1.0, dimension, seed)
    learned = solve_two_tasks(
        two_task_conditions(*parts), first_time=duration, second_time=0.0, step=step, times=()
    )
    end = learned.isel(time=-1).sel(task=1)
    usage = usage_specialisation(contributions(end.readout.values, end.Q.values))
    chosen = usage > SPECIALISED_FROM
    if not chosen.any():
        return np.empty((0, V.size)), 0.0
    start, first, second = (part[chosen, None] for part in parts)
    given = two_task_conditions(start, first, second, V)
    return follow_both(given, duration, step).final_forgetting, float(chosen.mean())
