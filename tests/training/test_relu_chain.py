"""The chain on the overlaps: one step by hand, the law of weight-space learning, initial overlaps, bad inputs."""

import numba
import numpy as np
import pytest
from scipy import stats

from companion.theory.relu_attractors import stationary_state
from companion.theory.relu_flow import flow_derivative, solve_flow
from companion.theory.relu_landscape import family, overlaps
from companion.theory.relu_noise import noise_matrix
from companion.theory.relu_overlaps import embedded, overlap_loss, transverse_overlaps
from companion.training.relu_chain import initial_overlaps, run_chain
from companion.training.relu_sgd import run_sgd


def _leaning(students, teachers, dimension, lean=0.3, seed=0):
    """A start off the plateau, from which fluctuations do not delay the runs."""
    W = np.random.default_rng(seed).standard_normal((students, dimension)) / np.sqrt(dimension)
    W[np.arange(students), np.arange(students) % teachers] += lean
    return W, np.eye(teachers, dimension)


@pytest.mark.parametrize("label_noise", [0.0, 0.3])
@pytest.mark.parametrize("dimension", [5, 40])
def test_mean_of_one_step_is_the_derivative_of_the_flow(dimension, label_noise):
    T = np.array([[1.0, 0.3], [0.3, 0.8]])
    Q, R = (each[0] for each in initial_overlaps(3, T, 50, [0], 1))
    runs, eta = 10_000, 0.7
    after = run_chain(Q, R, T, [1 / dimension], eta, dimension, range(runs), 0, label_noise)
    np.testing.assert_array_equal(after.times, 1 / dimension)
    dQ, dR = flow_derivative(Q, R, T, eta)
    # Δ² is of degree two in the fields: next to it |x|² weighs d + 2, next to the labels' noise d.
    N = noise_matrix(Q, R, T)
    dQ = dQ + eta**2 * (noise_matrix(Q, R, T, label_noise) + 2 / dimension * N)
    for reached, start, expected in ((after.Q, Q, dQ), (after.R, R, dR)):
        change = (reached[:, 0] - start) * dimension
        assert (np.abs(change.mean(axis=0) - expected) < 4 * change.std(axis=0) / np.sqrt(runs)).all()


def test_chain_and_weights_have_the_same_law():
    W, V = _leaning(2, 2, 200)
    times = [1.0, 4.0, 10.0]
    weights = run_sgd(W, V, times, 0.8, range(1000), seed=0)
    chain = run_chain(*overlaps(W, V), times, 0.8, 200, range(4000), seed=0)
    np.testing.assert_array_equal(chain.times[0], weights.times[0])
    for one, other in ((weights.Q, chain.Q), (weights.R, chain.R)):
        error = np.sqrt(one.var(axis=0) / len(one) + other.var(axis=0) / len(other))
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 3 * error).all()
        assert (np.abs(one.std(axis=0) / other.std(axis=0) - 1) < 0.15).all()
    assert stats.ks_2samp(weights.loss[:, 2], chain.loss[:, 2]).pvalue > 0.01


def test_chain_approaches_the_noisy_flow():
    W, V = _leaning(2, 2, 2000)
    times = np.linspace(0.0, 10.0, 11)
    chain = run_chain(*overlaps(W, V), times, 0.8, 2000, range(800), seed=1)
    noisy = solve_flow(*overlaps(W, V), times, 0.8, "exact")
    quiet = solve_flow(*overlaps(W, V), times, 0.8)
    assert np.abs(chain.Q.mean(axis=0) - noisy.Q[0]).max() < 0.005
    assert np.abs(chain.R.mean(axis=0) - noisy.R[0]).max() < 0.005
    assert np.abs(chain.Q.mean(axis=0) - quiet.Q[0]).max() > 0.2


@pytest.mark.parametrize("learning_rate", [0.1, 0.3, 0.4])
def test_chain_stays_at_the_stationary_state(learning_rate):
    state = stationary_state(family("I", 1, 7), learning_rate)
    times = np.linspace(0.0, 300.0, 61)
    runs = run_chain(state.Q, state.R, np.eye(7), times, learning_rate, 2000, range(2), seed=0)
    assert runs.loss[:, 10:].mean() == pytest.approx(state.loss, rel=0.01)
    # The slowest mode leaves few independent samples: one in two of its relaxation times.
    samples = 2 * max(1.0, -250.0 * state.rates[0].real / 2)
    error = runs.R[:, 10:].std(axis=(0, 1)) / np.sqrt(samples)
    assert (np.abs(runs.R[:, 10:].mean(axis=(0, 1)) - state.R) < 4 * error).all()


def test_chain_stays_a_matrix_of_overlaps_from_a_start_inside_the_teacher():
    W, T = np.array([[0.9, 0.2], [-0.3, 0.7], [0.1, 0.1]]), np.eye(2)
    runs = run_chain(W @ W.T, W, T, np.linspace(0, 5, 6), 0.5, 5, range(20), seed=0)
    np.testing.assert_allclose(runs.Q[:, 0], np.broadcast_to(W @ W.T, (20, 3, 3)), atol=1e-15)
    lowest = np.linalg.eigvalsh(transverse_overlaps(runs.Q.reshape(-1, 3, 3), runs.R.reshape(-1, 3, 2), T))
    assert lowest.min() > -1e-13
    assert runs.loss[3, 4] == pytest.approx(overlap_loss(runs.Q[3, 4], runs.R[3, 4], T), abs=1e-15)


