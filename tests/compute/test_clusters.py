"""Tasks on a Dask scheduler: each once, in any order, and what a task raises."""

from collections.abc import Iterator

import pytest

from companion.compute.clusters import Cluster, cluster, start


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
