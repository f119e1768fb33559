"""Parity of a few hidden bits, and the Hamming mixture; both with as many fresh examples as wanted.

Bits are 1 with probability q, each on its own. At q away from 1/2 every hidden bit alone tells something of the parity,
so a curriculum that starts there and ends at q = 1/2 learns fast. The Hamming mixture is the control: which parity
counts depends on the number of ones, so what is learned at one q is not what is asked at another
(both: arXiv:2301.13833).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.compute.seeds import generator
from companion.datasets.operations import Integers, whole

ZERO, ONE, EQUALS = 0, 1, 2


@dataclass(frozen=True)
class _BitTask:
    """What both tasks share: tokens 0, 1 and "=" in sequences [x_1, …, x_n, =], and two classes."""

    bits: int

    vocabulary = 3
    classes = 2
    pad_token = -1
    token_names = ("0", "1", "=")

    @property
    def positions(self) -> int:
        """Length of every sequence, n + 1."""
        return self.bits + 1

    def answers(self, bits: ArrayLike) -> Integers:
        """Class of each row of ``bits`` (..., n) of zeros and ones, (...)."""
        raise NotImplementedError

    def sample(
        self, generator: np.random.Generator, rows: int, *, bias: float = 0.5
    ) -> tuple[Integers, Integers]:
        """``rows`` fresh examples, ``tokens`` (rows, n + 1) and ``answers`` (rows,), with P(bit = 1) = ``bias``.

        From one generator, a larger bias turns more of the same bits to 1. Raises ValueError for rows that are no
        whole number >= 1 and a bias outside (0, 1).
        """
        rows = whole(rows, "rows", 1)
        tokens = np.full((rows, self.positions), EQUALS, dtype=np.int64)
        tokens[:, :-1] = generator.random((rows, self.bits)) < _checked_bias(bias)
        return tokens, self.answers(tokens[:, :-1])


@dataclass(frozen=True)
class SparseParity(_BitTask):
    """XOR of the bits at the ``hidden`` positions, of n ``bits``.

    >>> task = SparseParity(4, (0, 2))
    >>> task.answers([[1, 0, 0, 1], [1, 1, 1, 0]]).tolist()
    [1, 0]
    """

    hidden: tuple[int, ...]

    def answers(self, bits: ArrayLike) -> Integers:
        """Parity of the hidden bits, (...), of rows ``bits`` (..., n)."""
        return _parity(np.asarray(bits, dtype=np.int64), self.hidden)

    def chance_level(self, bias: float = 0.5) -> float:
        """Accuracy of always giving the commoner answer: (1 + |1 - 2q|^k)/2."""
        return (1 + abs(1 - 2 * _checked_bias(bias)) ** len(self.hidden)) / 2

    def description(self) -> str:
        """What is computed, in words."""
        return f"parity of {len(self.hidden)} hidden of {self.bits} bits"


@dataclass(frozen=True)
class HammingMixture(_BitTask):
    """Parity of bits that depend on the number H of ones among all n ``bits``.

    Of the ``first`` bits where H <= ``threshold`` n, of the ``second`` where ``threshold`` n < H <= n/2, and of all of
    them where H > n/2.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    threshold: float = 0.25

    def answers(self, bits: ArrayLike) -> Integers:
        """Class, (...), of rows ``bits`` (..., n)."""
        array = np.asarray(bits, dtype=np.int64)
        return self._counted(array.sum(axis=-1), _parity(array, self.first), _parity(array, self.second))

    def chance_level(self, bias: float = 0.5) -> float:
        """Accuracy of always giving the commoner answer, from the binomial numbers of ones in the three parts."""
        q = _checked_bias(bias)
        sizes = (len(self.first), len(self.second), self.bits - len(self.first) - len(self.second))
        laws = [_binomial(size, q) for size in sizes]
        first, second, others = np.meshgrid(*(np.arange(size + 1) for size in sizes), indexing="ij")
        joint = laws[0][:, None, None] * laws[1][:, None] * laws[2]
        share = float((joint * self._counted(first + second + others, first % 2, second % 2)).sum())
        return max(share, 1 - share)

    def description(self) -> str:
        """What is computed, in words."""
        return (
            f"parity of {len(self.first)} bits, of {len(self.second)} others or of all of them, by the number of ones"
            f" among {self.bits}"
        )

    def _counted(self, ones: Integers, first: Integers, second: Integers) -> Integers:
        """The parity that counts at this number of ``ones``, of those of the two sets; all (...)."""
        few, half = ones <= self.threshold * self.bits, 2 * ones <= self.bits
        return np.where(few, first, np.where(half, second, first ^ second))


def sparse_parity(bits: int, hidden: int, *, seed: int, replicate: int = 0) -> SparseParity:
    """Parity of ``hidden`` positions of ``bits``, drawn under ``seed`` for this ``replicate``.

    Raises ValueError for numbers that are no whole numbers with 1 <= ``hidden`` <= ``bits``.

    >>> len(sparse_parity(12, 4, seed=0).hidden)
    4
    """
    bits = whole(bits, "bits", 1)
    (positions,) = _positions(bits, whole(hidden, "hidden", 1, bits), 1, seed, replicate)
    return SparseParity(bits, positions)


def hamming_mixture(
    bits: int, hidden: int, *, threshold: float = 0.25, seed: int, replicate: int = 0
) -> HammingMixture:
    """Hamming mixture of two disjoint sets of ``hidden`` positions each; the first is that of ``sparse_parity``.

    Raises ValueError for numbers that are no whole numbers with 1 <= ``hidden`` <= ``bits``/2, and a threshold
    outside (0, 1/2).
    """
    bits = whole(bits, "bits", 2)
    if not 0 < threshold < 0.5:
        raise ValueError(f"threshold: {threshold!r} given; allowed: numbers between 0 and 1/2, both excluded")
    first, second = _positions(bits, whole(hidden, "hidden", 1, bits // 2), 2, seed, replicate)
    return HammingMixture(bits, first, second, float(threshold))


def _positions(bits: int, hidden: int, sets: int, seed: int, replicate: int) -> list[tuple[int, ...]]:
    order = generator(seed, "sparse parity", bits, replicate).permutation(bits).tolist()
    return [tuple(sorted(order[start : start + hidden])) for start in range(0, sets * hidden, hidden)]


def _parity(bits: Integers, positions: tuple[int, ...]) -> Integers:
    return bits[..., list(positions)].sum(axis=-1) % 2


def _binomial(size: int, bias: float) -> NDArray[np.float64]:
    ones = np.arange(size + 1)
    return np.array([math.comb(size, one) for one in ones]) * bias**ones * (1 - bias) ** (size - ones)


def _checked_bias(bias: float) -> float:
    if not 0 < bias < 1:
        raise ValueError(f"bias: {bias!r} given; allowed: numbers between 0 and 1, both excluded")
    return float(bias)
