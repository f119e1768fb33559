"""Stored geometry of the ten classes of Fashion-MNIST: which pairs of classes can answer which question.

What sets the clocks of a class are its variance and its centroid (arXiv:2605.06367); natural classes differ in both.
"""

import itertools

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.datasets.fashion_mnist import Data, load
from companion.datasets.image_geometry import class_geometry
from companion.store.durable import stored

Floats = NDArray[np.float64]

#: Pairs that isolate one thing, and which. The class with the larger variance stands first.
PURPOSES = {
    ("Bag", "Trouser"): "variance",
    ("Shirt", "Sneaker"): "variance",
    ("Bag", "Sneaker"): "variance",
    ("Trouser", "Sneaker"): "null",
    ("T-shirt", "Sandal"): "centroid norm",
    ("Coat", "Ankle boot"): "centroid norm",
    ("Shirt", "Pullover"): "close",
}

_RANKS = 48


@stored(work=lambda side, **_: side**4)
def class_geometry_table(data: Data, side: int) -> xr.Dataset:
    """Variances, spectra and centroids of all classes, a map of the centroids, and what sets each pair apart.

    Variables of `class_geometry`, with ``eigenvalue`` thinned to ranks evenly spaced in the logarithm; ``place``
    (label, axis): classical scaling of the centroid distances to two axes, which carry ``map_share`` of their squares;
    and by ``pair`` (all 45, larger variance first): ``variance_ratio``, ``separation`` |m_1 - m_2|, ``norm_ratio``
    |m_1|/|m_2| in raw coordinates, the coordinates ``first``, ``second`` and ``purpose`` (empty: none).
    """
    held = load(data)
    geometry = class_geometry(held.train_images, held.train_labels, side)
    ranks = np.unique(np.geomspace(1, geometry.sizes["eigenvalue"], _RANKS).round().astype(int))
    places, share = classical_scaling(geometry.centroid_distance.values)
    return (
        geometry.sel(eigenvalue=ranks)
        .assign(
            place=(("label", "axis"), places[:, :2], {"long_name": "centroid map", "units": "pixel"}),
            map_share=((), share[:2].sum(), {"long_name": "share of squared distances on the map"}),
        )
        .merge(_pairs(geometry))
        .assign_attrs(side=side, data=data)
    )


def classical_scaling(distances: ArrayLike) -> tuple[Floats, Floats]:
    """Points (n, n) with these Euclidean ``distances`` (n, n), about their mean, and each axis's share of squares (n,).

    From the eigenvectors of -J D² J/2, J = 1 - 1/n; axes in falling order, the largest coordinate of each positive.

    >>> places, share = classical_scaling([[0.0, 3.0], [3.0, 0.0]])
    >>> places[:, 0].round(6).tolist(), share.round(6).tolist()
    ([1.5, -1.5], [1.0, 0.0])
    """
    squares = np.asarray(distances, dtype=np.float64) ** 2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    # Of equal largest coordinates the first decides, whatever the rounding.
    largest = (np.abs(vectors) > np.abs(vectors).max(axis=0) - 1e-9).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(len(values))])
    total = values.sum()
    return vectors * signs * np.sqrt(values), values / total if total else values


def _pairs(geometry: xr.Dataset) -> xr.Dataset:
    traces, names = geometry.trace.values, [str(name) for name in geometry.label.values]
    ordered = [
        (a, b) if traces[a] >= traces[b] else (b, a) for a, b in itertools.combinations(range(len(names)), 2)
    ]
    first, second = map(list, zip(*ordered, strict=True))
    norms, distances = geometry.centroid_norm.values, geometry.centroid_distance.values
    # A pair of nearly equal variances may come in either order.
    known = {frozenset(pair): purpose for pair, purpose in PURPOSES.items()}
    purposes = [known.get(frozenset((names[a], names[b])), "") for a, b in ordered]
    return xr.Dataset(
        {
            "variance_ratio": (
                "pair",
                traces[first] / traces[second],
                {"long_name": r"variance ratio $\mathrm{tr}\,\Sigma_1/\mathrm{tr}\,\Sigma_2$"},
            ),
            "separation": (
                "pair",
                distances[first, second],
                {"long_name": "distance between centroids", "units": "pixel"},
            ),
            "norm_ratio": ("pair", norms[first] / norms[second], {"long_name": r"$|m_1|/|m_2|$"}),
        },
        coords={
            "pair": [f"{names[a]} / {names[b]}" for a, b in ordered],
            "first": ("pair", [names[a] for a in first]),
            "second": ("pair", [names[b] for b in second]),
            "purpose": ("pair", purposes),
        },
    )
