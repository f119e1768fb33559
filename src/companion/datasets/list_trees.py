"""Random nested lists as trees: drawn, evaluated and written for a whole batch at once, level by level.

Every tree stands on a full one of the largest arity A, whose level l has A^l nodes, (rows, A^l); some of them exist. A
node is a list of its first ``arities`` children or a number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.datasets.operations import Integers

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ListTrees:
    """Trees by level, each entry (rows, A^l): ``numbers`` on levels 0 to L, the others on levels 0 to L - 1.

    ``is_list`` (nodes that exist and are lists), their ``arities``, and their ``operations`` as indices.
    """

    is_list: tuple[Bools, ...]
    arities: tuple[Integers, ...]
    operations: tuple[Integers, ...]
    numbers: tuple[Integers, ...]

    def present(self, level: int) -> Bools:
        """Which of the A children each node of ``level`` has, if it is a list: (rows, A^l, A)."""
        most = self.numbers[1].shape[1]
        return np.arange(most) < self.arities[level][:, :, None]


def draw_trees(
    generator: np.random.Generator,
    depths: Integers,
    operations: ArrayLike,
    numbers: int,
    arities: tuple[int, int],
    nesting: float,
) -> ListTrees:
    """A tree of exactly each of ``depths`` (rows,), all at least 1, with one of ``operations`` in each list.

    From each list that must go deeper one child, chosen at random, is a list; any other is one with probability
    ``nesting`` while the depth allows. Arities, operations and numbers are uniform.
    """
    kinds = np.asarray(operations)
    every, most, levels = np.arange(len(depths)), arities[1], int(depths.max())
    spine = np.zeros(len(depths), dtype=np.int64)  # of each level the node that goes deeper for certain
    lists = np.ones((len(depths), 1), dtype=bool)
    all_lists, all_arities, all_operations = [], [], []
    for level in range(levels):
        arity = generator.integers(arities[0], most + 1, size=lists.shape)
        all_lists.append(lists)
        all_arities.append(arity)
        all_operations.append(kinds[generator.integers(len(kinds), size=lists.shape)])
        spine = spine * most + generator.integers(arity[every, spine])
        nested = generator.random((len(depths), most ** (level + 1))) < nesting
        nested[every, spine] = True
        exists = (lists[:, :, None] & (np.arange(most) < arity[:, :, None])).reshape(nested.shape)
        lists = exists & nested & (level + 1 < depths)[:, None]
    leaves = [generator.integers(numbers, size=(len(depths), most**level)) for level in range(levels + 1)]
    return ListTrees(tuple(all_lists), tuple(all_arities), tuple(all_operations), tuple(leaves))


def evaluate_trees(trees: ListTrees, names: Sequence[str], modulus: int, ranks: Sequence[int]) -> Integers:
    """Value of each tree, (rows,): ``names`` says what each operation's index is, ``ranks`` orders the numbers.

    MAX, MIN and MED go by the ranks; MED of an even number of items is the number at the mean of the middle two
    ranks, rounded down. ADD and PROD are modulo ``modulus``.
    """
    values = trees.numbers[-1]
    for level in range(len(trees.is_list) - 1, -1, -1):
        present = trees.present(level)
        value = _list_values(
            trees.operations[level], values.reshape(present.shape), present, names, modulus, ranks
        )
        values = np.where(trees.is_list[level], value, trees.numbers[level])
    return values[:, 0]


def write_trees(
    trees: ListTrees, positions: int, opening: int, closing: int, pad: int, first_operation: int
) -> Integers:
    """Symbols of each tree, right-aligned in (rows, ``positions``): ``opening`` operation children ``closing``.

    Numbers are their own tokens, operations follow ``first_operation``; in front stands ``pad``. An expression longer
    than ``positions`` is not allowed for.
    """
    lengths = [np.ones_like(trees.numbers[-1])]
    for level in range(len(trees.is_list) - 1, -1, -1):
        present = trees.present(level)
        length = 3 + np.where(present, lengths[0].reshape(present.shape), 0).sum(axis=2)
        lengths.insert(0, np.where(trees.is_list[level], length, 1))
    tokens = np.full((len(lengths[0]), positions), pad, dtype=np.int64)
    starts = positions - lengths[0]
    exists = np.ones_like(starts, dtype=bool)
    for level, numbers in enumerate(trees.numbers):
        last = level == len(trees.is_list)
        row, node = np.nonzero(exists if last else exists & ~trees.is_list[level])
        tokens[row, starts[row, node]] = numbers[row, node]
        if last:
            break
        row, node = np.nonzero(trees.is_list[level])
        start = starts[row, node]
        tokens[row, start] = opening
        tokens[row, start + 1] = first_operation + trees.operations[level][row, node]
        tokens[row, start + lengths[level][row, node] - 1] = closing
        present = trees.present(level) & trees.is_list[level][:, :, None]
        taken = np.where(present, lengths[level + 1].reshape(present.shape), 0)
        starts = (starts[:, :, None] + 2 + np.cumsum(taken, axis=2) - taken).reshape(len(tokens), -1)
        exists = present.reshape(starts.shape)
    return tokens


def _list_values(
    operations: Integers,
    items: Integers,
    present: Bools,
    names: Sequence[str],
    modulus: int,
    ranks: Sequence[int],
) -> Integers:
    """Value of each list (rows, nodes) of those ``items`` (rows, nodes, A) that are ``present``."""
    rank = np.asarray(ranks)
    by_rank = np.argsort(rank)
    values = np.zeros_like(operations)
    for place, name in enumerate(names):
        chosen = operations == place
        mine, there = items[chosen], present[chosen]
        if name in ORDINAL:
            values[chosen] = by_rank[ORDINAL[name](rank[mine], there)]
        else:
            values[chosen] = MODULAR[name](mine, there, modulus)
    return values


def _largest(items: Integers, present: Bools) -> Integers:
    return np.where(present, items, -1).max(axis=-1)


def _smallest(items: Integers, present: Bools) -> Integers:
    return np.where(present, items, np.iinfo(np.int64).max).min(axis=-1)


def _median(items: Integers, present: Bools) -> Integers:
    ordered = np.sort(np.where(present, items, np.iinfo(np.int64).max), axis=-1)
    count = present.sum(axis=-1, keepdims=True)
    middle = np.concatenate([(count - 1) // 2, count // 2], axis=-1)
    return np.take_along_axis(ordered, middle, axis=-1).sum(axis=-1) // 2


def _sum(items: Integers, present: Bools, modulus: int) -> Integers:
    return np.where(present, items, 0).sum(axis=-1) % modulus


def _product(items: Integers, present: Bools, modulus: int) -> Integers:
    product = np.ones(len(items), dtype=np.int64)
    for column in np.where(present, items, 1).T:
        product = product * column % modulus
    return product


#: Operations that know the order of the numbers, and those that know arithmetic.
ORDINAL: dict[str, Callable[[Integers, Bools], Integers]] = {
    "MAX": _largest,
    "MIN": _smallest,
    "MED": _median,
}
MODULAR: dict[str, Callable[[Integers, Bools, int], Integers]] = {"ADD": _sum, "PROD": _product}
