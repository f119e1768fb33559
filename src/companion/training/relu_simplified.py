"""Descent of two problems that theories put in place of learning a ReLU teacher.

- **Correlation only**: the term -E[f_W f_V] of the loss alone, over rows of unit norm; what students
  do to each other, E[f_W²]/2, is left out. Each student then has the same problem on the sphere,
  whatever the others do. (With orthonormal rows E[f_W²] is a constant, and nothing is left out.)
- **Site symmetry**: overlaps that treat all units alike, Q_kl = q or c and R_km = r or s on and off the
  diagonal (Saad & Solla 1995), K = M. Descent keeps this symmetry exactly, so that four numbers
  describe it; of the families of critical points it holds those of one block, the teacher itself and
  II(K), and no other.

Both are judged by the full loss (arXiv:2604.09412) of the weights where they end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.relu_landscape import population_loss
from companion.theory.two_layer import field_covariance
from companion.training.descent import checked_runs

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Simplified:
    """Ends of n runs: ``weights`` (n, K, D') and, per run, the full ``loss``, ``steps`` and ``converged``."""

    weights: _Array
    loss: _Array
    steps: NDArray[np.int64]
    converged: NDArray[np.bool_]


def descend_correlation(
    weights: ArrayLike,
    teacher: ArrayLike,
    *,
    step: float | None = None,
    tolerance: float = 1e-8,
    maximum_steps: int = 50_000,
) -> Simplified:
    """Minimise -E[f_W f_V] over unit rows, from the rows of ``weights`` (n, K, D) brought to norm one.

    Steps of ``step`` (2/K unless given) along the projected gradient, rows normalised after each, until
    the norm of the projected gradient of the run falls below ``tolerance``.

    Raises ValueError as ``checked_runs`` does, for rows of zeros and parameters that are not positive.

    >>> end = descend_correlation([[[1.0, 0.2], [0.1, 1.0]]], np.eye(2))
    >>> end.weights[0].round(6)  # both students go to the mean of the teacher's units
    array([[0.707107, 0.707107],
           [0.707107, 0.707107]])
    """
    start, V = checked_runs(weights, teacher)
    rate = _checked_rate(step, start.shape[1], tolerance, maximum_steps)
    norms = np.linalg.norm(start, axis=2, keepdims=True)
    if not (np.isfinite(start).all() and (norms > 0).all()):
        raise ValueError("weights must be finite, without a row of zeros")
    state, squares = start / norms, (V**2).sum(axis=1)

    def advance(W: _Array) -> tuple[_Array, _Array]:
        _, by_overlap, _ = field_covariance(1.0, squares, W @ V.T)
        pull = by_overlap @ V
        pull -= (pull * W).sum(axis=2, keepdims=True) * W
        moved = W + rate * pull
        moved /= np.linalg.norm(moved, axis=2, keepdims=True)
        return moved, np.sqrt((pull**2).sum(axis=(1, 2)))

    steps, converged = _descend(state, advance, tolerance, maximum_steps)
    return Simplified(state, _losses(state, V), steps, converged)


def descend_site_symmetric(
    weights: ArrayLike,
    *,
    correlation: float = 0.0,
    step: float | None = None,
    tolerance: float = 1e-8,
    maximum_steps: int = 50_000,
) -> Simplified:
    """Gradient descent of the full loss from the overlaps of ``weights`` (n, K, D), made site-symmetric.

    The teacher has T = (1 - ρ) 1 + ρ J, ρ = ``correlation``, and its first K axes as the span; Q and R
    of the start are averaged over all permutations that move students and teachers together, which is
    where the ansatz begins. Steps are those of descent in the weights (step 2/K unless given), in 2 K
    dimensions, enough for any such overlaps. The weights returned have these dimensions.

    Raises ValueError for wrong shapes, K > D, a correlation outside (-1/(K - 1), 1) and parameters that
    are not positive.
    """
    start = np.asarray(weights, dtype=np.float64)
    if start.ndim != 3 or 0 in start.shape[1:] or start.shape[1] > start.shape[2]:
        raise ValueError(f"weights must have shape (runs, K, D) with 1 <= K <= D, got shape {start.shape}")
    if not np.isfinite(start).all():
        raise ValueError("weights must be finite")
    units = start.shape[1]
    rate = _checked_rate(step, units, tolerance, maximum_steps)
    T = _modes(np.array(1.0), np.array(correlation), units)
    if not (T > 0).all() or correlation >= 1:
        lowest = -1.0 / (units - 1) if units > 1 else -1.0
        raise ValueError(f"correlation: given {correlation}; allowed: above {lowest:.3g} and below 1")
    root = np.sqrt(T)
    inside = _modes(*_site_means(start @ _symmetric(root, units, start.shape[2]).T), units) / root
    across = _modes(*_site_means(start @ start.swapaxes(1, 2)), units) - inside**2
    state = np.stack([inside, np.sqrt(np.maximum(across, 0.0))], axis=-1)
    # One direction of all units together, K - 1 of units against each other.
    multiplicity = np.array([1.0, units - 1.0])[:, None]

    def advance(modes: _Array) -> tuple[_Array, _Array]:
        A, B = _couplings(modes, root, units)
        slope = A[..., None] * modes
        slope[..., 0] -= B * root
        return modes - rate * slope, np.sqrt((multiplicity * slope**2).sum(axis=(1, 2)))

    steps, converged = _descend(state, advance, tolerance, maximum_steps)
    V = _symmetric(root, units, 2 * units)
    W = np.array([np.hstack([_symmetric(part, units, units) for part in run.T]) for run in state])
    W = W.reshape(len(start), units, 2 * units)
    return Simplified(W, _losses(W, V), steps, converged)


def _descend(
    state: _Array, advance: Callable[[_Array], tuple[_Array, _Array]], tolerance: float, maximum_steps: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Advance every run of ``state``, in place, until its gradient norm is below the tolerance."""
    steps = np.zeros(len(state), dtype=np.int64)
    converged = np.zeros(len(state), dtype=np.bool_)
    left = np.arange(len(state))
    for taken in range(maximum_steps + 1):
        moved, norms = advance(state[left])
        there = norms < tolerance
        converged[left[there]] = True
        left, moved = left[~there], moved[~there]
        if taken == maximum_steps or not left.size:
            break
        state[left] = moved
        steps[left] += 1
    return steps, converged


def _couplings(modes: _Array, root: _Array, units: int) -> tuple[_Array, _Array]:
    """A and B of the gradient A W - B V in the two modes, (n, 2) each, from the modes of W."""
    q, c = _entries((modes**2).sum(axis=-1), units)
    r, s = _entries(modes[..., 0] * root, units)
    _, share, lengths = field_covariance(q, q, c)
    _, own_share, own_lengths = field_covariance(q, 1.0, r)
    _, other_share, other_lengths = field_covariance(q, 1.0, s)
    diagonal = 0.5 + 2.0 * ((units - 1) * (lengths - other_lengths) - own_lengths)
    return _modes(diagonal, share, units), _modes(own_share, other_share, units)


def _modes(diagonal: _Array, off: _Array, units: int) -> _Array:
    """Eigenvalues (..., 2) of a matrix with these entries: of all units together, and against each other."""
    return np.stack([diagonal + (units - 1) * off, diagonal - off], axis=-1)


def _entries(modes: _Array, units: int) -> tuple[_Array, _Array]:
    """Entries on and off the diagonal of the matrix with these eigenvalues (..., 2)."""
    off = (modes[..., 0] - modes[..., 1]) / units
    return modes[..., 1] + off, off


def _site_means(matrices: _Array) -> tuple[_Array, _Array]:
    """Means (n,) of the entries on and off the diagonal of n square matrices."""
    units = matrices.shape[-1]
    on = np.trace(matrices, axis1=1, axis2=2)
    return on / units, (matrices.sum(axis=(1, 2)) - on) / max(units * (units - 1), 1)


def _symmetric(modes: _Array, units: int, dimension: int) -> _Array:
    """Matrix (K, D) with these two eigenvalues in its first K columns, zeros in the others."""
    on, off = _entries(modes, units)
    return np.pad((on - off) * np.eye(units) + off, ((0, 0), (0, dimension - units)))


def _losses(weights: _Array, V: _Array) -> _Array:
    return np.array([population_loss(W, V) for W in weights])


def _checked_rate(step: float | None, students: int, tolerance: float, maximum_steps: int) -> float:
    rate = 2.0 / students if step is None else float(step)
    for name, value in (("step", rate), ("tolerance", tolerance), ("maximum_steps", maximum_steps)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")
    return rate
