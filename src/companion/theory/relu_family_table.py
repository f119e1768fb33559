"""The table of families: every listed critical point of one size, with its stability, as data."""

from collections.abc import Iterable

from companion.theory.relu_children import known_families
from companion.theory.relu_minimum import Minimum

#: Students and teachers of the published tables (arXiv:2604.09412); at (19, 17) no family is known.
PUBLISHED_SIZES = ((17, 17), (18, 17), (19, 17))


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
