"""kill -9 at seeded moments and in the middle of a save: of the run, of a kernel, of a Dask worker."""

import json
import os
import random
import signal
import time

import pytest

pytestmark = pytest.mark.faults

_SEED = 20260409


def seeded_moments(number: int = 5) -> list[tuple[float, float, str]]:
    """Shares of a run's events, spread over it, a short delay after each, and the cluster to use."""
    rng = random.Random(_SEED)
    clusters = ("inline", "local")
    return [
        ((part + rng.random()) / number, 0.3 * rng.random(), clusters[part % 2]) for part in range(number)
    ]


@pytest.mark.parametrize(("share", "delay", "cluster"), seeded_moments())
def test_a_killed_run_ends_with_the_same_bytes_when_repeated(fresh, undisturbed, share, delay, cluster):
    run = fresh.start("--cluster", cluster)
    run.wait_until(lambda: len(fresh.event_lines()) > share * undisturbed.events, or_end=True)
    moment = time.monotonic() + delay
    run.wait_until(lambda: time.monotonic() > moment, or_end=True)
    run.kill()
    fresh.wait_for_orphans()
    again = fresh.run()
    assert again.code == 0, again.said
    assert fresh.lasting() == undisturbed.lasting
    assert fresh.left_by_the_dead() == []


def test_a_run_killed_while_it_writes_its_record_computes_nothing_again(fresh, undisturbed):
    mark = fresh.stall("tiny.record.json")
    run = fresh.start()
    run.wait_until(lambda: mark.exists() and mark.read_text() == f"{run.process.pid}.")
    run.kill()
    fresh.undo_start_of_python()
    again = fresh.run()
    assert again.code == 0 and "never run at this profile" in again.said
    assert '"computed"' not in "".join(fresh.past_events())
    assert fresh.lasting() == undisturbed.lasting and fresh.left_by_the_dead() == []


def test_a_kernel_killed_while_it_saves_a_figure_fails_its_notebook_only(fresh, undisturbed):
    fresh.add_notebook("zebra", "# %%\n'the last one'")
    mark = fresh.stall("tiny_f2_walks.png")
    run = fresh.start()
    run.wait_until(lambda: mark.exists() and mark.read_text().endswith("."))
    os.kill(int(mark.read_text()[:-1]), signal.SIGKILL)
    ended = run.end()
    assert ended.code == 1
    assert (
        "tiny FAILED, notebooks/tiny.py:" in ended.said
        and "DeadKernelError: the kernel died in this cell" in ended.said
    )
    assert "    | walks = sweep(tiny_study.walks" in ended.said and "zebra: done" in ended.said
    summary = json.loads((fresh.root / "build/runs/laptop/summary.json").read_text())
    assert [entry["status"] for entry in summary["notebooks"]] == ["failed", "done"]
    assert (fresh.root / "figures/laptop/tiny_f1_powers.png").exists()
    assert not (fresh.root / "figures/laptop/tiny_f2_walks.png").exists()
    fresh.undo_start_of_python()
    again = fresh.run()
    assert again.code == 0 and "last run failed" in again.said and "zebra: nothing to do" in again.said
    assert '"computed"' not in "".join(fresh.past_events())
    assert fresh.lasting() == undisturbed.lasting and fresh.left_by_the_dead() == []


def test_a_worker_killed_while_it_saves_a_block_is_replaced(fresh, undisturbed):
    mark = fresh.stall("tiny_study.walks/")
    run = fresh.start("--cluster", "local")
    run.wait_until(lambda: mark.exists() and mark.read_text().endswith("."))
    worker = int(mark.read_text()[:-1])
    assert worker in run.children("multiprocessing")
    os.kill(worker, signal.SIGKILL)
    ended = run.end()
    assert ended.code == 0, ended.said
    assert fresh.lasting() == undisturbed.lasting and fresh.left_by_the_dead() == []


@pytest.mark.parametrize("file", ["result.nc", "manifest.json"])
def test_a_process_killed_in_the_middle_of_a_save_leaves_nothing_that_seems_whole(fresh, undisturbed, file):
    compute = "import tiny_study; tiny_study.powers(6, 2.0)"
    mark = fresh.stall(file)
    process = fresh.python(compute)
    process.wait_until(lambda: mark.exists() and mark.read_text() == f"{process.process.pid}.")
    process.kill()
    store = fresh.root / "build/store"
    assert len(list(store.glob("tiny_study.powers/.*.tmp"))) == 1
    fresh.undo_start_of_python()
    assert fresh.python(compute).end() == fresh.python(compute).end()  # the first computes, the second reads
    ((name, content),) = fresh.lasting().items()
    assert undisturbed.lasting[name] == content
    assert list(store.glob("*/.*")) == []
