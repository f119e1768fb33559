"""The figure of forgetting draws what the dataset holds."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from companion.figures import committee_forgetting as figures
from companion.figures.style import PALETTE
from companion.studies import committee_forgetting as study

SIMILARITIES = [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.fixture(scope="module")
def data():
    return study.profiles.function(SIMILARITIES, [0.15, 0.3], 0.3, 1e-3, [20.0, 40.0], 50, 3, 0)


@pytest.fixture(scope="module")
def drawing(data):
    return figures.profiles(data)


def drawn(axes, values):
    """Lines of a panel whose ordinates are these."""
    return [
        line
        for line in axes.lines
        if np.shape(line.get_ydata()) == np.shape(values) and np.allclose(line.get_ydata(), values)
    ]


def test_profiles_are_drawn_at_both_times_and_draws_behind_them(data, drawing):
    final = drawing.axes[0]
    for scheme in data.scheme.values:
        assert drawn(final, data.forgetting.sel(scheme=scheme).isel(duration=0))
    for scheme in ("specialised", "shared"):
        (line,) = drawn(final, data.forgetting.sel(scheme=scheme).isel(duration=1))
        assert line.get_linestyle() != "-"
    assert drawn(final, data.limit)[0].get_color() == PALETTE["ink"]
    for curve in data.drawn:
        (line,) = drawn(final, curve)
        assert line.get_alpha() < 0.5
    assert "$T=20$" in final.get_ylabel()


def test_draws_are_coloured_by_their_specialisation(data):
    marked = data.assign(drawn_specialisation=("draw", [0.95, 0.1, 0.5]))
    final = figures.profiles(marked).axes[0]
    colours = [to_hex(drawn(final, curve)[0].get_color()).upper() for curve in marked.drawn]
    assert colours[:2] == [PALETTE["blue"], PALETTE["vermilion"]]
    assert colours[2] not in (PALETTE["blue"], PALETTE["vermilion"])


def test_the_largest_forgetting_transfer_and_the_courses_are_drawn(data, drawing):
    _, way, course = drawing.axes
    for scheme in ("specialised", "shared"):
        part = data.isel(duration=0).sel(scheme=scheme)
        assert drawn(way, part.largest)
        assert drawn(way, part.transfer)
    after = data["course"].isel(moment=slice(1, None))
    for scheme in after.course_scheme.values:
        for curve in after.sel(course_scheme=scheme):
            assert drawn(course, curve)


def test_starts_are_named_with_their_specialisation(drawing):
    (legend,) = drawing.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words[0].startswith("specialised") and words[0].endswith("=1.00$")
    assert words[3].startswith("shared") and words[3].endswith("=0.00$")
    assert "$T=40$" in words


def test_one_time_and_many_angles_can_be_drawn(data):
    one = data.isel(duration=[0])
    assert len(figures.profiles(one).axes) == 3
    assert len(set(figures.scheme_colours(9))) == 9
    assert figures.scheme_colours(2) == [PALETTE["blue"], PALETTE["vermilion"]]
