"""Compositions (a op1 b) op2 c of modular operations, in prefix notation [op2, op1, a, b, c, =].

Whole pairs (op1, op2) can be held out: a network that has met each operation in both places, but not this pair, must
compose what it knows. The operations alone can stand in the same set, to be learned before.
"""

from collections.abc import Sequence

import numpy as np

from companion.compute.seeds import generator
from companion.datasets.modular_operations import evaluate, formula, modular_table, operation_name
from companion.datasets.operations import (
    Integers,
    OperationTable,
    TaskSet,
    Words,
    distinct,
    modular_symmetry,
    task_set,
    whole,
    words_of,
)

Pair = tuple[str, str]


def composed_tasks(
    pairs: Sequence[Pair],
    prime: int,
    *,
    primitives: Sequence[str] = (),
    triples: int | None = None,
    seed: int = 0,
) -> TaskSet:
    """Tasks (a op1 b) op2 c for each of ``pairs`` (op1, op2), preceded by the ``primitives`` alone.

    The operations of the set are called as ``composed_name`` says. Rows run over a, then b, then c, and leave out
    divisions by 0; ``triples`` keeps that many rows of each pair, drawn under ``seed`` (``mirror`` is then mostly -1).
    A primitive is written [pad, op, a, b, pad, =], in the place of the inner operation, and its third operand is -1.
    An operation has one token, wherever it stands.

    Raises ValueError for a pair named twice or that is no pair, more ``triples`` than a table has, and as
    ``modular_tasks`` does.

    >>> tasks = composed_tasks([("add", "mul")], 5)
    >>> tasks.operations, tasks.tokens[38].tolist(), int(tasks.answers[38])  # (1 + 2) 3 = 4
    (('mul(add)',), [6, 5, 1, 2, 3, 7], 4)
    """
    couples = [_checked_pair(pair, prime) for pair in pairs]
    alone = [operation_name(name, prime) for name in primitives]
    names = distinct([*alone, *(composed_name(*pair) for pair in couples)], "pairs")
    symbols = tuple(dict.fromkeys([*alone, *(name for pair in couples for name in pair)]))
    words = words_of([str(number) for number in range(prime)], symbols)
    tables, sequences = [], []
    for name in alone:
        table = modular_table(name, prime)
        tables.append(table)
        sequences.append(_sequences(words, [name], table.operands))
    for inner, outer in couples:
        table = composed_table(inner, outer, prime)
        if triples is not None:
            table = _drawn(table, whole(triples, "triples", 1), seed)
        tables.append(table)
        sequences.append(_sequences(words, [outer, inner], table.operands))
    numbers = np.tile(np.arange(prime), (len(names), 1))
    return task_set(tables, sequences, words, numbers, numbers)


def composed_table(inner: str, outer: str, prime: int) -> OperationTable:
    """All rows (a, b, c) of (a inner b) outer c that divide by no 0; see ``composed_tasks``."""
    inner, outer = _checked_pair((inner, outer), prime)
    numbers = np.arange(prime)
    axes = [numbers, numbers[1:] if inner == "div" else numbers, numbers[1:] if outer == "div" else numbers]
    operands = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    first, second, third = operands.T
    results = evaluate(outer, evaluate(inner, first, second, prime), third, prime)
    text = formula(outer, prime, f"({formula(inner, prime)})", "c")
    return OperationTable(
        composed_name(inner, outer), text, operands, results, modular_symmetry(operands, results, prime)
    )


def composed_name(inner: str, outer: str) -> str:
    """Name of the task (a inner b) outer c.

    >>> composed_name("add", "mul")
    'mul(add)'
    """
    return f"{outer}({inner})"


def held_out_pairs(
    primitives: Sequence[str], held_out: int, *, seed: int, replicate: int = 0
) -> tuple[list[Pair], list[Pair]]:
    """All pairs (op1, op2) of ``primitives``, split at random into those to train on and ``held_out`` others.

    Every primitive stays in both places among those to train on. Raises ValueError for primitives that are not
    different, and more than (n - 1)² pairs held out of n², which could leave one without a place.

    >>> [len(side) for side in held_out_pairs(["add", "sub", "mul"], 4, seed=0)]
    [5, 4]
    """
    names = distinct(primitives, "primitives")
    held_out = whole(held_out, "held_out", 0, (len(names) - 1) ** 2)
    pairs = [(inner, outer) for inner in names for outer in names]
    left = [{name: len(names) for name in names} for _ in range(2)]
    away = set()
    for place in generator(seed, "held-out pairs", replicate).permutation(len(pairs)):
        pair = pairs[place]
        if len(away) < held_out and all(count[name] > 1 for count, name in zip(left, pair, strict=True)):
            away.add(pair)
            for count, name in zip(left, pair, strict=True):
                count[name] -= 1
    return [pair for pair in pairs if pair not in away], [pair for pair in pairs if pair in away]


def _sequences(words: Words, symbols: Sequence[str], operands: Integers) -> Integers:
    """[outer, inner, a, b, c, =], with the pad in place of an outer operation and of c where there are none."""
    sequences = np.full((len(operands), 6), words.pad_token, dtype=np.int64)
    sequences[:, 2 - len(symbols) : 2] = [words.operation_tokens[name] for name in symbols]
    sequences[:, 2 : 2 + operands.shape[1]] = operands
    sequences[:, 5] = words.equals_token
    return sequences


def _drawn(table: OperationTable, triples: int, seed: int) -> OperationTable:
    size = len(table.results)
    if triples > size:
        raise ValueError(f"triples: {triples} given; allowed: 1 to {size}, the rows of {table.name}")
    kept = np.sort(generator(seed, "operations", "triples", table.name).permutation(size)[:triples])
    return OperationTable(
        table.name, table.formula, table.operands[kept], table.results[kept], table.symmetry
    )


def _checked_pair(pair: Pair, prime: int) -> Pair:
    if isinstance(pair, str) or len(pair) != 2:
        raise ValueError(f"pairs: {pair!r} given; allowed: pairs (op1, op2) for (a op1 b) op2 c")
    inner, outer = (operation_name(name, prime) for name in pair)
    return inner, outer
