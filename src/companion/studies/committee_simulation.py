"""Stored simulations of two tasks by one-pass SGD beside the flow that is their limit d → ∞ (arXiv:2503.02526)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.statistics import bootstrap_band
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.theory.committee_conditions import Conditions, drawn_start, two_task_conditions
from companion.theory.soft_committee import solve_two_tasks
from companion.training.online_sgd import run_two_tasks

Floats = NDArray[np.float64]

#: What is compared, and the groups of variables whose largest deviation counts as one quantity.
QUANTITIES = {"Q": ("Q",), "R, U": ("R", "U"), "readout": ("readout",), "error": ("error",)}
#: What is kept of the runs.
SUMMARY = ("mean", "lower", "upper")
#: Dimension of the start that every curve shares.
START_DIMENSION = 1000
_ERROR = {"long_name": r"error $\epsilon_t$"}
_SQUARE = {"long_name": "overlap $Q_{kk}$"}
_WITH_TEACHERS = {"long_name": "overlaps $R_{k1}$, $U_{k1}$"}
_READOUT = {"long_name": "readout $h_k^t$ in use"}
_TIME = {"long_name": "time $a$ (steps$/d$)"}


class _Group(NamedTuple):
    """Systems of one architecture, which learn from the same inputs."""

    students: int
    teachers: int
    rate: float
    strengths: tuple[float, ...]


@stored(work=lambda dimensions, draws, duration, **_: draws * duration * sum(d**2 for d in dimensions))
def simulations(
    dimensions: Sequence[int],
    draws: int,
    duration: float,
    seed: int,
    *,
    shown_dimension: int = 1000,
    consolidation: float = 2.0,
    similarity: float = 0.5,
    weight_scale: float = 0.3,
    readout_scale: float = 0.5,
    moments: int = 24,
    marks: int = 6,
) -> xr.Dataset:
    """SGD in several dimensions and the flow from the same start, along two tasks of equal ``duration``.

    Three systems (dim ``system``, with their ``name``): K = 2, M = 1 without and with ``consolidation`` γ, at rates 1,
    and K = 4, M = 2 at rates .5. Readouts are drawn N(0, ``readout_scale``²), the start is that of weights
    N(0, ``weight_scale``²) in 1000 dimensions, whatever d is; draws are streams of inputs. Against ``time``, of which
    each task has ``moments``, early ones denser, stand the flow's ``flow_error`` (.., task), ``flow_square`` Q_kk,
    ``flow_first`` R_k1, ``flow_second`` U_k1 and ``flow_readout``, that of the task being learned (.., student), NaN
    where there is no such student. Against ``mark``, ``marks`` of these times in each task: the same of the runs in
    ``shown_dimension``, ``run_error`` … (system, mark, .., summary), mean and 95 % interval over draws.
    ``deviation`` (system, quantity, dimension, draw): largest difference of a run from the flow, entries and times.

    Raises ValueError for a ``shown_dimension`` that is not among ``dimensions`` and where ``marks`` does not divide
    ``moments``.
    """
    if shown_dimension not in dimensions:
        raise ValueError(f"shown_dimension: {shown_dimension} given; allowed: one of {list(dimensions)}")
    if marks < 1 or moments % marks:
        raise ValueError(f"marks: {marks} given; allowed: a divisor of moments = {moments}")
    groups = (_Group(2, 1, 1.0, (0.0, consolidation)), _Group(4, 2, 0.5, (0.0,)))
    most = max(group.students for group in groups)
    early = duration * (np.arange(moments + 1) / moments) ** 2
    times = np.concatenate([early, duration + early[1:]])
    marked = times[:: moments // marks]
    flows, runs, deviations = [], [], []
    for group in groups:
        conditions = _conditions(group, similarity, weight_scale, readout_scale, seed)
        options = {"first_time": duration, "second_time": duration, "times": times}
        flow = solve_two_tasks(conditions, **options)
        away = []
        for dimension in dimensions:
            found = run_two_tasks(conditions, dimension, range(draws), seed, **options)
            away.append(_largest_deviations(found, flow))
            if dimension == shown_dimension:
                runs.append(_summary(_shown(found.sel(time=marked), most), seed))
        flows.append(_shown(flow.sel(time=times), most))
        deviations.append(np.stack(away, axis=2))
    flow, run = (xr.concat(parts, dim="system", join="exact") for parts in (flows, runs))
    flow = flow.rename({name: f"flow_{name}" for name in flow.data_vars})
    run = run.rename({name: f"run_{name}" for name in run.data_vars} | {"time": "mark"})
    names = [
        f"K={group.students}, M={group.teachers}, γ={strength:g}"
        for group in groups
        for strength in group.strengths
    ]
    return (
        xr.merge([flow, run], join="exact", compat="equals")
        .assign(
            deviation=(
                ("system", "quantity", "dimension", "draw"),
                np.concatenate(deviations),
                {"long_name": "largest deviation from the flow"},
            ),
            name=("system", names, {"long_name": "system"}),
        )
        .assign_coords(
            quantity=list(QUANTITIES),
            dimension=("dimension", list(dimensions), {"long_name": "dimension $d$"}),
        )
        .assign_attrs(
            root_seed=seed, duration=duration, shown_dimension=shown_dimension, similarity=similarity
        )
    )


def _conditions(
    group: _Group, similarity: float, weight_scale: float, readout_scale: float, seed: int
) -> Conditions:
    random = generator(seed, "simulation readouts", group.students, group.teachers)
    first, second = readout_scale * random.standard_normal((2, group.students))
    start = drawn_start(group.students, group.teachers, START_DIMENSION, weight_scale, [0], seed)[0]
    return two_task_conditions(
        start, first, second, similarity, learning_rate=group.rate, consolidation=group.strengths
    )


def _largest_deviations(runs: xr.Dataset, flow: xr.Dataset) -> Floats:
    """Largest difference over times and entries, (condition, quantity, draw)."""
    found = []
    for names in QUANTITIES.values():
        away = [abs(runs[name] - flow[name]) for name in names]
        each = [one.max([dim for dim in one.dims if dim not in ("condition", "draw")]) for one in away]
        found.append(np.max(each, axis=0))
    return np.stack(found, axis=1)


def _shown(found: xr.Dataset, most: int) -> xr.Dataset:
    """The curves that are drawn, for ``most`` students: NaN for those that there are not."""
    leading = ("system", *(str(dim) for dim in found.error.dims[1:-1]))
    first, second = (found.readout.sel(task=task) for task in (1, 2))
    curves = {
        "square": (np.diagonal(found.Q, axis1=-2, axis2=-1), _SQUARE),
        "first": (found.R.values[..., 0], _WITH_TEACHERS),
        "second": (found.U.values[..., 0], _WITH_TEACHERS),
        "readout": (first.where(found.time <= found.attrs["first_time"], second), _READOUT),
    }
    missing = most - found.sizes["student"]
    padded = {}
    for name, (values, words) in curves.items():
        edges = [(0, 0)] * (values.ndim - 1) + [(0, missing)]
        padded[name] = ((*leading, "student"), np.pad(values, edges, constant_values=np.nan), words)
    errors = {"error": ((*leading, "task"), found.error.values, _ERROR)}
    time = ("time", found.time.values, _TIME)
    return xr.Dataset(
        padded | errors, coords={"time": time, "task": [1, 2], "student": list(range(1, most + 1))}
    )


def _summary(runs: xr.Dataset, seed: int) -> xr.Dataset:
    """Mean, lower and upper end of the 95 % interval over draws in place of the draws."""
    found = {}
    for name, values in runs.transpose(..., "draw").data_vars.items():
        random = generator(seed, "simulation interval", str(name))
        ends = bootstrap_band(values.fillna(0.0), generator=random)
        three = np.stack([values.mean("draw", skipna=False), *ends], axis=-1)
        shown = np.where(values.isnull().any("draw").values[..., None], np.nan, three)
        found[name] = ((*values.dims[:-1], "summary"), shown, values.attrs)
    return xr.Dataset(found, coords=runs.coords | {"summary": list(SUMMARY)})
