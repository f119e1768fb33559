"""Claims on clocks of score models against the theory (arXiv:2605.06367, arXiv:2505.17638), and their verdicts."""

import math
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.statistics import Interval, bootstrap_interval, median
from companion.claims.contrasts import contrast_times, judge_order
from companion.claims.judging import MINIMUM_SEEDS, judge_all, judge_exact, judge_interval
from companion.claims.protocol import Claim, Regime, Verdict, VerdictName, not_evaluated, stored_keys
from companion.claims.score_contrasts import HIGH, LOW, PASSAGE, Clock, described, times
from companion.compute.seeds import generator

SOURCE = "2605.06367"
CLOSE = 0.10
LARGE_DIMENSION = 150
_PREDICTED = ("G1", "R1", "V2")
_ABSOLUTE = Clock("mem_gap_absolute", 0.05)
WINDOW = math.log(2.0)
STEEPEST, FLATTEST, SPREAD = -1.2, -0.9, 0.05
LEAST_DRAWS = 5

THEORY_PREDICTS_TIMES = Claim(
    id="p2rf_k1_theory_predicts_times",
    statement="The asymptotic theory predicts per-class generalisation times.",
    quantity=r"$|\log(T_{sim}/T_{theory})|$ of gen_passage(.5), median over runs G1, R1, V2, both classes and draws.",
    criterion=r"Bootstrap interval of the median below $.10$ at $d=36$ to $40$, at least 8 draws; smaller median "
    r"at $d=150$.",
    version=1,
    profile="laptop",
    figure="p2rf_f3_learning_curves",
    deterministic=False,
    source=SOURCE,
    note="The abstract says that the spectrum of the feature covariance gives the times per class. The equations "
    "for flow losses are our own derivation; nobody's numbers exist to compare with.",
    regimes=(
        Regime(
            "late memorisation",
            "absolute mem_gap(.05) of the low-variance class in V0 and V1, reached at $T>10$",
        ),
        Regime("few points", "six examples of the rare class: its clocks are not those of $n\\to\\infty$"),
    ),
)

WINDOW_OPENS = Claim(
    id="p2rf_k6_window",
    statement="One class is memorised while the other is still under-learned.",
    quantity=r"$\log(T_{gen,low}(.9)/T_{mem,high})$ in run V1, memorisation at an absolute gap of $.1$; $d=40$.",
    criterion=r"Interval above $\log 2$; at least 8 draws.",
    version=1,
    profile="laptop",
    figure="p2rf_f8_window",
    deterministic=False,
    source=SOURCE,
    note="The abstract says that a model can memorise some classes while others are insufficiently learned.",
    regimes=(
        Regime("V2", "nearly equal variances, (1.2,.8): both classes are learned before either is memorised"),
        Regime("R5", "large centroids, balanced: memorisation comes last"),
    ),
)

LINEAR_IN_SAMPLES = Claim(
    id="p2rf_k7_linear_in_n",
    statement="Memorisation time grows as $n$, generalisation time does not.",
    quantity=r"Slope of the log median of the memorisation band against $\log n$, $\psi_n=2$ to $32$, $t=.01$, "
    r"$\psi_p=64$; "
    "largest over smallest gen_passage(.5).",
    criterion=r"Interval of the slope over draws inside $[-1.2,-.9]$; times within 5 %; at least 5 draws of $W$.",
    version=1,
    profile="laptop",
    figure="p2rf_f7_sample_size",
    deterministic=False,
    source="2505.17638",
    note="Stated by the precursor for a single Gaussian. The clean law is spectral; clocks that cross a threshold grow "
    "faster than $n$, since the gap's amplitude shrinks with $n$ too.",
    regimes=(
        Regime(
            "threshold clocks",
            "exponent of the absolute mem_gap(.05) against $n$ within the same bounds, 0.9 to 1.2",
        ),
    ),
)


