"""Forgetting against similarity: tables of the plain starts, the limit of shared ones, drawn starts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.studies import committee_forgetting as study

SIMILARITIES = [round(0.1 * place, 1) for place in range(11)]
ANGLES = [0.15, 0.3, 0.5]
#: Thousandths, at T = 200, good to 4.
SPECIALISED = [15, 32, 61, 107, 143, 149, 134, 105, 72, 36, 0]
SHARED = [345, 312, 279, 246, 212, 178, 144, 109, 74, 37, 0]
#: Means of 48 draws with d = 500 and readouts N(0, .01).
DRAWN = [32, 54, 77, 104, 123, 127, 118, 97, 69, 37, 1]


def profiles(durations, draws=1, similarities=SIMILARITIES, angles=(), **options):
    return study.profiles.function(similarities, angles, 0.3, 1e-3, durations, 500, draws, 0, **options)


@pytest.fixture(scope="module")
def plain():
    return profiles([200.0, 600.0], 48, angles=ANGLES)


def test_the_plain_starts_forget_as_tabulated(plain):
    short = 1000 * plain.forgetting.sel(duration=200)
    np.testing.assert_allclose(short.sel(scheme="specialised"), SPECIALISED, atol=4)
    np.testing.assert_allclose(short.sel(scheme="shared"), SHARED, atol=4)
    between = short.isel(scheme=slice(1, 4))
    np.testing.assert_allclose(between[:, 0], [20, 22, 25], atol=4)
    np.testing.assert_allclose(between.max("similarity"), [151, 137, 116], atol=4)
    assert between.similarity.values[between.argmax("similarity")].tolist() == [0.5, 0.5, 0.6]


def test_specialisation_is_as_tabulated_and_both_tasks_are_learned(plain):
    short = plain.sel(duration=200)
    np.testing.assert_allclose(short.specialisation, [1, 0.838, 0.640, 0.377, 0], atol=1e-3)
    assert float(short.first_error.max()) < 7e-5
    assert float(short.second_error.max()) < 6e-5


def test_shared_units_come_to_their_limit(plain):
    departure = np.abs(plain.forgetting.sel(scheme="shared") - plain.limit).max("similarity")
    assert float(departure.sel(duration=600)) < 2e-3 < float(departure.sel(duration=200))
    assert float(plain.limit[0]) == pytest.approx(1 / 3)


def test_forgetting_on_the_way_is_at_least_that_at_the_end(plain):
    assert (plain.largest >= plain.forgetting).all()
    assert (plain.transfer > 0).all()
    assert (plain.transfer.diff("similarity") < 0).all()


def test_courses_end_where_the_profiles_are(plain):
    ends = plain["course"].isel(moment=-1).sel(course_similarity=[0.0, 0.5])
    found = plain.forgetting.sel(duration=600, similarity=[0.0, 0.5], scheme=ends.course_scheme.values)
    # Marks on the way shorten steps.
    np.testing.assert_allclose(ends, found, atol=1e-6)
    np.testing.assert_array_equal(plain["course"].isel(moment=0), 0)


def test_random_starts_have_the_tabulated_mean(plain):
    drawn = 1000 * plain.drawn
    error = drawn.std("draw") / np.sqrt(drawn.sizes["draw"])
    # The table has an error of its own, from as many draws.
    assert (np.abs(drawn.mean("draw") - DRAWN) < 3 * np.sqrt(2) * error + 1).all()
    assert plain.drawn_specialisation.min() < 0.1 < 0.8 < plain.drawn_specialisation.max()


def test_more_draws_leave_the_first_ones_alone():
    few, more = (profiles([10.0], draws, [0.0, 0.5]) for draws in (2, 5))
    np.testing.assert_array_equal(few.drawn, more.drawn[:2])


@given(st.floats(0.0, np.pi / 4), st.floats(1e-3, 10.0))
def test_readouts_have_their_norm_and_angle(angle, scale):
    first, second = study.readouts_at(angle, scale)
    assert np.hypot(first, second) == pytest.approx(scale)
    assert np.arctan2(second, first) == pytest.approx(angle, abs=1e-12)


def test_both_ends_of_the_scale_are_exact():
    np.testing.assert_array_equal(study.readouts_at([0.0], [0.3]), [[0.3, 0.0]])
    first, second = study.readouts_at(np.pi / 4, 0.3)
    assert first == second == study.equal_readouts(2, 0.3)[0]
    near = study.readouts_at(np.pi / 4 - 1e-8, 1.0)
    assert near[0] - near[1] == pytest.approx(np.sqrt(2) * 1e-8, rel=1e-6)


def test_angles_outside_are_refused():
    for angle in (0.0, 0.8, -0.1):
        with pytest.raises(ValueError, match=r"angles: .* allowed: numbers between 0 and π/4"):
            profiles([1.0], angles=[angle])


def test_the_dataset_is_stored(project):
    arguments = ([0.0, 0.5, 1.0], [0.3], 0.3, 1e-3, [2.0, 4.0], 50, 2, 0)
    found = study.profiles(*arguments)
    assert found.scheme.values.tolist() == ["specialised", r"$\theta=0.3$", "shared"]
    assert found.identical(study.profiles(*arguments))
