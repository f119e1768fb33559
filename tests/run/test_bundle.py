"""--bundle: what is in the archive, that its checksums are right, and that equal contents make equal bytes."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def test_a_bundle_holds_all_that_stands_behind_the_figures(ran: Path, command, tmp_path: Path):
    said = command("--bundle", str(tmp_path / "deposit.tar.gz"))
    assert said.code == 0, said.err
    top = unpacked(tmp_path / "deposit.tar.gz", tmp_path)
    names = {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}
    figures = {path.name for path in (ran / "figures" / "laptop").iterdir()} - {"claims.json"}
    assert {f"figures/{name}" for name in figures} <= names
    assert {"claims.json", "provenance.json", "README.txt", "code/run_all.py"} <= names
    assert any(name.startswith("notebooks/") for name in names)
    assert not any(name.startswith("code/figures/") for name in names)
    assert json.loads((top / "claims.json").read_text()).keys()
    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=top, capture_output=True, text=True
    )
    assert checked.returncode == 0
    assert len(checked.stdout.splitlines()) == len(names) - 1  # all but the checksums themselves
    assert any("last run failed" in line for line in (top / "README.txt").read_text().splitlines())


def test_equal_contents_make_equal_bytes_and_a_changed_number_does_not(ran: Path, command, tmp_path: Path):
    first, again, other = (tmp_path / name / "a.tar.gz" for name in ("first", "again", "other"))
    for target in (first, again, other):
        target.parent.mkdir()
    command("--bundle", str(first))
    command("--bundle", str(again))
    assert first.read_bytes() == again.read_bytes()
    table = next((ran / "figures" / "laptop").glob("*.csv"))
    table.write_text(table.read_text() + "1\n")
    said = command("--bundle", str(other))
    assert first.read_bytes() != other.read_bytes()
    assert table.stem in said.out  # no longer what the run has left


def test_results_come_along_where_they_are_wanted(ran: Path, command, tmp_path: Path):
    said = command("tiny", "--bundle", str(tmp_path / "whole.tar.gz"), "--with-results")
    assert said.code == 0, said.out
    top = unpacked(tmp_path / "whole.tar.gz", tmp_path)
    shutil.rmtree(ran / "build" / "store")
    assert "is missing" in command("tiny", "--dry-run").out
    assert command("store", "import", str(top / "results.tar")).code == 0
    assert "is missing" not in command("tiny", "--dry-run").out


@pytest.mark.parametrize("name", ["deposit.zip", "nowhere/deposit.tar.gz"])
def test_what_is_no_archive_is_refused(ran: Path, command, tmp_path: Path, name: str):
    said = command("--bundle", str(tmp_path / name))
    assert said.code == 2
    assert "--bundle" in said.err and "allowed" in said.err
    assert list(tmp_path.rglob("deposit*")) == []


def test_nothing_drawn_is_nothing_to_bundle(tiny: Path, command, tmp_path: Path):
    said = command("--bundle", str(tmp_path / "deposit.tar.gz"))
    assert said.code == 2
    assert "run_all.py --profile laptop" in said.err
