"""What a stored function is billed: all legs of its work, no waiting for others, a GPU only where it used one."""

import contextvars
import importlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from companion.compute import sweeps
from companion.session import current
from companion.store import meter
from companion.store.artefacts import read_manifest, store_roots
from companion.store.calibration import samples
from companion.store.durable import StoredFunction
from companion.store.meter import Seconds
from companion.store.own_costs import billed_seconds, reader
from companion.store.running import SPENT, waiting, workspace

STUDY = '''
"""Studies that spend the seconds of a clock of the tests."""
import json

import xarray as xr

from companion.compute.sweeps import compute_on_gpu_worker, sweep
from companion.session.device import DeviceElsewhere
from companion.session.files import write_atomically
from companion.store.durable import stored, workspace

NOW = [0.0, 0.0, 0.0, 0]
ENDS = []
THERE = []

def spend(wall, gpu=0):
    NOW[0] += wall
    NOW[1] += wall / 2
    NOW[3] += gpu

@stored(device=True)
def trained(steps):
    with workspace() as folder:
        spend(steps, gpu=1)
        write_atomically(folder / "training.pt", b"state")
        noted = json.loads((folder / "spent.json").read_text())["own"]["wall"]
        spend(7.0)
        if ENDS:
            raise ENDS.pop()
    return xr.Dataset({"noted": noted})

@stored
def inner(steps):
    spend(steps)
    if ENDS:
        raise ENDS.pop()
    return xr.Dataset({"x": 0})

@stored
def around(steps):
    with workspace():
        spend(1.0)
        return inner(steps)

@stored(device=True)
def block(conditions):
    spend(100.0, gpu=1)
    return xr.Dataset({"x": ("condition", [0.0] * len(conditions))})

@stored(device=True)
def composite(blocks):
    found = sweep(block, [{"run": run} for run in range(blocks)], block=1)
    spend(3.0)
    return found

@stored(device=True)
def alone(number):
    if not THERE:
        raise DeviceElsewhere(compute_on_gpu_worker)
    spend(50.0, gpu=1)
    return xr.Dataset({"number": number})

@stored(device=True)
def above(number):
    spend(2.0)
    return alone(number)
'''


