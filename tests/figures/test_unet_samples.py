"""The sheet shows every sample above its nearest training image and frames the copies."""

import io

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from companion.figures.style import GREY, PALETTE
from companion.figures.tables import tidy_csv
from companion.figures.unet_classes import CLASS_COLOURS
from companion.figures.unet_samples import as_text, sample_sheet


def sheet(steps=2, shown=3):
    generator = np.random.default_rng(0)
    dims, shape = ("step", "shown", "height", "width"), (steps, shown, 4, 4)
    return xr.Dataset(
        {
            "sample_picture": (dims, generator.uniform(-1, 1, shape)),
            "nearest_picture": (dims, generator.uniform(-1, 1, shape)),
            "ratio": (("step", "shown"), np.full(shape[:2], 0.9)),
            "kind": (("step", "shown"), np.zeros(shape[:2], int)),
        },
        coords={"step": 10 * np.arange(steps), "class_name": ("label", ["Bag", "Trouser"])},
    )


def drawn(data, *, rendered=False):
    drawing = sample_sheet(data)
    if rendered:  # warnings of the canvas are errors here
        drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing, drawing.axes[0]


def frames(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_the_nearest_image_stands_under_its_sample():
    data = sheet()
    _, axes = drawn(data)
    assert len(axes.images) == 12
    for index, (step, shown) in enumerate(np.ndindex(2, 3)):
        above, below = axes.images[2 * index : 2 * index + 2]
        np.testing.assert_array_equal(above.get_array(), data.sample_picture[step, shown])
        np.testing.assert_array_equal(below.get_array(), data.nearest_picture[step, shown])
        (left, right, bottom, top), (left_too, right_too, _, next_top) = (
            above.get_extent(),
            below.get_extent(),
        )
        assert (left, right) == (left_too, right_too)
        assert top < bottom < next_top  # the vertical axis points down
        assert above.get_clim() == (-1, 1)
    low, high = axes.get_ylim()
    assert low > high


@pytest.mark.parametrize(
    ("ratio", "kind", "colour"),
    [
        (0.2, 0, CLASS_COLOURS[0]),
        (0.33, 1, CLASS_COLOURS[1]),
        (0.2, -1, PALETTE["ink"]),
        (0.34, 0, None),
        (np.nan, 0, None),
    ],
)
def test_copies_are_framed_in_the_colour_of_their_class(ratio, kind, colour):
    data = sheet(1, 1)
    data.ratio[:], data.kind[:] = ratio, kind
    _, axes = drawn(data)
    for frame in frames(axes):
        assert (frame.get_linewidth() > 1) == (colour is not None)
        if colour:
            assert to_rgba(frame.get_edgecolor()) == to_rgba(colour)
    (text,) = axes.texts
    assert text.get_text() == ("" if np.isnan(ratio) else f"{ratio:.2f}")
    assert text.get_color() == (CLASS_COLOURS[kind] if kind >= 0 else GREY)


@pytest.mark.parametrize(("shown", "width"), [(3, 3.25), (8, 3.25), (16, 6.75)])
def test_many_samples_take_the_width_of_the_text(shown, width):
    drawing, axes = drawn(sheet(2, shown), rendered=True)
    assert drawing.get_figwidth() == width
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["0", "10"]


def test_the_caption_says_what_a_frame_means():
    assert "d_2/3" in sample_sheet.words.caption
    assert "our settings" in sample_sheet.words.caption


def test_as_text_a_picture_is_the_same_but_for_rounding_to_256_tones():
    data = sheet().assign_attrs(companion_key="x")
    data.sample_picture[0, 0, 0, :2] = [-1.7, 1.7]  # beyond the range of pixels
    text = as_text(data)
    assert text.attrs == data.attrs
    assert text.sample_text.values[0, 0][:4] == "00ff"
    (_, numbers), (_, letters) = drawn(data), drawn(text)
    for one, other in zip(numbers.images, letters.images, strict=True):
        np.testing.assert_allclose(
            np.clip(one.get_array(), -1, 1), other.get_array(), atol=0.5 / 127.5 + 1e-12
        )
    assert len(tidy_csv(text)) < len(tidy_csv(data)) / 3
