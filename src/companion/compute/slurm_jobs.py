"""SLURM jobs that are Dask workers: their scripts, and the four commands that this project needs."""

import logging
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from unittest import mock

from companion.compute.worker_environment import MEMORY_ENVIRONMENT, WORKER_ENVIRONMENT
from companion.session.files import write_atomically
from companion.session.root import project_root
from companion.settings.cluster_file import ClusterSettings, GpuWorkerSettings, WorkerSettings

if TYPE_CHECKING:
    from dask_jobqueue.slurm import SLURMJob

Kind = Literal["cpu", "gpu"]
"""What a worker is for; also the name of the Dask resource that it offers, one of each."""

#: Names another Python for the workers of a site; it may be set in the file's ``setup`` lines.
PYTHON_VARIABLE = "COMPANION_PYTHON"

#: Share of the wall time by which the ends of workers are spread, so that they do not all leave at once.
_STAGGER = 0.05

_COMMAND_SECONDS = 120

_PASSING = re.compile(r"timed out|unable to contact|temporarily|try again|connection refused", re.IGNORECASE)


class SubmissionRejected(RuntimeError):
    """SLURM did not take a job. ``passing`` where it may take the same job a little later."""

    def __init__(self, message: str, *, passing: bool = False):
        super().__init__(message)
        self.passing = passing


@dataclass(frozen=True)
class JobState:
    """What SLURM says about a job: its state in capitals, and why it waits or where it runs."""

    state: str
    detail: str

    @property
    def runs(self) -> bool:
        return self.state == "RUNNING"


def pool_settings(settings: ClusterSettings, kind: Kind) -> WorkerSettings | None:
    """Settings of the pool of ``kind``; None where the cluster has none."""
    return settings.workers.gpu if kind == "gpu" else settings.workers.cpu


def job_script(settings: ClusterSettings, kind: Kind, name: str, address: str, logs: Path) -> str:
    """Script of an array of jobs of the pool ``kind``, whose workers report to ``address``.

    Those of its job number i are called ``name``_i. Raises KeyError where the cluster has no such pool,
    ImportError without dask-jobqueue.
    """
    pool = pool_settings(settings, kind)
    if pool is None:
        raise KeyError(kind)
    job = slurm_job_class()(
        address,
        name=f"{name}_$SLURM_ARRAY_TASK_ID",
        job_name=f"companion-{name}",
        queue=pool.partition,
        account=settings.account,
        walltime=f"{pool.walltime}:00",
        cores=pool.workers,  # Dask's: one thread for each worker process
        job_cpu=pool.cores,
        processes=pool.workers,
        memory=f"{pool.memory_gib} GiB",
        interface=settings.interface,
        python=f"exec {python_or(sys.executable)}",  # the shell's signals are the workers'
        local_directory=_local_directory(settings),
        death_timeout=120,  # after a driver that was killed, jobs end by themselves, waiting ones once they start
        worker_extra_args=_worker_arguments(settings, kind, pool),
        job_extra_directives=[*_log_options(logs, kind), *_directives(settings, pool)],
        job_script_prologue=_prologue(settings),
    )
    return job.job_script()


def slurm_job_class() -> type["SLURMJob"]:
    """dask-jobqueue's writer of job scripts.

    Raises ImportError, with the remedy, where it is not installed.
    """
    try:
        # On import it makes Ctrl-C end the process at once and with exit code 0: it is not to touch the handler.
        with mock.patch.object(signal, "signal"):
            from dask_jobqueue.slurm import SLURMJob
    except ImportError:
        raise ImportError(
            "SLURM needs dask-jobqueue, which is not installed here: pip install 'companion[slurm]'"
        ) from None
    return SLURMJob


def option(name: str, value: str) -> str:
    """An option as a line of a script gives it to sbatch, which takes quotes as a shell does."""
    return f"--{name}={shlex.quote(value)}"


def literal(path: Path) -> str:
    """``path`` for an option in whose value a percent sign stands for something, as in names of logs."""
    return str(path).replace("%", "%%")


def python_or(usual: str) -> str:
    """In a script: the Python of `PYTHON_VARIABLE`, or the ``usual`` one; both may have blanks in their paths."""
    return f'"${{{PYTHON_VARIABLE}:-{usual}}}"'


def load_modules(settings: ClusterSettings) -> list[str]:
    """The line that loads the site's modules, if the file names any."""
    return [f"module load {shlex.join(settings.modules)}"] if settings.modules else []


def own_modules(*folders: Path) -> list[str]:
    """The line that has Python look where this process was told to, in ``folders``, and last where the site says."""
    told = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = dict.fromkeys(path for path in [*told, *map(str, folders)] if path)
    return (
        [f'export PYTHONPATH={shlex.quote(os.pathsep.join(paths))}"${{PYTHONPATH:+:$PYTHONPATH}}"']
        if paths
        else []
    )


