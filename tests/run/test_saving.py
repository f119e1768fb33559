"""SIGUSR1 and SIGTERM to a real run: it saves, ends with 75, and the same command ends with the same bytes."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from real_runs import Project

pytestmark = pytest.mark.faults


def computed(events: list[str]) -> list[Any]:
    """Keys of the results that were computed, as events tell."""
    found = [json.loads(line) for line in events if '"computed"' in line]
    return [event["key"] for event in found]


@pytest.fixture
def project(lay_out: Callable[..., Project], tmp_path: Path) -> Project:
    """The tiny learning project, never run."""
    return lay_out("tiny_learning", tmp_path / "project")


@pytest.mark.parametrize(("number", "cluster"), [(signal.SIGTERM, "inline"), (signal.SIGUSR1, "local")])
def test_a_warned_run_goes_on_to_the_same_bytes(
    project: Project, learned: dict[str, bytes], number: signal.Signals, cluster: str
):
    run = project.start("--cluster", cluster)
    run.wait_until(project.trains)
    run.process.send_signal(number)
    ended = run.end()
    assert ended.code == 75, ended.said
    assert f"{number.name}: saving and ending within" in ended.said
    assert "learning: resumable after" in ended.said and "FAILED" not in ended.said
    assert f"The same command goes on from there: python run_all.py --cluster {cluster}" in ended.said
    store = project.root / "build/store"
    assert list(store.glob("*/.work-*/training.pt")) != []
    notes = [(file.parent, json.loads(file.read_text())) for file in store.glob("*/.work-*/spent.json")]
    assert list((project.root / "build/runs/laptop/running").iterdir()) == []
    project.start().end_well()
    assert project.results() == learned
    assert notes != []
    for folder, noted in notes:  # the result is billed for what was spent before the warning, too
        result = folder.with_name(folder.name.removeprefix(".work-"))
        told = json.loads((result / "manifest.json").read_text())
        assert told["cost"]["own_cpu_seconds"] > noted["own"]["cpu"] > 0
    assert list(store.glob("*/.work-*")) == []


def test_a_forced_run_that_is_queued_again_computes_nothing_twice(
    project: Project, learned: dict[str, bytes]
):
    project.start("--set", "starts=1").end_well()  # what stands there before
    project.environment["COMPANION_DETACHED"] = "one"
    run = project.start("--force")
    run.wait_until(lambda: computed(project.event_lines()))
    run.process.send_signal(signal.SIGUSR1)
    ended = run.end()
    assert ended.code == 75 and "The same command goes on from there" in ended.said, ended.said
    first = computed(project.past_events())
    project.start("--force").end_well()
    again = computed(project.past_events())
    assert len(first) == len(again) == 1 and {*first, *again} == learned.keys()
    assert project.results() == learned


def test_a_run_that_got_nowhere_is_not_one_to_be_repeated(project: Project):
    waiting = (
        "import threading\n\nprint('waits', flush=True)\nthreading.Event().wait(100)\n\n# %%\nconditions ="
    )
    project.edit("notebooks/learning.py", "conditions =", waiting)
    project.environment["COMPANION_GRACE_SECONDS"] = "0.5"
    run = project.start()
    run.wait_until(
        lambda: any('"kind": "cell"' in line and '"done": 4' in line for line in project.event_lines())
    )
    run.process.send_signal(signal.SIGUSR1)
    ended = run.end()
    assert ended.code == 130, ended.said
    assert "interrupted after" in ended.said
