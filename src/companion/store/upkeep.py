"""Upkeep of the store: which results are sound, and which can be made again."""

import importlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from companion.store.arguments import NotRebuildable, decode
from companion.store.artefacts import (
    Address,
    DamagedResult,
    all_results,
    read_manifest,
    read_result,
    store_roots,
    torn_results,
)
from companion.store.content import dataset_digest
from companion.store.durable import StoredFunction

_MANIFEST_FORM: dict[str, type] = {
    "key": str,
    "function": str,
    "content_digest": str,
    "arguments": dict,
    "used": dict,
    "cost": dict,
    "made": dict,
    "entry": dict,
}
_NESTED_FORM: tuple[tuple[str, str, type | tuple[type, ...]], ...] = (
    ("made", "time", (int, float)),
    ("made", "user", str),
    ("cost", "wall_seconds", (int, float)),
    ("entry", "module", str),
    ("entry", "name", str),
)


@dataclass(frozen=True)
class Finding:
    """What `verify` found out about one result."""

    address: Address
    sound: bool
    text: str


def whole_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a result with every entry that upkeep reads; DamagedResult where one is missing."""
    manifest: Any = read_manifest(folder)
    try:
        for name, kind in _MANIFEST_FORM.items():
            if not isinstance(manifest[name], kind):
                raise TypeError(f"{name} is no {kind.__name__}")
        for group, name, kinds in _NESTED_FORM:
            if not isinstance(manifest[group][name], kinds):
                raise TypeError(f"{name} of {group} is {manifest[group][name]!r}")
    except (KeyError, TypeError) as problem:
        raise DamagedResult(f"{folder}: damaged manifest ({problem})") from problem
    return manifest


def check_files(roots: Sequence[Path] | None = None) -> Iterator[Finding]:
    """Compare the bytes of every result with its manifest."""
    for root in roots or store_roots():
        for address, folder in all_results(root):
            try:
                whole_manifest(folder)
                read_result(folder)
            except DamagedResult as problem:
                yield Finding(address, False, str(problem))
            else:
                yield Finding(address, True, "files are whole")
        for address, missing in torn_results(root):
            yield Finding(address, False, f"{address.in_store(root)}: {missing} is missing")


def recompute_sample(number: int, seed: int = 0) -> Iterator[Finding]:
    """Compute ``number`` results of one's own store again and compare their content digests.

    The sample is drawn with ``seed``. Nothing is written. Results whose manifest holds only a digest
    of an argument, or whose code has changed or gone since, are said to be so and count as sound.
    """
    addresses = [address for address, _ in all_results(store_roots()[0])]
    for address in random.Random(seed).sample(addresses, min(number, len(addresses))):
        yield _recompute(address)


def _recompute(address: Address) -> Finding:
    try:
        manifest = whole_manifest(address.own)
    except DamagedResult as problem:
        return Finding(address, False, f"not recomputed: {problem}")
    module, name = manifest["entry"]["module"], manifest["entry"]["name"]
    try:
        function = getattr(importlib.import_module(module), name, None)
    except Exception as problem:  # whatever a module of the user's raises while it is imported
        return Finding(address, True, f"not recomputed: its function is gone ({module}: {problem})")
    if not isinstance(function, StoredFunction):
        return Finding(address, True, f"not recomputed: its function is gone ({module} has no stored {name})")
    try:
        arguments = {name: decode(form) for name, form in manifest["arguments"].items()}
    except NotRebuildable as reason:
        return Finding(address, True, f"not recomputed: {reason}")
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        return Finding(address, False, f"not recomputed: damaged arguments in its manifest ({problem})")
    try:
        changed = function.address(**arguments) != address
    except TypeError:  # it takes other arguments now
        changed = True
    if changed:
        return Finding(address, True, "not recomputed: its code or device has changed since")
    try:
        dataset: xr.Dataset = function.evaluate_afresh(**arguments)
    except Exception as problem:  # whatever a study raises; the other results are still to be verified
        return Finding(address, False, f"recomputed: FAILED with {type(problem).__name__}: {problem}")
    same = dataset_digest(dataset) == manifest["content_digest"]
    return Finding(address, same, "recomputed: the same" if same else "recomputed: DIFFERENT values")
