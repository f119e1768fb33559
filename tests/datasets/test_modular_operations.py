"""Modular operations against plain Python, the axioms they are chosen for, their symmetries, sizes, chance levels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.datasets.modular_operations import (
    MODULAR_OPERATIONS,
    evaluate,
    formula,
    is_prime,
    modular_table,
    modular_tasks,
    operation_name,
)

PLAIN = {
    "add": lambda a, b, p: (a + b) % p,
    "sub": lambda a, b, p: (a - b) % p,
    "mul": lambda a, b, p: (a * b) % p,
    "div": lambda a, b, p: next(c for c in range(p) if c * b % p == a),
    "sq": lambda a, b, p: (a**2 + b**2) % p,
    "poly": lambda a, b, p: (a**2 + a * b + b**2) % p,
    "max": lambda a, b, p: a if a > b else b,
    "min": lambda a, b, p: a if a < b else b,
    "left": lambda a, b, p: a,
}


def test_every_operation_is_tested():
    assert tuple(PLAIN) == MODULAR_OPERATIONS


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("prime", [2, 3, 7, 31])
def test_tables_against_plain_python(name, prime):
    table = modular_table(name, prime)
    rows = [(a, b) for a in range(prime) for b in range(prime) if name != "div" or b > 0]
    np.testing.assert_array_equal(table.operands, rows)
    assert table.results.tolist() == [PLAIN[name](a, b, prime) for a, b in rows]


@given(st.sampled_from([3, 5, 31]), st.data())
def test_linear_operations_against_plain_python(prime, data):
    alpha, beta = data.draw(
        st.tuples(st.integers(0, prime - 1), st.integers(0, prime - 1)).filter(lambda pair: any(pair))
    )
    a, b = data.draw(st.integers(0, prime - 1)), data.draw(st.integers(0, prime - 1))
    assert evaluate(f"lin({alpha},{beta})", a, b, prime) == (alpha * a + beta * b) % prime


def test_linear_operations_contain_sum_and_difference():
    for name, same in (("lin(1, 1)", "add"), ("lin(1, 30)", "sub"), ("lin(1, 0)", "left")):
        first, second = modular_table(name, 31), modular_table(same, 31)
        np.testing.assert_array_equal(first.results, second.results)
        assert first.symmetry == second.symmetry


NUMBERS = st.integers(0, 30)
OTHERS = st.integers(1, 30)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_addition_is_a_group_and_subtraction_its_inverse(a, b, c):
    def add(x, y):
        return int(evaluate("add", x, y, 31))

    assert add(add(a, b), c) == add(a, add(b, c))
    assert add(a, 0) == a
    assert add(a, (31 - a) % 31) == 0
    assert evaluate("sub", add(a, b), b, 31) == a


@given(OTHERS, OTHERS, OTHERS)
def test_multiplication_is_a_group_without_zero_and_division_its_inverse(a, b, c):
    def mul(x, y):
        return int(evaluate("mul", x, y, 31))

    assert mul(a, b) != 0
    assert mul(mul(a, b), c) == mul(a, mul(b, c))
    assert mul(a, 1) == a
    assert mul(a, int(evaluate("div", 1, a, 31))) == 1
    assert evaluate("div", mul(a, b), b, 31) == a


@given(NUMBERS, NUMBERS, st.integers(1, 30))
def test_characters_turn_the_operations_into_products(a, b, k):
    """What add, sub and lin share: exp(2πi k c/p) of the result is the product of those of the operands."""
    additive = np.exp(2j * np.pi * k * np.arange(31) / 31)
    np.testing.assert_allclose(additive[evaluate("add", a, b, 31)], additive[a] * additive[b], atol=1e-12)
    np.testing.assert_allclose(additive[evaluate("sub", a, b, 31)], additive[a] / additive[b], atol=1e-12)
    np.testing.assert_allclose(
        additive[evaluate("lin(2, 5)", a, b, 31)], additive[a] ** 2 * additive[b] ** 5, atol=1e-12
    )


SYMMETRIES = {
    "add": "commutative",
    "sub": "antisymmetric",
    "mul": "commutative",
    "div": "antisymmetric",
    "sq": "commutative",
    "poly": "commutative",
    "max": "commutative",
    "min": "commutative",
    "left": "none",
    "lin(2, 2)": "commutative",
    "lin(2, 29)": "antisymmetric",
    "lin(2, 3)": "none",
}


def test_symmetries():
    tasks = modular_tasks(list(SYMMETRIES), 31)
    assert dict(zip(tasks.operations, tasks.symmetry, strict=True)) == SYMMETRIES
    for name, symmetry in SYMMETRIES.items():
        rows = tasks.rows(name)
        mirror = tasks.mirror[rows]
        here, there = tasks.answers[rows][mirror >= 0], tasks.answers[mirror[mirror >= 0]]
        assert (here == there).all() == (symmetry == "commutative")
        if name in ("sub", "lin(2, 29)"):
            assert ((here + there) % 31 == 0).all()
        if name == "div":
            assert (here * there % 31 == 1).all()


@pytest.mark.parametrize(
    ("name", "prime", "expected"),
    [
        *((name, 31, 1 / 31) for name in ("add", "sub", "div", "left", "lin(2, 3)")),
        *((name, 31, 61 / 961) for name in ("mul", "max", "min")),
        ("sq", 31, 32 / 961),  # -1 is no square modulo 31: (p + 1)/p² off zero
        ("sq", 29, 57 / 841),  # and one modulo 29: (2p - 1)/p² at zero
    ],
)
def test_chance_levels(name, prime, expected):
    tasks = modular_tasks([name], prime)
    assert tasks.chance_level == (pytest.approx(expected, rel=1e-12),)


def test_table_sizes():
    tasks = modular_tasks(["add", "div", "max"], 31)
    assert tasks.table_size == (961, 930, 961)
    assert tasks.tokens.shape == (2852, 4)


def test_composite_moduli_where_no_prime_is_needed():
    tasks = modular_tasks(["add", "max", "sq"], 10)
    np.testing.assert_array_equal(
        tasks.answers[:100].reshape(10, 10), np.add.outer(range(10), range(10)) % 10
    )


def test_primes():
    assert [number for number in range(-3, 32) if is_prime(number)] == [
        2,
        3,
        5,
        7,
        11,
        13,
        17,
        19,
        23,
        29,
        31,
    ]


def test_formulas():
    assert formula("poly", 7, "x", "y") == "x² + x y + y² mod 7"
    assert formula("max", 7) == "the larger of a and b"
    assert operation_name("lin( 2,3 )", 7) == "lin(2, 3)"


@pytest.mark.parametrize(
    ("operations", "prime", "words"),
    [
        (["ad"], 7, r"operations: 'ad' given; allowed: add, .* \(did you mean `add`\?\)"),
        (["mut"], 7, r"did you mean `mul`\?"),
        ([3], 7, "operations: 3 given"),
        (["lin(1, x)"], 7, r"operations: 'lin\(1, x\)' given"),
        (["lin(α, β)"], 7, "whole numbers for α and β"),
        (["lin(7, 1)"], 7, "coefficients 0 to 6"),
        (["lin(0, 0)"], 7, "not both 0"),
        (["add", "add"], 7, "operations: .* one or more different names"),
        (["lin(1, 2)", "lin(1,2)"], 7, "operations: .* one or more different names"),
        ("add", 7, "operations: 'add' given; allowed: a sequence"),
        ([], 7, "operations: "),
        (["mul"], 9, "prime: 9 given; allowed: prime numbers, as mul is among the operations"),
        (["add", "div"], 10, "prime: 10 given; allowed: prime numbers, as div"),
        (["add"], 1, "prime: 1 given; allowed: a whole number at least 2"),
        (["add"], 7.0, "prime: 7.0 given"),
    ],
)
def test_bad_input_is_named(operations, prime, words):
    with pytest.raises(ValueError, match=words):
        modular_tasks(operations, prime)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: evaluate("div", 1, 0, 7), "second: 0 given"),
        (lambda: evaluate("add", 7, 0, 7), "first: other numbers given; allowed: whole numbers 0 to 6"),
        (lambda: evaluate("add", 1, -1, 7), "second: other numbers"),
        (lambda: evaluate("add", 1.5, 1, 7), "first: other numbers"),
    ],
)
def test_bad_operands_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
