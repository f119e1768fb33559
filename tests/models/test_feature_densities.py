"""Densities of finite spectra: identities, the asymptotic equations without centroids, bad inputs."""

import numpy as np
import pytest

from companion.datasets.gaussian_mixture import sample
from companion.models.feature_densities import (
    class_traces,
    empirical_class_density,
    empirical_density,
    stieltjes,
)
from companion.models.random_features import draw_features
from companion.theory.feature_coefficients import class_profile
from companion.theory.mixtures import Mixture

TWO_VARIANCES = Mixture((0.5, 0.5), (1.5, 0.5))


def asymptotic_resolvent(z, mixture, sample_ratio, feature_ratio):
    """g(z) without centroids, by the scalar equations, continued from far above the real axis."""
    profiles = [class_profile(mixture, label, np.zeros(1))[1:, 0] for label in range(mixture.classes)]
    gain, sample_variance, noise = np.array(profiles).T
    linear = mixture.alphas**2 * gain**2
    g, delta = -1 / z, np.ones((z.size, mixture.classes), dtype=complex)
    for iteration in range(3000):
        # z comes down to its place within the first thousand iterations.
        place = z + 1j * z.real * max(0.0, 1 - iteration / 1000) ** 2
        total = (mixture.pi * gain**2 * (mixture.alphas**2 / (1 + delta) + mixture.noise_variance)).sum(
            axis=1
        )
        inner = total / (1 + feature_ratio * g * total)
        inverse = (
            mixture.pi @ noise - place + (mixture.pi * sample_variance / (1 + delta)).sum(axis=1) + inner
        )
        spread = (1 / (1 + feature_ratio * g * total))[:, None]
        wanted = feature_ratio / sample_ratio * g[:, None] * (sample_variance + linear * spread)
        g, delta = 0.4 * g + 0.6 / inverse, 0.4 * delta + 0.6 * wanted
    assert np.abs(g - 1 / inverse).max() < 1e-8 * np.abs(g).max()
    return g


@pytest.mark.parametrize(
    ("mixture", "equivalent_distance", "bulk_distance"),
    [(Mixture((1.0,), (1.0,)), 0.0125, 0.0068), (TWO_VARIANCES, 0.0154, 0.0083)],
)
def test_densities_are_the_asymptotic_ones(mixture, equivalent_distance, bulk_distance):
    points, broadening = np.geomspace(0.005, 15, 400), 0.05
    theory = asymptotic_resolvent(points * (1 + 1j * broadening), mixture, 4, 8).imag / np.pi
    random = np.random.default_rng(0)
    samples = sample(mixture, 400, 100, random)
    model = draw_features(mixture, 800, 100, random)

    def distance(matrices, least):
        values = np.linalg.eigvalsh(matrices.weighted().features)
        above = points > least
        gap = np.abs(empirical_density(values, points, broadening) - theory)
        return np.trapezoid(gap[above], points[above])

    # One seed each: within 30 % of distances measured with other seeds.
    equivalent = model.gaussian_equivalent(mixture, samples, random).matrices()
    assert distance(equivalent, 0.0) == pytest.approx(equivalent_distance, rel=0.3)
    assert distance(model.train_matrices(samples), 0.4) == pytest.approx(bulk_distance, rel=0.3)


def test_classes_add_up():
    random = np.random.default_rng(0)
    samples = sample(TWO_VARIANCES, 120, 30, random)
    flow = draw_features(TWO_VARIANCES, 240, 30, random).score_flow(TWO_VARIANCES, samples, [0.3, 0.7])
    z = np.array([-0.1, -1.0, 0.1 + 0.01j, 1 + 1j])
    traces = class_traces(flow.eigenvalues, flow.class_shares(), z)
    np.testing.assert_allclose(traces.sum(axis=1), 1 + z * stieltjes(flow.eigenvalues, z), atol=1e-12)
    points = np.geomspace(1e-3, 30, 50)
    classes = empirical_class_density(flow.eigenvalues, flow.class_shares(), points, 0.01)
    assert (classes > 0).all()
    np.testing.assert_allclose(
        classes.sum(axis=1), _with_the_broadening(flow.eigenvalues, points, 0.01), rtol=1e-10
    )


def _with_the_broadening(values, points, broadening):
    """Im(1 + z g)/πλ: Im g/π but for the broadening of z itself."""
    z = points * (1 + 1j * broadening)
    return (z * stieltjes(values, z)).imag / (np.pi * points)


def test_density_has_mass_one_and_sits_on_the_eigenvalues():
    points = np.geomspace(0.05, 20, 20001)
    density = empirical_density([0.5, 0.5, 2.0], points, 1e-2)
    assert np.trapezoid(density, points) == pytest.approx(1, abs=0.02)
    assert np.trapezoid(density[points < 1], points[points < 1]) == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: stieltjes([1.0, 2.0], [1.5]), "z"),
        (lambda: stieltjes([], [1j]), "eigenvalues, z"),
        (lambda: stieltjes([1.0], [1j], np.ones(2)), "masses"),
        (lambda: class_traces([1.0], np.ones((2, 1)), [1j]), "class_shares"),
        (lambda: empirical_density([1.0], [0.0]), "points"),
        (lambda: empirical_density([1.0], [1.0], 0.0), "broadening"),
    ],
)
def test_bad_inputs_name_the_argument(call, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        call()
