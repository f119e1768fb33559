"""Sweeps: one stored function over many conditions, in fixed blocks that are tasks and results."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from companion.compute.clusters import InlineCluster, cluster
from companion.session import current, events
from companion.session.progress import progress
from companion.store.artefacts import read_result
from companion.store.durable import FORCE_VARIABLE, StoredFunction, note_use

Condition = Mapping[str, Any]


def sweep(
    function: StoredFunction,
    conditions: Sequence[Condition],
    *,
    block: int,
    label: str | None = None,
    **common: Any,
) -> xr.Dataset:
    """Results of ``function`` over ``conditions``, joined along the dim ``condition`` in their order.

    ``function(conditions=(…), **common)`` is a stored function, vectorised over a block: it takes a
    tuple of ``block`` conditions (dicts of plain data) and returns a Dataset with the dim
    ``condition``. Block b holds the conditions b·block … (b+1)·block - 1 whatever their number, so
    more conditions compute only the new ones. Blocks that are missing run on the session's cluster,
    whose workers store results and return keys. Aim at two seconds of work or more per block.

    Raises ValueError for no conditions or ``block < 1``, TypeError for a function that is not stored,
    RuntimeError where a worker runs other code than this process.
    """
    if not isinstance(function, StoredFunction):
        raise TypeError(f"sweep: {function!r} is not a @stored function")
    if block < 1 or not conditions:
        raise ValueError(
            f"sweep of {function.name}: given block={block} and {len(conditions)} conditions; need both"
        )
    blocks = [tuple(map(dict, conditions[at : at + block])) for at in range(0, len(conditions), block)]
    addresses = [function.address(conditions=part, **common) for part in blocks]
    forced = bool(os.environ.get(FORCE_VARIABLE))
    missing = [index for index, address in enumerate(addresses) if forced or address.find() is None]
    computed: dict[int, xr.Dataset] = {}
    with progress(label or function.name, len(conditions), "conditions") as advance:
        advance(len(conditions) - sum(len(blocks[index]) for index in missing))
        for index, outcome in _run(function, blocks, missing, common):
            if isinstance(outcome, xr.Dataset):
                computed[index] = outcome
            elif outcome != addresses[index].key:
                raise RuntimeError(
                    f"sweep of {function.name}: a worker runs other code than this process; restart the cluster"
                )
            advance(len(blocks[index]))
    parts = []
    for index, address in enumerate(addresses):
        folder = address.find()
        if index not in computed and folder is None:
            raise RuntimeError(
                f"sweep of {function.name}: block {index} was computed but not stored, because code that it "
                "reaches was edited while it ran; run again to compute with the new code"
            )
        note_use(address)
        parts.append(computed[index] if folder is None else read_result(folder))
    return _joined(parts, conditions)


def _run(function: StoredFunction, blocks: list[Any], missing: list[int], common: Mapping[str, Any]):
    """Yield (block index, key or Dataset) of the missing blocks as they end."""
    session = current.current()
    where = cluster(session.cluster if session else "inline") if missing else InlineCluster()
    if isinstance(where, InlineCluster):
        for index in missing:
            yield index, function(conditions=blocks[index], **common)
        return
    entry = (function.module, function.function.__qualname__)
    surroundings = {
        "path": [entry for entry in sys.path if entry],
        "environment": events.destination()
        | _forwarded_environment()
        | {current.DEVICE_VARIABLE: current.device_kind()},
    }
    tasks = [(entry, surroundings, blocks[index], dict(common)) for index in missing]
    for position, key in where.run(run_block, tasks):
        yield missing[position], key


def _forwarded_environment() -> dict[str, str]:
    names = ("COMPANION_ROOT", "COMPANION_STORE", FORCE_VARIABLE)
    return {name: os.environ[name] for name in names if name in os.environ}


def run_block(
    entry: tuple[str, str],
    surroundings: Mapping[str, Any],
    conditions: tuple[Condition, ...],
    common: Mapping[str, Any],
) -> str:
    """Compute one block on a worker: store the result, return its key."""
    sys.path.extend(folder for folder in surroundings["path"] if folder not in sys.path)
    os.environ.update(surroundings["environment"])
    function: StoredFunction = getattr(importlib.import_module(entry[0]), entry[1])
    function(conditions=conditions, **common)
    return function.address(conditions=conditions, **common).key


def _joined(parts: list[xr.Dataset], conditions: Sequence[Condition]) -> xr.Dataset:
    joined = xr.concat(
        parts,
        dim="condition",
        data_vars="minimal",
        coords="minimal",
        compat="equals",
        join="exact",
        combine_attrs="drop_conflicts",
    )
    labels = {
        name: ("condition", [condition[name] for condition in conditions])
        for name in conditions[0]
        if name not in joined.variables
        and all(isinstance(condition.get(name), int | float | str) for condition in conditions)
    }
    for attribute in ("companion_key", "companion_function"):
        joined.attrs.pop(attribute, None)
    return joined.assign_coords(labels)
