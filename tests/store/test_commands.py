"""``store ls | show | verify | prune`` as a user calls them, and ``companion.store.load``."""

import importlib
import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import companion.store
from companion.store.artefacts import MANIFEST, RESULT
from companion.store.commands import app

STUDY = """
import xarray as xr
from companion.store.durable import stored

@stored
def constant(value):
    return xr.Dataset({"value": value})
"""


@pytest.fixture
def study(project: Path):
    (project / "constants.py").write_text(STUDY)
    importlib.invalidate_caches()
    return importlib.import_module("constants")


def call(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_ls_lists_and_filters(study):
    study.constant(1.0)
    study.constant(2.0)
    assert "2 results" in call("ls").output
    assert "0 results" in call("ls", "nothing").output


def test_show_tells_the_arguments(study):
    study.constant(1.25)
    key = study.constant.address(1.25).key
    shown = call("show", key[:10])
    assert shown.exit_code == 0
    assert '"value": 1.25' in shown.output


def test_show_of_an_unknown_key_is_bad_input(study):
    shown = call("show", "ffff")
    assert shown.exit_code == 2
    assert "ffff" in shown.output


def test_verify_tells_damage_by_its_exit_code(study):
    study.constant(1.0)
    assert call("verify", "--sample", "1").exit_code == 0
    (study.constant.address(1.0).own / RESULT).write_bytes(b"garbage")
    assert call("verify").exit_code == 1


def test_prune_only_lists_until_it_is_told_to_delete(study):
    study.constant(1.0)
    assert "1 folders" in call("prune", "--older-than", "0").output
    assert study.constant.address(1.0).find() is not None
    assert "1 folders" in call("prune", "--older-than", "0", "--yes").output
    assert study.constant.address(1.0).find() is None


def test_prune_says_how_many_it_spares_and_why(study):
    study.constant(1.0)
    said = call("prune", "--yes").output
    assert "0 folders" in said and "spared 1: 1 younger than 7 days (--older-than DAYS" in said
    assert study.constant.address(1.0).find() is not None


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"key": 3}', "\x00"])
def test_one_damaged_manifest_stops_no_command(study, content: str):
    study.constant(1.0)
    study.constant(2.0)
    folder = study.constant.address(1.0).own
    (folder / MANIFEST).write_text(content)
    listed = call("ls")
    assert listed.exit_code == 0
    assert "2 results" in listed.output and "1 damaged: `store verify` says how" in listed.output
    verified = call("verify", "--sample", "2")
    assert verified.exit_code == 1 and verified.exception.__class__ is SystemExit
    assert "4 checks, 2 not right" in verified.output and "recomputed: the same" in verified.output
    shown = call("show", folder.name)
    assert shown.exit_code == 1 and "store show: " in shown.output
    pruned = call("prune", "--older-than", "0", "--yes")
    assert pruned.exit_code == 0 and "2 folders" in pruned.output and str(folder) in pruned.output


def test_missing_entries_of_a_manifest_are_damage(study):
    study.constant(1.0)
    path = study.constant.address(1.0).own / MANIFEST
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"made": {"time": "yesterday"}}))
    said = call("verify")
    assert said.exit_code == 1 and "damaged manifest" in said.output


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (STUDY.replace("constant", "renamed"), "its function is gone (constants has no stored constant)"),
        ("import module_that_moved\n", "its function is gone (constants: No module named"),
        (STUDY.replace("(value)", "(value, more)"), "its code or device has changed since"),
    ],
)
def test_what_became_of_the_function_is_told_and_is_no_damage(study, project, source: str, told: str):
    study.constant(1.0)
    (project / "constants.py").write_text(source)
    sys.modules.pop("constants")
    importlib.invalidate_caches()
    said = call("verify", "--sample", "1")
    assert said.exit_code == 0 and told in said.output.replace("\n", "")


def test_a_study_that_fails_now_is_not_right(study, monkeypatch):
    study.constant(1.0)

    def fail(value: float):
        raise ArithmeticError("no longer")

    monkeypatch.setattr(study.constant, "function", fail)
    said = call("verify", "--sample", "1")
    assert said.exit_code == 1 and "FAILED with ArithmeticError: no longer" in said.output


def test_load_gives_what_a_figure_was_drawn_from(study, project):
    data = study.constant(4.0)
    folder = project / "figures" / "laptop"
    folder.mkdir(parents=True)
    about = {"data_key": data.attrs["companion_key"], "data_function": "constants.constant", "notebook": "n"}
    (folder / "p1_f1_constant.json").write_text(json.dumps(about))
    assert float(companion.store.load("p1_f1_constant").value) == 4.0
    with pytest.raises(FileNotFoundError, match="did you mean p1_f1_constant"):
        companion.store.load("p1_f1_constan")
    (study.constant.address(4.0).own / RESULT).unlink()
    with pytest.raises(FileNotFoundError, match=r"run_all\.py n --profile laptop --only p1_f1_constant"):
        companion.store.load("p1_f1_constant")
