"""What computing a result takes, measured while it is computed: time, memory, and the compilation in it."""

import resource
import sys
import time
from dataclasses import dataclass

# ru_maxrss counts KiB on Linux and bytes on macOS.
_UNIT = 1024 if sys.platform == "darwin" else 1


@dataclass
class Seconds:
    """Seconds of this process: elapsed, of its cores, and of its cores while they compiled."""

    wall: float = 0.0
    cpu: float = 0.0
    compiling: float = 0.0

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.wall + other.wall, self.cpu + other.cpu, self.compiling + other.compiling)

    def __sub__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.wall - other.wall, self.cpu - other.cpu, self.compiling - other.compiling)


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
    return Seconds(time.perf_counter(), time.process_time(), _compiled)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _UNIT
