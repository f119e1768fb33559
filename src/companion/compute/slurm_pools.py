"""Pools of equal worker jobs: how many are wanted, which of them are lost, idle or will never arrive."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from companion.compute import slurm_jobs
from companion.compute.slurm_jobs import JobState, Kind, SubmissionRejected
from companion.session.progress import duration
from companion.settings.cluster_file import WorkerSettings
from companion.settings.problems import shown_path

Tell = Callable[[str], None]


class PoolFailed(RuntimeError):
    """A pool that gets no workers; the message says what to look at."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds.

    ``arrival``: for the worker of a job that runs; ``idle``: before a worker without work is let go;
    ``look``: between two looks at the queue while a job is awaited; ``word``: before the first word
    about a pool that waits, each later one after twice as long; ``retry``: before a submission that
    failed in passing is tried again.
    """

    arrival: float = 300.0
    idle: float = 60.0
    look: float = 30.0
    word: float = 60.0
    retry: float = 60.0


#: Seconds between two looks at the queue while workers have just gone missing: most jobs leave it within this time.
_SOON = 3.0

#: Jobs in a row that may end before their worker arrives, until the pool is given up.
_MOST_FAILURES = 3


@dataclass
class Job:
    """A submitted job, and what is known of its workers."""

    name: str
    identity: str
    submitted: float
    arrived: bool = False
    runs_since: float | None = None
    missed_since: float | None = None
    idle_since: float | None = None


@dataclass(frozen=True)
class Seen:
    """What the Dask scheduler knows now: unfinished tasks, and of each job whether its workers are busy."""

    demand: Mapping[Kind, int]
    busy: Mapping[str, bool]


@dataclass
class Pool:
    """The jobs of one kind."""

    kind: Kind
    settings: WorkerSettings
    write: Callable[[str], Path]
    """Writes the script of the job with this name."""
    settings_file: str
    logs: Path
    tell: Tell
    patience: Patience = field(default_factory=Patience)
    jobs: dict[str, Job] = field(default_factory=dict)
    ever: list[str] = field(default_factory=list)
    """Ids of all jobs that were ever submitted."""
    failed: str | None = None
    _number: int = 0
    _failures: int = 0
    _looked: float = 0.0
    _retry_at: float = -math.inf
    _waits_since: float | None = None
    _next_word: float = 0.0

    def wanted(self, demand: int) -> int:
        """Jobs that ``demand`` unfinished tasks are worth, within the bounds of the file."""
        jobs = math.ceil(demand / self.settings.workers)
        return min(max(jobs, self.settings.minimum_jobs), self.settings.maximum_jobs)

    @property
    def identities(self) -> list[str]:
        """Ids of all its jobs."""
        return [job.identity for job in self.jobs.values()]

    def step(self, seen: Seen, look: Callable[[], Mapping[str, JobState] | None]) -> list[str]:
        """Bring the jobs nearer to what is wanted; names of jobs whose workers are to be let go.

        ``look`` asks for the queue; it is called only where something is awaited or amiss. Raises
        PoolFailed, once, where the pool is given up.
        """
        if self.failed:
            return []
        now = time.monotonic()
        self._note(seen, now)
        if now - self._looked >= self._spacing(now):
            queue = look()
            self._looked = now
            if queue is not None:
                self._settle(queue, now)
        demand = seen.demand.get(self.kind, 0)
        wanted = self.wanted(demand)
        if len(self.jobs) < wanted and now >= self._retry_at:
            self._submit(wanted - len(self.jobs), now)
        self._say_that_it_waits(demand, seen, now)
        return self._superfluous(wanted, now)

    def submit_minimum(self) -> None:
        """Submit what is always wanted. Raises PoolFailed where SLURM refuses it."""
        self._submit(self.settings.minimum_jobs, time.monotonic())

    def fail(self, message: str) -> None:
        """Give the pool up, for the reason in ``message``, which every sweep that waits for it will show.

        Raises PoolFailed.
        """
        self.failed = message
        slurm_jobs.cancel(self.identities)
        self.jobs.clear()
        raise PoolFailed(message)

    def _spacing(self, now: float) -> float:
        """Seconds that the next look at the queue may wait for; nobody asks where all is as it should be."""
        missed = [job.missed_since for job in self.jobs.values() if job.missed_since is not None]
        if any(now - since < self.patience.look for since in missed):
            return min(_SOON, self.patience.look)
        awaited = any(not job.arrived for job in self.jobs.values())
        return self.patience.look if missed or awaited else math.inf

    def _note(self, seen: Seen, now: float) -> None:
        """Take over what the scheduler sees."""
        for job in self.jobs.values():
            if job.name in seen.busy:
                job.arrived, job.missed_since = True, None
                self._failures = 0
                if seen.busy[job.name]:
                    job.idle_since = None
                elif job.idle_since is None:
                    job.idle_since = now
            elif job.arrived:
                job.missed_since = job.missed_since or now

    def _settle(self, queue: Mapping[str, JobState], now: float) -> None:
        """Drop the jobs that are over, and those whose workers do not come."""
        for job in list(self.jobs.values()):
            state = queue.get(job.identity)
            over = state is None or state.state not in ("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED")
            if state is not None and state.runs:
                job.runs_since = job.runs_since or now
            if over and job.arrived:
                self._drop(job)
                self.tell(
                    f"job {job.identity} ({self.kind}) is over or was lost; its unfinished blocks go on elsewhere"
                )
            elif over and now - job.submitted > 1.0:  # a queue may show a job a moment late
                self._drop(job)
                self._fail_once(job, "ended before its worker arrived")
            elif job.arrived and job.missed_since and now - job.missed_since > self.patience.arrival:
                self._drop(job)
                self.tell(f"job {job.identity} ({self.kind}) runs, but its worker is gone; cancelled")
            elif not job.arrived and job.runs_since and now - job.runs_since > self.patience.arrival:
                self._drop(job)
                waited = duration(self.patience.arrival)
                where = state.detail if state else "its node"
                self._fail_once(
                    job,
                    f"ran for {waited} on {where}, but its worker did not arrive; if {where} does not reach this "
                    f"machine by its usual network, name another one as interface in {self.settings_file}",
                )

    def _drop(self, job: Job) -> None:
        del self.jobs[job.name]
        slurm_jobs.cancel([job.identity])

    def _fail_once(self, job: Job, what: str) -> None:
        """A job came to nothing; after some of them in a row the pool is given up."""
        self._failures += 1
        log = slurm_jobs.error_log(self.logs, job.name, job.identity)
        text = f"job {job.identity} ({self.kind}) {what}; log: {shown_path(log)}"
        text += "".join(f"\n  | {line}" for line in slurm_jobs.last_lines(log))
        self.tell(text)
        if self._failures >= _MOST_FAILURES:
            self.fail(
                f"{self._failures} {self.kind} jobs in a row came to nothing; given up. The last one: {text}"
            )

    def _submit(self, count: int, now: float) -> None:
        submitted = []
        for _ in range(count):
            name = f"{self.kind}{self._number}"
            self._number += 1
            try:
                identity = slurm_jobs.submit(self.write(name), self.settings_file)
            except SubmissionRejected as refusal:
                if not self.jobs and not refusal.passing:
                    self.fail(str(refusal))
                self._retry_at = now + self.patience.retry
                self.tell(f"{refusal}\n  trying again in {duration(self.patience.retry)}")
                break
            self.jobs[name] = Job(name, identity, now)
            self.ever.append(identity)
            submitted.append(identity)
        if submitted:
            self.tell(
                f"submitted {_counted(len(submitted), f'{self.kind} job')} "
                f"({' '.join(submitted)}), each {self._each()}; stop: scancel {' '.join(self.identities)}"
            )

    def _each(self) -> str:
        gpus = getattr(self.settings, "gpus", 0)
        asked = [_counted(self.settings.cores, "core"), *([_counted(gpus, "GPU")] if gpus else [])]
        return ", ".join([*asked, f"{self.settings.walltime} h"])

    def _say_that_it_waits(self, demand: int, seen: Seen, now: float) -> None:
        """Tell, less and less often, what a pool waits for that has work and no worker."""
        if not demand or any(name in seen.busy for name in self.jobs):
            self._waits_since = None
            return
        if self._waits_since is None:
            self._waits_since, self._next_word = now, self.patience.word
        waited = now - self._waits_since
        if waited < self._next_word:
            return
        self._next_word *= 2
        running = [job for job in self.jobs.values() if job.runs_since is not None]
        what = f"waits for a {self.kind} worker for {duration(waited)}"
        if running:
            left = self.patience.arrival - (now - (running[0].runs_since or now))
            what += (
                f": job {running[0].identity} runs, its worker has {duration(max(left, 0))} left to arrive"
            )
        elif self.jobs:
            what += f": {_listed(self.identities)} in the queue"
        ids = ",".join(self.identities)
        self.tell(
            f"{what}; see: squeue -j {ids} (why: --start); logs: {shown_path(self.logs)}" if ids else what
        )

    def _superfluous(self, wanted: int, now: float) -> list[str]:
        """Jobs beyond those wanted: cancelled where they still wait, else named once they were idle for long."""
        beyond = len(self.jobs) - wanted
        waiting = [job for job in self.jobs.values() if not job.arrived and job.runs_since is None]
        for job in reversed(waiting[: max(beyond, 0)]):
            if now - job.submitted > self.patience.idle:
                self._drop(job)
                beyond -= 1
        idle = [
            job
            for job in self.jobs.values()
            if job.idle_since is not None and now - job.idle_since > self.patience.idle
        ]
        retired = [job.name for job in idle[: max(beyond, 0)]]
        for name in retired:
            del self.jobs[name]  # its workers are asked to leave, and the job ends with them
        return retired


def _listed(identities: Sequence[str]) -> str:
    return f"job {identities[0]}" if len(identities) == 1 else f"{len(identities)} jobs"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
