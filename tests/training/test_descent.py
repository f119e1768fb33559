"""Descent: independence of runs, agreement with the plain iteration, tolerances, dimension, bad inputs."""

import numba
import numpy as np
import pytest

from companion.theory import relu_landscape as landscape
from companion.theory.relu_family_table import global_loss_limit
from companion.training.descent import descend, initial_weights


def _same(left, right):
    for name in ("weights", "loss", "gradient_norm", "steps", "converged"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


def _part(descent, runs):
    return [
        getattr(descent, name)[runs] for name in ("weights", "loss", "gradient_norm", "steps", "converged")
    ]


@pytest.fixture(scope="module")
def ends():
    return descend(initial_weights(7, 7, range(45), seed=1), np.eye(7))


def test_runs_end_at_critical_points(ends):
    assert ends.converged.all()
    for W, loss, norm in zip(ends.weights, ends.loss, ends.gradient_norm, strict=True):
        assert np.linalg.norm(landscape.loss_gradient(W, np.eye(7))) == pytest.approx(norm, abs=1e-14)
        assert norm < 1e-7
        assert landscape.population_loss(W, np.eye(7)) == loss
    spurious = ends.loss > 1e-3
    assert 0 < spurious.sum() < 45
    families = [minimum.loss for minimum in landscape.known_families(7)]
    assert all(min(abs(loss - known) for known in families) < 1e-9 for loss in ends.loss[spurious])


@pytest.mark.parametrize("runs", [[0], [44], [3, 17, 18], range(8), range(10, 33)], ids=str)
def test_a_run_does_not_depend_on_its_batch(ends, runs):
    alone = descend(initial_weights(7, 7, runs, seed=1), np.eye(7))
    for mine, whole in zip(_part(alone, slice(None)), _part(ends, list(runs)), strict=True):
        np.testing.assert_array_equal(mine, whole)


@pytest.mark.parametrize("threads", range(1, numba.config.NUMBA_NUM_THREADS + 1))
def test_results_do_not_depend_on_the_number_of_threads(ends, threads):
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        _same(descend(initial_weights(7, 7, range(45), seed=1), np.eye(7)), ends)
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize(
    ("students", "teacher"),
    [
        (5, np.eye(5)),
        (6, np.eye(4, 9)),
        (3, np.eye(5, 7)),
        (4, np.random.default_rng(0).standard_normal((3, 6))),
    ],
    ids=["identity", "wider", "narrower", "general"],
)
def test_steps_are_those_of_the_plain_iteration(students, teacher):
    start = initial_weights(students, teacher.shape[1], range(3), seed=2)
    moved = descend(start, teacher, step=0.2, tolerance=1e-300, maximum_steps=150)
    assert (moved.steps == 150).all()
    assert not moved.converged.any()
    for W, end in zip(start, moved.weights, strict=True):
        for _ in range(150):
            W = W - 0.2 * landscape.loss_gradient(W, teacher)
        np.testing.assert_allclose(end, W, rtol=0, atol=1e-12)


def test_a_permuted_identity_takes_the_general_path_to_the_same_end():
    start = initial_weights(5, 5, range(4), seed=3)
    straight = descend(start, np.eye(5))
    order = [3, 0, 4, 1, 2]
    turned = descend(start[:, :, order], np.eye(5)[:, order])
    np.testing.assert_array_equal(straight.steps, turned.steps)
    np.testing.assert_allclose(turned.weights, straight.weights[:, :, order], rtol=0, atol=1e-9)


def test_the_loss_never_rises_and_descent_can_be_continued(ends):
    state, losses, steps = initial_weights(7, 7, range(45), seed=1), [], np.zeros(45, dtype=int)
    for _ in range(6):
        piece = descend(state, np.eye(7), maximum_steps=40)
        state = piece.weights
        losses.append(piece.loss)
        steps += piece.steps
    assert np.all(np.diff(losses, axis=0) <= 1e-15)
    rest = descend(state, np.eye(7))
    np.testing.assert_array_equal(steps + rest.steps, ends.steps)
    np.testing.assert_array_equal(rest.weights, ends.weights)


@pytest.mark.parametrize("teacher", ["identity", "general"])
def test_large_dimensions_use_the_reachable_subspace(teacher):
    V = np.eye(3, 40) if teacher == "identity" else np.random.default_rng(5).standard_normal((3, 40)) / 6
    start = initial_weights(4, 40, range(5), seed=4)
    short = descend(start, V, maximum_steps=60, tolerance=1e-300)
    for W, end in zip(start, short.weights, strict=True):
        for _ in range(60):
            W = W - 0.5 * landscape.loss_gradient(W, V)
        np.testing.assert_allclose(end, W, rtol=0, atol=1e-12)
    single = descend(start[2:3], V, maximum_steps=60, tolerance=1e-300)
    np.testing.assert_array_equal(single.weights[0], short.weights[2])


def test_spurious_runs_go_on_to_their_own_tolerance():
    start = initial_weights(7, 7, range(45), seed=1)
    first = descend(start, np.eye(7), tolerance=1e-5)
    both = descend(start, np.eye(7), tolerance=1e-5, spurious_tolerance=1e-9)
    onward = first.loss > global_loss_limit(7)
    assert 0 < onward.sum() < 45
    np.testing.assert_array_equal(both.weights[~onward], first.weights[~onward])
    assert (both.gradient_norm[onward] < 1e-9).all()
    direct = descend(start[onward], np.eye(7), tolerance=1e-9)
    np.testing.assert_array_equal(both.weights[onward], direct.weights)
    np.testing.assert_array_equal(both.steps[onward], direct.steps)
    limit = int(first.steps.max()) + 1
    limited = descend(start, np.eye(7), tolerance=1e-5, spurious_tolerance=1e-9, maximum_steps=limit)
    np.testing.assert_array_equal(limited.steps[onward], limit)
    np.testing.assert_array_equal(limited.converged, ~onward)


def test_the_loss_of_global_runs_may_be_given():
    start = initial_weights(7, 7, range(8), seed=1)
    first = descend(start, np.eye(7), tolerance=1e-3)
    both = descend(start, np.eye(7), tolerance=1e-3, spurious_tolerance=1e-5, spurious_loss=1e-12)
    np.testing.assert_array_equal(both.steps > first.steps, first.loss > 1e-12)
    assert (first.loss > 1e-12).all()


def test_broken_runs_are_reported_and_leave_the_others_alone(ends):
    start = initial_weights(7, 7, range(12), seed=1)
    start[3, 2] = 0.0
    start[7, 0, 0] = np.nan
    start[9] *= 1e200
    broken = descend(start, np.eye(7))
    good = np.setdiff1d(np.arange(12), [3, 7, 9])
    assert not broken.converged[[3, 7, 9]].any()
    assert np.isnan(broken.loss[[3, 7, 9]]).all()
    np.testing.assert_array_equal(broken.weights[good], ends.weights[good])
    assert broken.converged[good].all()


def test_a_step_that_is_too_long_does_not_converge():
    diverged = descend(initial_weights(6, 6, range(9), seed=0), np.eye(6), step=3.0, maximum_steps=500)
    assert not diverged.converged.any()


def test_initial_weights_belong_to_names():
    many = initial_weights(4, 6, range(10), seed=9)
    np.testing.assert_array_equal(initial_weights(4, 6, [7, 2], seed=9), many[[7, 2]])
    assert not np.array_equal(initial_weights(4, 6, range(10), seed=8), many)
    np.testing.assert_allclose(initial_weights(4, 6, range(10), seed=9, scale=3.0), 3 * many)
    assert initial_weights(4, 6, [], seed=9).shape == (0, 4, 6)
    norms = (initial_weights(10, 10, range(300), seed=0, scale=2.0) ** 2).sum(axis=2)
    assert norms.mean() == pytest.approx(4.0, rel=0.05)


def test_another_purpose_draws_other_weights():
    plain = initial_weights(4, 6, range(3), seed=9)
    named = initial_weights(4, 6, range(3), seed=9, purpose="two_layer")
    assert not np.isin(named, plain).any()
    np.testing.assert_array_equal(initial_weights(4, 6, [2], seed=9, purpose="two_layer")[0], named[2])
    assert not np.isin(named, initial_weights(4, 6, range(3), seed=9, purpose="erf")).any()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 3), {}, "students: given 0"),
        ((3, 0), {}, "dimension: given 0"),
        ((-2, 3), {}, "students: given -2"),
        ((3, 3), {"scale": 0.0}, "scale: given 0.0"),
        ((3, 3), {"scale": -1.0}, "scale: given -1.0"),
        ((3, 3), {"scale": np.nan}, "scale: given nan"),
        ((3, 3), {"scale": np.inf}, "scale: given inf"),
    ],
)
def test_bad_initial_weights_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        initial_weights(*arguments, range(2), 0, **options)


