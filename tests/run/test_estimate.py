"""The bill in advance: notebooks rehearsed without computing, costs from rates, room on the disk."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from companion.run import foresee, room
from companion.run.bill import (
    JOINING_SECONDS,
    KERNEL_SECONDS,
    Bill,
    bill,
    disk_problem,
    share_of_month,
)
from companion.run.choose import Wishes, choose
from companion.run.estimate import in_words
from companion.run.plan import Request
from companion.run.rehearsal import rehearse, studies
from companion.run.workforce import Workers
from companion.session import current
from companion.settings.notebook import Cell
from companion.store.calibration import FILE_BYTES, Rate

HERE = Workers(4, 2, "a test")


def rate(seconds: float = 2.0, *, factor: float = 1.2, largest: float = 10.0) -> Rate:
    return Rate(seconds, factor, 1000.0, 2048.0, 5, 100.0, largest)


def part(function: str = "f", **changed: object) -> dict:
    numbers = {"stored": 0, "missing": 8, "work": 80.0, "largest": 10.0, "disk": 8.0, "joins": False}
    numbers["kernels"] = []
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
    assert found.unknown == {("f", "cuda"): 160.0}  # core-seconds that it would take on CPUs
    assert (found.seconds, found.factor) == (0, None)
    assert (found.disk_bytes, found.memory_kib) == (8 * 1000.0 + 8 * FILE_BYTES, 2048.0)


def test_what_joins_others_on_a_gpu_holds_none():
    joining = part(device="cuda", joins=True, missing=1)
    found = bill([joining], {}, HERE)
    assert (found.core_seconds, found.gpu_seconds, found.unknown) == (JOINING_SECONDS, 0, {})
    assert bill([joining], {("f", "cpu"): rate()}, HERE).core_seconds == 160.0
    assert bill([joining], {("f", "cpu"): rate(), ("f", "cuda"): rate()}, HERE).gpu_seconds == 160.0


def test_what_is_known_and_what_is_not_are_told_apart():
    table = {("f", "cpu"): rate()}
    total = bill([part(), part(device="cuda")], table, HERE)
    assert total.factor is not None and 1.2 < total.factor < 1.5
    words = in_words(total)
    assert words.startswith("0.044 core-hours, ? GPU-hours, ≥ 40.0 s of work")
    assert words.endswith("for what is known")
    assert share_of_month(total, {"core_hours_per_month": 100, "gpu_hours_per_month": 100}) == [
        "0.044 of 100 core-hours a month: 0.044 %"
    ]


def test_kernels_are_compiled_once_by_each_worker():
    table = {("f", "cpu"): rate()}
    compiled, new = (bill([part(kernels=names)], table, HERE) for names in ([], ["a", "b"]))
    assert new.core_seconds - compiled.core_seconds == new.compiling == 2 * KERNEL_SECONDS * HERE.cores
    assert new.wall_seconds - compiled.wall_seconds == 2 * KERNEL_SECONDS
    told = bill([part(kernels=["a"])], {("f", "cpu"): replace(rate(), compiling=7.0)}, HERE)
    assert told.compiling == 7.0 * HERE.cores


def test_of_memory_the_larger_counts_and_a_bound_is_called_one():
    exact = replace(rate(), memory_kib=2.0**20, memory_exact=True)
    found = bill([part(), part("g")], {("f", "cpu"): rate(), ("g", "cpu"): exact}, HERE)
    assert (found.memory_kib, found.memory_exact) == (2**20, True)
    assert not bill([part()], {("f", "cpu"): rate()}, HERE).memory_exact


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
    monkeypatch.setattr(foresee, "rehearsed", _as_rehearsed)
    (tiny / "params" / "calibration.json").write_text(
        json.dumps({"machine": "a machine", "rates": {"tiny_study.walks": {"cpu": _numbers(3600.0)}}})
    )
    said = command("tiny", "--estimate")
    assert said.code == 0, said.err
    assert "rates of 1 functions from params/calibration.json (a machine)" in said.out
    assert (
        "* no rate for tiny_study.powers on cpu: not counted; run the profile smoke there first" in said.out
    )
    assert "≥ 4 core-hours, 0 GPU-hours" in said.out


def test_a_run_that_surely_does_not_fit_is_refused_before_work(tiny, command, monkeypatch):
    monkeypatch.setattr(foresee, "rehearsed", _as_rehearsed)
    monkeypatch.setattr(room, "free_space", lambda folder: 1e5)
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


@pytest.mark.parametrize("option", ["--estimate", "--calibrate"])
@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("raise MemoryError('too much')", "1: MemoryError: too much"),
        ("import os; os.kill(os.getpid(), 9)", "-9: nothing said"),
    ],
)
def test_a_rehearsal_that_fails_is_told_in_a_line(tiny, command, monkeypatch, option, ending, told):
    _rehearsed_by(monkeypatch, ending)
    said = command(option)
    assert said.code == 1
    assert told in said.out and "Traceback" not in said.out + said.err
    assert not (tiny / "params" / "calibration.json").exists()


def test_a_rehearsal_that_takes_too_long_is_ended(tiny, command, monkeypatch):
    _rehearsed_by(monkeypatch, _FOR_EVER)
    monkeypatch.setattr(foresee, "_SECONDS_ALLOWED", 0)
    said = command("--estimate")
    assert said.code == 1 and "did not end within 0 minutes" in said.out


def test_a_run_that_is_asked_to_end_while_it_plans_ends_its_rehearsal(tiny, monkeypatch):
    children = _rehearsed_by(monkeypatch, _FOR_EVER)
    monkeypatch.setattr(foresee.interruption, "asked", lambda: bool(children))
    with pytest.raises(foresee.RehearsalFailed, match="asked to end soon"):
        foresee.foresee(choose(Wishes(["tiny"])).requests)
    assert [child.returncode for child in children] == [-9]


_FOR_EVER = "import threading; threading.Event().wait()"


def _rehearsed_by(monkeypatch, source: str) -> list[subprocess.Popen[str]]:
    """Let this code take the place of rehearsals; the processes that it becomes."""
    start, children = subprocess.Popen, []

    def instead(command: list[str], **options: Any) -> subprocess.Popen[str]:
        children.append(start([command[0], "-c", source], **options))
        return children[-1]

    monkeypatch.setattr(foresee.subprocess, "Popen", instead)
    return children


def test_a_rehearsal_in_a_process_of_its_own(tiny):
    foreseen = foresee.foresee(choose(Wishes(["tiny"])).requests)
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


def _as_rehearsed(requests: Sequence[Request], *, anew: bool = False) -> dict:
    """The rehearsal of the tiny project, without a process."""
    block: dict[str, Any] = {"function": "tiny_study.walks", "device": "cpu", "joins": False, "stored": 0}
    block |= {"missing": 4, "work": 4.0, "largest": 1.0, "disk": 4.0, "kernels": []}
    powers = block | {"function": "tiny_study.powers", "missing": 1, "work": 1.0}
    walks = {"study": "tiny_study.walks", "parts": [block], "problems": []}
    only = {"study": "tiny_study.powers", "parts": [powers], "problems": []}
    return {
        "notebooks": [{"notebook": "tiny", "studies": [only, walks], "problems": []}],
        "rates": {},
    }
