"""Hermite coefficients of an activation under Gaussian preactivations, by quadrature in one dimension.

For a preactivation h + s g with g ~ N(0, 1) they are c_k = E[σ(h + s g) He_k(g)] / √k! with the probabilists'
polynomials He_k; E[σ(h + s g)²] = Σ_k c_k². By Mehler's formula two preactivations with noises of
correlation ρ have E[σ σ'] = Σ_k ρ^k c_k c'_k.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from companion.theory.feature_coefficients import activation_function
from companion.theory.mixtures import ACTIVATIONS

Floats = NDArray[np.float64]
Activation = str | Callable[[Any], Any]

#: He_k and the normal density are below 1e-15 outside ±_REACH for k <= 8.
_REACH = 10.0
_BLOCK = 1 << 19


class Expansion(NamedTuple):
    """Coefficients c_k, (order + 1, ...), and E[σ²], (...), of preactivations h + s g."""

    coefficients: Floats
    second_moment: Floats


def checked_activation(activation: Activation) -> Callable[[Any], Any]:
    """The vectorised function of a name known to ``Mixture``, or the given function itself.

    Raises ValueError for any other name.
    """
    if not callable(activation) and activation not in ACTIVATIONS:
        raise ValueError(
            f"activation: {activation!r} given; allowed are {', '.join(ACTIVATIONS)} or a vectorised function"
        )
    return activation_function(activation)


def hermite_expansion(
    fields: ArrayLike, deviations: ArrayLike, activation: Activation = "tanh", order: int = 4
) -> Expansion:
    """c_0 ... c_order and E[σ²] of σ(h + s g), elementwise for ``fields`` h and ``deviations`` s > 0.

    ReLU is in closed form. tanh and erf take the trapezoidal rule, whose error falls geometrically
    (below 1e-14 for s <= 8); functions given by the user take Gauss-Legendre panels that meet at
    h + s g = 0, so that they may have a kink or a jump there but nowhere else.

    Raises ValueError for deviations that are not positive, fields that are not finite, a negative order.

    >>> hermite_expansion(0.0, 1.0).coefficients[[1, 3]].round(6).tolist()  # the others vanish at h = 0
    [0.605706, -0.148437]
    """
    if order < 0:
        raise ValueError(f"order: {order} given; it is at least 0")
    h, s = np.broadcast_arrays(np.asarray(fields, dtype=np.float64), np.asarray(deviations, dtype=np.float64))
    if not np.isfinite(h).all():
        raise ValueError("fields: not all are finite")
    if not (np.isfinite(s).all() and (s > 0).all()):
        raise ValueError("deviations: not all are positive and finite")
    coefficients, second = np.empty((order + 1, h.size)), np.empty(h.size)
    flat_h, flat_s = h.ravel(), s.ravel()
    function = checked_activation(activation)
    if activation == "relu":
        _expand_relu(flat_h, flat_s, coefficients, second)
    elif activation in ("tanh", "erf"):
        _expand_smooth(flat_h, flat_s, function, coefficients, second)
    else:
        _expand_broken(flat_h, flat_s, function, coefficients, second)
    return Expansion(coefficients.reshape(order + 1, *h.shape), second.reshape(h.shape))


def normalised_hermite(points: NDArray[Any], order: int) -> Floats:
    """He_k(points)/√k! for k = 0 ... order, as (order + 1, ...)."""
    values = np.ones((order + 1, *points.shape))
    for k in range(order):
        before = math.sqrt(k) * values[k - 1] if k else 0.0
        values[k + 1] = (points * values[k] - before) / math.sqrt(k + 1)
    return values


def _expand_relu(h: Floats, s: Floats, coefficients: Floats, second: Floats) -> None:
    x = h / s
    below, density = ndtr(x), np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    order = len(coefficients) - 1
    coefficients[0] = h * below + s * density
    if order >= 1:
        coefficients[1] = s * below
    hermite = normalised_hermite(x, max(order - 2, 0))
    for k in range(2, order + 1):
        # c_k = s^k d^k c_0/dh^k / √k!, and He_{k-2} comes divided by √(k-2)!.
        coefficients[k] = (-1) ** k * s * density * hermite[k - 2] / math.sqrt(k * (k - 1))
    second[:] = (h * h + s * s) * below + h * s * density


def _expand_smooth(
    h: Floats, s: Floats, function: Callable[[Any], Any], coefficients: Floats, second: Floats
) -> None:
    # The nearest poles of tanh(h + s g) are at a distance π/2s from the real axis.
    step = 0.25 / max(1.0, float(s.max(initial=1.0)))
    half = math.ceil(_REACH / step)
    nodes = step * np.arange(-half, half + 1)
    weights = step * np.exp(-0.5 * nodes**2) / math.sqrt(2 * math.pi)
    matrix = (normalised_hermite(nodes, len(coefficients) - 1) * weights).T
    for part in _blocks(h.size, nodes.size):
        values = function(h[part, None] + s[part, None] * nodes)
        coefficients[:, part] = (values @ matrix).T
        second[part] = np.square(values) @ weights


def _expand_broken(
    h: Floats, s: Floats, function: Callable[[Any], Any], coefficients: Floats, second: Floats
) -> None:
    panels = math.ceil(_REACH * max(1.0, float(s.max(initial=1.0))))
    roots, root_weights = np.polynomial.legendre.leggauss(12)
    shares = ((np.arange(panels)[:, None] + 0.5 * (roots + 1)) / panels).ravel()
    share_weights = np.tile(0.5 * root_weights / panels, panels)
    for part in _blocks(h.size, 2 * shares.size):
        middle = np.clip(-h[part] / s[part], -_REACH, _REACH)[:, None]
        nodes = np.hstack([-_REACH + (middle + _REACH) * shares, middle + (_REACH - middle) * shares])
        weights = np.hstack([(middle + _REACH) * share_weights, (_REACH - middle) * share_weights])
        weights *= np.exp(-0.5 * nodes**2) / math.sqrt(2 * math.pi)
        values = np.asarray(function(h[part, None] + s[part, None] * nodes), dtype=np.float64)
        weights *= values
        before, hermite = nodes, np.ones_like(nodes)
        for k in range(len(coefficients)):
            coefficients[k, part] = np.einsum("ij,ij->i", weights, hermite)
            before, hermite = hermite, (nodes * hermite - math.sqrt(k) * before) / math.sqrt(k + 1)
        second[part] = np.einsum("ij,ij->i", weights, values)


def _blocks(size: int, nodes: int) -> list[slice]:
    length = max(1, _BLOCK // nodes)
    return [slice(start, start + length) for start in range(0, size, length)]
