"""The gallery of a run that goes on: built when notebooks end, one build at a time, and none left behind."""

import os
from collections.abc import Sequence
from typing import Any

import pytest

from companion.run.choose import Wishes, choose
from companion.run.growing import GrowingGallery
from companion.run.outcome import Outcome
from companion.run.plan import make_plan


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, name: str) -> None:
        self.heard.append(f"{name} started")

    def show(self, news: Sequence[Any]) -> None:
        self.heard.append(f"{len(news)} events")

    def ended(self, outcome: Outcome) -> None:
        self.heard.append(f"{outcome.name} {outcome.status}")


@pytest.fixture
def outcome(ran) -> Outcome:
    (step,) = make_plan(choose(Wishes(["tiny"])).requests)
    return Outcome(step, "done")


def test_it_is_built_while_the_run_goes_on(ran, outcome):
    site = ran / "build" / "site"
    (site / ".inputs").write_text("of another day")
    tracked = ran / "figures/laptop/claims.json"
    verdicts = tracked.read_text()
    tracked.unlink()
    listener = Listener()
    with GrowingGallery(listener, "laptop", spacing=0.0) as growing:
        growing.started("tiny")
        growing.show([{}])
        growing.ended(outcome)
        assert growing._building is not None and growing._building.wait(60) == 0
        assert tracked.read_text() == verdicts
    assert listener.heard == ["tiny started", "1 events", "tiny done"]
    assert (site / ".inputs").read_text() != "of another day" and (site / "index.html").exists()


def test_one_build_at_a_time_and_none_after_the_run(ran, outcome):
    (ran / "build" / "site" / ".inputs").write_text("of another day")
    with GrowingGallery(Listener(), "laptop", spacing=0.0) as growing:
        growing.ended(outcome)
        first = growing._building
        growing.ended(outcome)
        assert growing._building is first and first is not None
    assert first.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(first.pid, 0)
    assert not list((ran / "build").glob(".site.*.tmp"))


def test_short_runs_and_failures_build_nothing(ran, outcome):
    with GrowingGallery(Listener(), "laptop") as growing:
        growing.ended(outcome)
        assert growing._building is None
    with GrowingGallery(Listener(), "laptop", spacing=0.0) as growing:
        growing.ended(Outcome(outcome.step, "failed"))
        assert growing._building is None
