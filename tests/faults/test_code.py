"""Code that changes between two runs, and while one goes on."""

import pytest

from real_runs import without_times

pytestmark = pytest.mark.faults


def computed(events: list[str]) -> list[str]:
    return sorted(line.split('"function": "')[1].split('"')[0] for line in events if '"computed"' in line)


def test_changed_code_is_named_and_computed_and_the_former_results_stay(finished, undisturbed):
    finished.edit("tiny_study.py", "base**exponent", "base**exponent + base")
    plan = finished.run("--dry-run")
    assert without_times(plan.said) == "tiny: run\n    code of tiny_study changed\n"
    ended = finished.run()
    assert ended.code == 0, ended.said
    assert "tiny_study.powers" in computed(finished.past_events())
    now = finished.lasting()
    assert (
        now["figures/laptop/tiny_f1_powers.csv"] != undisturbed.lasting["figures/laptop/tiny_f1_powers.csv"]
    )
    finished.edit("tiny_study.py", "base**exponent + base", "base**exponent")
    back = finished.run()
    assert back.code == 0 and computed(finished.past_events()) == []
    assert undisturbed.lasting.items() <= finished.lasting().items()
    assert finished.run("--dry-run").said == "tiny: nothing to do\n"


def test_what_is_computed_after_an_edit_during_the_run_is_not_stored(fresh, undisturbed):
    run = fresh.start()
    run.wait_until(lambda: any('"tiny_study.powers"' in line for line in fresh.event_lines()))
    fresh.edit("tiny_study.py", "size=400_000", "size=300_000")
    ended = run.end()
    assert ended.code == 1, ended.said  # a figure is never drawn from unsaved numbers
    told = "tiny_study.walks: not stored, because tiny_study changed since this process imported it"
    assert ended.said.count(told) == 1
    assert "restart the kernel to compute with the new code" in ended.said
    assert "figure 'tiny_f2_walks': its data have no companion_key" in ended.said
    store = fresh.root / "build/store"
    assert [folder.name for folder in store.glob("tiny_study.*") if any(folder.iterdir())] == [
        "tiny_study.powers"
    ]
    assert without_times(fresh.run("--dry-run").said) == "tiny: run\n    last run failed\n"
    fresh.edit("tiny_study.py", "size=300_000", "size=400_000")
    again = fresh.run()
    assert again.code == 0, again.said
    assert computed(fresh.past_events()) == ["tiny_study.summary", *["tiny_study.walks"] * 4]
    assert fresh.lasting() == undisturbed.lasting
