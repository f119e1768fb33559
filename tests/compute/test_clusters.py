"""Tasks on a Dask scheduler: each once, in any order, and what a task raises."""

import os
from collections.abc import Iterator

import pytest
from distributed import Client, LocalCluster

from companion.compute.clusters import Cluster, DaskCluster, cluster, start


def process(number: int) -> int:
    return os.getpid()


def divided(number: int, by: int) -> float:
    return number / by


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_ROOT", str(tmp_path_factory.mktemp("root")))
        started = start("local", workers=2)
        assert started is not None
        try:
            yield cluster(started.address)
        finally:
            started.close()


def test_every_task_runs_once_with_its_own_arguments(local: Cluster):
    found = list(local.run(divided, ((number, 4) for number in range(450))))
    assert sorted(found) == [(number, number / 4) for number in range(450)]


def test_no_tasks_are_no_work(local: Cluster):
    assert list(local.run(divided, [])) == []


def test_what_a_task_raises_comes_back_and_others_go_on_later(local: Cluster):
    with pytest.raises(ZeroDivisionError):
        list(local.run(divided, [(1, 1), (1, 0), (1, 2)]))
    assert sorted(local.run(divided, [(1, 1), (1, 2)])) == [(0, 1.0), (1, 0.5)]


def test_work_on_the_gpu_of_this_machine_is_one_after_the_other(local: Cluster):
    tasks = [(number,) for number in range(20)]
    assert len({pid for _, pid in local.run(process, tasks, kind="gpu")}) == 1  # of one thread


def test_no_profiler_keeps_what_a_task_lets_go(local: DaskCluster):
    """Frames that it held on to kept HDF5 objects open, so that equal results were laid out otherwise in a file."""
    profiled = local.client.run(lambda dask_worker: "profile" in dask_worker.periodic_callbacks)
    assert list(profiled.values()) == [False, False]


def test_workers_that_tell_of_no_gpu_take_work_for_one():
    here = {"processes": False, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with LocalCluster(n_workers=1, threads_per_worker=1, **here) as started, Client(started) as client:
        assert list(DaskCluster(client).run(divided, [(1, 2)], kind="gpu")) == [(0, 0.5)]
