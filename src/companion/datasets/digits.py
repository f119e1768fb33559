"""Two binary tasks of tunable similarity on handwritten digits, for learning one after the other.

Inputs are images, centred and whitened on their first principal components. Task 1 is even against odd; the direction
orthogonal to it, out of which task 2 is mixed, is five and above against below (arXiv:2503.02526 learns two tasks on
digits; these two are made here). Which images is a choice, never a fallback: ``digits``, the 1797 of 8 x 8 pixels that
come with scikit-learn; or ``mnist``, the 60000 training images of 28 x 28 pixels of a copy on this machine.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from companion.datasets.fashion_mnist_full import DATA_VARIABLE, DataNotFound
from companion.datasets.idx_files import DamagedData, read_idx

Source = Literal["digits", "mnist"]

SYSTEM_FOLDER = Path("/usr/share/datasets/mnist")
_ROWS_AT_ONCE = 4096


class Published(NamedTuple):
    """One published file: shape, and SHA-256 of its contents uncompressed."""

    shape: tuple[int, ...]
    contents: str


FILES = {
    "train-images-idx3-ubyte": Published(
        (60000, 28, 28), "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": Published(
        (60000,), "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
}


@dataclass(frozen=True, eq=False)
class DigitTasks:
    """Whitened inputs and the two directions of the targets; all arrays read-only.

    ``inputs`` (n, d), each column of mean 0 and variance 1, uncorrelated; ``targets`` (2, n): y1 and its orthogonal
    direction, each of mean 0 and variance 1, uncorrelated; ``labels`` (n,), the digits; ``explained``, the share of
    the pixels' variance that the d components hold; ``raw_correlation``, that of the two contrasts before they are
    made orthogonal.
    """

    inputs: NDArray[np.float64]
    targets: NDArray[np.float64]
    labels: NDArray[np.int64]
    source: Source
    explained: float
    raw_correlation: float

    def mixed(self, similarity: float) -> NDArray[np.float64]:
        """Target of task 2, V y1 + sqrt(1 - V²) y_perp, (n,); its correlation with task 1 is V.

        Raises ValueError for a similarity outside [0, 1].
        """
        along, across = mixing(similarity)
        return along * self.targets[0] + across * self.targets[1]


def mixing(similarity: ArrayLike) -> NDArray[np.float64]:
    """Coefficients (V, sqrt(1 - V²)) of task 2 on the two target directions, (2, ...) for V of shape (...).

    Raises ValueError for a similarity outside [0, 1].

    >>> mixing([0.0, 0.6, 1.0]).tolist()
    [[0.0, 0.6, 1.0], [1.0, 0.8, 0.0]]
    """
    V = np.asarray(similarity, dtype=np.float64)
    outside = V[~((V >= 0.0) & (V <= 1.0))]
    if outside.size:
        raise ValueError(f"similarity: {outside.flat[0]} given; allowed: numbers from 0 to 1")
    return np.stack([V, np.sqrt(1.0 - V**2)])


@lru_cache(maxsize=4)
def digit_tasks(source: Source = "digits", dimension: int = 30) -> DigitTasks:
    """The tasks on ``source``, its images whitened on their first ``dimension`` principal components.

    Raises ValueError for another source and for more dimensions than the images span; DataNotFound and DamagedData
    as `read_mnist` does.
    """
    if source not in get_args(Source):
        raise ValueError(f"source: {source!r} given; allowed: {', '.join(map(repr, get_args(Source)))}")
    images, labels = _scikit_learn_digits() if source == "digits" else read_mnist()
    inputs, explained = whitened(images.reshape(len(images), -1), dimension)
    targets, correlation = target_directions(labels)
    for array in (inputs, targets, labels):
        array.setflags(write=False)
    return DigitTasks(inputs, targets, labels, source, explained, correlation)


def whitened(images: NDArray[np.uint8], dimension: int) -> tuple[NDArray[np.float64], float]:
    """Scores (n, dimension) on the first principal components, each of variance 1, and their share of the variance.

    ``images`` (n, pixels) are whole numbers, so that their covariance is exact, in whatever order sums are taken. The
    largest entry of each component is positive. Raises ValueError for more dimensions than ``images`` span.
    """
    count, pixels = images.shape
    total, products = np.zeros(pixels), np.zeros((pixels, pixels))
    for start in range(0, count, _ROWS_AT_ONCE):
        rows = images[start : start + _ROWS_AT_ONCE].astype(np.float64)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    variances, components = np.linalg.eigh((count * products - np.outer(total, total)) / count**2)
    variances, components = variances[::-1], components[:, ::-1]
    span = int(np.count_nonzero(variances > 1e-10 * variances[0]))
    if dimension != int(dimension) or not 1 <= dimension <= span:
        raise ValueError(f"dimension: {dimension} given; allowed: 1 to {span}, which the images span")
    kept = components[:, :dimension]
    largest = kept[np.abs(kept).argmax(axis=0), np.arange(dimension)]
    kept = kept * (np.sign(largest) / np.sqrt(variances[:dimension]))
    inputs = np.concatenate(
        [images[at : at + _ROWS_AT_ONCE] @ kept for at in range(0, count, _ROWS_AT_ONCE)]
    ) - (total @ kept / count)
    return inputs, float(variances[:dimension].sum() / variances.sum())


def target_directions(labels: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Even against odd and, orthogonal to it, five and above against below: (2, n), each of mean 0 and variance 1.

    Beside them the correlation of the two contrasts before the second is made orthogonal. Raises ValueError where
    the labels do not have both contrasts.
    """
    digits = np.asarray(labels)
    if not len(np.unique(np.stack([digits % 2, digits >= 5], axis=-1), axis=0)) >= 3:
        raise ValueError(
            "labels: too few kinds of digits given; allowed: even and odd ones, below 5 and not, that are not the same"
        )
    first, second = _standardised(digits % 2 == 0), _standardised(digits >= 5)
    correlation = float(np.mean(first * second))
    return np.stack([first, _standardised(second - correlation * first)]), correlation


