import json
from pathlib import Path
from typing import Any

import pytest

from companion.run import conduct


def events(root: Path, kind: str) -> list[dict[str, Any]]:
    lines = (root / "build/runs/laptop/events.jsonl").read_text().splitlines()
    return [event for line in lines if (event := json.loads(line))["kind"] == kind]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was executed")

    monkeypatch.setattr(conduct, "execute", refuse)


def test_first_run_finishes_one_notebook_and_reports_the_other(first_run):
    root, said = first_run.root, first_run.said
    assert first_run.code == 1
    assert "broken FAILED, cell [5], notebooks/broken.py:19" in said
    assert "ZeroDivisionError: division by zero" in said
    assert "    | 1 / (divisor - 1)" in said
    runs = root / "build/runs/laptop"
    assert (runs / "broken.failed.ipynb").exists() and not (runs / "broken.record.json").exists()
    record = json.loads((runs / "tiny.record.json").read_text())
    assert record["figures"] == ["tiny_f1_powers", "tiny_f2_walks"]
    assert set(record["keys"].values()) == {"tiny_study.powers", "tiny_study.walks", "tiny_study.summary"}
    assert {"tiny_study", "tiny_drawing", "companion.figures.style"} <= set(record["modules"])
    assert record["parameters"]["blocks"] == 4 and record["origins"]["numbers"] == "params/tiny/laptop.yaml:1"
    assert str(root) not in (runs / "tiny.ipynb").read_text()
    assert [path.name for path in runs.glob("running/*")] == []
    verdicts = json.loads((root / "figures/laptop/claims.json").read_text())
    assert verdicts["tiny_c1_grows"]["verdict"] == "holds"
    summary = json.loads((runs / "summary.json").read_text())
    assert [(entry["name"], entry["status"]) for entry in summary["notebooks"]] == [
        ("broken", "failed"),
        ("tiny", "done"),
    ]
    assert summary["notebooks"][0]["failure"]["ename"] == "ZeroDivisionError"
    assert (root / "build/site/index.html").exists() and "gallery: build/site/index.html" in said


def test_repeating_executes_nothing(ran, command, nothing_runs):
    before = contents(ran / "figures/laptop"), contents(ran / "build/site")
    said = command("tiny")
    assert said.code == 0
    assert "tiny: nothing to do" in said.out and "1 holds" in said.out
    assert (contents(ran / "figures/laptop"), contents(ran / "build/site")) == before


def test_comments_and_docstrings_are_no_reason(ran, command):
    edit(ran / "tiny_drawing.py", '"""Numbers against powers."""', '"""Other words."""  # and a comment')
    edit(ran / "notebooks/tiny.py", "# # Powers of small numbers", "# # Another heading")
    assert command("tiny", "--dry-run").out == "tiny: nothing to do\n"


def test_an_edited_figure_is_redrawn_without_computing(ran, command):
    before = contents(ran / "figures/laptop")
    edit(ran / "tiny_drawing.py", '"black"', '"red"')
    said = command("tiny")
    assert said.code == 0 and "code of tiny_drawing changed" in said.out
    after = contents(ran / "figures/laptop")
    assert {event["status"] for event in events(ran, "result")} == {"hit"}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        f"{name}{end}" for name in ("tiny_f1_powers", "tiny_f2_walks") for end in (".pdf", ".png")
    }
    assert command("tiny", "--dry-run").out == "tiny: nothing to do\n"


def everything(root: Path) -> dict[str, bytes]:
    """All that a run keeps at the profile, but the last run's events."""
    found = contents(root / "figures/laptop") | contents(root / "build/runs/laptop")
    found.pop("events.jsonl")
    drawn = contents(root / "build/runs/laptop/drawn")
    return found | {f"drawn/{name}": content for name, content in drawn.items()}


def test_another_parameter_computes_what_depends_on_it_and_leaves_the_profile_alone(ran, command):
    before = everything(ran)
    said = command("tiny", "--set", "blocks=5")
    assert said.code == 0 and "parameter blocks: 4 → 5" in said.out
    assert "overridden parameters: build/overridden/laptop; the tracked ones stand" in said.out
    assert everything(ran) == before
    computed = [event["function"] for event in events(ran, "result") if event["status"] == "computed"]
    assert sorted(computed) == ["tiny_study.summary", "tiny_study.walks"]
    aside = contents(ran / "build/overridden/laptop")
    about = json.loads(aside["tiny_f2_walks.json"])
    assert about["parameters"]["blocks"] == 5 and "tiny_f1_powers.png" in aside and "tiny.ipynb" in aside
    assert json.loads(aside["claims.json"])["tiny_c1_grows"]["verdict"] == "holds"
    assert command("tiny", "--dry-run").out == "tiny: nothing to do\n"


