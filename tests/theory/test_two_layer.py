"""Activations and second layers: closed forms against autograd, sampling and exact identities."""

import numpy as np
import pytest
import torch

from companion.theory.relu_landscape import loss_gradient, population_loss
from companion.theory.two_layer import field_covariance, two_layer_gradient, two_layer_loss

_ACTIVATIONS = [("relu", 0.0), ("leaky_relu", 0.2), ("leaky_relu", -0.7), ("erf", 0.0)]


def _field(z, activation, slope):
    if activation == "erf":
        return torch.erf(z / 2**0.5)
    return torch.clamp(z, min=0) + slope * torch.clamp(z, max=0)


def _torch_covariance(a2, b2, g, activation, slope):
    """The textbook forms, kept apart from the package's arrangement of the terms."""
    if activation == "erf":
        return 2 / torch.pi * torch.arcsin(g / torch.sqrt((1 + a2) * (1 + b2)))
    s = torch.sqrt(a2 * b2 - g**2)
    theta = torch.atan2(s, g)
    plain = (s + (torch.pi - theta) * g) / (2 * torch.pi)
    return (1 + slope**2) * plain - 2 * slope * (s - theta * g) / (2 * torch.pi)


def _torch_loss(W, a, V, activation, slope):
    rows, c = torch.cat([W, V]), torch.cat([a, -torch.ones(len(V)).double()])
    gram = rows @ rows.T
    norms = torch.diagonal(gram)
    other = ~torch.eye(len(rows), dtype=torch.bool)
    n = norms.expand(len(rows), -1)
    pairs = _torch_covariance(n.T[other], n[other], gram[other], activation, slope)
    if activation == "erf":
        own = _torch_covariance(norms, norms, norms, activation, slope)
    else:
        own = (1 + slope**2) / 2 * norms
    return 0.5 * ((torch.outer(c, c)[other] * pairs).sum() + (c**2 * own).sum())


def _problem(students, teachers, dimension, seed):
    rng = np.random.default_rng(seed)
    W, V = rng.standard_normal((students, dimension)), rng.standard_normal((teachers, dimension))
    return W, rng.standard_normal(students), V


@pytest.mark.parametrize(("activation", "slope"), _ACTIVATIONS, ids=str)
def test_field_covariance_agrees_with_sampling_and_autograd(activation, slope):
    rng = np.random.default_rng(1)
    samples = torch.tensor(rng.standard_normal((3, 400_000)))
    for seed in range(4):
        a, b = torch.tensor(np.random.default_rng(seed).standard_normal((2, 3)))
        overlaps = [
            torch.tensor(float(x), dtype=torch.float64, requires_grad=True) for x in (a @ a, b @ b, a @ b)
        ]
        expected = _torch_covariance(*overlaps, activation, slope)
        by_a, _, by_g = torch.autograd.grad(expected, overlaps)
        found = field_covariance(float(a @ a), float(b @ b), float(a @ b), activation, slope)
        np.testing.assert_allclose(found, [expected.item(), by_g, by_a], rtol=0, atol=1e-12)
        products = _field(a @ samples, activation, slope) * _field(b @ samples, activation, slope)
        error = products.std() / samples.shape[1] ** 0.5
        assert abs(products.mean() - found[0]) < 4 * error


@pytest.mark.parametrize(("activation", "slope"), _ACTIVATIONS, ids=str)
def test_loss_and_gradients_agree_with_autograd(activation, slope):
    for seed, shape in enumerate([(1, 1, 2), (4, 3, 5), (3, 6, 4), (7, 2, 9)]):
        W, a, V = _problem(*shape, seed)
        student, factors = torch.tensor(W, requires_grad=True), torch.tensor(a, requires_grad=True)
        loss = _torch_loss(student, factors, torch.tensor(V), activation, slope)
        by_student, by_factors = torch.autograd.grad(loss, (student, factors))
        assert two_layer_loss(W, a, V, activation, slope) == pytest.approx(loss.item(), abs=1e-12)
        found = two_layer_gradient(W, a, V, activation, slope)
        np.testing.assert_allclose(found[0], by_student, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found[1], by_factors, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("activation", "slope"), _ACTIVATIONS, ids=str)
