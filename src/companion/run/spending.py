"""What results cost that were made lately: core-hours and GPU-hours, from their manifests."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.store.artefacts import MANIFEST, DamagedResult, all_results, read_manifest, store_roots
from companion.store.own_costs import billed_seconds, reader

# A manifest is as old as its file or older; the margin is for clocks that differ between machines.
_MARGIN_SECONDS = 86400.0


@dataclass(frozen=True)
class Spending:
    """What ``results`` results cost together."""

    results: int
    core_hours: float
    gpu_hours: float


def spent_since(moment: float, stores: Iterable[Path] = ()) -> Spending:
    """What the results cost that were made at ``moment`` (seconds since 1970) or later, in one's own store and others.

    Work inside other work counts once: a result's share is its own, without the results that it used.
    """
    roots = sorted({path.resolve() for path in (store_roots()[0], *stores)})
    made = {manifest["key"]: (manifest, root) for root in roots for manifest in _manifests(root, moment)}
    billed = [billed_seconds(manifest, reader(root)) for manifest, root in made.values()]
    core, gpu = (sum(seconds) / 3600 for seconds in zip((0.0, 0.0), *billed, strict=True))
    return Spending(len(made), core, gpu)


def _manifests(root: Path, moment: float) -> Iterator[dict[str, Any]]:
    for _, folder in all_results(root):
        try:
            if (folder / MANIFEST).stat().st_mtime < moment - _MARGIN_SECONDS:
                continue
            manifest = read_manifest(folder)
            if manifest["made"]["time"] >= moment and {"key", "used", "cost"} <= manifest.keys():
                yield manifest
        except (DamagedResult, OSError, KeyError):  # removed or repaired meanwhile, or `store verify` tells
            continue
