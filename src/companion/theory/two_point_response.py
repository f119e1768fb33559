"""Class-c losses of trained random features from resolvents at two arguments, by linear response.

Write R_i = (U - z_i)^-1, B_i = -Vᵀ R_i, and let V be that of loss weights w. The loss of class c
(arXiv:2605.06367's setting) is bilinear in B and needs, over training points or over the population,

    linear_c = (1/d) Tr Vᵀ R_1 V_c,      quadratic_c = (1/d) Tr Vᵀ R_1 U_c R_2 V.

linear_c = Δ (P w)_c follows from the self-consistent equations at one argument. quadratic_c = -Δ wᵀ P12 w
is their response (derived here): solve them for upper triangular 2 x 2 "resolvents" with z_1, z_2 on the
diagonal and U_c as source above it. What stands above the diagonal, X12 (K,) and the symmetric Q12 (K, K),
obeys linear equations, which are assembled and solved directly. With κ_jc = w_c (α_jc²/(1 + δ_c) + Δ) in data
direction j (one direction when classes are isotropic), L = (1 + κ Q)^-1, A = L κ and P = Q L,

    y_c    = t_c/((1 + δ_c¹)(1 + δ_c²)) - D_c X12_c,     D_c = w_c²/(π_c ψ_n (1 + δ_c¹)(1 + δ_c²))
    A12    = mean_j [ L¹ (α_j² y + Δ t) L²ᵀ - A¹ Q12 A² ]
    P12_j  = L¹ᵀ Q12 L² - P¹ (α_j² y + Δ t) P²
    R12(h) = -R¹ R² { Σ_c [ t_c s_c² + y_c v_c² ] + aᵀ A12 a }
    Q12    = ψ_p E_h[ a aᵀ R12 ],    X12_c = ψ_p E_h[ v_c² R12 ] + mean_j [ α_jc² (P12_j)_cc ]

where t is the unit vector of class c for its training loss; for its population loss the first term of y is
t_c itself, since a new point is not seen by the resolvents.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from companion.theory.feature_coefficients import FeatureCoefficients
from companion.theory.mixtures import Mixture

_LARGEST_BLOCK = 2_000_000  # numbers in the largest array while pairs are worked through in blocks

Array = NDArray[Any]  # float64 where all arguments are real, complex128 otherwise
Indices = NDArray[np.intp]


class Resolvents(NamedTuple):
    """What the response needs of the equations' solution at each argument z (Z,)."""

    delta: Array
    """δ (Z, K)."""
    overlap: Array
    """Q (Z, K, K)."""
    response: Array
    """R(h) (Z, fields)."""

    def with_conjugates(self) -> "Resolvents":
        """These, and behind them those at the conjugate arguments."""
        return Resolvents(*(np.concatenate([part, part.conj()]) for part in self))


class _Dressed(NamedTuple):
    """Matrices (Z, directions, K, K) of one argument, and L w, P w (Z, directions, K)."""

    L: Array
    A: Array
    P: Array
    Lw: Array
    Pw: Array


