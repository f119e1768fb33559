"""Compiled kernels of the two-layer ReLU landscape: loss, gradient and Hessian for Gaussian inputs.

Student rows ``W`` (K, D), teacher rows ``V`` (M, D), both C-contiguous float64. For rows a, b with
inner product g and angle theta, s = sqrt(|a|² |b|² - g²) = |a||b| sin(theta) is clipped at zero and
theta = atan2(s, g): an arccos would lose half of the digits of parallel pairs. Nothing here
checks its input; ``companion.theory.relu_landscape`` is the public surface.
"""

import math

import numpy as np

from companion.compute.compiled import compiled

_TWO_PI = 2.0 * math.pi


@compiled()
def _dot(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@compiled()
def sine_and_angle(a_squared, b_squared, g):
    """s = |a||b| sin(theta) and theta in [0, pi] of two vectors, from their overlaps."""
    s = math.sqrt(max(a_squared * b_squared - g * g, 0.0))
    return s, math.atan2(s, g)


@compiled()
def _lack_and_share(a_squared, b_squared, g):
    """|a||b| - s without cancellation, and P(a·x > 0, b·x > 0) = (pi - theta) / 2 pi."""
    s, theta = sine_and_angle(a_squared, b_squared, g)
    total = math.sqrt(a_squared * b_squared) + s
    return (g * g / total if total > 0.0 else 0.0), (math.pi - theta) / _TWO_PI


@compiled()
def excess_correlation(a_squared, b_squared, g):
    """pi/2 E|a·x b·x| - |a||b|: what correlation adds to the product of the mean absolute fields.

    With c = cos(theta) it is |a||b| (c arcsin c + sqrt(1 - c²) - 1), written so that it keeps its
    relative accuracy when c is small.
    """
    product = math.sqrt(a_squared * b_squared)
    if product == 0.0:
        return 0.0
    s = math.sqrt(max(a_squared * b_squared - g * g, 0.0))
    return g * math.atan2(g, s) - g * g / (product + s)


@compiled()
def _squared_norms(rows):
    squared = np.empty(rows.shape[0])
    for k in range(rows.shape[0]):
        squared[k] = _dot(rows[k], rows[k])
    return squared


@compiled()
def loss(W, V):
    """Population loss, with the 1/2.

    ReLU(z) = (z + |z|)/2 splits the error in an odd and an even part, and the mean of the even part
    is split off too: the three sums do not cancel, so that the loss stays accurate for thousands of
    units, where the sum of the plain correlations loses eight digits.
    """
    students, dimension = W.shape
    teachers = V.shape[0]
    odd = 0.0
    for i in range(dimension):
        mean = 0.0
        for k in range(students):
            mean += W[k, i]
        for m in range(teachers):
            mean -= V[m, i]
        odd += mean * mean
    student_squared, teacher_squared = _squared_norms(W), _squared_norms(V)
    length = np.sum(np.sqrt(student_squared)) - np.sum(np.sqrt(teacher_squared))
    correlated = 0.0
    for k in range(students):
        own = excess_correlation(student_squared[k], student_squared[k], student_squared[k])
        for other in range(k):
            g = _dot(W[k], W[other])
            own += 2.0 * excess_correlation(student_squared[k], student_squared[other], g)
        for m in range(teachers):
            g = _dot(W[k], V[m])
            own -= 2.0 * excess_correlation(student_squared[k], teacher_squared[m], g)
        correlated += own
    for m in range(teachers):
        own = excess_correlation(teacher_squared[m], teacher_squared[m], teacher_squared[m])
        for other in range(m):
            g = _dot(V[m], V[other])
            own += 2.0 * excess_correlation(teacher_squared[m], teacher_squared[other], g)
        correlated += own
    return max(odd / 8.0 + (length * length + correlated) / (4.0 * math.pi), 0.0)


@compiled()
def gradient_matrices(W, V):
    """A (K, K) and B (K, M) of the gradient A W - B V.

    The diagonal of A sums |a||b| - s and the lengths apart: sums of s itself would cancel.
    """
    students, teachers = W.shape[0], V.shape[0]
    A = np.empty((students, students))
    B = np.empty((students, teachers))
    squared, teacher_squared = _squared_norms(W), _squared_norms(V)
    length = np.sum(np.sqrt(squared)) - np.sum(np.sqrt(teacher_squared))
    for k in range(students):
        A[k, k] = 0.0
        for other in range(k):
            lack, share = _lack_and_share(squared[k], squared[other], _dot(W[k], W[other]))
            A[k, other] = A[other, k] = share
            A[k, k] -= lack
            A[other, other] -= lack
    for m in range(teachers):
        for k in range(students):
            lack, B[k, m] = _lack_and_share(squared[k], teacher_squared[m], _dot(W[k], V[m]))
            A[k, k] += lack
    for k in range(students):
        norm = math.sqrt(squared[k])
        A[k, k] = 0.5 + (A[k, k] + norm * (length - norm)) / (_TWO_PI * squared[k])
    return A, B


@compiled()
def gradient(W, V):
    """Gradient (K, D) of the loss, A W - B V."""
    A, B = gradient_matrices(W, V)
    slope = np.zeros_like(W)
    for k in range(W.shape[0]):
        for other in range(W.shape[0]):
            for i in range(W.shape[1]):
                slope[k, i] += A[k, other] * W[other, i]
        for m in range(V.shape[0]):
            for i in range(W.shape[1]):
                slope[k, i] -= B[k, m] * V[m, i]
    return slope


@compiled()
def _perpendicular(unit, u, direction):
    """Write the unit vector of u's part orthogonal to ``unit``; return (u along unit, |u| sin theta)."""
    along = _dot(unit, u)
    for i in range(u.shape[0]):
        direction[i] = u[i] - along * unit[i]
    across = math.sqrt(_dot(direction, direction))
    if across > 0.0:
        for i in range(u.shape[0]):
            direction[i] /= across
    return along, across


@compiled()
def _add_curvature(block, unit, u, length, sign, direction):
    """Add sign * h1(w, u), the curvature that the field u gives to the unit w of norm ``length``."""
    _, across = _perpendicular(unit, u, direction)
    weight = sign * across / (_TWO_PI * length)
    dimension = u.shape[0]
    for i in range(dimension):
        block[i, i] += weight
        for j in range(dimension):
            block[i, j] += weight * (direction[i] * direction[j] - unit[i] * unit[j])


@compiled()
def _fill_coupling(block, unit, u, direction):
    """Fill in E[1(w·x > 0) 1(u·x > 0) x xᵀ].

    With c, s the cosine and sine of the angle and p the direction of u across w, the usual quotient
    by sin(theta) becomes s [c (w wᵀ - p pᵀ) + s (w pᵀ + p wᵀ)], regular at parallel pairs.
    """
    along, across = _perpendicular(unit, u, direction)
    theta = math.atan2(across, along)
    c, s = math.cos(theta), math.sin(theta)
    dimension = u.shape[0]
    for i in range(dimension):
        from_unit = s * (c * unit[i] + s * direction[i]) / _TWO_PI
        from_direction = s * (s * unit[i] - c * direction[i]) / _TWO_PI
        for j in range(dimension):
            block[i, j] = from_unit * unit[j] + from_direction * direction[j]
        block[i, i] += (math.pi - theta) / _TWO_PI


@compiled()
def hessian(W, V):
    """Hessian of the loss as (K, D, K, D)."""
    students, dimension = W.shape
    H = np.zeros((students, dimension, students, dimension))
    units = np.empty_like(W)
    lengths = np.empty(students)
    direction = np.empty(dimension)
    block = np.empty((dimension, dimension))
    for k in range(students):
        lengths[k] = math.sqrt(_dot(W[k], W[k]))
        for i in range(dimension):
            units[k, i] = W[k, i] / lengths[k]
    for k in range(students):
        for other in range(k):
            _fill_coupling(block, units[k], W[other], direction)
            for i in range(dimension):
                for j in range(dimension):
                    H[k, i, other, j] = block[i, j]
                    H[other, j, k, i] = block[i, j]
        block[:, :] = 0.0
        for i in range(dimension):
            block[i, i] = 0.5
        for other in range(students):
            if other != k:
                _add_curvature(block, units[k], W[other], lengths[k], 1.0, direction)
        for m in range(V.shape[0]):
            _add_curvature(block, units[k], V[m], lengths[k], -1.0, direction)
        for i in range(dimension):
            for j in range(dimension):
                H[k, i, k, j] = block[i, j]
    return H
