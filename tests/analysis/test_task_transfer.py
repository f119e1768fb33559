"""Forgetting, transfer, speed-up and savings on matrices and times whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from companion.analysis.statistics import restricted_mean
from companion.analysis.task_transfer import (
    backward_transfer,
    forgetting,
    forward_transfer,
    restricted,
    savings,
    speed_up,
)

# Three stages (rows) of three operations: the first is lost, the second kept, the third comes with its own stage.
A = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.3], [0.1, 0.8, 0.7]])
SHARES = st.floats(0, 1)


def test_a_matrix_worked_out_by_hand():
    np.testing.assert_allclose(forgetting(A), [0.8, 0.0, 0.0])
    assert backward_transfer(A) == pytest.approx(((0.1 - 0.9) + (0.8 - 0.8)) / 2)
    assert forward_transfer(A, 0.05) == pytest.approx(((0.1 - 0.05) + (0.3 - 0.05)) / 2)
    assert forward_transfer(A, [0.5, 0.1, 0.2]) == pytest.approx(((0.1 - 0.1) + (0.3 - 0.2)) / 2)


def test_the_best_stage_need_not_be_the_operations_own():
    assert forgetting([[0.5], [0.75], [0.25]]).tolist() == [0.5]


@given(arrays(np.float64, (4, 3, 3), elements=SHARES))
def test_leading_axes_are_runs(accuracy):
    np.testing.assert_allclose(forgetting(accuracy), [forgetting(each) for each in accuracy])
    np.testing.assert_allclose(backward_transfer(accuracy), [backward_transfer(each) for each in accuracy])
    np.testing.assert_allclose(
        forward_transfer(accuracy, 0.1), [forward_transfer(each, 0.1) for each in accuracy]
    )
    lost = forgetting(accuracy)
    assert (lost >= 0).all() and (lost <= 1).all()
    # No operation is forgotten by less than its fall since its own stage.
    own = np.diagonal(accuracy, axis1=-2, axis2=-1) - accuracy[:, -1]
    assert (lost >= own - 1e-12).all()


def test_shapes_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match=r"accuracy: shape \(3,\) given"):
        forgetting([0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="as many stages as operations"):
        backward_transfer(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="2 stages or more"):
        forward_transfer(np.zeros((1, 1)), 0.0)


@given(
    arrays(np.float64, 6, elements=st.floats(1, 900) | st.just(np.inf)),
    arrays(np.float64, 6, elements=st.floats(1, 900) | st.just(np.inf)),
)
def test_speed_up_is_a_ratio_of_restricted_means(alone, after):
    horizon = 600.0
    means = [
        restricted_mean(np.minimum(times, horizon), times <= horizon, horizon) for times in (alone, after)
    ]
    assert speed_up(alone, after, horizon) == pytest.approx(means[0] / means[1])
    assert speed_up(alone, after, horizon) * speed_up(after, alone, horizon) == pytest.approx(1.0)


def test_what_is_never_reached_by_either_is_no_speed_up():
    assert speed_up([np.inf] * 3, [np.inf] * 3, 800.0) == 1.0
    assert speed_up([np.inf] * 2, [400.0, np.inf], 800.0) == pytest.approx(800 / 600)
    assert speed_up([100.0, 300.0], [0.0, 0.0], 800.0) == 200.0
    assert np.isnan(speed_up([400.0, np.nan], [400.0, 400.0], 800.0))


def test_restricted_times():
    np.testing.assert_array_equal(restricted([np.inf, 900.0, 100.0, np.nan], 800.0), [800, 800, 100, np.nan])
    with pytest.raises(ValueError, match="horizon: 0 given"):
        restricted([1.0], 0)


def test_savings_know_what_was_never_seen():
    first, again = [400.0, 400.0, 400.0, np.inf, np.nan], [100.0, 800.0, np.inf, 100.0, 100.0]
    np.testing.assert_array_equal(savings(first, again), [0.75, -1.0, -np.inf, np.nan, np.nan])
