"""Stored results: computed once, keyed by value and code, whole or absent."""

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pydantic import BaseModel, ConfigDict

from companion.store import upkeep
from companion.store.artefacts import MANIFEST, RESULT, Address, all_results, read_manifest, store_roots
from companion.store.durable import NotStored, workspace
from companion.store.locks import StoreNotWritable, key_lock

STUDY = '''
"""A study of the tests."""
import pathlib

import numpy as np
import xarray as xr

from companion.store.durable import stored, workspace

CALLS = []

@stored
def line(slope, points=3, extra=None):
    """A straight line."""
    CALLS.append(slope)
    return xr.Dataset({"y": ("x", slope * np.arange(float(points)), {"long_name": "height"})})

@stored
def doubled(slope):
    return line(slope) * 2

@stored
def interrupted(fail):
    with workspace() as folder:
        step = folder / "step"
        done = int(step.read_text()) if step.exists() else 0
        step.write_text(str(done + 1))
    if done == 0:
        raise KeyboardInterrupt
    return xr.Dataset({"steps": done + 1})

@stored
def wrong(what):
    return {"complex": xr.Dataset({"z": 1j}), "none": None,
            "flag": xr.Dataset({"x": 1.0}, attrs={"flag": True})}[what]
'''


@pytest.fixture
def study(project: Path):
    (project / "mystudy.py").write_text(STUDY)
    importlib.invalidate_caches()
    return importlib.import_module("mystudy")


def reimported(project: Path, source: str):
    """The study with another source, as a fresh process would see it."""
    from companion.store import fingerprint

    (project / "mystudy.py").write_text(source)
    fingerprint._first_seen.pop("mystudy", None)
    sys.modules.pop("mystudy", None)
    for cached in (project / "__pycache__").glob("mystudy*"):
        cached.unlink()
    importlib.invalidate_caches()
    return importlib.import_module("mystudy")


def test_second_call_is_a_hit_with_equal_values_and_types(study):
    first = study.line(2.0)
    second = study.line(2.0, points=3)
    assert study.CALLS == [2.0]
    xr.testing.assert_identical(first, second)
    assert first.attrs["companion_function"] == "mystudy.line"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((1, 2), [1, 2]),
        ({"b": 1, "a": (2,)}, {"a": [2], "b": 1}),
        (np.float64(0.5), 0.5),
        (np.arange(3), np.arange(6)[::2] // 2),
        (xr.Dataset({"x": 1.0}, attrs={"made": "today"}), xr.Dataset({"x": 1.0})),
    ],
)
def test_equal_values_have_one_key(study, first, second):
    assert study.line.address(1.0, extra=first) == study.line.address(1.0, extra=second)


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True)
    width: int


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1, 2),
        (1, True),
        (0.0, -0.0),
        (np.arange(3), np.arange(3.0)),
        (np.zeros((2, 1)), np.zeros((1, 2))),
        (np.array(["a", "b"]), np.array(["a", "c"])),
        (xr.Dataset({"x": ("a", [1.0])}), xr.Dataset({"x": ("b", [1.0])})),
        (xr.Dataset(coords={"x": ("a", [1.0])}), xr.Dataset(coords={"x": ("a", [2.0])})),
        (Spec(width=1), Spec(width=2)),
        ({"float": "0x1.0p+0"}, 1.0),
    ],
)
def test_other_values_have_other_keys(study, first, second):
    assert study.line.address(1.0, extra=first) != study.line.address(1.0, extra=second)


@pytest.mark.parametrize("bad", [np.sin, np.random.default_rng(0), os, {1: "x"}, np.array([1j]), object()])
def test_what_is_not_plain_data_is_refused_by_name(study, bad):
    with pytest.raises(TypeError, match=r"extra|complex"):
        study.line(1.0, extra=bad)
    assert study.CALLS == []


@pytest.mark.parametrize(
    ("what", "says"), [("complex", "z_real"), ("none", "NoneType"), ("flag", "JSON text")]
)
def test_results_that_cannot_be_stored_are_refused_with_advice(study, what, says):
    with pytest.raises(TypeError, match=says):
        study.wrong(what)


def test_comments_and_docstrings_recompute_nothing_but_code_does(project, study):
    key = study.line.address(1.0)
    prose = STUDY.replace("A straight line.", "A line,\n    straight.").replace(
        "CALLS = []", "CALLS = []  # why"
    )
    assert reimported(project, prose).line.address(1.0) == key
    assert reimported(project, STUDY.replace("slope * np", "1 + slope * np")).line.address(1.0) != key


