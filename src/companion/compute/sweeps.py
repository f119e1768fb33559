"""Sweeps: one stored function over many conditions, in fixed blocks that are tasks and results."""

import contextlib
import importlib
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import xarray as xr

from companion.compute.clusters import InlineCluster, LostBlock, cluster
from companion.compute.worker_environment import FOLDER_VARIABLES
from companion.compute.worker_signals import handing_on
from companion.session import current, events, interruption
from companion.session.progress import progress
from companion.session.root import project_root
from companion.store.durable import FORCE_VARIABLE, StoredFunction, emit_use, fetch, note_use
from companion.store.foresight import Absent, foresees
from companion.store.running import awaited

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
    if foresees():
        for part in blocks:
            function(conditions=part, **common)
        return cast(xr.Dataset, Absent())
    addresses = [function.address(conditions=part, **common) for part in blocks]
    forced = bool(os.environ.get(FORCE_VARIABLE))
    missing = [index for index, address in enumerate(addresses) if forced or address.find() is None]
    found = set(range(len(blocks))) - set(missing)
    computed: dict[int, xr.Dataset] = {}
    with progress(label or function.name, len(conditions), "conditions") as advance:
        advance(len(conditions) - sum(len(blocks[index]) for index in missing))
        for index, outcome in _run(function, blocks, missing, common):
            if not isinstance(outcome, xr.Dataset):
                if outcome != addresses[index].key:
                    raise RuntimeError(
                        f"sweep of {function.name}: a worker runs other code than this process; restart the cluster"
                    )
                outcome = fetch(addresses[index])  # read while the others are still being computed
            if outcome is not None:
                computed[index] = outcome
            advance(len(blocks[index]))
    parts = []
    for index, address in enumerate(addresses):
        dataset = computed.get(index)
        if dataset is None:
            started = time.monotonic()
            dataset = fetch(address)
            if (
                dataset is not None and index in found
            ):  # what was computed has been told by whoever computed it
                emit_use(address, "hit", time.monotonic() - started)
        if dataset is None:  # damaged, or not stored because code was edited meanwhile: here it is said which
            dataset = function(conditions=blocks[index], **common)
        note_use(address)
        parts.append(dataset)
    return _joined(parts, conditions)


def _run(function: StoredFunction, blocks: list[Any], missing: list[int], common: Mapping[str, Any]):
    """Yield (block index, key or Dataset) of the missing blocks as they end."""
    session = current.current()
    where = cluster(session.cluster if session else "inline") if missing else InlineCluster()
    if isinstance(where, InlineCluster):
        for index in missing:
            interruption.stop_if_asked()
            yield index, function(conditions=blocks[index], **common)
        return
    tasks = [(*_entry(function), {"conditions": blocks[index], **common}) for index in missing]
    try:
        for position, key in awaited(where.run(run_block, tasks, kind=_kind(function))):
            yield missing[position], key
            interruption.stop_if_asked()
    except LostBlock as lost:
        index = missing[lost.index]
        raise RuntimeError(_about_lost(function, index, blocks[index], lost)) from lost


def compute_on_gpu_worker(function: StoredFunction, arguments: Mapping[str, Any]) -> None:
    """Have ``function`` computed and stored by a GPU worker of the session's cluster.

    Raises RuntimeError where there are no such workers, or where this process is one and finds no GPU.
    """
    session = current.current()
    where = InlineCluster() if session is None else cluster(session.cluster)
    if isinstance(where, InlineCluster):
        raise RuntimeError(
            f"{function.name}: it needs CUDA, but PyTorch finds no CUDA device on {socket.gethostname()}"
        )
    try:
        list(awaited(where.run(run_block, [(*_entry(function), dict(arguments))], kind="gpu")))
    except LostBlock as lost:
        raise RuntimeError(_about_lost(function, None, (), lost)) from lost


def _kind(function: StoredFunction) -> str:
    """What kind of workers runs ``function``: GPUs are for those alone whose results depend on the device."""
    return "gpu" if function.device and current.session_device() == "cuda" else "cpu"


def _entry(function: StoredFunction) -> tuple[tuple[str, str], dict[str, Any]]:
    """How a worker finds ``function``, and in which surroundings it runs it."""
    surroundings = {
        "path": [entry for entry in sys.path if entry],
        "environment": _surroundings(function),
    }
    return (function.module, function.function.__qualname__), surroundings


_SHOWN_CONDITIONS = 3


def _about_lost(
    function: StoredFunction, index: int | None, conditions: Sequence[Condition], lost: LostBlock
) -> str:
    which = function.name if index is None else f"{function.name}, block {index}"
    text = f"{which}: {lost.workers} workers ended while they ran it; is it short of memory?"
    if conditions:
        more = len(conditions) - _SHOWN_CONDITIONS
        text += "\n  conditions: " + ", ".join(map(str, conditions[:_SHOWN_CONDITIONS]))
        text += f" and {more} more" if more > 0 else ""
    return text + (f"\n  logs of the workers: {lost.logs}" if lost.logs else "")


_FORWARDED = (
    "COMPANION_ROOT",
    *FOLDER_VARIABLES,
    FORCE_VARIABLE,
    current.DEVICE_VARIABLE,
    *events.DESTINATION,
)


def _surroundings(function: StoredFunction) -> dict[str, str]:
    """The variables that a worker needs, to do as this process would."""
    here = {name: os.environ[name] for name in _FORWARDED if name in os.environ}
    # Where workers have no GPU, what does not depend on the device is not to look for one.
    device = current.session_device() if function.device else current.device_kind()
    return here | {"COMPANION_ROOT": str(project_root()), current.DEVICE_VARIABLE: device}


@contextlib.contextmanager
def _as_if_there(environment: Mapping[str, str]) -> Iterator[None]:
    """Set the forwarded variables for one task: the next one may come from another process."""
    before = {name: os.environ.pop(name) for name in _FORWARDED if name in os.environ}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name in environment:
            os.environ.pop(name, None)
        os.environ.update(before)


def run_block(entry: tuple[str, str], surroundings: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """Compute one call of a stored function on a worker: store the result, return its key."""
    sys.path.extend(folder for folder in surroundings["path"] if folder not in sys.path)
    with _as_if_there(surroundings["environment"]), handing_on():
        function: StoredFunction = getattr(importlib.import_module(entry[0]), entry[1])
        function(**arguments)
        return function.address(**arguments).key


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
