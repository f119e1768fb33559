"""Claims on what sets memorisation in score models, support or exposure (arXiv:2605.06367), and their verdicts."""

import math
from typing import Any

import numpy as np
import xarray as xr

from companion.analysis.statistics import Interval, bootstrap_interval
from companion.claims.contrasts import judge_order
from companion.claims.judging import MINIMUM_SEEDS, judge_all, judge_interval
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, VerdictName, stored_keys
from companion.claims.score_contrasts import (
    HIGH,
    LOW,
    PASSAGE,
    Clock,
    contrast,
    described,
    times,
)
from companion.compute.seeds import generator

SOURCE = "2605.06367"
_MEMORISED = Clock("mem_gap_absolute", 0.05)
LARGEST_SUPPORT_SHARE, LEAST_SUPPORT_FACTOR = 0.1, 2.0
#: Runs of the 2 x 2 design by the rare class's share of examples and its weight in the loss.
DESIGN = {(0.5, 0.5): "R5", (0.1, 0.5): "R5 rare", (0.5, 0.1): "R5 light", (0.1, 0.1): "R1"}
_FEW = {(0.5, 0.5): "R5", (0.1, 0.5): "R few equal", (0.5, 0.1): "R5 very light", (0.1, 0.1): "R few"}
_DEFINITIONS = (
    Clock("mem_gap", 0.25),
    Clock("mem_gap", 0.5),
    Clock("mem_gap", 1.0),
    Clock("mem_gap_absolute", 0.05),
    Clock("mem_gap_absolute", 0.1),
)

EXPOSURE_OR_SUPPORT = Claim(
    id="p2rf_k4b_exposure_or_support",
    statement="The weight of a class in the loss sets its generalisation time, its number of examples its "
    "memorisation time.",
    quantity="Main effects on $\\log T$ of the high-variance class in a 2 x 2 design: its share of the examples "
    "(support) and "
    r"its weight in the loss (exposure), $1/2$ or $1/10$ each; $\sigma=(1.2,.8)$, $M=16$, $t=.5$, $d=40$.",
    criterion="gen_passage(.5): support effect at most .1 of the exposure effect. Absolute mem_gap(.05): support "
    "effect more than twice the exposure effect. Bootstrap intervals of the ratios of absolute effects; at least 8 "
    "draws.",
    version=1,
    profile="laptop",
    figure="p2rf_f10_support_exposure",
    deterministic=False,
    source=SOURCE,
    note="Sampling imbalance changes both at once; weights in the loss apart from counts take them apart.",
    regimes=(
        Regime(
            "endless training",
            r"at $T\to\infty$ weights no longer count: the end of training is set by support alone",
        ),
        Regime("few points", "six examples of the rare class instead of a tenth"),
    ),
)

MEMORISATION_REVERSES = Claim(
    id="p2rf_k4c_memorisation_reverses",
    statement="A low-variance minority is memorised first.",
    quantity=r"$\log(\tau_{high}/\tau_{low})$ in run MR ($\sigma=(1.1,.9)$, $M=4$, a tenth of low variance; "
    r"$d=40$) for "
    "mem_gap(.25, .5, 1) and absolute mem_gap(.05, .1).",
    criterion="Interval above 0 for every one of the five definitions; at least 8 draws.",
    version=1,
    profile="laptop",
    figure="p2rf_f13_robustness",
    deterministic=False,
    source=SOURCE,
    note="Registered in order to be refuted: whether the minority is first depends on the definition of memorised.",
    expected="fails",
)


def exposure_or_support(curves: xr.Dataset, ends: xr.Dataset, theory: xr.Dataset | None = None) -> Verdict:
    """Verdict on `EXPOSURE_OR_SUPPORT` from ``simulated_curves`` of the design and ``final_losses``.

    With ``theory_curves`` the notes say what the factors become for d -> infinity.
    """
    generalised, memorised = (_effects(curves, DESIGN, clock) for clock in (PASSAGE, _MEMORISED))
    share = _ratio(generalised[0], generalised[1])
    factor = _ratio(memorised[0], memorised[1])
    counts: dict[str, Any] = {"replicates": int(curves.sizes["draw"]), "minimum_replicates": MINIMUM_SEEDS}
    parts: list[VerdictName] = [
        judge_interval(share[0], *share[1], criterion_upper=LARGEST_SUPPORT_SHARE, **counts),
        judge_interval(factor[0], *factor[1], criterion_lower=LEAST_SUPPORT_FACTOR, strict=True, **counts),
    ]
    return Verdict(
        EXPOSURE_OR_SUPPORT.id,
        judge_all(parts),
        value=None if math.isnan(factor[0]) else factor[0],
        interval=None if math.isnan(factor[1][0]) else factor[1],
        value_text=f"support over exposure: generalisation {_written(share)}, memorisation {_written(factor)}",
        replicates=curves.sizes["draw"],
        root_seed=int(curves.attrs["root_seed"]),
        regimes=(
            _endless(ends, EXPOSURE_OR_SUPPORT.regimes[0]),
            _few_points(curves, EXPOSURE_OR_SUPPORT.regimes[1]),
        ),
        notes=(f"generalisation: {parts[0]}; memorisation: {parts[1]}", *_asymptotic(theory)),
        keys=stored_keys(curves, ends, *([] if theory is None else [theory])),
    )


