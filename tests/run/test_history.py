"""The history of notebooks: one line each, whatever is damaged or refused."""

import json
from pathlib import Path

import pytest

from companion.run import history
from companion.run.choose import Wishes, choose
from companion.run.history import history_path, note_end, read_history
from companion.run.outcome import Outcome
from companion.run.plan import make_plan
from companion.session.files import append_line


@pytest.fixture
def outcome(tiny: Path) -> Outcome:
    (step,) = make_plan(choose(Wishes(["tiny"])).requests)
    return Outcome(step, "done", 1.25)


def test_a_line_has_what_the_report_needs(outcome: Outcome, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(history.DETACHED_VARIABLE, "20260101-010101-abcd")
    outcome.note(
        {"kind": "result", "notebook": "tiny", "key": key, "function": "f", "status": status}
        for key, status in (("a", "computed"), ("b", "hit"), ("a", "hit"), ("c", "hit"))
    )
    outcome.verdicts = {"c1": {"verdict": "holds"}, "c2": {"verdict": "fails"}, "c3": {"verdict": "holds"}}
    note_end(outcome, {"c1": {"verdict": "fails"}, "c2": {"verdict": "fails"}})
    (entry,) = read_history()
    assert entry["notebook"] == "tiny" and entry["status"] == "done" and entry["seconds"] == 1.25
    assert (entry["computed"], entry["read"]) == (1, 2)
    assert entry["verdicts"] == {"c1": ["fails", "holds"], "c3": [None, "holds"]}
    assert entry["detached"] == "20260101-010101-abcd"


def test_lines_since_a_moment_past_damaged_ones(outcome: Outcome):
    append_line(history_path(), json.dumps({"time": 10.0, "notebook": "old"}))
    with history_path().open("a") as file:
        file.write('{"time": 1e12, "notebo')  # a run that was killed while it wrote
    note_end(outcome, {})
    append_line(history_path(), "[1]")
    assert [entry["notebook"] for entry in read_history(20.0)] == ["tiny"]
    assert [entry["notebook"] for entry in read_history()] == ["old", "tiny"]


def test_a_disk_that_refuses_costs_a_line_and_no_more(outcome: Outcome, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(history, "append_line", refuse)
    note_end(outcome, {})
    assert outcome.status == "done" and "No space left" in outcome.remarks[0]
    assert list(read_history()) == []
