"""Trees of nested lists: depths exact, what is written is what is evaluated, draws as uniform as promised."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.datasets.list_trees import MODULAR, ORDINAL, draw_trees, evaluate_trees, write_trees

NAMES = (*ORDINAL, *MODULAR)
OPENING, CLOSING, PAD, FIRST = 50, 51, 52, 60


def parsed(symbols):
    """Nested (operation, items) of one written row, by recursion, and the symbols left."""
    head, *rest = symbols
    if head != OPENING:
        return head, rest
    operation, *rest = rest
    items = []
    while rest[0] != CLOSING:
        item, rest = parsed(rest)
        items.append(item)
    return (NAMES[operation - FIRST], items), rest[1:]


def depth_of(tree):
    return 1 + max(map(depth_of, tree[1])) if isinstance(tree, tuple) else 0


def value_of(tree, modulus, ranks):
    if not isinstance(tree, tuple):
        return tree
    name, items = tree[0], [value_of(item, modulus, ranks) for item in tree[1]]
    by_rank = sorted(items, key=lambda item: ranks[item])
    if name == "MAX":
        return by_rank[-1]
    if name == "MIN":
        return by_rank[0]
    if name == "ADD":
        return sum(items) % modulus
    if name == "PROD":
        return int(np.prod(items)) % modulus
    middle = [ranks[by_rank[(len(items) - 1) // 2]], ranks[by_rank[len(items) // 2]]]
    return list(ranks).index(sum(middle) // 2)


def drawn(rows, depths, modulus=10, arities=(2, 4), nesting=0.3, seed=0, positions=130):
    rng = np.random.default_rng(seed)
    trees = draw_trees(rng, rng.choice(depths, rows), range(len(NAMES)), modulus, arities, nesting)
    return trees, write_trees(trees, positions, OPENING, CLOSING, PAD, FIRST)


@settings(max_examples=25, deadline=None)
@given(
    modulus=st.integers(2, 20),
    depths=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    arities=st.tuples(st.integers(1, 2), st.integers(2, 4)),
    nesting=st.floats(0, 0.9),
    shuffle=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_written_expressions_have_the_value_and_the_depth(modulus, depths, arities, nesting, shuffle, seed):
    rng = np.random.default_rng(seed)
    asked = rng.choice(depths, 20)
    ranks = rng.permutation(modulus) if shuffle else np.arange(modulus)
    trees = draw_trees(rng, asked, range(len(NAMES)), modulus, arities, nesting)
    tokens = write_trees(trees, 130, OPENING, CLOSING, PAD, FIRST)
    values = evaluate_trees(trees, NAMES, modulus, ranks.tolist())
    for row, depth, value in zip(tokens.tolist(), asked, values, strict=True):
        symbols = [symbol for symbol in row if symbol != PAD]
        assert row == [PAD] * (130 - len(symbols)) + symbols
        tree, rest = parsed(symbols)
        assert rest == []
        assert depth_of(tree) == depth
        assert value == value_of(tree, modulus, ranks.tolist())


def test_values_by_hand():
    for name, items, value in [
        ("MAX", [2, 9, 4], 9),
        ("MIN", [2, 9, 4], 2),
        ("MED", [2, 9, 4], 4),
        ("MED", [2, 9, 5, 3], 4),  # (3 + 5)/2
        ("MED", [2, 9], 5),  # 5.5, rounded down
        ("ADD", [2, 9, 4], 5),
        ("PROD", [7, 9, 4], 2),
    ]:
        assert value_of((name, items), 10, range(10)) == value


def test_flat_lists_are_uniform():
    trees, _ = drawn(20000, [1], nesting=0.9)
    (arities,), (operations,) = trees.arities, trees.operations
    for values, count in ((arities - 2, 3), (operations, 5), (trees.numbers[1].ravel(), 10)):
        shares = np.bincount(values.ravel(), minlength=count) / values.size
        assert np.abs(shares - 1 / count).max() < 5 / np.sqrt(count * values.size)


def test_nesting_is_the_share_of_lists_where_lists_may_stand():
    trees, _ = drawn(20000, [2], nesting=0.3)
    first = trees.arities[0][:, 0]
    for arity in (2, 3, 4):
        rows = first == arity
        children = trees.is_list[1][rows][:, :arity]
        assert children.any(axis=1).all()
        # One child is a list for certain, the others by chance.
        expected = 1 + 0.3 * (arity - 1)
        assert children.sum(axis=1).mean() == pytest.approx(expected, abs=5 / np.sqrt(rows.sum()))
        assert np.abs(children.mean(axis=0) - expected / arity).max() < 5 / np.sqrt(rows.sum())
        assert not trees.is_list[1][rows][:, arity:].any()


def test_only_the_operations_asked_for():
    rng = np.random.default_rng(0)
    trees = draw_trees(rng, np.full(50, 2), [1, 3], 10, (2, 3), 0.5)
    tokens = write_trees(trees, 130, OPENING, CLOSING, PAD, FIRST)
    assert set(tokens[tokens >= FIRST]) == {FIRST + 1, FIRST + 3}
