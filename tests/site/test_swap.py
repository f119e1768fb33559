"""The old folder or the new one, never a mixture: after errors, kills, and on poor file systems."""

import os
import signal
import subprocess
import sys
import time

import pytest

from companion.site import swap
from companion.site.swap import replaced_folder

KILLED_HALFWAY = """
import os, signal, sys
from pathlib import Path
from companion.site.swap import replaced_folder
with replaced_folder(Path(sys.argv[1])) as fresh:
    (fresh / "page").write_text("half of the new")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "page").write_text("old")
    (folder / "gone").write_text("old")
    return folder


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("exchange", [True, False])
def test_the_new_folder_takes_the_place_of_the_old_one(target, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(swap, "_exchange", lambda first, second: False)
    with replaced_folder(target) as fresh:
        (fresh / "page").write_text("new")
        assert contents(target) == {"page": "old", "gone": "old"}
    assert contents(target) == {"page": "new"}
    assert list(target.parent.iterdir()) == [target]


def test_a_first_folder_is_made_with_its_parents(tmp_path):
    target = tmp_path / "build" / "site"
    with replaced_folder(target) as fresh:
        (fresh / "page").write_text("new")
    assert contents(target) == {"page": "new"}


def test_an_error_leaves_the_old_folder_alone(target):
    with pytest.raises(RuntimeError), replaced_folder(target) as fresh:
        (fresh / "page").write_text("half")
        raise RuntimeError
    assert contents(target) == {"page": "old", "gone": "old"}
    assert list(target.parent.iterdir()) == [target]


def test_a_kill_leaves_the_old_folder_and_the_next_build_works(target):
    command = [sys.executable, "-c", KILLED_HALFWAY, str(target)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert contents(target) == {"page": "old", "gone": "old"}
    with replaced_folder(target) as fresh:
        (fresh / "page").write_text("new")
    assert contents(target) == {"page": "new"}


def test_leftovers_are_removed_once_nobody_can_be_at_work_on_them(target):
    old, young = (target.parent / f".site.{number}.ab.tmp" for number in (1, 2))
    for folder in (old, young):
        folder.mkdir()
        (folder / "page").write_text("half")
    long_ago = time.time() - 2 * 3600
    os.utime(old, (long_ago, long_ago))
    with replaced_folder(target) as fresh:
        (fresh / "page").write_text("new")
    assert not old.exists()
    assert young.exists()


def test_two_builds_at_once_leave_one_whole_folder(target):
    with replaced_folder(target) as first:
        (first / "page").write_text("first")
        with replaced_folder(target) as second:
            (second / "page").write_text("second")
    assert contents(target) == {"page": "first"}
    assert list(target.parent.iterdir()) == [target]
