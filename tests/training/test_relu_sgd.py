"""One-pass learning of the weights: the plain rule, the noisy flow as its mean, names of runs, bad inputs."""

import numba
import numpy as np
import pytest

from companion.compute.seeds import generator
from companion.theory.relu_flow import solve_flow
from companion.theory.relu_landscape import overlaps, population_loss
from companion.training.relu_sgd import run_sgd


def _leaning(students, teachers, dimension, seed=0):
    W = np.random.default_rng(seed).standard_normal((students, dimension)) / np.sqrt(dimension)
    W[np.arange(students), np.arange(students) % teachers] += 0.3
    return W, np.eye(teachers, dimension)


@pytest.mark.parametrize("label_noise", [0.0, 0.25])
def test_follows_the_rule(label_noise):
    W, V = _leaning(3, 2, 7)
    ours = run_sgd(W, V, [0.0, 3 / 7, 20 / 7], 0.4, [5], seed=2, label_noise=label_noise)
    random = generator(2, "relu_sgd", 5)
    for step in range(20):
        x = random.standard_normal(7)
        target = np.maximum(V @ x, 0).sum()
        if label_noise:
            target -= np.sqrt(label_noise) * random.standard_normal()
        field = W @ x
        error = np.maximum(field, 0).sum() - target
        W = W - 0.4 / 7 * error * np.outer(field > 0, x)
        if step == 2:
            np.testing.assert_allclose(ours.Q[0, 1], W @ W.T, rtol=1e-12)
    np.testing.assert_allclose(ours.R[0, 2], W @ V.T, rtol=1e-10)
    assert ours.loss[0, 2] == pytest.approx(population_loss(W, V), rel=1e-10)


@pytest.mark.parametrize(
    ("students", "learning_rate", "end", "in_Q", "in_R", "without_noise"),
    [(3, 0.2, 60.0, 0.013, 0.016, 0.040), (2, 0.8, 30.0, 0.029, 0.020, 0.2)],
)
def test_mean_of_the_runs_is_the_noisy_flow(students, learning_rate, end, in_Q, in_R, without_noise):
    W, V = _leaning(students, 2, 1000)
    times = np.linspace(0.0, end, 31)
    runs = run_sgd(W, V, times, learning_rate, range(8), seed=0)
    noisy = solve_flow(*overlaps(W, V), times, learning_rate, "exact")
    quiet = solve_flow(*overlaps(W, V), times, learning_rate)
    assert np.abs(runs.Q.mean(axis=0) - noisy.Q[0]).max() < in_Q
    assert np.abs(runs.R.mean(axis=0) - noisy.R[0]).max() < in_R
    assert np.abs(runs.Q.mean(axis=0) - quiet.Q[0]).max() > without_noise


def test_a_run_depends_on_nothing_beside_it():
    W = np.random.default_rng(0).standard_normal((4, 3, 20)) / np.sqrt(20)
    V = np.eye(2, 20)
    rates = [0.1, 0.2, 0.3, 0.4]
    whole = run_sgd(W, V, [1.0, 5.0], rates, range(4), 0)
    alone = run_sgd(W[2], V, [1.0, 5.0], 0.3, [2], 0)
    np.testing.assert_array_equal(alone.Q[0], whole.Q[2])
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        np.testing.assert_array_equal(run_sgd(W, V, [1.0, 5.0], rates, range(4), 0).R, whole.R)
    finally:
        numba.set_num_threads(before)
    assert not np.array_equal(whole.Q[0], run_sgd(W[0], V, [1.0, 5.0], 0.1, [0], 1).Q[0])


def test_the_start_is_left_alone():
    W, V = _leaning(2, 2, 10)
    before = W.copy()
    run_sgd(W, V, [1.0], 0.5, [0], 0)
    np.testing.assert_array_equal(W, before)


def test_a_run_that_blows_up_is_visible():
    W, V = _leaning(2, 2, 10)
    assert not np.isfinite(run_sgd(W, V, [2000.0], 50.0, [0], 0).Q).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": np.ones((2, 6))}, "teacher: its Gram matrix must be positive definite"),
        ({"teacher": np.ones(6)}, "teacher must be a matrix"),
        ({"weights": np.ones((2, 5))}, r"weights must have shape \(K, 6\)"),
        ({"weights": np.full((2, 6), np.nan)}, "weights must be finite"),
        ({"weights": np.ones((2, 2, 6))}, "one start for each of 3 runs, got 2"),
        ({"learning_rate": -1.0}, "learning_rate must be positive"),
        ({"times": [np.inf]}, "times must be"),
        ({"label_noise": np.nan}, "label_noise"),
    ],
)
def test_bad_inputs_are_named(change, message):
    good = {
        "weights": np.ones((2, 6)),
        "teacher": np.eye(2, 6),
        "times": [1.0],
        "learning_rate": 0.1,
        "runs": range(3),
        "seed": 0,
    }
    with pytest.raises(ValueError, match=message):
        run_sgd(**good | change)
