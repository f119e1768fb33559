"""kill -9 of run_all at seeded moments, two runs at once, Ctrl-C, a kernel that dies: all on real processes."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

_REPOSITORY = Path(__file__).parents[2]
_DEADLINE_SECONDS = 120.0
_POLL_SECONDS = 0.02
_SEED = 20260409


def lay_out(folder: Path) -> Path:
    shutil.copytree(
        _REPOSITORY / "tests" / "tiny_project", folder, ignore=shutil.ignore_patterns("conftest.py")
    )
    shutil.copy(_REPOSITORY / "run_all.py", folder)
    (folder / "notebooks/broken.py").unlink()
    return folder


def start(root: Path, *arguments: str) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
    return subprocess.Popen(
        [sys.executable, "run_all.py", *arguments],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    said, _ = process.communicate(timeout=_DEADLINE_SECONDS)
    return said


def event_lines(root: Path) -> list[str]:
    """Lines of the events of whatever runs in ``root`` now."""
    lines: list[str] = []
    for path in root.glob("build/runs/laptop/running/*/events.jsonl"):
        with contextlib.suppress(FileNotFoundError):  # the run may end meanwhile
            lines += path.read_text().splitlines()
    return lines


def wait_for(reached: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Until ``reached``, or until the run has ended."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not reached() and process.poll() is None:
        assert time.monotonic() < deadline, "the moment was not reached in time"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)


def processes_of(root: Path) -> list[int]:
    """Pids of all processes that work for the project in ``root``."""
    found = []
    for folder in Path("/proc").iterdir() if Path("/proc/self/environ").exists() else ():
        with contextlib.suppress(OSError):
            if (
                folder.name.isdigit()
                and f"COMPANION_ROOT={root}\0".encode() in (folder / "environ").read_bytes()
            ):
                found.append(int(folder.name))
    return found


def what_lasts(root: Path) -> dict[str, bytes]:
    """Figures, verdicts and results, byte for byte."""
    files = [*(root / "figures").rglob("*"), *(root / "build/store").rglob("result.nc")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(files) if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, bytes], int]]:
    """What an undisturbed run leaves, and how many events it has."""
    root = lay_out(tmp_path_factory.mktemp("undisturbed") / "project")
    process = start(root)
    said = finish(process)
    assert process.returncode == 0, said
    events = (root / "build/runs/laptop/events.jsonl").read_text().splitlines()
    yield what_lasts(root), len(events)


def seeded_moments(number: int = 5) -> list[tuple[float, float, str]]:
    """Shares of a run's events, spread over it, a short delay after each, and the cluster to use."""
    rng = random.Random(_SEED)
    clusters = ("inline", "local")
    return [
        ((part + rng.random()) / number, 0.3 * rng.random(), clusters[part % 2]) for part in range(number)
    ]


@pytest.mark.parametrize(("share", "delay", "cluster"), seeded_moments())
def test_after_kill_nine_the_same_command_ends_with_the_same_bytes(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], int], share: float, delay: float, cluster: str
):
    expected, events = undisturbed
    root = lay_out(tmp_path / "project")
    process = start(root, "--cluster", cluster)
    wait_for(lambda: len(event_lines(root)) > share * events, process)
    moment = time.monotonic() + delay
    wait_for(lambda: time.monotonic() > moment, process)
    process.kill()
    finish(process)
    deadline = time.monotonic() + 20
    while orphans := processes_of(root):
        assert time.monotonic() < deadline, f"still there after kill -9: {orphans}"
        time.sleep(_POLL_SECONDS)
    again = start(root, "--cluster", cluster)
    said = finish(again)
    assert again.returncode == 0, said
    assert what_lasts(root) == expected
    assert list((root / "build/runs/laptop/running").iterdir()) == []
    assert list((root / "build/store").glob("*/.*")) == []


def test_two_runs_at_once_end_right(tmp_path: Path, undisturbed: tuple[dict[str, bytes], int]):
    root = lay_out(tmp_path / "project")
    both = [start(root), start(root)]
    for process in both:
        said = finish(process)
        assert process.returncode == 0, said
    assert what_lasts(root) == undisturbed[0]
    third = start(root, "--dry-run")
    assert finish(third) == "tiny: nothing to do\n"


def test_ctrl_c_leaves_what_is_finished_and_says_how_to_go_on(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], int]
):
    root = lay_out(tmp_path / "project")
    process = start(root, "--cluster", "local")
    wait_for(lambda: any('"tiny_study.walks"' in line for line in event_lines(root)), process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to the whole group
    said = finish(process)
    assert process.returncode == 130, said
    assert "The same command goes on from there: python run_all.py --cluster local" in said
    assert "KeyboardInterrupt" not in said
    assert processes_of(root) == []
    again = start(root, "--cluster", "local")
    said = finish(again)
    assert again.returncode == 0, said
    assert what_lasts(root) == undisturbed[0]


def test_a_kernel_that_dies_is_reported_with_its_cell(tmp_path: Path):
    root = lay_out(tmp_path / "project")
    notebook = root / "notebooks/tiny.py"
    notebook.write_text(notebook.read_text() + "\n# %%\nimport os\n\nos.kill(os.getpid(), 9)\n")
    process = start(root)
    said = finish(process)
    assert process.returncode == 1
    assert (
        "tiny FAILED, notebooks/tiny.py:" in said and "DeadKernelError: the kernel died in this cell" in said
    )
    assert "    | os.kill(os.getpid(), 9)" in said
    failure = json.loads((root / "build/runs/laptop/summary.json").read_text())["notebooks"][0]["failure"]
    assert failure["ename"] == "DeadKernelError"
