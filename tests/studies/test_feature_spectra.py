"""Stored spectra: eigenvalues that belong to their case, and the printed distances to the theory."""

import functools

import numpy as np
import pytest

from companion.compute.seeds import generator
from companion.datasets.gaussian_mixture import sample
from companion.models.feature_densities import empirical_density
from companion.models.random_features import draw_features
from companion.studies import feature_spectra
from companion.studies.score_settings import SETTINGS
from companion.theory.random_features import spectral_density


@functools.cache  # in the project of the first test that asks
def of_study():
    return feature_spectra.spectra(10, 2, 0, places=60, bins=15)


@pytest.fixture
def tiny(project):
    return of_study()


def test_cases_are_the_printed_ones():
    parameters = {
        name: (case.weights, case.standard_deviations, case.centroid_gram[0][0], case.diffusion_time)
        for name, case in feature_spectra.CASES.items()
    }
    assert parameters == {
        "A": ((1.0,), (1.0,), 0.0, 0.1),
        "B": ((0.5, 0.5), (1.5, 0.5), 0.0, 0.1),
        "C": ((0.5, 0.5), (1.5, 0.5), 1.0, 0.1),
        "D": ((0.9, pytest.approx(0.1)), (1.0, 1.0), 1.0, 0.1),
    }
    assert {case.sizes for case in feature_spectra.CASES.values()} == {(4.0, 8.0)}


def test_theory_is_at_most_a_few_percent_from_the_gaussian_equivalent_and_as_printed(project):
    """L1 distances at d = 100: those of the Gaussian equivalent, and of the exact matrix of case A."""
    found = feature_spectra.spectra(100, 2, 0, places=200, bins=10).distance.mean("draw")
    equivalent = found.sel(kind="gaussian equivalent")
    assert equivalent.setting.values.tolist() == ["A", "B", "C", "D"]
    np.testing.assert_allclose(equivalent, [0.0125, 0.0154, 0.027, 0.038], rtol=0.3)
    assert float(found.sel(setting="A", kind="exact")) == pytest.approx(0.22, rel=0.1)


@pytest.mark.parametrize(
    ("case", "whole", "generalisation", "between"),
    [
        ("A", 0.334, 0.0068, 0.0099),
        ("B", 0.473, 0.0083, 0.0078),
        ("C", 0.276, 0.0082, 0.0093),
        ("D", 0.260, 0.0075, 0.0124),
    ],
)
def test_exact_spectra_are_as_far_from_the_theory_as_printed(case, whole, generalisation, between):
    """L1 distances at d = 100, rows of W as drawn: the noise near λ = S is broad at finite d, the bands fit."""
    setting, places = feature_spectra.CASES[case], np.geomspace(0.005, 15, 1500)
    theory = spectral_density(places, setting.mixture, *setting.sizes, broadening=0.05)
    differences = []
    for draw in range(3):
        noise = generator(0, "printed distances", draw)
        model = draw_features(setting.mixture, 800, 100, noise)
        points = sample(setting.mixture, 400, 100, noise)
        eigenvalues = np.linalg.eigvalsh(model.train_matrices(points).weighted().features)
        differences.append(abs(empirical_density(eigenvalues, places, 0.05) - theory))
    found = [
        np.trapezoid(np.where(chosen, np.mean(differences, axis=0), 0.0), places)
        for chosen in (places > 0, places > 0.4, (places > 0.05) & (places <= 0.4))
    ]
    assert found == pytest.approx([whole, generalisation, between], rel=0.3)


def test_distances_shrink_with_dimension(project):
    near, far = (
        feature_spectra.spectra(d, 2, 0, places=100, bins=10).distance.mean("draw") for d in (40, 10)
    )
    assert (near < 0.8 * far).all()


def test_every_eigenvalue_is_in_a_bin_but_for_the_outliers(tiny):
    """Densities are per unit of log λ; the p = 80 eigenvalues of each draw are counted once."""
    assert tiny.histogram.dims == ("setting", "kind", "draw", "bin")
    width = np.log(60 / 2e-3) / 15
    shares = tiny.histogram.sum("bin") * width
    np.testing.assert_allclose(shares.sel(setting=["A", "B"]), 1.0)
    outside = (1 - shares.sel(setting=["C", "D"])) * 80
    np.testing.assert_allclose(outside, outside.round(), atol=1e-9)
    assert (outside.round() <= 2).all()
    np.testing.assert_allclose(tiny.centre, 2e-3 * np.exp((np.arange(15) + 0.5) * width))


