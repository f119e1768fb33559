"""Stored results of one call across code, devices and stores."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from companion.run.compare_results import compare_results
from companion.run.sides import Side
from companion.store import fingerprint
from companion.store.artefacts import MANIFEST, all_results, store_roots

STUDY = """
import numpy as np
import xarray as xr
from companion.store.durable import stored

@stored
def doubled(numbers):
    return xr.Dataset({"double": ("number", 2.0 * np.arange(numbers))})
"""


def study(project: Path, text: str) -> ModuleType:
    """The user's module with this text, as a new process imports it."""
    (project / "doubling.py").write_text(text)
    fingerprint._first_seen.pop("doubling", None)
    importlib.invalidate_caches()
    module = importlib.import_module("doubling")
    return importlib.reload(module)


def side(**others: object) -> Side:
    return Side("store", "store", stores=tuple(store_roots()), **others)


@pytest.fixture
def computed(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two calls stored with one code, one of them again with another."""
    # Compiled files are told apart by size and second: an edit of one digit within the same second is not seen.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    first = study(project, STUDY)
    first.doubled(3), first.doubled(4)
    study(project, STUDY.replace("2.0 *", "2.5 *")).doubled(3)
    return project


def test_a_store_is_compared_with_its_past(computed):
    count, alone, (found,) = compare_results(side(before=True), side())
    assert (count, alone) == (1, (0, 1))
    assert found.name == "doubling.doubled" and found.code[1] == "code: doubling"
    (column,) = found.tables[0].columns
    assert (column.differing, column.largest, column.place) == (2, 1.0, "number=2")


def test_equal_contents_are_the_same_whatever_their_key(computed):
    study(computed, STUDY.replace("2.0 *", "(1.0 + 1.5) *")).doubled(3)
    assert compare_results(side(before=True), side())[2] == ()


def test_results_are_found_by_device(computed):
    for number, (_, folder) in enumerate(all_results(store_roots()[0])):
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["device"] = "cuda" if number == 0 else "cpu"
        (folder / MANIFEST).write_text(json.dumps(manifest))
    count, (only_cpu, only_cuda), found = compare_results(side(device="cpu"), side(device="cuda"))
    assert (count + only_cpu, count + only_cuda) == (2, 1)
    assert all("device cpu → cuda" in each.code for each in found)


def test_damaged_results_are_left_to_verify_and_unreadable_numbers_told(computed):
    _, folder = max(all_results(store_roots()[0]), key=lambda each: each[1].stat().st_mtime_ns)
    (folder / "result.nc").write_bytes(b"torn")
    assert "its bytes are not the ones" in compare_results(side(before=True), side())[2][0].problem
    (folder / MANIFEST).write_text("{}")
    assert compare_results(side(before=True), side())[0] == 0
