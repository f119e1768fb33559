import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from companion.run.choose import Wishes, choose
from companion.run.outcome import Outcome
from companion.run.plan import make_plan
from companion.run.report import print_failures, print_plan, print_table, write_summary

RED, PLAIN = "\x1b[0;31m", "\x1b[0m"


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=160)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def outcomes(tiny: Path) -> list[Outcome]:
    """One notebook that failed and one that has a verdict."""
    broken, good = make_plan(choose(Wishes()).requests)
    failure = {
        "cell": 3,
        "line": 12,
        "ename": "ValueError",
        "evalue": "[red] is no colour",
        "source": "first\nsecond",
        "traceback": [f"{RED}ValueError{PLAIN}: [red] is no colour"],
    }
    verdict = {"verdict": "fails", "unexpected": True, "value_text": "3 [1, 5]"}
    return [
        Outcome(broken, "failed", 1.0, failure),
        Outcome(good, "done", 125.0, figures=["tiny_f1_powers"], verdicts={"tiny_c1_grows": verdict}),
    ]


def test_a_failure_shows_cell_source_and_traceback_without_codes(console, outcomes):
    print_failures(console, outcomes)
    assert said(console).splitlines()[1:] == [
        "broken FAILED, cell [3], notebooks/broken.py:12",
        "ValueError: [red] is no colour",
        "    | first",
        "    | second",
        "    ValueError: [red] is no colour",
    ]


def test_the_table_has_notebooks_and_verdicts_as_they_are(console, outcomes):
    print_table(console, outcomes)
    rows = [line.split() for line in said(console).splitlines()]
    assert ["broken", "failed", "1.0", "s", "0", "0"] in rows
    assert ["tiny", "done", "2", "min", "05", "s", "1", "1", "1", "fails", "(1", "unexpected)"] in rows
    assert ["tiny_c1_grows", "fails", "(unexpected)", "3", "[1,", "5]"] in rows


def test_the_plan_gives_each_reason_its_line(console, outcomes):
    print_plan(console, [outcome.step for outcome in outcomes])
    assert (
        said(console)
        == "broken: run\n    never run at this profile\ntiny: run\n    never run at this profile\n"
    )


def test_the_summary_is_plain_and_keeps_who_was_not_asked(tiny, outcomes):
    path = tiny / "build/runs/laptop/summary.json"
    write_summary("laptop", outcomes, started=1.0, seconds=2.0)
    first = json.loads(path.read_text())
    assert first["notebooks"][0]["failure"]["traceback"] == ["ValueError: [red] is no colour"]
    assert first["claims"]["tiny_c1_grows"]["verdict"] == "fails"
    write_summary("laptop", outcomes[1:], started=3.0, seconds=4.0)
    second = json.loads(path.read_text())
    assert second["started"] == 3.0 and second["notebooks"] == first["notebooks"]
    (tiny / "notebooks/broken.py").unlink()
    write_summary("laptop", outcomes[1:], started=5.0, seconds=6.0)
    assert [entry["name"] for entry in json.loads(path.read_text())["notebooks"]] == ["tiny"]


@pytest.mark.parametrize("content", ["", "[]", '{"notebooks": [{}]}', '{"notebooks": 3}'])
def test_a_damaged_summary_is_replaced(tiny, outcomes, content: str):
    path = tiny / "build/runs/laptop/summary.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    write_summary("laptop", outcomes, started=1.0, seconds=2.0)
    assert len(json.loads(path.read_text())["notebooks"]) == 2
