"""Variance and centroid geometry of classes of images: what sets the clocks of learning and copying.

Traces, spectra and participation ratios of the class covariances, centroid norms, distances and cosines.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.datasets.fashion_mnist import CLASS_NAMES
from companion.datasets.image_moments import image_rows
from companion.session.progress import progress

Floats = NDArray[np.float64]


def class_geometry(images: NDArray[np.uint8], labels: ArrayLike, side: int = 28) -> xr.Dataset:
    """Geometry of each class present in ``images`` (n, 28, 28) with ``labels`` (n,), pixels in [-1, 1].

    By ``label`` (the class's name): ``trace`` of the covariance Σ (unbiased), ``variance`` = trace/d, the
    participation ratio (tr Σ)²/tr Σ², ``k90`` (directions that carry 90 % of the trace), ``eigenvalues`` in
    falling order, ``top_eigenvalue`` and ``top_share``, ``centroid_norm`` |m|, ``grand_distance`` |m - g| from the
    grand mean g (that of the centroids, so imbalance does not move it), ``mean_pixel``, ``images``. By ``label``
    and ``other_label``: ``centroid_distance`` and ``centroid_cosine`` about g. Of all: ``grand_norm``,
    ``grand_pixel`` and ``mixture_trace``, the total variance of the balanced mixture.

    Raises ValueError for another side, images that are not (n, 28, 28) of uint8, labels that do not fit, and
    a class with a single image.
    """
    rows = image_rows(images, side)
    numbers = _checked_labels(labels, len(rows))
    present = np.unique(numbers)
    counts = np.bincount(numbers)[present]
    if (counts < 2).any():
        alone = CLASS_NAMES[present[counts < 2][0]]
        raise ValueError(f"labels: one image of {alone} given; a covariance needs two")
    dimension = rows.shape[1]
    centroids, spectra = np.empty((len(present), dimension)), np.empty((len(present), dimension))
    with progress("class geometry", len(present), "classes") as advance:
        for index, number in enumerate(present):
            points = rows[numbers == number].astype(np.float64)
            centroids[index] = points.mean(axis=0)
            points -= centroids[index]
            covariance = points.T @ points / (len(points) - 1)
            spectra[index] = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0)
            advance(1)
    return _dataset(centroids, spectra, [CLASS_NAMES[number] for number in present], counts, side)


def _dataset(
    centroids: Floats, spectra: Floats, names: list[str], counts: NDArray[np.int64], side: int
) -> xr.Dataset:
    trace = spectra.sum(axis=1)
    grand = centroids.mean(axis=0)
    about = centroids - grand
    distance = np.linalg.norm(about, axis=1)
    squares = ((centroids[:, None] - centroids[None]) ** 2).sum(axis=2)
    # A class alone is its own grand mean, and has no direction from it.
    lengths = np.outer(distance, distance)
    cosine = np.divide(about @ about.T, lengths, out=np.full_like(lengths, np.nan), where=lengths > 0)
    carried = np.cumsum(spectra, axis=1) >= 0.9 * trace[:, None]
    each, pair, spectrum = ("label",), ("label", "other_label"), ("label", "eigenvalue")
    variables: dict[str, tuple[tuple[str, ...], Any, str, str]] = {
        "trace": (each, trace, "trace of the class covariance", "pixel²"),
        "variance": (each, trace / side**2, "variance per pixel", "pixel²"),
        "participation_ratio": (
            each,
            _share(trace**2, (spectra**2).sum(axis=1)),
            "participation ratio of the class covariance",
            "",
        ),
        "k90": (each, carried.argmax(axis=1) + 1, "directions that carry 90 % of the class variance", ""),
        "eigenvalues": (spectrum, spectra, "eigenvalue of the class covariance", "pixel²"),
        "top_eigenvalue": (each, spectra[:, 0], "largest eigenvalue of the class covariance", "pixel²"),
        "top_share": (each, _share(spectra[:, 0], trace), "share of the largest eigenvalue in the trace", ""),
        "centroid_norm": (each, np.linalg.norm(centroids, axis=1), "centroid norm", "pixel"),
        "grand_distance": (each, distance, "distance of the centroid from the grand mean", "pixel"),
        "mean_pixel": (each, centroids.mean(axis=1), "mean pixel of the class", "pixel"),
        "images": (each, counts, "number of images", ""),
        "centroid_distance": (pair, np.sqrt(squares), "distance between centroids", "pixel"),
        "centroid_cosine": (pair, cosine, "cosine between centroids about the grand mean", ""),
        "grand_norm": ((), np.linalg.norm(grand), "norm of the grand mean", "pixel"),
        "grand_pixel": ((), grand.mean(), "mean pixel of the grand mean", "pixel"),
        "mixture_trace": (
            (),
            (trace + distance**2).mean(),
            "total variance of the balanced mixture",
            "pixel²",
        ),
    }
    rank = np.arange(1, spectra.shape[1] + 1)
    return xr.Dataset(
        {
            name: (dims, values, {"long_name": text, "units": units})
            for name, (dims, values, text, units) in variables.items()
        },
        coords={
            "label": ("label", names, {"long_name": "class"}),
            "other_label": ("other_label", names, {"long_name": "other class"}),
            "eigenvalue": ("eigenvalue", rank, {"long_name": "rank of the eigenvalue"}),
        },
        attrs={"side": side},
    )


def _share(part: Floats, whole: Floats) -> Floats:
    """``part/whole``, NaN where the whole vanishes (a class of equal images)."""
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _checked_labels(labels: ArrayLike, size: int) -> NDArray[np.int64]:
    array = np.asarray(labels)
    if array.shape != (size,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"labels: shape {array.shape} of {array.dtype} given; whole numbers, one per image ({size})"
        )
    if size == 0 or array.min() < 0 or array.max() >= len(CLASS_NAMES):
        raise ValueError(f"labels: {np.unique(array).tolist()} given; they are 0 to {len(CLASS_NAMES) - 1}")
    return array.astype(np.int64)
