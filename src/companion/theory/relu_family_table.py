"""The table of families: every listed critical point of one size, with its stability, as data.

The lowest of them also says which runs count as global: see ``global_loss_limit``.
"""

from collections.abc import Iterable

from companion.theory.relu_children import known_families
from companion.theory.relu_families import check_size
from companion.theory.relu_minimum import Minimum

_SMALLEST_WITH_FAMILIES = 4  # I(1), a saddle there


def family_table(
    students: int,
    teachers: int | None = None,
    *,
    minima_only: bool = False,
    largest_flipped: int | None = None,
) -> list[Minimum]:
    """Families I, II and the children of II at K = M, or S, X and T at K = M + 1, by loss.

    ``teachers`` is K unless given; at other widths the table is empty. ``minima_only`` leaves out the
    saddles, ``largest_flipped`` the families with more flipped units.

    Raises ValueError for sizes below one or not whole.

    >>> [minimum.name for minimum in family_table(17, minima_only=True, largest_flipped=3)]
    ['I(1)', 'I(2)', 'I(3)']
    """
    return [
        minimum
        for minimum in known_families(students, teachers)
        if (minimum.is_minimum or not minima_only)
        and (largest_flipped is None or minimum.flipped <= largest_flipped)
    ]


def global_loss_limit(students: int, teachers: int | None = None) -> float:
    """Loss below which a run of K = ``students`` counts as global: a tenth of the lowest family's.

    This is the one definition used by every census, table and test. The families are those of
    ``known_families`` at K and M = ``teachers`` (K unless given), saddles included; for K > M + 1, where
    none is known, those of K = M, and below four teachers, where there is none at all, those of four.
    The teacher is orthonormal; it falls about as 0.03/K.

    Raises ValueError for sizes below one or not whole, and for K < M, where no student reaches zero loss.

    >>> round(global_loss_limit(17), 6), round(global_loss_limit(18, 17), 6), round(global_loss_limit(19, 17), 6)
    (0.00128, 0.00117, 0.00128)
    """
    if teachers is None:
        teachers = students
    check_size("students", students, whole=True)
    check_size("teachers", teachers, whole=True)
    if students < teachers:
        raise ValueError(
            f"students: given {students} for {teachers} teachers; allowed: at least as many, so that zero loss exists"
        )
    families = known_families(students, teachers) or known_families(max(teachers, _SMALLEST_WITH_FAMILIES))
    return families[0].loss / 10.0


def table_columns(minima: Iterable[Minimum]) -> dict[str, list]:
    """Columns of the table: names, sizes, blocks (aligned first, "+1" for the extra student), loss, stability.

    ``hessian_min`` and ``hessian_max`` are eigenvalues inside the teacher's span, ``transverse_min`` is the
    smallest one across it, and ``negative_eigenvalues`` counts the unstable directions inside.

    >>> table_columns(family_table(8, 7, minima_only=True))["blocks"]
    ['6,1+1']
    """
    rows = [
        {
            "name": minimum.name,
            "students": minimum.students,
            "teachers": minimum.teachers,
            "flipped": minimum.flipped,
            "blocks": ",".join(map(str, minimum.blocks)) + "+1" * minimum.extra,
            "loss": minimum.loss,
            "hessian_min": minimum.hessian_min,
            "hessian_max": minimum.hessian_max,
            "transverse_min": minimum.transverse_min,
            "negative_eigenvalues": minimum.negative_eigenvalues,
            "is_minimum": minimum.is_minimum,
        }
        for minimum in minima
    ]
    return {name: [row[name] for row in rows] for name in _COLUMNS}


_COLUMNS = (
    "name",
    "students",
    "teachers",
    "flipped",
    "blocks",
    "loss",
    "hessian_min",
    "hessian_max",
    "transverse_min",
    "negative_eigenvalues",
    "is_minimum",
)
