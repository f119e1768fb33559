"""The command line judges files of other runs: numbers, figures, and errors that name the file."""

import json
import os

import numpy as np
import pytest

import companion.analysis.neighbours  # noqa: F401 (here its compiled code is cached for good)
from companion.session import root

FILES = {
    f"evaluation_f{place}.{suffix}"
    for place in ("1_ratios", "2_samples")
    for suffix in ("pdf", "png", "csv", "json")
} | {"samples.csv", "summary.json"}


@pytest.fixture
def here(project, tmp_path, monkeypatch):
    """A folder with the files of a run: 40 copies of image 1 among 100 samples."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.chdir(folder)
    draws = np.random.default_rng(0)
    labels = np.repeat([1, 8], 20)
    train = draws.standard_normal((40, 6, 6)) + np.where(labels == 1, 1.5, -1.5)[:, None, None]
    copies = train[1] + 0.02 * draws.standard_normal((40, 6, 6))
    fresh = draws.standard_normal((60, 6, 6)) + np.repeat([1.5, -1.5], 30)[:, None, None]
    np.save("samples.npy", np.concatenate([copies, fresh]).astype(np.float32))
    np.save("train.npy", train.astype(np.float32))
    np.save("labels.npy", labels)
    np.save("held.npy", (draws.standard_normal((50, 36)) + 1.5).astype(np.float32))
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_everything_is_said_written_and_repeatable(here, command):
    said = command("evaluate", "samples.npy", "train.npy", "labels.npy")
    assert said.code == 0, said.err
    assert "40 of 100" in said.out and "40.0 %" in said.out and "0 of 40" in said.out
    assert "leave one out" in said.out and "1 (40)" in said.out
    assert "figures and numbers: evaluation" in said.out
    first = contents(here / "evaluation")
    assert set(first) == FILES
    assert first["evaluation_f1_ratios.png"].startswith(b"\x89PNG")
    summary = json.loads(first["summary.json"])
    assert (summary["memorised_fraction"], summary["null_rate"], summary["images_hit"]) == (0.4, 0.0, 1)
    assert (summary["labels"], summary["class_images_hit"]) == ([1, 8], [1, 0])
    assert summary["class_fraction_by_discriminant"] == pytest.approx([40 / 70, 0.0])
    assert summary["files"]["train"]["shape"] == [40, 6, 6]
    rows = first["samples.csv"].decode().splitlines()
    assert len(rows) == 101 and {"ratio", "nearest", "first_distance", "sample_class"} <= set(
        rows[0].split(",")
    )
    assert "COMPANION_FIGURES" not in os.environ
    assert command("evaluate", "samples.npy", "train.npy", "labels.npy").out == said.out
    assert contents(here / "evaluation") == first


def test_held_out_images_another_folder_and_threshold(here, command):
    said = command(
        "evaluate",
        "samples.npy",
        "train.npy",
        "--held-out",
        "held.npy",
        "--out",
        "deep/er",
        "--threshold",
        "0.9",
    )
    assert said.code == 0, said.err
    assert "held-out images" in said.out and "of 50" in said.out and "d1/d2 < 0.9" in said.out
    summary = json.loads((here / "deep/er/summary.json").read_text())
    assert summary["threshold"] == 0.9 and summary["memorised_fraction"] > 0.4
    assert "labels" not in summary


def test_rows_that_are_no_pictures_have_one_figure(here, command):
    np.save("samples.npy", np.load("samples.npy").reshape(100, 36)[:, :35])
    np.save("train.npy", np.load("train.npy").reshape(40, 36)[:, :35])
    assert command("evaluate", "samples.npy", "train.npy").code == 0
    assert {path.name for path in (here / "evaluation").iterdir()} == {
        name for name in FILES if "f2" not in name
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["samples.npy", "missing.npy"], "missing.npy: cannot be read"),
        (["samples.npy", "train.npy", "samples.npy"], "samples.npy: labels (100, 6, 6) given"),
        (["nan.npy", "train.npy"], "nan.npy: NaN, infinity or more than 1e+100 in row 3"),
        (["labels.npy", "train.npy"], "labels.npy: array (40,)"),
        (["samples.npy", "train.npy", "--threshold", "0"], "--threshold: 0.0 given"),
        (["samples.npy", "train.npy", "--out", "train.npy"], "--out: train.npy is a file"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(here, command, arguments, said):
    broken = np.load("samples.npy")
    broken[3, 2, 2] = np.nan
    np.save("nan.npy", broken)
    before = sorted(path.name for path in here.iterdir())
    answer = command("evaluate", *arguments)
    assert answer.code == 2
    assert said in answer.err and "Traceback" not in answer.err
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_full_disk_is_told(here, command, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("companion.session.files.write_json", full)
    answer = command("evaluate", "samples.npy", "train.npy")
    assert answer.code == 1
    assert "evaluation: could not be written" in answer.err and "No space left" in answer.err


def test_outside_of_a_project_what_is_kept_goes_to_the_users_cache(here, command, monkeypatch):
    monkeypatch.delenv("COMPANION_ROOT")
    root._nearest_root.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    (here.parent / "notebooks").rmdir()
    assert command("tiny").code == 2
    monkeypatch.setenv("COMPANION_ROOT", "")  # as good as none, and undone after the test
    said = command("evaluate", "samples.npy", "train.npy")
    assert said.code == 0, said.err
    assert os.environ["COMPANION_ROOT"] == str(here / "cache/companion")
    assert list((here / "cache/companion/build/store").glob("evaluation.evaluation/*"))


def test_help_names_the_files(here, command):
    said = command("evaluate", "--help")
    assert said.code == 0
    assert "--held-out" in said.out and "Exit codes" in said.out