def test_code_reached_inside_a_function_counts(project, study):
    key = study.line.address(1.0)
    (project / "other.py").write_text("GAIN = 2\n")
    lazy = STUDY.replace("    CALLS.append(slope)", "    from other import GAIN\n    CALLS.append(slope)")
    reached = reimported(project, lazy).line.address(1.0)
    assert reached != key
    (project / "other.py").write_text("GAIN = 3\n")
    from companion.store import fingerprint

    fingerprint._first_seen.pop("other", None)
    assert reimported(project, lazy).line.address(1.0) != reached


def test_code_changed_since_import_is_returned_but_not_stored(project, study, capsys):
    (project / "mystudy.py").write_text(STUDY.replace("slope * np", "1 + slope * np"))
    result = study.line(1.0)
    assert result.y.values.tolist() == [0, 1, 2]
    assert study.line.address(1.0).find() is None
    assert "restart the kernel" in capsys.readouterr().err


def test_damaged_result_is_moved_aside_and_computed_again(study, capsys):
    study.line(1.0)
    folder = study.line.address(1.0).own
    content = (folder / RESULT).read_bytes()
    (folder / RESULT).write_bytes(content[:-1] + b"\0")
    study.line(1.0)
    assert study.CALLS == [1.0, 1.0]
    assert (folder / RESULT).read_bytes() == content
    assert "computing it again" in capsys.readouterr().err
    assert len(list((store_roots()[0] / "quarantine").iterdir())) == 1


def test_a_manifest_cut_short_is_damage_too(study):
    study.line(1.0)
    (study.line.address(1.0).own / MANIFEST).write_text('{"key": ')
    study.line(1.0)
    assert study.CALLS == [1.0, 1.0]


def test_workspace_survives_an_interruption_and_goes_afterwards(study):
    with pytest.raises(KeyboardInterrupt):
        study.interrupted(1)
    assert int(study.interrupted(1).steps) == 2
    assert not study.interrupted.address(1).workspace.exists()


def test_workspace_belongs_inside_a_stored_function(project):
    with pytest.raises(RuntimeError, match="@stored"), workspace():
        pass


def test_manifest_says_what_was_used_and_at_what_cost(study):
    study.doubled(3.0)
    manifest = read_manifest(study.doubled.address(3.0).own)
    assert manifest["used"] == {study.line.address(3.0).key: "mystudy.line"}
    assert manifest["cost"]["wall_seconds"] > 0
    assert "mystudy" in manifest["modules"]


def test_a_second_store_is_read_through_but_never_written(study, project, monkeypatch):
    study.line(1.0)
    group = project / "build" / "store"
    own = project / "own"
    monkeypatch.setenv("COMPANION_STORE", f"{own}{os.pathsep}{group}")
    study.line(1.0)
    assert study.CALLS == [1.0]
    study.line(2.0)
    assert [address.key for address, _ in all_results(own)] == [study.line.address(2.0).key]


def test_forced_run_recomputes_each_result_once(study, monkeypatch):
    study.line(1.0)
    monkeypatch.setenv("COMPANION_FORCE", "this run")
    study.line(1.0)
    study.line(1.0)
    assert study.CALLS == [1.0, 1.0]


def test_where_nothing_may_be_computed_only_stored_results_are_given(study, monkeypatch):
    first = study.line(1.0)
    monkeypatch.setenv("COMPANION_STORED_ONLY", "1")
    xr.testing.assert_identical(study.line(1.0), first)
    with pytest.raises(NotStored, match=r"mystudy\.line: result [0-9a-f]{12} is not in the store"):
        study.line(2.0)
    assert study.CALLS == [1.0]


def test_same_call_same_bytes_in_another_process(study, project):
    study.line(1.5)
    folder = study.line.address(1.5).own
    ours = (folder / RESULT).read_bytes()
    environment = os.environ | {"COMPANION_STORE": str(project / "other")}
    code = "import sys; sys.path.insert(0, sys.argv[1]); import mystudy; mystudy.line(1.5)"
    subprocess.run([sys.executable, "-c", code, str(project)], check=True, env=environment, cwd=project)
    theirs = Address("mystudy.line", folder.name).in_store(project / "other") / RESULT
    assert theirs.read_bytes() == ours


def test_results_are_group_readable(study):
    study.line(1.0)
    folder = study.line.address(1.0).own
    assert folder.stat().st_mode & 0o050 == 0o050
    assert (folder / RESULT).stat().st_mode & 0o040


def test_code_typed_in_a_notebook_cannot_be_stored():
    from companion.store.durable import stored

    with pytest.raises(TypeError, match="module file"):

        @stored
        def local(x):
            return xr.Dataset()


def test_verify_finds_damage_and_differences(study):
    study.line(1.0)
    assert all(finding.sound for finding in [*upkeep.check_files(), *upkeep.recompute_sample(5)])
    folder = study.line.address(1.0).own
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"content_digest": "0"}))
    assert [finding.sound for finding in upkeep.recompute_sample(5)] == [False]
    (folder / RESULT).write_bytes(b"")
    assert [finding.sound for finding in upkeep.check_files()] == [False]


