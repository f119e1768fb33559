"""The style: colours that everyone can tell apart, and no trace left in matplotlib."""

import itertools

import matplotlib
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from companion.figures.style import (
    COLUMN_WIDTH,
    DIVERGING,
    GREY,
    PALETTE,
    SEQUENTIAL,
    TEXT_WIDTH,
    axis_label,
    figure,
    shades,
    styled,
)

# What dichromats see, on linear RGB: Machado, Oliveira, Fernandes 2009 (severity 1).
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour):
    channels = np.array(to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return XYZ[1] @ linear(colour)


def lab(colour, vision="normal"):
    """CIELAB coordinates of a colour as a kind of eye sees it."""
    seen = np.clip(VISION[vision] @ linear(colour), 0, 1)
    ratios = XYZ @ seen / XYZ.sum(axis=1)
    f = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(colours, vision):
    return min(
        np.linalg.norm(lab(one, vision) - lab(other, vision))
        for one, other in itertools.combinations(colours, 2)
    )


@pytest.mark.parametrize(
    ("vision", "apart"), [("normal", 35), ("protanopia", 20), ("deuteranopia", 20), ("tritanopia", 18)]
)
def test_every_eye_tells_the_colours_apart(vision, apart):
    assert nearest(PALETTE.values(), vision) > apart


def test_the_simulation_of_eyes_sees_a_known_confusion():
    # Matplotlib's default green and red: the pair that the palette exists to avoid.
    confused = ("#2ca02c", "#d62728")
    assert nearest(confused, "deuteranopia") < 0.4 * nearest(confused, "normal")


def test_the_colours_stand_out_from_paper():
    assert all(1.05 / (luminance(colour) + 0.05) > 2 for colour in (*PALETTE.values(), GREY))


@pytest.mark.parametrize("vision", VISION)
def test_shades_are_ordered_by_lightness_for_every_eye(vision):
    lightness = [lab(shade, vision)[0] for shade in shades(6)]
    assert np.all(np.diff(lightness) > 5)
    assert 1.05 / (luminance(shades(6)[-1]) + 0.05) > 1.8


def test_one_shade_is_a_colour():
    assert shades(1) == [shades(5)[0]]


@pytest.mark.parametrize("vision", VISION)
def test_departures_from_a_middle_have_two_sides_for_every_eye(vision):
    low, middle, high = (matplotlib.colormaps[DIVERGING](place)[:3] for place in (0.05, 0.5, 0.95))
    for one, other in itertools.combinations((low, middle, high), 2):
        assert np.linalg.norm(lab(one, vision) - lab(other, vision)) > 20


def settings():
    return dict(matplotlib.rcParams)


def test_the_users_settings_stay(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 7.0)
    before = settings()

    @styled()
    def draw():
        assert matplotlib.rcParams["font.size"] == 8
        assert matplotlib.rcParams["image.cmap"] == SEQUENTIAL
        _, axes = figure()
        (line,) = axes.plot([0, 1])
        return line.get_linewidth(), line.get_color()

    assert draw() == (1.0, PALETTE["blue"])
    assert settings() == before


def test_the_users_settings_stay_after_an_error():
    before = settings()
    with pytest.raises(ZeroDivisionError), styled():
        figure()
        raise ZeroDivisionError
    assert settings() == before
    with pytest.raises(RuntimeError, match="put @styled"):
        figure()


def test_pyplot_knows_nothing():
    from matplotlib import pyplot

    with styled():
        figure("text", ncols=2)
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(("width", "inches"), [("column", COLUMN_WIDTH), ("text", TEXT_WIDTH)])
def test_sizes(width, inches):
    with styled():
        drawing, panels = figure(width, height=1.5, nrows=2, ncols=3, sharex=True)
    assert isinstance(drawing, Figure)
    assert drawing.get_size_inches().tolist() == [inches, 1.5]
    assert panels.shape == (2, 3)


def test_another_width_is_refused():
    with styled(), pytest.raises(ValueError, match="width: 'page' given, allowed are 'column' and 'text'"):
        figure("page")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("attributes", "label"),
    [
        ({"long_name": "loss $L$", "units": "nats"}, "loss $L$ (nats)"),
        ({"long_name": "overlap", "units": "1"}, "overlap"),
        ({"long_name": "overlap", "units": ""}, "overlap"),
        ({"units": "steps"}, "tau (steps)"),
        ({}, "tau"),
    ],
)
def test_axis_labels(attributes, label):
    assert axis_label(xr.DataArray(0.0, name="tau", attrs=attributes)) == label
