"""Clocks of natural pairs, of the null pair and of sizes are drawn where the datasets put them."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from companion.analysis.statistics import wilson_interval
from companion.figures import unet_clocks as figures
from companion.figures.style import GREY
from companion.figures.unet_classes import CLASS_COLOURS
from companion.figures.unet_curves import CLOCKS

PAIRS = ["Bag / Trouser", figures.NULL_PAIR, "Shirt / Sneaker"]


@pytest.fixture
def pairs(unet_summary):
    data = unet_summary("pair", PAIRS, 3)
    shape = {"pair": 3, "replicate": 3}
    return data.assign(
        null_memorised=(tuple(shape), np.arange(9).reshape(3, 3)),
        null_queries=(tuple(shape), np.full((3, 3), 100)),
    ).assign_coords(class_name=(("pair", "label"), [name.split(" / ") for name in PAIRS]))


@pytest.fixture
def sizes(unet_summary):
    data = unet_summary("size", [16, 32, 64], 2)
    data["size"].attrs["long_name"] = "training images $n$"
    return data.assign_coords(class_name=("label", ["Bag", "Trouser"]))


def drawn(drawing):
    """Panels of a figure that has been drawn for good: warnings of the canvas are errors here."""
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


def thick(axes, colour, dashes="-"):
    """Ordinates of the thick lines of a colour."""
    chosen = [line for line in axes.lines if line.get_linewidth() == 1.2 and line.get_color() == colour]
    return [line.get_ydata() for line in chosen if line.get_linestyle() == dashes]


def test_a_row_of_three_panels_for_each_pair_but_the_null_one(pairs):
    panels = drawn(figures.clocks(pairs))
    assert len(panels) == 6
    for row, pair in enumerate(("Bag / Trouser", "Shirt / Sneaker")):
        part = pairs.sel(pair=pair).isel(step=slice(1, None)).median("replicate")
        fraction, distance, loss = panels[3 * row : 3 * row + 3]
        for label, colour in enumerate(CLASS_COLOURS):
            own = part.isel(label=label)
            np.testing.assert_allclose(thick(fraction, colour), [own.memorised])
            np.testing.assert_allclose(thick(distance, colour), [own.frechet])
            np.testing.assert_allclose(thick(loss, colour, "-"), [own.test_loss.sel(diffusion_index=136)])
            np.testing.assert_allclose(thick(loss, colour, "--"), [own.train_loss.sel(diffusion_index=136)])
        names = [text.get_text() for text in fraction.get_legend().get_texts()]
        assert names == pair.split(" / ")
        assert [axes.get_xscale() for axes in (fraction, distance, loss)] == ["log"] * 3


def test_one_pair_alone_is_drawn_whatever_it_is(pairs):
    assert len(figures.clocks(pairs.isel(pair=[0])).axes) == 3
    assert len(figures.clocks(pairs.isel(pair=[1])).axes) == 3


def test_the_null_rate_stands_beside_the_memorised_fraction(pairs):
    fraction = figures.clocks(pairs.isel(pair=[0])).axes[0]
    (band,) = [patch for patch in fraction.patches if to_rgba(patch.get_facecolor())[:3] == to_rgba(GREY)[:3]]
    low, high = wilson_interval(0 + 1 + 2, 300)
    np.testing.assert_allclose([band.get_y(), band.get_y() + band.get_height()], [low, high])


def test_one_replicate_has_a_band_of_wilson(pairs):
    several = figures.clocks(pairs.isel(pair=[0])).axes[0]
    assert len(several.collections) == 0
    alone = pairs.isel(pair=[0], replicate=[0])
    fraction = figures.clocks(alone).axes[0]
    assert len(fraction.collections) == 2
    top = fraction.collections[0].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(float(alone.memorised_high.isel(label=0)[..., 1:].max()))


def test_blank_curves_and_stopped_runs_are_drawn_without_them(pairs):
    broken = pairs.isel(pair=[0], replicate=[0]).copy(deep=True)
    for name in ("memorised", "memorised_low", "memorised_high", "frechet", "test_loss", "train_loss"):
        broken[name][:] = np.nan
    broken.time[:] = np.nan
    panels = figures.clocks(broken).axes
    for axes in panels:
        assert not any(line.get_marker() in ("v", "s") for line in axes.lines)


def ratios(axes):
    """Large marks by row: (ratio, open)."""
    found = {}
    for line in axes.lines:
        if line.get_markersize() > 3 and line.get_marker() not in ("", "None"):
            place = int(np.ravel(line.get_ydata())[0])
            found[place] = (float(np.ravel(line.get_xdata())[0]), line.get_markerfacecolor() == "white")
    return found


def test_ratios_of_the_null_pair_and_the_range_that_counts_as_equal(pairs):
    panels = drawn(figures.null_control(pairs))
    assert len(panels) == 4
    part = pairs.sel(pair=figures.NULL_PAIR)
    rows = ratios(panels[3])
    assert len(rows) == len(CLOCKS)
    for row, clock in enumerate(CLOCKS):
        times = part.time.sel(clock=clock)
        wanted = np.exp(np.log(times.isel(label=1) / times.isel(label=0)).mean())
        assert rows[row] == (pytest.approx(float(wanted)), False)
    span = panels[3].patches[0]
    np.testing.assert_allclose([span.get_x(), span.get_x() + span.get_width()], figures.EQUIVALENCE)
    assert [text.get_text() for text in panels[0].get_legend().get_texts()] == ["Trouser", "Sneaker"]


def test_clocks_that_no_class_reaches_are_named_so_and_no_ratio_of_one(pairs):
    part = pairs.isel(pair=[1], replicate=[0]).copy(deep=True)
    part.time.loc[{"clock": "mem_copy"}] = np.inf
    part.time.loc[{"clock": "mem_gap", "label": 1}] = np.inf
    axes = drawn(figures.null_control(part))[3]
    rows, names = ratios(axes), list(CLOCKS)
    assert names.index("mem_copy") not in rows
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["not reached"]
    ratio, hollow = rows[names.index("mem_gap")]
    assert ratio > 1.25
    assert hollow


def test_times_of_sizes_their_guides_and_the_collapse(sizes):
    times, raw, collapsed = drawn(figures.scaling(sizes))
    circles = [line for line in times.lines if line.get_marker() == "o"]
    wanted = sizes.time.sel(clock="mem_copy").median("replicate").transpose("label", "size")
    np.testing.assert_allclose([line.get_ydata()[0] for line in circles], wanted.values.ravel())
    guides = [line for line in times.lines if len(line.get_xdata()) == 3]
    slopes = [np.polyfit(np.log(line.get_xdata()), np.log(line.get_ydata()), 1)[0] for line in guides]
    np.testing.assert_allclose(slopes, [0, 1], atol=1e-12)
    middle = [line for line in collapsed.lines if line.get_linewidth() == 1.2]
    assert len(middle) == 6
    np.testing.assert_allclose(middle[2].get_xdata(), sizes.step.values[1:] / 64)
    other = [line for line in raw.lines if line.get_linewidth() == 1.2]
    for line, at_its_steps in zip(middle, other, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), at_its_steps.get_ydata())


def test_a_size_that_is_never_copied_is_open_above_the_last_step_and_no_part_of_the_guide(sizes):
    sizes.time.loc[{"clock": "mem_copy", "size": 64}] = np.inf
    sizes.time.loc[{"clock": "early_stop"}] = np.nan
    axes = figures.scaling(sizes).axes[0]
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 2
    assert all(line.get_ydata()[0] > 800 for line in hollow)
    (guide,) = [line for line in axes.lines if len(line.get_xdata()) == 3]
    known = sizes.time.sel(clock="mem_copy", size=[16, 32]).median("replicate")
    assert np.log(guide.get_ydata() / guide.get_xdata()).mean() == pytest.approx(
        float(np.log(known / known["size"]).mean())
    )
    assert not any(line.get_marker() == "v" for line in axes.lines)


@pytest.mark.parametrize("drawing", [figures.clocks, figures.null_control, figures.scaling])
def test_captions_name_the_confound_and_whose_settings_these_are(drawing):
    words = drawing.words
    assert "d_2/3" in words.caption
    assert "our settings" in words.caption
    assert words.claims
