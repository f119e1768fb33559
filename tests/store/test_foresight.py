"""Calls that are noted instead of computed: which, with how much work, and what of it enters keys."""

import importlib

import pytest

from companion.compute.sweeps import sweep
from companion.store.artefacts import read_manifest
from companion.store.fingerprint import normalised
from companion.store.foresight import Absent, Foresight, NotComputed, foreseeing

STUDY = '''
"""Studies that declare what they cost."""
import numpy as np
import xarray as xr

from companion.compute.sweeps import sweep
from companion.store.durable import stored

@stored(work=lambda conditions, size, **_: len(conditions) * size, disk=lambda conditions, **_: 10)
def block(conditions, size):
    return xr.Dataset({"y": ("condition", [float(each["x"]) * size for each in conditions])})

@stored(calls="body")
def swept(count, size):
    found = sweep(block, [{"x": x} for x in range(count)], block=2, size=size)
    return found * float(found.y.sum())

@stored(work=lambda: 3, calls=lambda: [lambda: float(swept(4, 2).y[0]), lambda: swept(4, 3)])
def outer():
    first = swept(4, 2)
    return first + float(first.y[0]) + swept(4, 3)

@stored(calls="body")
def wrong(count):
    if count > 3:
        raise ValueError(f"count: {count} given; allowed: up to 3")
    return xr.Dataset()
'''


@pytest.fixture
def study(project):
    (project / "foreseen.py").write_text(STUDY)
    importlib.invalidate_caches()
    return importlib.import_module("foreseen")


def test_what_foresees_costs_is_no_code():
    plain = "@stored\ndef f(x): return x"
    assert normalised("@stored(work=lambda x: x, calls='body', disk=len)\ndef f(x): return x") == normalised(
        plain
    )
    on_device = "@stored(device=True)\ndef f(x): return x"
    assert normalised("@stored(device=True, work=len)\ndef f(x): return x") == normalised(on_device)
    assert normalised(on_device) != normalised(plain)
    assert normalised("@other(work=len)\ndef f(x): return x") != normalised("@other\ndef f(x): return x")


def test_calls_are_noted_with_their_work_and_nothing_is_stored(study, project):
    with foreseeing() as calls:
        assert isinstance(study.outer(), Absent)
    (outer,) = calls
    assert (outer.function, outer.work, outer.stored) == ("foreseen.outer", 3, False)
    first, second = outer.inner
    assert [inner.work for inner in first.inner] == [4, 4]
    assert [inner.work for inner in second.inner] == [6, 6]
    assert first.inner[0].disk == 10
    assert not list((project / "build" / "store").glob("*.*"))


def test_noted_keys_are_those_of_the_run(study):
    with foreseeing() as calls:
        study.outer()
    study.outer()
    folder = study.outer.address().find()
    used = read_manifest(folder)["used"]
    assert {inner.key for inner in calls[0].inner} == set(used)
    swept = {key for inner in calls[0].inner for key in (block.key for block in inner.inner)}
    stored = {
        key
        for inner in calls[0].inner
        for key in read_manifest(folder.parents[1] / inner.function / inner.key)["used"]
    }
    assert swept == stored


def test_what_is_stored_is_found_and_asked_for_no_further(study):
    study.swept(4, 2)
    with foreseeing() as calls:
        study.outer()
    first, second = calls[0].inner
    assert first.stored and not first.inner
    assert not second.stored
    with foreseeing(anew=True) as calls:
        study.swept(4, 2)
    assert not calls[0].stored


def test_a_sweep_notes_each_block(study):
    with foreseeing() as calls:
        found = sweep(study.block, [{"x": x} for x in range(5)], block=2, size=7)
        assert [call.work for call in calls] == [14, 14, 7]
        assert isinstance(found.y.mean("condition"), Absent)
        with pytest.raises(NotComputed):
            float(found.y[0])


def test_wrong_arguments_are_a_problem_of_the_call(study):
    with foreseeing() as calls:
        study.wrong(4)
    assert calls[0].problem == "ValueError: count: 4 given; allowed: up to 3"


def test_a_call_with_a_missing_result_is_noted_as_unknown(study):
    with foreseeing() as calls:
        study.wrong(study.swept(2, 1))
    assert [call.problem for call in calls] == ["", "not counted: it takes results that are not there"]


def test_manifests_tell_the_work_and_what_was_a_studys_own(study):
    study.outer()
    manifest = read_manifest(study.outer.address().find())
    cost = manifest["cost"]
    assert cost["work"] == 3
    assert 0 <= cost["own_cpu_seconds"] <= cost["cpu_seconds"]
    assert cost["own_wall_seconds"] < cost["wall_seconds"]


def test_work_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="work=: nan found; allowed: a number from 0 on"):
        Foresight(work=lambda x: float("nan")).work_of({"x": 1})
