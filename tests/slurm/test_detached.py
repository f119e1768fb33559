"""A run handed to SLURM: seen by status, warned, requeued, finished with the same bytes, told by report; refusals."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slurm

_REPOSITORY = Path(__file__).parents[2]
_DEADLINE_SECONDS = 240.0


def give(root: Path, *arguments: str, code: int = 0) -> str:
    """What ``run_all.py ARGUMENTS`` says, once it ended with ``code``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
    command = [sys.executable, "run_all.py", *arguments]
    done = subprocess.run(
        command, cwd=root, env=kept, capture_output=True, text=True, timeout=_DEADLINE_SECONDS
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def lay_out(folder: Path) -> Path:
    """The tiny learning project in ``folder``, with the sandbox among its clusters."""
    ignored = shutil.ignore_patterns("conftest.py")
    shutil.copytree(_REPOSITORY / "tests" / "tiny_learning", folder, ignore=ignored)
    shutil.copy(_REPOSITORY / "run_all.py", folder)
    (folder / "params/clusters").mkdir()
    shutil.copy(_REPOSITORY / "params/clusters/sandbox.yaml", folder / "params/clusters")
    return folder


def results(root: Path) -> dict[str, bytes]:
    paths = sorted((root / "build/store").rglob("result.nc"))
    return {path.parent.name: path.read_bytes() for path in paths}


def state_of(root: Path) -> dict[str, Any]:
    """What status says of the only run."""
    (known,) = json.loads(give(root, "status", "--json"))
    return known


def test_a_detached_run_is_warned_requeued_and_ends_with_the_same_bytes(slurm, tmp_path: Path):
    undisturbed, root = lay_out(tmp_path / "undisturbed"), lay_out(tmp_path / "project")
    give(undisturbed)
    said = give(root, "--detach", "--cluster", "sandbox")
    found = re.search(r"submitted to sandbox as job (\d+): learning\n", said)
    assert found, said
    job = found[1]
    assert "learning: run\n    never run at this profile" in said
    assert f"stop:  scancel {job}" in said and "state: python run_all.py status" in said

    slurm.wait_until(
        lambda: "VAE" in state_of(root)["doing"].get("learning", ""), _DEADLINE_SECONDS, "it trains"
    )
    known = state_of(root)
    assert (known["state"], known["stop"]) == ("running", f"scancel {job}")
    assert known["slurm"].startswith("RUNNING") and "cell 5 of 5" in known["doing"]["learning"]

    slurm.ask("scancel", "--signal=USR1", "--batch", job)
    slurm.wait_until(lambda: state_of(root)["state"] == "requeued", _DEADLINE_SECONDS, "it waits again")
    assert "learning: resumable" in give(root, "status")
    slurm.ask(
        "scontrol", "update", f"JobId={job}", "StartTime=now"
    )  # SLURM lets a requeued job wait for minutes
    slurm.wait_until(lambda: state_of(root)["state"] == "finished", _DEADLINE_SECONDS, "it is finished")
    known = state_of(root)
    assert (known["starts"], known["code"], known["done"]) == (2, 0, {"learning": "done"})
    assert results(root) == results(undisturbed)

    log = (root / known["log"]).read_text()
    assert f"job {job} saved and goes back into the queue" in log and "gallery: build/site" in log
    said = give(root, "report", "--since", "1h")
    assert re.search(r"learning +laptop .* 2 ", said), said
    assert "resumable after" in said and "failed: nothing" in said
    assert "for 2 results in the store" in said


def test_a_cancelled_run_stays_cancelled(slurm, tmp_path: Path):
    root = lay_out(tmp_path / "project")
    give(root, "--detach", "--cluster", "sandbox")
    (job,) = slurm.jobs()
    slurm.wait_until(lambda: bool(state_of(root)["doing"]), _DEADLINE_SECONDS, "it runs")
    slurm.ask("scancel", job)
    slurm.wait_until(lambda: not slurm.jobs(), _DEADLINE_SECONDS, "all jobs are gone")
    assert state_of(root)["state"] in ("interrupted", "resumable")
    assert state_of(root)["stop"] is None


def test_a_refused_job_is_bad_input_with_slurms_words(slurm, tmp_path: Path):
    root = lay_out(tmp_path / "project")
    file = root / "params/clusters/sandbox.yaml"
    file.write_text(file.read_text().replace("partition: main", "partition: mian"))
    said = give(root, "--detach", "--cluster", "sandbox", code=2)
    assert "params/clusters/sandbox.yaml: `driver.partition`: " in said
    assert "invalid partition specified: mian" in said and "Traceback" not in said
    assert json.loads(give(root, "status", "--json")) == []


def test_bad_parameters_are_told_before_anything_is_submitted(slurm, tmp_path: Path):
    root = lay_out(tmp_path / "project")
    said = give(root, "--detach", "--cluster", "sandbox", "--set", "stesp=3", code=2)
    assert "did you mean `steps`?" in said
    assert slurm.jobs() == {}
