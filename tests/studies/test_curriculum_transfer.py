"""Pairs of operations in two stages: what each trains on and when, pairing, and the numbers made of the runs."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.studies.curriculum_runs import trained
from companion.studies.curriculum_transfer import alone_spec, pair_spec, transfer_matrix
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec
from companion.training.stacked_adam import AdamSettings

SPEC = CurriculumSpec(tasks=TaskSpec(prime=7), batch=48, width=16, hidden=32, every=10, logarithmic=8)
STAGES = (40, 60)


@pytest.fixture(scope="module")
def found(run_store):
    return transfer_matrix(["max", "left"], SPEC, *STAGES, 2, 0, block=2)


@pytest.fixture(scope="module")
def pair(run_store):
    runs = trained(pair_spec(SPEC, "max", "left", *STAGES), 2, 0, block=2).isel(variation=0)
    return runs.transpose("replicate", "operation", "step", ...)


@pytest.fixture(scope="module")
def single(run_store):
    runs = trained(alone_spec(SPEC, "left", *STAGES), 2, 0, block=2).isel(variation=0)
    return runs.transpose("replicate", "operation", "step", ...)


def test_the_switch_is_where_it_was_wanted(pair):
    seen = pair.step_exposure.transpose("replicate", "step", "operation")
    np.testing.assert_array_equal(seen.sel(step=40), [[48 * 40, 0]] * 2)
    np.testing.assert_array_equal(seen.sel(step=100), [[48 * 40, 48 * 60]] * 2)


@pytest.mark.parametrize("stages", [(40, 60), (500, 800), (400, 800), (333, 777)])
def test_alone_the_rate_falls_over_as_many_steps(stages):
    spec = SPEC.changed(warm_up=1)
    both, alone = pair_spec(spec, "max", "left", *stages), alone_spec(spec, "left", *stages)
    assert (both.steps, alone.steps) == (sum(stages), stages[1])
    assert both.schedule.build(2).switches(both.steps) == (stages[0],)

    def factors(adam: AdamSettings, steps: int) -> list[float]:
        return [adam.rate_factor(step, steps) for step in range(steps - stages[1] // 2, steps)]

    np.testing.assert_allclose(factors(alone.adam, alone.steps), factors(both.adam, both.steps), atol=0.01)
    assert alone.adam.rate_factor(stages[1] // 2 - 2, alone.steps) == 1.0


def test_a_rate_that_falls_before_the_switch_is_refused():
    with pytest.raises(ValueError, match=r"spec\.decay_share: 0\.3 given; allowed: up to 0\.1"):
        alone_spec(SPEC, "left", 900, 100)


def test_alone_has_the_start_and_the_rows_of_the_second_stage(pair, single):
    np.testing.assert_allclose(
        pair.test_loss.sel(step=0).isel(operation=1),
        single.test_loss.sel(step=0).isel(operation=1),
        rtol=1e-5,
    )
    np.testing.assert_array_equal(pair.train.values[:, 49:], single.train.values[:, 49:])


def test_numbers_are_those_of_the_runs(found, pair, single):
    own = found.sel(source="max", target="left")
    test, steps = pair.test_accuracy.values, pair.step.values
    before, after = (test[..., steps <= end][..., -3:].mean(axis=-1) for end in (40, 100))
    alone = single.test_accuracy.values[:, 1, -3:].mean(axis=-1)
    np.testing.assert_allclose(own.forgetting, np.maximum(before[:, 0] - after[:, 0], 0))
    np.testing.assert_allclose(own.gain, after[:, 1] - alone)
    np.testing.assert_allclose(found.alone.sel(target="left"), alone)
    np.testing.assert_allclose(own.forward_transfer, before[:, 1] - 1 / 7)
    np.testing.assert_allclose(own.backward_transfer, after[:, 0] - before[:, 0])
    later = steps >= 40
    expected = first_checkpoint(steps[later] - 40, test[:, 1, later], 0.5)
    np.testing.assert_array_equal(own.time.sel(threshold=0.5), expected)
    ends = [np.clip(times, 1, 60) for times in (found.alone_time.sel(target="left", threshold=0.5), expected)]
    assert own.speed_up.sel(threshold=0.5) == pytest.approx(float(ends[0].mean() / ends[1].mean()))


def test_an_operation_has_no_pair_with_itself(found):
    for name in ("gain", "forgetting", "speed_up", "time", "forward_transfer"):
        values = found[name].transpose("source", "target", ...).values
        assert np.isnan(values[[0, 1], [0, 1]]).all() and not np.isnan(values[[0, 1], [1, 0]]).any()
    low, high = found.speed_up_low, found.speed_up_high
    off = ~np.isnan(found.speed_up.values)
    assert (low.values[off] <= found.speed_up.values[off]).all()
    assert (high.values[off] >= found.speed_up.values[off]).all()
    assert (found.stopped == 0).all()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"operations": ["add"]}, "operations: .* given"),
        ({"operations": ["add", "add"]}, "operations: .* given"),
        ({"source_steps": 0}, "source_steps: 0 given"),
        ({"target_steps": 0}, "target_steps: 0 given"),
    ],
)
def test_refused(run_store, changes, named):
    given = {"operations": ["add", "sub"], "source_steps": 40, "target_steps": 60} | changes
    with pytest.raises(ValueError, match=named):
        transfer_matrix(spec=SPEC, **given, replicates=2, seed=0, block=2)