def test_a_failure_with_another_parameter_is_not_the_profiles(ran, command):
    before = everything(ran)
    said = command("tiny", "--set", "seed=1", "--set", "exponent=1.0e+400", "--set", "numbers=3")
    assert said.code == 2  # infinity is no parameter
    edit(ran / "tiny_judging.py", "value = math.nan if missing", "value = 1 / 0 if missing")
    said = command("tiny", "--set", "missing=true")
    assert said.code == 1 and "ZeroDivisionError" in said.out
    assert "the notebook as it stopped: build/overridden/laptop/tiny.failed.ipynb" in said.out
    assert everything(ran) == before


def test_what_the_profile_says_anyway_overrides_nothing(ran, command, nothing_runs):
    assert command("tiny", "--set", "blocks=4", "--set", "device=cpu").code == 0
    assert not (ran / "build/overridden").exists()


def test_only_draws_one_figure_computes_only_what_is_new_and_completes_nothing(ran, command):
    before = everything(ran)
    said = command("--only", "tiny_f2_walks", "--set", "blocks=6")
    assert said.code == 0 and everything(ran) == before
    assert {name.split(".")[0] for name in contents(ran / "build/overridden/laptop")} == {"tiny_f2_walks"}
    edit(ran / "tiny_drawing.py", '"black"', '"red"')
    kept = contents(ran / "build/runs/laptop")
    assert command("--only", "tiny_f2_walks").code == 0
    after = everything(ran)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"tiny_f2_walks.pdf", "tiny_f2_walks.png", "drawn/tiny_f2_walks.json", "summary.json"}
    for name in ("tiny.ipynb", "tiny.record.json", "tiny.claims.json"):
        assert after[name] == kept[name]
    reasons = command("tiny", "--dry-run").out
    assert "figure tiny_f2_walks.pdf is not the one that this notebook made" in reasons


def test_check_names_what_differs_and_touches_nothing(ran, command):
    edit(ran / "figures/laptop/tiny_f1_powers.csv", "36", "36.001")
    verdicts = ran / "figures/laptop/claims.json"
    edit(verdicts, '"verdict": "holds"', '"verdict": "fails"')
    before = contents(ran / "figures/laptop"), contents(ran / "build/runs/laptop")
    said = command("tiny", "--check")
    assert said.code == 1
    assert "power: 1 of 6 rows differ (17 %), at most by 0.001, relative 2.8e-05 (36.001 → 36" in said.out
    assert "tiny_c1_grows: tracked fails, 35; now holds, 35" in said.out
    assert "libraries: the same versions (A: records of their runs; B: this environment)" in said.out
    assert "checked 2 figures and 1 verdicts: 2 differ" in said.out
    after = contents(ran / "figures/laptop"), contents(ran / "build/runs/laptop")
    after[1].pop("events.jsonl"), before[1].pop("events.jsonl")
    assert after == before


def test_a_dry_run_says_why_and_writes_nothing(tiny, command, nothing_runs):
    said = command("--dry-run")
    assert said.code == 0
    assert said.out.count("never run at this profile") == 2
    assert not (tiny / "build").exists()


def test_bad_input_is_told_at_once_without_traceback(tiny, command, nothing_runs):
    (tiny / "params/broken/laptop.yaml").write_text("divisor: zero\n")
    said = command(
        "--set", "bloks=3", "--set", "exponent=-1", "--cluster", "lokal", "--only", "tiny_f1_power"
    )
    assert said.code == 2
    assert "did you mean `blocks`?" in said.err
    assert "--set exponent=-1: `exponent`: out of range" in said.err
    assert "did you mean `local`?" in said.err
    assert "did you mean `tiny_f1_powers`?" in said.err
    assert "Traceback" not in said.err
    assert "params/broken/laptop.yaml:1: `divisor`: wrong type" in command().err


