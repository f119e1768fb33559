"""Text set into lines of a width, formulas included, for pages that matplotlib draws. Lengths are in points."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.textpath import text_to_path

from companion.figures.style import PALETTE
from companion.site.mathml import pieces, text_without_formulas

#: The second family has the signs that the first one lacks, those of verdicts among them.
FAMILIES = ("STIXGeneral", "DejaVu Sans")
_INK = PALETTE["ink"]
_LEADING = 1.28  # of the size, from line to line
_PARSER = MathTextParser("path")
_FINER = 64

# What matplotlib's formulas do not know, in words that they do.
_SPELLINGS = (
    (re.compile(r"\\(?:display|text)style\b"), ""),
    (re.compile(r"\\tfrac\b"), r"\\frac"),
    (re.compile(r"\\frac\s*(\d)\s*(\d)"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\frac\s*(\d)\s*(\\[A-Za-z]+)"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\frac\s*([A-Za-z\d])\s*([A-Za-z\d])"), r"\\frac{\1}{\2}"),
    (re.compile(r"\\frac\s*([A-Za-z\d])\s*(?=\{)"), r"\\frac{\1}"),
    (re.compile(r"\\frac\s*(\\[A-Za-z]+)\s*([A-Za-z\d])"), r"\\frac{\1}{\2}"),
    (re.compile(r"([_^])\\mathrm\{(\w+)\}"), r"\1{\\mathrm{\2}}"),
    (re.compile(r"\\begin\{pmatrix\}(.*?)\\\\(.*?)\\end\{pmatrix\}"), r"\\genfrac{(}{)}{0}{}{\1}{\2}"),
    (re.compile(r"&"), r"\\ \\ "),
    (re.compile(r"\\sqrt\s*([A-Za-z\d])"), r"\\sqrt{\1}"),
    (re.compile(r"\\bmod\b"), r"\\ \\mathrm{mod}\\ "),
    (re.compile(r"\\Longleftrightarrow\b"), r"\\Leftrightarrow"),
    (re.compile(r"\\[bB]ig+[lr]?\s*\\\|"), r"\\Vert "),
    (re.compile(r"\\([bB])igg?[lr]?(?=[\[\](){}|])"), ""),
    (re.compile(r"(?<![\d.])\.(?=\d)"), "0."),  # else there is a space behind the point
)
_FRACTION = re.compile(r"\\frac\b")


@dataclass(frozen=True)
class Type:
    """How a text looks: ``size`` in points."""

    size: float = 9.0
    weight: str = "normal"
    colour: str = _INK


@dataclass(frozen=True)
class Run:
    """Words, or one formula between dollars, that begin ``x`` to the right of their line's left end.

    Matplotlib draws it ``raised`` too high.
    """

    x: float
    text: str
    is_formula: bool
    raised: float = 0.0


@dataclass(frozen=True)
class Line:
    """One line: ``ascent`` above its base and ``descent`` below it, leading included."""

    runs: tuple[Run, ...]
    type: Type
    ascent: float
    descent: float
    indent: float = 0.0

    @property
    def height(self) -> float:
        return self.ascent + self.descent

    def moved(self, by: float) -> "Line":
        """The same line, ``by`` further to the right."""
        return replace(self, indent=self.indent + by)

    def draw(self, page: Figure, x: float, base: float) -> None:
        """Draw it on ``page`` with its left end at ``x``, its base at ``base`` above the lower edge."""
        width, height = 72 * page.get_size_inches()
        for run in self.runs:
            page.text(
                (x + self.indent + run.x) / width,
                (base - run.raised) / height,
                run.text,
                family=list(FAMILIES),
                fontsize=self.type.size,
                fontweight=self.type.weight,
                color=self.type.colour,
                parse_math=run.is_formula,
            )


def lines_of(text: str, width: float, type: Type, indent: float = 0.0) -> list[Line]:
    """``text``, with formulas between dollars, in lines no longer than ``width``; none for an empty text.

    ``indent`` is that of all lines, within the width. A single word longer than a line stands out.
    """
    lines: list[Line] = []
    line: list[tuple[_Piece, ...]] = []
    used, space = 0.0, _extent(" ", False, type.size, type.weight)[0]
    for word in _words(text):
        length = sum(_extent(piece.text, piece.is_formula, type.size, type.weight)[0] for piece in word)
        if line and used + space + length > width - indent:
            lines.append(_line(line, type, indent))
            line, used = [], 0.0
        used += length + (space if line else 0.0)
        line.append(word)
    return [*lines, _line(line, type, indent)] if line else lines


def equation_text(tex: str) -> str:
    """An equation without delimiters as a text that may be broken where it has wide spaces."""
    tex = _FRACTION.sub(lambda found: r"\dfrac" if _outside(found) else found[0], _respelled(tex))
    parts = (part.strip() for part in re.split(r"\\q?quad(?![A-Za-z])", tex))
    return " ".join(rf"${part}\quad$" for part in parts if part)


def _outside(found: re.Match[str]) -> bool:
    """Whether a match lies in no braces: fractions there are set large."""
    return found.string.count("{", 0, found.start()) == found.string.count("}", 0, found.start())


def _respelled(tex: str) -> str:
    for pattern, replacement in _SPELLINGS:
        tex = pattern.sub(replacement, tex)
    return tex.strip()


def width_of(text: str, type: Type) -> float:
    """How long plain ``text`` is, in points."""
    return _extent(text, False, type.size, type.weight)[0]


@dataclass(frozen=True)
class _Piece:
    text: str
    is_formula: bool


def _words(text: str) -> Iterator[tuple[_Piece, ...]]:
    """Words with the formulas that touch them, so that no line ends between a formula and its comma."""
    word: list[_Piece] = []
    for piece, kind in pieces(text):
        if kind:
            word.append(_formula(piece))
            continue
        for part in re.findall(r"\s+|\S+", piece):
            if not part.isspace():
                word.append(_Piece(part, False))
            elif word:
                yield tuple(word)
                word = []
    if word:
        yield tuple(word)


@lru_cache(maxsize=4096)
def _formula(tex: str) -> _Piece:
    r"""A formula that matplotlib can set; one that it cannot is read aloud, as words."""
    respelled = _respelled(tex)
    try:
        _PARSER.parse(f"${respelled}$")
    except ValueError:
        return _Piece(text_without_formulas(f"${tex.strip()}$"), False)
    return _Piece(f"${respelled}$", True)


@lru_cache(maxsize=65536)
def _extent(text: str, is_formula: bool, size: float, weight: str) -> tuple[float, float, float, float]:
    """Width, ascent and descent of a piece, and by how much matplotlib draws it too high.

    Matplotlib rounds the sizes of formulas up to whole points, and raises them by what it added; measured at many
    times the size, they are nearly exact.
    """
    font = FontProperties(family=list(FAMILIES), size=size, weight=weight)
    if not is_formula:
        return text_to_path.get_text_width_height_descent(text, font, False)[0], 0.0, 0.0, 0.0
    large = FontProperties(family=list(FAMILIES), size=_FINER * size, weight=weight)
    width, height, depth = (length / _FINER for length in _PARSER.parse(text, 72, large)[:3])
    drawn = _PARSER.parse(text, 72, font)
    return width, height - depth, depth, float(drawn[1] - drawn[2]) - (height - depth)


def _line(words: list[tuple[_Piece, ...]], type: Type, indent: float) -> Line:
    spaced = [piece for word in words for piece in (_Piece(" ", False), *word)][1:]
    runs, x = [], 0.0
    tall, deep = 0.76 * type.size, (_LEADING - 0.76) * type.size
    for is_formula, group in groupby(spaced, key=lambda piece: piece.is_formula):
        for text in [piece.text for piece in group] if is_formula else ["".join(one.text for one in group)]:
            width, ascent, descent, raised = _extent(text, is_formula, type.size, type.weight)
            runs.append(Run(x, text, is_formula, raised))
            x, tall, deep = x + width, max(tall, ascent + 1.5), max(deep, descent + 2.5)
    return Line(tuple(runs), type, tall, deep, indent)
