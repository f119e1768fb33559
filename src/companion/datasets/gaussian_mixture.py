"""Points of a Gaussian mixture in finite dimension, around centroids with an exact Gram matrix.

Class c has n_c points x = μ_c + Σ_c^{1/2} z with z ~ N(0, 1_d) and μ_c·μ_c' = d M_cc' (setting of arXiv:2605.06367).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.theory.mixtures import Mixture

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """``points`` (n, d), sorted by class, their ``labels`` (n,), and the ``centroids`` (K, d) of all classes."""

    points: Floats
    labels: NDArray[np.int64]
    centroids: Floats

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Number of points of each class, (K,)."""
        return np.bincount(self.labels, minlength=len(self.centroids))


def sample(
    mixture: Mixture,
    counts: int | Sequence[int],
    dimension: int,
    generator: np.random.Generator,
    *,
    centroids: ArrayLike | None = None,
) -> Samples:
    """Training points of ``mixture``: ``counts`` is their number n, or the number n_c of each class.

    n is shared out as n_c = π_c n by largest remainder (``class_counts``). Centroids are drawn with the
    mixture's Gram matrix in a random orientation, before the points, or given as (K, d). With
    ``mixture.spectrum`` the covariances are diagonal: see ``coordinate_variances``.

    Raises ValueError for counts, a dimension or centroids that do not fit the mixture.

    >>> few = sample(Mixture((0.75, 0.25), (1.0, 0.5)), 8, 3, np.random.default_rng(0))
    >>> few.labels.tolist()
    [0, 0, 0, 0, 0, 0, 1, 1]
    """
    each = class_counts(mixture.weights, counts) if np.ndim(counts) == 0 else _checked_counts(counts, mixture)
    deviations = np.sqrt(coordinate_variances(mixture, dimension))
    if centroids is None:
        centres = centroids_from_gram(mixture.gram, dimension, generator)
    else:
        centres = np.array(centroids, dtype=np.float64)
        if centres.shape != (mixture.classes, dimension) or not np.isfinite(centres).all():
            raise ValueError(
                f"centroids: shape {centres.shape} given; they are ({mixture.classes}, {dimension}) and finite"
            )
    labels = np.repeat(np.arange(mixture.classes), each)
    points = generator.standard_normal((labels.size, dimension))
    points *= deviations.T[labels]
    points += centres[labels]
    return Samples(points, labels, centres)


def class_counts(weights: Sequence[float], number_of_samples: Any) -> NDArray[np.int64]:
    """n_c = π_c n rounded by largest remainder, so that they sum to n; equal remainders favour earlier classes.

    Raises ValueError if n is not a whole number that gives every class a point.

    >>> class_counts((0.5, 0.3, 0.2), 12).tolist()
    [6, 4, 2]
    """
    total = _whole(number_of_samples, "number_of_samples")
    shares = np.asarray(weights, dtype=np.float64) * total
    # Remainders are compared to nine digits: 0.3 * 10 must not lose a point to rounding.
    counts = np.floor(shares + 1e-9).astype(np.int64)
    order = np.argsort(-np.round(shares - counts, 9), kind="stable")
    counts[order[: total - counts.sum()]] += 1
    if (counts == 0).any():
        raise ValueError(
            f"number_of_samples: {total} given; with weights {list(weights)} some class gets no point"
        )
    return counts


