"""Stored trainings on streams of fresh rows: replicates of a spec, and variations of it, in stacks of fixed size."""

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from companion.compute.sweeps import Condition, sweep
from companion.store.durable import stored, workspace
from companion.training.list_curricula import ListSpec, train_lists
from companion.training.parity_curricula import ParitySpec, train_parity


@stored(
    device=True,
    work=lambda conditions, spec, **_: (
        spec.steps
        * (
            2e7  # of a step itself, whatever its rows
            + len(conditions)
            * (spec.batch + 0.7 * spec.test_rows / spec.every)
            * spec.layers
            * (4 * spec.width**2 + 2 * spec.width * (spec.hidden or 4 * spec.width))
            * spec.bits
        )
    ),
)
def parity_runs(conditions: Sequence[Condition], spec: ParitySpec, seed: int) -> xr.Dataset:
    """Train one stack, a network for each condition: ``replicate``, and fields of its own (`train_parity`)."""
    replicates, own = _split(conditions)
    with workspace() as folder:
        found = train_parity(spec, replicates, root=seed, variations=own, folder=folder)
    return found.drop_vars("replicate").rename(run="condition")


@stored(
    device=True,
    work=lambda conditions, spec, **_: (
        # Drawing expressions, operation by operation, costs as much as a network that is 36 wide.
        spec.steps
        * len(conditions)
        * spec.batch
        * (len(spec.operations) + 1)
        * spec.lists(0).positions
        * (3e4 + spec.layers * (4 * spec.width**2 + 2 * spec.width * (spec.hidden or 4 * spec.width)))
    ),
)
def list_runs(conditions: Sequence[Condition], spec: ListSpec, seed: int) -> xr.Dataset:
    """Train one stack, a network for each condition: ``replicate``, and fields of its own (`train_lists`)."""
    replicates, own = _split(conditions)
    with workspace() as folder:
        found = train_lists(spec, replicates, root=seed, variations=own, folder=folder)
    return found.drop_vars("replicate").rename(run="condition")


def streamed(
    spec: ParitySpec | ListSpec,
    replicates: int,
    seed: int,
    *,
    block: int,
    variations: Sequence[Mapping[str, Any]] = ({},),
    label: str = "transformers",
) -> xr.Dataset:
    """All ``variations`` of a spec, ``replicates`` times each, in stacks of ``block`` networks spread over the cluster.

    Dims ``variation``, ``replicate`` and those of the training. Raises ValueError for a ``block`` that does not divide
    the replicates.
    """
    if replicates % block:
        raise ValueError(f"block: {block} given for {replicates} replicates; allowed: its divisors")
    conditions = [
        {**variation, "replicate": replicate} for variation in variations for replicate in range(replicates)
    ]
    function = parity_runs if isinstance(spec, ParitySpec) else list_runs
    found = sweep(function, conditions, block=block, label=label, spec=spec, seed=seed)
    bare = found.drop_vars([name for name in found.coords if found[name].dims == ("condition",)])
    return bare.coarsen(condition=replicates).construct(condition=("variation", "replicate"))


def _split(conditions: Sequence[Condition]) -> tuple[list[int], list[dict[str, Any]]]:
    """Replicates, and what else is asked of each network."""
    replicates = [condition["replicate"] for condition in conditions]
    own = [
        {name: value for name, value in condition.items() if name != "replicate"} for condition in conditions
    ]
    return replicates, own
