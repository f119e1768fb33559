import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from companion.run import check
from companion.run.outcome import Outcome
from companion.store.content import file_digest


@pytest.fixture
def folders(project: Path) -> tuple[Path, Path]:
    """The tracked and the fresh folder, with one figure and one verdict that agree."""
    tracked, fresh = project / "figures/laptop", check.fresh_folder("laptop")
    tracked.mkdir(parents=True)
    for folder in (tracked, fresh):
        draw(folder, "tiny_f1_powers")
    (tracked / "claims.json").write_text(
        json.dumps({"tiny_c1_grows": verdict(), "other_c1_x": verdict("other")})
    )
    return tracked, fresh


def draw(folder: Path, name: str, notebook: str = "tiny", value: float = 1.5, **parameters: int) -> None:
    (folder / f"{name}.csv").write_text(f"number,power\n1,{value}\n2,4.5\n")
    (folder / f"{name}.json").write_text(json.dumps({"notebook": notebook, "parameters": parameters}))


def verdict(notebook: str = "tiny", said: str = "holds", **others: object) -> dict[str, object]:
    return {"notebook": notebook, "verdict": said, "digest": "d", **others}


def outcome(status: str = "done", only: tuple[str, ...] = (), **verdicts: dict[str, object]) -> Outcome:
    step = SimpleNamespace(request=SimpleNamespace(name="tiny", only=only))
    return Outcome(step, status, verdicts=verdicts or {"tiny_c1_grows": verdict()})


def report(capsys: pytest.CaptureFixture[str], *outcomes: Outcome) -> tuple[bool, str]:
    agree = check.report_differences(Console(width=200), "laptop", outcomes)
    return agree, capsys.readouterr().out


def test_what_agrees_is_said_with_the_tolerance(folders, capsys):
    agree, said = report(capsys, outcome())
    assert agree and "checked 1 figures and 1 verdicts: as tracked" in said and "1e-06 relative" in said
    assert "verdicts that changed: none of 2" in said
    assert "libraries: not known on both sides (A: unknown; B: this environment)" in said


def test_numbers_within_the_tolerance_agree(folders, capsys):
    draw(folders[1], "tiny_f1_powers", value=1.5 * (1 + 1e-7))
    agree, said = report(capsys, outcome())
    assert agree and "power: 1 of 2 rows differ" in said and "within 1e-06" in said


def test_numbers_beyond_it_are_shown(folders, capsys):
    draw(folders[1], "tiny_f1_powers", value=1.6)
    agree, said = report(capsys, outcome())
    assert not agree and "1 differ" in said
    assert "power: 1 of 2 rows differ (50 %), at most by 0.1, relative 0.063 (1.5 → 1.6 at number=1)" in said


def test_other_parameters_are_named(folders, capsys):
    draw(folders[0], "tiny_f1_powers", runs=5)
    draw(folders[1], "tiny_f1_powers", runs=6)
    agree, said = report(capsys, outcome())
    assert not agree and "same numbers, made otherwise: tiny_f1_powers" in said
    draw(folders[1], "tiny_f1_powers", value=2.5, runs=6)
    assert "parameters: runs 5 → 6" in report(capsys, outcome())[1]


def test_figures_that_came_or_went_are_missed(folders, capsys):
    draw(folders[0], "tiny_f2_gone")
    draw(folders[1], "tiny_f3_new")
    draw(folders[0], "other_f1_x", notebook="other")
    agree, said = report(capsys, outcome())
    assert not agree
    assert "1 figure only in tracked: tiny_f2_gone" in said
    assert "1 figure only in now: tiny_f3_new" in said
    assert "checked 3 figures and 1 verdicts: 2 differ" in said
    assert "other_f1_x" not in said


def test_a_part_of_a_notebook_answers_for_its_figures_only(folders, capsys):
    draw(folders[0], "tiny_f2_gone")
    only = outcome(only=("tiny_f1_powers",))
    only.verdicts = {}
    assert report(capsys, only)[0]


def test_a_changed_verdict_is_named(folders, capsys):
    agree, said = report(capsys, outcome(tiny_c1_grows=verdict(said="fails")))
    assert not agree and "tiny_c1_grows: tracked holds; now fails" in said


def test_a_claim_no_longer_judged_is_missed(folders, capsys):
    agree, said = report(capsys, outcome(tiny_c2_new=verdict()))
    assert not agree and "1 claim only in tracked: tiny_c1_grows (holds)" in said and "other_c1_x" not in said


def test_a_value_that_leaves_the_verdict_alone_is_a_difference_unless_it_is_slight(folders, capsys):
    tracked = json.dumps({"tiny_c1_grows": verdict(value=1.0)})
    (folders[0] / "claims.json").write_text(tracked)
    assert report(capsys, outcome(tiny_c1_grows=verdict(value=1.0 + 1e-7)))[0]
    agree, said = report(capsys, outcome(tiny_c1_grows=verdict(value=1.1)))
    assert not agree and "values that differ, with the same verdict" in said


def test_libraries_of_the_runs_that_made_the_tracked_figures_are_told(folders, project, capsys, monkeypatch):
    table = folders[0] / "tiny_f1_powers.csv"
    record = {
        "files": {"figure tiny_f1_powers.csv": file_digest(table)},
        "figures": ["tiny_f1_powers"],
        "finished": 1.0,
        "environment": {"versions": {"numpy": "1.0", "scipy": "2.0"}},
    }
    runs = project / "build/runs/laptop"
    runs.mkdir(parents=True)
    (runs / "tiny.record.json").write_text(json.dumps(record))
    monkeypatch.setattr(check, "library_versions", lambda: {"numpy": "1.1", "scipy": "2.0"})
    said = report(capsys, outcome())[1]
    assert "libraries: numpy 1.0 → 1.1 (A: records of their runs; B: this environment)" in said
    table.write_text(table.read_text() + "3,9.0\n")  # made by something else
    assert "libraries: not known" in report(capsys, outcome())[1]


def test_a_notebook_that_failed_agrees_with_nothing(folders, capsys):
    agree, said = report(capsys, outcome("failed"))
    assert not agree and "tiny: not compared" in said


def test_a_check_begins_with_an_empty_folder(folders):
    assert list(check.fresh_folder("laptop").iterdir()) == []
