"""A run handed to SLURM: seen by status, warned, requeued, finished with the same bytes, told by report; refusals."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from companion.run.status import Known, known_runs
from real_runs import Project, without_times

pytestmark = pytest.mark.slurm

_DEADLINE_SECONDS = 240.0


@pytest.fixture
def project(
    slurm, lay_out: Callable[..., Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """The tiny learning project, never run, with the sandbox among its clusters; this process sees it, too."""
    project = lay_out("tiny_learning", tmp_path / "my project", cluster="sandbox")
    monkeypatch.setenv("COMPANION_ROOT", str(project.root))
    return project


def state() -> Known:
    """What status says of the only run."""
    (known,) = known_runs()
    return known


def test_a_detached_run_is_warned_requeued_and_ends_with_the_same_bytes(slurm, project: Project, learned):
    said = project.start("--detach", "--cluster", "sandbox").end_well()
    found = re.search(r"submitted to sandbox as job (\d+) \(1 core, 1 GiB, 0:10 h\): learning\n", said)
    assert found, said
    job = found[1]
    assert "learning: run\n    never run at this profile" in without_times(said)
    assert f"stop:   scancel {job}" in said and "state:  python run_all.py status" in said
    script = re.search(rf"script: (.*\.sh); its start: squeue -j {job} --start\n", said)
    assert script and "#SBATCH --partition=main" in (project.root / script[1]).read_text()

    slurm.wait_until(project.trains, _DEADLINE_SECONDS, "it trains")
    slurm.wait_until(lambda: "VAE" in state().doing.get("learning", ""), _DEADLINE_SECONDS, "status says so")
    known = state()
    assert (known.state, known.stop) == ("running", f"scancel {job}")
    assert known.slurm and known.slurm.startswith("RUNNING") and "cell 5 of 5" in known.doing["learning"]

    slurm.ask("scancel", "--signal=USR1", "--batch", job)
    slurm.wait_until(lambda: state().state == "requeued", _DEADLINE_SECONDS, "it waits again")
    assert "learning: resumable" in project.start("status").end_well()
    slurm.ask(
        "scontrol", "update", f"JobId={job}", "StartTime=now"
    )  # SLURM lets a requeued job wait for minutes
    slurm.wait_until(lambda: state().state == "finished", _DEADLINE_SECONDS, "it is finished")
    (known,) = json.loads(project.start("status", "--json").end_well())
    assert (known["starts"], known["code"], known["done"]) == (2, 0, {"learning": "done"})
    assert project.results() == learned

    log = (project.root / known["log"]).read_text()
    assert f"job {job} saved and goes back into the queue" in log and "gallery: build/site" in log
    said = project.start("report", "--since", "1h").end_well()
    assert re.search(r"learning +laptop ", said) and "resumable after" in said and "failed: nothing" in said
    assert "results: 2 computed" in said and "for 2 results in the store" in said


def test_a_cancelled_run_stays_cancelled(slurm, project: Project):
    project.start("--detach", "--cluster", "sandbox").end_well()
    (job,) = slurm.jobs()
    slurm.wait_until(lambda: bool(state().doing), _DEADLINE_SECONDS, "it runs")
    slurm.ask("scancel", job)
    slurm.wait_until(lambda: not slurm.jobs(), _DEADLINE_SECONDS, "all jobs are gone")
    assert state().state in ("interrupted", "resumable")
    assert state().stop is None


def test_a_refused_job_is_bad_input_with_slurms_words(project: Project):
    project.edit("params/clusters/sandbox.yaml", "driver:\n  partition: main", "driver:\n  partition: mian")
    ended = project.run("--detach", "--cluster", "sandbox")
    assert ended.code == 2
    assert "params/clusters/sandbox.yaml: `driver.partition`: " in ended.said
    assert "invalid partition specified: mian" in ended.said and "Traceback" not in ended.said
    assert known_runs() == []


def test_bad_parameters_are_told_before_anything_is_submitted(slurm, project: Project):
    ended = project.run("--detach", "--cluster", "sandbox", "--set", "stesp=3")
    assert ended.code == 2 and "did you mean `steps`?" in ended.said
    assert slurm.jobs() == {}
