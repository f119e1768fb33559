"""Rows of numbers as the search wants them: a contiguous matrix of float32 or float64."""

from typing import Any

import numpy as np
import torch

#: Above this size squares of differences would leave float64.
LARGEST = 2.0**500


def exact_rows(array: Any, name: str) -> np.ndarray:
    """``array`` (n, D) as C-contiguous float32 or float64, every number unchanged.

    float16, bytes and booleans become float32, other integers float64. Raises ValueError that names
    the argument for other shapes and dtypes, and the row for NaN, infinities and numbers too large.
    """
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu()
        array = array.float() if array.dtype == torch.bfloat16 else array
    rows = np.asarray(array)
    if rows.ndim != 2:
        raise ValueError(
            f"{name}: given an array of shape {rows.shape}; allowed: two axes (vectors, coordinates)"
        )
    kind, size = rows.dtype.kind, rows.dtype.itemsize
    if kind not in "fiub" or (kind == "f" and size > 8):
        raise ValueError(
            f"{name}: given dtype {rows.dtype}; allowed: floats up to float64, integers, booleans"
        )
    if kind in "iu" and size > 4 and rows.size and max(-int(rows.min()), int(rows.max())) > 2**53:
        raise ValueError(f"{name}: given integers beyond 2⁵³, which float64 does not hold exactly")
    small = size <= 2 or (kind == "f" and size == 4)  # float32 holds 24 bits
    rows = np.ascontiguousarray(rows, dtype=np.float32 if small else np.float64)
    if kind == "f":
        _refuse_endless(rows, name)
    return rows


def _refuse_endless(rows: np.ndarray, name: str) -> None:
    # The sum is finite unless a number is not, or unless it overflows: only then each row is looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        if rows.dtype == np.float32 and np.isfinite(rows.sum()):
            return
        largest = np.abs(rows).max(axis=1, initial=0.0)  # NaN where a row has one
    for bad, what in (
        (np.isnan(largest), "is NaN"),
        (np.isinf(largest), "is infinite"),
        (
            largest.astype(np.float64) > LARGEST,
            f"is larger than {LARGEST:.1e}, so that its square would leave float64",
        ),
    ):
        if bad.any():
            first, more = int(np.argmax(bad)), int(bad.sum()) - 1
            others = f" (and {more} more rows)" if more else ""
            raise ValueError(f"{name}: row {first}{others} has a number that {what}; allowed: finite numbers")


def tensor_of(rows: np.ndarray) -> torch.Tensor:
    """A tensor on the memory of ``rows``, read-only arrays included: nothing here writes to it."""
    return torch.from_numpy(rows) if rows.flags.writeable else torch.from_dlpack(rows)
