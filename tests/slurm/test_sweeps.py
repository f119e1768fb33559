"""Sweeps on a real SLURM of one node: the same bytes as in this process, whatever happens to jobs on the way."""

import importlib
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import xarray as xr

from companion.compute.clusters import _disconnect as disconnect
from companion.compute.clusters import start
from companion.compute.slurm import SlurmCluster
from companion.compute.slurm_pools import Patience
from companion.compute.sweeps import sweep
from companion.session import current
from companion.store.artefacts import all_results, store_roots
from real_runs import REPOSITORY, Project

pytestmark = pytest.mark.slurm

_DEADLINE_SECONDS = 120.0
_STEP_SECONDS = 60.0

STUDY = """
import os
import time
from pathlib import Path

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.compute.sweeps import compute_on_gpu_worker
from companion.session.device import DeviceElsewhere
from companion.store.durable import stored


def surroundings():
    return {name: os.environ.get(name, "") for name in ("SLURM_JOB_ID", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")}


@stored
def draws(conditions, gate):
    for condition in conditions:
        if gate and "SLURM_JOB_ID" in os.environ:
            job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
            Path(gate, f"{condition['run']}-on-{job}").touch()
            deadline = time.monotonic() + 240  # longer than the test may take until it opens the gate
            while not Path(gate, "open").exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
    values = [generator(7, "draws", condition["run"]).standard_normal(1000).sum() for condition in conditions]
    return xr.Dataset({"value": ("condition", np.array(values))})


@stored
def on_processors(conditions):
    return xr.Dataset({"run": ("condition", [c["run"] for c in conditions])}, attrs=surroundings())


@stored(device=True)
def on_gpus(conditions):
    return xr.Dataset({"run": ("condition", [c["run"] for c in conditions])}, attrs=surroundings())


@stored(device=True)
def by_itself(exponent):
    if "CUDA_VISIBLE_DEVICES" not in os.environ:
        raise DeviceElsewhere(compute_on_gpu_worker)
    return xr.Dataset({"power": 2.0**exponent}, attrs=surroundings())


@stored
def deadly(conditions):
    if any(condition["run"] == 2 for condition in conditions):
        os.kill(os.getpid(), 9)
    return xr.Dataset({"run": ("condition", [c["run"] for c in conditions])})
"""


def runs(number: int) -> list[dict[str, int]]:
    return [{"run": run} for run in range(number)]


@pytest.fixture
def study(project: Path) -> ModuleType:
    (project / "slurmstudy.py").write_text(STUDY)
    (project / "params" / "clusters").mkdir()
    shutil.copy(REPOSITORY / "params/clusters/sandbox.yaml", project / "params/clusters")
    importlib.invalidate_caches()
    return importlib.import_module("slurmstudy")


@pytest.fixture
def on_sandbox(slurm, study, monkeypatch) -> Iterator[Callable[[str], None]]:
    """Sessions of the device that is given, on the sandbox; its jobs are gone afterwards."""
    started = start("sandbox")
    assert started is not None

    def session(device: str) -> None:
        monkeypatch.setattr(
            current, "_current", SimpleNamespace(cluster=started.address, device=device, touched={})
        )

    yield session
    started.close()
    slurm.wait_until(lambda: not slurm.jobs(), 30, "the jobs of a closed cluster are gone")


def stored_bytes() -> dict[str, bytes]:
    return {a.key: (folder / "result.nc").read_bytes() for a, folder in all_results(store_roots()[0])}


def in_background(work: Callable[[], Any]) -> Callable[[], Any]:
    """Start ``work`` in a thread; what is returned waits for its result."""
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(work()), daemon=True)
    thread.start()

    def result() -> Any:
        thread.join(_DEADLINE_SECONDS)
        assert outcome, "the sweep did not end, or failed"
        return outcome[0]

    return result


def test_a_cancelled_job_is_replaced_and_nothing_is_missing(on_sandbox, slurm, study, project, monkeypatch):
    gate = project / "gate"
    gate.mkdir()
    arguments = {"block": 1, "gate": str(gate)}
    alone = sweep(study.draws, runs(6), **arguments)
    undisturbed = stored_bytes()
    monkeypatch.setenv("COMPANION_STORE", str(project / "other"))
    on_sandbox("cpu")
    ended = in_background(lambda: sweep(study.draws, runs(6), **arguments))
    slurm.wait_until(lambda: len(list(gate.glob("*-on-*"))) == 2, _STEP_SECONDS, "two jobs are at work")
    first = set(slurm.jobs())
    assert len(first) == 2
    lost = min(first)
    slurm.ask("scancel", lost)
    slurm.wait_until(lambda: set(slurm.jobs()) - first, _STEP_SECONDS, "another job")
    (replacement,) = set(slurm.jobs()) - first
    slurm.wait_until(
        lambda: list(gate.glob(f"*-on-{replacement}")), _STEP_SECONDS, "the other job is at work"
    )
    (gate / "open").touch()
    xr.testing.assert_identical(ended(), alone)
    assert stored_bytes() == undisturbed
    again = {path.name.partition("-")[0] for path in gate.glob(f"*-on-{lost}")}
    assert again <= {path.name.partition("-")[0] for path in gate.iterdir() if not path.name.endswith(lost)}


