"""Claims on the landscape of two-layer ReLU networks (arXiv:2604.09412), their criteria and verdicts."""

import json

import numpy as np
import xarray as xr

from companion.analysis.statistics import wilson_interval
from companion.claims.judging import judge_exact, judge_interval
from companion.claims.protocol import (
    Claim,
    Regime,
    RegimeVerdict,
    Verdict,
    VerdictName,
    not_evaluated,
    stored_keys,
)

SOURCE = "2604.09412"
LEAST_SHARE = 0.95
LEAST_ENDPOINTS = 100

DISCRETE_MINIMA = Claim(
    id="p1_c1_discrete_minima",
    statement="At $K=M$ the spurious endpoints of gradient descent belong to the listed families I($p$), II($q$) "
    "and their three-block children.",
    quantity=r"Share of converged spurious runs whose polished endpoint has the loss of a listed family to $10^{-7}$ "
    r"and its blocks to $10^{-5}$.",
    criterion=r"Lower end of the 95 % Wilson interval at least .95, from at least 100 endpoints at $K=10$ and $12$ "
    "together; unmatched endpoints are listed.",
    version=2,
    profile="laptop",
    figure="p1_f1_loss_histogram",
    deterministic=False,
    source=SOURCE,
    note="Second hand: endpoint losses at K = M are quantised in plateaus, which a block ansatz with one integer k1, "
    "the number of anti-aligned units, predicts. We ask for more, the same blocks as well as the same loss, and name "
    "the families, because at larger K several minima share one k1.",
    regimes=(
        Regime("stopped early", r"descent stopped at $\|\nabla L\|<10^{-5}$, endpoints polished as before"),
        Regime(
            "stopped early, unpolished",
            r"descent stopped at $\|\nabla L\|<10^{-5}$ and endpoints taken as they are, too far from the families "
            "for their blocks to agree",
        ),
        Regime("without children", r"$K\geq19$ with the three-block children left out of the list"),
        Regime(
            "correlated teacher",
            "teacher rows that overlap, while the list holds the families of orthogonal ones",
        ),
    ),
)

STABILITY_WINDOWS = Claim(
    id="p1_c2_stability_windows",
    statement="Families become minima at their own width: I(1), I(2), I(3) at $K=6$, $8$, $10$; II(6) is a minimum "
    r"for $6\leq K\leq17$.",
    quantity=r"Sign of $\min(\lambda_{\min}(H_\parallel),\lambda_{\min}(A))$ of each family at each $K$.",
    criterion=r"Every sign right up to $K=20$, and the eigenvalues at the onsets equal to the reference to $10^{-5}$.",
    version=1,
    profile="laptop",
    figure="p1_f4_stability",
    deterministic=True,
    source=SOURCE,
    note="Second hand: ReLU has no Hessian, hence stability is told by perturbing the weights. The population loss "
    "does have one: averaged over Gaussian inputs it is twice continuously differentiable wherever no student is zero. "
    "The signs judged here are those of the full Hessian of the weights; the lines of the figure come from its "
    "symmetry types instead, a second way to the same numbers.",
    regimes=(
        Regime("I(1) at K = 5", "one width below its onset, I(1) is a saddle"),
        Regime("II(7) at K = 20", "II(7) has lost its stability to its three-block child"),
    ),
)

#: Widths K at which the claim says that a family is a minimum, within K <= 20.
_WINDOWS = {"I(1)": (6, 20), "I(2)": (8, 20), "I(3)": (10, 20), "II(6)": (6, 17)}
#: Reference values of the smallest eigenvalue in the teacher's span, from an independent computation.
_REFERENCES = {
    ("I(1)", 5): -0.007702,
    ("I(1)", 6): 0.004700,
    ("I(2)", 7): -0.004588,
    ("I(2)", 8): 0.003343,
    ("I(3)", 10): 0.004049,
    ("II(6)", 6): 0.001504,
    ("II(6)", 8): 0.001793,
    ("II(6)", 10): 0.001997,
}
_REFERENCE_TOLERANCE = 1e-5
_LARGEST_WIDTH = 20


_CLAIMED_WIDTHS = (10, 12)
_LEAST_CHILDREN_WIDTH = 19


def discrete_minima(matches: xr.Dataset) -> Verdict:
    """Verdict on `DISCRETE_MINIMA` from the stored study ``family_matches``."""
    settings = json.loads(matches.attrs["claim_settings"])
    together = matches.sel(setting=settings)
    if sorted(together.students.values.tolist()) != list(_CLAIMED_WIDTHS):
        return not_evaluated(DISCRETE_MINIMA, "needs K = 10 and 12, and no other sizes")
    spurious, unmatched = int(together.spurious.sum()), int(together.unmatched.sum())
    share, (lower, upper), verdict = _share_matched(spurious, unmatched, LEAST_ENDPOINTS)
    strays = json.loads(matches.attrs["unmatched_losses"])
    unconverged = int((together.initialisations - together.converged).sum())
    return Verdict(
        DISCRETE_MINIMA.id,
        verdict,
        value=share,
        interval=(lower, upper),
        value_text=_counted(spurious, unmatched, lower, upper),
        replicates=spurious,
        root_seed=int(matches.attrs["root_seed"]),
        regimes=tuple(_regime_verdict(matches, regime) for regime in DISCRETE_MINIMA.regimes),
        notes=(
            f"unmatched losses: {', '.join(loss for name in settings for loss in strays[name]) or 'none'}",
            f"runs not converged: {unconverged} of {int(together.initialisations.sum())}",
            *_notes_on_regimes(matches),
        ),
        keys=stored_keys(matches),
    )


