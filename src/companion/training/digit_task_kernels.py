"""Mini-batch descent of an erf committee on a finite data set, and how far its two heads are from the targets.

Serial, one run at a time. Loops over a batch are the inner ones, without reductions, so that they use wide registers.
"""

import math

import numpy as np

from companion.compute.compiled import compiled

_SQRT_HALF = math.sqrt(0.5)
_SLOPE = math.sqrt(2.0 / math.pi)


@compiled()
def output_moments(X, T, W, heads, moments):
    """Write the means over the data of φ², φ T_0 and φ T_1 for each head, moments (2, 3).

    X (n, d) inputs, T (2, n) target directions, W (K, d), heads (2, K); φ = Σ_k h_k erf(w_k·x / √(2d)).
    """
    count, dimension = X.shape
    students = W.shape[0]
    scale = _SQRT_HALF / math.sqrt(dimension)
    moments[:] = 0.0
    for i in range(count):
        first = second = 0.0
        for k in range(students):
            activity = math.erf(scale * np.dot(W[k], X[i]))
            first += heads[0, k] * activity
            second += heads[1, k] * activity
        for task, output in enumerate((first, second)):
            moments[task, 0] += output * output
            moments[task, 1] += output * T[0, i]
            moments[task, 2] += output * T[1, i]
    moments /= count


@compiled()
def descend(X, T, mix, batches, active, W, heads, rate, head_rate, anchor, pull, marks, moments):
    """Take a step with each row of ``batches`` (steps, b) on target mix·T, W and heads[active] in place.

    ``pull`` (K, d) are the stiffnesses of springs that hold W at ``anchor``; each step ends with the exact minimum of
    the springs' part of its quadratic model, so that no stiffness is unstable and large ones hold W still.
    ``moments`` (len(marks), 2, 3) are written after ``marks`` steps, sorted.
    """
    students, dimension = W.shape
    steps, batch = batches.shape
    scale = 1.0 / math.sqrt(dimension)
    inputs = np.empty((dimension, batch))
    activity, factor = np.empty((students, batch)), np.empty((students, batch))
    residual, gradient = np.empty(batch), np.empty(dimension)
    h = heads[active]
    mark = 0
    for step in range(steps + 1):
        while mark < marks.shape[0] and marks[mark] == step:
            output_moments(X, T, W, heads, moments[mark])
            mark += 1
        if step == steps:
            break
        for b in range(batch):
            i = batches[step, b]
            residual[b] = -(mix[0] * T[0, i] + mix[1] * T[1, i])
            for j in range(dimension):
                inputs[j, b] = X[i, j]
        for k in range(students):
            field = activity[k]
            field[:] = 0.0
            for j in range(dimension):
                weight = W[k, j]
                for b in range(batch):
                    field[b] += weight * inputs[j, b]
            for b in range(batch):
                u = scale * field[b]
                factor[k, b] = _SLOPE * math.exp(-0.5 * u * u)
                field[b] = math.erf(_SQRT_HALF * u)
                residual[b] += h[k] * field[b]
        for k in range(students):
            gradient[:] = 0.0
            change = 0.0
            for b in range(batch):
                change += residual[b] * activity[k, b]
                c = residual[b] * factor[k, b]
                i = batches[step, b]
                for j in range(dimension):
                    gradient[j] += c * X[i, j]
            move = rate * scale * h[k] / batch
            for j in range(dimension):
                stiffness = rate * pull[k, j]
                W[k, j] += (stiffness * (anchor[k, j] - W[k, j]) - move * gradient[j]) / (1.0 + stiffness)
            h[k] -= head_rate / batch * change


@compiled()
def squared_output_gradients(X, W, h, squares):
    """Write the means over the data of (∂φ/∂W_kj)² into squares (K, d): the diagonal of the output's Fisher matrix."""
    count, dimension = X.shape
    scale = 1.0 / math.sqrt(dimension)
    squares[:] = 0.0
    for i in range(count):
        for k in range(W.shape[0]):
            u = scale * np.dot(W[k], X[i])
            c = h[k] * _SLOPE * scale * math.exp(-0.5 * u * u)
            for j in range(dimension):
                squares[k, j] += (c * X[i, j]) ** 2
    squares /= count
