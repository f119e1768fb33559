"""Flow of the overlaps: its terms, scipy's integrator, descent, batches, failures, bad inputs."""

import numba
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from companion.theory.relu_flow import flow_derivative, solve_flow
from companion.theory.relu_landscape import loss_gradient, overlaps, population_loss
from companion.theory.relu_noise import noise_matrix
from companion.theory.relu_overlaps import gradient_matrices, transverse_overlaps


def _weights(students=3, teachers=2, dimension=8, seed=0):
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((students, dimension)) / np.sqrt(dimension)
    V = np.eye(teachers, dimension) + 0.1 * rng.standard_normal((teachers, dimension))
    return W + 0.3 * V[np.arange(students) % teachers], V


def test_noise_free_rates_are_projections_of_the_gradient():
    W, V = _weights()
    dQ, dR = flow_derivative(*overlaps(W, V), 0.7)
    slope = -0.7 * loss_gradient(W, V)
    np.testing.assert_allclose(dR, slope @ V.T, atol=1e-14)
    np.testing.assert_allclose(dQ, slope @ W.T + W @ slope.T, atol=1e-14)


def test_noise_acts_on_q_only_and_only_across_the_teachers():
    Q, R, T = overlaps(*_weights())
    eta = 0.3
    dQ, dR = flow_derivative(Q, R, T, eta, "exact", 0.2)
    quiet_Q, quiet_R = flow_derivative(Q, R, T, eta, "none", 0.2)
    N = noise_matrix(Q, R, T, 0.2)
    np.testing.assert_array_equal(dR, quiet_R)
    np.testing.assert_allclose(dQ - quiet_Q, eta**2 * N, atol=1e-15)
    A, _ = gradient_matrices(Q, R, T)
    S = transverse_overlaps(Q, R, T)
    inside = np.linalg.solve(T, R.T)
    dS = dQ - dR @ inside - inside.T @ dR.T
    np.testing.assert_allclose(dS, -eta * (A @ S + S @ A) + eta**2 * N, atol=1e-14)


@pytest.mark.parametrize("noise", ["none", "exact"])
def test_trajectories_agree_with_scipy(noise):
    Q0, R0, T = overlaps(*_weights())
    times = np.array([0.0, 0.5, 3.0, 20.0])

    def rates(_, state):
        Q, R = state[:9].reshape(3, 3), state[9:].reshape(3, 2)
        return np.concatenate([each.ravel() for each in flow_derivative(Q, R, T, 0.4, noise, 0.1)])

    start = np.concatenate([Q0.ravel(), R0.ravel()])
    reference = solve_ivp(rates, (0, 20), start, "DOP853", times, rtol=1e-10, atol=1e-12)
    flow = solve_flow(Q0, R0, T, times, 0.4, noise, 0.1)
    assert flow.complete.all()
    ours = np.hstack([flow.Q[0].reshape(4, 9), flow.R[0].reshape(4, 6)])
    np.testing.assert_allclose(ours, reference.y.T, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(flow.Q[0, 0], Q0)
    np.testing.assert_array_equal(flow.Q, np.swapaxes(flow.Q, 2, 3))


def test_small_descent_steps_follow_the_noise_free_flow():
    W, V = _weights()
    step, steps = 1e-3, 4000
    flow = solve_flow(*overlaps(W, V), [step * steps / 0.5], 0.5)
    for _ in range(steps):
        W = W - step * loss_gradient(W, V)
    Q, R, _ = overlaps(W, V)
    np.testing.assert_allclose(flow.Q[0, 0], Q, atol=1e-3)
    np.testing.assert_allclose(flow.R[0, 0], R, atol=1e-3)
    assert flow.loss[0, 0] == pytest.approx(population_loss(W, V), abs=1e-4)


def test_quasi_monte_carlo_noise_follows_the_exact_one():
    these = overlaps(*_weights())
    times = np.linspace(0, 30, 7)
    exact = solve_flow(*these, times, 0.4, "exact", 0.1)
    near = solve_flow(*these, times, 0.4, "quasi_monte_carlo", 0.1, points=2**12)
    quiet = solve_flow(*these, times, 0.4)
    error = np.abs(near.Q - exact.Q).max()
    assert 0 < error < 0.05 * np.abs(quiet.Q - exact.Q).max()


def test_a_condition_depends_on_nothing_beside_it():
    starts = [overlaps(*_weights(seed=seed)) for seed in range(5)]
    T = np.eye(2)
    Q0, R0 = (np.stack([start[part] for start in starts]) for part in (0, 1))
    R0 = 0.5 * R0
    rates = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    times = [1.0, 4.0]
    whole = solve_flow(Q0, R0, T, times, rates, "exact")
    before = numba.get_num_threads()
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            again = solve_flow(Q0, R0, T, times, rates, "exact")
            np.testing.assert_array_equal(again.Q, whole.Q)
    finally:
        numba.set_num_threads(before)
    alone = solve_flow(Q0[3], R0[3], T, times, 0.4, "exact")
    np.testing.assert_array_equal(alone.R[0], whole.R[3])
    np.testing.assert_array_equal(alone.loss[0], whole.loss[3])
    shared = solve_flow(Q0[3], R0[3], T, times, rates, "exact")
    np.testing.assert_array_equal(shared.Q[3], whole.Q[3])


def test_conditions_that_fail_say_so_and_spare_the_others():
    these = overlaps(*_weights())
    flow = solve_flow(*these, [1.0, 50.0, 500.0], [0.2, 6.0], "exact", maximum_steps=3000)
    assert flow.complete.tolist() == [True, False]
    assert np.isfinite(flow.loss[0]).all()
    assert np.isnan(flow.loss[1, -1])
    short = solve_flow(*these, [0.0, 1e4], 0.2, maximum_steps=3)
    assert not short.complete[0]
    assert np.isfinite(short.loss[0, 0]) and np.isnan(short.loss[0, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"T": np.ones((2, 2))}, "T must be positive definite"),
        ({"Q0": np.eye(2)}, "R must have shape"),
        ({"R0": 9 * np.ones((3, 2))}, "no overlaps"),
        ({"Q0": np.eye(3)[0]}, "Q must be a matrix or a stack"),
        ({"Q0": np.stack([np.eye(3)] * 2), "R0": np.zeros((3, 3, 2))}, "same number of conditions"),
        ({"times": [1.0, 0.5]}, "times must be"),
        ({"times": []}, "times must be"),
        ({"times": [-1.0]}, "times must be"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"learning_rate": -0.1}, "learning_rate must be positive"),
        ({"learning_rate": np.inf}, "learning_rate must be positive"),
        ({"learning_rate": [[0.1]]}, "learning_rate must be a number"),
        ({"learning_rate": [0.1, 0.2], "Q0": np.stack([np.eye(3)] * 3)}, "one for each of 3"),
        ({"noise": "some"}, "noise must be one of 'none', 'exact', 'quasi_monte_carlo', got 'some'"),
        ({"noise": "quasi_monte_carlo", "points": 3}, "points must be a power of two"),
        ({"label_noise": -1.0}, "label_noise"),
        ({"tolerance": 0.0}, "tolerance must be positive"),
        ({"maximum_steps": 0}, "maximum_steps must be positive"),
    ],
)
def test_bad_inputs_are_named(change, message):
    good = {"Q0": np.eye(3), "R0": np.zeros((3, 2)), "T": np.eye(2), "times": [1.0], "learning_rate": 0.1}
    with pytest.raises(ValueError, match=message):
        solve_flow(**good | change)
