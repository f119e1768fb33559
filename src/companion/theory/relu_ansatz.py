"""Block-symmetric students of an orthonormal teacher: loss and Newton's method at O(1) cost in K.

Students and teachers are split in the same blocks of sizes m_1, m_2, …; permuting the units within
the blocks leaves W unchanged. Student i of block a then has the weight ``d_a`` on its own teacher,
``o_a`` on the others of its block and ``c_ab`` on all teachers of block b, so that a handful of
numbers describes K² weights, and the sizes may be real numbers (arXiv:2604.09412; arXiv:2003.10576).

All overlaps are quadratic forms yᵀ F y of y = (1, unknowns). Gradients are taken in the scaled
unknowns z = x · sqrt(number of weights that share x): their Euclidean norm is that of the weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from companion.compute.compiled import compiled
from companion.theory.relu_kernels import excess_correlation

_SELF = math.pi / 2.0 - 1.0  # excess correlation of a unit vector with itself


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
    def _tables(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
        """Forms (the summed error, norms, 1, overlaps), pairs (norm, norm, overlap) and their weights."""
        sizes, blocks = self.sizes, len(self.sizes)
        place = {key: 1 + index for index, key in enumerate(self._layout)}
        width = 1 + len(place)

        def row(student: int, own: bool, teacher: int) -> NDArray[np.float64]:
            """A weight of a unit of block ``student`` as a linear form of y."""
            kind = "c" if student != teacher else ("d" if own else "o")
            return _basis(width, place.get((kind, student, teacher)))

        summed = np.zeros((width, width))
        norms, overlaps, pairs, weights = [], [], [], []
        first_overlap = 2 + blocks  # after the summed error, the norms and the teacher's norm

        def add_pair(a: int, b: int, overlap: NDArray[np.float64], weight: float) -> None:
            if weight != 0:
                pairs.append((1 + a, 1 + b, first_overlap + len(overlaps)))
                overlaps.append(_symmetric(overlap))
                weights.append(weight)

        for a, size in enumerate(sizes):
            total = row(a, True, a) + (size - 1) * row(a, False, a)
            total += sum(sizes[b] * row(b, False, a) for b in range(blocks) if b != a)
            total[0] -= 1.0
            summed += size * np.outer(total, total)
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
        forms = np.array([_symmetric(summed), *map(_symmetric, norms), unit, *overlaps])
        return forms, np.array(pairs, dtype=np.int64), np.array(weights, dtype=float)

    def loss(self, values: NDArray[np.float64]) -> float:
        """Population loss (with the 1/2) of the unknowns' ``values``."""
        return float(_evaluate(*self._tables, np.array(self.sizes, dtype=float), values, False)[0])

    def gradient(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gradient in the scaled unknowns."""
        slope = _evaluate(*self._tables, np.array(self.sizes, dtype=float), values, False)[1]
        return slope / np.sqrt(self.multiplicities)

    def hessian(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Hessian in the scaled unknowns: that of the weights restricted to the invariant subspace."""
        curvature = _evaluate(*self._tables, np.array(self.sizes, dtype=float), values, True)[2]
        roots = np.sqrt(self.multiplicities)
        return curvature / np.outer(roots, roots)

    def solve(
        self, start: NDArray[np.float64], *, downhill: bool = False, steps: int = 100
    ) -> NDArray[np.float64]:
        """Critical point reached from ``start`` by Newton's method; ``downhill`` goes to minima only.

        Raises NotConvergedError.
        """
        sizes = np.array(self.sizes, dtype=float)
        values, gradient_norm = _newton(
            *self._tables, sizes, np.sqrt(self.multiplicities), start, downhill, steps
        )
        # Rounding leaves a few units in the last place per student.
        if not gradient_norm <= 1e-13 + 5e-15 * sum(self.sizes):
            raise NotConvergedError(
                f"Newton's method stopped at gradient norm {gradient_norm:.1e} for blocks {self.sizes}"
            )
        return values

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


@compiled()
def _evaluate(forms, pairs, weights, sizes, values, with_hessian):
    """Loss, gradient and Hessian (zeros unless asked for) in the unknowns."""
    count, width = values.shape[0], values.shape[0] + 1
    blocks = sizes.shape[0]
    y = np.ones(width)
    y[1:] = values
    level = np.empty(forms.shape[0])
    slope = np.empty((forms.shape[0], count))
    for f in range(forms.shape[0]):
        total = 0.0
        for i in range(width):
            inner = 0.0
            for j in range(width):
                inner += forms[f, i, j] * y[j]
            total += inner * y[i]
            if i > 0:
                slope[f, i - 1] = 2.0 * inner
        level[f] = total
    # First and second derivatives of the loss by the forms, then the chain rule.
    first = np.zeros(forms.shape[0])
    second = np.zeros((forms.shape[0], forms.shape[0]))
    length = 0.0
    self_energy = 0.0
    for a in range(blocks):
        length += sizes[a] * (math.sqrt(level[1 + a]) - 1.0)
        self_energy += sizes[a] * _SELF * (level[1 + a] + 1.0)
    for a in range(blocks):
        n = level[1 + a]
        first[1 + a] += sizes[a] * _SELF + length * sizes[a] / math.sqrt(n)
        second[1 + a, 1 + a] -= 0.5 * length * sizes[a] / n**1.5
        for b in range(blocks):
            second[1 + a, 1 + b] += 0.5 * sizes[a] * sizes[b] / math.sqrt(n * level[1 + b])
    energy = length * length + self_energy
    for p in range(pairs.shape[0]):
        a, b, f = pairs[p]
        n_a, n_b, g, weight = level[a], level[b], level[f], weights[p]
        product = math.sqrt(n_a * n_b)
        s = math.sqrt(max(n_a * n_b - g * g, 0.0))
        energy += weight * excess_correlation(n_a, n_b, g)
        first[f] += weight * math.atan2(g, s)
        by_norm = -0.5 * weight * g * g / (s + product)
        first[a] += by_norm / n_a
        first[b] += by_norm / n_b
        s = max(s, 1e-12 * product)  # the second derivatives are singular at parallel pairs
        second[f, f] += weight / s
        mixed = 0.25 * weight * (1.0 / s - 1.0 / product)
        second[a, b] += mixed
        second[b, a] += mixed
        for norm, n in ((a, n_a), (b, n_b)):
            cross = -0.5 * weight * g / (s * n)
            second[f, norm] += cross
            second[norm, f] += cross
            own = (product * product / (2.0 * s) - s) / (2.0 * n * n) + product / (4.0 * n * n)
            second[norm, norm] += weight * own
    scale = 4.0 * math.pi
    loss = level[0] / 8.0 + energy / scale
    first /= scale
    second /= scale
    first[0] = 0.125
    gradient = np.zeros(count)
    curvature = np.zeros((count, count))
    for f in range(forms.shape[0]):
        for i in range(count):
            gradient[i] += first[f] * slope[f, i]
    if with_hessian:
        for f in range(forms.shape[0]):
            curvature += 2.0 * first[f] * forms[f, 1:, 1:]
        curvature += slope.T @ (second @ slope)
    return loss, gradient, curvature


@compiled()
def _newton(forms, pairs, weights, sizes, roots, start, downhill, steps):
    """Newton's method in the scaled unknowns, each unknown moving by at most 0.1 a step.

    Ends when the gradient no longer falls and is near rounding, or after ``steps``; returns the best
    point and its gradient norm. ``downhill`` replaces the eigenvalues of the Hessian by their moduli.
    """
    values = start.copy()
    best, best_norm = values.copy(), np.inf
    idle = 0
    for _ in range(steps):
        _, gradient, curvature = _evaluate(forms, pairs, weights, sizes, values, True)
        gradient /= roots
        norm = math.sqrt(np.sum(gradient * gradient))
        if not norm < np.inf:
            break
        if norm < best_norm:
            best[:], best_norm, idle = values, norm, 0
        else:
            idle += 1
            if best_norm < 1e-11 * (1.0 + 1e-2 * np.sum(sizes)) and idle >= 2:
                break
        curvature /= roots.reshape(-1, 1) * roots
        eigenvalues, vectors = np.linalg.eigh(curvature)
        if downhill:
            eigenvalues = np.abs(eigenvalues)
        for i in range(eigenvalues.shape[0]):
            if abs(eigenvalues[i]) < 1e-9:
                eigenvalues[i] = 1e-9
        move = -(vectors @ ((vectors.T @ gradient) / eigenvalues)) / roots
        longest = np.max(np.abs(move))
        if longest > 0.1:
            move *= 0.1 / longest
        values = values + move
    return best, best_norm
