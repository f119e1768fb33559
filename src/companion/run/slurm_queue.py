"""What SLURM says of jobs, asked once for all of them; nothing where there is no SLURM."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

_SECONDS = 20
_FORMAT = "%i|%T|%M|%L|%N|%r"


@dataclass(frozen=True)
class Job:
    """A job as SLURM sees it: its state in SLURM's word, and the rest in one line for people."""

    state: str
    said: str


def jobs_in_queue(identities: Iterable[str]) -> dict[str, Job] | None:
    """Those of the jobs that wait, run or have just ended; None where SLURM does not answer."""
    wanted = set(identities)
    if not wanted:
        return {}
    lines = _answer("squeue", "--noheader", "--states=all", f"--format={_FORMAT}", "--me")
    if lines is None:
        return None
    found = {}
    for line in lines:
        job, state, passed, left, nodes, reason = line.strip().split("|", 5)
        if job in wanted:
            where = f" on {nodes}" if nodes else f" ({reason})"
            times = f", {passed} passed, {left} left" if state == "RUNNING" else ""
            found[job] = Job(state, f"{state}{where}{times}")
    return found


def _answer(*command: str) -> list[str] | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.splitlines()
