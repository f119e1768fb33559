"""Times of checkpoints, censoring, missing values and areas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from companion.analysis.curriculum_times import area_in_log_time, final_accuracy, first_checkpoint

STEPS = np.array([0, 1, 10, 100, 1000])


def test_the_first_checkpoint_counts_even_if_accuracy_falls_again():
    found = first_checkpoint(STEPS, [[0, 0, 0.9, 0.2, 0.3], [0, 0, 0, 0, 0.89], [1, 1, 1, 1, 1]])
    np.testing.assert_array_equal(found, [10, np.inf, 0])


def test_what_is_missing_before_is_not_known_and_after_does_not_matter():
    found = first_checkpoint(STEPS, [[0, np.nan, 0.95, 1, 1], [0, 0.95, np.nan, 1, 1], [0, 0, 0, 0, np.nan]])
    np.testing.assert_array_equal(found, [np.nan, 1, np.nan])


@given(arrays(float, (3, 5), elements=some.floats(0, 1)), some.floats(0.01, 1))
def test_a_higher_threshold_is_never_reached_earlier(accuracy, threshold):
    low, high = (first_checkpoint(STEPS, accuracy, level) for level in (threshold / 2, threshold))
    assert (low <= high).all()


def test_areas_weigh_decades_alike():
    assert area_in_log_time(STEPS, np.ones(5)) == pytest.approx(1)
    assert area_in_log_time(STEPS, [9, 0, 0, 1, 1]) == pytest.approx(0.5)
    assert area_in_log_time(STEPS, [0, 0, 0, 1, 1], first=10) == pytest.approx(0.75)


def test_the_end_is_a_mean_of_looks():
    assert final_accuracy([[0, 0, 1, 0.4, 0.7]]).tolist() == pytest.approx([0.7])


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"\(5,\), \(2, 4\)"):
        first_checkpoint(STEPS, np.zeros((2, 4)))
    with pytest.raises(ValueError, match="1 from 1000"):
        area_in_log_time(STEPS, np.zeros(5), first=1000)
