"""Nested lists: what the text says is the answer, training and test never meet, the split knows symbols only."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.compute.seeds import generator
from companion.datasets.nested_lists import LIST_OPERATIONS, longest_expression, nested_lists


def value_of(text, modulus):
    """Value of the text of an expression in the natural order, innermost lists first."""
    text = text.removesuffix(" =")
    while found := re.search(r"\( ([A-Z]+) ([\d ]+) \)", text):
        items = sorted(map(int, found[2].split()))
        middle = (items[(len(items) - 1) // 2] + items[len(items) // 2]) // 2
        value = {
            "MAX": items[-1],
            "MIN": items[0],
            "MED": middle,
            "ADD": sum(items) % modulus,
            "PROD": int(np.prod(items)) % modulus,
        }[found[1]]
        text = text[: found.start()] + str(value) + text[found.end() :]
    return int(text)


def depth_of(text):
    return max(np.cumsum([(symbol == "(") - (symbol == ")") for symbol in text.split()]))


@settings(max_examples=20, deadline=None)
@given(
    operations=st.lists(st.sampled_from(LIST_OPERATIONS), min_size=1, max_size=5, unique=True),
    numbers=st.integers(2, 20),
    depth=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_answers_are_the_values_of_the_texts(operations, numbers, depth, seed):
    lists = nested_lists(operations, numbers, depth=depth)
    tokens, answers = lists.sample(generator(seed, "lists"), 20, part="all")
    assert tokens.shape == (20, lists.positions)
    assert tokens.dtype == answers.dtype == np.int64
    for row, answer in zip(tokens, answers, strict=True):
        text = lists.text(row)
        assert text.endswith(" =")
        assert 1 <= depth_of(text) <= depth
        assert set(re.findall("[A-Z]+", text)) <= set(operations)
        assert answer == value_of(text, numbers)
        body = np.flatnonzero(row != lists.pad_token)
        assert body.tolist() == list(range(body[0], lists.positions))


def test_layout_and_known_expressions():
    lists = nested_lists(["MAX", "ADD"], 10, depth=2, arities=(2, 3))
    assert lists.token_names == (*map(str, range(10)), "MAX", "ADD", "(", ")", "=", "pad")
    assert (lists.classes, lists.vocabulary, lists.pad_token) == (10, 16, 15)
    row = [15] * 10 + [12, 10, 2, 12, 11, 3, 9, 13, 7, 13, 14]
    assert lists.text(row) == "( MAX 2 ( ADD 3 9 ) 7 ) ="
    assert value_of(lists.text(row), 10) == 7
    assert lists.description() == "lists of MAX, ADD modulo 10; 2 to 3 items, depth up to 2"


def test_training_and_test_expressions_never_meet():
    lists = nested_lists(["MAX", "ADD"], 10, depth=1, arities=(2, 3))
    draws = generator(0, "parts")
    train, test = (
        {lists.text(row) for row in lists.sample(draws, 8000, part=part)[0]} for part in ("train", "test")
    )
    assert not train & test
    # All 2 (100 + 1000) expressions are few enough to meet nearly every one.
    assert len(train | test) > 2000
    assert len(test) / 2200 == pytest.approx(0.2, abs=5 * np.sqrt(0.2 * 0.8 / 2200))


def test_the_split_knows_symbols_and_not_tokens():
    alone = nested_lists(["ADD"], depth=2)
    joint = nested_lists(["MED", "MAX", "ADD"], 20, depth=3, positions=140)
    tokens, _ = alone.sample(generator(1, "split"), 3000, part="all")
    names = {name: token for token, name in enumerate(joint.token_names)}
    moved = np.full((len(tokens), joint.positions), joint.pad_token)
    for target, row in zip(moved, tokens, strict=True):
        symbols = [names[name] for name in alone.text(row).split()]
        target[-len(symbols) :] = symbols
    np.testing.assert_array_equal(alone.held_out(tokens), joint.held_out(moved))
    assert alone.held_out(tokens).mean() == pytest.approx(0.2, abs=0.05)


def test_the_split_is_the_hash_of_the_symbols():
    lists = nested_lists(depth=2)
    tokens, _ = lists.sample(generator(2, "hash"), 40, part="all")
    for row, held_out in zip(tokens, lists.held_out(tokens), strict=True):
        state = 14695981039346656037
        for symbol in lists.text(row).split():
            code = 14695981039346656037
            for byte in symbol.encode():
                code = (code ^ byte) * 1099511628211 % 2**64
            state = (state ^ code) * 1099511628211 % 2**64
        state ^= state >> 33
        state = state * 0xFF51AFD7ED558CCD % 2**64
        state ^= state >> 33
        assert held_out == (state < 0.2 * 2**64)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_shares_and_nested_test_sets(share):
    lists, more = (nested_lists(depth=2, test_share=value) for value in (share, 0.6))
    tokens, _ = lists.sample(generator(3, "share"), 4000, part="all")
    away = lists.held_out(tokens)
    assert away.mean() == pytest.approx(share, abs=0.04)
    assert not (away & ~more.held_out(tokens)).any()
    for part, expected in (("train", False), ("test", True)):
        if share or part == "train":
            chosen, _ = lists.sample(generator(3, "share"), 100, part=part)
            assert (lists.held_out(chosen) == expected).all()


def test_depths_and_operations_asked_for():
    lists = nested_lists()
    tokens, answers = lists.sample(generator(4, "ood"), 60, depths=[3], operations=["ADD"], part="test")
    assert {depth_of(lists.text(row)) for row in tokens} == {3}
    assert {name for row in tokens for name in re.findall("[A-Z]+", lists.text(row))} == {"ADD"}
    assert answers.tolist() == [value_of(lists.text(row), 10) for row in tokens]
    tokens, _ = lists.sample(generator(4, "ood"), 900, depths=[1, 2], part="all")
    depths = np.array([depth_of(lists.text(row)) for row in tokens])
    assert set(depths) == {1, 2}
    assert (depths == 1).mean() == pytest.approx(0.5, abs=5 * 0.5 / 30)


def test_equal_seeds_equal_bytes():
    lists = nested_lists()
    first, again, other = (lists.sample(generator(seed, "bytes"), 30) for seed in (5, 5, 6))
    assert [array.tobytes() for array in first] == [array.tobytes() for array in again]
    assert (first[0] != other[0]).any()


def test_another_order_for_ordinal_operations_only():
    plain, shuffled = (nested_lists(order=order, seed=1) for order in ("natural", "shuffled"))
    assert sorted(shuffled.ranks) == list(range(10))
    assert shuffled.ranks != plain.ranks == tuple(range(10))
    assert "shuffled order" in shuffled.description()
    for operations, same in ((["ADD", "PROD"], True), (["MAX"], False), (["MIN"], False), (["MED"], False)):
        one, two = (
            lists.sample(generator(6, "order"), 200, operations=operations, part="all")
            for lists in (plain, shuffled)
        )
        np.testing.assert_array_equal(one[0], two[0])
        assert (one[1] == two[1]).all() == same
    tokens, answers = shuffled.sample(generator(6, "order"), 50, operations=["MAX"], depths=[1])
    for row, answer in zip(tokens, answers, strict=True):
        items = [int(item) for item in re.findall(r"\d+", shuffled.text(row))]
        assert answer == max(items, key=lambda item: shuffled.ranks[item])
    assert nested_lists(order="shuffled", seed=2).ranks != shuffled.ranks


def test_the_longest_expression_fits_exactly():
    lists = nested_lists(depth=2, arities=(3, 3), nesting=0.9, test_share=0.0)
    tokens, _ = lists.sample(generator(7, "length"), 300, depths=[2])
    assert longest_expression(2, 3) == 21
    assert lists.positions == 22
    assert (tokens[:, 0] != lists.pad_token).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nested_lists(["MAXX"]), r"operations: 'MAXX' given; .* \(did you mean `MAX`\?\)"),
        (lambda: nested_lists(["max"]), r"did you mean `MAX`\?"),
        (lambda: nested_lists("MAX"), "operations: 'MAX' given; allowed: a sequence"),
        (lambda: nested_lists(numbers=1), "numbers: 1 given"),
        (lambda: nested_lists(depth=5), "depth: 5 given"),
        (lambda: nested_lists(arities=(3, 2)), "arities: 2 given; allowed: a whole number from 3 to 6"),
        (lambda: nested_lists(arities=(1, 2, 3)), "arities: "),  # pyright: ignore[reportArgumentType]
        (lambda: nested_lists(nesting=1.0), "nesting: 1.0 given"),
        (lambda: nested_lists(test_share=-0.1), "test_share: -0.1 given"),
        (
            lambda: nested_lists(positions=127),
            "positions: 127 given; allowed: at least 128, for lists of 4 items",
        ),
        (lambda: nested_lists(order="random"), "order: 'random' given"),  # pyright: ignore[reportArgumentType]
        (lambda: nested_lists(depth=2).sample(generator(0), 5, depths=[3]), "depths: 3 given"),
        (lambda: nested_lists(depth=2).sample(generator(0), 5, depths=[]), "depths: none given"),
        (
            lambda: nested_lists(["MAX"]).sample(generator(0), 5, operations=["ADD"]),
            "operations: 'ADD' given",
        ),
        (lambda: nested_lists().sample(generator(0), 0), "rows: 0 given"),
        (lambda: nested_lists(test_share=0.0).sample(generator(0), 5, part="test"), "part: 'test' given"),
        (
            lambda: nested_lists().sample(generator(0), 5, part="tests"),  # pyright: ignore[reportArgumentType]
            r"did you mean `test`\?",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
