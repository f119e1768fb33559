"""Two distances between clouds that need no features: sliced Wasserstein and maximum mean discrepancy.

They stand beside the Fréchet distance, which sees two moments only. Directions and bandwidth are made once and used
for every checkpoint, so that a curve moves because the samples do.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Kernel entries held at once.
_BLOCK = 1 << 22
_MEDIAN_IMAGES = 2000


def fixed_directions(dimension: int, count: int = 256, *, generator: np.random.Generator) -> Floats:
    """``count`` unit vectors, uniform on the sphere, (count, dimension)."""
    drawn = generator.standard_normal((count, dimension))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def sliced_wasserstein(samples_a: ArrayLike, samples_b: ArrayLike, directions: ArrayLike) -> Floats:
    """Sliced 2-Wasserstein distance (...,) of the clouds (..., n, d) and (..., m, d) over ``directions`` (count, d).

    The root of the mean over directions of W_2² of the projected clouds, which on a line couples points in their
    order; clouds of different size are coupled by quantiles, exactly. Leading axes broadcast.

    >>> float(sliced_wasserstein([[0.0], [1.0]], [[3.0], [2.0]], [[1.0]]))
    2.0
    """
    first, second, lines = (
        np.asarray(given, dtype=np.float64) for given in (samples_a, samples_b, directions)
    )
    _same_space(first, second)
    if lines.ndim != 2 or lines.shape[-1] != first.shape[-1]:
        raise ValueError(f"directions: shape {lines.shape} given, allowed is (count, {first.shape[-1]})")
    sizes = first.shape[-2], second.shape[-2]
    # Quantile levels at which either cloud steps; between two of them one point faces one other.
    steps = [
        np.arange(size + 1, dtype=np.int64) * other for size, other in zip(sizes, sizes[::-1], strict=True)
    ]
    levels = np.union1d(*steps)
    shares = np.diff(levels) / (sizes[0] * sizes[1])
    places = [levels[:-1] // other for other in sizes[::-1]]
    ordered = [np.sort(cloud @ lines.T, axis=-2) for cloud in (first, second)]
    gaps = ordered[0][..., places[0], :] - ordered[1][..., places[1], :]
    return np.sqrt((shares[:, None] * gaps**2).sum(axis=-2).mean(axis=-1))


def median_bandwidth(images: ArrayLike) -> float:
    """Median of the distances between different ``images`` (n, d): the bandwidth of the kernel.

    Beyond 2000 images, of 2000 that stand evenly spaced among them.
    """
    given = np.asarray(images, dtype=np.float64)
    if given.ndim != 2 or given.shape[0] < 2:
        raise ValueError(f"images: shape {given.shape} given, allowed is (n, d) with n >= 2")
    from scipy.spatial.distance import pdist

    chosen = np.linspace(0, len(given) - 1, min(len(given), _MEDIAN_IMAGES)).round().astype(int)
    return float(np.median(pdist(given[chosen])))


def mmd_squared(samples_a: ArrayLike, samples_b: ArrayLike, bandwidth: float) -> Floats:
    """Unbiased estimate (...,) of the squared maximum mean discrepancy of clouds (..., n, d) and (..., m, d).

    Kernel e^(-|x - y|²/2h²) of ``bandwidth`` h, pairs of a point with itself left out (Gretton et al. 2012, lemma 6);
    negative values are possible and mean 0. Leading axes broadcast.
    """
    first, second = np.asarray(samples_a, dtype=np.float64), np.asarray(samples_b, dtype=np.float64)
    _same_space(first, second)
    if min(first.shape[-2], second.shape[-2]) < 2:
        raise ValueError("samples: clouds of one point or none given, allowed are two points or more")
    if not bandwidth > 0:
        raise ValueError(f"bandwidth: {bandwidth} given, allowed is > 0")
    centre = second.reshape(-1, second.shape[-1]).mean(axis=0)  # keeps the expanded squares small
    first, second = (first - centre) / bandwidth, (second - centre) / bandwidth
    n, m = first.shape[-2], second.shape[-2]
    within_a = (_kernel_sum(first, first) - n) / (n * (n - 1))
    within_b = (_kernel_sum(second, second) - m) / (m * (m - 1))
    return within_a + within_b - 2 * _kernel_sum(first, second) / (n * m)


def _kernel_sum(first: Floats, second: Floats) -> Floats:
    """Sum of e^(-|x - y|²/2) over all pairs, (...,), in blocks of rows."""
    leading = int(np.prod(np.broadcast_shapes(first.shape[:-2], second.shape[:-2]), dtype=np.int64))
    rows = max(1, _BLOCK // max(1, leading * second.shape[-2]))
    half = (second**2).sum(axis=-1)[..., None, :] / 2
    total: Floats = np.zeros(())
    for start in range(0, first.shape[-2], rows):
        part = first[..., start : start + rows, :]
        exponent = part @ np.swapaxes(second, -1, -2)
        exponent -= half
        exponent -= (part**2).sum(axis=-1)[..., None] / 2
        np.exp(np.minimum(exponent, 0.0, out=exponent), out=exponent)
        total = total + exponent.sum(axis=(-2, -1))
    return total


def _same_space(first: Floats, second: Floats) -> None:
    if min(first.ndim, second.ndim) < 2 or first.shape[-1] != second.shape[-1]:
        raise ValueError(f"samples: shapes {first.shape} and {second.shape} given, allowed are (..., n, d)")