def _log_options(logs: Path, kind: Kind) -> Iterator[str]:
    """Where a job writes: said here, as dask-jobqueue does not quote it, and makes the folder under its quoted name."""
    for name, suffix in (("output", "out"), ("error", "err")):
        yield option(name, f"{literal(logs)}/companion-{kind}-%A_%a.{suffix}")


def _directives(settings: ClusterSettings, pool: WorkerSettings) -> list[str]:
    """Options of sbatch beyond those that every Dask job has."""
    found = [f"--signal=B:USR1@{settings.signal_seconds}", "--open-mode=append"]
    if isinstance(pool, GpuWorkerSettings):
        found.append(f"--gpus-per-node={pool.gpu_type}:{pool.gpus}")
    if settings.reservation:
        found.append(f"--reservation={settings.reservation}")
    return [*found, *pool.extra]


def _worker_arguments(settings: ClusterSettings, kind: Kind, pool: WorkerSettings) -> list[str]:
    stagger = _STAGGER * (pool.walltime_seconds - settings.signal_seconds)
    lifetime = pool.walltime_seconds - settings.signal_seconds - stagger
    return [
        f"--resources {kind}=1",
        f"--lifetime {lifetime:.0f}s",
        f"--lifetime-stagger {stagger:.0f}s",
        "--no-dashboard",
        "--preload companion.compute.worker_signals",
        "--preload companion.compute.worker_gpu",
        "--preload-nanny companion.compute.nanny_signals",
    ]


def _local_directory(settings: ClusterSettings) -> str:
    """Where a worker keeps what does not fit its memory: in the file's scratch, else on the node's own disk."""
    return f'"{settings.scratch}/dask-workers"' if settings.scratch else '"${TMPDIR:-/tmp}"'


def _prologue(settings: ClusterSettings) -> list[str]:
    """Lines before the worker: what a local worker inherits, said here, as sites may pass nothing on."""
    root = project_root()
    environment = WORKER_ENVIRONMENT | MEMORY_ENVIRONMENT
    environment |= {
        "COMPANION_ROOT": str(root),
        "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", ""),
    }
    lines = load_modules(settings)
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items() if value]
    return [*lines, *own_modules(root, root / "notebooks"), *settings.setup]


def submit(script: Path, settings_file: str, array: int | None = None) -> str:
    """Hand ``script`` to SLURM, as an array of so many jobs if that is given; the id of the job or array.

    Raises SubmissionRejected with SLURM's own words, the script and the file with its settings.
    """
    options = [] if array is None else [f"--array=0-{array - 1}"]
    code, said, complaint = _call("sbatch", "--parsable", *options, str(script))
    if code is None:
        raise SubmissionRejected(
            f"{complaint}; start from a login node of this cluster, or use --cluster local"
        )
    if code != 0:
        words = complaint or said or f"sbatch ended with exit code {code}"
        message = f"SLURM refused a job: {words}\n  script: {script}\n  its settings: {settings_file}"
        raise SubmissionRejected(message, passing=bool(_PASSING.search(words)))
    return said.split(";")[0]


def write_script(path: Path, text: str) -> Path:
    """Keep ``text`` as the script that was submitted, for whoever looks for a mistake."""
    write_atomically(path, text)
    return path


def queue() -> dict[str, JobState] | None:
    """The user's jobs that wait, run or are just ending, by id; None where SLURM does not answer now.

    Those of an array have ids like 17_0.
    """
    code, said, _ = _call("squeue", "--noheader", "--me", "--array", "--format=%i|%T|%R")
    if code != 0:
        return None
    rows = (line.strip().split("|", 2) for line in said.splitlines() if line.strip())
    return {identity: JobState(state, detail.strip("()")) for identity, state, detail in rows}


def cancel(identities: list[str]) -> None:
    """Cancel jobs; those that are gone already do no harm."""
    if identities:
        _call("scancel", "--quiet", *identities)


def error_log(logs: Path, kind: Kind, identity: str) -> Path:
    """File that a worker job writes its complaints to."""
    return logs / f"companion-{kind}-{identity}.err"


def last_lines(log: Path, count: int = 8) -> list[str]:
    """The last ``count`` lines of a log; none where there is no log yet."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return []


def _call(*command: str) -> tuple[int | None, str, str]:
    """Exit code, output and complaint of a command of SLURM; no code where it is not there or hangs."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            start_new_session=True,  # Ctrl-C is the run's to handle
        )
    except FileNotFoundError:
        return None, "", f"{command[0]} is not on this machine"
    except subprocess.TimeoutExpired:
        logging.getLogger(__name__).warning("%s does not answer", command[0])
        return 1, "", f"{command[0]} timed out"
    return done.returncode, done.stdout.strip(), done.stderr.strip()
