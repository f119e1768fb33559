import json
from pathlib import Path

import pytest

from companion.run.choose import Wishes, choose
from companion.run.outcome import Outcome, keep, line_of_cell, of_hit, read_verdicts, take_verdicts
from companion.run.plan import Step, make_plan
from companion.run.record import claims_path, executed_path, failed_path, read_record


def plan(*overrides: str, only: tuple[str, ...] = ()) -> Step:
    (step,) = make_plan(choose(Wishes(["tiny"], overrides=overrides, only=only)).requests)
    return step


@pytest.fixture
def executed(tmp_path: Path) -> Path:
    """A notebook as papermill leaves it."""
    metadata = {"papermill": {"input_path": "/here", "output_path": "/there", "duration": 1.0}}
    path = tmp_path / "executed.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": metadata}))
    return path


def record_verdicts(*names: str) -> None:
    claims_path("laptop", "tiny").parent.mkdir(parents=True, exist_ok=True)
    claims_path("laptop", "tiny").write_text(json.dumps({name: {"verdict": "holds"} for name in names}))


def test_events_of_this_notebook_are_noted_once(tiny):
    outcome = Outcome(plan())
    outcome.note(
        [
            {"kind": "result", "notebook": "tiny", "key": "k", "function": "f"},
            {"kind": "figure", "notebook": "tiny", "id": "tiny_f1_powers"},
            {"kind": "figure", "notebook": "tiny", "id": "tiny_f1_powers"},
            {"kind": "claim", "notebook": "tiny", "id": "tiny_c1_grows"},
            {"kind": "figure", "notebook": "other", "id": "other_f1_x"},
            {"kind": "message", "text": "no notebook"},
        ]
    )
    assert (outcome.keys, outcome.figures, outcome.claims) == (
        {"k": "f"},
        ["tiny_f1_powers"],
        ["tiny_c1_grows"],
    )


def test_a_complete_run_is_kept_without_its_paths(tiny, executed):
    failed_path("laptop", "tiny").parent.mkdir(parents=True)
    failed_path("laptop", "tiny").write_text("{}")
    outcome = Outcome(plan("cluster=local"), "done", 2.0, figures=["tiny_f1_powers"])
    keep(outcome, executed)
    kept = json.loads(executed_path("laptop", "tiny").read_text())
    assert kept["metadata"]["papermill"] == {"duration": 1.0}
    assert not failed_path("laptop", "tiny").exists()
    record = read_record("laptop", "tiny")
    assert record is not None
    assert record.parameters["numbers"] == 6 and record.origins["cluster"] == "--set"
    assert record.digest == outcome.step.identity.digest and record.seconds == 2.0


@pytest.mark.parametrize(("status", "name"), [("done", "tiny.ipynb"), ("failed", "tiny.failed.ipynb")])
def test_with_other_parameters_nothing_is_kept_at_the_profile(tiny, executed, status: str, name: str):
    outcome = Outcome(plan("numbers=7"), status)
    keep(outcome, executed)
    assert [path.name for path in (tiny / "build/overridden/laptop").iterdir()] == [name]
    assert not (tiny / "build/runs").exists()


def test_verdicts_that_were_not_there_before_leave_no_file(tiny):
    record_verdicts("tiny_c1_grows")
    outcome = Outcome(plan("numbers=7"), "done", claims=["tiny_c1_grows"])
    take_verdicts(outcome, restore={})
    assert list(outcome.verdicts) == ["tiny_c1_grows"]
    assert not claims_path("laptop", "tiny").exists()


def test_code_that_changed_while_it_ran_leaves_no_record(tiny, executed):
    outcome = Outcome(plan(), "done")
    (tiny / "tiny_drawing.py").write_text("CHANGED = True\n")
    keep(outcome, executed)
    assert read_record("laptop", "tiny") is None and executed_path("laptop", "tiny").exists()
    assert outcome.remarks == ["code changed while it ran: it will run again next time"]


@pytest.mark.parametrize(("status", "left"), [("failed", ["tiny.failed.ipynb"]), ("interrupted", [])])
def test_an_incomplete_run_leaves_no_record(tiny, executed, status: str, left: list[str]):
    runs = executed_path("laptop", "tiny").parent
    runs.mkdir(parents=True)
    keep(Outcome(plan(), status), executed)
    assert [path.name for path in runs.iterdir()] == left


def test_claims_that_a_complete_run_no_longer_makes_are_dropped(tiny):
    record_verdicts("tiny_c1_grows", "tiny_c2_gone")
    outcome = Outcome(plan(), "done", claims=["tiny_c1_grows"])
    take_verdicts(outcome, restore=None)
    assert list(outcome.verdicts) == list(read_verdicts("laptop", "tiny")) == ["tiny_c1_grows"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_an_incomplete_run_drops_no_claims(tiny, status: str):
    record_verdicts("tiny_c1_grows", "tiny_c2_other")
    outcome = Outcome(plan(), status, claims=["tiny_c1_grows"])
    take_verdicts(outcome, restore=None)
    assert list(outcome.verdicts) == ["tiny_c1_grows"]
    assert list(read_verdicts("laptop", "tiny")) == ["tiny_c1_grows", "tiny_c2_other"]


def test_a_check_puts_former_verdicts_back(tiny):
    record_verdicts("tiny_c1_grows")
    before = {"tiny_c1_grows": {"verdict": "fails"}}
    outcome = Outcome(plan(), "done", claims=["tiny_c1_grows"])
    take_verdicts(outcome, restore=before)
    assert outcome.verdicts == {"tiny_c1_grows": {"verdict": "holds"}}
    assert read_verdicts("laptop", "tiny") == before


def test_a_hit_is_told_from_its_record(ran):
    outcome = of_hit(plan())
    assert (outcome.status, outcome.figures) == ("hit", ["tiny_f1_powers", "tiny_f2_walks"])
    assert outcome.verdicts["tiny_c1_grows"]["verdict"] == "holds"


def test_cells_are_found_by_their_source(tiny):
    notebook = plan().request.notebook
    cell = notebook.cells[-1]
    assert line_of_cell(notebook, cell.source) == cell.line
    assert line_of_cell(notebook, "") is None and line_of_cell(notebook, "injected = 1") is None


def test_a_notebook_that_a_full_disk_cut_short_is_not_kept(tiny, executed):
    executed.write_text(executed.read_text()[:-9])
    outcome = Outcome(plan())
    outcome.fail("OSError", "No space left on device")
    keep(outcome, executed)
    assert outcome.stopped is None and not failed_path("laptop", "tiny").exists()
    assert outcome.remarks == ["as it stopped it was written in part only, and is not kept"]
