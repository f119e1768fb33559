"""Dials are drawn at their settings, theory beside them, natural pairs among them."""

import io

import numpy as np
import pytest

from companion.figures import unet_dials as figures
from companion.figures.unet_curves import CLOCKS

GAINS = [0.7, 1.0, 1.4]
_DIALS = [("gain", "theory_gain", figures.variance), ("norm_ratio", "theory_ratio", figures.centroid)]


def dial(unet_summary, dim, theory_dim, replicates=2):
    data = unet_summary(dim, GAINS, replicates)
    data[dim].attrs["long_name"] = f"the {dim}"
    fine = np.geomspace(0.6, 1.6, 5)
    leads = np.stack([np.log(fine), 2 * np.log(fine)], axis=-1)
    leads[-1, 1] = np.inf
    return data.assign(theory_lead=((theory_dim, "clock_of_theory"), leads)).assign_coords(
        {theory_dim: fine, "clock_of_theory": ["early_stop", "mem_gap"]}
    )


def natural(unet_summary, replicates=3):
    data = unet_summary("pair", ["T-shirt / Sandal"], replicates)
    return data.assign(norm=(("pair", "label"), [[6.0, 7.5]]), deviation=(("pair", "label"), [[1.0, 1.0]]))


def drawn(drawing):
    """Panels of a figure that has been drawn for good: warnings of the canvas are errors here."""
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


def marks(axes, clock, hollow=False):
    """(place, ratio) of the large markers of a clock."""
    _, marker, colour = CLOCKS[clock]
    lines = [
        line
        for line in axes.lines
        if line.get_marker() == marker and line.get_color() == colour and line.get_markersize() > 2
    ]
    chosen = [line for line in lines if (line.get_markerfacecolor() == "white") == hollow]
    return np.array([[np.ravel(line.get_xdata())[0], np.ravel(line.get_ydata())[0]] for line in chosen])


@pytest.mark.parametrize(("dim", "theory_dim", "figure"), _DIALS)
@pytest.mark.parametrize("replicates", [1, 3])
def test_ratios_stand_at_their_settings_and_theory_has_a_scale_of_its_own(
    unet_summary, dim, theory_dim, figure, replicates
):
    data = dial(unet_summary, dim, theory_dim, replicates)
    left, right = drawn(figure(data))
    for clock in ("early_stop", "mem_gap", "mem_copy"):
        times = data.time.sel(clock=clock)
        wanted = np.exp(np.log(times.isel(label=1) / times.isel(label=0)).mean("replicate"))
        found = marks(left, clock)
        np.testing.assert_allclose(found[:, 0], GAINS, rtol=0.035)
        np.testing.assert_allclose(found[:, 1], wanted)
    lines = [line for line in right.lines if len(line.get_xdata()) == 5]
    np.testing.assert_allclose(lines[0].get_ydata(), data[theory_dim])
    np.testing.assert_allclose(lines[1].get_ydata(), [*data[theory_dim].values[:4] ** 2, np.nan])
    beyond = [line for line in right.lines if line.get_marker() == "^"]
    assert [line.get_xdata().tolist() for line in beyond] == [[pytest.approx(1.6)]]
    assert left.get_ylim() != right.get_ylim()
    for axes in (left, right):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert axes.get_xlabel() == f"the {dim}"


def test_what_is_never_reached_is_open_and_what_nobody_reaches_is_left_out(unet_summary):
    data = dial(unet_summary, "gain", "theory_gain")
    data.time.loc[{"clock": "mem_copy", "gain": 0.7, "label": 0}] = np.inf
    data.time.loc[{"clock": "mem_copy", "gain": 1.4}] = np.inf
    left, _ = figures.variance(data).axes
    assert len(marks(left, "mem_copy")) == 1
    ((place, ratio),) = marks(left, "mem_copy", hollow=True)
    assert place == pytest.approx(0.7, rel=0.035)
    assert ratio < 1


def test_natural_pairs_stand_at_the_ratio_of_their_norms_with_their_names(unet_summary):
    data = dial(unet_summary, "norm_ratio", "theory_ratio")
    pairs = natural(unet_summary)
    plain, _ = drawn(figures.centroid(data))
    left, _ = drawn(figures.centroid(figures.with_natural(data, pairs)))
    assert len(marks(plain, "mem_gap", hollow=True)) == 0
    for clock in figures.OVERLAID:
        times = pairs.time.sel(clock=clock).isel(pair=0)
        wanted = np.exp(np.log(times.isel(label=1) / times.isel(label=0)).mean("replicate"))
        np.testing.assert_allclose(marks(left, clock, hollow=True), [[0.8, float(wanted)]])
        np.testing.assert_allclose(marks(left, clock)[:, 0], marks(plain, clock)[:, 0])
    assert "T-shirt / Sandal" in [text.get_text() for text in left.texts]


def test_natural_pairs_beyond_the_dial_are_inside_the_panel(unet_summary):
    pairs = natural(unet_summary)
    pairs.norm[:] = [[30.0, 3.0]]
    data = figures.with_natural(dial(unet_summary, "norm_ratio", "theory_ratio"), pairs)
    left, right = figures.centroid(data).axes
    assert left.get_xlim()[0] < 0.7
    assert left.get_xlim()[1] > 10
    assert right.get_xlim()[1] < 2


@pytest.mark.parametrize("figure", [figures.variance, figures.centroid])
def test_captions_name_the_confound_what_is_shared_and_whose_settings_these_are(figure):
    words = figure.words
    assert "d_2/3" in words.caption
    assert "shared with" in words.caption
    assert "recipe are our" in words.caption
