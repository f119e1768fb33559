"""Simplified problems: the steps of plain iterations, exact symmetry, the ends they have by theory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.theory.relu_landscape import family, population_loss
from companion.theory.relu_teachers import teacher_rows
from companion.theory.two_layer import field_covariance
from companion.training.descent import descend, initial_weights
from companion.training.relu_simplified import descend_correlation, descend_site_symmetric


def _root(teachers, correlation):
    """The symmetric square root of T, so that the teacher's rows are site-symmetric."""
    values, vectors = np.linalg.eigh((1 - correlation) * np.eye(teachers) + correlation)
    return vectors * np.sqrt(values) @ vectors.T


def _correlation(W, V):
    kappa, _, _ = field_covariance((W**2).sum(axis=1)[:, None], (V**2).sum(axis=1), W @ V.T)
    return kappa.sum()


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_site_symmetric_steps_are_those_of_descent_in_the_weights(correlation):
    start = initial_weights(6, 6, range(4), 0)
    options = {"correlation": correlation, "tolerance": 1e-300}
    first = descend_site_symmetric(start, maximum_steps=1, **options)
    later = descend_site_symmetric(start, maximum_steps=61, **options)
    V = np.pad(_root(6, correlation), ((0, 0), (0, 6)))
    plain = descend(first.weights, V, tolerance=1e-300, maximum_steps=60)
    np.testing.assert_allclose(later.weights, plain.weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(later.loss, plain.loss, rtol=0, atol=1e-14)
    assert (later.steps == 61).all()
    assert not later.converged.any()


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 9), st.integers(0, 5), st.integers(0, 1000))
def test_the_start_is_the_mean_over_permutations_of_both_sides(students, extra, index):
    W = initial_weights(students, students + extra, [index], 1)
    # A step this short leaves the overlaps as they were averaged.
    state = descend_site_symmetric(W, step=1e-12, tolerance=1e-300, maximum_steps=1).weights[0]
    off = ~np.eye(students, dtype=bool)
    for ours, given_overlaps in ((state @ state.T, W[0] @ W[0].T), (state[:, :students], W[0][:, :students])):
        np.testing.assert_allclose(np.diag(ours), np.diag(given_overlaps).mean(), atol=1e-9)
        np.testing.assert_allclose(ours[off], given_overlaps[off].mean(), atol=1e-9)


@pytest.mark.parametrize("students", [6, 8])
def test_site_symmetry_ends_at_the_teacher_or_at_the_one_block_family(students):
    start = initial_weights(students, students, range(60), 0)
    end = descend_site_symmetric(start)
    assert end.converged.all()
    means = np.trace(start, axis1=1, axis2=2) / students
    others = (start.sum(axis=(1, 2)) - means * students) / (students * (students - 1))
    taught = means > others  # r > s at the start
    assert 15 < taught.sum() < 45
    assert (end.loss[taught] < 1e-14).all()
    block = family("II", students, students)
    np.testing.assert_allclose(end.loss[~taught], block.loss, rtol=0, atol=1e-12)
    np.testing.assert_allclose(end.weights[~taught][0][:, :students], block.weights, rtol=0, atol=1e-6)


def test_without_their_own_correlations_students_all_go_to_the_mean_of_the_teacher():
    students = 7
    end = descend_correlation(initial_weights(students, 9, range(20), 0), np.eye(5, 9))
    assert end.converged.all()
    mean = np.pad(np.full(5, 1 / np.sqrt(5)), (0, 4))
    np.testing.assert_allclose(end.weights, np.broadcast_to(mean, end.weights.shape), rtol=0, atol=1e-6)
    theta = np.arccos(1 / np.sqrt(5))
    overlap = (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)
    teacher = 5 / 2 + 20 / (2 * np.pi)
    expected = 0.5 * (students**2 / 2 - 2 * students * 5 * overlap + teacher)
    np.testing.assert_allclose(end.loss, expected, rtol=1e-10)


