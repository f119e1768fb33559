"""Where copying begins: condensation of the exact empirical score onto single training points.

A noised training point returns to where it came from with the mean weight of its origin; these weights are a
random-energy model (arXiv:2402.18491, kernel densities arXiv:2408.05807). Its condensation is that of a random code:
n = e^{αd} points are told apart from x_t as soon as α is below the information i(t) = (1/2) log(1 + e^-2t σ²/Δ) that
one coordinate of x_t holds on that of x_0, both for noised training points and for fresh ones.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import gammaln, ive

from companion.theory.class_posterior import checked_times

Floats = NDArray[np.float64]

_LENGTHS = 24
_STEP = 0.4  # of the grids, in nats
_BESSEL_NODES = 300


def information(times: ArrayLike, standard_deviation: float) -> Floats:
    """i(t) = (1/2) log(1 + e^-2t σ²/Δ), nats per coordinate that x_t holds on x_0 of a Gaussian class, (...).

    >>> information([0.0 + 1e-9, 20.0], 1.0).round(2).tolist()
    [10.02, 0.0]
    """
    times = checked_times(times)
    return 0.5 * np.log1p(standard_deviation**2 / np.expm1(2 * times))


def collapse_time(rate: ArrayLike, standard_deviation: ArrayLike) -> Floats:
    """t_C at which i(t) = α: copying begins, going backward, for log n = α d points of a Gaussian class, (...).

    t_C = (1/2) log(1 + σ²/(e^{2α} - 1)) (arXiv:2402.18491): broad and small classes are copied first.

    >>> collapse_time([0.5], 1.0).round(4).tolist()
    [0.2293]
    """
    rate = np.asarray(rate, dtype=np.float64)
    if not (rate > 0).all():
        raise ValueError(f"rate: {rate.tolist()} given; log(n)/d is positive, for two points at least")
    return 0.5 * np.log1p(np.asarray(standard_deviation, dtype=np.float64) ** 2 / np.expm1(2 * rate))


def class_collapse_times(counts: ArrayLike, standard_deviations: ArrayLike, dimension: int) -> Floats:
    """t_C of every class of a mixture, (K,), from its own ``counts`` n_c and σ_c: α_c = log(n_c)/d.

    Assumes that at t_C points of other classes are out of the way: that the class speciates before, t_C < t_S, as it
    does in large dimension where t_S grows with log d. Its share of the data matters through n_c alone.

    Raises ValueError for classes of fewer than two points.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if not (counts >= 2).all():
        raise ValueError(f"counts: {counts.tolist()} given; a class has two points at least")
    return collapse_time(np.log(counts) / dimension, standard_deviations)


def entropy_density(times: ArrayLike, rate: float, standard_deviation: float) -> Floats:
    """max(0, α - i(t)): entropy of the weights over d for d -> ∞, the excess entropy above t_C, (...)."""
    return np.maximum(rate - information(times, standard_deviation), 0.0)


def return_probability(
    times: ArrayLike, log_points: float, dimension: int, standard_deviation: float
) -> Floats:
    """Mean weight of its own origin at a noised training point, over training sets; any n and d, (...).

    Derived here, exact for one Gaussian class: with weights relative to the origin's, the mean of 1/(1 + Z) is
    E[φ(v)^{n-1}]. Here v = |ξ|²/2 + log s with s exponential, and φ(v) = E exp(-e^{v - |x - e^-t x'|²/2Δ}) over one
    fresh point x', given |x|; both squared lengths are noncentral chi-squared, and integrals are sums over grids.
    ``log_points`` is log n, so that n may be beyond counting. It equals the mean participation ratio Σ_ν w_ν².

    Good to 1e-3 for d >= 4. Raises ValueError for fewer than two points or dimensions, or σ <= 0.

    >>> return_probability([1e-3, 0.2293, 3.0], np.log(3000), 16, 1.0).round(2).tolist()
    [1.0, 0.57, 0.0]
    """
    times = checked_times(times)
    if not np.log(2) - 1e-12 <= log_points <= 700:
        raise ValueError(f"log_points: {log_points} given; allowed is log n from log 2 to 700")
    if dimension < 2 or not standard_deviation > 0:
        raise ValueError(
            f"dimension, standard_deviation: {dimension}, {standard_deviation} given; d >= 2 and σ > 0"
        )
    found = [
        _return_probability(float(time), log_points, dimension, standard_deviation)
        for time in times.reshape(-1)
    ]
    return np.array(found).reshape(times.shape)


