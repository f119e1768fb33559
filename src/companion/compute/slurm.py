"""A Dask scheduler in this process with workers on SLURM: a pool for processors, a pool for GPUs, one run."""

import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.compute import slurm_jobs
from companion.compute.cluster_settings import read_cluster
from companion.compute.login_node import check_login_node
from companion.compute.slurm_jobs import Kind, job_script, pool_settings, slurm_job_class, write_script
from companion.compute.slurm_pools import Patience, Pool, PoolFailed, Seen
from companion.session import events
from companion.session.root import build_folder
from companion.settings.cluster_file import ClusterSettings
from companion.settings.problems import shown_path

if TYPE_CHECKING:
    from distributed import LocalCluster, Scheduler

#: Where the scheduler keeps what sweeps need to know: name, logs, kinds of workers, and pools that failed.
METADATA_KEY = "companion"

KINDS: tuple[Kind, ...] = ("cpu", "gpu")

_STEP_SECONDS = 1.0
_UNFINISHED = ("waiting", "no-worker", "queued", "processing")


class SlurmCluster:
    """Pools of worker jobs around one scheduler, kept at the size that the work wants until it is closed.

    The scheduler lives here, because it must outlive every job; jobs come and go: one that is
    cancelled or reaches its wall time is replaced while there is work for it. dask-jobqueue writes their
    scripts. Its own ``adapt`` knows one kind of worker and no job that dies before its worker
    arrives, so that the pools are counted here.
    """

    def __init__(self, name: str, patience: Patience | None = None):
        """Start the scheduler and submit the jobs that are always wanted.

        Raises SettingsError for a file that is wrong and where no job can be submitted from here (no account, no
        SLURM, no dask-jobqueue), PoolFailed where SLURM refuses a job.
        """
        self.settings = read_cluster(name)
        check_login_node(self.settings)
        slurm_job_class()  # a broken installation is said now, and not in the thread that looks after the pools
        self.logs = _fresh_folder()
        self._local = _scheduler(self.settings)
        self.address: str = self._local.scheduler_address
        kinds: list[Kind] = [kind for kind in KINDS if pool_settings(self.settings, kind) is not None]
        self._pools = {kind: self._pool(kind, patience or Patience()) for kind in kinds}
        self._stopped = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"pools of {name}", daemon=True)
        try:
            self._publish()
            self._tell(f"scheduler at {self.address}; scripts and logs of its jobs: {shown_path(self.logs)}")
            for pool in self._pools.values():
                pool.submit_minimum()
        except BaseException:
            self._end_jobs()
            self._local.close(timeout=10)
            raise
        self._keeper.start()

    def close(self) -> None:
        """Cancel all jobs and stop the scheduler."""
        self._stopped.set()
        self._keeper.join()
        self._end_jobs()
        self._local.close(timeout=10)

    @property
    def identities(self) -> list[str]:
        """Ids of all jobs that are submitted now."""
        return [identity for pool in self._pools.values() for identity in pool.identities]

    def _pool(self, kind: Kind, patience: Patience) -> Pool:
        pool = pool_settings(self.settings, kind)
        assert pool is not None

        def write(name: str) -> Path:
            text = job_script(self.settings, kind, name, self.address, self.logs)
            return write_script(self.logs / f"{name}.sh", text)

        file = f"params/clusters/{self.settings.name}.yaml"
        return Pool(kind, pool, write, file, self.logs, self._tell, patience)

    def _tell(self, text: str) -> None:
        events.tell(f"cluster {self.settings.name}: {text}")

    def _keep(self) -> None:
        """Look after the pools until the cluster is closed."""
        said = ""
        while not self._stopped.wait(_STEP_SECONDS):
            try:
                self._step()
            except Exception as error:  # whatever went wrong with this step, the next one may do
                text = f"{type(error).__name__}: {error}"
                if text != said:
                    self._tell(said := text)

    def _step(self) -> None:
        seen: Any = self._local.sync(_look, self._local.scheduler)
        retired: list[str] = []
        for pool in self._pools.values():
            try:
                retired += pool.step(seen, slurm_jobs.queue)
            except PoolFailed as failure:
                self._tell(str(failure))
                self._publish()
        if retired:
            self._local.sync(_retire, self._local.scheduler, retired)
            self._tell(f"{len(retired)} idle {'job' if len(retired) == 1 else 'jobs'} let go")

    def _publish(self) -> None:
        """Tell the scheduler, and by it every sweep, what there is."""
        facts = {
            "name": self.settings.name,
            "logs": shown_path(self.logs),
            "kinds": list(self._pools),
            "failed": {kind: pool.failed for kind, pool in self._pools.items() if pool.failed},
        }
        self._local.sync(_set_metadata, self._local.scheduler, facts)

    def _end_jobs(self) -> None:
        """Cancel what is left of all jobs, also of those that were let go and are slow to leave."""
        ever = [identity for pool in self._pools.values() for identity in pool.ever]
        queue = slurm_jobs.queue() if ever else {}
        slurm_jobs.cancel(self.identities if queue is None else [one for one in ever if one in queue])


def _scheduler(settings: ClusterSettings) -> "LocalCluster":
    """A scheduler without workers, where the jobs can reach it."""
    import logging

    from distributed import LocalCluster
    from distributed.utils import get_ip, get_ip_interface

    host = get_ip_interface(settings.interface) if settings.interface else get_ip()
    return LocalCluster(
        n_workers=0,
        processes=True,
        host=host,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )


async def _look(scheduler: "Scheduler") -> Seen:
    demand: Counter[Kind] = Counter()
    for task in scheduler.tasks.values():
        if task.state in _UNFINISHED:
            demand["gpu" if "gpu" in (task.resource_restrictions or {}) else "cpu"] += 1
    busy: dict[str, bool] = {}
    for worker in scheduler.workers.values():
        job = _job_of(worker.name)
        busy[job] = busy.get(job, False) or bool(worker.processing)
    return Seen(demand, busy)


async def _retire(scheduler: "Scheduler", jobs: list[str]) -> None:
    addresses = [worker.address for worker in scheduler.workers.values() if _job_of(worker.name) in jobs]
    await scheduler.retire_workers(workers=addresses, close_workers=True)


async def _set_metadata(scheduler: "Scheduler", facts: dict[str, Any]) -> None:
    scheduler.set_metadata([METADATA_KEY], facts)


def _job_of(worker: object) -> str:
    """Name of the job that a worker belongs to: several workers of one job are numbered."""
    return str(worker).partition("-")[0]


def _fresh_folder() -> Path:
    """A folder of this run's own for job scripts and logs."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = build_folder() / "slurm" / f"{stamp}-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
