"""The claim on cutting a class's share in the training of U-Nets (arXiv:2605.06367), and its verdict."""

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.claims.contrasts import judge_order
from companion.claims.judging import MINIMUM_SEEDS, judge_all
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, VerdictName, stored_keys
from companion.claims.score_contrasts import HIGH, LOW, Clock
from companion.claims.slopes import Slope, slope_over_seeds
from companion.claims.unet_contrasts import (
    EARLY_STOP,
    SOURCE,
    chosen,
    contrast,
    control_notes,
    described,
    failing,
    root_seed,
    run_notes,
    shortage,
    strip_clocks,
    times,
    unless,
)
from companion.compute.seeds import generator

CENTRINGS = ("pair", "pixel", "balanced")
#: Images of the high-variance class over those of the other one; counts are whole numbers and meet them within 5 %.
SHARES = (1.0, 1 / 2, 1 / 4, 1 / 8)
_CLOSE = 0.05
CLASSES, TOTAL, LEAST_SAMPLES = ["Bag", "Trouser"], 128, 512
#: A slope below this moves the ratio of times by less than 1.25 when the share falls to an eighth: about 0.
FLAT = math.log(1.25) / math.log(8.0)

IMBALANCE_SHIFTS = Claim(
    id="p2unet_c5_imbalance_shifts",
    statement="Cutting the share of the high-variance class delays its generalisation.",
    quantity=r"Slope of $\log(\tau_{low}/\tau_{high})$ of early_stop ($t=136$) against $\log(n_{high}/n_{low})$, for "
    r"$n_{high}/n_{low}=1$, $1/2$, $1/4$, $1/8$ at $n=128$ (Bag / Trouser, 512 samples or more), images centred on the "
    "pair, on one grey value, and on the balanced mean of all classes.",
    criterion="Interval of the mean slope over seeds above 0 under each of the three centrings; at least 8 seeds. "
    r"Whether the order reverses at $1/8$ is reported for each centring and not asserted.",
    version=0,
    profile="night",
    figure="p2unet_u7_imbalance",
    deterministic=False,
    source=SOURCE,
    note="Version 0: a proposal with no measurement behind it yet, to be fixed before its confirmatory run. "
    "Preconditioner, centring vector and sampler stay fixed while shares change. A time that is never reached bounds "
    "the slope on one side.",
    regimes=(
        Regime(
            "weighted sampler",
            r"both classes shown alike at $n_{high}/n_{low}=1/8$: a slope of about 0, less than $\log 1.25/\log 8$",
        ),
        Regime(
            "reversal under pair-centring", "the low-variance class first at 1/8, images centred on the pair"
        ),
    ),
)


def imbalance_shifts(data: xr.Dataset, pairs: xr.Dataset) -> Verdict:
    """Verdict on `IMBALANCE_SHIFTS` from the stored study ``imbalance``; controls from ``natural_pairs``."""
    reason = shortage("night", data) or _unfit(data)
    strips = {
        name: _slopes(data, [(name, ratio, "counts") for ratio in SHARES], [EARLY_STOP, *strip_clocks(data)])
        for name in CENTRINGS
    }
    slopes = {name: strip[EARLY_STOP.text] for name, strip in strips.items()}
    verdicts: dict[str, VerdictName] = {name: _judge(found) for name, found in slopes.items()}
    main = min(slopes, key=lambda name: np.nan_to_num(slopes[name].interval[0], nan=-np.inf))
    found = slopes[main]
    decided = not reason and not math.isnan(found.centre)
    return Verdict(
        IMBALANCE_SHIFTS.id,
        unless(reason, judge_all(verdicts)),
        value=found.centre if decided else None,
        interval=found.interval if decided else None,
        value_text="slope: " + ", ".join(f"{name} {each.text}" for name, each in slopes.items()),
        replicates=data.sizes["replicate"],
        root_seed=root_seed(data),
        regimes=(_weighted(data, reason), _reversed(data, reason)),
        notes=(
            *filter(None, (reason,)),
            *(() if reason else failing(verdicts)),
            *(_reversal(data, name) for name in CENTRINGS),
            *_swapped(data),
            *(
                f"slopes, {name}: " + ", ".join(f"{clock} {each.text}" for clock, each in strip.items())
                for name, strip in strips.items()
            ),
            *control_notes(pairs),
            *run_notes((data, "case")),
        ),
        keys=stored_keys(data, pairs),
    )


