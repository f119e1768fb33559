"""Two-layer linear networks y = W₂ W₁ x on whitened inputs: their gradient flow, and what it conserves.

With W₁ (K, D), W₂ (P, K), the input-output map Σ (P, D) of the task and learning rates e₁, e₂ of the layers, gradient
flow on |Σ - W₂ W₁|²/2 is

    dW₁/dt = e₁ W₂ᵀ (Σ - W₂ W₁),    dW₂/dt = e₂ (Σ - W₂ W₁) W₁ᵀ    (arXiv:2503.02526, 2409.14623),

and conserves Λ = W₁ W₁ᵀ/e₁ - W₂ᵀ W₂/e₂. Any start is integrated here; `balanced_linear` and `scalar_linear` solve some.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Largest number of steps to convergence; flows that need more stand still at a saddle point or blow up.
_LARGEST_STEPS = 200_000


def imbalance(
    first: ArrayLike, second: ArrayLike, *, first_rate: float = 1.0, second_rate: float = 1.0
) -> Floats:
    """Λ = W₁ W₁ᵀ/e₁ - W₂ᵀ W₂/e₂, (..., K, K), of ``first`` (..., K, D) and ``second`` (..., P, K).

    Its diagonal λ_k = |w_k|²/e₁ - |h_k|²/e₂ tells how much larger neuron k is upstream (λ > 0) or downstream (λ < 0).
    Raises ValueError for shapes that do not fit and rates that are not positive.

    >>> imbalance([[2.0, 0.0]], [[1.0]]).tolist()
    [[3.0]]
    """
    w, h = checked_layers(first, second)
    check_rates(first_rate, second_rate)
    return w @ transposed(w) / first_rate - transposed(h) @ h / second_rate


def map_loss(network: ArrayLike, target: ArrayLike) -> Floats:
    """|Σ - W₂ W₁|²/2 (...) of networks (..., P, D) and targets that broadcast with them."""
    difference = np.asarray(target, dtype=np.float64) - np.asarray(network, dtype=np.float64)
    return 0.5 * (difference**2).sum(axis=(-2, -1))


def mode_contributions(first: ArrayLike, second: ArrayLike, target: ArrayLike) -> Floats:
    """|u_m·h_k| |w_k·v_m| (..., K, M): how much neuron k carries of mode m, one of M = min(P, D) of ``target`` (P, D).

    u_m and v_m are its singular vectors, w_k the rows of ``first`` (..., K, D), h_k the columns of ``second``
    (..., P, K); singular values must differ for modes to be known. Raises ValueError for shapes that do not fit.

    >>> mode_contributions(np.eye(2), np.diag([2.0, 1.0]), np.diag([2.0, 1.0])).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    w, h = checked_layers(first, second)
    left, _, right = np.linalg.svd(checked_target(target, w, h), full_matrices=False)
    return np.abs(transposed(h) @ left) * np.abs(w @ transposed(right))


