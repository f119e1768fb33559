"""Two tasks one after the other on a finite data set: an erf committee with one head for each, by mini-batch descent.

Fields are u_k = w_k·x / √d, the output on task t is φ = Σ_k h_k^t erf(u_k / √2), the loss (φ - y)² / 2 (the committee
of arXiv:2503.02526). A step moves the shared weights by -e ∂L/∂w, the active head by -(e / d) ∂L/∂h, L being the mean
over a batch drawn with replacement. The weights stay where task 1 left them, up to elastic weight consolidation
(arXiv:1612.00796): a penalty (γ/2) Σ_kj F_kj (w_kj - w_kj°)², F the diagonal Fisher matrix of the *outputs* of head 1
on task 1's data, F_kj = mean (∂φ/∂w_kj)². Output gradients and not those of the loss, which vanish where the task is
fitted. Heads are separate and carry no penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.compute.seeds import generator
from companion.datasets.digits import mixing
from companion.training.digit_task_kernels import descend, squared_output_gradients
from companion.training.relu_chain import in_threads

Penalty = Literal["fisher", "uniform"]


@dataclass(frozen=True)
class TwoTaskRuns:
    """Errors of n runs along both tasks, each run with B branches of task 2.

    ``marks`` (times,): steps since the beginning of a task. ``first`` and ``second`` (n, B, times, 2): mean of
    (φ - y)² / 2 over the data, on task 1 and on the branch's task 2, while task 1 and task 2 are learned.
    ``readouts`` (n, K), ``overlaps`` (n, K, K): head 1 and w w^T / d after task 1. Errors that are not finite: the run
    blew up.
    """

    marks: NDArray[np.int64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    readouts: NDArray[np.float64]
    overlaps: NDArray[np.float64]


def drawn_weights(
    students: int, dimension: int, weight_scale: float, runs: Sequence[int], seed: int
) -> NDArray[np.float64]:
    """Weights (n, K, d) with entries N(0, weight_scale²), each run's from a generator of its own.

    More students keep the weights of fewer. Raises ValueError for sizes below 1 and a scale that is not positive.
    """
    for name, value in (("students", students), ("dimension", dimension)):
        _check_count(name, value)
    if not 0.0 < weight_scale < np.inf:
        raise ValueError(f"weight_scale: {weight_scale} given; allowed: a positive number")
    shape = (students, dimension)
    draws = [generator(seed, "digit tasks", "weights", int(run)).standard_normal(shape) for run in runs]
    return weight_scale * np.reshape(draws, (len(draws), *shape))


def learn_two_tasks(
    inputs: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike,
    first_readout: ArrayLike,
    second_readout: ArrayLike,
    similarity: ArrayLike,
    consolidation: ArrayLike,
    runs: Sequence[int],
    seed: int,
    *,
    steps: int = 4000,
    batch: int = 16,
    learning_rate: float = 0.3,
    marks: Sequence[int] | None = None,
    penalty: Penalty = "fisher",
) -> TwoTaskRuns:
    """Learn task 1, then task 2 once for each branch, from ``weights`` (n, K, d) and readouts (K,) of both heads.

    ``inputs`` (N, d); ``targets`` (2, N), task 1 and the direction that task 2 is mixed with. Branches are pairs of
    ``similarity`` V and ``consolidation`` γ, broadcast against each other to (B,). ``runs`` are n indices: batches
    belong to a run and a task by name, the same ones for every branch, readout and number of students; results depend
    neither on the number of threads nor on what else is computed. ``penalty`` "fisher" weighs each weight with its F,
    "uniform" all with their mean. ``marks`` are the steps at which errors are recorded, 0 and ``steps`` by default.

    Raises ValueError for shapes that do not fit, a similarity outside [0, 1], a negative consolidation, marks that are
    not sorted within [0, steps], and numbers that are not positive.
    """
    X, T = (np.ascontiguousarray(values, dtype=np.float64) for values in (inputs, targets))
    start = np.array(weights, dtype=np.float64, order="C")
    indices = [int(run) for run in runs]
    _check_shapes(X, T, start, len(indices))
    students, dimension = start.shape[1:]
    readouts = (np.asarray(values, dtype=np.float64) for values in (first_readout, second_readout))
    heads = np.stack([_checked_readout(values, students) for values in readouts])
    V, gamma = _branches(similarity, consolidation)
    for name, value in (("steps", steps), ("batch", batch)):
        _check_count(name, value)
    if not 0.0 < learning_rate < np.inf:
        raise ValueError(f"learning_rate: {learning_rate} given; allowed: a positive number")
    if penalty not in get_args(Penalty):
        raise ValueError(f"penalty: {penalty!r} given; allowed: {', '.join(map(repr, get_args(Penalty)))}")
    at = _checked_marks((0, steps) if marks is None else marks, steps)
    rates = (learning_rate, learning_rate / dimension)
    mixtures = np.ascontiguousarray(mixing(V).T)
    states = np.broadcast_to(heads, (len(indices), 2, students)).copy()
    importance = np.empty_like(start)
    moments = np.empty((len(indices), 1 + len(V), len(at), 2, 3))

    def batches(run: int, task: int) -> NDArray[np.int64]:
        return generator(seed, "digit tasks", "batches", indices[run], task).integers(
            len(X), size=(steps, batch)
        )

    def learn_first(run: int) -> None:
        own, free = start[run], np.zeros_like(start[run])
        mix = np.array([1.0, 0.0])
        descend(X, T, mix, batches(run, 1), 0, own, states[run], *rates, own, free, at, moments[run, 0])
        squared_output_gradients(X, own, states[run, 0], importance[run])
        if penalty == "uniform":
            importance[run] = importance[run].mean()

    def learn_second(place: int) -> None:
        run, branch = divmod(place, len(V))
        own, both, pull = start[run].copy(), states[run].copy(), gamma[branch] * importance[run]
        rows, found = batches(run, 2), moments[run, 1 + branch]
        descend(X, T, mixtures[branch], rows, 1, own, both, *rates, start[run], pull, at, found)

    in_threads(learn_first, len(indices))
    in_threads(learn_second, len(indices) * len(V))
    return TwoTaskRuns(
        at,
        _errors(np.broadcast_to(moments[:, :1], moments[:, 1:].shape), T, mixtures),
        _errors(moments[:, 1:], T, mixtures),
        states[:, 0].copy(),
        start @ start.swapaxes(1, 2) / dimension,
    )


def _errors(
    moments: NDArray[np.float64], T: NDArray[np.float64], mixtures: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Errors (n, B, ..., 2) out of the moments (n, B, ..., 2, 3) of the outputs, for mixtures (B, 2)."""
    gram = T @ T.T / T.shape[1]
    ones = np.broadcast_to([1.0, 0.0], mixtures.shape)
    both = np.stack([ones, mixtures], axis=1)
    between = (1,) * (moments.ndim - 4)
    coefficients = both.reshape(len(both), *between, 2, 2)
    norm = np.einsum("btu,uv,btv->bt", both, gram, both).reshape(len(both), *between, 2)
    return 0.5 * (moments[..., 0] - 2.0 * (coefficients * moments[..., 1:]).sum(axis=-1) + norm)


