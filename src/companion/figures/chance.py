"""Whether chance explains a difference between two tables: over paired replicates, or else by their intervals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from companion.analysis.statistics import holm, median, sign_flip_test
from companion.compute.seeds import generator
from companion.figures.matching import Match, is_replicate
from companion.figures.reading import numbers

#: Below this corrected p-value a difference over replicates is called significant.
LEVEL = 0.05

_FEWEST = 6  # with five pairs no p-value of two sides is below .05
_RESAMPLES = 9_999
_ENDS = (("lower", "upper"), ("low", "high"))


@dataclass(frozen=True)
class Chance:
    """What is known about chance, in ``words``.

    ``replicates`` pairs have B - A of ``shift`` on average (None where it is not finite); ``p_value`` is that of a
    sign-flip test, None without a test.
    """

    words: str = ""
    replicates: int = 0
    shift: float | None = None
    p_value: float | None = None

    @property
    def significant(self) -> bool:
        """Whether a test over replicates says that this is no chance."""
        return self.p_value is not None and self.p_value < LEVEL


def judge_chance(match: Match, column: str, names: Sequence[str]) -> Chance:
    """What replicates, or else intervals among the columns ``names``, say of a column of numbers that differs."""
    dim = next((key for key in match.keys if is_replicate(key)), None)
    if dim is None:
        return Chance(_intervals(match, column, names))
    shifts = _paired_shifts(match, column, match.places[dim])
    if shifts is None:
        return Chance(f"not tested over {dim}: numbers are missing on one side")
    shift = float(shifts.mean()) if np.isfinite(shifts).all() else None
    count = len(shifts)
    if count < _FEWEST:
        return Chance(f"{_said(shift)} over {count} pairs, too few to test", count, shift)
    draws = generator(0, "comparison", column)
    p_value = sign_flip_test(shifts, generator=draws, resamples=_RESAMPLES)
    return Chance("", count, shift, p_value)


def corrected(found: Sequence[Chance]) -> list[Chance]:
    """The same with the p-values of those that were tested corrected for their number (Holm), and in words."""
    tested = [chance.p_value for chance in found if chance.p_value is not None]
    adjusted = iter(holm(tested).tolist())
    among = f", Holm over {len(tested)} columns" if len(tested) > 1 else ""
    return [
        chance if chance.p_value is None else _in_words(chance, next(adjusted), among) for chance in found
    ]


def _in_words(chance: Chance, p_value: float, among: str) -> Chance:
    verdict = "significant" if p_value < LEVEL else "not significant"
    words = f"{verdict}: {_said(chance.shift)} over {chance.replicates} pairs, p = {p_value:.2g}{among}"
    return replace(chance, p_value=p_value, words=words)


def _said(shift: float | None) -> str:
    return "B - A not finite" if shift is None else f"B - A = {shift:+.3g} on average"


def _paired_shifts(match: Match, column: str, replicates: Sequence[Any]) -> np.ndarray | None:
    """Mean of B - A over the rows of each replicate, but for those without a number on both sides.

    Their median where some are infinite, as times that are never reached. None where a number is missing on one side.
    """
    a, b = _values(match.a, column), _values(match.b, column)
    with np.errstate(invalid="ignore"):
        shifts = np.where(a == b, 0.0, b - a)
    there = ~(np.isnan(a) & np.isnan(b))
    if np.isnan(shifts[there]).any():
        return None
    of_replicate: dict[Any, list[float]] = {}
    for row in np.flatnonzero(there).tolist():
        of_replicate.setdefault(replicates[row], []).append(float(shifts[row]))
    middle = np.mean if np.isfinite(shifts[there]).all() else median
    return np.array([float(middle(each)) for each in of_replicate.values()])


def _intervals(match: Match, column: str, names: Sequence[str]) -> str:
    """In how many rows the intervals that the table gives for ``column`` lie apart."""
    if is_end(column):
        return "an end of an interval"
    ends = next((ends for ends in _ends_for(column) if _enclose(ends, match, column, names)), None)
    if ends is None:
        return "no replicates: chance not judged"
    (lower_a, upper_a), (lower_b, upper_b) = (
        [_values(side, end) for end in ends] for side in (match.a, match.b)
    )
    apart = int(np.count_nonzero((lower_a > upper_b) | (lower_b > upper_a)))
    return (
        f"intervals lie apart in {apart} of {match.rows} rows" if apart else "intervals overlap in all rows"
    )


def is_end(column: str) -> bool:
    """Whether a column's name says that it is an end of an interval."""
    return column.rpartition("_")[2] in {end for ends in _ENDS for end in ends}


def _ends_for(column: str) -> Iterator[tuple[str, str]]:
    """Names that the columns of its interval may have, the likeliest first."""
    for stem in (column, column.rpartition("_")[0]):
        for low, high in _ENDS:
            yield f"{stem}_{low}", f"{stem}_{high}"
    yield from _ENDS


def _enclose(ends: tuple[str, str], match: Match, column: str, names: Sequence[str]) -> bool:
    """Whether two columns are there and have ``column`` between them in every row of both sides."""
    if not all(end in names and end != column for end in ends):
        return False
    for side in (match.a, match.b):
        low, value, high = (_values(side, name) for name in (ends[0], column, ends[1]))
        if ((value < low) | (value > high)).any():
            return False
    return True


def _values(cells: Mapping[str, np.ndarray], column: str) -> np.ndarray:
    """A column as numbers, NaN all through where it holds text."""
    found = numbers(cells[column])
    return np.full(cells[column].shape, np.nan) if found is None else found
