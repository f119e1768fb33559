"""Workers that leave or die with blocks queued behind the one that they run: none is blamed but the deadly one."""

import asyncio
import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Nanny, Reschedule, Scheduler, SpecCluster, Worker, get_worker
from distributed.core import Status

from companion.compute.clusters import DaskCluster, LostBlock
from companion.compute.slurm import METADATA_KEY
from companion.compute.worker_signals import _leave as leave

_SECONDS = 10.0
_BLOCKS = 5

_open = threading.Event()
_began: Counter[int] = Counter()


@contextlib.contextmanager
def scheduler(**workers: dict[str, Any]) -> Iterator[tuple[SpecCluster, Client]]:
    """A scheduler that knows of one pool, as on SLURM: blocks queue on its workers and not at the scheduler."""
    place = {"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}}
    with SpecCluster(workers=workers, scheduler=place, silence_logs=50) as started, Client(started) as client:
        facts = {"name": "here", "logs": "build/slurm/x", "kinds": ["cpu"], "failed": {}}
        client.set_metadata([METADATA_KEY], facts)
        yield started, client


def held(index: int) -> int:
    """A block that goes on until it may end or its worker leaves; the first one is done at once."""
    _began[index] += 1
    while index and not _open.wait(0.01):
        if get_worker().status == Status.closing_gracefully:
            raise Reschedule
    return index


async def replaced(address: str, old: Worker | None, number: int) -> Worker:
    """A new worker in place of the ``old`` one, which leaves as one near its wall time does."""
    new = await Worker(address, nthreads=1, name=str(number), resources={"cpu": 1}, dashboard=False)
    if old is not None:
        await leave(old)
    return new


async def forgotten(dask_scheduler: Scheduler) -> None:
    """Return once the scheduler knows no more of a block that is done and fetched."""
    async with asyncio.timeout(_SECONDS):
        while len(dask_scheduler.tasks) == _BLOCKS:
            await asyncio.sleep(0.01)


async def all_held(dask_scheduler: Scheduler) -> None:
    """Return once one worker has all blocks that are left, of which it runs one."""
    async with asyncio.timeout(_SECONDS):
        while [len(worker.processing) for worker in dask_scheduler.workers.values()] != [_BLOCKS - 1]:
            await asyncio.sleep(0.01)


def test_workers_that_leave_in_a_row_cost_no_block_that_waits_on_them():
    _open.clear()
    _began.clear()
    with scheduler() as (started, client):
        replace = partial(started.sync, replaced, started.scheduler_address)
        worker = replace(None, 0)
        ended = DaskCluster(client).run(held, [(index,) for index in range(_BLOCKS)])
        assert next(ended) == (0, 0)
        client.run_on_scheduler(forgotten)
        for number in range(1, 6):
            worker = replace(worker, number)
            client.run_on_scheduler(all_held)
        _open.set()
        assert sorted(ended) == [(index, index) for index in range(1, _BLOCKS)]
        started.sync(worker.close)
    assert _began[0] == 1  # done and fetched, it is not computed again with the worker that had it
    assert set(_began) == set(range(_BLOCKS))


def deadly(index: int, folder: str) -> int:
    """A block that ends its worker if a file in ``folder`` names it."""
    if Path(folder, str(index)).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return index


@pytest.mark.parametrize("deaths", [1, pytest.param(2, marks=pytest.mark.faults)])
def test_a_deadly_block_is_named_and_those_that_waited_behind_it_are_done(tmp_path: Path, deaths: int):
    for index in range(deaths):
        (tmp_path / str(index)).touch()
    usual = {"nthreads": 1, "resources": {"cpu": 1}, "dashboard": False}
    done = []
    with (
        scheduler(only={"cls": Nanny, "options": usual}) as (_, client),
        pytest.raises(LostBlock) as lost,
    ):
        for index, outcome in DaskCluster(client).run(deadly, [(i, str(tmp_path)) for i in range(_BLOCKS)]):
            assert index == outcome
            done.append(index)
    assert lost.value.index == deaths - 1
    assert lost.value.workers == 4 and lost.value.logs == "build/slurm/x"
    assert sorted(done) == (list(range(1, _BLOCKS)) if deaths == 1 else [])
