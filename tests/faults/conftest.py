"""Projects to be disturbed, never run or finished, and small disks."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from real_runs import Project, Undisturbed


@pytest.fixture
def fresh(lay_out: Callable[..., Project], tmp_path: Path) -> Project:
    """The tiny project, never run."""
    return lay_out("tiny_project", tmp_path / "project", "broken*")


@pytest.fixture
def finished(undisturbed: Undisturbed, tmp_path: Path) -> Iterator[Project]:
    """A copy of the project after the undisturbed run."""
    project = Project(shutil.copytree(undisturbed.root, tmp_path / "finished"))
    yield project
    project.end_all()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts small file systems: ``mounted(folder, size)`` in memory, of so many kB."""
    places: list[Path] = []

    def mount(folder: Path, kilobytes: int) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        command: list[Any] = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "companion-test", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:  # only root may mount; files that may not grow are tested everywhere
            pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
        places.append(folder)
        return folder

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)
