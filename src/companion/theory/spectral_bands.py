"""Bands of the random-feature spectrum: where they are, how much they hold, and where simple formulas put them.

Eigenvalues λ of the feature covariance are inverse learning times. From above: outliers of order p from the
centroids, generalisation bands (d eigenvalues each), memorisation bands (one eigenvalue for each training
point), and what is left at S(h), the bare noise of a feature (setting of arXiv:2605.06367, derived here).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.feature_coefficients import feature_coefficients, mean_and_gain, normal_rule
from companion.theory.mixtures import Mixture
from companion.theory.spectral_equations import ConvergenceError, check_ratios, solve

Floats = NDArray[np.float64]

# The step in log y of integrals up from the real axis: their integrands are analytic for |arg y| < π/2, so
# that the trapezoidal rule errs by exp(-π²/step).
_STEP, _SPAN = 0.35, 32.0
# What may lie below the threshold in all; more means that a band fell between the points of the grid.
_UNFOUND = 0.01
_GRID, _REFINEMENTS = 2000, 3


@dataclass(frozen=True)
class Atom:
    """A share ``mass`` of the eigenvalues that sit exactly at ``place``; none if the mass is zero."""

    place: float
    mass: float


@dataclass(frozen=True)
class Band:
    """An interval of eigenvalues and the share of all p eigenvalues in it."""

    lower: float
    upper: float
    mass: float


def atom(mixture: Mixture, sample_ratio: float, feature_ratio: float) -> Atom:
    """Eigenvalues that equal the bare noise S of a feature: mass max(0, 1 - (ψ_n + 1)/ψ_p) at M = 0 (derived here).

    Only points of classes with v_c > 0 count in ψ_n, and with r independent gain profiles 1 becomes r.
    Where S(h) depends on the field the atom is smeared over the values of S, and the mass here is zero.

    Raises ValueError naming the argument.

    >>> atom(Mixture((1.0,), (1.0,)), 4, 8).mass
    0.375
    """
    check_ratios(sample_ratio, feature_ratio)
    coefficients = feature_coefficients(mixture)
    floor = coefficients.noise_variance @ mixture.pi
    if np.ptp(floor) > 1e-10 * max(floor.max(), 1e-300) and floor.max() > 1e-12:
        return Atom(float("nan"), 0.0)
    scale = np.abs(coefficients.gain).max()
    memorised = mixture.pi[coefficients.sample_variance.max(axis=0) > 1e-12].sum() * sample_ratio
    profiles = np.linalg.matrix_rank(coefficients.gain, tol=1e-10 * scale) if scale > 1e-12 else 0
    return Atom(float(floor[0]), float(max(0.0, 1.0 - (memorised + profiles) / feature_ratio)))


def outliers(mixture: Mixture, features: int) -> Floats:
    """The K eigenvalues of order p that the mean features make, (K,), descending, to leading order (derived here).

    Those of p √(π_c π_c') E_h[m_c m_c'], with p = ``features``; zero for an odd activation without centroids.

    Raises ValueError for ``features`` < 1.
    """
    if features < 1:
        raise ValueError(f"features: {features} given; at least one is needed")
    shares = np.sqrt(mixture.pi)
    return _descending_eigenvalues(features * np.outer(shares, shares) * _overlaps(mixture, 0))


def generalisation_bands(mixture: Mixture, feature_ratio: float) -> Floats:
    """Centres of the bands of d eigenvalues each that carry the linear maps, (K,), descending, for ψ_p >> 1.

    Eigenvalues of ψ_p κ^½ N κ^½ with κ = diag(π_c Γ_c²) and N_cc' = E_h[a_c a_c'] (derived here). Classes
    with collinear profiles share one band, and the others are at zero.

    Raises ValueError naming the argument.

    >>> V = Mixture((0.5, 0.5), (1.5, 0.5), ((16, 0), (0, 16)))
    >>> generalisation_bands(V, 32).round(2).tolist()
    [2.48, 0.51]
    """
    check_ratios(1.0, feature_ratio)
    roots = np.sqrt(mixture.pi * mixture.total_variances)
    return _descending_eigenvalues(feature_ratio * np.outer(roots, roots) * _overlaps(mixture, 1))


def memorisation_bands(mixture: Mixture, sample_ratio: float, feature_ratio: float) -> Floats:
    """Centres of the bands of n_c eigenvalues that store the points of class c, (K,), for ψ_p >> ψ_n.

    E_h[S] + E_h[v_c²] ψ_p/ψ_n, each with mass π_c ψ_n/ψ_p where it is resolved (derived here). The
    inverse is the class's memorisation time: it grows as n and does not depend on π_c or ψ_p.

    Raises ValueError naming the argument.
    """
    check_ratios(sample_ratio, feature_ratio)
    coefficients = feature_coefficients(mixture)
    floor, variance = (
        coefficients.node_weights @ values
        for values in (coefficients.noise_variance @ mixture.pi, coefficients.sample_variance)
    )
    return floor + variance * feature_ratio / sample_ratio


def cumulative_mass(
    eigenvalues: ArrayLike, mixture: Mixture, sample_ratio: float, feature_ratio: float, *, nodes: int = 24
) -> Floats:
    """Share of the eigenvalues below each of ``eigenvalues`` > 0, (n,); half of an atom that is just there.

    1/2 - (1/π) ∫_0^∞ Re g(λ + iy) dy: no broadening enters, and the error is below 1e-9 off the atom.

    Raises ValueError naming the argument, and ConvergenceError with z, residual and advice.

    >>> A = Mixture((1.0,), (1.0,))
    >>> cumulative_mass([0.014, 0.3, 10.0], A, 4, 8).round(6).tolist()
    [0.375, 0.875, 1.0]
    """
    points = np.atleast_1d(np.asarray(eigenvalues, dtype=np.float64))
    if points.ndim != 1 or points.size == 0 or not np.isfinite(points).all() or (points <= 0).any():
        raise ValueError("eigenvalues: a sequence of positive and finite numbers is needed")
    check_ratios(sample_ratio, feature_ratio)
    scale = max(points.max(), _highest(mixture, sample_ratio, feature_ratio))
    steps = np.arange(-_SPAN, np.log(scale / points.min()) + _SPAN, _STEP)
    heights = points[:, None] * np.exp(steps)
    z = (points[:, None] + 1j * heights).ravel()
    solution = solve(z, mixture, sample_ratio, feature_ratio, nodes=nodes)
    real = (solution.response @ solution.coefficients.node_weights).real.reshape(heights.shape)
    return 0.5 - _STEP * (heights * real).sum(axis=1) / np.pi


def bands(
    mixture: Mixture,
    sample_ratio: float,
    feature_ratio: float,
    *,
    threshold: float = 0.003,
    broadening: float | None = None,
    nodes: int = 48,
) -> tuple[Band, ...]:
    """Intervals where λ ρ(λ) exceeds ``threshold``, ascending, without atom and outliers (derived here).

    Edges are found on a logarithmic grid and refined to 1e-6; masses do not depend on threshold and
    ``broadening``, which is 1e-5 without centroids and 3e-4 with them. Below the largest S(h) the smeared
    atom is one band, as its shape there is that of the ``nodes``.

    Raises ValueError naming the argument, and ConvergenceError, also where the bands found do not hold all
    eigenvalues.

    >>> [round(band.mass, 6) for band in bands(Mixture((1.0,), (1.0,)), 4, 8)]
    [0.5, 0.125]
    """
    check_ratios(sample_ratio, feature_ratio)
    if not 0 < threshold < 1:
        raise ValueError(f"threshold: {threshold} given; it lies between 0 and 1")
    coefficients = feature_coefficients(mixture, nodes)
    floor = coefficients.noise_variance @ mixture.pi
    if broadening is not None and not 0 < broadening < 1:
        raise ValueError(f"broadening: {broadening} given; it lies between 0 and 1")
    if broadening is None:
        broadening = 1e-5 if floor.size == 1 else 3e-4
    arguments = (mixture, sample_ratio, feature_ratio)
    peak = atom(*arguments)

    def height(points: Floats) -> Floats:
        z = points * (1 + 1j * broadening)
        density = (solve(z, *arguments, nodes=nodes).response @ coefficients.node_weights).imag
        if peak.mass > 0:
            density = density - (peak.mass / (peak.place - z)).imag
        return points * density / np.pi - threshold

    top = 3 * _highest(*arguments)
    bottom = max(floor.min() / 2, 1e-9 * top)
    masses = np.zeros(0)
    for refinement in range(_REFINEMENTS):
        grid = np.geomspace(bottom, top, _GRID * 4**refinement)
        lower, upper = _crossings(grid, height)
        if floor.size > 1 and lower.size > 1:
            kept = lower[1:] >= floor.max()
            lower, upper = lower[np.r_[True, kept]], upper[np.r_[kept, True]]
        masses = _masses(lower, upper, peak, arguments, nodes)
        if abs(masses.sum() + peak.mass - 1) < _UNFOUND:
            return tuple(map(Band, lower.tolist(), upper.tolist(), masses.tolist()))
    raise ConvergenceError(
        f"bands hold {masses.sum():.4f} and the atom {peak.mass:.4f} of all eigenvalues: lower the threshold "
        f"({threshold}) or the broadening ({broadening})"
    )


def _crossings(grid: Floats, height) -> tuple[Floats, Floats]:
    """Refined places where ``height`` turns positive, and those where it turns negative."""
    inside = height(grid) > 0
    if inside[0] or inside[-1]:
        raise ConvergenceError(
            f"the density does not end between {grid[0]:.3g} and {grid[-1]:.3g}: raise the threshold"
        )
    place = np.flatnonzero(inside[1:] != inside[:-1])
    left, right = grid[place], grid[place + 1]
    share = np.linspace(0, 1, 33)
    while place.size and (right / left - 1).max() > 1e-7:
        finer = left[:, None] * (right / left)[:, None] ** share
        below = (height(finer.ravel()).reshape(finer.shape) > 0) == inside[place][:, None]
        below[:, 0], below[:, -1] = True, False
        step = np.argmin(below, axis=1)
        rows = np.arange(place.size)
        left, right = finer[rows, step - 1], finer[rows, step]
    edges = np.sqrt(left * right)
    return edges[~inside[place]], edges[inside[place]]


def _masses(lower: Floats, upper: Floats, peak: Atom, arguments: tuple, nodes: int) -> Floats:
    """Shares of the eigenvalues between points a little outside of the edges, the atom left out."""
    if not lower.size:
        return np.empty(0)
    margin = 1.02
    below, above = lower / margin, upper * margin
    tight = above[:-1] > below[1:]
    below[1:][tight] = above[:-1][tight] = np.sqrt(upper[:-1] * lower[1:])[tight]
    points = np.r_[below, above]
    masses = cumulative_mass(points, *arguments, nodes=nodes) - peak.mass * (points > peak.place)
    return masses[lower.size :] - masses[: lower.size]


def _descending_eigenvalues(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.eigvalsh(matrix)[::-1], dtype=np.float64)


def _overlaps(mixture: Mixture, which: int) -> Floats:
    """E_h[m_c m_c'] (``which`` = 0) or E_h[a_c a_c'] (1), by quadrature over pairs of fields."""
    gram = mixture.contraction**2 * mixture.gram
    result = np.empty_like(gram)
    for a in range(mixture.classes):
        fields, weights = _spread(np.zeros(1), gram[a, a])
        at_a = weights[0] * mean_and_gain(mixture, a, fields[0])[which]
        for b in range(a, mixture.classes):
            slope = gram[a, b] / gram[a, a] if gram[a, a] > 0 else 0.0
            others, shares = _spread(slope * fields[0], gram[b, b] - slope * gram[a, b])
            at_b = mean_and_gain(mixture, b, others.ravel())[which].reshape(others.shape)
            result[a, b] = result[b, a] = at_a @ (shares * at_b).sum(axis=1)
    return result


def _spread(means: Floats, variance: float) -> tuple[Floats, Floats]:
    """Points and weights (n, nodes) of averages over N(mean, variance); one point where there is no variance."""
    if variance <= 1e-12:
        return means[:, None], np.ones((means.size, 1))
    points, _, weights = normal_rule(means, float(np.sqrt(variance)))
    return points, weights


def _highest(mixture: Mixture, sample_ratio: float, feature_ratio: float) -> float:
    """An eigenvalue above all bulk: the largest terms of the covariance with room for their fluctuations."""
    coefficients = feature_coefficients(mixture)
    linear = coefficients.gain**2 @ (mixture.pi * mixture.total_variances)
    rooms = (1 + np.sqrt(feature_ratio)) ** 2 * (1 + 1 / np.sqrt(sample_ratio * mixture.pi.min())) ** 2
    variance = coefficients.sample_variance.max() * (1 + np.sqrt(feature_ratio / sample_ratio)) ** 2
    return float((coefficients.noise_variance @ mixture.pi).max() + variance + linear.max() * rooms)
