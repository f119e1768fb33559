"""Operations as tables of rows, and several of them put into one set of tasks for a network that reads tokens.

A table lists the operands and the result of one operation, in numbers 0, 1, … A task set writes tables one below the
other as sequences of tokens that end in "=", where the answer is read. Tokens are numbers, then one for each
operation, then "=" and the pad. Whether two operations can share what they learn is a choice of tokens:

- shared: a number has one token, in whichever operation it stands;
- private: the operation has number tokens of its own, so that no embedding is shared; the answers' classes still are;
- shuffled: one fixed random permutation of the numbers on the operation's operands and its result, which leaves it
  exactly as hard alone and takes away the structure in common with the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from companion.compute.seeds import generator
from companion.settings.problems import did_you_mean, listed

Integers = NDArray[np.int64]

Symmetry = Literal["commutative", "antisymmetric", "none"]
NumberTokens = Literal["shared", "private", "shuffled"]


@dataclass(frozen=True, eq=False)
class OperationTable:
    """One operation: ``operands`` (rows, k) and ``results`` (rows,) as numbers, and its ``formula`` in words.

    ``symmetry`` says what becomes of the result when the first two operands change places.
    """

    name: str
    formula: str
    operands: Integers
    results: Integers
    symmetry: Symmetry


@dataclass(frozen=True)
class Words:
    """Names of all tokens, in order, and where the operations, "=" and the pad stand among them."""

    names: tuple[str, ...]
    operation_tokens: Mapping[str, int]
    equals_token: int
    pad_token: int


@dataclass(frozen=True, eq=False)
class TaskSet:
    """Tables of several operations one below the other, as tokens in and classes out.

    By row, all int64: ``tokens`` (rows, T), ``answers`` (rows,) the true classes, ``operation`` (rows,) the index into
    ``operations``, ``operands`` (rows, k) in the operation's own numbers, before any shuffling (-1 where an operation
    has fewer), and ``mirror`` (rows,) the row of the same operation with the first two operands exchanged, -1 where
    there is none (of equal operands it is the row itself).

    ``vocabulary`` and ``classes`` are the numbers of tokens (named in ``token_names``) and of classes.
    ``number_tokens`` and ``number_classes`` (operations, numbers) hold the token and the class of each number in each
    operation: ``embedding[number_tokens[i]]`` is in the order of the numbers, shuffled or not.

    By operation: ``table_size`` in rows; ``chance_level``, the accuracy of always giving the commonest answer;
    ``symmetry`` under exchange of the first two operands: commutative; antisymmetric, where the exchange inverts the
    result (-c of a difference, 1/c of a quotient); or none.
    """

    operations: tuple[str, ...]
    tokens: Integers
    answers: Integers
    operation: Integers
    operands: Integers
    mirror: Integers
    vocabulary: int
    classes: int
    pad_token: int
    token_names: tuple[str, ...]
    number_tokens: Integers
    number_classes: Integers
    table_size: tuple[int, ...]
    chance_level: tuple[float, ...]
    symmetry: tuple[Symmetry, ...]
    formulas: tuple[str, ...]

    @property
    def positions(self) -> int:
        """Length T of every sequence; the last token is "="."""
        return self.tokens.shape[1]

    def index(self, operation: str) -> int:
        """Place of ``operation`` among the operations; raises ValueError for one that is not there."""
        return named(operation, self.operations, "operation")

    def rows(self, operation: str) -> slice:
        """Rows of ``operation``, which lie together; raises ValueError for one that is not there."""
        number = self.index(operation)
        start = sum(self.table_size[:number])
        return slice(start, start + self.table_size[number])

    def description(self, operation: str | None = None) -> str:
        """What ``operation`` computes, how large its table is and what chance gives; of all, a line each, by default.

        Raises ValueError for an operation that is not there.
        """
        if operation is None:
            return "\n".join(self.description(name) for name in self.operations)
        number = self.index(operation)
        symmetry = "" if self.symmetry[number] == "none" else f", {self.symmetry[number]}"
        return (
            f"{operation}: {self.formulas[number]}{symmetry}; {self.table_size[number]} rows,"
            f" chance level {self.chance_level[number]:.3g}"
        )


def task_set(
    tables: Sequence[OperationTable],
    sequences: Sequence[Integers],
    words: Words,
    number_tokens: Integers,
    number_classes: Integers,
) -> TaskSet:
    """``tables`` one below the other, with the tokens of each in ``sequences``, one (rows, T) for each table."""
    sizes = [len(table.results) for table in tables]
    widest = max(table.operands.shape[1] for table in tables)
    operands = np.full((sum(sizes), widest), -1, dtype=np.int64)
    mirrors, starts = [], np.cumsum([0, *sizes])
    for table, start in zip(tables, starts[:-1], strict=True):
        operands[start : start + len(table.results), : table.operands.shape[1]] = table.operands
        mirror = mirror_rows(table.operands)
        mirrors.append(np.where(mirror >= 0, mirror + start, -1))
    operation = np.repeat(np.arange(len(tables)), sizes)
    return TaskSet(
        operations=tuple(table.name for table in tables),
        tokens=np.concatenate(sequences),
        answers=number_classes[operation, np.concatenate([table.results for table in tables])],
        operation=operation,
        operands=operands,
        mirror=np.concatenate(mirrors),
        vocabulary=len(words.names),
        classes=number_classes.shape[1],
        pad_token=words.pad_token,
        token_names=words.names,
        number_tokens=number_tokens,
        number_classes=number_classes,
        table_size=tuple(sizes),
        chance_level=tuple(chance_level(table.results) for table in tables),
        symmetry=tuple(table.symmetry for table in tables),
        formulas=tuple(table.formula for table in tables),
    )


def infix_tasks(
    tables: Sequence[OperationTable], words: Words, number_tokens: Integers, number_classes: Integers
) -> TaskSet:
    """Tables of two operands as sequences [a, operation, b, =]."""
    sequences = []
    for table, tokens in zip(tables, number_tokens, strict=True):
        first, second = tokens[table.operands.T]
        symbol = np.full_like(first, words.operation_tokens[table.name])
        sequences.append(np.stack([first, symbol, second, np.full_like(first, words.equals_token)], axis=1))
    return task_set(tables, sequences, words, number_tokens, number_classes)


def words_of(number_names: Sequence[str], operations: Sequence[str]) -> Words:
    """Tokens in their order: the numbers, one for each operation, "=", the pad.

    >>> words_of(["0", "1"], ["add"]).names
    ('0', '1', 'add', '=', 'pad')
    """
    count = len(number_names)
    places = {name: count + index for index, name in enumerate(operations)}
    names = (*number_names, *operations, "=", "pad")
    return Words(names, places, len(names) - 2, len(names) - 1)


def number_vocabulary(
    operations: Sequence[str],
    numbers: int,
    vocabulary: NumberTokens | Sequence[NumberTokens],
    seed: int,
) -> tuple[Integers, Integers, list[str]]:
    """Tokens and classes of each number in each operation, both (operations, numbers), and the tokens' names.

    The shared numbers come first, where any operation uses them, then the private ones of each operation. The shuffle
    belongs to the operation's name under ``seed``, whatever stands beside it. Raises ValueError for another
    vocabulary, or not one for each operation.
    """
    given = [vocabulary] * len(operations) if isinstance(vocabulary, str) else list(vocabulary)
    kinds = [get_args(NumberTokens)[named(kind, get_args(NumberTokens), "vocabulary")] for kind in given]
    if len(kinds) != len(operations):
        raise ValueError(
            f"vocabulary: {len(kinds)} given; allowed: one for all, or one for each of the {len(operations)} operations"
        )
    names = [] if all(kind == "private" for kind in kinds) else [str(number) for number in range(numbers)]
    tokens = np.tile(np.arange(numbers), (len(operations), 1))
    classes = tokens.copy()
    for row, (name, kind) in enumerate(zip(operations, kinds, strict=True)):
        if kind == "private":
            tokens[row] += len(names)
            names += [f"{number} of {name}" for number in range(numbers)]
        elif kind == "shuffled":
            tokens[row] = generator(seed, "operations", "shuffled numbers", name).permutation(numbers)
            classes[row] = tokens[row]
    return tokens, classes, names


def mirror_rows(operands: Integers) -> Integers:
    """For each row the row that has the first two operands exchanged, or -1: (rows,) for distinct rows (rows, k).

    >>> mirror_rows(np.array([[0, 1], [1, 0], [2, 2], [0, 2]])).tolist()
    [1, 0, 2, -1]
    """
    weights = (int(operands.max()) + 1) ** np.arange(operands.shape[1])
    codes = operands @ weights
    order = np.argsort(codes)
    wanted = operands @ weights[[1, 0, *range(2, len(weights))]]
    places = np.minimum(np.searchsorted(codes[order], wanted), len(order) - 1)
    found = order[places]
    return np.where(codes[found] == wanted, found, -1)


def modular_symmetry(operands: Integers, results: Integers, modulus: int) -> Symmetry:
    """What exchanging the first two operands does to ``results`` modulo ``modulus``, judged on all rows at once."""
    mirror = mirror_rows(operands)
    here, there = results[mirror >= 0], results[mirror[mirror >= 0]]
    if (here == there).all():
        return "commutative"
    if ((here + there) % modulus == 0).all() or ((here * there) % modulus == 1).all():
        return "antisymmetric"
    return "none"


def chance_level(results: Integers) -> float:
    """Accuracy of always giving the commonest of ``results``.

    >>> chance_level(np.array([3, 0, 3, 1]))
    0.5
    """
    return float(np.bincount(results).max() / len(results))


def named(name: Any, names: Sequence[str], parameter: str) -> int:
    """Place of ``name`` among ``names``; raises ValueError that offers the nearest one for a name not there."""
    if name in names:
        return names.index(name)
    hint = did_you_mean(name, names) if isinstance(name, str) else None
    raise ValueError(
        f"{parameter}: {name!r} given; allowed: {listed(list(names))}" + (f" ({hint})" if hint else "")
    )


def distinct(names: Sequence[str], parameter: str) -> tuple[str, ...]:
    """``names`` as a tuple; raises ValueError where there are none, one stands twice, or they are one string."""
    found = (names,) if isinstance(names, str) else tuple(names)
    if isinstance(names, str) or not found or len(set(found)) < len(found):
        raise ValueError(f"{parameter}: {names!r} given; allowed: a sequence of one or more different names")
    return found


def whole(value: Any, parameter: str, least: int, most: int | None = None) -> int:
    """``value`` as an integer; raises ValueError for anything but a whole number from ``least`` to ``most``."""
    right = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not right or value < least or (most is not None and value > most):
        bound = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{parameter}: {value!r} given; allowed: a whole number {bound}")
    return int(value)
