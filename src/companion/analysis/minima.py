"""Endpoints of descent on the ReLU landscape: polished by Newton's method and named by family."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import linear_sum_assignment

from companion.store.threads import one_thread
from companion.theory.relu_family_table import global_loss_limit
from companion.theory.relu_landscape import Minimum, hessian, loss_gradient, population_loss

_LONGEST_STEP = 0.3
_TARGET = 1e-14  # gradient norm aimed at
_REACHED = 1e-13  # gradient norm accepted: rounding at K = 20 is about 1e-14
_ROUNDING = 1e-13  # rise of the loss that is taken for rounding


@dataclass(frozen=True)
class Polished:
    """Polished runs: ``weights`` (n, K, D) and, per run, loss, gradient norm and converged (|∇L| < 1e-13)."""

    weights: NDArray[np.float64]
    loss: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    converged: NDArray[np.bool_]


def polish(weights: ArrayLike, teacher: ArrayLike, *, maximum_steps: int = 300) -> Polished:
    """Newton's method from each of ``weights`` (n, K, D), down to a gradient norm of about 1e-14.

    Negative eigenvalues of the Hessian are replaced by their moduli, so that a run held up near a
    saddle leaves it downhill; no step is longer than 0.3 or raises the loss. Each run's best point is returned. Not for
    global minima with K > M, where the Hessian is singular. Cost about 1 ms per run at K = 10.

    Raises ValueError for wrong shapes, numbers that are not finite or students of norm zero.
    """
    start = np.asarray(weights, dtype=np.float64)
    if start.ndim != 3:
        raise ValueError(f"weights must have 3 dimensions (runs, students, D), got shape {start.shape}")
    V = np.asarray(teacher, dtype=np.float64)
    with one_thread():  # the matrices are small: threads would wait for each other most of the time
        ends = [_polish_run(run, V, maximum_steps) for run in start]
    gradient_norm = np.array([norm for _, norm in ends])
    return Polished(
        weights=np.reshape([W for W, _ in ends], start.shape),
        loss=np.array([population_loss(W, V) for W, _ in ends]),
        gradient_norm=gradient_norm,
        converged=gradient_norm < _REACHED,
    )


def _polish_run(
    W: NDArray[np.float64], V: NDArray[np.float64], maximum_steps: int
) -> tuple[NDArray[np.float64], float]:
    best, best_norm = W, np.inf
    for _ in range(maximum_steps + 1):
        gradient = loss_gradient(W, V)
        norm = float(np.linalg.norm(gradient))
        stalled = norm >= best_norm and best_norm < _REACHED
        if norm < best_norm:
            best, best_norm = W, norm
        if best_norm < _TARGET or stalled:
            break
        move = _newton_step(hessian(W, V), gradient.ravel()).reshape(W.shape)
        move *= min(1.0, _LONGEST_STEP / np.linalg.norm(move))
        ceiling = population_loss(W, V) + _ROUNDING
        while population_loss(W + move, V) > ceiling:
            move /= 2.0
        W = W + move
    return best, best_norm


def _newton_step(H: NDArray[np.float64], gradient: NDArray[np.float64]) -> NDArray[np.float64]:
    """Newton's step; with the moduli of the eigenvalues where some are negative."""
    try:
        return -cho_solve(cho_factor(H), gradient)
    except LinAlgError:
        eigenvalues, vectors = np.linalg.eigh(H)
        moduli = np.maximum(np.abs(eigenvalues), 1e-8)
        return -vectors @ ((vectors.T @ gradient) / moduli)


@dataclass(frozen=True)
class Classification:
    """Per run: ``label``, distance to the nearest family in loss and in blocks (NaN if unconverged).

    ``label`` is the name of a family, "global", "unmatched" or "unconverged".
    """

    label: NDArray[np.str_]
    loss_difference: NDArray[np.float64]
    block_mismatch: NDArray[np.float64]


