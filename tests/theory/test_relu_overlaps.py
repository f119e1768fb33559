"""Overlaps: loss and gradient matrices without weights, factors of any rank, embedding."""

import numpy as np
import pytest

from companion.theory import relu_kernels, relu_landscape
from companion.theory.relu_overlaps import (
    embedded,
    factor,
    gradient_matrices,
    overlap_loss,
    transverse_overlaps,
)


def _weights(shape, seed=0):
    students, teachers, dimension = shape
    rng = np.random.default_rng(seed)
    return rng.standard_normal((students, dimension)), rng.standard_normal((teachers, dimension))


@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 2, 5), (5, 6, 20)], ids=str)
def test_loss_and_gradient_matrices_are_those_of_the_weights(shape):
    W, V = _weights(shape)
    these = relu_landscape.overlaps(W, V)
    assert overlap_loss(*these) == pytest.approx(relu_landscape.population_loss(W, V), rel=1e-12)
    for mine, theirs in zip(gradient_matrices(*these), relu_kernels.gradient_matrices(W, V), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("rank", [0, 1, 3, 4])
def test_factor_takes_any_rank(rank):
    half = np.random.default_rng(1).standard_normal((4, rank))
    S, L = half @ half.T, np.full((4, 4), np.nan)
    factor(S, L)
    np.testing.assert_array_equal(L, np.tril(L))
    np.testing.assert_allclose(L @ L.T, S, atol=1e-7)


def test_embedded_weights_have_the_overlaps():
    these = relu_landscape.overlaps(*_weights((3, 2, 9)))
    W, V = embedded(*these, 100)
    assert (W.shape, V.shape) == ((3, 100), (2, 100))
    for mine, given in zip(relu_landscape.overlaps(W, V), these, strict=True):
        np.testing.assert_allclose(mine, given, atol=1e-13)


def test_transverse_overlaps_are_those_across_the_teachers():
    W, V = _weights((3, 2, 6))
    across = W @ (np.eye(6) - np.linalg.pinv(V) @ V)
    Q, R, T = relu_landscape.overlaps(W, V)
    np.testing.assert_allclose(transverse_overlaps(Q, R, T), across @ across.T, atol=1e-13)
    np.testing.assert_allclose(
        transverse_overlaps(np.stack([Q, 2 * Q]), np.stack([R, R]), T)[1], across @ across.T + Q, atol=1e-13
    )


@pytest.mark.parametrize("dimension", [4, 5.5])
def test_embedding_needs_enough_dimensions(dimension):
    with pytest.raises(ValueError, match="dimension must be a whole number of at least K"):
        embedded(*relu_landscape.overlaps(*_weights((3, 2, 9))), dimension)
