"""Values are read off where errors are equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.analysis.equal_fit import common_error, distance_to, value_at

NAN = np.nan


def test_the_common_error_is_what_the_worst_run_reaches():
    errors = [[9.0, 4.0, 2.0], [9.0, 5.0, 3.0], [9.0, 1.0, 1.5]]
    assert float(common_error(errors)) == 3.0
    assert common_error(np.stack([errors, 2 * np.array(errors)])).tolist() == [3.0, 6.0]


def test_missing_checkpoints_are_passed_over_and_missing_runs_are_not():
    assert float(common_error([[9.0, NAN, 2.0], [4.0, 3.0, NAN]])) == 3.0
    assert np.isnan(common_error([[9.0, 2.0], [NAN, NAN]]))


def test_values_are_linear_in_log_error():
    errors, values = [8.0, 4.0, 1.0], [0.0, 1.0, 2.0]
    assert float(value_at(errors, values, 2.0)) == pytest.approx(1.5)
    assert float(value_at(errors, values, 4.0)) == pytest.approx(1.0)
    assert float(value_at(errors, values, 100.0)) == 0.0
    assert np.isnan(value_at(errors, values, 0.5))


def test_the_first_passage_counts():
    assert float(value_at([4.0, 2.0, 4.0, 1.0], [0.0, 1.0, 5.0, 9.0], 2.0)) == 1.0


def test_checkpoints_without_a_value_are_passed_over():
    errors, values = [8.0, 4.0, 2.0, 1.0], [0.0, NAN, NAN, 3.0]
    assert float(value_at(errors, values, 2.0)) == pytest.approx(2.0)
    assert np.isnan(value_at(errors, [NAN] * 4, 2.0))
    assert np.isnan(value_at(errors, values, NAN))


def test_leading_axes_are_free():
    rng = np.random.default_rng(0)
    errors = np.sort(rng.uniform(1, 9, size=(2, 3, 6)), axis=-1)[..., ::-1]
    values, target = rng.normal(size=(2, 3, 6)), rng.uniform(2, 5, size=(2, 3))
    found = value_at(errors, values, target)
    for place in np.ndindex(2, 3):
        alone = value_at(errors[place], values[place], target[place])
        np.testing.assert_array_equal(found[place], alone)


@given(st.floats(1.01, 7.9), st.floats(0.1, 10), st.floats(0.5, 2))
def test_the_unit_of_the_error_does_not_matter(target, unit, slope):
    errors = np.array([8.0, 5.0, 3.0, 1.0])
    values = slope * np.log(errors)
    assert float(value_at(unit * errors, values, unit * target)) == pytest.approx(
        slope * np.log(target), abs=1e-9
    )


def test_distances_are_relative():
    assert distance_to([[4.0, 2.1], [NAN, 1.0]], [2.0, 2.0]).tolist() == pytest.approx([0.05, 0.5])
    assert np.isnan(distance_to([NAN, NAN], 1.0)) and np.isnan(distance_to([1.0], NAN))


def test_errors_must_be_positive():
    with pytest.raises(ValueError, match=r"errors: 0.0 given; allowed: positive numbers"):
        value_at([1.0, 0.0], [0.0, 1.0], 0.5)
