"""Pairs of classes: what is drawn, about which origin, what a sweep holds fixed, and exposure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compute.seeds import generator
from companion.datasets.fashion_mnist import CLASS_NAMES
from companion.datasets.image_moments import class_moments, image_rows
from companion.datasets.image_pairs import draw_pair, exposure_weights

CENTRINGS = ("pair", "pixel", "balanced", "none")


def drawn(data, counts=(16, 16), classes=("Bag", "Trouser"), seed=0, **options):
    return draw_pair(data, classes, counts, generator=generator(seed, "pair"), **options)


@settings(max_examples=25, deadline=None)
@given(
    classes=st.lists(st.integers(0, 9), min_size=2, max_size=2, unique=True),
    counts=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 10**6),
    side=st.sampled_from([16, 28]),
    centring=st.sampled_from(CENTRINGS),
)
def test_rows_are_distinct_images_minus_the_centre(embedded, classes, counts, seed, side, centring):
    pair = drawn(embedded, counts, tuple(classes), seed, side=side, centring=centring)
    assert pair.train.dtype == pair.test.dtype == pair.centre.dtype == np.float32
    assert pair.class_names == (CLASS_NAMES[classes[0]], CLASS_NAMES[classes[1]])
    np.testing.assert_array_equal(pair.train_labels, np.repeat([0, 1], counts))
    assert len(set(pair.train_source.tolist())) == sum(counts)
    numbers = np.array(classes)
    np.testing.assert_array_equal(embedded.train_labels[pair.train_source], numbers[pair.train_labels])
    np.testing.assert_array_equal(embedded.test_labels[pair.test_source], numbers[pair.test_labels])
    assert np.bincount(pair.test_labels).tolist() == [150, 150]
    for rows, images in (
        (pair.train, embedded.train_images[pair.train_source]),
        (pair.test, embedded.test_images[pair.test_source]),
    ):
        np.testing.assert_allclose(rows + pair.centre, image_rows(images, side), atol=3e-7)
    pictures = pair.pictures(pair.train)
    assert pictures.shape == (sum(counts), side, side)
    assert np.abs(pictures).max() <= 1 + 3e-7


@settings(max_examples=25, deadline=None)
@given(
    small=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    more=st.tuples(st.integers(0, 200), st.integers(0, 200)),
    seed=st.integers(0, 10**6),
)
def test_draws_are_nested_and_classes_independent(embedded, small, more, seed):
    few = drawn(embedded, small, seed=seed)
    many = drawn(embedded, (small[0] + more[0], small[1] + more[1]), seed=seed)
    for label in (0, 1):
        mine = few.train_source[few.train_labels == label]
        theirs = many.train_source[many.train_labels == label]
        np.testing.assert_array_equal(mine, theirs[: len(mine)])
    np.testing.assert_array_equal(few.test, many.test)


def test_all_images_can_be_drawn_and_other_seeds_draw_others(embedded):
    pair = drawn(embedded, (400, 400))
    assert set(pair.train_source) == set(np.flatnonzero(np.isin(embedded.train_labels, [1, 8])))
    assert (drawn(embedded, seed=0).train_source != drawn(embedded, seed=1).train_source).any()
    np.testing.assert_array_equal(drawn(embedded).train, drawn(embedded).train)


def test_every_image_is_drawn_as_often(embedded):
    random = np.random.default_rng(5)
    found = np.zeros(len(embedded.train_labels))
    for _ in range(400):
        pair = draw_pair(embedded, (8, 1), (100, 10), generator=random)
        found[pair.train_source] += 1
    for label, share in ((8, 100 / 400), (1, 10 / 400)):
        own = found[embedded.train_labels == label]
        # Binomial: 400 draws of 400 images, 5 standard deviations.
        assert np.abs(own - 400 * share).max() < 5 * np.sqrt(400 * share * (1 - share))


def test_dropped_images_are_never_drawn_and_the_others_keep_their_order(embedded):
    whole = drawn(embedded, (400, 400))
    dropped = whole.train_source[[0, 3, 500]].tolist()
    left = drawn(embedded, (398, 399), drop=dropped)
    assert not set(dropped) & set(left.train_source.tolist())
    expected = whole.train_source[~np.isin(whole.train_source, dropped)]
    np.testing.assert_array_equal(left.train_source, expected)
    # What a sweep holds fixed is that of all images, twins or not.
    assert left.second_moment == whole.second_moment
    with pytest.raises(ValueError, match=r"counts: 399 of Bag given; there are 398 of 400, after dropping 2"):
        drawn(embedded, (399, 1), drop=dropped)


@pytest.mark.parametrize("side", [16, 28])
def test_centrings(embedded, side):
    means = class_moments(embedded, side).means
    first, second = means[8], means[1]
    pairs = {name: drawn(embedded, side=side, centring=name) for name in CENTRINGS}
    np.testing.assert_allclose(pairs["pair"].centre, (first + second) / 2, atol=1e-7)
    np.testing.assert_allclose(pairs["balanced"].centre, means.mean(axis=0), atol=1e-7)
    assert np.unique(pairs["pixel"].centre).size == 1
    assert pairs["pixel"].centre[0] == pytest.approx((first.mean() + second.mean()) / 2, abs=1e-7)
    assert not pairs["none"].centre.any()
    for pair in pairs.values():
        np.testing.assert_allclose(pair.centroids + pair.centre, [first, second], atol=1e-12)
    half = np.linalg.norm(first - second) / 2
    np.testing.assert_allclose(np.linalg.norm(pairs["pair"].centroids, axis=1), half, rtol=1e-6)
    np.testing.assert_allclose(pairs["pair"].centroids[0], -pairs["pair"].centroids[1], atol=1e-6)
    gram = pairs["none"].gram
    np.testing.assert_allclose(
        gram, [[first @ first, first @ second], [first @ second, second @ second]] / np.array(side**2)
    )
    # About the grand mean, norms and angle stay unlike.
    norms = np.linalg.norm(pairs["balanced"].centroids, axis=1)
    assert norms[1] / norms[0] > 1.2


@pytest.mark.parametrize("centring", CENTRINGS)
@pytest.mark.parametrize("side", [16, 28])
def test_second_moment_is_that_of_all_images_with_balanced_classes(embedded, centring, side):
    pair = drawn(embedded, (3, 7), side=side, centring=centring)
    rows = image_rows(embedded.train_images, side).astype(np.float64) - pair.centre
    each = [(rows[embedded.train_labels == label] ** 2).mean() for label in (8, 1)]
    assert pair.second_moment == pytest.approx(np.mean(each), rel=1e-6)
    variances = [rows[embedded.train_labels == label].var(axis=0).sum() for label in (8, 1)]
    np.testing.assert_allclose(pair.traces, variances, rtol=1e-6)
    np.testing.assert_allclose(pair.standard_deviations, np.sqrt(np.array(variances) / side**2), rtol=1e-6)


@pytest.mark.parametrize("centring", CENTRINGS)
def test_imbalance_and_draw_move_nothing_else(embedded, centring):
    balanced = drawn(embedded, (200, 200), centring=centring)
    other = drawn(embedded, (200, 5), seed=3, centring=centring)
    np.testing.assert_array_equal(balanced.centre, other.centre)
    np.testing.assert_array_equal(balanced.centroids, other.centroids)
    # The same held-out images, in an order of the draw's own.
    assert set(balanced.test_source) == set(other.test_source)
    assert (balanced.test_source != other.test_source).any()
    assert balanced.second_moment == other.second_moment


def test_order_of_classes_is_theirs(embedded):
    one, other = drawn(embedded, classes=(8, 1)), drawn(embedded, classes=("trouser", "bag"))
    assert one.class_names == ("Bag", "Trouser")
    assert other.class_names == ("Trouser", "Bag")
    assert one.traces[0] > one.traces[1]
    np.testing.assert_array_equal(one.centre, other.centre)
    np.testing.assert_array_equal(one.traces, other.traces[::-1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": ("Bag", "Hat")}, "class: 'Hat' given; one of 0 T-shirt, 1 Trouser"),
        ({"classes": (8, 10)}, "class: 10 given"),
        ({"classes": ("Bag", 8)}, r"classes: \('Bag', 8\) given; Bag stands there twice"),
        ({"classes": ("Bag",)}, "classes: .* they are two"),
        ({"classes": "Bag"}, "classes: 'Bag' given; they are two"),
        ({"counts": (0, 5)}, r"counts: \(0, 5\) given; they are two whole numbers, at least 1"),
        ({"counts": (5, 2.0)}, "counts: .* whole"),
        ({"counts": 5}, "counts: 5 given"),
        ({"counts": (5, 5, 5)}, "counts: "),
        ({"counts": (16, 401)}, "counts: 401 of Trouser given; there are 400"),
        ({"side": 32}, "side: 32 given; one of 16, 28"),
        ({"centring": "mean"}, "centring: 'mean' given; one of pair, pixel, balanced, none"),
        ({"drop": [4000]}, r"drop: \[4000\] given; they are rows of the training images, 0 to 3999"),
        ({"drop": [-1]}, "drop: "),
        ({"drop": [1.0]}, "drop: "),
    ],
)
def test_bad_input_is_named(embedded, change, words):
    arguments = {"classes": ("Bag", "Trouser"), "counts": (4, 4)} | change
    with pytest.raises(ValueError, match=words):
        draw_pair(embedded, generator=np.random.default_rng(0), **arguments)


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    parts=st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    seed=st.integers(0, 100),
)
def test_exposure_is_the_share_of_each_class(counts, parts, seed):
    shares = np.array(parts[: len(counts)]) / sum(parts[: len(counts)])
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    weights = exposure_weights(labels, shares.tolist())
    np.testing.assert_allclose(np.bincount(labels, weights), shares, rtol=1e-12)
    for label in range(len(counts)):
        assert np.unique(weights[labels == label]).size == 1


def test_natural_shares_are_uniform_and_a_class_may_be_unseen():
    labels = [0, 0, 0, 1]
    np.testing.assert_allclose(exposure_weights(labels, (0.75, 0.25)), 0.25)
    np.testing.assert_array_equal(exposure_weights(labels, (1.0, 0.0)) > 0, [True, True, True, False])
    np.testing.assert_array_equal(exposure_weights([0, 0], (1.0, 0.0)), [0.5, 0.5])


def test_weighted_draws_show_each_class_as_asked(embedded):
    pair = drawn(embedded, (64, 8))
    weights = exposure_weights(pair.train_labels, (0.5, 0.5))
    random = generator(1, "exposure")
    seen = pair.train_labels[random.choice(72, size=20000, p=weights)].mean()
    assert seen == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(20000))


@pytest.mark.parametrize(
    ("labels", "shares", "words"),
    [
        ([0, 1], (0.5, 0.6), "shares: .* sum to 1"),
        ([0, 1], (1.5, -0.5), "shares: .* >= 0"),
        ([0, 1], (np.nan, 1.0), "shares: "),
        ([0, 1], 1.0, "shares: "),
        ([0, 0], (0.5, 0.5), "shares: .* class 1 has no images"),
        ([0, 2], (0.5, 0.5), "labels: .* from 0 to 1"),
        ([0, -1], (0.5, 0.5), "labels: "),
        ([0.0, 1.0], (0.5, 0.5), "labels: "),
    ],
)
def test_exposures_that_mean_nothing(labels, shares, words):
    with pytest.raises(ValueError, match=words):
        exposure_weights(labels, shares)
