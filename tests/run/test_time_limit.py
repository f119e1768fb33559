"""The limit of a notebook's time, and what a process says of its threads when it is asked."""

import subprocess
import sys

from companion.run.time_limit import stacks_of, time_limit_problems


def test_a_span_of_time_is_no_problem_and_neither_is_no_limit():
    assert time_limit_problems("0.5h") == [] == time_limit_problems(None)


def test_other_text_is_a_problem_of_its_option():
    (problem,) = time_limit_problems("1h30m")
    assert str(problem).startswith("--time-limit: not a span of time") and "'1h30m'" in str(problem)


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
