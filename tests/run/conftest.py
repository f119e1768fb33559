"""Copies of the tiny project, before and after its first run, and the command line in this process."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from companion.run.cli import main
from companion.session import provenance
from real_runs import Started, lay_out, made_once


@dataclass(frozen=True)
class FirstRun:
    """A project after its first run, and what that run said."""

    root: Path
    code: int
    said: str


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """Both notebooks run at once by run_all.py, from another folder; one of them fails."""

    def run(folder: Path) -> None:
        project = lay_out("tiny_project", folder)
        command = [sys.executable, str(folder / "run_all.py"), "--jobs", "2"]
        ended = Started(command, folder.parent, project.variables, folder.with_name("first.txt")).end()
        folder.with_name("first.json").write_text(json.dumps([ended.code, ended.said]))

    root = made_once(tmp_path_factory, "first", run)
    return FirstRun(root, *json.loads(root.with_name("first.json").read_text()))


def _enter(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPANION_ROOT", str(root))
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", [str(root), *sys.path])
    provenance.commit.cache_clear()
    return root


@pytest.fixture
def tiny(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny project, never run."""
    return _enter(lay_out("tiny_project", tmp_path / "tiny").root, monkeypatch)


@pytest.fixture
def ran(project: Path, first_run: FirstRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny project after its first run."""
    return _enter(shutil.copytree(first_run.root, tmp_path / "ran"), monkeypatch)


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Gives a command line to run_all.py's main, in this process."""

    def give(*arguments: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, *capsys.readouterr())

    return give
