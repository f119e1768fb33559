"""Scripts and commands, without SLURM: what is written into a job, and what a refusal says."""

import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from companion.compute import slurm_jobs
from companion.compute.cluster_settings import read_cluster
from companion.compute.slurm_jobs import JobState, SubmissionRejected, job_script
from companion.settings.cluster_file import ClusterSettings

_FILES = Path(__file__).parents[2] / "params" / "clusters"
_ADDRESS = "tcp://10.0.0.1:4321"


@pytest.fixture
def clusters(project: Path) -> Path:
    return Path(shutil.copytree(_FILES, project / "params" / "clusters"))


def script(name: str, kind, **changes) -> str:
    settings = read_cluster(name).model_copy(update=changes)
    return job_script(settings, kind, f"{kind}3", _ADDRESS, Path("/logs of 100% mine"))


def directives(text: str) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH")]


def test_a_gpu_job_asks_for_what_the_file_says(clusters, monkeypatch):
    monkeypatch.setenv("COMPANION_ACCOUNT", "naiss-1")
    asked = directives(script("alvis", "gpu", reservation="course"))
    for option in ("-p alvis", "-A naiss-1", "--gpus-per-node=A100:1", "--cpus-per-task=16", "--mem=60G"):
        assert option in asked
    assert "-t 24:00:00" in asked and "--reservation=course" in asked and "--signal=B:USR1@180" in asked
    assert "--error='/logs of 100%% mine/companion-gpu-%A_%a.err'" in asked
    assert not any(option.startswith(("-e ", "-o ")) for option in asked)


def test_writing_a_script_makes_no_folder(clusters, project, monkeypatch):
    monkeypatch.chdir(project)
    before = sorted(project.rglob("*"))
    script("alvis", "gpu")
    assert sorted(project.rglob("*")) == before


def test_the_jobs_of_an_array_have_names_of_their_own(clusters):
    assert " --name cpu3_$SLURM_ARRAY_TASK_ID " in script("tetralith", "cpu")


def test_a_cpu_job_has_a_worker_for_each_core_and_no_gpu(clusters):
    text = script("tetralith", "cpu")
    assert "--cpus-per-task=8" in directives(text)
    assert not any("gpu" in line or line.startswith("-p ") for line in directives(text))
    assert "--nworkers 8" in text and "--nthreads 1" in text and "--memory-limit 2.75GiB" in text
    assert "--resources cpu=1" in text


def test_workers_end_before_the_wall_time_and_not_all_at_once(clusters):
    words = script("alvis", "gpu").split()
    lifetime, stagger = (
        int(words[words.index(name) + 1][:-1]) for name in ("--lifetime", "--lifetime-stagger")
    )
    assert stagger > 600
    assert lifetime + stagger <= 24 * 3600 - 180


def test_a_job_finds_the_project_and_its_python_whatever_the_site_passes_on(clusters, project):
    settings = {
        "modules": ("GCC/13", "CUDA"),
        "setup": ("ulimit -c 0",),
        "interface": "ib0",
        "scratch": "/fast/$USER",
    }
    text = script("alvis", "gpu", **settings)
    lines = text.splitlines()
    assert lines.index("module load GCC/13 CUDA") < lines.index(f"export COMPANION_ROOT={project}")
    assert lines[-2] == "ulimit -c 0"
    assert lines[-1].startswith(f'exec "${{COMPANION_PYTHON:-{sys.executable}}}" -m distributed')
    assert "export OMP_NUM_THREADS=1" in lines
    assert "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False" in lines
    searched = next(line for line in lines if "PYTHONPATH" in line)
    assert f":{project}/notebooks" in searched and searched.endswith('"${PYTHONPATH:+:$PYTHONPATH}"')
    assert "--interface ib0" in text and '--local-directory "/fast/$USER/dask-workers"' in text
    assert _ADDRESS in text


@pytest.mark.parametrize("name", sorted(path.stem for path in _FILES.glob("*.yaml")))
def test_every_script_is_shell(clusters, tmp_path, name):
    settings: ClusterSettings = read_cluster(name)
    for kind in ("cpu", "gpu") if settings.workers.gpu else ("cpu",):
        path = tmp_path / "job.sh"
        path.write_text(script(name, kind))
        done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_a_pool_that_is_not_there_has_no_script(clusters):
    with pytest.raises(KeyError, match="gpu"):
        script("tetralith", "gpu")


def test_writing_scripts_leaves_ctrl_c_alone():
    program = """
import signal, threading
from companion.compute.slurm_jobs import slurm_job_class
before = signal.getsignal(signal.SIGINT)
thread = threading.Thread(target=slurm_job_class)
thread.start()
thread.join()
slurm_job_class()
assert before is signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a child would inherit that it is ignored
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and "Exception" not in done.stderr, done.stderr


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts commands of that name first on the path; the body is shell."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'commands'}:/bin:/usr/bin")
    (tmp_path / "commands").mkdir()

    def add(name: str, body: str) -> None:
        path = tmp_path / "commands" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return add


def test_a_submission_gives_the_id_of_the_job(commands):
    commands("sbatch", """[ "$2" = --array=0-3 ] && echo '418;cluster' || echo '417;cluster'""")
    assert slurm_jobs.submit(Path("job.sh"), "params/clusters/x.yaml") == "417"
    assert slurm_jobs.submit(Path("job.sh"), "params/clusters/x.yaml", 4) == "418"


def test_a_refusal_says_slurms_words_the_script_and_the_settings(commands):
    commands("sbatch", "echo 'sbatch: error: invalid partition specified: mian' >&2; exit 1")
    with pytest.raises(SubmissionRejected) as refused:
        slurm_jobs.submit(Path("build/slurm/1/cpu0.sh"), "params/clusters/x.yaml, workers.cpu")
    for part in ("invalid partition specified: mian", "build/slurm/1/cpu0.sh", "x.yaml, workers.cpu"):
        assert part in str(refused.value)
    assert not refused.value.passing


def test_a_controller_that_is_busy_may_be_asked_again(commands):
    commands("sbatch", "echo 'sbatch: error: Socket timed out on send/recv operation' >&2; exit 1")
    with pytest.raises(SubmissionRejected) as refused:
        slurm_jobs.submit(Path("job.sh"), "x.yaml")
    assert refused.value.passing


def test_without_slurm_the_message_says_where_to_go(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SubmissionRejected, match="sbatch is not on this machine; start from a login node"):
        slurm_jobs.submit(Path("job.sh"), "x.yaml")
    assert slurm_jobs.queue() is None


def test_the_queue_is_read_with_reasons(commands):
    commands("squeue", r"printf '7|PENDING|(Priority)\n8|RUNNING|node3\n'")
    assert slurm_jobs.queue() == {"7": JobState("PENDING", "Priority"), "8": JobState("RUNNING", "node3")}


def test_the_end_of_a_log_is_what_is_shown(tmp_path):
    log = slurm_jobs.error_log(tmp_path, "cpu", "7_0")
    assert slurm_jobs.last_lines(log) == []
    log.write_text("\n".join(map(str, range(20))))
    assert slurm_jobs.last_lines(log, 2) == ["18", "19"]
