"""Sweeps over blocks of conditions: fixed blocks, the same numbers wherever they run."""

import importlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import xarray as xr

from companion.compute.clusters import cluster, start
from companion.compute.sweeps import _as_if_there, sweep
from companion.session import current, events
from companion.store.artefacts import all_results, store_roots

STUDY = """
import os

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.compute.sweeps import sweep
from companion.store.durable import stored

BLOCKS = []

@stored
def draws(conditions, scale):
    BLOCKS.append(len(conditions))
    values = [scale * generator(7, "draws", condition["run"]).standard_normal() for condition in conditions]
    return xr.Dataset({"value": ("condition", np.array(values)), "scale": scale})

@stored
def mean(runs):
    return sweep(draws, [{"run": run} for run in range(runs)], block=3, scale=2.0).mean("condition")
"""


@pytest.fixture
def study(project: Path):
    (project / "sweepstudy.py").write_text(STUDY)
    importlib.invalidate_caches()
    return importlib.import_module("sweepstudy")


def conditions(number: int) -> list[dict[str, int]]:
    return [{"run": run} for run in range(number)]


def test_growing_a_sweep_computes_only_the_new_blocks(study):
    small = sweep(study.draws, conditions(6), block=3, scale=2.0)
    large = sweep(study.draws, conditions(12), block=3, scale=2.0)
    assert study.BLOCKS == [3, 3, 3, 3]
    assert large.sizes == {"condition": 12}
    assert large.run.values.tolist() == list(range(12))
    xr.testing.assert_equal(large.isel(condition=slice(6)), small)


def test_a_condition_has_its_own_numbers_whatever_the_blocks(study):
    in_threes = sweep(study.draws, conditions(7), block=3, scale=2.0)
    in_fives = sweep(study.draws, conditions(7), block=5, scale=2.0)
    xr.testing.assert_equal(in_threes, in_fives)


def test_a_damaged_block_is_computed_again(study):
    whole = sweep(study.draws, conditions(6), block=3, scale=2.0)
    for _, folder in all_results(store_roots()[0]):
        (folder / "result.nc").write_bytes(b"cut short")
        break
    again = sweep(study.draws, conditions(6), block=3, scale=2.0)
    xr.testing.assert_equal(again, whole)
    assert study.BLOCKS == [3, 3, 3]


def test_a_run_hears_of_every_block_once_whether_stored_or_computed(study, project, monkeypatch):
    sweep(study.draws, conditions(6), block=3, scale=2.0)
    monkeypatch.setenv("COMPANION_EVENTS", str(project / "events.jsonl"))
    sweep(study.draws, conditions(9), block=3, scale=2.0)
    found, _ = events.read_events(project / "events.jsonl")
    results = [event for event in found if event["kind"] == "result"]
    assert sorted(event["status"] for event in results) == ["computed", "hit", "hit"]
    assert len({event["key"] for event in results}) == 3


def test_a_worker_forgets_where_the_last_task_came_from(project, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", "mine")
    with _as_if_there({"COMPANION_STORE": "theirs", "COMPANION_DEVICE": "cpu"}):
        assert os.environ["COMPANION_STORE"] == "theirs"
    assert os.environ["COMPANION_STORE"] == "mine"
    assert "COMPANION_DEVICE" not in os.environ


def test_a_study_remembers_the_blocks_it_used(study):
    study.mean(5)
    from companion.store.artefacts import read_manifest

    used = read_manifest(study.mean.address(5).own)["used"]
    blocks = {
        address.key for address, _ in all_results(store_roots()[0]) if address.function.endswith("draws")
    }
    assert set(used) == blocks
    assert len(blocks) == 2


def test_dask_workers_store_the_same_bytes_as_this_process(study, project, monkeypatch):
    sweep(study.draws, conditions(4), block=2, scale=2.0)
    inline = {a.key: (f / "result.nc").read_bytes() for a, f in all_results(store_roots()[0])}
    monkeypatch.setenv("COMPANION_STORE", str(project / "other"))
    started = start("local", workers=2)
    assert started is not None
    try:
        session = SimpleNamespace(cluster=started.address, device="cpu", touched={})
        monkeypatch.setattr(current, "_current", session)
        sweep(study.draws, conditions(4), block=2, scale=2.0)
        remote = {a.key: (f / "result.nc").read_bytes() for a, f in all_results(store_roots()[0])}
        assert remote == inline
        assert set(session.touched) == set(inline)
        assert study.BLOCKS == [2, 2]  # nothing more ran here
    finally:
        started.close()


@pytest.mark.parametrize(("number", "block"), [(0, 3), (3, 0)])
def test_an_empty_sweep_is_refused(study, number, block):
    with pytest.raises(ValueError, match=r"sweepstudy\.draws"):
        sweep(study.draws, conditions(number), block=block, scale=1.0)


def test_a_plain_function_is_refused(study):
    with pytest.raises(TypeError, match="not a @stored function"):
        sweep(len, conditions(3), block=1)


def test_an_unknown_cluster_is_refused_with_what_is_allowed(project):
    with pytest.raises(ValueError, match=r"'inline', 'local' or a scheduler address"):
        cluster("cloud")
