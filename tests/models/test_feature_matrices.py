"""Exact matrices: the plain sum, Monte Carlo noise, invariances, orders of the expansion, memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.datasets.gaussian_mixture import Samples, sample
from companion.models import feature_matrices
from companion.models.feature_hermite import hermite_expansion
from companion.models.feature_matrices import largest_features, population_matrices, train_matrices
from companion.models.feature_spectra import leading_eigenpairs
from companion.models.random_features import draw_features
from companion.theory.mixtures import Mixture

PAIR = Mixture((0.6, 0.4), (1.5, 0.5), ((1.0, 0.0), (0.0, 1.0)))


def setting(mixture, dimension, sample_ratio, feature_ratio, seed=0):
    random = np.random.default_rng(seed)
    samples = sample(mixture, sample_ratio * dimension, dimension, random)
    return samples, draw_features(mixture, feature_ratio * dimension, dimension, random)


def norm(matrix):
    return np.linalg.norm(matrix, 2)


def plain_matrices(W, points, contraction, noise_variance, order):
    """The sum over points and powers as it stands."""
    scaled = W / np.sqrt(W.shape[1])
    radii = np.linalg.norm(scaled, axis=1)
    correlations = (scaled / radii[:, None]) @ (scaled / radii[:, None]).T
    fields, deviations = contraction * scaled @ points.T, np.sqrt(noise_variance) * radii
    c, second = hermite_expansion(fields, deviations[:, None], "tanh", order)
    U = np.einsum("kij,kin,kjn->ij", correlations ** np.arange(order + 1)[:, None, None], c, c) / len(points)
    np.fill_diagonal(U, second.mean(axis=1))
    return U, (c[1].mean(axis=1) / radii)[:, None] * scaled


@pytest.mark.parametrize("batch", [1 << 24, 1 << 17])
def test_train_matrices_are_the_plain_sum(monkeypatch, batch):
    monkeypatch.setattr(feature_matrices, "_BATCH", batch)  # the second one cuts the points into three parts
    samples, model = setting(PAIR, 30, 10, 20)
    found = model.train_matrices(samples)
    for label in range(2):
        points = samples.points[samples.labels == label]
        U, V = plain_matrices(model.W, points, PAIR.contraction, PAIR.noise_variance, 4)
        np.testing.assert_allclose(found.features[label], U, atol=2e-12)
        np.testing.assert_allclose(found.cross(label), V, atol=2e-12)
    np.testing.assert_array_equal(found.shares, [0.6, 0.4])


def test_total_is_the_sum_over_classes_and_blind_to_labels():
    samples, model = setting(PAIR, 20, 10, 15)
    found = model.train_matrices(samples)
    pooled = Samples(samples.points, np.zeros_like(samples.labels), samples.centroids[:1])
    U, V = model.train_matrices(pooled).weighted()
    np.testing.assert_allclose(found.weighted().features, U, atol=1e-13)
    np.testing.assert_allclose(found.weighted().cross, V, atol=1e-13)
    uneven = found.weighted([0.1, 0.9])
    np.testing.assert_allclose(uneven.features, 0.1 * found.features[0] + 0.9 * found.features[1], atol=1e-14)
    np.testing.assert_allclose(uneven.cross, 0.1 * found.cross(0) + 0.9 * found.cross(1), atol=1e-14)


def test_losses_are_those_of_drawn_noise():
    samples, model = setting(PAIR, 40, 4, 8, seed=1)
    random = np.random.default_rng(2)
    B = model.score_flow(PAIR, samples).flow_coefficients([1.0, 100.0])
    train = model.train_matrices(samples).losses(B)
    draws = np.zeros((250, 2, samples.labels.size))
    for draw in draws:
        # Antithetic noise, and |ξ|² of known mean left out: the error is a tenth of the plain one.
        noise = random.standard_normal(samples.points.shape)
        for signed in (noise, -noise):
            points = PAIR.contraction * samples.points + np.sqrt(PAIR.noise_variance) * signed
            scores = np.sqrt(PAIR.noise_variance) * model.score(points, B)
            draw += 0.5 + 0.5 * (scores * (scores + 2 * signed)).mean(axis=-1)
    for label in range(2):
        means = draws[:, :, samples.labels == label].mean(axis=-1)
        error = means.std(axis=0) / np.sqrt(250)
        assert (error < 3e-3 * train[:, label]).all()
        assert (np.abs(means.mean(axis=0) - train[:, label]) < 4 * error).all()


@pytest.mark.parametrize("activation", ["tanh", "erf", "relu"])
def test_population_matrices_are_those_of_very_many_points(activation):
    spectrum = ((1.0, 4.0), (3.0, 0.5))
    mixture = Mixture((0.5, 0.5), (1.2, 0.6), ((2.0, 0.7), (0.7, 1.0)), 0.2, activation, spectrum)
    random = np.random.default_rng(0)
    samples = sample(mixture, 40_000, 10, random)
    model = draw_features(mixture, 14, 10, random)
    train = train_matrices(model.W, samples, 0.2, activation, order=14)
    population = model.population_matrices(mixture, samples.centroids, order=14)
    round_mixture = Mixture(
        mixture.weights, mixture.standard_deviations, mixture.centroid_gram, 0.2, activation
    )
    round_population = model.population_matrices(round_mixture, samples.centroids, order=14)
    for label in range(2):
        whole = norm(population.features[label])
        assert norm(train.features[label] - population.features[label]) < 0.012 * whole
        assert norm(train.features[label] - round_population.features[label]) > 0.015 * whole
        np.testing.assert_allclose(train.gains[label], population.gains[label], atol=0.004)


@pytest.mark.parametrize(("dimension", "gram", "bound"), [(40, 1.0, 4e-8), (100, 0.0, 1e-7)])
def test_four_powers_are_enough(dimension, gram, bound):
    mixture = Mixture((0.5, 0.5), (1.5, 0.5), (gram * np.eye(2)).tolist())
    samples, model = setting(mixture, dimension, 4, 8)
    four, eight = (model.train_matrices(samples, order).weighted().features for order in (4, 8))
    assert norm(four - eight) < bound * norm(eight)
    two = model.train_matrices(samples, 2).weighted().features
    assert norm(two - eight) > 10 * norm(four - eight)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), activation=st.sampled_from(["tanh", "relu"]))
def test_symmetries(seed, activation):
    random = np.random.default_rng(seed)
    samples, W = sample(PAIR, 30, 8, random), random.standard_normal((11, 8))
    found = train_matrices(W, samples, 0.1, activation)
    for matrix in found.features:
        np.testing.assert_array_equal(matrix, matrix.T)
        # The truncated series keeps every diagonal entry whole, hence at least the smallest missing part.
        assert np.linalg.eigvalsh(matrix)[0] > -1e-6
    order, turn = random.permutation(11), np.linalg.qr(random.standard_normal((8, 8)))[0]
    turned = Samples(samples.points @ turn, samples.labels, samples.centroids @ turn)
    again = train_matrices(W[order] @ turn, turned, 0.1, activation)
    np.testing.assert_allclose(again.features, found.features[:, order][:, :, order], atol=1e-12)
    np.testing.assert_allclose(again.gains, found.gains[:, order], atol=1e-12)
    if activation == "tanh":
        mirrored = Samples(-samples.points, samples.labels, -samples.centroids)
        np.testing.assert_allclose(train_matrices(W, mirrored, 0.1).features, found.features, atol=1e-12)


def test_any_function_serves():
    samples, model = setting(PAIR, 20, 10, 15)
    ours = train_matrices(model.W, samples, 0.1, "relu").weighted()
    theirs = train_matrices(model.W, samples, 0.1, lambda field: np.maximum(field, 0)).weighted()
    np.testing.assert_allclose(ours.features, theirs.features, atol=1e-10)


@pytest.mark.parametrize(
    ("weights", "deviations", "outliers"),
    [((0.5, 0.5), (1.5, 0.5), (217, 117)), ((0.9, 0.1), (1.0, 1.0), (295, 34.9))],
)
def test_outliers_are_those_of_the_centroids(weights, deviations, outliers):
    samples, model = setting(Mixture(weights, deviations, ((1.0, 0.0), (0.0, 1.0))), 200, 4, 8)
    U = model.train_matrices(samples).weighted().features
    top = leading_eigenpairs(lambda vectors: U @ vectors, len(U), 3)[0]
    np.testing.assert_allclose(top[:2], outliers, rtol=0.1)  # they scatter by 3 % with W
    assert top[2] < 10


def test_generalisation_bands_of_well_separated_profiles():
    mixture = Mixture((0.5, 0.5), (1.5, 0.5), ((16.0, 0.0), (0.0, 16.0)))
    samples, model = setting(mixture, 30, 100, 32)
    values = np.linalg.eigvalsh(model.train_matrices(samples).weighted().features)[::-1]
    assert values[2:32].mean() == pytest.approx(2.44, rel=0.06)
    assert values[32:62].mean() == pytest.approx(0.503, rel=0.1)
    assert values[62] < 0.4 * values[61:31:-1].mean()


def test_memorisation_band_moves_like_one_over_n():
    mixture = Mixture((1.0,), (1.0,), None, 0.01)
    ratios, medians = (2, 8, 32), (0.703, 0.167, 0.0354)
    found = np.empty((3, 2))
    for row, ratio in enumerate(ratios):
        for seed in range(2):
            random = np.random.default_rng(100 * ratio + seed)
            samples = sample(mixture, ratio * 30, 30, random)
            model = draw_features(mixture, 64 * 30, 30, random, normalise_rows=True)
            values = np.linalg.eigvalsh(model.train_matrices(samples).weighted().features)[::-1]
            found[row, seed] = np.median(values[30 : ratio * 30])
            assert 18.5 < np.median(values[:30]) < 24.5
    np.testing.assert_allclose(found.mean(axis=1), medians, rtol=0.06)
    slope = np.polyfit(np.log(ratios), np.log(found.mean(axis=1)), 1)[0]
    assert -1.2 < slope < -0.95


def test_largest_number_of_features_fits_and_the_next_does_not(monkeypatch):
    memory = 1e9
    largest = largest_features(3, memory)
    assert 8 * 16 * largest**2 <= memory < 8 * 16 * (largest + 1) ** 2
    assert 1000 < largest_features() < 10_000_000
    samples, model = setting(PAIR, 20, 10, 15)
    monkeypatch.setattr(feature_matrices, "_available_memory", lambda: 8 * 12 * 299.5**2)
    message = r"^W: p = 300 features of 2 classes need 0.0 GB.*at\s+most 299 here"
    with pytest.raises(ValueError, match=message):
        model.train_matrices(samples)
    with pytest.raises(ValueError, match=message):
        model.population_matrices(PAIR, samples.centroids)


def test_bad_inputs_name_the_argument():
    samples, model = setting(PAIR, 10, 3, 3)
    found = model.train_matrices(samples)
    with pytest.raises(ValueError, match=r"^samples: dimension 10 given"):
        train_matrices(model.W[:, :9], samples, 0.1)
    lonely = Samples(samples.points, np.zeros_like(samples.labels), samples.centroids)
    with pytest.raises(ValueError, match=r"^samples: class counts \[30, 0\]"):
        train_matrices(model.W, lonely, 0.1)
    with pytest.raises(ValueError, match=r"^centroids:"):
        population_matrices(model.W, PAIR, samples.centroids[:, :9])
    for weights in ([0.5], [0.5, np.nan], [-0.1, 1.1], [0.0, 0.0]):
        with pytest.raises(ValueError, match=r"^class_weights:"):
            found.weighted(weights)
