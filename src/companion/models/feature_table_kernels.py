"""Compiled evaluation of piecewise polynomials in the field, mixed over nodes of the deviation row by row."""

import numpy as np

from companion.compute.compiled import compiled

#: Functions evaluated side by side: six chains of Horner's rule keep the arithmetic units busy.
LANES = 6


@compiled()
def evaluate_rows(fields, mixing, table, lowest, panels_per_unit, out):
    """Write all functions at ``fields`` (rows, points) to ``out`` (groups * LANES, rows, points).

    ``table`` (groups, nodes, panels, degree + 1, LANES) holds monomials on panels of the field, and
    ``mixing`` (rows, nodes) the weight of each node of the deviation in each row.
    """
    rows, points = fields.shape
    groups, nodes, panels, terms, _ = table.shape
    mixed = np.empty((panels, terms, LANES))
    for group in range(groups):
        first = group * LANES
        for row in range(rows):
            smallest, largest = np.inf, -np.inf
            for point in range(points):
                smallest = min(smallest, fields[row, point])
                largest = max(largest, fields[row, point])
            low = min(max(int((smallest - lowest) * panels_per_unit), 0), panels - 1)
            high = min(max(int((largest - lowest) * panels_per_unit), 0), panels - 1)
            mixed[low : high + 1] = mixing[row, 0] * table[group, 0, low : high + 1]
            for node in range(1, nodes):
                share = mixing[row, node]
                for panel in range(low, high + 1):
                    for term in range(terms):
                        for lane in range(LANES):
                            mixed[panel, term, lane] += share * table[group, node, panel, term, lane]
            for point in range(points):
                x = (fields[row, point] - lowest) * panels_per_unit
                panel = min(max(int(x), low), high)
                t = 2.0 * (x - panel) - 1.0
                last = terms - 1
                a, b, c = mixed[panel, last, 0], mixed[panel, last, 1], mixed[panel, last, 2]
                d, e, f = mixed[panel, last, 3], mixed[panel, last, 4], mixed[panel, last, 5]
                for term in range(last - 1, -1, -1):
                    a = a * t + mixed[panel, term, 0]
                    b = b * t + mixed[panel, term, 1]
                    c = c * t + mixed[panel, term, 2]
                    d = d * t + mixed[panel, term, 3]
                    e = e * t + mixed[panel, term, 4]
                    f = f * t + mixed[panel, term, 5]
                out[first, row, point] = a
                out[first + 1, row, point] = b
                out[first + 2, row, point] = c
                out[first + 3, row, point] = d
                out[first + 4, row, point] = e
                out[first + 5, row, point] = f
