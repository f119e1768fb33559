"""Order parameters of two-layer ReLU students: checks, loss, gradient matrices and embedding.

With students w_k, teachers v_m and x ~ N(0, 1_d), everything that one-pass learning needs to know
of the weights is Q = W Wᵀ (K, K), R = W Vᵀ (K, M) and T = V Vᵀ (M, M): the covariance of the
fields W x, V x (arXiv:2604.09412). The part of the students across the span of the teachers has the
overlaps S = Q - R T⁻¹ Rᵀ, a positive semidefinite matrix.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.compute.compiled import compiled
from companion.theory.relu_kernels import excess_correlation, sine_and_angle

_TWO_PI = 2.0 * math.pi

#: S may be this negative, relative to the largest Q_kk, before Q, R, T are refused: rounding.
_ROUNDING = 1e-9


@compiled()
def gradient_matrices(Q, R, T):
    """A (K, K) and B (K, M) of the gradient A W - B V, from the overlaps alone."""
    students, teachers = R.shape
    A = np.empty((students, students))
    B = np.empty((students, teachers))
    for k in range(students):
        A[k, k] = 0.0
        for other in range(k):
            s, theta = sine_and_angle(Q[k, k], Q[other, other], Q[k, other])
            A[k, other] = A[other, k] = (math.pi - theta) / _TWO_PI
            A[k, k] += s
            A[other, other] += s
    for k in range(students):
        for m in range(teachers):
            s, theta = sine_and_angle(Q[k, k], T[m, m], R[k, m])
            B[k, m] = (math.pi - theta) / _TWO_PI
            A[k, k] -= s
        A[k, k] = 0.5 + A[k, k] / (_TWO_PI * Q[k, k])
    return A, B


@compiled()
def loss(Q, R, T):
    """Population loss, with the 1/2: odd part, mean of the even part, and the rest, apart."""
    students, teachers = R.shape
    odd, length, correlated = 0.0, 0.0, 0.0
    for k in range(students):
        length += math.sqrt(Q[k, k])
        for other in range(students):
            odd += Q[k, other]
            correlated += excess_correlation(Q[k, k], Q[other, other], Q[k, other])
        for m in range(teachers):
            odd -= 2.0 * R[k, m]
            correlated -= 2.0 * excess_correlation(Q[k, k], T[m, m], R[k, m])
    for m in range(teachers):
        length -= math.sqrt(T[m, m])
        for other in range(teachers):
            odd += T[m, other]
            correlated += excess_correlation(T[m, m], T[other, other], T[m, other])
    return odd / 8.0 + (length * length + correlated) / (4.0 * math.pi)


@compiled()
def losses(Q, R, T):
    """Population losses of a stack of overlaps, Q (n, K, K) and R (n, K, M)."""
    values = np.empty(Q.shape[0])
    for run in range(Q.shape[0]):
        values[run] = loss(Q[run], R[run], T)
    return values


@compiled()
def factor(S, L):
    """Write into ``L`` the lower triangle with L Lᵀ = S; what S lacks in rank becomes columns of zeros."""
    size = S.shape[0]
    for j in range(size):
        pivot = S[j, j]
        for i in range(j):
            pivot -= L[j, i] * L[j, i]
        root = math.sqrt(pivot) if pivot > 1e-15 * S[j, j] else 0.0
        L[j, j] = root
        for row in range(j + 1, size):
            entry = S[row, j]
            for i in range(j):
                entry -= L[row, i] * L[j, i]
            L[row, j] = entry / root if root > 0.0 else 0.0
        for i in range(j + 1, size):
            L[j, i] = 0.0


def overlap_loss(Q: ArrayLike, R: ArrayLike, T: ArrayLike) -> float:
    """Population loss L = 1/2 E[(Σ ReLU(w_k·x) - Σ ReLU(v_m·x))²] of the overlaps.

    Raises ValueError as ``checked_overlaps`` does.

    >>> overlap_loss([[4.0]], [[2.0]], [[1.0]])  # one student, twice its teacher
    0.25
    """
    return loss(*checked_overlaps(Q, R, T))


def transverse_overlaps(
    Q: NDArray[np.float64], R: NDArray[np.float64], T: NDArray[np.float64]
) -> NDArray[np.float64]:
    """S = Q - R T⁻¹ Rᵀ, for one Q, R or stacks of them."""
    inside = np.linalg.solve(T, np.swapaxes(R, -1, -2))
    S = Q - R @ inside
    return (S + np.swapaxes(S, -1, -2)) / 2.0


def embedded(
    Q: ArrayLike, R: ArrayLike, T: ArrayLike, dimension: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights W (K, d) and V (M, d) with these overlaps, in d = ``dimension`` >= K + M coordinates.

    The teacher fills the first M coordinates, the students' transverse part the next K. All other
    choices are rotations of this one, hence equivalent.

    Raises ValueError as ``checked_overlaps`` does and for a dimension below K + M.
    """
    Q, R, T = checked_overlaps(Q, R, T)
    students, teachers = R.shape
    check_dimension(dimension, students, teachers)
    coordinates = np.linalg.cholesky(T)
    inside = np.linalg.solve(coordinates, R.T).T
    values, vectors = np.linalg.eigh(transverse_overlaps(Q, R, T))
    W, V = np.zeros((students, dimension)), np.zeros((teachers, dimension))
    W[:, :teachers] = inside
    W[:, teachers : teachers + students] = vectors * np.sqrt(np.maximum(values, 0.0))
    V[:, :teachers] = coordinates
    return W, V


