"""One operation after another: how much sooner the second is learned than alone, and what is left of the first.

Strict blocks: a stage of the source, then a stage of the target without a row of the source. The behaviour and what it
rests on can part here: a source that is no longer answered may still have helped.
"""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.curriculum_times import final_accuracy, first_checkpoint
from companion.analysis.statistics import bootstrap_band
from companion.analysis.task_transfer import backward_transfer, forgetting, forward_transfer, speed_up
from companion.compute.seeds import generator
from companion.store.durable import stored
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec

Floats = NDArray[np.float64]

#: Test accuracies at which the target counts as learned: generalised, and well on the way.
THRESHOLDS: Final = (0.9, 0.5)

_RUN_LABELS: Final = {
    "gain": "final test accuracy, after source less alone",
    "forgetting": "forgetting $F$ of the source",
    "backward_transfer": "backward transfer",
    "forward_transfer": "forward transfer",
}


@stored(
    device=True,
    calls=lambda operations, spec, source_steps, target_steps, replicates, seed, *, block, **given: [
        _training(own, replicates, seed, block)
        for stages in [(source_steps, target_steps, (given["source_fraction"], given["target_fraction"]))]
        for own in (
            *(alone_spec(spec, target, *stages) for target in operations),
            *(pair_spec(spec, *pair, *stages) for pair in itertools.permutations(operations, 2)),
        )
    ],
)
def transfer_matrix(
    operations: Sequence[str],
    spec: CurriculumSpec,
    source_steps: int,
    target_steps: int,
    replicates: int,
    seed: int,
    *,
    block: int,
    source_fraction: float = 0.7,
    target_fraction: float = 0.4,
) -> xr.Dataset:
    """Every ordered pair of ``operations`` in two stages of ``spec``, and each as a target alone.

    Alone, a target has the start and the rows that it has after a source, and the learning rate falls over as many
    steps before the end. Networks of one replicate differ in nothing else. The accuracies are means of the last three
    evaluations of a stage.

    By ``source``, ``target`` and ``replicate``, NaN where they are the same: ``gain``, ``forgetting``;
    ``backward_transfer``, what the target's stage does to the source, and ``forward_transfer``, what the target gets
    above chance before its stage. By ``target`` and ``replicate``: ``alone``, final test accuracy. By ``threshold`` as
    well, ``time`` (source, target, ..) and ``alone_time`` (target, ..) at which the target's test accuracy gets there,
    in steps on it, inf where never. By ``source`` and ``target``: ``speed_up`` (.., threshold), restricted mean time
    alone over that after the source, with the ends ``_low`` and ``_high`` of its 95 % interval over replicates, as
    ``gain``, ``forgetting`` and ``forward_transfer`` have theirs; ``stopped``, the number of networks that stopped on a
    loss that is no number, whose numbers are NaN.

    Raises ValueError for fewer than two operations, and for stages without a step.
    """
    names = list(operations)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"operations: {tuple(names)} given; allowed: two or more that differ")
    check_steps(source_steps, target_steps)
    fractions = (source_fraction, target_fraction)
    alone = {
        target: _target(
            _training(
                alone_spec(spec, target, source_steps, target_steps, fractions), replicates, seed, block
            ),
            0,
        )
        for target in names
    }
    shape = (len(names), len(names), replicates)
    values = {name: np.full(shape, np.nan) for name in _RUN_LABELS}
    times = np.full((*shape, len(THRESHOLDS)), np.nan)
    stopped = np.zeros(shape[:2], dtype=np.int64)
    for source, target in itertools.permutations(range(len(names)), 2):
        own = pair_spec(spec, names[source], names[target], source_steps, target_steps, fractions)
        runs = _training(own, replicates, seed, block)
        found = _numbers(runs, source_steps, alone[names[target]][0], own.tasks.tasks(seed).chance_level)
        for name, numbers in found.items():
            values[name][source, target] = numbers
        times[source, target] = _target(runs, source_steps)[1]
        stopped[source, target] = int((runs.stopped_at.values >= 0).sum())
    alone_times = np.stack([alone[name][1] for name in names])
    by_pair, by_run = ("source", "target"), ("source", "target", "replicate")
    variables = {name: (by_run, values[name], {"long_name": label}) for name, label in _RUN_LABELS.items()}
    times_of = {"long_name": "steps on the target"}
    numbers = {
        "alone": (by_run[1:], np.stack([alone[name][0] for name in names]), {"long_name": "alone"}),
        "time": ((*by_run, "threshold"), times, times_of),
        "alone_time": ((*by_run[1:], "threshold"), alone_times, times_of),
        "stopped": (by_pair, stopped),
    }
    for name in ("gain", "forgetting", "forward_transfer"):
        low, high = bootstrap_band(values[name], generator=generator(0, "transfer matrix", name))
        numbers |= {f"{name}_low": (by_pair, low), f"{name}_high": (by_pair, high)}
    ratio, low, high = _speed_ups(np.moveaxis(alone_times, 1, -1), np.moveaxis(times, 2, -1), target_steps)
    numbers |= {
        "speed_up": ((*by_pair, "threshold"), ratio, {"long_name": "speed-up $R$"}),
        "speed_up_low": ((*by_pair, "threshold"), low),
        "speed_up_high": ((*by_pair, "threshold"), high),
    }
    return xr.Dataset(
        variables | numbers,
        coords={"source": names, "target": names, "threshold": list(THRESHOLDS)},
        attrs={
            "root_seed": seed,
            "source_steps": source_steps,
            "target_steps": target_steps,
            "batch": spec.batch,
            "source_fraction": source_fraction,
            "target_fraction": target_fraction,
        },
    )


