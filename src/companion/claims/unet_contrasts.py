"""Clocks of U-Net runs by name, their contrasts between two classes, and the controls beside every verdict.

Runs are those of a stored study with dim ``replicate``; `chosen` cuts out one setting of them.
"""

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr

from companion.analysis.statistics import log_ratio
from companion.claims.contrasts import Contrast, contrast_times
from companion.claims.judging import MINIMUM_SEEDS, judge_all
from companion.claims.protocol import VerdictName
from companion.claims.score_contrasts import HIGH, LOW, Clock
from companion.claims.score_contrasts import described as described_interval
from companion.compute.seeds import CONFIRMATORY_ROOT, generator

SOURCE = "2605.06367"
VARIANCE_PAIRS = ("Bag / Trouser", "Shirt / Sneaker")
NULL_PAIR = "Trouser / Sneaker"
EARLY_STOP, MEM_GAP, MEM_COPY = Clock("early_stop"), Clock("mem_gap", 0.25), Clock("mem_copy", 0.1)
#: Clocks that need no criterion for copies; the ones that theory has too.
LOSS_CLOCKS = (EARLY_STOP, MEM_GAP)
EQUIVALENCE_CONFIDENCE = 0.9

_READ = ("time", "gap_time", "copy_time", "stopped_at")
_VARIANTS = {"mem_gap": ("gap_time", "margin"), "mem_copy": ("copy_time", "copied")}


def chosen(data: xr.Dataset, dim: str, value: str | float) -> xr.Dataset:
    """The runs (replicate, ..) of one setting; all numbers NaN where there is none, and never the nearest."""
    given = data[dim].values
    same = given == value if isinstance(value, str) else np.isclose(given, value, rtol=1e-9)
    places = np.flatnonzero(same)
    kept = data[list(_READ)]
    return kept.isel({dim: places[0]}) if places.size else kept.isel({dim: 0}).where(False)


def times(runs: xr.Dataset, clock: Clock, label: int) -> np.ndarray:
    """Times of one clock of one class, (replicates,), inf where never reached, NaN where missing.

    A run that stopped on a loss that is no number is missing as a whole.
    """
    source, dim = _VARIANTS.get(clock.name, ("time", "clock"))
    levels = runs[dim].values
    same = levels == clock.name if clock.level is None else np.isclose(levels, clock.level)
    places = np.flatnonzero(same)
    if not places.size:
        return np.full(runs.sizes["replicate"], np.nan)
    by_class = runs[source].transpose("replicate", dim, "label").values
    found = by_class[:, places[0], np.flatnonzero(runs.label.values == label)[0]]
    return np.where(runs.stopped_at.values < 0, found, np.nan)


def between(
    runs: xr.Dataset, first: tuple[Clock, int], second: tuple[Clock, int], confidence: float = 0.95
) -> Contrast:
    """How much earlier the clock of class ``first`` is reached than that of class ``second``."""
    names = [part for clock, label in (first, second) for part in (clock.text, label)]
    pair = (times(runs, clock, label) for clock, label in (first, second))
    noise = generator(0, "bootstrap", "unet", *names)
    return contrast_times(*pair, generator=noise, confidence=confidence)


def contrast(runs: xr.Dataset, clock: Clock, confidence: float = 0.95) -> Contrast:
    """How much earlier class 0 (of higher variance) comes than class 1 on a clock: log τ_1/τ_0."""
    return between(runs, (clock, HIGH), (clock, LOW), confidence)


