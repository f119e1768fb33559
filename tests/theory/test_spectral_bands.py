"""Atoms, outliers, bands and masses: published values, counting, diagonalised Gaussian equivalents."""

import numpy as np
import pytest
from scipy.integrate import quad

from companion.theory.feature_coefficients import mean_and_gain
from companion.theory.random_features import Mixture, spectral_density
from companion.theory.spectral_bands import (
    atom,
    bands,
    cumulative_mass,
    generalisation_bands,
    memorisation_bands,
    outliers,
)
from companion.theory.spectral_equations import ConvergenceError

IDENTITY = ((1.0, 0.0), (0.0, 1.0))
A = Mixture((1.0,), (1.0,))
EARLY = Mixture((1.0,), (1.0,), diffusion_time=0.01)
B = Mixture((0.5, 0.5), (1.5, 0.5))
C = Mixture((0.5, 0.5), (1.5, 0.5), IDENTITY)
D = Mixture((0.9, 0.1), (1.0, 1.0), IDENTITY)
FAR = Mixture((0.5, 0.5), (1.5, 0.5), ((16, 0), (0, 16)))


@pytest.mark.parametrize(
    ("mixture", "ratios", "place", "mass", "expected"),
    [
        (A, (4, 8), 0.013574, 0.375, [(0.0141, 0.0804, 0.5), (0.815, 7.36, 0.125)]),
        (EARLY, (4, 8), 0.001874, 0.375, [(0.0020, 0.0040, 0.125), (0.0074, 0.1237, 0.375), (0.639, 7.98, 0.125)]),
        (EARLY, (8, 32), 0.001874, 0.71875, [(0.0026, 0.0055, 1 / 32), (0.0293, 0.217, 7 / 32), (4.75, 23.1, 1 / 32)]),
        (B, (4, 8), 0.011805, 0.375, [(0.0119, 0.0143, 0.25), (0.0181, 0.158, 0.25), (0.755, 7.39, 0.125)]),
    ],
)  # fmt: skip
def test_published_edges_and_masses(mixture, ratios, place, mass, expected):
    peak = atom(mixture, *ratios)
    assert peak.place == pytest.approx(place, abs=6e-7)
    assert peak.mass == pytest.approx(mass, abs=1e-12)
    found = bands(mixture, *ratios)
    assert len(found) == len(expected)
    for band, (lower, upper, share) in zip(found, expected, strict=True):
        # Published to 1 %, and to the digits shown.
        assert band.lower == pytest.approx(lower, rel=0.01, abs=6e-5)
        assert band.upper == pytest.approx(upper, rel=0.01, abs=6e-5)
        assert band.mass == pytest.approx(share, abs=1e-8)


def test_bands_with_centroids_count_classes_and_directions():
    below, memory, general = bands(C, 4, 8)
    assert general.mass == pytest.approx(1 / 8, abs=1e-8)
    assert memory.mass == pytest.approx(0.25, abs=1e-8)  # the points of the class of high variance
    assert below.mass == pytest.approx(5 / 8, abs=2e-3)
    low, high = generalisation_bands(FAR, 32)[::-1]
    found = bands(FAR, 400, 32)
    assert [band.mass for band in found[1:]] == pytest.approx([1 / 32, 1 / 32], abs=1e-8)
    assert found[1].lower < low < found[1].upper
    assert found[2].lower < high < found[2].upper


def test_published_centres_of_generalisation_bands():
    # Published from a coarse average over fields, which is 2 % off.
    np.testing.assert_allclose(generalisation_bands(FAR, 32), [2.44, 0.503], rtol=0.025)


def test_overlaps_of_profiles_are_averages_over_fields():
    scale = 4 * FAR.contraction

    def average(label, which):
        def value(x):
            return mean_and_gain(FAR, label, np.array([scale * x]))[which][0]

        def weighted(power):
            def integrand(x):
                return value(x) ** power * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)

            return quad(integrand, 0, 9, limit=200)[0] + quad(integrand, -9, 0, limit=200)[0]

        return weighted(1), weighted(2)

    gains = [average(label, 1) for label in (0, 1)]
    kappa = FAR.pi * FAR.total_variances
    matrix = np.array(
        [[gains[a][1] if a == b else gains[a][0] * gains[b][0] for b in (0, 1)] for a in (0, 1)]
    )
    matrix = 32 * np.sqrt(np.outer(kappa, kappa)) * matrix
    np.testing.assert_allclose(generalisation_bands(FAR, 32), np.linalg.eigvalsh(matrix)[::-1], rtol=1e-7)
    squares = [500 * average(label, 0)[1] for label in (0, 1)]
    np.testing.assert_allclose(outliers(FAR, 1000), sorted(squares, reverse=True), rtol=1e-7)


