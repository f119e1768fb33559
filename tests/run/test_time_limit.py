"""Spans of time as text, and what a process says of its threads when it is asked."""

import subprocess
import sys

import pytest

from companion.run.time_limit import seconds_of, stacks_of, time_limit_problems


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("0.5h", 1800), (" 3 s ", 3)]
)
def test_a_number_and_its_unit(text: str, seconds: float):
    assert seconds_of(text) == seconds and time_limit_problems(text) == []


@pytest.mark.parametrize("text", ["", "90", "0s", "-3s", "2 days", "1h30m", "inf s", "1e3s"])
def test_other_text_is_refused_with_what_is_allowed(text: str):
    with pytest.raises(ValueError, match="as in 90s, 30m, 2h"):
        seconds_of(text)
    (problem,) = time_limit_problems(text)
    assert str(problem).startswith("--time-limit: not a span of time") and repr(text) in str(problem)


def test_no_limit_is_no_problem():
    assert time_limit_problems(None) == []


def test_a_process_says_where_its_threads_are_main_thread_first(tmp_path):
    file = tmp_path / "stacks"
    code = (
        "import faulthandler, sys, threading, time\n"
        "from companion.run.time_limit import STACKS_SIGNAL\n"
        "def beside(): time.sleep(60)\n"
        "def stuck():\n"
        "    faulthandler.register(STACKS_SIGNAL, file=open(sys.argv[1], 'a'), all_threads=True)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "threading.Thread(target=beside, daemon=True).start()\n"
        "stuck()\n"
    )
    command = [sys.executable, "-c", code, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        said = stacks_of(process.pid, file)
        process.kill()
    frames = [line.rpartition(" in ")[2] for line in said]
    assert frames.index("stuck") < frames.index("beside")


def test_a_process_that_is_gone_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("companion.run.time_limit._DUMP_SECONDS", 0.05)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert stacks_of(process.pid, tmp_path / "stacks") == []
