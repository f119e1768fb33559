"""What results cost: each once, with what they used, and what is not there."""

import json
from pathlib import Path
from typing import Any

import pytest

from companion.store.costs import Ledger, Spent, together


@pytest.fixture
def put(tmp_path: Path):
    """Puts a result's manifest into the store "own", or another one."""

    def write(key: str, store: str = "own", **changes: Any) -> Path:
        cost = {"cpu_seconds": 10.0, "wall_seconds": 20.0, "peak_memory_kib": 100, **changes.pop("cost", {})}
        manifest = {"key": key, "function": "f.g", "used": {}, "made": {"time": 1000.0}, "cost": cost}
        folder = tmp_path / store / "f.g" / key
        folder.mkdir(parents=True)
        (folder / "result.nc").write_bytes(b"0" * 500)
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))
        return folder

    return write


def behind(tmp_path: Path, *keys: str, function: str = "f.g"):
    ledger = Ledger([tmp_path / "own", tmp_path / "group"])
    return ledger.behind(dict.fromkeys(keys, function))


def test_what_a_result_used_counts_too_and_once(tmp_path, put):
    put("a", used={"c": "f.g"}, made={"time": 1005.0}, cost={"own_cpu_seconds": 2.0, "own_wall_seconds": 3.0})
    put("b", used={"c": "f.g"}, made={"time": 2000.0})
    put("c", cost={"cpu_seconds": 7.0, "peak_memory_kib": 900})
    found, missing = behind(tmp_path, "a", "b")
    assert [cost.key for cost in found] == ["a", "b", "c"]
    assert not missing
    spent = together(found)
    assert (spent.results, spent.core_seconds, spent.gpu_seconds) == (3, 2.0 + 10.0 + 7.0, 0.0)
    assert spent.memory_kib == 900
    assert spent.wall_seconds == 25.0 + 20.0  # a and c at the same time, b by itself
    assert spent.bytes > 3 * 500


def test_a_result_on_a_gpu_held_it(tmp_path, put):
    put("a", device="cuda", cost={"own_cpu_seconds": 10.0, "own_wall_seconds": 15.0})
    (cost,), _ = behind(tmp_path, "a")
    assert (cost.core_seconds, cost.gpu_seconds) == (0.0, 15.0)  # its cores came with it


def test_a_result_that_only_joins_what_gpus_computed_held_none(tmp_path, put):
    put("a", device="cuda", cost={"own_cpu_seconds": 10.0, "own_wall_seconds": 15.0, "device": "cpu"})
    put("b", device="cpu", cost={"own_cpu_seconds": 2.0, "own_wall_seconds": 3.0, "device": "cuda"})
    found, _ = behind(tmp_path, "a", "b")
    assert [(cost.core_seconds, cost.gpu_seconds) for cost in found] == [(10.0, 0.0), (2.0, 0.0)]


def test_what_is_not_there_is_told(tmp_path, put):
    put("a", used={"gone": "f.g"})
    found, missing = behind(tmp_path, "a", "never")
    assert [cost.key for cost in found] == ["a"]
    assert missing == {"gone", "never"}
    assert together(found, len(missing)).missing == 2


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"used": 3}', '{"key": "a", "used": {}}', '{"key": "z", "used": {}, "cost": 1}']
)
def test_damaged_manifests_are_not_known(tmp_path, put, text):
    (put("a") / "manifest.json").write_text(text)
    assert behind(tmp_path, "a") == ([], {"a"})


def test_the_groups_store_is_read_and_a_function_need_not_be_named(tmp_path, put):
    put("a", store="group")
    assert [cost.function for cost in behind(tmp_path, "a", function="")[0]] == ["f.g"]


def test_nothing_costs_nothing(tmp_path):
    assert behind(tmp_path) == ([], set())
    assert together([]) == Spent()
    assert not Spent(missing=3).known
