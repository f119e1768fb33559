"""Which workers a sweep asks for, and what becomes of work that needs a GPU where there is none."""

import importlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from companion.compute import sweeps
from companion.compute.clusters import InlineCluster, LostBlock
from companion.compute.devices import torch_device
from companion.compute.sweeps import sweep
from companion.session import current
from companion.session.device import DeviceElsewhere

STUDY = """
import os

import xarray as xr

from companion.compute.devices import torch_device
from companion.store.durable import stored

PLACES = []

@stored
def plain(conditions):
    return xr.Dataset({"device": ("condition", [os.environ["COMPANION_DEVICE"]] * len(conditions))})

@stored(device=True)
def accelerated(conditions):
    return xr.Dataset({"device": ("condition", [os.environ["COMPANION_DEVICE"]] * len(conditions))})

@stored(device=True)
def alone(number):
    PLACES.append(os.environ.get("PLACE", "here"))
    if PLACES[-1] == "here":
        torch_device()
    return xr.Dataset({"number": number})

@stored(device=True)
def above(number):
    return alone(number) + 1

@stored
def careless(number):
    return alone.function(number)
"""


class Elsewhere:
    """A cluster that runs tasks here, as another machine would, and notes the kind of worker asked for."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def run(
        self, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], *, kind: str = "cpu"
    ) -> Iterator[tuple[int, Any]]:
        self.kinds.append(kind)
        session, current._current = current._current, None
        os.environ["PLACE"] = "there"
        try:
            yield from [(index, task(*given)) for index, given in enumerate(arguments)]
        finally:
            del os.environ["PLACE"]
            current._current = session


@pytest.fixture
def study(project: Path):
    (project / "routestudy.py").write_text(STUDY)
    importlib.invalidate_caches()
    return importlib.import_module("routestudy")


@pytest.fixture
def elsewhere(study, monkeypatch) -> Elsewhere:
    """A session of CUDA on another machine; this one has no GPU."""
    monkeypatch.setattr(current, "cuda_available", lambda: False)
    monkeypatch.setattr(current, "_current", SimpleNamespace(cluster="there", device="cuda", touched={}))
    workers = Elsewhere()
    monkeypatch.setattr(sweeps, "cluster", lambda request: workers)
    return workers


def test_gpus_are_for_functions_whose_results_depend_on_the_device(elsewhere, study):
    conditions = [{"run": run} for run in range(3)]
    assert set(sweep(study.accelerated, conditions, block=2).device.values) == {"cuda"}
    assert set(sweep(study.plain, conditions, block=2).device.values) == {"cpu"}
    assert elsewhere.kinds == ["gpu", "cpu"]


def test_on_the_cpu_all_work_is_for_processors(elsewhere, study, monkeypatch):
    monkeypatch.setattr(current.current(), "device", "cpu")
    sweep(study.accelerated, [{"run": 0}], block=1)
    assert elsewhere.kinds == ["cpu"]


def test_a_call_that_finds_no_gpu_here_is_made_by_a_gpu_worker(elsewhere, study):
    assert study.alone(3).number.item() == 3
    assert study.PLACES == ["here", "there"]
    assert elsewhere.kinds == ["gpu"]
    assert study.alone(3).number.item() == 3 and elsewhere.kinds == ["gpu"]  # stored
    assert study.above(4).number.item() == 5  # only the call inside is sent
    assert study.PLACES[2:] == ["here", "there"] and elsewhere.kinds == ["gpu", "gpu"]


def test_a_function_that_does_not_say_so_is_not_sent(elsewhere, study):
    with pytest.raises(DeviceElsewhere, match=r"only functions declared @stored\(device=True\)"):
        study.careless(1)
    with pytest.raises(DeviceElsewhere):
        torch_device()


def test_a_gpu_worker_without_a_gpu_says_so(study, monkeypatch):
    monkeypatch.setattr(current, "cuda_available", lambda: False)
    monkeypatch.setenv("COMPANION_DEVICE", "cuda")
    with pytest.raises(
        RuntimeError, match=r"routestudy\.alone: it needs CUDA, but PyTorch finds no CUDA device"
    ):
        study.alone(1)


def test_a_block_that_ends_its_workers_is_named(elsewhere, study, monkeypatch):
    def run(*_: Any, **named: Any) -> Iterator[tuple[int, Any]]:
        raise LostBlock(1, 4, "build/slurm/x")
        yield

    monkeypatch.setattr(elsewhere, "run", run)
    with pytest.raises(RuntimeError) as failed:
        sweep(study.plain, [{"run": run} for run in range(12)], block=5)
    assert str(failed.value).splitlines() == [
        "routestudy.plain, block 1: 4 workers ended while they ran it; is it short of memory?",
        "  conditions: {'run': 5}, {'run': 6}, {'run': 7} and 2 more",
        "  logs of the workers: build/slurm/x",
    ]


def test_inline_work_asks_for_no_kind():
    assert list(InlineCluster().run(lambda number: number + 1, [(1,), (2,)], kind="gpu")) == [(0, 2), (1, 3)]
