"""Spans of time as a user writes them: a number and its unit."""

import re

#: What is allowed, in words.
ALLOWED = "a number above 0 and its unit, as in 90s, 30m, 2h, 1.5d"

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(rf"(\d+(?:\.\d+)?)\s*([{''.join(_UNITS)}])")


def seconds_of(text: str) -> float:
    """The span of time that ``text`` names, in seconds. Raises ValueError for a text that names none.

    >>> seconds_of("90s"), seconds_of("30m"), seconds_of("1.5h"), seconds_of("2d")
    (90.0, 1800.0, 5400.0, 172800.0)
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise ValueError(f"{text!r} given; allowed: {ALLOWED}")
    return float(found[1]) * _UNITS[found[2]]
