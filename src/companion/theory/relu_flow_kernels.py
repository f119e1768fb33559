"""Compiled flow of the overlaps: rates of (Q, R), their exact tangents, and an adaptive integrator.

dR/dt = -η (A R - B T) and dQ/dt = -η (A Q + Q A - B Rᵀ - R Bᵀ) + η² N. The integrator is Dormand and
Prince's pair of orders 5 and 4 with local extrapolation; each condition has steps of its own, so
that its bits do not depend on its neighbours or on the number of threads.
"""

import math

import numpy as np
from scipy.integrate import RK45

from companion.compute.compiled import compiled, prange
from companion.theory.relu_kernels import sine_and_angle
from companion.theory.relu_noise_kernels import exact_noise, sampled_noise
from companion.theory.relu_overlaps import gradient_matrices

NO_NOISE, EXACT_NOISE, SAMPLED_NOISE = 0, 1, 2

_TWO_PI = 2.0 * math.pi
# scipy's tableau of the pair: stages (the seventh is the result), error, and dense output of order 4.
_STAGES = np.vstack([np.pad(RK45.A, ((0, 0), (0, 1))), RK45.B])
_ERROR = np.array(RK45.E)
_DENSE = np.array(RK45.P)


@compiled()
def rates(state, T, rate, label_noise, noise, normals, change):
    """Write d/dt of ``state`` (K, K + M), which is Q beside R."""
    students = state.shape[0]
    Q = np.ascontiguousarray(state[:, :students])
    R = np.ascontiguousarray(state[:, students:])
    A, B = gradient_matrices(Q, R, T)
    change[:, students:] = -rate * (A @ R - B @ T)
    half = A @ Q - B @ R.T
    change[:, :students] = -rate * (half + half.T)
    if noise == EXACT_NOISE:
        change[:, :students] += rate * rate * exact_noise(Q, R, T, label_noise)
    elif noise == SAMPLED_NOISE:
        change[:, :students] += rate * rate * sampled_noise(Q, R, T, label_noise, normals)


@compiled()
def _first_step(state, slope, tolerance, absolute):
    """A step over which the state changes by about a hundredth, and not less than the tolerance."""
    size, speed = 0.0, 0.0
    for i in range(state.shape[0]):
        for j in range(state.shape[1]):
            scale = absolute + tolerance * abs(state[i, j])
            size = max(size, abs(state[i, j]) / scale)
            speed = max(speed, abs(slope[i, j]) / scale)
    return 0.01 * size / speed if speed > 0.0 else 1e300


@compiled()
def _try_step(here, ahead, slopes, length, T, rate, label_noise, noise, normals, tolerance, absolute):
    """Write the state after one step to ``ahead`` and all stages to ``slopes``; return its relative error."""
    for stage in range(1, 7):
        ahead[:] = here
        for earlier in range(stage):
            ahead += length * _STAGES[stage, earlier] * slopes[earlier]
        rates(ahead, T, rate, label_noise, noise, normals, slopes[stage])
    total = 0.0
    for i in range(here.shape[0]):
        for j in range(here.shape[1]):
            error = 0.0
            for stage in range(7):
                error += _ERROR[stage] * slopes[stage, i, j]
            scale = absolute + tolerance * max(abs(here[i, j]), abs(ahead[i, j]))
            total += (length * error / scale) ** 2
    return math.sqrt(total / here.size)


@compiled()
def _interpolate(here, slopes, length, share, out):
    """Write the state at ``share`` of the step."""
    out[:] = here
    for stage in range(7):
        weight = 0.0
        for power in range(3, -1, -1):
            weight = (weight + _DENSE[stage, power]) * share
        out += length * weight * slopes[stage]


