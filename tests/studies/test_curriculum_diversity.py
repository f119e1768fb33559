"""The study of several linear tasks: which tasks, which weights, and what is known of tasks that are never met."""

import math

import numpy as np
import pytest

from companion.analysis.curriculum_times import area_in_log_time, first_checkpoint
from companion.datasets.modular_operations import operation_name
from companion.studies.curriculum_diversity import linear_operations, task_diversity, zipf
from companion.studies.curriculum_runs import trained
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

TINY = CurriculumSpec(
    tasks=TaskSpec(prime=7, fractions=(0.6,)), steps=12, batch=24, width=16, hidden=32, every=4, logarithmic=3
)


def test_tasks_differ_in_direction_and_more_of_them_begin_with_the_same():
    names = linear_operations(6, 7, 0)
    pairs = [tuple(map(int, name[4:-1].split(","))) for name in names]
    assert len({pow(alpha, -1, 7) * beta % 7 for alpha, beta in pairs}) == 6
    assert [operation_name(name, 7) for name in names] == names
    assert linear_operations(3, 7, 0) == names[:3] and linear_operations(6, 7, 1) != names
    with pytest.raises(ValueError, match="count: 7 given; allowed: 1 to 6"):
        linear_operations(7, 7, 0)


def test_weights_fall_as_a_power():
    assert zipf(4, 0.0).tolist() == [0.25] * 4
    weights = zipf(8, 1.0)
    assert weights.sum() == pytest.approx(1) and weights[0] / weights[7] == pytest.approx(8)
    assert math.isclose(zipf(1, 2.0)[0], 1.0)


def test_numbers_are_those_of_the_runs(run_store):
    found = task_diversity(TINY, [1, 2], [0.0, 1.0], 2, 5, block=2, new_words=2, word_steps=3)
    assert list(zip(found.tasks.values.tolist(), found.exponent.values.tolist(), strict=True)) == [
        (1, 0.0),
        (2, 0.0),
        (2, 1.0),
    ]
    names = linear_operations(4, 7, 5)
    assert found.task.values.tolist() == names[:2] and found.new.values.tolist() == names[2:]
    own = TINY.changed(tasks=TINY.tasks.model_dump() | {"operations": tuple(names)}, linear_checkpoints=2)
    shares = [{"weights": (0.5, 0.5, 0.0, 0.0)}, {"weights": (*map(float, zipf(2, 1.0)), 0.0, 0.0)}]
    runs = trained(own, 2, 5, block=2, variations=shares).isel(variation=1)
    met = runs.test_accuracy.transpose("replicate", "operation", "step").values[:, :2]
    np.testing.assert_allclose(found.area[2], area_in_log_time(runs.step, met))
    np.testing.assert_array_equal(found.generalised[2], first_checkpoint(runs.step, met))
    np.testing.assert_allclose(found.curve[2], met.mean(axis=1), atol=1e-4)
    # Never met, not once; so before its word is learned all rows are test rows.
    assert (runs.step_exposure.isel(operation=[2, 3]) == 0).all()
    rows = 49
    sides = runs[["train_accuracy", "test_accuracy"]].isel(step=-1, operation=[2, 3])
    kept = round(0.6 * rows)
    zero = (kept * sides.train_accuracy + (rows - kept) * sides.test_accuracy) / rows
    np.testing.assert_allclose(found.zero_shot[2], zero.transpose("replicate", "operation"), atol=1e-9)
    assert np.isnan(found.area[0, :, 1]).all() and not np.isnan(found.area[1:]).any()
    assert np.isnan(found.share[0, 1]) and found.share[1].values.tolist() == [0.5, 0.5]


def test_full_batches_are_refused():
    with pytest.raises(ValueError, match="spec: batch 0 given"):
        task_diversity(TINY.changed(batch=0), [1], [0.0], 2, 0, block=2)
