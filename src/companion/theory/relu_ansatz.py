"""Block-symmetric students of an orthonormal teacher: loss and Newton's method at O(1) cost in K.

Students and teachers are split in the same blocks of sizes m_1, m_2, …; permuting the units within
the blocks leaves W unchanged. Student i of block a then has the weight ``d_a`` on its own teacher,
``o_a`` on the others of its block and ``c_ab`` on all teachers of block b, so that a handful of
numbers describes K² weights, and the sizes may be real numbers (arXiv:2604.09412; arXiv:2003.10576).
With K = M + 1 one further student, the extra one, has the weight ``u_a`` on all teachers of block a.

All overlaps are quadratic forms yᵀ F y of y = (1, unknowns). Gradients are taken in the scaled
unknowns z = x · sqrt(number of weights that share x): their Euclidean norm is that of the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from companion.theory import relu_ansatz_kernels as kernels
from companion.theory.relu_symmetry import Component, adapted_directions, cut, restricted_eigenvalues

POSITIVE = 1e-9  #: eigenvalues above it are positive; rounding leaves about 1e-14


class NotConvergedError(ArithmeticError):
    """Newton's method did not reach a critical point."""


@dataclass(frozen=True)
class Ansatz:
    """The block-symmetric weights with blocks of ``sizes`` (each at least 1, possibly not whole).

    ``extra`` is the number of students without a teacher of their own, 0 or 1.

    >>> Ansatz((9, 1)).names
    ('d1', 'o1', 'c12', 'd2', 'c21')
    >>> Ansatz((9, 1), extra=1).names
    ('d1', 'o1', 'c12', 'd2', 'c21', 'u1', 'u2')
    """

    sizes: tuple[float, ...]
    extra: int = 0

    @cached_property
    def _layout(self) -> dict[tuple[str, int, int], float]:
        """Unknowns in order, with the number of weights that share each."""
        layout: dict[tuple[str, int, int], float] = {}
        for a, size in enumerate(self.sizes):
            layout["d", a, a] = size
            if size != 1:
                layout["o", a, a] = size * (size - 1)
            layout.update({("c", a, b): size * other for b, other in enumerate(self.sizes) if b != a})
        if self.extra:
            layout.update({("u", len(self.sizes), b): size for b, size in enumerate(self.sizes)})
        return layout

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the unknowns: d1, o1, c12, …, u1, … with blocks counted from 1."""
        indices = {"d": "{0}", "o": "{0}", "c": "{0}{1}", "u": "{1}"}
        return tuple(kind + indices[kind].format(a + 1, b + 1) for kind, a, b in self._layout)

    @cached_property
    def multiplicities(self) -> NDArray[np.float64]:
        """How many weights share each unknown."""
        return np.array(list(self._layout.values()), dtype=float)

    @cached_property
    def _tables(self) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray, NDArray]:
        """The arguments sizes, targets, sums, forms, pairs and weights of the compiled kernels."""
        targets, sizes = self.sizes, (*self.sizes, *(1.0,) * self.extra)
        place = {key: 1 + index for index, key in enumerate(self._layout)}
        width = 1 + len(place)

        def row(student: int, own: bool, teacher: int) -> NDArray[np.float64]:
            """A weight of a unit of block ``student`` as a linear form of y."""
            kind = "u" if student >= len(targets) else "c" if student != teacher else "d" if own else "o"
            return _basis(width, place.get((kind, student, teacher)))

        def total(student: int, teacher: int) -> NDArray[np.float64]:
            """The sum of a unit's weights on all teachers of a block."""
            if student == teacher:
                return row(student, True, student) + (targets[student] - 1) * row(student, False, student)
            return targets[teacher] * row(student, False, teacher)

        sums, norms, overlaps, pairs, weights = [], [], [], [], []

        def add_pair(a: int, b: int, overlap: NDArray[np.float64], weight: float) -> None:
            if weight != 0:
                pairs.append((a, b, 1 + len(sizes) + len(overlaps)))  # after the norms and the teacher's
                overlaps.append(_symmetric(overlap))
                weights.append(weight)

        one = _basis(width, 0)
        for t in range(len(targets)):
            error = row(t, True, t) + (targets[t] - 1) * row(t, False, t)
            error += sum(sizes[a] * row(a, False, t) for a in range(len(sizes)) if a != t)
            sums.append(error - one)
        for a, size in enumerate(sizes):
            across = np.zeros((width, width))
            for t in range(len(targets)):
                if t != a:
                    across += np.outer(total(a, t), row(a, False, t))
            norm = within = across
            if a < len(targets):
                own, other = row(a, True, a), row(a, False, a)
                norm = across + np.outer(own, own) + (size - 1) * np.outer(other, other)
                within = across + 2.0 * np.outer(own, other) + (size - 2) * np.outer(other, other)
            norms.append(norm)
            add_pair(a, a, within, size * (size - 1))
            for b in range(a):
                between = np.outer(total(a, a), row(b, False, a)) if a < len(targets) else 0.0
                between = between + np.outer(row(a, False, b), total(b, b))
                for t in set(range(len(targets))) - {a, b}:
                    between += np.outer(total(a, t), row(b, False, t))
                add_pair(a, b, between, 2 * size * sizes[b])
            for t, target in enumerate(targets):
                if t == a:
                    add_pair(a, len(sizes), np.outer(one, row(a, True, a)), -2 * size)
                    add_pair(a, len(sizes), np.outer(one, row(a, False, a)), -2 * size * (size - 1))
                else:
                    add_pair(a, len(sizes), np.outer(one, row(a, False, t)), -2 * size * target)
        unit = _symmetric(np.outer(one, one))
        return (
            np.array(sizes, dtype=float),
            np.array(targets, dtype=float),
            np.array(sums),
            np.array([*map(_symmetric, norms), unit, *overlaps]),
            np.array(pairs, dtype=np.int64),
            np.array(weights, dtype=float),
        )

    def loss(self, values: NDArray[np.float64]) -> float:
        """Population loss (with the 1/2) of the unknowns' ``values``."""
        return float(kernels.evaluate(*self._tables, values, False)[0])

    def gradient(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gradient in the scaled unknowns."""
        slope = kernels.evaluate(*self._tables, values, False)[1]
        return slope / np.sqrt(self.multiplicities)

    def hessian(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Hessian in the scaled unknowns: that of the weights restricted to the invariant subspace."""
        curvature = kernels.evaluate(*self._tables, values, True)[2]
        roots = np.sqrt(self.multiplicities)
        return curvature / np.outer(roots, roots)

    def is_stable(self, values: NDArray[np.float64]) -> bool:
        """True for a minimum inside the ansatz; the weights may still be unstable outside of it."""
        return bool(np.linalg.eigvalsh(self.hessian(values))[0] > POSITIVE)

    def solve(
        self, start: NDArray[np.float64], *, downhill: bool = False, steps: int = 100
    ) -> NDArray[np.float64]:
        """Critical point reached from ``start`` by Newton's method; ``downhill`` goes to minima only.

        Raises NotConvergedError.
        """
        values, gradient_norm = kernels.newton(
            *self._tables, np.sqrt(self.multiplicities), start, downhill, steps
        )
        # Rounding leaves a few units in the last place per student.
        if not gradient_norm <= 1e-13 + 5e-15 * sum(self.sizes):
            raise NotConvergedError(
                f"Newton's method stopped at gradient norm {gradient_norm:.1e} for blocks {self.sizes}"
                + " and an extra student" * self.extra
            )
        return values

    def refine(
        self, values: NDArray[np.float64], parts: Sequence[Sequence[float]]
    ) -> tuple["Ansatz", NDArray[np.float64]]:
        """The same weights with each block cut in ``parts`` (sizes that sum to the block's)."""
        parent = [a for a, sizes in enumerate(parts) for _ in sizes]
        fine = Ansatz(tuple(size for sizes in parts for size in sizes), self.extra)
        parent += [len(parts)] * self.extra
        at = dict(zip(self._layout, values, strict=True))
        inherited = [
            at["o" if kind == "c" and parent[a] == parent[b] else kind, parent[a], parent[b]]
            for kind, a, b in fine._layout
        ]
        return fine, np.array(inherited)

    def hessian_components(self, values: NDArray[np.float64]) -> tuple[Component, ...]:
        """Eigenvalues by symmetry of the Hessian of the weights inside the teacher's span, at O(1) cost.

        Raises ValueError for a block between one and two units, which has no symmetry types.
        """
        fine, same = self.refine(values, cut(self.sizes))
        curvature = kernels.evaluate(*fine._tables, same, True)[2]
        place = {key: index for index, key in enumerate(fine._layout)}
        trivial = np.asarray(np.linalg.eigvalsh(self.hessian(values)), dtype=np.float64)
        components = [Component("trivial", 1.0, trivial)]
        for symmetry, dimension, directions in adapted_directions(self.sizes, self.extra):
            rows = np.zeros((len(directions), len(place)))
            for row, direction in zip(rows, directions, strict=True):
                for key, change in direction.items():
                    if key in place:  # parts of one unit have no weights off the diagonal
                        row[place[key]] = change
            eigenvalues = restricted_eigenvalues(curvature, fine.multiplicities, rows)
            components.append(Component(symmetry, dimension, eigenvalues))
        return tuple(components)

    def hessian_eigenvalues(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """All distinct eigenvalues, ascending, of the Hessian of the weights inside the teacher's span."""
        return np.sort(np.concatenate([part.eigenvalues for part in self.hessian_components(values)]))

    def transverse_eigenvalues(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """All distinct eigenvalues, ascending, of the matrix A of the full weights."""
        sizes = self._tables[0]
        between, diagonal = kernels.transverse(*self._tables, values)
        roots = np.sqrt(sizes)
        even = between * np.outer(roots, roots) + np.diag(diagonal - np.diag(between))
        odd = (diagonal - np.diag(between))[sizes > 1]
        return np.sort(np.concatenate([np.asarray(np.linalg.eigvalsh(even), dtype=np.float64), odd]))

    def weights(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights (K, M), block after block, the extra student last; the sizes have to be whole numbers."""
        starts = np.concatenate(([0], np.cumsum([round(size) for size in (*self.sizes, 1)])))
        W = np.empty((starts[-2] + self.extra, starts[-2]))
        for (kind, a, b), value in zip(self._layout, values, strict=True):
            block = W[starts[a] : starts[a + 1], starts[b] : starts[b + 1]]
            own = np.eye(*block.shape, dtype=bool)
            block[{"d": own, "o": ~own}.get(kind, np.ones(block.shape, dtype=bool))] = value
        return W


def start_values(ansatz: Ansatz, values: dict[str, float]) -> NDArray[np.float64]:
    """Unknowns of ``ansatz`` from a table by name (names that it lacks are ignored).

    >>> start_values(Ansatz((2, 1)), {"d1": 1.0, "d2": -0.7})
    array([ 1. ,  0. ,  0. , -0.7,  0. ])
    """
    return np.array([values.get(name, 0.0) for name in ansatz.names])


def _basis(width: int, index: int | None) -> NDArray[np.float64]:
    vector = np.zeros(width)
    if index is not None:
        vector[index] = 1.0
    return vector


def _symmetric(form: NDArray[np.float64]) -> NDArray[np.float64]:
    return (form + form.T) / 2.0
