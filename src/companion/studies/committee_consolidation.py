"""Stored experiment on elastic weight consolidation in an erf soft committee (arXiv:2503.02526, 1612.00796).

Two tasks, two units, teachers of one unit, and the starts of `studies.committee_forgetting`: specialised, shared, or
between. While task 2 is learned the penalty (γ/2) Σ_k F_k |w_k - w_k°|² holds the weights to those at the switch.
"""

from collections.abc import Sequence
from typing import Final, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.settings.problems import did_you_mean
from companion.store.durable import stored
from companion.studies.committee_forgetting import (
    SIMILARITY,
    equal_readouts,
    follow_both,
    readouts_at,
    scheme_angles,
    scheme_names,
)
from companion.theory.committee_conditions import (
    Conditions,
    Penalty,
    drawn_start,
    isotropic_start,
    two_task_conditions,
)

Floats = NDArray[np.float64]

_STRENGTH: Final = {"long_name": r"consolidation $\gamma$"}
_FORGETTING: Final = {"long_name": "forgetting $F(T)$"}
_SECOND_ERROR: Final = {"long_name": r"error on task 2 $\epsilon_2$"}
_MEAN_FORGETTING: Final = {"long_name": r"forgetting $\langle F(T)\rangle_V$"}
_MEAN_SECOND_ERROR: Final = {"long_name": r"error on task 2 $\langle\epsilon_2\rangle_V$"}

#: Largest F_k of a fitted teacher of one unit, that of a single unit (h = Q = 1): (2/π)/√3, h², half of the first.
_LARGEST_WEIGHT: Final[dict[Penalty, float]] = {"fisher": 0.37, "readout": 1.01, "uniform": 0.19}
#: The penalty's fastest rate, 2 γ F, times a step of .2 stays below this: the method is stable up to 2.7.
_LARGEST_DECAY: Final = 2.0


@stored(
    work=lambda angles, strengths, similarities, penalties, draws, duration, step, **_: (
        (len(angles) + 2) * len(strengths) * len(similarities) * len(penalties) * draws * duration / step
    ),
)
def consolidation(
    strengths: Sequence[float],
    similarities: Sequence[float],
    angles: Sequence[float],
    readout_scale: float,
    weight_scale: float,
    dimension: int,
    draws: int,
    seed: int,
    *,
    duration: float = 200.0,
    penalties: Sequence[Penalty] = ("fisher",),
    step: float = 0.2,
) -> xr.Dataset:
    """Forgetting and the error on task 2 after ``duration`` for each task, against γ, for drawn starts.

    ``mean_forgetting`` and ``mean_second_error`` (penalty, scheme, strength, draw) are means over the similarities,
    their sum the cost; ``forgetting`` and ``second_error`` (scheme, strength, similarity) means over draws with the
    first of ``penalties``: "fisher", "readout" (F_k = h_k²) or "uniform". ``angles`` are readout angles θ between the
    specialised and the shared start. ``tied_forgetting`` and ``tied_second_error`` (strength,) are those means for the
    shared start at d → ∞, an exact tie, with the first penalty. The step is shortened where γ asks for it.

    Raises ValueError for another penalty, and for angles that are not between 0 and π/4.
    """
    allowed = get_args(Penalty)
    for penalty in penalties:
        if penalty not in allowed:
            close = did_you_mean(str(penalty), allowed, ", ".join(allowed))
            raise ValueError(f"penalties: {penalty!r} given; {close}")
    first = readouts_at(scheme_angles(angles), readout_scale)[:, None, None, None]
    second = equal_readouts(2, readout_scale)
    start = drawn_start(2, 1, dimension, weight_scale, range(draws), seed)[:, None, None]
    V, strength = np.asarray(similarities, dtype=np.float64), np.asarray(strengths, dtype=np.float64)
    found = []
    for penalty in penalties:
        given = two_task_conditions(start, first, second, V, consolidation=strength[:, None], penalty=penalty)
        found.append(_both_parts(given, duration, step))
    tie = isotropic_start(2, 1, weight_scale), first[-1, 0, 0, 0]
    given = two_task_conditions(*tie, second, V, consolidation=strength[:, None], penalty=penalties[0])
    tied = _both_parts(given, duration, step).mean(axis=-1)
    # Axes: measure, penalty, scheme, draw, strength, similarity.
    measured = np.stack(found, axis=1)
    means = np.moveaxis(measured.mean(axis=-1), 3, -1)
    by_draw, by_similarity = (
        ("penalty", "scheme", "strength", "draw"),
        ("scheme", "strength", "similarity"),
    )
    return xr.Dataset(
        {
            "mean_forgetting": (by_draw, means[0], _MEAN_FORGETTING),
            "mean_second_error": (by_draw, means[1], _MEAN_SECOND_ERROR),
            "tied_forgetting": ("strength", tied[0], _MEAN_FORGETTING),
            "tied_second_error": ("strength", tied[1], _MEAN_SECOND_ERROR),
            "forgetting": (by_similarity, measured[0, 0].mean(axis=1), _FORGETTING),
            "second_error": (by_similarity, measured[1, 0].mean(axis=1), _SECOND_ERROR),
        },
        coords={
            "strength": ("strength", strength, _STRENGTH),
            "similarity": ("similarity", V, SIMILARITY),
            "penalty": list(penalties),
            "scheme": scheme_names(angles),
        },
        attrs={
            "readout_scale": readout_scale,
            "weight_scale": weight_scale,
            "dimension": dimension,
            "duration": float(duration),
            "step": float(step),
            "root_seed": seed,
        },
    )


def _both_parts(given: Conditions, duration: float, step: float) -> Floats:
    """F and ε_2 at the end (2, ...), with steps that the penalty allows."""
    decay = 2.0 * 0.2 * _LARGEST_WEIGHT[given.penalty] * given.consolidation
    followed = follow_both(given, duration, step / np.maximum(decay / _LARGEST_DECAY, 1.0))
    return np.stack([followed.final_forgetting, followed.errors[..., -1, 1]])
