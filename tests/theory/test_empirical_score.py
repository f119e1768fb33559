"""The exact empirical score against brute force and against classes that are single points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.theory import empirical_score as module
from companion.theory.class_posterior import GaussianClasses
from companion.theory.empirical_score import copying, empirical_score, point_weights, score_of


def brute(queries, points, time):
    """Weights and score one query at a time, in plain exponentials."""
    shrink, noise = np.exp(-time), 1 - np.exp(-2 * time)
    weights, scores = [], []
    for x in queries:
        kernel = np.exp(-np.array([((x - shrink * p) ** 2).sum() for p in points]) / (2 * noise))
        weight = kernel / kernel.sum()
        weights.append(weight)
        scores.append(sum(w * (shrink * p - x) for w, p in zip(weight, points, strict=True)) / noise)
    return np.array(weights), np.array(scores)


def test_against_brute_force():
    draws = np.random.default_rng(0)
    points, queries, times = draws.normal(size=(40, 3)), draws.normal(size=(4, 6, 3)), [0.2, 0.5, 1.0, 3.0]
    for place, time in enumerate(times):
        weights, scores = brute(queries[place], points, time)
        np.testing.assert_allclose(empirical_score(queries, points, times)[place], scores, atol=1e-11)
        np.testing.assert_allclose(point_weights(queries, points, times)[place], weights, atol=1e-13)
        np.testing.assert_allclose(empirical_score(queries[place], points, time), scores, atol=1e-11)


def test_points_are_classes_without_width():
    draws = np.random.default_rng(1)
    points, queries = draws.normal(size=(25, 7)), draws.normal(size=(9, 7))
    each = GaussianClasses(np.full(25, 1 / 25), np.zeros(25), points)
    np.testing.assert_allclose(empirical_score(queries, points, 0.3), each.score(queries, 0.3), atol=1e-11)
    np.testing.assert_allclose(point_weights(queries, points, 0.3), each.posterior(queries, 0.3), atol=1e-13)


def test_blocks_change_nothing(monkeypatch):
    draws = np.random.default_rng(2)
    points, queries, times = draws.normal(size=(101, 4)), draws.normal(size=(13, 4)), [1e-3, 0.4]
    whole = empirical_score(queries, points, times)
    origins, normals = np.arange(13), draws.normal(size=(13, 4))
    together = copying(points, np.zeros(101), origins, normals, times)
    monkeypatch.setattr(module, "_BLOCK", 130)
    np.testing.assert_allclose(empirical_score(queries, points, times), whole, rtol=1e-10, atol=1e-9)
    apart = copying(points, np.zeros(101), origins, normals, times)
    np.testing.assert_allclose(apart.participation, together.participation, rtol=1e-12)


def test_small_times_stay_finite():
    points = np.random.default_rng(3).normal(size=(50, 8))
    score = empirical_score(points + 3.0, points, 1e-8)
    assert np.isfinite(score).all()
    weights = point_weights(np.exp(-1e-8) * points, points, 1e-8)
    np.testing.assert_allclose(weights, np.eye(50), atol=1e-12)


def test_copying_measures_the_weights():
    draws = np.random.default_rng(4)
    points, labels = draws.normal(size=(60, 5)), np.repeat([0, 1], [20, 40])
    origins, normals, times = np.array([3, 30, 59]), draws.normal(size=(3, 5)), np.array([0.05, 0.3, 1.0])
    found = copying(points, labels, origins, normals, times)
    for place, time in enumerate(times):
        queries = np.exp(-time) * points[origins] + np.sqrt(1 - np.exp(-2 * time)) * normals
        weights = point_weights(queries, points, time)
        np.testing.assert_allclose(found.own[place], weights[range(3), origins], rtol=1e-9)
        np.testing.assert_allclose(found.largest[place], weights.max(axis=1), rtol=1e-9)
        np.testing.assert_allclose(found.participation[place], (weights**2).sum(axis=1), rtol=1e-9)
        entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1)
        np.testing.assert_allclose(found.entropy[place], entropy, rtol=1e-8, atol=1e-12)
        mates = (weights * (labels == labels[origins][:, None])).sum(axis=1)
        np.testing.assert_allclose(found.class_weight[place], mates, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 3.0))
def test_order_of_points_does_not_matter(seed, time):
    draws = np.random.default_rng(seed)
    points, queries = draws.normal(size=(12, 3)), draws.normal(size=(4, 3))
    shuffled = points[draws.permutation(12)]
    np.testing.assert_allclose(
        empirical_score(queries, shuffled, time), empirical_score(queries, points, time), rtol=1e-9, atol=1e-9
    )


def test_score_of_keeps_the_shape():
    points = np.random.default_rng(5).normal(size=(10, 3))
    queries = np.random.default_rng(6).normal(size=(2, 4, 3))
    found = score_of(points)(queries, 0.3)
    np.testing.assert_allclose(found[1], empirical_score(queries[1], points, 0.3), rtol=1e-12)


@pytest.mark.parametrize(
    ("queries", "points", "times", "named"),
    [
        (np.zeros((2, 3)), np.zeros(3), 0.1, "points"),
        (np.zeros((2, 4)), np.zeros((5, 3)), 0.1, "queries"),
        (np.zeros(3), np.zeros((5, 3)), 0.1, "queries"),
        (np.zeros((3, 2, 3)), np.zeros((5, 3)), [0.1, 0.2], "queries"),
        (np.zeros((2, 3)), np.zeros((5, 3)), -0.1, "times"),
    ],
)
def test_bad_arguments_are_named(queries, points, times, named):
    with pytest.raises(ValueError, match=f"^{named}:"):
        empirical_score(queries, points, times)


def test_labels_and_noise_belong_to_the_points():
    with pytest.raises(ValueError, match=r"^labels:"):
        copying(np.zeros((4, 2)), np.zeros(3), [0], np.zeros((1, 2)), [0.1])
    with pytest.raises(ValueError, match=r"^normals:"):
        copying(np.zeros((4, 2)), np.zeros(4), [0], np.zeros((2, 2)), [0.1])
