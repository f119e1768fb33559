"""--compare from the command line to the exit code: what is said, in which order, and in which form."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from companion.figures.tables import tidy_csv
from companion.run.compare import compare_named
from companion.run.differences import DataDifference, Differences, compare_figures
from companion.run.side_by_side import show
from companion.run.sides import Side


def draw(folder: Path, name: str, data: xr.Dataset, notebook: str = "tiny", **description: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.csv").write_text(tidy_csv(data))
    known = {
        "notebook": notebook,
        "device": "cpu",
        "data_key": "k1",
        "data_function": "tiny.walks",
        "parameters": {},
    }
    (folder / f"{name}.json").write_text(json.dumps(known | description))


def judge(folder: Path, **entries: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fixed = {"digest": "d", "version": 1, "decides": True, "notebook": "tiny", "figure": "tiny_f1_walks"}
    (folder / "claims.json").write_text(json.dumps({name: fixed | entry for name, entry in entries.items()}))


def walks(shift: float = 0.0) -> xr.Dataset:
    ends = np.random.default_rng(0).normal(size=(2, 8)) + shift
    return xr.Dataset({"end": (("step", "replicate"), ends)}, {"step": [10, 20], "replicate": range(8)})


@pytest.fixture
def two(tiny: Path) -> Path:
    """The tiny project with two profiles: ends of walks shifted, a verdict changed, a number slightly moved."""
    a, b = tiny / "figures/laptop", tiny / "figures/night"
    draw(a, "tiny_f1_walks", walks(), parameters={"profile": "laptop", "exponent": 2.0, "walkers": 4})
    draw(
        b,
        "tiny_f1_walks",
        walks(0.5),
        parameters={"profile": "night", "exponent": 3.0, "blocks": 1},
        data_key="k2",
        device="cuda",
    )
    draw(a, "tiny_f2_same", walks(), data_key="k3")
    draw(b, "tiny_f2_same", walks(), data_key="k4")
    draw(a, "tiny_f3_gone", walks(), notebook="other")
    holds = {"verdict": "holds", "value": 1.0, "interval": [0.5, 1.5], "value_text": "1.0 (0.5 to 1.5)"}
    judge(a, tiny_c1_grows=holds, tiny_c2_walks=holds)
    fails = {"verdict": "fails", "value": -1.0, "interval": [-1.5, -0.5], "value_text": "-1.0 (-1.5 to -0.5)"}
    judge(b, tiny_c1_grows=fails, tiny_c2_walks=holds | {"value": 1.2, "value_text": "1.2 (0.5 to 1.5)"})
    return tiny


def test_what_differs_is_said_verdicts_first(two, command):
    said = command("--compare", "laptop", "night")
    assert said.code == 0
    lines = said.out.splitlines()
    expected = [
        "A (laptop): profile laptop",
        "B (night): profile night",
        "libraries: not known on both sides (A: unknown; B: unknown)",
        "verdicts that changed:",
        "    tiny_c1_grows: laptop holds, 1.0 (0.5 to 1.5); night fails, -1.0 (-1.5 to -0.5); "
        "significant: the intervals do not overlap",
        "values that differ, with the same verdict:",
        "    tiny_c2_walks: laptop 1.0 (0.5 to 1.5); night 1.2 (0.5 to 1.5); "
        "the intervals overlap: no difference shown",
        "1 figure only in laptop: tiny_f3_gone",
        "same numbers, made otherwise: tiny_f2_same",
        "figure tiny_f1_walks: significant in end",
        "    parameters: exponent 2.0 → 3.0; gone: walkers 4; new: blocks 1",
        "    made: device cpu → cuda; result k1 → k2",
        "    16 rows in both, matched by step, replicate",
    ]
    places = [lines.index(line) for line in expected]
    assert places == sorted(places)
    assert "        end: 16 of 16 rows differ (100 %), at most by 0.5, relative " in said.out
    assert "significant: B - A = +0.5 on average over 8 pairs, p = 0.0078" in said.out
    assert lines[-1] == (
        "in both: 2 claims with regimes: 1 verdicts and 1 further values differ; 2 figures: 1 have the same numbers, "
        "0 differ by less than 1e-06, 1 by more or in rows or columns"
    )


def test_a_changed_verdict_is_an_exit_code_for_the_strict(two, command):
    assert command("--compare", "laptop", "night", "--strict").code == 3
    assert command("--compare", "laptop", "laptop", "--strict").code == 0


def test_what_is_compared_can_be_restricted(two, command):
    said = command("--compare", "laptop", "night", "--only", "tiny_f2_same").out
    assert (
        "tiny_f1_walks" not in said and "tiny_c1_grows" not in said and "same numbers, made otherwise" in said
    )
    said = command("tiny", "--compare", "laptop", "night").out
    assert "tiny_f3_gone" not in said and "tiny_c1_grows" in said


def test_scripts_get_json(two, command):
    found = json.loads(command("--compare", "laptop", "night", "--json").out)
    assert found["claims"][0]["kind"] == "verdict" and found["claims"][0]["b"] == "fails"
    (figure,) = [each for each in found["figures"] if each["name"] == "tiny_f1_walks"]
    (column,) = figure["tables"][0]["columns"]
    assert column["largest"] == pytest.approx(0.5) and column["chance"]["p_value"] == 2 / 2**8


def test_names_that_mean_nothing_and_options_that_do_not_go_together_are_bad_input(two, command):
    said = command("--compare", "laptop", "nigth")
    assert said.code == 2 and "did you mean `night`?" in said.err and "Traceback" not in said.err
    said = command("--compare", "laptop", "night", "--check")
    assert said.code == 2 and "--check" in said.err
    said = command("--json", "--list")
    assert said.code == 2 and "--compare" in said.err
    assert command("--compare", "laptop", "night", "othr").code == 2
    assert (
        "did you mean `tiny_f1_walks`?"
        in command("--compare", "laptop", "night", "--only", "tiny_f1_walk").err
    )


def test_a_damaged_file_of_verdicts_is_named(two, command):
    (two / "figures/night/claims.json").write_text("{")
    said = command("--compare", "laptop", "night")
    assert said.code == 2 and "figures/night/claims.json: not JSON" in said.err


def test_a_notebook_s_own_verdicts_are_no_figure(two, command):
    """They lie beside the figures of overridden parameters."""
    beside = two / "build/overridden/laptop"
    draw(beside, "tiny_f2_same", walks())
    (beside / "tiny.claims.json").write_text("{}")
    said = command("--compare", "laptop", "build/overridden/laptop")
    assert said.code == 0 and "2 figures only in laptop" in said.out
    assert "tiny.claims" not in said.out


def test_a_terminal_gets_tables(two):
    out = Console(width=220, force_terminal=True, no_color=True, record=True, file=io.StringIO())
    assert compare_named(("laptop", "night"), "laptop", out) == 0
    text = out.export_text()
    assert "claim          laptop" in text and "column  rows" in text and "16 of 16 (100 %)" in text


def test_results_of_one_function_are_told_together():
    far = DataDifference("tiny.walks", code=("result a → b",), problem="damaged")
    found = Differences(
        ("A", "B"), ("a store", "a store"), results_compared=5, results=(far, far), results_only=(2, 0)
    )
    out = Console(width=160, record=True)
    show(out, found)
    text = out.export_text()
    assert text.count("results of tiny.walks: 2 differ; the one that differs most") == 1
    assert "(results: 2 only in A)" in text


def test_times_that_are_never_reached_on_one_side_are_counted(two):
    draw(two / "figures/laptop", "tiny_f4_never", xr.Dataset({"time": ("n", [np.inf, 1.0])}))
    draw(two / "figures/night", "tiny_f4_never", xr.Dataset({"time": ("n", [2.0, 1.0])}))
    a, b = (Side(name, name, two / "figures" / name) for name in ("laptop", "night"))
    count, figures = compare_figures(a, b, only=["tiny_f4_never"])
    out = Console(width=160, record=True)
    show(out, Differences(("A", "B"), ("a", "b"), figures_compared=count, figures=figures))
    said = "time: 1 of 2 rows differ (50 %), 1 missing or infinite on one side (inf → 2 at n=0)"
    assert said in out.export_text()


def test_figures_made_elsewhere_are_not_those_of_a_device(two):
    cpu = Side("cpu", "cpu", two / "figures/laptop", device="cpu")
    gpu = Side("cuda", "cuda", two / "figures/night", device="cuda")
    count, figures = compare_figures(cpu, gpu)
    assert count == 1 and {each.name: each.only for each in figures if each.only} == {
        "tiny_f2_same": "A",
        "tiny_f3_gone": "A",
    }


def test_numbers_that_are_not_there_are_a_problem_of_that_figure(two):
    (two / "figures/night/tiny_f1_walks.csv").unlink()
    a, b = (Side(name, name, two / "figures" / name) for name in ("laptop", "night"))
    (figure,) = [each for each in compare_figures(a, b)[1] if each.name == "tiny_f1_walks"]
    assert "its numbers are missing" in figure.problem and figure.beyond_tolerance
