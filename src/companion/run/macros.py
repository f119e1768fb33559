r"""Claims as LaTeX macros: \pOneDiscreteMinimaValue and its like, so that no number is typed into a paper by hand."""

import math
import re
from collections.abc import Iterable, Sequence

from companion.site.records import ClaimEntry

#: What stands for a number that there is not: to be seen on the page, as LaTeX shows a missing reference.
MISSING = r"\textbf{??}"

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_SPECIAL = {
    **{letter: rf"\{letter}" for letter in "%&#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\ensuremath{<}", ">": r"\ensuremath{>}", "≤": r"\ensuremath{\leq}", "≥": r"\ensuremath{\geq}"},
    **{
        "−": r"\ensuremath{-}",
        "×": r"\ensuremath{\times}",
        "±": r"\ensuremath{\pm}",
        "∞": r"\ensuremath{\infty}",
    },
    **{"→": r"\ensuremath{\to}", "·": r"\ensuremath{\cdot}", "°": r"\ensuremath{^\circ}"},
}
_FORMULA = re.compile(r"((?<!\\)\$[^$]*\$)")
_PLAIN = (1e-4, 1e7)  # sizes of numbers that are written without a power of ten

# A claim may come with several figures: the last one read counts, where \newcommand would refuse the second.
_SET = r"\providecommand{\companionset}[2]{\providecommand{#1}{}\renewcommand{#1}{#2}}"


def macro_name(claim: str) -> str:
    """The name that the macros of a claim begin with: its paper and its words, without the code between them.

    >>> macro_name("p1_c1_discrete_minima"), macro_name("p2rf_k4b_exposure_or_support")
    ('pOneDiscreteMinima', 'pTwoRfExposureOrSupport')
    """
    paper, _, *words = claim.split("_")
    pieces = [piece for word in (paper, *words) for piece in re.findall(r"\d|[a-z]+", word.lower())]
    named = [_DIGITS[int(piece)] if piece.isdigit() else piece.capitalize() for piece in pieces]
    name = "".join(named)
    return name[:1].lower() + name[1:]


def numbers(value: float | None, interval: tuple[float, float] | None) -> tuple[str, str, str]:
    r"""Value and ends of the interval as LaTeX, rounded to two digits of the interval's width, without one to four.

    Plain where they are neither negative nor very large or small; the others are right in text and in formulas.

    >>> numbers(0.312345, (0.287611, 0.339082)), numbers(2.95261e-07, None)[0]
    (('0.312', '0.288', '0.339'), '\\ensuremath{2.95\\times 10^{-7}}')
    """
    known = [number for number in (value, *(interval or ())) if number is not None and math.isfinite(number)]
    width = abs(interval[1] - interval[0]) if interval else 0.0
    sizes = [abs(number) for number in known if number]
    exact = all(number == int(number) for number in known) and (not interval or width == 0)
    smallest = _decimals(min(sizes, default=0.0), 2 if interval else 4)
    decimals = 0 if exact else max(_decimals(width, 2), smallest)
    plain = not sizes or (_PLAIN[0] <= max(sizes) < _PLAIN[1] and decimals <= 6)
    low, high = interval or (None, None)
    return _written(value, decimals, plain), _written(low, decimals, plain), _written(high, decimals, plain)


def _decimals(size: float, digits: int) -> int:
    """Decimals that show ``digits`` significant digits of a number of this size."""
    return max(0, digits - 1 - math.floor(math.log10(size))) if size and math.isfinite(size) else 0


def _written(number: float | None, decimals: int, plain: bool) -> str:
    if number is None or math.isnan(number):
        return MISSING
    if math.isinf(number):
        return r"\ensuremath{\infty}" if number > 0 else r"\ensuremath{-\infty}"
    if plain:
        text = f"{round(number, decimals) + 0.0:.{decimals}f}"  # no minus sign before a zero
        return rf"\ensuremath{{{text}}}" if text.startswith("-") else text
    mantissa, exponent = f"{number:.2e}".split("e")
    return rf"\ensuremath{{{mantissa}\times 10^{{{int(exponent)}}}}}"


def in_text(words: str) -> str:
    r"""Words of a verdict as LaTeX; formulas between dollars stay.

    >>> in_text("95 % of $K_1$, a_b")
    '95 \\% of $K_1$, a\\_b'
    """
    pieces = _FORMULA.split(words)
    return "".join(
        piece if place % 2 else "".join(_SPECIAL.get(letter, letter) for letter in piece)
        for place, piece in enumerate(pieces)
    )


def macros(entries: Iterable[ClaimEntry], heading: Sequence[str], profile: str) -> str:
    """A file for ``\\input``: a block of macros for each claim, under comments that say what it is.

    Raises ValueError for two claims whose macros would have one name.
    """
    blocks, owners = [], {}
    for entry in entries:
        name = macro_name(entry.id)
        if owners.setdefault(name, entry.id) != entry.id:
            raise ValueError(f"claims {owners[name]} and {entry.id}: both would be \\{name}; rename one")
        blocks.append(_block(entry, name, profile))
    lines = [*(f"% {line}" for line in heading), _SET]
    return "\n".join(lines) + "\n" + "".join(f"\n{block}" for block in blocks)


def _block(entry: ClaimEntry, name: str, profile: str) -> str:
    """The macros of one claim."""
    value, low, high = numbers(entry.value, entry.interval)
    replicates = MISSING if entry.replicates is None else str(entry.replicates)
    defined = {
        "Value": value,
        "Low": low,
        "High": high,
        "Verdict": entry.verdict,
        "Text": in_text(entry.value_text) or MISSING,
        "Replicates": replicates,
    }
    comments = [
        f"{entry.id}: {entry.statement}".rstrip(": "),
        f"quantity: {entry.quantity}" if entry.quantity else "",
        f"criterion (version {entry.version}): {entry.criterion}" if entry.criterion else "",
        _standing(entry, profile),
    ]
    lines = [f"% {' '.join(line.split())}" for line in comments if line]
    lines += [rf"\companionset{{\{name}{part}}}{{{text}}}" for part, text in defined.items()]
    return "\n".join(lines) + "\n"


def _standing(entry: ClaimEntry, profile: str) -> str:
    """Where the verdict comes from, and whether it decides."""
    decides = "" if entry.decides or not entry.deciding_profile else f", decided at {entry.deciding_profile}"
    parts = [
        f"{entry.verdict} at {profile}{decides}",
        f"{entry.kind} seeds" if entry.kind in ("confirmatory", "exploratory") else entry.kind,
        "no interval" if entry.value is not None and entry.interval is None else "",
        *(entry.notes if entry.verdict == "not evaluated" else ()),
        f"from results {', '.join(key[:12] for key in entry.keys)}" if entry.keys else "",
    ]
    return "; ".join(filter(None, parts))
