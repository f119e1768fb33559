"""One-pass learning of a ReLU teacher as an exact Markov chain on the overlaps, at any dimension d.

A step draws x ~ N(0, 1_d) and moves w_k by -c 1(w_k·x > 0) x, c = η Δ / d. The overlaps after the step
depend on x through the K + M fields and |x|² alone, and given the fields the rest of |x|² is
chi-squared with d - K - M degrees of freedom. So (Q, R) is a Markov chain of its own, with the law of
the weights' simulation and a cost that does not depend on d (arXiv:2604.09412 has the limit d → ∞).

The state is the students' part inside the span of the teachers, in orthonormal coordinates, and the
overlaps S of their part across it: S stays positive semidefinite without any subtraction.
"""

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.compute.compiled import compiled
from companion.compute.seeds import generator
from companion.theory.relu_overlaps import (
    check_dimension,
    checked_label_noise,
    checked_rates,
    checked_stack,
    checked_teacher_gram,
    checked_times,
    factor,
    losses,
    transverse_overlaps,
)


@dataclass(frozen=True)
class Runs:
    """Overlaps along n runs: ``Q`` (n, times, K, K), ``R`` (n, times, K, M), ``loss`` (n, times).

    ``times`` (n, times) are those of whole steps, steps / d. A run that blows up holds numbers that are
    not finite.
    """

    times: NDArray[np.float64]
    Q: NDArray[np.float64]
    R: NDArray[np.float64]
    loss: NDArray[np.float64]


@compiled()
def _chain(random, inside, S, coordinates, rate, dimension, deviation, marks, Q, R):
    """Run the chain from (inside, S), in place, and write the overlaps after ``marks`` steps."""
    students, teachers = inside.shape
    freedom = dimension - students - teachers
    z = np.empty(teachers)
    across, field = np.empty(students), np.empty(students)
    L = np.empty((students, students))
    taken = 0
    for mark in range(marks.shape[0]):
        while taken < marks[mark]:
            taken += 1
            factor(S, L)
            error = deviation * random.standard_normal() if deviation > 0.0 else 0.0
            for m in range(teachers):
                z[m] = random.standard_normal()
                total = 0.0
                for i in range(m + 1):
                    total += coordinates[m, i] * z[i]
                error -= max(total, 0.0)
            rest = 0.0
            for k in range(students):
                field[k] = random.standard_normal()
                rest += field[k] * field[k]
            for k in range(students - 1, -1, -1):
                total = 0.0
                for i in range(k + 1):
                    total += L[k, i] * field[i]
                across[k] = total
                for m in range(teachers):
                    total += inside[k, m] * z[m]
                field[k] = total
                error += max(total, 0.0)
            if freedom > 0:
                rest += random.chisquare(freedom)
            c = rate * error / dimension
            for k in range(students):
                if field[k] > 0.0:
                    for m in range(teachers):
                        inside[k, m] -= c * z[m]
            for k in range(students):
                for other in range(k + 1):
                    change = 0.0
                    if field[k] > 0.0:
                        change -= c * across[other]
                    if field[other] > 0.0:
                        change -= c * across[k]
                        if field[k] > 0.0:
                            change += c * c * rest
                    S[k, other] += change
                    S[other, k] = S[k, other]
        Q[mark] = inside @ inside.T + S
        R[mark] = inside @ coordinates.T


