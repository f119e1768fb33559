"""What the benchmarks of scale compute: sleeping blocks of conditions, and records of as many samples as asked for."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from companion.compute.seeds import generator
from companion.store.durable import stored


@stored
def sleeping_block(conditions: Sequence[Mapping[str, Any]], seconds: float, steps: int) -> xr.Dataset:
    """A block that takes ``seconds``: ``value`` (condition) and ``curve`` (condition, step)."""
    time.sleep(seconds)
    curves = np.stack([generator(3, "scale", each["run"]).standard_normal(steps) for each in conditions])
    return xr.Dataset(
        {
            "value": ("condition", curves.sum(1), {"long_name": "end"}),
            "curve": (("condition", "step"), curves),
        },
        coords={"step": np.arange(steps)},
    )


@stored
def sample_record(samples: int, checkpoints: int, pixels: int, seed: int) -> xr.Dataset:
    """What a score model's run records of its samples at every checkpoint; the images themselves if ``pixels``."""
    draw = generator(seed, "samples", samples, checkpoints)
    seen = (checkpoints, samples)
    found = {
        "distance": (("step", "sample", "neighbour_rank"), draw.random((*seen, 2))),
        "neighbour": (
            ("step", "sample", "neighbour_rank"),
            draw.integers(0, 2**31 - 1, (*seen, 2), dtype=np.int32),
        ),
        "neighbour_class": (("step", "sample"), draw.integers(0, 2, seen, dtype=np.int8)),
        "sample_class": (("step", "sample"), draw.integers(-1, 2, seen, dtype=np.int8)),
    }
    if pixels:
        found["image"] = (
            ("step", "sample", "pixel"),
            draw.standard_normal((*seen, pixels), dtype=np.float32),
        )
    return xr.Dataset(found)
