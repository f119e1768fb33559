"""What is known of a detached run: how it was started, and what it says of itself; both in build/runs/detached/."""

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from companion.run.history import DETACHED_VARIABLE, read_history
from companion.session.files import write_json
from companion.session.root import build_folder
from companion.settings.problems import SettingsError


@dataclass(frozen=True)
class Detached:
    """A detached run as it was started: ``job`` is its SLURM job, or ``pid`` its process on ``host``.

    ``process`` is the mark of that process, where the system gives one (`session.processes`).
    """

    id: str
    submitted: float
    profile: str
    cluster: str
    command: list[str]
    notebooks: list[str]
    log: str
    host: str
    store: str
    job: str | None = None
    pid: int | None = None
    process: str | None = None

    @property
    def how_to_stop(self) -> str:
        """The command that stops it."""
        return f"scancel {self.job}" if self.job else kill_command(self.pid, self.host)

    def write(self) -> None:
        """Put the record in its place, atomically."""
        write_json(detached_folder() / f"{self.id}.json", asdict(self))


def kill_command(pid: int | None, host: str) -> str:
    """The command that stops the process ``pid`` on ``host``, with a comment where that is another machine."""
    return f"kill {pid}" + ("" if host == socket.gethostname() else f"  # on {host}")


def detached_folder() -> Path:
    """Where records, scripts and logs of detached runs lie."""
    return build_folder() / "runs" / "detached"


def new_id() -> str:
    """A name that no other run has, in the order of time."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def read_detached() -> list[Detached]:
    """All detached runs with a record that can be read, the oldest first."""
    found = []
    for path in sorted(detached_folder().glob("*.json")):
        content = _read(path)
        if not path.name.endswith(_NOTES):
            with contextlib.suppress(TypeError):
                found.append(Detached(**content))
    return found


_NOTES = ".notes.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def notes_of(identity: str) -> dict[str, Any]:
    """What a detached run says of itself: ``starts``, ``started``, ``host``, ``pid``; then ``ended``, ``code``."""
    return _read(detached_folder() / (identity + _NOTES))


def starts_before() -> int:
    """How often the detached run that this process is was started before: 0 unless SLURM queued it again."""
    identity = os.environ.get(DETACHED_VARIABLE)
    return max(notes_of(identity).get("starts", 1) - 1, 0) if identity else 0


def finished_before() -> set[str]:
    """Notebooks that the detached run which this process is finished in its earlier starts; no other run has any."""
    identity = os.environ.get(DETACHED_VARIABLE)
    if not identity:
        return set()
    return {
        entry["notebook"]
        for entry in read_history()
        if entry["detached"] == identity and entry["status"] == "done"
    }


@dataclass
class Ending:
    """The exit code that a run comes to."""

    code: int = 1


@contextlib.contextmanager
def noted() -> Iterator[Ending]:
    """Note start and end of a run that was detached; nothing for one in the foreground."""
    ending = Ending()
    identity = os.environ.get(DETACHED_VARIABLE)
    if not identity:
        yield ending
        return
    path = detached_folder() / (identity + _NOTES)
    notes = {
        "starts": notes_of(identity).get("starts", 0) + 1,
        "started": time.time(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    write_json(path, notes)
    try:
        yield ending
    except SettingsError:
        ending.code = 2
        raise
    finally:
        write_json(path, notes | {"ended": time.time(), "code": ending.code})
