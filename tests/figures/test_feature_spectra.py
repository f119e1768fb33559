"""Spectra are drawn as lines where the theory is and as markers where eigenvalues are."""

import functools
import io
from typing import Any

import numpy as np
import pytest

from companion.figures import feature_spectra as figures
from companion.figures.style import PALETTE
from companion.studies import feature_spectra


@functools.cache  # in the project of the first test that asks
def of_study(study):
    return study(8, 2, 0, places=40, bins=12)


@pytest.fixture
def data(project):
    return of_study(feature_spectra.spectra).copy(deep=True)


@pytest.fixture
def shares(project):
    return of_study(feature_spectra.class_spectra).copy(deep=True)


def panels_of(drawing: Any) -> list[Any]:
    return drawing.axes


def drawn(drawing: Any) -> list[Any]:
    """Panels of a figure that has been drawn for good: warnings of the canvas are errors here."""
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return panels_of(drawing)


def markers(axes, marker):
    (line,) = [line for line in axes.lines if line.get_marker() == marker]
    return line.get_xydata()


def test_axes_are_labelled_with_symbols(data, shares):
    panels = panels_of(figures.spectra(data))
    assert len(panels) == 4
    assert {axes.get_xlabel() for axes in panels[2:]} == {r"eigenvalue $\lambda$"}
    assert {panels[0].get_ylabel(), panels[2].get_ylabel()} == {r"$\lambda\rho(\lambda)$"}
    panels = panels_of(figures.class_spectra(shares))
    assert len(panels) == 3
    assert {axes.get_xlabel() for axes in panels} == {r"eigenvalue $\lambda$"}
    assert panels[0].get_ylabel() == r"$\lambda\rho_c(\lambda)$"


def test_each_case_has_its_theory_and_the_means_of_both_matrices(data):
    panels = drawn(figures.spectra(data))
    for axes, name in zip(panels, "ABCD", strict=True):
        part = data.sel(setting=name)
        assert axes.get_xscale() == "log"
        theory = next(line for line in axes.lines if len(line.get_xdata()) == 40)
        np.testing.assert_array_equal(theory.get_xdata(), data.eigenvalue)
        np.testing.assert_array_equal(theory.get_ydata(), part.theory)
        for kind, marker in (("exact", "o"), ("gaussian equivalent", "x")):
            counts = part.histogram.sel(kind=kind)
            filled = (counts.max("draw") > 0).values
            found = markers(axes, marker)
            np.testing.assert_allclose(found[:, 0], data.centre[filled])
            np.testing.assert_allclose(found[:, 1], counts.mean("draw")[filled])


def test_bins_that_hold_nothing_have_no_marker(data):
    data.histogram.loc[{"setting": "A", "kind": "exact"}] = 0.0
    data.histogram.loc[{"setting": "A", "kind": "exact"}][{"bin": 5}] = 1.0
    found = markers(drawn(figures.spectra(data))[0], "o")
    np.testing.assert_allclose(found, [[float(data.centre[5]), 1.0]])


def test_an_atom_is_marked_where_there_is_one(data):
    panels = panels_of(figures.spectra(data))
    for axes, place in zip(panels, (0.013574, 0.011805, None, None), strict=True):
        guides = [
            line for line in axes.lines if line.get_marker() in ("", "None") and len(line.get_xdata()) == 2
        ]
        words = [text.get_text() for text in axes.texts]
        if place is None:
            assert guides == []
            assert not any("atom" in text for text in words)
        else:
            (guide,) = guides
            np.testing.assert_allclose(guide.get_xdata(), place, atol=1e-6)
            assert "atom 0.375" in words


def fills(axes):
    """Areas under the classes' densities, from below: their colours and highest points."""
    areas = [area for area in axes.collections if len(area.get_facecolor()) and len(area.get_paths()) == 1]
    return [(area.get_facecolor()[0, :3], area.get_paths()[0].vertices[:, 1].max()) for area in areas]


def test_areas_of_the_classes_stack_up_to_the_density(data):
    panels = panels_of(figures.spectra(data))
    for axes, name, classes in zip(panels, "ABCD", (1, 2, 2, 2), strict=True):
        areas = fills(axes)
        assert len(areas) == classes
        assert areas[-1][1] == pytest.approx(float(data.theory.sel(setting=name).max()), rel=1e-6)
        assert not np.allclose(areas[0][0], areas[-1][0]) or classes == 1


def test_every_marker_but_the_noise_peak_is_inside_its_panel(data):
    for axes in panels_of(figures.spectra(data)):
        low, high = axes.get_ylim()
        assert low == 0
        found = np.concatenate([markers(axes, "o"), markers(axes, "x")])
        peak = found[:, 1].argmax()
        beyond = found[found[:, 0] > 1.6 * found[peak, 0]]
        assert len(beyond) > 5
        assert (beyond[:, 1] < high).all()


def test_classes_keep_their_colour_and_their_markers(shares):
    for axes, name in zip(drawn(figures.class_spectra(shares)), ("B", "C", "R1"), strict=True):
        part = shares.sel(setting=name)
        for label, (colour, marker) in enumerate((("vermilion", "o"), ("blue", "s"))):
            theory = [line for line in axes.lines if len(line.get_xdata()) == 40][label]
            np.testing.assert_array_equal(theory.get_ydata(), part.class_theory.isel(label=label))
            assert theory.get_color() == PALETTE[colour]
            (line,) = [line for line in axes.lines if line.get_marker() == marker]
            assert line.get_color() == PALETTE[colour]
            counts = part.class_histogram.isel(label=label)
            filled = (counts.max("draw") > 0).values
            np.testing.assert_allclose(line.get_xdata(), shares.centre[filled])
            np.testing.assert_allclose(line.get_ydata(), counts.mean("draw")[filled])
