"""What one random feature does with each class: mean, gain, and the two non-linear variances.

A row w of the first layer sees the centroids through its fields h_c = e^-t w·μ_c/√d, jointly
N(0, e^-2t M) over rows. Given the fields, a feature acts on class c as a Gaussian linear model (the
Gaussian equivalent, arXiv:2605.06367; coefficients derived here).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import erf, ndtri

from companion.theory.mixtures import Mixture

Floats = NDArray[np.float64]
#: How field nodes are placed: plain quantiles of equal weight, or stretched and weighted ones.
FieldRule = Literal["quantiles", "stretched"]

# Gaussian averages run over 9.5 deviations either side, in two pieces that meet where the argument is
# zero: that is where activations have their kinks and tanh its nearest poles.
_REACH = 9.5
_RULE = np.polynomial.legendre.leggauss(64)
_ARGUMENTS_AT_ONCE = 2**21
# How far stretched quantiles are stretched, and the variance of fields above which plain ones do better.
_STRETCH, _WIDE = 2.3, 6.0
# In more than two dimensions and beyond this many nodes of the product grid a lattice of fewer points takes its place.
_LARGEST_GRID, _LATTICE_POINTS = 2**15, 2**13


@dataclass(frozen=True)
class FeatureCoefficients:
    """Coefficients of the Gaussian equivalent on nodes of the fields, read-only float64 arrays.

    ``node_weights`` (N,) sum to one; ``fields`` (N, K) are h; ``mean`` (N, K) is m_c; ``gain`` (N, K)
    is a_c; ``sample_variance`` (N, K) is v_c², the non-linear part that belongs to the sample;
    ``noise_variance`` (N, K) is s_c², the non-linear part of the diffusion noise. Where the activation is
    odd the nodes stand for their mirror images too, so averages of products of m_c across classes of
    unconnected centroids are not to be taken from them.
    """

    node_weights: Floats
    fields: Floats
    mean: Floats
    gain: Floats
    sample_variance: Floats
    noise_variance: Floats


def activation_function(activation: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The vectorised function behind a name: tanh, erf (without a factor in its argument), ReLU.

    >>> float(activation_function("relu")(-1.0))
    0.0
    """
    named = {"tanh": np.tanh, "erf": erf, "relu": lambda x: np.maximum(x, 0.0)}
    return activation if callable(activation) else named[activation]


@lru_cache(maxsize=256)
def feature_coefficients(
    mixture: Mixture, nodes: int = 24, rule: FieldRule = "stretched"
) -> FeatureCoefficients:
    """Coefficients m, a, v², s² on midpoint-quantile nodes of the fields (derived here).

    ``nodes`` per direction of e^-2t M, in its eigenbasis; null directions get one node, and mirror images
    under which an odd activation changes nothing are folded together, so M = 0 takes a single node.
    Gauss-Hermite nodes would show one by one in spectra. Beyond two directions and 2^15 nodes a lattice of
    2^13 points stands in.

    ``rule="stretched"``: along directions with a variance below 6 the quantiles are stretched by 2.3 and
    weighted by the ratio of the densities, which reaches into the tails. At 24 nodes errors of losses and
    resolvents fall from 1e-2 to 1e-5, and those of densities to a third. ``rule="quantiles"`` has equal
    weights everywhere; averages over wide fields are accurate with it as they are.

    Raises ValueError for ``nodes`` < 1, an unknown rule, and for an activation that is not finite or not
    vectorised.

    >>> A = Mixture((1.0,), (1.0,))
    >>> feature_coefficients(A).sample_variance.round(6).tolist()
    [[0.013841]]
    """
    if nodes < 1:
        raise ValueError(f"nodes: {nodes} given; at least one field node for each direction is needed")
    if rule not in get_args(FieldRule):
        raise ValueError(f"rule: {rule!r} given; allowed are {', '.join(get_args(FieldRule))}")
    sigma = _checked_activation(mixture.activation)
    node_weights, fields = _field_nodes(mixture, nodes, _is_odd(sigma), rule)
    columns = np.empty((4, *fields.shape))
    for label in range(mixture.classes):
        columns[:, :, label] = class_profile(mixture, label, fields[:, label])
    mean, gain, sample_variance, noise_variance = (columns[index] for index in range(4))
    arrays = (node_weights, fields, mean, gain, sample_variance, noise_variance)
    for array in arrays:
        array.flags.writeable = False
    return FeatureCoefficients(*arrays)


