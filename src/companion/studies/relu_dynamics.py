"""Stored experiments on minima as attractors of one-pass learning with ReLU units (arXiv:2604.09412).

Time counts steps / d; the teacher is orthonormal; losses carry the factor 1/2.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.store.durable import stored
from companion.theory.relu_attractors import (
    NoAttractorError,
    flow_jacobian,
    linearisation_spectrum,
    lyapunov_shift,
    stationary_state,
)
from companion.theory.relu_flow import solve_flow
from companion.theory.relu_landscape import Minimum, family, overlaps, transverse_matrix
from companion.theory.relu_overlaps import transverse_overlaps
from companion.training.relu_chain import initial_overlaps, run_chain

START_DIMENSION = 100
_CURVES = ("small steps", "with noise")
# In units of 1/η the slowest direction across the span relaxes in about 3: the first ten are left out.
_SETTLED, _RECORDED, _RECORDS = 10.0, 40.0, 60


@stored
def trajectories(
    students: Sequence[int],
    learning_rates: Sequence[float],
    durations: Sequence[float],
    teachers: int,
    dimensions: Sequence[int],
    runs: int,
    seed: int,
    *,
    moments: int = 241,
    marks: int = 16,
) -> xr.Dataset:
    """Loss and overlaps with teacher 1 from one start: flow without and with noise, and the chain at finite d.

    One system for each entry of ``students``, ``learning_rates`` and ``durations``. Its start is that of
    Gaussian weights at d = 100 and the same for every curve and every d. Variables ``flow_loss`` (system, curve,
    moment), ``flow_overlap`` (.., unit), ``chain_loss`` (system, dimension, mark, run) and ``chain_overlap``
    (.., unit); NaN for units that a system lacks. Raises ValueError unless the three lists are equally long.
    """
    if not len(students) == len(learning_rates) == len(durations):
        raise ValueError(
            "students, learning_rates, durations: given "
            f"{len(students)}, {len(learning_rates)} and {len(durations)} entries; allowed: equally many"
        )
    systems, units = len(students), max(students)
    T = np.eye(teachers)
    fine, coarse = np.linspace(0.0, 1.0, moments), np.linspace(0.0, 1.0, marks + 1)[1:]
    flow_loss = np.empty((systems, len(_CURVES), moments))
    flow_overlap = np.full((*flow_loss.shape, units), np.nan)
    chain_loss = np.empty((systems, len(dimensions), marks, runs))
    chain_overlap = np.full((*chain_loss.shape, units), np.nan)
    for system, (K, rate, duration) in enumerate(zip(students, learning_rates, durations, strict=True)):
        Q, R = initial_overlaps(K, T, max(START_DIMENSION, K + teachers), [0], seed)
        for curve, noise in enumerate(("none", "exact")):
            path = solve_flow(Q[0], R[0], T, duration * fine, rate, noise)
            flow_loss[system, curve] = path.loss[0]
            flow_overlap[system, curve, :, :K] = path.R[0, :, :, 0]
        for place, dimension in enumerate(dimensions):
            chain = run_chain(Q[0], R[0], T, duration * coarse, rate, dimension, range(runs), seed)
            chain_loss[system, place] = chain.loss.T
            chain_overlap[system, place, ..., :K] = chain.R[..., 0].swapaxes(0, 1)
    scale = np.array(durations)[:, None]
    time = {"long_name": "time $t$ (steps$/d$)"}
    overlap = {"long_name": "overlap $R_{k1}$"}
    return xr.Dataset(
        {
            "students": ("system", list(students), {"long_name": "students $K$"}),
            "learning_rate": ("system", list(learning_rates), {"long_name": r"step size $\eta$"}),
            "flow_time": (("system", "moment"), scale * fine, time),
            "flow_loss": (("system", "curve", "moment"), flow_loss, {"long_name": "loss $L$"}),
            "flow_overlap": (("system", "curve", "moment", "unit"), flow_overlap, overlap),
            "chain_time": (("system", "mark"), scale * coarse, time),
            "chain_loss": (("system", "dimension", "mark", "run"), chain_loss, {"long_name": "loss $L$"}),
            "chain_overlap": (("system", "dimension", "mark", "run", "unit"), chain_overlap, overlap),
        },
        coords={"curve": list(_CURVES), "dimension": list(dimensions), "unit": np.arange(1, units + 1)},
        attrs={"teachers": teachers, "root_seed": seed},
    )


@stored
def linearisation(students: Sequence[int], learning_rate: float) -> xr.Dataset:
    """Eigenvalues of the noise-free flow's Jacobian at I(1), K = M, and their prediction, over η.

    Variables ``measured``, ``predicted``, ``part`` ("inside", "across") and ``eigenvalue_students`` by
    eigenvalue, ascending within each size; by size (coordinate ``students``) the largest absolute
    ``difference`` of the unscaled ones, imaginary parts included, and ``largest``, the largest eigenvalue.
    """
    measured, predicted, part, owner, difference = [], [], [], [], []
    for K in students:
        W, V = family("I", 1, K).weights, np.eye(K)
        found = np.linalg.eigvals(flow_jacobian(*overlaps(W, V), learning_rate))
        expected = linearisation_spectrum(W, V, learning_rate)
        found = found[np.argsort(found.real, kind="stable")]
        difference.append(float(np.abs(found - expected).max()))
        measured.append(found.real / learning_rate)
        predicted.append(expected / learning_rate)
        part.append(_parts(family("I", 1, K), expected / learning_rate))
        owner.append(np.full(len(expected), K))
    return xr.Dataset(
        {
            "measured": ("eigenvalue", np.concatenate(measured), {"long_name": r"eigenvalue $/\eta$"}),
            "predicted": ("eigenvalue", np.concatenate(predicted), {"long_name": r"predicted $/\eta$"}),
            "part": ("eigenvalue", np.concatenate(part), {"long_name": "part of the spectrum"}),
            "eigenvalue_students": ("eigenvalue", np.concatenate(owner), {"long_name": "$K=M$"}),
            "difference": ("students", difference, {"long_name": "largest difference"}),
            "largest": (
                "students",
                [float(values.max()) for values in measured],
                {"long_name": r"largest eigenvalue $/\eta$"},
            ),
        },
        coords={"students": ("students", list(students), {"long_name": "$K=M$"})},
        attrs={"learning_rate": learning_rate},
    )


def _parts(minimum: Minimum, predicted: NDArray[np.float64]) -> list[str]:
    """Which predicted eigenvalues (over η) are those of the Hessian inside the span, and which -a_i - a_j."""
    V = np.eye(minimum.weights.shape[1])
    a = np.linalg.eigvalsh(transverse_matrix(minimum.weights, V))
    first, second = np.triu_indices(len(a))
    sums = list(-(a[first] + a[second]))
    parts = ["inside"] * len(predicted)
    for value in sums:
        free = [index for index, name in enumerate(parts) if name == "inside"]
        parts[min(free, key=lambda index: abs(predicted[index] - value))] = "across"
    return parts


@stored
def attractors(
    students: int,
    learning_rates: Sequence[float],
    largest_rate: float,
    curve_points: int,
    dimension: int,
    runs: int,
    seed: int,
) -> xr.Dataset:
    """Stationary loss and tr S near I(1) at K = M against η, to first order in η, exactly, and in the chain.

    ``loss``, ``transverse`` and ``leading`` (largest real part of the Jacobian's eigenvalues, over η) at
    ``learning_rates``; ``curve_loss`` and ``curve_transverse`` at
    ``curve_points`` step sizes up to ``largest_rate``; NaN where the stationary
    state has ceased to exist. ``chain_loss`` and ``chain_transverse`` (learning_rate, run) are means over time
    of runs in dimension d that start at the stationary state. ``minimum_loss``, ``loss_slope`` and
    ``transverse_slope`` are scalars.
    """
    minimum = family("I", 1, students)
    curve_rates = largest_rate * np.arange(1, curve_points + 1) / curve_points
    shift = lyapunov_shift(minimum)
    states = np.array([_stationary(minimum, rate) for rate in learning_rates])
    curve = np.array([_stationary(minimum, rate) for rate in curve_rates])
    chains = np.array([_chain(minimum, rate, dimension, runs, seed) for rate in learning_rates])
    loss, trace = {"long_name": "stationary loss $L$"}, {"long_name": r"stationary $\mathrm{tr}\,S$"}
    eta = {"long_name": r"step size $\eta$"}
    return xr.Dataset(
        {
            "loss": ("learning_rate", states[:, 0], loss),
            "transverse": ("learning_rate", states[:, 1], trace),
            "leading": ("learning_rate", states[:, 2], {"long_name": r"slowest rate $/\eta$"}),
            "chain_loss": (("learning_rate", "run"), chains[:, 0], loss),
            "chain_transverse": (("learning_rate", "run"), chains[:, 1], trace),
            "curve_loss": ("curve_rate", curve[:, 0], loss),
            "curve_transverse": ("curve_rate", curve[:, 1], trace),
            "minimum_loss": ((), minimum.loss, {"long_name": "loss of the minimum"}),
            "loss_slope": ((), shift.loss_slope, {"long_name": r"$\mathrm{tr}\,N/4$"}),
            "transverse_slope": ((), shift.transverse_slope, {"long_name": r"$\mathrm{tr}\,\mathcal{S}$"}),
        },
        coords={
            "learning_rate": ("learning_rate", list(learning_rates), eta),
            "curve_rate": ("curve_rate", curve_rates, eta),
        },
        attrs={"students": students, "dimension": dimension, "root_seed": seed},
    )


def _stationary(minimum: Minimum, rate: float) -> tuple[float, float, float]:
    """Loss, tr S and leading rate over η of the stationary state, NaN where there is none."""
    try:
        state = stationary_state(minimum, rate)
    except NoAttractorError:
        return np.nan, np.nan, np.nan
    return state.loss, state.transverse_trace, float(state.rates[0].real) / rate


def _chain(
    minimum: Minimum, rate: float, dimension: int, runs: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Loss and tr S (runs,) of the chain, averaged over time."""
    try:
        state = stationary_state(minimum, rate)
    except NoAttractorError:
        return np.full(runs, np.nan), np.full(runs, np.nan)
    T = np.eye(minimum.weights.shape[1])
    times = np.linspace(_SETTLED, _RECORDED, _RECORDS) / rate
    chain = run_chain(state.Q, state.R, T, times, rate, dimension, range(runs), seed)
    across = transverse_overlaps(chain.Q, chain.R, T)
    return chain.loss.mean(1), np.trace(across, axis1=-2, axis2=-1).mean(1)