def test_equal_arguments_reach_the_function_as_one_value(project):
    (project / "seen.py").write_text(
        "import xarray as xr\nfrom companion.store.durable import stored\n"
        "@stored\ndef kinds(number, sizes, options):\n"
        "    return xr.Dataset({'seen': f'{type(number).__name__} {type(sizes).__name__} {list(options)}'})\n"
    )
    importlib.invalidate_caches()
    seen = importlib.import_module("seen")
    plain = seen.kinds(np.int64(3), [1], {"b": 1, "a": 2})
    assert str(plain.seen.values) == "int tuple ['a', 'b']"


def test_a_dataset_reaches_the_function_as_it_is(project):
    (project / "taker.py").write_text(
        "import xarray as xr\nfrom companion.store.durable import stored\n"
        "@stored\ndef double(data):\n    return data.sel(x=2) * 2\n"
    )
    importlib.invalidate_caches()
    data = xr.Dataset({"y": ("x", [1.0, 3.0])}, coords={"x": [1, 2]})
    assert float(importlib.import_module("taker").double(data).y) == 6.0


def test_who_waits_for_a_key_takes_what_the_other_computed(study, project, monkeypatch):
    events_file = project / "events.jsonl"
    monkeypatch.setenv("COMPANION_EVENTS", str(events_file))
    address = study.line.address(7.0)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import mystudy; mystudy.line(7.0); print(mystudy.CALLS)"
    )
    with key_lock(address.lock):
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(project)], cwd=project, stdout=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while '"waiting"' not in (events_file.read_text() if events_file.exists() else ""):
            assert time.monotonic() < deadline and other.poll() is None
            time.sleep(0.02)
        bound = study.line._bound((7.0,), {})
        study.line._compute(address, study.line._request(bound), bound)
    assert other.communicate(timeout=60)[0].strip() == "[]"


def test_blas_has_one_thread_inside_a_stored_function(project):
    (project / "threads_inside.py").write_text(
        "import numpy, xarray as xr\nfrom threadpoolctl import threadpool_info\n"
        "from companion.store.durable import stored\n"
        "@stored\ndef inside():\n"
        "    pools = [p['num_threads'] for p in threadpool_info() if p['user_api'] == 'blas']\n"
        "    return xr.Dataset({'threads': ('pool', pools)})\n"
    )
    importlib.invalidate_caches()
    result = importlib.import_module("threads_inside").inside()
    assert result.threads.size > 0
    assert (result.threads == 1).all()


@pytest.mark.parametrize("file", [RESULT, MANIFEST])
def test_a_result_that_lacks_a_file_is_moved_aside_and_computed_again(study, capsys, file):
    study.line(1.0)
    folder = study.line.address(1.0).own
    content = (folder / RESULT).read_bytes()
    (folder / file).unlink()
    assert [(finding.sound, finding.text) for finding in upkeep.check_files()] == [
        (False, f"{folder}: {file} is missing")
    ]
    study.line(1.0)
    assert study.CALLS == [1.0, 1.0] and (folder / RESULT).read_bytes() == content
    assert f"{folder}: {file} is missing; moved to" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"format": 2}, {"format": None}, {"key": ...}, {"result_sha256": ...}])
def test_a_manifest_of_another_form_is_told_and_its_result_computed_again(study, capsys, change):
    study.line(1.0)
    path = study.line.address(1.0).own / MANIFEST
    manifest = json.loads(path.read_text()) | change
    path.write_text(json.dumps({name: value for name, value in manifest.items() if value is not ...}))
    study.line(1.0)
    assert study.CALLS == [1.0, 1.0]
    assert "computing it again" in capsys.readouterr().err
    study.line(1.0)
    assert study.CALLS == [1.0, 1.0]


def test_a_manifest_from_before_forms_were_numbered_is_read(study):
    study.line(1.0)
    path = study.line.address(1.0).own / MANIFEST
    manifest = json.loads(path.read_text())
    assert manifest.pop("format") == 1
    path.write_text(json.dumps(manifest))
    study.line(1.0)
    assert study.CALLS == [1.0]


def test_a_store_that_can_only_be_read_is_told_before_the_work(study, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(30, "Read-only file system", str(path))

    study.line(1.0)
    monkeypatch.setattr("companion.store.locks.os.open", refuse)
    study.line(1.0)
    with pytest.raises(StoreNotWritable, match=r"not stored yet.*Read-only file system.*COMPANION_STORE="):
        study.line(2.0)
    assert study.CALLS == [1.0]
