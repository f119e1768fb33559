"""The table of families as data."""

import pytest

from companion.theory.relu_family_table import PUBLISHED_SIZES, family_table, table_columns
from companion.theory.relu_landscape import child_family, family


def test_table_at_seventeen():
    table = {minimum.name: minimum for minimum in family_table(17, 17)}
    assert [name for name in table if name.startswith("I(") and table[name].is_minimum] == [
        f"I({p})" for p in range(1, 8)
    ]
    assert {"II(6)", "II(7)", "II(8)", "II(17)", "II(5+1)"} <= set(table)
    assert table["II(5+1)"] is child_family(6, 17)
    losses = [minimum.loss for minimum in table.values()]
    assert losses == sorted(losses)
    assert family_table(17) == family_table(17, 17)


def test_table_with_an_extra_student():
    names = [minimum.name for minimum in family_table(18, 17, minima_only=True, largest_flipped=7)]
    assert names == [
        *("S(1)", "X(3)", "S(2)", "X(4)", "X(5)", "S(3)", "X(6)", "S(4)", "X(7)", "S(5)"),
    ]
    assert family_table(18, 17)[0] is family("X", 2, 18)


def test_table_is_empty_where_no_family_is_known():
    assert [bool(family_table(*size)) for size in PUBLISHED_SIZES] == [True, True, False]
    assert family_table(4, 6) == []


def test_columns():
    columns = table_columns(family_table(18, 17))
    assert len({len(values) for values in columns.values()}) == 1
    first = {name: values[0] for name, values in columns.items()}
    assert first["name"] == "X(2)"
    assert first["blocks"] == "15,2+1"
    assert (first["students"], first["teachers"], first["flipped"]) == (18, 17, 2)
    assert first["negative_eigenvalues"] == 1 and not first["is_minimum"]
    assert first["loss"] == pytest.approx(0.011698913, abs=1e-9)
    child = next(minimum for minimum in family_table(19) if minimum.name == "II(6+1)")
    assert table_columns([child])["blocks"] == ["12,6,1"]
    assert table_columns([child])["flipped"] == [7]
    assert set(table_columns([])) == set(columns)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "students must be a finite number >= 1, got 0"),
        ((17, 0), "teachers must be a finite number >= 1, got 0"),
        ((17.5,), "students must be a whole number, got 17.5"),
        ((18, 16.5), "teachers must be a whole number"),
    ],
)
def test_bad_sizes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        family_table(*arguments)
