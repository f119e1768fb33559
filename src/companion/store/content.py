"""Digests of content: arrays and datasets by what they hold, not by the file that holds them."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr  # slow to import, and most users of this module digest files


def array_digest(array: np.ndarray) -> str:
    """SHA-256 of dtype, shape and values; the memory order does not count.

    Raises TypeError for complex and object arrays (other than text), which are not stored.
    """
    digest = hashlib.sha256()
    if array.dtype.kind in "OUST":
        values = array.ravel().tolist()
        if not all(isinstance(value, str) for value in values):
            raise TypeError("an array of objects that are not text cannot be keyed by its values")
        digest.update(json.dumps(["text", list(array.shape), values]).encode())
    elif array.dtype.kind in "biufmM":
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(json.dumps([little.dtype.str, list(array.shape)]).encode())
        digest.update(little.tobytes())
    else:
        raise TypeError(f"an array of dtype {array.dtype} cannot be stored; split it into real parts")
    return digest.hexdigest()


def dataset_digest(dataset: "xr.Dataset") -> str:
    """SHA-256 of names, dims, dtypes and values of all variables; attributes do not count."""
    parts: dict[str, Any] = {
        str(name): [
            list(map(str, variable.dims)),
            name in dataset.coords,
            array_digest(np.asarray(variable.values)),
        ]
        for name, variable in dataset.variables.items()
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of the bytes of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
