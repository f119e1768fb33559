"""Population gradient descent of two-layer ReLU students, thousands of initialisations at once.

W ← W - η ∇L with the exact gradient of ``companion.theory.relu_landscape``; gradient flow has time
η × steps. Plain descent, not a quasi-Newton method: those have other basins of attraction.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.compute.seeds import generator
from companion.theory.relu_family_table import global_loss_limit
from companion.training import descent_kernels
from companion.training.reach import reachable_coordinates


@dataclass(frozen=True)
class Descent:
    """Ends of n runs: ``weights`` (n, K, D) and, per run, loss, gradient norm, steps and converged.

    A run that met its step limit, a number that is not finite or a student of norm zero is not
    converged.
    """

    weights: NDArray[np.float64]
    loss: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    steps: NDArray[np.int64]
    converged: NDArray[np.bool_]


def initial_weights(
    students: int,
    dimension: int,
    initialisations: Iterable[int],
    seed: int,
    scale: float = 1.0,
    *,
    purpose: str = "",
) -> NDArray[np.float64]:
    """Initial weights (n, K, D), entries N(0, scale²/D): rows of mean squared norm scale².

    ``initialisations`` are indices: each draws from a generator of its own, named by seed, K, D and
    index, so that a longer list repeats the beginning of a shorter one. Another ``purpose`` draws other
    weights: samples that a test compares as independent need one each.

    Raises ValueError for sizes below one and a scale that is not positive and finite.

    >>> bool((initial_weights(3, 3, range(4), 0)[2] == initial_weights(3, 3, [2], 0)[0]).all())
    True
    """
    for name, size in (("students", students), ("dimension", dimension)):
        if size < 1:
            raise ValueError(f"{name}: given {size}; allowed: a whole number >= 1")
    if not 0 < scale < np.inf:
        raise ValueError(f"scale: given {scale}; allowed: a positive finite number")
    indices = [int(index) for index in initialisations]
    shape = (students, dimension)
    names = ("initial_weights", *([purpose] if purpose else []), students, dimension)
    draws = [generator(seed, *names, i).standard_normal(shape) for i in indices]
    return np.reshape(draws, (len(indices), *shape)) * (scale / np.sqrt(dimension))


def descend(
    weights: ArrayLike,
    teacher: ArrayLike,
    *,
    step: float | None = None,
    tolerance: float = 1e-7,
    maximum_steps: int = 200_000,
    spurious_tolerance: float | None = None,
    spurious_loss: float | None = None,
) -> Descent:
    """Descend from each of ``weights`` (n, K, D) for the ``teacher`` (M, D) until |∇L| < ``tolerance``.

    ``step`` is η, 2/K unless given (the largest stable one is about 7/K). ``spurious_tolerance`` is
    for K > M, where global minima are approached by a power law of time only: runs that meet
    ``tolerance`` with a loss above ``spurious_loss`` (``global_loss_limit`` of these sizes unless given)
    go on until this smaller gradient norm, as a saddle may hold them up. ``maximum_steps`` counts
    both stages.

    Results do not depend on the number of threads or on which runs share a call, bit for bit. With
    D > K + M the computation uses the K + M dimensions that descent from W can reach.
    Cost of a step and run on one core: 0.3 µs at K = M = 10, 1 µs at 17.

    Raises ValueError for wrong shapes or parameters and for a teacher with dependent rows.
    """
    start, V = checked_runs(weights, teacher)
    rate = 2.0 / start.shape[1] if step is None else float(step)
    positive = {"step": rate, "tolerance": tolerance, "maximum_steps": maximum_steps}
    if spurious_tolerance is not None:
        spurious_loss = global_loss_limit(start.shape[1], len(V)) if spurious_loss is None else spurious_loss
        positive |= {"spurious_tolerance": spurious_tolerance, "spurious_loss": spurious_loss}
    for name, value in positive.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")
    state = start.copy()
    steps = np.zeros(len(state), dtype=np.int64)
    V_inside, axes = V, None
    if start.shape[2] > start.shape[1] + len(V):
        state, V_inside, axes = reachable_coordinates(start, V)
    gradient_norm, converged = _descend_in_place(state, V_inside, rate, tolerance, maximum_steps, steps)
    loss = descent_kernels.losses(state, V_inside)
    if spurious_tolerance is not None:
        onward = np.flatnonzero(converged & (loss > positive["spurious_loss"]))
        some, some_steps = state[onward], steps[onward]
        gradient_norm[onward], converged[onward] = _descend_in_place(
            some, V_inside, rate, spurious_tolerance, maximum_steps, some_steps
        )
        state[onward], steps[onward] = some, some_steps
        loss[onward] = descent_kernels.losses(some, V_inside)
    if axes is not None:
        state = np.stack([run @ axis for run, axis in zip(state, axes, strict=True)])
    loss[~np.isfinite(gradient_norm)] = np.nan
    return Descent(state, loss, gradient_norm, steps, converged)


def _descend_in_place(
    weights: NDArray[np.float64],
    V: NDArray[np.float64],
    step: float,
    tolerance: float,
    maximum_steps: int,
    steps: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Gradient norms and convergence; ``weights`` and the ``steps`` already done are updated in place."""
    gradient_norm = np.full(len(weights), np.nan)
    converged = np.zeros(len(weights), dtype=np.bool_)
    aligned = np.array_equal(V, np.eye(*V.shape))
    queues = max(1, min(numba.get_num_threads(), -(-len(weights) // descent_kernels.WIDTH)))
    descent_kernels.descend_all(
        weights, V, aligned, queues, step, tolerance, maximum_steps, gradient_norm, steps, converged
    )
    return gradient_norm, converged


def checked_runs(weights: ArrayLike, teacher: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (n, K, D) and teacher (M, D) as arrays, with K, M, D >= 1 and M independent teacher rows.

    Raises ValueError otherwise. Weights need not be finite: such runs end at once, unconverged.
    """
    start = np.ascontiguousarray(weights, dtype=np.float64)
    if start.ndim != 3 or 0 in start.shape[1:]:
        raise ValueError(f"weights must have shape (runs, K, D) with K, D >= 1, got shape {start.shape}")
    V = np.ascontiguousarray(teacher, dtype=np.float64)
    if V.ndim != 2 or 0 in V.shape:
        raise ValueError(f"teacher must have shape (M, D) with M, D >= 1, got shape {V.shape}")
    if start.shape[2] != V.shape[1]:
        raise ValueError(f"weights and teacher must have the same D, got shapes {start.shape} and {V.shape}")
    if not np.isfinite(V).all():
        raise ValueError("teacher must be finite")
    if (rank := np.linalg.matrix_rank(V)) < len(V):
        raise ValueError(f"teacher must have linearly independent rows, got rank {rank} of {len(V)} rows")
    return start, V