def _notes_on_regimes(matches: xr.Dataset) -> tuple[str, ...]:
    """Why regimes come out as they do, and which minima one k1 does not tell apart."""
    early, raw, bare = (
        matches.sel(setting=name)
        for name in ("stopped early", "stopped early, unpolished", "without children")
    )
    shared = json.loads(matches.attrs["shared_counts"])
    names = [
        f"k1 = {count}, K = {size}: {' and '.join(minima)}"
        for size, counts in shared.items()
        for count, minima in counts.items()
    ]
    return (
        f"stopped early, {int(early.spurious - early.unmatched)} of {int(early.spurious)} endpoints match once "
        f"polished and {int(raw.spurious - raw.unmatched)} of {int(raw.spurious)} as they are",
        f"at K = {int(bare.students)} three-block children and endpoints of no family are {int(bare.unmatched)} of "
        f"{int(bare.spurious)}, the share that leaving them out can cost",
        f"minima that share their number of anti-aligned students: {'; '.join(names) or 'none'}",
    )


def _counted(spurious: int, unmatched: int, lower: float, upper: float) -> str:
    return (
        f"{spurious - unmatched} of {spurious} ({lower:.3f} to {upper:.3f})" if spurious else "no endpoints"
    )


def _share_matched(
    spurious: int, unmatched: int, least: int
) -> tuple[float, tuple[float, float], VerdictName]:
    if spurious == 0:
        return float("nan"), (float("nan"), float("nan")), "not evaluated"
    share = 1 - unmatched / spurious
    lower, upper = wilson_interval(spurious - unmatched, spurious)
    verdict = judge_interval(
        share, lower, upper, criterion_lower=LEAST_SHARE, replicates=spurious, minimum_replicates=least
    )
    return share, (lower, upper), verdict


def _regime_verdict(matches: xr.Dataset, regime: Regime) -> RegimeVerdict:
    row = matches.sel(setting=regime.name)
    students, spurious, unmatched = int(row.students), int(row.spurious), int(row.unmatched)
    # Fewer endpoints than the claim needs can still refute it: the interval says how sure that is.
    _, (lower, upper), verdict = _share_matched(spurious, unmatched, least=1)
    if regime.name == "without children" and students < _LEAST_CHILDREN_WIDTH:
        verdict = "not evaluated"
    return regime.found(verdict, f"{_counted(spurious, unmatched, lower, upper)} at K = {students}")


#: Smallest widths at which the families exist at all.
_FIRST_WIDTHS = {"I(1)": 4, "I(2)": 5, "I(3)": 6, "II(6)": 6}


def stability_windows(stability: xr.Dataset) -> Verdict:
    """Verdict on `STABILITY_WINDOWS` from the stored study ``stability``; widths above 20 do not count."""
    widths = range(4, _LARGEST_WIDTH + 1)  # those that the dataset lacks become NaN
    hessian = stability.hessian_min.reindex(students=widths)
    smallest = np.minimum(hessian, stability.transverse_min.reindex(students=widths))
    cells = {
        (name, width): float(smallest.sel(family=name, students=width))
        for name, first in _FIRST_WIDTHS.items()
        for width in range(first, _LARGEST_WIDTH + 1)
    }
    wrong = [
        f"{name} at K = {width}"
        for (name, width), value in cells.items()
        if (value > 0) != (_WINDOWS[name][0] <= width <= _WINDOWS[name][1])
    ]
    errors = [
        abs(float(hessian.sel(family=name, students=width)) - reference)
        for (name, width), reference in _REFERENCES.items()
    ]
    largest = float(np.max(errors))
    missing = [f"{name} at K = {width}" for (name, width), value in cells.items() if np.isnan(value)]
    regimes = (
        _is_minimum(smallest, "I(1)", 5, STABILITY_WINDOWS.regimes[0]),
        _is_minimum(smallest, "II(7)", 20, STABILITY_WINDOWS.regimes[1]),
    )
    if missing:
        notes = (f"eigenvalues are missing: {', '.join(missing[:4])} and {max(len(missing) - 4, 0)} more",)
        return Verdict(STABILITY_WINDOWS.id, "not evaluated", regimes=regimes, notes=notes)
    return Verdict(
        STABILITY_WINDOWS.id,
        judge_exact(not wrong and largest <= _REFERENCE_TOLERANCE, [largest, *cells.values()]),
        value=float(len(wrong)),
        value_text=f"{len(wrong)} wrong signs; eigenvalues within {largest:.1e} of the reference",
        regimes=regimes,
        notes=(f"wrong: {', '.join(wrong)}",) if wrong else (),
        keys=stored_keys(stability),
    )


def _is_minimum(smallest: xr.DataArray, name: str, width: int, regime: Regime) -> RegimeVerdict:
    value = float(smallest.sel(family=name, students=width))
    text = "" if np.isnan(value) else f"smallest eigenvalue {value:.2e}"
    return regime.found(judge_exact(value > 0, [value]), text)
