"""Gradient flow of two-layer linear networks: what it conserves, where it ends, and against another integrator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from companion.compute.seeds import generator
from companion.theory.deep_linear import (
    final_weights,
    gradient_flow,
    imbalance,
    map_loss,
    mode_contributions,
    small_start_modes,
)
from companion.theory.scalar_linear import final_contributions

TARGET = np.array([[1.5, 0.2, -0.4], [0.1, -0.8, 0.3]])


def drawn(name, count, neurons, target=TARGET, size=0.5):
    noise = generator(0, "deep linear", name)
    outputs, inputs = np.shape(target)
    return (
        size * noise.standard_normal((count, neurons, inputs)),
        size * noise.standard_normal((count, outputs, neurons)),
    )


def other_integrator(first, second, time, rates):
    """Weights of one network by an adaptive method of high order."""
    shapes = first.shape, second.shape

    def velocity(_, flat):
        w, h = flat[: first.size].reshape(shapes[0]), flat[first.size :].reshape(shapes[1])
        residual = TARGET - h @ w
        return np.concatenate([rates[0] * (h.T @ residual).ravel(), rates[1] * (residual @ w.T).ravel()])

    flat = np.concatenate([first.ravel(), second.ravel()])
    end = solve_ivp(velocity, (0, time), flat, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    return end[: first.size].reshape(shapes[0]), end[first.size :].reshape(shapes[1])


@pytest.mark.parametrize("rates", [(1.0, 1.0), (0.3, 2.0)])
@pytest.mark.parametrize("neurons", [1, 4])
def test_the_flow_is_that_of_another_integrator(rates, neurons):
    first, second = drawn("flow", 3, neurons)
    options = {"first_rate": rates[0], "second_rate": rates[1]}
    w, h = gradient_flow(first, second, TARGET, [0.0, 1.0, 1.0, 3.0], step=0.01, **options)
    assert w.shape == (3, 4, neurons, 3)
    assert h.shape == (3, 4, 2, neurons)
    np.testing.assert_array_equal(w[:, 0], first)
    np.testing.assert_array_equal(w[:, 1], w[:, 2])
    for network in range(3):
        for place, moment in ((1, 1.0), (3, 3.0)):
            wanted = other_integrator(first[network], second[network], moment, rates)
            np.testing.assert_allclose(w[network, place], wanted[0], atol=1e-8)
            np.testing.assert_allclose(h[network, place], wanted[1], atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.2, 3), st.floats(0.2, 3), st.integers(1, 4), st.integers(0, 10**6))
def test_imbalance_is_conserved_and_loss_falls(first_rate, second_rate, neurons, seed):
    noise = generator(seed, "conserved")
    first, second = 0.5 * noise.standard_normal((neurons, 3)), 0.5 * noise.standard_normal((2, neurons))
    rates = {"first_rate": first_rate, "second_rate": second_rate}
    w, h = gradient_flow(first, second, TARGET, np.linspace(0, 2, 5), step=0.005, **rates)
    kept = imbalance(w, h, **rates)
    np.testing.assert_allclose(kept, np.broadcast_to(kept[0], kept.shape), atol=1e-6)
    assert (np.diff(map_loss(h @ w, TARGET)) < 1e-12).all()


def test_imbalance_by_hand():
    first, second = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[3.0, 1.0]])
    np.testing.assert_allclose(imbalance(first, second), [[5 - 9, 2 - 3], [2 - 3, 1 - 1]])
    weighted = imbalance(first, second, first_rate=2.0, second_rate=0.5)
    np.testing.assert_allclose(weighted, [[2.5 - 18, 1 - 6], [1 - 6, 0.5 - 2]])


def test_neurons_may_be_rotated():
    first, second = drawn("rotated", 4, 3)
    rotation = np.linalg.qr(generator(1, "rotation").standard_normal((3, 3)))[0]
    plain = gradient_flow(first, second, TARGET, [2.0])
    turned = gradient_flow(rotation @ first, second @ rotation.T, TARGET, [2.0])
    np.testing.assert_allclose(turned[0], rotation @ plain[0], atol=1e-12)
    np.testing.assert_allclose(turned[1] @ turned[0], plain[1] @ plain[0], atol=1e-12)


def test_leading_axes_are_free():
    first, second = drawn("axes", 6, 2)
    flat = gradient_flow(first, second, TARGET, [0.5, 1.0])
    folded = gradient_flow(
        first.reshape(2, 3, 2, 3), second.reshape(2, 3, 2, 2), np.stack([TARGET] * 3), [0.5, 1.0]
    )
    for plain, shaped in zip(flat, folded, strict=True):
        np.testing.assert_array_equal(shaped.reshape(plain.shape), plain)
    empty = gradient_flow(first, second, TARGET, [])
    assert [part.shape for part in empty] == [(6, 0, 2, 3), (6, 0, 2, 2)]


def test_training_ends_where_the_flow_goes():
    first, second = drawn("end", 20, 3)
    w, h = final_weights(first, second, TARGET, step=0.05)
    long_w, long_h = gradient_flow(first, second, TARGET, [60.0], step=0.02)
    np.testing.assert_allclose(h @ w, np.broadcast_to(TARGET, (20, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(w, long_w[:, 0], atol=1e-5)
    np.testing.assert_allclose(h, long_h[:, 0], atol=1e-5)


def test_each_start_has_its_own_steps():
    first, second = drawn("own", 8, 2)
    sizes = np.geomspace(1e-3, 10, 8)[:, None, None]
    together = final_weights(sizes * first, sizes * second, TARGET)
    np.testing.assert_allclose(map_loss(together[1] @ together[0], TARGET), 0, atol=1e-10)
    alone = final_weights(sizes[5:6] * first[5:6], sizes[5:6] * second[5:6], TARGET)
    np.testing.assert_allclose(together[0][5], alone[0][0], rtol=1e-10)


def test_layer_rates_move_the_end_as_in_the_closed_form():
    first, second = drawn("rates", 5, 3, np.ones((1, 1)))
    rates = {"first_rate": 0.4, "second_rate": 1.7}
    w, h = final_weights(first, second, [[0.8]], step=0.05, **rates)
    found = w[..., 0] * h[:, 0]
    np.testing.assert_allclose(
        found, final_contributions(first[..., 0], second[:, 0], 0.8, **rates), atol=1e-7
    )


def test_modes_of_an_aligned_network():
    left = np.linalg.qr(generator(2, "left").standard_normal((4, 4)))[0][:, :2]
    right = np.linalg.qr(generator(2, "right").standard_normal((3, 3)))[0][:, :2]
    target = (left * [3.0, 0.5]) @ right.T
    first, second = np.diag([1.0, 0.5]) @ right.T, left @ np.diag([3.0, 1.0])
    found = mode_contributions(first, second, target)
    np.testing.assert_allclose(found, [[3, 0, 0], [0, 0.5, 0]], atol=1e-14)
    swapped = mode_contributions(-first[::-1], -second[:, ::-1], target)
    np.testing.assert_allclose(swapped, [[0, 0.5, 0], [3, 0, 0]], atol=1e-14)


@pytest.mark.parametrize("neurons", [2, 3])
def test_vanishing_starts_follow_the_law_of_their_modes(neurons):
    target = np.diag([2.0, 1.0])
    first, second = drawn("modes", 60, neurons, target, size=1.0)
    law = small_start_modes(first, second, target)
    np.testing.assert_allclose(law.sum(axis=-2), [[2.0, 1.0]] * 60, atol=1e-12)
    off = []
    for size in (1e-2, 1e-4):
        ends = final_weights(size * first, size * second, target, step=0.3, tolerance=1e-7)
        off.append(np.median(np.abs(mode_contributions(*ends, target) - law)))
    assert off[1] < 1e-3 < off[0] < 0.05


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w, h: imbalance(w, h[..., :-1]), r"^first, second: shapes \(2, 3, 3\) and \(2, 2, 2\) given"),
        (lambda w, h: imbalance(w, h, second_rate=-1.0), "^second_rate: -1.0 given"),
        (lambda w, h: imbalance(w * np.nan, h), "^first: a weight that is not finite"),
        (
            lambda w, h: gradient_flow(w, h, TARGET.T, [1.0]),
            r"^target: shape \(3, 2\) given; allowed is \(2, 3\)",
        ),
        (lambda w, h: gradient_flow(w, h, TARGET, [1.0, 0.5]), "^times: allowed are times that rise"),
        (lambda w, h: gradient_flow(w, h, TARGET, [-1.0]), "^times:"),
        (
            lambda w, h: gradient_flow(w, h, TARGET, [1.0], step=0),
            "^step: 0 given; allowed: a positive number",
        ),
        (lambda w, h: final_weights(w[0], h[0], TARGET), "^first, target: 2 and 2 axes"),
        (lambda w, h: final_weights(w, h, TARGET, step=1.0), "^step: 1.0 given"),
        (lambda w, h: final_weights(w, h, TARGET, tolerance=0.0), "^tolerance: 0.0 given"),
        (lambda w, h: small_start_modes(w[:, :1], h[..., :1], TARGET), "^first: 1 neurons given; .* 2$"),
    ],
)
def test_errors_name_the_parameter(call, message):
    with pytest.raises(ValueError, match=message):
        call(*drawn("errors", 2, 3))


def test_starts_that_blow_up_are_named():
    first, second = drawn("blow up", 3, 2)
    first[1] *= 100
    with pytest.raises(ArithmeticError, match=r"starts \[1\] blow up"):
        gradient_flow(first, second, TARGET, [10.0], step=0.1)


def test_starts_that_do_not_end_are_named(monkeypatch):
    monkeypatch.setattr("companion.theory.deep_linear._LARGEST_STEPS", 3)
    first, second = drawn("slow", 2, 2)
    with pytest.raises(ArithmeticError, match=r"starts \[0, 1\] did not converge in 3 steps"):
        final_weights(first, second, TARGET)
