import os
import subprocess
import sys

from companion.session import processes
from companion.session.processes import is_running, start_of


def test_a_process_that_runs_has_a_mark_of_its_own():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert is_running(other.pid) and is_running(other.pid, start_of(other.pid))
        assert start_of(other.pid) == start_of(other.pid) != start_of(os.getpid())
        other.communicate(b"\n")
    assert not is_running(other.pid) and start_of(other.pid) is None


def test_a_number_that_was_given_away_again_is_another_process():
    assert not is_running(os.getpid(), "another boot:17")
    assert is_running(os.getpid(), start_of(os.getpid()))


def test_where_the_system_says_nothing_the_number_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "_BOOT", tmp_path / "none")
    assert start_of(os.getpid()) is None and is_running(os.getpid(), "a mark of before")
