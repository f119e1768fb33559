"""Where the families of critical points are minima: eigenvalues at real sizes, and their zeros.

The ansatz and its symmetry types depend on the sizes of the blocks as numbers only, so that every
eigenvalue of a family is a smooth function of a real K, at O(1) cost. A family becomes a minimum, or
ceases to be one, where its smallest eigenvalue passes zero (arXiv:2604.09412). Sizes are the number
of students K; the families S, X and T have K - 1 teachers.
"""

from collections.abc import Iterator
from functools import lru_cache

from scipy.optimize import root_scalar

from companion.theory.relu_continuation import BranchEndedError
from companion.theory.relu_families import Kind, branch, check_family, check_size

_LARGEST = 1000.0  # sizes looked at
_ACCURACY = 1e-9  # of a crossing in K
_END = 1e-3  # accuracy in K of where a branch begins or ends

# Students beyond the flipped ones from where the size is continuous: two or three aligned units and,
# with K = M + 1, the extra one.
_FIRST = {"I": 3.0, "II": 2.0, "S": 4.0, "X": 3.0, "T": 3.0}


def first_width(kind: Kind, flipped: int) -> float:
    """Number of students from which on a family can be followed at every real size."""
    return flipped + _FIRST[kind]


def symmetry_minima(kind: Kind, flipped: float, students: float) -> dict[str, float]:
    """Smallest eigenvalue of each symmetry type (see ``relu_symmetry``) at a real number of students.

    "transverse" is the smallest one of the matrix A, for directions across the teacher's span.
    Cost: some milliseconds at any size.

    ``flipped`` is a whole number, or equal to ``students`` (II(K), one block of any real size).
    Raises ValueError as ``family`` does, and for an aligned block between one and two units.

    >>> eigenvalues = symmetry_minima("I", 1, 5.5)
    >>> min(eigenvalues, key=eigenvalues.get), round(eigenvalues["standard(1)"], 5)
    ('standard(1)', -0.00104)
    """
    check_family(kind, flipped, students)
    check_size("flipped", flipped, whole=flipped != students)
    ansatz, values = branch(kind, float(flipped), float(students))
    minima = {part.symmetry: float(part.eigenvalues[0]) for part in ansatz.hessian_components(values)}
    return minima | {"transverse": float(ansatz.transverse_eigenvalues(values)[0])}


def stability_crossings(kind: Kind, flipped: int, largest: float = _LARGEST) -> tuple[float, ...]:
    """All real K up to ``largest``, ascending, where the family's smallest eigenvalue changes its sign.

    Sizes are looked at in steps of a half or 6 %, from three aligned units on (two for II, X and T, which
    also exist with fewer), wherever the branch exists.

    Raises ValueError for arguments out of range.

    >>> [round(crossing, 2) for crossing in stability_crossings("II", 6, 100)]
    [17.01]
    """
    check_size("largest", largest)
    return tuple(_crossings(kind, flipped, float(largest)))


@lru_cache(maxsize=256)
def stability_crossing(kind: Kind, flipped: int) -> float:
    """The smallest real K where the family's smallest eigenvalue changes its sign.

    That is where I, S and X become minima (X(2) only at K of about 640) and where II and T cease to be.

    Raises ValueError for arguments out of range and for a family that never changes up to K = 1000.

    >>> round(stability_crossing("I", 1), 2)
    5.59
    """
    for crossing in _crossings(kind, flipped, _LARGEST):
        return crossing
    raise ValueError(
        f"flipped: the stability of {kind}({flipped}) does not change between its first real size "
        f"and students = {_LARGEST:g}"
    )


def _crossings(kind: Kind, flipped: int, largest: float) -> Iterator[float]:
    check_size("flipped", flipped, whole=True)
    check_family(kind, flipped, flipped + _FIRST.get(kind, 0.0))
    before = None
    for here in _points(kind, flipped, largest):
        if before is not None and here is not None and (before[1] < 0) != (here[1] < 0):
            bracket = (before[0], here[0])
            yield root_scalar(_smallest, args=(kind, flipped), bracket=bracket, xtol=_ACCURACY).root
        before = here


_Point = tuple[float, float]  # a size and the smallest eigenvalue there


def _points(kind: Kind, flipped: int, largest: float) -> Iterator[_Point | None]:
    """Points at growing sizes, None where the branch does not exist, and both ends of where it does."""
    size = first_width(kind, flipped)
    before = _point(kind, flipped, size)
    yield before
    while size < largest:
        ahead = min(max(size + 0.5, 1.06 * size), largest)
        here = _point(kind, flipped, ahead)
        if (before is None) != (here is None):
            end = before or here
            without = size if before is None else ahead
            while end is not None and abs(end[0] - without) > _END:
                middle = (end[0] + without) / 2.0
                nearer = _point(kind, flipped, middle)
                end, without = (end, middle) if nearer is None else (nearer, without)
            yield end
        yield here
        size, before = ahead, here


def _point(kind: Kind, flipped: int, size: float) -> _Point | None:
    try:
        return size, _smallest(size, kind, flipped)
    except BranchEndedError:
        return None


def _smallest(students: float, kind: Kind, flipped: int) -> float:
    return min(symmetry_minima(kind, flipped, students).values())
