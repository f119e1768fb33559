"""``store export`` and ``store import``: what arrives is what was sent, whatever happens on the way."""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from companion.store import archive, fingerprint, transfer
from companion.store.artefacts import MANIFEST, RESULT, Address, all_results, store_roots
from companion.store.commands import app

STUDY = """
import numpy as np
import xarray as xr
from companion.compute.seeds import generator
from companion.store.durable import stored

CALLS = []

@stored
def training(seed):
    CALLS.append("training")
    return xr.Dataset({"weights": ("weight", generator(seed, "weights").standard_normal(20_000))})

@stored(regenerable=True)
def samples(seed, latent):
    CALLS.append("samples")
    weights = training(seed).weights.values
    return xr.Dataset({"sample": ("sample", weights * generator(latent, "latent").standard_normal(20_000))})

@stored
def summary(seed):
    CALLS.append("summary")
    return xr.Dataset({"mean": samples(seed, 5).sample.mean()})
"""


@pytest.fixture
def study(project: Path):
    (project / "transferred.py").write_text(STUDY)
    importlib.invalidate_caches()
    return importlib.import_module("transferred")


@pytest.fixture
def other(project: Path, monkeypatch: pytest.MonkeyPatch):
    """Calls with another site's store, which holds nothing yet."""

    def there(*arguments: str):
        with monkeypatch.context() as patch:
            patch.setenv("COMPANION_STORE", str(project / "there"))
            return call(*arguments)

    return there


def call(*arguments: str):
    return CliRunner().invoke(app, list(map(str, arguments)))


def contents(root: Path) -> dict[str, bytes]:
    return {
        f"{address.key}/{name}": (folder / name).read_bytes()
        for address, folder in all_results(root)
        for name in (RESULT, MANIFEST)
    }


def ran(project: Path, *addresses: Address) -> None:
    record = project / "build/runs/smoke/mine.record.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"keys": {address.key: address.function for address in addresses}}))


def test_a_notebook_arrives_with_all_that_it_used(study, project, other):
    study.summary(1)
    study.training(9)
    ran(project, study.summary.address(1))
    sent = call("export", "mine", "--profile", "smoke", "--to", project / "a.tar")
    assert sent.exit_code == 0, sent.output
    assert "3 results of 3 functions" in sent.output and "free there" in sent.output
    came = other("import", project / "a.tar")
    assert came.exit_code == 0 and "imported 3 results" in came.output and "3 made by" in came.output
    here = contents(store_roots()[0])
    there = contents(project / "there")
    assert len(there) == 6 and there.items() <= here.items()
    again = other("import", project / "a.tar")
    assert (
        again.exit_code == 0
        and "imported 0 results" in again.output
        and "3 were here already" in again.output
    )


def test_an_abbreviated_key_is_enough_and_plain_tar_reads_the_archive(study, project):
    study.training(1)
    key = study.training.address(1).key
    assert call("export", key[:6], "--to", project / "a.tar").exit_code == 0
    with tarfile.open(project / "a.tar") as opened:
        names = opened.getnames()
        assert names == [
            archive.INDEX,
            f"transferred.training/{key}/{RESULT}",
            f"transferred.training/{key}/{MANIFEST}",
        ]
        body = opened.extractfile(names[1])
        assert body is not None and body.read() == (study.training.address(1).own / RESULT).read_bytes()
    with (project / "a.tar").open("rb") as file:
        index, _ = archive.read_index(file, project / "a.tar")
    assert (project / "a.tar").stat().st_size == index.total


@pytest.mark.parametrize("name", ["abc", "abcdefabcdef", "theirs", "mina"])
def test_names_that_mean_nothing_are_bad_input(study, project, name: str):
    study.training(1)
    ran(project, study.training.address(1))
    said = call("export", name, "--profile", "smoke", "--to", project / "a.tar")
    assert said.exit_code == 2 and repr(name) in said.output
    if name == "mina":
        assert "did you mean mine?" in said.output
    assert not (project / "a.tar").exists()


def test_a_dry_run_writes_nothing(study, project):
    study.training(1)
    said = call("export", study.training.address(1).key, "--to", project / "a.tar", "--dry-run")
    assert said.exit_code == 0 and "1 results of 1 functions" in said.output
    assert not list(project.glob("a.tar*"))


def test_samples_may_stay_and_come_back_under_the_same_key(study, project, other, monkeypatch):
    study.summary(1)
    sent = call("export", study.summary.address(1).key, "--to", project / "a.tar", "--without-samples")
    assert "1 results are left out" in sent.output and "2 results of 2 functions" in sent.output
    came = other("import", project / "a.tar")
    assert came.exit_code == 0 and "1 results are left out" in came.output
    at_home = study.samples.address(1, 5).own
    monkeypatch.setenv("COMPANION_STORE", str(project / "there"))
    study.CALLS.clear()
    study.summary(1)
    assert study.CALLS == []
    study.samples(1, 5)
    assert study.CALLS == ["samples"]
    assert (study.samples.address(1, 5).own / RESULT).read_bytes() == (at_home / RESULT).read_bytes()
    assert study.samples.address(1, 5).own != at_home


