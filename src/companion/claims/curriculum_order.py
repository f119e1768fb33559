"""The claim on the order of operations in a curriculum, and its verdict."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.statistics import holm
from companion.claims.contrasts import Contrast, contrast_means, judge_order
from companion.claims.curriculum_settings import OPERATIONS, PARITY, stopped_notes, told, unregistered
from companion.claims.judging import MINIMUM_SEEDS, judge_all
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, VerdictName, stored_keys
from companion.compute.seeds import generator

LEAST_GAIN, LEAST_STAGE, LEAST_REPLAY = 0.3, 1000, 0.1
#: Probability of a one in the inputs of parity where there is no curriculum.
UNIFORM = 0.5
CONCURRENT: Final = "interleaved"
ORDERS: Final = ("blocked", "reversed")
REPLAYED: Final = ("replay", "replay reversed")
#: What the runs on operations and on parity are registered for; the length of stages is the criterion's.
SHARED: Final = OPERATIONS | {"batch": 256, "fractions": (0.6, 0.3)}
OWN_PARITY: Final = PARITY | {"relevant": 4, "width": 32, "steps": 3000}
#: Accuracies of blocked operations that are compared: at the end of everything, and of their own stage.
MOMENTS: Final[Mapping[str, str]] = {"at the end": "final", "at the end of its own stage": "stage_end"}

CONCURRENT_BEATS_BLOCKED = Claim(
    id="e4_q3_order",
    statement="Concurrent training beats blocked training at matched exposure.",
    quantity="Lowest final test accuracy of the operations (add $f=.6$, sub $f=.3$; means of the last three "
    "evaluations), interleaved minus blocked, paired by seed, for add then sub and for sub then add; also with each "
    "blocked operation at the end of its own stage, before it can be forgotten: the first one in a training that ends "
    "there. The learning rate falls over the last 30 % of every training.",
    criterion="Interval above .3 in each of the four contrasts; stages of at least 1000 steps; at least 8 seeds.",
    version=3,
    profile="night",
    figure="e4_f5_schedules",
    deterministic=False,
    source="2106.08068",
    note="Rows per operation are equal up to the sampling of batches. Version 1 took the end of the first stage before "
    "any fall of the learning rate, and the other accuracies after it. A constant rate treats all alike too, but then "
    "accuracies vary by .2 from one evaluation to the next. Version 3 adds the steps of the parity regime.",
    regimes=(
        Regime("replay", "at least a tenth of the second stage repeats the first operation, either order"),
        Regime("parity", "sparse parity, 3000 steps, biased inputs before uniform ones: there order helps"),
    ),
)


def difference(first: NDArray[np.float64], second: NDArray[np.float64], name: str) -> Contrast:
    """Mean of ``first`` - ``second`` (seeds,) with its bootstrap interval; NaN where a number is missing."""
    return contrast_means(first, second, generator=generator(0, "bootstrap", "curriculum order", name))


def _text(found: Contrast) -> str:
    """Centre and interval, the centre alone of a single seed."""
    if math.isnan(found.centre):
        return "missing"
    low, high = found.interval
    return f"{found.centre:.2f}" + (f" ({low:.2f} to {high:.2f})" if math.isfinite(low) else "")


def concurrent_beats_blocked(schedules: xr.Dataset, parity: xr.Dataset | None = None) -> Verdict:
    """Verdict on `CONCURRENT_BEATS_BLOCKED` from ``schedule_comparison``, a regime from ``parity_curriculum``."""
    found = _contrasts(schedules, ORDERS, MOMENTS)
    reason = _unfit(schedules) or _shortage(schedules)
    verdicts: dict[str, VerdictName] = {name: _judge(each) for name, each in found.items()}
    main = min(found, key=lambda name: np.nan_to_num(found[name].interval[0], nan=-np.inf))
    decided = not reason and not math.isnan(found[main].centre)
    adjusted = holm([each.p_value for each in found.values()])
    return Verdict(
        CONCURRENT_BEATS_BLOCKED.id,
        "not evaluated" if reason else judge_all(verdicts),
        value=found[main].centre if decided else None,
        interval=found[main].interval if decided else None,
        value_text="interleaved minus blocked: "
        + ", ".join(f"{n} {_text(each)}" for n, each in found.items()),
        replicates=schedules.sizes["replicate"],
        root_seed=schedules.attrs.get("root_seed"),
        regimes=(_replayed(schedules), _parity(parity)),
        notes=(
            *filter(None, (reason,)),
            *(
                f"{name}: {verdict}"
                for name, verdict in verdicts.items()
                if not reason and verdict != "holds"
            ),
            f"largest Holm-corrected p of the sign-flip tests: {np.max(adjusted):.3g}",
            told(schedules),
            *_exposures(schedules),
            *stopped_notes(schedules, "schedule"),
        ),
        keys=stored_keys(schedules, *(() if parity is None else (parity,))),
    )


def _contrasts(
    data: xr.Dataset, schedules: tuple[str, ...], moments: Mapping[str, str]
) -> dict[str, Contrast]:
    """Interleaved minus each of ``schedules``, by name; one that was not trained is missing."""
    return {
        f"{name} {when}": difference(
            _worst(data, CONCURRENT, "final"), _worst(data, name, variable), f"{name} {when}"
        )
        for name in schedules
        for when, variable in moments.items()
    }


def _worst(data: xr.Dataset, name: str, variable: str) -> NDArray[np.float64]:
    """Lowest accuracy of the operations (seeds,), NaN where there is no such schedule or a run stopped."""
    if name not in data.schedule.values:
        return np.full(data.sizes["replicate"], np.nan)
    own = data.sel(schedule=name)
    values = own[variable].transpose("replicate", "operation").values.min(axis=1)
    return np.where(own.stopped_at.values < 0, values, np.nan)


def _judge(found: Contrast) -> VerdictName:
    return judge_order(found, above=LEAST_GAIN, minimum_seeds=MINIMUM_SEEDS)


def _unfit(data: xr.Dataset) -> str:
    """Why these are not the registered runs; empty where they are."""
    given = data.attrs | {"operations": " and ".join(map(str, data.operation.values))}
    return unregistered(given, SHARED | {"operations": "add and sub"})


def _shortage(data: xr.Dataset) -> str:
    """Why these runs cannot decide; empty where they can."""
    seeds, stage = data.sizes["replicate"], data.attrs["stage_steps"]
    if seeds < MINIMUM_SEEDS:
        return f"needs night: at least {MINIMUM_SEEDS} replicates, {seeds} given"
    if stage < LEAST_STAGE:
        return f"needs night: stages of at least {LEAST_STAGE} steps, {stage} given"
    return ""


def _replayed(data: xr.Dataset) -> RegimeVerdict:
    """Replay in either order, of those that were trained; one failure is the claim's."""
    regime = CONCURRENT_BEATS_BLOCKED.regimes[0]
    share = data.attrs["replay"]
    trained = tuple(name for name in REPLAYED if name in data.schedule.values)
    if not trained or share < LEAST_REPLAY:
        return regime.found("not evaluated", f"no run with a replay of at least {LEAST_REPLAY:g}")
    found = _contrasts(data, trained, {"at the end": "final"})
    open_ = _unfit(data) or _shortage(data)
    verdict = "not evaluated" if open_ else judge_all([_judge(each) for each in found.values()])
    texts = ", ".join(f"{name} {_text(each)}" for name, each in found.items())
    return regime.found(verdict, f"share {share:g}: {texts}")


