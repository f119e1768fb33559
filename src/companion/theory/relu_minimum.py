"""One critical point of the ReLU landscape: its blocks, its weights and its stability."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from companion.theory.relu_ansatz import POSITIVE, Ansatz, start_values
from companion.theory.relu_symmetry import Component


@dataclass(frozen=True)
class Minimum:
    """A critical point of one family: a minimum if ``is_minimum``, otherwise a saddle.

    ``blocks`` holds the sizes of the blocks (aligned first) and ``values`` the weights by name (d1 on
    the diagonal of block 1, o1 off it, c12 between blocks 1 and 2, u1 from the extra student to
    block 1). ``extra`` is 1 with one student more than teachers, which then is the last row. Weights
    and eigenvalues are computed when first asked for; eigenvalues cost some milliseconds at any K.
    """

    name: str
    blocks: tuple[int, ...]
    values: dict[str, float]
    loss: float
    gradient_norm: float
    extra: int = 0

    @property
    def students(self) -> int:
        """Number K of students."""
        return self.teachers + self.extra

    @property
    def teachers(self) -> int:
        """Number M of teachers."""
        return sum(self.blocks)

    @property
    def flipped(self) -> int:
        """Number of flipped units, the p or q of the family."""
        return self.teachers if len(self.blocks) == 1 else sum(self.blocks[1:])

    @cached_property
    def _reduced(self) -> tuple[Ansatz, NDArray[np.float64]]:
        ansatz = Ansatz(self.blocks, self.extra)
        return ansatz, start_values(ansatz, self.values)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Weights (K, M) in the basis of the teachers: the overlaps R."""
        ansatz, values = self._reduced
        return ansatz.weights(values)

    @cached_property
    def hessian_components(self) -> tuple[Component, ...]:
        """Eigenvalues of the Hessian inside the span of the teachers, by symmetry; K M with multiplicity."""
        ansatz, values = self._reduced
        return ansatz.hessian_components(values)

    @property
    def hessian_min(self) -> float:
        """Smallest eigenvalue of the Hessian inside the span of the teachers."""
        return min(float(part.eigenvalues[0]) for part in self.hessian_components)

    @property
    def hessian_max(self) -> float:
        """Largest eigenvalue of the Hessian inside the span of the teachers."""
        return max(float(part.eigenvalues[-1]) for part in self.hessian_components)

    @property
    def negative_eigenvalues(self) -> int:
        """How many eigenvalues inside the span are negative, with multiplicity (the index of a saddle)."""
        return round(
            sum(part.dimension * np.sum(part.eigenvalues < -POSITIVE) for part in self.hessian_components)
        )

    @cached_property
    def transverse_min(self) -> float:
        """Smallest eigenvalue of A, the Hessian across the span of the teachers."""
        ansatz, values = self._reduced
        return float(ansatz.transverse_eigenvalues(values)[0])

    @property
    def is_minimum(self) -> bool:
        """True if all eigenvalues are positive, in any dimension d >= M."""
        return min(self.transverse_min, self.hessian_min) > POSITIVE


def named_minimum(name: str, ansatz: Ansatz, values: NDArray[np.float64]) -> Minimum:
    """The critical point with these unknowns."""
    return Minimum(
        name=name,
        blocks=tuple(round(size) for size in ansatz.sizes),
        values=dict(zip(ansatz.names, map(float, values), strict=True)),
        loss=ansatz.loss(values),
        gradient_norm=float(np.linalg.norm(ansatz.gradient(values))),
        extra=ansatz.extra,
    )