def _asymptotic(theory: xr.Dataset | None) -> tuple[str, ...]:
    if theory is None:
        return ()
    found = []
    for clock in (PASSAGE, _MEMORISED):
        support, exposure = _effects(theory.expand_dims("draw"), DESIGN, clock)
        found.append(abs(float(support[0])) / abs(float(exposure[0])))
    return (f"theory, support over exposure: generalisation {found[0]:.3g}, memorisation {found[1]:.3g}",)


def _effects(curves: xr.Dataset, design: dict, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """Main effects (draws,) of support and of exposure on log T, from rare to frequent."""
    logs = {cell: np.log(times(curves, name, clock, HIGH)) for cell, name in design.items()}
    with np.errstate(invalid="ignore"):
        support = (logs[0.5, 0.5] + logs[0.5, 0.1] - logs[0.1, 0.5] - logs[0.1, 0.1]) / 2
        exposure = (logs[0.5, 0.5] + logs[0.1, 0.5] - logs[0.5, 0.1] - logs[0.1, 0.1]) / 2
    return support, exposure


def _ratio(above: np.ndarray, below: np.ndarray) -> tuple[float, Interval]:
    """|mean of the first effect| over |mean of the second|, with its bootstrap interval over draws."""

    def statistic(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.abs(first.mean(axis=axis)) / np.abs(second.mean(axis=axis))

    noise = generator(0, "bootstrap", "effects")
    interval = bootstrap_interval(above, statistic, generator=noise, paired=below)
    return float(statistic(above, below, axis=-1)), interval


def _written(ratio: tuple[float, Interval]) -> str:
    return f"{ratio[0]:.3g} ({ratio[1][0]:.3g} to {ratio[1][1]:.3g})"


def _endless(ends: xr.Dataset, regime: Regime) -> RegimeVerdict:
    """Whether exposure still outweighs support in the test loss at the end of training (theory)."""
    test = ends.test.reindex(setting=list(DESIGN.values())).isel(label=HIGH)
    losses = {cell: float(test.sel(setting=name)) for cell, name in DESIGN.items()}
    support = abs(losses[0.5, 0.5] + losses[0.5, 0.1] - losses[0.1, 0.5] - losses[0.1, 0.1]) / 2
    exposure = abs(losses[0.5, 0.5] + losses[0.1, 0.5] - losses[0.5, 0.1] - losses[0.1, 0.1]) / 2
    verdict: VerdictName = "not evaluated" if math.isnan(support + exposure) else "fails"
    if verdict == "fails" and support <= LARGEST_SUPPORT_SHARE * exposure:
        verdict = "holds"
    return regime.found(
        verdict, f"effects on the final test loss: support {support:.3g}, exposure {exposure:.2g}"
    )


def _few_points(curves: xr.Dataset, regime: Regime) -> RegimeVerdict:
    support, exposure = _effects(curves, _FEW, PASSAGE)
    share = _ratio(support, exposure)
    counts: dict[str, Any] = {"replicates": support.size, "minimum_replicates": MINIMUM_SEEDS}
    return regime.found(
        judge_interval(share[0], *share[1], criterion_upper=LARGEST_SUPPORT_SHARE, **counts),
        f"generalisation {_written(share)}",
    )


def memorisation_reverses(curves: xr.Dataset) -> Verdict:
    """Verdict on `MEMORISATION_REVERSES` from ``simulated_curves`` of the run MR."""
    found = {clock.text: contrast(curves, "MR", clock, LOW, HIGH) for clock in _DEFINITIONS}
    verdicts: dict[str, VerdictName] = {name: judge_order(each, above=0.0) for name, each in found.items()}
    weakest = min(found, key=lambda name: found[name].interval[0])
    main = found[weakest]
    return Verdict(
        MEMORISATION_REVERSES.id,
        judge_all(verdicts),
        value=None if math.isnan(main.centre) else main.centre,
        interval=None if math.isnan(main.interval[0]) else main.interval,
        value_text="; ".join(f"{name} {described(each)}" for name, each in found.items()),
        replicates=main.replicates,
        root_seed=int(curves.attrs["root_seed"]),
        notes=tuple(f"{name}: {verdict}" for name, verdict in verdicts.items()),
        keys=stored_keys(curves),
    )