@compiled()
def integrate(state, times, T, rate, label_noise, noise, normals, tolerance, absolute, most_steps, path):
    """Follow ``state`` from time 0, write it at each of ``times`` to ``path``; return whether all are met."""
    slopes = np.empty((7, *state.shape))
    here, ahead = state.copy(), np.empty_like(state)
    rates(here, T, rate, label_noise, noise, normals, slopes[0])
    now, last = 0.0, times[-1]
    step = _first_step(here, slopes[0], tolerance, absolute)
    index, taken = 0, 0
    while index < times.shape[0] and times[index] == 0.0:
        path[index] = here
        index += 1
    while index < times.shape[0]:
        length = min(step, last - now)
        error = _try_step(
            here, ahead, slopes, length, T, rate, label_noise, noise, normals, tolerance, absolute
        )
        taken += 1
        if error <= 1.0:
            end = last if length == last - now else now + length
            while index < times.shape[0] and times[index] < end:
                _interpolate(here, slopes, length, (times[index] - now) / length, path[index])
                index += 1
            while index < times.shape[0] and times[index] == end:
                path[index] = ahead
                index += 1
            here, ahead, now = ahead, here, end
            slopes[0] = slopes[6]
            step = length * min(5.0, 0.9 * max(error, 1e-10) ** -0.2)
        elif error > 1.0:
            step = length * max(0.2, 0.9 * error**-0.2)
        else:  # not a number: a student went through zero, or the state blew up
            step = 0.1 * length
        if index < times.shape[0] and (taken == most_steps or not step > 1e-14 * max(now, 1e-300)):
            path[index:] = np.nan
            return False
    return True


@compiled(parallel=True)
def integrate_all(
    states, times, T, rate, label_noise, noise, normals, tolerance, absolute, most_steps, paths, complete
):
    """``integrate`` for each condition: ``states`` (n, K, K + M), ``rate`` (n,), ``paths`` (n, times, K, K + M)."""
    for run in prange(states.shape[0]):
        complete[run] = integrate(
            states[run],
            times,
            T,
            rate[run],
            label_noise,
            noise,
            normals,
            tolerance,
            absolute,
            most_steps,
            paths[run],
        )


@compiled()
def _angle_slope(a_squared, b_squared, g, da, db, dg):
    """Changes of s and of the angle of two vectors with their overlaps; they are not parallel."""
    s, _ = sine_and_angle(a_squared, b_squared, g)
    ds = (0.5 * (b_squared * da + a_squared * db) - g * dg) / s
    return ds, (0.5 * g * (da / a_squared + db / b_squared) - dg) / s


@compiled()
def drift_tangent(Q, R, T, dQ, dR):
    """Change of the noise-free rates at η = 1 with the overlaps, as (K, K + M)."""
    students, teachers = R.shape
    A, B = gradient_matrices(Q, R, T)
    dA, dB = np.empty_like(A), np.empty_like(B)
    for k in range(students):
        dA[k, k] = 0.0
        for other in range(k):
            ds, angle = _angle_slope(
                Q[k, k], Q[other, other], Q[k, other], dQ[k, k], dQ[other, other], dQ[k, other]
            )
            dA[k, other] = dA[other, k] = -angle / _TWO_PI
            dA[k, k] += ds
            dA[other, other] += ds
    for k in range(students):
        for m in range(teachers):
            ds, angle = _angle_slope(Q[k, k], T[m, m], R[k, m], dQ[k, k], 0.0, dR[k, m])
            dB[k, m] = -angle / _TWO_PI
            dA[k, k] -= ds
        dA[k, k] = dA[k, k] / (_TWO_PI * Q[k, k]) - (A[k, k] - 0.5) * dQ[k, k] / Q[k, k]
    change = np.empty((students, students + teachers))
    change[:, students:] = -(dA @ R + A @ dR - dB @ T)
    half = dA @ Q + A @ dQ - dB @ R.T - B @ dR.T
    change[:, :students] = -(half + half.T)
    return change


@compiled()
def drift_jacobian(Q, R, T):
    """Tangents of all coordinates in the order R row by row, then the upper triangle of Q."""
    students, teachers = R.shape
    inside = students * teachers
    size = inside + students * (students + 1) // 2
    jacobian = np.empty((size, size))
    dQ, dR = np.zeros_like(Q), np.zeros_like(R)
    column = 0
    for k in range(students):
        for m in range(teachers):
            dR[k, m] = 1.0
            _fill_column(drift_tangent(Q, R, T, dQ, dR), students, jacobian[:, column])
            dR[k, m] = 0.0
            column += 1
    for k in range(students):
        for other in range(k, students):
            dQ[k, other] = dQ[other, k] = 1.0
            _fill_column(drift_tangent(Q, R, T, dQ, dR), students, jacobian[:, column])
            dQ[k, other] = dQ[other, k] = 0.0
            column += 1
    return jacobian


@compiled()
def _fill_column(change, students, column):
    row = 0
    for k in range(students):
        for m in range(students, change.shape[1]):
            column[row] = change[k, m]
            row += 1
    for k in range(students):
        for other in range(k, students):
            column[row] = change[k, other]
            row += 1
