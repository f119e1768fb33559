"""Names above a panel stay apart, in order, and near to their places."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.figures.names import apart, names_above
from companion.figures.style import figure, styled


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=15))
def test_places_are_moved_apart_in_their_order(places):
    ascending = np.sort(places)
    moved = apart(ascending, 0.05, 1.0)
    assert (np.diff(moved) > 0.05 - 1e-6).all()
    assert moved[-1] <= 1.0
    far = np.diff(ascending, prepend=-1, append=2) > 0.8
    alone = far[1:] & far[:-1]
    np.testing.assert_allclose(moved[alone], ascending[alone])


@styled()
def test_every_name_is_written_and_tied_to_its_place():
    _, axes = figure()
    axes.set_xlim(0, 1)
    places = [0.5, 0.1, 0.501]
    names_above(axes, places, ["b", "a", "c"], colours=["#111111", "#222222", "#333333"])
    written = {text.get_text(): text for text in axes.texts}
    assert [written[name].get_color() for name in "bac"] == ["#111111", "#222222", "#333333"]
    assert written["a"].get_position()[0] < written["b"].get_position()[0] < written["c"].get_position()[0]
    ends = sorted(float(line.get_xdata()[0]) for line in axes.lines)
    np.testing.assert_allclose(ends, np.sort(places))
