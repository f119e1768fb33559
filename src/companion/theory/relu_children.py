"""Three-block children of the families of ``relu_families``, and the list of all families at one size.

A family that loses stability leaves a less symmetric child. In II(q-1+1), the child of II(q), one
flipped unit has left its block and points away from its teacher less than the others do.
"""

from contextlib import suppress
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from companion.theory.relu_ansatz import Ansatz, NotConvergedError
from companion.theory.relu_continuation import BranchEndedError
from companion.theory.relu_families import Kind, branch, check_family, check_size, family
from companion.theory.relu_minimum import Minimum, named_minimum

_PARENTS = range(5, 9)  # the blocks II(q) whose children are known
_LARGEST_LISTED = 60  # blocks of more flipped units are not listed by known_families


def child_family(flipped: int, students: int) -> Minimum:
    """The child II(q-1+1) of II(q), q = ``flipped``: blocks (K - q, q - 1, 1).

    It is found from the unstable direction of II(q) at the smallest K where there is one, and then
    followed in K. Known for q = 5 (15 <= K <= 22), 6 (17 to 22), 7 (19 to 23) and 8 (21 to 25); a
    minimum for q = 7 at K = 19 and 20, and for q = 8.

    Raises ValueError where there is no such child.

    >>> child_family(7, 19).name, child_family(7, 19).blocks
    ('II(6+1)', (12, 6, 1))
    """
    check_size("flipped", flipped, whole=True)
    check_size("students", students, whole=True)
    check_family("II", flipped, students)
    child = _child(int(flipped), int(students))
    if child is None:
        raise ValueError(f"flipped: II({flipped}) has no three-block child at students = {students}")
    return child


def known_families(students: int, teachers: int | None = None) -> tuple[Minimum, ...]:
    """Every listed critical point at K = ``students`` and M = ``teachers`` (K unless given), by loss.

    Saddles are included: gradient descent can linger at a weakly unstable one, so that a census has to
    know it; ask ``is_minimum``. Blocks of up to 60 flipped units are listed, and those of all
    units. K = M and K = M + 1 have families; at other widths none is known and the tuple is empty.

    Raises ValueError for sizes below one or not whole.

    >>> [minimum.name for minimum in known_families(6) if minimum.is_minimum]
    ['I(1)', 'II(6)']
    >>> [minimum.name for minimum in known_families(8, 7) if minimum.is_minimum]
    ['S(1)']
    """
    check_size("students", students, whole=True)
    if teachers is not None:
        check_size("teachers", teachers, whole=True)
    size = int(students)
    surplus = 0 if teachers is None else size - int(teachers)
    return {0: _known, 1: _known_wider}.get(surplus, lambda _: ())(size)


@lru_cache(maxsize=64)
def _known(students: int) -> tuple[Minimum, ...]:
    """The families at K = M."""
    blocks = {*range(5, min(students, _LARGEST_LISTED) + 1), *([students] if students >= 5 else [])}
    members: dict[Kind, list[int]] = {
        "I": list(range(1, min(students - 3, _LARGEST_LISTED) + 1)),
        "II": sorted(blocks),
    }
    found = []
    for kind, sizes in members.items():
        for flipped in sizes:
            with suppress(NotConvergedError):  # at large K some branches have ended
                found.append(family(kind, flipped, students))
    found += [child for q in _PARENTS if (child := _child(q, students))]
    return tuple(sorted(found, key=lambda minimum: minimum.loss))


@lru_cache(maxsize=64)
def _known_wider(students: int) -> tuple[Minimum, ...]:
    """The families at K = M + 1."""
    teachers = students - 1
    averages = {*range(2, min(teachers, _LARGEST_LISTED) + 1), *([teachers] if teachers >= 2 else [])}
    found = []
    for flipped in averages:
        with suppress(BranchEndedError):  # X(2) and X(3) begin at M = 9 and 11
            found.append(family("X", flipped, students))
    # S ends at some number of flipped units and T, coming from all but two, at another.
    ranges: dict[Kind, range] = {"S": range(1, teachers - 2), "T": range(teachers - 2, 4, -1)}
    for kind, sizes in ranges.items():
        with suppress(BranchEndedError):
            for flipped in sizes[:_LARGEST_LISTED]:
                found.append(family(kind, flipped, students))
    return tuple(sorted(found, key=lambda minimum: minimum.loss))


@lru_cache(maxsize=256)
def _child(flipped: int, students: int) -> Minimum | None:
    """The child of II(q), or None where there is none."""
    born = _first_unstable(flipped)
    if born is None or students <= flipped:
        return None
    size, values = born
    ansatz = Ansatz((size - flipped, flipped - 1, 1))
    here = float(size)
    while here != students:
        here += 0.125 if students > here else -0.125
        ansatz = Ansatz((here - flipped, flipped - 1, 1))
        followed = _solve_child(ansatz, values)
        if followed is None:
            return None
        values = followed
    return named_minimum(f"II({flipped - 1}+1)", ansatz, values)


@lru_cache(maxsize=64)
def _first_unstable(flipped: int) -> tuple[int, NDArray[np.float64]] | None:
    """Smallest K where II(q) is unstable against one unit leaving its block, and the child there."""
    for students in range(flipped + 1, 5 * flipped):
        parent, unknowns = branch("II", flipped, students)
        ansatz, values = parent.refine(unknowns, [[students - flipped], [flipped - 1, 1]])
        eigenvalues, vectors = np.linalg.eigh(ansatz.hessian(values))
        if eigenvalues[0] < 0:
            away = vectors[:, 0] / np.sqrt(ansatz.multiplicities)
            away *= 0.05 * np.sign(away[ansatz.names.index("d3")])
            child = _solve_child(ansatz, values + away)
            return None if child is None else (students, child)
    return None


def _solve_child(ansatz: Ansatz, start: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Unknowns of the child near ``start``, or None if Newton's method ends elsewhere."""
    try:
        values = ansatz.solve(start, downhill=True, steps=300)
    except NotConvergedError:
        return None
    at = dict(zip(ansatz.names, values, strict=True))
    apart = at["d2"] + 0.02 < at["d3"] < 0.25 and at["c31"] < 0
    return values if apart and ansatz.is_stable(values) else None
