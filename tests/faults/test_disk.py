"""Disks that are full or read-only, and file systems that refuse locks."""

import json
import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("kilobytes", [48, 160, 400])
def test_on_a_full_disk_nothing_half_written_stays_and_with_room_the_run_goes_on(
    lay_out, mounted, tmp_path, undisturbed, kilobytes
):
    project = lay_out("tiny_project", mounted(tmp_path / "disk", 16_000) / "project", "broken*")
    ballast = tmp_path / "disk" / "ballast"
    ballast.touch()
    free = shutil.disk_usage(project.root).free
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - 1000 * kilobytes)
    ended = project.run()
    assert ended.code == 1 and "No space left on device" in ended.said, ended.said
    assert (
        "Traceback (most recent call last):\n  File" not in ended.said
    )  # of run_all.py; a cell's is another
    whole = project.lasting()
    assert whole.items() <= undisturbed.lasting.items()
    ballast.unlink()
    again = project.run()
    assert again.code == 0, again.said
    assert project.lasting() == undisturbed.lasting and project.left_by_the_dead() == []
    computed = sum('"computed"' in line for line in project.past_events())
    assert computed == sum(name.endswith(".nc") for name in project.lasting()) - sum(
        name.endswith(".nc") for name in whole
    )
    record = json.loads((project.root / "build/runs/laptop/tiny.record.json").read_text())
    assert len(record["keys"]) == 6 and len(record["figures"]) == 2


def test_files_that_may_not_grow_are_told_like_a_full_disk(fresh, undisturbed):
    fresh.at_start_of_python(
        "import resource\n\n"
        "_, most = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, most))\n"
    )
    ended = fresh.run()
    assert ended.code == 1 and "File too large" in ended.said, ended.said
    assert fresh.lasting().items() <= undisturbed.lasting.items()
    fresh.undo_start_of_python()
    again = fresh.run()
    assert again.code == 0, again.said
    assert fresh.lasting() == undisturbed.lasting and fresh.left_by_the_dead() == []


@pytest.fixture
def read_only_store(finished, mounted):
    """The store of a finished project, which can only be read; permissions alone do not stop root."""
    store = finished.root / "build/store"
    if os.geteuid() != 0:
        folders = [store, *(path for path in store.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        yield store
        for folder in folders:
            folder.chmod(0o775)
        return
    aside = store.rename(finished.root / "aside")
    mounted(store, 4000)
    shutil.copytree(aside, store, dirs_exist_ok=True)
    subprocess.run(["mount", "-o", "remount,ro", str(store)], check=True)
    yield store


def test_a_read_only_store_is_read_and_what_it_lacks_goes_elsewhere(finished, undisturbed, read_only_store):
    compute = "import tiny_study; tiny_study.powers(7, 2.0)"
    (finished.root / "figures/laptop/tiny_f2_walks.png").unlink()
    ended = finished.run()
    assert ended.code == 0 and "figure tiny_f2_walks.png is missing" in ended.said, ended.said
    assert finished.lasting() == undisturbed.lasting
    refused = finished.python(compute).end()
    assert refused.code == 1
    last = refused.said.splitlines()[-1]
    assert f"this result is not stored yet, and the store {read_only_store} cannot be written to" in last
    assert f"COMPANION_STORE=FOLDER:{read_only_store}" in last
    finished.environment["COMPANION_STORE"] = str(read_only_store)
    refused = finished.run()
    assert refused.code == 2 and "the own store cannot be written to" in refused.said
    finished.environment["COMPANION_STORE"] = f"{finished.root / 'own'}:{read_only_store}"
    written = finished.python(f"{compute}; tiny_study.powers(6, 2.0)").end()
    assert written.code == 0, written.said
    assert len(list((finished.root / "own/tiny_study.powers").iterdir())) == 1


def test_where_locks_are_refused_it_is_said_once_and_the_run_goes_on(fresh, undisturbed):
    fresh.at_start_of_python(
        """
        import errno
        import fcntl
        import os

        lock = fcntl.flock

        def refuse(descriptor, operation):
            if "/store/locks/" in os.readlink(f"/proc/self/fd/{descriptor}"):
                raise OSError(errno.ENOLCK, "No locks available")
            lock(descriptor, operation)

        fcntl.flock = refuse
        """
    )
    ended = fresh.run("--cluster", "local")
    assert ended.code == 0, ended.said
    assert ended.said.count("this file system refuses locks") == 1
    assert "No locks available" in ended.said and "going on without" in ended.said
    assert fresh.lasting() == undisturbed.lasting and fresh.left_by_the_dead() == []
    assert list((fresh.root / "build/store/locks").iterdir()) == []
