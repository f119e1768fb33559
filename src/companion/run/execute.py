"""Executing what the plan found: one process per notebook, a few at once; one failing stops no other."""

import contextlib
import math
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from companion.run.drawings import note_drawings
from companion.run.follow import EventFile
from companion.run.history import note_end
from companion.run.interrupts import Stop, listening, shielded
from companion.run.outcome import Outcome, Verdicts, keep, read_verdicts, take_verdicts
from companion.run.plan import Request, Step
from companion.run.process import NotebookProcess
from companion.run.record import overridden_folder
from companion.run.time_limit import TIME_LIMIT
from companion.run.workplace import Workplace, workplace
from companion.session import events
from companion.session.root import project_root

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Manner:
    """How to execute: how many at once, results anew or not, where figures go if not in their place.

    ``time_limit`` is the time in seconds that each notebook may take. An ``export`` computes nothing and draws
    figures ``width`` inches wide, or as wide as they were made.
    """

    profile: str
    jobs: int = 1
    force: bool = False
    check_folder: Path | None = None
    time_limit: float | None = None
    export: bool = False
    width: float | None = None

    def aside(self, request: Request) -> Path | None:
        """Folder of the figures of ``request``, where they must not take the place of the tracked ones."""
        return self.check_folder or (overridden_folder(request.profile) if request.overridden else None)


class Audience(Protocol):
    """Whoever shows what happens."""

    def started(self, name: str) -> None:
        """The notebook ``name`` starts now."""

    def show(self, news: Sequence[Mapping[str, Any]]) -> None:
        """The latest events, possibly none; called many times a second."""

    def ended(self, outcome: Outcome) -> None:
        """A notebook ended, one way or another."""


def execute(steps: Sequence[Step], manner: Manner, audience: Audience) -> list[Outcome]:
    """Execute ``steps``; an outcome for each: done, failed, interrupted or resumable. No notebook's error is raised.

    Resumable: it was asked to save and to stop, and goes on where it stopped.
    """
    outcomes = [Outcome(step) for step in steps]
    with (
        listening() as stop,
        workplace(manner.profile) as place,
        _events_to(place.events),
        contextlib.closing(_Clusters()) as clusters,
    ):
        asked = sorted({step.request.parameters.values["cluster"] for step in steps})
        place.describe(manner.profile, [outcome.name for outcome in outcomes], ", ".join(asked))
        run = _Run(manner, place, clusters, stop, audience, cores=_cores(min(manner.jobs, len(steps))))
        try:
            run.work_through(outcomes)
        finally:
            run.kill_all()
    for outcome in outcomes:
        if outcome.status == "waiting":
            outcome.status = "interrupted" if stop.asked else "resumable"
    return outcomes


