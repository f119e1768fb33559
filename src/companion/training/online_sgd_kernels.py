"""Compiled one-pass SGD of erf units: several conditions learn from the same stream of inputs.

Entries of weights and inputs stand eight to a register, padded with zeros. An input costs more to draw than a
condition costs to move, hence the common stream. Conditions never mix: the bits of one depend on its stream alone.
"""

import math

import numpy as np

from companion.compute.compiled import compiled
from companion.theory.lanes import load, multiply_add, store, zeros

WIDTH = 8

_ROOT_TWO_OVER_PI = math.sqrt(2.0 / math.pi)


@compiled()
def _product(zero, left, at, right, vectors):
    """Sum of left * right over ``vectors`` registers, ``left`` from vector ``at`` on."""
    sums = np.empty(WIDTH)
    first, second = zero, zero
    index = 0
    while index + 2 <= vectors:
        first = multiply_add(load(zero, left, at + index), load(zero, right, index), first)
        second = multiply_add(load(zero, left, at + index + 1), load(zero, right, index + 1), second)
        index += 2
    if index < vectors:
        first = multiply_add(load(zero, left, at + index), load(zero, right, index), first)
    store(sums, 0, first + second)
    total = 0.0
    for lane in range(WIDTH):
        total += sums[lane]
    return total


@compiled()
def _record(zero, weights, teachers, dimension, rows):
    """Overlaps among students, and with the frame whose 2M axes come first, of each condition."""
    students, vectors = weights.shape[1], weights.shape[2] // WIDTH
    root = math.sqrt(dimension)
    for condition in range(weights.shape[0]):
        for i in range(students):
            for k in range(i + 1):
                at = (condition * students + i) * vectors
                overlap = _product(zero, weights, at, weights[condition, k], vectors) / dimension
                rows[condition, i, k] = rows[condition, k, i] = overlap
            for axis in range(2 * teachers):
                rows[condition, i, students + axis] = weights[condition, i, axis] / root


@compiled()
def learn(
    random, dimension, weights, readout, teacher, mixture, held, rates, deviation, pull, marks, rows, heads
):
    """Move weights (C, K, padded d) and readouts (C, K) in place; write what they are after ``marks`` steps.

    Fields of the teacher are mixture (C, 2) times the first M and the next M entries of x, with readouts ``teacher``
    (C, M); ``rates`` (C, 2) are e_w and e_h, ``deviation`` (C,) that of the labels' noise; ``pull`` (C, K) = e_w γ F_k
    holds the weights to ``held``, which has their shape. ``rows`` (marks, C, K, K + 2M), ``heads`` (marks, C, K).
    """
    zero = zeros(WIDTH)
    conditions, students, padded = weights.shape
    teachers, vectors = teacher.shape[1], padded // WIDTH
    root = math.sqrt(dimension)
    x, field = np.zeros(padded), np.empty(students)
    taken = 0
    for mark in range(marks.shape[0]):
        while taken < marks[mark]:
            taken += 1
            for i in range(dimension):
                x[i] = random.standard_normal()
            noise = random.standard_normal()
            for c in range(conditions):
                error = -deviation[c] * noise
                for m in range(teachers):
                    z = mixture[c, 0] * x[m] + mixture[c, 1] * x[teachers + m]
                    error -= teacher[c, m] * math.erf(z * math.sqrt(0.5))
                for k in range(students):
                    field[k] = _product(zero, weights, (c * students + k) * vectors, x, vectors) / root
                    error += readout[c, k] * math.erf(field[k] * math.sqrt(0.5))
                for k in range(students):
                    u, at = field[k], (c * students + k) * vectors
                    slope = _ROOT_TWO_OVER_PI * math.exp(-0.5 * u * u)
                    step = -rates[c, 0] / root * readout[c, k] * slope * error
                    back = pull[c, k] / dimension
                    if back > 0.0:
                        for index in range(vectors):
                            w = load(zero, weights, at + index)
                            away = w - load(zero, held, at + index)
                            store(weights, at + index, w + load(zero, x, index) * step - away * back)
                    else:
                        for index in range(vectors):
                            store(
                                weights,
                                at + index,
                                load(zero, weights, at + index) + load(zero, x, index) * step,
                            )
                    readout[c, k] -= rates[c, 1] / dimension * math.erf(u * math.sqrt(0.5)) * error
        _record(zero, weights, teachers, dimension, rows[mark])
        heads[mark] = readout