def test_a_run_depends_on_nothing_beside_it():
    T = np.eye(3)
    Q, R = initial_overlaps(4, T, 100, range(6), 0)
    rates = np.linspace(0.1, 0.6, 6)
    dimensions = np.array([100, 100, 1000, 7, 50, 100])
    whole = run_chain(Q, R, T, [0.0, 0.5, 2.0], rates, dimensions, range(6), 3, 0.1)
    alone = run_chain(Q[2], R[2], T, [0.0, 0.5, 2.0], rates[2], 1000, [2], 3, 0.1)
    np.testing.assert_array_equal(alone.Q[0], whole.Q[2])
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        again = run_chain(Q, R, T, [0.0, 0.5, 2.0], rates, dimensions, range(6), 3, 0.1)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(again.loss, whole.loss)
    other = run_chain(Q[2], R[2], T, [2.0], rates[2], 1000, [2], 4, 0.1)
    assert not np.array_equal(other.Q[0, 0], whole.Q[2, 2])


@pytest.mark.parametrize("dimension", [6, 7, 60])
def test_initial_overlaps_have_the_law_of_gaussian_weights(dimension):
    half = np.array([[1.0, 0.0, 0], [0.4, 0.8, 0], [0.0, -0.3, 1.2]])
    Q, R = initial_overlaps(3, half @ half.T, dimension, range(2000), 5, scale=0.7)
    W = 0.7 * np.random.default_rng(6).standard_normal((2000, 3, dimension)) / np.sqrt(dimension)
    V = np.hstack([half, np.zeros((3, dimension - 3))])
    S = transverse_overlaps(Q, R, half @ half.T)
    direct_Q, direct_R = W @ W.swapaxes(1, 2), W @ V.T
    direct_S = transverse_overlaps(direct_Q, direct_R, half @ half.T)
    pairs = [(Q, direct_Q), (R, direct_R), (S, direct_S)]
    levels = [
        stats.ks_2samp(mine[:, i, j], theirs[:, i, j]).pvalue
        for mine, theirs in pairs
        for i in range(3)
        for j in range(3)
    ]
    levels += [
        stats.ks_2samp(*(np.linalg.det(each) for each in pair)).pvalue for pair in (pairs[0], pairs[2])
    ]
    assert min(levels) > 0.001


def test_initial_overlaps_belong_to_their_names():
    Q, R = initial_overlaps(2, np.eye(2), 10**9, range(5), 0)
    again_Q, again_R = initial_overlaps(2, np.eye(2), 10**9, [3], 0)
    np.testing.assert_array_equal((Q[3], R[3]), (again_Q[0], again_R[0]))
    np.testing.assert_allclose(Q[0], np.eye(2), atol=5e-4)
    assert 0 < np.abs(R).max() < 5e-4


def test_embedded_start_carries_over_to_weights():
    Q, R = (each[0] for each in initial_overlaps(3, np.eye(2), 50, [0], 0))
    W, V = embedded(Q, R, np.eye(2), 50)
    start = run_sgd(W, V, [0.0], 0.1, [0], 0)
    np.testing.assert_allclose(start.Q[0, 0], Q, atol=1e-14)
    np.testing.assert_allclose(start.R[0, 0], R, atol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"T": np.ones((2, 2))}, "T must be positive definite"),
        ({"R0": np.zeros((2, 3))}, "R must have shape"),
        ({"Q0": np.stack([np.eye(2)] * 2)}, "one entry for each of 3 runs, got 2"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"learning_rate": [0.1, 0.2]}, "one for each of 3"),
        ({"dimension": 3}, r"dimension must be a whole number of at least K \+ M = 4, got 3"),
        ({"dimension": 7.5}, "dimension must be a whole number"),
        ({"dimension": [10, 10, 2]}, "got 2"),
        ({"dimension": [10, 10]}, "dimension must be a number or one for each"),
        ({"times": [2.0, 1.0]}, "times must be"),
        ({"label_noise": -0.1}, "label_noise"),
    ],
)
def test_bad_inputs_are_named(change, message):
    good = {
        "Q0": np.eye(2),
        "R0": np.zeros((2, 2)),
        "T": np.eye(2),
        "times": [1.0],
        "learning_rate": 0.1,
        "dimension": 10,
        "runs": range(3),
        "seed": 0,
    }
    with pytest.raises(ValueError, match=message):
        run_chain(**good | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher_gram": np.ones((2, 2))}, "teacher_gram must be positive definite"),
        ({"dimension": 4}, "dimension must be a whole number of at least K"),
        ({"students": 0}, "students must be"),
        ({"scale": 0.0}, "scale must be positive"),
    ],
)
def test_bad_initial_overlaps_are_named(change, message):
    good = {"students": 3, "teacher_gram": np.eye(2), "dimension": 10, "initialisations": range(2), "seed": 0}
    with pytest.raises(ValueError, match=message):
        initial_overlaps(**good | change)
