"""Numbers of figures and results read back as tables whose rows say what they are."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import xarray as xr

from companion.figures.tables import SCALARS, TABLE_COLUMN, flat_tables


@dataclass(frozen=True)
class Table:
    """Variables over the same dimensions, a row per observation: ``cells`` by column, (rows,) each.

    ``dims`` are the columns of its dimensions, which tell its rows apart; ``coordinates`` further columns that are
    known to describe them. ``printed``: the cells are text of nine digits. ``guessed``: the file does not say which
    columns are dimensions; they are the fewest first ones that tell the rows apart.
    """

    cells: Mapping[str, np.ndarray]
    dims: tuple[str, ...]
    coordinates: tuple[str, ...] = ()
    printed: bool = True
    guessed: bool = False

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(next(iter(self.cells.values()), ()))


def read_tables(path: Path) -> dict[str, Table]:
    """The tables of a file that `figures.tables.tidy_csv` wrote, by name ("" where it holds only one).

    Raises ValueError, naming file and row, where a row is longer or shorter than the header.
    """
    with path.open(encoding="utf-8", newline="") as handle:
        lines = [row for row in csv.reader(handle) if row]
    header = lines[0] if lines else []
    for number, row in enumerate(lines):
        if len(row) != len(header):
            raise ValueError(f"{path}: row {number + 1} has {len(row)} cells, allowed are {len(header)}")
    if header[:1] != [TABLE_COLUMN]:
        return {"": _only_table(header, lines[1:])}
    parts: dict[str, list[list[str]]] = {}
    for name, *row in lines[1:]:
        parts.setdefault(name, []).append(row)
    return _tables({name: _columns(header[1:], rows) for name, rows in parts.items()})


def tables_of(dataset: xr.Dataset) -> dict[str, Table]:
    """The tables of a Dataset, as `read_tables` gives those of a file, with numbers as they are."""
    return {
        name: Table(flat.columns, flat.dims, flat.coordinates, printed=False)
        for name, flat in flat_tables(dataset).items()
    }


def numbers(cells: np.ndarray) -> np.ndarray | None:
    """Cells as float64, blank ones NaN; None where one of them is no number.

    >>> numbers(np.array(["1", "", "inf"])), numbers(np.array(["1", "add"]))
    (array([ 1., nan, inf]), None)
    """
    if cells.dtype.kind in "biuf":
        return cells.astype(float)
    try:
        texts = cells.astype(str)
        return np.where(texts == "", "nan", texts).astype(float)
    except ValueError:
        return None


def _tables(parts: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Table]:
    filled = {
        name: [column for column, cells in part.items() if (cells != "").any()]
        for name, part in parts.items()
    }
    tables: dict[str, Table] = {}
    seen: set[str] = set()
    for name, part in parts.items():
        dims = () if name == SCALARS else tuple(dim for dim in name.split(" x ") if dim in part)
        rest = [column for column in filled[name] if column not in dims]
        # A variable stands in one table, a coordinate in each that has its dimensions.
        known = {column for column in rest if sum(column in others for others in filled.values()) > 1}
        known |= set(_before_descent([column for column in rest if column not in seen]))
        seen |= set(rest)
        cells = {column: part[column] for column in (*dims, *rest)}
        tables[name] = Table(cells, dims, tuple(column for column in rest if column in known))
    return tables


def _only_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    counts = range(1, len(header))
    count = next((n for n in counts if len({tuple(row[:n]) for row in rows}) == len(rows)), 0)
    coordinates = tuple(_before_descent(header[count:]))
    return Table(_columns(header, rows), tuple(header[:count]), coordinates, guessed=True)


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    return {name: np.array(column, dtype=np.str_) for name, column in zip(header, columns, strict=True)}


def _before_descent(columns: Sequence[str]) -> Sequence[str]:
    """Of coordinates and then variables, each in alphabetical order, the coordinates; none where nothing tells."""
    descents = [place for place, (one, other) in enumerate(pairwise(columns), 1) if other < one]
    return columns[: descents[0]] if len(descents) == 1 else ()
