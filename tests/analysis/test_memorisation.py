"""The ratio criterion: counted right by class, honest where there is nothing to count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial import KDTree

from companion.analysis.memorisation import (
    THRESHOLD,
    copy_counts,
    coverage,
    distance_ratio,
    first_copies,
    memorised_counts,
    memorised_fraction,
    memorised_rate,
    null_rate,
    threshold_sweep,
)
from companion.compute.seeds import generator

positive = st.floats(0.0, 1e6, allow_subnormal=False)


def pairs(draws, *shape):
    """Ascending pairs of distances with some exact copies and some twins."""
    found = np.sort(draws.exponential(size=(*shape, 2)), axis=-1)
    found[draws.random(shape) < 0.1, 0] = 0.0
    found[draws.random(shape) < 0.05] = 0.0
    return found


def test_a_copy_has_ratio_zero_and_twins_say_nothing():
    assert distance_ratio([0.0, 3.0]) == 0.0
    assert distance_ratio([0.0, 0.0]) == 1.0
    assert distance_ratio([2.0, 2.0]) == 1.0
    assert distance_ratio(np.empty((0, 2))).shape == (0,)
    assert memorised_fraction([[0.0, 0.0]] * 5) == 0.0


def test_the_threshold_itself_is_not_below_the_threshold():
    assert memorised_fraction([[1.0, 2.0]], threshold=0.5) == 0.0
    assert memorised_fraction([[1.0, 3.0]], threshold=0.5) == 1.0


def test_only_the_two_nearest_count():
    assert memorised_fraction([[1.0, 4.0, 4.1, 9.0]]) == 1.0


def test_no_samples_have_no_fraction():
    assert np.isnan(memorised_fraction(np.empty((0, 2))))
    assert np.isnan(threshold_sweep(np.empty((3, 0, 2)))).tolist() == [[True] * 3] * 3
    rate = memorised_rate(np.empty((0, 2)))
    assert np.isnan([rate.value, rate.lower, rate.upper]).all()


@pytest.mark.parametrize(
    "wrong", [[[np.nan, 1.0]], [[1.0, np.nan]], [[2.0, 1.0]], [[-1.0, 1.0]], [[1.0, np.inf]], [[1.0]], 3.0]
)
def test_what_is_no_pair_of_distances_is_refused(wrong):
    with pytest.raises(ValueError, match="distances"):
        distance_ratio(wrong)


def test_the_error_says_where():
    bad = np.ones((2, 3, 2))
    bad[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match=r"at \(1, 2\)"):
        distance_ratio(bad)


@given(arrays.arrays(np.float64, (17, 2), elements=positive), st.floats(1e-3, 1e3))
def test_the_unit_of_distance_does_not_matter(drawn, scale):
    drawn.sort(axis=-1)
    drawn[drawn < 1e-100] = 0.0  # below, scaling is no longer exact
    scaled = distance_ratio(drawn * scale)
    np.testing.assert_allclose(scaled, distance_ratio(drawn), rtol=1e-12)
    assert ((scaled >= 0) & (scaled <= 1 + 1e-12)).all()


def test_sweep_is_the_fraction_at_each_threshold_and_rises():
    found = pairs(generator(0, "sweep"), 4, 3, 200)
    levels = np.linspace(0, 1.1, 23)
    swept = threshold_sweep(found, levels)
    assert swept.shape == (4, 3, 23)
    for place in np.ndindex(4, 3):
        wanted = [memorised_fraction(found[place], level) for level in levels]
        np.testing.assert_array_equal(swept[place], wanted)
    assert (np.diff(swept, axis=-1) >= 0).all()
    np.testing.assert_array_equal(threshold_sweep(found)[..., 1], (distance_ratio(found) < 1 / 3).mean(-1))


def test_null_rate_of_isotropic_points_is_zero_with_the_interval_that_wilson_gives():
    draws = generator(0, "null")
    train, held_out = draws.standard_normal((200, 50)), draws.standard_normal((400, 50))
    distances = np.sort(np.linalg.norm(held_out[:, None] - train, axis=2), axis=1)[:, :2]
    rate = null_rate(distances)
    assert (rate.hits, rate.trials, rate.value, rate.lower) == (0, 400, 0.0, 0.0)
    z = 1.959963984540054
    assert rate.upper == pytest.approx(z**2 / (400 + z**2), rel=1e-9)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_null_rate_of_points_at_random_is_the_threshold_to_the_power_of_the_dimension(dimension):
    draws = generator(0, "poisson", dimension)
    points = draws.random((4000, dimension))
    queries = 0.3 + 0.4 * draws.random((6000, dimension))  # far from the edge
    near, _ = KDTree(points).query(queries, k=2)
    rate = null_rate(near, confidence=0.999)
    # Two points below the distance d2 are uniform in its ball: P(d1/d2 < k) = k^d.
    assert rate.lower < THRESHOLD**dimension < rate.upper


def brute_counts(ratio, nearest, own, classes):
    rows = []
    for label in range(classes):
        mine = own == label
        rows.append(
            (
                mine.sum(),
                (mine & (ratio < THRESHOLD)).sum(),
                ((ratio < THRESHOLD) & (nearest == label)).sum(),
            )
        )
    decided = own >= 0
    return rows, 1 - decided.mean(), (own != nearest)[decided].mean()


def test_counts_by_class_are_those_of_a_loop():
    draws = generator(0, "counts")
    ratio = draws.random((3, 4, 250))
    nearest, own = draws.integers(3, size=ratio.shape), draws.integers(-1, 3, size=ratio.shape)
    counts = memorised_counts(ratio, nearest, own, 3)
    for place in np.ndindex(3, 4):
        rows, undecided, disagreement = brute_counts(ratio[place], nearest[place], own[place], 3)
        np.testing.assert_array_equal(counts.classified[place], [row[0] for row in rows])
        np.testing.assert_array_equal(counts.memorised[place], [row[1] for row in rows])
        np.testing.assert_array_equal(counts.memorised_nearest[place], [row[2] for row in rows])
        assert counts.undecided[place] == pytest.approx(undecided)
        assert counts.disagreement[place] == pytest.approx(disagreement)
    np.testing.assert_allclose(counts.fraction, counts.memorised / counts.classified)
    np.testing.assert_allclose(counts.fraction_nearest, counts.memorised_nearest / counts.classified)
    np.testing.assert_allclose(counts.class_share.sum(axis=-1), 1.0)
    lower, upper = counts.band()
    assert ((lower < counts.fraction) & (counts.fraction < upper)).all()


def test_a_class_of_few_samples_is_blank_and_one_more_is_not():
    ratio = np.zeros(59)
    own = np.repeat([0, 1], [29, 30])
    counts = memorised_counts(ratio, own, own, 2)
    assert np.isnan(counts.fraction).tolist() == [True, False]
    assert np.isnan(counts.fraction_nearest).tolist() == [True, False]
    assert np.isnan(counts.band()).any(axis=0).tolist() == [True, False]
    assert counts.fraction[1] == 1.0
    assert counts.class_share.sum() == pytest.approx(1.0)


def test_nothing_classified_leaves_shares_blank():
    counts = memorised_counts(np.zeros(40), np.zeros(40, int), np.full(40, -1), 2)
    assert counts.undecided == 1.0
    assert np.isnan(counts.disagreement) and np.isnan(counts.class_share).all()
    assert counts.memorised_nearest.tolist() == [40, 0]


@pytest.mark.parametrize(
    ("nearest", "own", "named"),
    [
        ([0, 2], [0, 0], "nearest_class"),
        ([0, 1], [0, -2], "sample_class"),
        ([0, 1.0], [0, 0], "nearest_class"),
    ],
)
def test_labels_that_are_none_are_refused(nearest, own, named):
    with pytest.raises(ValueError, match=named):
        memorised_counts([0.1, 0.1], nearest, own, 2)


def test_coverage_counts_images_and_copy_counts_samples():
    ratio = np.array([[0.1, 0.1, 0.1, 0.9], [0.9, 0.9, 0.2, 0.1]])
    nearest = np.array([[0, 0, 2, 3], [0, 0, 1, 1]])
    np.testing.assert_array_equal(copy_counts(ratio, nearest, 4), [[2, 0, 1, 0], [0, 2, 0, 0]])
    np.testing.assert_array_equal(coverage(ratio, nearest, [0, 0, 1, 1], 2), [[1, 1], [1, 0]])
    with pytest.raises(ValueError, match="nearest"):
        copy_counts(ratio, nearest, 3)
    with pytest.raises(ValueError, match="nearest"):
        copy_counts(ratio, nearest[0], 4)


def test_first_copies_are_those_of_a_loop():
    draws = generator(0, "first")
    ratio, nearest = draws.random((2, 6, 8)), draws.integers(20, size=(2, 6, 8))
    times = np.geomspace(10, 1000, 6)
    found = first_copies(ratio, nearest, times, 20)
    for run in range(2):
        wanted = np.full(20, np.inf)
        for moment in reversed(range(6)):
            wanted[nearest[run, moment][ratio[run, moment] < THRESHOLD]] = times[moment]
        np.testing.assert_array_equal(found[run], wanted)
    assert 0 < np.isinf(found).sum() < found.size
    with pytest.raises(ValueError, match="times"):
        first_copies(ratio, nearest, times[1:], 20)
