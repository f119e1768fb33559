"""What changed in a figure since its last drawing, and since the last commit."""

import pytest

from companion.site.changes import Change, comparisons, last_drawing
from companion.site.inventory import take_inventory
from companion.site.tracked import Tracked

ENVIRONMENT = {"commit": "aaaa", "host": "node1", "versions": {"numpy": "2.4.5", "scipy": "1"}}


@pytest.fixture
def compared(small_project):
    """Draws the figure of the project twice, differently, and compares."""

    def compare(before=None, now=None, *, first=None, then=None, tracked=None, picture=("a", "a")):
        small_project.figure(**(now or {}))
        small_project.drawn(
            now={"figure": small_project.description(**(now or {})), "picture": picture[1], **(then or {})},
            before=None
            if before is None
            else {"figure": small_project.description(**before), "picture": picture[0], **(first or {})},
        )
        inventory = take_inventory(small_project.root)
        assert not inventory.problems
        return comparisons(inventory.figures[0], inventory, tracked or Tracked())

    return compare


def test_the_same_drawn_twice_has_changed_in_nothing(compared):
    former, committed = compared({}, {})
    assert former.with_what == "the run of 1970-01-01 00:01 UTC"
    assert (former.changes, former.circumstances, former.note) == ((), (), "")
    assert "no version control" in committed.note


def test_numbers_parameters_and_words(compared):
    former, _ = compared(
        {"data_digest": "12" * 32, "caption": "Before.", "parameters": {"seed": 3, "gone": 1}},
        {"data_digest": "34" * 32, "parameters": {"seed": 4, "students": [8]}},
    )
    assert former.changes == (
        Change("Data digest", "121212121212", "343434343434"),
        Change("Parameter gone", "1", "not there"),
        Change("Parameter seed", "3", "4"),
        Change("Parameter students", "not there", "[8]"),
        Change("Caption", "Before.", "Endpoints of descent. Lines: theory."),
    )


def test_another_result_with_the_same_numbers_says_so(compared):
    former, _ = compared({"data_key": "5a" * 16, "keys": ["5a" * 16]}, {})
    assert former.changes == (Change("Result", "5a5a5a5a5a5a", "3f3f3f3f3f3f (the same numbers)"),)


def test_a_picture_drawn_otherwise_from_the_same_numbers(compared):
    assert [one.what for one in compared({}, {}, picture=("a", "b"))[0].changes] == ["Picture"]
    other = compared({"data_digest": "9"}, {}, picture=("a", "b"))[0].changes
    assert [one.what for one in other] == ["Data digest"]


def test_verdicts_come_first_then_values_and_criteria(compared, small_project):
    claim = small_project.claim
    former, _ = compared(
        {"device": "cuda"},
        {},
        first={"verdicts": {"c1": claim("c1"), "c2": claim("c2", version=1), "c3": claim("c3")}},
        then={"verdicts": {"c1": claim("c1", value=0.5), "c2": claim("c2", verdict="fails", version=2)}},
    )
    assert former.changes == (
        Change("Verdict on c2", "holds", "fails"),
        Change("Measured for c1", "0.99 [0.97, 1]", "0.5 [0.97, 1]"),
        Change("Criterion of c2", "version 1", "version 2"),
        Change("Verdict on c3", "holds", "none"),
        Change("Device", "cuda", "cpu"),
    )


def test_a_new_verdict_came_from_none(compared, small_project):
    former, _ = compared({}, {}, then={"verdicts": {"c1": small_project.claim("c1")}})
    assert former.changes == (Change("Verdict on c1", "none", "holds"),)


def test_libraries_and_places_are_circumstances(compared):
    versions = {"numpy": "2.4.6", "scipy": "1", "torch": "2"}
    former, _ = compared(
        {},
        {},
        first={"environment": ENVIRONMENT},
        then={"environment": ENVIRONMENT | {"commit": "bbbb", "versions": versions}},
    )
    assert former.changes == ()
    assert former.circumstances == (
        Change("Commit", "aaaa", "bbbb"),
        Change("Version of numpy", "2.4.5", "2.4.6"),
        Change("Version of torch", "none", "2"),
    )


def test_a_figure_drawn_once_has_no_run_before(compared):
    assert "there is no run before" in compared(None, {})[0].note


def test_without_a_record_it_is_said(small_project):
    small_project.figure()
    inventory = take_inventory(small_project.root)
    former, _ = comparisons(inventory.figures[0], inventory, Tracked())
    assert "No run of this machine has kept a record" in former.note


def test_a_figure_that_came_from_elsewhere_since_is_not_compared(compared, small_project):
    compared({}, {})
    small_project.figure(data_digest="77" * 32)  # as a pull from version control leaves it
    inventory = take_inventory(small_project.root)
    former, _ = comparisons(inventory.figures[0], inventory, Tracked())
    assert "drew another figure than this one" in former.note
    assert last_drawing(inventory.figures[0], inventory) is None


def test_the_committed_figure_is_compared_too(compared, small_project):
    small_project.figure()
    small_project.claims(p1_c1_minima=small_project.claim(verdict="fails"))
    old = take_inventory(small_project.root)
    tracked = Tracked(
        known=True,
        claims=old.claims,
        figures={("laptop", "p1_f1_losses"): old.figures[0].record},
        differing=frozenset({"figures/laptop/p1_f1_losses.png"}),
    )
    small_project.claims(p1_c1_minima=small_project.claim())
    committed = compared(None, {"parameters": {"seed": 4, "students": [8, 10]}}, tracked=tracked)[1]
    assert committed.with_what == "the last commit"
    assert committed.changes == (
        Change("Verdict on p1_c1_minima", "fails", "holds"),
        Change("Parameter seed", "3", "4"),
        Change("Picture", "drawn otherwise", "from the same numbers"),
    )


def test_a_figure_that_is_not_committed_says_so(compared):
    assert compared(None, {}, tracked=Tracked(known=True))[1].note == "This figure is not committed."
