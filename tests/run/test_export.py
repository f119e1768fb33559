"""A figure for a paper: redrawn from stored results at another width, with its claims as macros; nothing else moves."""

import json
import re
import shutil
from pathlib import Path

import pytest

from companion.run import export

PDF_BOX = re.compile(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]")


def files(folder: Path) -> dict[str, bytes]:
    """Everything under ``folder`` but what runs note about themselves."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != "events.jsonl"
        and "numba" not in path.parts
        and "locks" not in path.parts
    }


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was executed")

    monkeypatch.setattr(export, "execute", refuse)


def test_a_figure_is_redrawn_at_the_width_that_was_asked_for(ran, command, tmp_path):
    before = files(ran)
    said = command("--export", "tiny_f1_powers", str(tmp_path / "paper/figures"), "--width", "12cm")
    assert said.code == 0, said.out + said.err
    folder = tmp_path / "paper/figures"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"tiny_f1_powers{end}" for end in (".csv", ".pdf", ".tex")
    ]
    width, _ = map(float, PDF_BOX.search((folder / "tiny_f1_powers.pdf").read_bytes()).groups())
    assert width / 72 == pytest.approx(12 / 2.54, abs=1e-3)
    assert (folder / "tiny_f1_powers.csv").read_bytes() == (
        ran / "figures/laptop/tiny_f1_powers.csv"
    ).read_bytes()
    text = (folder / "tiny_f1_powers.tex").read_text()
    assert (
        r"\companionset{\tinyGrowsValue}{35}" in text and r"\companionset{\tinyGrowsVerdict}{holds}" in text
    )
    assert "% criterion (version 1): above 0" in text and "profile laptop" in text
    assert "4.72 x" in said.out
    assert files(ran) == before


def test_missing_results_are_told_with_their_cost_and_nothing_is_computed(ran, command, tmp_path):
    shutil.rmtree(ran / "build/store/tiny_study.powers")
    before = files(ran)
    said = command("--export", "tiny_f1_powers", str(tmp_path / "paper"))
    assert said.code == 1
    assert re.search(
        r"tiny: nothing exported, tiny_study\.powers: result [0-9a-f]{12} is not in the store", said.out
    )
    assert "1 results would have to be computed: " in said.out and "core-hours" in said.out
    assert "python run_all.py tiny --profile laptop --only tiny_f1_powers" in said.out
    assert not (tmp_path / "paper").exists()
    assert files(ran) == before


def test_all_figures_come_with_all_claims(ran, command, tmp_path):
    said = command("tiny", "--export", "all", str(tmp_path))
    assert said.code == 0, said.out + said.err
    assert {"tiny_f1_powers.pdf", "tiny_f2_walks.pdf", "claims.tex"} <= {
        path.name for path in tmp_path.iterdir()
    }
    claims = json.loads((ran / "figures/laptop/claims.json").read_text())
    assert (tmp_path / "claims.tex").read_text().count("Verdict}{") == len(claims)
    # as drawn: without a width the PDF is the one that the run left
    drawn = (ran / "figures/laptop/tiny_f2_walks.pdf").read_bytes()
    assert (tmp_path / "tiny_f2_walks.pdf").read_bytes() == drawn


@pytest.mark.usefixtures("nothing_runs")
def test_what_is_wrong_is_said_at_once_and_by_its_option(ran, command, tmp_path):
    (tmp_path / "file").write_text("")
    said = command(
        "--export", "tiny_f1_power", str(tmp_path / "file"), "--width", "3.25", "--only", "tiny_f2_walks"
    )
    assert said.code == 2
    assert "--export tiny_f1_power: no such figure (did you mean `tiny_f1_powers`?)" in said.err
    assert "--width: not a width" in said.err and "8.5cm" in said.err
    assert "--export: no folder to write to" in said.err
    assert "--only: not together with --export" in said.err


@pytest.mark.usefixtures("nothing_runs")
def test_a_width_without_a_figure_to_export_is_refused(ran, command):
    said = command("tiny", "--width", "3.25in")
    assert said.code == 2 and "--width: goes with --export FIGURE DIR" in said.err
