"""Stability of a fixed point by perturbation: noise on every weight, descent, distance to the start.

The published diagnostic (arXiv:2604.09412) adds N(0, σ²) to each weight and takes 1000 steps of
η = 0.01: 10 units of time, short of the slowest contraction times 1/H_min (20 to 200 for the families
known), so that the distance shrinks in part only. Each run is therefore also taken on to convergence.
σ and η are those of rows of norm one; with rows of norm sqrt(d) they read σ sqrt(d) and η d.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.analysis.minima import classify, polish
from companion.compute.seeds import generator
from companion.theory.relu_family_table import global_loss_limit
from companion.theory.relu_landscape import Minimum, overlaps
from companion.training.descent import descend

_SAME_POINT = 1e-5  # rms distance per weight; a polished minimum comes back to 1e-12


@dataclass(frozen=True)
class Perturbation:
    """Fate of a fixed point under noise, for S values of sigma and R repeats.

    Distances are root mean squares per weight, to the very point the run started from: ``start`` (of
    the noise itself, about sigma), ``published`` (after the published number of steps) and ``final``
    (after convergence), each (S, R). ``label`` names the final point: a family's name, "global",
    "unmatched" or "unconverged"; ``returned`` tells that it is the fixed point itself.
    ``loss``, ``converged`` (S, R) and ``weights`` (S, R, K, D) belong to the final point.
    """

    sigma: NDArray[np.float64]
    start: NDArray[np.float64]
    published: NDArray[np.float64]
    final: NDArray[np.float64]
    label: NDArray[np.str_]
    returned: NDArray[np.bool_]
    loss: NDArray[np.float64]
    converged: NDArray[np.bool_]
    weights: NDArray[np.float64]


def perturb(
    weights: ArrayLike,
    teacher: ArrayLike,
    sigma: Sequence[float],
    repeats: int,
    seed: int,
    *,
    families: Sequence[Minimum] = (),
    step: float = 0.01,
    steps: int = 1000,
    tolerance: float = 1e-7,
    spurious_tolerance: float = 1e-9,
    maximum_steps: int = 200_000,
) -> Perturbation:
    """Add noise of each ``sigma`` to the fixed point ``weights`` (K, D), ``repeats`` times, and descend.

    After ``steps`` steps of ``step`` the runs go on with steps 2/K until the gradient norm is below
    ``tolerance``, and ``spurious_tolerance`` where the loss stays above ``global_loss_limit`` of these
    sizes, or for ``maximum_steps``. Ends above that loss are polished by Newton's method and named
    after ``families``. Rows of zeros (units that were added, still silent) are allowed. Each noise
    draws from a generator named by K, D, sigma and repeat: further sigmas and repeats change none of
    the others.

    Raises ValueError for wrong shapes or parameters.

    >>> from companion.theory.relu_landscape import family
    >>> fate = perturb(family("I", 1, 7).weights, np.eye(7), [1e-3], 2, seed=0)
    >>> bool(fate.returned.all()), bool((fate.published < 0.7 * fate.start).all())
    (True, True)
    """
    point, V = np.asarray(weights, dtype=np.float64), np.asarray(teacher, dtype=np.float64)
    overlaps(point, V)  # raises for whatever is wrong with the arrays
    levels = np.array([float(value) for value in sigma])
    if not (levels.size and np.isfinite(levels).all() and (levels > 0).all()):
        raise ValueError(f"sigma must be positive and finite, got {tuple(sigma)}")
    for name, count in (("repeats", repeats), ("steps", steps)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    shape = (len(levels), repeats)
    noise = [
        level
        * generator(seed, "perturbation", *point.shape, float(level).hex(), repeat).standard_normal(
            point.shape
        )
        for level in levels
        for repeat in range(repeats)
    ]
    start = point + np.array(noise)
    # No gradient is this small: the published number of steps is always taken.
    published = descend(start, V, step=step, tolerance=1e-300, maximum_steps=steps).weights
    ends = descend(
        published, V, tolerance=tolerance, spurious_tolerance=spurious_tolerance, maximum_steps=maximum_steps
    )
    final, loss = ends.weights.copy(), ends.loss.copy()
    spurious = np.flatnonzero(ends.converged & (loss > global_loss_limit(len(point), len(V))))
    better = polish(final[spurious], V)
    final[spurious], loss[spurious] = better.weights, better.loss
    distances = [_rms(each - point).reshape(shape) for each in (start, published, final)]
    return Perturbation(
        levels,
        *distances,
        label=classify(final, V, loss, ends.converged, families).label.reshape(shape),
        returned=ends.converged.reshape(shape) & (distances[2] < _SAME_POINT),
        loss=loss.reshape(shape),
        converged=ends.converged.reshape(shape),
        weights=final.reshape(*shape, *point.shape),
    )


def _rms(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.mean(differences**2, axis=(1, 2)))
