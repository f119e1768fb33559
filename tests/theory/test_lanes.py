"""Vector lanes: arithmetic, and the branchless angle against the C library's arctangent."""

import math

import numpy as np
import pytest

from companion.compute.compiled import compiled
from companion.theory.lanes import load, sine_and_overlap_probability, store, zeros


@compiled()
def _angles(squares, products, overlaps, sines, shares):
    zero = zeros(4)
    for index in range(squares.shape[0]):
        s, share = sine_and_overlap_probability(
            load(zero, squares, index), load(zero, products, index), load(zero, overlaps, index)
        )
        store(sines, index, s)
        store(shares, index, share)


@compiled()
def _arithmetic(x, result):
    zero = zeros(2)
    a = load(zero, x, 0)
    store(result, 0, 2.0 - a * 3.0 + 1.0 / (a + zero))


def test_operators_mix_lanes_and_numbers():
    result = np.empty((1, 2))
    _arithmetic(np.array([[0.5, 4.0]]), result)
    np.testing.assert_array_equal(result, [[2.5, -9.75]])


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e5])
def test_angles_are_exact_to_rounding(scale):
    rng = np.random.default_rng(0)
    lengths = scale * rng.uniform(0.5, 2.0, (2, 4000))
    close = np.concatenate([np.linspace(0, np.pi, 2000), np.geomspace(1e-12, 1, 1000)])
    theta = np.concatenate([close, np.pi - close[2000:]])
    products = lengths[0] * lengths[1]
    overlaps = products * np.cos(theta)
    squares = products**2
    sines, shares = np.empty((1000, 4)), np.empty((1000, 4))
    _angles(*(values.reshape(1000, 4) for values in (squares, products, overlaps)), sines, shares)
    for s, share, square, g in zip(sines.ravel(), shares.ravel(), squares, overlaps, strict=True):
        expected = math.sqrt(max(square - g * g, 0.0))
        assert s == expected
        assert share == pytest.approx((math.pi - math.atan2(expected, g)) / (2 * math.pi), abs=3e-16)


def test_a_number_that_is_not_finite_stays_so():
    bad = np.full((1, 4), np.nan)
    sines, shares = np.empty((1, 4)), np.empty((1, 4))
    _angles(bad, bad, bad, sines, shares)
    assert np.isnan(shares).all()