def test_no_runs():
    assert descend(np.empty((0, 3, 3)), np.eye(3)).loss.shape == (0,)


@pytest.mark.parametrize(
    ("weights", "teacher", "options", "message"),
    [
        (np.ones((3, 3)), np.eye(3), {}, r"weights must have shape .*, got shape \(3, 3\)"),
        (np.ones((2, 0, 3)), np.eye(3), {}, r"K, D >= 1, got shape \(2, 0, 3\)"),
        (np.ones((2, 3, 3)), np.ones(3), {}, r"teacher must have shape \(M, D\) .* \(3,\)"),
        (np.ones((2, 3, 3)), np.ones((0, 3)), {}, r"M, D >= 1, got shape \(0, 3\)"),
        (np.ones((2, 3, 3)), np.ones((2, 3)), {}, "teacher must have linearly independent rows, got rank 1"),
        (np.ones((2, 3, 3)), np.eye(4), {}, "same D"),
        (np.ones((2, 3, 3)), np.full((3, 3), np.nan), {}, "teacher must be finite"),
        (np.ones((2, 3, 3)), np.zeros((1, 3)), {}, "independent rows, got rank 0 of 1"),
        (np.ones((2, 3, 3)), np.eye(3), {"step": 0.0}, "step must be positive"),
        (np.ones((2, 3, 3)), np.eye(3), {"tolerance": -1.0}, "tolerance must be positive"),
        (np.ones((2, 3, 3)), np.eye(3), {"maximum_steps": 0}, "maximum_steps must be positive"),
        (np.ones((2, 3, 3)), np.eye(3), {"spurious_tolerance": np.nan}, "spurious_tolerance must be"),
        (
            np.ones((2, 3, 3)),
            np.eye(3),
            {"spurious_tolerance": 1e-9, "spurious_loss": 0.0},
            "spurious_loss must be positive",
        ),
        (np.ones((2, 2, 3)), np.eye(3), {"spurious_tolerance": 1e-9}, "students: given 2 for 3 teachers"),
    ],
)
def test_bad_arguments_are_named(weights, teacher, options, message):
    with pytest.raises(ValueError, match=message):
        descend(weights, teacher, **options)
