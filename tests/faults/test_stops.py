"""Ctrl-C once and twice, and a notebook that never ends."""

import json
import re

import pytest

from real_runs import without_times

pytestmark = pytest.mark.faults

# Passes over interrupts, as compiled code does.
_DEAF = """
    # %%
    import time

    from companion.session import events

    def wait_for_nothing():
        events.emit("deaf")
        while True:
            try:
                time.sleep(3600)
            except KeyboardInterrupt:
                pass

    # %%
    wait_for_nothing()
"""

_HANGING = '''
"""A study that never ends."""

import time

import xarray as xr

from companion.store.durable import stored


@stored
def never(conditions: tuple[dict[str, int], ...], seed: int) -> xr.Dataset:
    """Hang."""
    time.sleep(100_000)
    return xr.Dataset()
'''


def test_ctrl_c_leaves_what_is_finished_and_says_how_to_go_on(fresh, undisturbed):
    run = fresh.start("--cluster", "local")
    run.wait_until(lambda: any('"tiny_study.walks"' in line for line in fresh.event_lines()))
    run.press_ctrl_c()
    ended = run.end()
    assert ended.code == 130, ended.said
    assert "SIGINT: stopping; once more to end at once" in ended.said
    assert "The same command goes on from there: python run_all.py --cluster local" in ended.said
    assert "KeyboardInterrupt" not in ended.said
    fresh.wait_for_orphans()
    assert fresh.lasting().items() <= undisturbed.lasting.items()
    again = fresh.run()
    assert again.code == 0, again.said
    assert '"computed"' not in "".join(line for line in fresh.past_events() if "tiny_study.powers" in line)
    assert fresh.lasting() == undisturbed.lasting


def test_ctrl_c_twice_ends_a_cell_that_does_not_listen_at_once(finished, undisturbed):
    finished.add_notebook("zebra", _DEAF)
    # without the time of grace that a first Ctrl-C grants, only the second one can end the cell
    finished.at_start_of_python("import threading\n\nthreading.Timer.start = lambda self: None")
    run = finished.start()
    run.wait_until(lambda: any('"deaf"' in line for line in finished.event_lines()))
    run.press_ctrl_c()
    run.wait_until(lambda: "SIGINT: stopping" in run.said)
    assert finished.processes() != []
    run.press_ctrl_c()
    ended = run.end()
    assert ended.code == 130 and "SIGINT: ending at once" in ended.said, ended.said
    finished.wait_for_orphans()
    assert finished.left_by_the_dead() == []
    assert finished.lasting() == undisturbed.lasting
    assert finished.run("tiny", "--dry-run").said == "tiny: nothing to do\n"


def test_a_hung_notebook_is_ended_with_its_stack_and_the_others_go_on(finished, undisturbed):
    finished.add_notebook("hung", _DEAF)
    finished.add_notebook("zebra", "# %%\n'the last one'")
    limit = f"{2 * undisturbed.seconds:.1f}s"  # from what a run takes here
    ended = finished.run("--time-limit", limit)
    assert ended.code == 1
    assert "hung FAILED, cell [6], notebooks/hung.py:" in ended.said
    assert re.search(r"TimeLimit: not ended after .* s \(--time-limit\); its threads then:", ended.said)
    assert "    | wait_for_nothing()" in ended.said and "in wait_for_nothing" in ended.said
    assert "zebra: done" in ended.said and "tiny: nothing to do" in ended.said
    summary = json.loads((finished.root / "build/runs/laptop/summary.json").read_text())
    failure = next(entry["failure"] for entry in summary["notebooks"] if entry["name"] == "hung")
    assert failure["ename"] == "TimeLimit" and any(
        "wait_for_nothing" in line for line in failure["traceback"]
    )
    assert (finished.root / "build/runs/laptop/hung.failed.ipynb").exists()
    finished.wait_for_orphans()
    assert finished.left_by_the_dead() == []
    assert finished.lasting() == undisturbed.lasting
    plan = without_times(finished.run("--dry-run").said)
    assert "hung: run\n    last run failed" in plan and "zebra: nothing to do" in plan


def test_workers_that_hang_are_replaced_for_the_next_notebook(finished, undisturbed):
    (finished.root / "tiny_hanging.py").write_text(_HANGING)
    cells = """
        # %%
        import {module}
        from companion.compute.sweeps import sweep

        sweep({module}.{function}, [{{"walker": walker}} for walker in range(8, 14)], block=1, seed=0)
    """
    finished.add_notebook("hung", cells.format(module="tiny_hanging", function="never"))
    finished.add_notebook("zebra", cells.format(module="tiny_study", function="walks"))
    limit = f"{2 * undisturbed.seconds:.1f}s"
    ended = finished.run("--time-limit", limit, "--cluster", "local")
    assert ended.code == 1
    assert "hung FAILED" in ended.said and "TimeLimit" in ended.said, ended.said
    assert "zebra: done" in ended.said, ended.said
    finished.wait_for_orphans()
    assert undisturbed.lasting.items() <= finished.lasting().items()
