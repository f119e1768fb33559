"""Rows of matrix products whose entries are lanes: one run per lane, four entries side by side.

Matrices are (rows, columns, lanes). Four accumulators at a time keep the multiply-add units busy; each
entry is summed in order, so that its bits do not depend on the blocking.
"""

from companion.compute.compiled import compiled
from companion.theory.lanes import load, multiply_add, store


@compiled()
def products(zero, left, k, right, first, last, row):
    """Row k of ``left`` times each row first ... last - 1 of ``right``, four at a time."""
    dimension = right.shape[1]
    here = k * dimension
    other = first
    while other + 4 <= last:
        place = other * dimension
        g0, g1, g2, g3 = zero, zero, zero, zero
        for i in range(dimension):
            x = load(zero, left, here + i)
            g0 = multiply_add(x, load(zero, right, place + i), g0)
            g1 = multiply_add(x, load(zero, right, place + dimension + i), g1)
            g2 = multiply_add(x, load(zero, right, place + 2 * dimension + i), g2)
            g3 = multiply_add(x, load(zero, right, place + 3 * dimension + i), g3)
        store(row, other, g0)
        store(row, other + 1, g1)
        store(row, other + 2, g2)
        store(row, other + 3, g3)
        other += 4
    while other < last:
        g = zero
        for i in range(dimension):
            g = multiply_add(load(zero, left, here + i), load(zero, right, other * dimension + i), g)
        store(row, other, g)
        other += 1


@compiled()
def combination(zero, coefficients, k, right, number, row):
    """Row k of ``coefficients`` times the first ``number`` rows of ``right``, four entries at a time."""
    stride, dimension = coefficients.shape[1], right.shape[1]
    i = 0
    while i + 4 <= dimension:
        h0, h1, h2, h3 = zero, zero, zero, zero
        for other in range(number):
            c = load(zero, coefficients, k * stride + other)
            place = other * dimension + i
            h0 = multiply_add(c, load(zero, right, place), h0)
            h1 = multiply_add(c, load(zero, right, place + 1), h1)
            h2 = multiply_add(c, load(zero, right, place + 2), h2)
            h3 = multiply_add(c, load(zero, right, place + 3), h3)
        store(row, i, h0)
        store(row, i + 1, h1)
        store(row, i + 2, h2)
        store(row, i + 3, h3)
        i += 4
    while i < dimension:
        h = zero
        for other in range(number):
            c = load(zero, coefficients, k * stride + other)
            h = multiply_add(c, load(zero, right, other * dimension + i), h)
        store(row, i, h)
        i += 1
