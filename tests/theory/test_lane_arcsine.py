"""The arcsine of lanes against the C library's."""

import math

import numpy as np
import pytest

from companion.compute.compiled import compiled
from companion.theory.lane_arcsine import arcsine
from companion.theory.lanes import load, store, zeros


@compiled()
def _arcsines(x, found):
    zero = zeros(8)
    for index in range(x.shape[0]):
        store(found, index, arcsine(load(zero, x, index)))


def _found(values):
    padded = np.zeros(-(-len(values) // 8) * 8)
    padded[: len(values)] = values
    found = np.empty((len(padded) // 8, 8))
    _arcsines(padded.reshape(-1, 8), found)
    return found.ravel()[: len(values)]


def _values():
    rng = np.random.default_rng(0)
    small = np.geomspace(1e-300, 0.5, 4000)
    near_one = 1.0 - np.geomspace(1e-16, 0.5, 4000)
    edges = [0.5, np.nextafter(0.5, 0), np.nextafter(0.5, 1), 1.0, np.nextafter(1, 0), 0.0]
    return np.concatenate([small, near_one, rng.uniform(0, 1, 8000), edges])


def test_accurate_to_rounding_at_all_magnitudes():
    x = _values()
    expected = np.array([math.asin(value) for value in x])
    difference = np.abs(_found(x) - expected)
    below = x <= 0.5
    assert (difference[below] <= 1.0 * np.spacing(expected[below])).all()
    # π/2 - 2 arcsin(…) has the rounding of a number of order one: two units where the result is below 1.
    assert (difference[~below] <= np.spacing(math.pi / 2)).all()


def test_odd_bit_for_bit_and_exact_at_the_ends():
    x = _values()
    np.testing.assert_array_equal(_found(-x), -_found(x))
    np.testing.assert_array_equal(_found([0.0, 1.0, -1.0]), [0.0, math.pi / 2, -math.pi / 2])


def test_rises_where_it_changes_its_formula():
    x = 0.5 + np.arange(-200, 200) * np.spacing(0.5)
    assert (np.diff(_found(x)) >= 0).all()


@pytest.mark.parametrize("beyond", [np.nextafter(1, 2), -1.5, np.nan, np.inf])
def test_not_a_number_beyond_one(beyond):
    found = _found([0.25, beyond, -0.75])
    assert np.isnan(found[1])
    assert found[0] == pytest.approx(math.asin(0.25), rel=1e-15)
    assert found[2] == pytest.approx(math.asin(-0.75), rel=1e-15)
