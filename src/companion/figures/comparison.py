"""Did the numbers change? Tables and verdicts just made against the tracked ones, difference by difference."""

import csv
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["file", "column", "rows", "values", "claim", "verdict", "criterion"]
Pairs = Sequence[tuple[int, int]]

_WHOLE = re.compile(r"-?\d+")
_FIRST_LINE = 2  # of the rows, the header being line 1


@dataclass(frozen=True)
class Difference:
    """One way in which what was made departs from what is tracked.

    ``subject`` is a column, a claim or a file; ``count`` how many cells, rows or verdicts are concerned;
    ``largest`` the largest departure of numbers (inf where one of them is not finite, None without numbers).
    """

    subject: str
    kind: Kind
    text: str
    count: int = 1
    largest: float | None = None

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


@dataclass(frozen=True)
class _Table:
    header: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        place = self.header.index(name)
        return [row[place] for row in self.rows]


def compare_tables(
    new_csv: Path, old_csv: Path, relative: float = 1e-6, absolute: float = 1e-9
) -> list[Difference]:
    """Differences of a table just made from the tracked one; none where they agree.

    Text and whole numbers must be equal. Other numbers agree if they differ by at most ``relative`` of the
    larger one, or ``absolute``; a missing number agrees with a missing one, an infinite one with itself. Rows
    are matched by position, or, where there are more or fewer, by their text and whole numbers.
    """
    absent = _absent(new_csv, old_csv)
    if absent:
        return absent
    new, old = _read_table(new_csv), _read_table(old_csv)
    shared = [name for name in old.header if name in new.header]
    gone = [name for name in old.header if name not in shared]
    extra = [name for name in new.header if name not in shared]
    differences = [Difference(name, "column", "tracked, and gone now") for name in gone]
    differences += [Difference(name, "column", "new, and not tracked") for name in extra]
    floats = {name for name in shared if _is_float(new.column(name) + old.column(name))}
    pairs: Pairs = [(line, line) for line in range(len(old.rows))]
    if len(new.rows) != len(old.rows):
        pairs, difference = _match(new, old, [name for name in shared if name not in floats])
        differences.append(difference)
    for name in shared:
        now, before = new.column(name), old.column(name)
        compare = _compare_floats if name in floats else _compare_exactly
        found = compare(name, now, before, pairs, relative, absolute)
        differences += [found] if found else []
    return differences


def compare_verdicts(new_json: Path, old_json: Path) -> list[Difference]:
    """Differences of a claims.json just made from the tracked one: claims, criteria and verdicts, no numbers."""
    absent = _absent(new_json, old_json)
    if absent:
        return absent
    new, old = (json.loads(path.read_text(encoding="utf-8")) for path in (new_json, old_json))
    differences = [
        Difference(name, "claim", "tracked, and gone now") for name in sorted(old.keys() - new.keys())
    ]
    differences += [
        Difference(name, "claim", f"new ({new[name]['verdict']}), and not tracked")
        for name in sorted(new.keys() - old.keys())
    ]
    for name in sorted(new.keys() & old.keys()):
        if new[name].get("digest") != old[name].get("digest"):
            versions = f"version {new[name].get('version')} now, {old[name].get('version')} tracked"
            differences.append(Difference(name, "criterion", f"the criterion changed, {versions}"))
        before = _verdicts(old[name])
        differences += [
            Difference(name, "verdict", f"{part}{verdict} now, {before[part]} tracked")
            for part, verdict in _verdicts(new[name]).items()
            if part in before and before[part] != verdict
        ]
    return differences


def _verdicts(entry: dict[str, Any]) -> dict[str, str]:
    """The verdict of a claim and of each of its regimes, by what they are on."""
    regimes = {f"regime {regime['name']}: ": regime["verdict"] for regime in entry.get("regimes", [])}
    return {"": entry["verdict"]} | regimes


def _absent(new: Path, old: Path) -> list[Difference]:
    missing = [(new, "not made now"), (old, "not tracked")]
    return [Difference(path.name, "file", text) for path, text in missing if not path.is_file()]


def _read_table(path: Path) -> _Table:
    with path.open(encoding="utf-8", newline="") as handle:
        lines = [row for row in csv.reader(handle) if row]
    header = lines[0] if lines else []
    for number, row in enumerate(lines):
        if len(row) != len(header):
            raise ValueError(f"{path}: row {number + 1} has {len(row)} cells, allowed are {len(header)}")
    return _Table(header, lines[1:])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_float(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers that are not all whole."""
    filled = [cell for cell in cells if cell]
    return all(map(_is_number, filled)) and not all(map(_WHOLE.fullmatch, filled))


def _match(new: _Table, old: _Table, exact: Sequence[str]) -> tuple[Pairs, Difference]:
    """Pairs of rows with equal cells in the ``exact`` columns, and what stands alone."""
    text = f"{len(new.rows)} rows now, {len(old.rows)} tracked"
    count = abs(len(new.rows) - len(old.rows))
    keys = [list(zip(*map(table.column, exact), strict=True)) for table in (new, old)] if exact else [[], []]
    now, before = ({key: line for line, key in enumerate(each)} for each in keys)
    if len(now) != len(new.rows) or len(before) != len(old.rows):
        return [], Difference("rows", "rows", f"{text}; not compared, for no column tells them apart", count)
    added, gone = [key for key in now if key not in before], [key for key in before if key not in now]
    for lonely, lines, word in ((added, now, "new"), (gone, before, "gone")):
        if lonely:
            cells = ", ".join(f"{name}={cell}" for name, cell in zip(exact, lonely[0], strict=True) if cell)
            text += f"; {len(lonely)} {word}, first at line {lines[lonely[0]] + _FIRST_LINE} ({cells})"
    pairs = [(line, before[key]) for key, line in now.items() if key in before]
    return pairs, Difference("rows", "rows", text, len(added) + len(gone))


def _compare_exactly(
    name: str, now: Sequence[str], before: Sequence[str], pairs: Pairs, _relative: float, _absolute: float
) -> Difference | None:
    wrong = [(one, other) for one, other in pairs if now[one] != before[other]]
    if not wrong:
        return None
    one, other = wrong[0]
    shown = f"first at line {one + _FIRST_LINE}: {now[one]!r} now, {before[other]!r} tracked"
    return Difference(name, "values", f"{len(wrong)} of {len(pairs)} cells differ, {shown}", len(wrong))


def _compare_floats(
    name: str, now: Sequence[str], before: Sequence[str], pairs: Pairs, relative: float, absolute: float
) -> Difference | None:
    wrong = []
    for one, other in pairs:
        if now[one] == before[other]:
            continue
        value, known = (float(cell) if cell else math.nan for cell in (now[one], before[other]))
        blank_against_number = not (now[one] and before[other])
        agree = math.isclose(value, known, rel_tol=relative, abs_tol=absolute) and not blank_against_number
        if not agree:
            gap = abs(value - known)
            wrong.append((gap if math.isfinite(gap) else math.inf, one, other))
    if not wrong:
        return None
    largest, one, other = max(wrong, key=lambda found: (found[0], -found[1]))
    shown = f"most at line {one + _FIRST_LINE}: {now[one] or 'blank'} now, {before[other] or 'blank'} tracked"
    text = f"{len(wrong)} of {len(pairs)} cells differ, {shown} (difference {largest:.3g})"
    return Difference(name, "values", text, len(wrong), largest)
