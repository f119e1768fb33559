"""Stored trajectories of a committee from contrasting starts: one unit specialises, or all share (arXiv:2503.02526)."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.analysis.specialisation import contributions, usage_specialisation
from companion.store.durable import stored
from companion.studies.committee_ends import ANGLE, ERROR, USAGE, polar_readouts
from companion.theory.committee_conditions import isotropic_start, two_task_conditions
from companion.theory.soft_committee import solve_two_tasks
from companion.training.online_sgd import run_two_tasks

TIME = {"long_name": "time $a$ (steps$/d$)"}
RUNNING_ERROR = {"long_name": r"error $\epsilon_1$"}
SHARE = {"long_name": "share $p_k$ of unit $k$"}
OVERLAP = {"long_name": "final overlap $|R_k|$"}


def unit_shares(readout: np.ndarray, overlaps: np.ndarray) -> np.ndarray:
    """p_k = |h_k| √Q_kk / Σ (..., K) from the readout (..., K) and Q (..., K, K)."""
    amounts = contributions(readout, overlaps)
    return amounts / amounts.sum(axis=-1, keepdims=True)


@stored(
    work=lambda angles, dimension, runs, first_time, step, **_: (
        len(angles) * first_time * (runs * dimension**2 + 1 / step)
    ),
)
def trajectories(
    angles: Sequence[float],
    readout_scale: float,
    weight_scale: float,
    dimension: int,
    runs: int,
    seed: int,
    *,
    first_time: float = 200.0,
    step: float = 0.1,
    moments: int = 40,
    run_moments: int = 12,
) -> xr.Dataset:
    """Two students learn one teacher unit from readouts r (cos θ, sin θ): the flow d → ∞, and SGD.

    ``error`` (start, time) and ``share`` (start, time, student) of the flow from Q = σ_w² 1 without overlap with the
    teacher; ``run_error`` (start, run_time, run), ``run_share`` (start, run_time, run, student) of SGD in ``dimension``
    dimensions from the same start. At the end: ``overlap`` |R_k| (start, student), ``run_overlap`` (start, run,
    student), ``usage`` S_use and ``final_error`` (start,).
    """
    given = two_task_conditions(
        isotropic_start(2, 1, weight_scale), readout_scale * polar_readouts(angles, 2), np.zeros(2)
    )
    times, run_times = (np.geomspace(0.1, first_time, count) for count in (moments, run_moments))
    flow = solve_two_tasks(given, first_time=first_time, second_time=0.0, step=step, times=times)
    found = run_two_tasks(
        given, dimension, range(runs), seed, first_time=first_time, second_time=0.0, times=run_times
    ).transpose("condition", "time", "draw", ...)
    flow, found = (each.sel(task=1).isel(time=slice(1, None)) for each in (flow, found))
    readout, Q = flow.readout.values, flow.Q.values
    return xr.Dataset(
        {
            "error": (("start", "time"), flow.error.values, RUNNING_ERROR),
            "share": (("start", "time", "student"), unit_shares(readout, Q), SHARE),
            "overlap": (("start", "student"), np.abs(flow.R.values[:, -1, :, 0]), OVERLAP),
            "usage": ("start", usage_specialisation(contributions(readout, Q)[:, -1]), USAGE),
            "final_error": ("start", flow.error.values[:, -1], ERROR),
            "run_error": (("start", "run_time", "run"), found.error.values, RUNNING_ERROR),
            "run_share": (
                ("start", "run_time", "run", "student"),
                unit_shares(found.readout.values, found.Q.values),
                SHARE,
            ),
            "run_overlap": (("start", "run", "student"), np.abs(found.R.values[:, -1, :, :, 0]), OVERLAP),
        },
        coords={
            "start": ("start", list(angles), ANGLE),
            "time": ("time", flow.time.values, TIME),
            "run_time": ("run_time", found.time.values, TIME),
            "student": [1, 2],
        },
        attrs={
            "readout_scale": readout_scale,
            "weight_scale": weight_scale,
            "dimension": dimension,
            "root_seed": seed,
        },
    )