def leads(runs: xr.Dataset, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """log τ_1/τ_0 (replicates,), and where both are censored, so that it says nothing."""
    high, low = times(runs, clock, HIGH), times(runs, clock, LOW)
    return log_ratio(high, low), np.isinf(high) & np.isinf(low)


def strip_clocks(data: xr.Dataset) -> list[Clock]:
    """The clocks of a robustness strip: all gap margins and copy shares that are stored."""
    return [
        *(Clock("mem_gap", float(margin)) for margin in data.margin.values),
        *(Clock("mem_copy", float(share)) for share in data.copied.values),
    ]


def described(found: Contrast) -> str:
    """Ratio of times with its interval: "1.85 (1.80 to 1.91)", and how many pairs are ties.

    A single seed has no interval. Classes of which neither is ever there have no ratio.
    """
    if np.isnan(found.centre):
        return "missing"
    if found.ties == 1:
        return "never reached"
    text = described_interval(found) if found.replicates > 1 else f"{np.exp(found.centre):.2f}"
    return text + (f", {100 * found.ties:.0f} % ties" if found.ties else "")


def listed(found: Mapping[str, Contrast]) -> str:
    """Several contrasts in one line; one word where all are missing."""
    if all(np.isnan(each.centre) for each in found.values()):
        return "missing"
    return ", ".join(f"{name} {described(each)}" for name, each in found.items())


def weakest(found: Mapping[str, Contrast]) -> str:
    """Name of the contrast whose interval begins lowest; a missing one comes first."""
    return min(found, key=lambda name: np.nan_to_num(found[name].interval[0], nan=-np.inf))


def shortage(profile: str, *data: xr.Dataset, least: int = MINIMUM_SEEDS) -> str:
    """Why there are too few replicates to decide anything; empty where there are enough."""
    given = min(dataset.sizes["replicate"] for dataset in data)
    return "" if given >= least else f"needs {profile}: at least {least} replicates, {given} given"


def root_seed(*data: xr.Dataset) -> int | None:
    """Root seed of all runs together: confirmatory only if every dataset says so; None where one does not say."""
    recorded = [int(dataset.attrs["root_seed"]) for dataset in data if "root_seed" in dataset.attrs]
    if len(recorded) < len(data):
        return None
    return next((seed for seed in recorded if seed != CONFIRMATORY_ROOT), CONFIRMATORY_ROOT)


def unless(reason: str, verdict: VerdictName) -> VerdictName:
    """The verdict, unless there is a reason not to give one."""
    return "not evaluated" if reason else verdict


def failing(verdicts: Mapping[str, VerdictName]) -> tuple[str, ...]:
    """The parts that do not hold, for the notes."""
    return tuple(f"{name}: {verdict}" for name, verdict in verdicts.items() if verdict != "holds")


def judge_with_control(verdict: VerdictName, control: VerdictName) -> VerdictName:
    """A verdict whose control must hold too: a control that fails refutes nothing, but nothing can be read then."""
    return judge_all([verdict, "inconclusive" if control == "fails" else control])


def run_notes(*data: tuple[xr.Dataset, str]) -> tuple[str, ...]:
    """What went wrong with the runs of (dataset, dim of its settings): stopped ones, an unknown root seed."""
    notes = []
    for dataset, dim in data:
        stopped = (dataset.stopped_at >= 0).sum("replicate")
        hit = [f"{name} ({int(count)})" for name, count in _by(stopped, dim) if count]
        if hit:
            notes.append(f"stopped on a loss that is no number: {dim} {', '.join(hit)}")
    if root_seed(*(dataset for dataset, _ in data)) is None:
        notes.append("the root seed was not recorded: whether these are confirmatory seeds is unknown")
    return tuple(notes)


def _by(values: xr.DataArray, dim: str) -> list[tuple[Hashable, float]]:
    return list(zip(values[dim].values.tolist(), values.values.tolist(), strict=True))


def control_notes(pairs: xr.Dataset) -> tuple[str, ...]:
    """The null control and the null rates of ``natural_pairs``, which stand beside every verdict."""
    null = chosen(pairs, "pair", NULL_PAIR)
    found = {clock.text: contrast(null, clock, EQUIVALENCE_CONFIDENCE) for clock in LOSS_CLOCKS}
    control = f"null control {NULL_PAIR}, ratio of times with 90 % interval: {listed(found)}"
    share = 100 * pairs.null_memorised / pairs.null_queries
    pooled = 100 * pairs.null_memorised.sum("replicate") / pairs.null_queries.sum("replicate")
    rates = [
        f"{name} {mean:.2g} % (largest of a training set {largest:.2g} %)"
        for (name, mean), (_, largest) in zip(
            _by(pooled, "pair"), _by(share.max("replicate"), "pair"), strict=True
        )
    ]
    notes = [control, f"null rate, held-out images that count as memorised: {', '.join(rates)}"]
    if "checked_memorised" in pairs:
        coarse, fine = (
            pairs.memorised_all.isel(step=-1).mean("replicate"),
            pairs.checked_memorised.mean("replicate"),
        )
        shares = [
            f"{name} {100 * a:.0f} and {100 * b:.0f} %"
            for (name, a), (_, b) in zip(_by(coarse, "pair"), _by(fine, "pair"), strict=True)
        ]
        notes.append(
            f"copies at the last checkpoint, with the sampler's steps and with more: {', '.join(shares)}"
        )
    return tuple(notes)
