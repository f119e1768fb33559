"""Two tasks learned by one-pass SGD in weight space, at finite d: what the flow is held against (arXiv:2503.02526).

With a fresh x ~ N(0, 1_d) in each step, u_k = w_k·x/√d and δ = Σ_k h_k g(u_k) - y - ζ of the task that is learned,

    w_k ← w_k - (e_w/√d) h_k g'(u_k) δ x - (e_w γ F_k/d) (w_k - w°_k),   h_k ← h_k - (e_h/d) g(u_k) δ

with γ in the second task alone; time counts steps / d. ``companion.theory.soft_committee`` is the limit d → ∞.
"""

import math
from collections.abc import Iterable

import numba
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.compute.seeds import generator
from companion.theory.committee_conditions import Conditions, overlaps_with_teachers
from companion.theory.committee_record import check_path, recorded, recorded_times
from companion.theory.soft_committee import penalty_weights
from companion.training.online_sgd_kernels import WIDTH, learn
from companion.training.relu_chain import in_threads

Floats = NDArray[np.float64]

# Conditions that share a stream of inputs: more save little, and their weights leave the cache.
_TOGETHER = 12


def run_two_tasks(
    conditions: Conditions,
    dimension: int,
    draws: Iterable[int],
    seed: int,
    *,
    first_time: float = 200.0,
    second_time: float = 200.0,
    times: ArrayLike | None = None,
    overlaps: bool = True,
) -> xr.Dataset:
    """Runs of every condition for every draw of the inputs, from exactly the conditions' start, in d dimensions.

    The variables are those of ``theory.soft_committee.solve_two_tasks``, with dims ``condition``, ``draw``, ``time`` …:
    ``error`` (the exact generalisation error of the weights), ``readout``, Q, R and U (left out with
    ``overlaps=False``), and ``start`` (condition, student, field), the overlaps of the weights at time 0. ``times`` are
    those recorded, each at the nearest whole step; 0, the switch and the end are always among them.

    Inputs have no preferred direction, so the teachers' frame may be the first 2M axes, and any overlaps can be
    started from. A draw is a stream of inputs with a generator of its own, named by d and its index: conditions share
    it, so that their differences are paired. Results depend neither on the number of threads nor on the batch.
    Cost of a step on one core: 3 ns × d for the input and 0.25 ns × d for each student of each condition.

    Raises ValueError for conditions of gradient flow, d < K + 2M, bad times and no draws, ArithmeticError, naming
    conditions, where learning diverges.
    """
    indices = [int(draw) for draw in draws]
    K, M, size = conditions.students, conditions.teachers, conditions.size
    if conditions.gradient_flow:
        raise ValueError("conditions: gradient_flow=True given; allowed: False, as SGD takes finite steps")
    if dimension != int(dimension) or dimension < K + 2 * M:
        raise ValueError(f"dimension: {dimension} given; allowed: a whole number >= K + 2M = {K + 2 * M}")
    if not indices:
        raise ValueError("draws: none given; allowed: at least one")
    moments = recorded_times(times, first_time, second_time)
    switch = int(np.searchsorted(moments, first_time))
    marks = np.rint(moments * dimension).astype(np.int64)
    start = weights_of_overlaps(conditions.start, int(dimension))
    rows = np.empty((size, len(indices), len(moments), K, K + 2 * M))
    heads = np.empty((size, len(indices), len(moments), 2, K))
    # Few draws are cut into more blocks than the cache asks for, so that every thread has work.
    together = min(_TOGETHER, math.ceil(size * len(indices) / numba.get_num_threads()))
    blocks = [slice(at, at + together) for at in range(0, size, together)]
    tasks = [(block, place) for place in range(len(indices)) for block in blocks]

    def follow(task: int) -> None:
        block, place = tasks[task]
        random = generator(seed, "online_sgd", int(dimension), indices[place])
        part = conditions.part(block)
        rows[block, place], heads[block, place] = _learn_both(
            part, start[block], random, marks, switch, dimension
        )

    in_threads(follow, len(tasks))
    places = np.repeat(np.arange(size), len(indices))
    every = conditions.part(places)
    path, readouts = rows.reshape(-1, *rows.shape[2:]), heads.reshape(-1, *heads.shape[2:])
    check_path(path, np.eye(2 * M), readouts.sum(axis=2), places, moments)
    path = overlaps_with_teachers(path, every.similarity[:, None])
    found = recorded(every, path, readouts, moments, float(first_time), float(second_time), overlaps)
    words = {"long_name": "overlaps at the start"}
    return _by_draw(found, size, indices).assign(
        start=(("condition", "student", "field"), rows[:, 0, 0], words)
    )


