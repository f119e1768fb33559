"""The driver's job script: its options, and what bash really does with it when signals come."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion.run.batch_script import batch_script, blamed
from companion.settings.cluster_file import ClusterSettings, read_cluster_file

_REPOSITORY = Path(__file__).parents[2]
_DEADLINE_SECONDS = 30.0

# Stands for run_all.py: says that it listens, then ends as it was told by the signal, or at once.
_RUN = """\
import signal, sys, threading
heard = []
for number in (signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, lambda number, frame: heard.append(number))
open(sys.argv[1], "w").close()
while not heard and sys.argv[2] == "wait":
    signal.pause()
sys.exit(75 if heard else int(sys.argv[2]))
"""


def settings(**changes: object) -> ClusterSettings:
    return read_cluster_file(_REPOSITORY / "params/clusters/sandbox.yaml").model_copy(update=changes)


def script(tmp_path: Path, *arguments: str) -> Path:
    command = [sys.executable, "-c", _RUN, str(tmp_path / "listens"), *arguments]
    text = batch_script(settings(), command, tmp_path / "log", tmp_path, {"COMPANION_DETACHED": "one"})
    path = tmp_path / "job.sh"
    path.write_text(text)
    return path


@pytest.fixture
def requeued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What scontrol was told, by a stand-in for it."""
    programs, told = tmp_path / "bin", tmp_path / "told"
    programs.mkdir()
    (programs / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    (programs / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    return told


@pytest.mark.parametrize(
    ("number", "orders"),
    [(signal.SIGUSR1, "requeue 17\n"), (signal.SIGTERM, None)],
    ids=["warned", "cancelled"],
)
def test_a_run_that_saved_goes_back_into_the_queue_only_after_a_warning(
    tmp_path: Path, requeued: Path, number: signal.Signals, orders: str | None
):
    job = subprocess.Popen(["bash", str(script(tmp_path, "wait"))], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not (tmp_path / "listens").exists():
        assert job.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    job.send_signal(number)
    assert job.wait(_DEADLINE_SECONDS) == 75
    assert (requeued.read_text() if requeued.exists() else None) == orders


@pytest.mark.parametrize("code", [0, 1, 75])
def test_without_a_signal_the_code_is_the_runs_and_nothing_is_requeued(
    tmp_path: Path, requeued: Path, code: int
):
    done = subprocess.run(["bash", str(script(tmp_path, str(code)))], timeout=_DEADLINE_SECONDS)
    assert done.returncode == code and not requeued.exists()


def test_the_options_are_those_of_the_clusters_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMPANION_STORE", "/group/a store")
    monkeypatch.setenv("COMPANION_EVENTS", "/of/another/run")
    monkeypatch.setenv("COMPANION_GROUP_STORE", "/group/all")
    chosen = settings(
        account="naiss-1", reservation="devel", modules=("GCC", "Python/3.11"), setup=("export OF_SITE=1",)
    )
    chosen = chosen.model_copy(update={"driver": chosen.driver.model_copy(update={"extra": ("-C thin",)})})
    log = tmp_path / "of my" / "100%.log"
    text = batch_script(chosen, ["/my py", "run_all.py", "--set", "a=b c"], log, tmp_path, {})
    options = {line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH ")}
    assert options == {
        "--job-name=companion",
        f"--output='{tmp_path}/of my/100%%.log'",
        "--open-mode=append",
        "--requeue",
        "--signal=B:USR1@30",
        "--account=naiss-1",
        "--reservation=devel",
        "--partition=main",
        "--ntasks=1",
        "--cpus-per-task=1",
        "--mem=1024M",
        "--time=0:10:00",
        "-C thin",
    }
    lines = text.splitlines()
    assert lines.index("module load GCC Python/3.11") < lines.index("export OF_SITE=1")
    assert "export COMPANION_STORE='/group/a store'" in lines
    assert "export COMPANION_GROUP_STORE=/group/all" in lines
    assert "export COMPANION_GRACE_SECONDS=15" in lines
    assert not any("COMPANION_EVENTS" in line for line in lines)
    assert "\"${COMPANION_PYTHON:-/my py}\" run_all.py --set 'a=b c' &" in lines


def test_a_refusal_names_the_setting_to_look_at():
    assert blamed("sbatch: error: Batch job submission failed: Invalid account or account/partition") == (
        "driver.partition"
    )
    assert blamed("Requested time limit is invalid (missing or exceeds some limit)") == "driver.walltime"
    assert blamed("Requested node configuration is not available") == "driver"
    assert blamed("sbatch is not on this machine") is None
