"""Dask workers that leave: what they do is handed on, by a signal and by a lifetime, on real processes."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, Nanny, Scheduler, SpecCluster

from companion.compute.worker_signals import ask_workers, handing_on
from companion.session import interruption

_SECONDS = 60.0


@contextlib.contextmanager
def cluster(**lifetimes: str | None) -> Iterator[tuple[Client, dict[str, str]]]:
    """A client of one worker of each name, with this lifetime; and the workers' addresses."""
    usual = {"nthreads": 1, "preload": ["companion.compute.worker_signals"]}
    named = {
        name: {"cls": Nanny, "options": usual | {"name": name, "lifetime": lifetime}}
        for name, lifetime in lifetimes.items()
    }
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}}
    with (
        SpecCluster(workers=named, scheduler=scheduler, silence_logs=50) as started,
        Client(started) as client,
    ):
        known = client.scheduler_info(n_workers=-1)["workers"]
        yield client, {about["name"]: address for address, about in known.items()}


def until_asked(folder: str) -> int:
    """Note that it started; the first time, go on until asked to stop. Returns how often it had started before."""
    with handing_on():
        before = len(list(Path(folder).iterdir()))
        Path(folder, f"start{before}").touch()
        deadline = time.monotonic() + _SECONDS
        while before == 0 and time.monotonic() < deadline:
            interruption.stop_if_asked()
            time.sleep(0.02)
        return before


@pytest.mark.faults  # it waits for half of the lifetime, which must not begin before the test does
def test_work_of_a_worker_at_the_end_of_its_life_goes_on_elsewhere(tmp_path: Path):
    with cluster(lasting=None, leaving="12 s") as (client, addresses):
        address = addresses["leaving"]
        future = client.submit(until_asked, str(tmp_path), workers=[address], allow_other_workers=True)
        assert future.result(timeout=_SECONDS) == 1
        deadline = time.monotonic() + _SECONDS
        while address in client.scheduler_info(n_workers=-1)["workers"]:
            assert time.monotonic() < deadline, "the worker stayed"
            time.sleep(0.05)


def test_work_of_a_worker_that_gets_the_signal_goes_on_elsewhere(tmp_path: Path):
    with cluster(one=None, other=None) as (client, addresses):
        address = addresses["one"]
        pid = client.run(os.getpid, workers=[address])[address]
        future = client.submit(until_asked, str(tmp_path), workers=[address], allow_other_workers=True)
        deadline = time.monotonic() + _SECONDS
        while not (tmp_path / "start0").exists():
            assert time.monotonic() < deadline, "the task did not start"
            time.sleep(0.02)
        os.kill(pid, signal.SIGUSR1)
        assert future.result(timeout=_SECONDS) == 1


def test_workers_that_a_run_asks_stop_for_good(tmp_path: Path):
    with cluster(only=None) as (client, _):
        future = client.submit(until_asked, str(tmp_path))
        ask_workers(client.scheduler.address)
        with pytest.raises(interruption.Resumable):
            future.result(timeout=_SECONDS)
