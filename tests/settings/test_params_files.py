"""The project's own parameter files: right for their notebooks, and the same to every YAML reader."""

from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from companion.session.root import project_root
from companion.settings.notebook import list_notebooks, read_notebook
from companion.settings.profiles import resolve_parameters

PARAMS = project_root() / "params"
FILES = sorted(PARAMS.glob("*/*.yaml"))
NOTEBOOKS = list_notebooks(project_root() / "notebooks")


def typed(value: object) -> object:
    """A value with the types of all its parts, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {name: typed(part) for name, part in value.items()}
    if isinstance(value, list):
        return [typed(part) for part in value]
    return type(value), value


def reads_the_same_everywhere(text: str) -> bool:
    """Whether YAML 1.1 (PyYAML, papermill's reader) and YAML 1.2 (ruamel) see the same values."""
    return typed(yaml.safe_load(text)) == typed(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize("text", ["a: 1e-3", "a: [1.0e3]", "a: yes", "a: 010", "a: 1:30"])
def test_the_comparison_sees_what_readers_disagree_about(text):
    assert not reads_the_same_everywhere(text)


def test_the_comparison_lets_pass_what_they_agree_about():
    assert reads_the_same_everywhere("a: 1.0e-3\nb: [1, 2.5]\nc: true\nd: relu\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_file_reads_the_same_everywhere(path: Path):
    assert reads_the_same_everywhere(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_has_right_files_and_the_laptop_s_are_its_defaults(path: Path):
    notebook = read_notebook(path)
    profiles = {file.stem for file in FILES if file.parent.name == notebook.name}
    assert {"smoke", "laptop"} <= profiles
    resolved = {
        profile: resolve_parameters(notebook, profile, params_folder=PARAMS).values for profile in profiles
    }
    assert typed(resolved["laptop"]) == typed(notebook.schema.defaults)


def test_every_folder_of_files_belongs_to_a_notebook():
    assert {path.parent.name for path in FILES} <= {path.stem for path in NOTEBOOKS} | {"clusters"}
