"""Claims on the order in which a score model learns its classes (arXiv:2605.06367), and their verdicts."""

import math
from collections.abc import Mapping

import xarray as xr

from companion.analysis.statistics import holm
from companion.claims.contrasts import Contrast, judge_contrasts, judge_order
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
from companion.claims.score_contrasts import EARLY_STOP, LOW, PASSAGE, Clock, contrast, described

SOURCE = "2605.06367"
LEAST = math.log(1.1)
_VARIANCE_CLOCKS = (PASSAGE, EARLY_STOP, Clock("mem_gap", 0.25), Clock("mem_gap", 0.5))
_VARIANCE_SETTINGS = ("V20", "V2", "V0", "V1")
_NORM_CLOCKS = (PASSAGE, Clock("mem_gap", 0.5))

VARIANCE_FIRST = Claim(
    id="p2rf_k2_variance_first",
    statement="With balanced sampling the class of higher variance comes first on every clock.",
    quantity=r"$\log(\tau_{low}/\tau_{high})$ of gen_passage(.5), early_stop, mem_gap(.25) and mem_gap(.5), for "
    r"standard deviations $(1.2,.8)$ and $(1.5,.5)$, centroid Gram matrices $M=0$ and $M=1$; $d=40$.",
    criterion=r"Each of the 16 contrasts: Holm-corrected $p<.05$ and interval above $\log 1.1$; at least 8 draws.",
    version=1,
    profile="laptop",
    figure="p2rf_f4_variance_order",
    deterministic=False,
    source=SOURCE,
    note="The abstract says that class variance is the primary determinant of the learning order. The exact sign-flip "
    "test over 16 contrasts needs ten draws to get below .05 at all: eight allow no less than .125.",
    regimes=(
        Regime(
            "late passage",
            "gen_passage(.9) against the Bayes loss in V1: the high-variance class never gets there",
        ),
        Regime("unequal sampling", "run R1: a tenth of the examples are of the high-variance class"),
    ),
)

CENTROID_SECONDARY = Claim(
    id="p2rf_k3_centroid_secondary",
    statement="The class with the smaller centroid norm comes first, by less than variance decides.",
    quantity=r"$\log(\tau_{large}/\tau_{small})$ of gen_passage(.5) and mem_gap(.5): equal variances (G1), and the "
    r"larger "
    "norm given to the class of higher variance (G2); $d=40$.",
    criterion="G1: Holm-corrected $p<.05$ and interval above 0 on both clocks. G2: the class of higher variance, "
    "which has the larger norm, is first on both, interval above 0. At least 8 draws.",
    version=1,
    profile="laptop",
    figure="p2rf_f5_geometry_order",
    deterministic=False,
    source=SOURCE,
    note="The abstract says that classes with smaller centroid norm are slightly favoured. Settings have orthogonal "
    "centroids; what the angle does is drawn beside it.",
    regimes=(
        Regime("ReLU", "with ReLU features the class with the larger norm generalises first"),
        Regime(
            "equal norms", "nothing to favour: the 90 % interval lies within 10 % of equality on both clocks"
        ),
    ),
)

EXPOSURE_REVERSES = Claim(
    id="p2rf_k4_exposure_reverses",
    statement="Low exposure of the high-variance class reverses the order of generalisation.",
    quantity=r"$\log(\tau_{low}/\tau_{high})$ of gen_passage(.5) with half (R5) and a tenth (R1) of the examples "
    r"in the "
    "high-variance class; $d=40$.",
    criterion="R5: interval above 0. R1: interval below 0. At least 8 draws.",
    version=1,
    profile="laptop",
    figure="p2rf_f6_phase_diagram",
    deterministic=False,
    source=SOURCE,
    note="The abstract says that sampling imbalance can reverse the order. In our scaling a reversal needs feature "
    "profiles that differ: centroid norms well above $\\sqrt{d}$ that are not collinear, or a small gap in variance.",
    regimes=(
        Regime("M = 0", "without centroids both classes ride one linear map"),
        Regime("antipodal centroids", "opposite centroids have the same feature profile"),
        Regime("cosine -.7", "nearly opposite centroids, cosine -.7"),
        Regime("small centroids", r"(1.2,.8) with $M=4$: profiles overlap too much"),
    ),
)
_REVERSAL_REGIMES = {
    "M = 0": "R1 M=0",
    "antipodal centroids": "R1 antipodal",
    "cosine -.7": "R1 cosine -.7",
    "small centroids": "R1 M=4",
}


