"""Polishing, naming by family and block order."""

import numpy as np
import pytest

from companion.analysis.minima import block_permutation, classify, polish
from companion.theory import relu_landscape as landscape
from companion.training.descent import descend, initial_weights


def _shuffled(W, seed):
    rng = np.random.default_rng(seed)
    return W[rng.permutation(len(W))][:, rng.permutation(W.shape[1])]


def _classify(weights, students, **options):
    V = np.eye(students)
    runs = np.asarray(weights)
    losses = [landscape.population_loss(W, V) for W in runs]
    return classify(
        runs, V, losses, np.ones(len(runs), dtype=bool), landscape.known_families(students), **options
    )


@pytest.mark.parametrize(
    ("kind", "flipped", "students"), [("I", 1, 6), ("I", 3, 10), ("II", 6, 8), ("II", 12, 20)]
)
def test_polish_returns_to_the_minimum(kind, flipped, students):
    minimum = landscape.family(kind, flipped, students)
    noise = np.random.default_rng(0).standard_normal((4, students, students))
    polished = polish(minimum.weights + 1e-4 * noise, np.eye(students))
    assert polished.converged.all()
    assert (polished.gradient_norm < 1e-13).all()
    np.testing.assert_allclose(polished.loss, minimum.loss, rtol=0, atol=1e-13)
    np.testing.assert_allclose(polished.weights, np.tile(minimum.weights, (4, 1, 1)), rtol=0, atol=1e-10)


def test_polish_leaves_a_saddle_downhill():
    saddle = landscape.family("I", 2, 7)
    assert not saddle.is_minimum
    noise = np.random.default_rng(1).standard_normal((3, 7, 7))
    polished = polish(saddle.weights + 1e-3 * noise, np.eye(7))
    assert polished.converged.all()
    assert (polished.loss < saddle.loss - 1e-3).all()


def test_polish_says_when_it_has_not_converged():
    start = initial_weights(6, 6, range(2), seed=0)
    polished = polish(start, np.eye(6), maximum_steps=1)
    assert not polished.converged.any()
    assert (polished.loss <= [landscape.population_loss(W, np.eye(6)) for W in start]).all()


def test_endpoints_of_descent_are_named():
    ends = descend(initial_weights(10, 10, range(60), seed=0), np.eye(10))
    polished = polish(ends.weights, np.eye(10))
    assert polished.converged.all()
    named = classify(
        polished.weights, np.eye(10), polished.loss, ends.converged, landscape.known_families(10)
    )
    assert set(named.label) == {"global", "I(1)", "I(2)"}
    spurious = named.label != "global"
    np.testing.assert_array_equal(spurious, ends.loss > 1e-3)
    assert (named.loss_difference[spurious] < 1e-12).all()
    assert (named.block_mismatch[spurious] < 1e-9).all()


@pytest.mark.parametrize("students", [5, 8, 12, 20])
def test_every_known_family_is_recognised_in_any_order(students):
    families = landscape.known_families(students)
    named = _classify([_shuffled(m.weights, seed) for seed, m in enumerate(families)], students)
    assert named.label.tolist() == [minimum.name for minimum in families]


@pytest.mark.parametrize("teachers", [7, 12, 17])
def test_every_known_family_of_the_wider_student_is_recognised_in_any_order(teachers):
    families, V = landscape.known_families(teachers + 1, teachers), np.eye(teachers)
    runs = np.array([_shuffled(minimum.weights, seed) for seed, minimum in enumerate(families)])
    losses = [landscape.population_loss(W, V) for W in runs]
    named = classify(runs, V, losses, np.ones(len(runs), dtype=bool), families)
    assert named.label.tolist() == [minimum.name for minimum in families]
    narrow = classify(runs, V, losses, np.ones(len(runs), dtype=bool), landscape.known_families(teachers))
    assert set(narrow.label) == {"unmatched"}


def test_a_run_held_up_beside_a_saddle_is_polished_to_the_global_minimum():
    """At M = 13, X(4) has a smallest eigenvalue of -0.0015: descent meets a gradient norm of 1e-8 there."""
    saddle, V = landscape.family("X", 4, 14), np.eye(13)
    noise = np.random.default_rng(0).standard_normal((4, 14, 13))
    polished = polish(saddle.weights + 1e-7 * noise, V)
    assert polished.converged.all()
    named = classify(polished.weights, V, polished.loss, polished.converged, landscape.known_families(14, 13))
    assert named.label.tolist() == ["global"] * 4


