"""Compiled fixed-point map of the random-feature spectrum, with its derivative.

The gains a(h) = E b(h) of the features span r <= K dimensions; E (K, r) has orthonormal columns and rows e_c.
The unknowns of one z are x = (δ_1 ... δ_K, q_11, q_12 ... q_rr) with Q = E q Eᵀ. They act on a feature only
through y(x) = (w_c/(1+δ_c), A_11, 2 A_12 ...), A = (μ^-1 + q)^-1 with μ = Σ_c κ_c e_c e_cᵀ, since
1/R(h) = S(h) - z + y·f(h) with f = (v_c², b_i b_j); and the next x follows from the moments E_h[f R]. With
them come all derivatives: those of E_h[f R] in y are -E_h[f fᵀ R²].
"""

import numpy as np

from companion.compute.compiled import compiled


@compiled()
def solve_in_place(matrix, right):
    """Overwrite ``right`` (n, m) with matrix^-1 right, by elimination with row pivots; False if singular."""
    size, columns = right.shape
    for k in range(size):
        pivot = k
        for i in range(k + 1, size):
            if abs(matrix[i, k]) > abs(matrix[pivot, k]):
                pivot = i
        if not abs(matrix[pivot, k]) > 0.0:
            return False
        if pivot != k:
            for j in range(size):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
            for j in range(columns):
                right[k, j], right[pivot, j] = right[pivot, j], right[k, j]
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, size):
            factor = matrix[i, k] * inverse
            if factor != 0.0:
                for j in range(k + 1, size):
                    matrix[i, j] -= factor * matrix[k, j]
                for j in range(columns):
                    right[i, j] -= factor * right[k, j]
    for k in range(size - 1, -1, -1):
        for j in range(columns):
            total = right[k, j]
            for i in range(k + 1, size):
                total -= matrix[k, i] * right[i, j]
            right[k, j] = total / matrix[k, k]
    return True


@compiled()
def _moments(z, y, features, node_weights, floor, response, first, second):
    """R(h), r = E[f R] and E[f fᵀ R²] (lower triangle); False unless every R(h) is physical."""
    nodes, size = features.shape
    zr, zi = z.real, z.imag
    yr, yi = y.real.copy(), y.imag.copy()
    first_r, first_i = np.zeros(size), np.zeros(size)
    second_r, second_i = np.zeros((size, size)), np.zeros((size, size))
    physical = True
    for n in range(nodes):
        f = features[n]
        dr, di = floor[n] - zr, -zi
        for i in range(size):
            dr += f[i] * yr[i]
            di += f[i] * yi[i]
        physical = physical and (di < 0.0 if zi > 0.0 else dr > 0.0)
        norm = 1.0 / (dr * dr + di * di)
        rr, ri = dr * norm, -di * norm
        response[n] = complex(rr, ri)
        wr, wi = node_weights[n] * rr, node_weights[n] * ri
        sr, si = wr * rr - wi * ri, wr * ri + wi * rr
        for i in range(size):
            first_r[i] += f[i] * wr
            first_i[i] += f[i] * wi
            ar, ai = f[i] * sr, f[i] * si
            for j in range(i + 1):
                second_r[i, j] += ar * f[j]
                second_i[i, j] += ai * f[j]
    for i in range(size):
        first[i] = complex(first_r[i], first_i[i])
        for j in range(i + 1):
            second[i, j] = second[j, i] = complex(second_r[i, j], second_i[i, j])
    return physical


