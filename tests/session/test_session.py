"""Sessions, events, atomic files and progress."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from companion.session import events, root
from companion.session.current import current, figures_folder, here
from companion.session.device import cuda_available, resolve_device
from companion.session.files import atomic_path, temporary_name, write_atomically, write_json
from companion.session.progress import duration, progress
from companion.settings.problems import SettingsError

NOTEBOOK = """# %% [markdown]
# # A notebook
# %%
from companion.settings.types import Cluster, Count, Device, Profile, Seed
# %% tags=["parameters"]
profile: Profile = "laptop"  # profile
device: Device = "cpu"  # device
cluster: Cluster = "inline"  # cluster
seed: Seed = 3  # seed
points: Count = 5  # how many
"""

VALUES = {"profile": "smoke", "device": "cpu", "cluster": "inline", "seed": 3, "points": 5}


@pytest.fixture
def notebook(project: Path) -> Path:
    path = project / "notebooks" / "mine.py"
    path.write_text(NOTEBOOK)
    return path


def test_here_makes_the_session_of_this_process(notebook, project):
    session = here("mine", VALUES)
    assert current() is session
    assert (session.profile, session.seed, session.device) == ("smoke", 3, "cpu")
    assert session.figures_folder == project / "figures" / "smoke"
    assert session.runs_folder == project / "build" / "runs" / "smoke"
    assert "mine · smoke · cpu" in repr(session)


def test_here_validates_what_was_injected(notebook):
    with pytest.raises(SettingsError, match="points"):
        here("mine", VALUES | {"points": -1})
    assert current() is None


def test_the_cluster_that_a_run_hands_over_wins(notebook, monkeypatch):
    monkeypatch.setenv("COMPANION_CLUSTER", "tcp://127.0.0.1:1")
    session = here("mine", VALUES)
    assert session.cluster == "tcp://127.0.0.1:1"
    assert "tcp" not in repr(session)


def test_figures_go_where_the_run_says(project, monkeypatch):
    monkeypatch.setenv("COMPANION_FIGURES", str(project / "elsewhere"))
    assert figures_folder("laptop") == project / "elsewhere"


@pytest.mark.skipif(cuda_available(), reason="this machine has CUDA")
def test_cuda_is_refused_before_any_work_where_there_is_none():
    assert resolve_device("auto") == "cpu"
    with pytest.raises(RuntimeError, match=r"device: 'cuda'"):
        resolve_device("cuda")


def test_root_is_the_nearest_folder_with_notebooks_and_params(project, monkeypatch):
    monkeypatch.delenv("COMPANION_ROOT")
    inside = project / "notebooks" / "deep"
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert root.project_root() == project.resolve()


def test_outside_a_project_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("COMPANION_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    root._nearest_root.cache_clear()
    with pytest.raises(FileNotFoundError, match="COMPANION_ROOT"):
        root.project_root()


def test_a_failed_write_leaves_the_old_file_and_no_traces(tmp_path):
    target = tmp_path / "figure.csv"
    write_atomically(target, "old")
    with pytest.raises(OSError, match="disk full"), atomic_path(target) as temporary:
        temporary.write_text("half of the n")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["figure.csv"]


def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path):
    target = tmp_path / "figure.csv"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ours = temporary_name(target)
    left = target.with_name(ours.name.replace(str(os.getpid()), str(dead.pid)))
    ours.write_text("being written")
    left.write_text("half")
    write_atomically(target, "new")
    assert {path.name for path in tmp_path.iterdir()} == {"figure.csv", ours.name}


def test_equal_content_is_written_as_equal_bytes(tmp_path):
    write_json(tmp_path / "a", {"x": 1, "y": [1.5, "é"]})
    write_json(tmp_path / "b", {"y": [1.5, "é"], "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_events_are_lines_and_an_unfinished_one_waits(tmp_path, monkeypatch):
    file = tmp_path / "events.jsonl"
    monkeypatch.setenv("COMPANION_EVENTS", str(file))
    events.emit("figure", id="p1_f1_x")
    with file.open("a") as handle:
        handle.write('{"kind": "cut')
    found, offset = events.read_events(file)
    assert [event["id"] for event in found] == ["p1_f1_x"]
    with file.open("a") as handle:
        handle.write(' short"}\n')
    found, _ = events.read_events(file, offset)
    assert [event["kind"] for event in found] == ["cut short"]


def test_progress_reports_counts_and_time_left(tmp_path, monkeypatch):
    file = tmp_path / "events.jsonl"
    monkeypatch.setenv("COMPANION_EVENTS", str(file))
    with progress("descent", 4, "runs") as advance:
        for _ in range(4):
            advance(1)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0]["done"] == 0
    assert (lines[-1]["done"], lines[-1]["total"], lines[-1]["unit"]) == (4, 4, "runs")
    assert lines[-1]["eta_seconds"] == 0


def test_durations_round_up_to_the_next_unit():
    assert [duration(seconds) for seconds in (0.0, 59.94, 60.0, 3599.6, 86400.0)] == [
        "0.0 s", "59.9 s", "1 min 00 s", "1 h 00 min", "24 h 00 min",
    ]  # fmt: skip
