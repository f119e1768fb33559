"""Compiled descent of two-layer students by four rules: eight runs, one per lane.

As in ``companion.training.descent_kernels``, each thread keeps ``WIDTH`` runs in arrays whose last
axis is the lane, and replaces a run that ends by the next of its queue: a run's bits depend neither on
its neighbours nor on the number of threads.
"""

import math

import numpy as np

from companion.compute.compiled import compiled, prange
from companion.theory.lanes import load, multiply_add, square_root, store, zeros
from companion.training.lane_rows import combination, products
from companion.training.two_layer_kernels import couple, measure, slopes

WIDTH = 8  # as in descent_kernels

TWO_LAYER, NORMALISED, ORTHONORMALISED = 1, 2, 3  # any other rule is plain descent of the first layer


@compiled()
def _project(zero, rule, rows, G, S, row):
    """Make G tangent to the constraint: to each unit sphere, or G - (G Wᵀ + W Gᵀ) W / 2."""
    students, dimension = G.shape[0], G.shape[1]
    if rule == NORMALISED:
        for k in range(students):
            products(zero, G, k, rows, k, k + 1, row)
            along = load(zero, row, k) * -1.0
            for i in range(dimension):
                place = k * dimension + i
                store(G, place, multiply_add(along, load(zero, rows, place), load(zero, G, place)))
        return
    for k in range(students):
        products(zero, G, k, rows, 0, students, row)
        for other in range(students):
            store(S, k * students + other, load(zero, row, other))
    for k in range(students):
        for other in range(k + 1):
            mean = (load(zero, S, k * students + other) + load(zero, S, other * students + k)) * 0.5
            store(S, k * students + other, mean)
            store(S, other * students + k, mean)
    for k in range(students):
        combination(zero, S, k, rows, students, row)
        for i in range(dimension):
            place = k * dimension + i
            store(G, place, load(zero, G, place) - load(zero, row, i))


@compiled()
def _retract(zero, rule, rows, students):
    """Back to unit rows, or to orthonormal ones: Gram-Schmidt, the QR factor of positive diagonal."""
    dimension = rows.shape[1]
    for k in range(students):
        if rule == ORTHONORMALISED:
            for other in range(k):
                g = zero
                for i in range(dimension):
                    here, there = load(zero, rows, k * dimension + i), load(zero, rows, other * dimension + i)
                    g = multiply_add(here, there, g)
                for i in range(dimension):
                    here, there = load(zero, rows, k * dimension + i), load(zero, rows, other * dimension + i)
                    store(rows, k * dimension + i, here - g * there)
        norm = zero
        for i in range(dimension):
            x = load(zero, rows, k * dimension + i)
            norm = multiply_add(x, x, norm)
        scale = 1.0 / square_root(norm)
        for i in range(dimension):
            store(rows, k * dimension + i, load(zero, rows, k * dimension + i) * scale)


@compiled()
def _advance(zero, rule, rows, factors, rate, G, pulls, ahead, factors_ahead):
    """Write the state one step ahead; return the gradient's squared norm."""
    students, dimension = G.shape[0], G.shape[1]
    norm = zero
    for place in range(students * dimension):
        slope = load(zero, G, place)
        norm = multiply_add(slope, slope, norm)
        store(ahead, place, load(zero, rows, place) - slope * rate)
    for k in range(students):
        factor = load(zero, factors, k)
        if rule == TWO_LAYER:
            slope = load(zero, pulls, k)
            norm = multiply_add(slope, slope, norm)
            factor = factor - slope * rate
        store(factors_ahead, k, factor)
    if rule in (NORMALISED, ORTHONORMALISED):
        _retract(zero, rule, ahead, students)
    return norm


@compiled()
def _optimise_queue(
    weights, second_layer, V, aligned, rule, erf, beta, rate, tolerance, maximum_steps, first, stride,
    norms, steps, converged,
):  # fmt: skip
    """Runs first, first + stride, … of ``weights`` (n, K, D), in place; ``steps`` are continued."""
    zero = zeros(WIDTH)
    runs, students, dimension = weights.shape
    units = students + V.shape[0]
    rows = np.ones((units, dimension, WIDTH))
    ahead = np.ones((units, dimension, WIDTH))
    for m in range(V.shape[0]):
        for i in range(dimension):
            rows[students + m, i, :] = V[m, i]
            ahead[students + m, i, :] = V[m, i]
    c = np.full((units, WIDTH), -1.0)
    c_ahead = np.full((units, WIDTH), -1.0)
    C = np.empty((students, units, WIDTH))
    S = np.empty((students, students, WIDTH))
    G = np.empty((students, dimension, WIDTH))
    squares = np.empty((units, WIDTH))
    lengths = np.empty((units, WIDTH))
    across = np.empty((students, WIDTH))
    pulls = np.empty((students, WIDTH))
    row = np.empty((max(units, dimension), WIDTH))
    norm = np.empty((1, WIDTH))
    for m in range(students, units):
        measure(zero, rows, m, erf, squares, lengths)
    run_of = np.full(WIDTH, -1)
    left = np.zeros(WIDTH, dtype=np.int64)
    following = first
    busy = 0
    for lane in range(WIDTH):
        if following < runs:
            rows[:students, :, lane] = weights[following]
            c[:students, lane] = second_layer[following]
            run_of[lane] = following
            left[lane] = maximum_steps - steps[following]
            following += stride
            busy += 1
    limit = tolerance * tolerance
    while busy > 0:
        couple(zero, rows, c, aligned, erf, beta, squares, lengths, C, across, pulls, row)
        slopes(zero, rows, aligned, C, G, row)
        if rule in (NORMALISED, ORTHONORMALISED):
            _project(zero, rule, rows, G, S, row)
        store(norm, 0, _advance(zero, rule, rows, c, rate, G, pulls, ahead, c_ahead))
        for lane in range(WIDTH):
            run = run_of[lane]
            # A norm that is not a number ends the run too; an idle lane goes on unseen.
            if run >= 0 and not (norm[0, lane] >= limit and norm[0, lane] < np.inf and left[lane] > 0):
                weights[run] = rows[:students, :, lane]
                second_layer[run] = c[:students, lane]
                norms[run] = math.sqrt(norm[0, lane])
                steps[run] = maximum_steps - left[lane]
                converged[run] = norm[0, lane] < limit
                run_of[lane] = -1
                busy -= 1
                if following < runs:
                    ahead[:students, :, lane] = weights[following]
                    c_ahead[:students, lane] = second_layer[following]
                    run_of[lane] = following
                    left[lane] = maximum_steps - steps[following] + 1
                    following += stride
                    busy += 1
            left[lane] -= 1
        rows, ahead = ahead, rows
        c, c_ahead = c_ahead, c


@compiled(parallel=True)
def optimise_all(
    weights, second_layer, V, aligned, rule, erf, beta, queues, rate, tolerance, maximum_steps,
    norms, steps, converged,
):  # fmt: skip
    """Every run of ``weights`` (n, K, D) to its end, in place, dealt out to ``queues`` queues."""
    for queue in prange(queues):
        _optimise_queue(
            weights, second_layer, V, aligned, rule, erf, beta, rate, tolerance, maximum_steps,
            np.int64(queue), queues, norms, steps, converged,
        )  # fmt: skip
