"""Marks: theory as lines, simulation as markers with intervals."""

import numpy as np
import pytest

from companion.figures.marks import guide, letter_panels, points_over_seeds, simulation_points, theory_line
from companion.figures.style import figure, styled


@pytest.fixture
def axes():
    with styled():
        drawing, panel = figure()
        yield panel
        drawing.draw_without_rendering()


def bars(container):
    """Lower and upper end of each bar that is drawn."""
    (lines,) = container.lines[2]
    return np.array(
        [segment[:, 1] for segment in lines.get_segments() if np.isfinite(segment).all() and len(segment)]
    )


def test_theory_has_no_markers_and_simulation_no_line(axes):
    line = theory_line(axes, [0, 1], [1, 2], color="#123456", label="theory")
    marks = simulation_points(axes, [0, 1], [1, 2], [0.5, 1.5], [2, 3])
    assert (line.get_marker(), line.get_linestyle(), line.get_color()) == ("", "-", "#123456")
    assert (marks.lines[0].get_marker(), marks.lines[0].get_linestyle()) == ("o", "None")
    assert marks.lines[0].get_zorder() > line.get_zorder()
    assert bars(marks).tolist() == [[0.5, 2.0], [1.5, 3.0]]


def test_a_marker_without_interval_stays(axes):
    marks = simulation_points(axes, [0, 1, 2], [1, 2, 3], [-np.inf, np.nan, 2.5], [np.inf, np.nan, 3.5])
    assert marks.lines[0].get_ydata().tolist() == [1, 2, 3]
    assert bars(marks).tolist() == [[2.5, 3.5]]


def test_bars_over_seeds_hold_the_mean_and_repeat(axes):
    samples = np.random.default_rng(0).normal(size=(3, 8))
    first, second = (bars(points_over_seeds(axes, [1, 2, 3], samples, color="C1")) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert np.all(first[:, 0] < samples.mean(axis=1))
    assert np.all(samples.mean(axis=1) < first[:, 1])


def test_guides_lie_behind_and_carry_their_name(axes):
    line = theory_line(axes, [0, 1], [1, 2])
    guide(axes, x=0.5, text="$K = 10$")
    guide(axes, y=1.5)
    assert len(axes.lines) == 3
    assert all(drawn.get_zorder() < line.get_zorder() for drawn in axes.lines[1:])
    assert [text.get_text() for text in axes.texts] == ["$K = 10$", ""]


def test_panels_are_lettered_in_order():
    with styled():
        _, panels = figure("text", nrows=2, ncols=2)
        letter_panels(panels.flat)
    assert [axes.get_title(loc="left") for axes in panels.flat] == ["(a)", "(b)", "(c)", "(d)"]
