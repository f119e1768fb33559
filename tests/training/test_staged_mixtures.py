"""Stages that are mixtures: their weights and switches, operations that come back, and refusals."""

import numpy as np
import pytest

from companion.training.staged_mixtures import Staged

STEPS = 100


def test_stages_follow_each_other_up_to_their_ends():
    schedule = Staged(((0.5, 0.5, 0.0), (0.0, 0.2, 0.8), (1.0, 0.0, 0.0)), ends=(0.2, 0.7, 1.0))
    assert schedule.operations == 3 and schedule.switches(STEPS) == (20, 70)
    found = {step: schedule.mixture(step, STEPS, {}).tolist() for step in (0, 19, 20, 69, 70, 99)}
    assert found[0] == found[19] == [[0.5, 0.5, 0.0]]
    assert found[20] == found[69] == [[0.0, 0.2, 0.8]]
    assert found[70] == found[99] == [[1.0, 0.0, 0.0]]
    assert schedule.start(4) == {} == schedule.observe(0, np.zeros((1, 3)), np.zeros((1, 3)), {})


def test_stages_are_equally_long_where_no_end_is_given():
    schedule = Staged(((1.0, 0.0), (0.0, 1.0), (1.0, 0.0)))
    assert schedule.switches(90) == (30, 60)
    assert [schedule.mixture(step, 90, {})[0, 0] for step in (29, 30, 59, 60)] == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("stages", "ends", "named"),
    [
        ((), (), r"stages: \(\) given"),
        (((1.0,), (0.5, 0.5)), (), "stages: .* of the same operations"),
        (((0.5, 0.4),), (), r"stages: .*sum 0\.9"),
        (((1.0, 0.0), (0.0, 1.0)), (1.0,), r"ends: \(1\.0,\) given; allowed: 2 shares"),
        (((1.0, 0.0), (0.0, 1.0)), (0.5, 0.5), "ends: .* rise to 1"),
        (((1.0, 0.0), (0.0, 1.0)), (0.5, 0.9), "ends: .* rise to 1"),
    ],
)
def test_bad_stages_are_named(stages, ends, named):
    with pytest.raises(ValueError, match=named):
        Staged(stages, ends)
