"""Where blocks of work run: in this process, on this machine's cores, or on a Dask scheduler."""

import atexit
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from companion.session.root import project_root

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

#: Keep the memory of large temporary arrays instead of giving it back to the system after each: glibc's default, and
#: Dask's even more so, costs a page fault for every page of every temporary, up to a third of dense linear algebra.
MEMORY_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
}

#: A worker computes with one thread: its parallelism is that there are many workers.
WORKER_ENVIRONMENT = {
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def core_count() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_clients: dict[str, "Client"] = {}


class Cluster(Protocol):
    """Runs tasks and yields ``(index, outcome)`` as they end."""

    def run(
        self, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        """Call ``task(*arguments[index])`` for each index, in any order."""
        ...


class InlineCluster:
    """Everything in this process, one task after the other."""

    def run(
        self, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        for index, given in enumerate(arguments):
            yield index, task(*given)


class DaskCluster:
    """Tasks on the workers of a Dask scheduler."""

    def __init__(self, client: "Client"):
        self.client = client

    def run(
        self, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Any]]:
        from distributed import as_completed

        futures = {
            self.client.submit(task, *given, pure=False): index for index, given in enumerate(arguments)
        }
        try:
            for future in as_completed(futures, loop=self.client.loop):
                yield futures[future], future.result()
        finally:
            for future in futures:
                future.cancel()


def cluster(request: str) -> Cluster:
    """The cluster that ``request`` names: ``"inline"``, ``"local"`` or a scheduler address ``tcp://…``.

    A local cluster is started once per process, one single-threaded worker per core. Raises
    ValueError for other names, OSError where no scheduler answers at the address.
    """
    if request == "inline" or _inside_worker():
        return InlineCluster()
    if request == "local":
        return DaskCluster(_client(_local_cluster().scheduler_address))
    if "://" in request:
        return DaskCluster(_client(request))
    raise ValueError(
        f"cluster: given {request!r}; allowed: 'inline', 'local' or a scheduler address tcp://host:port"
    )


class StartedCluster:
    """A cluster that a run started and hands to its kernels by address."""

    def __init__(self, workers: int):
        self._cluster = _start_local(workers)
        self.address: str = self._cluster.scheduler_address

    def close(self) -> None:
        """Stop scheduler and workers, and this process's client of them."""
        _disconnect(self.address)
        self._cluster.close(timeout=10)


def start(request: str, workers: int | None = None) -> StartedCluster | None:
    """Start what ``request`` needs before any kernel: a local cluster, or nothing for the others."""
    return StartedCluster(workers or core_count()) if request == "local" else None


def _start_local(workers: int) -> "LocalCluster":
    import dask.config
    from distributed import LocalCluster

    options: dict[str, Any] = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "processes": True,
        "dashboard_address": "127.0.0.1:0",  # any free port: several runs share a machine
        "silence_logs": logging.CRITICAL,
        "env": WORKER_ENVIRONMENT | {"COMPANION_ROOT": str(project_root())},
    }
    # The C library reads these when a process starts, before Dask sets the variables above.
    with dask.config.set({"distributed.nanny.pre-spawn-environ": MEMORY_ENVIRONMENT}):
        return LocalCluster(**options)


@lru_cache(maxsize=1)
def _local_cluster() -> "LocalCluster":
    started = _start_local(core_count())
    atexit.register(started.close)
    return started


def _client(address: str) -> "Client":
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
