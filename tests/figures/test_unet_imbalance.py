"""Curves and clocks by share, exposures apart from counts, the map of order, and what is generated."""

import io

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh
from matplotlib.patches import Rectangle

from companion.figures import unet_imbalance as figures
from companion.figures.style import GREY
from companion.figures.unet_classes import CLASS_COLOURS, class_shades
from companion.figures.unet_curves import as_drawn

CENTRINGS = ("pair", "pixel")
CASES = [(centring, few, "counts") for centring in CENTRINGS for few in (8, 4, 2)]
CASES += [("pair", 2, "equal"), ("pair", 8, "swapped")]
SHARE = {8: 0.5, 4: 0.25, 2: 0.125}


@pytest.fixture
def data(unet_summary):
    found = unet_summary("case", range(len(CASES)), 2)
    shown = {"equal": 0.5, "swapped": 0.125}
    return found.assign_coords(
        centring=("case", [case[0] for case in CASES]),
        exposure=("case", [case[2] for case in CASES]),
        share=("case", [SHARE[case[1]] for case in CASES]),
        shown_share=("case", [shown.get(case[2], SHARE[case[1]]) for case in CASES]),
        class_name=("label", ["Bag", "Trouser"]),
    )


@pytest.fixture
def order():
    leads = np.arange(1.0, 13.0).reshape(2, 3, 1, 2) / 10
    return xr.Dataset(
        {"lead": (("gain", "share", "replicate", "clock"), leads, {"long_name": "the lead"})},
        coords={"gain": [0.7, 1.4], "share": [0.5, 0.25, 0.125], "clock": ["early_stop", "mem_gap"]},
    )


def drawn(drawing):
    """Panels of a figure that has been drawn for good: warnings of the canvas are errors here."""
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


def thick(axes, dashes="-"):
    return [line for line in axes.lines if line.get_linewidth() == 1.2 and line.get_linestyle() == dashes]


def marks(axes, marker, size=3.6):
    chosen = [line for line in axes.lines if line.get_marker() == marker and line.get_markersize() == size]
    return np.array([[np.ravel(line.get_xdata())[0], np.ravel(line.get_ydata())[0]] for line in chosen])


def test_curves_of_the_first_centring_pale_with_falling_share(data):
    panels = figures.imbalance(data).axes
    assert len(panels) == 6
    middle = data.isel(step=slice(1, None)).median("replicate")
    for label in range(2):
        fractions, losses = thick(panels[label]), panels[3 + label]
        assert [line.get_color() for line in fractions] == class_shades(label, 3)
        part = middle.isel(label=label)
        for case in range(3):
            np.testing.assert_allclose(fractions[case].get_ydata(), part.memorised.isel(case=case))
            level = part.isel(case=case).sel(diffusion_index=136)
            np.testing.assert_allclose(thick(losses)[case].get_ydata(), level.test_loss)
            np.testing.assert_allclose(thick(losses, "--")[case].get_ydata(), level.train_loss)
    texts = [[text.get_text() for text in panels[label].get_legend().get_texts()] for label in range(2)]
    assert texts == [["0.5", "0.25", "0.12"], ["0.5", "0.75", "0.88"]]


def test_the_order_of_cases_in_the_dataset_does_not_matter(data):
    turned = data.isel(case=[2, 0, 1, 3, 4, 5, 7, 6])
    for ours, other in zip(figures.imbalance(data).axes, figures.imbalance(turned).axes, strict=True):
        for line, same in zip(thick(ours), thick(other), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), same.get_ydata())


def test_clock_ratios_by_centring_and_exposure_stand_at_the_share_of_images(data):
    panels = figures.imbalance(data).axes
    for axes, clock in ((panels[2], "early_stop"), (panels[5], "mem_gap")):
        times = data.time.sel(clock=clock)
        ratio = np.exp(np.log(times.isel(label=1) / times.isel(label=0)).mean("replicate")).values
        for marker, cases in (("o", (2, 1, 0)), ("s", (5, 4, 3))):
            found = marks(axes, marker)
            np.testing.assert_allclose(found[:, 0], [0.125, 0.25, 0.5], rtol=0.02)
            np.testing.assert_allclose(found[:, 1], ratio[list(cases)])
        np.testing.assert_allclose(marks(axes, "p", 4.4), [[0.125, ratio[6]]])
        np.testing.assert_allclose(marks(axes, "*", 4.4), [[0.5, ratio[7]]])


