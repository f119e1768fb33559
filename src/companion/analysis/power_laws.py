"""Decays told apart: local slopes in log-log, and least-squares fits of a power law or an exponential."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class DecayFit:
    """A straight line fitted to log y: against log t (power law) or t (exponential).

    ``slope`` is the exponent or the rate, ``amplitude`` the value at t = 1 or t = 0, ``residual`` the root
    mean square deviation of log y from the line and ``points`` the number of points it was fitted to.
    """

    slope: float
    amplitude: float
    residual: float
    points: int


def local_slopes(times: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """d log y / d log t between neighbouring points, and the geometric means of their times.

    Raises ValueError for arrays that do not match, times that do not rise or numbers that are not
    positive.

    >>> [round(float(slope), 6) for slope in local_slopes([1, 2, 4], [1.0, 0.125, 0.03125])[1]]
    [-3.0, -2.0]
    """
    t, y = _checked(times, values)
    return np.sqrt(t[1:] * t[:-1]), np.diff(np.log(y)) / np.diff(np.log(t))


def fit_power_law(times: ArrayLike, values: ArrayLike, *, decades: float = 1.0) -> DecayFit:
    """Fit y = amplitude t^slope to the last ``decades`` of time: to t >= t_max / 10^decades.

    Raises ValueError as ``local_slopes`` does, or if fewer than three points lie there.

    >>> fit = fit_power_law([1, 10, 20, 50, 100], [9.0, 4e-3, 5e-4, 3.2e-5, 4e-6])
    >>> round(fit.slope, 6), round(fit.amplitude, 6), fit.points
    (-3.0, 4.0, 4)
    """
    t, y = _last(times, values, decades)
    return _fit(np.log(t), np.log(y))


def fit_exponential(times: ArrayLike, values: ArrayLike, *, decades: float = 1.0) -> DecayFit:
    """Fit y = amplitude exp(slope t) to the last ``decades`` of time, as ``fit_power_law`` does."""
    t, y = _last(times, values, decades)
    return _fit(t, np.log(y))


def _fit(x: NDArray[np.float64], log_y: NDArray[np.float64]) -> DecayFit:
    slope, intercept = np.polynomial.Polynomial.fit(x, log_y, 1).convert().coef[::-1]
    residual = np.sqrt(np.mean((log_y - intercept - slope * x) ** 2))
    return DecayFit(float(slope), float(np.exp(intercept)), float(residual), len(x))


def _last(
    times: ArrayLike, values: ArrayLike, decades: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not decades > 0:
        raise ValueError(f"decades must be positive, got {decades}")
    t, y = _checked(times, values)
    late = t >= t[-1] / 10**decades * (1 - 1e-12)
    if late.sum() < 3:
        raise ValueError(f"times must have three points in the last {decades:g} decades, got {late.sum()}")
    return t[late], y[late]


def _checked(times: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    t, y = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if t.ndim != 1 or t.shape != y.shape:
        raise ValueError(f"times and values must be lists of one length, got shapes {t.shape} and {y.shape}")
    for name, numbers in (("times", t), ("values", y)):
        if not (np.isfinite(numbers).all() and (numbers > 0).all()):
            raise ValueError(f"{name} must be positive and finite")
    if (np.diff(t) <= 0).any():
        raise ValueError("times must rise")
    return t, y
