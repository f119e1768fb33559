"""What status knows: of runs that go on, were detached, were killed; and a real one that runs on its own."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from companion.compute import slurm_jobs
from companion.compute.slurm_jobs import JobState
from companion.run import conduct, status
from companion.run.conduct import Ways
from companion.run.detached import (
    Detached,
    detached_folder,
    finished_before,
    noted,
    notes_of,
    starts_before,
)
from companion.run.history import DETACHED_VARIABLE, history_path, read_history
from companion.run.status import known_runs
from companion.run.workplace import workplace
from companion.session.files import append_line, write_json
from companion.settings.problems import Problem, SettingsError

Said = Any
_REPOSITORY = Path(__file__).parents[2]
_DEADLINE_SECONDS = 120.0


def event(path: Path, kind: str, **fields: Any) -> None:
    with path.open("a") as file:
        file.write(json.dumps({"kind": kind, "notebook": "tiny", **fields}) + "\n")


def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def detached(name: str, **fields: Any) -> Detached:
    usual = {
        "submitted": time.time() - 100,
        "profile": "laptop",
        "cluster": "alvis",
        "command": ["python", "run_all.py"],
        "notebooks": ["tiny", "broken"],
        "log": str(detached_folder() / f"{name}.log"),
        "host": socket.gethostname(),
        "store": "/store",
    }
    run = Detached(id=name, **(usual | fields))
    run.write()
    return run


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> dict[str, JobState]:
    """What SLURM answers."""
    jobs: dict[str, JobState] = {}
    monkeypatch.setattr(slurm_jobs, "queue", lambda: jobs)
    return jobs


def test_nothing_is_said_of_nothing(tiny: Path, command: Callable[..., Said]):
    assert command("status").out == "no run is going on, and none was detached\n"
    assert json.loads(command("status", "--json").out) == []
    assert not (tiny / "build").exists()


def test_a_run_in_the_foreground_is_seen_while_it_goes_on(tiny: Path, command: Callable[..., Said]):
    with workplace("laptop") as place:
        place.describe("laptop", ["broken", "tiny", "tour"], "local")
        event(place.events, kind="started", notebook="broken")
        event(place.events, kind="ended", notebook="broken", status="failed")
        event(place.events, kind="started")
        event(place.events, kind="cell", done=2, total=7)
        event(place.events, kind="progress", label="walks", done=3, total=12, unit="rounds", eta_seconds=9.0)
        (known,) = known_runs()
        assert (known.state, known.profile, known.detached) == ("running", "laptop", False)
        assert known.doing == {"tiny": "cell 3 of 7, walks 3/12 rounds, 9.0 s left"}
        assert known.done == {"broken": "failed"} and known.waiting == ["tour"]
        said = command("status").out
        assert (
            f"stop: kill {os.getpid()}\n" in said and "in the foreground · laptop · local · running" in said
        )
        event(place.events, kind="cell", done=3, total=7)
        assert known_runs()[0].doing == {"tiny": "cell 4 of 7"}
    assert known_runs() == []


def test_a_long_and_damaged_file_of_events_is_read_all_the_same(tiny: Path):
    with workplace("laptop") as place:
        place.describe("laptop", ["tiny"], "local")
        event(place.events, kind="started")
        event(place.events, kind="cell", done=2, total=7)
        with place.events.open("a") as file:
            file.write('{"kind": "cell", "done": 3\n[1]\n')
            file.write('{"kind": "result", "notebook": "tiny"}\n' * 3000)
        assert known_runs()[0].doing == {"tiny": "cell 3 of 7"}
        place.events.unlink()
        assert known_runs()[0].waiting == ["tiny"]


def test_a_run_that_was_killed_is_not_taken_for_a_running_one(tiny: Path):
    folder = tiny / f"build/runs/laptop/running/{socket.gethostname()}.1.x"
    about = {"profile": "laptop", "notebooks": ["tiny"], "cluster": "local", "started": 0.0, "detached": None}
    write_json(folder / "about.json", about | {"host": socket.gethostname(), "pid": ended_pid()})
    (known,) = known_runs()
    assert (known.state, known.stop) == ("interrupted", None)
    write_json(folder / "about.json", about | {"host": "another", "pid": 1})
    (known,) = known_runs()
    assert (known.state, known.stop) == ("running", "kill 1  # on another")
    mine = {"host": socket.gethostname(), "pid": os.getpid()}
    write_json(folder / "about.json", about | mine | {"process": "another boot:17"})
    assert known_runs()[0].state == "interrupted"  # the number is another process's by now


@pytest.mark.parametrize(
    ("job", "notes", "state"),
    [
        (JobState("PENDING", "Priority"), None, "queued"),
        (JobState("RUNNING", "node1"), None, "running"),
        (JobState("RUNNING", "node1"), {"starts": 1}, "running"),
        (JobState("COMPLETING", "node1"), {"starts": 1, "ended": 1.0, "code": 75}, "resumable"),
        (JobState("RUNNING", "node2"), {"starts": 1, "ended": 1.0, "code": 75}, "running"),
        (JobState("RUNNING", "node1"), {"starts": 1, "ended": 1.0, "code": 0}, "finished"),
        (JobState("PENDING", "BeginTime"), {"starts": 1, "ended": 1.0, "code": 75}, "requeued"),
        (None, {"starts": 2, "ended": 1.0, "code": 0}, "finished"),
        (None, {"starts": 1, "ended": 1.0, "code": 3}, "finished"),
        (None, {"starts": 1, "ended": 1.0, "code": 1}, "failed"),
        (None, {"starts": 1, "ended": 1.0, "code": 2}, "failed"),
        (None, {"starts": 1, "ended": 1.0, "code": 130}, "interrupted"),
        (None, {"starts": 1}, "interrupted"),
        (None, None, "interrupted"),
    ],
)
def test_the_state_of_a_job(
    tiny: Path, queue: dict[str, JobState], job: JobState | None, notes: dict[str, Any] | None, state: str
):
    if job:
        queue["17"] = job
    detached("one", job="17")
    if notes:
        write_json(detached_folder() / "one.notes.json", {"started": 1.0, "host": "n", "pid": 1} | notes)
    (known,) = known_runs()
    assert known.state == state
    assert (known.stop == "scancel 17") == (state in ("queued", "requeued", "running"))
    assert known.slurm == (f"{job.state} {job.detail}" if job else None)


def test_what_a_start_that_died_left_is_not_taken_for_the_next_one(tiny: Path, queue: dict[str, JobState]):
    queue["17"] = JobState("RUNNING", "node1")
    detached("one", job="17")
    notes = {"starts": 2, "started": 1.0, "host": "node1", "pid": 5}
    write_json(detached_folder() / "one.notes.json", notes)
    for host, kind in (("node1", "started"), ("node2", "ended")):  # the one that died has the later name
        folder = tiny / f"build/runs/laptop/running/{host}.5.x"
        about = {"profile": "laptop", "notebooks": ["tiny"], "cluster": "local", "detached": "one"}
        write_json(folder / "about.json", about | {"host": host, "pid": 5})
        event(folder / "events.jsonl", kind="started")
        if kind == "ended":
            event(folder / "events.jsonl", kind="ended", status="done")
    (known,) = known_runs()
    assert known.doing == {"tiny": "starting"} and known.done == {}


def test_where_slurm_does_not_answer_the_runs_own_notes_count(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slurm_jobs, "queue", lambda: None)
    detached("one", job="17")
    (known,) = known_runs()
    assert (known.state, known.slurm) == ("queued", "does not answer here")
    write_json(detached_folder() / "one.notes.json", {"starts": 1, "started": 1.0, "code": 0, "ended": 2.0})
    assert known_runs()[0].state == "finished"


def test_a_process_of_its_own_that_is_gone_without_a_word(tiny: Path):
    detached("one", cluster="local", pid=ended_pid())
    assert known_runs()[0].state == "failed"
    write_json(detached_folder() / "one.notes.json", {"starts": 1, "started": 1.0})
    assert known_runs()[0].state == "interrupted"
    detached("two", cluster="local", pid=os.getpid())
    (detached_folder() / "three.json").write_text("{")
    assert [(one.run, one.state) for one in known_runs()] == [("one", "interrupted"), ("two", "running")]
    detached("two", cluster="local", pid=os.getpid(), process="another boot:17")
    assert [one.state for one in known_runs()] == ["interrupted", "failed"]


def test_a_process_on_another_login_node_is_stopped_there(tiny: Path):
    detached("one", cluster="local", pid=4711, host="alvis2")
    assert known_runs()[0].stop == "kill 4711  # on alvis2"


def test_the_history_is_read_once_and_only_the_latest_ended_runs_are_shown(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    for number in range(15):
        detached(f"{number:02d}", cluster="local", pid=1, host="alvis2")
        if number:
            ended = {"starts": 1, "started": 1.0, "ended": 2.0, "code": 0}
            write_json(detached_folder() / f"{number:02d}.notes.json", ended)
        entry = {"time": time.time(), "detached": f"{number:02d}", "notebook": "tiny", "status": "done"}
        append_line(history_path(), json.dumps(entry | {"cell": None, "error": None}))
    read = []
    monkeypatch.setattr(status, "read_history", lambda since: read.append(since) or read_history(since))
    known = known_runs()
    assert [one.run for one in known] == ["00", *(f"{number:02d}" for number in range(5, 15))]
    assert all(one.done == {"tiny": "done"} for one in known) and len(read) == 1


def test_a_detached_run_notes_its_starts_and_its_end(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(DETACHED_VARIABLE, "one")
    with noted() as ending:
        assert notes_of("one")["starts"] == 1 and "code" not in notes_of("one")
        ending.code = 75
    assert notes_of("one")["code"] == 75
    with pytest.raises(ZeroDivisionError), noted():
        raise ZeroDivisionError
    assert (notes_of("one")["starts"], notes_of("one")["code"]) == (2, 1)
    monkeypatch.delenv(DETACHED_VARIABLE)
    with noted():
        pass
    assert notes_of("one")["starts"] == 2


def test_detaching_what_is_up_to_date_or_wrong_starts_nothing(ran: Path, command: Callable[..., Said]):
    said = command("tiny", "--detach")
    assert said.code == 0 and "nothing is detached" in said.out
    said = command("tiny", "--detach", "--set", "bloks=3")
    assert said.code == 2 and "did you mean `blocks`?" in said.err
    said = command("tiny", "--detach", "--dry-run", "--force")
    assert said.code == 0 and re.fullmatch(r"tiny: run.*\n    --force\n", said.out)
    assert not (ran / "build/runs/detached").exists()


def test_what_would_end_a_run_at_once_is_told_before_it_is_detached(
    tiny: Path, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
):
    def no_room(out: object, requests: list[Any], *, anew: bool) -> None:
        raise SettingsError([Problem("store", None, None, f"no room for {len(requests)}, anew: {anew}")])

    monkeypatch.setattr(conduct, "check_disk", no_room)
    said = command("--detach", "--force")
    assert said.code == 2 and "no room for 2, anew: True" in said.err
    (tiny / "params/clusters").mkdir()
    shutil.copy(_REPOSITORY / "params/clusters/sandbox.yaml", tiny / "params/clusters")
    monkeypatch.setenv("PATH", "/nowhere")
    for options in (["--detach"], []):
        said = command("tiny", "--cluster", "sandbox", *options)
        assert said.code == 2 and "--cluster sandbox: sbatch is not on this machine" in said.err
    assert not (tiny / "build/runs/detached").exists()


def test_a_run_that_was_queued_again_knows_what_it_did_before(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    checked = []
    monkeypatch.setattr(conduct, "check_disk", lambda *_, anew: checked.append(anew))
    monkeypatch.setenv(DETACHED_VARIABLE, "one")
    assert finished_before() == set() and starts_before() == 0
    ends = [("one", "broken", "failed"), ("one", "tiny", "done"), ("another", "broken", "done")]
    for run, notebook, ending in ends:
        append_line(
            history_path(),
            json.dumps({"time": 1.0, "detached": run, "notebook": notebook, "status": ending}),
        )
    assert finished_before() == {"tiny"}
    for start in range(2):
        with noted():
            assert starts_before() == start
            conduct.check_start(Console(), [], Ways(force=True))
    assert checked == [True]
    assert conduct._how_to_go_on(Ways(force=True)).startswith("The same command goes on from there: ")
    monkeypatch.delenv(DETACHED_VARIABLE)
    assert finished_before() == set() and starts_before() == 0
    assert conduct._how_to_go_on(Ways(force=True)).startswith("With --force, the same command computes ")


def test_a_run_on_its_own_outlives_the_command(tiny: Path, command: Callable[..., Said]):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COMPANION_")}
    arguments = [sys.executable, "run_all.py", "broken", "--detach"]
    done = subprocess.run(
        arguments, cwd=tiny, env=kept, capture_output=True, text=True, timeout=_DEADLINE_SECONDS
    )
    assert done.returncode == 0 and "running on its own, process" in done.stdout, done.stderr
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while (known := known_runs()[-1]).state == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (known.state, known.code, known.starts) == ("failed", 1, 1)
    assert known.done == {"broken": "failed in cell [5]: ZeroDivisionError: division by zero"}
    assert "ZeroDivisionError: division by zero" in (tiny / (known.log or "")).read_text()
    assert "failed:\n    broken (laptop)" in command("report", "--since", "1h").out
