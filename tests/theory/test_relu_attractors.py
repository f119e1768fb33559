"""Linearisation at critical points, first-order shift and stationary states of one-pass learning."""

import numpy as np
import pytest

from companion.theory.relu_attractors import (
    NoAttractorError,
    flow_jacobian,
    linearisation_spectrum,
    lyapunov_shift,
    stationary_state,
)
from companion.theory.relu_flow import flow_derivative, solve_flow
from companion.theory.relu_landscape import (
    child_family,
    family,
    hessian,
    loss_gradient,
    overlaps,
    population_loss,
    transverse_matrix,
)
from companion.theory.relu_overlaps import embedded


def _rotated(W, V, seed):
    """The same networks with a teacher that is not orthonormal in a rotated, larger space."""
    dimension = W.shape[1] + 3
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((dimension, dimension)))[0]
    return [np.pad(rows, ((0, 0), (0, 3))) @ rotation for rows in (W, V)]


def _minimum(W, V):
    for _ in range(4000):
        W = W - 0.3 * loss_gradient(W, V)
    for _ in range(5):
        W = W - np.linalg.solve(hessian(W, V), loss_gradient(W, V).ravel()).reshape(W.shape)
    return W


def test_jacobian_agrees_with_differences():
    rng = np.random.default_rng(0)
    Q, R, T = overlaps(rng.standard_normal((4, 9)), rng.standard_normal((3, 9)))
    upper = np.triu_indices(4)
    jacobian = flow_jacobian(Q, R, T, 0.4)
    h = 1e-6
    for column in range(12 + 10):
        step = np.zeros(22)
        step[column] = h
        dQ = np.zeros((4, 4))
        dQ[upper] = step[12:]
        dQ = dQ + np.triu(dQ, 1).T
        dR = step[:12].reshape(4, 3)
        (up_Q, up_R), (down_Q, down_R) = (
            flow_derivative(Q + s * dQ, R + s * dR, T, 0.4) for s in (1.0, -1.0)
        )
        difference = np.concatenate([(up_R - down_R).ravel(), (up_Q - down_Q)[upper]]) / (2 * h)
        np.testing.assert_allclose(jacobian[:, column], difference, atol=1e-8)


@pytest.mark.parametrize(
    ("critical_point", "repelling"),
    [
        (family("I", 1, 5), 3),
        (family("I", 1, 6), 0),
        (family("II", 6, 6), 0),
        (family("II", 5, 5), None),
        (family("I", 2, 7), None),
        (family("I", 1, 10), 0),
        (child_family(7, 19), None),
    ],
    ids=lambda value: f"{value.name} K={value.students}" if hasattr(value, "name") else None,
)
def test_linearisation_theorem(critical_point, repelling):
    W = critical_point.weights
    V = np.eye(len(W))
    predicted = linearisation_spectrum(W, V, 0.3)
    measured = np.linalg.eigvals(flow_jacobian(*overlaps(W, V), 0.3))
    assert np.abs(measured.imag).max() < 1e-8
    np.testing.assert_allclose(np.sort(measured.real), predicted, rtol=0, atol=1e-8)
    assert (predicted.max() < 0) == critical_point.is_minimum
    if repelling is not None:
        assert np.count_nonzero(predicted > 0) == repelling
    assert predicted.max() / 0.3 == pytest.approx(-critical_point.hessian_min, abs=1e-10)


@pytest.mark.parametrize(("students", "teachers"), [(2, 4), (4, 5), (8, 7)])
def test_linearisation_theorem_for_other_numbers_of_units(students, teachers):
    rng = np.random.default_rng(3)
    V = np.eye(teachers)
    if students < teachers:
        V = V + 0.2 * rng.standard_normal(V.shape)
        start = rng.standard_normal((students, teachers))
    else:  # split the flipped unit of I(1)
        W = family("I", 1, 7).weights
        start = np.vstack([W, W[-1:] / 2 + 1e-2 * rng.standard_normal((1, 7))])
        start[6] /= 2
    W = _minimum(start, V)
    assert population_loss(W, V) > 1e-3
    predicted = linearisation_spectrum(W, V, 0.3)
    measured = np.linalg.eigvals(flow_jacobian(*overlaps(W, V), 0.3))
    np.testing.assert_allclose(np.sort(measured.real), predicted, rtol=0, atol=1e-8)
    assert predicted.max() < 0


def test_linearisation_does_not_depend_on_the_axes():
    W, V = family("I", 1, 6).weights, np.eye(6)
    moved = linearisation_spectrum(*_rotated(W, V, 0), 0.3)
    np.testing.assert_allclose(moved, linearisation_spectrum(W, V, 0.3), atol=1e-12)


