"""Compiled order-parameter flow of a soft committee: eight conditions side by side, one per lane of a register.

Fields are ordered [K students | M units of the task's teacher | M passive directions | K frozen copies of the
students, where there is consolidation]. ``rows`` (K, fields, lanes) are the students' rows of their covariance,
``known`` (fields - K, M, lanes) the covariance of all other fields with the units of the task's teacher, ``frozen``
(K, fields - K, lanes) that of the frozen copies with all other fields.

No operation mixes lanes: a condition's bits depend neither on its neighbours nor on the number of threads. Sums are
ordered such that two equal students stay equal to the last bit.
"""

import math

import numpy as np

from companion.compute.compiled import compiled, prange
from companion.theory.lane_arcsine import arcsine
from companion.theory.lanes import load, square_root, store, zeros

WIDTH = 8  # one register of AVX-512, two of AVX2, four of NEON

_TWO_OVER_PI = 2.0 / math.pi


@compiled()
def _scales(zero, teachers, rows, known, D, inverse_root):
    """D = 1 + C_aa and its inverse square root, of students and of the task's teacher."""
    students, fields = rows.shape[0], rows.shape[1]
    for k in range(students):
        d = load(zero, rows, k * fields + k) + 1.0
        store(D, k, d)
        store(inverse_root, k, 1.0 / square_root(d))
    for m in range(teachers):
        d = load(zero, known, m * teachers + m) + 1.0
        store(D, students + m, d)
        store(inverse_root, students + m, 1.0 / square_root(d))


@compiled()
def _drift(zero, rows, readout, signs, known, frozen, rates, pull, D, inverse_root, P, X, readout_slope):
    """X_kn = e_w h_k Σ_a e_a I3(k, n, a) - pull_k (C_kn - C_k°n), and dh_k = e_h Σ_a e_a I2(k, a)."""
    students, fields, teachers = rows.shape[0], rows.shape[1], known.shape[1]
    own_copy = fields - students
    for k in range(students):
        at = k * fields
        d_k, root_k = load(zero, D, k), load(zero, inverse_root, k)
        drive, weight, squares = zero, zero, zero
        for a in range(students):
            c, e = load(zero, rows, at + a), load(zero, signs, a)
            drive = drive + e * arcsine(c * (root_k * load(zero, inverse_root, a)))
            p = e / square_root(d_k * load(zero, D, a) - c * c)
            store(P, a, p)
            weight = weight + p * c
        for m in range(teachers):
            a = students + m
            c, e = load(zero, rows, at + a), load(zero, signs, a)
            squares = squares + e * arcsine(c * (root_k * load(zero, inverse_root, a)))
            p = e / square_root(d_k * load(zero, D, a) - c * c)
            store(P, a, p)
            weight = weight + p * c
        store(readout_slope, k, (drive + squares) * load(zero, rates, 1) * _TWO_OVER_PI)
        weight = weight / d_k
        scale = load(zero, rates, 0) * load(zero, readout, k) * _TWO_OVER_PI
        strength = load(zero, pull, k)
        for n in range(fields):
            total = zero
            for a in range(students):
                total = total + load(zero, P, a) * load(zero, rows, a * fields + n)
            for m in range(teachers):
                if n < students:
                    c = load(zero, rows, n * fields + students + m)
                else:
                    c = load(zero, known, (n - students) * teachers + m)
                total = total + load(zero, P, students + m) * c
            own = load(zero, rows, at + n)
            x = scale * (total - own * weight)
            if frozen.shape[1] > 0:
                if n < students:
                    held = load(zero, rows, n * fields + own_copy + k)
                else:
                    held = load(zero, frozen, k * (fields - students) + n - students)
                x = x - strength * (own - held)
            store(X, at + n, x)


@compiled()
def _squared_error(zero, i, k, rows, signs, known, D, first, second, inverse_root):
    """√L and Σ_ab e_a e_b arcsin(r_ab / √((1 + r_aa)(1 + r_bb))), the sum that I4 makes with (4/π²) / √L."""
    students, fields, teachers = rows.shape[0], rows.shape[1], known.shape[1]
    active = students + teachers
    d_i, d_k, c_ik = load(zero, D, i), load(zero, D, k), load(zero, rows, i * fields + k)
    # r_ab = C_ab - s_a s_b - t_a t_b, equal to the last bit when a and b are exchanged.
    if i == k:
        L = d_k + c_ik
        of_i, of_k, share = square_root(2.0 / L), zero, zero
    else:
        L = d_i * d_k - c_ik * c_ik
        of_i, of_k, share = 1.0 / square_root(d_i), square_root(d_i / L), c_ik / d_i
    diagonal, crossed, pairs = zero, zero, zero
    for a in range(active):
        c_i, c_k = load(zero, rows, i * fields + a), load(zero, rows, k * fields + a)
        s, t = c_i * of_i, (c_k - share * c_i) * of_k
        if a < students:
            c = load(zero, rows, a * fields + a)
        else:
            c = load(zero, known, (a - students) * teachers + a - students)
        r = c - (s * s + t * t)
        root = 1.0 / square_root(r + 1.0)
        store(first, a, s)
        store(second, a, t)
        store(inverse_root, a, root)
        e = load(zero, signs, a)
        diagonal = diagonal + e * e * arcsine(r * (root * root))
    for b in range(active):
        s, t, e_b = load(zero, first, b), load(zero, second, b), load(zero, signs, b)
        root_b = load(zero, inverse_root, b)
        total = zero
        for a in range(b):
            if a < students:
                c = load(zero, rows, a * fields + b)
            else:
                c = load(zero, known, (a - students) * teachers + b - students)
            r = c - (load(zero, first, a) * s + load(zero, second, a) * t)
            total = total + load(zero, signs, a) * arcsine(r * (load(zero, inverse_root, a) * root_b))
        if b < students:
            pairs = pairs + e_b * total
        else:
            crossed = crossed + e_b * total
    return square_root(L), diagonal + (pairs + crossed) * 2.0