@compiled()
def _linear_parts(x, directions, noise, weights, population, basis):
    """A, P and tr_c = E_dir[τ_c P_cc], averaged over directions, with the derivatives of A and tr in x."""
    classes, rank = basis.shape
    size = x.size
    q, mu = np.empty((rank, rank), np.complex128), np.empty((rank, rank), np.complex128)
    index = classes
    for a in range(rank):
        for b in range(a, rank):
            q[a, b] = q[b, a] = x[index]
            index += 1
    mean_A = np.zeros((rank, rank), np.complex128)
    mean_P = np.zeros((classes, classes), np.complex128)
    trace = np.zeros(classes, np.complex128)
    slope_A = np.zeros((size - classes, size), np.complex128)
    slope_trace = np.zeros((classes, size), np.complex128)
    slope_kappa = np.empty(classes, np.complex128)
    A, matrix = np.empty((rank, rank), np.complex128), np.empty((rank, rank), np.complex128)
    B = np.empty((rank, rank + classes), np.complex128)  # (1 + μ q)^-1 beside its products with e_c
    P = np.empty((classes, classes), np.complex128)
    share = 1.0 / directions.shape[0]
    for row in range(directions.shape[0]):
        tau = directions[row]
        mu[:] = 0.0j
        for c in range(classes):
            kappa = weights[c] * (tau[c] / (1.0 + x[c]) + noise) + population[c] * (tau[c] + noise)
            slope_kappa[c] = -weights[c] * tau[c] / ((1.0 + x[c]) * (1.0 + x[c]))
            for a in range(rank):
                for b in range(rank):
                    mu[a, b] += kappa * basis[c, a] * basis[c, b]
        for a in range(rank):
            for b in range(rank):
                total = 1.0 + 0.0j if a == b else 0.0j
                for c in range(rank):
                    total += mu[a, c] * q[c, b]
                matrix[a, b] = total
                B[a, b] = 1.0 if a == b else 0.0
            for c in range(classes):
                B[a, rank + c] = basis[c, a]
        solve_in_place(matrix, B)
        for a in range(rank):
            for b in range(rank):
                total = 0.0j
                for c in range(rank):
                    total += B[a, c] * mu[c, b]
                A[a, b] = total
                mean_A[a, b] += share * total
        for c in range(classes):
            for e in range(classes):
                total = 0.0j
                for a in range(rank):
                    for b in range(rank):
                        total += basis[c, a] * q[a, b] * B[b, rank + e]
                P[c, e] = total
                mean_P[c, e] += share * total
        for c in range(classes):
            trace[c] += share * tau[c] * P[c, c]
            for e in range(classes):
                slope_trace[c, e] -= share * tau[c] * slope_kappa[e] * P[c, e] * P[c, e]
        left = 0
        for a in range(rank):
            for b in range(a, rank):
                for c in range(classes):
                    slope_A[left, c] += share * slope_kappa[c] * B[a, rank + c] * B[b, rank + c]
                right = classes
                for e in range(rank):
                    for f in range(e, rank):
                        both = A[a, e] * A[f, b] + A[a, f] * A[e, b]
                        slope_A[left, right] -= share * both * (0.5 if e == f else 1.0)
                        right += 1
                left += 1
        for c in range(classes):
            right = classes
            for e in range(rank):
                for f in range(e, rank):
                    double = share * tau[c] * (1.0 if e == f else 2.0)
                    slope_trace[c, right] += double * B[e, rank + c] * B[f, rank + c]
                    right += 1
    return mean_A, mean_P, trace, slope_A, slope_trace


@compiled()
def evaluate(z, x, problem, response, image, jacobian, projected):
    """Write Φ(x), 1 - Φ'(x), R(h) and P; return whether x lies where the physical root is."""
    features, node_weights, floor, basis, directions, weights, population, gains, noise, feature_ratio = (
        problem
    )
    classes, rank = basis.shape
    size = x.size
    A, P, trace, slope_A, slope_trace = _linear_parts(x, directions, noise, weights, population, basis)
    y = np.empty(size, np.complex128)
    slope_y = np.zeros((size, size), np.complex128)
    inside = True
    for c in range(classes):
        y[c] = weights[c] / (1.0 + x[c])
        slope_y[c, c] = -weights[c] / ((1.0 + x[c]) * (1.0 + x[c]))
        inside = inside and (x[c].imag >= 0.0 if z.imag > 0.0 else x[c].real >= 0.0)
    index = classes
    for a in range(rank):
        for b in range(a, rank):
            double = 1.0 if a == b else 2.0
            y[index] = double * A[a, b]
            for j in range(size):
                slope_y[index, j] = double * slope_A[index - classes, j]
            index += 1
    first = np.empty(size, np.complex128)
    second = np.empty((size, size), np.complex128)
    inside = _moments(z, y, features, node_weights, floor, response, first, second) and inside
    for i in range(size):
        factor = feature_ratio * (gains[i] if i < classes else 1.0)
        image[i] = factor * first[i]
        for j in range(size):
            total = 0.0j
            for k in range(size):
                total += second[i, k] * slope_y[k, j]
            jacobian[i, j] = factor * total
        jacobian[i, i] += 1.0
    for c in range(classes):
        image[c] += gains[c] * trace[c]
        for j in range(size):
            jacobian[c, j] -= gains[c] * slope_trace[c, j]
    projected[:] = P
    return inside
