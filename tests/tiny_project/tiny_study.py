"""Studies of the tiny project, a user's own module beside run_all.py."""

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.session.progress import progress
from companion.store.durable import stored


@stored
def powers(numbers: int, exponent: float) -> xr.Dataset:
    """Powers of 1 … numbers."""
    base = np.arange(1.0, numbers + 1)
    return xr.Dataset(
        {"power": ("number", base**exponent, {"long_name": "power", "units": "1"})},
        coords={"number": ("number", base, {"long_name": "number", "units": "1"})},
    )


@stored
def walks(conditions: tuple[dict[str, int], ...], seed: int) -> xr.Dataset:
    """Where random walkers end; long enough to be killed on the way."""
    ends = []
    with progress("walks", len(conditions) * 20, "rounds") as advance:
        for condition in conditions:
            end = 0.0
            for step in range(20):
                end += float(generator(seed, "walk", condition["walker"], step).normal(size=400_000).sum())
                advance(1)
            ends.append(end)
    return xr.Dataset({"end": ("condition", ends, {"long_name": "end", "units": "1"})})


@stored
def summary(walks: xr.Dataset) -> xr.Dataset:
    """The walks in order of their ends."""
    return xr.Dataset({"end": ("rank", np.sort(walks.end.values), {"long_name": "end", "units": "1"})})
