"""Words on a narrower page: labels for panels that moved, lines that break, numbers that stay apart."""

from companion.figures.fitting import fit
from companion.figures.legibility import flaws, tick_labels, titles
from companion.figures.page import at_width
from companion.figures.style import figure, styled

LONG = "a title of many words, far longer than a panel of this page is wide, with $a = b$"


def narrow(width=3.25, height=2.4, order="rows", **subplots):
    with at_width(width):
        drawing, panels = figure("text", height, order, squeeze=False, **subplots)
    for axes in panels.flat:
        axes.plot([0, 1], [0, 1])
    return drawing, panels


@styled()
def test_a_long_title_breaks_between_words_and_not_inside_formulas():
    drawing, panels = narrow(ncols=3)
    panels[0, 0].set_title(LONG)
    fit(drawing)
    text = titles(panels[0, 0])[0].get_text()
    assert "\n" in text and " ".join(text.split()) == LONG and "$a = b$" in text
    assert flaws(drawing) == []


@styled()
def test_fitting_twice_changes_nothing_more():
    drawing, panels = narrow(ncols=3)
    panels[0, 0].set_title(LONG)
    panels[0, 1].set_ylabel(LONG)
    fit(drawing)
    before = titles(panels[0, 0])[0].get_text(), panels[0, 1].get_ylabel()
    fit(drawing)
    assert (titles(panels[0, 0])[0].get_text(), panels[0, 1].get_ylabel()) == before


@styled()
def test_a_title_leaves_room_for_the_letter():
    drawing, panels = narrow(ncols=4)
    axes = panels[0, 0]
    axes.set_title("(a)", loc="left")
    axes.set_title("twenty letters, three")
    fit(drawing)
    middle, left, _ = (title.get_window_extent() for title in titles(axes))
    assert middle.x0 > left.x1
    assert flaws(drawing) == []


@styled()
def test_what_fits_is_left_alone():
    drawing, panels = narrow(ncols=2)
    panels[0, 0].set_title("short")
    panels[0, 0].set_xlabel("time")
    fit(drawing)
    assert panels[0, 0].get_title() == "short" and titles(panels[0, 0])[0].get_position()[0] == 0.5


@styled()
def test_a_panel_that_came_to_the_left_takes_the_label_of_its_row():
    drawing, panels = narrow(ncols=4)
    panels[0, 0].set_ylabel("runs")
    fit(drawing)
    assert [axes.get_ylabel() for axes in panels[0]] == ["runs", "", "runs", ""]


@styled()
def test_it_keeps_its_own_label_and_takes_none_where_its_neighbour_has_one():
    drawing, panels = narrow(ncols=4)
    for axes, label in zip(panels[0], ("a", "b", "", "d"), strict=True):
        axes.set_ylabel(label)
    fit(drawing)
    assert [axes.get_ylabel() for axes in panels[0]] == ["a", "b", "", "d"]


@styled()
def test_numbers_that_a_neighbour_had_come_back_with_the_label():
    drawing, panels = narrow(ncols=4, sharey=True)
    panels[0, 0].set_ylabel("runs")
    panels[0, 1].set_ylabel("own")
    fit(drawing)
    assert [axes.yaxis.get_tick_params()["labelleft"] for axes in panels[0]] == [True, False, True, False]
    assert panels[0, 2].get_ylabel() == "own"


@styled()
def test_a_panel_that_lost_the_one_below_takes_its_label():
    drawing, panels = narrow(height=4.0, nrows=2, ncols=3)
    for axes in panels[0]:
        axes.tick_params(axis="x", labelbottom=False)
    for axes in panels[1]:
        axes.set_xlabel("time")
    fit(drawing)
    assert [axes.get_xlabel() for axes in panels[0]] == ["time"] * 3
    assert all(axes.xaxis.get_tick_params()["labelbottom"] for axes in panels[0])


@styled()
def test_columns_that_stay_together_keep_one_label_below():
    drawing, panels = narrow(height=4.0, order="columns", nrows=2, ncols=4, sharex="col")
    for axes in panels[1]:
        axes.set_xlabel("time")
    fit(drawing)
    assert [axes.get_xlabel() for axes in panels[0]] == [""] * 4


@styled()
def test_names_that_touch_are_slanted_and_numbers_thinned_out():
    drawing, panels = narrow(ncols=2)
    panels[0, 0].set_xticks(range(5), ["one name", "another name", "a third name", "a fourth", "a fifth"])
    panels[0, 1].set_xticks(range(9), [f"{number}0000" for number in range(9)])
    fit(drawing)
    assert {label.get_rotation() for label in tick_labels(panels[0, 0].xaxis)} == {35}
    assert 1 < len(tick_labels(panels[0, 1].xaxis)) < 9
    assert flaws(drawing) == []
