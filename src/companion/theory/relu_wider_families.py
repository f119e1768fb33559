"""Families of critical points with one student more than teachers, K = M + 1.

M students are aligned or flipped as for K = M; the extra one has the weight u1 on the M - p teachers
of the aligned units and u2 on those of the p flipped ones (arXiv:2604.09412; letters are ours):

- **S(p)**, "split flip" (u1 > 0 > u2, c21 > 0): the extra unit takes a part of the flipped role.
- **X(p)**, "average and flipped" (u1 < 0 < u2): the extra unit averages the p flipped teachers, and the
  flipped units correct it. X(M) has flipped units only. These dominate what descent meets at M > 12.
- **T(q)**, "split block" (u1 > 0 > u2, c21 < 0): the same beside a flipped block as in II(q).

They are not copies of the critical points of K = M: none has a unit of norm zero or a parallel pair.
"""

import math

import numpy as np
from numpy.typing import NDArray

from companion.theory.relu_ansatz import Ansatz
from companion.theory.relu_continuation import BranchEndedError, follow, reach

KINDS = ("S", "X", "T")

_DOMAINS = {
    "S": "1 <= p <= teachers - 3",
    "X": "2 <= p <= teachers",
    "T": "5 <= p <= teachers - 2",
}


def check(kind: str, flipped: float, students: float, teachers: float | None) -> None:
    """Raise ValueError for sizes that no such family has; the message names the argument."""
    if teachers is None:
        teachers = students - 1
    elif teachers != students - 1:
        raise ValueError(
            f"teachers: family {kind} needs one teacher less than students ({students - 1}), got {teachers}"
        )
    exists = {
        "S": 1 <= flipped <= teachers - 3,
        "X": 2 <= flipped <= teachers - 1 or 2 <= flipped == teachers,
        "T": 5 <= flipped <= teachers - 2,
    }[kind]
    if not exists:
        raise ValueError(
            f"flipped: family {kind}(p) exists for {_DOMAINS[kind]}, "
            f"got {flipped} with teachers = {teachers} and students = {students}"
        )


def branch(kind: str, flipped: float, students: float) -> tuple[Ansatz, NDArray[np.float64]]:
    """Ansatz and unknowns of a family at real p, K; BranchEndedError if it is not reached."""
    teachers = students - 1.0

    def ansatz_at(p: float) -> Ansatz:
        return Ansatz((teachers,) if p == teachers else (teachers - p, p), extra=1)

    def guess_at(p: float) -> dict[str, float]:
        return _GUESSES[kind](p, teachers)

    def belongs(ansatz: Ansatz, values: NDArray[np.float64]) -> bool:
        return _belongs(kind, ansatz, values)

    ansatz = ansatz_at(flipped)
    values = reach(ansatz, guess_at(flipped), belongs)
    if values is None and flipped < teachers:
        first = {"S": 1.0, "X": min(4.0, teachers - 1.0), "T": max(5.0, 0.85 * teachers - 1.0)}[kind]
        values = follow(first, flipped, 1.1, ansatz_at, guess_at, belongs)
    if values is None:
        raise BranchEndedError(
            f"flipped: {kind}({flipped:g}) was not reached at students = {students:g}, "
            f"teachers = {teachers:g}: the branch ends before, or Newton's method lost it"
        )
    return ansatz, values


def _belongs(kind: str, ansatz: Ansatz, values: NDArray[np.float64]) -> bool:
    """Signs of the blocks, and a minimum inside the ansatz (saddles lie between the branches)."""
    at = dict(zip(ansatz.names, values, strict=True))
    if len(ansatz.sizes) == 1:
        return at["d1"] < 0 < at["u1"] and ansatz.is_stable(values)
    if not (at["d1"] > 0.25 and at["d2"] < 0 < at.get("o2", 1.0) and at["c12"] > 0):
        return False
    signs = {
        "S": at["u1"] > 0 > at["u2"] and at["c21"] > 0,
        "X": at["u1"] < 0 < at["u2"] and at["c21"] > 0,
        "T": at["u1"] > 0 > at["u2"] and at["c21"] < 0,
    }
    return signs[kind] and ansatz.is_stable(values)


# Fits to the branches at M = 5 … 200: weights of M units scale as 1/M, those of one unit as 1/sqrt(M).


def _guess_split_flip(flipped: float, teachers: float) -> dict[str, float]:
    root = math.sqrt(teachers)
    return {
        "d1": 1.0,
        "o1": -1.3 * flipped / teachers**2,
        "c12": 1.95 / teachers,
        "c21": 0.75 / teachers,
        "d2": -1.0 + 1.45 * flipped**-0.28 / root,
        "o2": (2.0 - 2.6 / flipped + (0.05 + 0.6 / flipped) * root) / teachers,
        "u1": 0.9 * flipped**0.55 / teachers,
        "u2": -0.85 * flipped**-0.1 / root,
    }


def _guess_average(flipped: float, teachers: float) -> dict[str, float]:
    if flipped == teachers:
        return {"d1": -1.0 + 2.0 / teachers, "o1": 1.8 / teachers, "u1": 1.8 / teachers}
    root, x = math.sqrt(teachers), flipped / teachers
    return {
        "d1": 1.0,
        "o1": -0.25 * x / teachers,
        "c12": 1.2 / teachers,
        "c21": 0.45 / teachers,
        "d2": -1.0 + 2.6 * flipped**-0.45 / root,
        "o2": (2.0 + 0.9 * root / flipped) / teachers,
        "u1": -0.55 * flipped**0.7 / teachers,
        "u2": 2.5 * flipped**-0.2 * (1.0 - 0.6 * x**2) / root,
    }


def _guess_split_block(flipped: float, teachers: float) -> dict[str, float]:
    aligned, left = teachers - flipped, 1.0 - flipped / teachers
    at = {
        "o1": -0.1 / teachers,
        "c12": 0.095 / math.sqrt(teachers),
        "c21": -0.3 / teachers**1.5,
        "d2": -1.0 + 2.1 / flipped,
        "u1": 0.12 * math.sqrt(left),
        "u2": -0.009 * min(teachers, 20.0) * left,
    }
    # The weights on each teacher sum up to about one.
    at["d1"] = 1.0 - (aligned - 1) * at["o1"] - flipped * at["c21"] - at["u1"]
    at["o2"] = (1.0 - at["d2"] - aligned * at["c12"] - at["u2"]) / (flipped - 1)
    return at


_GUESSES = {"S": _guess_split_flip, "X": _guess_average, "T": _guess_split_block}
