"""Compiled Gaussian orthants: probabilities and second moments of up to four correlated fields.

Fields z_1 … z_s have unit variance and correlations r; what is wanted is E[z_c z_e Π_u 1(z_u > 0)]
and its derivative in r. Gaussian integration by parts twice leaves the orthant probability P and
the corners, P(all others > 0 | z_k = z_m = 0) times the density of (z_k, z_m) at 0. P has no
elementary form for four fields only, where Plackett's ∂P/∂r_km = corner_km is integrated along a
path in r (Biometrika 41, 351, 1954).

Everything is written in the cofactors of the correlation matrix, which treat all fields alike, so
that sets of fields that are (nearly) in one plane or space stay consistent. Two parallel fields are
not allowed: merge them first. Two opposed ones have no common orthant.
"""

import math

import numpy as np

from companion.compute.compiled import compiled

_TWO_PI = 2.0 * math.pi
_FLAT = 1e-14  # three fields whose correlations have a smaller determinant lie in one plane


def _path(nodes, power):
    """Nodes and weights on [0, 1] in τ = 1 - v^2p: square-root ends of any width become smooth."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    v = (x + 1.0) / 2.0
    return 1.0 - v ** (2 * power), weights * power * v ** (2 * power - 1)


_REGULAR = 0.1  # a determinant of the correlations from which few nodes reach rounding
_TAU, _WEIGHT = _path(16, 1)
_SHARP_TAU, _SHARP_WEIGHT = _path(48, 3)


@compiled()
def arcsine(r):
    """Arcsine of a correlation, clipped to [-1, 1]."""
    return math.atan2(r, math.sqrt(max((1.0 - r) * (1.0 + r), 0.0)))


@compiled()
def _plane_determinant(x, y, z):
    """Determinant of the correlations x, y, z of three fields."""
    return (1.0 - x * x) * (1.0 - y * y) - (z - x * y) * (z - x * y)


@compiled()
def _cross_terms(r, a, b, c, e, cross, minors):
    """Write the four correlations across the pairs (a, b), (c, e) and what they leave of the opposite ones.

    Returns the determinant of the block of four correlations.
    """
    ab, ce = r[a, b], r[c, e]
    ac, ae, bc, be = r[a, c], r[a, e], r[b, c], r[b, e]
    cross[0], cross[1], cross[2], cross[3] = ac, ae, bc, be
    minors[0] = be - ab * ae - ce * bc + ab * ce * ac
    minors[1] = bc - ab * ac - ce * be + ab * ce * ae
    minors[2] = ae - ab * be - ce * ac + ab * ce * bc
    minors[3] = ac - ab * bc - ce * ae + ab * ce * be
    return ac * be - ae * bc


@compiled()
def four_probability(r):
    """P(z_1, z_2, z_3, z_4 > 0) for the correlations ``r`` (4, 4).

    The path switches on the correlations across two pairs; the pairs are chosen so that the
    strongest correlation is inside one of them, where it costs no accuracy.
    """
    b, c, e = 1, 2, 3
    strongest = max(abs(r[0, 1]), abs(r[2, 3]))
    second, third = max(abs(r[0, 2]), abs(r[1, 3])), max(abs(r[0, 3]), abs(r[1, 2]))
    if second > strongest and second >= third:
        b, c = 2, 1
    elif third > strongest:
        b, e = 3, 1
    cross, minors = np.empty(4), np.empty(4)
    block = _cross_terms(r, 0, b, c, e, cross, minors)
    outer = (1.0 - r[0, b] * r[0, b]) * (1.0 - r[c, e] * r[c, e])
    between, start = 0.0, 0.0
    for i in range(4):
        between += cross[i] * minors[3 - i]
        start += arcsine(cross[i])
    sharp = outer + block * block - between < _REGULAR
    integral = 0.0
    for node in range(_SHARP_TAU.shape[0] if sharp else _TAU.shape[0]):
        tau, weight = (_SHARP_TAU[node], _SHARP_WEIGHT[node]) if sharp else (_TAU[node], _WEIGHT[node])
        square = tau * tau
        root = math.sqrt(max(outer + square * (square * block * block - between), 0.0))
        total = 0.0
        for i in range(4):
            across = math.sqrt(1.0 - square * cross[i] * cross[i])
            sign = block if i == 1 or i == 2 else -block
            angle = math.atan2(tau * (minors[i] + square * sign * cross[i]), root * across)
            total += cross[i] / across * angle
        integral += weight * total
    inside = (0.25 + arcsine(r[0, b]) / _TWO_PI) * (0.25 + arcsine(r[c, e]) / _TWO_PI)
    return inside + start / (4.0 * _TWO_PI) + integral / (_TWO_PI * _TWO_PI)


@compiled()
def probability(size, r):
    """P(z_1, …, z_size > 0), size 1 to 4."""
    if size == 1:
        return 0.5
    if size == 2:
        return 0.25 + arcsine(r[0, 1]) / _TWO_PI
    if size == 3:
        return 0.125 + (arcsine(r[0, 1]) + arcsine(r[0, 2]) + arcsine(r[1, 2])) / (2.0 * _TWO_PI)
    return four_probability(r)


@compiled()
def _minor(r, i, j, k, m):
    """Covariance of z_i, z_j given z_k = z_m = 0, times the determinant 1 - r_km²."""
    given = (r[i, j] - r[i, k] * r[j, k]) * (1.0 - r[k, m] * r[k, m])
    return given - (r[i, m] - r[i, k] * r[k, m]) * (r[j, m] - r[j, k] * r[k, m])


@compiled()
def _planes(r, flat):
    """Write the determinant of each three of four fields, by the one left out; return that of all four."""
    flat[0] = _plane_determinant(r[1, 2], r[1, 3], r[2, 3])
    flat[1] = _plane_determinant(r[0, 2], r[0, 3], r[2, 3])
    flat[2] = _plane_determinant(r[0, 1], r[0, 3], r[1, 3])
    flat[3] = _plane_determinant(r[0, 1], r[0, 2], r[1, 2])
    cross, minors = np.empty(4), np.empty(4)
    block = _cross_terms(r, 0, 1, 2, 3, cross, minors)
    whole = (1.0 - r[0, 1] * r[0, 1]) * (1.0 - r[2, 3] * r[2, 3]) + block * block
    for i in range(4):
        whole -= cross[i] * minors[3 - i]
    return max(whole, 0.0)


@compiled()
def _pair_angle(r, flat, whole, i, j, k, m):
    """Arcsine of the correlation of z_i, z_j given z_k = z_m = 0, of four fields.

    ``flat[j]`` belongs to i, k, m. Fields in one plane take the limit of adding the same small
    independent noise to all four.
    """
    minor = _minor(r, i, j, k, m)
    plane = 1.0 - r[k, m] * r[k, m]
    if flat[i] > _FLAT and flat[j] > _FLAT:
        return math.atan2(minor, math.sqrt(whole * plane))
    if flat[i] > _FLAT or flat[j] > _FLAT:
        return 0.0
    along = 2.0 * r[i, j] - r[i, k] * r[j, k] - r[i, m] * r[j, m]
    left = plane + 2.0 - r[i, k] * r[i, k] - r[i, m] * r[i, m]
    right = plane + 2.0 - r[j, k] * r[j, k] - r[j, m] * r[j, m]
    return arcsine(along / math.sqrt(left * right))


@compiled()
def corners(size, r, values):
    """Write P(all others > 0 | z_k = z_m = 0) / (2π sqrt(1 - r_km²)) for each pair (symmetric)."""
    flat = np.empty(4)
    whole = _planes(r, flat) if size == 4 else 0.0
    for k in range(size):
        values[k, k] = 0.0
        for m in range(k + 1, size):
            weight = 1.0 if size == 2 else 0.5
            if size == 4:
                i = 0 if k > 0 else (1 if m > 1 else 2)
                weight = 0.25 + _pair_angle(r, flat, whole, i, 6 - i - k - m, k, m) / _TWO_PI
            density = 1.0 / (_TWO_PI * math.sqrt((1.0 - r[k, m]) * (1.0 + r[k, m])))
            values[k, m] = values[m, k] = weight * density


@compiled()
def _pull(r, k, m, c, e):
    """How the corner (k, m) acts on E[z_c z_e 1]."""
    return r[c, k] * r[e, m] + r[c, m] * r[e, k] - r[k, m] * (r[c, k] * r[e, k] + r[c, m] * r[e, m])


@compiled()
def moments(size, r, P, corner, values):
    """Write E[z_c z_e Π_u 1(z_u > 0)] (symmetric) from the probability and the corners."""
    for c in range(size):
        for e in range(c, size):
            total = r[c, e] * P
            for k in range(size):
                for m in range(k + 1, size):
                    total += corner[k, m] * _pull(r, k, m, c, e)
            values[c, e] = values[e, c] = total


@compiled()
def _corner_slope(r, flat, whole, k, m, p, q):
    """d P(others > 0 | z_k = z_m = 0) / d r_pq of four fields."""
    i = 0 if k > 0 else (1 if m > 1 else 2)
    j = 6 - i - k - m
    minor = _minor(r, i, j, k, m)
    x, ik, im, jk, jm = r[k, m], r[i, k], r[i, m], r[j, k], r[j, m]
    with_i, with_j = flat[j], flat[i]
    d_minor, d_i, d_j = 0.0, 0.0, 0.0
    if p + q == i + j and p * q == i * j:
        d_minor = 1.0 - x * x
    elif p + q == k + m and p * q == k * m:
        d_minor = ik * jm + im * jk - 2.0 * r[i, j] * x
        d_i, d_j = 2.0 * (ik * im - x), 2.0 * (jk * jm - x)
    elif p + q == i + k and p * q == i * k:
        d_minor, d_i = x * jm - jk, 2.0 * (x * im - ik)
    elif p + q == i + m and p * q == i * m:
        d_minor, d_i = x * jk - jm, 2.0 * (x * ik - im)
    elif p + q == j + k and p * q == j * k:
        d_minor, d_j = x * im - ik, 2.0 * (x * jm - jk)
    else:
        d_minor, d_j = x * ik - im, 2.0 * (x * jk - jm)
    change = d_minor - 0.5 * minor * (d_i / with_i + d_j / with_j)
    return change / (_TWO_PI * math.sqrt(whole * (1.0 - x * x)))


@compiled()
def _pull_slope(r, k, m, c, e, p, q):
    """Derivative of ``_pull`` in r_pq."""
    ck, cm, ek, em, km = r[c, k], r[c, m], r[e, k], r[e, m], r[k, m]
    d_ck = 1.0 if (c == p and k == q) or (c == q and k == p) else 0.0
    d_cm = 1.0 if (c == p and m == q) or (c == q and m == p) else 0.0
    d_ek = 1.0 if (e == p and k == q) or (e == q and k == p) else 0.0
    d_em = 1.0 if (e == p and m == q) or (e == q and m == p) else 0.0
    d_km = 1.0 if (k == p and m == q) or (k == q and m == p) else 0.0
    total = d_ck * em + ck * d_em + d_cm * ek + cm * d_ek - d_km * (ck * ek + cm * em)
    return total - km * (d_ck * ek + ck * d_ek + d_cm * em + cm * d_em)


@compiled()
def moment_slopes(size, r, P, corner, p, q, values):
    """Write the derivative of ``moments`` in the correlation r_pq; no three fields in one plane."""
    flat, slopes = np.empty(4), np.zeros((4, 4))
    whole = _planes(r, flat) if size == 4 else 0.0
    for k in range(size):
        for m in range(k + 1, size):
            plane = (1.0 - r[k, m]) * (1.0 + r[k, m])
            if k == p and m == q:
                slopes[k, m] = corner[k, m] * r[k, m] / plane
            if size == 4:
                slopes[k, m] += _corner_slope(r, flat, whole, k, m, p, q) / (_TWO_PI * math.sqrt(plane))
    for c in range(size):
        for e in range(c, size):
            total = r[c, e] * corner[p, q]
            if c == p and e == q:
                total += P
            for k in range(size):
                for m in range(k + 1, size):
                    total += slopes[k, m] * _pull(r, k, m, c, e)
                    total += corner[k, m] * _pull_slope(r, k, m, c, e, p, q)
            values[c, e] = values[e, c] = total
