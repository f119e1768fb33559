import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

from companion.run import workplace as module
from companion.run.workplace import LONGEST_SOCKET_PATH, workplace
from companion.session.files import write_json


def test_a_run_has_private_folders_and_leaves_its_events_only(project: Path):
    with workplace("smoke") as place:
        assert stat.S_IMODE(place.sockets.stat().st_mode) == 0o700
        assert len(str(place.sockets / "99" / "k-9")) < LONGEST_SOCKET_PATH
        place.events.write_text("{}\n")
        here = place.folder
        assert here.is_relative_to(project / "build/runs/smoke/running")
    assert not here.exists() and not place.sockets.exists()
    assert (project / "build/runs/smoke/events.jsonl").read_text() == "{}\n"


def test_two_runs_at_once_do_not_meet(project: Path):
    with workplace("smoke") as one, workplace("smoke") as other:
        assert one.events != other.events and one.sockets != other.sockets and one.run_id != other.run_id
        assert one.events.exists() and other.events.exists()


def test_a_detached_run_keeps_its_name_when_it_is_started_again(project: Path, monkeypatch):
    monkeypatch.setenv("COMPANION_DETACHED", "20260301-120000-ab12")
    with workplace("smoke") as first:
        name = first.run_id
    with workplace("smoke") as again:
        assert again.run_id == name == "20260301-120000-ab12"


def test_only_what_dead_runs_left_is_cleared(project: Path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    running = project / "build/runs/smoke/running"
    host = socket.gethostname()
    names = {
        f"{host}.{ended.pid}.dead": False,
        f"{host}.{os.getpid()}.alive": True,
        f"elsewhere.{ended.pid}.unknown": True,
        f"{host}.words.odd": True,
    }
    for name in names:
        (running / name).mkdir(parents=True)
    given_away = running / f"{host}.{os.getpid()}.given"
    write_json(given_away / "about.json", {"process": "another boot:17"})
    with workplace("smoke"):
        assert {name: (running / name).exists() for name in names} == names and not given_away.exists()


def test_a_long_temporary_folder_is_not_used_for_sockets(project: Path, monkeypatch):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: "/" + "x" * 70)
    with workplace("smoke") as place:
        assert place.sockets.parent == Path("/tmp")
