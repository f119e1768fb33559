"""Schedules share everything but the order; their numbers are those of the runs behind them."""

import numpy as np
import pytest
import xarray as xr

from companion.studies.curriculum_runs import trained
from companion.studies.curriculum_schedules import (
    SCHEDULES,
    YOKED,
    schedule_comparison,
    scheduled,
)
from companion.studies.curriculum_yokes import yoked
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

TASKS = TaskSpec(operations=("add", "sub"), prime=11, fractions=(0.7, 0.6))
SPEC = CurriculumSpec(
    tasks=TASKS, steps=40, batch=32, width=16, hidden=32, every=5, logarithmic=3, look_every=10
)
NAMES = [*SCHEDULES, YOKED]
pytestmark = pytest.mark.usefixtures("run_store")


@pytest.fixture(scope="module")
def compared(run_store):
    return schedule_comparison(NAMES, [0.1, 1.0], SPEC, 2, 0, block=2, drawn_points=5)


def test_all_schedules_are_there(compared):
    assert compared.schedule.values.tolist() == [*NAMES, "consolidated 0.1", "consolidated 1"]
    assert compared.consolidation.values.tolist() == [0.0] * len(NAMES) + [0.1, 1.0]
    assert (compared.stopped_at == -1).all()
    assert compared.step.values.tolist() == [0, 10, 20, 30, 40]
    assert compared.attrs["stage_steps"] == 20 and compared.attrs["decay_from"] == 28
    settings = {"prime": 11, "width": 16, "layers": 1, "batch": 32, "decay_share": 0.3, "every": 5}
    assert {name: compared.attrs[name] for name in settings} == settings
    assert list(compared.attrs["fractions"]) == [0.7, 0.6]
    for name in ("final", "final_train", "forgetting", "test_accuracy", "weight"):
        assert np.isfinite(compared[name]).all(), name


def test_equal_steps_and_the_exposure_that_follows(compared):
    rows = compared.exposure
    assert (rows.sum("operation") == 40 * 32).all()
    for name in ("blocked", "reversed", "consolidated 1"):
        assert (rows.sel(schedule=name) == 20 * 32).all()
    assert float(rows.sel(schedule="annealed", operation="add").mean()) == pytest.approx(
        0.75 * 1280, rel=0.05
    )
    again = rows.sel(schedule="replay", operation="add").values - 640
    assert (np.abs(again - 64) < 35).all()
    np.testing.assert_allclose(compared.weight.sum("operation"), 1)
    forward, backward = (compared.weight.sel(schedule=name) for name in ("replay", "replay reversed"))
    assert forward.sel(step=10).values.tolist() == [1, 0] and backward.sel(step=10).values.tolist() == [0, 1]
    np.testing.assert_allclose(forward.sel(step=30), [0.1, 0.9])
    np.testing.assert_allclose(backward.sel(step=30), [0.9, 0.1])
    # The second operation counts as harder by one, and β = 3 (1 - t/T).
    cooling = compared.weight.sel(schedule="cooling", operation="sub")
    np.testing.assert_allclose(cooling.sel(step=[0, 20]), 1 / (1 + np.exp([3.0, 1.5])))


def test_numbers_are_those_of_the_runs(compared):
    runs = trained(scheduled("blocked", SPEC), 2, 0, block=2).isel(variation=0)
    even = runs.test_accuracy.sel(step=range(0, 41, 5)).transpose("step", "replicate", "operation").values
    means = np.stack([even[max(at - 2, 0) : at + 1].mean(axis=0) for at in range(2, 9)])
    own = compared.sel(schedule="blocked")
    np.testing.assert_allclose(own.final.transpose("replicate", "operation"), means[-1])
    np.testing.assert_allclose(own.stage_end.sel(operation="sub"), means[-1][:, 1])
    highest = np.maximum(means.max(axis=0), means[-1])
    assert (own.forgetting.transpose("replicate", "operation").values >= highest - means[-1] - 1e-12).all()
    np.testing.assert_allclose(
        own.test_accuracy.transpose("step", "replicate", "operation"), even[::2], atol=5e-4
    )
    backward = compared.sel(schedule="reversed")
    np.testing.assert_allclose(backward.stage_end.sel(operation="add"), backward.final.sel(operation="add"))
    assert np.isnan(compared.stage_end.sel(schedule=["interleaved", "annealed", "gate"])).all()


def test_first_stages_end_after_a_fall_of_the_learning_rate_as_all_else_does(compared):
    whole = trained(scheduled("blocked", SPEC), 2, 0, block=2).isel(variation=0)
    alone = trained(SPEC.changed(schedule={"weights": (1.0, 0.0)}, steps=20), 2, 0, block=2).isel(variation=0)
    # The same networks on the same rows up to step 14, from which on the rate falls where the stage is all there is.
    for step in (5, 10):
        np.testing.assert_array_equal(alone.train_loss.sel(step=step), whole.train_loss.sel(step=step))
    assert (
        alone.train_loss.sel(step=20, operation="add") != whole.train_loss.sel(step=20, operation="add")
    ).all()
    expected = alone.test_accuracy.sel(step=[10, 15, 20], operation="add").mean("step")
    for name in ("blocked", "replay", "consolidated 0.1"):
        np.testing.assert_allclose(compared.stage_end.sel(schedule=name, operation="add"), expected)
    second = trained(SPEC.changed(schedule={"weights": (0.0, 1.0)}, steps=20), 2, 0, block=2).isel(
        variation=0
    )
    expected = second.test_accuracy.sel(step=[10, 15, 20], operation="sub").mean("step")
    np.testing.assert_allclose(compared.stage_end.sel(schedule="reversed", operation="sub"), expected)


