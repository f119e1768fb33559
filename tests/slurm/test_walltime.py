"""Worker jobs near their wall time: a block that trains saves, and goes on in another job to the same bytes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slurm

_REPOSITORY = Path(__file__).parents[2]
_DEADLINE_SECONDS = 240.0


def lay_out(folder: Path) -> Path:
    """The tiny learning project in ``folder``, with the sandbox among its clusters."""
    ignored = shutil.ignore_patterns("conftest.py")
    shutil.copytree(_REPOSITORY / "tests" / "tiny_learning", folder, ignore=ignored)
    shutil.copy(_REPOSITORY / "run_all.py", folder)
    (folder / "params/clusters").mkdir()
    shutil.copy(_REPOSITORY / "params/clusters/sandbox.yaml", folder / "params/clusters")
    return folder


def start(root: Path, *arguments: str) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
    return subprocess.Popen(
        [sys.executable, "run_all.py", *arguments],
        cwd=root,
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    said, _ = process.communicate(timeout=_DEADLINE_SECONDS)
    assert process.returncode == 0, said
    return said


def trains(root: Path) -> bool:
    """Whether a training has taken its first steps."""
    paths = root.glob("build/runs/laptop/running/*/events.jsonl")
    lines = [line for path in paths for line in path.read_text().splitlines()]
    return any('"label": "VAE"' in line and '"done": 0,' not in line for line in lines)


def results(root: Path) -> dict[str, bytes]:
    paths = sorted((root / "build/store").rglob("result.nc"))
    return {path.parent.name: path.read_bytes() for path in paths}


def test_a_warned_worker_hands_its_block_on(slurm, tmp_path: Path):
    undisturbed, root = lay_out(tmp_path / "undisturbed"), lay_out(tmp_path / "project")
    finish(start(undisturbed))
    run = start(root, "--cluster", "sandbox", "--set", "starts=1")
    try:
        slurm.wait_until(lambda: trains(root) or run.poll() is not None, _DEADLINE_SECONDS, "it trains")
        (job,) = slurm.jobs()
        slurm.ask("scancel", "--signal=USR1", "--batch", job)
        slurm.wait_until(lambda: slurm.jobs().get(job) is None, _DEADLINE_SECONDS, "the warned job is gone")
    finally:
        if run.poll() is None and sys.exc_info()[0]:
            run.terminate()
    finish(run)
    events = map(json.loads, (root / "build/runs/laptop/events.jsonl").read_text().splitlines())
    steps = [event["done"] for event in events if event["kind"] == "progress" and event["label"] == "VAE"]
    again = len(steps) - 1 - steps[::-1].index(0)
    assert steps[again - 1] > 0 and steps[again + 1] >= steps[again - 1]  # it went on, it did not start anew
    same = results(root)
    assert len(same) == 1 and same.items() <= results(undisturbed).items()
    assert list((root / "build/store").glob("*/.work-*")) == []
