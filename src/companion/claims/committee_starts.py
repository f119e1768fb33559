"""Claims on starts that decide how two units share one task (arXiv:2503.02526): angle and entropy of the readouts."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy import stats

from companion.claims.judging import judge_all, judge_exact
from companion.claims.protocol import (
    Claim,
    Regime,
    RegimeVerdict,
    Verdict,
    VerdictName,
    not_evaluated,
    stored_keys,
)

SOURCE = "2503.02526"
#: Norms of the readouts that are judged; without them there is no verdict.
READOUT_SCALES = (0.1, 0.3, 1.0)
EXCESSIVE_SCALE = 2.0
SMALL_WEIGHTS, LARGE_WEIGHTS = 1e-3, 1.0
FAST_RATE = 6.0
#: S_use counts as 1 from here, ...
ALONE = 0.999
#: ... and as shared below this.
SHARED = 0.01
LARGEST_ERROR = 1e-4

START_DECIDES = Claim(
    id="p3_a_start_decides",
    statement="The same task error comes with any degree of specialisation: the start decides.",
    quantity=r"$S_\mathrm{use}$ against the readout angle $\theta$ from 0 to $\pi/4$, and the largest $\epsilon_1$, "
    r"at $T=200$ ($K=2$, $M=1$, $r=.1$, $.3$, $1$, $\sigma_w=10^{-3}$, $d\to\infty$).",
    criterion=r"$S_\mathrm{use}=1$ (to $10^{-3}$) at $\theta=0$, below .01 at $\pi/4$ and decreasing in between; "
    r"$\epsilon_1\leq10^{-4}$; for every $r$.",
    version=1,
    profile="laptop",
    figure="p3_f5_landscape",
    deterministic=True,
    source=SOURCE,
    note="Random numbers enter one regime alone. That of fast learning has the rate of the readouts fixed to 1.",
    regimes=(
        Regime(
            "r = 2", r"both readouts must shrink, and $S_\mathrm{use}$ is no longer monotonic in $\theta$"
        ),
        Regime(
            "sigma_w = 1",
            "the initial overlaps of drawn weights dominate: asked of every draw at finite $d$ ($r=.3$)",
        ),
        Regime("e_w >= 6", "the noise of single samples takes over (judged at $e_w=6$, $r=.3$)"),
    ),
)

ENTROPY_ONE_UNIT = Claim(
    id="p3_b1_entropy_one_unit",
    statement="With one teacher unit, high entropy of the readouts prevents specialisation.",
    quantity=r"Spearman correlation of $H_\mathrm{read}$ with the final $S_\mathrm{use}$ over the angles $\theta$ "
    r"($K=2$, $M=1$, $\sigma_w=10^{-3}$), for $r=.1$, $.3$, $1$.",
    criterion=r"$-1$ for each $r$.",
    version=1,
    profile="laptop",
    figure="p3_f6_entropy",
    deterministic=True,
    source=SOURCE,
    note="Entropy is the Shannon entropy of the normalised magnitudes of the readouts. Over these angles it rises with "
    "the angle, so that the claim follows from that on the start; its regime is what it adds.",
    regimes=(
        Regime(
            "K = M = 2",
            r"two teacher units ask for two students: the correlation of $H_\mathrm{read}$ with the mean "
            r"$S_\mathrm{sel}$ has the opposite sign",
        ),
    ),
)


def start_decides(decided: xr.Dataset) -> Verdict:
    """Verdict on `START_DECIDES` from the stored study ``decided_by_start``."""
    if not _as_registered(decided):
        return not_evaluated(START_DECIDES, "needs sigma_w = 1e-3 and T = 200")
    chosen = _at(decided, "readout_scale", READOUT_SCALES)
    usage, error = chosen.usage.transpose("readout_scale", "angle").values, chosen.error.values
    verdict = _of_all(usage, error.max(axis=chosen.error.get_axis_num("angle")))
    missing = bool(np.isnan(usage).any() or np.isnan(error).any())
    largest = float(error.max())
    ends = f"S_use from {usage[:, 0].min():.4f} to at most {usage[:, -1].max():.4f}"
    return Verdict(
        START_DECIDES.id,
        verdict,
        value=None if missing else largest,
        value_text="a norm is missing" if missing else f"{ends}, errors up to {largest:.1e}",
        root_seed=int(decided.attrs["root_seed"]),
        keys=stored_keys(decided),
        regimes=(_excessive(decided), _large_weights(decided), _fast(decided)),
    )


def _as_registered(decided: xr.Dataset) -> bool:
    return (float(decided.attrs["weight_scale"]), float(decided.attrs["first_time"])) == (
        SMALL_WEIGHTS,
        200.0,
    )


def _at(data: xr.Dataset, dim: str, values: Sequence[float]) -> xr.Dataset:
    """The results at these values of ``dim``, NaN where there are none."""
    kept = data[[name for name in data.data_vars if dim in data[name].dims]]
    return kept.reindex({dim: list(values)}, method="nearest", tolerance=1e-9)


def _meets(usage: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Which curves (..., angle) with the largest errors (...,) meet the criterion."""
    ends = (usage[..., 0] >= ALONE) & (usage[..., -1] < SHARED)
    return ends & (np.diff(usage, axis=-1) < 0).all(axis=-1) & (error <= LARGEST_ERROR)