def _unfit(data: xr.Dataset) -> str:
    """Why these are not the runs of the criterion; empty where they are."""
    names = data.class_name.values.tolist()
    if names != CLASSES:
        return f"needs {' / '.join(CLASSES)}, {' / '.join(names)} given"
    if data.attrs.get("total") != TOTAL:
        return f"needs n = {TOTAL}, {data.attrs.get('total')} given"
    samples = data.attrs.get("samples")
    if samples is None or samples < LEAST_SAMPLES:
        return f"needs at least {LEAST_SAMPLES} samples, {'an unknown number' if samples is None else samples} given"
    return ""


def _runs(data: xr.Dataset, centring: str, ratio: float, exposure: str) -> xr.Dataset:
    """The runs of one case (`imbalance`), missing numbers where there is none."""
    counts = data.minority.values / (int(data.attrs["total"]) - data.minority.values)
    near = np.isclose(counts, ratio, rtol=_CLOSE)
    places = np.flatnonzero((data.centring.values == centring) & (data.exposure.values == exposure) & near)
    return chosen(data, "case", float(data.case.values[places[0]]) if places.size else math.nan)


def _slopes(
    data: xr.Dataset, cases: Sequence[tuple[str, float, str]], clocks: Sequence[Clock]
) -> dict[str, Slope]:
    """Slopes of log τ_low/τ_high over cases (centring, ratio, exposure), by clock; a time never reached is a bound."""
    last = float(data.step.max())
    runs = [_runs(data, *case) for case in cases]
    centring, _, exposure = cases[-1]
    found = {}
    for clock in clocks:
        low, high = (np.stack([times(each, clock, label) for each in runs]) for label in (LOW, HIGH))
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(np.minimum(low, last)) - np.log(np.minimum(high, last))
        tied = np.isinf(low) & np.isinf(high)
        found[clock.text] = slope_over_seeds(
            np.log([ratio for _, ratio, _ in cases]),
            values,
            rising=np.isinf(low) & ~tied,
            falling=np.isinf(high) & ~tied,
            tied=tied,
            generator=generator(0, "bootstrap", "unet imbalance", centring, exposure, clock.text),
        )
    return found


def _judge(found: Slope, above: float = 0.0) -> VerdictName:
    return judge_order(found, above=above, minimum_seeds=MINIMUM_SEEDS)


def _weighted(data: xr.Dataset, reason: str) -> RegimeVerdict:
    """A slope that cannot be told from 0 refutes the claim only where it is known to be small."""
    centring = _first_centring(data)
    cases = [(centring, SHARES[0], "counts"), (centring, SHARES[-1], "equal")]
    found = _slopes(data, cases, [EARLY_STOP])[EARLY_STOP.text]
    verdict = unless(reason, _judge(found, above=FLAT))
    return IMBALANCE_SHIFTS.regimes[0].found(verdict, f"slope {found.text}, {centring}-centred")


def _first_centring(data: xr.Dataset) -> str:
    """The centring that the weighted sampler was run with."""
    places = np.flatnonzero(data.exposure.values == "equal")
    return str(data.centring.values[places[0]]) if places.size else CENTRINGS[0]


def _reversed(data: xr.Dataset, reason: str) -> RegimeVerdict:
    found = contrast(_runs(data, "pair", SHARES[-1], "counts"), EARLY_STOP)
    verdict = unless(reason, judge_order(found, below=0.0))
    return IMBALANCE_SHIFTS.regimes[1].found(verdict, f"low over high at 1/8 {described(found)}")


def _reversal(data: xr.Dataset, centring: str) -> str:
    found = contrast(_runs(data, centring, SHARES[-1], "counts"), EARLY_STOP)
    words = {"holds": "reversed", "fails": "not reversed"}
    word = words.get(judge_order(found, below=0.0), "undecided")
    return f"{centring}-centred, early_stop low over high at 1/8: {described(found)}, {word}"


def _swapped(data: xr.Dataset) -> tuple[str, ...]:
    """Exposure without support: equal counts, shown in the shares of the smallest minority."""
    found = contrast(_runs(data, _first_centring(data), 1.0, "swapped"), EARLY_STOP)
    return (f"equal counts shown in the shares of the smallest minority: low over high {described(found)}",)
