"""Families of critical points of two-layer ReLU students of an orthonormal teacher, K = M.

Up to permutations, every known spurious minimum is block-symmetric: K - p "aligned" students
(diagonal about 1) and p "flipped" ones, which point away from their own teacher.

- **I(p)**, few flipped: the blocks overlap positively (c12, c21 > 0); K L / p → 1/2 - 2/π².
- **II(q)**, a flipped block nearly decoupled from the rest (c21 < 0 < c12); L hardly depends on K.
  II(K) is the fully symmetric point, with L → 1/2 - 1/π.
- **II(q-1+1)**, the child of II(q): one flipped unit has left its block (three blocks).

See arXiv:2604.09412 for the hierarchy, arXiv:1712.08968 for I(1), arXiv:2003.10576 for the
symmetries. All branches are minima inside their own ansatz, and that, with the signs of the blocks,
is how a branch is told from the saddles that separate it from the others.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from companion.theory.relu_ansatz import Ansatz, NotConvergedError, start_values

Kind = Literal["I", "II"]

POSITIVE = 1e-9  #: eigenvalues above it are positive; rounding leaves about 1e-14


@dataclass(frozen=True)
class Minimum:
    """A critical point of one family: a minimum if ``is_minimum``, otherwise a saddle.

    ``blocks`` holds the sizes of the blocks (aligned first) and ``values`` the weights by name (d1 on
    the diagonal of block 1, o1 off it, c12 between blocks 1 and 2). Weights and eigenvalues are
    computed when first asked for; eigenvalues cost some milliseconds at any K.
    """

    name: str
    blocks: tuple[int, ...]
    values: dict[str, float]
    loss: float
    gradient_norm: float

    @property
    def students(self) -> int:
        """Number K of students (and of teachers)."""
        return sum(self.blocks)

    @cached_property
    def _reduced(self) -> tuple[Ansatz, NDArray[np.float64]]:
        ansatz = Ansatz(self.blocks)
        return ansatz, start_values(ansatz, self.values)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Weights (K, M) in the basis of the teachers: the overlaps R."""
        ansatz, values = self._reduced
        return ansatz.weights(values)

    @cached_property
    def _hessian_eigenvalues(self) -> NDArray[np.float64]:
        ansatz, values = self._reduced
        return ansatz.hessian_eigenvalues(values)

    @property
    def hessian_min(self) -> float:
        """Smallest eigenvalue of the Hessian inside the span of the teachers."""
        return float(self._hessian_eigenvalues[0])

    @property
    def hessian_max(self) -> float:
        """Largest eigenvalue of the Hessian inside the span of the teachers."""
        return float(self._hessian_eigenvalues[-1])

    @cached_property
    def transverse_min(self) -> float:
        """Smallest eigenvalue of A, the Hessian across the span of the teachers."""
        ansatz, values = self._reduced
        return float(ansatz.transverse_eigenvalues(values)[0])

    @property
    def is_minimum(self) -> bool:
        """True if all eigenvalues are positive, in any dimension d >= M."""
        return min(self.transverse_min, self.hessian_min) > POSITIVE


def family(kind: Kind, flipped: int, students: int, teachers: int | None = None) -> Minimum:
    """The critical point I(p) or II(q) with p or q = ``flipped``, for as many teachers as students.

    I(p) exists for 1 <= p <= K - 3 (at p = K - 2 the branch meets II(K) with two teachers
    exchanged), II(q) for 5 <= q <= K. Both may be saddles: see ``Minimum.is_minimum``. At K > 100
    some branches with many flipped units end in a fold (II(20) at K of about 140).
    Cost: about 0.5 ms, independent of K (weights and eigenvalues are made when asked for).

    Raises ValueError for arguments out of range and NotConvergedError where the branch has ended.

    >>> minimum = family("I", 1, 6)
    >>> minimum.name, round(minimum.loss, 9), round(minimum.values["d2"], 6)
    ('I(1)', 0.025080581, -0.601512)
    """
    check_family(kind, flipped, students)
    if teachers is not None and teachers != students:
        raise ValueError(
            f"teachers: families I and II need as many teachers as students ({students}), got {teachers}"
        )
    for name, value in (("flipped", flipped), ("students", students)):
        if value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value}; see reduced_loss for real ones")
    return _family(kind, int(flipped), int(students))


