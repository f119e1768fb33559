"""Order of learning in the simplest limit: many features, endless data (derived here, for arXiv:2605.06367).

For ψ_p >> 1 and n = infinity the trained score acts inside class c, around its centroid, as x -> -θ_c x, and
gradient flow in the eigen-time T becomes K linear equations

    dθ/dT = ψ_p N diag(w) (√Δ 1 - Γ² ∘ θ),      N_cc' = E_h[a_c a_c'],      θ(0) = 0,

with losses L_c = L*_c + (Δ/Γ_c²) r_c², where r_c = 1 - θ_c/θ*_c, θ*_c = √Δ/Γ_c². They are solved exactly by
the eigenvectors of diag(D)^½ N diag(D)^½, D_c = ψ_p w_c Γ_c². Anisotropic classes have one such system for each
data direction, all with the same N.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.feature_coefficients import activation_function, gaussian_moments
from companion.theory.mixtures import Mixture

Floats = NDArray[np.float64]

_REACH, _NODES = 9.0, 64
# A class without weight is learned from the others; symmetrising needs something positive.
_LEAST_WEIGHT = 1e-13
_MOMENTS, _BISECTIONS = 257, 60


class ReducedModel:
    """The reduced model of one mixture or of many at once (C of them), for phase diagrams.

    ``mixtures`` have equally many classes K and directions; ``feature_ratio`` ψ_p is one number or one for each;
    ``class_weights`` (K,) or (C, K) are the loss weights w_c, the class shares if not given.
    Raises ValueError for mixtures that do not stack, ψ_p <= 0, or unsuitable weights.
    """

    def __init__(
        self,
        mixtures: Mixture | Sequence[Mixture],
        feature_ratio: ArrayLike,
        *,
        class_weights: ArrayLike | None = None,
    ) -> None:
        given = [mixtures] if isinstance(mixtures, Mixture) else list(mixtures)
        shapes = {mixture.direction_variances.shape for mixture in given}
        if len(shapes) != 1:
            raise ValueError(
                "mixtures: allowed is at least one, all with equally many classes and directions"
            )
        ratio = np.broadcast_to(np.asarray(feature_ratio, dtype=np.float64), (len(given),))
        if not (np.isfinite(ratio) & (ratio > 0)).all():
            raise ValueError(f"feature_ratio: {feature_ratio!r} given; it is positive and finite")
        noise = np.array([mixture.noise_variance for mixture in given])[:, None, None]
        variances = np.stack([mixture.direction_variances for mixture in given]) + noise
        weights = _weights(class_weights, given)[:, None, :]
        overlaps = np.stack([gain_overlaps(mixture) for mixture in given])[:, None]
        self.bayes_losses = np.stack([mixture.bayes_losses for mixture in given])
        self._reducible = noise / variances
        rates = ratio[:, None, None] * np.maximum(weights, _LEAST_WEIGHT) * variances
        root = np.sqrt(rates)
        self._rates, modes = np.linalg.eigh(root[..., :, None] * overlaps * root[..., None, :])
        # Collinear profiles leave modes that never relax.
        self._rates[self._rates < 1e-13 * self._rates.max(axis=-1, keepdims=True)] = 0.0
        # r(T)_c = Σ_k share_ck e^(-rate_k T), from θ*_c e^... with θ* ~ 1/Γ².
        start = np.einsum("cjak,cja->cjk", modes, root / variances)
        self._shares = modes * start[..., None, :] * (variances / root)[..., :, None]

    def losses(self, times: ArrayLike) -> Floats:
        """L_c(T) at eigen-times T (times,), (C, times, K); inf gives what is reached in the end."""
        moments = _checked_times(times)
        return self._losses(np.broadcast_to(moments, (len(self.bayes_losses), moments.size)))

    def passage_times(self, share: float = 0.5) -> Floats:
        """First T at which 1 - L_c reaches ``share`` of 1 - L*_c, (C, K); inf where it never does."""
        if not 0 < share < 1:
            raise ValueError(f"share: {share} given; it lies between 0 and 1")
        fastest = self._rates.max(axis=(1, 2))
        times = np.geomspace(1e-4, 1e8, _MOMENTS) / fastest[:, None]
        goal = (1 - share * (1 - self.bayes_losses))[:, None, :]
        below = self._losses(times) <= goal
        after = below.argmax(axis=1)
        low = np.log(np.take_along_axis(times, np.maximum(after - 1, 0), axis=1))
        high = np.log(np.take_along_axis(times, after, axis=1))
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            # Each class has a time of its own: the diagonal of losses at all classes' times.
            reached = np.einsum("ckk->ck", self._losses(np.exp(middle))) <= goal[:, 0]
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        return np.where(below.any(axis=1), np.exp(high), np.inf)

    def _losses(self, times: Floats) -> Floats:
        """Losses at ``times`` (C, moments), (C, moments, K)."""
        still = self._rates[:, :, None, :] == 0.0
        ages = np.where(still, 0.0, times[:, None, :, None])
        decay = np.exp(-self._rates[:, :, None, :] * ages)
        deviation = np.einsum("cjtk,cjak->cjta", decay, self._shares)
        return self.bayes_losses[:, None, :] + (self._reducible[:, :, None, :] * deviation**2).mean(axis=1)


def reduced_losses(
    times: ArrayLike, mixture: Mixture, feature_ratio: float, *, class_weights: ArrayLike | None = None
) -> Floats:
    """L_c(T) of the reduced model, (len(times), K), training and test alike; see `ReducedModel`.

    >>> reduced_losses([0.0, 0.1], Mixture((1.0,), (1.0,)), 16).round(4).tolist()
    [[1.0], [0.8748]]
    """
    return ReducedModel(mixture, feature_ratio, class_weights=class_weights).losses(times)[0]


def passage_times(
    mixture: Mixture, feature_ratio: float, share: float = 0.5, *, class_weights: ArrayLike | None = None
) -> Floats:
    """Eigen-time at which each class has gained ``share`` of its reducible loss, (K,); see `ReducedModel`."""
    return ReducedModel(mixture, feature_ratio, class_weights=class_weights).passage_times(share)[0]


def gain_overlaps(mixture: Mixture) -> Floats:
    """N_cc' = E_h[a_c a_c'], (K, K): how alike the features' linear responses to two classes are.

    With (X, Y) normal, Var X = M̃_cc + Γ_c², Var Y likewise and Cov = M̃_cc' (M̃ = e^-2t M), it is E[σ'(X) σ'(Y)]:
    given the first field x √M̃_cc, both factors are single Gaussian averages. Accurate to about 1e-10.

    >>> float(gain_overlaps(Mixture((1.0,), (1.0,)))[0, 0].round(6))  # a² of one class
    0.366879
    """
    fields = mixture.contraction**2 * mixture.gram
    variances = mixture.total_variances
    classes = range(mixture.classes)
    found = np.empty_like(fields)
    for a in classes:
        for b in range(a + 1):
            found[a, b] = found[b, a] = _overlap(
                mixture.activation, variances[a], variances[b], fields[a, a], fields[a, b], fields[b, b]
            )
    return found


@lru_cache(maxsize=16384)
def _overlap(
    activation: str | Callable[[Any], Any],
    variance: float,
    other_variance: float,
    square: float,
    product: float,
    other_square: float,
) -> float:
    """E[σ'(X) σ'(Y)], given what the two have on their own and the covariance matrix of their fields."""
    sigma = activation_function(activation)
    if square == 0.0:
        nodes, weights, slope = np.zeros(1), np.ones(1), 0.0
    else:
        nodes, weights = _normal_nodes()
        nodes, slope = math.sqrt(square) * nodes, product / square
    rest = max(other_square - slope * product, 0.0) + other_variance
    one = gaussian_moments(sigma, nodes, math.sqrt(variance))[1]
    two = gaussian_moments(sigma, slope * nodes, math.sqrt(rest))[1]
    return float(weights @ (one * two))


@lru_cache(maxsize=1)
def _normal_nodes() -> tuple[Floats, Floats]:
    """Nodes and weights of averages over N(0, 1): Gauss-Legendre on either side of zero, dense near it."""
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    half = _REACH * ((points + 1) / 2) ** 2
    density = _REACH * weights * (points + 1) / 2 * np.exp(-(half**2) / 2) / math.sqrt(2 * math.pi)
    return np.concatenate([-half, half]), np.concatenate([density, density])


def _weights(class_weights: ArrayLike | None, mixtures: list[Mixture]) -> Floats:
    shares = np.stack([mixture.pi for mixture in mixtures])
    if class_weights is None:
        return shares
    weights = np.asarray(class_weights, dtype=np.float64)
    if weights.shape not in (shares.shape, shares.shape[1:]) or not np.isfinite(weights).all():
        raise ValueError(f"class_weights: shape {weights.shape} given; allowed is one number for each class")
    if (weights < 0).any() or not (weights.sum(axis=-1) > 0).all():
        raise ValueError("class_weights: they are not negative, and one is positive")
    return np.broadcast_to(weights, shares.shape)


def _checked_times(times: ArrayLike) -> Floats:
    moments = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if moments.ndim != 1 or np.isnan(moments).any() or (moments < 0).any():
        raise ValueError(f"times: {times!r} given; they are a list of numbers that are not negative")
    return moments