def check_dimension(dimension: int, students: int, teachers: int) -> None:
    """Raise ValueError unless d >= K + M, so that W and V may have any overlaps."""
    if dimension != int(dimension) or dimension < students + teachers:
        raise ValueError(
            f"dimension must be a whole number of at least K + M = {students + teachers}, got {dimension}"
        )


def checked_overlaps(
    Q: ArrayLike, R: ArrayLike, T: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Q, R, T as contiguous float64, Q and T symmetrised.

    Raises ValueError, naming the argument, for wrong shapes, numbers that are not finite, a T that is
    not positive definite, a Q that is not symmetric or has a student of norm zero, and for Q, R, T
    that no weights have (S = Q - R T⁻¹ Rᵀ is not positive semidefinite).
    """
    stack_Q, stack_R, T = checked_stack(Q, R, T, stacked=False)
    return stack_Q[0], stack_R[0], T


def checked_stack(
    Q: ArrayLike, R: ArrayLike, T: ArrayLike, *, stacked: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Stacks Q (n, K, K), R (n, K, M) with one T, checked as ``checked_overlaps`` does; n = 1 if not stacked."""
    T = checked_teacher_gram(T)
    Q, R = _real("Q", Q), _real("R", R)
    dimensions = (2, 3) if stacked else (2,)
    for name, array in (("Q", Q), ("R", R)):
        if array.ndim not in dimensions or 0 in array.shape:
            form = " or ".join({2: "a matrix", 3: "a stack of matrices"}[each] for each in dimensions)
            raise ValueError(f"{name} must be {form}, got shape {array.shape}")
    if Q.shape[-1] != Q.shape[-2]:
        raise ValueError(f"Q must be square, got shape {Q.shape}")
    if R.shape[-2:] != (Q.shape[-1], len(T)):
        raise ValueError(f"R must have shape (K, M) = {(Q.shape[-1], len(T))}, got shape {R.shape}")
    Q, R = Q.reshape(-1, *Q.shape[-2:]), R.reshape(-1, *R.shape[-2:])
    if len(Q) != len(R) and 1 not in (len(Q), len(R)):
        raise ValueError(f"Q and R must have the same number of conditions, got {len(Q)} and {len(R)}")
    runs = max(len(Q), len(R))
    Q, R = np.broadcast_to(Q, (runs, *Q.shape[1:])), np.broadcast_to(R, (runs, *R.shape[1:]))
    largest = np.max(np.abs(Q), axis=(1, 2))
    if np.any(np.max(np.abs(Q - np.swapaxes(Q, 1, 2)), axis=(1, 2)) > _ROUNDING * largest):
        raise ValueError("Q must be symmetric")
    if np.any(np.diagonal(Q, axis1=1, axis2=2) <= 0.0):
        raise ValueError("Q must have a positive diagonal: the loss is singular at a student of norm zero")
    lowest = np.linalg.eigvalsh(transverse_overlaps(Q, R, T))[:, 0]
    if np.any(lowest < -_ROUNDING * largest):
        raise ValueError(
            "Q, R and T are no overlaps of any weights: the smallest eigenvalue of Q - R T⁻¹ Rᵀ is "
            f"{np.min(lowest):.3g}"
        )
    return np.ascontiguousarray((Q + np.swapaxes(Q, 1, 2)) / 2.0), np.ascontiguousarray(R), T


def checked_teacher_gram(T: ArrayLike, name: str = "T") -> NDArray[np.float64]:
    """T as contiguous float64; ValueError unless it is symmetric and positive definite."""
    gram = _real(name, T)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or 0 in gram.shape:
        raise ValueError(f"{name} must be a square matrix, got shape {gram.shape}")
    scale = np.max(np.abs(gram))
    if np.max(np.abs(gram - gram.T)) > 1e-12 * scale:
        raise ValueError(f"{name} must be symmetric")
    lowest = np.linalg.eigvalsh(gram)[0]
    if lowest <= 1e-12 * scale:
        raise ValueError(f"{name} must be positive definite, its smallest eigenvalue is {lowest:.3g}")
    return np.ascontiguousarray((gram + gram.T) / 2.0)


def checked_rates(learning_rate: ArrayLike, runs: int) -> NDArray[np.float64]:
    """Learning rates (runs,) from one number or one for each; ValueError unless all are positive."""
    rates = np.asarray(learning_rate, dtype=np.float64)
    if rates.ndim > 1 or (rates.ndim == 1 and len(rates) != runs):
        raise ValueError(f"learning_rate must be a number or one for each of {runs}, got shape {rates.shape}")
    if not (np.isfinite(rates).all() and np.all(rates > 0.0)):
        raise ValueError(f"learning_rate must be positive and finite, got {learning_rate}")
    return np.ascontiguousarray(np.broadcast_to(rates, (runs,)))


def checked_times(times: ArrayLike) -> NDArray[np.float64]:
    """Times as a float64 vector; ValueError unless they are finite, >= 0 and do not decrease."""
    values = np.array(times, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"times must be a vector with at least one entry, got shape {values.shape}")
    if not np.isfinite(values).all() or values[0] < 0.0 or np.any(np.diff(values) < 0.0):
        raise ValueError("times must be finite, at least 0 and in increasing order")
    return values


def checked_label_noise(label_noise: float) -> float:
    """The variance of the label noise; ValueError unless it is finite and >= 0."""
    if not 0.0 <= label_noise < math.inf:
        raise ValueError(f"label_noise (a variance) must be finite and at least 0, got {label_noise}")
    return float(label_noise)


def _real(name: str, array: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(array)
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {values.dtype}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite")
    return values.astype(np.float64)
