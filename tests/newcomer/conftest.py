"""README's own commands, given in a copy of the project as one who has just cloned it would."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).parents[2]
# What is made, or is not needed: a newcomer's folder has the sources alone.
_COPIED = ("notebooks", "params", "src", "tests")


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str


@dataclass(frozen=True)
class Clone:
    """A copy of the project, whose commands use this Python and the copy's own package."""

    root: Path

    def run(self, command: str) -> Said:
        """Give ``command`` to a shell, as README writes it, in the project's folder."""
        here = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
        found = f"{Path(sys.executable).parent}{os.pathsep}{here['PATH']}"
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.root,
            env=here | {"PATH": found, "PYTHONPATH": str(self.root / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Said(done.returncode, done.stdout)


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A fresh copy of the project."""
    root = tmp_path_factory.mktemp("clone") / "companion"
    for folder in _COPIED:
        shutil.copytree(_REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in _REPOSITORY.iterdir():
        if file.is_file():
            shutil.copy(file, root)
    (root / ".venv").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "--quiet", root], check=True)  # what git ignores the tools ignore too
    return Clone(root)


@pytest.fixture(scope="session")
def steps() -> Callable[[str], list[str]]:
    """The first command of each numbered step in a section of README, by the section's heading."""
    readme = (_REPOSITORY / "README.md").read_text(encoding="utf-8")

    def of(heading: str) -> list[str]:
        section = readme.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        return re.findall(r"^\d\. `([^`]+)`", section, re.MULTILINE)

    return of