class TwoPointResponse:
    """The response of one mixture at ψ_n = ``sample_ratio``, ψ_p = ``feature_ratio``, loss weights w_c.

    Everything that does not depend on z is prepared here; ``quadratic`` is then vectorised over pairs of
    arguments and over all 2 K sources. ``class_weights`` (K,) are w_c; ``coefficients`` are on the field
    nodes on which the equations were solved.
    """

    def __init__(
        self,
        mixture: Mixture,
        sample_ratio: float,
        feature_ratio: float,
        class_weights: NDArray[np.float64],
        coefficients: FeatureCoefficients,
    ) -> None:
        found, classes = coefficients, mixture.classes
        self.weights = class_weights
        self.noise = mixture.noise_variance
        self.directions = mixture.direction_variances
        self._per_point = self.weights**2 / (mixture.pi * sample_ratio)
        self._row, self._column = np.triu_indices(classes)
        # Off-diagonal entries of symmetric matrices stand for two.
        self._doubled = np.where(self._row == self._column, 1.0, 2.0)
        gains = found.gain[:, self._row] * found.gain[:, self._column]
        features = np.concatenate([found.sample_variance, gains], axis=1)
        sources = np.concatenate([features, found.noise_variance], axis=1)
        self._size = features.shape[1]
        products = features[:, :, None] * sources[:, None, :]
        self._products = feature_ratio * found.node_weights[:, None] * products.reshape(len(products), -1)

    def quadratic(self, resolvents: Resolvents, first: Indices, second: Indices) -> tuple[Array, Array]:
        """(1/d) Tr Vᵀ R_1 U_c R_2 V of pairs of arguments: (pairs, K) of training points, then of the population.

        ``first`` and ``second`` (pairs,) index ``resolvents``. Symmetric under their exchange.
        """
        dressed = self._dress(resolvents)
        unknowns = len(self.directions) * self._size**2
        step = max(1, _LARGEST_BLOCK // max(unknowns, *self._products.shape))
        found = np.empty((2, len(first), len(self.weights)), dtype=resolvents.delta.dtype)
        for start in range(0, len(first), step):
            pairs = slice(start, start + step)
            found[:, pairs] = self._block(resolvents, dressed, first[pairs], second[pairs])
        return found[0], found[1]

    def _dress(self, resolvents: Resolvents) -> _Dressed:
        delta, overlap = resolvents.delta[:, None, :], resolvents.overlap[:, None]
        kappa = self.weights * (self.directions / (1 + delta) + self.noise)
        L = np.linalg.inv(np.eye(len(self.weights)) + kappa[..., :, None] * overlap)
        P = overlap @ L
        return _Dressed(L, L * kappa[..., None, :], P, L @ self.weights, P @ self.weights)

    def _block(self, resolvents: Resolvents, dressed: _Dressed, first: Indices, second: Indices) -> Array:
        """``quadratic`` of few pairs, (2, pairs, K); unknowns are X12, then the upper triangle q of Q12."""
        K = len(self.weights)
        variances, noise = self.directions, self.noise
        one = _Dressed(*(part[first] for part in dressed))
        two = _Dressed(*(part[second] for part in dressed))

        moments = self._moments(resolvents.response[first] * resolvents.response[second])
        by_v, by_q, by_noise = np.split(moments, [K, self._size], axis=2)

        # Derivatives of a feature-space quadratic form aᵀ A12 a by y (b_y), t (b_t) and q (c_q).
        diagonal = self._symmetric(one.L[:, :, :, None, :] * two.L[:, :, None, :, :])
        count = len(variances)
        b_y = np.einsum("pjsc,jc->psc", diagonal, variances) / count
        b_t = noise * diagonal.mean(axis=1)
        c_q = self._between(one.A, two.A)

        # X12 = r_v + b_yᵀ q - (paths) y - (paths) t, with r = -(moments) (v y + s t + b_y y + b_t t + c_q q).
        paths = one.P * two.P.swapaxes(2, 3)
        paths_y = np.einsum("pjab,ja,jb->pab", paths, variances, variances) / count
        paths_t = noise * np.einsum("pjab,ja->pab", paths, variances) / count
        response_y = by_v + by_q @ b_y
        response_t = by_noise + by_q @ b_t
        response_y[:, :K] += paths_y
        response_t[:, :K] += paths_t

        seen = 1 / ((1 + resolvents.delta[first]) * (1 + resolvents.delta[second]))
        damping = self._per_point * seen
        system = np.concatenate([-response_y * damping[:, None, :], by_q @ c_q], axis=2)
        system += np.eye(self._size)
        system[:, :K, K:] -= b_y.swapaxes(1, 2)
        # The first K right-hand sides are the training sources, the last K those of the population.
        start = np.concatenate(
            [seen[:, :, None] * np.eye(K), np.broadcast_to(np.eye(K), (len(first), K, K))], 2
        )
        given = -response_y @ start - np.tile(response_t, 2)
        solution = np.linalg.solve(system, given)

        y = start - damping[:, :, None] * solution[:, :K]
        ends = self._symmetric((one.Lw[:, :, :, None] * two.Lw[:, :, None, :])[..., None]).mean(axis=1)[
            ..., 0
        ]
        weighted = one.Pw * two.Pw
        total = np.einsum("ps,psn->pn", ends, solution[:, K:])
        total -= np.einsum("pjc,jc,pcn->pn", weighted, variances, y) / count
        total -= np.tile(noise * weighted.mean(axis=1), 2)
        return -noise * total.reshape(len(first), 2, K).swapaxes(0, 1)

    def _moments(self, products: Array) -> Array:
        """ψ_p E_h[Φ_m Ψ_n R¹ R²] (pairs, m, n): Φ = (v², a aᵀ), Ψ = (v², a aᵀ, s²)."""
        if np.iscomplexobj(products):
            found = np.real(products) @ self._products + 1j * (np.imag(products) @ self._products)
        else:
            found = products @ self._products
        return found.reshape(len(products), self._size, -1)

    def _symmetric(self, matrices: Array) -> Array:
        """(…, a, b, c) to its symmetric part's upper triangle in a, b, off-diagonal entries doubled."""
        upper, lower = matrices[:, :, self._row, self._column], matrices[:, :, self._column, self._row]
        return (self._doubled / 2)[:, None] * (upper + lower)

    def _between(self, one: Array, two: Array) -> Array:
        """-mean_j A¹ E A² of symmetric unit matrices E, seen by symmetric ones (pairs, triangle, triangle)."""
        row, column = self._row, self._column
        a, b = np.ix_(row, row), np.ix_(column, column)
        c, d = np.ix_(row, column), np.ix_(column, row)

        def corner(ends: tuple, other: tuple) -> Array:
            return np.einsum("pjmn,pjmn->pmn", one[:, :, *ends], two[:, :, *other])

        total = corner(a, b) + corner(b, a) + corner(c, d) + corner(d, c)
        return -np.multiply.outer(self._doubled, self._doubled) / (4 * one.shape[1]) * total