def test_cluster_and_device_are_told_with_all_the_rest(tiny, command, nothing_runs, monkeypatch):
    monkeypatch.setattr("companion.session.device.cuda_available", lambda: False)
    said = command(
        "tiny", "--set", "numbers=0", "--set", "cluster=slrum", "--set", "bloks=1", "--set", "device=cuda"
    )
    assert said.code == 2
    assert "`numbers`: out of range" in said.err and "did you mean `blocks`?" in said.err
    assert "`cluster`: no such cluster" in said.err and "given slrum" in said.err
    assert "PyTorch finds no CUDA device" in said.err
    said = command("--profile", "../laptop", "--cluster", "lokal")
    assert "--profile: not a name" in said.err and "did you mean `local`?" in said.err


@pytest.mark.parametrize("below", ["", "deeper/store"])
def test_a_store_that_cannot_be_written_is_told_before_work(
    tiny, command, nothing_runs, monkeypatch, below: str
):
    (tiny / "file").touch()
    folder = tiny / "file" / below
    monkeypatch.setenv("COMPANION_STORE", f"{folder}:{tiny / 'group'}")
    said = command("tiny", "--set", "numbers=0")
    assert said.code == 2 and "`numbers`: out of range" in said.err
    assert "COMPANION_STORE: the own store cannot be" in said.err and f"given {folder}; allowed:" in said.err


def test_a_store_that_can_be_created_is_not_created_by_looking(tiny, command, nothing_runs, monkeypatch):
    monkeypatch.setenv("COMPANION_STORE", str(tiny / "new" / "store"))
    assert command("tiny", "--dry-run").code == 0
    assert not (tiny / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tinny"], "notebooks/tinny.py: no such notebook (did you mean `tiny`?)"),
        (["--profile", "lapptop"], "no notebook has this profile (did you mean `laptop`?)"),
        (["broken", "--profile", "smoke"], "params/broken/smoke.yaml: no such profile"),
        (["--profile", "../tiny/laptop"], "--profile: not a name that can be used here"),
        (["--device", "gpu"], "--device gpu: `device`: not one of the choices"),
        (["--jobs", "0"], "Invalid value for '--jobs'"),
    ],
)
def test_each_slip_has_its_line(tiny, command, nothing_runs, arguments: list[str], told: str):
    said = command(*arguments)
    assert said.code == 2 and told in said.err


def test_cuda_without_cuda_fails_before_work(tiny, command, nothing_runs, monkeypatch):
    monkeypatch.setattr("companion.session.device.cuda_available", lambda: False)
    said = command("tiny", "--device", "cuda")
    assert said.code == 2 and "PyTorch finds no CUDA device" in said.err


def test_a_notebook_without_the_profile_is_left_out_unless_named(tiny, command, nothing_runs):
    said = command("--profile", "smoke", "--dry-run")
    assert said.code == 0
    assert said.out.startswith("broken: left out, it has no profile 'smoke'\ntiny: run\n")


def test_list_says_what_there_is(ran, command, nothing_runs):
    said = command("--list")
    assert said.code == 0
    assert "tiny · Powers of small numbers\n    profiles: laptop, smoke; at laptop: up to date\n" in said.out
    assert "    figure tiny_f2_walks\n    claim tiny_c1_grows: holds 35\n" in said.out
    assert "at laptop: would run (last run failed)" in said.out


def test_a_full_disk_is_told_in_a_line(ran, command, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("companion.run.report.write_summary", refuse)
    said = command("tiny")
    assert said.code == 1
    assert said.err.startswith("[Errno 28] No space left on device\nwhat was finished before is whole")


def test_store_is_a_command_of_its_own(ran, command):
    said = command("store", "ls", "powers")
    assert said.code == 0 and "1 results" in said.out


def test_outside_a_project_the_advice_is_one_line(tmp_path, monkeypatch, command):
    monkeypatch.delenv("COMPANION_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    said = command()
    assert said.code == 2 and "no parent folder holds notebooks/" in said.err


@pytest.mark.parametrize("problem", [OSError("no ink"), ValueError("no ink")])
def test_a_gallery_that_fails_does_not_hide_the_results(problem, ran, command, nothing_runs, monkeypatch):
    def fail() -> Path:
        raise problem

    monkeypatch.setattr("companion.run.gallery.refresh", fail)
    said = command("tiny")
    assert said.code == 1 and "1 holds" in said.out and "no ink" in said.err
