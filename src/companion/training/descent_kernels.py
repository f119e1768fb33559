"""Compiled population gradient descent: eight runs side by side, one per lane of a register.

Each thread keeps ``WIDTH`` runs in arrays whose last axis is the lane, so that each operation of the
gradient acts on one vector register of independent runs; a run that ends is replaced by the next of
the thread's queue. No operation mixes lanes and each is exactly rounded, hence a run's bits depend
neither on its neighbours, nor on batches, nor on the number of threads.
"""

import math

import numpy as np

from companion.compute.compiled import compiled, prange
from companion.theory.lanes import (
    load,
    multiply_add,
    sine_and_overlap_probability,
    square_root,
    store,
    zeros,
)
from companion.theory.relu_kernels import loss
from companion.training.lane_rows import combination, products

WIDTH = 8  # one register of AVX-512, two of AVX2, four of NEON


@compiled()
def losses(weights, V):
    """Population loss of each run of ``weights`` (n, K, D)."""
    values = np.empty(weights.shape[0])
    for run in range(weights.shape[0]):
        values[run] = loss(weights[run], V)
    return values


@compiled()
def _couple_students(zero, w, square, length, A, across, row):
    """A off the diagonal, and for each student the sum of s over the others."""
    students, dimension = w.shape[0], w.shape[1]
    for k in range(students):
        own_square = zero
        for i in range(dimension):
            x = load(zero, w, k * dimension + i)
            own_square = multiply_add(x, x, own_square)
        own_length = square_root(own_square)
        store(square, k, own_square)
        store(length, k, own_length)
        products(zero, w, k, w, 0, k, row)
        total = zero
        for other in range(k):
            s, share = sine_and_overlap_probability(
                own_square * load(zero, square, other),
                own_length * load(zero, length, other),
                load(zero, row, other),
            )
            total = total + s
            store(across, other, load(zero, across, other) + s)
            store(A, k * students + other, share)
            store(A, other * students + k, share)
        store(across, k, total)


@compiled()
def _couple_teacher(zero, w, V, lengths, aligned, square, length, A, B, across):
    """B and the diagonal of A; ``lengths`` are the norms of the teacher's rows."""
    students, dimension, teachers = w.shape[0], w.shape[1], V.shape[0]
    for k in range(students):
        own_square, own_length = load(zero, square, k), load(zero, length, k)
        total = load(zero, across, k)
        for m in range(teachers):
            if aligned:
                g = load(zero, w, k * dimension + m)
            else:
                g = zero
                for i in range(dimension):
                    g = multiply_add(load(zero, w, k * dimension + i), V[m, i], g)
            s, share = sine_and_overlap_probability(
                own_square * (lengths[m] * lengths[m]), own_length * lengths[m], g
            )
            total = total - s
            store(B, k * teachers + m, share)
        store(A, k * students + k, total / (own_square * (2.0 * math.pi)) + 0.5)


@compiled()
def _move(zero, w, ahead, rate, V, aligned, A, B, row):
    """Write w - rate (A W - B V) to ``ahead``; return the gradient's squared norm."""
    students, dimension, teachers = w.shape[0], w.shape[1], V.shape[0]
    norm = zero
    for k in range(students):
        combination(zero, A, k, w, students, row)
        for i in range(dimension):
            slope = load(zero, row, i)
            if aligned:
                if i < teachers:
                    slope = slope - load(zero, B, k * teachers + i)
            else:
                for m in range(teachers):
                    slope = multiply_add(load(zero, B, k * teachers + m), -V[m, i], slope)
            norm = multiply_add(slope, slope, norm)
            place = k * dimension + i
            store(ahead, place, load(zero, w, place) - slope * rate)
    return norm


@compiled()
def _descend_queue(
    weights, V, aligned, first, stride, step, tolerance, maximum_steps, norms, steps, converged
):
    """Runs first, first + stride, … of ``weights`` (n, K, D), in place; ``steps`` are continued."""
    zero = zeros(WIDTH)
    runs, students, dimension = weights.shape
    w = np.ones((students, dimension, WIDTH))
    ahead = np.ones((students, dimension, WIDTH))
    A = np.empty((students, students, WIDTH))
    B = np.empty((students, V.shape[0], WIDTH))
    square = np.empty((students, WIDTH))
    length = np.empty((students, WIDTH))
    across = np.empty((students, WIDTH))
    row = np.empty((max(students, dimension), WIDTH))
    lengths = np.sqrt(np.sum(V * V, axis=1))
    norm = np.empty((1, WIDTH))
    run_of = np.full(WIDTH, -1)
    left = np.zeros(WIDTH, dtype=np.int64)
    following = first
    busy = 0
    for lane in range(WIDTH):
        if following < runs:
            w[:, :, lane] = weights[following]
            run_of[lane] = following
            left[lane] = maximum_steps - steps[following]
            following += stride
            busy += 1
    limit = tolerance * tolerance
    while busy > 0:
        _couple_students(zero, w, square, length, A, across, row)
        _couple_teacher(zero, w, V, lengths, aligned, square, length, A, B, across)
        store(norm, 0, _move(zero, w, ahead, step, V, aligned, A, B, row))
        for lane in range(WIDTH):
            # A norm that is not a number ends the run too.
            if not (norm[0, lane] >= limit and norm[0, lane] < np.inf and left[lane] > 0):
                run = run_of[lane]
                if run >= 0:
                    weights[run] = w[:, :, lane]
                    norms[run] = math.sqrt(norm[0, lane])
                    steps[run] = maximum_steps - left[lane]
                    converged[run] = norm[0, lane] < limit
                    busy -= 1
                    run_of[lane] = -1
                if following < runs:
                    ahead[:, :, lane] = weights[following]
                    run_of[lane] = following
                    left[lane] = maximum_steps - steps[following] + 1
                    following += stride
                    busy += 1
                elif run >= 0:
                    ahead[:, :, lane] = 1.0  # an idle lane, at any finite numbers
            left[lane] -= 1
        w, ahead = ahead, w


@compiled(parallel=True)
def descend_all(weights, V, aligned, queues, step, tolerance, maximum_steps, norms, steps, converged):
    """Every run of ``weights`` to its end, in place, the runs dealt out to ``queues`` queues."""
    for queue in prange(queues):
        _descend_queue(
            weights,
            V,
            aligned,
            np.int64(queue),
            queues,
            step,
            tolerance,
            maximum_steps,
            norms,
            steps,
            converged,
        )
