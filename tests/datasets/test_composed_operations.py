"""Compositions: every row against nested evaluation, primitives in their place, pairs held out whole."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.datasets.composed_operations import (
    composed_name,
    composed_table,
    composed_tasks,
    held_out_pairs,
)
from companion.datasets.modular_operations import MODULAR_OPERATIONS, evaluate, modular_table

PAIRS = st.lists(
    st.tuples(st.sampled_from(MODULAR_OPERATIONS), st.sampled_from(MODULAR_OPERATIONS)),
    min_size=1,
    max_size=3,
    unique=True,
)


@settings(max_examples=30, deadline=None)
@given(PAIRS, st.sampled_from([3, 5, 7]))
def test_rows_are_nested_evaluations_in_prefix_notation(pairs, prime):
    tasks = composed_tasks(pairs, prime)
    assert tasks.positions == 6
    for (inner, outer), size in zip(pairs, tasks.table_size, strict=True):
        rows = tasks.rows(composed_name(inner, outer))
        assert size == (prime - (inner == "div")) * (prime - (outer == "div")) * prime
        a, b, c = tasks.operands[rows].T
        expected = evaluate(outer, evaluate(inner, a, b, prime), c, prime)
        np.testing.assert_array_equal(tasks.answers[rows], expected)
        names = [tasks.token_names[token] for token in tasks.tokens[rows][0]]
        assert names == [outer, inner, str(a[0]), str(b[0]), str(c[0]), "="]
        np.testing.assert_array_equal(tasks.tokens[rows][:, 2:5], tasks.operands[rows])
        assert len(np.unique(tasks.tokens[rows], axis=0)) == size


def test_known_compositions():
    tasks = composed_tasks([("sub", "mul"), ("mul", "add")], 31)
    assert tasks.operations == ("mul(sub)", "add(mul)")
    assert tasks.answers[(5 * 31 + 9) * 31 + 2] == (5 - 9) * 2 % 31
    assert tasks.answers[31**3 + (5 * 31 + 9) * 31 + 2] == (45 + 2) % 31
    assert tasks.description("mul(sub)").startswith(
        "mul(sub): (a - b mod 31) c mod 31, antisymmetric; 29791 rows"
    )


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("add", "mul", "commutative"),
        ("sub", "mul", "antisymmetric"),
        ("sub", "add", "none"),
        ("sub", "sq", "commutative"),  # the square forgets the sign
        ("div", "left", "antisymmetric"),
        ("left", "add", "none"),
    ],
)
def test_symmetry_in_the_first_two_operands(inner, outer, expected):
    assert composed_table(inner, outer, 7).symmetry == expected


def test_mirrors_exchange_the_first_two_operands():
    tasks = composed_tasks([("add", "sub")], 5)
    np.testing.assert_array_equal(tasks.operands[tasks.mirror], tasks.operands[:, [1, 0, 2]])


def test_primitives_stand_in_the_place_of_the_inner_operation():
    tasks = composed_tasks([("add", "mul")], 7, primitives=["add", "div"])
    assert tasks.operations == ("add", "div", "mul(add)")
    assert tasks.token_names == (*map(str, range(7)), "add", "div", "mul", "=", "pad")
    for name in ("add", "div"):
        rows, table = tasks.rows(name), modular_table(name, 7)
        np.testing.assert_array_equal(tasks.answers[rows], table.results)
        np.testing.assert_array_equal(tasks.operands[rows, :2], table.operands)
        assert (tasks.operands[rows, 2] == -1).all()
        assert (tasks.tokens[rows][:, [0, 4]] == tasks.pad_token).all()
        np.testing.assert_array_equal(tasks.tokens[rows][:, 2:4], table.operands)
    composed = tasks.tokens[tasks.rows("mul(add)")]
    assert set(composed[:, 1]) == set(tasks.tokens[tasks.rows("add")][:, 1])
    assert tasks.pad_token not in composed


def test_drawn_triples_are_rows_of_the_table_and_belong_to_the_pair():
    whole_set = composed_tasks([("add", "mul")], 7)
    drawn = composed_tasks([("sub", "add"), ("add", "mul")], 7, triples=100, seed=2)
    assert drawn.table_size == (100, 100)
    rows = drawn.rows("mul(add)")
    kept = drawn.operands[rows] @ [49, 7, 1]
    assert len(set(kept)) == 100
    np.testing.assert_array_equal(drawn.answers[rows], whole_set.answers[kept])
    alone = composed_tasks([("add", "mul")], 7, triples=100, seed=2)
    np.testing.assert_array_equal(alone.operands, drawn.operands[rows])
    assert alone.symmetry == ("commutative",)
    other = composed_tasks([("add", "mul")], 7, triples=100, seed=3)
    assert (other.operands != alone.operands).any()
    found = drawn.mirror >= 0
    np.testing.assert_array_equal(drawn.operands[drawn.mirror[found]], drawn.operands[found][:, [1, 0, 2]])


@given(st.integers(1, 5), st.data(), st.integers(0, 10**6))
def test_held_out_pairs_leave_every_operation_in_both_places(count, data, seed):
    names = MODULAR_OPERATIONS[:count]
    held_out = data.draw(st.integers(0, (count - 1) ** 2))
    train, away = held_out_pairs(names, held_out, seed=seed)
    assert len(away) == held_out
    assert sorted(train + away) == sorted(product(names, repeat=2))
    for place in range(2):
        assert {pair[place] for pair in train} == set(names)
    assert (train, away) == held_out_pairs(names, held_out, seed=seed)


def test_held_out_pairs_grow_and_differ_between_replicates():
    names = MODULAR_OPERATIONS[:4]
    few, many = (set(held_out_pairs(names, count, seed=0)[1]) for count in (3, 6))
    assert few < many
    assert (
        len({tuple(held_out_pairs(names, 3, seed=0, replicate=replicate)[1]) for replicate in range(8)}) > 4
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: composed_tasks([("add", "mull")], 7), r"did you mean `mul`\?"),
        (lambda: composed_tasks([("add", "mul"), ("add", "mul")], 7), "pairs: "),
        (lambda: composed_tasks(["ad"], 7), "pairs: 'ad' given; allowed: pairs"),
        (lambda: composed_tasks([("add", "mul", "sub")], 7), "pairs: "),
        (lambda: composed_tasks([("add", "div")], 9), "prime: 9 given"),
        (lambda: composed_tasks([("add", "mul")], 5, triples=126), "triples: 126 given; allowed: 1 to 125"),
        (lambda: composed_tasks([("add", "mul")], 5, triples=0), "triples: 0 given"),
        (lambda: held_out_pairs(["add", "sub"], 2, seed=0), "held_out: 2 given; allowed: .* from 0 to 1"),
        (lambda: held_out_pairs(["add", "add"], 0, seed=0), "primitives: "),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
