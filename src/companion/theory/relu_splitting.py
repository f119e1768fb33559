"""Splitting of units and flat directions of two-layer ReLU networks (arXiv:2604.09412).

A unit w can be replaced by the pair (α w, (1 - α) w), 0 < α < 1, without changing the network: each
critical point of K units opens into a line of critical points of K + 1 units with the same loss
(arXiv:2006.01005 and the references there). Along (δ, -δ) on the pair the loss has the curvature
(1/α + 1/(1 - α)) δᵀ D_k δ, where 1/2 + D_k is the block of unit k of the Hessian at K units: the
line consists of saddles as soon as D_k has a negative eigenvalue. D_k w_k = 0 always, the move along
the line. At global minima every D_k is zero: they are flat, to second order, in (K - M) d directions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory import relu_kernels
from companion.theory.relu_landscape import overlaps, transverse_matrix


@dataclass(frozen=True)
class SplittingSpectrum:
    """Eigenvalues of D_k for each of K units.

    ``in_span`` (K, r), ascending, belong to the span of the rows of W and V, of dimension r (one of
    them is zero, along w_k). ``transverse`` (K,) is A_kk - 1/2, the eigenvalue of all directions across.
    """

    in_span: NDArray[np.float64]
    transverse: NDArray[np.float64]

    @property
    def smallest(self) -> NDArray[np.float64]:
        """Smallest eigenvalue (K,) of D_k in the span."""
        return self.in_span[:, 0]

    @property
    def largest(self) -> NDArray[np.float64]:
        """Largest eigenvalue (K,) of D_k in the span."""
        return self.in_span[:, -1]


def splitting_matrix(W: ArrayLike, V: ArrayLike, neuron: int) -> NDArray[np.float64]:
    """D_k (D, D) of unit k = ``neuron``: the Hessian's block of that unit, less 1/2.

    Raises ValueError for bad arrays, a student row of zeros or a ``neuron`` outside 0 ... K - 1.

    >>> splitting_matrix([[1.0, 0.0]], [[2.0, 0.0]], 0)  # no curvature along parallel units
    array([[0., 0.],
           [0., 0.]])
    """
    student, teacher = _checked(W, V)
    _check_neuron(neuron, len(student))
    return _matrix(student, teacher, neuron)


def splitting_spectrum(W: ArrayLike, V: ArrayLike) -> SplittingSpectrum:
    """Eigenvalues of D_k of every unit, from a computation in the span of the rows of W and V.

    Splitting unit k makes saddles if ``smallest[k]`` is negative or, in more dimensions than that
    span, if ``transverse[k]`` is. Raises ValueError for bad arrays or a student row of zeros.

    >>> from companion.theory.relu_landscape import family
    >>> bool((splitting_spectrum(family("I", 1, 7).weights, np.eye(7)).smallest < -0.02).all())
    True
    """
    student, teacher = _inside(*_checked(W, V))
    matrices = np.array([_matrix(student, teacher, neuron) for neuron in range(len(student))])
    in_span = np.linalg.eigvalsh(matrices[:, :-1, :-1])
    return SplittingSpectrum(np.asarray(in_span, dtype=np.float64), matrices[:, -1, -1])


def split(W: ArrayLike, neuron: int, share: float) -> NDArray[np.float64]:
    """Weights (K + 1, D) of the same network with unit ``neuron`` split: ``share`` of it in its place,
    the rest as the last row.

    Raises ValueError for weights that are no finite matrix, a ``neuron`` outside 0 ... K - 1 or a
    ``share`` outside (0, 1).

    >>> split([[1.0, 0.0], [0.0, 4.0]], 1, 0.25)
    array([[1., 0.],
           [0., 1.],
           [0., 3.]])
    """
    student = np.asarray(W, dtype=np.float64)
    overlaps(student, student)
    _check_neuron(neuron, len(student))
    _check_share(share)
    whole = np.vstack([student, (1.0 - share) * student[neuron]])
    whole[neuron] *= share
    return whole


def splitting_curvature(W: ArrayLike, V: ArrayLike, neuron: int, share: float, direction: ArrayLike) -> float:
    """d²L/dε² at ε = 0 when the pair of ``split(W, neuron, share)`` moves by (ε δ, -ε δ).

    With δ = ``direction`` (D,) it is (1/α + 1/(1 - α)) δᵀ D_k δ, α = ``share``. The next term of the
    loss is of order |ε δ|³ across w_k, with a positive coefficient.

    Raises ValueError as ``splitting_matrix`` and ``split`` do, or if direction has another D.
    """
    D = splitting_matrix(W, V, neuron)
    _check_share(share)
    delta = np.asarray(direction, dtype=np.float64)
    if delta.shape != D.shape[:1]:
        raise ValueError(f"direction must have D = {len(D)} components, got shape {delta.shape}")
    return float((1.0 / share + 1.0 / (1.0 - share)) * (delta @ D @ delta))


def count_flat_directions(W: ArrayLike, V: ArrayLike, dimension: int, tolerance: float = 1e-9) -> int:
    """Number of eigenvalues of the Hessian in d = ``dimension`` dimensions below ``tolerance`` in modulus.

    At a global minimum in the interior of its simplex it is (K - M) d: the directions (δ, -δ) on split
    pairs. Only those along the teacher's unit keep the loss at zero; across it grows as |δ|³. Where
    descent has stopped at a distance δ from the minimum, the eigenvalues are of order |δ|: state a
    tolerance that fits. No computation in d dimensions is needed: across the span of all rows the
    Hessian is A ⊗ 1.

    Raises ValueError for bad arrays, a row of zeros, a dimension below D or a negative tolerance.

    >>> count_flat_directions(global_minimum(np.eye(4), [[0.3, 0.7], [1], [1], [1]]), np.eye(4), 40)
    40
    """
    student, teacher = _checked(W, V)
    if dimension < student.shape[1]:
        raise ValueError(f"dimension must be at least D = {student.shape[1]}, got {dimension}")
    if not tolerance >= 0:
        raise ValueError(f"tolerance must not be negative, got {tolerance}")
    student, teacher = _inside(student, teacher)
    H = relu_kernels.hessian(student, teacher)
    students, span = len(student), student.shape[1] - 1
    in_span = np.linalg.eigvalsh(H[:, :-1, :, :-1].reshape(students * span, students * span))
    across = np.linalg.eigvalsh(H[:, -1, :, -1])
    flat_in_span, flat_across = (int(np.sum(np.abs(each) < tolerance)) for each in (in_span, across))
    return flat_in_span + (dimension - span) * flat_across


def global_minimum(V: ArrayLike, shares: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Weights (K, D) of zero loss: the rows of ``V`` (M, D), row m cut into the parts ``shares[m]``.

    The parts of each row are non-negative and sum to one, K is the number of all parts: a point of
    a product of simplices of dimension K - M. A part of zero is a corner, where a unit has
    vanished and the loss is not differentiable.

    Raises ValueError for a bad V, a wrong number of rows or parts that do not sum to one.

    >>> global_minimum([[1.0, 0.0], [0.0, 1.0]], [[1.0], [0.25, 0.75]])
    array([[1.  , 0.  ],
           [0.  , 0.25],
           [0.  , 0.75]])
    """
    teacher = np.asarray(V, dtype=np.float64)
    overlaps(teacher, teacher)
    if len(shares) != len(teacher):
        raise ValueError(
            f"shares must have one entry for each of {len(teacher)} rows of V, got {len(shares)}"
        )
    for m, parts in enumerate(shares):
        cut = np.asarray(parts, dtype=np.float64)
        if cut.ndim != 1 or not (cut >= 0).all() or abs(cut.sum() - 1.0) > 1e-12:
            raise ValueError(f"shares[{m}] must be non-negative numbers that sum to 1, got {parts}")
    owners = np.repeat(np.arange(len(teacher)), [len(parts) for parts in shares])
    return (
        np.concatenate([np.asarray(parts, dtype=np.float64) for parts in shares])[:, None] * teacher[owners]
    )


