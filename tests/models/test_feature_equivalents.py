"""Gaussian equivalents: coefficients against oracles and definitions, products, resolvents of the theory."""

import numpy as np
import pytest

from companion.datasets.gaussian_mixture import sample
from companion.models.feature_densities import class_traces, stieltjes
from companion.models.feature_equivalents import gaussian_equivalent
from companion.models.random_features import draw_features
from companion.theory.mixtures import Mixture

WIDE_AND_NARROW = Mixture((0.5, 0.5), (1.5, 0.5))


def test_equivalents_have_the_means_and_covariances_of_the_features():
    # Over the points of a class: equal means, and equal diagonals of U, row by row.
    mixture = Mixture((0.5, 0.5), (1.5, 0.5), ((1.0, 0.3), (0.3, 2.0)))
    random = np.random.default_rng(0)
    samples = sample(mixture, 20_000, 20, random)
    model = draw_features(mixture, 40, 20, random, normalise_rows=True)
    equivalent = model.gaussian_equivalent(mixture, samples, random)
    matrices, population = equivalent.matrices(), model.population_matrices(mixture, samples.centroids)
    noisy = mixture.contraction * samples.points
    noisy += np.sqrt(mixture.noise_variance) * random.standard_normal(noisy.shape)
    features = model.features(noisy)
    for label in range(2):
        own = samples.labels == label
        np.testing.assert_allclose(
            equivalent.equivalents[:, own].mean(axis=1), features[own].mean(axis=0), atol=0.03
        )
        diagonals = [np.diag(one.features[label]) for one in (matrices, population)]
        np.testing.assert_allclose(*diagonals, atol=0.02)
        np.testing.assert_allclose(matrices.gains[label], population.gains[label], rtol=1e-9)


def test_a_class_without_variance_has_one_equivalent():
    mixture = Mixture((0.5, 0.5), (1.0, 0.0))
    random = np.random.default_rng(0)
    samples = sample(mixture, 20, 5, random)
    equivalents = (
        draw_features(mixture, 9, 5, random).gaussian_equivalent(mixture, samples, random).equivalents
    )
    np.testing.assert_allclose(equivalents[:, 10:], 0, atol=1e-12)
    assert np.abs(equivalents[:, :10]).min() > 0


def test_products_need_no_matrix():
    mixture = Mixture((0.5, 0.3, 0.2), (1.3, 1.0, 0.6), np.diag([1.0, 2.0, 0.5]).tolist())
    random = np.random.default_rng(0)
    samples, vectors = sample(mixture, 60, 12, random), random.standard_normal((30, 4))
    equivalent = draw_features(mixture, 30, 12, random).gaussian_equivalent(mixture, samples, random)
    matrices = equivalent.matrices()
    for weights in (None, [0.2, 0.7, 0.1]):
        wanted = matrices.weighted(weights).features @ vectors
        np.testing.assert_allclose(equivalent.product(vectors, weights), wanted, atol=1e-12)
        np.testing.assert_allclose(equivalent.product(vectors[:, 0], weights), wanted[:, 0], atol=1e-12)


# g(-z) at z = .01, .1, 1 and T_c(-.1) of the asymptotic equations, psi_n = 4, psi_p = 8.
ORACLES = {
    "one class": (Mixture((1.0,), (1.0,)), (29.29821, 7.17076, 0.89069), (0.28292,)),
    "early": (Mixture((1.0,), (1.0,), None, 0.01), (50.40233, 7.61193, 0.89529), (0.23881,)),
    "two variances": (WIDE_AND_NARROW, (32.51238, 7.21564, 0.89085), (0.20246, 0.07598)),
    "centroids": (
        Mixture((0.5, 0.5), (1.5, 0.5), ((1.0, 0.0), (0.0, 1.0))),
        (28.034, 6.8568, 0.89123),
        (0.2167, 0.0976),
    ),
    "imbalance": (
        Mixture((0.9, 0.1), (1.0, 1.0), ((1.0, 0.0), (0.0, 1.0))),
        (25.786, 6.8230, 0.89209),
        (0.2802, 0.0375),
    ),
}


@pytest.mark.parametrize("case", ORACLES)
def test_resolvents_are_those_of_the_asymptotic_equations(case):
    mixture, resolvents, traces = ORACLES[case]
    random = np.random.default_rng(0)
    samples = sample(mixture, 400, 100, random)
    model = draw_features(mixture, 800, 100, random)
    z = -np.array([0.01, 0.1, 1.0])
    equivalent = model.gaussian_equivalent(mixture, samples, random).matrices()
    values, vectors = np.linalg.eigh(equivalent.weighted().features)
    # With centroids the fields of 800 rows scatter: .5 % in place of the .1 % without.
    tolerance = 0.001 if not mixture.gram.any() else 0.005
    np.testing.assert_allclose(stieltjes(values, z).real, resolvents, rtol=tolerance)
    shares = np.stack(
        [
            share * np.einsum("ik,ij,jk->k", vectors, matrix, vectors, optimize=True) / values
            for share, matrix in zip(equivalent.shares, equivalent.features, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(class_traces(values, shares, [-0.1])[0].real, traces, atol=0.0015)
    exact = np.linalg.eigvalsh(model.train_matrices(samples).weighted().features)
    # Off like 1/d: 1.0, .46, .24 % at z = .1 for d = 75, 150, 300 of one class.
    off = np.abs(stieltjes(exact, z).real / resolvents - 1)
    assert (off < [0.05, 0.009, 0.002]).all()
    assert off[0] > 0.005  # the norms of the rows of W are not yet all alike


def test_bad_samples():
    random = np.random.default_rng(0)
    samples = sample(WIDE_AND_NARROW, 20, 5, random)
    with pytest.raises(ValueError, match=r"^samples: points \(20, 5\)"):
        gaussian_equivalent(np.ones((3, 4)), WIDE_AND_NARROW, samples, random)
    with pytest.raises(ValueError, match=r"^samples: .* 1 classes"):
        gaussian_equivalent(np.ones((3, 5)), Mixture((1.0,), (1.0,)), samples, random)
