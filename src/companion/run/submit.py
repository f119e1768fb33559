"""``--detach``: a run that goes on when the login session ends, as a SLURM job or as a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from companion.compute import slurm_jobs
from companion.compute.cluster_settings import cluster_names, read_cluster
from companion.run import report
from companion.run.batch_script import batch_script, blamed
from companion.run.choose import Wishes, choose
from companion.run.conduct import DONE, Ways, check_start, console
from companion.run.detached import Detached, detached_folder, new_id
from companion.run.history import DETACHED_VARIABLE
from companion.run.plan import make_plan
from companion.session.files import write_atomically
from companion.session.processes import start_of
from companion.session.root import project_root
from companion.settings.problems import Problem, SettingsError, shown_path
from companion.store.artefacts import store_roots


def submit(wishes: Wishes, arguments: Sequence[str], ways: Ways) -> int:
    """Plan, then start ``run_all.py ARGUMENTS`` on its own and say where it is; returns at once.

    A cluster with a file takes it as one job; else it is a process on this machine. Raises SettingsError, before
    anything is started, where wishes are wrong, where results will not fit on the disk, and where the cluster
    refuses the job or cannot be asked.
    """
    out, cluster = console(), wishes.cluster or "local"
    on_slurm = cluster in cluster_names()
    steps = make_plan(choose(wishes).requests, because=ways.because)
    report.print_plan(out, steps)
    to_do = [step.request.name for step in steps if not step.hit]
    if not to_do:
        report.line(out, "\nnothing is detached")
        return DONE
    check_start(out, steps, ways)
    root, identity = project_root(), new_id()
    folder = detached_folder()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{identity}.log"
    command = [sys.executable, str(root / "run_all.py"), *arguments]
    host, now = socket.gethostname(), time.time()
    store = str(store_roots()[0])
    job = pid = None
    if on_slurm:
        job = _submit(cluster, command, log, root, identity)
    else:
        pid = _start(command, log, identity)
    mark = start_of(pid) if pid else None
    run = Detached(
        identity, now, wishes.profile, cluster, command, to_do, str(log), host, store, job, pid, mark
    )
    run.write()
    _say(out, run)
    return DONE


def _say(out: Console, run: Detached) -> None:
    """What was started, where it writes, how to see its state and how to stop it."""
    where = f"running on its own, process {run.pid} on {run.host}"
    if run.job:
        driver = read_cluster(run.cluster).driver
        cores = f"{driver.cores} core{'s' * (driver.cores != 1)}"
        asked = f"{cores}, {driver.memory_gib:g} GiB, {driver.walltime} h"
        where = f"submitted to {run.cluster} as job {run.job} ({asked})"
    report.line(out, f"\n{where}: {', '.join(run.notebooks)}")
    if run.job:
        report.line(out, f"script: {shown_path(_script(run.id))}; its start: squeue -j {run.job} --start")
    report.line(out, f"log:    {shown_path(Path(run.log))}")
    report.line(out, "state:  python run_all.py status")
    report.line(out, f"stop:   {run.how_to_stop}")


def _script(identity: str) -> Path:
    """The script of a detached run's job."""
    return detached_folder() / f"{identity}.sh"


def _start(command: Sequence[str], log: Path, identity: str) -> int:
    """Start ``command`` in a session of its own, which no hang-up reaches; its pid."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=project_root(),
            env=os.environ | {DETACHED_VARIABLE: identity},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    pid = process.pid
    process.returncode = 0  # it is meant to outlive this process, which must not be warned of that
    return pid


def _submit(cluster: str, command: Sequence[str], log: Path, root: Path, identity: str) -> str:
    """Submit ``command`` as the cluster's driver job; the job's id. Raises SettingsError where it is refused."""
    text = batch_script(read_cluster(cluster), command, log, root, {DETACHED_VARIABLE: identity})
    script = _script(identity)
    write_atomically(script, text)
    file = f"params/clusters/{cluster}.yaml"
    try:
        return slurm_jobs.submit(script, file)
    except slurm_jobs.SubmissionRejected as refusal:
        setting = blamed(str(refusal).partition("\n")[0])
        place = file if setting else f"--cluster {cluster}"
        raise SettingsError([Problem(place, None, setting, str(refusal))]) from None
