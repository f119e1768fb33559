"""Real runs in projects of their own: processes whose moments and whose end are waited for."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
_DEADLINE_SECONDS = 400.0
_POLL_SECONDS = 0.01

# Run by Python at its start in every process of a run: stops one of them for good in the middle of a write.
_STALL = """
import os
import time

_flush = os.fsync


def _stalling(descriptor):
    path = os.readlink(f"/proc/self/fd/{descriptor}")
    if WHERE in path:
        try:
            with open(MARK, "x") as mark:
                os.truncate(path, os.path.getsize(path) // 2)
                mark.write(f"{os.getpid()}.")
        except FileExistsError:
            pass
        else:
            while True:
                time.sleep(3600)
    _flush(descriptor)


os.fsync = _stalling
"""


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    code: int
    said: str


class Started:
    """A command at work."""

    def __init__(self, command: list[str], root: Path, environment: Mapping[str, str], said: Path):
        self._said = said
        with said.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=root,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """Everything that was said until now."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, reached: Callable[[], object], *, or_end: bool = False) -> None:
        """Until ``reached`` is true; with ``or_end``, also until the command has ended."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not reached():
            if self.process.poll() is not None:
                assert or_end, f"ended before the moment was reached:\n{self.said}"
                return
            assert time.monotonic() < deadline, f"the moment was not reached in time:\n{self.said}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_POLL_SECONDS)

    def press_ctrl_c(self) -> None:
        """As a terminal does it: to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> Ended:
        """Wait for the end."""
        return Ended(self.process.wait(_DEADLINE_SECONDS), self.said)

    def end_well(self) -> str:
        """Wait for the end, which must be a good one; what was said."""
        ended = self.end()
        assert ended.code == 0, ended.said
        return ended.said

    def kill(self) -> Ended:
        """kill -9 of this one process."""
        self.process.kill()
        return self.end()

    def children(self, holding: str) -> list[int]:
        """Pids of its child processes whose command line holds ``holding``."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == str(self.process.pid) and holding.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found


class Project:
    """A project in a folder of its own; what it starts knows none of this process's variables of companion."""

    def __init__(self, root: Path):
        self.root = root
        self.environment: dict[str, str] = {}
        self.started: list[Started] = []

    def start(self, *arguments: str) -> Started:
        """run_all.py with these arguments."""
        return self._start(["run_all.py", *arguments])

    def run(self, *arguments: str) -> Ended:
        """run_all.py with these arguments, to its end."""
        return self.start(*arguments).end()

    def python(self, code: str) -> Started:
        """Python that can import the project's modules."""
        return self._start(["-c", f"import sys; sys.path.insert(0, {str(self.root)!r}); {code}"])

    @property
    def variables(self) -> dict[str, str]:
        """Those of this process that are not companion's, and the project's own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
        return kept | self.environment

    def _start(self, arguments: list[str]) -> Started:
        said = self.root.with_name(f"{self.root.name}.{len(self.started)}.txt")
        self.started.append(Started([sys.executable, *arguments], self.root, self.variables, said))
        return self.started[-1]

    def at_start_of_python(self, code: str) -> None:
        """Let every process that is started from now on run ``code`` first."""
        folder = self.root.with_name(f"{self.root.name}.hooks")
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(textwrap.dedent(code))
        paths = [str(folder), os.environ.get("PYTHONPATH", "")]
        self.environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)

    def stall(self, where: str) -> Path:
        """Let the first process that flushes a file whose path holds ``where`` stop there, half of it written.

        Its pid and a full stop then stand in the file that is returned.
        """
        mark = self.root.with_name(f"{self.root.name}.stalled")
        self.at_start_of_python(f"MARK, WHERE = {str(mark)!r}, {where!r}\n{_STALL}")
        return mark

    def undo_start_of_python(self) -> None:
        """Let Python start as usual."""
        self.environment.pop("PYTHONPATH")

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that stands in ``file`` once."""
        text = (self.root / file).read_text()
        assert text.count(old) == 1
        (self.root / file).write_text(text.replace(old, new))

    def add_notebook(self, name: str, cells: str) -> None:
        """A notebook without parameters of its own; ``cells`` follow the session's cell."""
        head, _, _ = (self.root / "notebooks/tiny.py").read_text().partition("exponent: Positive")
        start = f'# %%\nrun = companion.session.here("{name}", locals())\n\n'
        (self.root / f"notebooks/{name}.py").write_text(f"{head}\n{start}{textwrap.dedent(cells)}")
        (self.root / f"params/{name}").mkdir()
        (self.root / f"params/{name}/laptop.yaml").write_text("seed: 0\n")

    def event_lines(self) -> list[str]:
        """Lines of the events of whatever runs now."""
        lines: list[str] = []
        for path in self.root.glob("build/runs/laptop/running/*/events.jsonl"):
            with contextlib.suppress(FileNotFoundError):  # the run may end meanwhile
                lines += path.read_text().splitlines()
        return lines

    def trains(self) -> bool:
        """Whether a training of the tiny learning project has taken its first steps."""
        return any('"label": "VAE"' in line and '"done": 0,' not in line for line in self.event_lines())

    def past_events(self) -> list[str]:
        """Lines of the events of the last run that ended."""
        return (self.root / "build/runs/laptop/events.jsonl").read_text().splitlines()

    def result(self, function: str) -> Path:
        """Folder of the first stored result of ``function``."""
        return sorted((self.root / "build/store" / function).iterdir())[0]

    def results(self) -> dict[str, bytes]:
        """Results, byte for byte, by their keys."""
        paths = sorted((self.root / "build/store").rglob("result.nc"))
        return {path.parent.name: path.read_bytes() for path in paths}

    def lasting(self) -> dict[str, bytes]:
        """Figures, verdicts and results, byte for byte."""
        files = [*(self.root / "figures").rglob("*"), *(self.root / "build/store").rglob("result.nc")]
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(files)
            if path.is_file() and "quarantine" not in path.parts
        }

    def left_by_the_dead(self) -> list[Path]:
        """What must not be there after a run that ended well."""
        return [
            *(self.root / "build/runs/laptop/running").iterdir(),
            *(self.root / "build/store").glob("*/.*"),
        ]

    def processes(self) -> list[int]:
        """Pids of all processes that a run in this project started."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"COMPANION_ROOT={self.root}\0".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def wait_for_orphans(self) -> None:
        """Until all processes of a run that has ended, however it did, are gone by themselves."""
        deadline = time.monotonic() + 20
        while orphans := self.processes():
            assert time.monotonic() < deadline, f"still there after the end: {orphans}"
            time.sleep(_POLL_SECONDS)

    def end_all(self) -> None:
        """End whatever a failed test left behind, each by its own pid."""
        for started in self.started:
            if started.process.poll() is None:
                started.kill()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def lay_out(name: str, root: Path, *left_out: str, cluster: str | None = None) -> Project:
    """The project tests/``name`` in the folder ``root``, as a user would have it; ``cluster`` gets its file."""
    ignored = shutil.ignore_patterns("conftest.py", *left_out)
    shutil.copytree(REPOSITORY / "tests" / name, root, ignore=ignored, dirs_exist_ok=True)
    shutil.copy(REPOSITORY / "run_all.py", root)
    if cluster:
        (root / "params/clusters").mkdir()
        shutil.copy(REPOSITORY / f"params/clusters/{cluster}.yaml", root / "params/clusters")
    return Project(root)


@dataclass(frozen=True)
class Undisturbed:
    """What an undisturbed run of the tiny project leaves, how many events it has, and how long it takes here."""

    root: Path
    lasting: dict[str, bytes]
    events: int
    seconds: float


def undisturbed(factory: pytest.TempPathFactory) -> Undisturbed:
    """One run that nothing happens to."""

    def run(folder: Path) -> None:
        project = lay_out("tiny_project", folder, "broken*")
        started = time.monotonic()
        project.start().end_well()
        folder.with_name("seconds").write_text(str(time.monotonic() - started))

    project = Project(made_once(factory, "undisturbed", run))
    seconds = float(project.root.with_name("seconds").read_text())
    return Undisturbed(project.root, project.lasting(), len(project.past_events()), seconds)


def learned(factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The results of a run of the tiny learning project that nothing happens to."""
    made = made_once(factory, "learned", lambda folder: lay_out("tiny_learning", folder).start().end_well())
    return Project(made).results()


def without_times(plan: str) -> str:
    """A plan without what each notebook is expected to take, which is another thing on each machine."""
    return re.sub(r"(?<=: run), .*", "", plan)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of the whole test session: whichever of its processes comes first has ``make`` fill it."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, whole = base / name, base / f"{name}.whole"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
