"""The explorer of random features draws what the theory says, and keeps quiet in batch runs."""

import io

import numpy as np
import pytest

from companion.explore import random_features
from companion.explore.random_features import Knobs, explorer, numbers, view
from companion.theory.score_losses import flow_losses
from companion.theory.spectral_bands import generalisation_bands, memorisation_bands

TILTED = Knobs(ratio=1.5, share=0.2, norm=4.0, angle=60.0, time=0.3, sample_ratio=4.0)


def test_a_view_shows_the_theory_at_its_knobs():
    left, middle, right = view(TILTED).axes
    test = flow_losses(random_features._TIMES, TILTED.mixture, 4.0, 16.0)[1]
    np.testing.assert_allclose(middle.lines[0].get_ydata(), test[:, 0], atol=2e-3)
    np.testing.assert_allclose(middle.lines[3].get_ydata(), test[:, 1], atol=2e-3)
    found = numbers(TILTED)
    density = np.asarray(left.lines[0].get_ydata())
    np.testing.assert_allclose(density, found.parts.sum(axis=1))
    drawn = [line.get_xdata()[0] for line in right.lines]
    assert found.learned[0] in drawn and found.learned[1] in drawn


def test_band_centres_are_those_of_the_formulas():
    found = numbers(TILTED)
    np.testing.assert_allclose(found.generalisation, generalisation_bands(TILTED.mixture, 16.0), rtol=1e-5)
    np.testing.assert_allclose(found.memorisation, memorisation_bands(TILTED.mixture, 4.0, 16.0), rtol=0.03)


def test_the_spectrum_holds_all_eigenvalues_on_the_axis():
    parts = numbers(Knobs(norm=0.0)).parts
    mass = np.trapezoid(parts.sum(axis=1), np.log(random_features._EIGENVALUES))
    assert mass == pytest.approx(1.0, abs=0.06)  # Lorentzian tails leave the axis
    assert (parts > 0).all()


def test_a_clock_that_is_never_reached_is_an_open_mark():
    knobs = Knobs(ratio=1.5, share=0.1, norm=16.0, time=0.5, sample_ratio=16.0)
    assert np.isinf(numbers(knobs).memorised[1])
    open_marks = [line for line in view(knobs).axes[2].lines if line.get_markerfacecolor() == "white"]
    assert [line.get_marker() for line in open_marks] == ["s"]


@pytest.mark.parametrize(
    "knobs", [Knobs(angle=180.0), Knobs(angle=0.0), Knobs(norm=0.0, angle=40.0), Knobs(ratio=1.0)]
)
def test_degenerate_knobs_draw(knobs):
    view(knobs).savefig(io.BytesIO(), dpi=50)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (Knobs(share=1.0), "weights"),
        (Knobs(ratio=0.0), "ratio: 0.0"),
        (Knobs(norm=-1.0), "norm: -1.0"),
        (Knobs(time=0.0), "diffusion_time: 0.0"),
        (Knobs(sample_ratio=0.0), "sample_ratio"),
    ],
)
def test_impossible_knobs_are_refused(knobs, message):
    with pytest.raises(ValueError, match=message):
        view(knobs)


def test_in_a_batch_run_it_says_where_it_is(monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")
    assert "make lab" in str(explorer())


def test_moving_a_slider_redraws(monkeypatch):
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    shown = []

    def watched(knobs):
        shown.append(knobs)
        return view(knobs)

    monkeypatch.setattr(random_features, "view", watched)
    box = explorer()
    ratio = box.children[0].children[0]
    ratio.value = 2.0
    assert shown[0] == Knobs()
    assert shown[1] == Knobs(ratio=2.0)
