"""Tidy tables: every number where a reader looks for it, the same bytes for the same content."""

import io

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings

from companion.figures.tables import tidy_csv


def lines(dataset):
    return tidy_csv(dataset).splitlines()


def test_variables_over_the_same_dimensions_share_rows_whatever_their_order():
    dataset = xr.Dataset(
        {
            "test": (("step", "seed"), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
            "train": (("seed", "step"), [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]),
        },
        {"step": [1, 10, 100]},
    )
    assert lines(dataset) == [
        "step,seed,test,train",
        "1,0,1,0.1",
        "1,1,2,0.2",
        "10,0,3,0.3",
        "10,1,4,0.4",
        "100,0,5,0.5",
        "100,1,6,0.6",
    ]


def test_other_dimensions_make_another_table_under_the_union_of_columns():
    dataset = xr.Dataset(
        {"loss": ("run", [0.5, np.nan]), "share": 0.25, "oracle": ("family", [0.1])},
        {"family": ["I(1)"]},
    )
    assert lines(dataset) == [
        "table,share,family,oracle,run,loss",
        "scalars,0.25,,,,",
        "family,,I(1),0.1,,",
        "run,,,,0,0.5",
        "run,,,,1,nan",
    ]


def test_further_coordinates_stand_beside_the_variables_they_belong_to():
    dataset = xr.Dataset(
        {"loss": (("run", "step"), [[1.0, 2.0], [3.0, 4.0]])},
        {"family": ("run", ["I(1)", 'II, "two"']), "students": 10},
    )
    assert lines(dataset) == [
        "table,students,run,step,family,loss",
        "scalars,10,,,,",
        "run x step,,0,0,I(1),1",
        "run x step,,0,1,I(1),2",
        'run x step,,1,0,"II, ""two""",3',
        'run x step,,1,1,"II, ""two""",4',
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333333"),
        (-0.0, "0"),
        (np.inf, "inf"),
        (-np.inf, "-inf"),
        (np.nan, "nan"),
        (1e-12, "1e-12"),
        (np.float32(0.5), "0.5"),
        (True, "1"),
        (np.int64(-3), "-3"),
        (2**60, "1152921504606846976"),
        ("a b", "a b"),
        (np.datetime64("2020-01-02", "ns"), "2020-01-02T00:00:00.000000000"),
    ],
)
def test_cells(value, text):
    assert lines(xr.Dataset({"x": value})) == ["x", text]


def test_text_of_every_kind():
    for values in (np.array(["a", "b"]), np.array(["a", "b"], dtype=object), np.array(["a", "b"], dtype="T")):
        assert lines(xr.Dataset({"x": ("i", values)}))[1:] == ["0,a", "1,b"]


def test_the_order_of_variables_and_of_coordinates_does_not_matter():
    first = xr.Dataset(
        {"b": (("i", "j"), np.eye(2)), "a": (("i", "j"), np.ones((2, 2))), "c": 1.0},
        {"i": [5, 6], "j": [7, 8]},
    )
    other = xr.Dataset({name: first[name] for name in ("c", "a", "b")}).assign_coords(j=[7, 8], i=[5, 6])
    assert tidy_csv(first) == tidy_csv(other)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=6),
    st.lists(st.integers(-(2**62), 2**62), min_size=6, max_size=6),
)
def test_pandas_reads_back_what_was_written(values, whole):
    dataset = xr.Dataset({"x": ("i", np.array(values)), "n": ("i", np.array(whole[: len(values)]))})
    read = pd.read_csv(io.StringIO(tidy_csv(dataset)))
    assert read["x"].to_numpy() == pytest.approx(np.array(values), rel=1e-8)
    assert read["n"].tolist() == whole[: len(values)]


def test_no_rows_leave_the_header():
    assert lines(xr.Dataset({"x": ("i", np.zeros(0))})) == ["i,x"]


def test_what_has_no_table_is_refused_by_name():
    with pytest.raises(ValueError, match="a dataset without variables"):
        tidy_csv(xr.Dataset(coords={"i": [1]}))
    with pytest.raises(TypeError, match="variable 'z': complex given"):
        tidy_csv(xr.Dataset({"z": 1j}))
    with pytest.raises(ValueError, match="a variable called 'table'"):
        tidy_csv(xr.Dataset({"table": 1.0, "x": ("i", [1.0])}))
    assert lines(xr.Dataset({"table": 1.0})) == ["table", "1"]