def run_chain(
    Q0: ArrayLike,
    R0: ArrayLike,
    T: ArrayLike,
    times: ArrayLike,
    learning_rate: ArrayLike,
    dimension: ArrayLike,
    runs: Iterable[int],
    seed: int,
    label_noise: float = 0.0,
) -> Runs:
    """Runs of the chain from Q0 (K, K), R0 (K, M), recorded at ``times`` = steps / d.

    ``runs`` are indices: each run draws from a generator of its own, named by seed and index, so that
    a longer list repeats the beginning of a shorter one. Q0 and R0 (as stacks), ``learning_rate`` and
    ``dimension`` may hold one entry for each run. ``label_noise`` is a variance.
    Results depend neither on the number of threads nor on the batch.
    Cost of a step on one core, at any d: 0.1 µs at K = M = 2, 0.4 µs at 8.

    Raises ValueError for bad overlaps (see ``relu_overlaps.checked_overlaps``), times or parameters, and
    for a dimension below K + M.
    """
    indices = [int(index) for index in runs]
    Q, R, T = checked_stack(Q0, R0, T)
    students, teachers = R.shape[1:]
    if len(Q) not in (1, len(indices)):
        raise ValueError(f"Q0 and R0 must hold one entry for each of {len(indices)} runs, got {len(Q)}")
    Q, R = (np.broadcast_to(each, (len(indices), *each.shape[1:])) for each in (Q, R))
    rates = checked_rates(learning_rate, len(indices))
    sizes = _dimensions(dimension, len(indices), students, teachers)
    moments = checked_times(times)
    deviation = math.sqrt(checked_label_noise(label_noise))
    coordinates = np.linalg.cholesky(T)
    inside = np.ascontiguousarray(np.linalg.solve(coordinates, np.swapaxes(R, 1, 2)).swapaxes(1, 2))
    S = np.ascontiguousarray(transverse_overlaps(Q, R, T))
    marks = np.rint(sizes[:, None] * moments).astype(np.int64)
    path_Q = np.empty((len(indices), len(moments), students, students))
    path_R = np.empty((len(indices), len(moments), students, teachers))

    def follow(run: int) -> None:
        random = generator(seed, "relu_chain", indices[run])
        own = (inside[run], S[run], coordinates, rates[run], sizes[run], deviation, marks[run])
        _chain(random, *own, path_Q[run], path_R[run])

    in_threads(follow, len(indices))
    return recorded(marks / sizes[:, None], path_Q, path_R, T)


def in_threads(follow: Callable[[int], None], runs: int) -> None:
    """Call ``follow``, which releases the GIL, for each run, on as many threads as numba may use."""
    with ThreadPoolExecutor(numba.get_num_threads()) as threads:
        for _ in threads.map(follow, range(runs)):
            pass


def recorded(
    times: NDArray[np.float64], Q: NDArray[np.float64], R: NDArray[np.float64], T: NDArray[np.float64]
) -> Runs:
    """Runs with the losses of their overlaps."""
    flat = losses(Q.reshape(-1, *Q.shape[2:]), R.reshape(-1, *R.shape[2:]), T)
    return Runs(times, Q, R, flat.reshape(Q.shape[:2]))


def initial_overlaps(
    students: int,
    teacher_gram: ArrayLike,
    dimension: int,
    initialisations: Iterable[int],
    seed: int,
    scale: float = 1.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Overlaps Q (n, K, K), R (n, K, M) of weights with entries N(0, scale²/d), exact at any d.

    The part of the weights inside the span of the teachers is Gaussian; the overlaps of the rest are
    scale²/d times a Wishart matrix with d - M degrees of freedom, drawn as Bartlett's triangle.
    ``initialisations`` are indices, each with a generator named by seed, K, M, d and index.

    Raises ValueError for a bad teacher_gram, students, scale, and for a dimension below K + M.

    >>> Q, R = initial_overlaps(2, [[1.0]], 10**9, range(3), seed=0)
    >>> Q.shape, R.shape, bool(abs(Q - np.eye(2)).max() < 1e-3)
    ((3, 2, 2), (3, 2, 1), True)
    """
    T = checked_teacher_gram(teacher_gram, "teacher_gram")
    if students != int(students) or students < 1:
        raise ValueError(f"students must be a whole number of at least 1, got {students}")
    check_dimension(dimension, students, len(T))
    if not 0.0 < scale < math.inf:
        raise ValueError(f"scale must be positive and finite, got {scale}")
    indices = [int(index) for index in initialisations]
    inside = np.empty((len(indices), students, len(T)))
    triangle = np.zeros((len(indices), students, students))
    freedom = dimension - len(T) - np.arange(students)
    for place, index in enumerate(indices):
        random = generator(seed, "initial_overlaps", students, len(T), dimension, index)
        inside[place] = random.standard_normal(inside.shape[1:])
        triangle[place] = np.tril(random.standard_normal(triangle.shape[1:]), -1)
        triangle[place] += np.diag(np.sqrt(random.chisquare(freedom)))
    Q = inside @ inside.swapaxes(1, 2) + triangle @ triangle.swapaxes(1, 2)
    R = inside @ np.linalg.cholesky(T).T
    return Q * (scale**2 / dimension), R * (scale / math.sqrt(dimension))


def _dimensions(dimension: ArrayLike, runs: int, students: int, teachers: int) -> NDArray[np.int64]:
    sizes = np.asarray(dimension)
    if sizes.ndim > 1 or (sizes.ndim == 1 and len(sizes) != runs):
        raise ValueError(
            f"dimension must be a number or one for each of {runs} runs, got shape {sizes.shape}"
        )
    for each in np.unique(sizes):
        check_dimension(each, students, teachers)
    return np.broadcast_to(sizes, (runs,)).astype(np.int64)
