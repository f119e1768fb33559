"""``store ls | show | verify | prune`` as a user calls them, and ``companion.store.load``."""

import importlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import companion.store
from companion.store.artefacts import RESULT
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
    assert "1 folders" in call("prune").output
    assert study.constant.address(1.0).find() is not None
    call("prune", "--yes")
    assert study.constant.address(1.0).find() is None


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
