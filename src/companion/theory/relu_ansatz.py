"""Block-symmetric students of an orthonormal teacher: loss and Newton's method at O(1) cost in K.

Students and teachers are split in the same blocks of sizes m_1, m_2, …; permuting the units within
the blocks leaves W unchanged. Student i of block a then has the weight ``d_a`` on its own teacher,
``o_a`` on the others of its block and ``c_ab`` on all teachers of block b, so that a handful of
numbers describes K² weights, and the sizes may be real numbers (arXiv:2604.09412; arXiv:2003.10576).

All overlaps are quadratic forms yᵀ F y of y = (1, unknowns). Gradients are taken in the scaled
unknowns z = x · sqrt(number of weights that share x): their Euclidean norm is that of the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from companion.theory import relu_ansatz_kernels as kernels


class NotConvergedError(ArithmeticError):
    """Newton's method did not reach a critical point."""


@dataclass(frozen=True)
class Ansatz:
    """The block-symmetric weights with blocks of ``sizes`` (each at least 1, possibly not whole).

    >>> Ansatz((9, 1)).names
    ('d1', 'o1', 'c12', 'd2', 'c21')
    """

    sizes: tuple[float, ...]

    @cached_property
    def _layout(self) -> dict[tuple[str, int, int], float]:
        """Unknowns in order, with the number of weights that share each."""
        layout: dict[tuple[str, int, int], float] = {}
        for a, size in enumerate(self.sizes):
            layout["d", a, a] = size
            if size != 1:
                layout["o", a, a] = size * (size - 1)
            layout.update({("c", a, b): size * other for b, other in enumerate(self.sizes) if b != a})
        return layout

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the unknowns: d1, o1, c12, … with blocks counted from 1."""
        return tuple(f"{kind}{a + 1}" + (f"{b + 1}" if kind == "c" else "") for kind, a, b in self._layout)

    @cached_property
    def multiplicities(self) -> NDArray[np.float64]:
        """How many weights share each unknown."""
        return np.array(list(self._layout.values()), dtype=float)

    @cached_property
    def _tables(self) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
        """The arguments sizes, sums, forms, pairs and weights of the compiled kernels."""
        sizes, blocks = self.sizes, len(self.sizes)
        place = {key: 1 + index for index, key in enumerate(self._layout)}
        width = 1 + len(place)

        def row(student: int, own: bool, teacher: int) -> NDArray[np.float64]:
            """A weight of a unit of block ``student`` as a linear form of y."""
            kind = "c" if student != teacher else ("d" if own else "o")
            return _basis(width, place.get((kind, student, teacher)))

        sums, norms, overlaps, pairs, weights = [], [], [], [], []

        def add_pair(a: int, b: int, overlap: NDArray[np.float64], weight: float) -> None:
            if weight != 0:
                pairs.append((a, b, 1 + blocks + len(overlaps)))  # after the norms and the teacher's
                overlaps.append(_symmetric(overlap))
                weights.append(weight)

        for a, size in enumerate(sizes):
            total = row(a, True, a) + (size - 1) * row(a, False, a)
            total += sum(sizes[b] * row(b, False, a) for b in range(blocks) if b != a)
            total[0] -= 1.0
            sums.append(total)
            norm = np.outer(row(a, True, a), row(a, True, a))
            within = 2.0 * np.outer(row(a, True, a), row(a, False, a))
            norm += (size - 1) * np.outer(row(a, False, a), row(a, False, a))
            within += (size - 2) * np.outer(row(a, False, a), row(a, False, a))
            for b in range(blocks):
                if b != a:
                    across = sizes[b] * np.outer(row(a, False, b), row(a, False, b))
                    norm, within = norm + across, within + across
            norms.append(norm)
            add_pair(a, a, within, size * (size - 1))
            for b in range(a):
                between = np.outer(row(a, True, a) + (size - 1) * row(a, False, a), row(b, False, a))
                between += np.outer(row(a, False, b), row(b, True, b) + (sizes[b] - 1) * row(b, False, b))
                for c in set(range(blocks)) - {a, b}:
                    between += sizes[c] * np.outer(row(a, False, c), row(b, False, c))
                add_pair(a, b, between, 2 * size * sizes[b])
            one = _basis(width, 0)
            add_pair(a, blocks, np.outer(one, row(a, True, a)), -2 * size)
            add_pair(a, blocks, np.outer(one, row(a, False, a)), -2 * size * (size - 1))
            for b in range(blocks):
                if b != a:
                    add_pair(a, blocks, np.outer(one, row(a, False, b)), -2 * size * sizes[b])
        unit = _symmetric(np.outer(_basis(width, 0), _basis(width, 0)))
        return (
            np.array(sizes, dtype=float),
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
            )
        return values

    def refine(
        self, values: NDArray[np.float64], parts: Sequence[Sequence[float]]
    ) -> tuple["Ansatz", NDArray[np.float64]]:
        """The same weights with each block cut in ``parts`` (sizes that sum to the block's)."""
        parent = [a for a, sizes in enumerate(parts) for _ in sizes]
        fine = Ansatz(tuple(size for sizes in parts for size in sizes))
        at = dict(zip(self._layout, values, strict=True))
        inherited = [
            at["d", parent[a], parent[a]]
            if kind == "d"
            else at["o" if parent[a] == parent[b] else "c", parent[a], parent[b]]
            for kind, a, b in fine._layout
        ]
        return fine, np.array(inherited)

    def hessian_eigenvalues(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """All distinct eigenvalues, ascending, of the Hessian of the weights inside the teacher's span.

        A direction in weight space has one student and one teacher index, so that every symmetry
        type has directions which treat all but two units of each block alike (Young's rule): cutting
        two units out of each block finds all eigenvalues, at O(1) cost. Some occur more than once here.
        """
        parts = [(size - 2, 1.0, 1.0) if size > 2 else (1.0,) * int(size) for size in self.sizes]
        fine, same = self.refine(values, parts)
        return np.asarray(np.linalg.eigvalsh(fine.hessian(same)), dtype=np.float64)

    def transverse_eigenvalues(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """All distinct eigenvalues, ascending, of the matrix A of the full weights."""
        sizes = np.array(self.sizes, dtype=float)
        between, diagonal = kernels.transverse(*self._tables, values)
        roots = np.sqrt(sizes)
        even = between * np.outer(roots, roots) + np.diag(diagonal - np.diag(between))
        odd = (diagonal - np.diag(between))[sizes > 1]
        return np.sort(np.concatenate([np.asarray(np.linalg.eigvalsh(even), dtype=np.float64), odd]))

    def weights(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights (K, K), block after block; the sizes have to be whole numbers."""
        starts = np.concatenate(([0], np.cumsum([round(size) for size in self.sizes])))
        W = np.empty((starts[-1], starts[-1]))
        for (kind, a, b), value in zip(self._layout, values, strict=True):
            block = W[starts[a] : starts[a + 1], starts[b] : starts[b + 1]]
            own = np.eye(*block.shape, dtype=bool)
            block[{"d": own, "o": ~own, "c": np.ones(block.shape, dtype=bool)}[kind]] = value
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
