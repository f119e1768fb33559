"""A SLURM of one node on this machine, for tests: own folder, own ports, own daemons, nothing left behind."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
_START_SECONDS = 30.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.1

_CONFIGURATION = """\
ClusterName=sandbox
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CryptoType=crypto/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=5
MinJobAge=300
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory={memory} Gres=gpu:A100:1,gpu:A40:1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""

_GPUS = """\
NodeName={host} Name=gpu Type=A100 File=/dev/null
NodeName={host} Name=gpu Type=A40 File=/dev/zero
"""


def _missing() -> str | None:
    """Why there can be no SLURM here; None where there can."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    absent = [name for name in _PROGRAMS if shutil.which(name, path=search) is None]
    if absent:
        return f"SLURM is not installed: {', '.join(absent)} missing (apt-get install slurm-wlm munge)"
    return None if os.getuid() == 0 else "SLURM's daemons run jobs as their owners: the tests need root"


@dataclass
class Sandbox:
    """A running SLURM; ``configuration`` is its slurm.conf, for SLURM_CONF."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "slurm.conf"

    def ask(self, *command: str) -> str:
        """What one of SLURM's own commands says."""
        environment = os.environ | {"SLURM_CONF": str(self.configuration)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def jobs(self) -> dict[str, str]:
        """State of each job that is waiting or running, by its id; those of an array are numbered."""
        return dict(line.split() for line in self.ask("squeue", "-h", "-r", "-o", "%i %T").splitlines())

    @staticmethod
    def wait_until(reached: Callable[[], bool], seconds: float, what: str) -> None:
        """Return once ``reached()``; fail, naming ``what``, where that takes longer than ``seconds``."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
            time.sleep(_POLL_SECONDS)

    def cancel_all(self) -> None:
        """Cancel whatever is left, and wait until it is gone."""
        if jobs := self.jobs():
            self.ask("scancel", *jobs)
        self.wait_until(lambda: not self.jobs(), _STOP_SECONDS, "all jobs gone")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _configure(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o755)  # munge refuses a folder that others may write to, and jobs read it
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    host = socket.gethostname().split(".")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    text = _CONFIGURATION.format(
        host=host, folder=folder, ports=_free_ports(2), memory=min(8000, memory // 2)
    )
    (folder / "slurm.conf").write_text(text)
    (folder / "gres.conf").write_text(_GPUS.format(host=host))


@contextlib.contextmanager
def _daemon(folder: Path, *command: str) -> Iterator[None]:
    """A daemon as a child in the foreground, stopped by its own pid when the block ends."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    with (folder / f"{command[0]}.out").open("wb") as said:
        process = subprocess.Popen(
            [shutil.which(command[0], path=search) or command[0], *command[1:]],
            env=os.environ | {"SLURM_CONF": str(folder / "slurm.conf")},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def _slurm() -> Iterator[Sandbox]:
    if why := _missing():  # a laptop needs no SLURM; CI installs it
        pytest.skip(why)
    with contextlib.ExitStack() as stack:
        # A short path: a socket's name has about 100 characters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp")))
        _configure(folder)
        sandbox = Sandbox(folder)
        places = {name: folder / f"munge{name}" for name in (".key", ".log", ".seed", ".sock", "d.pid")}
        munge = ("--key-file", "--log-file", "--seed-file", "--socket", "--pid-file")
        options = [f"{option}={place}" for option, place in zip(munge, places.values(), strict=True)]
        stack.enter_context(_daemon(folder, "munged", "--foreground", "--force", *options))
        sandbox.wait_until(places[".sock"].exists, _START_SECONDS, "munge listens")
        stack.enter_context(_daemon(folder, "slurmctld", "-D", "-c"))
        stack.enter_context(_daemon(folder, "slurmd", "-D", "-c"))
        sandbox.wait_until(lambda: _idle(sandbox), _START_SECONDS, f"the node is idle; see {folder}/*.log")
        yield sandbox
        sandbox.cancel_all()


def _idle(sandbox: Sandbox) -> bool:
    try:
        return sandbox.ask("sinfo", "-h", "-o", "%t").strip() == "idle"
    except AssertionError:  # the controller does not answer yet
        return False


@pytest.fixture
def slurm(_slurm: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox, for this process and those that it starts; no job of a test is left for the next."""
    monkeypatch.setenv("SLURM_CONF", str(_slurm.configuration))
    yield _slurm
    _slurm.cancel_all()
