"""The morning's report: which moment is meant, and what it says."""

import datetime
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from companion.run.history import history_path
from companion.run.since import moment_of
from companion.run.spending import spent_since
from companion.session.files import append_line
from companion.settings.problems import SettingsError


def at(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("18:00", "2026-03-09T18:00"),
        ("07:30", "2026-03-10T07:30"),
        ("08:00", "2026-03-10T08:00"),
        ("2026-03-01", "2026-03-01T00:00"),
        ("2026-03-01T06:15", "2026-03-01T06:15"),
        ("12h", "2026-03-09T20:00"),
        ("1.5d", "2026-03-08T20:00"),
    ],
)
def test_the_latest_such_moment_is_meant(text: str, meant: str):
    assert moment_of(text, at("2026-03-10T08:00")) == at(meant)


@pytest.mark.parametrize("text", ["25:00", "yesterday", "3", "2026-03-10T08:01"])
def test_what_is_no_moment_that_has_passed_is_refused(text: str):
    with pytest.raises(SettingsError, match=f"--since: .*\n.*given {text}; allowed: a"):
        moment_of(text, at("2026-03-10T08:00"))


def line(**fields: Any) -> None:
    usual: Mapping[str, Any] = {
        "time": time.time() - 60,
        "notebook": "tiny",
        "profile": "laptop",
        "overridden": [],
        "only": [],
        "status": "done",
        "seconds": 75.0,
        "cell": None,
        "line": None,
        "error": None,
        "verdicts": {},
        "computed": 2,
        "read": 1,
        "detached": None,
    }
    append_line(history_path(), json.dumps({**usual, **fields}))


def manifest(store: Path, key: str, *, made: float, used: list[str] | None = None, **about: Any) -> None:
    folder = store / "f" / key
    folder.mkdir(parents=True)
    (folder / "result.nc").touch()
    content = {"key": key, "used": dict.fromkeys(used or [], "f"), "made": {"time": made}} | about
    (folder / "manifest.json").write_text(json.dumps(content))


def cost(cpu: float, wall: float) -> dict[str, dict[str, float]]:
    return {"cost": {"cpu_seconds": cpu, "wall_seconds": wall}}


def test_the_report_tells_endings_verdicts_and_results(tiny: Path, command):
    line(time=time.time() - 90_000, notebook="of yesterday")
    line(verdicts={"tiny_c1": ["holds", "fails"], "tiny_c2": [None, "holds"]})
    line(verdicts={"tiny_c1": ["fails", "holds"]}, overridden=["parameter seed: 0 → 1"], computed=5)
    line(notebook="broken", status="failed", cell=5, line=19, error="ZeroDivisionError: division by zero")
    line(notebook="slow", status="resumable", verdicts={"tiny_c2": ["holds", "inconclusive"]})
    said = command("report", "--since", "2h")
    assert said.code == 0 and "of yesterday" not in said.out
    assert "tiny" in said.out and "laptop (other parameters)" in said.out and "1 min 15 s" in said.out
    assert "cell [5], notebooks/broken.py:19, ZeroDivisionError: division by zero" in said.out
    assert "stopped:\n    slow (laptop)" in said.out and "resumable after 1 min 15 s" in said.out
    assert "verdicts that changed:\n    tiny_c2 (laptop): new → inconclusive\n" in said.out
    assert "results: 11 computed, 4 read" in said.out
    assert "0.00 core-hours, 0.00 GPU-hours for 0 results" in said.out


def test_a_wrong_moment_is_bad_input(tiny: Path, command):
    said = command("report", "--since", "noon")
    assert said.code == 2 and "given noon" in said.err and "Traceback" not in said.err


def test_work_inside_other_work_is_paid_once(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, other = tmp_path / "own", tmp_path / "of the cluster"
    monkeypatch.setenv("COMPANION_STORE", str(store))
    now = time.time()
    manifest(store, "inline", made=now - 50, **cost(3600, 40))
    manifest(
        store, "outer", made=now - 45, used=["inline"], **cost(4000, 60)
    )  # 3600 of them are the inner one's
    manifest(store, "worker", made=now - 20, **cost(7200, 10))
    manifest(store, "waiting", made=now - 15, used=["worker"], **cost(400, 30))  # a worker did the work
    manifest(store, "later", made=now, used=["inline"], **cost(800, 1))  # read, not computed again
    manifest(other, "elsewhere", made=now, device="cuda", **cost(1800, 1800))
    manifest(store, "old", made=now - 7200, **cost(1e9, 1e9))
    (store / "f" / "damaged").mkdir()
    for name in ("result.nc", "manifest.json"):
        (store / "f" / "damaged" / name).touch()
    found = spent_since(now - 3600, [other])
    assert found.results == 6
    assert found.core_hours == pytest.approx((3600 + 400 + 7200 + 400 + 800) / 3600)
    assert found.gpu_hours == pytest.approx(0.5)  # its cores come with it


def test_what_a_manifest_tells_of_its_own_time_decides(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path))
    own = {"own_cpu_seconds": 36.0, "own_wall_seconds": 72.0}
    told = {"cost": {"cpu_seconds": 7200, "wall_seconds": 9000} | own}
    manifest(tmp_path, "cpu", made=time.time(), used=["made before"], **told)
    manifest(tmp_path, "gpu", made=time.time(), device="cuda", **told)
    found = spent_since(time.time() - 3600)
    assert (found.core_hours, found.gpu_hours) == pytest.approx((0.01, 0.02))


def test_old_files_are_not_even_read(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMPANION_STORE", str(tmp_path / "own"))
    manifest(tmp_path / "own", "old", made=time.time(), **cost(1, 1))
    long_ago = time.time() - 40 * 86400
    os.utime(tmp_path / "own/f/old/manifest.json", (long_ago, long_ago))
    assert spent_since(time.time() - 3600).results == 0
