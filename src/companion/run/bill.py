"""What rehearsed notebooks will cost: hours of cores and GPUs, wall time, disk and memory, study by study."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from companion.store.calibration import FEW, FILE_BYTES, LEAST_FACTOR, Rate
from companion.store.costs import hours

#: How much less, or more, than estimated results may take on disk: sizes are told by few.
DISK_FACTOR = 3.0

#: Seconds and their factor for what a study does itself beside calls inside it, where nothing tells them.
JOINING_SECONDS, JOINING_FACTOR = 2.0, 5.0

#: What a decade beyond the largest result that was measured adds to the uncertainty.
BEYOND_FACTOR = 1.3

Rates = Mapping[tuple[str, str], Rate]


@dataclass(frozen=True)
class Workers:
    """Who works: cores and GPUs at once, and a line that says whose."""

    cores: int
    gpus: int
    description: str


@dataclass(frozen=True)
class Bill:
    """Costs of one study, or of several; ``low`` and ``high`` are likely ends of the seconds, cores and GPUs together.

    ``unknown`` are functions without a measured rate, whose costs are not in the numbers.
    """

    core_seconds: float = 0.0
    gpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    disk_bytes: float = 0.0
    memory_kib: float = 0.0
    low: float = 0.0
    high: float = 0.0
    missing: int = 0
    stored: int = 0
    unknown: tuple[str, ...] = ()

    def __add__(self, other: "Bill") -> "Bill":
        """Both, one after the other: of memory the larger, of all else the sum."""
        return Bill(
            self.core_seconds + other.core_seconds,
            self.gpu_seconds + other.gpu_seconds,
            self.wall_seconds + other.wall_seconds,
            self.disk_bytes + other.disk_bytes,
            max(self.memory_kib, other.memory_kib),
            self.low + other.low,
            self.high + other.high,
            self.missing + other.missing,
            self.stored + other.stored,
            tuple(dict.fromkeys(self.unknown + other.unknown)),
        )

    @property
    def factor(self) -> float:
        """By what the seconds may be wrong, upwards or downwards."""
        seconds = self.core_seconds + self.gpu_seconds
        if not seconds:
            return 1.0
        return max(self.high / seconds, seconds / self.low if self.low else 1.0)


def bill(parts: Iterable[Mapping[str, Any]], rates: Rates, workers: Workers) -> Bill:
    """The bill of a study's parts as `run.rehearsal` tells them.

    A part takes as long as its share of the workers needs, and at least as long as its largest block; parts follow
    one another. What a study does itself beside the calls inside it is one block.
    """
    total = Bill()
    for part in parts:
        total += _bill(part, rates, workers)
    return total


def _bill(part: Mapping[str, Any], rates: Rates, workers: Workers) -> Bill:
    missing, stored = part["missing"], part["stored"]
    rate = rates.get((part["function"], part["device"]))
    if not missing:
        return Bill(stored=stored)
    if rate is None and part["joins"]:
        seconds = JOINING_SECONDS * missing
        return Bill(
            core_seconds=seconds,
            wall_seconds=seconds,
            low=seconds / JOINING_FACTOR,
            high=seconds * JOINING_FACTOR,
            missing=missing,
            stored=stored,
        )
    if rate is None:
        unknown = f"{part['function']} on {part['device']}"
        return Bill(missing=missing, stored=stored, unknown=(unknown,))
    seconds = rate.seconds * part["work"]
    factor = _factor(rate, part)
    on_gpu = part["device"] == "cuda"
    at_once = max(1, min(workers.gpus if on_gpu else workers.cores, missing))
    return Bill(
        core_seconds=0.0 if on_gpu else seconds,
        gpu_seconds=seconds if on_gpu else 0.0,
        wall_seconds=max(seconds / at_once, rate.seconds * part["largest"]),
        disk_bytes=rate.bytes * part["disk"] + FILE_BYTES * missing,
        memory_kib=rate.memory_kib,
        low=seconds / factor,
        high=seconds * factor,
        missing=missing,
        stored=stored,
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

    >>> disk_problem(10 * 2**30, 2**30, "/scratch")
    ('results will take about 10 GiB and /scratch has 1 GiB free: not enough even for 3.3 GiB', True)
    """
    needed = f"results will take about {gib(expected)} and {place} has {gib(free)} free"
    if expected / DISK_FACTOR > free:
        return f"{needed}: not enough even for {gib(expected / DISK_FACTOR)}", True
    if expected * DISK_FACTOR > free:
        return f"{needed}: that may not be enough, as sizes are known to a factor of {DISK_FACTOR:g}", False
    return "", False


def gib(size: float) -> str:
    """Bytes in GiB, two digits.

    >>> gib(3 * 2**30), gib(5e5)
    ('3 GiB', '0.00047 GiB')
    """
    return f"{size / 2**30:.2g} GiB"


def share_of_month(total: Bill, allocation: Mapping[str, int]) -> Sequence[str]:
    """Lines that compare a bill with what a group may use in a month, in core-hours and GPU-hours."""
    lines = []
    for name, seconds in (("core", total.core_seconds), ("gpu", total.gpu_seconds)):
        allowed, unit = allocation[f"{name}_hours_per_month"], "GPU-hours" if name == "gpu" else "core-hours"
        if seconds and allowed:
            share = 100 * seconds / 3600 / allowed
            lines.append(f"{hours(seconds)} of {allowed} {unit} a month: {share:.2g} %")
        elif seconds:
            lines.append(f"{hours(seconds)} {unit}, of which the cluster file allows none")
    return lines