def _standardised(values: NDArray[np.bool_] | NDArray[np.float64]) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    return (numbers - numbers.mean()) / numbers.std()


def _scikit_learn_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from sklearn.datasets import load_digits  # loads slowly, and few studies need it

    pixels, labels = load_digits(return_X_y=True)
    return np.asarray(pixels).astype(np.uint8), np.asarray(labels).astype(np.int64)


def places() -> list[Path]:
    """Folders that are searched for MNIST's files, in this order.

    In ``COMPANION_DATA`` mnist/ and MNIST/raw/ (torchvision's layout), but not that folder itself, as files of other
    data sets bear the same names; mnist/ in the user's cache; and the system's folder.
    """
    import pooch  # loads slowly, and most runs need none of it

    own = os.environ.get(DATA_VARIABLE)
    roots = [Path(own).expanduser().absolute()] if own else []
    inside = [root / place for root in roots for place in ("mnist", "MNIST/raw")]
    return [*inside, Path(pooch.os_cache("companion")) / "mnist", SYSTEM_FOLDER]


def read_mnist() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """MNIST's training images (60000, 28, 28) and labels (60000,), from the first place that holds both files.

    Files may be packed (.gz) or not. Nothing is downloaded. Raises DataNotFound if no place holds both,
    DamagedData if a file does not hold the published contents: it is named, never passed over.
    """
    looked = []
    for folder in places():
        candidates = {name: (folder / name, folder / f"{name}.gz") for name in FILES}
        found = {name: next(filter(Path.is_file, paths), None) for name, paths in candidates.items()}
        missing = [name for name, path in found.items() if path is None]
        if not missing:
            images, labels = (_read(path, name) for name, path in found.items() if path is not None)
            return images, labels.astype(np.int64)
        shortfall = f"no {' or '.join(missing)} (or .gz)" if folder.is_dir() else "no such folder"
        looked.append(f"{folder}: {shortfall}")
    raise DataNotFound(
        "source: 'mnist' given, and no copy of MNIST was found on this machine. Looked in\n  "
        + "\n  ".join(looked)
        + f"\nPut the IDX files {' and '.join(FILES)}, packed or not, into mnist/ in a folder and set {DATA_VARIABLE}"
        " to that folder. source='digits' needs none of this."
    )


def _read(path: Path, name: str) -> NDArray[np.uint8]:
    try:
        return read_idx(path, FILES[name].shape, FILES[name].contents)
    except DamagedData as error:
        raise DamagedData(f"{error}. Remove or replace that file, and load again") from error
