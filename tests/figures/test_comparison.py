"""Comparisons that say what differs, how much and where."""

import json
import math

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from companion.figures.comparison import compare_tables, compare_verdicts

TABLE = "seed,family,loss\n0,I(1),0.5\n1,I(2),0.25\n2,II(6),inf\n3,,nan\n"


@pytest.fixture
def compare(tmp_path):
    def against_tracked(new, old=TABLE, **tolerances):
        (tmp_path / "new.csv").write_text(new, encoding="utf-8")
        (tmp_path / "old.csv").write_text(old, encoding="utf-8")
        return compare_tables(tmp_path / "new.csv", tmp_path / "old.csv", **tolerances)

    return against_tracked


def test_equal_tables_do_not_differ(compare):
    assert compare(TABLE) == []


def test_floats_within_tolerance_agree(compare):
    assert compare(TABLE.replace("0.25", "0.250000249")) == []
    assert compare("x\n1e-10\n0.5\n", "x\n0\n0.5\n") == []


def test_a_float_beyond_tolerance_is_counted_measured_and_placed(compare):
    (found,) = compare(TABLE.replace("0.25", "0.26").replace("0.5\n", "0.500001\n"))
    assert (found.subject, found.kind, found.count) == ("loss", "values", 2)
    assert found.largest == pytest.approx(0.01)
    assert str(found) == (
        "loss: 2 of 4 cells differ, most at line 3: 0.26 now, 0.25 tracked (difference 0.01)"
    )
    assert compare(TABLE.replace("0.25", "0.26"), relative=0.1) == []
    assert compare(TABLE.replace("0.25", "0.26"), absolute=0.1) == []


@pytest.mark.parametrize(
    ("before", "now"),
    [("inf", "1.5"), ("inf", "-inf"), ("nan", "0"), ("nan", ""), ("0.5", "nan"), ("0.5", "inf")],
)
def test_missing_and_infinite_numbers_agree_only_with_their_like(compare, before, now):
    (found,) = compare(TABLE.replace(f",{before}\n", f",{now}\n"))
    assert (found.subject, found.count, found.largest) == ("loss", 1, math.inf)


def test_whole_numbers_and_text_are_exact(compare):
    whole = "runs\n1000000000\n"
    (found,) = compare(whole.replace("00\n", "01\n"), whole)
    assert str(found) == "runs: 1 of 1 cells differ, first at line 2: '1000000001' now, '1000000000' tracked"
    (found,) = compare(TABLE.replace("I(2)", "I(3)"))
    assert (found.subject, found.count, found.largest) == ("family", 1, None)


def test_whole_values_in_a_column_of_floats_have_a_tolerance(compare):
    assert compare("x\n2\n0.5\n", "x\n2.0000001\n0.5\n") == []


def test_columns_that_come_and_go_are_said(compare):
    found = compare("seed,kind,loss\n0,a,0.5\n1,a,0.25\n2,a,inf\n3,a,nan\n")
    assert [str(difference) for difference in found] == [
        "family: tracked, and gone now",
        "kind: new, and not tracked",
    ]


def test_columns_in_another_order_agree(compare):
    assert compare("loss,seed\n0.5,0\n0.25,1\n", "seed,loss\n0,0.5\n1,0.25\n") == []


def test_more_rows_are_matched_by_what_they_are(compare):
    (found,) = compare("seed,loss\n5,0.9\n0,0.5\n1,0.25\n", "seed,loss\n0,0.5\n1,0.25\n")
    assert (found.kind, found.count) == ("rows", 1)
    assert str(found) == "rows: 3 rows now, 2 tracked; 1 new, first at line 2 (seed=5)"
    rows, values = compare("seed,loss\n1,0.75\n", "seed,loss\n0,0.5\n1,0.25\n")
    assert str(rows) == "rows: 1 rows now, 2 tracked; 1 gone, first at line 2 (seed=0)"
    assert str(values).startswith("loss: 1 of 1 cells differ, most at line 2: 0.75 now, 0.25 tracked")


@pytest.mark.parametrize("header", ["x", "n,x"])
def test_more_rows_that_nothing_tells_apart_are_not_compared(compare, header):
    row = "0.5" if header == "x" else "1,0.5"
    (found,) = compare(f"{header}\n{row}\n{row}\n", f"{header}\n{row}\n")
    assert str(found) == "rows: 2 rows now, 1 tracked; not compared, for no column tells them apart"


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "there.csv").write_text(TABLE)
    (found,) = compare_tables(tmp_path / "gone.csv", tmp_path / "there.csv")
    assert str(found) == "gone.csv: not made now"
    (found,) = compare_tables(tmp_path / "there.csv", tmp_path / "gone.csv")
    assert str(found) == "gone.csv: not tracked"


def test_a_ragged_file_is_named(compare):
    with pytest.raises(ValueError, match=r"new\.csv: row 3 has 1 cells, allowed are 2"):
        compare("a,b\n1,2\n3\n", "a,b\n1,2\n3,4\n")


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5), st.floats(-1, 1))
def test_tolerance_is_relative_to_the_larger_number(tmp_path_factory, values, factor):
    folder = tmp_path_factory.mktemp("tables")
    moved = [value * (1 + factor * 1e-4) for value in values]
    for name, column in (("new", moved), ("old", values)):
        (folder / f"{name}.csv").write_text("x\n0.5\n" + "".join(f"{value!r}\n" for value in column))
    found = compare_tables(folder / "new.csv", folder / "old.csv", relative=1.01e-4)
    assert found == []
    apart = [
        a for a, b in zip(moved, values, strict=True) if abs(a - b) > 1e-9 + 1.1e-5 * max(abs(a), abs(b))
    ]
    found = compare_tables(folder / "new.csv", folder / "old.csv", relative=1e-5)
    assert sum(difference.count for difference in found) >= len(apart)


# Verdicts


def entry(verdict="holds", digest="d1", version=1, regimes=()):
    listed = [{"name": name, "verdict": found} for name, found in regimes]
    return {"verdict": verdict, "digest": digest, "version": version, "regimes": listed, "value": 0.5}


@pytest.fixture
def judge(tmp_path):
    def against_tracked(new, old):
        (tmp_path / "new.json").write_text(json.dumps(new))
        (tmp_path / "old.json").write_text(json.dumps(old))
        return [str(found) for found in compare_verdicts(tmp_path / "new.json", tmp_path / "old.json")]

    return against_tracked


def test_a_number_that_leaves_the_verdict_alone_is_no_difference(judge):
    assert judge({"c": entry() | {"value": 0.6}}, {"c": entry()}) == []


def test_verdicts_criteria_and_claims_that_changed(judge):
    new = {
        "c1": entry("fails", regimes=[("wide", "holds"), ("new", "fails")]),
        "c2": entry(digest="d2", version=2),
        "c4": entry("inconclusive"),
    }
    old = {"c1": entry(regimes=[("wide", "fails")]), "c2": entry(), "c3": entry()}
    assert judge(new, old) == [
        "c3: tracked, and gone now",
        "c4: new (inconclusive), and not tracked",
        "c1: fails now, holds tracked",
        "c1: regime wide: holds now, fails tracked",
        "c2: the criterion changed, version 2 now, 1 tracked",
    ]


def test_verdicts_without_a_file(tmp_path):
    (found, other) = compare_verdicts(tmp_path / "a.json", tmp_path / "b.json")
    assert (str(found), str(other)) == ("a.json: not made now", "b.json: not tracked")
