"""Pools against a SLURM that is a dictionary: what is submitted, replaced, let go and given up, and when."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest

from companion.compute import slurm_jobs, slurm_pools
from companion.compute.slurm_jobs import JobState, SubmissionRejected
from companion.compute.slurm_pools import Patience, Pool, PoolFailed, Seen
from companion.settings.cluster_file import WorkerSettings

_PATIENCE = Patience(arrival=100, idle=60, look=30, word=50, retry=20)


class Site:
    """A SLURM that does as it is told, a clock that moves when it is told, and all that was said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        self.now = 1000.0
        self.queue: dict[str, JobState] = {}
        self.refusal: SubmissionRejected | None = None
        self.most = 1000
        self.said: list[str] = []
        self.submitted = 0
        self.looks = 0
        self.folder = tmp_path
        monkeypatch.setattr(slurm_pools.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(slurm_jobs, "submit", self.submit)
        monkeypatch.setattr(slurm_jobs, "cancel", lambda ids: [self.queue.pop(one, None) for one in ids])

    def submit(self, script: Path, settings_file: str, array: int) -> str:
        if self.refusal or array > self.most:
            raise self.refusal or SubmissionRejected("QOSMaxSubmitJobPerUserLimit")
        self.submitted += 1
        identity = str(100 + self.submitted)
        self.queue |= {f"{identity}_{index}": JobState("PENDING", "Priority") for index in range(array)}
        return identity

    def look(self) -> Mapping[str, JobState]:
        self.looks += 1
        return self.queue

    def pool(self, cores: int = 2, minimum: int = 0, maximum: int = 3) -> Pool:
        settings = WorkerSettings(
            cores=cores, memory_gib=1, walltime="1:00", minimum_jobs=minimum, maximum_jobs=maximum
        )
        return Pool(
            "cpu",
            settings,
            lambda name: self.folder / name,
            "x.yaml",
            self.folder,
            self.said.append,
            _PATIENCE,
        )

    def step(
        self, pool: Pool, demand: int, busy: Mapping[str, bool] | None = None, after: float = 1
    ) -> list[str]:
        self.now += after
        return pool.step(Seen({"cpu": demand}, busy or {}), self.look)


@pytest.fixture
def site(monkeypatch, tmp_path) -> Site:
    return Site(monkeypatch, tmp_path)


@pytest.mark.parametrize(("demand", "jobs"), [(0, 1), (1, 1), (2, 1), (3, 2), (7, 3), (1000, 3)])
def test_jobs_follow_the_work_within_the_bounds_of_the_file(site, demand, jobs):
    assert site.pool(cores=2, minimum=1, maximum=3).wanted(demand) == jobs


def test_work_submits_jobs_once_as_an_array_and_tells_how_to_stop_them(site):
    pool = site.pool()
    for _ in range(3):
        site.step(pool, demand=4)
    assert pool.identities == ["101_0", "101_1"] and list(pool.jobs) == ["cpu0_0", "cpu0_1"]
    assert site.said == ["submitted 2 cpu jobs (array 101), each 2 cores, 1:00 h; stop: scancel 101"]
    site.step(pool, demand=6)
    assert "submitted 1 cpu job (array 102)" in site.said[1] and "stop: scancel 101 102" in site.said[1]


def test_where_fewer_jobs_are_allowed_than_wanted_all_those_are_submitted(site):
    pool = site.pool(maximum=13)
    site.most = 5
    site.step(pool, demand=26)
    assert len(pool.jobs) == 13
    assert {identity.partition("_")[0] for identity in pool.identities} == {"101", "102", "103", "104", "105"}


def test_a_lost_job_is_replaced_at_once_and_a_healthy_pool_asks_nobody(site):
    pool = site.pool()
    site.step(pool, demand=4)
    busy = {"cpu0_0": True, "cpu0_1": True}
    for _ in range(100):
        site.step(pool, 4, busy)
    assert site.looks == 0
    del site.queue["101_0"]
    site.step(pool, 4, {"cpu0_1": True})
    assert pool.identities == ["101_1", "102_0"]
    assert "job 101_0 (cpu) is over or was lost" in site.said[1]


def test_a_worker_that_is_away_for_a_moment_keeps_its_job(site):
    pool = site.pool()
    site.step(pool, demand=2)
    site.queue["101_0"] = JobState("RUNNING", "node1")
    site.step(pool, 2, {"cpu0_0": True})
    for _ in range(5):
        site.step(pool, 2, {})
    site.step(pool, 2, {"cpu0_0": True})
    assert pool.identities == ["101_0"] and site.submitted == 1
    for _ in range(60):
        site.step(pool, 2, {}, after=3)
    assert pool.identities == ["102_0"] and "its worker is gone; cancelled" in "".join(site.said)


def test_idle_jobs_are_let_go_down_to_what_is_wanted(site):
    pool = site.pool(minimum=1)
    site.step(pool, demand=6)
    idle = dict.fromkeys(("cpu0_0", "cpu0_1", "cpu0_2"), False)
    assert site.step(pool, 0, idle) == []
    assert site.step(pool, 0, idle | {"cpu0_1": True}, after=61) == ["cpu0_0", "cpu0_2"]
    assert pool.identities == ["101_1"]
    assert site.step(pool, 0, {"cpu0_1": False}) == [] == site.step(pool, 0, {"cpu0_1": False}, after=100)


def test_jobs_that_still_wait_when_the_work_is_done_are_cancelled(site):
    pool = site.pool()
    site.step(pool, demand=6)
    site.step(pool, 0)
    assert len(site.queue) == 3
    site.step(pool, 0, after=61)
    assert site.queue == {} and pool.identities == []


def test_a_pool_whose_jobs_all_end_early_is_given_up_with_the_last_log(site, tmp_path):
    pool = site.pool(maximum=1)
    (tmp_path / "companion-cpu-103_0.err").write_text("module: GCC/99 not found\n")
    with pytest.raises(PoolFailed) as failed:
        for _ in range(10):
            site.step(pool, 2, after=40)
            site.queue.clear()
    assert "3 cpu jobs in a row came to nothing" in str(failed.value)
    assert "| module: GCC/99 not found" in str(failed.value) and "companion-cpu-103_0.err" in str(
        failed.value
    )
    assert pool.failed == str(failed.value)
    assert site.step(pool, 2) == [] and site.submitted == 3


def test_jobs_that_come_to_nothing_beside_one_that_works_only_slow_the_growth_down(site):
    pool = site.pool(maximum=3)
    site.step(pool, 2)
    works = {"cpu0_0": True}
    tries = []
    for _ in range(2000):
        site.step(pool, 6, works)
        for identity in [identity for identity in site.queue if identity != "101_0"]:
            del site.queue[identity]
            tries.append(site.now)
    assert pool.failed is None and pool.identities == ["101_0"] and "101_0" in site.queue
    del tries[0]  # the first two were one array
    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses == sorted(pauses) and pauses[0] < 100 and pauses[-1] > 600
    assert "trying again in 20.0 s" in site.said[2] and "trying again in 21 min 20 s" in site.said[-1]
    site.step(pool, 6, works, after=2000)
    site.step(pool, 6, works | {list(pool.jobs)[-1]: True})
    site.step(pool, 6, works)
    assert len(pool.jobs) == 3  # an arrival ends the pauses


def test_a_pool_that_lost_its_last_job_does_not_wait_out_a_long_pause(site):
    pool = site.pool(maximum=2)
    site.step(pool, 2)
    for _ in range(800):
        site.step(pool, 4, {"cpu0_0": True})
        site.queue = {"101_0": JobState("RUNNING", "node1")}
    site.queue.clear()
    submitted = site.submitted
    site.step(pool, 4, {}, after=40)
    site.step(pool, 4, {}, after=21)
    assert pool.failed is None and site.submitted == submitted + 1


def test_a_worker_that_arrives_clears_the_count_of_failures(site):
    pool = site.pool(maximum=1)
    for number in range(6):
        site.step(pool, 2, after=40)
        if number % 2:
            site.step(pool, 2, dict.fromkeys(pool.jobs, True))
        site.queue.clear()
        site.step(pool, 2, after=40)
    assert pool.failed is None and site.submitted == 7


def test_a_running_job_whose_worker_does_not_arrive_is_told_with_its_deadline(site):
    pool = site.pool(maximum=1)
    site.step(pool, 2)
    site.queue["101_0"] = JobState("RUNNING", "node7")
    site.step(pool, 2, after=31)
    site.step(pool, 2, after=31)
    assert "waits for a cpu worker" in site.said[-1]
    assert "job 101_0 runs, its worker has 1 min 09 s left to arrive; see: squeue -j 101" in site.said[-1]
    site.step(pool, 2, after=101)
    told = "".join(site.said)
    assert "job 101_0 (cpu) ran for 1 min 40 s on node7, but its worker did not arrive" in told
    assert "name another one as interface in x.yaml; log:" in told and pool.identities == []
    site.step(pool, 2, after=20)
    assert pool.identities == ["102_0"]


def test_words_about_waiting_grow_rarer(site):
    pool = site.pool(maximum=1)
    for _ in range(2000):
        site.step(pool, 2)
    told = [text for text in site.said if "waits for a cpu worker" in text]
    assert len(told) == 6  # after 50, 100, 200 … 1600 s
    assert "job 101_0 in the queue; see: squeue -j 101 (why: --start)" in told[0]


def test_a_refusal_ends_a_pool_without_jobs_and_no_other(site):
    pool = site.pool()
    site.step(pool, 2)
    site.refusal = SubmissionRejected("no more jobs for you")
    site.step(pool, 6, {"cpu0_0": True})
    assert pool.failed is None and "no more jobs for you\n  trying again in 20.0 s" in site.said[-1]
    said = len(site.said)
    site.step(pool, 6, {"cpu0_0": True})
    assert len(site.said) == said
    site.step(pool, 6, {"cpu0_0": True}, after=20)
    assert "trying again in 40.0 s" in site.said[-1]
    site.refusal = None
    site.step(pool, 6, {"cpu0_0": True}, after=40)
    assert pool.identities == ["101_0", "102_0", "102_1"]
    other = site.pool()
    site.refusal = SubmissionRejected("no such account")
    with pytest.raises(PoolFailed, match="no such account"):
        site.step(other, 1)


def test_a_passing_refusal_is_tried_again_even_without_jobs(site):
    pool = site.pool(minimum=1)
    site.refusal = SubmissionRejected("Socket timed out", passing=True)
    pool.submit_minimum()
    assert pool.failed is None
    site.refusal = None
    site.step(pool, 0, after=21)
    assert pool.identities == ["101_0"]


def test_a_queue_that_does_not_answer_changes_nothing(site):
    pool = site.pool(maximum=1)
    site.step(pool, 2)
    site.now += 100
    pool.step(Seen({"cpu": 2}, {}), lambda: None)
    assert pool.identities == ["101_0"]
