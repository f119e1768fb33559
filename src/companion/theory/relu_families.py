"""Families of critical points of two-layer ReLU students of an orthonormal teacher, K = M and K = M + 1.

Up to permutations, every known spurious minimum is block-symmetric: M - p "aligned" students
(diagonal about 1) and p "flipped" ones, which point away from their own teacher. For K = M:

- **I(p)**, few flipped: the blocks overlap positively (c12, c21 > 0); K L / p → 1/2 - 2/π².
- **II(q)**, a flipped block nearly decoupled from the rest (c21 < 0 < c12); L hardly depends on K.
  II(K) is the fully symmetric point, with L → 1/2 - 1/π.
- **II(q-1+1)**, the child of II(q): one flipped unit has left its block (see ``relu_children``).

The families S, X and T of K = M + 1 are described in ``relu_wider_families``.

See arXiv:2604.09412 for the hierarchy, arXiv:1712.08968 for I(1), arXiv:2003.10576 for the
symmetries. All branches are minima inside their own ansatz, and that, with the signs of the blocks,
is how a branch is told from the saddles that separate it from the others.
"""

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from companion.theory import relu_wider_families as wider
from companion.theory.relu_ansatz import POSITIVE, Ansatz, NotConvergedError
from companion.theory.relu_continuation import BranchEndedError, follow, reach
from companion.theory.relu_minimum import Minimum, named_minimum

__all__ = [
    "KINDS",
    "POSITIVE",
    "BranchEndedError",
    "Kind",
    "Minimum",
    "NotConvergedError",
    "branch",
    "check_family",
    "check_size",
    "family",
    "named_minimum",
    "reduced_loss",
]

Kind = Literal["I", "II", "S", "X", "T"]

KINDS: tuple[Kind, ...] = ("I", "II", *wider.KINDS)  #: all kinds; those of K = M come first


def family(kind: Kind, flipped: int, students: int, teachers: int | None = None) -> Minimum:
    """The critical point of a family with p = ``flipped`` flipped units.

    Kinds "I" and "II" have as many teachers as students, kinds "S", "X" and "T" one teacher less; that
    is also what ``teachers`` is unless given. I(p) exists for 1 <= p <= K - 3 (at p = K - 2 the
    branch meets II(K) with two teachers exchanged), II(q) for 5 <= q <= K, X(p) for 2 <= p <= M, S(p)
    for 1 <= p <= M - 3 and T(q) for 5 <= q <= M - 2. Some branches end inside these ranges: those of I
    and II with many flipped units at K > 100 (II(20) at K of about 140), S at some p that grows with M
    (S(7) is the last at M = 20). All may be saddles: see ``Minimum.is_minimum``.
    Cost: about a millisecond, independent of K (weights and eigenvalues are made when asked for).

    Raises ValueError for arguments out of range, and BranchEndedError (a ValueError and a
    NotConvergedError) where the branch has ended.

    >>> minimum = family("I", 1, 6)
    >>> minimum.name, round(minimum.loss, 9), round(minimum.values["d2"], 6)
    ('I(1)', 0.025080581, -0.601512)
    >>> minimum = family("X", 4, 15)
    >>> minimum.blocks, minimum.weights.shape, round(minimum.loss, 9)
    ((10, 4), (15, 14), 0.028313525)
    """
    check_family(kind, flipped, students, teachers)
    for name, value in (("flipped", flipped), ("students", students)):
        check_size(name, value, whole=True)  # reduced_loss takes real ones
    return _family(kind, int(flipped), int(students))


def reduced_loss(kind: Kind, flipped: float, students: float, teachers: float | None = None) -> float:
    """Loss of a family at O(1) cost in K; p, K and M may be real numbers.

    Raises ValueError and BranchEndedError as ``family`` does.

    >>> round(100 * reduced_loss("I", 1, 100), 5), round(reduced_loss("II", 100, 100), 6)
    (0.27417, 0.142074)
    """
    check_family(kind, flipped, students, teachers)
    ansatz, values = branch(kind, float(flipped), float(students))
    return ansatz.loss(values)


