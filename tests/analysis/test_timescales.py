"""Clocks of learning curves: exact on curves whose crossings are known, honest about what was never reached."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.analysis.statistics import log_ratio
from companion.analysis.timescales import (
    descent_steps,
    early_stop,
    eigen_time,
    filled_start,
    first_passage,
    frechet_passage,
    gen_passage,
    half_plateau,
    mem_copy,
    mem_gap,
    mem_gap_absolute,
    mem_half,
    own_passage,
    published_time,
)

TIMES = np.geomspace(0.1, 1000, 81)
LOG = np.log(TIMES)


def test_crossings_of_lines_in_log_time_are_exact():
    curves = np.stack([LOG, 2 * LOG - 1])
    np.testing.assert_allclose(first_passage(TIMES, curves, 1.3), np.exp([1.3, 1.15]), rtol=1e-12)
    np.testing.assert_allclose(first_passage(TIMES, LOG, [0.2, 1.3]), np.exp([0.2, 1.3]), rtol=1e-12)


def test_censoring():
    never, early = first_passage(TIMES, np.stack([LOG, LOG + 100]), 50.0)
    assert never == np.inf
    assert early == TIMES[0]
    assert log_ratio(never, early) == -np.inf  # the one that is reached comes first


def test_it_is_the_first_of_several_crossings():
    wave = np.sin(3 * LOG)  # starts near 0.58 and falls below .5 before it comes back
    start = TIMES > 0.11
    found = first_passage(TIMES[start], wave[start], 0.5)
    assert found == pytest.approx(np.exp((np.pi / 6 - 2 * np.pi) / 3), rel=5e-3)
    later = TIMES > 0.5
    found = first_passage(TIMES[later], wave[later], 0.5)
    assert found == pytest.approx(np.exp(np.pi / 18), rel=5e-3)


def test_a_missing_number_before_the_crossing_is_a_missing_clock():
    gap = np.where(np.arange(81) == 5, np.nan, LOG)
    late = np.where(np.arange(81) > 70, np.nan, LOG)
    found = first_passage(TIMES, np.stack([gap, late, late]), [1.0, 1.0, 100.0])
    assert np.isnan(found).tolist() == [True, False, True]
    assert np.isnan(early_stop(TIMES, gap))


def test_an_interval_that_begins_at_zero_is_linear_in_time():
    assert first_passage([0.0, 2.0, 4.0], [0.0, 1.0, 1.0], 0.25) == pytest.approx(0.5)


@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=12),
    st.floats(-2, 2),
    st.floats(-2, 2),
)
def test_passage_is_later_for_a_higher_threshold_and_scales_with_time(values, one, other):
    times = np.geomspace(1, 50, len(values))
    low, high = sorted((one, other))
    first, last = first_passage(times, values, low), first_passage(times, values, high)
    assert first <= last
    np.testing.assert_allclose(first_passage(7 * times, values, low), 7 * first, rtol=1e-12)
    if np.isfinite(first) and first > times[0]:
        assert np.interp(np.log(first), np.log(times), values) == pytest.approx(low, abs=1e-9)


def test_generalisation_clock_of_an_exponential():
    rates, reducible = np.array([2.0, 0.5]), np.array([0.3, 0.8])
    fine = np.geomspace(1e-3, 100, 2001)
    test = 1 - reducible[:, None] * (1 - np.exp(-rates[:, None] * fine))
    for share in (0.5, 0.9):
        expected = -np.log(1 - share) / rates
        np.testing.assert_allclose(gen_passage(fine, test, reducible, share), expected, rtol=1e-5)
        np.testing.assert_allclose(own_passage(fine, test, share), expected, rtol=1e-5)
    # A reference that lies too low is never reached; the class's own minimum is.
    assert gen_passage(fine, test[0], 2 * reducible[0], 0.6) == np.inf
    np.testing.assert_allclose(
        gen_passage(fine, 5 * test, 5 * reducible, 0.5, start=5), np.log(2) / rates, rtol=1e-5
    )


def test_a_class_that_only_loses_has_no_own_passage():
    assert own_passage(TIMES, 1 + TIMES) == np.inf


def test_early_stopping_is_the_vertex_of_a_parabola_in_log_time():
    places = np.array([0.3, 1.234, 4.0])
    np.testing.assert_allclose(
        early_stop(TIMES, 1 + (LOG - places[:, None]) ** 2), np.exp(places), rtol=1e-10
    )


def test_a_loss_that_still_falls_or_has_levelled_off_was_not_stopped():
    levelled = 0.5 + np.exp(-TIMES) + 1e-9 * np.sin(TIMES)
    assert early_stop(TIMES, np.stack([-LOG, levelled])).tolist() == [np.inf, np.inf]
    assert early_stop(TIMES, LOG) == TIMES[0]


def test_memorisation_clocks():
    train = np.stack([1 - 0.1 * (LOG - LOG[0]), 0.8 + 0 * LOG])
    test = np.ones((2, 81)) * [[1.0], [0.8]]
    ten = TIMES[0] * np.exp(10 * np.array([0.05, 0.2]))
    np.testing.assert_allclose(mem_gap_absolute(TIMES, train[0], test[0], [0.05, 0.2]), ten, rtol=1e-10)
    np.testing.assert_allclose(
        mem_gap(TIMES, train, test, [0.4, 0.4], 0.5), [TIMES[0] * np.exp(2.0), np.inf], rtol=1e-10
    )
    half = mem_half(TIMES, 1 / TIMES, np.full(81, 5.0))
    assert half == pytest.approx(0.4, rel=1e-9)
    assert mem_half(TIMES, test, test).tolist() == [np.inf, np.inf]
    fraction = np.clip(LOG / 10, 0, 1)
    assert mem_copy(TIMES, fraction, 0.25) == pytest.approx(np.exp(2.5))


def test_units_of_time():
    times, features, dimension, noise = np.array([0.1, 3.0]), 800, 100, 0.18
    tau = published_time(times, features / dimension, noise)
    np.testing.assert_allclose(eigen_time(tau, features / dimension, noise), times, rtol=1e-14)
    # A mode with T = 1/λ has τ = ψ_p/(2 Δ λ).
    np.testing.assert_allclose(published_time(1 / times, 8, noise), 8 / (2 * noise * times))
    steps = descent_steps(times, 0.01 * dimension / noise, dimension, noise)
    np.testing.assert_allclose(0.02 * steps, times, rtol=1e-14)
    with_factor = descent_steps(times, 0.3, dimension, noise, features=features)
    np.testing.assert_allclose(with_factor, features * descent_steps(times, 0.3, dimension, noise))


@pytest.mark.parametrize(
    "times", [[1.0, 1.0], [2.0, 1.0], [-1.0, 1.0], [0.0, np.inf], [[1.0, 2.0]], [], [1.0, np.nan]]
)
def test_unsuitable_times_are_refused(times):
    with pytest.raises(ValueError, match="times"):
        first_passage(times, np.zeros(2), 1.0)
    with pytest.raises(ValueError, match="times"):
        early_stop(times, np.zeros(2))


def test_curves_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"values: shape \(3,\) given"):
        first_passage(TIMES, np.zeros(3), 1.0)
    with pytest.raises(ValueError, match=r"test: shape \(\) given"):
        early_stop(TIMES, 1.0)


def test_half_plateau_is_half_of_the_top_or_of_the_plateau_given():
    rising = np.clip(LOG / 4, 0, 0.8)  # .8 from e^3.2 on
    np.testing.assert_allclose(half_plateau(TIMES, rising), np.exp(1.6), rtol=1e-12)
    np.testing.assert_allclose(half_plateau(TIMES, [rising, rising], [1.0, 2.0]), [np.exp(2.0), np.inf])
    never, unknown = half_plateau(TIMES, [np.zeros(81), np.where(LOG > 0, rising, np.nan)])
    assert never == np.inf and np.isnan(unknown)


def test_frechet_passage_is_the_first_time_near_the_smallest_distance():
    valley = 2.0 + (LOG - TIMES_OF_LOWEST) ** 2
    found = frechet_passage(TIMES, valley)
    lowest = valley.min()
    # Linear between moments, so that it is right to the square of their distance in log time.
    wanted = np.exp(TIMES_OF_LOWEST - np.sqrt(1.1 * lowest - 2))
    assert found == pytest.approx(wanted, rel=5e-3)
    assert frechet_passage(TIMES, valley, margin=1.0) == pytest.approx(TIMES[valley.argmin()])
    falling = frechet_passage(TIMES, 1 / TIMES)
    assert TIMES[-5] < falling < TIMES[-1]
    assert frechet_passage(TIMES, np.ones((2, 81))).tolist() == [TIMES[0]] * 2
    assert np.isnan(frechet_passage(TIMES, np.where(LOG > 5, np.nan, valley)))
    with pytest.raises(ValueError, match="margin"):
        frechet_passage(TIMES, valley, margin=0.9)


TIMES_OF_LOWEST = 3.3


def test_only_what_is_missing_at_the_start_is_filled():
    nan = np.nan
    curves = [[nan, nan, 0.2, nan], [0.1, nan, 0.3, 0.4], [nan] * 4]
    filled = filled_start(curves)
    np.testing.assert_array_equal(filled, [[0, 0, 0.2, nan], [0.1, nan, 0.3, 0.4], [nan] * 4])
    late = np.where(LOG < 0, nan, np.clip(LOG / 4, 0, 1))
    assert np.isnan(mem_copy(TIMES, late))
    np.testing.assert_allclose(mem_copy(TIMES, filled_start(late)), np.exp(0.4), rtol=1e-12)
