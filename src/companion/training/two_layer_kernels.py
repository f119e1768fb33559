"""Compiled gradient of two-layer students of any activation, one run per lane of a register.

Students and teachers stand in one array ``rows`` (K + M, D, lanes) and ``factors`` (K + M, lanes) is
their second layer, -1 for teachers: L = 1/2 Σ_ij c_i c_j κ(w_i, w_j), with κ and its derivatives as in
``companion.theory.two_layer``. No operation mixes lanes, so that a run's bits do not depend on its
neighbours.
"""

import math

from companion.compute.compiled import compiled
from companion.theory.lanes import (
    load,
    multiply_add,
    sine_and_overlap_probability,
    square_root,
    store,
)
from companion.training.lane_rows import combination, products


@compiled()
def _covariance(squares, product, g, erf, gain, beta):
    """∂κ/∂g, 2 ∂κ/∂|a|² times the square of a's length, and κ; a length squared is 1 + |a|² for erf."""
    s, share = sine_and_overlap_probability(squares, product, g)
    if erf:
        by_overlap = (2.0 / math.pi) / s
        return by_overlap, by_overlap * g * -1.0, share * 4.0 - 1.0
    by_overlap = share * gain + beta
    by_length = s * (gain / (2.0 * math.pi))
    return by_overlap, by_length, multiply_add(by_overlap, g, by_length)


@compiled()
def measure(zero, rows, k, erf, squares, lengths):
    """Squared norm of row k, kept (plus one for erf) in ``squares``, with its root in ``lengths``."""
    dimension = rows.shape[1]
    norm = zero
    for i in range(dimension):
        x = load(zero, rows, k * dimension + i)
        norm = multiply_add(x, x, norm)
    square = norm + 1.0 if erf else norm
    store(squares, k, square)
    store(lengths, k, square_root(square))
    return norm


@compiled()
def couple(zero, rows, factors, aligned, erf, beta, squares, lengths, C, across, pulls, row):
    """C (K, K + M) of the gradient C rows, and ``pulls`` = Σ_j c_j κ_kj, the second layer's gradient."""
    students, units = C.shape[0], C.shape[1]
    dimension = rows.shape[1]
    gain = (1.0 - beta) * (1.0 - beta)
    for k in range(students):
        norm = measure(zero, rows, k, erf, squares, lengths)
        square, length, own = load(zero, squares, k), load(zero, lengths, k), load(zero, factors, k)
        if erf:
            _, _, pull = _covariance(square * square, square, norm, erf, gain, beta)
            curvature = (2.0 / math.pi) / (square * square_root(square * 2.0 - 1.0))
        else:
            curvature = zero + 0.5 * (1.0 + beta * beta)
            pull = norm * curvature
        pull = pull * own
        products(zero, rows, k, rows, 0, k, row)
        if aligned:
            for m in range(students, units):
                store(row, m, load(zero, rows, k * dimension + m - students))
        else:
            products(zero, rows, k, rows, students, units, row)
        total = zero
        for index in range(k + units - students):
            other = index if index < k else index - k + students
            factor = load(zero, factors, other)
            by_overlap, by_length, value = _covariance(
                square * load(zero, squares, other),
                length * load(zero, lengths, other),
                load(zero, row, other),
                erf,
                gain,
                beta,
            )
            total = multiply_add(factor, by_length, total)
            pull = multiply_add(factor, value, pull)
            weight = by_overlap * (own * factor)
            store(C, k * units + other, weight)
            if other < students:
                store(C, other * units + k, weight)
                store(across, other, multiply_add(own, by_length, load(zero, across, other)))
                store(pulls, other, multiply_add(own, value, load(zero, pulls, other)))
        store(across, k, total)
        store(pulls, k, pull)
        store(C, k * units + k, own * own * curvature)
    for k in range(students):
        own = load(zero, factors, k)
        share = own * load(zero, across, k) / load(zero, squares, k)
        store(C, k * units + k, load(zero, C, k * units + k) + share)


@compiled()
def slopes(zero, rows, aligned, C, G, row):
    """Write the gradient C rows to G (K, D)."""
    students, units = C.shape[0], C.shape[1]
    dimension = rows.shape[1]
    number = students if aligned else units
    for k in range(students):
        combination(zero, C, k, rows, number, row)
        for i in range(dimension):
            slope = load(zero, row, i)
            if aligned and i < units - students:
                slope = slope + load(zero, C, k * units + students + i)
            store(G, k * dimension + i, slope)