def class_profile(mixture: Mixture, label: int, fields: Floats) -> Floats:
    """m_c, a_c, v_c², s_c² as functions of the field of class ``label``, stacked to (4, n) (derived here).

    With g, u, v standard normal and φ(u) = E_v σ(h + α u + √Δ v): m = E σ(h + Γ g),
    a = E[g σ(h + Γ g)]/Γ, v² = E φ² - m² - α² a², s² = E σ² - E φ² - Δ a².
    """
    fields, place = np.unique(fields, return_inverse=True)
    sigma = activation_function(mixture.activation)
    alpha = float(mixture.alphas[label])
    mean, gain, square = gaussian_moments(sigma, fields, math.sqrt(mixture.total_variances[label]))
    alone = alpha < 1e-100  # a class of one point
    noise = math.sqrt(mixture.noise_variance)
    smooth_square = mean**2 if alone else _smoothed_square(sigma, fields, alpha, noise)
    # Both are variances; rounding must not make them negative.
    sample_variance = np.maximum(smooth_square - mean**2 - alpha**2 * gain**2, 0.0)
    noise_variance = np.maximum(square - smooth_square - mixture.noise_variance * gain**2, 0.0)
    if alone:
        sample_variance[:] = 0.0
    return np.stack([mean, gain, sample_variance, noise_variance])[:, place]


def mean_and_gain(mixture: Mixture, label: int, fields: Floats) -> tuple[Floats, Floats]:
    """m_c and a_c alone, each (n,): they need single integrals only."""
    sigma = activation_function(mixture.activation)
    return gaussian_moments(sigma, fields, math.sqrt(mixture.total_variances[label]))[:2]


def normal_rule(means: Floats, deviation: float) -> tuple[Floats, Floats, Floats]:
    """Arguments, standardised arguments and weights (n, nodes) of averages over N(mean, deviation²), (n,) at once.

    They are dense about zero, where activations and gains change most.
    """
    points, weights = _RULE
    cut = np.clip(-means / deviation, -_REACH, _REACH)[:, None]
    half_left, half_right = (cut + _REACH) / 2, (_REACH - cut) / 2
    standard = np.hstack([half_left * (points + 1) - _REACH, cut + half_right * (points + 1)])
    density = np.exp(-(standard**2) / 2) / math.sqrt(2 * math.pi)
    return (
        means[:, None] + deviation * standard,
        standard,
        density * np.hstack([half_left * weights, half_right * weights]),
    )


def gaussian_moments(sigma: Callable, fields: Floats, deviation: float) -> tuple[Floats, Floats, Floats]:
    """E σ, E σ' and E σ² over N(field, deviation²) for each of ``fields`` (n,), (n,) each."""
    arguments, standard, weights = normal_rule(fields, deviation)
    values = sigma(arguments)
    weighted = weights * values
    return (
        weighted.sum(axis=1),
        (weighted * standard).sum(axis=1) / deviation,
        (weighted * values).sum(axis=1),
    )


