"""The claim on centroid norms against variances in U-Nets (arXiv:2605.06367), and its verdict."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from companion.analysis.statistics import bootstrap_interval, median
from companion.claims.contrasts import Contrast, judge_order
from companion.claims.judging import judge_all
from companion.claims.protocol import Claim, Regime, Verdict, VerdictName, stored_keys
from companion.claims.score_contrasts import Clock
from companion.claims.unet_contrasts import (
    EQUIVALENCE_CONFIDENCE,
    LOSS_CLOCKS,
    SOURCE,
    chosen,
    contrast,
    control_notes,
    failing,
    leads,
    listed,
    root_seed,
    run_notes,
    shortage,
    strip_clocks,
    unless,
    weakest,
)
from companion.compute.seeds import generator

RATIO, EXACT_NULL = 1.5, 1.0

CENTROID_SECONDARY = Claim(
    id="p2unet_c4_centroid_secondary",
    statement="The norm of a centroid matters less than the variance of a class.",
    quantity=r"$|\log(\tau_2/\tau_1)|$, absolute value of the mean over seeds, of early_stop and mem_gap(.25) of two "
    "halves of one class: at a ratio of standard deviations of 1.5 minus at a ratio of centroid norms of 1.5, on the "
    "same images and starts.",
    criterion="Interval of the paired difference above 0 on both clocks; at least 8 seeds. Which norm is favoured is "
    "reported and not asserted.",
    version=0,
    profile="night",
    figure="p2unet_u5_centroid",
    deterministic=False,
    source=SOURCE,
    note="Version 0: a proposal with no measurement behind it yet, to be fixed before its confirmatory run. The "
    "abstract says that smaller norms are slightly favoured.",
    regimes=(
        Regime(
            "pair-centred natural pairs",
            "centroids of equal norm by construction: there is nothing to test",
            expected="not evaluated",
        ),
    ),
)


def centroid_secondary(variance: xr.Dataset, centroid: xr.Dataset, pairs: xr.Dataset) -> Verdict:
    """Verdict on `CENTROID_SECONDARY` from ``variance_dial`` and ``centroid_dial``; controls from ``natural_pairs``."""
    wide, moved = chosen(variance, "gain", RATIO), chosen(centroid, "norm_ratio", RATIO)
    unpaired = _unpaired(variance, centroid)
    reason = shortage("night", variance, centroid) or unpaired
    found = {} if unpaired else _differences(wide, moved, LOSS_CLOCKS)
    verdicts: dict[str, VerdictName] = {name: judge_order(each, above=0.0) for name, each in found.items()}
    main = found[weakest(found)] if found and not reason else None
    decided = main is not None and not math.isnan(main.centre)
    return Verdict(
        CENTROID_SECONDARY.id,
        unless(reason, judge_all(verdicts)),
        value=main.centre if main and decided else None,
        interval=main.interval if main and decided else None,
        value_text=f"variance {listed(_ratios(wide))}; norm {listed(_ratios(moved))}",
        replicates=min(variance.sizes["replicate"], centroid.sizes["replicate"]),
        root_seed=root_seed(variance, centroid),
        regimes=(CENTROID_SECONDARY.regimes[0].found("not evaluated", "norms are equal, their ratio is 1"),),
        notes=(
            *filter(None, (reason,)),
            *(() if reason else failing(verdicts)),
            f"by how much variance outweighs the norm, as a factor: {listed(found) or 'missing'}",
            *(() if reason else _direction(moved)),
            *_strip(wide, moved, variance, reason),
            _exact_nulls(variance, centroid),
            *control_notes(pairs),
            *run_notes((variance, "gain"), (centroid, "norm_ratio")),
        ),
        keys=stored_keys(variance, centroid, pairs),
    )


def _unpaired(variance: xr.Dataset, centroid: xr.Dataset) -> str:
    first, second = variance.sizes["replicate"], centroid.sizes["replicate"]
    return "" if first == second else f"needs the same seeds in both dials, {first} and {second} given"


def _differences(wide: xr.Dataset, moved: xr.Dataset, clocks: tuple[Clock, ...]) -> dict[str, Contrast]:
    """|mean log ratio| at unequal variances less that at unequal norms, over paired seeds; medians where censored."""
    found = {}
    for clock in clocks:
        (by_variance, tied), (by_norm, also_tied) = leads(wide, clock), leads(moved, clock)
        # Both effects beyond measure are as unordered as two classes that are both censored.
        unordered = tied | also_tied | (np.isinf(by_variance) & np.isinf(by_norm))
        censored = bool(np.isinf([by_variance, by_norm]).any())
        statistic = partial(_excess, central=median if censored else np.mean)
        noise = generator(0, "bootstrap", "unet dials", clock.text)
        found[clock.text] = Contrast(
            log_ratios=by_variance,
            centre=float(statistic(by_variance, by_norm, axis=-1)),
            interval=bootstrap_interval(by_variance, statistic, generator=noise, paired=by_norm),
            p_value=math.nan,
            statistic="median" if censored else "mean",
            ties=float(np.mean(unordered)),
        )
    return found


def _excess(
    by_variance: np.ndarray, by_norm: np.ndarray, *, axis: int, central: Callable[..., np.ndarray]
) -> np.ndarray:
    first, second = np.abs(central(by_variance, axis=axis)), np.abs(central(by_norm, axis=axis))
    unbounded = np.isinf(first) & np.isinf(second)
    with np.errstate(invalid="ignore"):
        return np.where(unbounded, 0.0, first - second)


def _ratios(runs: xr.Dataset) -> dict[str, Contrast]:
    return {clock.text: contrast(runs, clock) for clock in LOSS_CLOCKS}


def _direction(moved: xr.Dataset) -> tuple[str, ...]:
    texts = []
    for name, found in _ratios(moved).items():
        larger, smaller = judge_order(found, above=0.0), judge_order(found, below=0.0)
        which = "larger" if larger == "holds" else "smaller" if smaller == "holds" else "neither"
        texts.append(f"{name} {which}")
    return (f"norm that is first: {', '.join(texts)}",)


def _strip(wide: xr.Dataset, moved: xr.Dataset, data: xr.Dataset, reason: str) -> tuple[str, ...]:
    if reason:
        return ()
    return (f"other levels, as a factor: {listed(_differences(wide, moved, tuple(strip_clocks(data))))}",)


def _exact_nulls(variance: xr.Dataset, centroid: xr.Dataset) -> str:
    texts = []
    for name, data, dim in (("variance", variance, "gain"), ("norm", centroid, "norm_ratio")):
        runs = chosen(data, dim, EXACT_NULL)
        found = {clock.text: contrast(runs, clock, EQUIVALENCE_CONFIDENCE) for clock in LOSS_CLOCKS}
        texts.append(f"{name} dial at 1 {listed(found)}")
    return f"exact nulls with 90 % intervals: {'; '.join(texts)}"
