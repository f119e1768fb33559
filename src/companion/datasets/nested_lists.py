"""Nested lists such as ( MAX 2 ( ADD 3 9 ) 7 ), one token a symbol, as many fresh ones as wanted.

An expression is ( op x_1 … x_k ): each x is a number or another list, and a flat list has depth 1. MED of an even
number of items is the mean of the middle two, rounded down; ADD and PROD are modulo n. Lists as in arXiv:1804.06028;
which operations help each other to be learned is asked in arXiv:2505.18369.

Training and test expressions are kept apart by a hash of their symbols: whatever else is trained on, the same
expression is on the same side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.compute.seeds import generator as named_generator
from companion.datasets.list_trees import MODULAR, ORDINAL, draw_trees, evaluate_trees, write_trees
from companion.datasets.operations import Integers, distinct, named, whole

Bools = NDArray[np.bool_]
Part = Literal["train", "test", "all"]

LIST_OPERATIONS = (*ORDINAL, *MODULAR)

_CHUNK = 256  # expressions drawn at least at once
_MOST_WITHOUT_ONE = 50
_FNV_OFFSET, _FNV_PRIME = 14695981039346656037, 1099511628211


@dataclass(frozen=True)
class NestedLists:
    """Expressions over the numbers 0 to ``numbers`` - 1; made and checked by ``nested_lists``.

    ``tokens`` are right-aligned: pads, the expression, "=". Lists have ``arities[0]`` to ``arities[1]`` items and
    depths up to ``depth``; a place that may hold a list holds one with probability ``nesting``. ``ranks`` is the order
    of the numbers that MAX, MIN and MED go by. A share ``test_share`` of all expressions is for tests.
    """

    operations: tuple[str, ...]
    numbers: int
    depth: int
    arities: tuple[int, int]
    nesting: float
    test_share: float
    ranks: tuple[int, ...]
    positions: int

    @property
    def token_names(self) -> tuple[str, ...]:
        """Symbols in the order of their tokens: numbers, operations, brackets, "=", the pad."""
        return (*map(str, range(self.numbers)), *self.operations, "(", ")", "=", "pad")

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return len(self.token_names)

    @property
    def classes(self) -> int:
        """Number of answers."""
        return self.numbers

    @property
    def pad_token(self) -> int:
        """Token in front of expressions that are shorter than the longest."""
        return self.vocabulary - 1

    def description(self) -> str:
        """What is computed, in words."""
        order = "" if self.ranks == tuple(range(self.numbers)) else ", in a shuffled order of the numbers"
        return (
            f"lists of {', '.join(self.operations)} modulo {self.numbers}{order}; {self.arities[0]} to"
            f" {self.arities[1]} items, depth up to {self.depth}"
        )

    def sample(
        self,
        generator: np.random.Generator,
        rows: int,
        *,
        part: Part = "train",
        depths: Sequence[int] | None = None,
        operations: Sequence[str] | None = None,
    ) -> tuple[Integers, Integers]:
        """``rows`` fresh expressions of one ``part``: ``tokens`` (rows, positions) and ``answers`` (rows,).

        Each has exactly one of ``depths``, equally likely (all up to the largest by default), and only ``operations``
        (all by default). Raises ValueError for depths and operations that the lists do not have, another part, and a
        part that holds none of the expressions asked for.
        """
        rows = whole(rows, "rows", 1)
        asked = tuple(range(1, self.depth + 1)) if depths is None else tuple(depths)
        if not asked:
            raise ValueError(f"depths: none given; allowed: from 1 to {self.depth}")
        exact = np.array([whole(depth, "depths", 1, self.depth) for depth in asked])
        names = self.operations if operations is None else distinct(operations, "operations")
        kinds = np.array([named(name, self.operations, "operations") for name in names])
        part = get_args(Part)[named(part, get_args(Part), "part")]
        found: list[tuple[Integers, Integers]] = []
        count = draws = 0
        while count < rows:
            chunk = max(rows, _CHUNK)
            tokens, answers = self._draw(generator, exact[generator.integers(len(exact), size=chunk)], kinds)
            kept = np.full(chunk, True) if part == "all" else self.held_out(tokens) == (part == "test")
            found.append((tokens[kept], answers[kept]))
            count += int(kept.sum())
            draws += 1
            if draws == _MOST_WITHOUT_ONE and count == 0:
                raise ValueError(
                    f"part: {part!r} given; allowed: a part that has such expressions: none of {draws * chunk} drawn"
                    f" belongs to it at test_share {self.test_share}"
                )
        tokens, answers = (np.concatenate(arrays)[:rows] for arrays in zip(*found, strict=True))
        return tokens, answers

    def held_out(self, tokens: ArrayLike) -> Bools:
        """Whether each expression (rows, positions) is for tests, (rows,): a hash of its symbols decides."""
        array = np.asarray(tokens)
        codes = np.array([_symbol_code(name) for name in self.token_names], dtype=np.uint64)
        state = np.full(len(array), _FNV_OFFSET, dtype=np.uint64)
        for column in array.T:
            state = np.where(column == self.pad_token, state, (state ^ codes[column]) * np.uint64(_FNV_PRIME))
        # The last symbols are the same in all expressions and reach the upper half only after mixing.
        state ^= state >> np.uint64(33)
        state *= np.uint64(0xFF51AFD7ED558CCD)
        state ^= state >> np.uint64(33)
        return (state >> np.uint64(11)).astype(np.float64) < self.test_share * 2.0**53

    def text(self, tokens: ArrayLike) -> str:
        """One sequence (positions,) as it is read, without pads."""
        names = self.token_names
        return " ".join(names[token] for token in np.asarray(tokens).tolist() if token != self.pad_token)

    def _draw(
        self, generator: np.random.Generator, depths: Integers, operations: Integers
    ) -> tuple[Integers, Integers]:
        trees = draw_trees(generator, depths, operations, self.numbers, self.arities, self.nesting)
        opening = self.numbers + len(self.operations)
        tokens = np.full((len(depths), self.positions), opening + 2, dtype=np.int64)
        tokens[:, :-1] = write_trees(
            trees, self.positions - 1, opening, opening + 1, self.pad_token, self.numbers
        )
        return tokens, evaluate_trees(trees, self.operations, self.numbers, self.ranks)


def nested_lists(
    operations: Sequence[str] = LIST_OPERATIONS,
    numbers: int = 10,
    *,
    depth: int = 3,
    arities: tuple[int, int] = (2, 4),
    nesting: float = 0.25,
    test_share: float = 0.2,
    positions: int | None = None,
    order: Literal["natural", "shuffled"] = "natural",
    seed: int = 0,
) -> NestedLists:
    """Lists of ``operations`` on the numbers 0 to ``numbers`` - 1; see ``NestedLists``.

    Sequences are as long as the longest expression and "=" by default, or ``positions``. ``order="shuffled"`` gives
    MAX, MIN and MED another order of the numbers, drawn under ``seed``, and leaves ADD and PROD as they are.

    Raises ValueError for unknown operations, numbers out of range, and sequences too long for ``positions``.

    >>> lists = nested_lists(["MAX", "ADD"], depth=2, arities=(2, 3))
    >>> lists.positions, lists.vocabulary
    (22, 16)
    """
    names = distinct(operations, "operations")
    for name in names:
        named(name, LIST_OPERATIONS, "operations")
    numbers = whole(numbers, "numbers", 2)
    depth = whole(depth, "depth", 1, 4)
    if len(arities) != 2:
        raise ValueError(f"arities: {arities!r} given; allowed: the least and the largest number of items")
    least = whole(arities[0], "arities", 1)
    most = whole(arities[1], "arities", max(least, 2), 6)
    for share, parameter in ((nesting, "nesting"), (test_share, "test_share")):
        if not 0 <= share < 1:
            raise ValueError(
                f"{parameter}: {share!r} given; allowed: numbers from 0 up to, but not including, 1"
            )
    longest = 1 + longest_expression(depth, most)
    given = longest if positions is None else whole(positions, "positions", 1)
    if given < longest:
        raise ValueError(
            f"positions: {given} given; allowed: at least {longest}, for lists of {most} items at depth {depth}"
        )
    order = ("natural", "shuffled")[named(order, ("natural", "shuffled"), "order")]
    ranks = np.arange(numbers)
    if order == "shuffled":
        ranks = named_generator(seed, "nested lists", "shuffled order", numbers).permutation(numbers)
    return NestedLists(
        names, numbers, depth, (least, most), float(nesting), float(test_share), tuple(ranks.tolist()), given
    )


def longest_expression(depth: int, items: int) -> int:
    """Number of symbols of a list of ``items`` lists of ``items`` … to this depth; a number counts 1.

    >>> [longest_expression(depth, 4) for depth in range(4)]
    [1, 7, 31, 127]
    """
    return 1 if depth == 0 else 3 + items * longest_expression(depth - 1, items)


def _symbol_code(symbol: str) -> int:
    """FNV-1a hash of the symbol's text: the same whatever vocabulary it stands in."""
    state = _FNV_OFFSET
    for byte in symbol.encode():
        state = (state ^ byte) * _FNV_PRIME % 2**64
    return state
