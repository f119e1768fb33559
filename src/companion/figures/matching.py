"""Rows of two tables brought together by what they stand for, not by where they stand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.figures.reading import Table, numbers

#: Names of dimensions along which independent replicates stand, alone or after a prefix ("random_draw").
REPLICATES = ("replicate", "seed", "draw", "repeat", "run")

# Computed coordinates that differ by this share or less are the same one.
_SAME_COORDINATE = 1e-6


@dataclass(frozen=True)
class Match:
    """Rows that two tables share: cells in the same order in ``a`` and ``b``.

    They were matched by ``keys`` (by their order where there are none), whose values are in ``places``; ``only_a``
    and ``only_b`` count the other rows.
    """

    keys: tuple[str, ...]
    a: Mapping[str, np.ndarray]
    b: Mapping[str, np.ndarray]
    places: Mapping[str, Sequence[Any]]
    rows: int
    only_a: int
    only_b: int

    def place(self, row: int) -> str:
        """What a shared row stands for: ``schedule=blocked, replicate=2``; what is the same in all is left out."""
        telling = [name for name in self.keys if len(set(self.places[name])) > 1] or self.keys
        said = [f"{name}={_shown(self.places[name][row])}" for name in telling]
        return ", ".join(said) or f"row {row + 1}"


def is_replicate(dim: str) -> bool:
    """Whether independent replicates stand along a dimension of this name.

    >>> is_replicate("replicate"), is_replicate("random_draw"), is_replicate("step")
    (True, True, False)
    """
    return dim.rpartition("_")[2] in REPLICATES


def match_rows(a: Table, b: Table) -> Match:
    """Match the rows of two tables over the same dimensions.

    A row is known by its dimensions; a dimension without coordinate, which only counts, by the coordinates that
    describe it, where there are any. What repeats is counted. Where a file does not tell its dimensions and no row
    matches, rows of tables that are equally long stand for the same by their order.
    """
    dims = [dim for dim in max(a.dims, b.dims, key=len) if dim in a.cells and dim in b.cells]
    before, now = _known_by(a, b, dims)
    there = {key: row for row, key in enumerate(_counted(now, b.rows))}
    pairs = [(row, there[key]) for row, key in enumerate(_counted(before, a.rows)) if key in there]
    if not pairs and a.rows == b.rows and (a.guessed or b.guessed):
        before, pairs = {}, [(row, row) for row in range(a.rows)]
    left, right = (np.array([pair[side] for pair in pairs], dtype=int) for side in (0, 1))
    keys = tuple(name for name in before if isinstance(name, str))
    return Match(
        keys,
        {name: cells[left] for name, cells in a.cells.items()},
        {name: cells[right] for name, cells in b.cells.items()},
        {name: [before[name][row] for row in left.tolist()] for name in keys},
        len(pairs),
        a.rows - len(pairs),
        b.rows - len(pairs),
    )


# Columns that tell rows apart, by name; (name,) counts how often a description came before.
_Keys = dict[str | tuple[str], list[Any]]


def _counted(keys: _Keys, rows: int) -> list[tuple[Any, ...]]:
    """The key of each row, made unique by how often it came before."""
    before: Counter[tuple[Any, ...]] = Counter()
    found = []
    for key in zip(*keys.values(), strict=True) if keys else [()] * rows:
        found.append((*key, before[key]))
        before[key] += 1
    return found


def _known_by(a: Table, b: Table, dims: Sequence[str]) -> tuple[_Keys, _Keys]:
    """What tells the rows of either table apart, under the same names, with values that can be equal."""
    left: _Keys = {}
    right: _Keys = {}
    for dim in dims:
        described = [] if is_replicate(dim) else _describing(a, b, dim)
        for name in described or [dim]:
            left[name], right[name] = _same_values(a.cells[name], b.cells[name])
        if described:
            left[dim,], right[dim,] = (_again(each, dim, described) for each in (a, b))
    return left, right


def _describing(a: Table, b: Table, dim: str) -> list[str]:
    """Coordinates that say what each position of ``dim`` stands for, if it is one that only counts."""
    if not (_only_counts(a.cells[dim]) and _only_counts(b.cells[dim])):
        return []
    shared = [name for name in a.coordinates if name in b.coordinates]
    return [name for name in shared if all(_follows(each.cells[name], each.cells[dim]) for each in (a, b))]


def _only_counts(cells: np.ndarray) -> bool:
    found = numbers(np.unique(cells))
    return found is not None and np.array_equal(np.sort(found), np.arange(found.size))


def _follows(cells: np.ndarray, positions: np.ndarray) -> bool:
    """Whether equal positions have equal cells."""
    pairs = set(zip(positions.tolist(), map(str, cells.tolist()), strict=True))
    return len(pairs) == len(set(positions.tolist()))


def _again(table: Table, dim: str, described: Sequence[str]) -> list[int]:
    """How often the description of each row's position came before, at earlier positions."""
    columns = [table.cells[name].tolist() for name in described]
    positions = [int(position) for position in table.cells[dim].tolist()]
    of_position = dict(zip(positions, zip(*columns, strict=True), strict=True))
    before: Counter[tuple[Any, ...]] = Counter()
    again = {}
    for position in sorted(of_position):
        again[position] = before[of_position[position]]
        before[of_position[position]] += 1
    return [again[position] for position in positions]


def _same_values(a: np.ndarray, b: np.ndarray) -> tuple[list[Any], list[Any]]:
    """Both columns as numbers where they are, those of ``b`` that nearly equal one of ``a`` made equal to it."""
    left, right = numbers(a), numbers(b)
    if left is None or right is None:
        return a.astype(str).tolist(), b.astype(str).tolist()
    known = np.unique(left[np.isfinite(left)])
    if known.size:
        above = np.searchsorted(known, right).clip(0, known.size - 1)
        below = (above - 1).clip(0)
        with np.errstate(invalid="ignore"):
            nearest = np.where(
                np.abs(right - known[below]) < np.abs(right - known[above]), known[below], known[above]
            )
            right = np.where(np.isclose(right, nearest, rtol=_SAME_COORDINATE, atol=1e-12), nearest, right)
    return _hashable(left), _hashable(right)


def _hashable(values: np.ndarray) -> list[Any]:
    """Numbers that find each other in a dict: a missing one becomes None."""
    return [None if value != value else value for value in values.tolist()]


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "nan" if value is None else str(value)