def reduced_loss(kind: Kind, flipped: float, students: float) -> float:
    """Loss of I(p) or II(q) at O(1) cost in K; both arguments may be real numbers.

    >>> round(100 * reduced_loss("I", 1, 100), 5), round(reduced_loss("II", 100, 100), 6)
    (0.27417, 0.142074)
    """
    check_family(kind, flipped, students)
    ansatz, values = branch(kind, float(flipped), float(students))
    return ansatz.loss(values)


def check_family(kind: str, flipped: float, students: float) -> None:
    """Raise ValueError for a family that does not exist."""
    if kind not in ("I", "II"):
        raise ValueError(f"kind must be 'I' or 'II', got {kind!r}")
    if kind == "I" and not 1 <= flipped <= students - 3:
        raise ValueError(
            f"flipped: family I(p) exists for 1 <= p <= students - 3, got {flipped} with students = {students}"
        )
    if kind == "II" and not (5 <= flipped <= students and (flipped == students or flipped <= students - 1)):
        raise ValueError(
            f"flipped: family II(q) exists for 5 <= q <= students, got {flipped} with students = {students}"
        )


@lru_cache(maxsize=1024)
def _family(kind: Kind, flipped: int, students: int) -> Minimum:
    ansatz, values = branch(kind, float(flipped), float(students))
    return named_minimum(f"{kind}({flipped})", ansatz, values)


def named_minimum(name: str, ansatz: Ansatz, values: NDArray[np.float64]) -> Minimum:
    """The critical point with these unknowns."""
    return Minimum(
        name=name,
        blocks=tuple(round(size) for size in ansatz.sizes),
        values=dict(zip(ansatz.names, map(float, values), strict=True)),
        loss=ansatz.loss(values),
        gradient_norm=float(np.linalg.norm(ansatz.gradient(values))),
    )


def branch(kind: Kind, flipped: float, students: float) -> tuple[Ansatz, NDArray[np.float64]]:
    """Ansatz and unknowns of a family at real p, K; NotConvergedError if it is not reached."""
    ansatz = Ansatz((students,) if flipped == students else (students - flipped, flipped))
    guess = _guess_few_flipped if kind == "I" else _guess_flipped_block
    values = _try(kind, ansatz, guess(flipped, students))
    if values is None and flipped < students:
        values = _follow(kind, flipped, students)
    if values is None:
        raise NotConvergedError(
            f"{kind}({flipped:g}) was not reached at students = {students:g}: "
            "the branch ends before (at large K those with many flipped units do) or Newton's method lost it"
        )
    return ansatz, values


def _try(kind: Kind, ansatz: Ansatz, start: dict[str, float]) -> NDArray[np.float64] | None:
    """Unknowns reached from ``start`` if they belong to the family, else None."""
    try:
        values = ansatz.solve(start_values(ansatz, start), downhill=True)
    except NotConvergedError:
        return None
    return values if _belongs(kind, ansatz, values) else None


def _belongs(kind: Kind, ansatz: Ansatz, values: NDArray[np.float64]) -> bool:
    """Signs of the blocks, and a minimum inside the ansatz (saddles lie between the branches)."""
    if np.linalg.eigvalsh(ansatz.hessian(values))[0] < POSITIVE:
        return False
    at = dict(zip(ansatz.names, values, strict=True))
    if len(ansatz.sizes) == 1:
        return at["d1"] < 0 < at["o1"]
    signs = at["d1"] > 0 and at["d2"] < 0 < at.get("o2", 1.0) and at["c12"] > 0
    return signs and (at["c21"] > 0) == (kind == "I") and at["d1"] > 0.25


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


def _follow(kind: Kind, flipped: float, students: float) -> NDArray[np.float64] | None:
    """Unknowns by continuation at real p, K: of I from I(1) in p, of II from K = q + 1 in K."""
    few = kind == "I"
    here, end, factor = (1.0, flipped, 1.3) if few else (flipped + 1.0, students, 1.1)
    guess = _guess_few_flipped if few else _guess_flipped_block
    point = (here, students) if few else (flipped, here)
    ansatz = Ansatz((point[1] - point[0], point[0]))
    values = _try(kind, ansatz, guess(*point))
    while values is not None and here != end:
        there = min(here * factor, end)
        point = (there, students) if few else (flipped, there)
        ahead = Ansatz((point[1] - point[0], point[0]))
        start = guess(*point) | dict(zip(ansatz.names, values, strict=True))
        reached = _try(kind, ahead, start)
        if reached is not None and np.max(np.abs(reached - start_values(ahead, start))) < 0.1:
            here, ansatz, values = there, ahead, reached
        elif factor < 1.002:
            return None
        else:
            factor = math.sqrt(factor)
    return values
