"""What computing a result takes, measured while it is computed: time, memory, compilation, and whether a GPU."""

import resource
import sys
import time
from dataclasses import dataclass

# ru_maxrss counts KiB on Linux and bytes on macOS.
_UNIT = 1024 if sys.platform == "darwin" else 1


@dataclass
class Seconds:
    """Seconds of this process: elapsed, of its cores, and of its cores while they compiled.

    ``gpu_blocks`` is how often it took memory of a GPU meanwhile: never where it computed on none.
    """

    wall: float = 0.0
    cpu: float = 0.0
    compiling: float = 0.0
    gpu_blocks: int = 0

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(
            self.wall + other.wall,
            self.cpu + other.cpu,
            self.compiling + other.compiling,
            self.gpu_blocks + other.gpu_blocks,
        )

    def __sub__(self, other: "Seconds") -> "Seconds":
        return self + Seconds(-other.wall, -other.cpu, -other.compiling, -other.gpu_blocks)


_compiled = 0.0


def count_compiling(seconds: float) -> None:
    """Count CPU seconds in which this process compiled; whoever compiles tells."""
    global _compiled
    _compiled += seconds


class Meter:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._peak = _peak_kib()
        self._began = _now()

    def seconds(self) -> Seconds:
        """What has passed since."""
        return _now() - self._began

    def memory(self) -> dict[str, float | bool]:
        """The process's largest memory ever, and whether it was reached since: otherwise it is only a bound."""
        peak = _peak_kib()
        return {"peak_memory_kib": peak, "peak_memory_rose": peak > self._peak}


def _now() -> Seconds:
    return Seconds(time.perf_counter(), time.process_time(), _compiled, _gpu_blocks())


def _gpu_blocks() -> int:
    """How often PyTorch was asked for memory of GPUs by this process; nobody who computes on one goes without."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)  # whoever computes on a GPU has imported it
    if cuda is None or not cuda.is_initialized():
        return 0
    found = (cuda.memory_stats(number) for number in range(cuda.device_count()))
    return sum(each.get("allocation.all.allocated", 0) for each in found)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _UNIT
