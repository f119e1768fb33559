"""Clocks and the times of files mean nothing."""

import os

import pytest

pytestmark = pytest.mark.faults

_DAY = 86_400
_SHIFTED = "import time\n\n_now = time.time\ntime.time = lambda: _now() + {shift}\n"


def test_times_of_files_and_the_clock_recompute_nothing(finished, undisturbed):
    files = sorted(path for path in finished.root.rglob("*") if path.is_file())
    times = (_DAY, 4_000_000_000, 1_000_000_000)
    for number, path in enumerate(files):
        moment = times[number % len(times)] + number
        os.utime(path, (moment, moment))
    stored = {path: path.stat().st_mtime for path in files if path.suffix == ".nc"}
    for years in (-40, 40):
        finished.at_start_of_python(_SHIFTED.format(shift=years * 365 * _DAY))
        assert finished.run("--dry-run").said == "tiny: nothing to do\n"
    ended = finished.run()
    assert ended.code == 0 and "tiny: nothing to do" in ended.said and "started" not in ended.said
    assert {path: path.stat().st_mtime for path in stored} == stored
    assert finished.lasting() == undisturbed.lasting


def test_a_run_of_another_time_makes_the_same_bytes(fresh, undisturbed):
    fresh.at_start_of_python(_SHIFTED.format(shift=-20 * 365 * _DAY))
    ended = fresh.run()
    assert ended.code == 0, ended.said
    assert fresh.lasting() == undisturbed.lasting