def _branches(
    similarity: ArrayLike, consolidation: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    V, gamma = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (similarity, consolidation))
    try:
        V, gamma = np.broadcast_arrays(V, gamma)
    except ValueError:
        raise ValueError(
            f"similarity, consolidation: shapes {V.shape} and {gamma.shape} given; allowed: shapes that broadcast"
        ) from None
    if V.ndim != 1 or not V.size:
        raise ValueError(
            f"similarity, consolidation: shape {V.shape} given; allowed: one entry for each branch"
        )
    mixing(V)
    wrong = gamma[~((gamma >= 0.0) & np.isfinite(gamma))]
    if wrong.size:
        raise ValueError(f"consolidation: {wrong[0]} given; allowed: finite numbers from 0 on")
    return V, gamma


def _check_shapes(
    X: NDArray[np.float64], T: NDArray[np.float64], weights: NDArray[np.float64], runs: int
) -> None:
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"inputs: shape {X.shape} given; allowed: a matrix")
    if T.shape != (2, len(X)):
        raise ValueError(f"targets: shape {T.shape} given; allowed: (2, {len(X)})")
    if weights.ndim != 3 or weights.shape[0] != runs or weights.shape[2] != X.shape[1] or 0 in weights.shape:
        raise ValueError(f"weights: shape {weights.shape} given; allowed: ({runs}, K, {X.shape[1]})")


def _checked_readout(values: NDArray[np.float64], students: int) -> NDArray[np.float64]:
    if values.shape != (students,):
        raise ValueError(f"readout: shape {values.shape} given; allowed: ({students},)")
    return values


def _check_count(name: str, value: int) -> None:
    if value != int(value) or value < 1:
        raise ValueError(f"{name}: {value} given; allowed: a whole number from 1 on")


def _checked_marks(marks: Sequence[int], steps: int) -> NDArray[np.int64]:
    at = np.asarray(marks, dtype=np.int64)
    if at.ndim != 1 or not at.size or at[0] < 0 or at[-1] > steps or (np.diff(at) <= 0).any():
        raise ValueError(f"marks: {list(marks)} given; allowed: rising numbers of steps from 0 to {steps}")
    return at