def variance_first(curves: xr.Dataset) -> Verdict:
    """Verdict on `VARIANCE_FIRST` from ``simulated_curves`` of the runs V and R1."""
    found = {
        f"{setting}, {clock.text}": contrast(curves, setting, clock)
        for setting in _VARIANCE_SETTINGS
        for clock in _VARIANCE_CLOCKS
    }
    verdicts = judge_contrasts(found, above=LEAST)
    smallest = min(found, key=lambda name: found[name].interval[0])
    late = contrast(curves, "V1", Clock("gen_passage", 0.9))
    sampled = {clock.text: contrast(curves, "R1", clock) for clock in _VARIANCE_CLOCKS}
    worst = min(sampled, key=lambda name: sampled[name].interval[0])
    return Verdict(
        VARIANCE_FIRST.id,
        judge_all(verdicts),
        value=_number(found[smallest]),
        interval=_interval(found[smallest]),
        value_text=f"weakest of {len(found)}: {smallest}, ratio {described(found[smallest])}; largest corrected p "
        f"{max(holm([each.p_value for each in found.values()])):.3f}",
        replicates=found[smallest].replicates,
        root_seed=int(curves.attrs["root_seed"]),
        regimes=(
            VARIANCE_FIRST.regimes[0].found(*_sign(late, LEAST)),
            VARIANCE_FIRST.regimes[1].found(
                judge_all(judge_contrasts(sampled, above=LEAST)), f"{worst}: {described(sampled[worst])}"
            ),
        ),
        notes=_listed(verdicts),
        keys=stored_keys(curves),
    )


def centroid_secondary(curves: xr.Dataset) -> Verdict:
    """Verdict on `CENTROID_SECONDARY` from ``simulated_curves`` of the runs G."""
    norms = {f"G1, {clock.text}": contrast(curves, "G1", clock, LOW, 0) for clock in _NORM_CLOCKS}
    variances = {f"G2, {clock.text}": contrast(curves, "G2", clock) for clock in _NORM_CLOCKS}
    verdicts = judge_contrasts(norms)
    verdicts.update({name: judge_order(each, above=0.0) for name, each in variances.items()})
    found = norms | variances
    smallest = min(found, key=lambda name: found[name].interval[0])
    relu = contrast(curves, "G1 ReLU", PASSAGE, LOW, 0)
    return Verdict(
        CENTROID_SECONDARY.id,
        judge_all(verdicts),
        value=_number(found[smallest]),
        interval=_interval(found[smallest]),
        value_text="; ".join(f"{name} {described(each)}" for name, each in found.items()),
        replicates=found[smallest].replicates,
        root_seed=int(curves.attrs["root_seed"]),
        regimes=(
            CENTROID_SECONDARY.regimes[0].found(*_sign(relu)),
            _equal_norms(curves, CENTROID_SECONDARY.regimes[1]),
        ),
        notes=_listed(verdicts),
        keys=stored_keys(curves),
    )


def _equal_norms(curves: xr.Dataset, regime: Regime) -> RegimeVerdict:
    """Equal clocks refute "first" in this regime; an interval that is too wide decides nothing."""
    found = [contrast(curves, "G1 equal", clock, LOW, 0, confidence=0.9) for clock in _NORM_CLOCKS]
    equal: list[VerdictName] = [judge_order(each, above=-LEAST, below=LEAST, strict=False) for each in found]
    opposite: dict[VerdictName, VerdictName] = {"holds": "fails", "fails": "holds"}
    verdict = judge_all(equal)
    return regime.found(opposite.get(verdict, verdict), ", ".join(map(described, found)))


def exposure_reverses(curves: xr.Dataset) -> Verdict:
    """Verdict on `EXPOSURE_REVERSES` from ``simulated_curves`` of the runs R."""
    if "R5" not in curves.setting.values or "R1" not in curves.setting.values:
        return not_evaluated(EXPOSURE_REVERSES, "needs the runs R5 and R1")
    balanced, rare = contrast(curves, "R5", PASSAGE), contrast(curves, "R1", PASSAGE)
    parts: list[VerdictName] = [judge_order(balanced, above=0.0), judge_order(rare, below=0.0)]
    regimes = []
    for regime in EXPOSURE_REVERSES.regimes:
        there = contrast(curves, _REVERSAL_REGIMES[regime.name], PASSAGE)
        regimes.append(regime.found(judge_order(there, below=0.0), described(there)))
    return Verdict(
        EXPOSURE_REVERSES.id,
        judge_all(parts),
        value=_number(rare),
        interval=_interval(rare),
        value_text=f"low over high: R5 {described(balanced)}, R1 {described(rare)}",
        replicates=balanced.replicates,
        root_seed=int(curves.attrs["root_seed"]),
        regimes=tuple(regimes),
        keys=stored_keys(curves),
    )


def _sign(found: Contrast, above: float = 0.0) -> tuple[VerdictName, str]:
    return judge_order(found, above=above), described(found)


def _number(found: Contrast) -> float | None:
    return None if math.isnan(found.centre) else found.centre


def _interval(found: Contrast) -> tuple[float, float] | None:
    return None if math.isnan(found.interval[0]) else found.interval


def _listed(verdicts: Mapping[str, VerdictName]) -> tuple[str, ...]:
    """The parts that do not hold, for the notes."""
    return tuple(f"{name}: {verdict}" for name, verdict in verdicts.items() if verdict != "holds")