def _parity(data: xr.Dataset | None) -> RegimeVerdict:
    """Uniform inputs throughout, the counterpart of one mixture, against biased inputs first."""
    regime = CONCURRENT_BEATS_BLOCKED.regimes[1]
    if data is None:
        return regime.found("not evaluated", "no runs on parity were given")
    reason = unregistered(data.attrs, OWN_PARITY)
    if reason:
        return regime.found("not evaluated", reason)
    main = (data.task == "parity") & (data.stream == 0)
    for name in ("relevant", "width"):
        main = main & (data[name] == data.attrs[name])
    found = []
    for bias in (UNIFORM, data.attrs["bias"]):
        places = np.flatnonzero(main & np.isclose(data.bias, bias))
        if not places.size:
            return regime.found("not evaluated", f"no runs at bias {bias:g}")
        own = data.isel(setting=places[0])
        found.append(np.where(own.stopped_at.values < 0, own.final_test.values, np.nan))
    gain = difference(found[0], found[1], "parity")
    return regime.found(_judge(gain), f"uniform minus biased first, final test accuracy {_text(gain)}")


def _exposures(data: xr.Dataset) -> tuple[str, ...]:
    """Rows of each operation under the schedules compared: matched, up to the sampling of batches."""
    rows = data.exposure.mean("replicate")
    texts = [
        f"{name} " + " and ".join(f"{value:.0f}" for value in rows.sel(schedule=name).values)
        for name in (CONCURRENT, *ORDERS)
        if name in data.schedule.values
    ]
    return (f"rows seen of {' and '.join(map(str, data.operation.values))}: {', '.join(texts)}",)
