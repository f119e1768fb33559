"""Stored trajectories of one-pass learning with ReLU units: flows at d → ∞ and the chain at finite d.

Time counts steps / d; the teacher is orthonormal; losses carry the factor 1/2 (arXiv:2604.09412).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.alignment import anti_aligned
from companion.store.durable import stored
from companion.studies.relu_families import LOSS
from companion.theory.relu_attractors import NoAttractorError, stationary_state
from companion.theory.relu_flow import Trajectories, solve_flow
from companion.theory.relu_landscape import Minimum, known_families
from companion.training.relu_chain import Runs, initial_overlaps, run_chain

START_DIMENSION = 100
_CURVES, _FATES = ("small steps", "with noise"), ("as the flow", "elsewhere")
_QUANTILES = (0.1, 0.5, 0.9)
_TOLERANCE = 1e-5  # of the flows: far below the width of a line
# Gradient flow goes on for this long, in units of 1/η, before the minimum where it ends is named.
_TO_REST, _AT_REST = 1000.0, 1e-6
_JOIN: dict[str, Any] = {"data_vars": "all", "coords": "minimal", "compat": "equals", "join": "exact"}


@stored(
    work=lambda students, teachers, durations, dimensions, longest_chain, runs, **_: (
        sum(
            K
            * (K + M)
            * duration
            * (1e4 + runs * sum(d for d in dimensions if d * duration <= longest_chain))
            for K, M, duration in zip(students, teachers, durations, strict=True)
        )
        + 2e8
    ),
)
def trajectories(
    students: Sequence[int],
    teachers: Sequence[int],
    learning_rates: Sequence[float],
    durations: Sequence[float],
    starts: Sequence[int],
    dimensions: Sequence[int],
    runs: int,
    seed: int,
    *,
    longest_chain: int = 10**9,
    moments: int = 41,
    marks: int = 9,
) -> xr.Dataset:
    """Loss and overlaps with one teacher unit from one start: flow without and with noise, chain at finite d.

    One system for each entry of the first five lists. Its start, of this index, is that of Gaussian weights
    at d = 100 and the same for every curve and every d. Chains of more than ``longest_chain`` steps (d times
    duration) are left out. Variables ``flow_loss`` (system, curve, moment) and ``flow_overlap`` (track, curve,
    moment), a track being a student of a system: its overlap with ``shown_teacher`` (counted from 1), from
    which a student points away most in the end. Runs of the chain are sorted by their ``fate``, whether they end
    with as many anti-aligned students as the flow: ``runs`` (system, dimension, fate) counts them, and
    ``chain_loss`` (.., mark, quantile) has their 10th, 50th and 90th percentiles; ``chain_overlap`` (track, mark,
    quantile) those of runs with the flow's fate at the largest d. ``flow_anti_aligned`` (system, curve)
    counts anti-aligned students at the end. ``rest`` names the spurious minimum where gradient flow goes ("" for none),
    ``rest_loss`` (system, curve) is its loss and that of the state of rest which noise makes of it.

    Raises ValueError unless the five lists are equally long, and for a d below K + M.
    """
    lists = (students, teachers, learning_rates, durations, starts)
    if len({len(each) for each in lists}) != 1:
        given = ", ".join(str(len(each)) for each in lists)
        raise ValueError(
            "students, teachers, learning_rates, durations, starts: "
            f"given {given} entries; allowed: equally many"
        )
    systems = []
    # Denser at early times, when students grow fast.
    fine, coarse = np.linspace(0.0, 1.0, moments) ** 2, np.linspace(0.0, 1.0, marks + 1)[1:]
    for K, M, rate, duration, start in zip(*lists, strict=True):
        T = np.eye(M)
        Q, R = initial_overlaps(K, T, max(START_DIMENSION, K + M), [start], seed)
        paths = [
            solve_flow(Q[0], R[0], T, duration * fine, rate, noise, tolerance=_TOLERANCE)
            for noise in ("none", "exact")
        ]
        chains = {
            d: run_chain(Q[0], R[0], T, duration * coarse, rate, d, range(runs), seed)
            for d in dimensions
            if d * duration <= longest_chain
        }
        systems.append(_system(paths, chains, dimensions, marks, _rest(paths[0], T, rate)))
    scale = np.array(durations)[:, None]
    time = {"long_name": "time $t$ (steps$/d$)"}
    columns = {
        "students": (list(students), "students $K$"),
        "teachers": (list(teachers), "teacher units $M$"),
        "learning_rate": (list(learning_rates), r"step size $\eta$"),
    }
    return (
        xr.concat([each for each, _ in systems], dim="system", **_JOIN)
        .merge(xr.concat([tracks for _, tracks in systems], dim="track", **_JOIN))
        .assign({name: ("system", values, {"long_name": words}) for name, (values, words) in columns.items()})
        .assign(
            flow_time=(("system", "moment"), scale * fine, time),
            chain_time=(("system", "mark"), scale * coarse, time),
            track_system=("track", np.repeat(np.arange(len(students)), students), {"long_name": "system"}),
            track_unit=(
                "track",
                np.concatenate([1 + np.arange(K) for K in students]),
                {"long_name": "student"},
            ),
        )
        .assign_attrs(root_seed=seed)
    )


def _system(
    paths: list[Trajectories],
    chains: dict[int, Runs],
    dimensions: Sequence[int],
    marks: int,
    rest: tuple[str, tuple[float, float]],
) -> tuple[xr.Dataset, xr.Dataset]:
    """The numbers of one system, and those of its tracks."""
    teacher = int(paths[1].R[0, -1].min(axis=0).argmin())
    counts = [int(anti_aligned(path.R[0, -1])) for path in paths]
    loss = np.full((len(dimensions), len(_FATES), marks, len(_QUANTILES)), np.nan)
    overlap = np.full((paths[0].R.shape[2], marks, len(_QUANTILES)), np.nan)
    number = np.zeros(loss.shape[:2], dtype=np.int64)
    for place, dimension in enumerate(dimensions):
        if dimension not in chains:
            continue
        chain = chains[dimension]
        alike = anti_aligned(chain.R[:, -1]) == counts[1]
        for fate, chosen in enumerate((alike, ~alike)):
            number[place, fate] = chosen.sum()
            if chosen.any():
                loss[place, fate] = np.quantile(chain.loss[chosen], _QUANTILES, axis=0).T
        if alike.any():
            overlap = np.quantile(chain.R[alike, :, :, teacher], _QUANTILES, axis=0).transpose(2, 1, 0)
    of_runs = ("dimension", "fate")
    words = {"long_name": "overlap $R_{km}$"}
    system = xr.Dataset(
        {
            "shown_teacher": ((), teacher + 1, {"long_name": "teacher unit $m$ shown"}),
            "rest": ((), rest[0], {"long_name": "minimum at rest"}),
            "rest_loss": ("curve", list(rest[1]), LOSS),
            "flow_loss": (("curve", "moment"), np.stack([path.loss[0] for path in paths]), LOSS),
            "flow_anti_aligned": ("curve", counts, {"long_name": "anti-aligned students at the end"}),
            "runs": (of_runs, number, {"long_name": "runs of the chain"}),
            "chain_loss": ((*of_runs, "mark", "quantile"), loss, LOSS),
        },
        coords={
            "curve": list(_CURVES),
            "dimension": list(dimensions),
            "fate": list(_FATES),
            "quantile": list(_QUANTILES),
        },
    )
    along = np.stack([path.R[0, :, :, teacher].T for path in paths], axis=1)
    tracks = {
        "flow_overlap": (("track", "curve", "moment"), along, words),
        "chain_overlap": (("track", "mark", "quantile"), overlap, words),
    }
    return system, xr.Dataset(tracks, coords={"curve": list(_CURVES), "quantile": list(_QUANTILES)})


def _rest(path: Trajectories, T: NDArray[np.float64], rate: float) -> tuple[str, tuple[float, float]]:
    """Name of the spurious minimum where gradient flow goes, its loss, and the stationary one with noise."""
    onward = solve_flow(path.Q[0, -1], path.R[0, -1], T, [0.0, _TO_REST / rate], rate, tolerance=_TOLERANCE)
    students, teachers = onward.R.shape[-2:]
    for minimum in known_families(students, teachers):
        if minimum.is_minimum and abs(minimum.loss - onward.loss[0, -1]) < _AT_REST:
            return minimum.name, (minimum.loss, _noisy_loss(minimum, rate))
    return "", (np.nan, np.nan)


def _noisy_loss(minimum: Minimum, rate: float) -> float:
    """Loss of the state of rest that noise makes of a minimum, NaN where there is none."""
    try:
        return stationary_state(minimum, rate).loss
    except NoAttractorError:
        return np.nan
