"""The claim that addition is memorised long before it is generalised, and its verdict."""

import math

import numpy as np
import xarray as xr

from companion.claims.contrasts import LARGEST_SHARE_OF_TIES, Contrast, contrast_times, judge_order
from companion.claims.curriculum_settings import OPERATIONS, stopped_notes, told, unregistered
from companion.claims.judging import MINIMUM_SEEDS, judge_all, judge_interval
from companion.claims.protocol import (
    Claim,
    Regime,
    RegimeVerdict,
    Verdict,
    VerdictName,
    not_evaluated,
    stored_keys,
)
from companion.compute.seeds import generator

LEAST_DELAY = math.log(3.0)
MOST_CENSORED = 1
THRESHOLD = 0.9
OPERATION, CONTROL, FEW_ROWS = "add", "comprehension", "few rows"
#: What all settings share, and what each has of its own (a batch of 0: all rows).
SHARED = OPERATIONS | {"steps": 1100}
OWN = {
    OPERATION: {"operation": OPERATION, "fraction": 0.5, "batch": 0, "weight_decay": 1.0},
    CONTROL: {"operation": OPERATION, "fraction": 0.6, "batch": 256, "weight_decay": 2.0},
}

DELAY = Claim(
    id="e4_q1_delay",
    statement="Addition is memorised, then generalised.",
    quantity=r"$\log(T_{gen}/T_{mem})$: first checkpoints at which 90 % of the test rows and of the training rows are "
    r"answered; half of the table is trained on, all rows in every step, weight decay 1.",
    criterion=r"Interval above $\log 3$; at most 1 run that never memorises or never generalises; at least 8 seeds.",
    version=1,
    profile="laptop",
    figure="e4_f1_grokking",
    deterministic=False,
    source="2201.02177",
    note="Learning rate times weight decay is larger than in the papers, so that a laptop gets there. Times are those "
    "of checkpoints.",
    regimes=(Regime("batches", "batches of 256 rows out of .6 of the table, weight decay 2: comprehension"),),
)


def delay(data: xr.Dataset) -> Verdict:
    """Verdict on `DELAY` from ``generalisation_delay``."""
    reason = _unfit(data, OPERATION)
    if reason:
        return not_evaluated(DELAY, reason)
    found, censored = _found(data, OPERATION)
    known = not math.isnan(found.centre)
    return Verdict(
        DELAY.id,
        _judged(found, censored),
        value=found.centre if known else None,
        interval=found.interval if known else None,
        value_text=_described(found, censored),
        replicates=found.replicates,
        root_seed=int(data.attrs["root_seed"]),
        regimes=_regimes(data),
        notes=_notes(data),
        keys=stored_keys(data),
    )


def _unfit(data: xr.Dataset, setting: str) -> str:
    """Why a setting is not the registered one; empty where it is."""
    if setting not in data.setting.values:
        return f"needs {setting}, not given"
    own = data.sel(setting=setting)
    given = data.attrs | {name: own[name].item() for name in OWN[setting]}
    return unregistered(given, SHARED | OWN[setting])


def _times(data: xr.Dataset, setting: str, threshold: float = THRESHOLD) -> tuple[np.ndarray, np.ndarray]:
    """T_mem and T_gen (replicates,), inf where never reached; NaN at a threshold that is not there."""
    places = np.flatnonzero(np.isclose(data.threshold.values, threshold))
    if not places.size:
        missing = np.full(data.sizes["replicate"], np.nan)
        return missing, missing
    own = data.sel(setting=setting).isel(threshold=places[0])
    return own.memorised_at.values, own.generalised_at.values


def _found(data: xr.Dataset, setting: str, threshold: float = THRESHOLD) -> tuple[Contrast, int]:
    """log(T_gen/T_mem) over replicates, and how many of them never memorise or never generalise."""
    memorised, generalised = _times(data, setting, threshold)
    noise = generator(0, "bootstrap", "curriculum delay", setting, f"{threshold:g}")
    censored = int((np.isinf(memorised) | np.isinf(generalised)).sum())
    return contrast_times(memorised, generalised, generator=noise), censored


def _judged(found: Contrast, censored: int) -> VerdictName:
    order = judge_order(found, above=LEAST_DELAY)
    # Runs that learn nothing at all were watched for too short a time: that refutes nothing.
    if order == "not evaluated" or found.ties > LARGEST_SHARE_OF_TIES:
        return order
    count = judge_interval(
        censored,
        censored,
        censored,
        criterion_upper=MOST_CENSORED,
        replicates=found.replicates,
        minimum_replicates=MINIMUM_SEEDS,
    )
    return judge_all([order, count])


def _described(found: Contrast, censored: int) -> str:
    """Ratio of times with its interval and how many runs got there: "8.1 (7.2 to 9.4), 8 of 8 generalise"."""
    if math.isnan(found.centre):
        return "missing"
    reached = f"{found.replicates - censored} of {found.replicates} memorise and generalise"
    if found.ties == 1:
        return reached
    low, high = np.exp(found.interval)
    middle = f"{np.exp(found.centre):.2f}"
    return (
        f"ratio {middle} ({low:.2f} to {high:.2f}), {reached}"
        if found.replicates > 1
        else f"{middle}, {reached}"
    )


def _regimes(data: xr.Dataset) -> tuple[RegimeVerdict, ...]:
    reason = _unfit(data, CONTROL)
    if reason:
        return (DELAY.regimes[0].found("not evaluated", reason),)
    found = _found(data, CONTROL)
    return (DELAY.regimes[0].found(_judged(*found), _described(*found)),)


def _notes(data: xr.Dataset) -> tuple[str, ...]:
    """Settings, the same ratio at every threshold, the setting with few rows, and runs that stopped."""
    notes = [told(data)]
    notes += [
        f"times at {100 * level:.0f} %: {_described(*_found(data, OPERATION, level))}"
        for level in data.threshold.values
    ]
    if FEW_ROWS in data.setting.values:
        memorised, generalised = _times(data, FEW_ROWS)
        share = float(data.fraction.sel(setting=FEW_ROWS))
        notes.append(
            f"{share:g} of the table: {np.isfinite(memorised).sum()} of {memorised.size} memorise and "
            f"{np.isfinite(generalised).sum()} generalise within {data.attrs['steps']} steps"
        )
    return (*notes, *stopped_notes(data, "setting"))