def classify(
    weights: ArrayLike,
    teacher: ArrayLike,
    losses: ArrayLike,
    converged: ArrayLike,
    families: Sequence[Minimum],
    *,
    loss_tolerance: float = 1e-7,
    block_tolerance: float = 1e-5,
    global_loss: float | None = None,
) -> Classification:
    """Name each of the (polished) runs ``weights`` (n, K, D) by its family.

    A run belongs to a family if the losses agree to ``loss_tolerance`` and the overlaps R with the
    teacher to ``block_tolerance`` up to permutations of students and teachers; losses alone do not
    tell families apart (at K = 19, II(7) and its child differ by 2e-5). A run is "global" below
    ``global_loss``, ``global_loss_limit`` of these sizes unless given. The families belong to an
    orthonormal teacher: with another one, spurious runs stay "unmatched".

    Raises ValueError if the shapes do not agree.
    """
    runs = np.asarray(weights, dtype=np.float64)
    V = np.asarray(teacher, dtype=np.float64)
    loss = np.asarray(losses, dtype=np.float64)
    reached = np.asarray(converged, dtype=np.bool_)
    if runs.ndim != 3 or V.ndim != 2 or runs.shape[2] != V.shape[1]:
        raise ValueError(
            f"weights (n, K, D) and teacher (M, D) must share D, got shapes {runs.shape} and {V.shape}"
        )
    if loss.shape != runs.shape[:1] or reached.shape != runs.shape[:1]:
        raise ValueError(
            f"losses and converged must have one entry for each of {len(runs)} runs, "
            f"got shapes {loss.shape} and {reached.shape}"
        )
    if global_loss is None:
        global_loss = global_loss_limit(runs.shape[1], len(V))
    labels, differences, mismatches = [], np.full(len(runs), np.nan), np.full(len(runs), np.nan)
    references = [_signature(candidate.weights) for candidate in families]
    for index, run in enumerate(runs):
        if not reached[index] or not np.isfinite(loss[index]):
            labels.append("unconverged")
            continue
        if loss[index] < global_loss:
            labels.append("global")
            differences[index], mismatches[index] = loss[index], np.nan
            continue
        label, differences[index], mismatches[index] = "unmatched", np.inf, np.inf
        by_loss = sorted(range(len(families)), key=lambda f: abs(families[f].loss - loss[index]))
        signature = _signature(run @ V.T)
        for f in by_loss:
            difference = abs(families[f].loss - loss[index])
            if difference >= loss_tolerance and f != by_loss[0]:
                break
            mismatch = _mismatch(signature, references[f])
            if mismatch < mismatches[index]:
                differences[index], mismatches[index] = difference, mismatch
            if difference < loss_tolerance and mismatch < block_tolerance:
                label = families[f].name
                break
        labels.append(label)
    return Classification(np.array(labels, dtype=np.str_), differences, mismatches)


def _signature(R: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each row sorted, and each column sorted: unchanged when the other side is permuted."""
    return np.sort(R, axis=1), np.sort(R.T, axis=1)


def _mismatch(
    left: tuple[NDArray[np.float64], NDArray[np.float64]],
    right: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float:
    """Largest difference of sorted rows and of sorted columns after pairing them as well as possible."""
    worst = 0.0
    for ours, theirs in zip(left, right, strict=True):
        if ours.shape != theirs.shape:
            return np.inf
        apart = np.max(np.abs(ours[:, None, :] - theirs[None, :, :]), axis=2)
        worst = max(worst, float(apart[linear_sum_assignment(apart)].max()))
    return worst


def block_permutation(
    overlaps: ArrayLike, *, tolerance: float = 1e-3
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Orders of students and teachers that bring R (K, M) to block form, for heat maps.

    Each student is paired with the teacher that stands out most in its row; pairs with equal rows
    and columns (up to order and ``tolerance``) form a block. Blocks come by falling diagonal (aligned
    units first), and unpaired students last: ``R[np.ix_(students, teachers)]`` is the block form.

    >>> students, teachers = block_permutation([[0.2, -0.6, 0.2], [0.1, 0.3, 1.0], [1.0, 0.3, 0.1]])
    >>> [int(k) for k in students], [int(m) for m in teachers]
    ([1, 2, 0], [2, 0, 1])
    """
    R = np.asarray(overlaps, dtype=np.float64)
    if R.ndim != 2 or not np.isfinite(R).all():
        raise ValueError(f"overlaps must be a finite matrix, got shape {R.shape}")
    outstanding = np.abs(R - np.median(R, axis=1, keepdims=True))
    students, teachers = linear_sum_assignment(outstanding, maximize=True)
    own = R[students, teachers]
    order: list[int] = []
    left = list(np.argsort(-own, kind="stable"))
    rows, columns = np.sort(R[students], axis=1), np.sort(R.T[teachers], axis=1)
    while left:
        first = left[0]
        alike = [
            pair
            for pair in left
            if abs(own[pair] - own[first]) < tolerance
            and np.max(np.abs(rows[pair] - rows[first])) < tolerance
            and np.max(np.abs(columns[pair] - columns[first])) < tolerance
        ]
        order += sorted(alike)
        left = [pair for pair in left if pair not in alike]
    rest_students = np.setdiff1d(np.arange(R.shape[0]), students)
    rest_teachers = np.setdiff1d(np.arange(R.shape[1]), teachers)
    return (
        np.concatenate([students[order], rest_students]),
        np.concatenate([teachers[order], rest_teachers]),
    )
