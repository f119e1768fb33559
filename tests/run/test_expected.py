"""What a plan says in advance: how long each notebook takes, quick ones first, at hardly any cost."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from companion.run import expected as module
from companion.run.choose import Wishes, choose
from companion.run.expected import BUSY, DRAWING_SECONDS, Expected, expected, quick_first, together
from companion.run.history import history_path
from companion.run.plan import make_plan
from companion.run.workforce import Workers
from companion.session.files import append_line

#: Core-seconds and longest chain: on many cores 30 s, of which the figure's study takes 10.
COSTS = {"tiny_study.powers": [10.0, 10.0], "tiny_study.walks": [20.0, 20.0]}


def steps(*names: str, **options):
    return make_plan(choose(Wishes(names, **options)).requests)


@pytest.fixture
def calibrated(tiny: Path) -> Path:
    _calibrate(tiny)
    return tiny


def _calibrate(root: Path, **notebooks: dict) -> None:
    content = {"machine": "a machine", "rates": {}, "notebooks": {"laptop": {"tiny": COSTS} | notebooks}}
    (root / "params" / "calibration.json").write_text(json.dumps(content))


def seconds(**options) -> float:
    (found,) = expected(steps("tiny", **options)).values()
    return found.seconds


def note(**fields) -> None:
    usual = {"notebook": "tiny", "profile": "laptop", "overridden": [], "only": [], "status": "done"}
    append_line(history_path(), json.dumps({"time": time.time(), **usual, **fields}))


def test_a_first_run_takes_what_the_calibration_says(calibrated):
    assert seconds() == DRAWING_SECONDS + 30


def test_more_cores_shorten_what_can_be_shared(calibrated, monkeypatch):
    _calibrate(calibrated, tiny={"tiny_study.powers": [100.0, 5.0], "tiny_study.walks": [100.0, 60.0]})
    monkeypatch.setattr(module, "workers", lambda cluster: Workers(4, 0, "four cores"))
    assert seconds() == pytest.approx(DRAWING_SECONDS + 100 / (4 * BUSY) + 60)


def test_history_of_this_machine_comes_first(calibrated):
    note(seconds=4.0, computed=0, read=6)
    note(seconds=104.0, computed=6, read=1)
    note(seconds=900.0, computed=6, read=1, status="failed")
    note(seconds=900.0, computed=6, read=1, overridden=["parameter seed: 0 → 1"])
    note(seconds=900.0, computed=6, read=1, profile="smoke")
    note(seconds=50.0, computed=3, read=5)  # neither from nothing nor without computing
    assert seconds() == 104.0


def test_a_short_run_is_told_as_short_as_it_was(calibrated):
    note(seconds=5.0, computed=6, read=1)
    (found,) = expected(steps("tiny")).values()
    assert found == Expected(5.0, drawing=5.0)


def test_what_is_stored_is_only_drawn(ran):
    _calibrate(ran)
    (ran / "build/runs/laptop/tiny.record.json").unlink()
    history_path().unlink()
    assert seconds() == DRAWING_SECONDS
    (figure,) = (ran / "figures/laptop").glob("tiny_f1*.json")
    content = json.loads(figure.read_text())
    figure.write_text(json.dumps(content | {"data_key": "0" * 40}))
    assert seconds() == DRAWING_SECONDS + 30  # walks belong to no figure, and may be needed
    assert seconds(overrides=["seed=7"]) == DRAWING_SECONDS + 30


def test_changed_code_of_science_is_computed_again(ran):
    _calibrate(ran)
    history_path().unlink()
    (step,) = steps("tiny")
    assert step.hit and expected([step])["tiny"] == Expected(0.0)
    edited = replace(step, reasons=("edited",))
    assert expected([edited])["tiny"].seconds < 20
    study = next(name for name in step.identity.modules if name.endswith("tiny_study"))
    other = replace(step.identity, modules={**step.identity.modules, study: "0" * 64})
    assert expected([replace(edited, identity=other)])["tiny"].seconds > 25


def test_forced_runs_compute_everything(ran):
    _calibrate(ran)
    history_path().unlink()
    (step,) = make_plan(choose(Wishes(["tiny"])).requests, because="--force")
    assert expected([step])["tiny"].seconds < 20
    assert expected([step], anew=True)["tiny"].seconds > 25


def test_quick_notebooks_come_first_and_the_tour_last():
    class Named:
        def __init__(self, name: str):
            self.request = type("R", (), {"name": name})

    times = {"a": Expected(90.0), "b": Expected(5.0), "c": Expected(90.0), "tour": Expected(1.0)}
    order = quick_first(cast(Any, [Named(name) for name in ("tour", "c", "a", "b")]), times)
    assert [step.request.name for step in order] == ["b", "a", "c", "tour"]


def test_the_plan_tells_times_and_their_sum(calibrated, command):
    _calibrate(calibrated, broken={"study": [600.0, 1.0]})
    said = command("--dry-run").out
    assert said.index("tiny: run, about 40 s") < said.index("broken: run, about")
    assert "all of them: about " in said


def test_without_any_measurement_no_time_is_told(tiny, command):
    said = command("--dry-run").out
    assert "tiny: run\n" in said and "all of them: at least about 20 s" in said


def test_notebooks_at_once_share_the_cores_and_not_the_drawing():
    times = [Expected(100.0, 20.0), Expected(140.0, 20.0)]
    assert together(times, 1) == "about 4 min"
    assert together(times, 2) == "about 4 min"
    assert together([Expected(20.0, 20.0)] * 2, 2) == "about 20 s"
    assert together([*times, Expected(5.0, 5.0, told=False)], 1) == "at least about 4 min"