def test_samples_travel_where_what_they_are_made_from_does_not(study, project):
    study.samples(1, 5)
    shutil.rmtree(study.training.address(1).own)
    sent = call("export", study.samples.address(1, 5).key, "--to", project / "a.tar", "--without-samples")
    assert sent.exit_code == 1 and "1 results of 1 functions" in sent.output
    assert f"{study.training.address(1).key}: not in the store" in sent.output
    assert "no result can be left out" in sent.output


def test_samples_travel_where_what_they_are_made_from_turns_out_damaged(study, project, other):
    study.summary(1)
    with (study.training.address(1).own / RESULT).open("ab") as file:
        file.write(b"damage")
    key = study.summary.address(1).key
    sent = call("export", key, "--to", project / "a.tar", "--without-samples")
    assert sent.exit_code == 1 and "1 results are left out" in sent.output
    assert f"{study.training.address(1).key}: damaged" in sent.output
    came = other("import", project / "a.tar")
    assert came.exit_code == 0 and "left out" not in came.output
    assert {address.function for address, _ in all_results(project / "there")} == {
        "transferred.summary",
        "transferred.samples",
    }


def test_whether_results_travel_enters_no_key(study, project):
    before = study.samples.address(1, 5).key
    path = project / "transferred.py"
    path.write_text(STUDY.replace("@stored(regenerable=True)", "@stored"))
    importlib.invalidate_caches()
    fingerprint._first_seen.clear()
    assert importlib.reload(study).samples.address(1, 5).key == before


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.5, 0.77, 0.9999, 1.0])
def test_an_interrupted_export_goes_on_to_the_same_bytes(study, project, share: float):
    keys = []
    for seed in range(3):
        study.training(seed)
        keys.append(study.training.address(seed).key)
    assert call("export", *keys, "--to", project / "whole.tar").exit_code == 0
    whole = (project / "whole.tar").read_bytes()
    (project / "a.tar.part").write_bytes(whole[: int(share * len(whole))])
    said = call("export", *keys, "--to", project / "a.tar")
    assert said.exit_code == 0 and ("of it before" in said.output) == (share > 0.001)
    assert (project / "a.tar").read_bytes() == whole
    assert not (project / "a.tar.part").exists()


