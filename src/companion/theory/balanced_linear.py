"""Balanced two-layer linear networks, Λ = λ 1: starts, and training in closed form (arXiv:2503.02526, 2409.14623).

Here λ > 0 makes the first layer the larger one; arXiv:2409.14623 has the opposite sign. All neurons share λ, so that
their basis stays free: W₁ → R W₁, W₂ → W₂ Rᵀ is another start with the same input-output map at all times.
"""

import numpy as np
from numpy.typing import ArrayLike

from companion.theory.deep_linear import (
    Floats,
    check_rates,
    checked_layers,
    checked_target,
    checked_times,
    imbalance,
    transposed,
)

#: A start counts as balanced when Λ differs from λ times the identity by less, relative to all squared weights.
_ROUNDING = 1e-9

#: A mode of which the start holds a smaller share than this is absent from it: rounding of the eigenvectors.
_ABSENT = 1e-14


def balanced_start(
    common: ArrayLike,
    size: float,
    shape: tuple[int, int, int],
    generator: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Weights (..., K, D) and (..., P, K) with Λ = λ 1 for every λ of ``common`` (...), rates being 1.

    ``shape`` is (P, K, D). W₂ W₁ has the singular value ``size`` in min(P, K, D) modes; its input and output
    directions and the rotation of the neurons are drawn once and serve every λ: W₁ = R s₁ Vᵀ, W₂ = U s₂ Rᵀ with
    s₁² = (λ + √(λ² + 4 size²))/2 and s₂² = s₁² - λ (arXiv:2409.14623). Raises ValueError for K > D with a positive λ,
    K > P with a negative one (no such weights exist), and a size that is negative.
    """
    outputs, neurons, inputs = shape
    values = np.asarray(common, dtype=np.float64)
    if min(shape) < 1:
        raise ValueError(f"shape: {shape} given; allowed are three numbers (P, K, D) of at least 1")
    if not (np.isfinite(size) and size >= 0):
        raise ValueError(f"size: {size} given; allowed: a finite number >= 0")
    if not np.isfinite(values).all():
        raise ValueError("common: a value that is not finite given; allowed are finite numbers")
    for sign, limit, layer in ((1, inputs, "inputs D"), (-1, outputs, "outputs P")):
        if neurons > limit and (sign * values > 0).any():
            raise ValueError(
                f"common: {values[sign * values > 0].flat[0]:g} given for K = {neurons} neurons; "
                f"allowed is that sign only up to as many as {layer} = {limit}"
            )
    rotation, left, right = (
        np.linalg.qr(generator.standard_normal((count, count)))[0] for count in (neurons, outputs, inputs)
    )
    modes = np.arange(neurons) < min(shape)
    product = np.where(modes, size, 0.0)
    absolute = np.abs(values)[..., None]
    large = np.sqrt((absolute + np.hypot(absolute, 2 * product)) / 2)
    small = np.divide(product, large, out=np.zeros_like(large), where=large > 0)
    upstream = values[..., None] > 0
    s1, s2 = np.where(upstream, large, small), np.where(upstream, small, large)
    kept = min(neurons, inputs)
    first = (rotation[:, :kept] * s1[..., None, :kept]) @ right.T[:kept]
    kept = min(neurons, outputs)
    second = left[:, :kept] @ transposed(rotation[:, :kept] * s2[..., None, :kept])
    return first, second


def balanced_solution(
    first: ArrayLike,
    second: ArrayLike,
    target: ArrayLike,
    times: ArrayLike,
    *,
    first_rate: float = 1.0,
    second_rate: float = 1.0,
) -> Floats:
    """Gram matrix Q Qᵀ (..., n, D + P, D + P) of Q = [W₁ᵀ; W₂] at ``times`` (n,), from balanced starts.

    ``first`` (..., K, D), ``second`` (..., P, K), ``target`` (..., P, D); times in units of one over the learning rate.
    Q Qᵀ solves the Riccati equation d(QQᵀ)/dt = F QQᵀ + QQᵀ F - (QQᵀ)², F = [[λ/2, Σᵀ], [Σ, -λ/2]], with the solution

        QQᵀ = e^Ft Q₀ [1 + Q₀ᵀ G Q₀]⁻¹ Q₀ᵀ e^Ft,    G = ∫₀ᵗ e^2Fs ds    (arXiv:2409.14623; rates enter by units).

    One eigendecomposition of F serves all times: G has eigenvalues (e^2ft - 1)/2f, t at f = 0. `network_map` takes
    W₂ W₁ out. Raises ValueError for starts that are not balanced, naming one, and bad shapes, times or rates.
    """
    w, h = checked_layers(first, second)
    moments = checked_times(times)
    goal = checked_target(target, w, h)
    check_rates(first_rate, second_rate)
    common = _common_imbalance(w, h, first_rate, second_rate)
    units = np.sqrt(np.repeat([first_rate, second_rate], [w.shape[-1], h.shape[-2]]))
    product = first_rate * second_rate
    stacked = np.concatenate([transposed(w), h], axis=-2) / units[:, None]
    rates, vectors = np.linalg.eigh(_generator(common, goal / np.sqrt(product)))
    parts = transposed(vectors) @ stacked
    sizes = np.linalg.norm(parts, axis=-1)
    # A mode that the start does not hold never comes in; it goes last, where it disturbs no order.
    held = sizes > _ABSENT * sizes.max(axis=-1, keepdims=True)
    order = np.argsort(np.where(held, -rates, np.inf), axis=-1, kind="stable")
    rates = np.take_along_axis(rates, order, axis=-1)
    parts = np.take_along_axis(parts * held[..., None], order[..., None], axis=-2)
    vectors = np.take_along_axis(
        np.broadcast_to(vectors, (*parts.shape[:-1], parts.shape[-2])), order[..., None, :], axis=-1
    )
    weights = units[:, None] * (vectors[..., None, :, :] @ _grown(rates, parts, product * moments))
    return weights @ transposed(weights)


def network_map(gram: Floats, inputs: int) -> Floats:
    """W₂ W₁ (..., P, D) out of Q Qᵀ (..., D + P, D + P), D being the number of ``inputs``."""
    return gram[..., inputs:, :inputs]


def _generator(common: Floats, target: Floats) -> Floats:
    """F (..., D + P, D + P) of imbalances (...) and targets (..., P, D)."""
    outputs, inputs = target.shape[-2:]
    matrix = np.zeros(
        (*np.broadcast_shapes(common.shape, target.shape[:-2]), inputs + outputs, inputs + outputs)
    )
    matrix[..., inputs:, :inputs] = target
    matrix[..., :inputs, inputs:] = transposed(target)
    places = np.arange(inputs + outputs)
    matrix[..., places, places] = 0.5 * common[..., None] * np.where(places < inputs, 1.0, -1.0)
    return matrix


def _grown(rates: Floats, parts: Floats, times: Floats) -> Floats:
    """e^Ft X C⁻ᵀ (..., n, N, K) in the eigenbasis, C Cᵀ = 1 + Xᵀ G X, of ``rates`` f (..., N), ``parts`` X (..., N, K).

    The rates fall from mode to mode, and the plain formula loses the slow ones behind the fast. Rotated so that X is
    lower triangular, column j holds no faster mode than the j-th; with each column's size taken out, what is left to
    invert is well conditioned at all times and nothing overflows.
    """
    upper = np.asarray(np.linalg.qr(transposed(parts), mode="r"), dtype=np.float64)
    triangle = transposed(upper)[..., None, :, :]
    f, t = rates[..., None, :, None], times[:, None, None]
    with np.errstate(divide="ignore"):
        exponent = np.maximum(f, 0.0) * t + np.log(np.abs(triangle))
    taken = np.maximum(exponent.max(axis=-2, keepdims=True), 0.0)
    scaled = np.sign(triangle) * np.exp(exponent - taken)
    # G's eigenvalues without the factor e^{2 max(f, 0) t}, which is in `scaled` already.
    spread = np.where(f != 0, -np.expm1(-2 * np.abs(f) * t) / np.where(f != 0, 2 * np.abs(f), 1.0), t)
    identity = np.exp(-2 * taken) * np.eye(triangle.shape[-1])
    factor = np.linalg.cholesky(identity + transposed(scaled) @ (spread * scaled))
    final = np.exp(np.minimum(f, 0.0) * t) * scaled
    return transposed(np.linalg.solve(factor, transposed(final)))


def _common_imbalance(w: Floats, h: Floats, first_rate: float, second_rate: float) -> Floats:
    """λ of balanced starts (...)."""
    conserved = imbalance(w, h, first_rate=first_rate, second_rate=second_rate)
    common = np.trace(conserved, axis1=-2, axis2=-1) / conserved.shape[-1]
    off = np.abs(conserved - common[..., None, None] * np.eye(conserved.shape[-1])).max(axis=(-2, -1))
    sizes = (w**2).sum(axis=(-2, -1)) / first_rate + (h**2).sum(axis=(-2, -1)) / second_rate
    if not (off <= _ROUNDING * sizes).all():
        worst = int(np.argmax(off / np.where(sizes > 0, sizes, 1.0)))
        raise ValueError(
            f"first, second: start {worst} differs from balance by {off.flat[worst]:.3g}; allowed are weights with "
            "W₁ W₁ᵀ/e₁ - W₂ᵀ W₂/e₂ proportional to the identity, as balanced_start makes them"
        )
    return common
