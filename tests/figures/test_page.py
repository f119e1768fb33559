"""Panels on a page of another width: which stand beside each other, in which order, and what they share."""

import ast
import inspect
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from companion.figures import style
from companion.figures.page import Page, arrange, asked_width, at_width, joined, page
from companion.figures.style import TEXT_WIDTH, figure, styled


def lines(found) -> list[list[tuple[int, int]]]:
    """Panels of each line, from left to right."""
    places = {index: tuple(map(int, found.places[index][:2])) for index in np.ndindex(found.places.shape[:2])}
    return [
        sorted((p for p in places if places[p][0] == line), key=places.get) for line in range(found.lines)
    ]


def test_as_many_panels_stand_beside_each_other_as_have_room():
    design = (TEXT_WIDTH, 2.4)
    assert [arrange((1, 3), design, width).beside for width in (1.2, 3.25, 4.4, 4.5, 6.75, 9.0)] == [
        1,
        2,
        2,
        3,
        3,
        3,
    ]
    assert arrange((1, 8), design, 3.25).beside == 3  # made for narrow panels
    assert arrange((1, 3), design, 3.25, beside=1).beside == 1
    assert arrange((1, 3), design, 3.25, order="fixed").beside == 3


def test_rows_go_on_in_the_next_line_and_fill_it():
    found = arrange((2, 3), (TEXT_WIDTH, 4.0), 3.25)
    assert lines(found) == [[(0, 0), (0, 1)], [(0, 2), (1, 0)], [(1, 1), (1, 2)]]
    last = arrange((1, 3), (TEXT_WIDTH, 2.4), 3.25)
    assert lines(last) == [[(0, 0), (0, 1)], [(0, 2)]]
    assert last.places[0, :, 2].tolist() == [2, 2, 1]  # the third panel has its line to itself


def test_columns_stay_together():
    found = arrange((2, 3), (TEXT_WIDTH, 4.0), 3.25, order="columns")
    assert lines(found) == [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 2)], [(1, 2)]]


@pytest.mark.parametrize("shape", [(1, 2), (1, 3), (2, 3), (3, 4), (1, 8)])
@pytest.mark.parametrize("width", [1.5, 3.25, 5.0, 13.0])
def test_no_place_is_taken_twice_and_heights_stay_within_the_page(shape, width):
    found = arrange(shape, (TEXT_WIDTH, 2.0 * shape[0]), width)
    taken = {tuple(found.places[index][:2]) for index in np.ndindex(shape)}
    assert len(taken) == shape[0] * shape[1]
    assert all(position < found.beside for _, position in taken)
    if found.lines > shape[0]:
        assert found.height <= max(9.0, 1.05 * found.lines)
    else:
        assert found.height <= 2.0 * shape[0]


def test_the_asked_width_counts_inside_its_block_only():
    assert asked_width() is None
    with at_width(3.25):
        assert asked_width() == 3.25
        with at_width(None):
            assert asked_width() is None
    assert asked_width() is None


def test_the_session_asks_through_the_environment(monkeypatch):
    monkeypatch.setenv("COMPANION_FIGURE_WIDTH", "3.5")
    with styled():
        drawing, _ = figure("text", height=2.0, ncols=2)
    assert drawing.get_figwidth() == 3.5 and isinstance(drawing, Page)


@styled()
def test_the_own_width_gives_the_figure_as_it_was_made():
    with at_width(TEXT_WIDTH):
        drawing, panels = figure("text", height=2.4, ncols=3)
    assert not isinstance(drawing, Page) and drawing.get_size_inches().tolist() == [6.75, 2.4]
    assert panels.shape == (3,)


@styled()
@pytest.mark.parametrize("squeeze", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (2, 3)])
def test_panels_come_in_the_grid_of_the_design(shape, squeeze):
    with at_width(3.25):
        _, panels = figure("text", 2.0, nrows=shape[0], ncols=shape[1], squeeze=squeeze)
    expected = matplotlib.figure.Figure().subplots(*shape, squeeze=squeeze)
    assert np.shape(panels) == np.shape(expected)


