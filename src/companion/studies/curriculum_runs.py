"""Stored trainings of small transformers: replicates of a curriculum, and variations of it, in stacks of fixed size."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import xarray as xr

from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored, workspace
from companion.training.curricula import train_curriculum
from companion.training.curriculum_spec import CurriculumSpec

#: Fields of a spec that every result on operations records, beside its modulus: what claims are registered for.
_RECORDED: Final = (
    "batch",
    "width",
    "hidden",
    "layers",
    "heads",
    "learning_rate",
    "weight_decay",
    "decay_share",
    "clip",
    "every",
)


def recorded_settings(spec: CurriculumSpec) -> dict[str, int | float]:
    """Attributes of a result that say under which ``spec`` it was made.

    >>> recorded_settings(CurriculumSpec(width=16))["width"]
    16
    """
    return {"prime": spec.tasks.prime} | {name: getattr(spec, name) for name in _RECORDED}


@stored(
    device=True,
    work=lambda conditions, spec, **_: (
        spec.steps
        * (
            2e7  # of a step itself, whatever its rows
            + len(conditions)
            * (
                (
                    spec.batch
                    or sum(shares := conditions[0].get("fractions", spec.tasks.fractions))
                    * (len(spec.tasks.operations) / len(shares))
                    * spec.tasks.prime**2
                )
                + 0.7 * len(spec.tasks.operations) * spec.tasks.prime**2 / spec.every
            )
            * (
                spec.layers * (4 * spec.width**2 + 2 * spec.width * spec.hidden) * 4
                + spec.width * spec.tasks.prime
            )
        )
    ),
    disk=lambda conditions, spec, **_: (
        len(conditions)
        * (
            len(spec.tasks.operations) * spec.steps / spec.every
            + (spec.checkpoints + spec.linear_checkpoints)
            * (
                spec.layers * (4 * spec.width**2 + 2 * spec.width * spec.hidden)
                + 2 * spec.tasks.prime * spec.width
            )
            + len(spec.moments) * len(spec.tasks.operations) * spec.tasks.prime**2 / 4
        )
    ),
)
def curriculum_runs(conditions: Sequence[Condition], spec: CurriculumSpec, seed: int) -> xr.Dataset:
    """Train one stack, a network for each condition: ``replicate``, and fields of its own (`train_curriculum`)."""
    replicates = [condition["replicate"] for condition in conditions]
    own = [
        {name: value for name, value in condition.items() if name != "replicate"} for condition in conditions
    ]
    with workspace() as folder:
        found = train_curriculum(spec, replicates, root=seed, variations=own, folder=folder)
    return found.drop_vars("replicate").rename(run="condition")


def trained(
    spec: CurriculumSpec,
    replicates: int,
    seed: int,
    *,
    block: int,
    variations: Sequence[Mapping[str, Any]] = ({},),
    label: str | None = None,
) -> xr.Dataset:
    """All ``variations`` of a spec, ``replicates`` times each, in stacks of ``block`` networks spread over the cluster.

    Dims ``variation``, ``replicate`` and those of `train_curriculum`. More replicates compute only the new ones where
    ``block`` divides them. Raises ValueError for a ``block`` that does not.
    """
    if replicates % block:
        raise ValueError(f"block: {block} given for {replicates} replicates; allowed: its divisors")
    conditions = [
        {**variation, "replicate": replicate} for variation in variations for replicate in range(replicates)
    ]
    what = label or f"transformers, {' + '.join(spec.tasks.operations)}"
    found = sweep(curriculum_runs, conditions, block=block, label=what, spec=spec, seed=seed)
    bare = found.drop_vars([name for name in found.coords if found[name].dims == ("condition",)])
    return bare.coarsen(condition=replicates).construct(condition=("variation", "replicate"))
