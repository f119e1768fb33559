"""What happens, shown while it happens: bars on a terminal, a line now and then elsewhere."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from companion.run.outcome import Outcome
from companion.session.progress import duration

#: Seconds between two plain lines about the same thing.
LINE_SPACING = 2.0

_ENDINGS = {"failed": "FAILED"}


class EventFile:
    """Reads a growing file of JSON lines; a line that a killed process left unfinished is passed over."""

    def __init__(self, path: Path):
        self._path = path
        self._offset = 0

    def read(self) -> list[dict[str, Any]]:
        """Events that came since the last call."""
        if not self._path.exists() or self._path.stat().st_size == self._offset:
            return []
        with self._path.open("rb") as handle:
            handle.seek(self._offset)
            block = handle.read()
        whole = block[: block.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [event for line in whole.splitlines() if (event := _parsed(line))]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "kind" in event else None


def described(event: Mapping[str, Any]) -> str:
    """A progress event in words: what, how far, how long still.

    >>> described({"label": "census", "done": 3, "total": 12, "unit": "runs", "eta_seconds": 9.0})
    'census 3/12 runs, 9.0 s left'
    """
    unit = f" {event['unit']}" if event.get("unit") else ""
    left = event.get("eta_seconds")
    tail = f", {duration(left)} left" if left is not None and event["done"] < event["total"] else ""
    return f"{event['label']} {event['done']}/{event['total']}{unit}{tail}"


class _Sayings:
    """The lines that events are worth, if any; each is said once, whoever waits or finds it out again."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def of(self, event: Mapping[str, Any]) -> str | None:
        if event["kind"] not in ("message", "waiting"):
            return None
        name, text = event.get("notebook") or "run", event.get("text", "")
        if (about := ("" if event["kind"] == "waiting" else name, text)) in self._said:
            return None
        self._said.add(about)
        return f"{name}: {text.removeprefix(name + ': ')}"


def _ending(outcome: Outcome) -> str:
    line = f"{outcome.name}: {_ENDINGS.get(outcome.status, outcome.status)} after {duration(outcome.seconds)}"
    return "; ".join([line, *outcome.remarks])


class PlainLines:
    """For log files and pipes: one line per event that matters, at most one per label in two seconds."""

    def __init__(self, console: Console):
        self._console = console
        self._last: dict[tuple[Any, Any], float] = {}
        self._sayings = _Sayings()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def started(self, name: str) -> None:
        self._print(f"{name}: started")

    def show(self, news: Sequence[Mapping[str, Any]]) -> None:
        for event in news:
            if (line := self._sayings.of(event)) is not None:
                self._print(line)
            elif event["kind"] == "progress" and self._due(event):
                self._print(f"{event.get('notebook')}: {described(event)}")

    def ended(self, outcome: Outcome) -> None:
        self._print(_ending(outcome))

    def _due(self, event: Mapping[str, Any]) -> bool:
        """Whether a label may speak again; its first event is silent, so that quick work says nothing."""
        about, now = (event.get("notebook"), event["label"]), time.monotonic()
        if now - self._last.setdefault(about, now) < LINE_SPACING:
            return False
        self._last[about] = now
        return True

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class LiveBars:
    """For terminals: a bar per notebook with its cells, and what its current cell is doing."""

    def __init__(self, console: Console):
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} cells"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}", markup=False),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._sayings = _Sayings()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, name: str) -> None:
        self._tasks[name] = self._progress.add_task(name, total=1, doing="starting the kernel")

    def show(self, news: Sequence[Mapping[str, Any]]) -> None:
        for event in news:
            task = self._tasks.get(event.get("notebook") or "")
            if (line := self._sayings.of(event)) is not None:
                self._print(line)
            elif task is not None and event["kind"] == "cell":
                self._progress.update(task, completed=event["done"], total=event["total"], doing="")
            elif task is not None and event["kind"] == "progress":
                self._progress.update(task, doing=described(event))

    def ended(self, outcome: Outcome) -> None:
        task = self._tasks.pop(outcome.name, None)
        if task is not None:
            self._progress.remove_task(task)
        self._print(_ending(outcome))

    def _print(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def audience(console: Console) -> PlainLines | LiveBars:
    """Bars if ``console`` is a terminal, lines otherwise."""
    return LiveBars(console) if console.is_terminal else PlainLines(console)
