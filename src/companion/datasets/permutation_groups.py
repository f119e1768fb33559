"""The symmetric group S_n as tasks on opaque tokens: products, and easy questions about the first factor.

(g∘h)(i) = g(h(i)). Elements are numbered in the lexicographic order of (g(0), …, g(n - 1)); a random permutation
gives them their tokens, so that nothing can be read off a token's number. All answers are elements: that of sgn and of
coset(k) is the first element of the coset that g lies in, so one output head serves all operations.
"""

import math
import re
from collections.abc import Sequence
from itertools import permutations

import numpy as np

from companion.compute.seeds import generator
from companion.datasets.operations import (
    Integers,
    OperationTable,
    TaskSet,
    distinct,
    infix_tasks,
    named,
    task_set,
    whole,
    words_of,
)

LARGEST_DEGREE = 6

#: Beside them ``coset(k)``, 2 <= k < n: left cosets of the permutations that move the first k points only.
GROUP_OPERATIONS = ("product", "sgn")
_COSET = re.compile(r"coset\(\s*(\d+)\s*\)")


def permutation_tasks(
    operations: Sequence[str], degree: int, *, operation_token: bool = True, seed: int
) -> TaskSet:
    """Tables of all (n!)² pairs (g, h) of elements of S_n for each of ``operations``, n = ``degree``.

    product is g∘h; sgn is the sign of g: 0, the identity, for even g, and 1, the exchange of the last two points, for
    odd ones; coset(k) is the coset of g by the permutations of the first k points, which tells g(k), …, g(n - 1).
    Of the last two h is a bystander, as b is of left: tokens are opaque, so the sign of a token never seen is nobody's
    guess. Sequences are [g, operation, h, =]; without ``operation_token``, for one operation, [g, h, =]. Operands are
    numbers of elements; tokens and classes are these, permuted under ``seed`` (``number_tokens``).

    Raises ValueError for an unknown operation, one named twice, k outside 2 to n - 1, a degree outside 2 to 6, and
    several operations without a token to tell them apart.

    >>> tasks = permutation_tasks(["product", "sgn"], 3, seed=0)
    >>> tasks.table_size, tasks.classes, tasks.vocabulary, tasks.symmetry
    ((36, 36), 6, 10, ('none', 'none'))
    """
    degree = whole(degree, "degree", 2, LARGEST_DEGREE)
    names = distinct(operations, "operations")
    tables = [group_table(name, degree) for name in names]
    names = distinct([table.name for table in tables], "operations")
    if not operation_token and len(names) > 1:
        raise ValueError(
            f"operation_token: {operation_token!r} given; allowed: True, as {len(names)} operations share sequences"
        )
    size = math.factorial(degree)
    elements = ["".join(map(str, element)) for element in group_elements(degree).tolist()]
    shuffle = generator(seed, "operations", "permutation tokens", degree).permutation(size)
    words = words_of([elements[number] for number in np.argsort(shuffle)], names if operation_token else ())
    numbers = np.tile(shuffle, (len(names), 1))
    if operation_token:
        return infix_tasks(tables, words, numbers, numbers)
    pairs = shuffle[tables[0].operands]
    sequences = np.column_stack([pairs, np.full(len(pairs), words.equals_token)])
    return task_set(tables, [sequences], words, numbers, numbers)


def group_table(operation: str, degree: int) -> OperationTable:
    """All rows (g, h) of ``operation`` in numbers of elements; see ``permutation_tasks``, also for what is raised."""
    elements = group_elements(degree)
    size = len(elements)
    operands = np.stack(np.divmod(np.arange(size**2), size), axis=-1)
    coset = _COSET.fullmatch(operation) if isinstance(operation, str) else None
    if operation == "product":
        results = products(degree).ravel()
        text = f"g∘h in S_{degree}"
    elif operation == "sgn":
        results = signs(degree)[operands[:, 0]]
        text = f"sign of g in S_{degree}"
    elif coset is not None:
        moved = int(coset[1])
        if not 2 <= moved < degree:
            raise ValueError(
                f"operations: {operation!r} given; allowed: coset(k) with k from 2 to {degree - 1}"
            )
        operation = f"coset({moved})"
        results = _first_with_same(elements[:, moved:])[operands[:, 0]]
        text = f"coset of g in S_{degree} by S_{moved}"
    else:
        named(operation, [*GROUP_OPERATIONS, "coset(k)"], "operations")
        raise ValueError(f"operations: {operation!r} given; allowed: a whole number for k, as in 'coset(2)'")
    table = results.reshape(size, size)
    return OperationTable(
        operation, text, operands, results, "commutative" if (table == table.T).all() else "none"
    )


def group_elements(degree: int) -> Integers:
    """Elements of S_n as (n!, n), in lexicographic order: row g holds g(0), …, g(n - 1)."""
    return np.array(list(permutations(range(whole(degree, "degree", 2, LARGEST_DEGREE)))), dtype=np.int64)


def products(degree: int) -> Integers:
    """Number of g∘h for the numbers of g and h, (n!, n!).

    >>> products(3)[1].tolist()  # 021 after each element
    [1, 0, 4, 5, 2, 3]
    """
    elements = group_elements(degree)
    weights = degree ** np.arange(degree - 1, -1, -1)
    codes = elements @ weights
    composed = elements[:, elements] @ weights
    return np.searchsorted(codes, composed)


def signs(degree: int) -> Integers:
    """0 for even and 1 for odd elements of S_n, (n!,)."""
    elements = group_elements(degree)
    first, second = np.triu_indices(degree, 1)
    return (elements[:, first] > elements[:, second]).sum(axis=1) % 2


def _first_with_same(rows: Integers) -> Integers:
    """Number of the first of ``rows`` (n, k) that equals each of them, (n,)."""
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first[inverse.ravel()]
