"""Compiled noise matrix of ReLU students: a sum over sets of fields, and its sampled counterpart.

N_kl = Σ_ce s_c s_e E[(u_c)₊ (u_e)₊ 1(λ_k > 0) 1(λ_l > 0)] over all fields u with signs s. Instead of
the four indices the sums run over the *set* of distinct directions: the (up to four) members of a
set share one orthant probability, which serves all ways to split them between the two indicators
and the two errors. Parallel fields are merged to one direction of summed weight beforehand.
"""

import math

import numpy as np

from companion.compute.compiled import compiled
from companion.theory.relu_orthants import arcsine, corners, moment_slopes, moments, probability
from companion.theory.relu_overlaps import factor

_PARALLEL = 2e-15  # 1 - r² of fields that rounding does not tell from parallel ones


@compiled()
def directions(Q, R, T):
    """Distinct directions among the fields.

    Returns how many of them (the first ones) hold students, their weights in Δ, their correlations,
    and the direction of each field.
    """
    students, teachers = R.shape
    fields = students + teachers
    C = np.empty((fields, fields))
    C[:students, :students] = Q
    C[:students, students:] = R
    C[students:, :students] = R.T
    C[students:, students:] = T
    of_field = np.empty(fields, dtype=np.int64)
    first = np.empty(fields, dtype=np.int64)
    weights = np.zeros(fields)
    count, of_students = 0, 0
    for field in range(fields):
        length = math.sqrt(C[field, field])
        home = -1
        for direction in range(count):
            other = first[direction]
            r = C[field, other] / (length * math.sqrt(C[other, other]))
            if r > 0.0 and (1.0 - r) * (1.0 + r) < _PARALLEL:
                home = direction
                break
        if home < 0:
            home = count
            first[home] = field
            count += 1
        of_field[field] = home
        weights[home] += length if field < students else -length
        if field == students - 1:
            of_students = count
    r = np.empty((count, count))
    for i in range(count):
        for j in range(count):
            a, b = first[i], first[j]
            r[i, j] = 1.0 if i == j else C[a, b] / math.sqrt(C[a, a] * C[b, b])
    return of_students, weights, r, of_field


@compiled()
def _opposed(r, a, b):
    return r[a, b] < 0.0 and (1.0 - r[a, b]) * (1.0 + r[a, b]) < _PARALLEL


@compiled()
def _add_moments(size, members, of_students, weights, values, N):
    """Add what the set ``members`` gives to N: all (k, l), (c, e) that together are the whole set."""
    whole = (1 << size) - 1
    for k in range(size):
        if members[k] >= of_students:
            break
        for other in range(k, size):
            if members[other] >= of_students:
                break
            total = 0.0
            for c in range(size):
                for e in range(c, size):
                    if (1 << k) | (1 << other) | (1 << c) | (1 << e) == whole:
                        pairs = 1.0 if c == e else 2.0
                        total += pairs * weights[members[c]] * weights[members[e]] * values[c, e]
            N[members[k], members[other]] += total


@compiled()
def _add_weight_slopes(size, members, of_students, weights, values, slopes):
    """Add the derivatives of ``_add_moments`` in the weights, to slopes[k, l, c]."""
    whole = (1 << size) - 1
    for k in range(size):
        if members[k] >= of_students:
            break
        for other in range(k, size):
            if members[other] >= of_students:
                break
            for c in range(size):
                for e in range(size):
                    if (1 << k) | (1 << other) | (1 << c) | (1 << e) == whole:
                        change = 2.0 * weights[members[e]] * values[c, e]
                        slopes[members[k], members[other], members[c]] += change


@compiled()
def _visit(size, members, of_students, weights, r, differentiate, scratch, N, by_weight, by_r):
    """Add one set of directions to N and, if asked for, to its derivatives."""
    own, corner, values = scratch
    for i in range(size):
        for j in range(size):
            own[i, j] = r[members[i], members[j]]
    P = probability(size, own)
    corners(size, own, corner)
    moments(size, own, P, corner, values)
    _add_moments(size, members, of_students, weights, values, N)
    if differentiate:
        _add_weight_slopes(size, members, of_students, weights, values, by_weight)
        for p in range(size):
            for q in range(p + 1, size):
                moment_slopes(size, own, P, corner, p, q, values)
                change = by_r[members[p], members[q]]
                _add_moments(size, members, of_students, weights, values, change)


