"""Task sets: every row decodes to its operands and answer, whatever the vocabulary; mirrors; names and errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.datasets.modular_operations import MODULAR_OPERATIONS, evaluate, modular_tasks
from companion.datasets.operations import chance_level, mirror_rows, whole, words_of

PRIMES = st.sampled_from([2, 3, 5, 7, 11])
KINDS = st.sampled_from(["shared", "private", "shuffled"])


@st.composite
def sets(draw):
    names = draw(st.lists(st.sampled_from(MODULAR_OPERATIONS), min_size=1, max_size=4, unique=True))
    kinds = draw(st.one_of(KINDS, st.lists(KINDS, min_size=len(names), max_size=len(names))))
    prime, seed = draw(PRIMES), draw(st.integers(0, 50))
    return modular_tasks(names, prime, vocabulary=kinds, seed=seed), prime, kinds


@settings(max_examples=60, deadline=None)
@given(sets())
def test_rows_decode_to_operands_and_answers(given_set):
    tasks, prime, _ = given_set
    for index, name in enumerate(tasks.operations):
        rows = tasks.rows(name)
        assert (tasks.operation[rows] == index).all()
        a, b = tasks.operands[rows].T
        first, symbol, second, equals = tasks.tokens[rows].T
        np.testing.assert_array_equal(first, tasks.number_tokens[index][a])
        np.testing.assert_array_equal(second, tasks.number_tokens[index][b])
        assert {tasks.token_names[token] for token in symbol} == {name}
        assert {tasks.token_names[token] for token in equals} == {"="}
        results = tasks.number_classes[index].argsort()[tasks.answers[rows]]
        np.testing.assert_array_equal(results, evaluate(name, a, b, prime))
    for array in (tasks.tokens, tasks.answers, tasks.operation, tasks.operands, tasks.mirror):
        assert array.dtype == np.int64
        assert len(array) == sum(tasks.table_size)
        assert array.flags.writeable  # torch shares memory without a warning
    assert (tasks.classes, tasks.positions) == (prime, 4)
    assert len(np.unique(tasks.tokens, axis=0)) == len(tasks.tokens)


@settings(max_examples=60, deadline=None)
@given(sets())
def test_number_tokens_are_shared_where_they_should_be(given_set):
    tasks, prime, kinds = given_set
    kinds = [kinds] * len(tasks.operations) if isinstance(kinds, str) else kinds
    private = [kind == "private" for kind in kinds]
    blocks = sum(private) + (not all(private))
    assert tasks.vocabulary == len(tasks.token_names) == prime * blocks + len(tasks.operations) + 2
    assert tasks.pad_token == tasks.vocabulary - 1
    assert len(set(tasks.token_names)) == tasks.vocabulary
    assert tasks.pad_token not in tasks.tokens
    for index, (tokens, classes) in enumerate(zip(tasks.number_tokens, tasks.number_classes, strict=True)):
        others = np.delete(tasks.number_tokens, index, axis=0)
        assert len(set(tokens)) == prime
        if kinds[index] == "private":
            assert not np.isin(tokens, others).any()
            np.testing.assert_array_equal(classes, np.arange(prime))
            assert tasks.token_names[tokens[0]] == f"0 of {tasks.operations[index]}"
        else:
            np.testing.assert_array_equal(np.sort(tokens), np.arange(prime))
            np.testing.assert_array_equal(tokens, classes)
        if kinds[index] == "shared":
            np.testing.assert_array_equal(tokens, np.arange(prime))


def test_layout_of_the_shared_vocabulary():
    tasks = modular_tasks(["add", "sub"], 31)
    assert tasks.token_names == (*map(str, range(31)), "add", "sub", "=", "pad")
    assert tasks.tokens[5 * 31 + 7].tolist() == [5, 31, 7, 33]
    assert tasks.tokens[961 + 5 * 31 + 7].tolist() == [5, 32, 7, 33]
    assert tasks.answers[[5 * 31 + 7, 961 + 5 * 31 + 7]].tolist() == [12, 29]
    np.testing.assert_array_equal(
        tasks.answers[:961].reshape(31, 31), np.add.outer(range(31), range(31)) % 31
    )


def test_vocabularies_move_tokens_and_nothing_else():
    shared = modular_tasks(["sub", "add"], 7, seed=3)
    for kinds in ("private", "shuffled", ["shared", "shuffled"], ("private", "shared")):
        other = modular_tasks(["sub", "add"], 7, vocabulary=kinds, seed=3)
        for name in ("operation", "operands", "mirror"):
            np.testing.assert_array_equal(getattr(other, name), getattr(shared, name))
        assert (other.table_size, other.symmetry) == (shared.table_size, shared.symmetry)
        assert other.chance_level == shared.chance_level
        assert other.formulas == shared.formulas


def test_shuffling_keeps_the_table_up_to_names_and_breaks_the_structure_in_common():
    plain, shuffled = (modular_tasks(["add"], 11, vocabulary=kind, seed=1) for kind in ("shared", "shuffled"))
    names = shuffled.number_tokens[0]
    renamed = {tuple(names[row]) for row in np.column_stack([plain.operands, plain.answers])}
    assert renamed == {
        (a, b, c) for (a, _, b, _), c in zip(shuffled.tokens.tolist(), shuffled.answers.tolist(), strict=True)
    }
    table = shuffled.answers[np.lexsort(shuffled.tokens[:, [2, 0]].T)].reshape(11, 11)
    np.testing.assert_array_equal(table, table.T)
    # Agreement with addition itself is by chance: 121 rows, 1/11 each.
    agreeing = [
        ((shuffled.tokens[:, 0] + shuffled.tokens[:, 2]) % 11 == shuffled.answers).sum()
        for shuffled in (modular_tasks(["add"], 11, vocabulary="shuffled", seed=seed) for seed in range(40))
    ]
    assert 6 < np.mean(agreeing) < 20


def test_shuffles_belong_to_the_operation_and_the_seed():
    alone = modular_tasks(["add"], 31, vocabulary="shuffled", seed=4)
    beside = modular_tasks(["sub", "add"], 31, vocabulary=["shared", "shuffled"], seed=4)
    np.testing.assert_array_equal(alone.number_tokens[0], beside.number_tokens[1])
    both = modular_tasks(["add", "sub"], 31, vocabulary="shuffled", seed=4)
    other = modular_tasks(["add"], 31, vocabulary="shuffled", seed=5)
    assert (both.number_tokens[0] != both.number_tokens[1]).any()
    assert (alone.number_tokens[0] != other.number_tokens[0]).any()
    again = modular_tasks(["add"], 31, vocabulary="shuffled", seed=4)
    assert again.tokens.tobytes() == alone.tokens.tobytes()
    assert again.answers.tobytes() == alone.answers.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    rows=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=40)
)
def test_mirrors_are_the_rows_with_operands_exchanged(rows):
    listed = list(rows)
    expected = [listed.index((b, a, c)) if (b, a, c) in rows else -1 for a, b, c in listed]
    assert mirror_rows(np.array(listed)).tolist() == expected


def test_mirrors_in_a_set_stay_within_their_operation():
    tasks = modular_tasks(["add", "div", "sub"], 7)
    found = tasks.mirror >= 0
    mirrored = tasks.mirror[found]
    np.testing.assert_array_equal(tasks.operands[mirrored], tasks.operands[found][:, ::-1])
    np.testing.assert_array_equal(tasks.operation[mirrored], tasks.operation[found])
    # Only division lacks some: 0/b has no b/0.
    lacking = np.flatnonzero(~found)
    assert (tasks.operation[lacking] == 1).all()
    np.testing.assert_array_equal(tasks.operands[lacking], [[0, b] for b in range(1, 7)])


def test_names_descriptions_and_chance():
    tasks = modular_tasks(["add", "left"], 5)
    assert tasks.index("left") == 1
    assert tasks.rows("left") == slice(25, 50)
    assert tasks.description("add") == "add: a + b mod 5, commutative; 25 rows, chance level 0.2"
    assert tasks.description().splitlines() == [tasks.description("add"), tasks.description("left")]
    assert tasks.description("left") == "left: a; 25 rows, chance level 0.2"
    assert chance_level(np.array([0, 0, 2, 2, 2])) == 0.6
    with pytest.raises(
        ValueError, match=r"operation: 'lfet' given; allowed: add, left \(did you mean `left`\?\)"
    ):
        tasks.index("lfet")
    assert words_of(["0"], []).names == ("0", "=", "pad")


@pytest.mark.parametrize("value", [0, 1.0, True, "3", None, 8])
def test_whole_numbers_only(value):
    with pytest.raises(ValueError, match=r"^size: .* given; allowed: a whole number from 1 to 7$"):
        whole(value, "size", 1, 7)
    assert whole(np.int64(7), "size", 1, 7) == 7


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (
            "privat",
            r"vocabulary: 'privat' given; allowed: shared, private, shuffled \(did you mean `private`",
        ),
        (["shared"], "vocabulary: 1 given; allowed: one for all, or one for each of the 2 operations"),
        (["shared", 3], "vocabulary: 3 given"),
    ],
)
def test_bad_vocabularies_are_named(kinds, words):
    with pytest.raises(ValueError, match=words):
        modular_tasks(["add", "sub"], 5, vocabulary=kinds)
