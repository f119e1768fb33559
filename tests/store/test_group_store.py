"""A group's store: read after one's own, never written to, its makers named."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from companion.compute.sweeps import _as_if_there, _surroundings
from companion.session.provenance import who
from companion.store.artefacts import MANIFEST, RESULT, all_results, store_roots
from companion.store.commands import app
from companion.store.holdings import holdings


@pytest.fixture
def group(study, project: Path, monkeypatch: pytest.MonkeyPatch):
    """A read-only store in which Ada has left ``line(1.0)``; one's own is empty."""
    folder = project / "group"
    with monkeypatch.context() as patch:
        patch.setenv("COMPANION_STORE", str(folder))
        study.line(1.0)
    for _, result in all_results(folder):
        manifest = json.loads((result / MANIFEST).read_text())
        manifest["made"]["user"] = "ada"
        (result / MANIFEST).write_text(json.dumps(manifest))
    parts = [folder, *folder.rglob("*")]
    for path in parts:
        path.chmod(path.stat().st_mode & ~0o222)
    monkeypatch.setenv("COMPANION_GROUP_STORE", str(folder))
    study.CALLS.clear()
    yield folder
    for path in parts:
        path.chmod(path.stat().st_mode | 0o200)


def state(folder: Path) -> dict[str, tuple[int, int]]:
    found = {str(path): path.stat() for path in (folder, *folder.rglob("*"))}
    return {name: (about.st_mtime_ns, about.st_size) for name, about in found.items()}


def test_it_is_read_through_and_never_touched(study, group, project):
    before = state(group)
    study.doubled(1.0)
    study.doubled(2.0)
    assert study.CALLS == [2.0]
    own = project / "build" / "store"
    assert [each.name for each in store_roots()] == ["store", "group"]
    assert study.line.address(1.0).find() == group / "lines.line" / study.line.address(1.0).key
    assert {address for address, _ in all_results(own)} == {
        study.doubled.address(1.0),
        study.doubled.address(2.0),
        study.line.address(2.0),
    }
    assert state(group) == before


def test_a_damaged_result_of_the_group_is_computed_in_ones_own_store(study, group, capsys):
    result = study.line.address(1.0).find() / RESULT
    result.chmod(0o600)
    result.write_bytes(b"garbage")
    before = state(group)
    assert float(study.line(1.0).y[1]) == 1.0
    assert "computing it again in one's own store" in capsys.readouterr().err
    assert study.line.address(1.0).own.exists() and state(group) == before


def test_one_of_the_same_folder_twice_is_one_store(project, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", f"{project / 'mine'}{os.pathsep}{project / 'group'}")
    monkeypatch.setenv("COMPANION_GROUP_STORE", f"{project / 'group'}{os.pathsep}{project / 'more'}")
    assert [each.name for each in store_roots()] == ["mine", "group", "more"]


def test_ls_tells_who_made_what_and_where_it_lies(study, group):
    study.line(3.0)
    said = CliRunner().invoke(app, ["ls"], terminal_width=300).output
    by_ada = next(row for row in said.splitlines() if study.line.address(1.0).key[:12] in row)
    assert "ada" in by_ada and "group 1" in by_ada
    mine = next(row for row in said.splitlines() if study.line.address(3.0).key[:12] in row)
    assert who() in mine and "own" in mine and str(group) in said.replace("\n", "")


def test_holdings_tell_store_maker_and_versions(study, group, project):
    study.line(3.0)
    here, there, none = (study.line.address(slope).key for slope in (3.0, 1.0, 7.0))
    found = holdings(dict.fromkeys((here, there, none), "lines.line"))
    assert set(found) == {here, there}
    assert (found[here].user, found[here].store) == (who(), project / "build" / "store")
    assert (found[there].user, found[there].store) == ("ada", group)
    assert "numpy" in found[there].versions


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"made": 3}', '{"made": {"user": 3, "versions": []}}'])
def test_holdings_of_a_damaged_manifest_tell_no_maker(study, project, content: str):
    study.line(3.0)
    address = study.line.address(3.0)
    (address.own / MANIFEST).write_text(content)
    found = holdings({address.key: address.function})
    assert (found[address.key].user, found[address.key].versions) == ("", {})


@pytest.mark.parametrize("layout", [{}, {"indent": 1}, {"indent": 1, "sort_keys": True}, {"indent": 4}])
def test_holdings_read_manifests_of_any_layout_and_length(study, project, layout: dict):
    study.line(3.0)
    address = study.line.address(3.0)
    manifest = json.loads((address.own / MANIFEST).read_text())
    manifest["arguments"] = {
        "text": '\n "made": {\n  "user": "mallory",\n  "versions": {}\n }',
        "long": "x" * 200_000,
    }
    manifest["made"] |= {"user": "grace, hopper", "versions": {"numpy": "0.1"}}
    (address.own / MANIFEST).write_text(json.dumps(manifest, **layout))
    found = holdings({address.key: address.function})
    assert (found[address.key].user, found[address.key].versions) == ("grace, hopper", {"numpy": "0.1"})


def test_workers_read_it_too(study, project, monkeypatch):
    monkeypatch.setenv("COMPANION_GROUP_STORE", str(project / "group"))
    surroundings = _surroundings(study.line)
    monkeypatch.delenv("COMPANION_GROUP_STORE")
    with _as_if_there(surroundings):
        assert [each.name for each in store_roots()] == ["store", "group"]