def test_stages_in_between_have_no_known_end(run_store):
    three = SPEC.changed(tasks={"operations": ("add", "sub", "mul"), "prime": 7}, steps=6, every=1)
    ends = schedule_comparison(["interleaved", "reversed"], [], three, 1, 0, block=1).stage_end
    assert np.isnan(ends.sel(schedule="reversed")).values.ravel().tolist() == [False, True, False]


def test_equal_exposure_compares_at_the_rows_of_the_one_that_saw_fewer(compared):
    assert (compared.equal_exposure.sel(schedule="interleaved") == 0).all()
    constant = SPEC.changed(decay_share=0.0)
    runs = {
        name: trained(scheduled(name, constant), 2, 0, block=2).isel(variation=0).sel(step=range(0, 41, 5))
        for name in ("interleaved", "annealed")
    }
    found = schedule_comparison(list(runs), [], constant, 2, 0, block=2)
    seen = {name: each.step_exposure.isel(operation=1).values for name, each in runs.items()}
    for replicate in range(2):
        rows = min(each[replicate, -1] for each in seen.values())
        means = {}
        for name, each in runs.items():
            at = int(np.argmax(seen[name][replicate] >= rows))
            accuracy = each.test_accuracy.isel(operation=1, replicate=replicate).values
            means[name] = accuracy[at - 2 : at + 1].mean()
        value = found.equal_exposure.sel(schedule="annealed", operation="sub").values[replicate]
        assert value == pytest.approx(means["annealed"] - means["interleaved"])
    # Annealing shows the second operation less than half of the time: the other one is met on its way.
    assert (seen["annealed"][:, -1] < seen["interleaved"][:, -1]).all()


def test_equal_exposure_is_not_compared_across_the_fall_of_the_learning_rate(compared):
    """Annealing has shown half of the rows of either operation long before or after interleaving ends."""
    assert np.isnan(compared.equal_exposure.sel(schedule="annealed")).all()
    # Blocked, the second operation ends with the fall, as it does interleaved; the first one ended before it.
    blocked = compared.equal_exposure.sel(schedule="blocked")
    assert np.isnan(blocked.sel(operation="add")).all()
    assert np.isfinite(blocked.sel(operation="sub")).any()


def test_schedules_alike_up_to_the_switch_are_the_same_networks(compared):
    early = compared.test_accuracy.sel(step=[0, 10, 20])
    for name in ("replay", "consolidated 0.1", "consolidated 1"):
        np.testing.assert_array_equal(early.sel(schedule=name), early.sel(schedule="blocked"))
    late = compared.final
    assert (late.sel(schedule="consolidated 1") != late.sel(schedule="blocked")).any()
    assert (early.sel(schedule="reversed") != early.sel(schedule="blocked")).any()


@pytest.mark.parametrize(("replicates", "block", "lender"), [(3, 3, [2, 0, 1]), (4, 2, [1, 0, 3, 2])])
def test_yoked_networks_have_the_mixture_of_the_one_before_in_their_block(
    run_store, replicates, block, lender
):
    advanced = (1, 2, 3, 1)[:replicates]
    realised = np.zeros((replicates, 3, 2))
    realised[:, 0, 0] = 1
    for replicate, on in enumerate(advanced):
        realised[replicate, 1:on, 0] = realised[replicate, on:, 1] = 1
    runs = xr.Dataset(
        {"mixture": (("replicate", "look", "operation"), realised)}, coords={"look": [0, 10, 20]}
    )
    found = yoked(SPEC, runs, replicates, 0, block)
    rows = found.step_exposure.isel(step=-1).transpose("replicate", "operation").values
    own = np.array([{1: (10, 30), 2: (20, 20), 3: (40, 0)}[on] for on in advanced]) * 32
    np.testing.assert_array_equal(rows, own[lender])


def test_more_replicates_leave_earlier_ones_as_they_were(run_store):
    names = ["interleaved", "gate", YOKED]
    few = schedule_comparison(names, [], SPEC, 2, 0, block=2)
    more = schedule_comparison(names, [], SPEC, 4, 0, block=2).isel(replicate=slice(2))
    for name in ("test_accuracy", "final", "exposure"):
        np.testing.assert_array_equal(more[name], few[name])


def test_a_network_is_no_control_of_its_own(run_store):
    with pytest.raises(ValueError, match="block: 1 given to yoke 2 networks"):
        schedule_comparison(["interleaved", "gate", YOKED], [], SPEC, 2, 0, block=1)


def test_a_yoked_network_is_trained_on_the_rows_of_the_gated_one(run_store):
    gated = scheduled("gate", SPEC)
    runs = trained(gated, 2, 0, block=2).isel(variation=0)
    control = yoked(gated, runs, 2, 0, 2)
    for name in ("train", "held"):
        rows = [each[name].transpose("replicate", "row").values for each in (runs, control)]
        np.testing.assert_array_equal(*rows)
    assert control.held.sum() > 0


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["interleaved", "shuffled"], "schedules: 'shuffled' given"),
        (["blocked"], "'interleaved' among them"),
        (["interleaved", YOKED], "'gate' among them"),
    ],
)
def test_schedules_that_cannot_be_compared_are_named(names, named):
    with pytest.raises(ValueError, match=named):
        schedule_comparison(names, [], SPEC, 2, 0, block=2)


def test_no_schedule_of_another_name():
    with pytest.raises(ValueError, match="'shuffled' given"):
        scheduled("shuffled", SPEC)
