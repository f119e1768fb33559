"""The claim that width shrinks what a curriculum gains on parity (after arXiv:2406.01589), and its verdict."""

import math

import numpy as np
import xarray as xr

from companion.claims.contrasts import LARGEST_SHARE_OF_TIES, Contrast, contrast_times, judge_order
from companion.claims.curriculum_settings import PARITY, stopped_notes, unregistered
from companion.claims.judging import judge_all
from companion.claims.protocol import (
    Claim,
    Regime,
    RegimeVerdict,
    Verdict,
    VerdictName,
    not_evaluated,
    stored_keys,
)
from companion.claims.slopes import Slope, slope_over_seeds
from companion.claims.unet_contrasts import described
from companion.compute.seeds import generator

LEAST_GAIN = math.log(1.5)
LEAST_SEEDS = 16
WIDTHS, MAIN_WIDTH = (16, 32, 64), 32
#: What the criterion was registered for, as the study's attributes name it.
PROMISED = PARITY | {"gain_relevant": 3, "width": MAIN_WIDTH}
_UNIFORM = 0.5

WIDTH = Claim(
    id="e4_q5_width",
    statement="Easy inputs first speed parity up, and the wider the network the less.",
    quantity=r"Gain $\log(t_{90}^\mathrm{uniform}/t_{90}^\mathrm{biased})$, paired by seed: first steps with 90 % test "
    "accuracy on uniform bits, from uniform rows only and with 150 steps of bits biased to .85 before them; parity of "
    "3 of 12 bits, one layer of width 16, 32 and 64, 128 fresh rows per step.",
    criterion=r"Gain at width 32: interval above $\log 1.5$; slope of the gain against $\log d$: interval below 0; at "
    "every width fewer than a quarter of the runs censored; at least 16 seeds.",
    version=1,
    profile="night",
    figure="e4_f7_parity",
    deterministic=False,
    source="2406.01589",
    note="A prediction for networks of two layers, tested on transformers at one learning rate for all widths; task "
    "of arXiv:2301.13833. A time never reached is a bound on its gain. Three bits: of four, many uniform runs "
    "are not there within 2500 steps. Exploratory seeds say the opposite of the second half: no gain at width 16.",
    regimes=(
        Regime("Hamming mixture", "gain at width 32 where which parity counts depends on the number of ones"),
        Regime("no bias", r"$q_0=.5$: gain at width 32 of uniform rows over uniform rows in another order"),
    ),
)


def width(data: xr.Dataset) -> Verdict:
    """Verdict on `WIDTH` from the stored study ``parity_curriculum``."""
    reason = _unfit(data)
    if reason:
        return not_evaluated(WIDTH, reason)
    pairs = {each: _pair(data, task="parity", width=each) for each in WIDTHS}
    gain, slope = _gain(*pairs[MAIN_WIDTH], "width"), _slope(data, pairs)
    shares = {each: max(map(_censored, pair)) for each, pair in pairs.items()}
    parts: dict[str, VerdictName] = {
        "gain": judge_order(gain, above=LEAST_GAIN, minimum_seeds=LEAST_SEEDS),
        "slope": judge_order(slope, below=0.0, minimum_seeds=LEAST_SEEDS),
    }
    verdict = judge_all(parts)
    known = not math.isnan(gain.centre)
    # Too many censored runs leave open what watching for longer would show.
    if known and max(shares.values()) >= LARGEST_SHARE_OF_TIES:
        verdict = "inconclusive"
    return Verdict(
        WIDTH.id,
        verdict,
        value=gain.centre if known and verdict != "not evaluated" else None,
        interval=gain.interval if known and verdict != "not evaluated" else None,
        value_text=f"ratio at width {MAIN_WIDTH}: {described(gain)}; slope against log d: {slope.text}",
        replicates=gain.replicates,
        root_seed=int(data.attrs["root_seed"]),
        regimes=_regimes(data),
        notes=(
            *(f"{name}: {each}" for name, each in parts.items() if each != "holds"),
            *(f"ratio at width {each}: {described(_gain(*pairs[each], str(each)))}" for each in WIDTHS),
            *(f"censored at width {each}: {100 * share:.0f} % of the runs" for each, share in shares.items()),
            *stopped_notes(data),
        ),
        keys=stored_keys(data),
    )


def _unfit(data: xr.Dataset) -> str:
    """Why these are not the runs of the criterion; empty where they are."""
    other = unregistered(data.attrs, PROMISED)
    if other:
        return other
    missing = [
        str(each)
        for each in WIDTHS
        if not all(values.size for values in _pair(data, task="parity", width=each))
    ]
    return f"needs night: widths {', '.join(missing)} are not there" if missing else ""


def _times(data: xr.Dataset, **values: str | float) -> np.ndarray:
    """t90 (replicates,) of one setting, inf where never reached, NaN of a run that stopped; none without it."""
    same = np.full(data.sizes["setting"], True)
    for name, value in values.items():
        given = data[name].values
        same &= given == value if isinstance(value, str) else np.isclose(given, value)
    # A strip has fewer replicates and is watched for a shorter time: it is never one side of a pair.
    same &= data.watched.values == data.watched.values.max()
    places = np.flatnonzero(same)
    if not places.size:
        return np.empty(0)
    own = data.isel(setting=places[0])
    return np.where(own.stopped_at.values < 0, own.reached.values, np.nan)


def _pair(data: xr.Dataset, *, task: str, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Times with biased rows first, and with uniform rows only."""
    own: dict[str, str | float] = {"task": task, "width": width, "stream": 0}
    if task == "parity":
        own["relevant"] = data.attrs["gain_relevant"]
    return _times(data, **own, bias=data.attrs["bias"]), _times(data, **own, bias=_UNIFORM)


def _gain(biased: np.ndarray, uniform: np.ndarray, name: str) -> Contrast:
    return contrast_times(biased, uniform, generator=generator(0, "bootstrap", "parity", name))


def _censored(times: np.ndarray) -> float:
    return float(np.isinf(times).mean())


def _slope(data: xr.Dataset, pairs: dict[int, tuple[np.ndarray, np.ndarray]]) -> Slope:
    """Slope of gains against log d; a gain with one time never reached is a bound, with both it says nothing."""
    biased, uniform = (np.stack(side) for side in zip(*pairs.values(), strict=True))
    end = float(data.watched.max())
    return slope_over_seeds(
        np.log(list(pairs)),
        np.log(np.minimum(uniform, end)) - np.log(np.minimum(biased, end)),
        rising=np.isinf(uniform),
        falling=np.isinf(biased),
        tied=np.isinf(uniform) & np.isinf(biased),
        generator=generator(0, "bootstrap", "parity", "slope"),
    )


def _regimes(data: xr.Dataset) -> tuple[RegimeVerdict, ...]:
    mixture = _pair(data, task="hamming", width=MAIN_WIDTH)
    plain: dict[str, str | float] = {"task": "parity", "width": MAIN_WIDTH, "bias": _UNIFORM}
    plain["relevant"] = data.attrs["gain_relevant"]
    null = _times(data, **plain, stream=1), _times(data, **plain, stream=0)
    found = []
    for regime, pair in zip(WIDTH.regimes, (mixture, null), strict=True):
        if all(times.size for times in pair):
            gain = _gain(*pair, regime.name)
            verdict = judge_order(gain, above=LEAST_GAIN, minimum_seeds=LEAST_SEEDS)
            found.append(regime.found(verdict, f"ratio {described(gain)}"))
    return tuple(found)
