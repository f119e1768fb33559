"""Upkeep of the store: which results are in use, which are sound, which can be made again."""

import importlib
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from companion.session.root import build_folder, project_root
from companion.store.arguments import NotRebuildable, decode
from companion.store.artefacts import (
    Address,
    DamagedResult,
    all_results,
    leftovers,
    read_manifest,
    read_result,
    store_roots,
)
from companion.store.content import dataset_digest
from companion.store.durable import StoredFunction


@dataclass(frozen=True)
class Finding:
    """What `verify` found out about one result."""

    address: Address
    sound: bool
    text: str


def check_files(roots: Sequence[Path] | None = None) -> Iterator[Finding]:
    """Compare the bytes of every result with its manifest."""
    for root in roots or store_roots():
        for address, folder in all_results(root):
            try:
                read_result(folder)
            except DamagedResult as problem:
                yield Finding(address, False, str(problem))
            else:
                yield Finding(address, True, "files are whole")


def recompute_sample(number: int, seed: int = 0) -> Iterator[Finding]:
    """Compute ``number`` results of one's own store again and compare their content digests.

    The sample is drawn with ``seed``. Nothing is written. Results whose manifest holds only a digest
    of an argument, or whose code has changed since, are said to be so and count as sound.
    """
    addresses = [address for address, _ in all_results(store_roots()[0])]
    for address in random.Random(seed).sample(addresses, min(number, len(addresses))):
        yield _recompute(address)


def _recompute(address: Address) -> Finding:
    manifest = read_manifest(address.own)
    function = getattr(importlib.import_module(manifest["entry"]["module"]), manifest["entry"]["name"])
    assert isinstance(function, StoredFunction)
    try:
        arguments = {name: decode(form) for name, form in manifest["arguments"].items()}
    except NotRebuildable as reason:
        return Finding(address, True, f"not recomputed: {reason}")
    if function.address(**arguments) != address:
        return Finding(address, True, "not recomputed: its code or device has changed since")
    dataset: xr.Dataset = function.evaluate_afresh(**arguments)
    same = dataset_digest(dataset) == manifest["content_digest"]
    return Finding(address, same, "recomputed: the same" if same else "recomputed: DIFFERENT values")


def keys_in_use() -> set[str]:
    """Keys that a figure was drawn from or a run's record names, and all that those results used."""
    waiting: set[str] = set()
    for figure in project_root().glob("figures/*/*_*.json"):
        waiting.update(json.loads(figure.read_text(encoding="utf-8")).get("keys", ()))
    for record in build_folder().glob("runs/*/*.record.json"):
        waiting.update(json.loads(record.read_text(encoding="utf-8")).get("keys", ()))
    used_by = {
        address.key: set(read_manifest(folder)["used"])
        for root in store_roots()
        for address, folder in all_results(root)
    }
    in_use: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key not in in_use:
            in_use.add(key)
            waiting |= used_by.get(key, set())
    return in_use


def prunable() -> list[Path]:
    """Folders of one's own store that nothing needs: unused results, leftovers of killed processes."""
    root, needed = store_roots()[0], keys_in_use()
    unused = [folder for address, folder in all_results(root) if address.key not in needed]
    return [*unused, *leftovers(root)]


def remove(folders: Sequence[Path]) -> None:
    """Delete folders of the store."""
    for folder in folders:
        shutil.rmtree(folder)


def size(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
