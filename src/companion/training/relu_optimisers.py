"""Four ways down the population loss of two-layer students: one engine and one stopping rule.

- ``gradient_descent``: W ← W - η ∇_W L, the second layer fixed.
- ``two_layer``: the second layer a, ones unless given, takes the same steps, a ← a - η ∇_a L.
- ``normalised``: rows of unit norm. The gradient is projected on the tangent space of each sphere; after
  the step the rows are normalised.
- ``orthonormalised``: W Wᵀ = 1, K <= D. The step follows the Riemannian gradient
  G - (G Wᵀ + W Gᵀ) W / 2 and is retracted by the QR decomposition of positive diagonal.

**Stopping rule**, the same for all: the norm of the gradient that the rule follows (plain, of both
layers, projected, Riemannian) falls below the tolerance, or the budget of steps is spent. This is
Table A of arXiv:2604.09412, where rows have norm sqrt(d): an η there is η d here.

With K > M, ReLU units and a second layer of ones, unit rows cannot reach zero loss: the means of the
outputs alone give L >= (K - M)² / 4π, attained by neither constrained optimiser.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.settings.problems import did_you_mean
from companion.theory.two_layer import Activation, check_activation, two_layer_loss
from companion.training import descent_kernels, relu_optimiser_kernels
from companion.training.descent import checked_runs
from companion.training.reach import reachable_coordinates

Optimiser = Literal["gradient_descent", "two_layer", "normalised", "orthonormalised"]

_RULES = {
    "gradient_descent": 0,
    "two_layer": relu_optimiser_kernels.TWO_LAYER,
    "normalised": relu_optimiser_kernels.NORMALISED,
    "orthonormalised": relu_optimiser_kernels.ORTHONORMALISED,
}


@dataclass(frozen=True)
class Optimised:
    """n runs at the first crossing of each of T ``tolerances``, in the order given.

    ``weights`` (T, n, K, D), ``second_layer`` (T, n, K) and, each (T, n), ``loss``, ``gradient_norm``,
    ``steps`` and ``converged``. Where a tolerance was not met, because the budget was spent or a
    number was not finite, ``converged`` is false and the rest describes the last state (the loss of
    numbers that are not finite is NaN).
    """

    tolerances: tuple[float, ...]
    weights: NDArray[np.float64]
    second_layer: NDArray[np.float64]
    loss: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    steps: NDArray[np.int64]
    converged: NDArray[np.bool_]


def optimise(
    weights: ArrayLike,
    teacher: ArrayLike,
    optimiser: Optimiser = "gradient_descent",
    *,
    activation: Activation = "relu",
    negative_slope: float = 0.0,
    second_layer: ArrayLike | None = None,
    step: float | None = None,
    tolerances: Sequence[float] = (1e-5, 1e-9),
    maximum_steps: int = 200_000,
    settled_loss: float | None = None,
) -> Optimised:
    """Descend from each of ``weights`` (n, K, D) for the ``teacher`` (M, D), its second layer all ones.

    ``activation`` is "relu", "leaky_relu" (slope ``negative_slope`` below zero) or "erf", of students and
    teacher. ``second_layer`` (K,) or (n, K) is where every optimiser starts (ones unless given).
    ``step`` is η, 2/K unless given. ``tolerances`` fall; all are recorded in one pass. The two
    constrained optimisers start from the given rows, normalised or orthonormalised.

    ``settled_loss`` is for K > M, where global minima are approached by a power law of time only: a run
    that meets a tolerance with a loss no larger goes no further, and its record stands for the
    smaller tolerances too.

    Plain descent of ReLU students takes the steps of ``companion.training.descent.descend``. Results do
    not depend on the number of threads or on which runs share a call, bit for bit. With D > K + M the
    computation uses the K + M dimensions that descent can reach.

    Raises ValueError for wrong shapes or parameters, for a teacher with dependent rows, and for starts
    that cannot be brought to the constraint: K > D or dependent rows of the orthonormalised
    optimiser, rows of zeros of the normalised one.

    >>> start = np.array([[[0.8, -0.4], [0.1, 0.7]]])
    >>> end = optimise(start, np.eye(2), "orthonormalised")
    >>> [bool(reached) for reached in end.converged[:, 0]], bool(end.loss[1, 0] < 1e-12)
    ([True, True], True)
    """
    rule = _rule(optimiser)
    beta = check_activation(activation, negative_slope)
    start, V = checked_runs(weights, teacher)
    runs, students, dimension = start.shape
    levels = _tolerances(tolerances)
    rate = 2.0 / students if step is None else float(step)
    for name, value in (("step", rate), ("maximum_steps", maximum_steps)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")
    factors = _second_layer(second_layer, runs, students)
    start = _constrained(start, rule)
    axes = None
    if dimension > students + len(V):
        start, V, axes = reachable_coordinates(start, V)
    problem = _Problem(V, rule, activation, beta, rate, int(maximum_steps))
    records = _records(problem, start, factors, levels, settled_loss)
    found = records[0] if axes is None else records[0] @ np.reshape(axes, (runs, V.shape[1], dimension))
    return Optimised(tuple(levels.tolist()), found, *records[1:])


@dataclass(frozen=True)
class _Problem:
    V: NDArray[np.float64]
    rule: int
    activation: Activation
    beta: float
    rate: float
    maximum_steps: int

    def descend(
        self,
        state: NDArray[np.float64],
        factors: NDArray[np.float64],
        steps: NDArray[np.int64],
        tolerance: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Gradient norms and convergence; weights, second layer and the steps done change in place."""
        norms, converged = np.full(len(state), np.nan), np.zeros(len(state), dtype=np.bool_)
        aligned = np.array_equal(self.V, np.eye(*self.V.shape))
        plain = (factors == 1.0).all(axis=1) & (self.rule == 0 and self.activation == "relu")
        # Chosen run by run: a run's bits must not depend on its neighbours' second layers.
        for runs in (np.flatnonzero(plain), np.flatnonzero(~plain)):
            if not runs.size:
                continue
            queues = max(1, min(numba.get_num_threads(), -(-runs.size // relu_optimiser_kernels.WIDTH)))
            some, a, done, norm, met = (each[runs] for each in (state, factors, steps, norms, converged))
            how = (queues, self.rate, tolerance, self.maximum_steps, norm, done, met)
            if plain[runs[0]]:
                descent_kernels.descend_all(some, self.V, aligned, *how)
            else:
                erf = self.activation == "erf"
                relu_optimiser_kernels.optimise_all(some, a, self.V, aligned, self.rule, erf, self.beta, *how)
            state[runs], factors[runs], steps[runs], norms[runs], converged[runs] = some, a, done, norm, met
        return norms, converged

    def loss(self, state: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
        pairs = zip(state, factors, strict=True)
        return np.array([two_layer_loss(W, a, self.V, self.activation, self.beta) for W, a in pairs])


def _records(
    problem: _Problem,
    state: NDArray[np.float64],
    factors: NDArray[np.float64],
    levels: NDArray[np.float64],
    settled_loss: float | None,
) -> tuple[NDArray[Any], ...]:
    """Weights, second layer, loss, norms, steps and converged at each level, going on from one to the next."""
    state, runs = state.copy(), len(state)
    steps = np.zeros(runs, dtype=np.int64)
    norms, loss = np.full(runs, np.nan), np.full(runs, np.nan)
    converged = np.zeros(runs, dtype=np.bool_)
    onward = np.arange(runs)
    records = []
    for level in levels:
        some, some_factors, some_steps = state[onward], factors[onward], steps[onward]
        norms[onward], converged[onward] = problem.descend(some, some_factors, some_steps, level)
        state[onward], factors[onward], steps[onward] = some, some_factors, some_steps
        whole = onward[np.isfinite(norms[onward])]
        loss[onward] = np.nan
        loss[whole] = problem.loss(state[whole], factors[whole])
        # A copy each: the arrays go on changing.
        records.append([each.copy() for each in (state, factors, loss, norms, steps, converged)])
        onward = onward[converged[onward]]
        if settled_loss is not None:
            onward = onward[loss[onward] > settled_loss]
    return tuple(np.stack(column) for column in zip(*records, strict=True))


def _rule(optimiser: str) -> int:
    known = get_args(Optimiser)
    if optimiser not in known:
        hint = did_you_mean(str(optimiser), known, f"there are: {', '.join(known)}")
        raise ValueError(f"optimiser must be one of {', '.join(known)}, got {optimiser!r}; {hint}")
    return _RULES[optimiser]


def _tolerances(tolerances: Sequence[float]) -> NDArray[np.float64]:
    levels = np.array([float(tolerance) for tolerance in tolerances])
    if not (levels.size and np.isfinite(levels).all() and (levels > 0).all() and (np.diff(levels) < 0).all()):
        raise ValueError(f"tolerances must be positive and fall, got {tuple(tolerances)}")
    return levels


def _second_layer(second_layer: ArrayLike | None, runs: int, students: int) -> NDArray[np.float64]:
    factors = np.ones(students) if second_layer is None else np.asarray(second_layer, dtype=np.float64)
    if factors.shape not in ((students,), (runs, students)) or not np.isfinite(factors).all():
        raise ValueError(
            f"second_layer must hold {students} finite numbers, for all runs or for each of {runs}, "
            f"got shape {factors.shape}"
        )
    return np.broadcast_to(factors, (runs, students)).copy()


def _constrained(start: NDArray[np.float64], rule: int) -> NDArray[np.float64]:
    """The start, brought to the constraint of the rule."""
    whole = np.flatnonzero(np.isfinite(start).all(axis=(1, 2)))  # the others end at once, unconverged
    if rule == relu_optimiser_kernels.NORMALISED:
        if (empty := whole[~start[whole].any(axis=2).all(axis=-1)]).size:
            raise ValueError(
                f"weights: run {empty[0]} has a row of zeros; allowed for optimiser normalised: rows of any norm > 0"
            )
        with np.errstate(invalid="ignore", over="ignore"):
            return start / np.linalg.norm(start, axis=2, keepdims=True)
    if rule == relu_optimiser_kernels.ORTHONORMALISED:
        students, dimension = start.shape[1:]
        if students > dimension:
            raise ValueError(
                f"optimiser orthonormalised needs K <= D, got weights of K = {students} rows in D = {dimension}"
            )
        ranks = np.linalg.matrix_rank(start[whole])
        if (dependent := np.flatnonzero(ranks < students)).size:
            raise ValueError(
                f"weights: run {whole[dependent[0]]} has rows of rank {ranks[dependent[0]]}; "
                f"allowed for optimiser orthonormalised: {students} linearly independent rows"
            )
        frames, triangles = np.linalg.qr(np.swapaxes(start, 1, 2))
        signs = np.where(np.diagonal(triangles, axis1=1, axis2=2) < 0, -1.0, 1.0)
        return np.ascontiguousarray(np.swapaxes(frames * signs[:, None, :], 1, 2))
    return start