def _smoothed_square(sigma: Callable, fields: Floats, alpha: float, noise: float) -> Floats:
    """E_u φ(u)² where φ is σ smoothed by the noise; interpolated where there are many fields.

    As a function of the field it is smooth on the scale Γ, on which eight Chebyshev points leave errors
    near rounding.
    """
    lowest, highest = float(fields.min()), float(fields.max())
    degree = 40 + math.ceil(8 * (highest - lowest) / math.hypot(alpha, noise))
    if fields.size > 2 * degree:

        def square(points: Floats) -> Floats:
            return _smoothed_square(sigma, points, alpha, noise)

        return np.polynomial.Chebyshev.interpolate(square, degree, (lowest, highest))(fields)
    result = np.empty(fields.size)
    per_field = (2 * _RULE[0].size) ** 2
    step = max(1, _ARGUMENTS_AT_ONCE // per_field)
    for start in range(0, fields.size, step):
        outer, _, weights = normal_rule(fields[start : start + step], alpha)
        inner, _, inner_weights = normal_rule(outer.ravel(), noise)
        smooth = (inner_weights * sigma(inner)).sum(axis=1).reshape(outer.shape)
        result[start : start + step] = (weights * smooth**2).sum(axis=1)
    return result


def _field_nodes(mixture: Mixture, nodes: int, odd: bool, rule: FieldRule) -> tuple[Floats, Floats]:
    """Node weights (N,) and fields (N, K)."""
    directions, folded = _field_directions(mixture, odd)
    if not len(directions):
        return np.ones(1), np.zeros((1, mixture.classes))
    lines = [
        _line(nodes, fold, rule == "stretched" and direction @ direction < _WIDE)
        for direction, fold in zip(directions, folded, strict=True)
    ]
    if len(directions) > 2 and math.prod(points.size for points, _ in lines) > _LARGEST_GRID:
        standard = _lattice(len(directions))
        return np.full(len(standard), 1.0 / len(standard)), standard @ directions
    axes = np.meshgrid(*[points for points, _ in lines], indexing="ij")
    weights = np.ones(1)
    for _, shares in lines:
        weights = np.multiply.outer(weights, shares)
    return weights.ravel(), np.stack([axis.ravel() for axis in axes], axis=1) @ directions


def _line(nodes: int, fold: bool, stretch: bool) -> tuple[Floats, Floats]:
    """Points and weights of averages over N(0, 1); only the positive half if it is to be folded."""
    points = ndtri((np.arange(nodes) + 0.5) / nodes)
    weights = np.ones(nodes)
    if stretch:
        weights = np.exp((1.0 - _STRETCH**2) * points**2 / 2)
        points = _STRETCH * points
    if fold:
        kept = points > -1e-12
        weights = np.where(points[kept] > 1e-12, 2.0, 1.0) * weights[kept]
        points = points[kept]
    return points, weights / weights.sum()


def _field_directions(mixture: Mixture, odd: bool) -> tuple[Floats, list[bool]]:
    """Scaled eigenvectors (r, K) of e^-2t M, and along which of them the positive half suffices.

    Classes of unconnected centroids have independent fields, and an odd activation does not see the sign
    of all fields of one connected set of classes together: one direction of each set can be folded.
    """
    gram = mixture.contraction**2 * mixture.gram
    scale = np.abs(gram).max()
    directions, folded = [], []
    count, sets = connected_components(np.abs(gram) > 1e-14 * scale, directed=False)
    for index in range(count if scale > 0 else 0):
        members = np.flatnonzero(sets == index)
        values, vectors = np.linalg.eigh(gram[np.ix_(members, members)])
        kept = np.flatnonzero(values > 1e-12 * scale)[::-1]
        for rank, j in enumerate(kept):
            direction = np.zeros(mixture.classes)
            direction[members] = math.sqrt(values[j]) * vectors[:, j]
            directions.append(direction)
            folded.append(odd and rank == 0)
    return np.array(directions).reshape(-1, mixture.classes), folded


def _lattice(dimension: int) -> Floats:
    """Normal points (2^13, dimension) of an additive lattice whose steps are powers of a generalised golden ratio."""
    root = 2.0
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / (dimension + 1))
    steps = root ** -np.arange(1.0, dimension + 1)
    points = (0.5 + np.outer(np.arange(1, _LATTICE_POINTS + 1), steps)) % 1.0
    return ndtri(points)


def _checked_activation(activation: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    sigma = activation_function(activation)
    probe = np.linspace(-30.0, 30.0, 62).reshape(2, 31)
    values = np.asarray(sigma(probe))
    if values.shape != probe.shape or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise ValueError(
            f"activation: {activation!r} given; it maps a real array to a finite real array of the same shape"
        )
    return sigma


def _is_odd(sigma: Callable[[Any], Any]) -> bool:
    probe = np.linspace(0.0, 8.0, 97)
    values = np.asarray(sigma(probe))
    return bool(np.abs(values + sigma(-probe)).max() <= 1e-12 * max(np.abs(values).max(), 1e-300))
