"""What results cost that were made lately: core-hours and GPU-hours, from their manifests."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.store.artefacts import MANIFEST, DamagedResult, all_results, read_manifest, store_roots

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

    Work inside other work counts once: a result's own share is what remains after the results that it used and
    that were made meanwhile, unless others did that work (workers), which shows in it being more than its own.
    """
    made = {manifest["key"]: manifest for manifest in _manifests(moment, stores)}
    core = gpu = 0.0
    for manifest in made.values():
        inner = [made[key] for key in manifest["used"] if key in made and _within(made[key], manifest)]
        cpu = manifest["cost"]["cpu_seconds"]
        others = sum(one["cost"]["cpu_seconds"] for one in inner)
        core += cpu - others if others <= cpu else cpu
        if manifest.get("device") == "cuda":
            waited = sum(one["cost"]["wall_seconds"] for one in inner if one.get("device") == "cuda")
            gpu += max(0.0, manifest["cost"]["wall_seconds"] - waited)
    return Spending(len(made), core / 3600, gpu / 3600)


def _manifests(moment: float, stores: Iterable[Path]) -> Iterator[dict[str, Any]]:
    roots = {path.resolve() for path in (store_roots()[0], *stores)}
    for _, folder in (result for root in sorted(roots) for result in all_results(root)):
        try:
            if (folder / MANIFEST).stat().st_mtime < moment - _MARGIN_SECONDS:
                continue
            manifest = read_manifest(folder)
            if manifest["made"]["time"] >= moment and {"key", "used", "cost"} <= manifest.keys():
                yield manifest
        except (
            DamagedResult,
            OSError,
            KeyError,
        ):  # removed or repaired meanwhile, or for `store verify` to tell
            continue


def _within(inner: dict[str, Any], outer: dict[str, Any]) -> bool:
    """Whether one result was made while another one was."""
    end = outer["made"]["time"]
    return end - outer["cost"]["wall_seconds"] <= inner["made"]["time"] <= end