def small_start_modes(first: ArrayLike, second: ArrayLike, target: ArrayLike) -> Floats:
    """`mode_contributions` (..., K, M) at the end of training from vanishing weights: s_m r_km², a law derived here.

    Modes are learned one after the other, the largest first, each by one direction r_m among the neurons: that of its
    growing part W₁ v_m + W₂ᵀ u_m, across the directions taken before (Gram-Schmidt). Rates of the layers are equal,
    singular values differ and K >= M. Raises ValueError for fewer neurons, or shapes that do not fit.

    >>> small_start_modes(np.diag([1e-6, 1e-9]), np.zeros((2, 2)), np.diag([2.0, 1.0])).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    w, h = checked_layers(first, second)
    left, sizes, right = np.linalg.svd(checked_target(target, w, h), full_matrices=False)
    if w.shape[-2] < sizes.shape[-1]:
        raise ValueError(
            f"first: {w.shape[-2]} neurons given; allowed are as many as modes, {sizes.shape[-1]}"
        )
    directions = np.linalg.qr(w @ transposed(right) + transposed(h) @ left)[0]
    return sizes[..., None, :] * directions**2


def gradient_flow(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    times: ArrayLike,
    *,
    step: float = 0.01,
    first_rate: float = 1.0,
    second_rate: float = 1.0,
) -> tuple[Floats, Floats]:
    """Weights (..., n, K, D) and (..., n, P, K) of any starts at rising ``times`` (n,), in RK4 steps up to ``step``.

    ``first`` (..., K, D), ``second`` (..., P, K), ``target`` (..., P, D); time in units of one over the learning rate.
    All starts advance together. Raises ValueError for bad shapes, times or rates, and ArithmeticError naming the starts
    that blow up, for which the step is too large.
    """
    w, h = checked_layers(first, second)
    goal, moments = checked_target(target, w, h), checked_times(times)
    check_rates(first_rate, second_rate)
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"step: {step} given; allowed: a positive number")
    if (np.diff(moments) < 0).any():
        raise ValueError("times: allowed are times that rise")
    kept: list[tuple[Floats, Floats]] = []
    now, state, rates = 0.0, (_starts_last(w), _starts_last(h)), (first_rate, second_rate)
    wanted = _starts_last(np.broadcast_to(goal, (*w.shape[:-2], *goal.shape[-2:])))
    for moment in moments:
        steps = int(np.ceil((moment - now) / step - 1e-9))
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                state = _advanced(*state, wanted, (moment - now) / steps, rates)
        _check_finite(*state)
        kept.append(state)
        now = moment
    shapes = [(*part.shape[:-2], moments.size, *part.shape[-2:]) for part in (w, h)]
    stacked = [np.stack([pair[layer] for pair in kept]) if kept else np.empty(0) for layer in (0, 1)]
    found = [np.moveaxis(part, -1, 0).reshape(shape) for part, shape in zip(stacked, shapes, strict=True)]
    return found[0], found[1]


def final_weights(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    *,
    step: float = 0.1,
    tolerance: float = 1e-8,
    first_rate: float = 1.0,
    second_rate: float = 1.0,
) -> tuple[Floats, Floats]:
    """Weights (n, K, D) and (n, P, K) at the end of training of any starts (n, K, D), (n, P, K), by RK4.

    Each start has steps of its own, ``step`` over its fastest rate |W₁|² + |W₂|² + |Σ - W₂ W₁|, and ends where no
    weight's velocity exceeds ``tolerance`` times the size of the weights, so that large starts need no smaller step for
    all. Raises ValueError for bad shapes or numbers, ArithmeticError naming the starts that do not converge.
    """
    w, h = checked_layers(first, second)
    goal = checked_target(target, w, h)
    check_rates(first_rate, second_rate)
    if w.ndim != 3 or goal.ndim != 2:
        raise ValueError(
            f"first, target: {w.ndim} and {goal.ndim} axes given; allowed are (n, K, D) and (P, D)"
        )
    for name, value in (("step", step), ("tolerance", tolerance)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: {value} given; allowed is a number between 0 and 1")
    rates, places, wanted = (first_rate, second_rate), np.arange(len(w)), goal[..., None]
    final, state = (np.empty(w.shape), np.empty(h.shape)), (_starts_last(w), _starts_last(h))
    for _ in range(_LARGEST_STEPS):
        speeds = _velocities(*state, wanted, rates)
        velocity, size = (_squares(*pair) for pair in (speeds, state))
        moving = velocity > tolerance**2 * size
        if not moving.all():
            for whole, part in zip(final, state, strict=True):
                whole[places[~moving]] = np.moveaxis(part[..., ~moving], -1, 0)
            places, size, state = places[moving], size[moving], (state[0][..., moving], state[1][..., moving])
        if places.size == 0:
            return final
        residual = np.sqrt(_squares(wanted - _product(state[1], state[0])))
        state = _advanced(*state, wanted, step / (max(rates) * (size + residual)), rates)
    raise ArithmeticError(
        f"final_weights: starts {places[:5].tolist()} did not converge in {_LARGEST_STEPS} steps"
    )


def _starts_last(matrices: Floats) -> Floats:
    """(..., a, b) as (a, b, n): the many small matrices vectorise along their number."""
    return np.ascontiguousarray(np.moveaxis(matrices.reshape(-1, *matrices.shape[-2:]), 0, -1))


def _product(left: Floats, right: Floats) -> Floats:
    return np.einsum("ab...,bc...->ac...", left, right)


def _squares(*parts: Floats) -> Floats:
    """Sum of all squared entries, (n,)."""
    return sum((np.einsum("ab...,ab...->...", part, part) for part in parts), start=np.zeros(()))


def _velocities(w: Floats, h: Floats, goal: Floats, rates: tuple[float, float]) -> tuple[Floats, Floats]:
    residual = goal - _product(h, w)
    return (
        rates[0] * np.einsum("ba...,bc...->ac...", h, residual),
        rates[1] * np.einsum("ab...,cb...->ac...", residual, w),
    )


def _advanced(
    w: Floats, h: Floats, goal: Floats, step: Floats | float, rates: tuple[float, float]
) -> tuple[Floats, Floats]:
    """One RK4 step."""
    w1, h1 = _velocities(w, h, goal, rates)
    w2, h2 = _velocities(w + step / 2 * w1, h + step / 2 * h1, goal, rates)
    w3, h3 = _velocities(w + step / 2 * w2, h + step / 2 * h2, goal, rates)
    w4, h4 = _velocities(w + step * w3, h + step * h3, goal, rates)
    return w + step / 6 * (w1 + 2 * w2 + 2 * w3 + w4), h + step / 6 * (h1 + 2 * h2 + 2 * h3 + h4)


def _check_finite(w: Floats, h: Floats) -> None:
    lost = ~(np.isfinite(w).all(axis=(0, 1)) & np.isfinite(h).all(axis=(0, 1)))
    if lost.any():
        places = np.flatnonzero(lost)[:5].tolist()
        raise ArithmeticError(f"gradient_flow: starts {places} blow up; allowed is a smaller step")


def transposed(matrix: Floats) -> Floats:
    """The matrices (..., b, a) of (..., a, b)."""
    return np.swapaxes(matrix, -1, -2)


def checked_layers(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Weights (..., K, D) and (..., P, K) as arrays. Raises ValueError where shapes do not fit or one is not finite."""
    w, h = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if w.ndim < 2 or h.ndim < 2 or w.shape[-2] != h.shape[-1] or w.shape[:-2] != h.shape[:-2]:
        raise ValueError(
            f"first, second: shapes {w.shape} and {h.shape} given; allowed are (..., K, D) and (..., P, K)"
        )
    for name, value in (("first", w), ("second", h)):
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: a weight that is not finite given; allowed are finite numbers")
    return w, h


def checked_target(target: ArrayLike, w: Floats, h: Floats) -> Floats:
    """Target (..., P, D) as an array. Raises ValueError where it does not fit the layers or is not finite."""
    goal, wanted = np.asarray(target, dtype=np.float64), (h.shape[-2], w.shape[-1])
    if goal.shape[-2:] != wanted or not np.isfinite(goal).all():
        raise ValueError(f"target: shape {goal.shape} given; allowed is {wanted}, all numbers finite")
    return goal


def checked_times(times: ArrayLike) -> Floats:
    """Times (n,) as an array. Raises ValueError where one is negative or not finite."""
    moments = np.asarray(times, dtype=np.float64)
    if moments.ndim != 1 or not np.isfinite(moments).all() or (moments < 0).any():
        raise ValueError("times: allowed is a list of finite numbers, none negative")
    return moments


def check_rates(first_rate: float, second_rate: float) -> None:
    """Raise ValueError unless both learning rates are positive numbers."""
    for name, rate in (("first_rate", first_rate), ("second_rate", second_rate)):
        if not (np.isfinite(rate) and rate > 0):
            raise ValueError(f"{name}: {rate} given; allowed: a positive number")
