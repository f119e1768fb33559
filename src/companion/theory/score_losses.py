"""Per-class denoising losses of random-features score models trained by ridge regression or gradient flow.

Losses are per coordinate, averaged over the noise, L = 1 before training (arXiv:2605.06367's setting; the
asymptotic equations are derived here). Ridge: B minimises Σ_c w_c L_c + λ |B|²/d. Flow: dB/dT = -(B U + Vᵀ)
from B = 0, so that mode k of U relaxes as e^-λ_k T; the eigen-time T is 2 Δ τ/ψ_p in the published clock τ.
Both are functions of U: 1/(U + λ), and by Talbot's contour f_T(U) = Σ_k c_k(T) (U + s_k)^-1.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.mixtures import Mixture
from companion.theory.spectral_equations import SpectralSolution, solve
from companion.theory.talbot_contour import POINTS, Contour, contour
from companion.theory.two_point_response import Resolvents, TwoPointResponse

Floats = NDArray[np.float64]

# Stands in for a ridge of zero: λ -> 0 is the limit that is meant, also where U is singular (smaller ones would
# feel the rounding of variances that vanish). Times beyond its inverse count as infinite.
_LEAST_RIDGE = 1e-10


def ridge_losses(
    ridge: ArrayLike,
    mixture: Mixture,
    sample_ratio: float,
    feature_ratio: float,
    *,
    class_weights: ArrayLike | None = None,
    nodes: int = 24,
) -> tuple[Floats, Floats]:
    """Training and test loss of every class on the ridge path, (len(ridge), K) each, exactly.

    ``ridge`` (len,) is λ >= 0; 0 is the end of training. ``sample_ratio`` ψ_n = n/d, ``feature_ratio``
    ψ_p = p/d. ``class_weights`` w_c are the classes' weights in the loss, apart from their counts
    ``mixture.weights``. L_c = 1 - 2 Δ (P w)_c + quadratic_c at z_1 = z_2 = -λ (see `two_point_response`).
    Raises ValueError for bad input, ConvergenceError where the equations could not be solved.

    >>> train, test = ridge_losses([0.1], Mixture((1.0,), (1.0,)), 4, 8)
    >>> train.round(5).tolist(), test.round(5).tolist()
    ([[0.73705]], [[0.88392]])
    """
    given = _amounts(ridge, "ridge")
    weights = _checked_weights(class_weights, mixture)
    if not given.size:
        return _nothing(mixture)
    arguments = -np.maximum(given, _LEAST_RIDGE)
    solution = _solve(arguments, mixture, sample_ratio, feature_ratio, weights, nodes)
    response = TwoPointResponse(mixture, sample_ratio, feature_ratio, weights, solution.coefficients)
    indices = np.arange(given.size)
    train, test = response.quadratic(_resolvents(solution), indices, indices)
    rest = 1 - 2 * _linear(solution, mixture, weights)
    return np.real(rest + train), np.real(rest + test)


def flow_losses(
    times: ArrayLike,
    mixture: Mixture,
    sample_ratio: float,
    feature_ratio: float,
    *,
    class_weights: ArrayLike | None = None,
    nodes: int = 24,
    contour_points: int = POINTS,
) -> tuple[Floats, Floats]:
    """Training and test loss of every class under gradient flow, (len(times), K) each.

    ``times`` (len,) are eigen-times T >= 0, in any order; inf is the end of training. The other arguments
    are those of `ridge_losses`; ``contour_points`` sets the accuracy in time (16: 1e-6 and better).

        L_c(T) = 1 - 2 Σ_k c_k Δ (P(-s_k) w)_c + Σ_kl c_k c_l quadratic_c(-s_k, -s_l)

    Raises ValueError for bad input, ConvergenceError where the equations could not be solved.

    >>> train, test = flow_losses([1.0], Mixture((1.0,), (1.0,)), 4, 8)
    >>> train.round(4).tolist(), test.round(4).tolist()
    ([[0.7912]], [[0.8402]])
    """
    given = _amounts(times, "times")
    weights = _checked_weights(class_weights, mixture)
    losses = np.ones((2, given.size, mixture.classes))
    ended = given > 1 / _LEAST_RIDGE
    inside = (given > 0) & ~ended
    if ended.any():
        end = ridge_losses([0], mixture, sample_ratio, feature_ratio, class_weights=weights, nodes=nodes)
        losses[:, ended] = np.stack(end)
    if inside.any():
        path = contour(given[inside], contour_points)
        solution = _solve(-path.nodes.ravel(), mixture, sample_ratio, feature_ratio, weights, nodes)
        response = TwoPointResponse(mixture, sample_ratio, feature_ratio, weights, solution.coefficients)
        linear = _at_times(path, _linear(solution, mixture, weights))
        losses[:, inside] += -2 * linear + _quadratic_flow(path, solution, response)
    return losses[0], losses[1]


def total_train_loss(
    times: ArrayLike,
    mixture: Mixture,
    sample_ratio: float,
    feature_ratio: float,
    *,
    class_weights: ArrayLike | None = None,
    nodes: int = 24,
    contour_points: int = POINTS,
) -> Floats:
    """Σ_c w_c L_c of the training points under gradient flow, (len(times),), from one-point functions.

    With Δ wᵀ P(z) w = ∫ ν(dλ)/(λ - z): L(T) = Σ_c w_c - ∫ ν(dλ) (1 - e^-2λT)/λ, and L(inf) = Σ_c w_c - Δ wᵀ P(0) w.
    Arguments as in `flow_losses`.

    >>> total_train_loss([np.inf], Mixture((1.0,), (1.0,)), 4, 8).round(5).tolist()
    [0.62984]
    """
    given = _amounts(times, "times")
    weights = _checked_weights(class_weights, mixture)
    losses = np.full(given.size, weights.sum())
    ended = given > 1 / _LEAST_RIDGE
    inside = (given > 0) & ~ended
    if ended.any():
        end = np.array([-_LEAST_RIDGE])
        solution = _solve(end, mixture, sample_ratio, feature_ratio, weights, nodes)
        losses[ended] -= np.real(_linear(solution, mixture, weights) @ weights)
    if inside.any():
        path = contour(2 * given[inside], contour_points)
        solution = _solve(-path.nodes.ravel(), mixture, sample_ratio, feature_ratio, weights, nodes)
        losses[inside] -= _at_times(path, _linear(solution, mixture, weights)) @ weights
    return losses


def _amounts(values: ArrayLike, name: str) -> Floats:
    given = np.atleast_1d(np.asarray(values, dtype=np.float64))
    finite = name == "ridge"
    if given.ndim != 1 or np.isnan(given).any() or (given < 0).any() or (finite and np.isinf(given).any()):
        allowed = "finite numbers >= 0" if finite else "numbers >= 0 and inf"
        raise ValueError(f"{name}: {values!r} given; allowed are {allowed}, in one dimension")
    return given


def _checked_weights(class_weights: ArrayLike | None, mixture: Mixture) -> Floats:
    if class_weights is None:
        return mixture.pi
    weights = np.asarray(class_weights, dtype=np.float64)
    if weights.shape != (mixture.classes,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            f"class_weights: {class_weights!r} given; allowed are {mixture.classes} finite numbers >= 0, "
            "one for each class"
        )
    if not weights.any():
        raise ValueError("class_weights: all zero given; at least one is positive")
    return weights


def _solve(
    arguments: NDArray,
    mixture: Mixture,
    sample_ratio: float,
    feature_ratio: float,
    weights: Floats,
    nodes: int,
) -> SpectralSolution:
    # Losses are smooth in the fields, and their tails count: at M = 1 quantiles would err in the third digit.
    return solve(
        arguments, mixture, sample_ratio, feature_ratio, class_weights=weights, nodes=nodes, rule="stretched"
    )


def _nothing(mixture: Mixture) -> tuple[Floats, Floats]:
    return np.empty((0, mixture.classes)), np.empty((0, mixture.classes))


def _resolvents(solution: SpectralSolution) -> Resolvents:
    return Resolvents(solution.delta, solution.overlap, solution.response)


def _linear(solution: SpectralSolution, mixture: Mixture, weights: Floats) -> NDArray:
    """(1/d) Tr Vᵀ R V_c at each argument, (Z, K)."""
    return mixture.noise_variance * (solution.projected @ weights)


def _at_times(path: Contour, values: NDArray) -> Floats:
    """2 Re Σ_k c_k(T) values_k, from ``values`` (octaves x nodes, K) to (times, K)."""
    by_octave = values.reshape(*path.nodes.shape, -1)
    return 2 * np.einsum("tk,tkc->tc", path.weights, by_octave[path.octave]).real


def _quadratic_flow(path: Contour, solution: SpectralSolution, response: TwoPointResponse) -> Floats:
    """Σ_kl c_k c_l quadratic(-s_k, -s_l), (2, times, K), over pairs k <= l of kept nodes and conjugates of l."""
    octaves, half = path.nodes.shape
    both = _resolvents(solution).with_conjugates()
    row, column = np.triu_indices(half)
    shift = half * np.arange(octaves)[:, None]
    first = np.concatenate([shift + row, shift + row], axis=1)
    second = np.concatenate([shift + column, shift + column + octaves * half], axis=1)
    found = np.stack(response.quadratic(both, first.ravel(), second.ravel()))
    found = found.reshape(2, octaves, 2, row.size, -1)
    # Pairs with k < l stand for (l, k) too, and all for their conjugates.
    doubled = np.where(row == column, 2.0, 4.0)
    c = path.weights
    weights = np.stack([c[:, row] * c[:, column], c[:, row] * c[:, column].conj()], axis=1) * doubled
    return np.einsum("tqm,stqmc->stc", weights, found[:, path.octave]).real