def check_family(kind: str, flipped: float, students: float, teachers: float | None = None) -> None:
    """Raise ValueError for a family that does not exist; the message names the argument."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    check_size("flipped", flipped, smallest=-math.inf)  # the families have bounds of their own
    check_size("students", students)
    if teachers is not None:
        check_size("teachers", teachers)
    if kind in wider.KINDS:
        wider.check(kind, flipped, students, teachers)
        return
    if teachers is not None and teachers != students:
        raise ValueError(
            f"teachers: families I and II need as many teachers as students ({students}), got {teachers}"
        )
    if kind == "I" and not 1 <= flipped <= students - 3:
        raise ValueError(
            f"flipped: family I(p) exists for 1 <= p <= students - 3, got {flipped} with students = {students}"
        )
    if kind == "II" and not (5 <= flipped <= students and (flipped == students or flipped <= students - 1)):
        raise ValueError(
            f"flipped: family II(q) exists for 5 <= q <= students, got {flipped} with students = {students}"
        )


def check_size(name: str, value: float, *, smallest: float = 1.0, whole: bool = False) -> None:
    """Raise ValueError unless ``value`` is a finite number of at least ``smallest``, whole if asked for."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and smallest <= value):
        bound = f" >= {smallest:g}" if math.isfinite(smallest) else ""
        raise ValueError(f"{name} must be a finite number{bound}, got {value!r}")
    if whole and value != int(value):
        raise ValueError(f"{name} must be a whole number, got {value!r}")


@lru_cache(maxsize=1024)
def _family(kind: Kind, flipped: int, students: int) -> Minimum:
    ansatz, values = branch(kind, float(flipped), float(students))
    return named_minimum(f"{kind}({flipped})", ansatz, values)


def branch(kind: Kind, flipped: float, students: float) -> tuple[Ansatz, NDArray[np.float64]]:
    """Ansatz and unknowns of a family at real p, K; BranchEndedError if it is not reached."""
    if kind in wider.KINDS:
        return wider.branch(kind, flipped, students)
    ansatz = Ansatz((students,) if flipped == students else (students - flipped, flipped))
    few = kind == "I"
    belongs = _is_few_flipped if few else _is_flipped_block
    guess = _guess_few_flipped if few else _guess_flipped_block
    values = reach(ansatz, guess(flipped, students), belongs)
    if values is None and few:  # continuation from I(1) in p
        values = follow(
            1.0,
            flipped,
            1.3,
            lambda p: Ansatz((students - p, p)),
            lambda p: _guess_few_flipped(p, students),
            belongs,
        )
    elif values is None and flipped < students:  # continuation from K = q + 1 in K
        values = follow(
            flipped + 1.0,
            students,
            1.1,
            lambda size: Ansatz((size - flipped, flipped)),
            lambda size: _guess_flipped_block(flipped, size),
            belongs,
        )
    if values is None:
        raise BranchEndedError(
            f"flipped: {kind}({flipped:g}) was not reached at students = {students:g}: "
            "the branch ends before (at large K those with many flipped units do) or Newton's method lost it"
        )
    return ansatz, values


def _is_few_flipped(ansatz: Ansatz, values: NDArray[np.float64]) -> bool:
    at = dict(zip(ansatz.names, values, strict=True))
    return at["c21"] > 0 and _has_flipped_units(ansatz, values)


def _is_flipped_block(ansatz: Ansatz, values: NDArray[np.float64]) -> bool:
    at = dict(zip(ansatz.names, values, strict=True))
    if len(ansatz.sizes) == 1:
        return at["d1"] < 0 < at["o1"] and ansatz.is_stable(values)
    return at["c21"] < 0 and _has_flipped_units(ansatz, values)


def _has_flipped_units(ansatz: Ansatz, values: NDArray[np.float64]) -> bool:
    """Signs of the blocks, and a minimum inside the ansatz (saddles lie between the branches)."""
    at = dict(zip(ansatz.names, values, strict=True))
    signs = at["d1"] > 0.25 and at["d2"] < 0 < at.get("o2", 1.0) and at["c12"] > 0
    return signs and ansatz.is_stable(values)


def _guess_few_flipped(flipped: float, students: float) -> dict[str, float]:
    """Fit to the branch I(p), good for x = p/K away from 1."""
    x = flipped / students
    return {
        "d1": 1.0 - 1.2 * x**4,
        "o1": -(0.08 + 0.3 * x / (1.0 - x)) / students,
        "c12": (1.9 + 0.4 * x) / students,
        "c21": (1.3 + 0.2 * x) / students,
        "d2": -1.0 + (1.0 - 0.7 * x) / math.sqrt(students),
        "o2": 1.8 / students,
    }


def _guess_flipped_block(flipped: float, students: float) -> dict[str, float]:
    """The block of II(q) is close to II(q) at K = q, which is close to -1 + 2/q."""
    if flipped == students:
        return {"d1": -1.0 + 2.0 / students, "o1": 2.0 / students}
    c12 = 0.14 / students * min(flipped / 6.0, 2.0)
    inner = {"d2": -1.0 + 2.5 / flipped, "o2": 2.0 / flipped}
    return {"d1": 1.0, "o1": 0.0, "c12": c12, "c21": -0.1 / students, **inner}
