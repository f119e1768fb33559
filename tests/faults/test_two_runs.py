"""Two runs at once on one store."""

import contextlib
import json
import time
from collections import Counter
from typing import IO

import pytest

pytestmark = pytest.mark.faults


def test_two_runs_at_once_end_well_and_compute_each_result_once(fresh, undisturbed):
    both = [fresh.start(), fresh.start()]
    files: dict[str, IO[str]] = {}
    deadline = time.monotonic() + 150
    with contextlib.ExitStack() as opened:
        while any(run.process.poll() is None for run in both):
            assert time.monotonic() < deadline
            for path in fresh.root.glob("build/runs/laptop/running/*/events.jsonl"):
                if path.parent.name not in files:  # an open file is still there after its run has ended
                    files[path.parent.name] = opened.enter_context(path.open())
            time.sleep(0.01)
        events = [json.loads(line) for file in files.values() for line in file]
    assert [run.end().code for run in both] == [0, 0], both[0].said + both[1].said
    assert len(files) == 2
    results = [event for event in events if event["kind"] == "result"]
    computed = Counter(event["key"] for event in results if event["status"] == "computed")
    assert set(computed) == {event["key"] for event in results} and set(computed.values()) == {1}
    assert len(computed) == 6
    assert fresh.lasting() == undisturbed.lasting and fresh.left_by_the_dead() == []
    assert fresh.run("--dry-run").said == "tiny: nothing to do\n"
