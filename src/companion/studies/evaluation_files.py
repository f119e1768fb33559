"""Samples and training images from .npy files, checked before any work; every error names its file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.store.content import array_digest

_MOST_CLASSES = 256
# Rows looked at together for numbers that are not finite.
_BLOCK = 4096
# Squares of larger numbers leave the range of distances.
_LARGEST = 1e100


class BadInput(ValueError):
    """A file that cannot be evaluated; the message names it and says what is allowed."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """What was read: arrays with one flattened image in each row."""

    samples: NDArray
    train: NDArray
    labels: NDArray[np.int64] | None
    held_out: NDArray | None
    picture: tuple[int, int] | None
    """Height and width, where the rows are grey pictures."""
    files: dict[str, dict[str, Any]]
    """Name, shape and digest of each array."""
    notes: tuple[str, ...]


def read_inputs(
    samples: Path, train: Path, labels: Path | None = None, held_out: Path | None = None
) -> Inputs:
    """Read and check all files. Raises BadInput for the first that does not fit."""
    paths = {"samples": samples, "train": train, "held_out": held_out}
    raw = {name: _load(path) for name, path in paths.items() if path is not None}
    rows = {name: _rows(array, paths[name]) for name, array in raw.items()}
    width = rows["train"].shape[1]
    for name in rows:
        if rows[name].shape[1] != width:
            raise BadInput(
                f"{paths[name]}: images of {rows[name].shape[1]} numbers (array {raw[name].shape}), "
                f"but those of {train} have {width} (array {raw['train'].shape}); allowed are equal sizes"
            )
    if len(rows["train"]) < 2:
        raise BadInput(
            f"{train}: 1 image given, allowed are 2 or more: the criterion compares the two nearest"
        )
    files = {
        name: {"name": path.name, "shape": list(raw[name].shape), "digest": array_digest(raw[name])}
        for name, path in paths.items()
        if path is not None
    }
    own = None
    if labels is not None:
        own = _labels(_load(labels), labels, len(rows["train"]), train)
        files["labels"] = {"name": labels.name, "shape": [own.size], "digest": array_digest(own)}
    return Inputs(
        rows["samples"],
        rows["train"],
        own,
        rows.get("held_out"),
        picture_shape(raw["train"].shape),
        files,
        tuple(_remarks(rows, paths, own, labels)),
    )


def picture_shape(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width of the grey pictures in an array of ``shape``; None if its rows are none.

    >>> picture_shape((9, 1, 28, 28)), picture_shape((9, 256)), picture_shape((9, 250)), picture_shape((9, 3, 8, 8))
    ((28, 28), (16, 16), None, None)
    """
    sizes = [size for size in shape[1:] if size > 1]
    if len(sizes) == 2 and min(sizes) >= 4:
        return sizes[0], sizes[1]
    side = round(float(np.sqrt(sizes[0]))) if len(sizes) == 1 else 0
    return (side, side) if side >= 4 and side * side == sizes[0] else None


def _load(path: Path) -> NDArray:
    try:
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise BadInput(f"{path}: no .npy file; allowed is one array, as numpy.save writes it")
            file.seek(0)
            return np.load(file, allow_pickle=False)
    except OSError as problem:
        raise BadInput(f"{path}: cannot be read: {problem.strerror or problem}") from None
    except (ValueError, EOFError) as problem:
        if isinstance(problem, BadInput):
            raise
        raise BadInput(f"{path}: damaged, or Python objects: {problem}") from None


def _rows(array: NDArray, path: Path | None) -> NDArray:
    if array.dtype.kind not in "biuf":
        raise BadInput(f"{path}: numbers of type {array.dtype} given, allowed are real ones")
    if array.ndim < 2 or array.size == 0:
        raise BadInput(
            f"{path}: array {array.shape} given, allowed is (n, ...) with images that are not empty"
        )
    rows = np.ascontiguousarray(array).reshape(len(array), -1)
    if rows.dtype.kind == "f":
        largest = min(_LARGEST, float(np.finfo(rows.dtype).max))
        for start in range(0, len(rows), _BLOCK):
            with np.errstate(invalid="ignore"):
                wrong = ~(np.abs(rows[start : start + _BLOCK]) <= largest).all(axis=1)
            if wrong.any():
                raise BadInput(
                    f"{path}: NaN, infinity or more than {_LARGEST:g} in row {start + int(wrong.argmax())}; "
                    "allowed are finite numbers"
                )
    # What the distances compute with; wider types would be rounded without a word.
    known = rows.dtype in (np.dtype(kind) for kind in ("f2", "f4", "f8", "u1"))
    return rows if known else rows.astype(np.float64)


def _labels(array: NDArray, path: Path, images: int, train: Path) -> NDArray[np.int64]:
    if array.size != images or array.ndim == 0 or array.shape[0] != images:
        raise BadInput(
            f"{path}: labels {array.shape} given, allowed is one for each of the {images} images of {train}"
        )
    flat = array.reshape(-1)
    if flat.dtype.kind not in "biuf" or not np.isfinite(flat).all() or (flat != np.round(flat)).any():
        raise BadInput(
            f"{path}: labels of type {array.dtype} that are no whole numbers; allowed are whole numbers"
        )
    found = flat.astype(np.int64)
    if (classes := np.unique(found).size) > _MOST_CLASSES:
        raise BadInput(f"{path}: {classes} different labels given, allowed are {_MOST_CLASSES}")
    return found


def _remarks(
    rows: dict[str, NDArray], paths: dict[str, Path | None], labels: NDArray | None, label_path: Path | None
) -> list[str]:
    """What may be meant, and may be a mistake."""
    found = []
    spans = {name: (float(array.min()), float(array.max())) for name, array in rows.items()}
    low, high = spans["train"]
    for name in rows:
        width = spans[name][1] - spans[name][0]
        if name != "train" and not 1 / 3 < (width + 1e-300) / (high - low + 1e-300) < 3:
            found.append(
                f"{paths[name]} runs from {spans[name][0]:.4g} to {spans[name][1]:.4g} and {paths['train']} from "
                f"{low:.4g} to {high:.4g}: are both in the same units?"
            )
    if len(rows["train"]) == 2 and "held_out" not in rows:
        found.append(f"{paths['train']}: two images leave no null rate; give --held-out")
    if labels is not None:
        counts = np.unique(labels, return_counts=True)[1]
        if counts.size < 2 or counts.min() < 5:
            found.append(
                f"{label_path}: classes by the nearest image only; the discriminant takes classes of 5 images or more"
            )
    return found
