"""Stored results of the same function and arguments side by side: across versions of code, devices and stores."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from companion.figures.comparison import compare_tables
from companion.figures.reading import tables_of
from companion.run.causes import manifest_changes
from companion.run.differences import DataDifference
from companion.run.sides import Side
from companion.store.artefacts import DamagedResult, all_results, read_result
from companion.store.upkeep import whole_manifest

_SHOWN_KEY = 10


@dataclass(frozen=True)
class _Result:
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def key(self) -> str:
        return self.manifest["key"]


def compare_results(a: Side, b: Side) -> tuple[int, tuple[int, int], tuple[DataDifference, ...]]:
    """How many calls both sides have a result of, how many only A and only B, and those whose results differ."""
    if not (a.stores and b.stores):
        return 0, (0, 0), ()
    before, now = _newest(a), _newest(b)
    shared = sorted(before.keys() & now.keys())
    bar = Console(stderr=True)
    calls = track(shared, "reading results", console=bar, transient=True, disable=not bar.is_terminal)
    found = [_difference(call[0], before[call], now[call]) for call in calls]
    alone = len(before) - len(shared), len(now) - len(shared)
    return len(shared), alone, tuple(each for each in found if each is not None)


def _newest(side: Side) -> dict[tuple[str, str], _Result]:
    """By function and arguments, the newest result of a side, or the one before it."""
    versions: dict[tuple[str, str], dict[str, _Result]] = defaultdict(dict)
    for root in side.stores:
        for address, folder in all_results(root):
            try:
                manifest = whole_manifest(folder)
            except DamagedResult:
                continue  # `store verify` says which, and why
            if side.device is None or manifest.get("device") == side.device:
                call = address.function, json.dumps(manifest["arguments"], sort_keys=True)
                versions[call].setdefault(
                    address.key, _Result(folder, manifest)
                )  # the first store that has it
    place = 2 if side.before else 1
    ordered = {call: sorted(found.values(), key=_made) for call, found in versions.items()}
    return {call: found[-place] for call, found in ordered.items() if len(found) >= place}


def _made(result: _Result) -> float:
    return result.manifest["made"]["time"]


def _difference(function: str, a: _Result, b: _Result) -> DataDifference | None:
    if a.manifest["content_digest"] == b.manifest["content_digest"]:
        return None
    keys = (a.key[:_SHOWN_KEY], b.key[:_SHOWN_KEY])
    code = [f"result {' → '.join(dict.fromkeys(keys))}", *manifest_changes(a.manifest, b.manifest)]
    if a.manifest.get("device") != b.manifest.get("device"):
        code.append(f"device {a.manifest.get('device')} → {b.manifest.get('device')}")
    try:
        tables = compare_tables(*(tables_of(read_result(each.folder)) for each in (a, b)))
    except DamagedResult as problem:
        return DataDifference(function, code=tuple(code), problem=str(problem))
    return DataDifference(function, code=tuple(code), tables=tuple(tables))
