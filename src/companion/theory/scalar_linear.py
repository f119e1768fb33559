"""A linear network from one input to one output, of any width: its whole training in closed form.

Gradient flow on (s - Σ h_k w_k)²/2 drives every neuron by the same residual, so that all of them share one clock
dτ = √(e_w e_h) (s - Σ h_k w_k) dt and, in units of the square roots of their layers' learning rates,

    w_k(τ) = w_k0 cosh τ + h_k0 sinh τ,    h_k(τ) = h_k0 cosh τ + w_k0 sinh τ    (arXiv:2503.02526, 2409.14623).

The growing part (w_k + h_k)/2 goes as e^τ and the shrinking part (w_k - h_k)/2 as e^-τ; the contribution h_k w_k is
the difference of their squares.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from companion.theory.deep_linear import Floats, check_rates, checked_times

#: Mean S_use over two imbalances that are independent and uniform from 0: the ratio of the smaller to the larger one
#: is uniform too, and 1 - ∫₀¹ H(r/(1 + r)) dr / log 2 = π²/(12 log 2) - 1.
UNIFORM_USAGE = float(np.pi**2 / (12 * np.log(2)) - 1)


@dataclass(frozen=True)
class ScalarPath:
    """Training of scalar linear networks at given times: clock τ (..., times), weights (..., times, K)."""

    clock: Floats
    first: Floats
    second: Floats


@dataclass(frozen=True)
class _Start:
    """Checked starts in units of √e: products and squared parts (..., K), sums (...,); the task in these units."""

    product: Floats
    growing: Floats
    shrinking: Floats
    total_growing: Floats
    total_shrinking: Floats
    target: Floats
    root: Floats
    unit: float


def _start(first: ArrayLike, second: ArrayLike, target: ArrayLike, rates: tuple[float, float]) -> _Start:
    w, h = np.broadcast_arrays(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64))
    if w.ndim == 0:
        raise ValueError(
            "first, second: numbers given; allowed are arrays (..., K) of one weight for each neuron"
        )
    for name, value in (("first", w), ("second", h), ("target", np.asarray(target, dtype=np.float64))):
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: a value that is not finite given; allowed are finite numbers")
    check_rates(*rates)
    w, h = w / np.sqrt(rates[0]), h / np.sqrt(rates[1])
    unit = float(np.sqrt(rates[0] * rates[1]))
    growing, shrinking = (w + h) ** 2 / 4, (w - h) ** 2 / 4
    total_growing, total_shrinking = growing.sum(axis=-1), shrinking.sum(axis=-1)
    goal = np.broadcast_to(np.asarray(target, dtype=np.float64) / unit, total_growing.shape)
    stuck = np.where(goal > 0, total_growing == 0, (goal < 0) & (total_shrinking == 0))
    if stuck.any():
        places = np.flatnonzero(np.atleast_1d(stuck)).tolist()
        raise ValueError(
            f"first, second: starts {places[:5]} never reach the target, every neuron having w = -h for a positive "
            "one or w = h for a negative one; allowed are starts with another neuron"
        )
    root = np.hypot(goal, 2 * np.sqrt(total_growing * total_shrinking))
    return _Start(w * h, growing, shrinking, total_growing, total_shrinking, goal, root, unit)


def final_contributions(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike = 1.0,
    *,
    first_rate: float = 1.0,
    second_rate: float = 1.0,
) -> Floats:
    """Contributions h_k w_k (..., K) at the end of training, which sum to ``target`` (...).

    ``first`` w_k0 and ``second`` h_k0 (..., K) are the initial weights. With e^2τ* = (s + √(s² + A² - B²))/(A + B),
    A = Σ (w² + h²)/2 and B = Σ w h, h_k w_k = e^2τ* (w_k0 + h_k0)²/4 - e^-2τ* (w_k0 - h_k0)²/4 (arXiv:2503.02526; rates
    of the layers enter by units). Raises ValueError for numbers that are not finite, rates that are not positive, and
    starts that end in the saddle point at the origin.

    >>> final_contributions([1.0, 2.0], [0.0, 0.0]).round(12).tolist()
    [0.2, 0.8]
    """
    start = _start(first, second, target, (first_rate, second_rate))
    # A negative target is a positive one for readouts of the other sign; without one, all move towards zero.
    mirrored = (start.target < 0) | ((start.target == 0) & (start.total_growing < start.total_shrinking))
    sign, flipped = np.where(mirrored, -1.0, 1.0), mirrored[..., None]
    grown = np.where(flipped, start.shrinking, start.growing)
    shrunk = np.where(flipped, start.growing, start.shrinking)
    goal, growing, initial = sign * start.target, grown.sum(axis=-1), sign[..., None] * start.product
    above, below = _gaps(start.root, goal, 4 * growing * shrunk.sum(axis=-1))
    z = above / np.where(growing > 0, 2 * growing, 1.0)
    gained = 2 * (goal - initial.sum(axis=-1)) / np.where(growing > 0, below + 2 * growing, 1.0)
    # With z - 1 = `gained` no digits are lost where training changes little, and the shares are exact for h = 0.
    change = gained[..., None] * (grown + shrunk / np.where(z > 0, z, 1.0)[..., None])
    return start.unit * sign[..., None] * (initial + change)


def scalar_path(
    first: ArrayLike,
    second: ArrayLike,
    times: ArrayLike,
    target: ArrayLike = 1.0,
    *,
    first_rate: float = 1.0,
    second_rate: float = 1.0,
) -> ScalarPath:
    """Training at ``times`` (n,), in units of one over the learning rate: clock (..., n), weights (..., n, K).

    z = e^2τ obeys dz/dt = 2 s z - (A + B) z² + A - B with A, B as in `final_contributions`, a Riccati equation, so that
    physical time is closed too: with q = √(s² + A² - B²), z = [q + (s + A - B) tanh qt] / [q + (A + B - s) tanh qt].
    Raises ValueError as `final_contributions` does, and for times that are negative or not finite.

    >>> path = scalar_path([0.3, 0.1], [0.2, 0.0], [0.0, 100.0])
    >>> (path.first * path.second).sum(axis=-1).round(12).tolist()
    [0.06, 1.0]
    """
    moments = checked_times(times)
    start = _start(first, second, target, (first_rate, second_rate))
    root, goal = start.root[..., None], start.target[..., None]
    above, below = _gaps(root, goal, 4 * (start.total_growing * start.total_shrinking)[..., None])
    # Rates enter by units: weights in units of √e, and time runs e_w e_h times as fast.
    reach = start.unit**2 * moments
    left = np.exp(-2 * root * reach)
    done = np.where(root > 0, -np.expm1(-2 * root * reach) / np.where(root > 0, 2 * root, 1.0), reach)
    growth = (left + done * (above + 2 * start.total_shrinking[..., None])) / (
        left + done * (below + 2 * start.total_growing[..., None])
    )
    scales = np.sqrt(first_rate), np.sqrt(second_rate)
    w, h = np.asarray(first, dtype=np.float64) / scales[0], np.asarray(second, dtype=np.float64) / scales[1]
    grown = (w + h)[..., None, :] / 2 * np.sqrt(growth)[..., None]
    shrunk = (w - h)[..., None, :] / 2 / np.sqrt(growth)[..., None]
    return ScalarPath(0.5 * np.log(growth), scales[0] * (grown + shrunk), scales[1] * (grown - shrunk))


def _gaps(root: Floats, goal: Floats, product: Floats) -> tuple[Floats, Floats]:
    """q + s and q - s, the one that cancels from their product q² - s²."""
    large = root + np.abs(goal)
    small = product / np.where(large > 0, large, 1.0)
    return np.where(goal >= 0, large, small), np.where(goal >= 0, small, large)


def imbalance_shares(imbalances: ArrayLike) -> Floats:
    """Shares p_k = λ_k/Σ λ (..., K) of the neurons when one layer starts at zero: exact, whatever the task's size.

    ``imbalances`` λ_k = w_k0²/e_w - h_k0²/e_h (..., K), all of one sign: then all h_k0 or all w_k0 can be zero, and
    every contribution is |λ_k| sinh(2τ*)/2. Raises ValueError for both signs at once or zeros alone.

    >>> imbalance_shares([-10.0, -90.0]).tolist()
    [0.1, 0.9]
    """
    given = np.asarray(imbalances, dtype=np.float64)
    if given.ndim == 0 or not np.isfinite(given).all():
        raise ValueError("imbalances: allowed is an array (..., K) of finite numbers")
    if ((given.min(axis=-1) < 0) & (given.max(axis=-1) > 0)).any() or (given == 0).all(axis=-1).any():
        raise ValueError("imbalances: both signs in one network, or zeros alone, given; allowed is one sign")
    return given / given.sum(axis=-1, keepdims=True)


def small_start_shares(first: ArrayLike, second: ArrayLike) -> Floats:
    """Shares (..., K) from small weights and a positive target: p_k ∝ (w_k0 + h_k0)², all that has grown.

    ``first`` and ``second`` (..., K) in units of the square roots of their layers' rates. The larger layer decides,
    p_k ∝ h_k0² when it is the readout: a ratio common to all neurons drops out. Raises ValueError where nothing grows.

    >>> small_start_shares([0.0, 0.0], [0.1, 0.3]).round(12).tolist()
    [0.1, 0.9]
    """
    growing = (np.asarray(first, dtype=np.float64) + np.asarray(second, dtype=np.float64)) ** 2
    total = growing.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        raise ValueError("first, second: w = -h in every neuron given; allowed are starts that can grow")
    return growing / total


def gaussian_usage(neurons: int) -> float:
    """Mean S_use = 1 - H(p)/log K of K ``neurons`` from small Gaussian starts, at any ratio of the layers.

    w_k0 + h_k0 are independent Gaussians, so the shares p follow Dirichlet(1/2, ..., 1/2) and their mean entropy is
    ψ(K/2 + 1) - ψ(3/2), ψ the digamma function. Raises ValueError for fewer than 2 neurons.

    >>> round(gaussian_usage(2), 4)
    0.4427
    """
    if neurons < 2:
        raise ValueError(f"neurons: {neurons} given; allowed are 2 and more")
    return float(1 - (digamma(neurons / 2 + 1) - digamma(1.5)) / np.log(neurons))
