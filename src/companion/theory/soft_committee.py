"""Two tasks learned one after the other by an erf soft committee: order parameters for d → ∞ (arXiv:2503.02526).

Online SGD on fresh samples of teacher 1, then of teacher 2 with the other readout; time counts steps / d. With fields
C = cov(students, teachers), e = (-h, v) over the students and the task's teacher,

    X_kn = e_w h_k Σ_a e_a I3(k, n, a) - e_w γ F_k (C_kn - C_k°n)            dR_kn/da = X_kn, for U_kn alike
    dQ_ik/da = X_ik + X_ki + e_w² h_i h_k (Σ_ab e_a e_b I4(i, k, a, b) + σ² E[g'(i) g'(k)])
    dh_k/da = e_h Σ_a e_a I2(k, a)                                            ε_t = (1/2) Σ_ab e_a e_b I2(a, b)

(Saad & Solla 1995; arXiv:1906.08632; 2106.05418). The penalty γ of elastic weight consolidation holds the weights to
w°, those at the switch, with F_k = h_k² E[g'(k)²].
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.theory.committee_conditions import (
    Conditions,
    overlaps_with_teachers,
    teacher_covariance,
    two_task_conditions,
)
from companion.theory.committee_record import check_path, recorded, recorded_times
from companion.theory.erf_integrals import gradient_covariance
from companion.theory.soft_committee_kernels import WIDTH, follow_all

Floats = NDArray[np.float64]

#: Classical Runge-Kutta is stable on a decay of rate r for steps below 2.78 / r.
STABLE = 2.7


def shared_forgetting_limit(similarity: ArrayLike) -> Floats:
    """1/3 - (2/π) arcsin(V/2): what exactly shared units have forgotten in the end, M = 1, K = 2.

    They all end as the teacher of task 2, so ε_1 = E[(g(z¹) - g(z²))²] / 2.

    >>> shared_forgetting_limit([0.0, 0.5]).round(6)
    array([0.333333, 0.172472])
    """
    return 1.0 / 3.0 - 2.0 / np.pi * np.arcsin(np.asarray(similarity, dtype=np.float64) / 2.0)


def solve_two_tasks(
    conditions: Conditions | Sequence[Mapping[str, Any]],
    *,
    first_time: float = 200.0,
    second_time: float = 200.0,
    step: ArrayLike = 0.2,
    times: ArrayLike | None = None,
    overlaps: bool = True,
) -> xr.Dataset:
    """Errors, readouts and overlaps along both tasks, batched over conditions.

    ``conditions`` come from `two_task_conditions`, or as dicts of its arguments, one for each. Task 1 takes
    ``first_time`` and task 2 ``second_time`` (0: none) in units of d steps; ``step`` (a number, or one for each
    condition) is the largest of the fourth-order Runge-Kutta method: .2 errs by 3e-8 (rates 1, 50 units of time).
    Dims of the result are ``condition``, ``time``, ``task`` (1, 2), ``student``, ``other_student``, ``unit``;
    ``error`` is ε_t with that task's readout; Q, R (teacher 1) and U (teacher 2) are left out with ``overlaps=False``.
    ``times`` are those recorded, by default 0 and 24 logarithmic ones for each task; 0, the switch and the end are.

    Bits of a condition depend neither on its neighbours nor on the number of threads; conditions that share a first
    task solve it once. Raises ValueError for bad times and for a step that is unstable with the consolidation γ (it
    names the largest stable one), ArithmeticError, naming conditions, where the integration breaks down.
    """
    given = conditions if isinstance(conditions, Conditions) else _stacked(conditions)
    first, second = float(first_time), float(second_time)
    steps = _steps(step, given.size)
    moments = recorded_times(times, first, second, points=24)
    switch = int(np.searchsorted(moments, first))
    K, M = given.students, given.teachers

    different, places = _different_first_tasks(given, steps)
    one = given.part(different)
    frame = np.zeros((len(different), 2 * M, M))
    frame[:, :M] = np.eye(M)
    rows, readout = _follow(
        one.start,
        one.readouts[:, 0],
        one.teacher_readouts[:, 0],
        frame,
        None,
        one,
        np.zeros((one.size, K)),
        steps[different],
        moments[: switch + 1],
    )
    check_path(rows, np.eye(2 * M), readout, different, moments[: switch + 1])
    learned = overlaps_with_teachers(rows[places], given.similarity[:, None])
    heads = np.repeat(given.readouts[:, None], len(moments), axis=1)
    heads[:, : switch + 1, 0] = readout[places]
    path = np.empty((given.size, len(moments), K, K + 2 * M))
    path[:, : switch + 1] = learned
    if second > 0:
        heads[:, switch + 1 :, 0] = heads[:, switch, None, 0]
        copied = given.copy_readout
        heads[copied, switch, 1] = heads[copied, switch, 0]
        _learn_second(given, steps, path, heads, moments, switch)
    return recorded(given, path, heads, moments, first, second, overlaps)


def penalty_weights(conditions: Conditions, overlaps: ArrayLike, readout: ArrayLike) -> Floats:
    """F (B, K) of the consolidation from Q (B, K, K) and the readout (B, K) of task 1 at the switch.

    "fisher": h_k² (2/π) / √(1 + 2 Q_kk), the Fisher information of a Gaussian output; "readout": h_k²; "uniform": the
    mean of the first over units.
    """
    Q, h = np.asarray(overlaps, dtype=np.float64), np.asarray(readout, dtype=np.float64)
    if conditions.penalty == "readout":
        return h**2
    units = range(h.shape[-1])
    found = h**2 * np.stack([gradient_covariance(Q, k, k) for k in units], axis=-1)
    if conditions.penalty == "uniform":
        return np.broadcast_to(found.mean(axis=-1, keepdims=True), found.shape).copy()
    return found


def _learn_second(
    given: Conditions, steps: Floats, path: Floats, heads: Floats, moments: Floats, switch: int
) -> None:
    """Write overlaps and readouts of task 2 behind the switch, in place."""
    K, M = given.students, given.teachers
    at_switch = path[:, switch]
    weights = penalty_weights(given, at_switch[..., :K], heads[:, switch, 0])
    pull = (given.learning_rate * given.consolidation)[:, None] * weights
    # Q_kk goes back at twice the rate of w_k.
    fastest = 2.0 * steps * pull.max(axis=1)
    if (fastest >= STABLE).any():
        worst = int(fastest.argmax())
        raise ValueError(
            f"step: {steps[worst]:g} given, unstable with consolidation {given.consolidation[worst]:g} "
            f"(condition {worst}: e_w γ max F = {pull[worst].max():.3g}); "
            f"allowed: below {STABLE / (2.0 * pull[worst].max()):.3g}"
        )
    # The task's teacher comes first among the other fields, then teacher 1, then the frozen copies.
    order = [*range(K), *range(K + M, K + 2 * M), *range(K, K + M)]
    back = np.argsort(order)
    start = at_switch[..., order]
    known = teacher_covariance(given.similarity, M)[..., :M]
    frozen = None
    if given.consolidation.any():
        frozen = np.concatenate([start[..., K:], start[..., :K]], axis=2)
        known = np.concatenate([known, start[..., K : K + M]], axis=1)
        start = np.concatenate([start, start[..., :K]], axis=2)
    rows, readout = _follow(
        start,
        heads[:, switch, 1],
        given.teacher_readouts[:, 1],
        known,
        frozen,
        given,
        pull,
        steps,
        moments[switch:],
    )
    path[:, switch + 1 :] = rows[:, 1:, :, : K + 2 * M][..., back]
    heads[:, switch + 1 :, 1] = readout[:, 1:]
    check_path(
        path[:, switch + 1 :],
        teacher_covariance(given.similarity, M),
        readout[:, 1:],
        np.arange(given.size),
        moments[switch + 1 :],
    )


def _follow(
    start: Floats,
    readout: Floats,
    teacher: Floats,
    known: Floats,
    frozen: Floats | None,
    given: Conditions,
    pull: Floats,
    steps: Floats,
    moments: Floats,
) -> tuple[Floats, Floats]:
    """Overlaps (B, times, K, fields) and readouts (B, times, K) at ``moments``, the first of which is the start."""
    size, K, fields = start.shape
    path, heads = np.empty((size, len(moments), K, fields)), np.empty((size, len(moments), K))
    path[:, 0], heads[:, 0] = start, readout
    if len(moments) == 1:
        return path, heads
    if frozen is None:
        frozen = np.empty((size, K, 0))
    rates = np.stack([given.learning_rate, given.readout_learning_rate, given.label_noise], axis=1)
    lengths = np.diff(moments)
    for step in np.unique(steps):
        members = np.flatnonzero(steps == step)
        counts = np.maximum(np.ceil(lengths / step - 1e-9), 1).astype(np.int64)
        arrays = [_in_lanes(each[members]) for each in (start, readout, teacher, known, frozen, rates, pull)]
        groups = len(arrays[0])
        found = np.empty((groups, len(lengths), K, fields, WIDTH))
        found_heads = np.empty((groups, len(lengths), K, WIDTH))
        follow_all(given.gradient_flow, *arrays, counts, lengths / counts, found, found_heads)
        path[members, 1:] = _out_of_lanes(found, members.size)
        heads[members, 1:] = _out_of_lanes(found_heads, members.size)
    return path, heads


def _in_lanes(values: Floats) -> Floats:
    """(B, ...) as (groups, ..., lanes); the last group is filled up with the last condition."""
    groups = math.ceil(len(values) / WIDTH)
    padded = np.concatenate([values, np.repeat(values[-1:], groups * WIDTH - len(values), axis=0)])
    return np.ascontiguousarray(np.moveaxis(padded.reshape(groups, WIDTH, *values.shape[1:]), 1, -1))


def _out_of_lanes(values: Floats, size: int) -> Floats:
    return np.moveaxis(values, -1, 1).reshape(-1, *values.shape[1:-1])[:size]


def _different_first_tasks(given: Conditions, steps: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of conditions whose first tasks differ, and for each condition the place of its own among them."""
    size = given.size
    parts = [given.start, given.readouts[:, 0], given.teacher_readouts[:, 0], given.learning_rate]
    parts += [given.readout_learning_rate, given.label_noise, steps]
    flat = np.ascontiguousarray(np.concatenate([part.reshape(size, -1) for part in parts], axis=1))
    names = flat.view(np.dtype((np.void, flat.itemsize * flat.shape[1])))[:, 0]
    _, different, places = np.unique(names, return_index=True, return_inverse=True)
    return different, places.reshape(-1)


