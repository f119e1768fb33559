"""Posterior and exact score of Gaussian classes against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from companion.theory.class_posterior import GaussianClasses

THREE = GaussianClasses(
    np.array([0.5, 0.3, 0.2]), np.array([1.0, 0.4, 1.7]), np.random.default_rng(0).normal(size=(3, 4))
)


def densities(points, time):
    """π_c p_t(x | c) of every class from scipy, (points, K)."""
    columns = [
        weight
        * multivariate_normal.pdf(
            points,
            np.exp(-time) * centre,
            (np.exp(-2 * time) * sigma**2 + 1 - np.exp(-2 * time)) * np.eye(points.shape[1]),
        )
        for weight, sigma, centre in zip(
            THREE.weights, THREE.standard_deviations, THREE.centroids, strict=True
        )
    ]
    return np.stack(columns, axis=1)


def test_posterior_is_bayes_rule():
    points = np.random.default_rng(1).normal(size=(20, 4))
    joint = densities(points, 0.3)
    np.testing.assert_allclose(THREE.posterior(points, 0.3), joint / joint.sum(axis=1)[:, None], rtol=1e-11)


def test_score_is_the_gradient_of_the_log_density():
    points = np.random.default_rng(2).normal(size=(5, 4))
    step = 1e-5
    slopes = [
        (np.log(densities(points + e, 0.2).sum(axis=1)) - np.log(densities(points - e, 0.2).sum(axis=1)))
        / (2 * step)
        for e in step * np.eye(4)
    ]
    np.testing.assert_allclose(THREE.score(points, 0.2), np.stack(slopes, axis=1), atol=1e-8)


def test_times_broadcast_against_points():
    points = np.random.default_rng(3).normal(size=(7, 5, 4))
    times = np.linspace(0.1, 1.0, 7)[:, None]
    each = [THREE.score(points[place], times[place, 0]) for place in range(7)]
    np.testing.assert_allclose(THREE.score(points, times), each, rtol=1e-12)


def test_far_away_points_have_a_class_too():
    far = np.full((1, 4), 1e4)
    assert THREE.posterior(far, 0.01).tolist() == [[0.0, 0.0, 1.0]]  # the broadest class wins
    assert np.isfinite(THREE.log_posterior(far, 0.01)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 4.0))
def test_posteriors_ignore_a_common_shift(seed, time):
    generator = np.random.default_rng(seed)
    shift, points = generator.normal(size=4), generator.normal(size=(3, 4))
    moved = GaussianClasses(THREE.weights, THREE.standard_deviations, THREE.centroids + shift)
    np.testing.assert_allclose(
        moved.posterior(points + np.exp(-time) * shift, time), THREE.posterior(points, time), atol=1e-10
    )


@pytest.mark.parametrize(
    ("weights", "deviations", "centroids", "named"),
    [
        ([0.5, 0.4], [1, 1], np.zeros((2, 3)), "weights"),
        ([0.0, 1.0], [1, 1], np.zeros((2, 3)), "weights"),
        ([0.5, 0.5], [1, -1], np.zeros((2, 3)), "standard_deviations"),
        ([0.5, 0.5], [1, 1, 1], np.zeros((2, 3)), "standard_deviations"),
        ([0.5, 0.5], [1, 1], np.zeros((3, 3)), "centroids"),
        ([0.5, 0.5], [1, 1], np.zeros(2), "centroids"),
        ([0.5, 0.5], [1, np.nan], np.zeros((2, 3)), "standard_deviations"),
    ],
)
def test_bad_classes_are_named(weights, deviations, centroids, named):
    with pytest.raises(ValueError, match=f"^{named}:"):
        GaussianClasses(weights, deviations, centroids)


def test_bad_points_and_times_are_named():
    with pytest.raises(ValueError, match=r"^points: shape"):
        THREE.posterior(np.zeros((2, 3)), 0.1)
    with pytest.raises(ValueError, match=r"^times:"):
        THREE.posterior(np.zeros((2, 4)), 0.0)
