"""The SLURM script of a run that outlives the login session: it runs, is warned, saves, and is queued again."""

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from companion.compute.cluster_settings import ACCOUNT_VARIABLE
from companion.compute.slurm_jobs import (
    PYTHON_VARIABLE,
    literal,
    load_modules,
    option,
    own_modules,
    python_or,
)
from companion.compute.worker_environment import FOLDER_VARIABLES
from companion.run.interrupts import GRACE_VARIABLE
from companion.settings.cluster_file import ClusterSettings

#: Seconds that stay, after the notebooks' grace, to end kernels, workers and the run itself.
_ENDING_SECONDS = 45

# The user's own variables; some sites hand none of them to a job.
_KEPT = (*FOLDER_VARIABLES, PYTHON_VARIABLE, ACCOUNT_VARIABLE)

# Bash hears a signal only between commands, or while it waits for one that runs in the background.
_WAIT = """\
warned=no again=no
{command} &
run=$!
trap 'warned=yes again=yes; kill -USR1 $run' USR1
trap 'again=yes; kill -TERM $run' TERM
wait $run
code=$?
while [ $again = yes ]; do
    again=no
    wait $run
    code=$?
done
# Requeued only after a warning: a job that somebody cancels stays cancelled.
if [ $code = 75 ] && [ $warned = yes ]; then
    echo "$(date '+%F %T') job $SLURM_JOB_ID saved and goes back into the queue"
    scontrol requeue $SLURM_JOB_ID
fi
exit $code
"""


def batch_script(
    settings: ClusterSettings, command: Sequence[str], log: Path, root: Path, detached: dict[str, str]
) -> str:
    """The script that gives ``command`` in ``root``, as the cluster's driver job, with its output added to ``log``.

    ``detached`` are variables of this run. The job is warned ``signal_seconds`` before its wall time; a run
    that then saved (exit code 75) is queued again and goes on from its checkpoints.
    """
    exports = {name: os.environ[name] for name in _KEPT if name in os.environ}
    grace = max(settings.signal_seconds - _ENDING_SECONDS, settings.signal_seconds // 2)
    exports |= {"COMPANION_ROOT": str(root), GRACE_VARIABLE: str(grace)} | detached
    lines = ["#!/bin/bash", *(f"#SBATCH {each}" for each in _options(settings, log)), *load_modules(settings)]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(exports.items())]
    lines += [*own_modules(), *settings.setup]
    lines.append(f"cd {shlex.quote(str(root))} || exit 1")
    run = f"{python_or(command[0])} {shlex.join(command[1:])}"
    return "\n".join([*lines, _WAIT.format(command=run)])


def _options(settings: ClusterSettings, log: Path) -> Iterator[str]:
    driver = settings.driver
    yield "--job-name=companion"
    yield option("output", literal(log))
    yield "--open-mode=append"
    yield "--requeue"
    yield f"--signal=B:USR1@{settings.signal_seconds}"
    for name, value in (
        ("account", settings.account),
        ("reservation", settings.reservation),
        ("partition", driver.partition),
    ):
        if value:
            yield option(name, value)
    yield "--ntasks=1"
    yield f"--cpus-per-task={driver.cores}"
    yield f"--mem={round(1024 * driver.memory_gib)}M"
    yield f"--time={driver.walltime}:00"
    yield from driver.extra


#: What a refusal speaks of, and the setting to look at; the first word that occurs decides.
_BLAMED = {
    "partition": "driver.partition",
    "account": "account",
    "reservation": "reservation",
    "time limit": "driver.walltime",
    "memory": "driver.memory_gib",
    "cpu": "driver.cores",
    "node configuration": "driver",
}


def blamed(words: str) -> str | None:
    """The setting that sbatch's refusal ``words`` most likely mean, if one can tell.

    >>> blamed("sbatch: error: invalid partition specified: man")
    'driver.partition'
    """
    return next((name for word, name in _BLAMED.items() if word in words.lower()), None)