def _stacked(conditions: Sequence[Mapping[str, Any]]) -> Conditions:
    """One `Conditions` from dicts of arguments; those that are not numbers must agree."""
    if not conditions:
        raise ValueError("conditions: none given; allowed: at least one")
    names = set(conditions[0])
    if any(set(each) != names for each in conditions):
        raise ValueError("conditions: dicts with different keys given; allowed: the same keys in each")
    whole = {name: conditions[0][name] for name in names & {"penalty", "gradient_flow"}}
    if any(each[name] != whole[name] for each in conditions for name in whole):
        mixed = [name for name in whole if any(each[name] != whole[name] for each in conditions)]
        raise ValueError(f"conditions: several values of {', '.join(mixed)} given; allowed: one for all")
    stacked = {name: np.stack([np.asarray(each[name]) for each in conditions]) for name in names - set(whole)}
    return two_task_conditions(**stacked, **whole)


def _steps(step: ArrayLike, size: int) -> Floats:
    found = np.asarray(step, dtype=np.float64)
    if found.ndim > 1 or (found.ndim == 1 and len(found) != size):
        raise ValueError(
            f"step: shape {found.shape} given; allowed: a number or one for each of {size} conditions"
        )
    if not (np.isfinite(found) & (found > 0)).all():
        bad = found[~(np.isfinite(found) & (found > 0))]
        raise ValueError(f"step: {bad.flat[0]} given; allowed: positive numbers")
    return np.broadcast_to(found, (size,)).astype(np.float64)
