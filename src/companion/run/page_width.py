"""``--width``: how wide a figure shall be, in the units that authors measure their pages in."""

import re

from companion.settings.problems import Problem

#: Named widths and units in inches. A pt is TeX's, so that \showthe\columnwidth can be copied.
NAMED = {"column": 3.25, "text": 6.75}
_UNITS = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72.27}

_LEAST, _MOST = 1.0, 20.0
_ALLOWED = f"column, text, or {_LEAST:g} to {_MOST:g} inches with their unit: 3.25in, 8.5cm, 85mm, 246pt"


def inches_of(text: str) -> float:
    """The width that ``text`` names, in inches. Raises ValueError for any other text.

    >>> inches_of("3.25in"), inches_of("column"), round(inches_of("246pt"), 3), round(inches_of("8.5 cm"), 3)
    (3.25, 3.25, 3.404, 3.346)
    """
    text = text.strip()
    if text in NAMED:
        return NAMED[text]
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(in|cm|mm|pt)", text)
    inches = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not _LEAST <= inches <= _MOST:
        raise ValueError(f"{text!r} given; allowed: {_ALLOWED}")
    return inches


def width_problems(text: str | None) -> list[Problem]:
    """A problem if ``text`` is given and names no width."""
    try:
        if text is not None:
            inches_of(text)
    except ValueError:
        return [Problem("--width", None, None, "not a width", repr(text), _ALLOWED)]
    return []
