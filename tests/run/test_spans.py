"""Spans of time as text."""

import pytest

from companion.run.spans import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("0.5h", 1800), (" 3 s ", 3), ("1.5d", 129_600)],
)
def test_a_number_and_its_unit(text: str, seconds: float):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "0s", "-3s", "2 days", "1h30m", "inf s", "1e3s"])
def test_other_text_is_refused_with_what_is_allowed(text: str):
    with pytest.raises(ValueError, match=r"as in 90s, 30m, 2h, 1\.5d"):
        seconds_of(text)