@styled()
def test_what_was_shared_stays_shared_and_numbers_stand_once():
    with at_width(3.25):
        _, grid = figure("text", 4.0, nrows=2, ncols=3, sharey="row")
    grid[0, 0].set_ylim(0, 7)
    assert grid[0, 2].get_ylim() == (0, 7) and grid[1, 0].get_ylim() != (0, 7)
    numbers = [[axes.yaxis.get_tick_params()["labelleft"] for axes in row] for row in grid]
    # (0, 1) stands right of (0, 0); (1, 0) stands right of a panel of another row
    assert numbers == [[True, False, True], [True, True, False]]


@styled()
def test_legends_take_as_many_columns_as_the_page_holds():
    names = [f"a rather long name {number}" for number in range(6)]
    with at_width(3.25):
        drawing, axes = figure("text", height=2.0)
        for name in names:
            axes.plot([0, 1], label=name)
        legend = drawing.legend(loc="outside lower center", ncols=6)
    assert legend.get_window_extent().width <= drawing.bbox.width
    assert [text.get_text() for text in legend.get_texts()] == names
    assert len(drawing.legends) == 1


@styled()
def test_a_second_legend_without_room_goes_to_the_other_end():
    with at_width(3.25):
        drawing, axes = figure("text", height=2.0)
        (line,) = axes.plot([0, 1])
        named = {"handles": [line], "labels": ["words that take more than half of a narrow page"]}
        first = drawing.legend(**named, loc="outside lower left")
        second = drawing.legend(**named, loc="outside lower right")
    drawing.draw_without_rendering()
    assert second.get_window_extent().y0 > first.get_window_extent().y1


@styled()
def test_joined_panels_take_the_place_of_several():
    for width, shares in ((TEXT_WIDTH, 0.5), (3.25, 1.0)):
        with at_width(width):
            drawing, grid = figure("text", 4.0, nrows=2, ncols=4)
            left, right = joined(grid[0, :2]), joined(grid[0, 2:])
        for axes in (left, right, *grid[1]):
            axes.plot([0, 1])
        drawing.draw_without_rendering()
        assert len(drawing.axes) == 6
        assert left.get_window_extent().width > 0.7 * shares * drawing.bbox.width
        assert left.get_window_extent().width > 1.5 * grid[1, 0].get_window_extent().width


@styled()
def test_a_line_that_joining_has_emptied_leaves_the_page():
    with at_width(3.25):
        drawing, grid = figure("text", 3.0, nrows=1, ncols=3)
        before = drawing.get_figheight()
        joined(grid[1:])
    assert drawing.get_figheight() == pytest.approx(before / 2)


@styled()
def test_ratios_of_heights_are_repeated_and_others_refused():
    with at_width(3.25):
        drawing, grid = figure("text", 3.0, "columns", nrows=2, ncols=4, height_ratios=[3, 1])
        for axes in grid.flat:
            axes.plot([0, 1])
            axes.set_axis_off()
        drawing.draw_without_rendering()
        heights = [round(axes.get_position().height, 3) for axes in grid[:, 0]]
        assert heights[0] > 2 * heights[1]
        with pytest.raises(ValueError, match="subplot_kw"):
            figure("text", 3.0, ncols=4, subplot_kw={"projection": "polar"})


def test_every_figure_of_the_package_can_move_its_panels():
    movable = {*inspect.signature(figure).parameters, *inspect.signature(page).parameters} | {
        "height_ratios",
        "width_ratios",
    }
    given = {
        (path.stem, word.arg)
        for path in Path(style.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "figure"
        for word in call.keywords
    }
    assert len({name for name, _ in given}) > 40
    assert {(name, word) for name, word in given if word not in movable | {None}} == set()
