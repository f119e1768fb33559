"""Execution without kernels: what becomes of processes that end in odd ways."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from companion.run import execute as module
from companion.run import process
from companion.run.choose import Wishes, choose
from companion.run.execute import Manner, execute
from companion.run.outcome import Outcome
from companion.run.plan import Step, make_plan


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def started(self, name: str) -> None:
        self.said.append(f"{name} started")

    def show(self, news: Sequence[Mapping[str, Any]]) -> None:
        self.said += [event["text"] for event in news if event["kind"] == "message"]

    def ended(self, outcome: Outcome) -> None:
        self.said.append(f"{outcome.name} {outcome.status}")


def steps(**wishes: Any) -> list[Step]:
    return make_plan(choose(Wishes(**wishes)).requests)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch):
    """Runs a line of Python in place of each notebook; it finds the spec in ``spec``."""
    genuine = subprocess.Popen

    def put(code: str) -> None:
        line = "import json, os, sys, time; spec = json.load(open(sys.argv[1])); " + code

        def popen(arguments: list[str], **options: Any) -> "subprocess.Popen[bytes]":
            return genuine([sys.executable, "-c", line, arguments[-1]], **options)

        monkeypatch.setattr(process.subprocess, "Popen", popen)

    return put


def test_a_process_that_dies_is_a_failure_with_its_last_words(tiny, stand_in):
    stand_in("print('out of memory'); sys.stdout.flush(); os.kill(os.getpid(), 9)")
    listener = Listener()
    broken, good = execute(steps(), Manner("laptop"), listener)
    assert broken.failure is not None and good.failure is not None
    assert broken.failure["evalue"] == "the notebook's process was ended by signal 9"
    assert broken.failure["traceback"] == ["out of memory"]
    assert listener.said == ["broken started", "broken failed", "tiny started", "tiny failed"]


def test_kernels_are_told_where_things_are(tiny, stand_in, monkeypatch):
    monkeypatch.setenv("COMPANION_CLUSTER", "tcp://of-another-time:1")
    monkeypatch.setattr("companion.compute.clusters.core_count", lambda: 8)
    stand_in(
        "json.dump(dict(os.environ, cwd=os.getcwd()), open('seen.' + str(os.getpid()), 'w')); sys.exit(1)"
    )
    execute(steps(), Manner("laptop", jobs=5, force=True), Listener())
    seen = [json.loads(path.read_text()) for path in tiny.glob("seen.*")]
    assert {each["COMPANION_NOTEBOOK"] for each in seen} == {"tiny", "broken"}
    for each in seen:
        assert each["COMPANION_ROOT"] == each["cwd"] == str(tiny)
        assert each["NUMBA_NUM_THREADS"] == each["OMP_NUM_THREADS"] == "4"
        assert each["PYTHONHASHSEED"] == "0" and each["COMPANION_RUN"] == "1"
        assert each["PYTHONPATH"].split(os.pathsep)[:2] == [str(tiny), str(tiny / "notebooks")]
        assert "COMPANION_CLUSTER" not in each and "COMPANION_FIGURES" not in each
    assert len({each["COMPANION_FORCE"] for each in seen}) == 1
    assert len({each["COMPANION_EVENTS"] for each in seen}) == 1


def test_a_check_draws_elsewhere(tiny, stand_in, tmp_path):
    stand_in("open('seen', 'w').write(os.environ['COMPANION_FIGURES']); sys.exit(1)")
    execute(steps(notebooks=["tiny"]), Manner("laptop", check_folder=tmp_path / "check"), Listener())
    assert (tiny / "seen").read_text() == str(tmp_path / "check")


def test_the_child_is_told_which_cells_to_keep(tiny, stand_in):
    stand_in("open('seen', 'w').write(json.dumps(spec)); sys.exit(1)")
    (step,) = steps(only=["tiny_f2_walks"])
    execute([step], Manner("laptop"), Listener())
    kept = json.loads((tiny / "seen").read_text())["kept_cells"]
    left_out = [
        cell.figure_ids for index, cell in enumerate(step.request.notebook.cells) if index not in kept
    ]
    assert left_out == [("tiny_f1_powers",), ("tiny_f1_powers",)]


def test_a_cluster_that_does_not_start_fails_its_notebooks_only(tiny, stand_in, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("no ports left")

    monkeypatch.setattr("companion.compute.clusters.start", refuse)
    stand_in("json.dump({'status': 'done', 'failure': None}, open(spec['result'], 'w'))")
    monkeypatch.setattr(module, "keep", lambda *_: None)
    (broken,) = steps(notebooks=["broken"])
    (good,) = steps(notebooks=["tiny"], cluster="local")
    first, second = execute([good, broken], Manner("laptop"), Listener())
    assert first.failure is not None and first.failure["evalue"] == "cluster 'local': no ports left"
    assert second.status == "done"


def test_a_disk_that_refuses_the_record_fails_the_notebook(tiny, stand_in, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stand_in("json.dump({'status': 'done', 'failure': None}, open(spec['result'], 'w'))")
    monkeypatch.setattr(module, "keep", refuse)
    (outcome,) = execute(steps(notebooks=["tiny"]), Manner("laptop"), Listener())
    assert outcome.failure is not None and "No space left" in outcome.failure["evalue"]


def test_a_disk_that_refuses_more_does_not_hide_why_a_notebook_failed(tiny, stand_in, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stand_in("sys.exit(os.EX_IOERR)")
    monkeypatch.setattr(module, "keep", refuse)
    (outcome,) = execute(steps(notebooks=["tiny"]), Manner("laptop"), Listener())
    assert outcome.failure is not None and "the disk may be full" in outcome.failure["evalue"]
    assert outcome.remarks == ["[Errno 28] No space left on device"]


def test_workers_of_a_notebook_that_ran_out_of_time_are_replaced(tiny, stand_in, monkeypatch):
    began, ended = [], []

    class Started:
        address = "tcp://127.0.0.1:1"

        def close(self) -> None:
            ended.append(self)

    def start(*_: object) -> Started:
        began.append(Started())
        return began[-1]

    monkeypatch.setattr("companion.compute.clusters.start", start)
    stand_in(
        "assert spec['time_limit'] == 7.0; failure = dict.fromkeys(('cell', 'evalue', 'source'), ''); "
        "failure |= {'ename': 'TimeLimit', 'traceback': []}; "
        "json.dump({'status': 'failed', 'failure': failure}, open(spec['result'], 'w'))"
    )
    outcomes = execute(steps(cluster="local"), Manner("laptop", time_limit=7.0), Listener())
    assert [outcome.status for outcome in outcomes] == ["failed", "failed"]
    assert len(began) == 2 and ended == began


def test_an_interrupt_ends_what_runs_and_starts_nothing_more(tiny, stand_in):
    stand_in(
        "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); "
        f"os.kill({os.getpid()}, signal.SIGINT); time.sleep(60)"
    )
    listener = Listener()
    outcomes = execute(steps(), Manner("laptop"), listener)
    assert [outcome.status for outcome in outcomes] == ["interrupted", "interrupted"]
    assert listener.said == ["broken started", "broken interrupted"]


def test_a_second_interrupt_kills(tiny, stand_in):
    stand_in(
        f"import signal; signal.signal(signal.SIGTERM, lambda *_: os.kill({os.getpid()}, signal.SIGINT)); "
        f"os.kill({os.getpid()}, signal.SIGINT)\nwhile True: time.sleep(60)"
    )
    (outcome,) = execute(steps(notebooks=["tiny"]), Manner("laptop"), Listener())
    assert outcome.status == "interrupted" and outcome.failure is None


def test_a_warning_lets_notebooks_save_and_starts_nothing_more(tiny, stand_in):
    stand_in(
        "import signal; signal.signal(signal.SIGUSR1, lambda *_: (json.dump("
        "{'status': 'resumable', 'failure': None, 'saved': True}, open(spec['result'], 'w')), sys.exit(0)));"
        f"os.kill({os.getpid()}, signal.SIGUSR1); time.sleep(60)"
    )
    listener = Listener()
    outcomes = execute(steps(), Manner("laptop"), listener)
    assert [(outcome.status, outcome.saved) for outcome in outcomes] == [
        ("resumable", True),
        ("resumable", False),
    ]
    assert listener.said == ["broken started", "broken resumable"]


def test_a_notebook_that_does_not_save_in_time_is_ended(tiny, stand_in, monkeypatch):
    monkeypatch.setenv("COMPANION_GRACE_SECONDS", "0.2")
    stand_in(
        "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN); "
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); "
        f"os.kill({os.getpid()}, signal.SIGUSR1); time.sleep(60)"
    )
    (outcome,) = execute(steps(notebooks=["tiny"]), Manner("laptop"), Listener())
    assert (outcome.status, outcome.saved, outcome.failure) == ("resumable", False, None)


def test_events_of_others_are_shown_and_those_of_this_process_go_back_after(tiny, stand_in, monkeypatch):
    monkeypatch.setenv("COMPANION_EVENTS", "/before")
    stand_in(
        "event = dict(kind='message', notebook='tiny', text='hello'); "
        "open(os.environ['COMPANION_EVENTS'], 'a').write(json.dumps(event) + chr(10)); sys.exit(1)"
    )
    listener = Listener()
    execute(steps(notebooks=["tiny"]), Manner("laptop"), listener)
    assert "hello" in listener.said
    assert os.environ["COMPANION_EVENTS"] == "/before"
    assert "hello" in Path("build/runs/laptop/events.jsonl").read_text()
