"""Yoked controls of an adaptive schedule: networks on the mixtures that another one's training brought about.

Within each stack a network gets the mixtures of the one before it: the same course of exposure, without its cause.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored, workspace
from companion.training.curricula import train_curriculum
from companion.training.curriculum_spec import CurriculumSpec
from companion.training.schedules import Recorded


@stored(
    device=True,
    work=lambda conditions, spec, **_: (
        spec.steps
        * (
            2e7
            + len(conditions) * spec.batch * 4 * spec.layers * spec.width * (4 * spec.width + 2 * spec.hidden)
        )
    ),
)
def yoked_runs(conditions: Sequence[Condition], spec: CurriculumSpec, seed: int) -> xr.Dataset:
    """Train one stack on recorded mixtures: ``replicate``, and ``weights`` that hold from the steps ``seen`` on."""
    realised = np.array([condition["weights"] for condition in conditions]).swapaxes(0, 1)
    schedule = Recorded(np.array(conditions[0]["seen"], dtype=np.int64), realised)
    replicates = [condition["replicate"] for condition in conditions]
    with workspace() as folder:
        found = train_curriculum(spec, replicates, root=seed, schedule=schedule, folder=folder)
    return found.drop_vars("replicate").rename(run="condition")


def yoked(spec: CurriculumSpec, runs: xr.Dataset, replicates: int, seed: int, block: int) -> xr.Dataset:
    """Networks on the mixtures that ``runs`` (replicate, look, ...) of ``spec`` realised, one on, and on their rows.

    One on within each ``block`` of networks, the stacks in which they are trained (`Recorded.yoked`): more replicates
    change nothing for the first ones.
    """
    recorded = runs.mixture.transpose("look", "replicate", "operation")
    control = Recorded(recorded.look.values, recorded.values).yoked(block)
    conditions = [
        {
            "replicate": replicate,
            "seen": control.steps_seen.tolist(),
            "weights": control.realised[:, replicate].tolist(),
        }
        for replicate in range(replicates)
    ]
    found = sweep(
        yoked_runs, conditions, block=block, label="transformers, yoked schedule", spec=spec, seed=seed
    )
    bare = found.drop_vars([name for name in found.coords if found[name].dims == ("condition",)])
    return bare.rename(condition="replicate")


def foreseen_yoked(spec: CurriculumSpec, replicates: int, seed: int, block: int) -> xr.Dataset:
    """Calls that cost what those of `yoked` do, under other keys: whose mixtures are lent is known after their run."""
    even = [1.0] * len(spec.tasks.operations)
    conditions = [{"replicate": replicate, "seen": [0], "weights": [even]} for replicate in range(replicates)]
    return sweep(yoked_runs, conditions, block=block, spec=spec, seed=seed)
