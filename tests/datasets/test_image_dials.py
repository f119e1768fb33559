"""Dials: exact in variance and centroids, the same images at every setting, and a null that is one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compute.seeds import generator
from companion.datasets.image_dials import (
    BASE_NORM,
    centroid_dial,
    dial_centroids,
    dialled_pair,
    variance_dial,
)
from companion.datasets.image_moments import class_moments, image_rows

GAINS = st.floats(0.2, 3)
NORMS = st.floats(0, 20)
COSINES = st.floats(-1, 1)
SIDES = st.sampled_from([16, 28])


def seeded(seed):
    return generator(seed, "dial")


@settings(max_examples=25, deadline=None)
@given(
    category=st.integers(0, 9),
    counts=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    gains=st.tuples(GAINS, GAINS),
    norms=st.tuples(NORMS, NORMS),
    cosine=COSINES,
    side=SIDES,
    seed=st.integers(0, 10**6),
)
def test_rows_are_the_images_moved_and_rescaled(embedded, category, counts, gains, norms, cosine, side, seed):
    pair = dialled_pair(
        embedded, category, counts, gains=gains, norms=norms, cosine=cosine, side=side, generator=seeded(seed)
    )
    mean = class_moments(embedded, side).means[category]
    scale = np.array(gains)
    for rows, labels, images in (
        (pair.train, pair.train_labels, embedded.train_images[pair.train_source]),
        (pair.test, pair.test_labels, embedded.test_images[pair.test_source]),
    ):
        assert rows.dtype == np.float32
        back = (rows - pair.centroids[labels]) / scale[labels, None] + mean
        # The rows are float32, of numbers up to about |centroid| + 2 gain: nothing else is lost.
        lost = 2.0**-24 * (np.abs(pair.centroids).max() + 2 * scale.max()) / scale.min()
        np.testing.assert_allclose(back, image_rows(images, side), atol=4 * lost + 2e-7)
    np.testing.assert_array_equal(pair.train_labels, np.repeat([0, 1], counts))
    assert np.bincount(pair.test_labels).tolist() == [75, 75]
    assert (embedded.train_labels[pair.train_source] == category).all()
    assert (embedded.test_labels[pair.test_source] == category).all()
    np.testing.assert_allclose(pair.traces, scale**2 * class_moments(embedded, side).traces[category])
    assert not set(pair.test_source[pair.test_labels == 0]) & set(pair.test_source[pair.test_labels == 1])


@settings(max_examples=100, deadline=None)
@given(norms=st.tuples(NORMS, NORMS), cosine=COSINES, side=SIDES)
def test_centroids_have_their_norms_and_angle(norms, cosine, side):
    centroids = dial_centroids(norms, cosine, side)
    first, second = norms
    expected = [[first**2, cosine * first * second], [cosine * first * second, second**2]]
    np.testing.assert_allclose(centroids @ centroids.T, expected, atol=1e-12 * max(1, first, second) ** 2)


@settings(max_examples=30, deadline=None)
@given(norm=st.floats(0.1, 20), cosine=COSINES, side=SIDES)
def test_directions_are_mirror_images_without_mean(norm, cosine, side):
    first, second = dial_centroids((norm, norm), cosine, side).reshape(2, side, side)
    np.testing.assert_allclose(first[:, ::-1], second, atol=1e-13 * norm)
    assert abs(first.mean()) < 1e-13 * norm


def test_halves_never_share_an_image_and_together_are_the_class(embedded):
    pair = variance_dial(embedded, "Bag", (200, 200), 1.0, generator=seeded(0))
    assert set(pair.train_source) == set(np.flatnonzero(embedded.train_labels == 8))
    assert set(pair.test_source) == set(np.flatnonzero(embedded.test_labels == 8))
    # All images of both halves, moved back, have the class's own moments.
    residual = pair.train - pair.centroids[pair.train_labels]
    np.testing.assert_allclose(residual.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(residual.var(axis=0).sum(), class_moments(embedded, 16).traces[8], rtol=1e-6)


def test_dials_turn_one_thing_alone(embedded):
    null = variance_dial(embedded, 8, (32, 32), 1.0, generator=seeded(1))
    wide = variance_dial(embedded, 8, (32, 32), 1.6, generator=seeded(1))
    far = centroid_dial(embedded, 8, (32, 32), (7.05, 4.7), generator=seeded(1))
    for other in (wide, far):
        np.testing.assert_array_equal(null.train_source, other.train_source)
        np.testing.assert_array_equal(null.test_source, other.test_source)
        np.testing.assert_array_equal(null.train[32:], other.train[32:])
        assert null.second_moment == other.second_moment
    np.testing.assert_array_equal(null.centroids, wide.centroids)
    np.testing.assert_array_equal(null.traces, far.traces)
    np.testing.assert_allclose(
        wide.train[:32] - wide.centroids[0], 1.6 * (null.train[:32] - null.centroids[0]), atol=1e-6
    )
    np.testing.assert_allclose(
        far.train[:32] - far.centroids[0], null.train[:32] - null.centroids[0], atol=1e-6
    )
    assert null.standard_deviations[0] == null.standard_deviations[1]
    np.testing.assert_allclose(null.gram, BASE_NORM[16] ** 2 / 256 * np.eye(2), atol=1e-12)


def test_both_dials_pass_through_the_same_null(embedded):
    base = (BASE_NORM[16], BASE_NORM[16])
    one = variance_dial(embedded, "Bag", (20, 20), 1.0, generator=seeded(2))
    other = centroid_dial(embedded, "Bag", (20, 20), base, generator=seeded(2))
    np.testing.assert_array_equal(one.train, other.train)
    np.testing.assert_array_equal(one.test, other.test)


def test_at_the_null_the_two_classes_are_exchangeable(embedded):
    """Which half an image falls in and which direction a half gets are tosses of a fair coin."""
    plain = dial_centroids((BASE_NORM[16], BASE_NORM[16]), 0.0, 16)
    tosses, first = 0, np.zeros(len(embedded.train_labels))
    both = np.zeros((2, 2), int)
    repeats = 400
    for seed in range(repeats):
        pair = variance_dial(embedded, 8, (200, 200), 1.0, generator=seeded(seed))
        plainly = np.allclose(pair.centroids, plain)
        assert plainly or np.allclose(pair.centroids, plain[::-1])
        tosses += plainly
        mine = pair.train_source[pair.train_labels == 0]
        first[mine] += 1
        both[int(plainly), int(mine.min() == np.flatnonzero(embedded.train_labels == 8)[0])] += 1
    spread = np.sqrt(repeats / 4)
    assert abs(tosses - repeats / 2) < 4 * spread
    assert np.abs(first[embedded.train_labels == 8] - repeats / 2).max() < 5 * spread
    # The two tosses are independent.
    assert np.abs(both - repeats / 4).max() < 4 * np.sqrt(repeats * 3 / 16)


def test_draws_are_nested(embedded):
    few = variance_dial(embedded, 8, (5, 9), 1.0, generator=seeded(3))
    many = variance_dial(embedded, 8, (50, 90), 1.0, generator=seeded(3))
    np.testing.assert_array_equal(few.train_source[:5], many.train_source[:5])
    np.testing.assert_array_equal(few.train_source[5:], many.train_source[50:59])
    np.testing.assert_array_equal(few.test, many.test)


def test_second_moment_is_that_of_the_null(embedded):
    for side in (16, 28):
        pair = variance_dial(embedded, 8, (200, 200), 1.0, side=side, generator=seeded(4))
        rows = pair.train.astype(np.float64)
        # Over both halves the residuals are those of the class; the cross terms with the centroids remain.
        residual = rows - pair.centroids[pair.train_labels]
        expected = ((residual**2).sum(axis=1).mean() + BASE_NORM[side] ** 2) / side**2
        assert pair.second_moment == pytest.approx(expected, rel=1e-6)


def test_base_norm_is_half_the_distance_of_bag_and_trouser(embedded):
    for side, norm in BASE_NORM.items():
        means = class_moments(embedded, side).means
        assert np.linalg.norm(means[8] - means[1]) / 2 == pytest.approx(norm, rel=0.02)


def test_the_two_halves_can_be_told_apart(embedded):
    """The best linear rule for two classes of one covariance, fitted on one split, judged on test images."""
    pair = variance_dial(embedded, "Bag", (200, 200), 1.0, generator=seeded(6))
    residual = pair.train - pair.centroids[pair.train_labels]
    covariance = residual.T @ residual / 400 + 0.02 * np.eye(256)
    direction = np.linalg.solve(covariance, pair.centroids[0] - pair.centroids[1])
    middle = pair.centroids.mean(axis=0)
    found = ((pair.test - middle) @ direction < 0).astype(int)
    assert (found == pair.test_labels).mean() > 0.98


def test_dropped_images_are_not_drawn(embedded):
    whole = variance_dial(embedded, 8, (200, 200), 1.0, generator=seeded(7))
    gone = int(whole.train_source[0])
    left = variance_dial(embedded, 8, (199, 200), 1.0, generator=seeded(7), drop=[gone])
    np.testing.assert_array_equal(left.train_source, whole.train_source[1:])
    with pytest.raises(ValueError, match="there are 199 of 200, after dropping 1"):
        variance_dial(embedded, 8, (200, 200), 1.0, generator=seeded(7), drop=[gone])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"category": "Hat"}, "class: 'Hat' given; one of"),
        ({"counts": (201, 4)}, "counts: 201 of one half of Bag given; there are 200"),
        ({"counts": (4, 0)}, "counts: "),
        ({"gains": (0.0, 1.0)}, r"gains: \(0.0, 1.0\) given; they are two positive numbers"),
        ({"gains": (np.inf, 1.0)}, "gains: "),
        ({"gains": 1.0}, "gains: 1.0 given; they are two"),
        ({"norms": (-1.0, 1.0)}, "norms: "),
        ({"norms": (np.nan, 1.0)}, "norms: "),
        ({"cosine": 1.5}, "cosine: 1.5 given; it is a number from -1 to 1"),
        ({"cosine": np.nan}, "cosine: "),
        ({"side": 20}, "side: 20 given; one of 16, 28"),
        ({"drop": [10**6]}, "drop: "),
    ],
)
def test_bad_input_is_named(embedded, change, words):
    arguments = {"category": "Bag", "counts": (4, 4)} | change
    with pytest.raises(ValueError, match=words):
        dialled_pair(embedded, generator=np.random.default_rng(0), **arguments)
