"""Near duplicates inside a training set: a copy of one of two twins has d1/d2 near 1 and is never counted.

A twin is an image whose nearest other image of its class is closer than a share of what is usual in the class.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def other_neighbours(
    images: ArrayLike, k: int = 1, *, rows: ArrayLike | None = None
) -> tuple[Floats, Integers]:
    """Distances and indices (n, k) of the ``k`` nearest *other* images of each of ``images`` (n, d), exact.

    With ``rows`` (m,), of the images at those places only, (m, k). Raises ValueError where there are not ``k`` others.
    """
    given = np.asarray(images)
    if not 1 <= k < len(given):
        raise ValueError(f"k: {k} given, allowed is 1 to {len(given) - 1}, the others of {len(given)} images")
    places = np.arange(len(given)) if rows is None else np.asarray(rows)
    # Imported at the call: it brings the compiled search with it.
    from companion.analysis.neighbours import nearest_neighbours

    distances, indices = nearest_neighbours(given if rows is None else given[places], given, k + 1)
    itself = indices == places[:, None]
    # Among many exact duplicates an image may not be in its own list; then the last of the list goes.
    itself[~itself.any(axis=1), k] = True
    return distances[~itself].reshape(-1, k), indices[~itself].reshape(-1, k)


@dataclass(frozen=True, eq=False)
class ClassNeighbours:
    """Nearest other image of the same class, for each image of a training set."""

    distance: Floats
    """(n,); inf for an image that is alone in its class."""
    partner: Integers
    """Its index in the training set, (n,); -1 where there is none."""
    scale: Floats
    """Median of ``distance`` over the image's class, (n,)."""

    def twins(self, share: float = 1 / 3) -> NDArray[np.bool_]:
        """Whether each image has a twin: ``distance`` below ``share`` of ``scale``."""
        if not share > 0:
            raise ValueError(f"share: {share} given, allowed is > 0")
        return np.isfinite(self.distance) & (self.distance < share * self.scale)


def class_neighbours(images: ArrayLike, labels: ArrayLike) -> ClassNeighbours:
    """Nearest other image of the class for each of ``images`` (n, d) with ``labels`` (n,)."""
    given, own = np.asarray(images), np.asarray(labels)
    if given.ndim != 2 or own.shape != given.shape[:1]:
        raise ValueError(f"labels: shape {own.shape} given for images {given.shape}; allowed is one for each")
    distance, scale = np.full(own.size, np.inf), np.full(own.size, np.inf)
    partner = np.full(own.size, -1, dtype=np.int64)
    for label in np.unique(own):
        members = np.flatnonzero(own == label)
        if members.size > 1:
            found, index = other_neighbours(given[members])
            distance[members], partner[members] = found[:, 0], members[index[:, 0]]
            scale[members] = np.median(found)
    return ClassNeighbours(distance, partner, scale)


def twin_flags(images: ArrayLike, labels: ArrayLike, share: float = 1 / 3) -> NDArray[np.bool_]:
    """Whether each image's nearest neighbour in its class is closer than ``share`` of the class's median, (n,)."""
    return class_neighbours(images, labels).twins(share)
