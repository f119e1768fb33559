"""The table of families as data."""

import pytest

from companion.theory.relu_family_table import family_table, global_loss_limit, table_columns
from companion.theory.relu_landscape import child_family, family


def test_table_at_seventeen():
    table = {minimum.name: minimum for minimum in family_table(17, 17)}
    assert [name for name in table if name.startswith("I(") and table[name].is_minimum] == [
        f"I({p})" for p in range(1, 8)
    ]
    assert {"II(6)", "II(7)", "II(8)", "II(17)", "II(5+1)"} <= set(table)
    assert table["II(5+1)"] == child_family(6, 17)
    losses = [minimum.loss for minimum in table.values()]
    assert losses == sorted(losses)
    assert family_table(17) == family_table(17, 17)


def test_table_with_an_extra_student():
    names = [minimum.name for minimum in family_table(18, 17, minima_only=True, largest_flipped=7)]
    assert names == [
        *("S(1)", "X(3)", "S(2)", "X(4)", "X(5)", "S(3)", "X(6)", "S(4)", "X(7)", "S(5)"),
    ]
    assert family_table(18, 17)[0] == family("X", 2, 18)


def test_table_is_empty_where_no_family_is_known():
    assert [bool(family_table(*size)) for size in ((17, 17), (18, 17), (19, 17))] == [True, True, False]
    assert family_table(4, 6) == []


@pytest.mark.parametrize(
    ("students", "teachers", "lowest"),
    [
        (10, None, 0.018702195),  # I(1)
        (17, 17, 0.012796245),  # I(1)
        (8, 7, 0.022147443),  # S(1)
        (18, 17, 0.011698913),  # X(2), a saddle
        (19, 17, 0.012796245),  # no family is known: I(1) of K = M
        (200, 10, 0.018702195),
    ],
)
def test_a_run_is_global_below_a_tenth_of_the_lowest_family(students, teachers, lowest):
    assert global_loss_limit(students, teachers) == pytest.approx(lowest / 10, abs=1e-10)


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 2), (6, 1)])
def test_teachers_too_few_for_any_family_take_the_limit_of_four(size):
    assert global_loss_limit(*size) == global_loss_limit(4)


def test_the_limit_falls_with_the_width():
    limits = [global_loss_limit(students) for students in (5, 8, 17, 30, 60, 120)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] == pytest.approx(0.03 / 120, rel=0.15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "students must be a finite number >= 1, got 0"),
        ((3, 0), "teachers must be a finite number >= 1, got 0"),
        ((3.5,), "students must be a whole number"),
        ((3, 4), "students: given 3 for 4 teachers; allowed: at least as many"),
    ],
)
def test_a_limit_that_does_not_exist_names_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        global_loss_limit(*arguments)


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
