"""Numbers, times and names as pages write them."""

import datetime
import json
import re

from markupsafe import Markup, escape

_ARXIV = re.compile(r"^\s*(?:arXiv:\s*)?(\d{4}\.\d{4,5})(?:v\d+)?\s*$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])")


def moment(seconds: float | None) -> str:
    """A time in seconds since 1970 as a date, the same wherever the page is built.

    >>> moment(0.0)
    '1970-01-01 00:00 UTC'
    """
    if seconds is None:
        return "at an unknown time"
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def size(count: float) -> str:
    """A number of bytes.

    >>> size(900), size(148_000), size(2_500_000), size(3.2e10)
    ('900 B', '148 kB', '2.5 MB', '32 GB')
    """
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= 0.9995 * one:
            return (
                f"{count / one:.1f} {unit}"
                if count < 9.95 * one and one > 1e3
                else f"{count / one:.0f} {unit}"
            )
    return f"{count:.0f} B"


def value(parameter: object) -> str:
    """A parameter's value, written as YAML and the command line take it.

    >>> value([8, 10]), value(True), value("auto")
    ('[8, 10]', 'true', '"auto"')
    """
    return json.dumps(parameter, ensure_ascii=False, default=str)


def arxiv_identifier(text: str) -> str | None:
    """The arXiv identifier that ``text`` is, without its version; None if it is none.

    >>> arxiv_identifier("arXiv:2604.09412v2")
    '2604.09412'
    """
    found = _ARXIV.match(text)
    return found[1] if found else None


def arxiv_address(text: str) -> str | None:
    """Address of an arXiv identifier; None if ``text`` is none.

    >>> arxiv_address("2604.09412")
    'https://arxiv.org/abs/2604.09412'
    """
    identifier = arxiv_identifier(text)
    return identifier and f"https://arxiv.org/abs/{identifier}"


def first_sentence(text: str) -> str:
    """The first sentence of a text.

    >>> first_sentence("Loss at K = 1.5 and more. Lines: theory.")
    'Loss at K = 1.5 and more.'
    """
    return _SENTENCE_END.split(text.strip(), maxsplit=1)[0]


def breakable(name: str) -> Markup:
    """An identifier or path that may be broken into lines after ``_`` and ``/``.

    >>> breakable("params/p1_c2")
    Markup('params/<wbr>p1_<wbr>c2')
    """
    return Markup(re.sub(r"([_/])", r"\1<wbr>", str(escape(name))))
