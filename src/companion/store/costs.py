"""What results have cost, each counted once: from the manifests of those that are in a store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.store.artefacts import MANIFEST, RESULT, Address, DamagedResult, is_whole, read_manifest
from companion.store.own_costs import billed_seconds


@dataclass(frozen=True)
class ResultCost:
    """The cost of one result, those that it used apart: seconds of cores and GPUs, KiB of memory, bytes on disk.

    It was computed from ``began`` to ``ended``, in seconds since 1970. Counted as clusters bill it: the cores beside
    a GPU come with it.
    """

    key: str
    function: str
    core_seconds: float
    gpu_seconds: float
    memory_kib: float
    bytes: int
    began: float
    ended: float


@dataclass(frozen=True)
class Spent:
    """What ``results`` results cost together; ``missing`` more are not in the store, and not in the numbers.

    ``wall_seconds`` is the time during which any of them was being computed, ``memory_kib`` the most that one
    process took.
    """

    results: int = 0
    missing: int = 0
    core_seconds: float = 0.0
    gpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    memory_kib: float = 0.0
    bytes: int = 0

    @property
    def known(self) -> bool:
        """Whether anything is known of it."""
        return self.results > 0


class Ledger:
    """Reads each manifest of the stores ``roots`` once, however many ask for it."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = list(roots)
        self._read: dict[str, tuple[Path, Mapping[str, Any]] | None] = {}
        self._costs: dict[str, ResultCost | None] = {}

    def behind(self, keys: Mapping[str, str]) -> tuple[list[ResultCost], set[str]]:
        """Costs of the results ``keys`` (key: function, empty where that is not known) and of all that they used.

        Beside them the keys of those that are not in the store, or damaged there.
        """
        waiting, seen = dict(keys), set[str]()
        found: list[ResultCost] = []
        missing: set[str] = set()
        while waiting:
            key, function = waiting.popitem()
            seen.add(key)
            cost = self._cost(key, function)
            if cost is None:
                missing.add(key)
                continue
            found.append(cost)
            manifest = self._manifest(key, function) or {}
            waiting |= {inner: name for inner, name in manifest["used"].items() if inner not in seen}
        return sorted(found, key=lambda cost: (cost.function, cost.key)), missing

    def _cost(self, key: str, function: str) -> ResultCost | None:
        if key not in self._costs:
            manifest = self._manifest(key, function)
            try:
                self._costs[key] = None if manifest is None else self._of(manifest)
            except (KeyError, TypeError, AttributeError):  # of a form that is not ours
                self._costs[key] = None
        return self._costs[key]

    def _of(self, manifest: Mapping[str, Any]) -> ResultCost:
        folder = self._folder(manifest["key"])
        cost, ended = manifest["cost"], manifest["made"]["time"]
        core, gpu = billed_seconds(manifest, lambda address: self._manifest(address.key, address.function))
        return ResultCost(
            key=manifest["key"],
            function=manifest["function"],
            core_seconds=core,
            gpu_seconds=gpu,
            memory_kib=cost["peak_memory_kib"],
            bytes=sum((folder / name).stat().st_size for name in (RESULT, MANIFEST)),
            began=ended - cost["wall_seconds"],
            ended=ended,
        )

    def _folder(self, key: str) -> Path:
        found = self._read[key]
        assert found is not None
        return found[0]

    def _manifest(self, key: str, function: str) -> Mapping[str, Any] | None:
        if key not in self._read:
            self._read[key] = self._look_up(key, function)
        found = self._read[key]
        return None if found is None else found[1]

    def _look_up(self, key: str, function: str) -> tuple[Path, Mapping[str, Any]] | None:
        for root in self._roots:
            places = (
                [Address(function, key).in_store(root)] if function else sorted(root.glob(f"[!.]*/{key}"))
            )
            for folder in filter(is_whole, places):
                try:
                    manifest = read_manifest(folder)
                except DamagedResult:
                    continue
                if isinstance(manifest.get("used"), dict):
                    return folder, manifest
        return None


def together(costs: Iterable[ResultCost], missing: int = 0) -> Spent:
    """What different results cost together."""
    found = list(costs)
    return Spent(
        results=len(found),
        missing=missing,
        core_seconds=sum(cost.core_seconds for cost in found),
        gpu_seconds=sum(cost.gpu_seconds for cost in found),
        wall_seconds=_covered([(cost.began, cost.ended) for cost in found]),
        memory_kib=max((cost.memory_kib for cost in found), default=0.0),
        bytes=sum(cost.bytes for cost in found),
    )


def _covered(spans: list[tuple[float, float]]) -> float:
    """Length of the union of time spans."""
    total, until = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def hours(seconds: float) -> str:
    """Seconds as hours, two or three digits.

    >>> hours(90), hours(36e5), hours(0)
    ('0.025', '1000', '0')
    """
    value = seconds / 3600
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"
