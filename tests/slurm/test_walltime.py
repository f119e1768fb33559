"""Worker jobs near their wall time: a block that trains saves, and goes on in another job to the same bytes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from real_runs import Project

pytestmark = pytest.mark.slurm

_DEADLINE_SECONDS = 240.0


def test_a_warned_worker_hands_its_block_on(slurm, lay_out: Callable[..., Project], learned, tmp_path: Path):
    project = lay_out("tiny_learning", tmp_path / "project", cluster="sandbox")
    run = project.start("--cluster", "sandbox", "--set", "starts=1")
    run.wait_until(project.trains)
    (job,) = slurm.jobs()
    slurm.ask("scancel", "--signal=USR1", "--batch", job)
    slurm.wait_until(lambda: slurm.jobs().get(job) is None, _DEADLINE_SECONDS, "the warned job is gone")
    run.end_well()
    events = map(json.loads, project.past_events())
    steps = [event["done"] for event in events if event["kind"] == "progress" and event["label"] == "VAE"]
    again = len(steps) - 1 - steps[::-1].index(0)
    assert steps[again - 1] > 0 and steps[again + 1] >= steps[again - 1]  # it went on, it did not start anew
    same = project.results()
    assert len(same) == 1 and same.items() <= learned.items()
    assert list((project.root / "build/store").glob("*/.work-*")) == []
