"""Two classes of images as a training set: how many of each, about which origin, and how often each is seen.

Rows are pixels in [-1, 1] minus a centring vector. The classes of a pair are 0 and 1, in the order given.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.datasets.fashion_mnist import CLASS_NAMES, FashionMNIST, class_number
from companion.datasets.image_moments import ClassMoments, class_moments, image_rows
from companion.datasets.image_moments import pooled as pooled
from companion.datasets.image_moments import scaled as scaled

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]

Centring = Literal["pair", "pixel", "balanced", "none"]


@dataclass(frozen=True, eq=False)
class ImagePair:
    """Training images (n, d) of two classes and the test images (m, d) that go with them, each sorted by class.

    ``train_source`` (n,) and ``test_source`` (m,) are their rows in the data that they were drawn from;
    ``centre`` (d,) is what was subtracted. Of all available images of each class, drawn or not, are the
    ``centroids`` (2, d) in the coordinates of the rows, the ``traces`` (2,) of the covariances, and the
    ``second_moment``, the mean over pixels and balanced classes of the squared row: none of the three depends
    on counts, exposure or the draw, so a sweep over those holds them fixed.
    """

    train: Singles
    train_labels: Integers
    train_source: Integers
    test: Singles
    test_labels: Integers
    test_source: Integers
    centre: Singles
    side: int
    class_names: tuple[str, str]
    centroids: Floats
    traces: Floats
    second_moment: float

    @property
    def gram(self) -> Floats:
        """Gram matrix of the centroids in the units of ``theory.mixtures.Mixture``, μ_c·μ_c'/d, (2, 2)."""
        return self.centroids @ self.centroids.T / self.centroids.shape[1]

    @property
    def standard_deviations(self) -> Floats:
        """√(tr Σ_c/d): the standard deviation of an isotropic class with the same variance, (2,)."""
        return np.sqrt(self.traces / self.centroids.shape[1])

    def pictures(self, rows: ArrayLike) -> NDArray:
        """``rows`` (..., d) as pictures (..., side, side) in [-1, 1], with the centre added again."""
        array = np.asarray(rows) + self.centre
        return array.reshape(*array.shape[:-1], self.side, self.side)


def draw_pair(
    data: FashionMNIST,
    classes: tuple[int | str, int | str],
    counts: tuple[int, int],
    *,
    side: int = 16,
    centring: Centring = "pair",
    generator: np.random.Generator,
    drop: Sequence[int] = (),
) -> ImagePair:
    """``counts`` distinct training images of two ``classes``, and all test images of both.

    Draws are nested: with the same generator, a smaller count takes the first images of a larger one, and the
    images of one class do not depend on the count of the other. ``drop`` names rows of ``data.train_images`` that
    are never drawn (near twins, say).

    The origin is physics. A score network learns E[x], the distance of each centroid from 0, early and at little
    cost, and the classes' norms decide which is seen first (arXiv:2605.06367). ``centring`` is what is subtracted:

    - ``"pair"``: the mean of the two class centroids, so that both have norm |m0 - m1|/2 and are antipodal;
    - ``"balanced"``: the mean of the centroids of all ten classes, so that norms and angle stay unlike;
    - ``"pixel"``: one number, the mean pixel of the two classes; ``"none"``: nothing.

    None of them depends on counts: with the mean of the drawn images, imbalance would move the centroids too.

    Raises ValueError for an unknown class, side or centring, one class twice, counts that are not whole
    numbers from 1 to what there is, and rows in ``drop`` that do not exist.
    """
    numbers = _checked_classes(classes)
    if centring not in get_args(Centring):
        raise ValueError(f"centring: {centring!r} given; one of {', '.join(get_args(Centring))}")
    sizes = checked_counts(counts)
    moments = class_moments(data, side)
    centre = _centre(moments, numbers, centring).astype(np.float32)
    names = (CLASS_NAMES[numbers[0]], CLASS_NAMES[numbers[1]])
    drawn = [
        nested_draw(
            generator.permutation(np.flatnonzero(data.train_labels == number)), size, drop, data, name
        )
        for number, size, name in zip(numbers, sizes, names, strict=True)
    ]
    # In an order of the draw's own: who looks at some of them only does not look at the same ones every time.
    tested = [generator.permutation(np.flatnonzero(data.test_labels == number)) for number in numbers]
    sources = np.concatenate(drawn), np.concatenate(tested)
    chosen = list(numbers)
    centroids = moments.means[chosen] - centre
    # E|x - c|^2 = tr Σ + |m - c|^2, class by class.
    second_moment = (moments.traces[chosen] + (centroids**2).sum(axis=1)).mean() / side**2
    return ImagePair(
        train=image_rows(data.train_images[sources[0]], side) - centre,
        train_labels=np.repeat([0, 1], [len(rows) for rows in drawn]),
        train_source=sources[0],
        test=image_rows(data.test_images[sources[1]], side) - centre,
        test_labels=np.repeat([0, 1], [len(rows) for rows in tested]),
        test_source=sources[1],
        centre=centre,
        side=side,
        class_names=names,
        centroids=centroids,
        traces=moments.traces[chosen],
        second_moment=float(second_moment),
    )