def theory_predicts_times(small: xr.Dataset, large: xr.Dataset, theory: xr.Dataset) -> Verdict:
    """Verdict on `THEORY_PREDICTS_TIMES` from ``simulated_curves`` at two dimensions, and ``theory_curves``."""
    dimension = int(small.attrs["dimension"])
    if not 36 <= dimension <= 40 or int(large.attrs["dimension"]) != LARGE_DIMENSION:
        return not_evaluated(THEORY_PREDICTS_TIMES, f"needs d = 36 to 40 and d = {LARGE_DIMENSION}")
    near, far = (_errors(curves, theory, _PREDICTED, PASSAGE) for curves in (small, large))
    value, interval = _median_with_interval(near)
    at_large, _ = _median_with_interval(far)
    counts: dict[str, Any] = {"replicates": near.shape[-1], "minimum_replicates": MINIMUM_SEEDS}
    close = judge_interval(value, *interval, criterion_upper=CLOSE, strict=True, **counts)
    late = _errors(small, theory, ("V0", "V1"), _ABSOLUTE)[:, LOW]
    few = _errors(small, theory, ("R few",), PASSAGE)[:, HIGH]
    return Verdict(
        THEORY_PREDICTS_TIMES.id,
        judge_all([close, judge_exact(at_large < value, [at_large, value])]),
        value=None if math.isnan(value) else value,
        interval=None if math.isnan(interval[0]) else interval,
        value_text=f"median {value:.3f} ({interval[0]:.3f} to {interval[1]:.3f}) at d = {dimension}, {at_large:.3f} at "
        f"d = {LARGE_DIMENSION}",
        replicates=near.shape[-1],
        root_seed=int(small.attrs["root_seed"]),
        regimes=tuple(
            regime.found(*_within(errors))
            for regime, errors in zip(THEORY_PREDICTS_TIMES.regimes, (late, few), strict=True)
        ),
        notes=(f"{large.sizes['draw']} draws at d = {LARGE_DIMENSION}",),
        keys=stored_keys(small, large, theory),
    )


def _errors(curves: xr.Dataset, theory: xr.Dataset, settings: tuple[str, ...], clock: Clock) -> np.ndarray:
    """|log T_sim/T_theory|, (setting, label, draw); 0 where neither is reached."""
    found = []
    for setting in settings:
        per_class = []
        for label in (HIGH, LOW):
            simulated = times(curves, setting, clock, label)
            predicted = float(times(theory.expand_dims("draw"), setting, clock, label)[0])
            with np.errstate(invalid="ignore", divide="ignore"):
                errors = np.abs(np.log(simulated) - np.log(predicted))
            per_class.append(np.where(np.isinf(simulated) & np.isinf(predicted), 0.0, errors))
        found.append(per_class)
    return np.array(found)


def _median_with_interval(errors: np.ndarray) -> tuple[float, Interval]:
    """Median over everything, and its bootstrap interval over draws (the last axis)."""
    flat = errors.reshape(-1, errors.shape[-1])
    draws = np.arange(errors.shape[-1], dtype=float)

    def statistic(chosen: np.ndarray, axis: int) -> np.ndarray:
        redrawn = flat[:, chosen.astype(int)]  # (cells, .., draws)
        return median(np.moveaxis(redrawn, 0, -2).reshape(*chosen.shape[:-1], -1))

    interval = bootstrap_interval(draws, statistic, generator=generator(0, "bootstrap", "k1"))
    if np.isnan(flat).any():
        return math.nan, (math.nan, math.nan)
    return float(median(flat.ravel())), interval


def _within(errors: np.ndarray) -> tuple[VerdictName, str]:
    value, (low, high) = _median_with_interval(errors)
    counts: dict[str, Any] = {"replicates": errors.shape[-1], "minimum_replicates": MINIMUM_SEEDS}
    verdict = judge_interval(value, low, high, criterion_upper=CLOSE, strict=True, **counts)
    return verdict, f"median {value:.3f} ({low:.3f} to {high:.3f})"


