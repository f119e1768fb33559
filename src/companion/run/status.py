"""``run_all.py status``: what runs now or was detached, how far it is, and how to stop it. Takes no lock."""

import contextlib
import json
import math
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from companion.compute import slurm_jobs
from companion.compute.slurm_jobs import JobState
from companion.run import report
from companion.run.conduct import console
from companion.run.detached import Detached, kill_command, notes_of, read_detached
from companion.run.follow import described
from companion.run.history import read_history
from companion.run.workplace import runs_going_on
from companion.session.processes import is_running
from companion.session.progress import duration
from companion.settings.problems import shown_path

#: What an exit code of run_all.py means for a run that has ended.
_STATES = {0: "finished", 3: "finished", 75: "resumable", 130: "interrupted"}
_GOING_ON = ("queued", "requeued", "running")
_SHOWN_ENDED = 10

_LASTING = tuple(f'{{"kind": "{kind}"'.encode() for kind in ("started", "ended", "cell"))
_LATEST = 1000

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

Entry = Mapping[str, Any]


@dataclass
class Known:
    """A run and what is known of it now; times are seconds since 1970."""

    run: str
    state: str
    profile: str
    cluster: str | None = None
    detached: bool = False
    started: float | None = None
    ended: float | None = None
    starts: int = 0
    code: int | None = None
    slurm: str | None = None
    doing: dict[str, str] = field(default_factory=dict)
    """What each notebook that runs is doing."""
    done: dict[str, str] = field(default_factory=dict)
    """How each notebook that ended did."""
    waiting: list[str] = field(default_factory=list)
    log: str | None = None
    stop: str | None = None


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the runs that are going on, and those that were detached: state, progress, log, how to stop.

    States: queued, running, finished, failed, interrupted, resumable (saved and stopped; the same command
    goes on), requeued (the same, and SLURM gives it).
    """
    known = known_runs()
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in known], indent=1))
        return
    out = console()
    if not known:
        report.line(out, "no run is going on, and none was detached")
    for one in known:
        _print(out, one)


def known_runs() -> list[Known]:
    """Runs in the foreground, then detached ones: those that go on, and the latest that have ended."""
    folders = list(runs_going_on())
    found = [_foreground(folder, about) for folder, about in folders if not about.get("detached")]
    running = {_start(about["detached"], about): (folder, about) for folder, about in folders}
    shown = _shown(read_detached())
    ends: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in read_history(min((state.run.submitted for state in shown), default=math.inf)):
        ends[entry["detached"]][entry["notebook"]] = entry
    return [
        *found,
        *(
            _detached(state, *running.get(_start(state.run.id, state.notes), (None, {})), ends[state.run.id])
            for state in shown
        ),
    ]


def _start(identity: str | None, about: Mapping[str, Any]) -> tuple[str | None, str | None, int | None]:
    """Which start of a run it is: one that died leaves its folder where the next start is on another machine."""
    return identity, about.get("host"), about.get("pid")


@dataclass(frozen=True)
class _State:
    """A detached run, what it says of itself, what SLURM says of its job, and what all that comes to in a word."""

    run: Detached
    notes: Mapping[str, Any]
    slurm: str | None
    word: str

    @property
    def goes_on(self) -> bool:
        return self.word in _GOING_ON


def _shown(detached: Sequence[Detached]) -> list[_State]:
    """Those that go on, and the latest that have ended, by their ids."""
    jobs = slurm_jobs.queue() if any(run.job for run in detached) else {}
    states = []
    for run in detached:
        job, notes = jobs.get(run.job) if jobs is not None and run.job else None, notes_of(run.id)
        said = f"{job.state} {job.detail}".strip() if job else None
        if run.job and jobs is None:
            said = "does not answer here"
        states.append(_State(run, notes, said, _word(run, notes, job, asked=jobs is not None)))
    ended = [state for state in states if not state.goes_on]
    left_out = {state.run.id for state in ended[:-_SHOWN_ENDED]}
    return [state for state in states if state.run.id not in left_out]


def _foreground(folder: Path, about: Mapping[str, Any]) -> Known:
    there = _is_there(about["host"], about["pid"], about.get("process"))
    known = Known(folder.name, "interrupted" if there is False else "running", about["profile"])
    known.cluster, known.started, known.starts = about["cluster"], about["started"], 1
    known.stop = None if there is False else kill_command(about["pid"], about["host"])
    _add_progress(known, folder, about)
    return known


def _detached(
    state: _State, folder: Path | None, about: Mapping[str, Any], ends: Mapping[str, Entry]
) -> Known:
    run, notes = state.run, state.notes
    log = shown_path(Path(run.log))
    known = Known(run.id, state.word, run.profile, run.cluster, detached=True, log=log, slurm=state.slurm)
    known.started, known.starts = notes.get("started", run.submitted), notes.get("starts", 0)
    if state.goes_on:
        known.stop = run.how_to_stop
        known.waiting = run.notebooks
        if folder is not None and known.state == "running":
            _add_progress(known, folder, about)
    else:
        known.ended, known.code = notes.get("ended", run.submitted), notes.get("code")
    known.done |= {name: _end(entry) for name, entry in ends.items() if name not in known.doing}
    known.waiting = [name for name in known.waiting if name not in known.done and name not in known.doing]
    return known


def _word(run: Detached, notes: Mapping[str, Any], job: JobState | None, *, asked: bool) -> str:
    """One word for a detached run, from SLURM's word, from its own notes, or from its process."""
    said = _STATES.get(notes["code"], "failed") if "code" in notes else None
    if run.job:
        if job and job.state in ("PENDING", "REQUEUED", "REQUEUE_HOLD"):
            return "requeued" if notes else "queued"
        if job and job.state in ("RUNNING", "CONFIGURING", "SUSPENDED") and said == "resumable":
            return "running"  # it was queued again, and has not come to say so itself
        if job and job.state in ("RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED"):
            return said or "running"
        return said or ("interrupted" if asked else "running" if notes else "queued")
    there = _is_there(run.host, run.pid, run.process)
    return said or ("running" if there is not False else "interrupted" if notes else "failed")


