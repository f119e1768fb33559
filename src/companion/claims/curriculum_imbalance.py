"""Claims on operations that are met rarely by small transformers (after arXiv:2605.29548), and their verdicts."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from companion.analysis.statistics import holm
from companion.claims.contrasts import Contrast, contrast_means, contrast_times, judge_contrasts, judge_order
from companion.claims.curriculum_settings import OPERATIONS, stopped_notes, told, unregistered
from companion.claims.judging import MINIMUM_SEEDS, judge_all
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, stored_keys
from companion.claims.unet_contrasts import failing, root_seed, unless, weakest
from companion.compute.seeds import generator

SOURCE = "2605.29548"
DEFAULT, INCOMPATIBLE = "add + sub", "add + mul"
EVEN, SMALLER, SCARCE = 0.5, (0.2, 0.1), 0.05
#: Settings that the criteria speak of, and shares of the tables that are trained on.
SHARED = OPERATIONS | {"steps": 1400, "batch": 256}
FRACTIONS = {DEFAULT: 0.6, INCOMPATIBLE: 0.5}

EXPOSURE = Claim(
    id="e4_q2_exposure",
    statement="The less often an operation is met beside another one, the later it is generalised.",
    quantity="Mean test accuracy of subtraction over $\\log t$ (its area, which nothing censors) at equal shares minus "
    "that at a share of .2 and of .1, paired by seed; addition beside it, $f=.6$, 256 rows per step, 1400 steps. "
    "The restricted mean of $T_{gen}$ stands beside it.",
    criterion="Both differences: Holm-corrected $p<.05$ and interval above 0; at least 8 seeds.",
    version=1,
    profile="laptop",
    figure="e4_f4_imbalance",
    deterministic=False,
    source=SOURCE,
    note="Shares are those of rows, at the same distinct examples. Operations, shares, network and budget are ours; "
    "the source anchors the question only. Eight seeds that agree in sign allow a corrected $p$ of .016.",
    regimes=(
        Regime(
            "add + mul",
            "multiplication beside addition, $f=.5$, by the same criterion; $T_{gen}$ is censored at every share, and "
            "what can fall with it is commutativity: rows whose mirror was not trained on stand beside it",
        ),
    ),
)

COMPETITION = Claim(
    id="e4_q2b_competition",
    statement="An incompatible operation does more than take exposure: it keeps the other one from generalising.",
    quantity="Final test accuracy (mean of the last three evaluations) of addition beside as much multiplication minus "
    "that alone at the same 128 rows per step, paired by seed: $f=.5$, 256 rows per step, 1400 steps.",
    criterion="Interval below $-.2$; at least 8 seeds.",
    version=1,
    profile="night",
    figure="e4_f4_imbalance",
    deterministic=False,
    source=SOURCE,
    note="The threshold was fixed on exploratory seeds, where addition ended at .51 beside multiplication (mean of 8): "
    "all rows right whose mirror was trained on, a twentieth of the others.",
    regimes=(
        Regime(
            "compatible pair",
            "subtraction beside addition at a share of .05, $f=.6$, minus alone at 13 rows: company helps",
        ),
    ),
)
#: What counts as more than a loss by chance.
LEAST_LOSS = 0.2


def exposure(data: xr.Dataset) -> Verdict:
    """Verdict on `EXPOSURE` from the stored study ``exposure_imbalance``; widths other than the first are left out."""
    reason = _unfit(data, {DEFAULT: (EVEN, *SMALLER)})
    found = _falls(data, DEFAULT, "area")
    verdicts = judge_contrasts(found)
    main, decided = weakest(found), not reason and not math.isnan(found[weakest(found)].centre)
    largest = float(np.max(holm([each.p_value for each in found.values()])))
    return Verdict(
        EXPOSURE.id,
        unless(reason, judge_all(verdicts)),
        value=found[main].centre if decided else None,
        interval=found[main].interval if decided else None,
        value_text=f"area at .5 minus {_listed(found)}"
        + ("" if math.isnan(largest) else f"; largest corrected p {largest:.3f}"),
        replicates=found[main].replicates,
        root_seed=root_seed(data),
        regimes=(_incompatible(data),),
        notes=(
            *filter(None, (reason,)),
            *(() if reason else failing(verdicts)),
            *(_times(data, pair) for pair in (DEFAULT, INCOMPATIBLE)),
            *(_delays(data, pair) for pair in (DEFAULT, INCOMPATIBLE)),
            f"alone at the same rows per step, area at .5 minus {_listed(_falls(data, DEFAULT, 'area', 'alone'))}",
            *_run_notes(data),
        ),
        keys=stored_keys(data),
    )


def competition(data: xr.Dataset) -> Verdict:
    """Verdict on `COMPETITION` from the stored study ``exposure_imbalance``."""
    found = _company(data, INCOMPATIBLE, EVEN, "common")
    reason = _unfit(data, {INCOMPATIBLE: (EVEN,)}) or _few(found)
    decided = not reason and not math.isnan(found.centre)
    return Verdict(
        COMPETITION.id,
        unless(reason, judge_order(found, below=-LEAST_LOSS)),
        value=found.centre if decided else None,
        interval=found.interval if decided else None,
        value_text=f"add, together minus alone {_described(found)}",
        replicates=found.replicates,
        root_seed=root_seed(data),
        regimes=(_compatible(data),),
        notes=(
            *filter(None, (reason,)),
            *(_companies(data, pair) for pair in (DEFAULT, INCOMPATIBLE)),
            *_run_notes(data),
        ),
        keys=stored_keys(data),
    )


def _unfit(data: xr.Dataset, needed: Mapping[str, tuple[float, ...]]) -> str:
    """Why these are not the runs of a criterion; empty where they are."""
    # Widths other than the first may be there; attributes speak of the first, whose runs are judged.
    other = unregistered(data.attrs, SHARED)
    if other:
        return other
    for pair, shares in needed.items():
        for share in shares:
            own = _setting(data, pair, share)
            if own is None:
                return f"needs {pair} at a share of {share:g}, not given"
            other = unregistered({"fraction": float(own.fraction)}, {"fraction": FRACTIONS[pair]})
            if other:
                return f"{pair}: {other}"
    return ""


def _few(found: Contrast) -> str:
    """Why there are too few seeds to decide `COMPETITION`; empty where there are enough."""
    given = found.replicates
    return (
        ""
        if given >= MINIMUM_SEEDS
        else f"needs {COMPETITION.profile}: at least {MINIMUM_SEEDS} seeds, {given} given"
    )


def _setting(data: xr.Dataset, pair: str, share: float) -> xr.Dataset | None:
    """The replicates of one pair at one share, at the first width; None where it was not run."""
    first = data.width.values == data.width.values[0]
    places = np.flatnonzero(first & (data.pair.values == pair) & np.isclose(data.share.values, share))
    if not places.size:
        return None
    own = data.isel(setting=int(places[0]))
    return own.isel(replicate=slice(int(own.seeds)))


def _numbers(
    data: xr.Dataset, pair: str, share: float, name: str, company: str = "together", role: str = "rare"
) -> np.ndarray:
    """A number of every seed, (replicates,), NaN where it is missing and of runs that stopped; one NaN without runs."""
    own = _setting(data, pair, share)
    if own is None:
        return np.full(1, np.nan)
    cell = own.sel(company=company, role=role)
    return np.where(cell.stopped_at.values < 0, cell[name].values, np.nan)


def _difference(first: np.ndarray, second: np.ndarray, *name: str | float) -> Contrast:
    noise = generator(0, "bootstrap", "curriculum imbalance", *(str(part) for part in name))
    return contrast_means(first, second, generator=noise)


def _falls(data: xr.Dataset, pair: str, name: str, company: str = "together") -> dict[str, Contrast]:
    """How much lower a number of the rare operation is at smaller shares than at equal ones."""
    even = _numbers(data, pair, EVEN, name, company)
    return {
        f"{share:g}": _difference(even, _numbers(data, pair, share, name, company), pair, share, name)
        for share in SMALLER
    }


def _company(data: xr.Dataset, pair: str, share: float, role: str) -> Contrast:
    """What the other operation changes in the final test accuracy at the same rows per step."""
    together, alone = (
        _numbers(data, pair, share, "final_test", company, role) for company in ("together", "alone")
    )
    return _difference(together, alone, pair, share, role)


def _incompatible(data: xr.Dataset) -> RegimeVerdict:
    found = _falls(data, INCOMPATIBLE, "area")
    reason = _unfit(data, {INCOMPATIBLE: (EVEN, *SMALLER)})
    verdict = judge_all(judge_contrasts(found))
    text = f"area at .5 minus {_listed(found)}"
    text += f"; of rows with an unseen mirror {_listed(_falls(data, INCOMPATIBLE, 'area_unseen'))}"
    return EXPOSURE.regimes[0].found(unless(reason, verdict), text)


def _compatible(data: xr.Dataset) -> RegimeVerdict:
    found = _company(data, DEFAULT, SCARCE, "rare")
    reason = _unfit(data, {DEFAULT: (SCARCE,)}) or _few(found)
    verdict = judge_order(found, below=-LEAST_LOSS)
    return COMPETITION.regimes[0].found(
        unless(reason, verdict), f"sub, together minus alone {_described(found)}"
    )


def _shares(data: xr.Dataset, pair: str) -> list[float]:
    return sorted({float(share) for share in data.share.values[data.pair.values == pair]}, reverse=True)


def _each_share(data: xr.Dataset, pair: str, text: Callable[[float], str]) -> str:
    shares = _shares(data, pair)
    return ", ".join(f"{share:g} {text(share)}" for share in shares) if shares else "missing"


def _times(data: xr.Dataset, pair: str) -> str:
    """Restricted means of T_gen, with how many never got there."""

    end = float(data.attrs.get("steps", math.nan))

    def text(share: float) -> str:
        parts = []
        for company in ("together", "alone"):
            times = _numbers(data, pair, share, "generalised_at", company)
            if np.isnan(times).any() or math.isnan(end):
                parts.append("missing")
                continue
            late = int(np.isinf(times).sum())
            parts.append(f"{np.minimum(times, end).mean():.0f} ({late} of {times.size} never)")
        return " against ".join(parts)

    return f"{pair}, restricted mean T_gen by share, together against alone: {_each_share(data, pair, text)}"


def _delays(data: xr.Dataset, pair: str) -> str:
    """Ratios of T_gen at smaller shares to that at equal ones."""
    even = _numbers(data, pair, EVEN, "generalised_at")
    texts = []
    for share in SMALLER:
        later = _numbers(data, pair, share, "generalised_at")
        found = contrast_times(even, later, generator=generator(0, "bootstrap", "curriculum delay", pair))
        if math.isnan(found.centre):
            texts.append(f"{share:g} missing")
            continue
        low, high = np.exp(found.interval)
        ties = f", {100 * found.ties:.0f} % ties" if found.ties else ""
        texts.append(f"{share:g} {np.exp(found.centre):.2f} ({low:.2f} to {high:.2f}{ties})")
    return f"{pair}, T_gen over that at .5 (medians where some never got there): {', '.join(texts)}"


def _companies(data: xr.Dataset, pair: str) -> str:
    found = _each_share(data, pair, lambda share: _described(_company(data, pair, share, "rare")))
    return f"{pair}, rare operation, together minus alone by share: {found}"


def _described(found: Contrast) -> str:
    low, high = found.interval
    return "missing" if math.isnan(found.centre) else f"{found.centre:.3f} ({low:.3f} to {high:.3f})"


def _listed(found: Mapping[str, Contrast]) -> str:
    return ", ".join(f"that at {name}: {_described(each)}" for name, each in found.items())


def _run_notes(data: xr.Dataset) -> tuple[str, ...]:
    notes = [told(data), *stopped_notes(data)]
    counts = dict(zip(data.pair.values.tolist(), data.seeds.values.tolist(), strict=True))
    few = [f"{pair} {count}" for pair, count in counts.items() if count < MINIMUM_SEEDS]
    if few:
        notes.append(f"seeds, of {MINIMUM_SEEDS} that are needed: {', '.join(few)}")
    if "root_seed" not in data.attrs:
        notes.append("the root seed was not recorded: whether these are confirmatory seeds is unknown")
    return tuple(notes)
