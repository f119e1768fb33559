"""What rehearsed notebooks will cost: hours of cores and GPUs, wall time, disk and memory, study by study."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from companion.run.workforce import Workers
from companion.store.calibration import FEW, FILE_BYTES, LEAST_FACTOR, Rate
from companion.store.costs import hours
from companion.store.sizes import shown_size

#: How much less, or more, than estimated results may take on disk: sizes are told by few.
DISK_FACTOR = 3.0

#: Seconds and their factor for what a study does itself beside calls inside it, where nothing tells them.
JOINING_SECONDS, JOINING_FACTOR = 2.0, 5.0

#: What a decade beyond the largest result that was measured adds to the uncertainty.
BEYOND_FACTOR = 1.3

#: Seconds by which any study may be wrong: imports, files and the first touch of memory count little in long ones.
SHORT_SECONDS = 3.0

#: Seconds that compiling the kernels of one module takes, on each worker, where no result tells them; and the factor.
KERNEL_SECONDS, KERNEL_FACTOR = 10.0, 2.0

Rates = Mapping[tuple[str, str], Rate]


@dataclass(frozen=True)
class Bill:
    """Costs of one study, or of several; ``low`` and ``high`` are likely ends of the seconds, cores and GPUs together.

    ``unknown`` are functions without a measured rate on their device, whose seconds are not in the numbers: the
    core-seconds that they would take on CPUs, 0 where no rate tells even these. ``compiling`` are those of
    ``core_seconds`` that compile kernels.
    """

    core_seconds: float = 0.0
    gpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    disk_bytes: float = 0.0
    memory_kib: float = 0.0
    memory_exact: bool = True
    low: float = 0.0
    high: float = 0.0
    missing: int = 0
    stored: int = 0
    compiling: float = 0.0
    unknown: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def __add__(self, other: "Bill") -> "Bill":
        """Both, one after the other: of memory the larger, of all else the sum."""
        both = self.unknown.keys() | other.unknown.keys()
        larger = max(self, other, key=lambda bill: (bill.memory_kib, not bill.memory_exact))
        return Bill(
            self.core_seconds + other.core_seconds,
            self.gpu_seconds + other.gpu_seconds,
            self.wall_seconds + other.wall_seconds,
            self.disk_bytes + other.disk_bytes,
            larger.memory_kib,
            larger.memory_exact,
            self.low + other.low,
            self.high + other.high,
            self.missing + other.missing,
            self.stored + other.stored,
            self.compiling + other.compiling,
            {key: self.unknown.get(key, 0.0) + other.unknown.get(key, 0.0) for key in sorted(both)},
        )

    @property
    def seconds(self) -> float:
        """Of cores and GPUs together."""
        return self.core_seconds + self.gpu_seconds

    @property
    def factor(self) -> float | None:
        """By what the seconds may be wrong, upwards or downwards; None where none are known."""
        if not self.seconds:
            return None if self.unknown else 1.0
        return max(self.high / self.seconds, self.seconds / self.low if self.low else 1.0)


def bill(parts: Iterable[Mapping[str, Any]], rates: Rates, workers: Workers) -> Bill:
    """The bill of a study's parts as `run.rehearsal` tells them.

    A part takes as long as its share of the workers needs, and at least as long as its largest block; parts follow
    one another. What a study does itself beside the calls inside it is one block. Kernels that were never compiled
    here are compiled by each worker first.
    """
    total = Bill()
    for part in parts:
        total += _bill(part, rates, workers)
    return total


def _bill(part: Mapping[str, Any], rates: Rates, workers: Workers) -> Bill:
    missing, device = part["missing"], part["device"]
    counts = Bill(missing=missing, stored=part["stored"])
    if not missing:
        return counts
    if part["joins"] and (part["function"], device) not in rates:
        device = "cpu"  # what was never seen to compute on a GPU beside the calls inside it holds none
    on_gpu = device == "cuda"
    at_once = max(1, min(workers.gpus if on_gpu else workers.cores, missing))
    rate = rates.get((part["function"], device))
    if rate is not None:
        seconds = rate.seconds * part["work"]
        longest = rate.seconds * part["largest"]
        return (
            counts
            + _time(seconds, _factor(rate, part), on_gpu, max(seconds / at_once, longest))
            + (_compiling(part, rate, at_once) + _room(part, rate))
        )
    elsewhere = rates.get((part["function"], "cpu" if on_gpu else "cuda"))
    room = Bill() if elsewhere is None else _room(part, elsewhere)
    if part["joins"]:
        seconds = JOINING_SECONDS * missing
        return counts + room + _time(seconds, JOINING_FACTOR, on_gpu, seconds)
    on_cpus = elsewhere.seconds * part["work"] if elsewhere is not None and on_gpu else 0.0
    return counts + room + Bill(unknown={(part["function"], device): on_cpus})


def _time(seconds: float, factor: float, on_gpu: bool, wall: float) -> Bill:
    return Bill(
        core_seconds=0.0 if on_gpu else seconds,
        gpu_seconds=seconds if on_gpu else 0.0,
        wall_seconds=wall,
        low=seconds / factor,
        high=seconds * factor,
    )


def _compiling(part: Mapping[str, Any], rate: Rate, at_once: int) -> Bill:
    """What compiling its kernels takes: all workers do it at once, and each for itself."""
    each = (rate.compiling or KERNEL_SECONDS * len(part["kernels"])) if part["kernels"] else 0.0
    seconds = each * at_once
    return Bill(
        core_seconds=seconds,
        wall_seconds=each,
        low=seconds / KERNEL_FACTOR,
        high=seconds * KERNEL_FACTOR,
        compiling=seconds,
    )


def _room(part: Mapping[str, Any], rate: Rate) -> Bill:
    """Disk and memory, which are much the same on any device; memory is known for what was measured, and no more."""
    return Bill(
        disk_bytes=rate.bytes * part["disk"] + FILE_BYTES * part["missing"],
        memory_kib=rate.memory_kib,
        memory_exact=rate.memory_exact,
    )


def _factor(rate: Rate, part: Mapping[str, Any]) -> float:
    """By what the seconds of a part may be wrong.

    What differs from block to block averages out over many; what a law of growth misses does not, and counts more
    the further a block is beyond everything that was measured.
    """
    by_block = math.log(rate.factor) / math.sqrt(max(part["missing"], 1) if rate.results >= FEW else 1)
    beyond = max(0.0, math.log10(max(part["largest"], 1e-300) / rate.largest)) if rate.largest else 0.0
    return math.exp(math.hypot(by_block, math.log(LEAST_FACTOR))) * BEYOND_FACTOR**beyond


def disk_problem(expected: float, free: float, place: str) -> tuple[str, bool]:
    """What to say where ``expected`` bytes of results may not fit into ``free``, and whether they surely do not.

    >>> disk_problem(10e9, 1e9, "/scratch")
    ('results will take about 10.0 GB and /scratch has 1.0 GB free: not enough even for 3.3 GB', True)
    """
    needed = f"results will take about {shown_size(expected)} and {place} has {shown_size(free)} free"
    if expected / DISK_FACTOR > free:
        return f"{needed}: not enough even for {shown_size(expected / DISK_FACTOR)}", True
    if expected * DISK_FACTOR > free:
        return f"{needed}: that may not be enough, as sizes are known to a factor of {DISK_FACTOR:g}", False
    return "", False


def share_of_month(total: Bill, allocation: Mapping[str, int]) -> Sequence[str]:
    """Lines that compare a bill with what a group may use in a month, in core-hours and GPU-hours."""
    lines = []
    unknown = {device for _, device in total.unknown}
    for name, seconds in (("core", total.core_seconds), ("gpu", total.gpu_seconds)):
        allowed, unit = allocation[f"{name}_hours_per_month"], "GPU-hours" if name == "gpu" else "core-hours"
        least = "at least " if ("cuda" if name == "gpu" else "cpu") in unknown else ""
        if seconds and allowed:
            share = 100 * seconds / 3600 / allowed
            lines.append(f"{least}{hours(seconds)} of {allowed} {unit} a month: {share:.2g} %")
        elif seconds:
            lines.append(f"{least}{hours(seconds)} {unit}, of which the cluster file allows none")
    return lines