def test_loss_agrees_with_sampling(activation, slope):
    W, a, V = _problem(3, 2, 4, 5)
    x = torch.tensor(np.random.default_rng(2).standard_normal((4, 400_000)))
    student = torch.tensor(a) @ _field(torch.tensor(W) @ x, activation, slope)
    squares = 0.5 * (student - _field(torch.tensor(V) @ x, activation, slope).sum(dim=0)) ** 2
    error = float(squares.std()) / x.shape[1] ** 0.5
    assert abs(float(squares.mean()) - two_layer_loss(W, a, V, activation, slope)) < 4 * error


def test_a_second_layer_of_ones_is_the_plain_landscape():
    W, _, V = _problem(4, 3, 6, 7)
    ones = np.ones(4)
    assert two_layer_loss(W, ones, V) == population_loss(W, V)
    np.testing.assert_allclose(two_layer_gradient(W, ones, V)[0], loss_gradient(W, V), rtol=0, atol=1e-13)
    assert two_layer_loss(W, ones, V, "leaky_relu", 0.0) == population_loss(W, V)
    mean = W.sum(axis=0) - V.sum(axis=0)  # slope 1: a linear network
    assert two_layer_loss(W, ones, V, "leaky_relu", 1.0) == pytest.approx(mean @ mean / 2)


def test_scale_can_move_between_the_layers():
    W, a, V = _problem(4, 3, 6, 8)
    scale = np.array([0.1, 1.0, 2.0, 30.0])
    moved = two_layer_loss(scale[:, None] * W, a / scale, V, "leaky_relu", 0.3)
    assert moved == pytest.approx(two_layer_loss(W, a, V, "leaky_relu", 0.3), rel=1e-12)
    by_student, by_factors = two_layer_gradient(W, a, V, "leaky_relu", 0.3)
    # d/dt (a² - |w|²) = 0 along the flow
    np.testing.assert_allclose(a * by_factors, (W * by_student).sum(axis=1), rtol=0, atol=1e-12)


def test_the_loss_of_a_solved_task_is_zero_to_rounding():
    V = np.random.default_rng(0).standard_normal((5, 7))
    halves, factors = np.vstack([V, 2 * V]), np.repeat([0.5, 0.25], 5)
    for activation, slope in _ACTIVATIONS[:3]:
        assert two_layer_loss(halves, factors, V, activation, slope) < 1e-28
        assert np.abs(two_layer_gradient(halves, factors, V, activation, slope)[0]).max() < 1e-14
    assert two_layer_loss(V, np.ones(5), V, "erf") < 1e-14


def test_error_function_units_may_be_silent():
    W, a, V = np.zeros((1, 2)), [0.5], np.array([[1.0, 2.0]])
    by_student, by_factors = two_layer_gradient(W, a, V, "erf")
    np.testing.assert_allclose(by_student, -0.5 * 2 / np.pi / np.sqrt(6.0) * V)
    assert by_factors == pytest.approx(0.0)
    with pytest.raises(ValueError, match="W has a row of zeros"):
        two_layer_gradient(W, a, V)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(2), [1.0], np.eye(2)), "W must have 2 dimensions"),
        ((np.eye(2), np.eye(2), np.eye(2)), "second_layer must have 1 dimensions"),
        ((np.eye(2), [1.0], np.eye(2)), "second_layer must have one entry for each of 2"),
        ((np.eye(2), [1.0, np.nan], np.eye(2)), "second_layer must be finite"),
        ((np.eye(2), [1.0, 1.0], np.eye(3)), "same D"),
        ((np.eye(2), [1.0, 1.0], np.eye(2), "rely"), "activation must be one of .* did you mean `relu`"),
        ((np.eye(2), [1.0, 1.0], np.eye(2), "tanh"), "there are: relu, leaky_relu, erf"),
        ((np.eye(2), [1.0, 1.0], np.eye(2), "erf", 0.1), "negative_slope belongs to leaky_relu"),
        ((np.eye(2), [1.0, 1.0], np.eye(2), "leaky_relu", np.inf), "negative_slope must be finite"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    for function in (two_layer_loss, two_layer_gradient):
        with pytest.raises(ValueError, match=message):
            function(*arguments)