def half_return_time(
    log_points: float, dimension: int, standard_deviation: float, tolerance: float = 1e-5
) -> float:
    """Time at which `return_probability` is one half: t_C at finite size.

    >>> round(half_return_time(np.log(3000), 16, 1.0), 3)  # for d -> ∞ at this rate: 0.229
    0.25
    """
    middle = float(collapse_time(log_points / dimension, standard_deviation))

    def above_half(log_time: float) -> float:
        return float(return_probability(np.exp(log_time), log_points, dimension, standard_deviation)) - 0.5

    lower, upper = np.log(0.5 * middle), np.log(2 * middle)
    while above_half(lower) < 0:
        lower -= 1.0
    while above_half(upper) > 0:
        upper += 1.0
    return float(np.exp(cast(float, brentq(above_half, lower, upper, xtol=tolerance))))


def _return_probability(time: float, log_points: float, dimension: int, deviation: float) -> float:
    shrink, noise = np.exp(-2 * time), -np.expm1(-2 * time)
    signal = shrink * deviation**2
    width = signal + noise
    # |x| = Γ χ: places and shares on a grid that covers it.
    chi = np.linspace(max(0.02, np.sqrt(dimension) - 5.0), np.sqrt(dimension) + 5.0, _LENGTHS)
    share = np.exp((dimension - 1) * np.log(chi / np.sqrt(dimension)) - (chi**2 - dimension) / 2)
    lengths, share = width * chi**2, share / share.sum()
    # y = |ξ|²/2 given |x|, and distances over 2Δ of one fresh point given |x|, down to where one in n lies.
    half, half_density = _noncentral(
        signal / (2 * width), noise * lengths / (width * signal), dimension, 7.0, 9.0
    )
    far, far_density = _noncentral(
        signal / (2 * noise), lengths / signal, dimension, np.sqrt(2 * log_points + 50), 9.0
    )
    v = np.arange(half[0] - 20.0, half[-1] + 4.0, _STEP)
    miss = far_density @ -np.expm1(-np.exp(np.minimum(v - far[:, None], 30.0)))
    # φ^(n - 1) with φ = 1 - miss.
    alive = np.exp(np.expm1(log_points) * np.log1p(-np.minimum(miss, 1 - 1e-15)))
    step = v - half[:, None]
    gumbel = np.exp(step - np.exp(np.minimum(step, 30.0)))
    gumbel /= gumbel.sum(axis=1, keepdims=True)
    return float(share @ (half_density * (alive @ gumbel.T)).sum(axis=1))


def _noncentral(
    scale: float, shifts: Floats, dimension: int, below: float, above: float
) -> tuple[Floats, Floats]:
    """Grid of scale·χ'²(d, shift) and its probabilities, (grid,) and (shifts, grid), rows summing to one.

    It reaches ``below`` and ``above`` standard deviations from the means.
    """
    means, deviations = dimension + shifts, np.sqrt(2 * (dimension + 2 * shifts))
    lowest = max(float((means - below * deviations).min()), 1e-6 * dimension)
    highest = float((means + above * deviations).max()) + 12.0
    step = min(_STEP / scale, float(deviations.min()) / 12)
    # Very coarse units (little signal left) or very fine ones: never fewer nor more points than serve.
    size = int(np.clip((highest - lowest) / step, 200, 4000))
    grid = np.linspace(lowest, highest, size)
    order = dimension / 2 - 1
    log_bessel = _log_bessel(order, np.sqrt(shifts[:, None] * grid))
    square = (np.sqrt(grid) - np.sqrt(shifts)[:, None]) ** 2
    density = np.exp(log_bessel - square / 2 + (order / 2) * np.log(grid / shifts[:, None]))
    return scale * grid, density / density.sum(axis=1, keepdims=True)


def _log_bessel(order: float, z: Floats) -> Floats:
    """log I_order(z) - z: a spline through scipy's values in log z, which are slow, or its first terms at small z."""
    nodes = np.linspace(np.log(z.min()), np.log(z.max()) + 1e-9, _BESSEL_NODES)
    values = ive(order, np.exp(nodes))
    known = values > 1e-250
    found = order * np.log(z / 2) - gammaln(order + 1) + np.log1p(z**2 / (4 * order + 4)) - z
    if known.sum() > 3:
        inside = z >= np.exp(nodes[known][0])
        found[inside] = CubicSpline(nodes[known], np.log(values[known]))(np.log(z[inside]))
    return found
