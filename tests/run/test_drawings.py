"""What is kept of each drawing of a figure."""

import json
from pathlib import Path
from typing import Any

import pytest

from companion.run import drawings
from companion.run.choose import Wishes, choose
from companion.run.drawings import drawing_path, note_drawings
from companion.run.outcome import Outcome
from companion.run.plan import make_plan
from companion.store.content import file_digest

FIGURE = "tiny_f1_powers"


def an_outcome(**changes: Any) -> Outcome:
    (step,) = make_plan(choose(Wishes(["tiny"])).requests)
    return Outcome(step, "done", 1.256, figures=[FIGURE], **changes)


def kept() -> dict:
    return json.loads(drawing_path("laptop", FIGURE).read_text())


def test_the_first_run_left_a_record_with_none_before(ran: Path):
    found = kept()
    assert found["before"] is None
    assert found["now"]["notebook"] == "tiny"
    assert found["now"]["device"] == "cpu"
    assert found["now"]["figure"] == json.loads((ran / f"figures/laptop/{FIGURE}.json").read_text())
    assert found["now"]["picture"] == file_digest(ran / f"figures/laptop/{FIGURE}.png")
    assert {"commit", "versions", "host"} <= found["now"]["environment"].keys()
    assert [entry["verdict"] for entry in found["now"]["verdicts"].values()] == ["holds"]


def test_the_next_drawing_keeps_the_one_before_it(ran: Path):
    first = kept()["now"]
    (claim,) = first["verdicts"]
    path = ran / f"figures/laptop/{FIGURE}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data_digest": "another"}))
    note_drawings(an_outcome(verdicts={claim: first["verdicts"][claim] | {"verdict": "fails"}}))
    found = kept()
    assert found["before"] == first
    assert found["now"]["figure"]["data_digest"] == "another"
    assert found["now"]["verdicts"][claim]["verdict"] == "fails"
    assert found["now"]["seconds"] == 1.26


def test_a_run_that_judges_nothing_keeps_the_verdicts(ran: Path):
    before = kept()["now"]["verdicts"]
    note_drawings(an_outcome())
    assert kept()["now"]["verdicts"] == before


def test_verdicts_on_other_figures_are_left_out(ran: Path):
    note_drawings(an_outcome(verdicts={"else_c1_x": {"figure": "else_f1_x", "verdict": "holds"}}))
    assert "else_c1_x" not in kept()["now"]["verdicts"]


@pytest.mark.parametrize("text", ["{", "[]", '{"now": {"verdicts": 3}}'])
def test_a_damaged_record_is_replaced(ran: Path, text: str):
    drawing_path("laptop", FIGURE).write_text(text)
    note_drawings(an_outcome())
    assert kept()["before"] is None


def test_a_disk_that_refuses_costs_the_record_and_no_more(ran: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = kept()
    monkeypatch.setattr(drawings, "write_json", refuse)
    outcome = an_outcome()
    note_drawings(outcome)
    assert outcome.status == "done" and "No space left" in outcome.remarks[0]
    assert kept() == before
