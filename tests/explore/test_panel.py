"""The look of all explorers: a move draws once, menus follow what stands before them, nothing is computed unasked."""

import gc

import pytest
from IPython.display import Image
from matplotlib.figure import Figure

from companion.explore import panel as shared
from companion.explore.missing import NotStored
from companion.explore.panel import CLOSED, in_lab, log_slider, menu, panel, slider, stop, stops
from companion.store.durable import StoredFunction


@pytest.fixture
def shown(monkeypatch):
    """What the screen was given, in order."""
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    given = []
    monkeypatch.setattr(shared, "display", given.append)
    return given


def drawn(log):
    """A view that notes what it is asked for."""

    def view(**values):
        log.append(values)
        return Figure(figsize=(1.0, 1.0))

    return view


def test_one_move_draws_once_with_all_values(shown):
    asked = []
    box = panel(drawn(asked), {"a": slider("a", 1, 0, 9, 1), "b": log_slider("b", 1.0, -2, 2, 0.1)})
    first, _ = box.children[0].children
    first.value = 4
    assert asked == [{"a": 1, "b": 1.0}, {"a": 4, "b": 1.0}]
    assert [type(each) for each in shown] == [Image, Image]


def test_controls_have_one_size_and_wait_until_they_are_let_go():
    controls = [
        slider("a", 1, 0, 9, 1),
        slider("b", 0.5, 0.0, 1.0, 0.1),
        log_slider("c", 1.0, -2, 2, 0.1),
        stops("d", [1, 2], 2),
        menu("e", [1, 2], 2),
    ]
    assert len({(each.layout.width, each.style.description_width) for each in controls}) == 1
    assert not any(each.continuous_update for each in controls[:4])
    assert [each.value for each in controls] == [1, 0.5, 1.0, 2, 2]


def test_a_menu_offers_what_the_controls_before_it_leave_and_keeps_its_choice(shown):
    asked = []
    controls = {
        "size": slider("size", 2, 1, 5, 1),
        "part": menu("part", [1], 1),
        "tone": menu("tone", ["x"], "x"),
    }
    depends = {
        "part": lambda before: list(range(before["size"])),
        "tone": lambda before: [(f"tone {each}", each) for each in "xyz"[: before["part"] + 1]],
    }
    size, part, tone = panel(drawn(asked), controls, depends).children[0].children
    tone.value = "y"
    size.value = 4
    assert (part.options, part.value, tone.value) == ((0, 1, 2, 3), 1, "y")
    part.value = 0
    assert [each for _, each in tone.options] == ["x"]
    assert tone.value == "x"
    size.value = 1
    assert asked == [
        {"size": 2, "part": 1, "tone": "x"},
        {"size": 2, "part": 1, "tone": "y"},
        {"size": 4, "part": 1, "tone": "y"},
        {"size": 4, "part": 0, "tone": "x"},
        {"size": 1, "part": 0, "tone": "x"},
    ]


def test_in_a_batch_run_an_explorer_does_nothing(monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")

    @in_lab
    def explorer():
        raise AssertionError("it did something")

    assert explorer() == CLOSED
    assert "make lab" in CLOSED


def test_in_a_batch_run_a_stop_is_the_picture_that_it_starts_from(monkeypatch):
    asked = []
    monkeypatch.setenv("COMPANION_RUN", "1")

    def view(value):
        asked.append(value)
        return Figure(figsize=(1.0, 1.0))

    assert isinstance(stop(view, stops("a", [1, 2], 2)), Image)
    monkeypatch.delenv("COMPANION_RUN")
    box = stop(view, stops("a", [1, 2], 2))
    box.children[0].children[0].value = 1
    assert asked == [2, 2, 1]


def test_what_is_missing_is_said_and_computed_when_it_is_asked_for(shown, monkeypatch):
    computed = []
    monkeypatch.setattr("companion.explore.missing._costs", lambda _: "Computing it takes about 40 s.")

    def view(**values):
        if not computed:
            raise NotStored("it", StoredFunction.__new__(StoredFunction))
        return Figure(figsize=(1.0, 1.0))

    monkeypatch.setattr(StoredFunction, "__call__", lambda self: computed.append(self))
    panel(view, {"a": slider("a", 1, 0, 9, 1)})
    text, button = shown[-1].children
    assert text.value == "it: not stored. Computing it takes about 40 s."
    assert computed == []
    button.click()
    assert len(computed) == 1
    assert isinstance(shown[-1], Image)


def test_garbage_is_collected_between_moves_and_not_while_one_is_drawn(shown):
    during = []

    def view(a):
        during.append(gc.isenabled())
        if a > 2:
            raise ValueError("too large")
        return Figure(figsize=(1.0, 1.0))

    box = panel(view, {"a": slider("a", 1, 0, 9, 1)})
    box.children[0].children[0].value = 2
    with pytest.raises(ValueError, match="too large"):
        box.children[0].children[0].value = 3
    assert during == [False, False, False] and gc.isenabled()
