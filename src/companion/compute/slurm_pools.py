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
    about a pool that waits, each later one after twice as long; ``retry``: before jobs are submitted again
    after one came to nothing or was refused, twice as long after each that follows while other jobs are there.
    """

    arrival: float = 300.0
    idle: float = 60.0
    look: float = 30.0
    word: float = 60.0
    retry: float = 60.0


#: Seconds between two looks at the queue while workers have just gone missing: most jobs leave it within this time.
_SOON = 3.0

#: Jobs in a row that may come to nothing, until a pool of which no job works or starts is given up.
_MOST_FAILURES = 3

#: How often the pause before another try is doubled: with a minute at first, to an hour.
_MOST_DOUBLINGS = 6


@dataclass
class Job:
    """A submitted job, one of an array, and what is known of its workers, which have its name."""

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
    """Writes the script of the array of jobs with this name."""
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
    _refusals: int = 0
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
        missing = max(wanted - len(self.jobs), 0)
        if self._failures:  # one job at a time tells whether the others would fail, too
            missing = 0 if any(not job.arrived for job in self.jobs.values()) else min(missing, 1)
        if not self.jobs:
            self._retry_at = min(self._retry_at, now + self.patience.retry)
        if missing and now >= self._retry_at:
            self._submit(missing, now)
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
                if not job.arrived:
                    self._failures = 0
                job.arrived, job.missed_since = True, None
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
                self._fail_once(job, "ended before its worker arrived", now)
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
                    now,
                )

    def _drop(self, job: Job) -> None:
        del self.jobs[job.name]
        slurm_jobs.cancel([job.identity])

    def _fail_once(self, job: Job, what: str, now: float) -> None:
        """A job came to nothing: wait before the next one; after some in a row give up, unless others do better."""
        self._failures += 1
        log = slurm_jobs.error_log(self.logs, self.kind, job.identity)
        text = f"job {job.identity} ({self.kind}) {what}; log: {shown_path(log)}"
        text += "".join(f"\n  | {line}" for line in slurm_jobs.last_lines(log))
        promising = any(other.arrived or other.runs_since is not None for other in self.jobs.values())
        if self._failures >= _MOST_FAILURES and not promising:
            self.tell(text)
            self.fail(
                f"{self._failures} {self.kind} jobs in a row came to nothing; given up. The last one: {text}"
            )
        self.tell(f"{text}\n  {self._pause(self._failures, now)}")

    def _pause(self, times: int, now: float) -> str:
        """Submit nothing for a while, which other jobs allow to double each of so many times; what to say about it."""
        pause = self.patience.retry * 2 ** min(times - 1 if self.jobs else 0, _MOST_DOUBLINGS)
        self._retry_at = now + pause
        return f"trying again in {duration(pause)}"

    def _submit(self, count: int, now: float) -> None:
        """Submit ``count`` jobs, as one array where the site takes so many at once."""
        most = count
        while count:
            most, name = min(most, count), f"{self.kind}{self._number}"
            try:
                array = slurm_jobs.submit(self.write(name), self.settings_file, most)
            except SubmissionRejected as refusal:
                if most > 1 and not refusal.passing:
                    most //= 2  # a user's jobs may be limited to fewer
                    continue
                if not self.jobs and not refusal.passing:
                    self.fail(str(refusal))
                self._refusals += 1
                self.tell(f"{refusal}\n  {self._pause(self._refusals, now)}")
                break
            self._number, self._refusals = self._number + 1, 0
            for index in range(most):
                job = Job(f"{name}_{index}", f"{array}_{index}", now)
                self.jobs[job.name] = job
                self.ever.append(job.identity)
            count -= most
            self.tell(
                f"submitted {_counted(most, f'{self.kind} job')} (array {array}), each {self._each()}; "
                f"stop: scancel {' '.join(_arrays(self.identities))}"
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
        ids = ",".join(_arrays(self.identities))
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


def _arrays(identities: Sequence[str]) -> list[str]:
    """Ids of the arrays that jobs belong to; SLURM's commands take them for all jobs of these."""
    return list(dict.fromkeys(identity.partition("_")[0] for identity in identities))


def _listed(identities: Sequence[str]) -> str:
    return f"job {identities[0]}" if len(identities) == 1 else f"{len(identities)} jobs"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("s" if number != 1 else "")
