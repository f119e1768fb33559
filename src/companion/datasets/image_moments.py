"""Images as float rows in [-1, 1], whole or pooled to 16 x 16, and the exact first moments of their classes."""

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from companion.datasets.fashion_mnist import CLASS_NAMES, FashionMNIST

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]

#: 28 x 28 pixels as published, or 16 x 16: padded to 32 x 32 and averaged over 2 x 2.
Side = Literal[16, 28]

_WHOLE, _POOLED = 28, 16
_LARGEST = 255


def scaled(images: Bytes) -> Singles:
    """``images`` (n, h, w) of bytes as rows (n, h w) in [-1, 1]: x = 2 byte/255 - 1.

    Raises ValueError for anything but three axes of uint8.

    >>> scaled(np.array([[[0, 51], [204, 255]]], dtype=np.uint8)).round(3).tolist()
    [[-1.0, -0.6000000238418579, 0.6000000238418579, 1.0]]
    """
    return _as_rows(_checked(images), _LARGEST)


def pooled(images: Bytes) -> Singles:
    """``images`` (n, 28, 28) as rows (n, 256): padded with background (-1) to 32 x 32, averaged over 2 x 2.

    Raises ValueError for images of another kind or size.

    >>> float(pooled(np.full((1, 28, 28), 255, dtype=np.uint8)).sum())
    136.0
    """
    return _as_rows(_pooled_sums(images), 4 * _LARGEST)


def image_rows(images: Bytes, side: int) -> Singles:
    """``images`` (n, 28, 28) as rows (n, side^2) in [-1, 1]: ``scaled`` at side 28, ``pooled`` at side 16.

    Raises ValueError for another side, and images of another kind or size.
    """
    return pooled(images) if _checked_side(side) == _POOLED else scaled(_published(images))


class ClassMoments(NamedTuple):
    """Over all training images of each class: ``means`` (10, d) of the rows, ``mean_squares`` (10, d), ``counts``."""

    means: Floats
    mean_squares: Floats
    counts: NDArray[np.int64]

    @property
    def traces(self) -> Floats:
        """Trace of each class's covariance (that of the images there are: sums over n, not n - 1), (10,)."""
        return (self.mean_squares - self.means**2).sum(axis=1)


@lru_cache(maxsize=8)
def class_moments(data: FashionMNIST, side: int) -> ClassMoments:
    """Moments of the ten classes of the training images, summed in whole numbers: rounded once, at the end.

    Raises ValueError for another side than 16 or 28.
    """
    pool = _checked_side(side) == _POOLED
    largest = 4 * _LARGEST if pool else _LARGEST
    classes = len(CLASS_NAMES)
    sums, squares = np.zeros((2, classes, side * side), np.int64)
    for label in range(classes):
        images = data.train_images[data.train_labels == label]
        values = (_pooled_sums(images) if pool else images).reshape(len(images), -1)
        sums[label] = values.sum(axis=0, dtype=np.int64)
        squares[label] = np.einsum("np,np->p", values, values, dtype=np.int64, casting="unsafe")
    counts = np.bincount(data.train_labels, minlength=classes)
    first = sums / counts[:, None] / largest
    second = squares / counts[:, None] / largest**2
    moments = ClassMoments(2 * first - 1, 4 * second - 4 * first + 1, counts)
    for array in moments:
        array.setflags(write=False)
    return moments


def _as_rows(values: NDArray, largest: int) -> Singles:
    rows = values.reshape(len(values), values.shape[1] * values.shape[2]).astype(np.float32)
    rows *= np.float32(2 / largest)
    rows -= np.float32(1)
    return rows


def _checked(images: Bytes) -> Bytes:
    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 3:
        raise ValueError(
            f"images: shape {array.shape} of {array.dtype} given; they are (n, height, width) of uint8"
        )
    return array


def _published(images: Bytes) -> Bytes:
    array = _checked(images)
    if array.shape[1:] != (_WHOLE, _WHOLE):
        raise ValueError(f"images: shape {array.shape} given; they are (n, {_WHOLE}, {_WHOLE})")
    return array


def _pooled_sums(images: Bytes) -> NDArray[np.uint16]:
    """Sums over the 2 x 2 squares of the padded images, (n, 16, 16)."""
    array = _published(images)
    sums = np.zeros((len(array), _POOLED, _POOLED), np.uint16)
    inner = sums[:, 1:-1, 1:-1]
    for row in (0, 1):
        for column in (0, 1):
            inner += array[:, row::2, column::2]
    return sums


def _checked_side(side: int) -> int:
    if side not in (_POOLED, _WHOLE):
        raise ValueError(f"side: {side!r} given; one of {_POOLED}, {_WHOLE}")
    return side
