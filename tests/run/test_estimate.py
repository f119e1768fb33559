"""The bill in advance: notebooks rehearsed without computing, costs from rates, room on the disk."""

import json
from pathlib import Path

import pytest

from companion.run import estimate
from companion.run.bill import Bill, Workers, bill, disk_problem, share_of_month
from companion.run.choose import Wishes, choose
from companion.run.rehearsal import rehearse, studies
from companion.session import current
from companion.settings.notebook import Cell
from companion.store.calibration import FILE_BYTES, Rate

HERE = Workers(4, 2, "a test")


def rate(seconds: float = 2.0, *, factor: float = 1.2, largest: float = 10.0) -> Rate:
    return Rate(seconds, factor, 1000.0, 2048.0, 5, 100.0, largest)


def part(function: str = "f", **changed: object) -> dict:
    numbers = {"stored": 0, "missing": 8, "work": 80.0, "largest": 10.0, "disk": 8.0, "joins": False}
    return {"function": function, "device": "cpu", **numbers, **changed}


@pytest.fixture
def unnamed(monkeypatch):
    """A rehearsal in this process leaves no session behind."""
    monkeypatch.setattr(current, "_current", None)
    monkeypatch.setenv("COMPANION_NOTEBOOK", "")


def rehearsed(*overrides: str):
    (request,) = choose(Wishes(["tiny"], overrides=overrides)).requests
    return rehearse(request.notebook.cells, request.parameters.values)


def test_a_notebook_is_rehearsed_without_a_trace(tiny, unnamed):
    found = rehearsed("blocks=3")
    names = [call.function for call in found.calls]
    assert names == ["tiny_study.powers", *["tiny_study.walks"] * 3, "tiny_study.summary"]
    assert [bool(call.problem) for call in found.calls] == [False] * 4 + [True]
    assert found.problems == []
    assert not (tiny / "build").exists() or not list((tiny / "build").rglob("*.nc"))
    assert not list((tiny / "figures").rglob("*")) if (tiny / "figures").exists() else True


def test_what_is_stored_counts_nothing(ran, unnamed):
    found = rehearsed()
    assert [call.function for call in found.calls if call.key and not call.stored] == []
    (powers, *_) = studies(found.calls, set())
    assert powers["parts"][0] | {"stored": 1, "missing": 0, "work": 0.0} == powers["parts"][0]


def test_the_rest_of_a_notebook_goes_on_after_a_missing_number(project, unnamed):
    (project / "goes_on.py").write_text(
        "import xarray as xr\nfrom companion.store.durable import stored\n"
        "@stored\ndef one(x):\n    return xr.Dataset({'y': x})\n"
    )
    source = "import goes_on\na = goes_on.one(1)\nb = float(a.y) + 1\nc = [goes_on.one(x) for x in (2, 3)]\nd = b / 0"
    found = rehearse([Cell(source, "code", (), 1), Cell("1 / 0", "code", (), 9)], {})
    assert len(found.calls) == 3
    assert found.problems == ["cell 1, line 1: ZeroDivisionError: division by zero"]


def test_shared_results_are_counted_once(tiny, unnamed):
    calls = rehearsed().calls
    counted: set[str] = set()
    first, again = studies(calls, counted), studies(calls, counted)
    assert sum(each["missing"] for study in first for each in study["parts"]) == 6
    assert (
        sum(
            each["missing"]
            for study in again
            for each in study["parts"]
            if study["study"] != "tiny_study.summary"
        )
        == 0
    )


def test_a_bill_adds_up():
    found = bill(
        [part(), part("g", device="cuda", missing=1, work=10.0)],
        {("f", "cpu"): rate(), ("g", "cuda"): rate()},
        HERE,
    )
    assert (found.core_seconds, found.gpu_seconds) == (160.0, 20.0)
    assert found.wall_seconds == 160 / 4 + 20
    assert found.disk_bytes == 2 * 8000 + 9 * FILE_BYTES
    assert found.missing == 9
    assert 1.2 < found.factor < 1.4