def test_a_part_of_something_else_or_a_damaged_one_is_not_built_upon(study, project):
    keys = []
    for seed in range(2):
        study.training(seed)
        keys.append(study.training.address(seed).key)
    call("export", *keys, "--to", project / "whole.tar")
    whole = (project / "whole.tar").read_bytes()
    call("export", keys[0], "--to", project / "one.tar")
    (project / "one.tar").rename(project / "a.tar.part")
    assert call("export", *keys, "--to", project / "a.tar").exit_code == 0
    assert (project / "a.tar").read_bytes() == whole
    damaged = bytearray(whole[: len(whole) * 3 // 4])
    damaged[len(whole) // 4] ^= 1
    (project / "b.tar.part").write_bytes(damaged)
    assert call("export", *keys, "--to", project / "b.tar").exit_code == 0
    assert (project / "b.tar").read_bytes() == whole


def test_an_archive_that_is_there_is_not_overwritten(study, project):
    study.training(1)
    study.training(2)
    first, second = study.training.address(1).key, study.training.address(2).key
    assert call("export", first, "--to", project / "a.tar").exit_code == 0
    again = call("export", first, "--to", project / "a.tar")
    assert again.exit_code == 0 and "holds all of it already" in again.output
    before = (project / "a.tar").read_bytes()
    another = call("export", second, "--to", project / "a.tar")
    assert another.exit_code == 2 and "holds something else" in another.output
    assert (project / "a.tar").read_bytes() == before


def test_what_is_damaged_here_is_told_and_not_sent(study, project, other):
    study.training(1)
    study.training(2)
    (study.training.address(1).own / RESULT).write_bytes(b"garbage")
    keys = [study.training.address(seed).key for seed in (1, 2)]
    sent = call("export", *keys, "--to", project / "a.tar")
    assert sent.exit_code == 1 and f"{keys[0]}: damaged" in sent.output
    assert "imported 1 results" in other("import", project / "a.tar").output


def test_a_folder_that_is_no_result_gives_way_to_one_that_arrives(study, project, other):
    study.training(1)
    study.training(2)
    keys = [study.training.address(seed).key for seed in (1, 2)]
    assert call("export", *keys, "--to", project / "a.tar").exit_code == 0
    torn = project / "there" / "transferred.training" / min(keys)
    torn.mkdir(parents=True)
    (torn / RESULT).write_bytes(b"alone")
    came = other("import", project / "a.tar")
    assert came.exit_code == 0 and "imported 2 results" in came.output
    assert contents(project / "there") == contents(store_roots()[0])


@pytest.fixture
def sent(study, project) -> tuple[Path, list[str]]:
    """An archive of three results, and their keys in its order."""
    for seed in range(3):
        study.training(seed)
    keys = sorted(study.training.address(seed).key for seed in range(3))
    assert call("export", *keys, "--to", project / "a.tar").exit_code == 0
    return project / "a.tar", keys


def test_of_a_truncated_archive_what_is_whole_arrives(sent, project, other):
    file, keys = sent
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 3 // 5])
    said = other("import", file)
    assert said.exit_code == 1 and "imported 1 results" in said.output
    assert [key for key in keys if key in said.output] == keys[1:]
    assert {address.key for address, _ in all_results(project / "there")} == {keys[0]}
    assert not list((project / "there").glob("*/.*"))
    file.write_bytes(whole)
    assert "imported 2 results" in other("import", file).output


def test_a_flipped_bit_costs_its_own_result_only(sent, project, other):
    file, keys = sent
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 4
    file.write_bytes(body)
    said = other("import", file)
    assert said.exit_code == 1 and f"{keys[1]}: its {RESULT} is damaged" in said.output
    assert {address.key for address, _ in all_results(project / "there")} == {keys[0], keys[2]}


def rewritten(file: Path, change: str, by: str) -> None:
    """Change the text of an archive's index, its length kept."""
    body = file.read_bytes()
    assert body.count(change.encode()) and len(change) == len(by)
    at = body.index(change.encode())
    file.write_bytes(body[:at] + by.encode() + body[at + len(by) :])


def test_a_newer_archive_is_refused(sent, other):
    rewritten(sent[0], '"format":1', '"format":2')
    said = other("import", sent[0])
    assert said.exit_code == 2 and "format 2; this version reads up to 1" in said.output


@pytest.mark.parametrize("change", [('"key":"', '"key":"../'), ('"function":"', '"function":"/'), ("{", "x")])
def test_a_damaged_index_is_refused(sent, project, other, change: tuple[str, str]):
    before, after = change
    file, _ = sent
    body = file.read_bytes()
    at = body.index(before.encode()) + len(before)
    added = after[len(before) :] if after.startswith(before) else after
    start = at if after.startswith(before) else at - len(before)
    file.write_bytes(body[:start] + added.encode() + body[start + len(added) :])
    said = other("import", file)
    assert said.exit_code == 2 and "damaged" in said.output
    assert not (project / "there").exists()


def test_a_key_under_another_result_is_refused(sent, project, other):
    file, keys = sent
    rewritten(file, keys[0], keys[0][::-1])
    said = other("import", file)
    assert said.exit_code == 1 and "its manifest is another result's" in said.output
    assert {address.key for address, _ in all_results(project / "there")} == set(keys[1:])


@pytest.mark.parametrize("content", [b"", b"no archive", b"x" * 2000])
def test_another_file_is_refused(project, other, content: bytes):
    (project / "a.tar").write_bytes(content)
    said = other("import", project / "a.tar")
    assert said.exit_code == 2 and "no archive that `store export` made" in said.output
    assert other("import", project / "none.tar").exit_code == 2


def test_without_room_nothing_is_begun(sent, project, other, monkeypatch):
    file, keys = sent
    monkeypatch.setattr(transfer, "free_space", lambda place: 1000)
    came = other("import", file)
    assert came.exit_code == 1 and "has no room" in came.output and not (project / "there").exists()
    again = call("export", *keys, "--to", project / "b.tar")
    assert again.exit_code == 1 and "has no room" in again.output and not list(project.glob("b.tar*"))


@pytest.mark.faults
@pytest.mark.parametrize("command", ["export", "import"])
def test_a_killed_transfer_goes_on(study, project, command: str):
    """kill -9 as soon as something has been written; the same command ends with the same bytes."""
    keys = []
    for seed in range(40):
        study.training(seed)
        keys.append(study.training.address(seed).key)
    assert call("export", *keys, "--to", project / "whole.tar").exit_code == 0
    there = project / "there"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    if command == "import":
        environment["COMPANION_STORE"] = str(there)
    arguments = (
        ["import", str(project / "whole.tar")]
        if command == "import"
        else ["export", *keys, "--to", str(project / "a.tar")]
    )
    program = [sys.executable, "-c", "from companion.store.commands import app; app()", *arguments]
    running = subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    begun = (lambda: any(there.glob("*/*"))) if command == "import" else (project / "a.tar.part").exists
    while not begun() and running.poll() is None:
        assert time.monotonic() < deadline
    running.send_signal(signal.SIGKILL)
    running.communicate()
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    if command == "export":
        assert (project / "a.tar").read_bytes() == (project / "whole.tar").read_bytes()
    else:
        assert contents(there) == contents(store_roots()[0])
        assert re.search(r"imported \d+ results", done.stdout)
        assert not list(there.glob("*/.*"))