def _matrix(student: NDArray[np.float64], teacher: NDArray[np.float64], neuron: int) -> NDArray[np.float64]:
    # To unit k the other students are a teacher of the opposite sign: two Hessians of single units.
    alone, others = student[neuron : neuron + 1], np.delete(student, neuron, axis=0)
    against_teacher = relu_kernels.hessian(alone, teacher)[0, :, 0, :]
    return against_teacher - relu_kernels.hessian(alone, others)[0, :, 0, :]


def _inside(
    student: NDArray[np.float64], teacher: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both arrays in orthonormal axes of the span of all their rows, and one axis across it."""
    _, singular, axes = np.linalg.svd(np.vstack([teacher, student]), full_matrices=False)
    axes = axes[singular > 1e-10 * singular[0]]
    # The Hessian's own block across the span: A comes from overlaps, which round at parallel units.
    inside, teacher_inside = (np.pad(rows @ axes.T, ((0, 0), (0, 1))) for rows in (student, teacher))
    return inside, teacher_inside


def _checked(W: ArrayLike, V: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    transverse_matrix(W, V)  # raises for whatever is wrong with the arrays
    return np.ascontiguousarray(W, dtype=np.float64), np.ascontiguousarray(V, dtype=np.float64)


def _check_neuron(neuron: int, students: int) -> None:
    if not 0 <= neuron < students:
        raise ValueError(f"neuron must be between 0 and {students - 1}, got {neuron}")


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
