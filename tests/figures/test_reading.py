"""Tables read back: which columns tell rows apart is found in what `tidy_csv` writes."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.reading import numbers, read_tables, tables_of
from companion.figures.tables import tidy_csv

SEVERAL = xr.Dataset(
    {
        "curve": (("setting", "step"), [[0.1, 0.2], [0.3, 0.4]]),
        "final": (("setting", "replicate"), [[1.0, np.inf], [np.nan, 2.0]]),
        "total": ((), 3.0),
    },
    {
        "step": [10, 20],
        "replicate": [0, 1],
        "fraction": ("setting", [0.3, 0.5]),
        "operation": ("setting", ["add", "mul"]),
    },
)


@pytest.fixture
def read(tmp_path):
    def written(text):
        (tmp_path / "table.csv").write_text(text, encoding="utf-8")
        return read_tables(tmp_path / "table.csv")

    return written


def test_a_file_and_its_dataset_give_the_same_tables(read):
    from_file, from_data = read(tidy_csv(SEVERAL)), tables_of(SEVERAL)
    assert set(from_file) == set(from_data) == {"scalars", "setting x step", "setting x replicate"}
    for name, table in from_file.items():
        known = from_data[name]
        assert (table.dims, table.coordinates, table.rows) == (known.dims, known.coordinates, known.rows)
        assert set(table.cells) == set(known.cells)
        assert table.printed and not known.printed
    assert from_file["setting x step"].coordinates == ("fraction", "operation")
    assert from_file["scalars"].dims == ()


def test_one_table_is_known_by_the_fewest_first_columns_that_tell_rows_apart(read):
    table = read("fraction,replicate,test\n0.3,0,1\n0.3,1,1\n0.5,0,1\n")[""]
    assert table.dims == ("fraction", "replicate") and table.guessed and table.coordinates == ()


def test_coordinates_of_one_table_stand_before_its_variables_which_start_the_alphabet_again(read):
    table = read(tidy_csv(SEVERAL[["curve"]]))[""]
    assert (table.dims, table.coordinates) == (("setting", "step"), ("fraction", "operation"))


def test_rows_that_repeat_are_known_by_nothing(read):
    assert read("x,y\n1,2\n1,2\n")[""].dims == ()


def test_a_ragged_file_is_named(read):
    with pytest.raises(ValueError, match=r"table\.csv: row 3 has 1 cells, allowed are 2"):
        read("a,b\n1,2\n3\n")


def test_a_file_without_rows_is_an_empty_table(read):
    assert read("a,b\n")[""].rows == 0


def test_numbers_are_told_from_text():
    assert numbers(np.array(["1", "inf", "-2.5e-3"])).tolist() == [1.0, np.inf, -0.0025]
    assert np.isnan(numbers(np.array(["", "nan"]))).all()
    assert numbers(np.array(["1", "I(2)"])) is None
