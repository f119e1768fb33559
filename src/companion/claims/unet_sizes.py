"""The claim on how clocks of U-Nets grow with the training set (arXiv:2505.17638), and its verdict."""

import math

import numpy as np
import xarray as xr

from companion.claims.contrasts import judge_order
from companion.claims.judging import judge_all
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, VerdictName, stored_keys
from companion.claims.score_contrasts import HIGH, LOW, Clock
from companion.claims.slopes import Slope, slope_over_seeds
from companion.claims.unet_contrasts import (
    EARLY_STOP,
    MEM_COPY,
    chosen,
    control_notes,
    failing,
    root_seed,
    run_notes,
    shortage,
    strip_clocks,
    times,
    unless,
)
from companion.compute.seeds import generator

SHALLOWEST, STEEPEST, LARGEST_EARLY = 0.75, 1.25, 0.4
LEAST_SEEDS, LEAST_SIZES, LEAST_FACTOR, LEAST_IMAGES = 5, 4, 8.0, 32

LINEAR_IN_N = Claim(
    id="p2unet_c7_linear_in_n",
    statement="Copying time grows as $n$, generalisation time does not.",
    quantity=r"Slopes of $\log\tau$ against $\log n$, mem_copy(.1) and early_stop ($t=136$) of each class of a "
    "balanced pair.",
    criterion="At least 4 sizes over a factor of at least 8, all above the batch size and at least 32: the interval of "
    "the mean slope over seeds lies inside $[.75,1.25]$ for mem_copy of both classes, and its upper end is below .4 "
    r"for early_stop of both; at least 5 seeds per $n$.",
    version=0,
    profile="paper",
    figure="p2unet_u10_scaling",
    deterministic=False,
    source="2505.17638",
    note="Version 0: a proposal with no measurement behind it yet, to be fixed before its confirmatory run. A time "
    "that is never reached bounds the slope on one side and can refute, but never confirm. Batch size and learning "
    "rate are the same for all $n$.",
    regimes=(
        Regime("batch of the whole set", "sizes up to the batch size"),
        Regime("decaying learning rate", "a learning rate that falls with the step"),
        Regime("few images", "fewer than 32 images"),
    ),
)


def linear_in_n(sizes: xr.Dataset, pairs: xr.Dataset, decaying: xr.Dataset | None = None) -> Verdict:
    """Verdict on `LINEAR_IN_N` from ``sample_sizes``, and from those made with a ``decaying`` learning rate.

    The null control and the null rate come from ``natural_pairs``.
    """
    batch = int(sizes.attrs["batch_size"])
    given = np.sort(sizes["size"].values.astype(float))
    judged = given[(given > batch) & (given >= LEAST_IMAGES)]
    reason = shortage("paper", sizes, least=LEAST_SEEDS) or _too_narrow(judged, batch)
    slopes = _slopes(sizes, judged, (MEM_COPY, EARLY_STOP))
    verdicts: dict[str, VerdictName] = {name: _judge(name, found) for name, found in slopes.items()}
    main = min(slopes, key=lambda name: _room(name, slopes[name]))
    decided = not reason and not math.isnan(slopes[main].centre)
    return Verdict(
        LINEAR_IN_N.id,
        unless(reason, judge_all(verdicts)),
        value=slopes[main].centre if decided else None,
        interval=slopes[main].interval if decided else None,
        value_text=_text(slopes),
        replicates=sizes.sizes["replicate"],
        root_seed=root_seed(sizes),
        regimes=(
            _elsewhere(LINEAR_IN_N.regimes[0], sizes, given[(given <= batch) & (given >= LEAST_IMAGES)]),
            *(() if decaying is None else (_decaying(decaying),)),
            _elsewhere(LINEAR_IN_N.regimes[2], sizes, given[given < LEAST_IMAGES]),
        ),
        notes=(
            *filter(None, (reason,)),
            *(() if reason else failing(verdicts)),
            f"n = {', '.join(f'{size:g}' for size in judged) or 'none'}, batches of {batch}",
            f"other levels: {_text(_slopes(sizes, judged, tuple(strip_clocks(sizes))))}",
            *control_notes(pairs),
            *run_notes((sizes, "size")),
        ),
        keys=stored_keys(sizes, pairs, *(() if decaying is None else (decaying,))),
    )


def _too_narrow(judged: np.ndarray, batch: int) -> str:
    if judged.size >= LEAST_SIZES and judged[-1] >= LEAST_FACTOR * judged[0]:
        return ""
    return (
        f"needs paper: at least {LEAST_SIZES} sizes over a factor of {LEAST_FACTOR:g}, above the batch size {batch} "
        f"and at least {LEAST_IMAGES}"
    )


def _slopes(data: xr.Dataset, sizes: np.ndarray, clocks: tuple[Clock, ...]) -> dict[str, Slope]:
    """Slope of each clock of each class over ``sizes``, by clock and class."""
    runs = [chosen(data, "size", float(size)) for size in sizes]
    last = float(data.step.max())
    names = data.class_name.values.tolist()
    found = {}
    for clock in clocks:
        for label in (HIGH, LOW):
            name = f"{clock.text} of {names[label]}"
            nothing = np.empty((0, data.sizes["replicate"]))
            reached = np.stack([times(each, clock, label) for each in runs]) if runs else nothing
            with np.errstate(divide="ignore"):
                values = np.log(np.minimum(reached, last))
            noise = generator(0, "bootstrap", "unet sizes", name)
            found[name] = slope_over_seeds(np.log(sizes), values, rising=np.isinf(reached), generator=noise)
    return found


def _judge(name: str, found: Slope) -> VerdictName:
    if name.startswith(MEM_COPY.name):
        return judge_order(found, above=SHALLOWEST, below=STEEPEST, strict=False, minimum_seeds=LEAST_SEEDS)
    return judge_order(found, below=LARGEST_EARLY, minimum_seeds=LEAST_SEEDS)


def _room(name: str, found: Slope) -> float:
    """Distance of an interval to the nearest edge of its criterion, negative outside; a missing one comes first."""
    low, high = found.interval
    if math.isnan(low):
        return -math.inf
    return min(low - SHALLOWEST, STEEPEST - high) if name.startswith(MEM_COPY.name) else LARGEST_EARLY - high


def _text(slopes: dict[str, Slope]) -> str:
    return ", ".join(f"{name} {found.text}" for name, found in slopes.items())


def _elsewhere(regime: Regime, data: xr.Dataset, sizes: np.ndarray) -> RegimeVerdict:
    """The same criterion for the slopes over other sizes, of which two are enough."""
    if sizes.size < 2:
        return regime.found("not evaluated", "fewer than two sizes")
    slopes = _slopes(data, sizes, (MEM_COPY, EARLY_STOP))
    verdict = judge_all([_judge(name, found) for name, found in slopes.items()])
    return regime.found(unless(shortage("paper", data, least=LEAST_SEEDS), verdict), _text(slopes))


def _decaying(data: xr.Dataset) -> RegimeVerdict:
    given = np.sort(data["size"].values.astype(float))
    batch = int(data.attrs["batch_size"])
    return _elsewhere(LINEAR_IN_N.regimes[1], data, given[(given > batch) & (given >= LEAST_IMAGES)])
