"""Population loss of two-layer ReLU networks in the teacher-student setting: exact landscape.

Inputs x ~ N(0, 1_D), student f_W(x) = Σ_k ReLU(w_k·x) with rows w_k of ``W`` (K, D), teacher f_V
with rows of ``V`` (M, D), and L = 1/2 E[(f_W - f_V)²]. Rows have norms of order one: a published
W with 1/sqrt(d) in the fields is sqrt(d) times ours, with the same overlaps Q = W Wᵀ, R = W Vᵀ,
T = V Vᵀ and the same loss. All functions take and return float64; loss and derivatives are closed
forms (arc-cosine kernels), valid for any K, M, D and any teacher (arXiv:2604.09412).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory import relu_kernels
from companion.theory.relu_children import child_family, known_families
from companion.theory.relu_families import family, reduced_loss
from companion.theory.relu_family_table import family_table
from companion.theory.relu_minimum import Minimum
from companion.theory.relu_stability import (
    first_width,
    stability_crossing,
    stability_crossings,
    symmetry_minima,
)

__all__ = [
    "Minimum",
    "Spectrum",
    "child_family",
    "family",
    "family_table",
    "first_width",
    "hessian",
    "hessian_spectrum",
    "known_families",
    "loss_gradient",
    "overlaps",
    "population_loss",
    "reduced_loss",
    "stability_crossing",
    "stability_crossings",
    "symmetry_minima",
    "transverse_matrix",
]


def population_loss(W: ArrayLike, V: ArrayLike) -> float:
    """L = 1/2 E[(Σ_k ReLU(w_k·x) - Σ_m ReLU(v_m·x))²], never below zero.

    Cost O((K + M)² D). Raises ValueError for bad arrays, naming the wrong one, or a row of zeros.

    >>> population_loss([[0.0, 2.0]], [[0.0, 1.0]])  # (1/2) E[ReLU(x)²]
    0.25
    """
    return relu_kernels.loss(*_checked(W, V))


def loss_gradient(W: ArrayLike, V: ArrayLike) -> NDArray[np.float64]:
    """Gradient (K, D) of the loss, A W - B V with A of ``transverse_matrix``.

    B_km = (π - angle between w_k and v_m) / 2π. Raises ValueError as ``population_loss`` does.
    """
    return relu_kernels.gradient(*_checked(W, V))


def transverse_matrix(W: ArrayLike, V: ArrayLike) -> NDArray[np.float64]:
    """The symmetric matrix A (K, K) of the gradient A W - B V.

    A_kl = (π - θ_kl) / 2π off the diagonal and, with s = |a||b| sin θ,
    A_kk = 1/2 + (Σ_{l≠k} s(w_k, w_l) - Σ_m s(w_k, v_m)) / (2π |w_k|²). Where all rows of W lie in the
    span of V, A ⊗ 1 is the Hessian in the directions across that span.
    Raises ValueError as ``population_loss`` does.
    """
    A, _ = relu_kernels.gradient_matrices(*_checked(W, V))
    return A


def hessian(W: ArrayLike, V: ArrayLike) -> NDArray[np.float64]:
    """Hessian (K D, K D) of the loss, rows and columns in the order of ``W.ravel()``.

    Cost O(K² D²) beyond K M D². Raises ValueError as ``population_loss`` does.
    """
    student, teacher = _checked(W, V)
    return relu_kernels.hessian(student, teacher).reshape(student.size, student.size)


def overlaps(
    W: ArrayLike, V: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Q = W Wᵀ (K, K), R = W Vᵀ (K, M) and T = V Vᵀ (M, M).

    Raises ValueError as ``population_loss`` does, but takes rows of zeros.
    """
    student, teacher = _checked(W, V, zero_rows=True)
    return student @ student.T, student @ teacher.T, teacher @ teacher.T


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of the Hessian in d dimensions, both parts ascending.

    ``in_span`` has K times rank(V) values; each of the K values of ``transverse`` occurs
    ``multiplicity`` = d - rank(V) times.
    """

    in_span: NDArray[np.float64]
    transverse: NDArray[np.float64]
    multiplicity: int

    @property
    def smallest(self) -> float:
        """Smallest eigenvalue in d dimensions."""
        transverse = self.transverse[0] if self.multiplicity else np.inf
        return float(min(self.in_span[0], transverse))

    def eigenvalues(self) -> NDArray[np.float64]:
        """All K d eigenvalues, ascending."""
        return np.sort(np.concatenate([self.in_span, np.repeat(self.transverse, self.multiplicity)]))


def hessian_spectrum(W: ArrayLike, V: ArrayLike, dimension: int) -> Spectrum:
    """Spectrum of the Hessian in d = ``dimension`` dimensions from a computation in the span of V.

    The rows of W have to lie in the span of V, as at every critical point with det A ≠ 0: then
    the Hessian splits exactly in its part inside the span and A ⊗ 1 across it. ``dimension`` may be
    larger than the D of the arrays: the missing coordinates are zeros.

    Raises ValueError as ``population_loss`` does, for rows of W outside the span of V, and for a
    dimension below D.
    """
    student, teacher = _checked(W, V)
    if not (isinstance(dimension, int | np.integer) and dimension >= student.shape[1]):
        raise ValueError(
            f"dimension must be a whole number of at least D = {student.shape[1]}, got {dimension}"
        )
    _, singular, axes = np.linalg.svd(teacher, full_matrices=False)
    axes = axes[singular > 1e-10 * singular[0]]
    inside = np.ascontiguousarray(student @ axes.T)
    if np.max(np.abs(inside @ axes - student)) > 1e-8 * np.max(np.abs(student)):
        raise ValueError("W has rows outside the span of V: its Hessian does not split")
    coordinates = np.ascontiguousarray(teacher @ axes.T)
    H = relu_kernels.hessian(inside, coordinates).reshape(inside.size, inside.size)
    A, _ = relu_kernels.gradient_matrices(inside, coordinates)
    in_span, transverse = (np.asarray(np.linalg.eigvalsh(each), dtype=np.float64) for each in (H, A))
    return Spectrum(in_span, transverse, dimension - len(axes))


def _checked(
    W: ArrayLike, V: ArrayLike, *, zero_rows: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both arrays as contiguous float64, or a ValueError that names the wrong one."""
    student = _rows("W", W)
    teacher = _rows("V", V)
    if student.shape[1] != teacher.shape[1]:
        raise ValueError(f"W and V must have the same D, got shapes {student.shape} and {teacher.shape}")
    if not zero_rows:
        for name, rows, why in (
            ("W", student, "where the loss is not differentiable"),
            ("V", teacher, "a teacher that does nothing: leave it out"),
        ):
            if (empty := np.flatnonzero(~rows.any(axis=1))).size:
                raise ValueError(f"{name} has a row of zeros (row {empty[0]}), {why}")
    return student, teacher


def _rows(name: str, array: ArrayLike) -> NDArray[np.float64]:
    rows = np.asarray(array)
    if rows.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {rows.dtype}")
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"{name} must be a matrix with at least one row and column, got shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} must be finite")
    return np.ascontiguousarray(rows, dtype=np.float64)
