"""What the house promises: thin packages, one list of dependencies, one reserved seed, README's commands."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import companion

ROOT = Path(__file__).parent.parent
PACKAGE = Path(companion.__file__).parent


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_packages_import_nothing_when_they_are_imported(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert not [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_modules_are_small_rooms(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 310
    assert path.stem not in ("utils", "helpers")


def requirements(lines: list[str]) -> dict[str, str]:
    return {re.split(r"[<>=]", line)[0].replace(".", "-"): line for line in lines}


def test_conda_environment_names_what_pyproject_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    environment = YAML(typ="safe").load(ROOT / "environment.yml")["dependencies"]
    conda = [entry for entry in environment if isinstance(entry, str) and entry != "pip"]
    pip = next(entry["pip"] for entry in environment if isinstance(entry, dict))
    ours = requirements(project["dependencies"]) | {"python": f"python{project['requires-python']}"}
    assert requirements([*conda, *pip]) == ours


def test_lock_pins_every_dependency_and_holds_no_address():
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = requirements(lock)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [entry for group in project["optional-dependencies"].values() for entry in group]
    assert set(requirements([*project["dependencies"], *extras])) <= set(pinned)
    assert all(re.fullmatch(r"[a-z0-9._-]+==[a-zA-Z0-9.!-]+", line) for line in lock)
    assert pinned["torch"] == "torch==2.13.0"