def test_the_largest_block_is_waited_for():
    assert bill([part(largest=70.0)], {("f", "cpu"): rate(largest=70)}, HERE).wall_seconds == 140.0


def test_what_is_far_beyond_all_that_was_measured_is_less_certain():
    near, far = (
        bill([part(largest=largest)], {("f", "cpu"): rate()}, HERE).factor for largest in (10.0, 1e5)
    )
    assert far > 2 * near


def test_what_has_no_rate_is_named_and_not_counted():
    found = bill([part(device="cuda")], {("f", "cpu"): rate()}, HERE)
    assert found.unknown == ("f on cuda",)
    assert found.gpu_seconds == 0


@pytest.mark.parametrize(
    ("expected", "free", "said", "surely"),
    [(1e9, 1e12, False, False), (1e12, 1.5e12, True, False), (1e12, 1e11, True, True)],
)
def test_the_disk_is_refused_only_when_surely_too_small(expected, free, said, surely):
    text, refused = disk_problem(expected, free, "/store")
    assert (bool(text), refused) == (said, surely)


def test_the_month_is_compared():
    lines = share_of_month(
        Bill(core_seconds=36e5, gpu_seconds=36e4), {"core_hours_per_month": 10_000, "gpu_hours_per_month": 0}
    )
    assert lines == [
        "1000 of 10000 core-hours a month: 10 %",
        "100 GPU-hours, of which the cluster file allows none",
    ]


def test_estimate_on_the_command_line(tiny, command, monkeypatch):
    monkeypatch.setattr(estimate, "_rehearsed", _as_rehearsed)
    (tiny / "params" / "calibration.json").write_text(
        json.dumps({"machine": "a machine", "rates": {"tiny_study.walks": {"cpu": _numbers(3600.0)}}})
    )
    said = command("tiny", "--estimate")
    assert said.code == 0, said.err
    assert "rates of 1 functions from params/calibration.json (a machine)" in said.out
    assert (
        "* no rate for tiny_study.powers on cpu: not counted; run the profile smoke there first" in said.out
    )
    assert "4 core-hours, 0 GPU-hours" in said.out


def test_a_run_that_surely_does_not_fit_is_refused_before_work(tiny, command, monkeypatch):
    monkeypatch.setattr(estimate, "_rehearsed", _as_rehearsed)
    monkeypatch.setattr(estimate, "_free", lambda folder: 1e5)
    (tiny / "params" / "calibration.json").write_text(
        json.dumps(
            {"machine": "a machine", "rates": {"tiny_study.walks": {"cpu": _numbers(1.0) | {"bytes": 1e9}}}}
        )
    )
    said = command("tiny")
    assert said.code == 2
    assert "not enough even for" in said.err
    assert "COMPANION_STORE" in said.err
    assert not list((tiny / "build").rglob("*.nc"))


def test_a_rehearsal_in_a_process_of_its_own(tiny):
    foreseen = estimate.foresee(choose(Wishes(["tiny"])).requests)
    (notebook,) = foreseen.notebooks
    assert [study["study"] for study in notebook["studies"]] == [
        f"tiny_study.{name}" for name in ("powers", "walks", "summary")
    ]


def _numbers(seconds: float) -> dict:
    return {
        "seconds": seconds,
        "factor": 1.5,
        "bytes": 1e3,
        "memory_kib": 1e3,
        "results": 3,
        "work": 3.0,
        "largest": 1.0,
    }


def _as_rehearsed(notebooks: list[dict], *, anew: bool) -> dict:
    """The rehearsal of the tiny project, without a process."""
    block = {"function": "tiny_study.walks", "device": "cpu", "joins": False, "stored": 0}
    block |= {"missing": 4, "work": 4.0, "largest": 1.0, "disk": 4.0}
    powers = block | {"function": "tiny_study.powers", "missing": 1, "work": 1.0}
    walks = {"study": "tiny_study.walks", "parts": [block], "problems": []}
    only = {"study": "tiny_study.powers", "parts": [powers], "problems": []}
    return {
        "notebooks": [{"notebook": Path("tiny").name, "studies": [only, walks], "problems": []}],
        "rates": {},
    }
