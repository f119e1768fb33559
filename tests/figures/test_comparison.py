"""Comparisons that say what differs, how much and where."""

import hypothesis.strategies as st
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings

from companion.figures.comparison import ROUNDING, TOLERANCE, compare_tables
from companion.figures.reading import read_tables, tables_of
from companion.figures.tables import tidy_csv

TABLE = "seed,family,loss\n0,I(1),0.5\n1,I(2),0.25\n2,II(6),inf\n3,,nan\n"


@pytest.fixture
def compare(tmp_path):
    def side_by_side(a, b):
        (tmp_path / "a.csv").write_text(a, encoding="utf-8")
        (tmp_path / "b.csv").write_text(b, encoding="utf-8")
        return compare_tables(read_tables(tmp_path / "a.csv"), read_tables(tmp_path / "b.csv"))

    return side_by_side


def only_column(found):
    """The one column of the one table that differs."""
    (table,) = found
    (column,) = table.columns
    return column


def test_equal_tables_do_not_differ(compare):
    assert compare(TABLE, TABLE) == []


def test_differences_have_a_size_a_share_and_a_place(compare):
    column = only_column(compare(TABLE, TABLE.replace("0.25", "0.26").replace("0.5\n", "0.50001\n")))
    assert (column.column, column.differing, column.rows) == ("loss", 2, 4)
    assert column.largest == pytest.approx(0.01) and column.relative == pytest.approx(1 / 26)
    assert (column.place, column.a, column.b) == ("seed=1", "0.25", "0.26")
    assert column.within is None


@pytest.mark.parametrize(
    ("now", "within"),
    [("0.250000001", ROUNDING), ("0.2500001", TOLERANCE), ("0.250001", None)],
)
def test_rounding_is_told_from_what_libraries_do_and_from_more(compare, now, within):
    (table,) = compare(TABLE, TABLE.replace("0.25", now))
    assert table.columns[0].within == within
    assert table.beyond_tolerance == (within is None)
    assert table.columns[0].differing == (0 if within == ROUNDING else 1)


def test_one_in_the_last_printed_digit_is_rounding_and_small_numbers_are_judged_by_what_they_are(compare):
    assert only_column(compare("n,x\n0,1.00000001\n", "n,x\n0,1.00000002\n")).within == ROUNDING
    assert only_column(compare("n,x\n0,1e-12\n", "n,x\n0,3e-12\n")).within == ROUNDING


def test_numbers_of_datasets_have_all_their_digits():
    a, b = (xr.Dataset({"x": ("n", [1.0 + gap])}) for gap in (0.0, 1e-8))
    assert only_column(compare_tables(tables_of(a), tables_of(b))).within == TOLERANCE


@pytest.mark.parametrize(
    ("before", "now"),
    [("inf", "1.5"), ("inf", "-inf"), ("nan", "0"), ("nan", ""), ("0.5", "nan"), ("0.5", "inf")],
)
def test_missing_and_infinite_numbers_agree_only_with_their_like(compare, before, now):
    column = only_column(compare(TABLE.replace(f",{before}\n", f",{now}\n"), TABLE))
    assert (column.column, column.differing, column.lacking, column.largest) == ("loss", 1, 1, 0.0)
    assert column.within is None and {column.a, column.b} == {before or "blank", now or "blank"}


def test_the_largest_difference_is_among_numbers_that_both_sides_have(compare):
    column = only_column(compare(TABLE, TABLE.replace("inf", "1.5").replace("0.25", "0.26")))
    assert (column.differing, column.lacking, column.place) == (2, 1, "seed=1")
    assert column.largest == pytest.approx(0.01) and column.relative == pytest.approx(1 / 26)


def test_whole_numbers_and_text_are_exact(compare):
    column = only_column(compare("n,runs\n0,1000000000\n", "n,runs\n0,1000000001\n"))
    assert (column.differing, column.largest, column.within) == (1, 1.0, None)
    long = "1" * 400
    assert only_column(compare(f"n,name\n0,{long}1\n", f"n,name\n0,{long}2\n")).differing == 1
    column = only_column(compare(TABLE, TABLE.replace("I(2)", "I(3)")))
    assert (column.column, column.differing, column.largest) == ("family", 1, None)
    assert (column.a, column.b, column.place) == ("I(2)", "I(3)", "seed=1")


def test_columns_that_come_and_go_are_said(compare):
    (table,) = compare("seed,family,loss\n0,a,0.5\n", "seed,kind,loss\n0,a,0.5\n")
    assert (table.columns_only_a, table.columns_only_b) == (("family",), ("kind",))
    assert table.beyond_tolerance and not table.columns


def test_rows_are_matched_by_what_they_are(compare):
    (table,) = compare("seed,loss\n0,0.5\n1,0.25\n", "seed,loss\n5,0.9\n1,0.75\n")
    assert (table.keys, table.rows, table.rows_only_a, table.rows_only_b) == (("seed",), 1, 1, 1)
    assert (table.columns[0].a, table.columns[0].b) == ("0.25", "0.75")
    assert compare("seed,loss\n0,0.5\n1,0.25\n", "seed,loss\n1,0.25\n0,0.5\n") == []


def test_tables_are_matched_by_their_dimensions(compare):
    data = xr.Dataset({"curve": (("a", "b"), [[1.0, 2.0]]), "end": ("a", [3.0])})
    turned = data.transpose("b", "a")
    assert compare_tables(tables_of(data), tables_of(turned)) == []
    (gone,) = compare_tables(tables_of(data), tables_of(data[["curve"]]))
    assert (gone.table, gone.only) == ("a", "A")
    (new,) = compare(tidy_csv(data[["curve"]]), tidy_csv(data))
    assert (new.table, new.only) == ("a", "B")


def test_replicates_decide_what_is_significant():
    def trained(shift):
        noise = np.random.default_rng(0).normal(size=(3, 8))
        moved = noise + np.array([[0.5], [0.0], [0.4]]) * shift
        return tables_of(
            xr.Dataset({"test": (("fraction", "replicate"), moved), "loss": ("fraction", [shift] * 3)})
        )

    by_name = {c.column: c for table in compare_tables(trained(0.0), trained(1.0)) for c in table.columns}
    assert by_name["test"].chance.significant and by_name["test"].chance.p_value == 2 / 2**8
    assert by_name["test"].chance.shift == pytest.approx(0.3)
    assert by_name["loss"].chance.words == "no replicates: chance not judged"


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.floats(-1, 1))
def test_tolerances_are_relative_to_the_larger_number(values, factor):
    moved = [value * (1 + factor * 2e-6) for value in values]
    a, b = (tables_of(xr.Dataset({"x": ("n", np.array(each))})) for each in (values, moved))
    far = sum(abs(p - q) > max(1e-9, 1e-6 * max(abs(p), abs(q))) for p, q in zip(values, moved, strict=True))
    found = compare_tables(a, b)
    assert any(table.beyond_tolerance for table in found) == (far > 0)
