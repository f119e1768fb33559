"""Slopes over seeds are those of least squares, and censored values leave exactly what is unknown open."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.claims.contrasts import judge_order
from companion.claims.slopes import slope_over_seeds

AT = np.log([1.0, 2.0, 4.0, 8.0])


def fitted(values, **flags):
    return slope_over_seeds(AT, values, generator=np.random.default_rng(0), **flags)


def lines(slopes, offsets=0.0):
    return AT[:, None] * np.asarray(slopes, float) + offsets


def test_the_slope_is_the_mean_of_the_seeds():
    slopes = np.array([0.9, 1.0, 1.1, 1.2])
    found = fitted(lines(slopes, np.arange(4.0)))
    assert found.centre == pytest.approx(1.05)
    assert found.interval[0] < 1.05 < found.interval[1]
    assert found.replicates == 4
    noisy = np.random.default_rng(1).standard_normal((4, 5))
    expected = np.mean([np.polyfit(AT, column, 1)[0] for column in noisy.T])
    assert fitted(noisy).centre == pytest.approx(expected)


@given(st.lists(st.floats(0, 5), min_size=8, max_size=8), st.integers(0, 15))
def test_bounds_contain_the_slope_of_whatever_the_true_values_are(excess, mask):
    """Values cut off from above are bounds: the slope of the uncut ones lies within."""
    values = lines([0.5, 0.7])
    cut = np.zeros((4, 2), bool)
    cut[:, 0] = [(mask >> place) & 1 for place in range(4)]
    true = values + np.where(cut, np.reshape(excess, (4, 2)), 0.0)
    found = fitted(values, rising=cut)
    slopes = [np.polyfit(AT, column, 1)[0] for column in true.T]
    if found.interval[1] < math.inf:
        assert np.mean(slopes) <= found.centre + 1e-9
    if found.interval[0] > -math.inf:
        assert np.mean(slopes) >= found.centre - 1e-9


@pytest.mark.parametrize(
    ("place", "flag", "expected"),
    [
        (3, "rising", (True, False)),
        (0, "rising", (False, True)),
        (3, "falling", (False, True)),
        (0, "falling", (True, False)),
    ],
)
def test_a_bound_at_one_end_opens_one_side(place, flag, expected):
    cut = np.zeros((4, 8), bool)
    cut[place] = True
    found = fitted(lines(np.full(8, 1.0)), **{flag: cut})
    assert tuple(map(math.isfinite, found.interval)) == expected
    assert found.centre == pytest.approx(1.0)
    assert found.text == ("at least 1.00" if expected[0] else "at most 1.00")


def test_bounds_at_both_ends_say_nothing():
    cut = np.zeros((4, 8), bool)
    cut[[0, 3]] = True
    found = fitted(lines(np.full(8, 1.0)), rising=cut)
    assert found.interval == (-math.inf, math.inf)
    assert found.text == "open to both sides"
    assert judge_order(found, above=0.0, minimum_seeds=5) == "inconclusive"


def test_a_bound_can_refute_and_never_confirm():
    cut = np.zeros((4, 8), bool)
    cut[3] = True
    steep, gentle = fitted(lines(np.full(8, 1.5)), rising=cut), fitted(lines(np.full(8, 1.0)), rising=cut)
    assert judge_order(steep, above=0.75, below=1.25, minimum_seeds=5) == "fails"
    assert judge_order(gentle, above=0.75, below=1.25, minimum_seeds=5) == "inconclusive"
    # One seed that was cut off is enough.
    cut[3, 1:] = False
    assert (
        judge_order(fitted(lines(np.full(8, 1.0)), rising=cut), below=1.25, minimum_seeds=5) == "inconclusive"
    )


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_missing_is_never_a_pass(hole):
    values = lines(np.full(8, 1.0))
    values[2, 3] = hole
    found = fitted(values)
    assert math.isnan(found.centre)
    assert found.text == "missing"
    assert judge_order(found, above=0.0, minimum_seeds=5) == "not evaluated"


def test_one_position_has_no_slope():
    found = slope_over_seeds([1.0, 1.0], np.ones((2, 8)), generator=np.random.default_rng(0))
    assert math.isnan(found.centre)
    empty = slope_over_seeds([], np.empty((0, 8)), generator=np.random.default_rng(0))
    assert math.isnan(empty.centre)
    with pytest.raises(ValueError, match=r"shape \(3, 8\) given, allowed is \(4, seeds\)"):
        fitted(np.ones((3, 8)))


def test_few_seeds_and_ties_are_inconclusive():
    assert judge_order(fitted(lines(np.full(8, 1.0))), above=0.0, minimum_seeds=8) == "holds"
    assert judge_order(fitted(lines(np.full(7, 1.0))), above=0.0, minimum_seeds=8) == "inconclusive"
    tied = np.zeros((4, 8), bool)
    tied[0] = True
    assert judge_order(fitted(lines(np.full(8, 1.0)), tied=tied), above=0.0, minimum_seeds=8) == "holds"
    tied[1, 0] = True
    found = fitted(lines(np.full(8, 1.0)), tied=tied)
    assert judge_order(found, above=0.0, minimum_seeds=8) == "inconclusive"
    assert found.text.endswith("28 % ties")
    assert fitted(lines(np.zeros(8)), tied=np.ones((4, 8))).text == "never reached"
    assert fitted(lines(np.full(1, 1.0))).text == "1.00"
