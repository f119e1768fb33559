"""Resolvent and densities: published values, identities, and diagonalised Gaussian equivalents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from companion.compute.seeds import generator
from companion.theory.feature_coefficients import class_profile
from companion.theory.random_features import (
    Mixture,
    class_spectral_density,
    resolvent,
    spectral_density,
)

IDENTITY = ((1.0, 0.0), (0.0, 1.0))
A = Mixture((1.0,), (1.0,))
EARLY = Mixture((1.0,), (1.0,), diffusion_time=0.01)
B = Mixture((0.5, 0.5), (1.5, 0.5))
C = Mixture((0.5, 0.5), (1.5, 0.5), IDENTITY)
D = Mixture((0.9, 0.1), (1.0, 1.0), IDENTITY)
GRID = np.geomspace(0.005, 15, 400)


@pytest.fixture(autouse=True)
def _one_thread():
    # Threads of the linear algebra wait for one another where cores are shared.
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize(
    ("mixture", "g", "traces"),
    [
        (A, [29.29821, 7.17076, 0.89069, 0.09705], [0.28292]),
        (EARLY, [50.40233, 7.61193, 0.89529, 0.09710], [0.23881]),
        (B, [32.51250, 7.21565, 0.89085, 0.09715], [0.20246, 0.07598]),
    ],
)
def test_published_values(mixture, g, traces):
    found = resolvent([-0.01, -0.1, -1.0, -10.0], mixture, 4, 8)
    np.testing.assert_allclose(found.stieltjes, g, atol=6e-6)
    np.testing.assert_allclose(found.class_traces[1], traces, atol=6e-6)


@pytest.mark.parametrize(
    ("mixture", "g", "traces"),
    [
        (C, [28.034, 6.8568, 0.89123, 0.09763], [0.2167, 0.0976]),
        (D, [25.786, 6.8230, 0.89209, 0.09760], [0.2802, 0.0375]),
    ],
)
def test_published_values_with_centroids_to_three_digits(mixture, g, traces):
    # Those values carry the error of 40 normalised quantiles for each direction, up to 0.3 %.
    found = resolvent([-0.01, -0.1, -1.0, -10.0], mixture, 4, 8)
    np.testing.assert_allclose(found.stieltjes, g, rtol=3e-3)
    np.testing.assert_allclose(found.class_traces[1], traces, rtol=3e-3)


@st.composite
def cases(draw):
    classes = draw(st.integers(1, 3))
    pi = np.array(draw(st.lists(st.floats(0.02, 1), min_size=classes, max_size=classes)))
    sigma = draw(st.lists(st.floats(0.0, 3), min_size=classes, max_size=classes))
    factor = np.array(draw(st.lists(st.floats(-2, 2), min_size=classes, max_size=classes)))
    spectrum = [[draw(st.floats(0.1, 3)) for _ in range(classes)] for _ in range(draw(st.integers(0, 3)))]
    mixture = Mixture(
        tuple(pi / pi.sum()),
        tuple(sigma),
        np.outer(factor, factor).tolist(),
        draw(st.floats(0.005, 2)),
        draw(st.sampled_from(["tanh", "erf", "relu", np.sin])),
        spectrum or None,
    )
    return mixture, draw(st.floats(0.1, 50)), draw(st.floats(0.1, 50))


@given(case=cases(), eta=st.floats(1e-5, 1.0))
@settings(max_examples=25, deadline=None)
def test_class_traces_add_up_and_densities_are_positive(case, eta):
    z = np.r_[np.geomspace(1e-3, 50, 12) * (1 + 1j * eta), -np.geomspace(1e-3, 50, 4)]
    found = resolvent(z, *case, nodes=8)
    np.testing.assert_allclose(
        found.class_traces.sum(axis=1), 1 + z * found.stieltjes, atol=1e-10, rtol=1e-10
    )
    assert (found.stieltjes[:12].imag > 0).all()
    assert (found.class_traces[:12].imag > 0).all()
    assert (found.class_traces[12:] > 0).all()


@pytest.mark.parametrize("mixture", [A, B, C, D])
@pytest.mark.parametrize("eta", [0.05, 1e-3])
def test_classes_share_the_density(mixture, eta):
    density = spectral_density(GRID, mixture, 4, 8, eta)
    shares = class_spectral_density(GRID, mixture, 4, 8, eta)
    assert (density > 0).all()
    assert (shares > 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), density, rtol=1e-9)


def test_class_shares_tend_to_the_imaginary_part_of_the_traces():
    z = GRID * (1 + 1e-5j)
    expected = resolvent(z, B, 4, 8).class_traces.imag / (np.pi * GRID[:, None])
    found = class_spectral_density(GRID, B, 4, 8, 1e-5)
    inside = ((GRID > 0.02) & (GRID < 0.15)) | ((GRID > 0.8) & (GRID < 7))
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-3)


def test_density_integrates_to_one():
    grid = np.geomspace(1e-3, 100, 20001)
    # Far above all eigenvalues the broadened density is η/(π λ).
    tail = 1e-3 * np.log(100) / np.pi
    for mixture in (A, B):
        whole = np.trapezoid(spectral_density(grid, mixture, 4, 8, 1e-3), grid)
        assert whole == pytest.approx(1 + tail, abs=2e-3)
    bulk = grid[grid > 0.3]
    assert np.trapezoid(spectral_density(bulk, A, 4, 8, 1e-4), bulk) == pytest.approx(0.125, abs=2e-4)


def equivalent_matrices(mixture, dimension, sample_ratio, feature_ratio, rng, centroids=True):
    """π_c U_c of one Gaussian equivalent, (K, p, p)."""
    features = int(feature_ratio * dimension)
    counts = np.rint(mixture.pi * sample_ratio * dimension).astype(int)
    W = rng.standard_normal((features, dimension)) / np.sqrt(dimension)
    along = np.linalg.qr(rng.standard_normal((dimension, mixture.classes)))[0]
    values, vectors = np.linalg.eigh(mixture.contraction**2 * mixture.gram)
    fields = np.sqrt(dimension) * W @ along @ (vectors * np.sqrt(np.maximum(values, 0))).T
    variances = mixture.direction_variances
    kinds = rng.permutation(np.arange(dimension) % len(variances))
    parts = []
    for label, count in enumerate(counts):
        mean, gain, sample, noise = class_profile(mixture, label, fields[:, label])
        points = rng.standard_normal((dimension, count)) * np.sqrt(variances[kinds, label])[:, None]
        G = gain[:, None] * (W @ points)
        G += np.sqrt(sample)[:, None] * rng.standard_normal((features, count)) + centroids * mean[:, None]
        slope = gain[:, None] * W
        of_noise = mixture.noise_variance * slope @ slope.T + np.diag(noise)
        parts.append(G @ G.T / counts.sum() + count / counts.sum() * of_noise)
    return np.array(parts)


def empirical_traces(z, parts):
    eigenvalues, vectors = np.linalg.eigh(parts.sum(axis=0))
    shares = np.stack([np.einsum("ik,ik->k", vectors, part @ vectors) for part in parts], axis=1)
    inverse = 1 / (eigenvalues - z[:, None])
    return inverse.mean(axis=1), inverse @ shares / eigenvalues.size


# Published distances of one matrix at d = 100.
@pytest.mark.parametrize(("name", "mixture", "published"), [
    ("A", A, 0.0125), ("B", B, 0.0154), ("C", C, 0.027), ("D", D, 0.038),
])  # fmt: skip
def test_distance_to_a_diagonalised_equivalent(name, mixture, published):
    theory = spectral_density(GRID, mixture, 4, 8, 0.05)
    distances = []
    for seed in range(3):
        parts = equivalent_matrices(mixture, 100, 4, 8, generator(0, "equivalent", name, seed))
        eigenvalues = np.linalg.eigvalsh(parts.sum(axis=0))
        density = (1 / (eigenvalues - GRID[:, None] * (1 + 0.05j))).mean(axis=1).imag / np.pi
        distances.append(np.trapezoid(np.abs(density - theory), GRID))
    assert np.mean(distances) < 1.3 * published


def test_resolvent_of_a_diagonalised_equivalent():
    z = -np.array([0.01, 0.1])
    for mixture in (A, B):
        parts = equivalent_matrices(mixture, 100, 4, 8, generator(0, "resolvent", mixture.classes))
        np.testing.assert_allclose(
            empirical_traces(z, parts)[0], resolvent(z, mixture, 4, 8).stieltjes, rtol=3e-3
        )


SPECTRUM = ((4.0, 0.1), (0.3, 0.3), (0.1, 2.5), (0.05, 0.2))


@pytest.mark.parametrize(
    "mixture",
    [
        Mixture((1.0,), (1.0,), spectrum=tuple(row[:1] for row in SPECTRUM)),
        Mixture((0.5, 0.5), (1.5, 1.0), spectrum=SPECTRUM),
        Mixture((0.6, 0.4), (1.5, 1.0), ((1, 0.5), (0.5, 1)), spectrum=SPECTRUM),
    ],
    ids=["one class", "two classes", "with centroids"],
)
def test_anisotropic_classes_against_diagonalised_equivalents(mixture):
    # Three matrices of d = 100; the theory of isotropic classes with the same mean variance is far off.
    z = np.array([-0.01, -0.1, -1.0, 0.3 + 0.1j, 2 + 0.6j])
    found = [
        empirical_traces(z, equivalent_matrices(mixture, 100, 4, 8, generator(0, "anisotropic", seed), False))
        for seed in range(3)
    ]
    g, traces = (np.mean(values, axis=0) for values in zip(*found, strict=True))
    theory = resolvent(z, mixture, 4, 8, nodes=12)
    isotropic = Mixture(mixture.weights, mixture.standard_deviations, mixture.centroid_gram)
    wrong = resolvent(z, isotropic, 4, 8, nodes=12)

    def distance(prediction, measured):
        return np.abs(prediction / measured - 1).max()

    assert distance(theory.stieltjes, g) < 6e-3 < 2e-2 < distance(wrong.stieltjes, g)
    assert distance(theory.class_traces, traces) < 4e-2 < 0.1 < distance(wrong.class_traces, traces)


def test_three_classes_and_relu_against_a_diagonalised_equivalent():
    gram = ((1, 0.2, 0), (0.2, 2, 0), (0, 0, 0.5))
    mixture = Mixture((0.5, 0.3, 0.2), (1.3, 1.0, 0.6), gram, activation="relu")
    z = np.array([-0.01, -0.1, -1.0, 0.3 + 0.1j, 2 + 0.6j])
    found = [
        empirical_traces(z, equivalent_matrices(mixture, 100, 4, 6, generator(0, "relu", seed), False))
        for seed in range(2)
    ]
    g, traces = (np.mean(values, axis=0) for values in zip(*found, strict=True))
    theory = resolvent(z, mixture, 4, 6, nodes=10)
    np.testing.assert_allclose(theory.stieltjes, g, rtol=0.012)
    np.testing.assert_allclose(theory.class_traces[:3], traces[:3], rtol=0.03)
    np.testing.assert_allclose(theory.class_traces[3:], traces[3:], atol=5e-3)


@pytest.mark.parametrize("function", [spectral_density, class_spectral_density])
@pytest.mark.parametrize(
    ("eigenvalues", "broadening", "message"),
    [
        ([0.0, 1.0], 1e-3, "eigenvalues"),
        ([-1.0], 1e-3, "eigenvalues"),
        ([np.nan], 1e-3, "eigenvalues"),
        ([], 1e-3, "eigenvalues"),
        ([1.0], 0.0, "broadening: 0.0 given"),
        ([1.0], np.inf, "broadening: inf given"),
    ],
)
def test_bad_input_is_named(function, eigenvalues, broadening, message):
    with pytest.raises(ValueError, match=message):
        function(eigenvalues, A, 4, 8, broadening)


def test_ratios_are_checked():
    with pytest.raises(ValueError, match="feature_ratio"):
        spectral_density([1.0], A, 4, 0)
    with pytest.raises(ValueError, match="sample_ratio"):
        resolvent([-1.0], A, -4, 8)
