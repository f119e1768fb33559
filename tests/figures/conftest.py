"""Small datasets of the shape that studies of score models on pairs of classes return."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import xarray as xr

CLOCKS = ("early_stop", "mem_gap", "mem_half", "mem_copy", "mem_plateau", "frechet_gen")
STEPS = (0, 100, 200, 400, 800)
LEVELS = (50, 136)

Summary = Callable[..., xr.Dataset]


@pytest.fixture
def unet_summary() -> Summary:
    return _summary


def _summary(dim: str, names: Sequence[object], replicates: int = 2) -> xr.Dataset:
    """Curves and clocks with dims ``dim``, ``replicate``; every number differs from every other one."""
    shape = (len(names), replicates, len(STEPS), 2)
    generator = np.random.default_rng(0)
    by_run, by_step, by_class = (
        (dim, "replicate"),
        (dim, "replicate", "step"),
        (dim, "replicate", "step", "label"),
    )
    fraction = np.sort(generator.uniform(0.02, 0.9, shape), axis=2)
    share = generator.uniform(0.1, 0.4, shape[:-1])
    levels = (*shape[:3], len(LEVELS), 2)
    return xr.Dataset(
        {
            "memorised": (by_class, fraction, {"long_name": "memorised fraction"}),
            "memorised_low": (by_class, fraction - 0.02),
            "memorised_high": (by_class, fraction + 0.03),
            "class_share": (by_class, np.stack([share, 1 - share], axis=-1)),
            "undecided": (by_step, generator.uniform(0, 0.5, shape[:-1])),
            "frechet": (by_class, generator.uniform(2, 30, shape)),
            "test_loss": ((*by_step, "diffusion_index", "label"), generator.uniform(0.3, 0.6, levels)),
            "train_loss": ((*by_step, "diffusion_index", "label"), generator.uniform(0.1, 0.3, levels)),
            "time": (
                (*by_run, "clock", "label"),
                generator.uniform(120, 700, (*shape[:2], len(CLOCKS), 2)),
                {"long_name": r"training steps $\tau$"},
            ),
        },
        coords={
            dim: list(names),
            "step": list(STEPS),
            "label": [0, 1],
            "diffusion_index": list(LEVELS),
            "clock": list(CLOCKS),
        },
    )