@pytest.mark.parametrize(
    ("mixture", "published", "exact"), [(C, [225, 118], [217, 117]), (D, [302, 33.5], [295, 34.9])]
)
def test_published_outliers(mixture, published, exact):
    # At d = 200; the formula was published from a coarse average over fields, which is 2 % off.
    found = outliers(mixture, 1600)
    np.testing.assert_allclose(found, published, rtol=0.02)
    np.testing.assert_allclose(found, exact, rtol=0.06)


def test_odd_features_without_centroids_have_no_outliers():
    np.testing.assert_allclose(outliers(B, 1000), 0, atol=1e-9)
    relu = Mixture((0.5, 0.5), (1.5, 0.5), activation="relu")
    mean = np.sqrt(relu.total_variances / (2 * np.pi))
    np.testing.assert_allclose(outliers(relu, 1000), [1000 * (mean**2).mean(), 0], atol=1e-9)


def test_antipodal_means_are_one_direction():
    antipodal = Mixture((0.5, 0.5), (1.0, 1.0), ((2, -2), (-2, 2)))
    found = outliers(antipodal, 1000)
    assert found[1] == pytest.approx(0, abs=1e-9)
    assert found[0] == pytest.approx(outliers(Mixture((1.0,), (1.0,), ((2,),)), 1000)[0], rel=1e-9)


def test_memorisation_bands_sit_where_points_do():
    wide = bands(EARLY, 2, 64)
    centre = memorisation_bands(EARLY, 2, 64)[0]
    memory = wide[-2]
    assert memory.lower < centre < memory.upper
    assert memory.mass == pytest.approx((2 - 1) / 64, abs=1e-8)  # d of the n points ride the linear map
    slow, fast = memorisation_bands(EARLY, 200, 6400)[0], memorisation_bands(EARLY, 100, 6400)[0]
    assert (fast - 0.0018735) / (slow - 0.0018735) == pytest.approx(2, rel=1e-3)
    ordered = memorisation_bands(B, 4, 8)
    assert ordered[0] > ordered[1]


@pytest.mark.parametrize(
    ("mixture", "ratios", "expected"),
    [
        (A, (4, 4), 0.0),
        (A, (1, 8), 0.75),
        (Mixture((0.5, 0.5), (1.0, 0.0)), (4, 8), 5 / 8),  # points of a class without width store nothing
        (Mixture((1.0,), (1.0,), activation=lambda x: 1.0 * x), (4, 8), 7 / 8),
        (Mixture((1.0,), (1.0,), activation=np.cos), (4, 8), 0.5),  # even: no linear map at all
    ],
)
def test_atoms_count_features_that_learn_nothing(mixture, ratios, expected):
    peak = atom(mixture, *ratios)
    assert peak.mass == pytest.approx(expected, abs=1e-12)
    if expected > 0 and peak.place > 1e-6:
        around = peak.place * np.array([1 - 1e-4, 1 + 1e-4])
        below, above = cumulative_mass(around, mixture, *ratios)
        assert (below, above) == pytest.approx((0, expected), abs=1e-8)


def test_centroids_smear_the_atom():
    peak = atom(C, 4, 8)
    assert peak.mass == 0
    assert np.isnan(peak.place)


def test_cumulative_mass_is_the_integral_of_the_density():
    grid = np.geomspace(0.9, 6.5, 4001)
    inside = np.trapezoid(spectral_density(grid, A, 4, 8, 1e-6), grid)
    below, above = cumulative_mass(grid[[0, -1]], A, 4, 8)
    assert above - below == pytest.approx(inside, abs=1e-6)


def test_thresholds_that_hide_bands_are_refused():
    with pytest.raises(ConvergenceError, match="lower the threshold"):
        bands(A, 4, 8, threshold=0.3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: atom(A, 0, 8), "sample_ratio"),
        (lambda: bands(A, 4, -8), "feature_ratio"),
        (lambda: bands(A, 4, 8, threshold=0), "threshold"),
        (lambda: bands(A, 4, 8, broadening=-1.0), "broadening"),
        (lambda: generalisation_bands(A, 0), "feature_ratio"),
        (lambda: memorisation_bands(A, np.nan, 8), "sample_ratio"),
        (lambda: outliers(A, 0), "features"),
        (lambda: cumulative_mass([0.0], A, 4, 8), "eigenvalues"),
        (lambda: cumulative_mass([1.0], A, 0, 8), "sample_ratio"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
