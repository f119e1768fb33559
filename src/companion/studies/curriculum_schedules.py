"""Curricula of two or more operations compared: the same networks, rows and steps, only the order differs.

Networks of one replicate share their start, their training rows and the stream of rows of each operation, and the
learning rate falls in the same steps for all. Equal steps are not equal exposure: numbers are given at both.

Under blocks the first stage ends before that fall, at the full rate, where accuracies are noisy and low. What it has
taught is therefore told by a training that ends with it, and whose rate falls over the same share of its steps: all
accuracies that are compared are those of networks at the end of such a fall.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.checkpoint_grids import evenly_spaced
from companion.store.durable import stored
from companion.studies.curriculum_runs import recorded_settings, trained
from companion.studies.curriculum_yokes import foreseen_yoked, yoked
from companion.training.curriculum_spec import CurriculumSpec

Floats = NDArray[np.float64]

#: Fields of the schedule by its name; "forward" and "backward" stand for the orders of the operations.
SCHEDULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "interleaved": {},
    "blocked": {"kind": "blocked", "order": "forward"},
    "reversed": {"kind": "blocked", "order": "backward"},
    "replay": {"kind": "blocked", "order": "forward", "replay": True},
    "replay reversed": {"kind": "blocked", "order": "backward", "replay": True},
    "annealed": {"kind": "annealed"},
    "cooling": {"kind": "cooling"},
    "gate": {"kind": "gate", "order": "forward"},
    "by loss": {"kind": "loss"},
    "by progress": {"kind": "progress"},
}
#: The gate's mixture of the replicate before: the same course of exposure, without its cause.
YOKED: Final = "gate yoked"
#: The schedule that all others are compared with, and one that is trained under consolidation too.
REFERENCE, CONSOLIDATED = "interleaved", "blocked"
_ADAPTIVE = ("gate", "loss", "progress")
#: Evaluations whose mean is an accuracy: the learning rate makes single ones noisy.
LOOKS = 3
#: Learning rates count as alike up to this share of the largest.
_LIKE_RATES: Final = 0.1

_NUMBERS = {
    "final": "final test accuracy",
    "final_train": "final training accuracy",
    "stage_end": "test accuracy at the end of its own stage",
    "forgetting": "forgetting $F$",
    "exposure": "rows seen $N(T)$",
    "equal_exposure": "test accuracy less interleaved, equal exposure",
}


def scheduled(name: str, spec: CurriculumSpec, replay: float = 0.1) -> CurriculumSpec:
    """``spec`` under the schedule of that name; raises ValueError for a name that is none of `SCHEDULES`.

    >>> scheduled("reversed", CurriculumSpec(tasks={"operations": ("add", "sub")})).schedule.order
    (1, 0)
    """
    if name not in SCHEDULES:
        raise ValueError(f"schedules: {name!r} given; allowed: {', '.join([*SCHEDULES, YOKED])}")
    forward = tuple(range(len(spec.tasks.operations)))
    given = {"forward": forward, "backward": forward[::-1]}
    fields = dict(SCHEDULES[name])
    if "order" in fields:
        fields["order"] = given[fields["order"]]
    if "replay" in fields:
        fields["replay"] = replay
    return spec.changed(schedule=fields)


@stored(
    device=True,
    calls=lambda schedules, consolidations, spec, replicates, seed, *, block, replay, **_: (
        [
            _runs(scheduled(name, spec, replay), replicates, seed, block, name)
            for name in schedules
            if name != YOKED
        ],
        YOKED in schedules and foreseen_yoked(spec, replicates, seed, block),
        [
            _runs(scheduled(CONSOLIDATED, spec).changed(consolidation=each), replicates, seed, block, "")
            for each in consolidations
        ],
        [
            _first_stage_runs(scheduled(name, spec, replay), replicates, seed, block)
            for name in dict.fromkeys([*schedules, *[CONSOLIDATED][: len(consolidations)]])
            if name != YOKED and scheduled(name, spec, replay).schedule.kind == "blocked"
        ],
    ),
)
def schedule_comparison(
    schedules: Sequence[str],
    consolidations: Sequence[float],
    spec: CurriculumSpec,
    replicates: int,
    seed: int,
    *,
    block: int,
    replay: float = 0.1,
    drawn_points: int = 21,
) -> xr.Dataset:
    """Networks of ``spec`` under each of ``schedules``, and under the blocked one with each of ``consolidations``.

    Operations are listed from easy to hard. Dim ``schedule`` also has those with consolidation γ, "consolidated γ".
    Along ``step``, ``drawn_points`` of the evaluations: ``test_accuracy`` (schedule, replicate, step, operation), and
    ``weight`` (schedule, step, operation), the mean over replicates of w(t). By (schedule, replicate, operation), means
    of three evaluations in a row: ``final`` and ``final_train``; ``forgetting``, the highest test accuracy less the
    last; ``stage_end``, at the end of the operation's own stage, of the first one in a training that ends there (NaN
    for stages in between and where there are none); ``exposure``, rows seen by the end; ``equal_exposure``, test
    accuracy less that of the interleaved network, both when they first had seen as many rows as the one that sees
    fewer, NaN where the learning rate differs between these two moments by more than a tenth of the largest: what is
    compared then is its fall. ``stopped_at`` (schedule, replicate). Raises ValueError for unknown schedules, without
    the interleaved one, for a yoked one without the gate, and for one in stacks of one network.
    """
    _check(schedules)
    trainings: dict[str, xr.Dataset] = {}
    specs: dict[str, CurriculumSpec] = {}
    for name in schedules:
        if name != YOKED:
            specs[name] = scheduled(name, spec, replay)
            trainings[name] = _runs(specs[name], replicates, seed, block, name)
    if YOKED in schedules:
        specs[YOKED] = specs["gate"]
        trainings[YOKED] = yoked(specs["gate"], trainings["gate"], replicates, seed, block)
    for strength in consolidations:
        name = f"consolidated {strength:g}"
        specs[name] = scheduled(CONSOLIDATED, spec).changed(consolidation=strength)
        trainings[name] = _runs(specs[name], replicates, seed, block, name)
    evaluations = {name: _regular(runs, spec) for name, runs in trainings.items()}
    blocked = {own.schedule.order[0]: own for own in specs.values() if own.schedule.kind == "blocked"}
    first_stages = {first: _first_stage(own, replicates, seed, block) for first, own in blocked.items()}
    parts = []
    for name, runs in evaluations.items():
        # Replicates of a yoked control have the mixtures of the gate in another order.
        recorded = trainings["gate" if name == YOKED else name].mixture
        weights = _weights(recorded, specs[name], runs.step.values)
        part = _summary(runs, evaluations[REFERENCE], specs[name], first_stages)
        parts.append(part.assign(weight=(("step", "operation"), weights, {"long_name": "weight $w(t)$"})))
    found = xr.concat(parts, dim="schedule", join="exact", coords="minimal", compat="equals")
    steps = found.step.values
    drawn = np.unique(np.rint(np.linspace(0, steps.size - 1, min(drawn_points, steps.size))).astype(int))
    strengths = [specs[name].consolidation for name in trainings]
    strength = ("schedule", strengths, {"long_name": r"consolidation $\gamma$"})
    found = found.isel(step=drawn).assign_coords(schedule=list(trainings), consolidation=strength)
    switches = scheduled(CONSOLIDATED, spec).schedule.build(found.sizes["operation"]).switches(spec.steps)
    return found.assign_attrs(
        recorded_settings(spec),
        root_seed=seed,
        steps=spec.steps,
        fractions=list(spec.tasks.fractions),
        stage_steps=min(np.diff([0, *switches, spec.steps]).tolist()),
        switches=list(switches),
        decay_from=round((1 - spec.decay_share) * spec.steps),
        replay=replay,
    )


def _check(schedules: Sequence[str]) -> None:
    for name in schedules:
        if name not in (*SCHEDULES, YOKED):
            raise ValueError(f"schedules: {name!r} given; allowed: {', '.join([*SCHEDULES, YOKED])}")
    for name, needed in ((REFERENCE, True), ("gate", YOKED in schedules)):
        if needed and name not in schedules:
            raise ValueError(f"schedules: {tuple(schedules)} given; allowed: {name!r} among them")


def _runs(spec: CurriculumSpec, replicates: int, seed: int, block: int, name: str) -> xr.Dataset:
    return trained(spec, replicates, seed, block=block, label=f"transformers, {name}").isel(variation=0)


def _first_stage(spec: CurriculumSpec, replicates: int, seed: int, block: int) -> Floats:
    """Test accuracy (replicate,) of the first operation at the end of a training that ends with its stage."""
    runs = _first_stage_runs(spec, replicates, seed, block)
    return _settled(_regular(runs, spec).test_accuracy.values)[:, -1, spec.schedule.order[0]]


def _first_stage_runs(spec: CurriculumSpec, replicates: int, seed: int, block: int) -> xr.Dataset:
    first, count = spec.schedule.order[0], len(spec.tasks.operations)
    weights = tuple(float(place == first) for place in range(count))
    own = spec.changed(
        schedule={"weights": weights},
        steps=(*spec.schedule.build(count).switches(spec.steps), spec.steps)[0],
        consolidation=0.0,
    )
    return _runs(own, replicates, seed, block, f"{spec.tasks.operations[first]} for one stage")


def _regular(runs: xr.Dataset, spec: CurriculumSpec) -> xr.Dataset:
    """The evaluations that are evenly spaced, and the last one; replicate first, then step."""
    kept = runs[["test_accuracy", "train_accuracy", "step_exposure", "stopped_at"]]
    even = evenly_spaced(runs.step.values, spec.every)
    return kept.isel(step=even).transpose("replicate", "step", "operation")


def _weights(recorded: xr.DataArray, spec: CurriculumSpec, steps: NDArray[np.int64]) -> Floats:
    """w(t) (step, operation), a mean over replicates: as ``recorded`` where it adapts, as prescribed elsewhere."""
    begun = np.minimum(steps, spec.steps - 1)
    if spec.schedule.kind in _ADAPTIVE:
        places = np.searchsorted(recorded.look.values, begun, side="right") - 1
        return recorded.mean("replicate").transpose("look", "operation").values[places]
    schedule = spec.schedule.build(recorded.sizes["operation"])
    return np.concatenate([schedule.mixture(int(step), spec.steps, {}) for step in begun])


def _summary(
    runs: xr.Dataset, reference: xr.Dataset, spec: CurriculumSpec, first_stages: Mapping[int, Floats]
) -> xr.Dataset:
    """Numbers of one schedule beside the reference."""
    test, train = (_settled(runs[name].values) for name in ("test_accuracy", "train_accuracy"))
    seen, seen_there = (each.step_exposure.values for each in (runs, reference))
    common = np.minimum(seen[:, -1], seen_there[:, -1])
    here, there = (_when_seen(each, spec, common) for each in (runs, reference))
    fair = np.abs(here[1] - there[1]) <= _LIKE_RATES
    numbers = {
        "final": test[:, -1],
        "final_train": train[:, -1],
        "stage_end": _stage_ends(test[:, -1], spec, first_stages),
        "forgetting": test.max(axis=1) - test[:, -1],
        "exposure": seen[:, -1],
        "equal_exposure": np.where(fair, here[0] - there[0], np.nan),
    }
    accuracy = np.round(runs.test_accuracy.values.astype(float), 3)
    return xr.Dataset(
        {
            name: (("replicate", "operation"), values, {"long_name": _NUMBERS[name]})
            for name, values in numbers.items()
        }
        | {
            "test_accuracy": (("replicate", "step", "operation"), accuracy, {"long_name": "test accuracy"}),
            "stopped_at": ("replicate", runs.stopped_at.values),
        },
        coords={
            "step": ("step", runs.step.values, {"long_name": "training steps $t$"}),
            "operation": runs.operation,
        },
    )


def _settled(accuracy: Floats) -> Floats:
    """Means of each evaluation with those just before it, (replicate, step, operation)."""
    padded = np.concatenate([np.repeat(accuracy[:, :1], LOOKS - 1, axis=1), accuracy], axis=1)
    return np.lib.stride_tricks.sliding_window_view(padded, LOOKS, axis=1).mean(axis=-1)


def _when_seen(runs: xr.Dataset, spec: CurriculumSpec, rows: Floats) -> tuple[Floats, Floats]:
    """Test accuracy and share of the largest rate when ``rows`` first were seen, all (replicate, operation)."""
    first = (runs.step_exposure.values >= rows[:, None]).argmax(axis=1)
    test = np.take_along_axis(_settled(runs.test_accuracy.values), first[:, None], axis=1)[:, 0]
    factors = np.array([spec.adam.rate_factor(int(step), spec.steps) for step in runs.step.values])
    return test, factors[first]


def _stage_ends(final: Floats, spec: CurriculumSpec, first_stages: Mapping[int, Floats]) -> Floats:
    """Accuracy (replicate, operation) of each operation at the end of its own stage, NaN where it is not known."""
    found = np.full(final.shape, np.nan)
    if spec.schedule.kind == "blocked":
        first, last = spec.schedule.order[0], spec.schedule.order[-1]
        found[:, first], found[:, last] = first_stages[first], final[:, last]
    return found