def _is_there(host: str, pid: int | None, process: str | None) -> bool | None:
    """Whether a process runs on this machine; None for another machine, of which nothing is known here."""
    if host != socket.gethostname() or pid is None:
        return None
    return is_running(pid, process)


def _add_progress(known: Known, folder: Path, about: Mapping[str, Any]) -> None:
    """Which notebooks wait, run and have ended, as the events of the run tell."""
    cells: dict[str, str] = {}
    progress: dict[str, str] = {}
    for event in _telling(folder / "events.jsonl"):
        name, kind = event.get("notebook") or "", event["kind"]
        if kind == "started":
            cells[name] = "starting"
        elif kind == "ended":
            known.done[name] = event["status"]
            cells.pop(name, None)
        elif kind == "cell" and name in cells:
            cells[name] = f"cell {min(event['done'] + 1, event['total'])} of {event['total']}"
            progress.pop(name, None)
        elif kind == "progress" and name in cells:
            progress[name] = described(event)
    known.doing = {name: ", ".join(filter(None, (cell, progress.get(name)))) for name, cell in cells.items()}
    known.waiting = [name for name in about["notebooks"] if name not in cells and name not in known.done]


def _telling(path: Path) -> Iterator[dict[str, Any]]:
    """Events that tell where a run is: all about notebooks and cells, of others the latest.

    A run of days leaves a million lines, of which few need parsing; a damaged one is passed over.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError:  # it ends at this moment
        return
    for index, text in enumerate(lines):
        if index >= len(lines) - _LATEST or text.startswith(_LASTING):
            with contextlib.suppress(ValueError):
                event = json.loads(text)
                if isinstance(event, dict) and "kind" in event:
                    yield event


def _end(entry: Mapping[str, Any]) -> str:
    cell = f" in cell [{entry['cell']}]" if entry["cell"] else ""
    return f"{entry['status']}{cell}" + (f": {entry['error']}" if entry["error"] else "")


def _print(out: Console, known: Known) -> None:
    since = f" since {_clock(known.started)}" if known.started and known.state == "running" else ""
    again = f", start {known.starts}" if known.starts > 1 else ""
    where = f" · {known.cluster}" if known.cluster else ""
    kind = "" if known.detached else "in the foreground · "
    report.line(out, f"{known.run} · {kind}{known.profile}{where} · {known.state}{since}{again}")
    for name, text in known.doing.items():
        report.line(out, f"    {name}: {text}")
    for name, text in known.done.items():
        report.line(out, f"    {name}: {text}")
    if known.waiting:
        report.line(out, f"    waiting: {', '.join(known.waiting)}")
    for title, text in (("SLURM", known.slurm), ("log", known.log), ("stop", known.stop)):
        if text:
            report.line(out, f"    {title}: {text}")
    if known.state == "running" and known.started:
        report.line(out, f"    running for {duration(max(0.0, time.time() - known.started))}")


def _clock(moment: float) -> str:
    """A moment in words: the time of day, with the date if it is not today's."""
    there, today = time.localtime(moment), time.localtime()
    return time.strftime("%H:%M" if there[:3] == today[:3] else "%Y-%m-%d %H:%M", there)
