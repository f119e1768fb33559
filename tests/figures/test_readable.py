"""Another arrangement is tried before a figure is called hard to read, and the least readable width is found."""

import pytest

from companion.figures.page import Page
from companion.figures.readable import narrowest, redraw
from companion.figures.style import figure

NAMES = ["gradient descent", "unit rows", "orthonormal rows"]


def three_panels():
    """Panels with a legend that needs two inches and a half."""
    drawing, panels = figure("text", height=2.4, ncols=3)
    for axes in panels:
        for name in NAMES:
            axes.plot([0, 1], label=name)
        axes.legend(ncols=2)
    return drawing


def crowded():
    """Words that touch each other at any width."""
    drawing, axes = figure("text", height=2.4)
    axes.plot([0, 1])
    for _ in range(2):
        axes.text(0.5, 0.5, "words")
    return drawing


def wide():
    """A line of words that nothing breaks."""
    drawing, axes = figure("text", height=2.4)
    axes.plot([0, 1])
    axes.text(0.0, 0.5, "unbroken" * 8, transform=axes.transAxes).set_in_layout(False)
    return drawing


def test_panels_are_stacked_where_that_helps():
    found = redraw(three_panels, 3.25)
    assert found.flaws == ()
    assert isinstance(found.figure, Page) and found.figure.arrangement.beside == 1


def test_flaws_that_the_figure_was_made_with_do_not_count():
    assert redraw(crowded, 3.25).flaws == ()


def test_what_cannot_be_read_is_told_with_the_width_from_which_it_can():
    assert redraw(wide, 2.0).flaws == (f"{'unbroken' * 8!r} leaves the page",)
    width = narrowest(wide, 2.0)
    assert 2.0 < width < 6.75 and width % 0.25 == 0
    assert redraw(wide, width).flaws == () and redraw(wide, width - 0.25).flaws != ()


def test_the_width_of_the_design_is_readable():
    assert narrowest(wide, 6.7) == pytest.approx(6.75)
