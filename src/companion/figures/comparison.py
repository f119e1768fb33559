"""Numbers side by side: which columns of two tables differ, by how much, where, and whether chance explains it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from companion.figures.chance import Chance, corrected, judge_chance
from companion.figures.matching import Match, match_rows
from companion.figures.reading import Table, numbers

#: Numbers agree across machines if they differ by at most this much, or by this share of the larger one.
ROUNDING = 1e-9
#: Up to this share, numbers of other libraries or machines still count as the tracked ones.
TOLERANCE = 1e-6

_PRINTED = 1.01e-8  # one in the last of nine printed digits is all that a file tells of ROUNDING


@dataclass(frozen=True)
class ColumnDifference:
    """A column that is not the same in A and B.

    ``differing`` of the ``rows`` that both have differ beyond rounding, ``lacking`` of them because a number is missing
    or infinite on one side; ``largest`` is the largest absolute difference of the others, first at ``place``, where
    ``a`` and ``b`` stand, ``relative`` the largest share of the larger number (both None for text).
    ``within`` is ROUNDING, TOLERANCE or None.
    """

    column: str
    rows: int
    differing: int
    lacking: int
    largest: float | None
    relative: float | None
    place: str
    a: str
    b: str
    within: float | None
    chance: Chance = field(default_factory=Chance)


@dataclass(frozen=True)
class TableDifference:
    """How one table differs: columns and rows that only one side has, and columns of the rows that both have.

    ``keys`` are the columns that rows were matched by; ``only`` is "A" or "B" where the other side lacks the table.
    """

    table: str
    keys: tuple[str, ...] = ()
    rows: int = 0
    only: str = ""
    rows_only_a: int = 0
    rows_only_b: int = 0
    columns_only_a: tuple[str, ...] = ()
    columns_only_b: tuple[str, ...] = ()
    columns: tuple[ColumnDifference, ...] = ()

    @property
    def beyond_tolerance(self) -> bool:
        """Whether more differs than numbers by less than TOLERANCE."""
        alone = (
            self.only or self.rows_only_a or self.rows_only_b or self.columns_only_a or self.columns_only_b
        )
        return bool(alone) or any(column.within is None for column in self.columns)


def compare_tables(a: Mapping[str, Table], b: Mapping[str, Table]) -> list[TableDifference]:
    """Tables that differ between two files or Datasets; none where every cell is the same.

    Text and whole numbers must be equal; a missing number agrees with a missing one, an infinite one with itself.
    """
    partners = _partners(a, b)
    found = [
        _compare(name or partners[name], table, b[partners[name]])
        if name in partners
        else TableDifference(name, only="A")
        for name, table in a.items()
    ]
    found += [TableDifference(name, only="B") for name in b if name not in partners.values()]
    differing = [table for table in found if table.columns or table.beyond_tolerance]
    judged = iter(corrected([column.chance for table in differing for column in table.columns]))
    return [
        replace(table, columns=tuple(replace(column, chance=next(judged)) for column in table.columns))
        for table in differing
    ]


def _partners(a: Mapping[str, Table], b: Mapping[str, Table]) -> dict[str, str]:
    """Names in ``b`` of the tables over the dimensions of those in ``a``."""
    by_dims = {frozenset(name.split(" x ")): name for name in b}
    found = {name: by_dims[dims] for name in a if (dims := frozenset(name.split(" x "))) in by_dims}
    for alone, others in ((a, b), (b, a)):
        if "" in alone and others and "" not in others:  # a file with one table does not name it
            near = max(others, key=lambda name: len(set(others[name].cells) & set(alone[""].cells)))
            found |= {"": near} if alone is a else {near: ""}
    return found


def _compare(name: str, a: Table, b: Table) -> TableDifference:
    match = match_rows(a, b)
    known = {*a.dims, *b.dims, *match.keys}
    compared = [name for name in a.cells if name in b.cells and name not in known]
    return TableDifference(
        table=name,
        keys=match.keys,
        rows=match.rows,
        rows_only_a=match.only_a,
        rows_only_b=match.only_b,
        columns_only_a=tuple(name for name in a.cells if name not in b.cells),
        columns_only_b=tuple(name for name in b.cells if name not in a.cells),
        columns=tuple(_columns(match, compared, _PRINTED if a.printed or b.printed else ROUNDING)),
    )


def _columns(match: Match, names: Sequence[str], rounding: float) -> Iterator[ColumnDifference]:
    for name in names:
        a, b = numbers(match.a[name]), numbers(match.b[name])
        if a is None or b is None:
            difference, judge = _of_text(match, name), False
        else:
            difference, judge = _of_numbers(match, name, a, b, rounding), True
        if difference is not None and judge and difference.within != ROUNDING:
            difference = replace(difference, chance=judge_chance(match, name, names))
        if difference is not None:
            yield difference


def _of_text(match: Match, name: str) -> ColumnDifference | None:
    a, b = match.a[name].astype(str), match.b[name].astype(str)
    wrong = np.flatnonzero(a != b)
    if not wrong.size:
        return None
    row = int(wrong[0])
    at = (match.place(row), str(a[row]), str(b[row]))
    return ColumnDifference(name, match.rows, int(wrong.size), 0, None, None, *at, None, Chance("text"))


def _of_numbers(
    match: Match, name: str, a: np.ndarray, b: np.ndarray, rounding: float
) -> ColumnDifference | None:
    exact = _whole(match.a[name]) and _whole(match.b[name])
    if exact:
        same = match.a[name] == match.b[name]
    else:
        same = ((a == b) | (np.isnan(a) & np.isnan(b))) & (_blank(match.a[name]) == _blank(match.b[name]))
    if same.all():
        return None
    with np.errstate(invalid="ignore"):
        gap = np.where(same, 0.0, np.abs(a - b))
        size = np.fmax(np.abs(a), np.abs(b))
        lacking = ~np.isfinite(gap)
        share = np.where(lacking, 0.0, gap / np.where(size > 0, size, 1.0))
    gap = np.where(lacking, 0.0, gap)
    beyond, far = (
        ~same if exact else lacking | (gap > ROUNDING) & (share > limit) for limit in (rounding, TOLERANCE)
    )
    row = int(np.argmax(gap if gap.any() else lacking))
    return ColumnDifference(
        column=name,
        rows=match.rows,
        differing=int(beyond.sum()),
        lacking=int(lacking.sum()),
        largest=float(gap.max()),
        relative=float(share[beyond if beyond.any() else ~same].max()),
        place=match.place(row),
        a=_shown(match.a[name][row]),
        b=_shown(match.b[name][row]),
        within=None if far.any() else TOLERANCE if beyond.any() else ROUNDING,
    )


def _blank(cells: np.ndarray) -> np.ndarray:
    """Which cells of a file are empty; none of a Dataset's numbers is."""
    return np.zeros(cells.shape, dtype=bool) if cells.dtype.kind in "biuf" else cells == ""


def _whole(cells: np.ndarray) -> bool:
    """Whether a column holds whole numbers and blanks only."""
    if cells.dtype.kind in "biuf":
        return cells.dtype.kind != "f"
    return all(re.fullmatch(r"-?\d*", cell) for cell in np.unique(cells.astype(str)).tolist())


def _shown(value: object) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value) or "blank"
