"""One-pass learning of a ReLU teacher in weight space: the plain simulation, to hold theory against.

w_k ← w_k - (η/d) (Δ - ζ) 1(w_k·x > 0) x with a fresh x ~ N(0, 1_d) in each step; time counts steps / d.
``companion.training.relu_chain`` has the same law at a cost that does not depend on d.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.compute.compiled import compiled
from companion.compute.seeds import generator
from companion.theory.relu_overlaps import (
    checked_label_noise,
    checked_rates,
    checked_teacher_gram,
    checked_times,
)
from companion.training.relu_chain import Runs, in_threads, recorded


@compiled()
def _learn(random, W, V, rate, deviation, marks, Q, R):
    """Learn from one fresh input after the other, W (K, d) in place; write the overlaps after ``marks`` steps."""
    students, dimension = W.shape
    x, field = np.empty(dimension), np.empty(students)
    taken = 0
    for mark in range(marks.shape[0]):
        while taken < marks[mark]:
            taken += 1
            for i in range(dimension):
                x[i] = random.standard_normal()
            error = deviation * random.standard_normal() if deviation > 0.0 else 0.0
            for m in range(V.shape[0]):
                error -= max(np.dot(V[m], x), 0.0)
            for k in range(students):
                field[k] = np.dot(W[k], x)
                error += max(field[k], 0.0)
            c = rate * error / dimension
            for k in range(students):
                if field[k] > 0.0:
                    for i in range(dimension):
                        W[k, i] -= c * x[i]
        Q[mark] = W @ W.T
        R[mark] = W @ V.T


def run_sgd(
    weights: ArrayLike,
    teacher: ArrayLike,
    times: ArrayLike,
    learning_rate: ArrayLike,
    runs: Iterable[int],
    seed: int,
    label_noise: float = 0.0,
) -> Runs:
    """Runs from ``weights`` (K, d), or (n, K, d) with one start for each, recorded at ``times`` = steps / d.

    ``runs`` are indices, each with a generator of its own, named by seed and index; ``learning_rate``
    may hold one entry for each. ``label_noise`` is the variance of ζ.
    Results depend neither on the number of threads nor on the batch. Cost of a step at K = M = 8: about 6 ns × d.

    Raises ValueError for wrong shapes, a teacher with dependent rows, numbers that are not finite, and
    bad times or parameters.
    """
    indices = [int(index) for index in runs]
    W = np.asarray(weights, dtype=np.float64)
    V = np.ascontiguousarray(teacher, dtype=np.float64)
    if V.ndim != 2 or 0 in V.shape:
        raise ValueError(f"teacher must be a matrix, got shape {V.shape}")
    if W.ndim not in (2, 3) or 0 in W.shape or W.shape[-1] != V.shape[1]:
        raise ValueError(f"weights must have shape (K, {V.shape[1]}) or (n, K, {V.shape[1]}), got {W.shape}")
    if W.ndim == 3 and len(W) != len(indices):
        raise ValueError(f"weights must hold one start for each of {len(indices)} runs, got {len(W)}")
    if not np.isfinite(W).all():
        raise ValueError("weights must be finite")
    T = checked_teacher_gram(V @ V.T, "teacher: its Gram matrix")
    rates = checked_rates(learning_rate, len(indices))
    moments = checked_times(times)
    deviation = math.sqrt(checked_label_noise(label_noise))
    state = np.array(np.broadcast_to(W, (len(indices), *W.shape[-2:])), order="C")
    marks = np.rint(moments * V.shape[1]).astype(np.int64)
    path_Q = np.empty((len(indices), len(moments), W.shape[-2], W.shape[-2]))
    path_R: NDArray[np.float64] = np.empty((len(indices), len(moments), W.shape[-2], len(V)))

    def learn(run: int) -> None:
        random = generator(seed, "relu_sgd", indices[run])
        _learn(random, state[run], V, rates[run], deviation, marks, path_Q[run], path_R[run])

    in_threads(learn, len(indices))
    reached = np.broadcast_to(marks / V.shape[1], (len(indices), len(marks)))
    return recorded(np.array(reached), path_Q, path_R, T)
