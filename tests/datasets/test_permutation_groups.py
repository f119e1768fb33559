"""The symmetric group: axioms, sign and cosets against their definitions, opaque tokens that keep the structure."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.datasets.permutation_groups import (
    group_elements,
    group_table,
    permutation_tasks,
    products,
    signs,
)

DEGREES = [2, 3, 4, 5]


@pytest.mark.parametrize("degree", DEGREES)
def test_products_apply_the_right_factor_first(degree):
    elements, table = group_elements(degree), products(degree)
    assert elements.shape == (math.factorial(degree), degree)
    rng = np.random.default_rng(degree)
    for g, h in rng.integers(len(elements), size=(200, 2)):
        expected = [elements[g][elements[h][point]] for point in range(degree)]
        assert elements[table[g, h]].tolist() == expected


@given(st.sampled_from(DEGREES), st.data())
def test_group_axioms(degree, data):
    table = products(degree)
    g, h, k = (data.draw(st.integers(0, len(table) - 1)) for _ in range(3))
    assert table[table[g, h], k] == table[g, table[h, k]]
    assert table[g, 0] == table[0, g] == g
    inverse = int(np.argsort(group_elements(degree)[g]) @ (degree ** np.arange(degree)[::-1]))
    codes = group_elements(degree) @ (degree ** np.arange(degree)[::-1])
    assert table[g, codes.tolist().index(inverse)] == 0
    assert signs(degree)[table[g, h]] == (signs(degree)[g] + signs(degree)[h]) % 2


@pytest.mark.parametrize("degree", DEGREES)
def test_products_are_latin_squares(degree):
    table, size = products(degree), math.factorial(degree)
    every = np.tile(np.arange(size), (size, 1))
    np.testing.assert_array_equal(np.sort(table, axis=0), every.T)
    np.testing.assert_array_equal(np.sort(table, axis=1), every)


@pytest.mark.parametrize("degree", DEGREES)
def test_signs_are_determinants(degree):
    matrices = np.eye(degree)[group_elements(degree)]
    np.testing.assert_allclose(np.linalg.det(matrices), 1 - 2 * signs(degree), atol=1e-12)


@pytest.mark.parametrize(("degree", "moved"), [(3, 2), (4, 2), (4, 3), (5, 2), (5, 3), (5, 4)])
def test_cosets_are_left_cosets(degree, moved):
    table = group_table(f"coset({moved})", degree)
    size = math.factorial(degree)
    answer = table.results.reshape(size, size)
    assert (answer == answer[:, :1]).all()  # h is a bystander
    answer = answer[:, 0]
    elements = group_elements(degree)
    subgroup = np.flatnonzero((elements[:, moved:] == np.arange(moved, degree)).all(axis=1))
    assert len(subgroup) == math.factorial(moved)
    for g in range(size):
        coset = products(degree)[g, subgroup]
        assert (answer[coset] == answer[g]).all()
        assert answer[g] == coset.min()
    assert len(set(answer)) == size // len(subgroup)


def test_known_products_and_signs():
    elements = group_elements(3).tolist()
    assert elements == [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    # g = 021, h = 102: g(h(0)) = g(1) = 2, g(h(1)) = g(0) = 0, g(h(2)) = g(2) = 1.
    assert elements[products(3)[1, 2]] == [2, 0, 1]
    assert signs(3).tolist() == [0, 1, 1, 0, 0, 1]


def test_tokens_are_opaque_and_keep_the_structure():
    tasks = permutation_tasks(["product", "sgn", "coset(3)"], 4, seed=5)
    assert (tasks.classes, tasks.vocabulary, tasks.positions) == (24, 29, 4)
    assert tasks.table_size == (576, 576, 576)
    assert tasks.symmetry == ("none", "none", "none")
    assert tasks.chance_level == (pytest.approx(1 / 24), 0.5, 0.25)
    shuffle = tasks.number_tokens[0]
    np.testing.assert_array_equal(tasks.number_tokens, tasks.number_classes)
    np.testing.assert_array_equal(np.sort(shuffle), np.arange(24))
    assert (shuffle != np.arange(24)).any()
    for index, results in enumerate((products(4).ravel(), signs(4).repeat(24))):
        rows = tasks.rows(tasks.operations[index])
        g, h = tasks.operands[rows].T
        np.testing.assert_array_equal(tasks.tokens[rows][:, 0], shuffle[g])
        np.testing.assert_array_equal(tasks.tokens[rows][:, 2], shuffle[h])
        np.testing.assert_array_equal(tasks.answers[rows], shuffle[results])
    names = np.array(tasks.token_names)[tasks.tokens[0]]
    assert names.tolist() == ["0123", "product", "0123", "="]
    # The same holds in tokens alone: they form a group with the identity's token as its unit.
    product = tasks.answers[:576][np.lexsort(tasks.tokens[:576, [2, 0]].T)].reshape(24, 24)
    np.testing.assert_array_equal(product[shuffle[0]], np.arange(24))
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(24, size=(3, 500))
    np.testing.assert_array_equal(product[product[a, b], c], product[a, product[b, c]])


def test_tokens_belong_to_the_seed():
    first, again, other = (permutation_tasks(["product"], 5, seed=seed) for seed in (0, 0, 1))
    assert first.tokens.tobytes() == again.tokens.tobytes()
    assert first.answers.tobytes() == again.answers.tobytes()
    assert (first.number_tokens != other.number_tokens).any()
    joint = permutation_tasks(["product", "sgn"], 5, seed=0)
    np.testing.assert_array_equal(joint.number_tokens[0], first.number_tokens[0])


def test_products_alone_need_no_operation_token():
    tasks = permutation_tasks(["product"], 4, operation_token=False, seed=1)
    with_token = permutation_tasks(["product"], 4, seed=1)
    assert (tasks.positions, tasks.vocabulary) == (3, 26)
    np.testing.assert_array_equal(tasks.answers, with_token.answers)
    np.testing.assert_array_equal(tasks.tokens[:, :2], with_token.tokens[:, [0, 2]])
    assert {tasks.token_names[token] for token in tasks.tokens[:, 2]} == {"="}


def test_two_points_commute():
    assert permutation_tasks(["product"], 2, seed=0).symmetry == ("commutative",)


@pytest.mark.parametrize(
    ("operations", "degree", "options", "words"),
    [
        (["prodct"], 4, {}, r"did you mean `product`\?"),
        (["coset(k)"], 4, {}, r"a whole number for k, as in 'coset\(2\)'"),
        (["coset(4)"], 4, {}, r"operations: 'coset\(4\)' given; allowed: coset\(k\) with k from 2 to 3"),
        (["coset(1)"], 4, {}, "k from 2 to 3"),
        (["sgn", "sgn"], 4, {}, "operations: "),
        (["product"], 7, {}, "degree: 7 given; allowed: a whole number from 2 to 6"),
        (["product", "sgn"], 4, {"operation_token": False}, "operation_token: False given"),
    ],
)
def test_bad_input_is_named(operations, degree, options, words):
    with pytest.raises(ValueError, match=words):
        permutation_tasks(operations, degree, seed=0, **options)
