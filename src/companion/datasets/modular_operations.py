"""Tables of operations on the numbers 0 to p - 1: arithmetic modulo p, and maximum, minimum, left, which know order.

add, sub and lin share the additive characters of Z_p, mul and div the multiplicative ones; maximum and minimum fit
neither. So how compatible two tasks are is chosen, not found afterwards (tables as in arXiv:2201.02177).
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from companion.datasets.operations import (
    Integers,
    NumberTokens,
    OperationTable,
    TaskSet,
    distinct,
    infix_tasks,
    modular_symmetry,
    named,
    number_vocabulary,
    whole,
    words_of,
)

_OPERATIONS: dict[str, tuple[str, Callable[[Integers, Integers, int], Integers]]] = {
    "add": ("{a} + {b} mod {p}", lambda a, b, p: (a + b) % p),
    "sub": ("{a} - {b} mod {p}", lambda a, b, p: (a - b) % p),
    "mul": ("{a} {b} mod {p}", lambda a, b, p: a * b % p),
    "div": ("{a} / {b} mod {p}", lambda a, b, p: a * _inverses(p)[b] % p),
    "sq": ("{a}² + {b}² mod {p}", lambda a, b, p: (a * a + b * b) % p),
    "poly": ("{a}² + {a} {b} + {b}² mod {p}", lambda a, b, p: (a * a + a * b + b * b) % p),
    "max": ("the larger of {a} and {b}", lambda a, b, p: np.maximum(a, b)),
    "min": ("the smaller of {a} and {b}", lambda a, b, p: np.minimum(a, b)),
    "left": ("{a}", lambda a, b, p: a.copy()),
}
_LINEAR = re.compile(r"lin\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_NEED_A_PRIME = ("mul", "div")

#: Names of the operations; beside them lin(α, β) is α a + β b mod p, with numbers for α and β, as in ``"lin(2, 3)"``.
MODULAR_OPERATIONS = tuple(_OPERATIONS)


def modular_tasks(
    operations: Sequence[str],
    prime: int,
    *,
    vocabulary: NumberTokens | Sequence[NumberTokens] = "shared",
    seed: int = 0,
) -> TaskSet:
    """Full tables of ``operations`` on the numbers 0 to ``prime`` - 1, as sequences [a, operation, b, =].

    Rows run over a, then b, so that a table of p² rows is ``answers.reshape(p, p)``; that of div leaves out b = 0.
    There are p classes. ``vocabulary``, for all operations or one for each, is explained at the head of
    ``datasets.operations``; ``seed`` draws the shuffles.

    Raises ValueError for an unknown operation, one named twice, coefficients of lin that are not 0 to p - 1 or are
    both 0, a modulus below 2, or one that is not prime where mul or div need it, and another vocabulary.

    >>> tasks = modular_tasks(["add", "div"], 5)
    >>> tasks.tokens[7].tolist(), int(tasks.answers[7]), tasks.table_size
    ([1, 5, 2, 7], 3, (25, 20))
    """
    names = distinct(operations, "operations")
    tables = [modular_table(name, prime) for name in names]
    names = distinct([table.name for table in tables], "operations")
    tokens, classes, number_names = number_vocabulary(names, prime, vocabulary, seed)
    return infix_tasks(tables, words_of(number_names, names), tokens, classes)


def modular_table(operation: str, prime: int) -> OperationTable:
    """All rows of ``operation`` modulo ``prime``; see ``modular_tasks``, also for what is raised.

    >>> modular_table("lin(1,2)", 3).results.reshape(3, 3).tolist()
    [[0, 2, 1], [1, 0, 2], [2, 1, 0]]
    """
    name = operation_name(operation, prime)
    numbers = np.arange(prime)
    second = numbers[1:] if name == "div" else numbers
    operands = np.stack(np.meshgrid(numbers, second, indexing="ij"), axis=-1).reshape(-1, 2)
    results = evaluate(name, operands[:, 0], operands[:, 1], prime)
    return OperationTable(
        name, formula(name, prime), operands, results, modular_symmetry(operands, results, prime)
    )


def evaluate(operation: str, first: ArrayLike, second: ArrayLike, prime: int) -> Integers:
    """Result of ``operation`` on numbers ``first`` and ``second`` (...), element by element.

    Raises ValueError for numbers that are not 0 to ``prime`` - 1, for a division by 0, and as ``modular_tasks`` does.
    """
    name = operation_name(operation, prime)
    a, b = (np.asarray(values) for values in (first, second))
    for parameter, values in (("first", a), ("second", b)):
        if not np.issubdtype(values.dtype, np.integer) or ((values < 0) | (values >= prime)).any():
            raise ValueError(f"{parameter}: other numbers given; allowed: whole numbers 0 to {prime - 1}")
    if name == "div" and (b == 0).any():
        raise ValueError("second: 0 given; allowed: numbers other than 0, as div divides by them")
    a, b = np.broadcast_arrays(a.astype(np.int64), b.astype(np.int64))
    if name in _OPERATIONS:
        return _OPERATIONS[name][1](a, b, prime)
    alpha, beta = _coefficients(name)
    return (alpha * a + beta * b) % prime


def operation_name(operation: str, prime: int) -> str:
    """``operation`` in its one spelling; raises ValueError where it is unknown or ``prime`` does not suit it.

    >>> operation_name("lin(2,3)", 5)
    'lin(2, 3)'
    """
    whole(prime, "prime", 2)
    if isinstance(operation, str) and _LINEAR.fullmatch(operation):
        alpha, beta = _coefficients(operation)
        if max(alpha, beta) >= prime or alpha == beta == 0:
            raise ValueError(
                f"operations: {operation!r} given; allowed: coefficients 0 to {prime - 1} that are not both 0"
            )
        return f"lin({alpha}, {beta})"
    if operation not in _OPERATIONS:
        named(operation, [*_OPERATIONS, "lin(α, β)"], "operations")
        raise ValueError(
            f"operations: {operation!r} given; allowed: whole numbers for α and β, as in 'lin(2, 3)'"
        )
    if operation in _NEED_A_PRIME and not is_prime(prime):
        raise ValueError(
            f"prime: {prime} given; allowed: prime numbers, as {operation} is among the operations"
        )
    return operation


def formula(operation: str, prime: int, first: str = "a", second: str = "b") -> str:
    """What ``operation`` computes, in words, of operands called ``first`` and ``second``.

    >>> formula("lin(2, 3)", 5)
    '2 a + 3 b mod 5'
    """
    name = operation_name(operation, prime)
    if name in _OPERATIONS:
        return _OPERATIONS[name][0].format(a=first, b=second, p=prime)
    alpha, beta = _coefficients(name)
    return f"{alpha} {first} + {beta} {second} mod {prime}"


def is_prime(number: int) -> bool:
    """Whether ``number`` is prime.

    >>> [number for number in range(20) if is_prime(number)]
    [2, 3, 5, 7, 11, 13, 17, 19]
    """
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def _coefficients(name: str) -> tuple[int, int]:
    found = _LINEAR.fullmatch(name)
    assert found is not None, name
    return int(found[1]), int(found[2])


def _inverses(prime: int) -> Integers:
    """Inverse of each number modulo ``prime``; 0, which has none, stands for itself."""
    return np.array([0, *(pow(number, -1, prime) for number in range(1, prime))], dtype=np.int64)
