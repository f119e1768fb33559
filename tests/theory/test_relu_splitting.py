"""Splitting units: D_k against the Hessian, predicted curvature, families, flat directions."""

import numpy as np
import pytest

from companion.analysis.minima import polish
from companion.theory import relu_splitting as splitting
from companion.theory.relu_landscape import (
    family,
    hessian,
    known_families,
    loss_gradient,
    population_loss,
    transverse_matrix,
)
from companion.training.descent import descend


def _random(students, teachers, dimension, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((students, dimension)), rng.standard_normal((teachers, dimension))


@pytest.mark.parametrize("shape", [(1, 1, 2), (4, 3, 5), (3, 6, 4), (2, 2, 7)], ids=str)
def test_the_matrix_is_the_block_of_the_hessian_less_a_half(shape):
    W, V = _random(*shape, 0)
    H = hessian(W, V).reshape(*W.shape, *W.shape)
    for k, row in enumerate(W):
        D = splitting.splitting_matrix(W, V, k)
        np.testing.assert_allclose(D, H[k, :, k, :] - np.eye(len(row)) / 2, rtol=0, atol=1e-14)
        np.testing.assert_allclose(D @ row, 0.0, atol=1e-13)


def test_the_spectrum_splits_in_span_and_transverse_parts():
    W, V = _random(3, 2, 9, 1)
    spectrum = splitting.splitting_spectrum(W, V)
    assert spectrum.in_span.shape == (3, 5)
    for k in range(3):
        whole = np.linalg.eigvalsh(splitting.splitting_matrix(W, V, k))
        parts = np.sort([*spectrum.in_span[k], *np.repeat(spectrum.transverse[k], 4)])
        np.testing.assert_allclose(whole, parts, rtol=0, atol=1e-14)
        assert (spectrum.smallest[k], spectrum.largest[k]) == (
            spectrum.in_span[k, 0],
            spectrum.in_span[k, -1],
        )
    np.testing.assert_allclose(spectrum.transverse, np.diag(transverse_matrix(W, V)) - 0.5)


@pytest.mark.parametrize("students", range(6, 11))
def test_splitting_any_unit_of_a_spurious_minimum_makes_saddles(students):
    minima = [member for member in known_families(students) if member.is_minimum]
    assert len(minima) >= 2
    for member in minima:
        spectrum = splitting.splitting_spectrum(member.weights, np.eye(students))
        assert -0.14 < spectrum.smallest.min() <= spectrum.smallest.max() < -0.03
        assert np.abs(spectrum.largest).max() < 1e-14  # D_k w_k = 0, and nothing above
        assert (spectrum.transverse < 0).all()


def test_units_of_the_minimum_left_by_a_split_flip():
    V = np.eye(10)
    start = splitting.split(family("I", 1, 10).weights, 9, 0.5)
    rng = np.random.default_rng(0)
    end = descend(start[None] + 1e-2 * rng.standard_normal((1, *start.shape)), V)
    polished = polish(end.weights, V)
    assert polished.loss[0] == pytest.approx(0.017892655, abs=1e-8)
    spectrum = splitting.splitting_spectrum(polished.weights[0], V)
    np.testing.assert_allclose(np.sort(spectrum.smallest)[-2:], [-0.064, -0.012], atol=5e-4)
    assert (spectrum.smallest < 0).all()
    assert spectrum.largest.max() == pytest.approx(0.007, abs=5e-4)
    assert (spectrum.largest > 1e-6).sum() == 1


@pytest.mark.parametrize(("neuron", "share", "expected"), [(0, 0.3, -0.7545), (6, 0.5, -0.4512)])
def test_curvature_after_splitting(neuron, share, expected):
    W, V = family("I", 1, 7).weights, np.eye(7)
    delta = np.random.default_rng(0).standard_normal(7)
    delta -= (delta @ W[neuron]) * W[neuron] / (W[neuron] @ W[neuron])
    predicted = splitting.splitting_curvature(W, V, neuron, share, delta)
    assert predicted == pytest.approx(expected, abs=5e-5)
    pair = splitting.split(W, neuron, share)
    move = np.zeros_like(pair)
    move[neuron], move[-1] = delta, -delta

    def measured(epsilon):
        ends = population_loss(pair + epsilon * move, V) + population_loss(pair - epsilon * move, V)
        return (ends - 2 * population_loss(pair, V)) / epsilon**2

    coarse, fine = measured(2e-4), measured(1e-4)
    assert coarse > fine > predicted  # the |δ|³ term
    assert 2 * fine - coarse == pytest.approx(predicted, abs=1e-4)
    block = hessian(pair, V)
    assert move.ravel() @ block @ move.ravel() == pytest.approx(predicted, abs=1e-12)


def test_a_split_network_is_the_same_network():
    W, V = family("I", 1, 7).weights, np.eye(7)
    pair = splitting.split(W, 3, 0.2)
    assert pair.shape == (8, 7)
    assert population_loss(pair, V) == pytest.approx(population_loss(W, V), abs=1e-14)
    assert np.linalg.norm(loss_gradient(pair, V)) < 1e-13
    np.testing.assert_allclose(pair[3] + pair[7], W[3])


@pytest.mark.parametrize(
    ("shares", "dimension"),
    [
        ([[1.0], [1.0], [0.4, 0.6], [1.0]], 40),
        ([[0.3, 0.7], [1.0], [0.4, 0.6], [1.0]], 9),
        ([[0.2, 0.5, 0.3], [1.0], [0.9, 0.1], [1.0]], 4),
        ([[1.0]] * 4, 12),
    ],
    ids=["K=5", "K=6", "K=7", "K=4"],
)
def test_global_minima_have_flat_directions(shares, dimension):
    for V in (np.eye(4), np.random.default_rng(0).standard_normal((4, 4))):
        W = splitting.global_minimum(V, shares)
        assert W.shape == (sum(map(len, shares)), 4)
        assert population_loss(W, V) < 1e-14
        assert splitting.count_flat_directions(W, V, dimension) == (len(W) - 4) * dimension
        assert np.abs(splitting.splitting_spectrum(W, V).in_span).max() < 1e-14


def test_flat_directions_are_those_of_the_whole_hessian():
    W, V = splitting.global_minimum(np.eye(2, 5), [[0.3, 0.7], [1.0]]), np.eye(2, 5)
    eigenvalues = np.linalg.eigvalsh(hessian(W, V))
    assert (np.abs(eigenvalues) < 1e-9).sum() == splitting.count_flat_directions(W, V, 5) == 5
    W = W + 1e-4 * np.random.default_rng(0).standard_normal(W.shape)  # at a distance: of order 1e-4
    eigenvalues = np.linalg.eigvalsh(hessian(W, V))
    for tolerance in (1e-9, 1e-5, 1e-4, 1e-3, 1e-1):
        expected = (np.abs(eigenvalues) < tolerance).sum()
        assert splitting.count_flat_directions(W, V, 5, tolerance) == expected
    assert splitting.count_flat_directions(W, V, 5) < splitting.count_flat_directions(W, V, 5, 1e-3) == 5
    assert splitting.count_flat_directions(W, V, 50, 1e-3) == 50


def test_a_part_of_zero_is_a_silent_unit():
    W = splitting.global_minimum(np.eye(2), [[1.0, 0.0], [1.0]])
    assert not W[1].any()
    assert population_loss(np.delete(W, 1, axis=0), np.eye(2)) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: splitting.split(np.eye(3), 3, 0.5), "neuron must be between 0 and 2, got 3"),
        (lambda: splitting.split(np.eye(3), -1, 0.5), "neuron must be between 0 and 2"),
        (lambda: splitting.split(np.eye(3), 0, 1.0), "share must lie between 0 and 1"),
        (lambda: splitting.split([[np.nan, 1.0]], 0, 0.5), "W must be finite"),
        (lambda: splitting.splitting_matrix(np.eye(3), np.eye(3), 5), "neuron must be"),
        (lambda: splitting.splitting_matrix(np.eye(3), np.eye(4), 0), "same D"),
        (lambda: splitting.splitting_spectrum(np.diag([1.0, 0.0]), np.eye(2)), "W has a row of zeros"),
        (
            lambda: splitting.splitting_curvature(np.eye(3), np.eye(3), 0, 0.5, [1.0]),
            "direction must have D = 3",
        ),
        (
            lambda: splitting.splitting_curvature(np.eye(3), np.eye(3), 0, np.nan, np.ones(3)),
            "share must lie",
        ),
        (
            lambda: splitting.count_flat_directions(np.eye(3), np.eye(3), 2),
            "dimension must be at least D = 3",
        ),
        (lambda: splitting.count_flat_directions(np.eye(3), np.eye(3), 3, -1.0), "tolerance must not be"),
        (lambda: splitting.global_minimum(np.eye(2), [[1.0]]), "shares must have one entry for each of 2"),
        (
            lambda: splitting.global_minimum(np.eye(2), [[1.0], [0.5, 0.6]]),
            r"shares\[1\] must be non-negative",
        ),
        (
            lambda: splitting.global_minimum(np.eye(2), [[1.0], [-0.5, 1.5]]),
            r"shares\[1\] must be non-negative",
        ),
        (lambda: splitting.global_minimum(np.eye(2), [[1.0], []]), r"shares\[1\] must be non-negative"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