@compiled()
def slopes(zero, flow, rows, readout, signs, known, frozen, rates, pull, work, row_slope, readout_slope):
    """Right-hand side of the flow; ``rates`` (3, lanes) are e_w, e_h and the variance of the labels' noise."""
    students, fields, teachers = rows.shape[0], rows.shape[1], known.shape[1]
    D, inverse_root, P, first, second, X = work
    for k in range(students):
        store(signs, k, zero - load(zero, readout, k))
    _scales(zero, teachers, rows, known, D, inverse_root)
    _drift(zero, rows, readout, signs, known, frozen, rates, pull, D, inverse_root, P, X, readout_slope)
    rate, noise = load(zero, rates, 0), load(zero, rates, 2) * _TWO_OVER_PI
    for i in range(students):
        for n in range(students, fields):
            store(row_slope, i * fields + n, load(zero, X, i * fields + n))
        for k in range(i, students):
            x = load(zero, X, i * fields + k) + load(zero, X, k * fields + i)
            if not flow:
                root, total = _squared_error(zero, i, k, rows, signs, known, D, first, second, inverse_root)
                both = (load(zero, readout, i) * rate) * (load(zero, readout, k) * rate)
                x = x + both * (total * (_TWO_OVER_PI * _TWO_OVER_PI) + noise) / root
            store(row_slope, i * fields + k, x)
            store(row_slope, k * fields + i, x)


@compiled()
def _combine(zero, target, base, slope, factor):
    """target = base + factor slope, for arrays of vectors."""
    for index in range(target.size // WIDTH):
        store(target, index, load(zero, base, index) + load(zero, slope, index) * factor)


@compiled()
def follow_group(flow, rows, readout, teacher, known, frozen, rates, pull, counts, sizes, path, readout_path):
    """Classical Runge-Kutta from (rows, readout), in place: ``counts`` steps of ``sizes`` before each mark."""
    zero = zeros(WIDTH)
    students, fields, teachers = rows.shape[0], rows.shape[1], known.shape[1]
    signs = np.empty((students + teachers, WIDTH))
    signs[students:] = teacher
    work = (
        np.empty((students + teachers, WIDTH)),
        np.empty((students + teachers, WIDTH)),
        np.empty((students + teachers, WIDTH)),
        np.empty((students + teachers, WIDTH)),
        np.empty((students + teachers, WIDTH)),
        np.empty((students, fields, WIDTH)),
    )
    ahead, slope, total = np.empty_like(rows), np.empty_like(rows), np.empty_like(rows)
    h_ahead, h_slope, h_total = np.empty_like(readout), np.empty_like(readout), np.empty_like(readout)
    for mark in range(counts.shape[0]):
        for _ in range(counts[mark]):
            ahead[:] = rows
            h_ahead[:] = readout
            total[:] = 0.0
            h_total[:] = 0.0
            for stage in range(4):
                slopes(zero, flow, ahead, h_ahead, signs, known, frozen, rates, pull, work, slope, h_slope)
                weight = 2.0 if stage == 1 or stage == 2 else 1.0
                _combine(zero, total, total, slope, weight)
                _combine(zero, h_total, h_total, h_slope, weight)
                if stage < 3:
                    part = sizes[mark] if stage == 2 else 0.5 * sizes[mark]
                    _combine(zero, ahead, rows, slope, part)
                    _combine(zero, h_ahead, readout, h_slope, part)
            _combine(zero, rows, rows, total, sizes[mark] / 6.0)
            _combine(zero, readout, readout, h_total, sizes[mark] / 6.0)
        path[mark] = rows
        readout_path[mark] = readout


@compiled(parallel=True)
def follow_all(flow, rows, readout, teacher, known, frozen, rates, pull, counts, sizes, path, readout_path):
    """`follow_group` for each group of lanes, the first axis of every array but ``counts`` and ``sizes``."""
    for group in prange(rows.shape[0]):
        follow_group(
            flow,
            rows[group],
            readout[group],
            teacher[group],
            known[group],
            frozen[group],
            rates[group],
            pull[group],
            counts,
            sizes,
            path[group],
            readout_path[group],
        )
