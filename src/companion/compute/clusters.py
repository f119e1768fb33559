"""Where blocks of work run: in this process, on this machine's cores, on SLURM, or on a Dask scheduler."""

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from companion.compute.outcomes import fetch_together, submit
from companion.compute.witness import Witness
from companion.compute.worker_environment import MEMORY_ENVIRONMENT, WITHOUT_PROFILER, WORKER_ENVIRONMENT
from companion.session import events
from companion.session.root import project_root
from companion.settings.problems import SettingsError

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster
    from distributed.client import as_completed as AsCompleted  # noqa: N812

#: Seconds between two looks at whether the pool that a sweep waits for was given up.
_LOOK_SECONDS = 2.0
_POLL_SECONDS = 0.02


def core_count() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_clients: dict[str, "Client"] = {}
_connecting = threading.Lock()


class LostBlock(RuntimeError):
    """A task that ended every worker that ran it; ``index`` says which, ``logs`` where these wrote."""

    def __init__(self, index: int, workers: int, logs: str | None):
        super().__init__(f"{workers} workers ended while they ran it")
        self.index, self.workers, self.logs = index, workers, logs


class Cluster(Protocol):
    """Runs tasks and yields ``(index, outcome)`` as they end."""

    def run(
        self, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], *, kind: str = "cpu"
    ) -> Iterator[tuple[int, Any]]:
        """Call ``task(*arguments[index])`` for each index, in any order, on workers of ``kind`` cpu or gpu.

        Raises LostBlock where a task ends every worker that runs it, once the others have ended or
        another one does the same.
        """
        ...


class InlineCluster:
    """Everything in this process, one task after the other."""

    def run(
        self, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], *, kind: str = "cpu"
    ) -> Iterator[tuple[int, Any]]:
        for index, given in enumerate(arguments):
            yield index, task(*given)


class DaskCluster:
    """Tasks on the workers of a Dask scheduler."""

    def __init__(self, client: "Client"):
        self.client = client

    def run(
        self, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], *, kind: str = "cpu"
    ) -> Iterator[tuple[int, Any]]:
        """As `Cluster` says; also raises RuntimeError where the pool of ``kind`` gets no workers."""
        from distributed import KilledWorker, as_completed

        pools = self._pools()
        self._check(pools, kind)
        resources = {kind: 1} if pools or (kind == "gpu" and self._shares_gpu()) else None
        witness, given_up = Witness(self.client), None
        numbered = ((index, *given) for index, given in enumerate(arguments))
        futures = submit(self.client, witness.watching(task), numbered, resources=resources)
        ended = as_completed(futures, loop=self.client.loop)
        try:
            for batch in self._watched(ended, kind) if pools else ended.batches():
                for future, outcome in fetch_together(self.client, batch):
                    index = futures.pop(future)
                    future.release()  # held on, it would be computed again when its worker leaves
                    yield index, outcome
                killed: dict[Future, KilledWorker] = {}
                for future in (one for one in batch if one in futures):
                    if future.status not in (
                        "error",
                        "cancelled",
                    ):  # its worker left before it could be fetched
                        ended.add(future)
                    elif isinstance(error := future.exception(), KilledWorker):
                        killed[future] = error
                    else:
                        future.result()
                guilty = witness.guilty(
                    {futures[one]: error.allowed_failures for one, error in killed.items()}
                )
                for future, error in killed.items():
                    if (index := futures[future]) not in guilty:
                        continue
                    lost = LostBlock(index, guilty[index], pools["logs"] if pools else None)
                    if (
                        given_up is not None
                    ):  # a memory too small for all blocks is not to end worker after worker
                        raise lost from error
                    given_up, lost.__cause__ = lost, error
                    events.tell(f"a block is given up: {lost}; the others go on")
                if again := [future for future in killed if futures[future] not in guilty]:
                    self.client.retry(again)
                    ended.update(again)
            if given_up is not None:
                raise given_up
        finally:
            self.client.cancel(list(futures))
            witness.forget()

    def _pools(self) -> dict[str, Any] | None:
        """What the scheduler says of its pools; None where all workers are alike."""
        from companion.compute.slurm import METADATA_KEY

        found: Any = self.client.get_metadata([METADATA_KEY], default=None)
        return found

    def _shares_gpu(self) -> bool:
        """Whether some of the workers hold the GPU, one task at a time, while the others leave it alone."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        return any("gpu" in worker["resources"] for worker in workers)

    def _check(self, pools: dict[str, Any] | None, kind: str) -> None:
        if pools and kind not in pools["kinds"]:
            raise RuntimeError(
                f"cluster {pools['name']}: it has no {kind} workers; those it has: {', '.join(pools['kinds'])}"
            )
        if pools and kind in pools["failed"]:
            raise RuntimeError(f"cluster {pools['name']}: {pools['failed'][kind]}")

    def _watched(self, ended: "AsCompleted", kind: str) -> Iterator[list["Future"]]:
        """Futures as they end, those that end together in one list.

        Raises RuntimeError once the pool that they wait for is given up.
        """
        looked = time.monotonic()
        while not ended.is_empty():
            if ended.has_ready():
                yield ended.next_batch()
            elif time.monotonic() - looked < _LOOK_SECONDS:
                time.sleep(_POLL_SECONDS)
            else:
                looked = time.monotonic()
                self._check(self._pools(), kind)


def cluster(request: str) -> Cluster:
    """The cluster that ``request`` names: ``"inline"``, ``"local"``, a file in params/clusters or ``tcp://…``.

    A local cluster is started once per process, one single-threaded worker per core; so is one on SLURM.
    Raises ValueError for other names, SettingsError for a file that is wrong or where no job can be submitted from
    here, OSError where no scheduler answers at the address, RuntimeError where SLURM refuses a job, ImportError where
    dask-jobqueue cannot be imported.
    """
    if request == "inline" or _inside_worker():
        return InlineCluster()
    if request == "local":
        return DaskCluster(_client(_local_cluster().scheduler_address))
    if "://" in request:
        return DaskCluster(_client(request))
    return DaskCluster(_client(_slurm_cluster(request).address))


class StartedCluster:
    """A cluster that a run started and hands to its kernels by address."""

    def __init__(self, address: str, end: Callable[[], object]):
        self.address = address
        self._end = end

    def close(self) -> None:
        """Stop scheduler and workers, and this process's client of them."""
        _disconnect(self.address)
        with contextlib.suppress(TimeoutError):  # on a busy machine: workers end with this process
            self._end()