@compiled()
def sum_over_sets(of_students, weights, r, differentiate, N, by_weight, by_r):
    """Visit all sets of up to four directions that can carry both indicators."""
    count = r.shape[0]
    members = np.empty(4, dtype=np.int64)
    scratch = (np.empty((4, 4)), np.empty((4, 4)), np.empty((4, 4)))
    the_sum = (members, of_students, weights, r, differentiate, scratch, N, by_weight, by_r)
    for a in range(of_students):
        members[0] = a
        _visit(1, *the_sum)
        for b in range(a + 1, count):
            if _opposed(r, a, b):
                continue
            members[1] = b
            _visit(2, *the_sum)
            for c in range(b + 1, count):
                if _opposed(r, a, c) or _opposed(r, b, c):
                    continue
                members[2] = c
                _visit(3, *the_sum)
                if b >= of_students:
                    continue
                for e in range(c + 1, count):
                    if not (_opposed(r, a, e) or _opposed(r, b, e) or _opposed(r, c, e)):
                        members[3] = e
                        _visit(4, *the_sum)


@compiled()
def add_label_noise(Q, variance, N):
    """Add variance * P(λ_k > 0, λ_l > 0)."""
    if variance > 0.0:
        for k in range(Q.shape[0]):
            for other in range(Q.shape[0]):
                r = Q[k, other] / math.sqrt(Q[k, k] * Q[other, other])
                N[k, other] += variance * (0.25 + arcsine(1.0 if k == other else r) / (2.0 * math.pi))


@compiled()
def exact_noise(Q, R, T, label_noise):
    """N (K, K) in closed form."""
    students = Q.shape[0]
    of_students, weights, r, of_field = directions(Q, R, T)
    sums = np.zeros((of_students, of_students))
    nothing = np.empty((0, 0, 0))
    sum_over_sets(of_students, weights, r, False, sums, nothing, np.empty((0, 0, 0, 0)))
    N = np.empty((students, students))
    for k in range(students):
        for other in range(k + 1):
            a, b = of_field[other], of_field[k]
            N[k, other] = N[other, k] = sums[min(a, b), max(a, b)]
    add_label_noise(Q, label_noise, N)
    return N


@compiled()
def sampled_noise(Q, R, T, label_noise, normals):
    """N (K, K) as the mean over the directions of ``normals`` (points, K + M) and their opposites.

    Δ² 1 1 is homogeneous of degree two in the fields, so that their common length is averaged exactly.
    """
    students, teachers = R.shape
    points, fields = normals.shape
    C, L = np.empty((fields, fields)), np.empty((fields, fields))
    C[:teachers, :teachers] = T
    C[:teachers, teachers:] = R.T
    C[teachers:, :teachers] = R
    C[teachers:, teachers:] = Q
    factor(C, L)
    N = np.zeros((students, students))
    field = np.empty(fields)
    positive = np.empty(students, dtype=np.int64)
    for point in range(points):
        squared = 0.0
        for i in range(fields):
            squared += normals[point, i] * normals[point, i]
            total = 0.0
            for j in range(i + 1):
                total += L[i, j] * normals[point, j]
            field[i] = total
        for sign in (1.0, -1.0):
            error, count = 0.0, 0
            for m in range(teachers):
                error -= max(sign * field[m], 0.0)
            for k in range(students):
                if sign * field[teachers + k] > 0.0:
                    error += sign * field[teachers + k]
                    positive[count] = k
                    count += 1
            weight = error * error * fields / (2.0 * points * squared)
            for i in range(count):
                for j in range(i + 1):
                    N[positive[i], positive[j]] += weight
    for k in range(students):
        for other in range(k):
            N[other, k] = N[k, other]
    add_label_noise(Q, label_noise, N)
    return N
