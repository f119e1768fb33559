"""Where a result was made: a commit, and whether what makes numbers differs from it."""

import subprocess
from pathlib import Path

import pytest

from companion.session import provenance


@pytest.fixture
def cloned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project under version control with one committed module, and figures that git ignores."""
    monkeypatch.setenv("COMPANION_ROOT", str(tmp_path))
    for folder in ("src", "params"):
        (tmp_path / folder).mkdir()
    (tmp_path / "src/walks.py").write_text("STEPS = 4\n")
    (tmp_path / ".gitignore").write_text("build/\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    return tmp_path


def commit() -> str:
    provenance.commit.cache_clear()
    try:
        return provenance.commit()
    finally:
        provenance.commit.cache_clear()


def test_what_readme_s_commands_write_is_no_change(cloned: Path):
    clean = commit()
    assert len(clean) == 40
    (cloned / "paper").mkdir()
    for name in ("out.ipynb", "book.pdf", "paper/f1.tex", "paper/f1.csv"):
        (cloned / name).write_text("made")
    assert commit() == clean


@pytest.mark.parametrize("name", ["src/new.py", "params/new.yaml", "own.py"])
def test_new_code_and_parameters_are_a_change(cloned: Path, name: str):
    clean = commit()
    (cloned / name).write_text("")
    assert commit() == f"{clean}+changes"


@pytest.mark.parametrize("name", ["src/walks.py", ".gitignore"])
def test_edited_files_are_a_change(cloned: Path, name: str):
    clean = commit()
    (cloned / name).write_text("STEPS = 5\n")
    assert commit() == f"{clean}+changes"


def test_without_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMPANION_ROOT", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() == "unknown"
