"""SIGUSR1 and SIGTERM to a real run: it saves, ends with 75, and the same command ends with the same bytes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.faults

_REPOSITORY = Path(__file__).parents[2]
_DEADLINE_SECONDS = 150.0
_POLL_SECONDS = 0.05


def lay_out(folder: Path) -> Path:
    """The tiny learning project in ``folder``."""
    ignored = shutil.ignore_patterns("conftest.py")
    shutil.copytree(_REPOSITORY / "tests" / "tiny_learning", folder, ignore=ignored)
    shutil.copy(_REPOSITORY / "run_all.py", folder)
    return folder


def start(root: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
    return subprocess.Popen(
        [sys.executable, "run_all.py", *arguments],
        cwd=root,
        env=kept | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    said, _ = process.communicate(timeout=_DEADLINE_SECONDS)
    return said


def running_events(root: Path) -> Iterator[dict[str, Any]]:
    """Events of whatever runs in ``root`` now; a line that is being written is left out."""
    for path in root.glob("build/runs/laptop/running/*/events.jsonl"):
        with contextlib.suppress(FileNotFoundError):
            for line in path.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    yield json.loads(line)


def trains(root: Path) -> bool:
    """Whether a training has taken its first steps."""
    return any(
        event["kind"] == "progress" and event["label"] == "VAE" and event["done"] > 0
        for event in running_events(root)
    )


def wait_for(reached: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not reached():
        assert process.poll() is None, finish(process)
        assert time.monotonic() < deadline, "the moment was not reached in time"
        time.sleep(_POLL_SECONDS)


def results(root: Path) -> dict[str, bytes]:
    paths = sorted((root / "build/store").rglob("result.nc"))
    return {path.parent.name: path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    root = lay_out(tmp_path_factory.mktemp("undisturbed") / "project")
    process = start(root)
    said = finish(process)
    assert process.returncode == 0, said
    return results(root)


@pytest.mark.parametrize(("number", "cluster"), [(signal.SIGTERM, "inline"), (signal.SIGUSR1, "local")])
def test_a_warned_run_goes_on_to_the_same_bytes(
    tmp_path: Path, undisturbed: dict[str, bytes], number: signal.Signals, cluster: str
):
    root = lay_out(tmp_path / "project")
    process = start(root, "--cluster", cluster)
    wait_for(lambda: trains(root), process)
    process.send_signal(number)
    said = finish(process)
    assert process.returncode == 75, said
    assert f"{number.name}: saving and ending within" in said
    assert "learning: resumable after" in said and "FAILED" not in said
    assert f"The same command goes on from there: python run_all.py --cluster {cluster}" in said
    assert list((root / "build/store").glob("*/.work-*/training.pt")) != []
    assert list((root / "build/runs/laptop/running").iterdir()) == []
    again = start(root, "--cluster", cluster)
    said = finish(again)
    assert again.returncode == 0, said
    assert results(root) == undisturbed
    assert list((root / "build/store").glob("*/.work-*")) == []


def test_a_run_that_got_nowhere_is_not_one_to_be_repeated(tmp_path: Path):
    root = lay_out(tmp_path / "project")
    notebook = root / "notebooks/learning.py"
    text = notebook.read_text()
    cell = "import threading\n\nprint('waits', flush=True)\nthreading.Event().wait(100)\n\n# %%\nconditions ="
    assert "conditions =" in text
    notebook.write_text(text.replace("conditions =", cell))
    process = start(root, COMPANION_GRACE_SECONDS="0.5")
    wait_for(lambda: any(e["kind"] == "cell" and e["done"] == 4 for e in running_events(root)), process)
    process.send_signal(signal.SIGUSR1)
    said = finish(process)
    assert process.returncode == 130, said
    assert "interrupted after" in said
