"""Stored experiments on minima as attractors of one-pass learning with ReLU units (arXiv:2604.09412).

Trajectories towards them stand in ``relu_trajectories``. Time counts steps / d; the teacher is orthonormal;
losses carry the factor 1/2.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.store.durable import stored
from companion.studies.relu_families import LOSS
from companion.theory.relu_attractors import (
    NoAttractorError,
    flow_jacobian,
    linearisation_spectrum,
    lyapunov_shift,
    stationary_state,
)
from companion.theory.relu_folds import attractor_branch
from companion.theory.relu_landscape import Minimum, family, known_families, overlaps, transverse_matrix
from companion.theory.relu_overlaps import transverse_overlaps
from companion.training.relu_chain import run_chain

# In units of 1/η the slowest direction across the span relaxes in about 3: the first ten are left out.
_SETTLED, _RECORDED, _RECORDS = 10.0, 30.0, 40


@stored(work=lambda students, **_: sum(K**4 for K in students))
def linearisation(students: Sequence[int], families: Sequence[str], learning_rate: float) -> xr.Dataset:
    """Eigenvalues of the noise-free flow's Jacobian at critical points, and their prediction, over η.

    Points (dim ``point``) are those of ``families``, names like "I(1)" or "all", that exist with each number
    of ``students``, at K = M and K = M + 1. By eigenvalue, ascending within each point: ``measured``,
    ``predicted``, ``part`` ("inside", "across") and ``owner``, the index of the point. By point:
    ``family``, ``students``, ``teachers``, the largest absolute ``difference`` of the unscaled eigenvalues,
    imaginary parts included, ``largest``, the largest eigenvalue, and ``is_minimum`` by the Hessian.

    Raises ValueError where no such point exists.
    """
    points = [
        minimum
        for K in students
        for M in (K, K - 1)
        for minimum in (known_families(K, M) if M else ())
        if minimum.name in families or "all" in families
    ]
    if not points:
        raise ValueError(
            f"families: {list(families)} given; allowed are 'all' and names that exist with "
            f"{list(students)} students, like I(1) from 4 and S(1) from 5 students on"
        )
    measured, predicted, part, difference = [], [], [], []
    for minimum in points:
        W, V = minimum.weights, np.eye(minimum.teachers)
        found = np.linalg.eigvals(flow_jacobian(*overlaps(W, V), learning_rate))
        expected = linearisation_spectrum(W, V, learning_rate)
        found = found[np.argsort(found.real, kind="stable")]
        difference.append(float(np.abs(found - expected).max()))
        measured.append(found.real / learning_rate)
        predicted.append(expected / learning_rate)
        part += _parts(W, V, expected / learning_rate)
    columns = {
        "family": ([minimum.name for minimum in points], "family"),
        "students": ([minimum.students for minimum in points], "students $K$"),
        "teachers": ([minimum.teachers for minimum in points], "teacher units $M$"),
        "difference": (difference, "largest difference"),
        "largest": ([float(values.max()) for values in measured], r"largest eigenvalue $/\eta$"),
        "is_minimum": ([minimum.is_minimum for minimum in points], "minimum of the loss"),
    }
    owner = np.repeat(np.arange(len(points)), [len(values) for values in measured])
    return xr.Dataset(
        {
            "measured": ("eigenvalue", np.concatenate(measured), {"long_name": r"eigenvalue $/\eta$"}),
            "predicted": ("eigenvalue", np.concatenate(predicted), {"long_name": r"predicted $/\eta$"}),
            "part": ("eigenvalue", part, {"long_name": "part of the spectrum"}),
            "owner": ("eigenvalue", owner, {"long_name": "point"}),
        }
        | {name: ("point", values, {"long_name": words}) for name, (values, words) in columns.items()},
        attrs={"learning_rate": learning_rate},
    )


def _parts(W: NDArray[np.float64], V: NDArray[np.float64], predicted: NDArray[np.float64]) -> list[str]:
    """Which predicted eigenvalues (over η) are those of the Hessian inside the span, and which -a_i - a_j."""
    a = np.linalg.eigvalsh(transverse_matrix(W, V))
    first, second = np.triu_indices(len(a))
    parts = ["inside"] * len(predicted)
    for value in -(a[first] + a[second]):
        free = [index for index, name in enumerate(parts) if name == "inside"]
        parts[min(free, key=lambda index: abs(predicted[index] - value))] = "across"
    return parts


@stored(
    work=lambda students, learning_rates, dimension, runs, **_: (
        sum(K**2 for K in students) * (sum(1 / rate for rate in learning_rates) * dimension * runs + 1e5)
    ),
)
def attractors(
    students: Sequence[int], learning_rates: Sequence[float], dimension: int, runs: int, seed: int
) -> xr.Dataset:
    """Stationary loss and tr S near I(1) at each K = M against η: to first order in η, exactly, in the chain.

    By (students, learning_rate): ``loss``, ``transverse`` and ``leading`` (largest real part of the
    Jacobian's eigenvalues, over η), NaN where the state has ceased to exist; ``chain_loss`` and ``chain_transverse``
    (.., run) are means over time of runs in dimension d that start there. By (students, state), up to the
    ``fold`` where the branch of states ends and padded with NaN: ``curve_rate``, ``curve_loss``,
    ``curve_transverse`` and ``curve_leading``. By students: ``minimum_loss``, ``loss_slope`` and
    ``transverse_slope`` at η → 0.

    Raises ValueError for sizes below 6, where I(1) is a saddle.
    """
    if min(students) < 6:
        raise ValueError(f"students: given {list(students)}; allowed: sizes >= 6, where I(1) is a minimum")
    minima = [family("I", 1, size) for size in students]
    shifts = [lyapunov_shift(minimum) for minimum in minima]
    states = np.array([[_stationary(minimum, rate) for rate in learning_rates] for minimum in minima])
    chains = np.array(
        [[_chain(minimum, rate, dimension, runs, seed) for rate in learning_rates] for minimum in minima]
    )
    branches = [attractor_branch(minimum) for minimum in minima]
    curves = np.full((4, len(students), max(len(branch.loss) for branch in branches)), np.nan)
    for place, branch in enumerate(branches):
        numbers = (branch.learning_rate, branch.loss, branch.transverse_trace, branch.leading)
        curves[:, place, : len(branch.loss)] = numbers
    size, at, along = "students", ("students", "learning_rate"), ("students", "state")
    loss, trace = {"long_name": "stationary loss $L$"}, {"long_name": r"stationary $\mathrm{tr}\,S$"}
    rate, slowest = {"long_name": r"step size $\eta$"}, {"long_name": r"slowest rate $/\eta$"}
    return xr.Dataset(
        {
            "loss": (at, states[..., 0], loss),
            "transverse": (at, states[..., 1], trace),
            "leading": (at, states[..., 2], slowest),
            "chain_loss": ((*at, "run"), chains[:, :, 0], loss),
            "chain_transverse": ((*at, "run"), chains[:, :, 1], trace),
            "curve_rate": (along, curves[0], rate),
            "curve_loss": (along, curves[1], loss),
            "curve_transverse": (along, curves[2], trace),
            "curve_leading": (along, curves[3], slowest),
            "fold": (size, [branch.fold for branch in branches], {"long_name": r"fold, step size $\eta$"}),
            "minimum_loss": (size, [minimum.loss for minimum in minima], LOSS),
            "loss_slope": (
                size,
                [shift.loss_slope for shift in shifts],
                {"long_name": r"$\mathrm{tr}\,N/4$"},
            ),
            "transverse_slope": (
                size,
                [shift.transverse_slope for shift in shifts],
                {"long_name": r"$\mathrm{tr}\,\mathcal{S}$"},
            ),
        },
        coords={
            "students": ("students", list(students), {"long_name": "$K=M$"}),
            "learning_rate": ("learning_rate", list(learning_rates), rate),
        },
        attrs={"dimension": dimension, "root_seed": seed},
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
    T = np.eye(minimum.teachers)
    times = np.linspace(_SETTLED, _RECORDED, _RECORDS) / rate
    chain = run_chain(state.Q, state.R, T, times, rate, dimension, range(runs), seed)
    across = transverse_overlaps(chain.Q, chain.R, T)
    return chain.loss.mean(1), np.trace(across, axis1=-2, axis2=-1).mean(1)