def exposure_weights(labels: ArrayLike, shares: Sequence[float]) -> Floats:
    """Probability (n,) of drawing each training image, so that class c is drawn with probability ``shares[c]``.

    A class's images are alike: p_i = shares[c]/n_c. Shares of n_c/n give uniform draws; others separate how
    often a class is seen from how many images it has.

    Raises ValueError for shares that are negative or do not sum to 1, labels that are not 0 ... K - 1, and a
    class without images that is to be drawn.

    >>> exposure_weights([0, 0, 0, 1], (0.5, 0.5)).round(4).tolist()
    [0.1667, 0.1667, 0.1667, 0.5]
    """
    parts = np.asarray(shares, dtype=np.float64)
    if parts.ndim != 1 or not (parts >= 0).all() or not math.isclose(parts.sum(), 1, abs_tol=1e-9):
        raise ValueError(
            f"shares: {shares!r} given; they are numbers >= 0, one for each class, that sum to 1"
        )
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu" or ((array < 0) | (array >= parts.size)).any():
        raise ValueError(f"labels: {labels!r} given; they are whole numbers from 0 to {parts.size - 1}")
    present = np.bincount(array, minlength=parts.size)
    if (empty := np.flatnonzero((present == 0) & (parts > 0))).size:
        raise ValueError(f"shares: {shares!r} given; class {empty[0]} has no images")
    return (parts / np.maximum(present, 1))[array]


def nested_draw(order: Integers, count: int, drop: Sequence[int], data: FashionMNIST, name: str) -> Integers:
    """The first ``count`` of the training rows ``order`` that are not in ``drop``.

    Raises ValueError, with the number there is, if they are too few; also for rows that do not exist.
    """
    dropped = np.asarray(list(drop), dtype=object)
    whole = all(isinstance(row, int | np.integer) and not isinstance(row, bool) for row in dropped)
    if not whole or any(not 0 <= row < len(data.train_labels) for row in dropped):
        raise ValueError(
            f"drop: {drop!r} given; they are rows of the training images, 0 to {len(data.train_labels) - 1}"
        )
    left = order[~np.isin(order, dropped.astype(np.int64))]
    if count > left.size:
        without = (
            f" of {order.size}, after dropping {order.size - left.size}" if left.size < order.size else ""
        )
        raise ValueError(f"counts: {count} of {name} given; there are {left.size}{without}")
    return left[:count]


def checked_counts(counts: Any) -> tuple[int, int]:
    """``counts`` as two whole numbers, at least 1; raises ValueError otherwise."""
    values = list(counts) if np.ndim(counts) == 1 else []
    whole = all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in values)
    if len(values) != 2 or not whole or min(values) < 1:
        raise ValueError(f"counts: {counts!r} given; they are two whole numbers, at least 1")
    return int(values[0]), int(values[1])


def _checked_classes(classes: Any) -> tuple[int, int]:
    if isinstance(classes, str) or np.ndim(classes) != 1 or len(classes) != 2:
        raise ValueError(f"classes: {classes!r} given; they are two, by label or by name")
    first, second = (class_number(name) for name in classes)
    if first == second:
        raise ValueError(f"classes: {classes!r} given; {CLASS_NAMES[first]} stands there twice")
    return first, second


def _centre(moments: ClassMoments, numbers: tuple[int, int], centring: Centring) -> Floats:
    pair = moments.means[list(numbers)].mean(axis=0)
    if centring == "pair":
        return pair
    if centring == "balanced":
        return moments.means.mean(axis=0)
    return np.full_like(pair, pair.mean() if centring == "pixel" else 0)
