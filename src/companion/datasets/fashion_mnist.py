"""Fashion-MNIST (arXiv:1708.07747): 28 x 28 grey images of ten kinds of clothes.

Which images is a choice, never a fallback: ``embedded``, the first 400 training and 150 test images of each class,
which come with the package; or ``full``, all 60000 and 10000.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from companion.datasets.fashion_mnist_full import read_full
from companion.datasets.idx_files import DamagedData, idx_digest

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

Data = Literal["embedded", "full"]

CLASS_NAMES = (
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_EMBEDDED_DIGEST = "96555725f05b59a1cefa1b4a3ebdaeb97a25420668d4909d71eddcc3915b350e"
_INSTALL = "Install the package again"
_ARRAYS = tuple(f"{part}_{kind}" for part in ("train", "test") for kind in ("images", "labels", "positions"))


@dataclass(frozen=True, eq=False)
class FashionMNIST:
    """Images (n, 28, 28), their labels (n,), and their positions (n,) in the published files; all read-only.

    ``source`` is ``embedded`` or ``full``, ``digest`` the SHA-256 of images and labels.
    """

    train_images: Bytes
    train_labels: Integers
    test_images: Bytes
    test_labels: Integers
    train_positions: Integers
    test_positions: Integers
    source: Data
    digest: str


def load(data: Data) -> FashionMNIST:
    """The images of ``data``, ``"embedded"`` or ``"full"``; read once and kept.

    The full data is looked for in the folder ``COMPANION_DATA``, then where Debian's package
    ``dataset-fashion-mnist`` puts it, and is else downloaded; its contents are always checked.

    Raises ValueError for another name; FileNotFoundError if ``"full"`` is nowhere, saying where it was looked
    for; ``idx_files.DamagedData`` (a ValueError) for files with other contents.

    >>> few = load("embedded")
    >>> few.train_images.shape, few.test_images.shape
    ((4000, 28, 28), (1500, 28, 28))
    >>> CLASS_NAMES[few.train_labels[0]]
    'Ankle boot'
    """
    if data not in get_args(Data):
        raise ValueError(f"data: {data!r} given; one of {', '.join(get_args(Data))}")
    return _embedded() if data == "embedded" else _full()


def class_number(name: int | str) -> int:
    """Label of a class given by its label or its name; upper and lower case are alike.

    Raises ValueError, with the ten names, for anything else.

    >>> class_number("Bag"), class_number(8)
    (8, 8)
    """
    if isinstance(name, str):
        folded = [known.casefold() for known in CLASS_NAMES]
        if name.casefold() in folded:
            return folded.index(name.casefold())
    elif isinstance(name, int | np.integer) and not isinstance(name, bool) and 0 <= name < len(CLASS_NAMES):
        return int(name)
    known = ", ".join(f"{number} {name}" for number, name in enumerate(CLASS_NAMES))
    raise ValueError(f"class: {name!r} given; one of {known}")


@lru_cache(maxsize=1)
def _embedded() -> FashionMNIST:
    place = resources.files("companion.datasets").joinpath("embedded", "fashion_mnist.npz")
    try:
        with place.open("rb") as file, np.load(file, allow_pickle=False) as held:
            arrays = {name: held[name] for name in _ARRAYS}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError) as error:
        raise DamagedData(
            f"{place}: not the file that comes with the package ({error}). {_INSTALL}"
        ) from error
    found = _assembled("embedded", arrays)
    if found.digest != _EMBEDDED_DIGEST:
        raise DamagedData(
            f"{place}: images with SHA-256 {found.digest} found; expected {_EMBEDDED_DIGEST}. {_INSTALL}"
        )
    return found


@lru_cache(maxsize=1)
def _full() -> FashionMNIST:
    files = read_full()
    arrays = {}
    for part, published in (("train", "train"), ("test", "t10k")):
        arrays[f"{part}_images"] = files[f"{published}-images-idx3-ubyte"]
        arrays[f"{part}_labels"] = files[f"{published}-labels-idx1-ubyte"]
        arrays[f"{part}_positions"] = np.arange(len(arrays[f"{part}_labels"]))
    return _assembled("full", arrays)


def _assembled(source: Data, arrays: Mapping[str, NDArray]) -> FashionMNIST:
    parts = [
        idx_digest(arrays[f"{part}_{kind}"]) for part in ("train", "test") for kind in ("images", "labels")
    ]
    integers = {name: array.astype(np.int64) for name, array in arrays.items() if not name.endswith("images")}
    for array in (*arrays.values(), *integers.values()):
        array.setflags(write=False)
    return FashionMNIST(
        train_images=arrays["train_images"],
        test_images=arrays["test_images"],
        **integers,
        source=source,
        digest=hashlib.sha256("".join(parts).encode()).hexdigest(),
    )