def centroids_from_gram(gram: ArrayLike, dimension: int, generator: np.random.Generator) -> Floats:
    """Centroids (K, d) with μ_c·μ_c'/d = ``gram`` exactly, in a random orientation.

    Raises ValueError for a matrix that is not symmetric positive semi-definite, or has a larger rank than d.
    """
    array = np.asarray(gram, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not np.isfinite(array).all():
        raise ValueError(f"gram: shape {array.shape} given; it is square and finite")
    dimension = _whole(dimension, "dimension")
    scale = max(float(np.abs(array).max()), 1.0)
    values, vectors = np.linalg.eigh((array + array.T) / 2)
    if np.abs(array - array.T).max() > 1e-9 * scale or values[0] < -1e-9 * scale:
        raise ValueError(f"gram: {array.tolist()} given; it is symmetric positive semi-definite")
    kept = values > 1e-12 * scale
    rank = int(kept.sum())
    if rank > dimension:
        raise ValueError(f"dimension: {dimension} given for centroids that span {rank} dimensions")
    frame, triangle = np.linalg.qr(generator.standard_normal((dimension, rank)))
    frame *= np.sign(np.diag(triangle))  # QR alone prefers some orientations
    return math.sqrt(dimension) * (vectors[:, kept] * np.sqrt(values[kept])) @ frame.T


def coordinate_variances(mixture: Mixture, dimension: int) -> Floats:
    """Variance of each coordinate inside each class, (d, K), without noise and without e^-2t.

    With ``mixture.spectrum`` (directions, K) the first d/directions coordinates are of the first kind and
    so on. Raises ValueError if the dimension is not a multiple of the number of directions.
    """
    dimension = _whole(dimension, "dimension")
    variances = mixture.direction_variances / mixture.contraction**2
    if dimension % len(variances):
        raise ValueError(
            f"dimension: {dimension} given; it is a multiple of the {len(variances)} directions of the spectrum"
        )
    return np.repeat(variances, dimension // len(variances), axis=0)


def angle_mixture(
    angle: float,
    norms: Sequence[float] = (1.0, 1.0),
    weights: Sequence[float] = (0.5, 0.5),
    standard_deviations: Sequence[float] = (1.0, 1.0),
    diffusion_time: float = 0.1,
    activation: str | Callable[[Any], Any] = "tanh",
) -> Mixture:
    """Two classes whose centroids have norms m_c √d and enclose ``angle``, in degrees from 0 to 180.

    Raises ValueError for another angle, norms that are not two numbers >= 0, and what ``Mixture`` refuses.

    >>> angle_mixture(60, (2.0, 1.0)).gram.round(12).tolist()
    [[4.0, 1.0], [1.0, 1.0]]
    """
    if not 0 <= angle <= 180:
        raise ValueError(f"angle: {angle} given; it is between 0 and 180 degrees")
    lengths = np.asarray(norms, dtype=np.float64)
    if lengths.shape != (2,) or not np.isfinite(lengths).all() or (lengths < 0).any():
        raise ValueError(f"norms: {norms!r} given; they are two numbers that are not negative")
    cosine = math.sin(math.radians(90.0 - angle))  # exactly 0 at 90 degrees
    between = float(lengths[0] * lengths[1]) * cosine
    gram = ((float(lengths[0]) ** 2, between), (between, float(lengths[1]) ** 2))
    return Mixture(tuple(weights), tuple(standard_deviations), gram, diffusion_time, activation)


def antipodal_mixture(
    norms: Sequence[float] = (1.0, 1.0),
    weights: Sequence[float] = (0.5, 0.5),
    standard_deviations: Sequence[float] = (1.0, 1.0),
    diffusion_time: float = 0.1,
    activation: str | Callable[[Any], Any] = "tanh",
) -> Mixture:
    """Two classes with opposite centroids of norms m_c √d: ``angle_mixture`` at 180 degrees.

    >>> antipodal_mixture().gram.tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    return angle_mixture(180.0, norms, weights, standard_deviations, diffusion_time, activation)


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: {value!r} given; it is a whole number, at least 1")
    return int(value)


def _checked_counts(counts: Any, mixture: Mixture) -> NDArray[np.int64]:
    array = np.asarray(counts)
    if array.shape != (mixture.classes,):
        raise ValueError(f"counts: shape {array.shape} given; one for each of the {mixture.classes} classes")
    return np.array([_whole(count, "counts") for count in array.tolist()])
