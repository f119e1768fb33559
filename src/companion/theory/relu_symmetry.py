"""Directions in weight space, sorted by how they change when the units of a block are permuted.

At a block-symmetric critical point the Hessian commutes with the permutations of the units within
each block (students and teachers together), so that it splits in one small matrix for each
irreducible symmetry (arXiv:2008.01805 does this for I(1)). With m units in block a these occur:

- ``trivial``: changes that keep the blocks, dimension 1;
- ``standard(a)``: one unit against the others, dimension m - 1;
- ``symmetric(a)``, ``antisymmetric(a)``: weights between two units of the block that change together
  or oppositely, dimensions m (m - 3) / 2 and (m - 1) (m - 2) / 2;
- ``standard(a,b)``: one unit against the others in both blocks, dimension (m_a - 1) (m_b - 1).

Each eigenvalue of the small matrix is one of the Hessian, as often as the dimension says. One member
of each type needs only two units of a block told apart, so that the sizes enter as numbers only,
and may be real.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Direction = dict[tuple[str, int, int], float]  # unknowns of the refined ansatz, by kind and blocks


@dataclass(frozen=True)
class Component:
    """The distinct eigenvalues, ascending, of one symmetry; each occurs ``dimension`` times.

    The dimension is a whole number where the block sizes are.
    """

    symmetry: str
    dimension: float
    eigenvalues: NDArray[np.float64]


def cut(sizes: tuple[float, ...]) -> list[list[float]]:
    """Parts of each block with two units told apart from the rest.

    Raises ValueError for a block between one and two units, which has no such parts.
    """
    for size in sizes:
        if size < 2 and size != 1:
            raise ValueError(f"sizes: blocks must have 1 or at least 2 units, got {sizes}")
    return [[size - 2, 1.0, 1.0] if size > 2 else [1.0] * int(size) for size in sizes]


def adapted_directions(sizes: tuple[float, ...], extra: int) -> Iterator[tuple[str, float, list[Direction]]]:
    """Symmetry, dimension and independent directions (one member of each copy), the trivial one left out.

    The directions are unknowns of the ansatz refined by ``cut``; some may depend on each other at m = 2.
    """
    parts = cut(sizes)
    firsts = np.concatenate(([0], np.cumsum([len(part) for part in parts])))
    blocks = [range(firsts[a], firsts[a + 1]) for a in range(len(sizes))]
    extra_row = int(firsts[-1])
    everyone = [dict.fromkeys(block, 1.0) for block in blocks]
    # One of the two units against the other; None where the block has one unit only.
    contrast = [
        dict(zip(block[-2:], (1.0, -1.0), strict=True)) if len(block) > 1 else None for block in blocks
    ]
    for a, size in enumerate(sizes):
        v = contrast[a]
        if v is None:
            continue
        directions: list[Direction] = [{("d", i, i): value for i, value in v.items()}]
        for b in range(len(sizes)):
            directions.append(_product(v, everyone[b]))
            directions.append(_product(everyone[b], v))
        if extra:
            directions.append({("u", extra_row, i): value for i, value in v.items()})
        yield f"standard({a + 1})", size - 1, directions
        for b in range(a):
            w = contrast[b]
            if w is not None:
                yield (
                    f"standard({b + 1},{a + 1})",
                    (size - 1) * (sizes[b] - 1),
                    [_product(v, w), _product(w, v)],
                )
        if size > 2:
            rest, one, two = blocks[a]
            pair: Direction = {("c", one, two): 1.0, ("c", two, one): -1.0}
            for unit, sign in ((one, 1.0), (two, -1.0)):
                pair["c", unit, rest] = -sign / (size - 2)
                pair["c", rest, unit] = sign / (size - 2)
            yield f"antisymmetric({a + 1})", (size - 1) * (size - 2) / 2, [pair]
        if size > 3:
            rest, one, two = blocks[a]
            pair = {("c", one, two): 1.0, ("c", two, one): 1.0}
            pair["o", rest, rest] = 2.0 / ((size - 2) * (size - 3))
            for unit in (one, two):
                pair["c", unit, rest] = pair["c", rest, unit] = -1.0 / (size - 2)
            yield f"symmetric({a + 1})", size * (size - 3) / 2, [pair]


def _product(students: dict[int, float], teachers: dict[int, float]) -> Direction:
    """The weight change students_i teachers_j."""
    change: Direction = {}
    for i, left in students.items():
        for j, right in teachers.items():
            if i == j:
                change["d", i, i] = change["o", i, i] = left * right
            else:
                change["c", i, j] = left * right
    return change


def restricted_eigenvalues(
    curvature: NDArray[np.float64],
    multiplicities: NDArray[np.float64],
    directions: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Eigenvalues, ascending, of a quadratic form of unknowns on the span of ``directions`` (n, U).

    ``multiplicities`` (U,) count the weights that share an unknown, so that they give the lengths.
    """
    lengths, axes = np.linalg.eigh(directions * multiplicities @ directions.T)
    kept = lengths > 1e-10 * lengths[-1]
    basis = (axes[:, kept] / np.sqrt(lengths[kept])).T @ directions
    return np.asarray(np.linalg.eigvalsh(basis @ curvature @ basis.T), dtype=np.float64)
