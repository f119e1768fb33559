import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from companion.run import check
from companion.run.outcome import Outcome


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


def verdict(notebook: str = "tiny", said: str = "holds") -> dict[str, str]:
    return {"notebook": notebook, "verdict": said, "digest": "d"}


def outcome(status: str = "done", only: tuple[str, ...] = (), **verdicts: dict[str, str]) -> Outcome:
    step = SimpleNamespace(request=SimpleNamespace(name="tiny", only=only))
    return Outcome(step, status, verdicts=verdicts or {"tiny_c1_grows": verdict()})


def report(capsys: pytest.CaptureFixture[str], *outcomes: Outcome) -> tuple[bool, str]:
    agree = check.report_differences(Console(width=200), "laptop", outcomes)
    return agree, capsys.readouterr().out


def test_what_agrees_is_said_with_the_tolerance(folders, capsys):
    agree, said = report(capsys, outcome())
    assert agree and "checked 1 figures and 1 verdicts: as tracked" in said and "1e-06 relative" in said


def test_numbers_within_the_tolerance_agree(folders, capsys):
    draw(folders[1], "tiny_f1_powers", value=1.5 * (1 + 1e-7))
    assert report(capsys, outcome())[0]


def test_numbers_beyond_it_are_shown(folders, capsys):
    draw(folders[1], "tiny_f1_powers", value=1.6)
    agree, said = report(capsys, outcome())
    assert not agree and "figure tiny_f1_powers: power: 1 of 2 cells differ" in said


def test_other_parameters_are_named(folders, capsys):
    draw(folders[0], "tiny_f1_powers", runs=5)
    draw(folders[1], "tiny_f1_powers", runs=6)
    agree, said = report(capsys, outcome())
    assert not agree and "figure tiny_f1_powers: parameter runs: 6 now, 5 tracked" in said


def test_figures_that_came_or_went_are_missed(folders, capsys):
    draw(folders[0], "tiny_f2_gone")
    draw(folders[1], "tiny_f3_new")
    draw(folders[0], "other_f1_x", notebook="other")
    agree, said = report(capsys, outcome())
    assert not agree
    assert "figure tiny_f2_gone: tiny_f2_gone.csv: not made now" in said
    assert "figure tiny_f3_new: tiny_f3_new.csv: not tracked" in said
    assert "other_f1_x" not in said


def test_a_part_of_a_notebook_answers_for_its_figures_only(folders, capsys):
    draw(folders[0], "tiny_f2_gone")
    only = outcome(only=("tiny_f1_powers",))
    only.verdicts = {}
    assert report(capsys, only)[0]


def test_a_changed_verdict_is_named(folders, capsys):
    agree, said = report(capsys, outcome(tiny_c1_grows=verdict(said="fails")))
    assert not agree and "claim tiny_c1_grows: fails now, holds tracked" in said


def test_a_claim_no_longer_judged_is_missed(folders, capsys):
    agree, said = report(capsys, outcome(tiny_c2_new=verdict()))
    assert not agree and "tiny_c1_grows: tracked, and gone now" in said and "other_c1_x" not in said


def test_a_notebook_that_failed_agrees_with_nothing(folders, capsys):
    agree, said = report(capsys, outcome("failed"))
    assert not agree and "tiny: not compared" in said


def test_a_check_begins_with_an_empty_folder(folders):
    assert list(check.fresh_folder("laptop").iterdir()) == []
