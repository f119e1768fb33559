"""The closed form of balanced linear networks against integration, at late times, and its symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compute.seeds import generator
from companion.theory.balanced_linear import balanced_solution, balanced_start, network_map
from companion.theory.deep_linear import gradient_flow, imbalance, map_loss

SHAPE = (4, 3, 5)
IMBALANCES = np.array([-1.0, 0.0, 1.0, 5.0])


def task(values, shape=SHAPE, name="task"):
    """A target (P, D) with these singular values in drawn directions."""
    noise = generator(0, name)
    left, right = (np.linalg.qr(noise.standard_normal((n, n)))[0] for n in (shape[0], shape[2]))
    return (left[:, : len(values)] * np.array(values)) @ right[:, : len(values)].T


def gram(first, second):
    stacked = np.concatenate([np.swapaxes(first, -1, -2), second], axis=-2)
    return stacked @ np.swapaxes(stacked, -1, -2)


def test_starts_are_balanced():
    first, second = balanced_start(IMBALANCES, 0.1, SHAPE, generator(0, "start"))
    wanted = IMBALANCES[:, None, None] * np.eye(3)
    np.testing.assert_allclose(imbalance(first, second), wanted, atol=1e-14)
    sizes = np.linalg.svd(second @ first, compute_uv=False)
    np.testing.assert_allclose(sizes, [[0.1, 0.1, 0.1, 0.0]] * 4, atol=1e-15)


@pytest.mark.parametrize(
    ("common", "shape"),
    [(2.0, (2, 4, 5)), (-2.0, (5, 4, 2)), (0.0, (2, 4, 3)), (-1.0, (4, 4, 3)), (1.0, (1, 1, 1))],
)
def test_starts_of_any_shape(common, shape):
    first, second = balanced_start(common, 0.3, shape, generator(0, "shape"))
    assert first.shape == shape[1:]
    assert second.shape == shape[:2]
    np.testing.assert_allclose(imbalance(first, second), common * np.eye(shape[1]), atol=1e-14)
    np.testing.assert_allclose(np.linalg.svd(second @ first, compute_uv=False)[: min(shape)], 0.3, atol=1e-15)


def test_the_closed_form_is_the_flow():
    target, times = task([3.0, 2.0, 1.0]), np.linspace(0, 2, 11)
    start = balanced_start(IMBALANCES, 0.1, SHAPE, generator(0, "oracle"))
    found = balanced_solution(*start, target, times)
    assert found.shape == (4, 11, 9, 9)
    wanted = gram(*gradient_flow(*start, target, times, step=1e-3))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
    np.testing.assert_allclose(network_map(found, 5)[:, 0], start[1] @ start[0], atol=1e-14)


@settings(max_examples=15, deadline=None)
@given(
    st.floats(-3, 3),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from([(1.0, 1.0), (0.4, 1.5)]),
    st.integers(0, 10**6),
)
def test_any_task_shape_and_rates(common, shape, rates, seed):
    outputs, neurons, inputs = shape
    if neurons > (inputs if common > 0 else outputs):
        return
    noise = generator(seed, "any")
    first, second = balanced_start(common, 0.4, shape, noise)
    first, second = np.sqrt(rates[0]) * first, np.sqrt(rates[1]) * second
    target, options = (
        noise.standard_normal((outputs, inputs)),
        {"first_rate": rates[0], "second_rate": rates[1]},
    )
    found = balanced_solution(first, second, target, [0.7, 1.5], **options)
    wanted = gram(*gradient_flow(first, second, target, [0.7, 1.5], step=0.005, **options))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-7)


def test_neurons_may_be_rotated_and_layers_exchanged():
    target, times = task([2.0, 1.0]), [0.5, 2.0]
    first, second = balanced_start(1.0, 0.2, SHAPE, generator(0, "symmetry"))
    rotation = np.linalg.qr(generator(1, "symmetry").standard_normal((3, 3)))[0]
    found = balanced_solution(first, second, target, times)
    turned = balanced_solution(rotation @ first, second @ rotation.T, target, times)
    np.testing.assert_allclose(turned, found, atol=1e-12)
    exchanged = balanced_solution(second.T, first.T, target.T, times)
    order = np.r_[5:9, 0:5]
    np.testing.assert_allclose(exchanged, found[:, order][:, :, order], atol=1e-12)


def test_late_times_are_reached_without_overflow():
    target = task([3.0, 2.0, 1.0])
    start = balanced_start([-5.0, 0.0, 5.0], 0.1, SHAPE, generator(0, "late"))
    loss = map_loss(network_map(balanced_solution(*start, target, [200.0, 1e4]), 5), target)
    np.testing.assert_allclose(loss, 0, atol=1e-25)


def test_slow_modes_survive_behind_fast_ones():
    # e^{2 (3 - 0.2) t} is 1e24 at t = 10, where the textbook form has lost the slow mode.
    target = np.diag([3.0, 0.2])
    first = 1e-3 * np.array([[0.8, 0.6], [-0.6, 0.8]])
    found = network_map(balanced_solution(first, first.T, target, [10.0]), 2)[0]
    w, h = gradient_flow(first, first.T, target, [10.0], step=0.01)
    np.testing.assert_allclose(found, (h @ w)[0], rtol=1e-5, atol=1e-12)
    assert 1e-6 < found[1, 1] < 1e-3


def test_a_mode_that_the_start_lacks_never_comes():
    target = task([3.0, 2.0, 1.0])
    left, _, right = np.linalg.svd(target)
    first, second = 0.1 * right[1:3], 0.1 * left[:, 1:3]
    loss = map_loss(network_map(balanced_solution(first, second, target, [20.0, 500.0]), 5), target)
    np.testing.assert_allclose(loss, 4.5, atol=1e-12)


def test_zero_rates_are_no_special_case():
    # Without a task and at λ = 0 every eigenvalue of F is zero and weights decay as 1/t.
    first, second = balanced_start(0.0, 0.5, (2, 2, 2), generator(0, "zero"))
    found = network_map(balanced_solution(first, second, np.zeros((2, 2)), [0.0, 3.0]), 2)
    np.testing.assert_allclose(found[1], found[0] / (1 + 3.0), atol=1e-15)


@pytest.mark.parametrize(
    ("common", "shape", "size", "message"),
    [
        (1.0, (5, 4, 3), 0.1, "^common: 1 given for K = 4 .* inputs D = 3$"),
        ([1.0, -1.0], (3, 4, 5), 0.1, "^common: -1 given for K = 4 .* outputs P = 3$"),
        (np.nan, SHAPE, 0.1, "^common:"),
        (1.0, SHAPE, -0.1, "^size: -0.1 given; allowed"),
        (1.0, (0, 1, 1), 0.1, r"^shape: \(0, 1, 1\) given"),
    ],
)
def test_impossible_starts(common, shape, size, message):
    with pytest.raises(ValueError, match=message):
        balanced_start(common, size, shape, generator(0, "impossible"))


def test_other_starts_are_refused():
    first, second = balanced_start([0.0, 1.0], 0.1, SHAPE, generator(0, "refused"))
    first[1, 0] *= 1.001
    with pytest.raises(ValueError, match=r"^first, second: start 1 differs from balance by"):
        balanced_solution(first, second, task([1.0]), [1.0])
    with pytest.raises(ValueError, match=r"^target: shape"):
        balanced_solution(first, second, task([1.0]).T, [1.0])