def start(request: str, workers: int | None = None) -> StartedCluster | None:
    """Start what ``request`` needs before any kernel: a local cluster, one on SLURM, or nothing for the others.

    Raises what `cluster` raises.
    """
    if request == "inline" or "://" in request:
        return None
    if request != "local":
        return _start_slurm(request)
    local = _start_local(workers or core_count())
    return StartedCluster(local.scheduler_address, lambda: local.close(timeout=10))


def _start_slurm(name: str) -> StartedCluster:
    from companion.compute.cluster_settings import cluster_names
    from companion.compute.slurm import SlurmCluster

    try:
        started = SlurmCluster(name)
    except SettingsError:
        if name in cluster_names():
            raise
        allowed = ", ".join(["'inline'", "'local'", *map(repr, cluster_names())])
        raise ValueError(
            f"cluster: given {name!r}; allowed: {allowed} or a scheduler address tcp://host:port"
        ) from None
    return StartedCluster(started.address, started.close)


@lru_cache
def _slurm_cluster(name: str) -> StartedCluster:
    started = _start_slurm(name)
    atexit.register(started.close)
    return started


def _start_local(workers: int) -> "LocalCluster":
    import dask.config
    from distributed import LocalCluster, Nanny

    def worker(scheduler: str, *, name: int, **options: Any) -> Nanny:
        # The first holds the GPU: work on it is one after the other, as its costs are counted.
        return Nanny(scheduler, name=name, resources=None if name else {"gpu": 1}, **options)

    options: dict[str, Any] = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "processes": True,
        "worker_class": worker,
        "dashboard_address": "127.0.0.1:0",  # any free port: several runs share a machine
        "silence_logs": logging.CRITICAL,
        "env": WORKER_ENVIRONMENT | {"COMPANION_ROOT": str(project_root())},
    }
    # The C library reads these when a process starts, before Dask sets the variables above.
    with dask.config.set(WITHOUT_PROFILER | {"distributed.nanny.pre-spawn-environ": MEMORY_ENVIRONMENT}):
        return LocalCluster(**options)


@lru_cache(maxsize=1)
def _local_cluster() -> "LocalCluster":
    started = _start_local(core_count())
    atexit.register(started.close)
    return started


def _client(address: str) -> "Client":
    with _connecting:
        if address not in _clients:
            from distributed import Client

            _clients[address] = Client(address, timeout=20, set_as_default=False)
            atexit.register(_disconnect, address)
        return _clients[address]


def _disconnect(address: str) -> None:
    client = _clients.pop(address, None)
    if client is not None:
        client.close(timeout=5)


def _inside_worker() -> bool:
    """Whether this is a Dask worker, where a sweep inside a task runs in the task itself."""
    if "distributed" not in sys.modules:
        return False
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True
