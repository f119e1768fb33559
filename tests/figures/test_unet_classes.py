"""One class, one colour, all over."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb

from companion.figures.unet_classes import CLASS_COLOURS, class_handles, class_names, class_shades


def test_names_are_those_of_the_pair():
    pairs = xr.Dataset(coords={"class_name": (("pair", "label"), [["Bag", "Trouser"], ["Shirt", "Sneaker"]])})
    assert class_names(pairs.isel(pair=1)) == ("Shirt", "Sneaker")
    assert class_names(xr.Dataset()) == ("class 1", "class 2")
    with pytest.raises(ValueError, match="class_name: dims"):
        class_names(pairs)


def test_handles_carry_colours_and_names():
    found = [(line.get_color(), line.get_label()) for line in class_handles(("Bag", "Trouser"))]
    assert found == list(zip(CLASS_COLOURS, ("Bag", "Trouser"), strict=True))


@pytest.mark.parametrize("label", [0, 1])
def test_tones_go_from_the_colour_of_the_class_to_pale_and_stay_off_white(label):
    tones = np.array([to_rgb(tone) for tone in class_shades(label, 5)])
    np.testing.assert_allclose(tones[0], to_rgb(CLASS_COLOURS[label]), atol=1 / 255)
    light = tones.mean(axis=1)
    assert (np.diff(light) > 0.03).all()
    assert light[-1] < 0.85