def window_opens(curves: xr.Dataset) -> Verdict:
    """Verdict on `WINDOW_OPENS` from ``simulated_curves`` of V1, V2 and R5."""
    found = {name: _window(curves, name) for name in ("V1", "V2", "R5")}
    verdicts: dict[str, VerdictName] = {name: judge_order(each, above=WINDOW) for name, each in found.items()}
    main = found["V1"]
    return Verdict(
        WINDOW_OPENS.id,
        verdicts["V1"],
        value=None if math.isnan(main.centre) else main.centre,
        interval=None if math.isnan(main.interval[0]) else main.interval,
        value_text=f"ratio of times {described(main)}",
        replicates=main.replicates,
        root_seed=int(curves.attrs["root_seed"]),
        regimes=tuple(
            regime.found(verdicts[regime.name], described(found[regime.name]))
            for regime in WINDOW_OPENS.regimes
        ),
        keys=stored_keys(curves),
    )


def _window(curves: xr.Dataset, setting: str):
    memorised = times(curves, setting, Clock("mem_gap_absolute", 0.1), HIGH)
    learned = times(curves, setting, Clock("gen_passage", 0.9), LOW)
    return contrast_times(memorised, learned, generator=generator(0, "bootstrap", setting, "window"))


def linear_in_samples(sizes: xr.Dataset) -> Verdict:
    """Verdict on `LINEAR_IN_SAMPLES` from the stored study ``sample_size``."""
    draws = int(sizes.sizes["draw"])
    wanted = (0.01, 64.0, 2.0, 32.0)
    given = (
        float(sizes.attrs["diffusion_time"]),
        float(sizes.attrs["feature_ratio"]),
        float(sizes.sample_ratio.min()),
        float(sizes.sample_ratio.max()),
    )
    if not np.allclose(given, wanted):
        return not_evaluated(LINEAR_IN_SAMPLES, "needs t = .01, psi_p = 64 and psi_n from 2 to 32")
    log_n = np.log(sizes.sample_ratio.values)
    slopes = _slopes(log_n, np.log(sizes.memorisation_band.transpose("sample_ratio", "draw").values))
    slope, interval = (
        float(slopes.mean()),
        bootstrap_interval(slopes, generator=generator(0, "bootstrap", "k7")),
    )
    counts: dict[str, Any] = {"replicates": draws, "minimum_replicates": LEAST_DRAWS}
    linear = judge_interval(slope, *interval, criterion_lower=STEEPEST, criterion_upper=FLATTEST, **counts)
    passage, memorised = sizes.gen_passage.values, sizes.mem_gap_absolute.values
    with np.errstate(invalid="ignore"):
        spread = float(passage.max() / passage.min() - 1.0)
        local = np.diff(np.log(memorised)) / np.diff(log_n)
    inside = bool(((local >= -FLATTEST) & (local <= -STEEPEST)).all())
    return Verdict(
        LINEAR_IN_SAMPLES.id,
        judge_all([linear, judge_exact(spread < SPREAD, [spread])]),
        value=None if math.isnan(slope) else slope,
        interval=None if math.isnan(interval[0]) else interval,
        value_text=f"slope {slope:.3f} ({interval[0]:.3f} to {interval[1]:.3f}); generalisation times within "
        f"{100 * spread:.1f} %",
        replicates=draws,
        root_seed=int(sizes.attrs["root_seed"]),
        regimes=(
            LINEAR_IN_SAMPLES.regimes[0].found(
                judge_exact(inside, local.tolist()), f"local exponents {local.min():.2f} to {local.max():.2f}"
            ),
        ),
        keys=stored_keys(sizes),
    )


def _slopes(log_n: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least-squares slope of each column."""
    centred = log_n - log_n.mean()
    return centred @ (values - values.mean(axis=0)) / (centred @ centred)
