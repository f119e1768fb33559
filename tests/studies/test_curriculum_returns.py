"""A source that comes back: its stages, the treatment of the moments, and the numbers of the runs."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.studies.curriculum_returns import KEPT, RESET, return_spec, returning_source, unmet_spec
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

SPEC = CurriculumSpec(
    tasks=TaskSpec(prime=7), batch=32, width=16, hidden=32, logarithmic=4, learning_rate=0.01
)
STAGES = (40, 20)


@pytest.fixture(scope="module")
def found(run_store):
    return returning_source(["max", "left"], SPEC, *STAGES, 2, 0, block=2)


@pytest.fixture(scope="module")
def runs(run_store):
    spec = return_spec(SPEC, ("max", "left"), *STAGES)
    both = (spec, spec.changed(reset_moments=True))
    return [
        trained(each, 2, 0, block=2).isel(variation=0).transpose("replicate", "operation", "step", ...)
        for each in both
    ]


def test_the_source_comes_back_at_a_constant_rate(runs):
    spec = return_spec(SPEC, ("max", "left"), *STAGES)
    assert (spec.steps, spec.adam.rate_factor(99, 100)) == (100, 1.0)
    for each in runs:
        seen = each.step_exposure.transpose("replicate", "step", "operation").sel(step=[40, 60, 100])
        assert (seen == np.array([[40, 0], [40, 20], [80, 20]]) * 32).all()


def test_moments_are_a_treatment_from_the_first_switch_on(found):
    kept, reset = (found.sel(moments=name) for name in (KEPT, RESET))
    early = found.step <= 40
    np.testing.assert_array_equal(kept.source[:, early], reset.source[:, early])
    assert (kept.target != reset.target).any()
    np.testing.assert_array_equal(kept.first_time, reset.first_time)
    assert (found.stopped_at == -1).all() and (found.attrs["source"], found.attrs["steps"]) == ("max", 100)


def test_numbers_are_those_of_the_runs(found, runs):
    for place, each in enumerate(runs):
        own, test, steps = found.isel(moments=place), each.test_accuracy.values, each.step.values
        first = first_checkpoint(steps[steps <= 40], test[:, 0, steps <= 40])
        again = first_checkpoint(steps[steps >= 60] - 60, test[:, 0, steps >= 60])
        np.testing.assert_array_equal(own.first_time, first)
        np.testing.assert_array_equal(own.again_time, again)
        known = np.isfinite(first)
        np.testing.assert_allclose(own.savings[known], 1 - again[known] / first[known])
        assert np.isnan(own.savings[~known]).all()
        at = [int(np.flatnonzero(steps == step)[0]) for step in own.step.values]
        np.testing.assert_allclose(own.source, test[:, 0, at], atol=1e-4)


def test_the_control_meets_the_source_after_the_target_for_the_first_time(found):
    spec = unmet_spec(return_spec(SPEC, ("max", "left"), *STAGES), *STAGES)
    runs = trained(spec, 2, 0, block=2).isel(variation=0).transpose("replicate", "operation", "step", ...)
    seen = runs.step_exposure.transpose("replicate", "step", "operation").sel(step=[20, 60])
    assert (seen == np.array([[0, 20], [40, 20]]) * 32).all() and spec.steps == 60
    assert spec.adam.rate_factor(59, 60) == 1.0 and not spec.reset_moments
    steps, test = runs.step.values, runs.test_accuracy.values
    expected = first_checkpoint(steps[steps >= 20] - 20, test[:, 0, steps >= 20])
    np.testing.assert_array_equal(found.unmet_time, expected)
    assert (found.unmet_stopped_at == -1).all()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"pair": ["add"]}, "pair: .* given"),
        ({"pair": ["add", "add"]}, "pair: .* given"),
        ({"source_steps": 0}, "source_steps: 0 given"),
        ({"target_steps": 0}, "target_steps: 0 given"),
    ],
)
def test_refused(run_store, changes, named):
    given = {"pair": ["add", "sub"], "source_steps": 40, "target_steps": 60} | changes
    with pytest.raises(ValueError, match=named):
        returning_source(spec=SPEC, **given, replicates=2, seed=0, block=2)