def test_block_order_puts_the_extra_student_last():
    for minimum in landscape.known_families(18, 17):
        if minimum.is_minimum:
            shuffled = _shuffled(minimum.weights, minimum.flipped)
            rows, columns = block_permutation(shuffled)
            np.testing.assert_allclose(shuffled[np.ix_(rows, columns)], minimum.weights, atol=1e-12)


def test_blocks_tell_families_of_equal_loss_apart():
    parent, child = landscape.family("II", 7, 19), landscape.child_family(7, 19)
    named = _classify([parent.weights, child.weights], 19, loss_tolerance=1e-3)
    assert named.label.tolist() == ["II(7)", "II(6+1)"]


def test_unmatched_unconverged_and_global_are_told_apart():
    minimum = landscape.family("I", 1, 8)
    moved = minimum.weights + 1e-4
    broken = np.full((8, 8), np.nan)
    V = np.eye(8)
    losses = [minimum.loss, landscape.population_loss(moved, V), np.nan, minimum.loss, 0.0]
    named = classify(
        [minimum.weights, moved, broken, minimum.weights, V],
        V,
        losses,
        [True, True, True, False, True],
        landscape.known_families(8),
    )
    assert named.label.tolist() == ["I(1)", "unmatched", "unconverged", "unconverged", "global"]
    assert named.block_mismatch[1] == pytest.approx(1e-4, rel=1e-3)
    assert np.isnan(named.loss_difference[[2, 3]]).all()


def test_a_loose_endpoint_does_not_match():
    """Stopping at a gradient norm of 1e-5 is not enough to name a minimum without polishing."""
    ends = descend(initial_weights(9, 9, range(40), seed=2), np.eye(9), tolerance=1e-5)
    named = classify(ends.weights, np.eye(9), ends.loss, ends.converged, landscape.known_families(9))
    assert "unmatched" in set(named.label)


def test_nothing_matches_with_a_correlated_teacher():
    V = np.linalg.cholesky(0.95 * np.eye(10) + 0.05)
    ends = descend(initial_weights(10, 10, range(60), seed=3), V)
    spurious = ends.loss > 1e-3
    assert spurious.any()
    named = classify(ends.weights, V, ends.loss, ends.converged, landscape.known_families(10))
    assert set(named.label[spurious]) == {"unmatched"}
    assert set(named.label[~spurious]) == {"global"}


def test_without_families_runs_are_global_or_unmatched():
    W = landscape.family("I", 1, 6)
    named = classify([W.weights, np.eye(6)], np.eye(6), [W.loss, 0.0], [True, True], [])
    assert named.label.tolist() == ["unmatched", "global"]
    assert classify(np.empty((0, 6, 6)), np.eye(6), [], [], []).label.shape == (0,)


@pytest.mark.parametrize("students", [6, 10, 19])
def test_block_order_restores_the_blocks(students):
    for seed, minimum in enumerate(landscape.known_families(students)):
        if not minimum.is_minimum:
            continue  # the units of some saddles do not stand out in their rows
        shuffled = _shuffled(minimum.weights, seed)
        rows, columns = block_permutation(shuffled)
        np.testing.assert_array_equal(shuffled[np.ix_(rows, columns)].shape, minimum.weights.shape)
        ordered = np.diag(shuffled[np.ix_(rows, columns)])
        np.testing.assert_allclose(ordered, np.sort(np.diag(minimum.weights))[::-1], atol=1e-12)
        if len(minimum.blocks) < 3:
            np.testing.assert_allclose(shuffled[np.ix_(rows, columns)], minimum.weights, atol=1e-12)


def test_block_order_of_more_students_than_teachers():
    R = np.vstack([landscape.family("I", 1, 6).weights, np.full((1, 6), 0.1)])
    rows, columns = block_permutation(R[::-1])
    np.testing.assert_allclose(R[::-1][np.ix_(rows, columns)], R)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: polish(np.eye(3), np.eye(3)), "weights must have 3 dimensions"),
        (lambda: polish(np.zeros((1, 3, 3)), np.eye(3)), "row of zeros"),
        (lambda: classify(np.ones((2, 3, 3)), np.eye(4), [1, 1], [True, True], []), "must share D"),
        (lambda: classify(np.ones((2, 3, 3)), np.eye(3), [1], [True, True], []), "one entry for each of 2"),
        (lambda: block_permutation([1.0, 2.0]), "finite matrix"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