def weights_of_overlaps(start: ArrayLike, dimension: int) -> Floats:
    """Weights (..., K, d) with exactly the overlaps ``start`` (..., K, K + 2M) with the first 2M axes as the frame.

    The part across the frame lies on the next K axes. Raises ValueError where ``start`` is no set of overlaps.
    """
    rows = np.asarray(start, dtype=np.float64)
    K, inside = rows.shape[-2], rows[..., rows.shape[-2] :]
    across = rows[..., :K] - inside @ inside.swapaxes(-1, -2)
    values, vectors = np.linalg.eigh(across)
    # Weights in the frame leave nothing but rounding across it: the scale is that of Q.
    scale = np.diagonal(rows[..., :K], axis1=-2, axis2=-1).max(axis=-1, keepdims=True)
    if (values < -1e-12 * scale).any():
        raise ValueError(
            f"start: overlaps given that no weights have (Q - R Rᵀ has eigenvalue {values.min():.3g}); "
            "allowed: overlaps of weights"
        )
    found = np.zeros((*rows.shape[:-1], dimension))
    found[..., : inside.shape[-1]] = inside
    root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    found[..., inside.shape[-1] : inside.shape[-1] + K] = root @ vectors.swapaxes(-1, -2)
    return found * math.sqrt(dimension)


def _learn_both(
    given: Conditions,
    start: Floats,
    random: np.random.Generator,
    marks: NDArray[np.int64],
    switch: int,
    dimension: int,
) -> tuple[Floats, Floats]:
    """Overlaps with the frame (C, times, K, K + 2M) and readouts (C, times, 2, K) of one draw."""
    C, K, M = given.size, given.students, given.teachers
    weights = np.zeros((C, K, -(-dimension // WIDTH) * WIDTH))
    weights[..., :dimension] = start
    rates = np.stack([given.learning_rate, given.readout_learning_rate], axis=1)
    deviation = np.sqrt(given.label_noise)
    rows, heads = np.empty((len(marks), C, K, K + 2 * M)), np.empty((2, len(marks), C, K))
    heads[:] = given.readouts.swapaxes(0, 1)[:, None]

    def task(index: int, since: int, part: slice, mixture: Floats, held: Floats, pull: Floats) -> None:
        teacher, readout = given.teacher_readouts[:, index].copy(), heads[index, since].copy()
        steps = marks[part] - marks[since]
        state = (weights, readout, teacher, mixture, held, rates, deviation, pull)
        learn(random, dimension, *state, steps, rows[part], heads[index, part])

    first, second = slice(0, switch + 1), slice(switch + 1, len(marks))
    task(0, 0, first, np.tile([1.0, 0.0], (C, 1)), weights, np.zeros((C, K)))
    if switch + 1 < len(marks):
        learned, copied = heads[0, switch], given.copy_readout
        heads[0, second] = learned
        heads[1, switch, copied] = learned[copied]
        fisher = penalty_weights(given, rows[switch, ..., :K], learned)
        pull = (given.learning_rate * given.consolidation)[:, None] * fisher
        V = given.similarity
        task(1, switch, second, np.stack([V, np.sqrt(1.0 - V * V)], axis=1), weights.copy(), pull)
    return rows.swapaxes(0, 1), np.moveaxis(heads, (0, 1), (2, 1)).copy()


def _by_draw(found: xr.Dataset, conditions: int, draws: list[int]) -> xr.Dataset:
    """The dim ``condition`` of (condition, draw), flat, as two dims."""
    variables = {}
    for name, variable in found.data_vars.items():
        values = variable.values.reshape(conditions, len(draws), *variable.shape[1:])
        variables[name] = (("condition", "draw", *variable.dims[1:]), values, variable.attrs)
    coordinates = {"time": found["time"], "task": found["task"], "draw": ("draw", draws)}
    return xr.Dataset(variables, coords=coordinates, attrs=found.attrs)
