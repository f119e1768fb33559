"""From the records of score-model runs to what figures show: curves of each class, and their clocks.

All functions take the Dataset of `unet_runs.score_runs`, whose leading dim is ``condition``, and keep it.
"""

from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.memorisation import (
    THRESHOLD,
    copy_counts,
    distance_ratio,
    memorised_counts,
)
from companion.analysis.timescales import (
    early_stop,
    filled_start,
    frechet_passage,
    half_plateau,
    mem_copy,
    mem_gap,
    mem_half,
)

#: Noise level whose losses the clocks read: t_OU = .1.
PRIMARY_INDEX = 136
#: Clocks, the primary one of memorisation second (arXiv:2605.06367 by proxy; the vocabulary of all families).
CLOCKS = ("early_stop", "mem_gap", "mem_half", "mem_copy", "mem_plateau", "frechet_gen")
GAP = 0.25
GAPS = (0.1, 0.25, 0.5, 1.0)
COPIED = 0.1
COPIES = (0.05, 0.1, 0.2)
CLASSES = 2


def curves(runs: xr.Dataset, threshold: float = THRESHOLD) -> xr.Dataset:
    """Curves of each class against ``step``: losses, memorised fraction with Wilson band, class shares, coverage.

    ``memorised`` (condition, step, label) is blank (NaN) where fewer than 30 samples are classified as the class;
    numerator and denominator are classified alike. ``median_ratio`` and ``undecided``, ``disagreement`` are (condition,
    step). Losses keep all noise levels.
    """
    ratio = ratios(runs.distance.transpose("condition", "step", "sample", "neighbour_rank").values)
    nearest = runs.neighbour.transpose("condition", "step", "sample", "neighbour_rank").values[..., 0]
    nearest_class = runs.neighbour_class.transpose("condition", "step", "sample").values
    told = runs.sample_class.transpose("condition", "step", "sample").values
    sample_class = np.where(np.isnan(ratio), -1, told)  # samples of a run that stopped are of no class
    counts = memorised_counts(ratio, nearest_class, sample_class, CLASSES, threshold)
    low, high = counts.band()
    by_class, by_step = ("condition", "step", "label"), ("condition", "step")
    hit = copy_counts(ratio, nearest, int(nearest.max()) + 1, threshold) > 0
    own = np.arange(hit.shape[-1]) >= runs.first_count.values[:, None, None]  # images are sorted by class
    copied = np.stack([np.count_nonzero(hit & ~own, -1), np.count_nonzero(hit & own, -1)], axis=-1)
    missing = np.isnan(ratio).any(axis=-1, keepdims=True)
    found: dict[str, Any] = {
        "memorised": (by_class, counts.fraction, {"long_name": r"memorised fraction $f_{\mathrm{mem}}^c$"}),
        "memorised_low": (by_class, low),
        "memorised_high": (by_class, high),
        "memorised_all": (by_step, share_below(ratio, threshold), {"long_name": "memorised fraction"}),
        "class_share": (by_class, counts.class_share, {"long_name": "share of generated samples"}),
        "coverage": (by_class, np.where(missing, np.nan, copied), {"long_name": "training images copied"}),
        "undecided": (by_step, counts.undecided, {"long_name": "undecided share"}),
        "disagreement": (by_step, counts.disagreement, {"long_name": "attribution rules disagree"}),
        "median_ratio": (by_step, np.median(ratio, axis=-1), {"long_name": "median $d_1/d_2$"}),
    }
    kept = runs[["train_loss", "test_loss", "frechet"]]
    return kept.assign(found).assign_coords(_labels(runs))


def _filled_far(distances: np.ndarray) -> np.ndarray:
    """``distances`` (..., step) with those before the first known one far above it: few samples are of the class."""
    known = np.isfinite(distances)
    first = np.take_along_axis(distances, known.argmax(axis=-1)[..., None], axis=-1)
    return np.where(known | np.logical_or.accumulate(known, axis=-1), distances, 1e3 * first)


def ratios(distances: np.ndarray) -> np.ndarray:
    """d_1/d_2 of ``distances`` (..., 2); NaN where a run that stopped has none."""
    known = np.isfinite(distances).all(axis=-1)
    filled = np.where(np.isfinite(distances), distances, 1.0)
    return np.where(known, distance_ratio(filled), np.nan)


def share_below(ratio: np.ndarray, threshold: float) -> np.ndarray:
    """Share of samples (..., samples) whose ratio is below the threshold, NaN where one is missing."""
    return np.where(np.isnan(ratio).any(axis=-1), np.nan, (ratio < threshold).mean(axis=-1))


def _labels(runs: xr.Dataset) -> dict[str, Any]:
    """Coordinates that name the conditions, whatever they are."""
    return {str(name): runs[name] for name in runs.coords if runs[name].dims == ("condition",)}


def clocks(watched: xr.Dataset) -> xr.Dataset:
    """Clocks of each class in training steps, from `curves`: ``time`` (condition, clock, label), inf if never.

    Reducible loss of a class: what its test loss at t_OU = .1 falls from its start to its lowest value. Variants for
    robustness strips: ``gap_time`` (condition, margin, label) and ``copy_time`` (condition, copied, label).
    """
    steps = watched.step.values.astype(float)
    at = watched.sel(diffusion_index=PRIMARY_INDEX)
    train, test, frechet, memorised = (
        array.transpose("condition", "label", "step").values
        for array in (at.train_loss, at.test_loss, watched.frechet, watched.memorised)
    )
    reducible = test[..., 0] - test.min(axis=-1)
    copied = filled_start(memorised)
    times = np.stack(
        [
            early_stop(steps, test),
            mem_gap(steps, train, test, reducible, GAP),
            mem_half(steps, train, test),
            mem_copy(steps, copied, COPIED),
            half_plateau(steps, copied),
            frechet_passage(steps, _filled_far(frechet)),
        ],
        axis=1,
    )
    gaps = np.stack([mem_gap(steps, train, test, reducible, margin) for margin in GAPS], axis=1)
    copies = np.stack([mem_copy(steps, copied, share) for share in COPIES], axis=1)
    return xr.Dataset(
        {
            "time": (("condition", "clock", "label"), times, {"long_name": r"training steps $\tau$"}),
            "gap_time": (("condition", "margin", "label"), gaps, {"long_name": r"$\tau$ of the loss gap"}),
            "copy_time": (("condition", "copied", "label"), copies, {"long_name": r"$\tau$ of copies"}),
        },
        coords={
            "clock": list(CLOCKS),
            "margin": ("margin", list(GAPS), {"long_name": r"gap over reducible loss $\epsilon$"}),
            "copied": ("copied", list(COPIES), {"long_name": "memorised fraction $f$"}),
        }
        | _labels(watched),
    )