@dataclass
class _Run:
    manner: Manner
    place: Workplace
    clusters: "_Clusters"
    stop: Stop
    audience: Audience
    cores: int
    started: int = 0
    verdicts_before: dict[str, Verdicts] = field(default_factory=dict)
    running: dict[NotebookProcess, float] = field(default_factory=dict)

    def work_through(self, outcomes: Sequence[Outcome]) -> None:
        """Start, follow and settle until there is nothing left to do."""
        waiting = deque(outcomes)
        news = EventFile(self.place.events)
        told, saving_until = False, math.inf
        while self.running or (waiting and not self.stop.ending):
            while waiting and len(self.running) < self.manner.jobs and not self.stop.ending:
                self._start(waiting.popleft())
            if self.stop.grace is not None and saving_until == math.inf:
                saving_until = time.monotonic() + self.stop.grace
                self._ask_to_save()
            if (self.stop.asked or time.monotonic() > saving_until) and not told:
                told = True
                for process in self.running:
                    process.ask_to_end()
            if self.stop.at_once:
                self.kill_all()
            ended = [process for process in self.running if process.ended]
            latest = news.read()
            for process in self.running:
                process.outcome.note(latest)
            self.audience.show(latest)
            for process in ended:
                self._settle(process)
            if not ended:
                time.sleep(_POLL_SECONDS)

    def _ask_to_save(self) -> None:
        for process in self.running:
            process.ask_to_save()
        self.clusters.ask_to_save()

    def kill_all(self) -> None:
        """End all notebooks and their kernels at once."""
        for process in self.running:
            process.kill()

    def _start(self, outcome: Outcome) -> None:
        request = outcome.step.request
        try:
            environment = self._environment(outcome)
        except Exception as error:  # whatever a scheduler answers; the other notebooks may do without it
            outcome.fail(type(error).__name__, f"cluster {_cluster(outcome)!r}: {error}")
            self._end(outcome, {})
            return
        if self.stop.ending:  # while the cluster started
            return
        self.verdicts_before[outcome.name] = read_verdicts(request.profile, request.name)
        sockets = self.place.sockets / str(self.started)
        self.started += 1
        events.emit("started", notebook=outcome.name)
        self.audience.started(outcome.name)
        process = NotebookProcess(outcome, self.place, sockets, environment, self.manner.time_limit)
        self.running[process] = time.monotonic()

    def _settle(self, process: NotebookProcess) -> None:
        outcome = process.outcome
        outcome.seconds = time.monotonic() - self.running.pop(process)
        process.settle(self.stop)
        if outcome.failure and outcome.failure["ename"] == TIME_LIMIT:
            self._replace_cluster(outcome)
        before = self.verdicts_before.pop(outcome.name)
        try:
            take_verdicts(outcome, restore=before if self.manner.aside(outcome.step.request) else None)
            if not outcome.step.request.only and not self.manner.check_folder:
                keep(outcome, process.executed)
        except OSError as error:
            if outcome.failure is None:
                outcome.fail(type(error).__name__, str(error))
            else:
                outcome.remarks.append(str(error))
        if not self.manner.aside(outcome.step.request):
            note_drawings(outcome)
        self._end(outcome, before)

    def _end(self, outcome: Outcome, before: Verdicts) -> None:
        if not self.manner.check_folder:
            note_end(outcome, before)
        events.emit("ended", notebook=outcome.name, status=outcome.status)
        self.audience.ended(outcome)

    def _replace_cluster(self, outcome: Outcome) -> None:
        """Give the next notebook other workers: these may hang in this one's blocks. What runs keeps them."""
        name = _cluster(outcome)
        if all(_cluster(process.outcome) != name for process in self.running):
            self.clusters.stop(name)

    def _environment(self, outcome: Outcome) -> dict[str, str]:
        """Variables of the kernel: where things are and who works; never physics."""
        from companion.compute.worker_environment import MEMORY_ENVIRONMENT

        root = project_root()
        paths = [str(root), str(root / "notebooks"), os.environ.get("PYTHONPATH", "")]
        changed = MEMORY_ENVIRONMENT | {
            "COMPANION_ROOT": str(root),
            "COMPANION_EVENTS": str(self.place.events),
            "COMPANION_NOTEBOOK": outcome.name,
            "COMPANION_RUN": "1",
            "COMPANION_CLUSTER": self.clusters.address(_cluster(outcome)),
            "COMPANION_FORCE": self.place.run_id if self.manner.force else None,
            "COMPANION_STORED_ONLY": "1" if self.manner.export else None,
            "COMPANION_FIGURE_WIDTH": str(self.manner.width) if self.manner.width else None,
            "NUMBA_NUM_THREADS": str(self.cores),
            "OMP_NUM_THREADS": str(self.cores),
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
        if folder := self.manner.aside(outcome.step.request):
            changed["COMPANION_FIGURES"] = str(folder)
        kept = {name: value for name, value in os.environ.items() if name not in changed}
        return kept | {name: value for name, value in changed.items() if value is not None}


class _Clusters:
    """The run's Dask clusters, each started when the first notebook needs it."""

    def __init__(self) -> None:
        self._started: dict[str, Any] = {}

    def address(self, name: str) -> str | None:
        """Address of the cluster called ``name``; None where a kernel does without."""
        if name == "inline" or "://" in name:
            return None
        if name not in self._started:
            from companion.compute.clusters import core_count, start

            with shielded():
                self._started[name] = start(name, core_count())
        cluster = self._started[name]
        return None if cluster is None else cluster.address

    def stop(self, name: str) -> None:
        """Stop the cluster called ``name``, if it was started; whoever needs it next gets a new one."""
        cluster = self._started.pop(name, None)
        if cluster is not None:
            cluster.close()

    def ask_to_save(self) -> None:
        """Let the blocks that run on them save and stop."""
        from companion.compute.worker_signals import ask_workers

        for cluster in self._started.values():
            if cluster is not None:
                ask_workers(cluster.address)

    def close(self) -> None:
        """Stop them all."""
        for name in list(self._started):
            self.stop(name)


def _cluster(outcome: Outcome) -> str:
    return outcome.step.request.parameters.values["cluster"]


def _cores(at_once: int) -> int:
    """Cores for each of the notebooks that run at once."""
    from companion.compute.clusters import core_count

    return max(1, core_count() // at_once)


@contextlib.contextmanager
def _events_to(path: Path) -> Iterator[None]:
    """This process, and the cluster that it starts, emit to ``path`` for the time of the block."""
    before = os.environ.get(events.ENVIRONMENT_VARIABLE)
    os.environ[events.ENVIRONMENT_VARIABLE] = str(path)
    try:
        yield
    finally:
        os.environ.pop(events.ENVIRONMENT_VARIABLE, None)
        if before is not None:
            os.environ[events.ENVIRONMENT_VARIABLE] = before
