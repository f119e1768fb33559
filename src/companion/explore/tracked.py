"""Numbers of the figures that come with the repository, for what must be seen at once also in a fresh clone."""

import pandas as pd
import xarray as xr

from companion.figures.tables import TABLE_COLUMN
from companion.session.root import project_root


def tracked(figure_id: str, *dims: str) -> xr.Dataset:
    """What the table figures/laptop/<figure_id>.csv holds along ``dims``.

    Raises FileNotFoundError, saying how to make it, where there is no such table.
    """
    path = project_root() / "figures" / "laptop" / f"{figure_id}.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not there; make it with `python run_all.py --only {figure_id}`")
    table = pd.read_csv(path)
    if TABLE_COLUMN in table:
        table = table[table[TABLE_COLUMN] == " x ".join(dims)].drop(columns=TABLE_COLUMN)
    return table.dropna(axis="columns", how="all").set_index(list(dims)).to_xarray()
