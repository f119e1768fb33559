"""One class of images made into two that differ in one thing alone: their variance, or where their centroids lie.

The class is split at random into two halves, and each is moved and rescaled: x' = μ_k + g_k (x - m), with m the
centroid of the class. All else about the two covariances is the same, which no two natural classes offer.

The centroids are μ_k = ν_k e_k with e_0,1 = cos(φ/2) s ± sin(φ/2) t, cos φ the cosine between them: s is half a
cosine wave from top to bottom, t one from left to right, so e_0 and e_1 are mirror images of each other, smooth, and
alike for a class that is about mirror symmetric. Which half gets which direction is tossed for. So at equal gains and
norms the two classes are exchangeable exactly, whatever the network: the null that both dials pass through.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.datasets.fashion_mnist import CLASS_NAMES, FashionMNIST, class_number
from companion.datasets.image_moments import class_moments, image_rows
from companion.datasets.image_pairs import ImagePair, checked_counts, nested_draw

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Centroid norm where none is given, by side: half the distance of the centroids of Bag and Trouser.
BASE_NORM = {16: 4.7, 28: 9.7}


def variance_dial(
    data: FashionMNIST,
    category: int | str,
    counts: tuple[int, int],
    gain: float,
    *,
    side: int = 16,
    generator: np.random.Generator,
    drop: Sequence[int] = (),
) -> ImagePair:
    """Class 0 has ``gain`` times the standard deviation of class 1, in every direction; norms are equal.

    With the same generator the images are the same at every gain. See ``dialled_pair``, also for what is raised.
    """
    return dialled_pair(data, category, counts, gains=(gain, 1.0), side=side, generator=generator, drop=drop)


def centroid_dial(
    data: FashionMNIST,
    category: int | str,
    counts: tuple[int, int],
    norms: tuple[float, float],
    cosine: float = 0.0,
    *,
    side: int = 16,
    generator: np.random.Generator,
    drop: Sequence[int] = (),
) -> ImagePair:
    """Two classes of one covariance with centroids of these ``norms`` and this ``cosine`` between them.

    With the same generator the images are the same for all norms. See ``dialled_pair``, also for what is raised.
    """
    return dialled_pair(
        data, category, counts, norms=norms, cosine=cosine, side=side, generator=generator, drop=drop
    )


def dialled_pair(
    data: FashionMNIST,
    category: int | str,
    counts: tuple[int, int],
    *,
    gains: tuple[float, float] = (1.0, 1.0),
    norms: tuple[float, float] | None = None,
    cosine: float = 0.0,
    side: int = 16,
    generator: np.random.Generator,
    drop: Sequence[int] = (),
) -> ImagePair:
    """Halves of the class ``category``, each rescaled by its gain about the class centroid and moved.

    ``norms`` are the lengths ν of the new centroids, ``BASE_NORM`` by default, in units of the rows; at cosine 1
    and equal norms they coincide, and nothing tells the classes apart. Test images are split and treated alike.
    ``centre`` is the class centroid m. ``second_moment`` is that at gains 1 and base norms, whatever the dials say.
    Pixels leave [-1, 1]: a sampler must not clamp them there.

    Raises ValueError for an unknown class or side, counts beyond half the class, gains that are not positive,
    norms that are negative, a cosine outside [-1, 1].
    """
    number = class_number(category)
    name = CLASS_NAMES[number]
    sizes = checked_counts(counts)
    moments = class_moments(data, side)
    base = BASE_NORM[side]
    scales = _two_numbers(gains, "gains")
    if (scales <= 0).any():
        raise ValueError(f"gains: {gains!r} given; they are two positive numbers")
    centroids = dial_centroids((base, base) if norms is None else norms, cosine, side)
    if generator.integers(2):
        # A mirror image, left to right, swaps the two directions and leaves norms and cosine.
        centroids = centroids.reshape(2, side, side)[:, :, ::-1].reshape(2, -1)
    order = generator.permutation(np.flatnonzero(data.train_labels == number))
    test_order = generator.permutation(np.flatnonzero(data.test_labels == number))
    halves = [
        nested_draw(half, size, drop, data, f"one half of {name}")
        for half, size in zip(_halves(order), sizes, strict=True)
    ]
    test_halves = _halves(test_order)
    mean = moments.means[number]
    trace = float(moments.traces[number])

    def treated(images: NDArray[np.uint8], sources: Sequence[Integers]) -> NDArray[np.float32]:
        rows = [
            centroid + gain * (image_rows(images[half], side) - mean)
            for half, gain, centroid in zip(sources, scales, centroids, strict=True)
        ]
        return np.concatenate(rows).astype(np.float32)

    return ImagePair(
        train=treated(data.train_images, halves),
        train_labels=np.repeat([0, 1], sizes),
        train_source=np.concatenate(halves),
        test=treated(data.test_images, test_halves),
        test_labels=np.repeat([0, 1], [len(half) for half in test_halves]),
        test_source=np.concatenate(test_halves),
        centre=mean.astype(np.float32),
        side=side,
        class_names=(f"{name}, half 0", f"{name}, half 1"),
        centroids=centroids,
        traces=scales**2 * trace,
        second_moment=(trace + base**2) / side**2,
    )


def dial_centroids(norms: tuple[float, float], cosine: float, side: int) -> Floats:
    """Centroids (2, side^2) with these ``norms`` and this ``cosine`` between them; see the module's text.

    Raises ValueError for norms that are not two numbers >= 0, and a cosine outside [-1, 1].

    >>> pair = dial_centroids((3.0, 2.0), -0.5, 16)
    >>> (pair @ pair.T).round(12).tolist()
    [[9.0, -3.0], [-3.0, 4.0]]
    """
    lengths = _two_numbers(norms, "norms")
    if (lengths < 0).any():
        raise ValueError(f"norms: {norms!r} given; they are two numbers >= 0")
    if not -1 <= cosine <= 1:
        raise ValueError(f"cosine: {cosine!r} given; it is a number from -1 to 1")
    wave = np.cos(np.pi * (np.arange(side) + 0.5) / side)
    wave *= np.sqrt(2) / side  # so that the pattern over side x side pixels has norm 1
    vertical = np.repeat(wave, side)
    horizontal = np.tile(wave, side)
    common, apart = np.sqrt((1 + cosine) / 2) * vertical, np.sqrt((1 - cosine) / 2) * horizontal
    return lengths[:, None] * np.stack([common + apart, common - apart])


def _halves(order: Integers) -> tuple[Integers, Integers]:
    """Two halves of one size; of an odd number the last is left out, so that neither has more to choose from."""
    size = len(order) // 2
    return order[:size], order[size : 2 * size]


def _two_numbers(values: Any, name: str) -> Floats:
    array = np.asarray(values, dtype=np.float64) if np.ndim(values) == 1 else np.empty(0)
    if array.shape != (2,) or not np.isfinite(array).all():
        raise ValueError(f"{name}: {values!r} given; they are two finite numbers")
    return array
