"""Rows find their like by coordinates, wherever they stand."""

import numpy as np
import xarray as xr

from companion.figures.matching import match_rows
from companion.figures.reading import Table, tables_of


def settings(fractions, values, replicates=2):
    """Accuracies of settings that only count, described by their fraction."""
    return tables_of(
        xr.Dataset(
            {"test": (("setting", "replicate"), np.asarray(values, dtype=float).reshape(-1, replicates))},
            {"fraction": ("setting", list(fractions)), "replicate": range(replicates)},
        )
    )["setting x replicate"]


def test_a_dimension_that_counts_is_matched_by_what_describes_it():
    a = settings([0.3, 0.5], [[1, 2], [3, 4]])
    b = settings([0.7, 0.5, 0.3], [[9, 9], [3, 4], [1, 2]])
    match = match_rows(a, b)
    assert match.keys == ("fraction", "replicate")
    assert match.a["test"].tolist() == match.b["test"].tolist() == [1, 2, 3, 4]
    assert (match.rows, match.only_a, match.only_b) == (4, 0, 2)
    assert match.place(3) == "fraction=0.5, replicate=1"


def test_equal_descriptions_are_counted():
    a, b = settings([0.3, 0.3], [[1, 2], [3, 4]]), settings([0.5, 0.3, 0.3], [[9, 9], [1, 2], [3, 4]])
    match = match_rows(a, b)
    assert match.b["test"].tolist() == [1, 2, 3, 4] and match.only_b == 2


def test_replicates_keep_their_number_whatever_describes_them():
    def runs(families):
        data = {"loss": ("run", [1.0, 2.0]), "table": ((), 1.0)}
        return tables_of(xr.Dataset(data, {"family": ("run", families)}))["run"]

    match = match_rows(runs(["I", "II"]), runs(["II", "I"]))
    assert match.keys == ("run",) and match.b["loss"].tolist() == [1.0, 2.0]


def test_computed_coordinates_need_not_agree_to_the_last_digit():
    def curve(times):
        return tables_of(xr.Dataset({"x": ("time", np.arange(3.0))}, {"time": times}))["time"]

    match = match_rows(curve([0.1, 0.2, np.inf]), curve([0.1 * (1 + 1e-9), 0.25, np.inf]))
    assert (match.rows, match.only_a, match.only_b) == (2, 1, 1)


def test_missing_coordinates_find_each_other():
    def table(bound):
        cells = {"bound": np.array(bound), "x": np.array(["1", "2"])}
        return Table(cells, ("bound",))

    assert match_rows(table(["nan", "0.5"]), table(["0.5", "nan"])).b["x"].tolist() == ["2", "1"]


def test_rows_of_unknown_dimensions_stand_by_their_order_where_nothing_matches():
    def table(x, guessed=True):
        return Table({"x": np.array(x), "y": np.array(["1", "2"])}, ("x",), guessed=guessed)

    a, b = table(["0.5", "0.7"]), table(["0.6", "0.8"])
    match = match_rows(a, b)
    assert match.keys == () and match.rows == 2 and match.place(1) == "row 2"
    assert match_rows(table(["0.5", "0.7"], guessed=False), table(["0.6", "0.8"], guessed=False)).rows == 0


def test_the_place_of_a_row_leaves_out_what_is_the_same_everywhere():
    table = settings([0.3], [[1, 2]])
    assert match_rows(table, table).place(1) == "replicate=1"
