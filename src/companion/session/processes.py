"""Processes of this machine by their numbers, which the system gives away again."""

import os
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def start_of(pid: int) -> str | None:
    """A mark of when the process ``pid`` started, which no other process of that number has.

    None where there is no such process, or where the system does not say (it does on Linux).
    """
    try:
        # Behind the program's name, which may hold anything, the 20th field counts clock ticks since the boot.
        ticks = (
            Path(f"/proc/{pid}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[19]
        )
        return f"{_BOOT.read_text().strip()}:{ticks}"
    except (OSError, IndexError):
        return None


def is_running(pid: int, start: str | None = None) -> bool:
    """Whether the process ``pid`` runs on this machine: the one that has the mark ``start``, if that is known."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    now = start_of(pid)
    return start is None or now is None or now == start
