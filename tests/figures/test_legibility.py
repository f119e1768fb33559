"""What makes a figure hard to read is found and named; what is merely full is not."""

import pytest

from companion.figures.legibility import flaws
from companion.figures.style import figure, styled


def drawn(height=2.4, **subplots):
    drawing, panels = figure("text", height, squeeze=False, **subplots)
    for axes in panels.flat:
        axes.plot([0, 1], [0, 1], label="line")
    return drawing, panels[0, 0]


def found(drawing):
    drawing.draw_without_rendering()
    return flaws(drawing)


@styled()
def test_a_plain_figure_has_none():
    drawing, axes = drawn(ncols=3)
    axes.set_title("(a)", loc="left")
    axes.set_title("middle")
    axes.set_xlabel("time")
    axes.legend()
    drawing.legend(*axes.get_legend_handles_labels(), loc="outside upper center")
    assert found(drawing) == []


@styled()
def test_words_that_touch_are_both_named():
    drawing, axes = drawn()
    axes.text(0.5, 0.5, "here")
    axes.text(0.5, 0.5, "there")
    assert found(drawing) == ["'here' touches 'there'"]


@styled()
def test_hidden_words_touch_nothing():
    drawing, axes = drawn()
    axes.text(0.5, 0.5, "here")
    axes.text(0.5, 0.5, "there").set_visible(False)
    axes.text(0.5, 0.5, " ")
    assert found(drawing) == []


@styled()
def test_words_beyond_the_page_are_named():
    drawing, axes = drawn()
    axes.text(1.3, 0.5, "far out", transform=axes.transAxes).set_in_layout(False)
    assert found(drawing) == ["'far out' leaves the page"]


@styled()
@pytest.mark.parametrize(("height", "ncols"), [(2.0, 14), (0.6, 1)])
def test_small_panels_are_told_with_their_size(height, ncols):
    drawing, _ = drawn(height, ncols=ncols)
    assert any(flaw.startswith("a panel of ") for flaw in found(drawing))


@styled()
def test_a_strip_beside_taller_panels_is_meant():
    drawing, _ = drawn(2.4, nrows=2, height_ratios=[8, 1])
    assert found(drawing) == []


@styled()
def test_a_legend_that_covers_its_panel_is_told():
    drawing, axes = drawn(ncols=4)
    axes.legend([axes.lines[0]] * 9, [f"the long name of line {number}" for number in range(9)])
    assert "a legend covers its panel" in found(drawing)


@styled()
def test_a_panel_that_holds_only_a_legend_may_be_full():
    drawing, panels = figure("text", 2.0, ncols=4)
    for axes in panels[:3]:
        (line,) = axes.plot([0, 1])
    panels[3].set_axis_off()
    panels[3].legend([line] * 8, [f"line {number}" for number in range(8)], loc="center")
    assert found(drawing) == []


@styled()
def test_a_figure_taller_than_a_page_is_told():
    drawing, _ = drawn(9.4)
    assert found(drawing) == ["a height of 9.4 in"]
