"""Gaussian mixtures in finite dimension: exact Gram matrices, counts, variances, constructors, bad inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.datasets.gaussian_mixture import (
    angle_mixture,
    antipodal_mixture,
    centroids_from_gram,
    class_counts,
    coordinate_variances,
    sample,
)
from companion.theory.mixtures import Mixture

PAIR = Mixture((0.75, 0.25), (1.5, 0.5), ((4.0, 1.0), (1.0, 2.0)))


def random(seed=0):
    return np.random.default_rng(seed)


@settings(max_examples=50, deadline=None)
@given(
    factors=st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=4),
    dimension=st.integers(3, 40),
    seed=st.integers(0, 1000),
)
def test_centroids_have_the_gram_matrix(factors, dimension, seed):
    gram = np.array(factors) @ np.array(factors).T
    centroids = centroids_from_gram(gram, dimension, random(seed))
    assert centroids.shape == (len(gram), dimension)
    np.testing.assert_allclose(
        centroids @ centroids.T / dimension, gram, atol=1e-11 * max(1, np.abs(gram).max())
    )


def test_centroids_point_anywhere():
    ends = np.array([centroids_from_gram([[1.0]], 4, random(seed))[0] for seed in range(4000)])
    assert np.abs(ends.mean(axis=0)).max() < 5 / np.sqrt(4000)
    np.testing.assert_allclose(ends.T @ ends / 4000, np.eye(4), atol=0.1)
    pair = np.array([centroids_from_gram(np.eye(2), 2, random(seed)) for seed in range(1000)])
    mirrored = np.linalg.det(pair) < 0
    assert 0.44 < mirrored.mean() < 0.56


def test_no_centroids_for_a_zero_gram_matrix():
    np.testing.assert_array_equal(centroids_from_gram(np.zeros((3, 3)), 5, random()), np.zeros((3, 5)))


@pytest.mark.parametrize(
    ("gram", "dimension", "name"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], 5, "gram"),
        ([[1.0, 0.5], [0.0, 1.0]], 5, "gram"),
        ([1.0, 2.0], 5, "gram"),
        ([[np.nan]], 5, "gram"),
        (np.eye(3), 2, "dimension"),
        (np.eye(1), 0, "dimension"),
        (np.eye(1), 2.5, "dimension"),
    ],
)
def test_impossible_centroids(gram, dimension, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        centroids_from_gram(gram, dimension, random())


def test_counts_by_largest_remainder():
    assert class_counts((1 / 3, 1 / 3, 1 / 3), 11).tolist() == [4, 4, 3]
    assert class_counts((0.1, 0.9), 480).tolist() == [48, 432]
    assert class_counts((0.3, 0.7), 10).tolist() == [3, 7]
    assert class_counts((0.549, 0.251, 0.2), 10).tolist() == [5, 3, 2]


@settings(max_examples=100, deadline=None)
@given(shares=st.lists(st.floats(0.05, 1), min_size=1, max_size=6), number=st.integers(200, 10_000))
def test_counts_sum_to_the_number_and_stay_within_one(shares, number):
    weights = np.array(shares) / np.sum(shares)
    counts = class_counts(weights.tolist(), number)
    assert counts.sum() == number
    assert np.abs(counts - weights * number).max() < 1 + 1e-9


def test_points_have_the_moments_of_their_class():
    samples = sample(PAIR, 40_000, 6, random(1))
    assert samples.class_counts.tolist() == [30_000, 10_000]
    np.testing.assert_allclose(samples.centroids @ samples.centroids.T / 6, PAIR.gram, atol=1e-12)
    for label, deviation in enumerate(PAIR.standard_deviations):
        points = samples.points[samples.labels == label] - samples.centroids[label]
        assert np.abs(points.mean(axis=0)).max() < 5 * deviation / np.sqrt(len(points))
        np.testing.assert_allclose(np.cov(points.T), deviation**2 * np.eye(6), atol=0.06 * deviation**2)


def test_the_same_generator_draws_the_same_points_and_extends_them():
    first, again = sample(PAIR, 40, 6, random(3)), sample(PAIR, [30, 10], 6, random(3))
    np.testing.assert_array_equal(first.points, again.points)
    more = sample(PAIR, [30, 20], 6, random(3))
    np.testing.assert_array_equal(more.points[:40], first.points)


def test_further_points_around_the_same_centroids():
    first = sample(PAIR, 40, 6, random(3))
    other = sample(PAIR, 40, 6, random(4), centroids=first.centroids)
    np.testing.assert_array_equal(other.centroids, first.centroids)
    assert not np.array_equal(other.points, first.points)


def test_a_class_without_variance_sits_on_its_centroid():
    samples = sample(Mixture((0.5, 0.5), (1.0, 0.0), np.eye(2).tolist()), 20, 5, random())
    np.testing.assert_array_equal(samples.points[10:], np.tile(samples.centroids[1], (10, 1)))


def test_anisotropic_classes_have_the_spectrum_in_their_coordinates():
    mixture = Mixture((0.5, 0.5), (1.0, 2.0), None, 0.3, "tanh", ((1.0, 3.0), (3.0, 1.0)))
    variances = coordinate_variances(mixture, 6)
    np.testing.assert_allclose(variances[:, 0], [0.5, 0.5, 0.5, 1.5, 1.5, 1.5], rtol=1e-12)
    np.testing.assert_allclose(variances[:, 1], [6, 6, 6, 2, 2, 2], rtol=1e-12)
    np.testing.assert_allclose(variances.mean(axis=0), [1, 4], rtol=1e-12)
    samples = sample(mixture, 40_000, 6, random(1))
    for label in range(2):
        found = samples.points[samples.labels == label].var(axis=0)
        np.testing.assert_allclose(found, variances[:, label], rtol=0.05)
    with pytest.raises(ValueError, match=r"^dimension: 7 given"):
        sample(mixture, 20, 7, random())


def test_pairs_by_angle():
    np.testing.assert_array_equal(angle_mixture(90, (2.0, 3.0)).gram, [[4, 0], [0, 9]])
    np.testing.assert_array_equal(angle_mixture(0, (2.0, 3.0)).gram, [[4, 6], [6, 9]])
    np.testing.assert_allclose(angle_mixture(120, (1.0, 1.0)).gram, [[1, -0.5], [-0.5, 1]], rtol=1e-12)
    np.testing.assert_array_equal(antipodal_mixture((2.0, 3.0)).gram, [[4, -6], [-6, 9]])
    mixture = antipodal_mixture((1.0, 2.0), (0.1, 0.9), (1.3, 0.7), 0.5, "erf")
    assert (mixture.weights, mixture.standard_deviations) == ((0.1, 0.9), (1.3, 0.7))
    assert (mixture.diffusion_time, mixture.activation) == (0.5, "erf")
    first, second = centroids_from_gram(mixture.gram, 30, random())
    np.testing.assert_allclose(second, -2 * first, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: angle_mixture(181), "angle"),
        (lambda: angle_mixture(float("nan")), "angle"),
        (lambda: angle_mixture(10, (1.0,)), "norms"),
        (lambda: angle_mixture(10, (1.0, -1.0)), "norms"),
        (lambda: sample(PAIR, 0, 5, random()), "number_of_samples"),
        (lambda: sample(PAIR, 1, 5, random()), "number_of_samples"),
        (lambda: sample(PAIR, 2.5, 5, random()), "number_of_samples"),
        (lambda: sample(PAIR, [3], 5, random()), "counts"),
        (lambda: sample(PAIR, [3, 0], 5, random()), "counts"),
        (lambda: sample(PAIR, 8, 1, random()), "dimension"),
        (lambda: sample(PAIR, 8, 5, random(), centroids=np.zeros((2, 4))), "centroids"),
    ],
)
def test_bad_inputs_name_the_argument(call, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        call()
