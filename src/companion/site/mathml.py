"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from xml.etree.ElementTree import Element, tostring

from latex2mathml import exceptions
from latex2mathml.converter import Converter
from markupsafe import Markup, escape

_DISPLAY = r"(?<!\\)\$\$(?P<dollars>.+?)(?<!\\)\$\$|\\\[(?P<brackets>.+?)\\\]"
# An opening dollar touches what follows and a closing one what precedes, so prices stay prices.
_INLINE = r"(?<![\\$])\$(?P<dollar>[^\s$](?:[^$]*?[^\s\\$])??)\$(?!\d)|\\\((?P<parens>.+?)\\\)"
_FORMULA = re.compile(f"{_DISPLAY}|{_INLINE}", re.DOTALL)

_FROM_FIRST_TO_LAST_SPACE = re.compile(r"\s(?:.*\s)?", re.DOTALL)

# What the converter does not know, in words that it does.
_SPELLINGS = (
    (re.compile(r"\\(begin|end)\{aligned\}"), r"\\\1{split}"),
    (re.compile(r"\\(begin|end)\{gathered\}"), r"\\\1{matrix}"),
    (re.compile(r"\\(begin|end)\{align\}"), r"\\\1{align*}"),
    (re.compile(r"\\mathrm\s*\{([A-Za-z]+)\}"), r"\\text{\1}"),
    (re.compile(r"\\label\{[^}]*\}|\\nonumber\b|\\notag\b"), ""),
)
_OUTER_DELIMITERS = re.compile(r"^\s*(?:\$\$?|\\\[|\\\()(.*?)(?:\$\$?|\\\]|\\\))\s*$", re.DOTALL)
_SPACES = {"negativethinmathspace": "-0.167em", "negativemediummathspace": "-0.222em"}
_LARGE_NORMS = (r"\|", r"\Vert", r"\lVert", r"\rVert")  # left as they are after a \Big
_DOUBLE_STRUCK_ZERO = 0x1D7D8
# The converter has a class for each way of being wrong, without a common base, and lets two of Python's escape.
_NOT_A_FORMULA: tuple[type[Exception], ...] = (
    ValueError,
    StopIteration,
    *(kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)


@lru_cache(maxsize=4096)
def formula(tex: str, *, display: bool = False) -> Markup:
    r"""MathML of the LaTeX formula ``tex``, given with or without its delimiters.

    A formula that cannot be converted is shown as its LaTeX source, marked as such.

    >>> "<mi>x</mi>" in formula("x^2")
    True
    """
    found = _OUTER_DELIMITERS.match(tex)
    source = (found[1] if found else tex).strip()
    try:
        root = Converter(display="block" if display else "inline").convert_to_element(_respelled(source))
    except _NOT_A_FORMULA:
        return Markup('<code class="tex">{}</code>').format(source)
    for element in list(root.iter()):
        _mend(element)
    first = next(iter(root[0]), root)
    if first.tag == "mo":
        first.set("lspace", "0em")  # a sign with nothing to its left
    root.set("alttext", source)
    return Markup(tostring(root, encoding="unicode"))


def text_with_formulas(text: str) -> Markup:
    r"""``text``, escaped, with the formulas in ``$...$``, ``$$...$$``, ``\(...\)``, ``\[...\]`` as MathML.

    >>> text_with_formulas("a < b costs $5")
    Markup('a &lt; b costs $5')
    """
    html, word = Markup(), []
    for piece, kind in pieces(text):
        if kind:
            word.append(formula(piece, display=kind == "block"))
            continue
        spaced = _FROM_FIRST_TO_LAST_SPACE.search(piece)
        if spaced is None:
            word.append(escape(piece))
            continue
        html += _together([*word, escape(piece[: spaced.start()])]) + escape(spaced[0])
        word = [escape(piece[spaced.end() :])]
    return html + _together(word)


def text_without_formulas(text: str) -> str:
    r"""``text`` as it would be read aloud, for alternative texts: commands lose their backslashes.

    >>> text_without_formulas(r"Loss against $\lambda_{min}$")
    'Loss against lambda_min'
    """
    words = (_spoken(piece) if kind else piece for piece, kind in pieces(text))
    return " ".join("".join(words).split())


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """The pieces of ``text`` with their kind: "block", "inline", or "" for what is no formula."""
    start = 0
    for match in _FORMULA.finditer(text):
        yield text[start : match.start()].replace(r"\$", "$"), ""
        block = match["dollars"] or match["brackets"]
        yield (block, "block") if block else (match["dollar"] or match["parens"], "inline")
        start = match.end()
    yield text[start:].replace(r"\$", "$"), ""


def _together(pieces: list[Markup]) -> Markup:
    """Pieces of one word: no line ends between a formula and the bracket or comma that touches it."""
    inside = Markup().join(pieces)
    return Markup('<span class="together">{}</span>').format(inside) if sum(map(bool, pieces)) > 1 else inside


def _respelled(tex: str) -> str:
    for pattern, replacement in _SPELLINGS:
        tex = pattern.sub(replacement, tex)
    return tex


def _spoken(tex: str) -> str:
    return re.sub(r"[\\{}]", "", re.sub(r"\\[,;!:]", " ", tex))


def _mend(element: Element) -> None:
    """Bring one element from what the converter writes to what MathML Core browsers draw."""
    text = html.unescape(element.text or "")  # the converter leaves entities inside texts
    if element.tag == "mtext":
        text = text.replace(" ", "\u00a0")
    elif element.tag == "mi" and len(text) == 1:
        text = "∼" if text == "~" else text
        if unicodedata.category(text) in ("Sm", "Ps", "Pe"):
            element.tag = "mo"
    elif element.tag == "mo":
        text = "‖" if text in _LARGE_NORMS else text
        _mend_operator(element, text)
    elif element.tag == "mn" and element.get("mathvariant") == "double-struck" and text.isdigit():
        text = "".join(chr(_DOUBLE_STRUCK_ZERO + int(digit)) for digit in text)
    elif element.tag == "mspace":
        width = element.get("width", "0em")
        element.set("width", _SPACES.get(width, width))
    elif element.tag in ("msup", "msub", "msubsup") and len(element) and element[0].get("minsize"):
        _wrap_first(element)  # a large bracket with an exponent stretches only in a row of its own
    element.text = text or None
    element.attrib.pop("href", None)


def _wrap_first(element: Element) -> None:
    row = Element("mrow")
    row.append(element[0])
    element[0] = row


def _mend_operator(element: Element, text: str) -> None:
    if text == "∞":
        element.tag = "mi"
    elif text in ("|", "‖"):  # browsers take a closing bar for a relation
        element.set("lspace", "0em")
        element.set("rspace", "0em")
    elif len(text) > 1 and text[0].isalpha():  # max, sign: no wider than TeX sets them
        element.set("lspace", "0.08em")
        element.set("rspace", "0.06em")