def check_steps(source_steps: int, target_steps: int) -> None:
    """Raises ValueError for a stage without a step."""
    for name, value in (("source_steps", source_steps), ("target_steps", target_steps)):
        if value < 1:
            raise ValueError(f"{name}: {value} given; allowed: a whole number >= 1")


def pair_spec(
    spec: CurriculumSpec,
    source: str,
    target: str,
    source_steps: int,
    target_steps: int,
    fractions: tuple[float, float] = (0.7, 0.4),
) -> CurriculumSpec:
    """``spec`` on ``source``, then on ``target``, each for its steps and trained on its share of ``fractions``."""
    total = source_steps + target_steps
    tasks = spec.tasks.model_dump() | {"operations": (source, target), "fractions": fractions}
    schedule = {"kind": "blocked", "order": (0, 1), "ends": (source_steps / total, 1.0)}
    return spec.changed(tasks=tasks, schedule=schedule, steps=total)


def alone_spec(
    spec: CurriculumSpec,
    target: str,
    source_steps: int,
    target_steps: int,
    fractions: tuple[float, float] = (0.7, 0.4),
) -> CurriculumSpec:
    """The second stage of `pair_spec` without the first: the same rows, and the learning rate falls over as many steps.

    Raises ValueError where it would begin to fall in the stage of the source.
    """
    share = spec.decay_share * (source_steps + target_steps) / target_steps
    if share > 1:
        raise ValueError(
            f"spec.decay_share: {spec.decay_share} given; allowed: up to {spec.decay_share / share:.3g},"
            " so that the learning rate falls in the stage of the target alone"
        )
    other = next(name for name in ("add", "sub") if name != target)
    tasks = spec.tasks.model_dump() | {"operations": (other, target), "fractions": fractions}
    return spec.changed(tasks=tasks, schedule={"weights": (0.0, 1.0)}, steps=target_steps, decay_share=share)


def _training(spec: CurriculumSpec, replicates: int, seed: int, block: int) -> xr.Dataset:
    source, target = spec.tasks.operations
    name = f"{source}, then {target}" if spec.schedule.kind == "blocked" else f"{target} alone"
    runs = trained(spec, replicates, seed, block=block, label=f"transformers, {name}").isel(variation=0)
    return runs.transpose("replicate", "operation", "step", ...)


def _target(runs: xr.Dataset, begun: int) -> tuple[Floats, Floats]:
    """Final test accuracy (replicate,) of the target, and times (replicate, threshold) since the step ``begun``."""
    later = runs.isel(step=np.flatnonzero(runs.step.values >= begun))
    accuracy, steps = later.test_accuracy.values[:, 1], later.step.values - begun
    times = np.stack([first_checkpoint(steps, accuracy, level) for level in THRESHOLDS], axis=-1)
    return final_accuracy(accuracy), times


def _numbers(runs: xr.Dataset, switch: int, alone: Floats, chances: Sequence[float]) -> dict[str, Floats]:
    """What `_RUN_LABELS` names, each (replicate,)."""
    stages = [
        final_accuracy(runs.test_accuracy.values[..., runs.step.values <= end])
        for end in (switch, int(runs.step[-1]))
    ]
    accuracy = np.stack(stages, axis=1)
    return {
        "gain": accuracy[:, 1, 1] - alone,
        "forgetting": forgetting(accuracy)[:, 0],
        "backward_transfer": backward_transfer(accuracy),
        "forward_transfer": forward_transfer(accuracy, chances),
    }


def _speed_ups(alone: Floats, after: Floats, horizon: float) -> tuple[Floats, Floats, Floats]:
    """Ratios of restricted means with their intervals, (source, target, threshold), from times with runs last."""
    first = np.broadcast_to(alone, after.shape)
    low, high = bootstrap_band(
        first,
        lambda one, other, axis: speed_up(one, other, horizon),
        generator=generator(0, "transfer matrix", "speed-up"),
        paired=after,
    )
    return speed_up(first, after, horizon), low, high