def test_gpu_work_goes_to_gpu_workers_and_all_else_to_the_others(on_sandbox, slurm, study):
    on_sandbox("cuda")
    plain = in_background(lambda: sweep(study.on_processors, runs(4), block=1))
    accelerated = sweep(study.on_gpus, runs(4), block=1)
    plain = plain()
    assert accelerated.run.values.tolist() == plain.run.values.tolist() == [0, 1, 2, 3]
    results = {address.function: [] for address, _ in all_results(store_roots()[0])}
    for address, folder in all_results(store_roots()[0]):
        with xr.open_dataset(folder / "result.nc", engine="h5netcdf") as found:
            results[address.function].append(dict(found.attrs))
    for attributes in results["slurmstudy.on_gpus"]:
        assert attributes["CUDA_VISIBLE_DEVICES"] == "0"
        assert "gpu:A100:1" in slurm.ask("scontrol", "show", "job", attributes["SLURM_JOB_ID"])
    for attributes in results["slurmstudy.on_processors"]:
        assert attributes["CUDA_VISIBLE_DEVICES"] == ""
        assert "gpu:" not in slurm.ask("scontrol", "show", "job", attributes["SLURM_JOB_ID"])
    assert {attributes["OMP_NUM_THREADS"] for group in results.values() for attributes in group} == {"1"}
    alone = study.by_itself(3)  # called here, where there is no GPU
    assert float(alone.power) == 8.0 and alone.attrs["CUDA_VISIBLE_DEVICES"] == "0"


def test_work_that_ends_its_workers_is_named_with_its_conditions_and_their_logs(on_sandbox, study, project):
    on_sandbox("cpu")
    with pytest.raises(RuntimeError) as failed:
        sweep(study.deadly, runs(6), block=2)
    text = str(failed.value)
    assert "slurmstudy.deadly, block 1: 4 workers ended while they ran it" in text
    assert "conditions: {'run': 2}, {'run': 3}" in text
    logs = project / text.rpartition("logs of the workers: ")[2]
    assert any("was killed by signal 9" in log.read_text() for log in logs.glob("*.err"))


def test_idle_jobs_are_let_go_and_come_back_with_the_work(slurm, study, project, monkeypatch):
    file = project / "params/clusters/sandbox.yaml"
    wide = 'cores: 2\n    memory_gib: 2\n    walltime: "0:10"\n    minimum_jobs: 0\n    maximum_jobs: 1'
    narrow = wide.replace("2", "1", 2).replace("maximum_jobs: 1", "maximum_jobs: 2")
    assert narrow in file.read_text()
    file.write_text(file.read_text().replace(narrow, wide, 1))
    cluster = SlurmCluster("sandbox", Patience(idle=1.0))
    try:
        monkeypatch.setattr(
            current, "_current", SimpleNamespace(cluster=cluster.address, device="cpu", touched={})
        )
        sweep(study.on_processors, runs(6), block=1)
        assert len(cluster.identities) == 1  # its two workers share one job
        slurm.wait_until(lambda: not slurm.jobs(), 60, "the idle job has left")
        assert cluster.identities == []
        assert len(sweep(study.on_processors, runs(8), block=1).run) == 8
    finally:
        disconnect(cluster.address)
        cluster.close()


@pytest.fixture
def tiny(slurm, lay_out: Callable[..., Project], tmp_path: Path) -> Project:
    """The tiny project as a user would have it on a login node, in a folder with a name that needs quotes."""
    return lay_out("tiny_project", tmp_path / "of mine, 100%", "broken*", cluster="sandbox")


def test_a_run_over_two_jobs_ends_with_the_bytes_of_one_in_one_process(slurm, tiny: Project, undisturbed):
    said = tiny.start("--device", "cpu", "--cluster", "sandbox").end_well()
    submitted = re.findall(r"cluster sandbox: submitted (\d) cpu jobs? \(array \d+\)", said)
    assert sum(map(int, submitted)) == 2 and "stop: scancel" in said
    assert "scripts and logs of its jobs: build/slurm/" in said
    assert tiny.lasting() == undisturbed.lasting
    slurm.wait_until(lambda: not slurm.jobs(), 30, "the run took its jobs with it")
    worker_logs = [log.read_text() for log in tiny.root.glob("build/slurm/*/*.err")]
    assert len(worker_logs) == 2 and all("Registered to" in log for log in worker_logs)


def test_ctrl_c_takes_the_jobs_along_and_says_how_to_go_on(slurm, tiny: Project):
    run = tiny.start("--device", "cpu", "--cluster", "sandbox")
    run.wait_until(slurm.jobs)
    run.press_ctrl_c()
    ended = run.end()
    assert ended.code == 130
    command = "python run_all.py --device cpu --cluster sandbox"
    assert f"The same command goes on from there: {command}" in ended.said
    slurm.wait_until(lambda: not slurm.jobs(), 30, "the run took its jobs with it")


def test_a_refused_submission_is_told_in_slurms_words_and_ends_the_notebook(slurm, tiny: Project):
    file = tiny.root / "params/clusters/sandbox.yaml"
    file.write_text(file.read_text().replace("partition: main", "partition: nowhere"))
    ended = tiny.run("--device", "cpu", "--cluster", "sandbox")
    assert ended.code == 1
    assert "SLURM refused a job: sbatch: error: invalid partition specified: nowhere" in ended.said
    assert "its settings: params/clusters/sandbox.yaml" in ended.said
    script = next(line for line in ended.said.splitlines() if "script: " in line).partition("script: ")[2]
    assert "#SBATCH -p nowhere" in Path(script.strip()).read_text()
    assert "tiny FAILED" in ended.said
    assert slurm.jobs() == {}
