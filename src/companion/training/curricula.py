"""Curricula of small transformers, from plain data to records: several networks of one spec side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.datasets.operation_splits import Split
from companion.datasets.operations import TaskSet
from companion.training.curriculum_monitors import (
    AccuracyMonitor,
    PredictionMonitor,
    SpectrumMonitor,
    WeightMonitor,
    metric_steps,
)
from companion.training.curriculum_recipe import CurriculumRecipe, Monitor, NetworkRun
from companion.training.curriculum_spec import CurriculumSpec, check_untrained
from companion.training.diffusion_draws import RunName
from companion.training.operation_batches import TableSource, TrainingRows
from companion.training.schedules import PerNetwork, Schedule
from companion.training.transformer_training import train_stack


def train_curriculum(
    spec: CurriculumSpec,
    seeds: Sequence[int],
    *,
    root: int = 0,
    variations: Sequence[Mapping[str, Any]] = (),
    schedule: Schedule | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    folder: Path | None = None,
    label: str = "",
    graph: bool | None = None,
    compile: bool = False,
) -> xr.Dataset:
    """Train one network for each of ``seeds`` (replicates under ``root``), all of them as one stack.

    ``variations`` holds for each network the fields that it has of its own (`curriculum_spec.OWN_FIELDS`), so that a
    phase diagram is one program. ``schedule`` replaces the spec's, for yoked controls. Networks of one seed share
    start, training rows and streams of batches, whatever else differs. Where the schedule of the spec, or the one that
    replaces it, adapts, a slice of the training rows is held (``CurriculumSpec.held_share``): give the yoked control of
    an adaptive schedule the same spec, so that it trains on the same rows. Dims of the result: ``run``, ``step``
    (accuracies, spectra; see `curriculum_monitors`), ``operation``, ``look``, ``checkpoint``, ``moment``; ``train`` and
    ``corrupted`` (run, row) are the splits, ``held`` the slice of ``train`` that is not trained on, where there is one.
    ``graph`` and ``compile`` as for `train_stack`. Raises ValueError for variations that do not fit, and for a schedule
    that gives weight to operations without training rows.
    """
    if variations and len(variations) != len(seeds):
        raise ValueError(f"variations: {len(variations)} given; allowed: one for each of {len(seeds)} seeds")
    own = [spec.varied(each) for each in variations] if variations else [spec] * len(seeds)
    tasks = spec.tasks.tasks(root)
    hold = schedule is not None and bool(schedule.start(1))
    splits = [each.split(tasks, root, seed, hold) for each, seed in zip(own, seeds, strict=True)]
    names = [RunName(root, ("curriculum", seed)) for seed in seeds]
    schedule = schedule or _schedule(spec, own, tasks)
    check_untrained(schedule, spec.tasks.untrained(tasks))
    recipe = CurriculumRecipe(
        spec.network(tasks),
        schedule,
        spec.steps,
        adam=spec.adam,
        look_every=spec.look_every,
        consolidation=spec.consolidation,
        reset_moments=spec.reset_moments,
        precision=spec.precision,
    )
    labels = np.stack([split.labels for split in splits])
    rows = [_rows(tasks, split, split.trained) for split in splits]
    held = np.stack([split.held for split in splits])
    judged = [_rows(tasks, split, split.held) for split in splits] if held.any() else None
    source = TableSource(tasks.tokens, labels, rows, names, len(tasks.operations), spec.batch, judged)
    runs = [
        NetworkRun(name, each.learning_rate, each.weight_decay) for name, each in zip(names, own, strict=True)
    ]
    found = train_stack(
        recipe,
        source,
        runs,
        _monitors(spec, tasks, splits, schedule),
        device=device,
        folder=folder,
        label=label or f"transformers, {' + '.join(tasks.operations)}",
        graph=graph,
        compile=compile,
    )
    stacked = {name: np.stack([getattr(split, name) for split in splits]) for name in ("train", "corrupted")}
    stacked |= {"held": held} if held.any() else {}
    return found.assign(
        {name: (("run", "row"), values.astype(np.uint8)) for name, values in stacked.items()}
    ).assign_coords(operation=list(tasks.operations), replicate=("run", list(seeds)))


def _schedule(spec: CurriculumSpec, own: Sequence[CurriculumSpec], tasks: TaskSet) -> Schedule:
    """The spec's schedule, or one for each network where their weights differ."""
    if all(each.schedule == spec.schedule for each in own):
        return spec.built_schedule(tasks)
    return PerNetwork(tuple(each.built_schedule(tasks) for each in own))


def _rows(tasks: TaskSet, split: Split, chosen: NDArray[np.bool_]) -> TrainingRows:
    rows = np.flatnonzero(chosen)
    return TrainingRows(rows, tasks.operation[rows], split.row_weights[rows])


def _monitors(
    spec: CurriculumSpec, tasks: TaskSet, splits: Sequence[Split], schedule: Schedule
) -> list[Monitor]:
    switches = schedule.switches(spec.steps)
    grid = metric_steps(spec.steps, every=spec.every, logarithmic=spec.logarithmic, switches=switches)
    found: list[Monitor] = [AccuracyMonitor(tasks, splits, grid), SpectrumMonitor(tasks, grid)]
    if spec.moments:
        found.append(PredictionMonitor(tasks, spec.moments))
    kept: set[int] = set()
    if spec.checkpoints:
        kept |= {0, *np.rint(np.geomspace(1, spec.steps, spec.checkpoints)).astype(int).tolist()}
    if spec.linear_checkpoints:
        kept |= set(np.rint(np.linspace(0, spec.steps, spec.linear_checkpoints)).astype(int).tolist())
    if kept:
        found.append(WeightMonitor(sorted(kept | set(switches))))
    return found
