import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from companion.run.choose import Wishes, choose
from companion.run.plan import Step, make_plan
from companion.run.record import Record, file_digests, left_files, read_record, record_path
from companion.store.artefacts import Address, store_roots
from companion.store.holdings import holdings


def step(*overrides: str, because: str | None = None) -> Step:
    (only,) = make_plan(choose(Wishes(["tiny"], overrides=overrides)).requests, because=because)
    return only


def rewrite(**changed: object) -> None:
    known = read_record("laptop", "tiny")
    assert known is not None
    dataclasses.replace(known, **changed).write("laptop")


def test_nothing_changed_is_a_hit(ran):
    assert step().hit


def test_who_works_and_how_the_device_is_asked_for_do_not_count(ran):
    assert step("cluster=local", "device=cpu").hit


def test_a_parameter_is_named_with_both_values(ran):
    assert step("exponent=3", "seed=4").reasons == ("parameter exponent: 2.0 → 3.0", "parameter seed: 0 → 4")


def test_a_reason_can_be_given_from_outside(ran):
    assert step(because="--force").reasons == ("--force",)
    requests = choose(Wishes(["tiny"])).requests
    (settled,) = make_plan(requests, because="--force", settled={"tiny", "broken"})
    assert settled.hit


def test_code_is_named_by_module(ran):
    (ran / "tiny_drawing.py").write_text((ran / "tiny_drawing.py").read_text() + "\nEXTRA = 1\n")
    assert step().reasons == ("code of tiny_drawing changed",)


def test_a_new_cell_is_a_reason_and_so_is_what_it_imports(ran):
    (ran / "tiny_more.py").write_text("MORE = 1\n")
    notebook = ran / "notebooks/tiny.py"
    notebook.write_text(notebook.read_text() + "\n# %%\nimport tiny_more\n\ntiny_more.MORE\n")
    assert step().reasons == ("cell code changed", "code of tiny_more is new")


def test_an_import_inside_a_function_counts(ran):
    study = ran / "tiny_study.py"
    (ran / "tiny_more.py").write_text("MORE = 1\n")
    study.write_text(
        study.read_text() + "\n\ndef later():\n    import tiny_more\n    return tiny_more.MORE\n"
    )
    assert step().reasons == ("code of tiny_study changed", "code of tiny_more is new")


def test_lines_for_ipython_do_not_hide_imports(ran):
    (ran / "tiny_more.py").write_text("MORE = 1\n")
    notebook = ran / "notebooks/tiny.py"
    notebook.write_text(notebook.read_text() + "\n# %%\n# %matplotlib inline\nimport tiny_more\n")
    assert "code of tiny_more is new" in step().reasons


def test_a_missing_result_is_named(ran):
    known = read_record("laptop", "tiny")
    assert known is not None
    key = next(key for key, function in known.keys.items() if function == "tiny_study.summary")
    folder = Address("tiny_study.summary", key).find()
    assert folder is not None
    shutil.rmtree(folder)
    assert step().reasons == (f"result {key[:12]} (tiny_study.summary) is missing",)


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".csv", ".json"])
def test_a_missing_figure_file_is_named(ran, suffix: str):
    (ran / "figures/laptop" / f"tiny_f1_powers{suffix}").unlink()
    assert step().reasons == (f"figure tiny_f1_powers{suffix} is missing",)


def test_a_figure_by_another_hand_is_drawn_again(ran):
    (ran / "figures/laptop/tiny_f1_powers.csv").write_text("number,power\n")
    assert step().reasons == ("figure tiny_f1_powers.csv is not the one that this notebook made",)


def test_executed_notebook_and_verdicts_belong_to_the_record(ran):
    (ran / "build/runs/laptop/tiny.ipynb").unlink()
    (ran / "build/runs/laptop/tiny.claims.json").unlink()
    assert step().reasons == ("the file of verdicts is missing", "the executed notebook is missing")


def test_a_failure_is_remembered(ran):
    (ran / "build/runs/laptop/tiny.failed.ipynb").write_text("{}")
    assert step().reasons == ("last run failed",)


@pytest.mark.parametrize("content", ["", "[]", '{"notebook": "tiny"}', "{"])
def test_a_record_that_cannot_be_read_is_none(ran, content: str):
    record_path("laptop", "tiny").write_text(content)
    assert step().reasons == ("never run at this profile",)


def test_results_of_other_versions_are_noted_and_no_reason(ran):
    known = read_record("laptop", "tiny")
    assert known is not None
    for key, function in known.keys.items():
        folder = Address(function, key).find()
        assert folder is not None
        manifest = json.loads((folder / "manifest.json").read_text())
        now = manifest["made"]["versions"]["numpy"]
        manifest["made"]["versions"]["numpy"] = "1.0"
        (folder / "manifest.json").write_text(json.dumps(manifest))
    planned = step()
    assert planned.hit
    assert planned.notes == (f"results made with numpy 1.0 (now {now}); --force recomputes",)


def test_many_missing_results_are_counted(ran):
    rewrite(keys={f"{number:040d}": "tiny_study.powers" for number in range(7)})
    reasons = step().reasons
    assert len(reasons) == 5 and reasons[-1] == "3 more results are missing"


def test_a_device_kind_is_part_of_the_identity(ran):
    known = read_record("laptop", "tiny")
    assert known is not None
    identity = dataclasses.replace(step().identity, device="cuda")
    rewrite(device="cuda", digest=identity.digest)
    assert step().reasons == ("device: cuda → cpu",)


def test_results_of_others_are_told_and_are_no_reason(ran, monkeypatch):
    group = ran / "group"
    keys = holdings(known.keys) if (known := read_record("laptop", "tiny")) else {}
    key, count = next(iter(keys)), len(keys)
    for name in {path.parent.name for path in store_roots()[0].glob(f"*/{key}")}:
        (group / name).mkdir(parents=True)
        moved = (store_roots()[0] / name / key).rename(group / name / key)
        manifest = json.loads((moved / "manifest.json").read_text())
        manifest["made"]["user"] = "ada"
        (moved / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("COMPANION_GROUP_STORE", str(group))
    assert count > 1 and step().hit
    assert step().notes == (f"1 results made by ada, read from {group}",)


def test_a_record_survives_writing_and_reading(project: Path):
    record = Record(
        notebook="n", digest="d", cells_digest="c", text="t", imports=("a",), modules={"m": "1"},
        parameters={"sizes": [1, 2]}, origins={"sizes": "default"}, keys={"k": "f"}, figures=("p1_f1_x",),
        claims=("p1_c1_x",), files={}, device="cpu", seconds=1.5, finished=2.5, environment={"host": "h"},
    )  # fmt: skip
    record.write("smoke")
    assert read_record("smoke", "n") == record


def test_files_that_do_not_exist_have_no_digest(project: Path):
    assert file_digests(left_files("laptop", "tiny", ["tiny_f1_powers"])) == {}
