"""Hermite coefficients of very many fields: tabulated once, then piecewise polynomials in (h, s).

The coefficients c_k(h; s) of ``feature_hermite`` are smooth in the field h and in the deviation s of
its noise. Panels in h and Chebyshev nodes in s are refined until an independent check agrees to 1e-12.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from companion.models.feature_hermite import Activation, Expansion, Floats, hermite_expansion
from companion.models.feature_table_kernels import LANES, evaluate_rows

TOLERANCE = 1e-12
_DEGREE = 11
_WIDEST, _NARROWEST = 0.5, 1.0 / 32
_FIELD_GRAIN, _DEVIATION_GRAIN = 4.0, 0.1


@dataclass(frozen=True, eq=False)
class HermiteTable:
    """Monomials (groups, nodes, panels, degree + 1, lanes) of c_0 ... c_order and E[σ²] on panels of the field."""

    order: int
    lowest: float
    panels_per_unit: float
    deviation_nodes: Floats
    monomials: Floats

    def expand(self, fields: Floats, deviations: Floats) -> Expansion:
        """Coefficients (order + 1, p, m) and second moments (p, m) for ``fields`` (p, m), ``deviations`` (p,)."""
        mixing = _lagrange(deviations, self.deviation_nodes)
        out = np.empty((len(self.monomials) * LANES, *fields.shape))
        evaluate_rows(fields, mixing, self.monomials, self.lowest, self.panels_per_unit, out)
        return Expansion(out[: self.order + 1], out[self.order + 1])


def expand_rows(fields: Floats, deviations: Floats, activation: Activation, order: int) -> Expansion:
    """``hermite_expansion`` of ``fields`` (p, m) with one deviation for each row, (p,), to 1e-12 of its size.

    About 20 ns for each field once the table of its range exists (10-100 ms, kept for the next call);
    few fields, or functions too rough for a table, are expanded directly.
    """
    fields = np.ascontiguousarray(fields, dtype=np.float64)
    if fields.size >= 1 << 14:
        low, high = _rounded(float(fields.min()), float(fields.max()), _FIELD_GRAIN)
        logs = _rounded(math.log(deviations.min()), math.log(deviations.max()), _DEVIATION_GRAIN)
        if np.ptp(deviations) <= 1e-12 * deviations.max():
            logs = (math.log(deviations[0]),) * 2
        table = _table(activation, order, low, high, *logs)
        if table is not None:
            return table.expand(fields, deviations)
    return hermite_expansion(fields, deviations[:, None], activation, order)


def _rounded(low: float, high: float, grain: float) -> tuple[float, float]:
    """The range widened to multiples of ``grain``, so that data sets alike share their table."""
    return grain * math.floor(low / grain), grain * max(math.ceil(high / grain), math.floor(low / grain) + 1)


@lru_cache(maxsize=32)
def _table(
    activation: Activation, order: int, low: float, high: float, log_least: float, log_most: float
) -> HermiteTable | None:
    least, most = math.exp(log_least), math.exp(log_most)
    nodes = _deviation_nodes(activation, order, low, high, least, most)
    width = _WIDEST
    while activation not in ("tanh", "erf") and width > max(1.5 * least, _NARROWEST):
        width /= 2  # with a kink, only the noise makes the coefficients smooth
    while nodes is not None and width >= _NARROWEST:
        edges = low + width * np.arange(math.ceil((high - low) / width - 1e-9))
        monomials = np.stack([_monomials(activation, order, edges, width, s) for s in nodes])
        table = HermiteTable(order, low, 1.0 / width, nodes, _grouped(monomials))
        if _agrees(table, activation, high):
            return table
        width /= 2
    return None


def _deviation_nodes(
    activation: Activation, order: int, low: float, high: float, least: float, most: float
) -> Floats | None:
    """Chebyshev nodes in s that interpolate between ``least`` and ``most`` at a few hundred fields."""
    if most == least:
        return np.array([least])
    fields = np.linspace(low, high, 301)[:, None]
    between = least + (most - least) * np.array([0.003, 0.31, 0.77, 0.998])
    wanted = _functions(activation, order, fields, between)
    for count in range(6, 25, 2):
        nodes = 0.5 * (least + most) + 0.5 * (most - least) * _chebyshev_points(count)
        found = _functions(activation, order, fields, nodes) @ _lagrange(between, nodes).T
        if (np.abs(found - wanted) <= 0.3 * TOLERANCE * _sizes(wanted)).all():
            return nodes
    return None


def _agrees(table: HermiteTable, activation: Activation, high: float) -> bool:
    """Whether the table meets the quadrature in the middle third and at the ends of every panel."""
    width = 1.0 / table.panels_per_unit
    edges = np.arange(table.lowest, high - 0.5 * width, width)
    fields = (edges[:, None] + width * np.array([0.001, 0.4, 0.63, 0.999])).reshape(1, -1)
    ends = table.deviation_nodes[[0, -1]]
    middle = 0.37 * ends[0] + 0.63 * ends[1]
    for deviation in {float(ends.min()), float(middle)}:
        found = np.concatenate(_stackable(table.expand(fields, np.array([deviation]))))
        wanted = _functions(activation, table.order, fields, np.array([deviation]))
        if not (np.abs(found - wanted) <= TOLERANCE * _sizes(wanted)).all():
            return False
    return True


def _sizes(functions: Floats) -> Floats:
    """Largest absolute value of each function, at least one, to compare errors with."""
    return np.maximum(1.0, np.abs(functions).max(axis=(1, 2), keepdims=True))


def _functions(activation: Activation, order: int, fields: Floats, deviations: Floats) -> Floats:
    """c_0 ... c_order and E[σ²], stacked: (order + 2, ...)."""
    return np.concatenate(_stackable(hermite_expansion(fields, deviations, activation, order)))


def _stackable(expansion: Expansion) -> tuple[Floats, Floats]:
    return expansion.coefficients, expansion.second_moment[None]


def _monomials(
    activation: Activation, order: int, edges: NDArray[Any], width: float, deviation: float
) -> Floats:
    """Coefficients of the powers of t in [-1, 1], (panels, degree + 1, order + 2), at one deviation."""
    fields = edges[:, None] + 0.5 * width * (_chebyshev_points(_DEGREE + 1) + 1)
    values = _functions(activation, order, fields, np.array(deviation))
    return np.moveaxis(values @ _values_to_powers(), 0, -1)


@lru_cache(maxsize=1)
def _values_to_powers() -> Floats:
    """From values at the Chebyshev points of a panel to coefficients of powers, by Chebyshev coefficients."""
    to_chebyshev = np.linalg.inv(chebyshev.chebvander(_chebyshev_points(_DEGREE + 1), _DEGREE))
    to_powers = np.zeros((_DEGREE + 1, _DEGREE + 1))
    for k, unit in enumerate(np.eye(_DEGREE + 1)):
        to_powers[k, : k + 1] = chebyshev.cheb2poly(unit[: k + 1])
    return to_chebyshev.T @ to_powers


def _grouped(monomials: Floats) -> Floats:
    """From (nodes, panels, terms, functions) to groups of LANES functions, padded with zeros."""
    functions = monomials.shape[-1]
    groups = -(-functions // LANES)
    padded = np.pad(monomials, [(0, 0)] * 3 + [(0, groups * LANES - functions)])
    return np.ascontiguousarray(np.moveaxis(padded.reshape(*monomials.shape[:3], groups, LANES), 3, 0))


def _chebyshev_points(count: int) -> Floats:
    return np.cos(math.pi * (np.arange(count) + 0.5) / count)


def _lagrange(points: Floats, nodes: Floats) -> Floats:
    """Weights of Chebyshev nodes in the interpolation at each point, (points, nodes)."""
    if nodes.size == 1:
        return np.ones((points.size, 1))
    centre, half = 0.5 * (nodes[0] + nodes[-1]), 0.5 * abs(nodes[0] - nodes[-1])
    half /= math.cos(0.5 * math.pi / nodes.size)
    basis = np.linalg.inv(chebyshev.chebvander(_chebyshev_points(nodes.size), nodes.size - 1))
    return chebyshev.chebvander((points - centre) / half, nodes.size - 1) @ basis
