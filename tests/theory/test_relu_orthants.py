"""Orthants of up to four fields: known values, completeness over signs, degenerate sets, derivatives."""

import itertools

import numpy as np
import pytest

from companion.theory import relu_orthants as orthants

_TETRAHEDRON = np.full((4, 4), -1 / 3) + 4 / 3 * np.eye(4)


def _correlations(rank, seed, size=4):
    z = np.random.default_rng(seed).standard_normal((size, rank))
    z /= np.linalg.norm(z, axis=1)[:, None]
    r = z @ z.T
    np.fill_diagonal(r, 1.0)
    return r


def _moments(r):
    size = len(r)
    corner, values = np.empty((4, 4)), np.empty((size, size))
    P = orthants.probability(size, r)
    orthants.corners(size, r, corner)
    orthants.moments(size, r, P, corner, values)
    return P, corner, values


def _signs(size):
    return [np.diag(signs) for signs in itertools.product([1.0, -1.0], repeat=size)]


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        (np.eye(4), 1 / 16),
        (0.5 * np.eye(4) + 0.5, 1 / 5),
        (_TETRAHEDRON, 0.0),
        (np.kron(np.eye(2), [[1, 0.5], [0.5, 1]]), 1 / 9),
        (np.kron([[1, 0.5], [0.5, 1]], np.eye(2)), 1 / 9),
    ],
    ids=["independent", "equal", "sum to zero", "pairs", "crossed pairs"],
)
def test_known_probabilities(r, expected):
    assert orthants.probability(4, r) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_known_probabilities_of_fewer_fields(size):
    assert orthants.probability(size, 0.5 * np.eye(size) + 0.5) == pytest.approx(1 / (size + 1), abs=1e-15)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("rank", "tolerance"), [(9, 1e-14), (4, 1e-12), (3, 1e-7), (2, 1e-7)])
def test_orthants_and_their_moments_fill_the_space(rank, tolerance, seed):
    r = _correlations(rank, seed)
    parts = [(flip, *_moments(flip @ r @ flip)) for flip in _signs(4)]
    assert sum(P for _, P, _, _ in parts) == pytest.approx(1.0, abs=tolerance)
    np.testing.assert_allclose(sum(flip @ values @ flip for flip, _, _, values in parts), r, atol=tolerance)


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[1::5], ids=str)
def test_order_of_the_fields_does_not_matter(size, order):
    order = [each for each in order if each < size]
    r = _correlations(5, 8, size)
    P, _, values = _moments(r)
    moved, _, moved_values = _moments(np.ascontiguousarray(r[np.ix_(order, order)]))
    assert moved == pytest.approx(P, abs=1e-15)
    np.testing.assert_allclose(moved_values, values[np.ix_(order, order)], atol=1e-15)


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_moments_agree_with_sampling(rank):
    r = _correlations(rank, 3)
    values, vectors = np.linalg.eigh(r)
    z = np.random.default_rng(0).standard_normal((400_000, 4)) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    inside = z[(z > 0).all(axis=1)]
    P, _, moments = _moments(r)
    assert len(inside) > 1000
    assert abs(len(inside) - len(z) * P) < 4 * np.sqrt(len(z) * P)
    terms = np.einsum("nc,ne->nce", inside, inside)
    error = np.sqrt((terms**2).sum(axis=0)) / len(z)
    np.testing.assert_array_less(np.abs(terms.sum(axis=0) / len(z) - moments), 4 * error)


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1e-7])
def test_nearly_parallel_fields_approach_merged_ones(width):
    r = _correlations(6, 5, 3)
    c, s = np.cos(width), np.sin(width)
    across = np.random.default_rng(1).standard_normal(6)
    z = np.random.default_rng(5).standard_normal((3, 6))
    z /= np.linalg.norm(z, axis=1)[:, None]
    across -= (across @ z[0]) * z[0]
    z = np.vstack([z, c * z[0] + s * across / np.linalg.norm(across)])
    near = z @ z.T
    np.fill_diagonal(near, 1.0)
    P, _, values = _moments(r)
    near_P, _, near_values = _moments(near)
    assert near_P == pytest.approx(P, abs=width)
    np.testing.assert_allclose(near_values[:3, :3], values, atol=2 * width)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_slopes_agree_with_differences(size):
    r, h = _correlations(7, 2, size), 1e-5
    P, corner, _ = _moments(r)
    slope = np.empty((size, size))
    for p, q in itertools.combinations(range(size), 2):
        change = np.zeros((size, size))
        change[p, q] = change[q, p] = h
        orthants.moment_slopes(size, r, P, corner, p, q, slope)
        difference = (_moments(r + change)[2] - _moments(r - change)[2]) / (2 * h)
        np.testing.assert_allclose(slope, difference, atol=1e-9)
        difference = (_moments(r + change)[0] - _moments(r - change)[0]) / (2 * h)
        assert corner[p, q] == pytest.approx(difference, abs=1e-9)