def _of_all(usage: np.ndarray, error: np.ndarray) -> VerdictName:
    return judge_exact(bool(_meets(usage, error).all()), [*usage.ravel(), *np.ravel(error)])


def _excessive(decided: xr.Dataset) -> RegimeVerdict:
    part = _at(decided, "readout_scale", [EXCESSIVE_SCALE]).isel(readout_scale=0)
    usage, error = part.usage.values, part.error.values
    rises = int((np.diff(usage) >= 0).sum())
    text = f"S_use rises in {rises} of {usage.size - 1} steps, errors up to {error.max():.1e}"
    return START_DECIDES.regimes[0].found(_of_all(usage, error.max()), text)


def _large_weights(decided: xr.Dataset) -> RegimeVerdict:
    part = _at(decided, "weight_scale", [LARGE_WEIGHTS]).isel(weight_scale=0)
    usage = part.drawn_usage.transpose("draw", "few_angle").values
    error = part.drawn_error.max("few_angle", skipna=False).values
    met, first, last = int(_meets(usage, error).sum()), usage[:, 0], usage[:, -1]
    text = (
        f"{met} of {len(usage)} draws meet it; S_use {first.min():.2f} to {first.max():.2f} at 0, {last.min():.2f} to "
        f"{last.max():.2f} at pi/4"
    )
    return START_DECIDES.regimes[1].found(_of_all(usage, error), text)


def _fast(decided: xr.Dataset) -> RegimeVerdict:
    """Judged at the smallest of the fast rates, where a hold would surprise least; all are told."""
    part = _at(decided, "fast_rate", [FAST_RATE]).isel(fast_rate=0)
    texts = [
        f"e_w = {float(rate):g}: S_use {usage[1]:.2f} at the second angle, errors up to {error.max():.1e}"
        for rate, usage, error in zip(
            decided.fast_rate.values,
            decided.fast_usage.transpose("fast_rate", "few_angle").values,
            decided.fast_error.transpose("fast_rate", "few_angle").values,
            strict=True,
        )
    ]
    found = _of_all(part.fast_usage.values, part.fast_error.values.max())
    return START_DECIDES.regimes[2].found(found, "; ".join(texts))


def entropy_one_unit(decided: xr.Dataset, evenness: xr.Dataset) -> Verdict:
    """Verdict on `ENTROPY_ONE_UNIT` from the stored studies ``decided_by_start`` and ``even_readouts``."""
    if not _as_registered(decided):
        return not_evaluated(ENTROPY_ONE_UNIT, "needs sigma_w = 1e-3 and T = 200")
    chosen = _at(decided, "readout_scale", READOUT_SCALES)
    found = [
        _rank_correlation(decided.entropy, row) for row in chosen.usage.transpose("readout_scale", "angle")
    ]
    verdict = judge_all([judge_exact(value <= -1 + 1e-12, [value]) for value in found])
    highest = float(np.max(found))
    texts = [f"{value:+.3f} (r = {scale:g})" for value, scale in zip(found, READOUT_SCALES, strict=True)]
    return Verdict(
        ENTROPY_ONE_UNIT.id,
        verdict,
        value=None if np.isnan(highest) else highest,
        value_text=", ".join(texts),
        root_seed=int(evenness.attrs["root_seed"]),
        keys=stored_keys(decided, evenness),
        regimes=(_two_units(evenness),),
    )


def _two_units(evenness: xr.Dataset) -> RegimeVerdict:
    part = evenness.reindex(setting=["two units"]).isel(setting=0)
    value = _rank_correlation(part.entropy, part.specialisation.mean("draw", skipna=False))
    return ENTROPY_ONE_UNIT.regimes[0].found(judge_exact(value <= -1 + 1e-12, [value]), f"{value:+.3f}")


def _rank_correlation(entropy: xr.DataArray, specialisation: xr.DataArray) -> float:
    """Spearman's, NaN where a number is missing or nothing varies."""
    x, y = entropy.values, specialisation.values
    if np.isnan(x).any() or np.isnan(y).any() or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1])