def test_the_map_holds_the_order_and_hatches_where_there_is_none(data, order):
    order.lead[0, 1, 0, 0] = np.nan
    order.lead[1, 0, 0, 0] = 0.0  # a tie: neither class ever got there
    order.lead[1, 2, 0, 0] = -np.inf
    panels = drawn(figures.imbalance(figures.with_order(data, order)))
    maps = [axes for axes in panels if any(isinstance(found, QuadMesh) for found in axes.collections)][:2]
    for axes, clock in zip(maps, ("early_stop", "mem_gap"), strict=True):
        mesh = next(found for found in axes.collections if isinstance(found, QuadMesh))
        shown = np.ma.filled(np.reshape(mesh.get_array(), (3, 2)), np.nan)
        wanted = order.lead.sel(clock=clock).isel(replicate=0).transpose("share", "gain").values.copy()
        if clock == "early_stop":
            assert [
                (patch.get_x(), patch.get_y()) for patch in axes.patches if isinstance(patch, Rectangle)
            ] == [
                (0.5, -0.5),
                (-0.5, 0.5),
            ]
            wanted[0, 1] = wanted[1, 0] = np.nan
            assert [text.get_text() for text in axes.texts][-1] == "2nd only"
            wanted[2, 1] = mesh.norm.vmin
        np.testing.assert_allclose(shown, wanted)
        assert -mesh.norm.vmin == mesh.norm.vmax == pytest.approx(1.2)
        assert [tick.get_text() for tick in axes.get_yticklabels()] == ["0.5", "0.25", "0.12"]
    assert len(panels) > len(drawn(figures.imbalance(data)))


def test_red_is_where_the_dialled_class_is_first(data, order):
    panels = figures.imbalance(figures.with_order(data, order)).axes
    mesh = next(found for axes in panels for found in axes.collections if isinstance(found, QuadMesh))
    red, _, blue, _ = mesh.cmap(mesh.norm(1.0))
    assert red > blue


def test_generated_shares_beside_those_of_images_and_batches(data):
    panels = [axes for axes in drawn(figures.class_shares(data)) if axes.axison]
    assert len(panels) == len(CASES)
    places = {
        axes.get_subplotspec().rowspan.start * 5 + axes.get_subplotspec().colspan.start: axes
        for axes in panels
    }
    assert sorted(places) == [0, 1, 2, 3, 4, 5, 6, 7]
    for place, case in zip(range(8), (0, 1, 2, 6, 7, 3, 4, 5), strict=True):
        axes, part = places[place], data.isel(case=case, step=slice(1, None))
        undecided, generated = thick(axes)
        assert (undecided.get_color(), generated.get_color()) == (GREY, CLASS_COLOURS[0])
        np.testing.assert_allclose(generated.get_ydata(), part.class_share.isel(label=0).median("replicate"))
        np.testing.assert_allclose(undecided.get_ydata(), part.undecided.median("replicate"))
        levels = {
            line.get_linestyle(): line.get_ydata()[0] for line in axes.lines if line.get_linewidth() == 0.8
        }
        assert levels["--"] == float(part.share)
        assert levels.get(":") == (None if CASES[case][2] == "counts" else float(part.shown_share))
        assert axes.get_ylim() == (-0.03, 1.03)


def test_one_centring_is_one_row(data):
    keep = data.isel(case=[0, 1, 2, 6, 7])
    assert len(figures.class_shares(keep).axes) == 5
    assert len(figures.imbalance(keep.isel(replicate=[0])).axes) == 6


def test_blank_curves_are_no_error(data):
    data.memorised[:] = np.nan
    data.class_share[:] = np.nan
    data.time[:] = np.nan
    drawn(figures.imbalance(data))
    drawn(figures.class_shares(data))


@pytest.mark.parametrize("figure", [figures.imbalance, figures.class_shares])
def test_captions_name_the_confound_what_is_shared_and_whose_settings_these_are(figure):
    words = figure.words
    assert "d_2/3" in words.caption
    assert "are our settings" in words.caption
    assert "runs are" in words.caption
    assert words.claims == ("p2unet_c5_imbalance_shifts",)


def test_a_map_of_one_place_fills_its_panel(data, order):
    one = figures.with_order(data, order.isel(gain=[0], share=[0]))
    panels = figures.imbalance(one).axes
    mesh = next(found for axes in panels for found in axes.collections if isinstance(found, QuadMesh))
    assert np.ptp(mesh.get_coordinates()[..., 0]) == np.ptp(mesh.get_coordinates()[..., 1]) == 1


def test_the_figure_is_the_same_from_the_small_table(data):
    small = as_drawn(data)
    for figure in (figures.imbalance, figures.class_shares):
        for ours, other in zip(figure(data).axes, figure(small).axes, strict=True):
            assert len(ours.lines) == len(other.lines)
            for line, same in zip(ours.lines, other.lines, strict=True):
                np.testing.assert_array_equal(line.get_xydata(), same.get_xydata())
