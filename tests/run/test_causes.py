"""Why two sides may differ: parameters, code, device, libraries."""

import json
import subprocess
from pathlib import Path

import pytest

from companion.run.causes import code_changes, libraries, library_changes, manifest_changes, parameter_changes
from companion.run.sides import Side
from companion.store.content import file_digest


def figure(**others: object) -> dict[str, object]:
    known = {"data_key": "0123456789ab", "data_function": "tiny.walks", "data_digest": "d", "device": "cpu"}
    return known | {"parameters": {"profile": "laptop", "walkers": 4}} | others


def test_parameters_are_told_by_name_but_for_the_profile():
    now = figure(parameters={"profile": "night", "walkers": 8, "seed": 1})
    assert parameter_changes(figure(), now) == ("walkers 4 → 8", "new: seed 1")
    assert parameter_changes(now, figure()) == ("walkers 8 → 4", "gone: seed 1")
    assert parameter_changes({}, {}) == ()


def test_the_same_result_with_other_numbers_is_another_machine_or_library(project):
    assert code_changes(figure(), figure()) == ()
    (said,) = code_changes(figure(), figure(data_digest="e"))
    assert said == "the same result (0123456789) with other numbers: another machine or other libraries"


def test_another_result_of_the_same_parameters_is_other_code(project):
    now = figure(data_key="ba9876543210")
    assert code_changes(figure(), now) == (
        "result 0123456789 → ba98765432",
        "code: tiny.walks, or what it imports",
    )
    assert code_changes(figure(), now | {"parameters": {}})[1:] == ()
    assert code_changes(figure(), now | {"device": "cuda"}) == (
        "device cpu → cuda",
        "result 0123456789 → ba98765432",
    )


def test_stored_results_tell_which_code_and_libraries(project):
    for key, digest, numpy in (("0123456789ab", "x", "1.0"), ("ba9876543210", "y", "1.1")):
        folder = project / "build/store/tiny.walks" / key
        folder.mkdir(parents=True)
        (folder / "result.nc").touch()
        manifest = {
            "modules": {"tiny": digest, "companion.theory.x": "z"},
            "made": {"versions": {"numpy": numpy}},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
    said = code_changes(figure(), figure(data_key="ba9876543210"))
    assert said == ("result 0123456789 → ba98765432", "code: tiny", "libraries: numpy 1.0 → 1.1")


def test_many_modules_are_counted():
    a, b = ({"modules": {f"companion.theory.m{n}": side for n in range(9)}} for side in "ab")
    (said,) = manifest_changes(a, b)
    assert said.startswith("code: theory.m0, theory.m1") and said.endswith("and 3 more modules")


def test_builds_of_a_library_count_where_both_sides_tell_theirs():
    assert library_changes({"torch": "2.1+cpu"}, {"torch": "2.1"}) == []
    assert library_changes({"torch": "2.1+cpu"}, {"torch": "2.1+cu12"}) == ["torch 2.1+cpu → 2.1+cu12"]
    assert library_changes({"numpy": "1.0", "scipy": "1.0"}, {"numpy": "1.1"}) == ["numpy 1.0 → 1.1"]


@pytest.fixture
def locked(project: Path) -> Path:
    """A project under version control whose lock moved on after its figures were made."""

    def commit(version: str, *more: str) -> None:
        (project / "requirements.lock").write_text(f"numpy=={version}\nother==1.0\n")
        for name in more:
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text("{}")
        for arguments in (("add", "."), ("commit", "-qm", version)):
            said = ("git", "-C", str(project), "-c", "user.name=n", "-c", "user.email=e", *arguments)
            subprocess.run(said, check=True, capture_output=True)

    subprocess.run(("git", "-C", str(project), "init", "-q"), check=True)
    commit("1.0", "figures/laptop/claims.json")
    commit("1.1")
    return project


def test_the_lock_at_the_last_change_of_the_figures_tells_their_libraries(locked):
    versions, origin = libraries(Side("laptop", "profile laptop", locked / "figures/laptop"))
    assert versions == {"numpy": "1.0"} and origin.endswith("which last changed them")
    head = subprocess.check_output(("git", "-C", str(locked), "rev-parse", "HEAD"), text=True).strip()
    assert libraries(Side("HEAD", "a commit", Path("/anywhere/laptop"), commit=head))[0] == {"numpy": "1.0"}


def test_a_folder_brings_its_lock(project, tmp_path_factory):
    bundle = tmp_path_factory.mktemp("bundle")
    (bundle / "figures/laptop").mkdir(parents=True)
    side = Side("bundle", "a folder", bundle / "figures/laptop")
    assert libraries(side) == ({}, "unknown")
    (bundle / "requirements.lock").write_text("numpy==2.0\n")
    assert libraries(side) == ({"numpy": "2.0"}, "requirements.lock beside them")


def test_a_bundle_tells_of_the_runs_behind_it(project, tmp_path_factory):
    bundle = tmp_path_factory.mktemp("bundle")
    (bundle / "figures").mkdir()
    table = bundle / "figures/tiny_f1_powers.csv"
    table.write_text("number,power\n1,1\n")
    record = {
        "files": {"figure tiny_f1_powers.csv": file_digest(table)},
        "figures": ["tiny_f1_powers"],
        "finished": 1.0,
        "environment": {"versions": {"numpy": "3.0"}},
    }
    (bundle / "provenance.json").write_text(json.dumps({"runs": {"tiny": record, "other": None}}))
    (bundle / "requirements.lock").write_text("numpy==2.0\n")
    side = Side("bundle", "a bundle", bundle / "figures")
    assert libraries(side) == ({"numpy": "3.0"}, "records of their runs")
    table.write_text("number,power\n1,2\n")
    assert libraries(side) == ({"numpy": "2.0"}, "requirements.lock beside them")