def test_the_correlation_rises_and_its_slope_is_that_of_the_sphere():
    W, V = initial_weights(4, 6, range(3), 2), teacher_rows(3, 6, correlation=0.2, norm_ratio=2.0)
    W /= np.linalg.norm(W, axis=2, keepdims=True)
    moved = [W] + [
        descend_correlation(W, V, step=0.1, tolerance=1e-300, maximum_steps=steps).weights
        for steps in (1, 2, 8, 60)
    ]
    values = np.array([[_correlation(run, V) for run in state] for state in moved])
    assert (np.diff(values, axis=0) > 0).all()
    # One short step, against finite differences of the correlation on the sphere.
    short = 1e-6
    step = (descend_correlation(W, V, step=short, tolerance=1e-300, maximum_steps=1).weights - W) / short
    direction = np.random.default_rng(0).standard_normal(W.shape)
    direction -= (direction * W).sum(axis=2, keepdims=True) * W
    for run, along, found in zip(W, direction, step, strict=True):
        ahead, behind = (
            _correlation((run + s * along) / np.linalg.norm(run + s * along, axis=1, keepdims=True), V)
            for s in (1e-5, -1e-5)
        )
        assert (found * along).sum() == pytest.approx((ahead - behind) / 2e-5, abs=1e-4)


def test_with_orthonormal_rows_the_correlation_is_all_of_the_loss():
    """L + E[f_W f_V] is the same for all orthonormal rows."""
    random, V = np.random.default_rng(3), np.eye(5)
    frames = [np.linalg.qr(random.standard_normal((5, 5)))[0] for _ in range(6)]
    sums = [population_loss(W, V) + _correlation(W, V) for W in frames]
    np.testing.assert_allclose(sums, sums[0], rtol=1e-12)


@pytest.mark.parametrize("problem", [lambda W: descend_correlation(W, np.eye(5)), descend_site_symmetric])
def test_a_run_does_not_depend_on_its_batch(problem):
    whole, part = (problem(initial_weights(5, 5, runs, 4)) for runs in (range(6), [4, 1]))
    for name in ("weights", "loss", "steps", "converged"):
        np.testing.assert_allclose(getattr(part, name), getattr(whole, name)[[4, 1]], rtol=0, atol=1e-13)


def test_runs_out_of_steps_are_not_converged():
    end = descend_site_symmetric(initial_weights(6, 6, range(5), 0), maximum_steps=20)
    assert not end.converged.any()
    assert (end.steps == 20).all()


_START = np.stack([np.eye(3)] * 2)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (lambda: descend_correlation(np.eye(3), np.eye(3)), "weights must have shape"),
        (
            lambda: descend_correlation(np.zeros((1, 3, 3)), np.eye(3)),
            "weights must be finite, without a row of",
        ),
        (lambda: descend_correlation(np.full((1, 3, 3), np.nan), np.eye(3)), "weights must be finite"),
        (lambda: descend_correlation(_START, np.ones((2, 3))), "teacher must have linearly independent rows"),
        (lambda: descend_correlation(_START, np.eye(3), step=0.0), "step must be positive"),
        (lambda: descend_correlation(_START, np.eye(3), maximum_steps=0), "maximum_steps must be positive"),
        (lambda: descend_site_symmetric(np.ones((1, 4, 3))), "1 <= K <= D, got shape"),
        (lambda: descend_site_symmetric(np.eye(3)), "1 <= K <= D, got shape"),
        (lambda: descend_site_symmetric(np.full((1, 3, 3), np.inf)), "weights must be finite"),
        (
            lambda: descend_site_symmetric(_START, correlation=1.0),
            "correlation: given 1.0; allowed: above -0.5",
        ),
        (lambda: descend_site_symmetric(_START, correlation=-0.5), "correlation: given -0.5"),
        (lambda: descend_site_symmetric(_START, tolerance=0.0), "tolerance must be positive"),
    ],
)
def test_bad_arguments_are_named(problem, message):
    with pytest.raises(ValueError, match=message):
        problem()
