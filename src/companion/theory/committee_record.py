"""What is kept of a solved committee: errors from overlaps, the check of a path, the Dataset."""

import math

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.theory.committee_conditions import Conditions

Floats = NDArray[np.float64]

#: How far an overlap may leave the range of a covariance before the integration counts as broken.
_SLACK = 1e-6


def recorded_times(times: ArrayLike | None, first_time: float, second_time: float, points: int = 0) -> Floats:
    """``times`` sorted, with 0, the switch and the end; without any, also ``points`` logarithmic ones in each task.

    Raises ValueError, naming the argument, for times outside of the tasks or not finite, and for no first task.
    """
    if not (math.isfinite(first_time) and first_time > 0.0):
        raise ValueError(f"first_time: {first_time} given; allowed: a finite number above 0")
    if not (math.isfinite(second_time) and second_time >= 0.0):
        raise ValueError(f"second_time: {second_time} given; allowed: a finite number, not below 0")
    end = float(first_time) + float(second_time)
    fixed = [np.array([0.0, first_time, end])]
    if times is not None:
        own = np.asarray(times, dtype=np.float64)
        if own.ndim != 1 or not np.isfinite(own).all() or (own < 0).any() or (own > end).any():
            raise ValueError(f"times: {times} given; allowed: numbers from 0 to {end:g}")
        fixed.append(own)
    elif points:
        fixed.append(np.geomspace(min(0.1, first_time), first_time, points))
        if second_time:
            fixed.append(first_time + np.geomspace(min(0.1, second_time), second_time, points))
    return np.unique(np.concatenate(fixed))


def generalisation_errors(covariance: ArrayLike, readout: ArrayLike, teacher_readout: ArrayLike) -> Floats:
    """ε = (1/2) Σ_ab e_a e_b I2(a, b), (...,), from the covariance (..., K + M, K + M) of students and one teacher.

    Rounding below zero is cut off.
    """
    C = np.asarray(covariance, dtype=np.float64)
    D = 1.0 + np.diagonal(C, axis1=-2, axis2=-1)
    angle = C / np.sqrt(D[..., :, None] * D[..., None, :])
    signs = np.concatenate([-np.asarray(readout), np.asarray(teacher_readout)], axis=-1)
    kernel = 2.0 / np.pi * np.arcsin(np.clip(angle, -1.0, 1.0))
    return np.maximum(0.5 * np.einsum("...a,...ab,...b->...", signs, kernel, signs), 0.0)


def check_path(
    path: Floats, others: Floats, readout: Floats, names: NDArray[np.int64], moments: Floats
) -> None:
    """Refuse a path (B, times, K, K + 2M) of overlaps that are no covariance with the teachers' own, ``others``.

    Raises ArithmeticError that names conditions and the first time.
    """
    K = path.shape[2]
    Q = path[..., :K]
    own = np.diagonal(Q, axis1=-2, axis2=-1)
    allowed = (1.0 + _SLACK) * own[..., :, None]
    teachers = np.diagonal(others, axis1=-2, axis2=-1)
    if teachers.ndim == 2:
        teachers = teachers[:, None]
    finite = np.logical_and(np.isfinite(path).all(axis=(2, 3)), np.isfinite(readout).all(axis=2))
    with np.errstate(invalid="ignore", over="ignore"):
        within = (own >= 0.0).all(axis=2)
        within &= (allowed * own[..., None, :] + _SLACK**2 >= Q**2).all(axis=(2, 3))
        within &= (allowed * teachers[..., None, :] + _SLACK**2 >= path[..., K:] ** 2).all(axis=(2, 3))
    whole = np.logical_and(finite, within)
    if not whole.all():
        broken = np.flatnonzero(~whole.all(axis=1))
        first = moments[int(np.argmin(whole[broken[0]]))]
        raise ArithmeticError(
            f"the integration broke down in {broken.size} of {len(path)} conditions, first in condition "
            f"{names[broken[0]]} before time {first:g}: take a smaller step or smaller learning rates"
        )


def recorded(
    given: Conditions,
    path: Floats,
    heads: Floats,
    moments: Floats,
    first: float,
    second: float,
    overlaps: bool,
) -> xr.Dataset:
    """Dataset of a path (B, times, K, K + 2M) with readouts (B, times, 2, K) and the errors that follow from them."""
    K, M = given.students, given.teachers
    Q, R, U = path[..., :K], path[..., K : K + M], path[..., K + M :]
    errors = np.empty((*path.shape[:2], 2))
    covariance = np.empty((*path.shape[:2], K + M, K + M))
    covariance[..., :K, :K], covariance[..., K:, K:] = Q, np.eye(M)
    for task, cross in enumerate((R, U)):
        covariance[..., :K, K:], covariance[..., K:, :K] = cross, cross.swapaxes(-1, -2)
        teacher = np.broadcast_to(given.teacher_readouts[:, None, task], (*path.shape[:2], M))
        errors[..., task] = generalisation_errors(covariance, heads[:, :, task], teacher)
    dims = ("condition", "time")
    found = {
        "error": ((*dims, "task"), errors, {"long_name": r"generalisation error $\epsilon_t$"}),
        "readout": ((*dims, "task", "student"), heads, {"long_name": "readout $h_k^t$"}),
    }
    if overlaps:
        found["Q"] = ((*dims, "student", "other_student"), Q, {"long_name": "overlap $Q_{ik}$"})
        found["R"] = ((*dims, "student", "unit"), R, {"long_name": "overlap $R_{km}$ with teacher 1"})
        found["U"] = ((*dims, "student", "unit"), U, {"long_name": "overlap $U_{km}$ with teacher 2"})
    time = ("time", moments, {"long_name": "time $a$", "units": "steps / d"})
    return xr.Dataset(
        found, coords={"time": time, "task": [1, 2]}, attrs={"first_time": first, "second_time": second}
    )
