"""Curricula of small transformers, from plain data to records: several networks of one spec side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

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
from companion.training.curriculum_spec import CurriculumSpec
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
) -> xr.Dataset:
    """Train one network for each of ``seeds`` (replicates under ``root``), all of them as one stack.

    ``variations`` holds for each network the fields that it has of its own (`curriculum_spec.OWN_FIELDS`), so that a
    phase diagram is one program. ``schedule`` replaces the spec's, for yoked controls. Networks of one seed share
    start, training rows and streams of batches, whatever else differs. Dims of the result: ``run``, ``step``
    (accuracies, spectra; see `curriculum_monitors`), ``operation``, ``look``, ``checkpoint``, ``moment``; ``train`` and
    ``corrupted`` (run, row) are the splits. Raises ValueError for variations that do not fit.
    """
    if variations and len(variations) != len(seeds):
        raise ValueError(f"variations: {len(variations)} given; allowed: one for each of {len(seeds)} seeds")
    own = [spec.varied(each) for each in variations] if variations else [spec] * len(seeds)
    tasks = spec.tasks.tasks(root)
    splits = [each.tasks.drawn(tasks, root, seed) for each, seed in zip(own, seeds, strict=True)]
    names = [RunName(root, ("curriculum", seed)) for seed in seeds]
    schedule = schedule or _schedule(spec, own, len(tasks.operations))
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
    rows = [_rows(tasks, split) for split in splits]
    source = TableSource(tasks.tokens, labels, rows, names, len(tasks.operations), spec.batch)
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
    )
    stacked = {name: np.stack([getattr(split, name) for split in splits]) for name in ("train", "corrupted")}
    return found.assign(
        {name: (("run", "row"), values.astype(np.uint8)) for name, values in stacked.items()}
    ).assign_coords(operation=list(tasks.operations), replicate=("run", list(seeds)))


def _schedule(spec: CurriculumSpec, own: Sequence[CurriculumSpec], operations: int) -> Schedule:
    """The spec's schedule, or one for each network where their weights differ."""
    if all(each.schedule == spec.schedule for each in own):
        return spec.schedule.build(operations)
    return PerNetwork(tuple(each.schedule.build(operations) for each in own))


def _rows(tasks: TaskSet, split: Split) -> TrainingRows:
    train = np.flatnonzero(split.train)
    return TrainingRows(train, tasks.operation[train], split.row_weights[train])


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
