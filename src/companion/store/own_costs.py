"""What a result has cost, as its manifest tells it, without what the results that it used have cost."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from companion.store.artefacts import Address, DamagedResult, is_whole, read_manifest

#: Gives the manifest of a result that another one used; None where it is gone.
Reader = Callable[[Address], Mapping[str, Any] | None]


def reader(root: Path) -> Reader:
    """Reads manifests from the store ``root``, else from those of the session."""

    def read(address: Address) -> Mapping[str, Any] | None:
        folder = address.in_store(root)
        found = folder if is_whole(folder) else address.find()
        try:
            return read_manifest(found) if found else None
        except DamagedResult:
            return None

    return read


def own_seconds(manifest: Mapping[str, Any], read: Reader) -> tuple[float, float]:
    """CPU and wall seconds of a result without those of the results that it used.

    Newer manifests tell them. Of older ones, what was computed inside is taken off where it ran in the same
    process: one after the other, and in less time than the whole.
    """
    cost = manifest["cost"]
    if "own_cpu_seconds" in cost:
        return max(cost["own_cpu_seconds"], 0.0), max(cost["own_wall_seconds"], 0.0)
    cpu, wall = cost["cpu_seconds"], cost["wall_seconds"]
    end = manifest["made"]["time"]
    inside = []
    for key, function in manifest["used"].items():
        inner = read(Address(function, key))
        if inner is not None and end - wall <= inner["made"]["time"] <= end:
            inside.append(inner)
    inside.sort(key=lambda inner: inner["made"]["time"])
    ends = [inner["made"]["time"] for inner in inside]
    walls = [inner["cost"]["wall_seconds"] for inner in inside]
    overlap = any(
        later - length < earlier - 0.1 * length
        for earlier, later, length in zip(ends, ends[1:], walls[1:], strict=False)
    )
    cpus = sum(inner["cost"]["cpu_seconds"] for inner in inside)
    if inside and not overlap and cpus <= 1.02 * cpu and sum(walls) <= 1.02 * wall:
        return max(cpu - cpus, 0.0), max(wall - sum(walls), 0.0)
    return cpu, wall


def computed_on(manifest: Mapping[str, Any]) -> str:
    """Device that a result itself was computed on, cpu or cuda, which may be less than its session had.

    A function that does not choose its device computes on the CPU. One that does computes on no GPU where it only
    joins what others computed: newer manifests tell that it took none, and those before them where there was none.
    """
    return "cuda" if manifest.get("device") == manifest["cost"].get("device", "cuda") == "cuda" else "cpu"


def billed_seconds(manifest: Mapping[str, Any], read: Reader) -> tuple[float, float]:
    """Seconds of cores and of GPUs that a result cost itself, as clusters bill: the cores beside a GPU come with it."""
    cpu, wall = own_seconds(manifest, read)
    return (0.0, wall) if computed_on(manifest) == "cuda" else (cpu, 0.0)


def compiling_seconds(manifest: Mapping[str, Any]) -> float | None:
    """CPU seconds in which the result's process compiled for it; None where an older manifest does not tell."""
    return manifest["cost"].get("compile_seconds")
