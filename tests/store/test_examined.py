"""What was found in source files is kept by their bytes: found again without parsing, and never stale."""

import importlib
import json

import pytest

from companion.store import examined, fingerprint
from companion.store.fingerprint import closure


@pytest.fixture
def own_module(project):
    (project / "build").mkdir()
    (project / "mine.py").write_text("import numpy\nvalue = 1\n")
    importlib.invalidate_caches()
    _as_a_new_process()
    return project / "mine.py"


def _as_a_new_process() -> None:
    fingerprint._examine.cache_clear()
    examined._read.clear()
    examined._new.clear()


def _must_not_parse(source: str) -> str:
    raise AssertionError(f"parsed again: {source}")


def test_a_file_is_parsed_once_for_all_processes(own_module, monkeypatch):
    first = closure(["mine"])
    _as_a_new_process()
    monkeypatch.setattr(fingerprint, "normalised", _must_not_parse)
    assert closure(["mine"]) == first


def test_an_edited_file_is_parsed_again(own_module):
    first = closure(["mine"])
    _as_a_new_process()
    own_module.write_text("import numpy\nvalue = 2\n")
    assert closure(["mine"]) != first


def test_the_same_bytes_in_another_package_import_others(project):
    for name in ("one", "two"):
        (project / name).mkdir()
        (project / name / "__init__.py").write_text("from . import inner\n")
        (project / name / "inner.py").write_text("")
    importlib.invalidate_caches()
    _as_a_new_process()
    assert set(closure(["one"])) == {"one", "one.inner"}
    assert set(closure(["two"])) == {"two", "two.inner"}


@pytest.mark.parametrize("damage", ["{", "[]", '{"made_by": 1}', '{"made_by": "x", "files": []}'])
def test_a_damaged_file_is_passed_over_and_written_anew(own_module, damage):
    first = closure(["mine"])
    kept = own_module.parent / "build" / "fingerprints.json"
    kept.write_text(damage)
    _as_a_new_process()
    assert closure(["mine"]) == first
    assert json.loads(kept.read_text())["files"]


def test_what_other_code_found_does_not_count(own_module, monkeypatch):
    first = closure(["mine"])
    kept = own_module.parent / "build" / "fingerprints.json"
    content = json.loads(kept.read_text())
    wrong = {name: ["0" * 64, names] for name, (_, names) in content["files"].items()}
    kept.write_text(json.dumps(content | {"files": wrong}))
    _as_a_new_process()
    assert closure(["mine"]) != first  # it is believed, if made by this code
    kept.write_text(json.dumps({"made_by": "another version", "files": wrong}))
    _as_a_new_process()
    assert closure(["mine"]) == first


def test_where_nothing_can_be_written_nothing_is_lost(own_module):
    (own_module.parent / "build" / "fingerprints.json").mkdir()
    assert set(closure(["mine"])) == {"mine"}


def test_a_project_without_a_build_folder_gets_none(own_module):
    (own_module.parent / "build").rmdir()
    assert set(closure(["mine"])) == {"mine"}
    assert not (own_module.parent / "build").exists()
