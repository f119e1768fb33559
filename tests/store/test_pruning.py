"""What `store prune` may delete, and what it must spare."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion.store.artefacts import MANIFEST
from companion.store.locks import key_lock
from companion.store.pruning import keys_in_use, prunable, remove


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def age(folder: Path, days: float) -> None:
    then = time.time() - days * 86_400
    os.utime(folder, (then, then))
    if (folder / MANIFEST).exists():
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["made"]["time"] = then
        (folder / MANIFEST).write_text(json.dumps(manifest))


def dead_process() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_what_figures_and_records_need_is_in_use(study, project):
    study.doubled(1.0)
    study.line(5.0)
    key = study.doubled.address(1.0).key
    write(project / "build/runs/laptop/mine.record.json", {"keys": {key: "lines.doubled"}})
    found = prunable(0.0)
    assert found.folders == [study.line.address(5.0).own]
    assert remove(found.folders) == found.folders
    assert study.line.address(1.0).find() is not None and study.line.address(5.0).find() is None


@pytest.mark.parametrize(
    "file",
    [
        "build/runs/laptop/mine.claims.json",
        "figures/laptop/claims.json",
        "build/overridden/laptop/claims.json",
    ],
)
def test_what_a_verdict_was_judged_on_is_in_use(study, project, file: str):
    study.line(1.0)
    key = study.line.address(1.0).key
    write(project / file, {"p1_c1_x": {"keys": [key]}, "p1_c2_y": {"verdict": "holds"}})
    assert keys_in_use().keys == {key}
    assert prunable(0.0).folders == []


def test_with_a_file_of_uses_unreadable_no_result_goes(study, project):
    study.line(1.0)
    path = project / "figures/laptop/p1_f1_x.json"
    write(path, [])
    found = prunable(0.0)
    assert found.folders == [] and found.spared == {"perhaps in use by what cannot be read": 1}
    assert found.remarks == [f"{path}: which results it uses cannot be read (it holds no mapping)"]


def test_young_results_and_checkpoints_are_spared(study):
    study.line(1.0)
    study.line(2.0)
    age(study.line.address(1.0).own, days=8)
    young, old = study.line.address(3.0).workspace, study.line.address(4.0).workspace
    for folder in (young, old):
        folder.mkdir()
    age(old, days=8)
    found = prunable()
    assert found.folders == [study.line.address(1.0).own, old]
    assert found.spared == {"younger than 7 days": 2}
    assert len(prunable(9.0).folders) == 0


def test_a_checkpoint_is_as_old_as_its_newest_file(study):
    workspace = study.line.address(3.0).workspace
    (workspace / "models").mkdir(parents=True)
    (workspace / "models" / "weights").write_text("1")
    for folder in (workspace / "models", workspace):
        age(folder, days=8)
    assert prunable().folders == []


def test_what_is_computed_now_is_spared_at_any_age(study):
    address = study.line.address(1.0)
    address.workspace.mkdir(parents=True)
    age(address.workspace, days=99)
    with key_lock(address.lock):
        assert prunable(0.0).spared == {"being computed now": 1}
        assert remove([address.workspace]) == [] and address.workspace.exists()
    assert prunable(0.0).folders == [address.workspace]


def test_a_lock_file_that_nobody_holds_means_nothing(study):
    address = study.line.address(1.0)
    address.workspace.mkdir(parents=True)
    address.lock.parent.mkdir(parents=True)
    address.lock.touch()
    assert prunable(0.0).folders == [address.workspace]


def test_where_locks_are_refused_nobody_holds_one(study, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    address = study.line.address(1.0)
    address.workspace.mkdir(parents=True)
    address.lock.parent.mkdir(parents=True)
    address.lock.touch()
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert prunable(0.0).folders == [address.workspace]


def test_temporary_folders_of_the_living_stay_and_of_the_dead_go(study):
    target = study.line.address(1.0).own
    host = socket.gethostname()
    living, dead, elsewhere = (
        target.with_name(f".{target.name}.{writer}.abcd1234.tmp")
        for writer in (f"{host}.{os.getpid()}", f"{host}.{dead_process()}", "another.host.org.1")
    )
    for folder in (living, dead, elsewhere):
        folder.mkdir(parents=True)
    age(living, days=99)
    found = prunable()
    assert found.folders == [dead]
    assert found.spared == {"being written now": 1, "younger than 7 days": 1}
    age(elsewhere, days=8)
    assert set(prunable().folders) == {dead, elsewhere}


def test_what_was_put_aside_may_go_at_once(study, project):
    aside = project / "build/store/quarantine/lines.line-k-00"
    aside.mkdir(parents=True)
    assert prunable().folders == [aside]
