"""The claim on the criterion for copies itself (d_1/d_2 < 1/3, arXiv:2505.17638), and its verdict."""

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from companion.analysis.statistics import wilson_interval
from companion.claims.judging import judge_all, judge_interval
from companion.claims.protocol import Claim, Regime, Verdict, VerdictName, stored_keys
from companion.claims.unet_contrasts import control_notes, failing, root_seed

LARGEST_NULL, LEAST_EXACT = 0.02, 0.98
EXACT_STEPS, FEW_STEPS = (12, 25), (5,)
LEAST_SAMPLES, SETS = 1000, 3

CONTROLS = Claim(
    id="p2unet_c6_controls",
    statement="The ratio criterion measures copying: real images it has not seen are not copies, samples of the exact "
    "score of the training set are.",
    quantity=r"Share of held-out images with $d_1/d_2<1/3$; that of samples of the exact score with 12 and with 25 "
    "sampler steps; over 3 training sets.",
    criterion="Wilson intervals over at least 1000 images or samples of at least 3 training sets together: upper end "
    "below 2 % for held-out images, lower end above 98 % for the exact score at 12 and at 25 steps; and no training "
    "set fails by its own intervals.",
    version=1,
    profile="laptop",
    figure="p2unet_u11_controls",
    deterministic=False,
    source="2505.17638",
    note="Held-out images are nearly the same for all training sets, so that their common interval is a little narrow; "
    "each set is judged alone, too.",
    regimes=(
        Regime("5 sampler steps", "too coarse a sampler does not end on training images"),
        Regime(
            "5 even steps",
            "five steps of one length in noise levels, so that the last one starts far from the images; the sampler "
            "used here visits the lowest level before it ends",
        ),
        Regime("near twins", "each training image has a near twin: a copy is as close to both"),
    ),
)

Counts = dict[str, tuple[np.ndarray, np.ndarray]]


def controls(data: xr.Dataset, pairs: xr.Dataset | None = None) -> Verdict:
    """Verdict on `CONTROLS` from ``unet_controls``; with ``natural_pairs`` the null control stands beside it."""
    found = _counts(data, "", EXACT_STEPS)
    verdicts: dict[str, VerdictName] = {name: _judge(name, *counts) for name, counts in found.items()}
    name = _narrowest(found)
    rate, (low, high), _ = _rate(*found[name])
    few, even = (_counts(data, prefix, FEW_STEPS, null=False) for prefix in ("", "coarse_"))
    twins = _counts(data, "twin_", EXACT_STEPS)
    return Verdict(
        CONTROLS.id,
        judge_all(verdicts),
        value=None if math.isnan(rate) else rate,
        interval=None if math.isnan(rate) else (low, high),
        value_text=_text(found),
        replicates=data.sizes["set"],
        root_seed=root_seed(data),
        regimes=tuple(
            regime.found(judge_all([_judge(part, *counts) for part, counts in each.items()]), _text(each))
            for regime, each in zip(CONTROLS.regimes, (few, even, twins), strict=True)
        ),
        notes=(
            *failing(verdicts),
            *(f"{part} by training set: {_each(*counts)}" for part, counts in found.items()),
            *_other_steps(data),
            *(() if pairs is None else control_notes(pairs)),
            *(() if root_seed(data) is not None else ("the root seed was not recorded",)),
        ),
        keys=stored_keys(data, *(() if pairs is None else (pairs,))),
    )


def _counts(data: xr.Dataset, prefix: str, steps: Sequence[int], *, null: bool = True) -> Counts:
    """Hits and trials (sets,) of the null rate and of the exact score at each number of ``steps``; NaN if missing."""
    none = np.full(data.sizes["set"], np.nan)
    found: Counts = {}
    if null:
        names = (f"{prefix}null_memorised", f"{prefix}null_queries")
        hits, trials = (data[name].values.astype(float) if name in data else none for name in names)
        found["held out"] = hits, trials
    samples = data.exact_samples.values.astype(float)
    memorised = f"{prefix}exact_memorised"
    for number in steps:
        there = memorised in data and number in data.sampler_steps.values
        hits = data[memorised].sel(sampler_steps=number).values.astype(float) if there else none
        found[f"exact score, {number} steps"] = hits, samples
    return found


def _rate(hits: np.ndarray, trials: np.ndarray) -> tuple[float, tuple[float, float], int]:
    """Rate over all sets, Wilson's interval and the number of trials; NaN where a set has no number."""
    if np.isnan(hits).any() or np.isnan(trials).any() or trials.sum() == 0:
        return math.nan, (math.nan, math.nan), 0
    total = int(trials.sum())
    return float(hits.sum() / total), wilson_interval(int(hits.sum()), total), total


def _inside(name: str, hits: np.ndarray, trials: np.ndarray) -> tuple[VerdictName, int]:
    """Verdict of the interval over all given sets, and the number of trials."""
    rate, (low, high), total = _rate(hits, trials)
    if name == "held out":
        return judge_interval(rate, low, high, criterion_upper=LARGEST_NULL, strict=True), total
    return judge_interval(rate, low, high, criterion_lower=LEAST_EXACT, strict=True), total


def _judge(name: str, hits: np.ndarray, trials: np.ndarray) -> VerdictName:
    together, total = _inside(name, hits, trials)
    if together == "not evaluated":
        return together
    if hits.size < SETS or total < LEAST_SAMPLES:
        return "inconclusive"
    alone = [_inside(name, *one)[0] for one in zip(hits[:, None], trials[:, None], strict=True)]
    return "fails" if "fails" in alone else together


def _narrowest(found: Counts) -> str:
    """The part whose interval comes nearest to the edge of its criterion; a missing one comes first."""

    def margin(name: str) -> float:
        _, (low, high), _ = _rate(*found[name])
        room = LARGEST_NULL - high if name == "held out" else low - LEAST_EXACT
        return -math.inf if math.isnan(room) else room

    return min(found, key=margin)


def _text(found: Counts) -> str:
    texts = []
    for name, counts in found.items():
        rate, (low, high), total = _rate(*counts)
        numbers = f"{100 * rate:.2f} % ({100 * low:.2f} to {100 * high:.2f} %) of {total}"
        texts.append(f"{name} {'missing' if math.isnan(rate) else numbers}")
    return "; ".join(texts)


def _each(hits: np.ndarray, trials: np.ndarray) -> str:
    return ", ".join(f"{hit:g} of {trial:g}" for hit, trial in zip(hits, trials, strict=True))


def _other_steps(data: xr.Dataset) -> tuple[str, ...]:
    others = [step for step in data.sampler_steps.values.tolist() if step not in (*EXACT_STEPS, *FEW_STEPS)]
    return (_text(_counts(data, "", others, null=False)),) if others else ()
