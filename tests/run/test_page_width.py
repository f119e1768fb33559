"""Widths in the units of papers."""

import pytest

from companion.figures.style import COLUMN_WIDTH, TEXT_WIDTH
from companion.run.page_width import NAMED, inches_of, width_problems


@pytest.mark.parametrize(
    ("text", "inches"),
    [
        ("3.25in", 3.25),
        ("8.5cm", 8.5 / 2.54),
        (" 82 mm ", 8.2 / 2.54),
        ("246pt", 246 / 72.27),
        (".5in", None),
    ],
)
def test_a_number_and_its_unit(text: str, inches: float | None):
    if inches is None:
        assert width_problems(text)
    else:
        assert inches_of(text) == pytest.approx(inches) and width_problems(text) == []


def test_named_widths_are_those_that_figures_are_made_for():
    assert NAMED == {"column": COLUMN_WIDTH, "text": TEXT_WIDTH}
    assert inches_of("text") == TEXT_WIDTH


@pytest.mark.parametrize(
    "text", ["", "3.25", "in", "0.9in", "21in", "-3in", "3,25in", "3.25 inches", "1e1in", "wide"]
)
def test_other_text_is_refused_with_what_is_allowed(text: str):
    with pytest.raises(ValueError, match="column, text, or 1 to 20 inches"):
        inches_of(text)
    (problem,) = width_problems(text)
    assert str(problem).startswith("--width: not a width") and repr(text) in str(problem)


def test_no_width_is_no_problem():
    assert width_problems(None) == []