def test_classes_share_the_whole_spectrum_out(tiny):
    shares = feature_spectra.class_spectra(10, 2, 0, places=60, bins=15)
    part = shares.class_histogram.sel(setting=["B", "C"])
    assert part.dims == ("setting", "draw", "bin", "label")
    exact = tiny.histogram.sel(setting=["B", "C"], kind="exact")
    np.testing.assert_allclose(part.sum("label"), exact, atol=1e-9)
    assert (shares.class_histogram > -1e-12).all()
    for data, settings in ((tiny, ["B", "C", "D"]), (shares, ["B", "C", "R1"])):
        assert data.class_theory.sel(setting=settings).notnull().all()
    theory = tiny.class_theory.sum("label")
    np.testing.assert_allclose(theory, tiny.theory, rtol=1e-6)
    np.testing.assert_allclose(
        shares.class_theory.sel(setting=["B", "C"]), tiny.class_theory.sel(setting=["B", "C"]), rtol=1e-6
    )
    # The one class of case A has it all, and no second class is made up.
    assert tiny.class_theory.sel(setting="A").isel(label=1).isnull().all()


def test_atoms_are_where_the_noise_of_the_features_puts_them(tiny):
    np.testing.assert_allclose(tiny.atom_place[:2], [0.013574, 0.011805], atol=1e-6)
    np.testing.assert_allclose(tiny.atom_mass[:2], [0.375, 0.375])
    # With centroids the noise depends on the feature's field: a narrow band, no atom.
    assert tiny.atom_place[2:].isnull().all()
    assert tiny.atom_mass[2:].isnull().all()


def test_theory_of_the_whole_is_a_density(project):
    spectra = feature_spectra.spectra(6, 1, 0, places=300, bins=10)
    mass = np.trapezoid(spectra.theory, np.log(spectra.eigenvalue), axis=-1)
    # Lorentzians of relative width .02 have tails; an atom of mass .375 may fall between two places of the grid.
    np.testing.assert_allclose(mass[2:], 1.04, atol=0.02)
    assert ((mass[:2] > 0.62) & (mass[:2] < 1.5)).all()


def test_more_draws_diagonalise_only_the_new_ones(project, monkeypatch):
    drawn, draw_features = [], feature_spectra.draw_features

    def counting(mixture, *arguments, **named):
        drawn.append(mixture)
        return draw_features(mixture, *arguments, **named)

    monkeypatch.setattr(feature_spectra, "draw_features", counting)
    few = feature_spectra.spectra(8, 1, 0, places=5, bins=5)
    assert len(drawn) == 4
    more = feature_spectra.spectra(8, 2, 0, places=5, bins=5)
    assert len(drawn) == 8
    np.testing.assert_array_equal(more.histogram.isel(draw=[0]), few.histogram)
    # The classes' spectra are made of the same diagonalisations, but for run R1.
    feature_spectra.class_spectra(8, 2, 0, places=5, bins=5)
    assert drawn[8:] == [SETTINGS["R1"].mixture] * 2


def test_draws_share_their_noise_across_settings_and_kinds_differ(project):
    near = feature_spectra.CASES["A"].changed(standard_deviations=(1.0001,))
    conditions = [
        {"setting": setting, "draw": draw}
        for setting in (feature_spectra.CASES["A"], near)
        for draw in (0, 1)
    ]
    logs = np.log(feature_spectra.eigenvalue_block(conditions, 8, 0).eigenvalue)
    assert logs.dims == ("condition", "kind", "rank")
    assert (logs.diff("rank") >= 0).all()
    between_settings = abs(logs[:2].values - logs[2:].values).max()
    between_draws = abs(logs[0] - logs[1]).max()
    assert 0 < between_settings < 1e-2 < 0.1 < between_draws
    assert abs(logs.sel(kind="exact") - logs.sel(kind="gaussian equivalent")).max() > 1e-2


def test_the_classes_of_a_rare_run_have_their_own_dimension(project):
    shares = feature_spectra.class_spectra(24, 1, 0, places=20, bins=10)
    assert shares.setting.values.tolist() == ["B", "C", "R1"]
    assert shares.class_theory.dims == ("setting", "place", "label")
    width = np.log(60 / 2e-3) / 10
    # d = 12 with sixteen features each, of which at most two are outliers; B has eight for each of 24.
    missing = 1 - shares.class_histogram.sum(["bin", "label"]).isel(draw=0) * width
    np.testing.assert_allclose(missing.sel(setting="B"), 0, atol=1e-9)
    count = missing.sel(setting="R1") * 12 * 16
    np.testing.assert_allclose(count, count.round(), atol=1e-9)
    # Class 1 has a tenth of the examples, and its modes are a smaller part of the spectrum.
    rare = shares.class_histogram.sel(setting="R1").sum("bin")
    assert (rare.isel(label=0) < 0.5 * rare.isel(label=1)).all()


@pytest.mark.parametrize("study", [feature_spectra.spectra, feature_spectra.class_spectra])
@pytest.mark.parametrize(("dimension", "draws", "named"), [(0, 1, "dimension"), (8, 0, "draws")])
def test_bad_arguments_are_refused_by_name(project, study, dimension, draws, named):
    with pytest.raises(ValueError, match=f"{named}: given 0; allowed: at least 1"):
        study(dimension, draws, 0)