def test_first_order_shift_at_seven_units():
    minimum = family("I", 1, 7)
    shift = lyapunov_shift(minimum)
    assert shift.loss_slope == pytest.approx(0.038744, abs=5e-7)
    assert shift.transverse_slope == pytest.approx(0.184457, abs=5e-7)
    A = transverse_matrix(minimum.weights, np.eye(7))
    np.testing.assert_allclose(A @ shift.transverse + shift.transverse @ A, shift.noise, atol=1e-14)
    assert np.linalg.eigvalsh(shift.transverse)[0] > 0


@pytest.mark.parametrize(
    ("learning_rate", "loss", "trace"),
    # Found by integration over long times, which at 0.2 stops 7e-5 short of the end.
    [(0.05, 0.025352, 0.01015), (0.1, 0.028032, 0.02262), (0.2, 0.036039, 0.05916), (0.3, 0.05199, 0.1307)],
)
def test_stationary_states_at_seven_units(learning_rate, loss, trace):
    state = stationary_state(family("I", 1, 7), learning_rate)
    assert state.loss == pytest.approx(loss, rel=1e-4)
    assert state.transverse_trace == pytest.approx(trace, rel=5e-4)
    assert state.stable
    dQ, dR = flow_derivative(state.Q, state.R, np.eye(7), learning_rate, "exact")
    assert max(np.abs(dQ).max(), np.abs(dR).max()) < 1e-11


def test_slopes_extrapolate_to_the_first_order():
    minimum = family("I", 1, 7)
    shift = lyapunov_shift(minimum)
    rates = np.array([0.02, 0.05, 0.1])
    states = [stationary_state(minimum, rate) for rate in rates]
    loss = np.polyfit(rates, [(each.loss - minimum.loss) / each.learning_rate for each in states], 2)
    trace = np.polyfit(rates, [each.transverse_trace / each.learning_rate for each in states], 2)
    assert loss[-1] == pytest.approx(shift.loss_slope, rel=2e-3)
    assert trace[-1] == pytest.approx(shift.transverse_slope, rel=2e-3)


def test_large_steps_leave_the_first_order_and_then_the_minimum():
    minimum = family("I", 1, 7)
    shift = lyapunov_shift(minimum)
    state = stationary_state(minimum, 0.3)
    assert (state.loss - minimum.loss) / 0.3 > 2 * shift.loss_slope
    with pytest.raises(NoAttractorError, match=r"I\(1\) was followed to 0\.4"):
        stationary_state(minimum, 0.6)


def test_the_flow_returns_to_the_stationary_state():
    minimum = family("I", 1, 6)
    state = stationary_state(minimum, 0.15, label_noise=0.01)
    assert state.stable
    times = np.array([0.0, 150.0, 300.0])
    W, _ = embedded(state.Q, state.R, np.eye(6), 12)
    W = W + 0.003 * np.random.default_rng(0).standard_normal(W.shape)
    flow = solve_flow(*overlaps(W, np.eye(6, 12)), times, 0.15, "exact", 0.01)
    distance = np.abs(flow.R[0] - state.R).max(axis=(1, 2))
    slowest = np.exp(state.rates[0].real * 150.0)
    assert distance[2] < 1.2 * slowest * distance[1] < 1.5 * slowest * distance[0]
    assert state.loss > stationary_state(minimum, 0.15).loss


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lyapunov_shift(family("I", 1, 5)), r"minimum: I\(1\) with blocks \(4, 1\) is a saddle"),
        (lambda: stationary_state(family("I", 1, 5), 0.1), "is a saddle"),
        (lambda: stationary_state(family("I", 1, 6), 0.0), "learning_rate must be positive"),
        (lambda: stationary_state(family("I", 1, 6), 0.1, -1.0), "label_noise"),
        (lambda: linearisation_spectrum(np.eye(3) + 0.1, np.eye(3), 0.1), "W must be a critical point"),
        (lambda: linearisation_spectrum(np.eye(2), np.eye(2), -1.0), "learning_rate must be positive"),
        (lambda: linearisation_spectrum([[2.0]], [[1.0], [1.0]], 1.0), "V must have independent rows"),
        (lambda: flow_jacobian(np.eye(2), np.eye(2), np.eye(2), 0.1), "student 0 is parallel to unit 2"),
        (lambda: flow_jacobian(np.eye(2), np.zeros((2, 2)), np.ones((2, 2)), 0.1), "T must be positive"),
    ],
)
def test_bad_inputs_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
