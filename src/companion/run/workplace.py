"""The folders that a run works in, gone when it ends; what killed runs left is cleared by the next one."""

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.run.history import DETACHED_VARIABLE
from companion.run.record import runs_folder
from companion.session.files import write_json
from companion.session.processes import is_running, start_of
from companion.session.root import build_folder

#: What a run says of itself while it goes on, in its folder.
ABOUT = "about.json"

#: Longest path of a kernel's socket folder: the system allows about 100 characters with the socket's name.
LONGEST_SOCKET_PATH = 80


@dataclass(frozen=True)
class Workplace:
    """One run's own folders: ``folder`` beside the records, ``sockets`` short and private."""

    folder: Path
    sockets: Path

    @property
    def events(self) -> Path:
        """File that everybody in this run appends events to."""
        return self.folder / "events.jsonl"

    @property
    def run_id(self) -> str:
        """Name of this run that no other one shares; a detached run keeps it when it is queued again."""
        return os.environ.get(DETACHED_VARIABLE) or f"{self.folder.name}-{self.sockets.name}"

    def describe(self, profile: str, notebooks: Sequence[str], cluster: str) -> None:
        """Say what this run does, for `run_all.py status`."""
        about = {
            "profile": profile,
            "notebooks": list(notebooks),
            "cluster": cluster,
            "started": time.time(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "process": start_of(os.getpid()),
            "detached": os.environ.get(DETACHED_VARIABLE),
        }
        write_json(self.folder / ABOUT, about)


def runs_going_on() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folders of all runs that go on, with what these say of themselves; also of killed ones, until another starts."""
    for folder in sorted((build_folder() / "runs").glob("*/running/*")):
        if about := _told(folder):
            yield folder, about


def _told(folder: Path) -> dict[str, Any]:
    """What the run in ``folder`` says of itself; nothing where it starts or ends at this moment."""
    try:
        return json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


@contextlib.contextmanager
def workplace(profile: str) -> Iterator[Workplace]:
    """Folders for one run at ``profile``; at the end its events become build/runs/<profile>/events.jsonl."""
    running = runs_folder(profile) / "running"
    running.mkdir(parents=True, exist_ok=True)
    _clear_dead(running)
    here = Path(tempfile.mkdtemp(prefix=f"{socket.gethostname()}.{os.getpid()}.", dir=running))
    sockets = Path(tempfile.mkdtemp(prefix="companion-", dir=_short_folder()))
    place = Workplace(here, sockets)
    try:
        place.events.touch()
        yield place
    finally:
        with contextlib.suppress(OSError):
            place.events.replace(runs_folder(profile) / "events.jsonl")
        shutil.rmtree(here, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


def _short_folder() -> str:
    """The system's folder for temporary files, or /tmp where its name is too long for sockets."""
    usual = tempfile.gettempdir()
    return usual if len(usual) + len("/companion-12345678/99/k-9") < LONGEST_SOCKET_PATH else "/tmp"


def _clear_dead(running: Path) -> None:
    """Remove the folders of runs on this machine whose process is gone."""
    for folder in running.glob(f"{socket.gethostname()}.*"):
        pid = folder.name.removeprefix(socket.gethostname()).split(".")[1]
        if pid.isdecimal() and not is_running(int(pid), _told(folder).get("process")):
            shutil.rmtree(folder, ignore_errors=True)
