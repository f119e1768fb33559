"""The numbers of a figure as one tidy CSV: a row per observation, a column per variable."""

import csv
import io
from typing import NamedTuple

import numpy as np
import xarray as xr

#: First column where variables with different dimensions make several tables.
TABLE_COLUMN = "table"
#: Name of the table of variables without dimensions.
SCALARS = "scalars"


def tidy_csv(dataset: xr.Dataset) -> str:
    """The variables of ``dataset`` as tidy CSV, equal bytes for equal content.

    Variables over the same dimensions share a table, wide: one column per dimension (its coordinate, or the
    position where it has none), per further coordinate along those dimensions, and per variable. Several tables
    stand one below the other under the union of their columns, cells that do not apply blank, and the first
    column ``table`` names each by its dimensions ("scalars" without any). Floats have 9 digits, flags are 0 and
    1, lines end in a line feed. The order of variables in the dataset does not matter. Raises ValueError for a
    dataset without variables, TypeError for one that is complex.

    >>> print(tidy_csv(xr.Dataset({"loss": ("step", [0.5, 0.25])}, {"step": [1, 10]})), end="")
    step,loss
    1,0.5
    10,0.25
    """
    found = flat_tables(dataset)
    if not found:
        raise ValueError("data: a dataset without variables given, allowed is one with at least one")
    tables = {
        name: {column: _texts(cells, column) for column, cells in table.columns.items()}
        for name, table in found.items()
    }
    header = list(dict.fromkeys(column for columns in tables.values() for column in columns))
    several = len(tables) > 1
    if several and TABLE_COLUMN in header:
        raise ValueError(f"data: a variable called {TABLE_COLUMN!r} given, allowed is another name")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([TABLE_COLUMN, *header] if several else header)
    for name, columns in tables.items():
        blank = [""] * len(next(iter(columns.values())))
        cells = [columns.get(column, blank) for column in header]
        rows = zip(*cells, strict=True)
        writer.writerows([name, *row] for row in rows) if several else writer.writerows(rows)
    return text.getvalue()


class FlatTable(NamedTuple):
    """Variables over the same dimensions: cells by column, (rows,) each; ``coordinates`` go along with the ``dims``."""

    dims: tuple[str, ...]
    coordinates: tuple[str, ...]
    columns: dict[str, np.ndarray]


def flat_tables(dataset: xr.Dataset) -> dict[str, FlatTable]:
    """The tables of ``dataset`` by name, those with fewest dimensions first; none where it has no variables."""
    return {name: _flat(dataset, dims, names) for name, (dims, names) in _groups(dataset).items()}


def _groups(dataset: xr.Dataset) -> dict[str, tuple[tuple[str, ...], list[str]]]:
    """Dimensions and variables of each table by its name, the tables with fewest dimensions first."""
    scalars = [name for name, variable in dataset.coords.items() if not variable.dims]
    members: dict[frozenset[str], list[str]] = {}
    for name in sorted(str(name) for name in (*dataset.data_vars, *scalars)):
        members.setdefault(frozenset(map(str, dataset[name].dims)), []).append(name)
    if not dataset.data_vars:
        return {}
    named = []
    for names in members.values():
        dims = tuple(map(str, dataset[names[0]].dims))
        named.append((len(dims), " x ".join(dims) or SCALARS, dims, names))
    return {name: (dims, names) for _, name, dims, names in sorted(named)}


def _flat(dataset: xr.Dataset, dims: tuple[str, ...], names: list[str]) -> FlatTable:
    """One table, its dimensions, coordinates and variables each flattened over ``dims``."""
    along = {
        str(name): variable
        for name, variable in dataset.coords.items()
        if variable.dims and name not in dataset.dims and set(variable.dims) <= set(dims)
    }
    indices = {
        name: dataset[name] for name in dims
    }  # xarray makes the position of a dimension without coordinate
    coordinates = tuple(sorted(along))
    found = indices | {name: along[name] for name in coordinates} | {name: dataset[name] for name in names}
    sizes = {name: dataset.sizes[name] for name in dims}
    cells = {
        name: variable.variable.set_dims(sizes).transpose(*sizes).values.ravel()
        for name, variable in found.items()
    }
    return FlatTable(dims, coordinates, cells)


def _texts(values: np.ndarray, name: str) -> list[str]:
    kind = values.dtype.kind
    if kind == "c":
        raise TypeError(f"variable {name!r}: complex given, allowed are its two real parts")
    if kind == "f":
        return [f"{value:.9g}" for value in (values + 0.0).tolist()]  # no minus sign before a zero
    if kind in "biu":
        return [str(int(value)) for value in values.tolist()]
    return ["" if value is None else str(value) for value in values]