@pytest.fixture
def study(project: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (project / "spender.py").write_text(STUDY)
    importlib.invalidate_caches()
    module = importlib.import_module("spender")
    monkeypatch.setattr(meter, "_now", lambda: Seconds(*module.NOW))
    return module


class Queue:
    """A cluster that has tasks wait for an hour and computes them as another process would, or in this one."""

    def __init__(self, study: ModuleType, *, apart: bool):
        self.study, self.apart = study, apart

    def run(
        self, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]], *, kind: str = "cpu"
    ) -> Iterator[tuple[int, Any]]:
        self.study.spend(3600.0)
        self.study.NOW[1] -= 1800.0  # waiting takes no processor
        self.study.THERE.append(True)
        for index, given in enumerate(arguments):
            yield index, self._apart(task, given) if self.apart else task(*given)

    def _apart(self, task: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        now, (_, *here) = self.study.NOW, self.study.NOW
        outcome = contextvars.Context().run(task, *given)
        now[1:] = here  # its processor and its GPU are not ours
        return outcome


@pytest.fixture(params=[True, False], ids=["apart", "here"])
def queue(study: ModuleType, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Queue:
    """A session of CUDA whose work goes to such a cluster."""
    session = SimpleNamespace(cluster="there", device="cuda", touched={})
    monkeypatch.setattr(current, "_current", session)
    waits = Queue(study, apart=request.param)
    monkeypatch.setattr(sweeps, "cluster", lambda request: waits)
    return waits


def cost(function: StoredFunction, *arguments: Any) -> dict[str, Any]:
    return read_manifest(function.address(*arguments).own)["cost"]


def billed(function: StoredFunction, *arguments: Any) -> tuple[float, float]:
    return billed_seconds(read_manifest(function.address(*arguments).own), reader(store_roots()[0]))


def test_a_training_is_billed_for_all_its_legs(study):
    study.ENDS += [KeyboardInterrupt, RuntimeError]
    for end in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(end):
            study.trained(100.0)
    assert float(study.trained(100.0).noted) == 3 * 100 + 2 * 7  # at the checkpoint of the last leg
    found = cost(study.trained, 100.0)
    assert (found["wall_seconds"], found["cpu_seconds"]) == (321.0, 160.5)
    assert (found["own_wall_seconds"], found["own_cpu_seconds"]) == (321.0, 160.5)
    assert not study.trained.address(100.0).workspace.exists()


def test_a_leg_that_is_killed_leaves_what_it_had_spent_at_its_checkpoint(study):
    address = study.trained.address(100.0)
    address.workspace.mkdir(parents=True)
    leg = {"wall": 40.0, "cpu": 20.0, "compiling": 0.0, "gpu_blocks": 5}
    (address.workspace / SPENT).write_text(json.dumps({"whole": leg, "own": leg}))
    assert float(study.trained(100.0).noted) == 140.0
    assert cost(study.trained, 100.0)["own_cpu_seconds"] == (40.0 + 107.0) / 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"whole": 3}',
        *(f'{{"whole": {{"wall": {wall}}}, "own": {{}}}}' for wall in ("NaN", '"x"', "9" * 400)),
    ],
)
def test_a_damaged_note_counts_as_nothing(study, text):
    folder = study.trained.address(1.0).workspace
    folder.mkdir(parents=True)
    (folder / SPENT).write_text(text)
    study.trained(1.0)
    assert cost(study.trained, 1.0)["own_wall_seconds"] == 8.0


def test_a_note_that_the_disk_refuses_stops_nothing(study, monkeypatch):
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(KeyboardInterrupt):
        study.ENDS.append(KeyboardInterrupt)
        study.around(5.0)
    monkeypatch.setattr("companion.store.running.atomic_path", refuse)
    study.around(5.0)
    assert cost(study.around, 5.0)["wall_seconds"] == 2 * 6.0


def test_work_inside_that_was_interrupted_is_not_ones_own(study):
    study.ENDS.append(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        study.around(10.0)
    study.around(10.0)
    found = cost(study.around, 10.0)
    assert (found["wall_seconds"], found["own_wall_seconds"]) == (22.0, 2.0)


def test_waiting_for_workers_is_no_work_and_holds_no_gpu(queue, study):
    study.composite(3)
    found = cost(study.composite, 3)
    assert found["own_wall_seconds"] == 3.0  # neither the hour in the queue nor what was computed meanwhile
    assert billed(study.composite, 3) == (1.5, 0.0)
    assert billed(study.block, ({"run": 0},)) == (0.0, 100.0)
    devices = {each.function: each.device for each in samples(store_roots())}
    assert devices == {"spender.block": "cuda", "spender.composite": "cpu"}


def test_work_that_is_sent_to_a_gpu_is_billed_there_alone(queue, study):
    study.above(1)
    assert cost(study.above, 1)["own_wall_seconds"] == 2.0
    assert billed(study.above, 1)[1] == 0.0
    assert billed(study.alone, 1) == (0.0, 50.0)


def test_waiting_outside_stored_functions_is_nobodys(project):
    with waiting(), pytest.raises(RuntimeError), workspace():
        pass


def test_a_gpu_is_used_where_memory_of_it_is_taken(monkeypatch):
    taken = [{}, {"allocation.all.allocated": 5}]
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: len(taken),
        memory_stats=lambda number: taken[number],
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    measured = meter.Meter()
    assert measured.seconds().gpu_blocks == 0
    taken[0] = {"allocation.all.allocated": 2}
    assert measured.seconds().gpu_blocks == 2
    cuda.is_initialized = lambda: False
    assert meter._gpu_blocks() == 0
