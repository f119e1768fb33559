"""What is missing is told with its cost, by the rates of what is stored, and computed by nobody unasked."""

import importlib

import pytest

from companion.explore.missing import NotStored, stored_result

STUDY = '''
"""Studies that note that they ran."""
import time

import numpy as np
import xarray as xr

from companion.compute.sweeps import sweep
from companion.store.durable import stored

ran = []

@stored(work=lambda conditions, size: len(conditions) * size)
def block(conditions, size):
    ran.append(len(conditions))
    return xr.Dataset({"y": ("condition", np.ones(len(conditions)))})

@stored(calls="body")
def swept(count, size):
    return sweep(block, [{"x": x} for x in range(count)], block=2, size=size)

@stored(work=lambda: 5)
def alone():
    return xr.Dataset({"y": ((), 1.0)})
'''


@pytest.fixture
def study(project):
    (project / "missed.py").write_text(STUDY)
    importlib.invalidate_caches()
    return importlib.import_module("missed")


def test_a_stored_result_is_given_and_a_missing_one_is_told(study):
    expected = study.swept(2, 3)
    assert stored_result("the sweep", study.swept, 2, 3).identical(expected)
    with pytest.raises(NotStored, match=r"the sweep: not stored\. Computing it takes about \d") as told:
        stored_result("the sweep", study.swept, 6, 3)
    assert study.ran == [2]  # nothing was computed in order to tell
    told.value.compute()
    assert study.ran == [2, 2, 2]
    assert stored_result("the sweep", study.swept, 6, 3).sizes == {"condition": 6}


def test_the_cost_is_that_of_what_is_not_there_yet(study, monkeypatch):
    from companion.explore import missing
    from companion.store.calibration import Rate

    study.swept(2, 3)
    rate = Rate(seconds=10.0, factor=2.0, bytes=0, memory_kib=0, results=9, work=1, largest=1)
    monkeypatch.setattr(missing, "_rates", lambda functions: {("missed.block", "cpu"): rate})
    told = str(NotStored("it", study.swept, 4, 3))
    assert told.endswith("Computing it takes about 1 min 00 s of one core or GPU, to a factor of 2.0.")


def test_a_cost_that_nothing_tells_is_said_to_be_unknown(study):
    assert str(NotStored("it", study.alone)) == (
        "it: not stored. Computing it takes a time that no stored result tells."
    )
