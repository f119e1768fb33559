"""Compiled kernels of ``relu_ansatz``: loss, gradient and Hessian from quadratic forms, and Newton's method.

Arguments: ``sizes`` (b,) of the student blocks; ``targets`` (t,), those of the teacher blocks; ``sums``
(t, U + 1), the summed error of the weights on a teacher of each block as a linear form of
y = (1, unknowns); ``forms`` (F, U + 1, U + 1), quadratic forms of y: squared norms of the student
blocks, the teacher's norm 1, overlaps of pairs; ``pairs`` (P, 3) point to two squared norms and an
overlap among them, and ``weights`` (P,) count the pairs, with a minus sign between student and teacher.
"""

import math

import numpy as np

from companion.compute.compiled import compiled
from companion.theory.relu_kernels import excess_correlation, sine_and_angle

_SELF = math.pi / 2.0 - 1.0  # excess correlation of a unit vector with itself


@compiled()
def _levels(forms, values):
    """Values (F,) of the forms, and their derivatives (F, U) by the unknowns."""
    width = values.shape[0] + 1
    y = np.ones(width)
    y[1:] = values
    level = np.empty(forms.shape[0])
    slope = np.empty((forms.shape[0], width - 1))
    for f in range(forms.shape[0]):
        total = 0.0
        for i in range(width):
            inner = 0.0
            for j in range(width):
                inner += forms[f, i, j] * y[j]
            total += inner * y[i]
            if i > 0:
                slope[f, i - 1] = 2.0 * inner
        level[f] = total
    return level, slope


@compiled()
def evaluate(sizes, targets, sums, forms, pairs, weights, values, with_hessian):
    """Loss, gradient and Hessian (zeros unless asked for) in the unknowns."""
    count, blocks = values.shape[0], sizes.shape[0]
    level, slope = _levels(forms, values)
    # First and second derivatives of the loss by the forms, then the chain rule.
    first = np.zeros(forms.shape[0])
    second = np.zeros((forms.shape[0], forms.shape[0]))
    surplus = np.sum(sizes) - np.sum(targets)
    length = surplus
    self_energy = -surplus * _SELF
    for a in range(blocks):
        length += sizes[a] * (math.sqrt(level[a]) - 1.0)
        self_energy += sizes[a] * _SELF * (level[a] + 1.0)
    for a in range(blocks):
        n = level[a]
        first[a] += sizes[a] * _SELF + length * sizes[a] / math.sqrt(n)
        second[a, a] -= 0.5 * length * sizes[a] / n**1.5
        for b in range(blocks):
            second[a, b] += 0.5 * sizes[a] * sizes[b] / math.sqrt(n * level[b])
    energy = length * length + self_energy
    for p in range(pairs.shape[0]):
        a, b, f = pairs[p]
        n_a, n_b, g, weight = level[a], level[b], level[f], weights[p]
        product = math.sqrt(n_a * n_b)
        s = math.sqrt(max(n_a * n_b - g * g, 0.0))
        energy += weight * excess_correlation(n_a, n_b, g)
        first[f] += weight * math.atan2(g, s)
        by_norm = -0.5 * weight * g * g / (s + product)
        first[a] += by_norm / n_a
        first[b] += by_norm / n_b
        s = max(s, 1e-12 * product)  # the second derivatives are singular at parallel pairs
        second[f, f] += weight / s
        mixed = 0.25 * weight * (1.0 / s - 1.0 / product)
        second[a, b] += mixed
        second[b, a] += mixed
        for norm, n in ((a, n_a), (b, n_b)):
            cross = -0.5 * weight * g / (s * n)
            second[f, norm] += cross
            second[norm, f] += cross
            own = (product * product / (2.0 * s) - s) / (2.0 * n * n) + product / (4.0 * n * n)
            second[norm, norm] += weight * own
    scale = 4.0 * math.pi
    loss = energy / scale
    first /= scale
    second /= scale
    gradient = np.zeros(count)
    curvature = np.zeros((count, count))
    for t in range(targets.shape[0]):
        error = sums[t, 0] + np.sum(sums[t, 1:] * values)
        loss += targets[t] * error * error / 8.0
        for i in range(count):
            gradient[i] += 0.25 * targets[t] * error * sums[t, 1 + i]
            for j in range(count):
                curvature[i, j] += 0.25 * targets[t] * sums[t, 1 + i] * sums[t, 1 + j]
    for f in range(forms.shape[0]):
        for i in range(count):
            gradient[i] += first[f] * slope[f, i]
    if with_hessian:
        for f in range(forms.shape[0]):
            curvature += 2.0 * first[f] * forms[f, 1:, 1:]
        curvature += slope.T @ (second @ slope)
    return loss, gradient, curvature


@compiled()
def newton(sizes, targets, sums, forms, pairs, weights, roots, start, downhill, steps):
    """Newton's method in the scaled unknowns, each unknown moving by at most 0.1 a step.

    Ends when the gradient no longer falls and is near rounding, or after ``steps``; returns the best
    point and its gradient norm. ``downhill`` replaces the eigenvalues of the Hessian by their moduli.
    """
    values = start.copy()
    best, best_norm = values.copy(), np.inf
    idle = 0
    for _ in range(steps):
        _, gradient, curvature = evaluate(sizes, targets, sums, forms, pairs, weights, values, True)
        gradient /= roots
        norm = math.sqrt(np.sum(gradient * gradient))
        if not norm < np.inf:
            break
        if norm < best_norm:
            best[:], best_norm, idle = values, norm, 0
        else:
            idle += 1
            if best_norm < 1e-11 * (1.0 + 1e-2 * np.sum(sizes)) and idle >= 2:
                break
        curvature /= roots.reshape(-1, 1) * roots
        eigenvalues, vectors = np.linalg.eigh(curvature)
        if downhill:
            eigenvalues = np.abs(eigenvalues)
        for i in range(eigenvalues.shape[0]):
            if abs(eigenvalues[i]) < 1e-9:
                eigenvalues[i] = 1e-9
        move = -(vectors @ ((vectors.T @ gradient) / eigenvalues)) / roots
        longest = np.max(np.abs(move))
        if longest > 0.1:
            move *= 0.1 / longest
        values = values + move
    return best, best_norm


@compiled()
def transverse(sizes, targets, sums, forms, pairs, weights, values):
    """A between units of each two blocks (other units, for one block) and A on the diagonal."""
    level, _ = _levels(forms, values)
    blocks = sizes.shape[0]
    between = np.zeros((blocks, blocks))
    diagonal = np.zeros(blocks)
    for p in range(pairs.shape[0]):
        a, b, f = pairs[p]
        s, theta = sine_and_angle(level[a], level[b], level[f])
        share = (math.pi - theta) / (2.0 * math.pi)
        if b < blocks:
            between[a, b] = between[b, a] = share
        if a == b:
            diagonal[a] += weights[p] * s / sizes[a]
        else:
            diagonal[a] += 0.5 * weights[p] * s / sizes[a]
            if b < blocks:
                diagonal[b] += 0.5 * weights[p] * s / sizes[b]
    for a in range(blocks):
        diagonal[a] = 0.5 + diagonal[a] / (2.0 * math.pi * level[a])
    return between, diagonal
