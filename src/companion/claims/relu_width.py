"""Claims on width in two-layer ReLU networks (arXiv:2604.09412): what one and two students more change."""

import xarray as xr

from companion.analysis.statistics import fisher_exact, holm, wilson_interval
from companion.claims.judging import judge_all, judge_exact, judge_p_value
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
LEAST_RUNS = 60
CLAIMED_TEACHERS = 17
LEVEL = 0.01
LARGEST_HESSIAN_RATIO, LARGEST_TRANSVERSE_RATIO = 0.5, 0.6

WIDTH_REACHES_GLOBAL = Claim(
    id="p1_c3_width_reaches_global",
    statement="At $M=17$ the spurious fraction falls from $K=17$ to $18$, and again to $19$.",
    quantity="Spurious fractions, unconverged runs counted once as spurious and once as global.",
    criterion=r"Fisher's exact test, Holm-corrected, $p<.01$ for both steps under both countings, and fractions that "
    "fall; at least 60 runs per size.",
    version=1,
    profile="laptop",
    figure="p1_p3_endpoint_frequencies",
    deterministic=False,
    source=SOURCE,
    note="Second hand: spurious minima are nearly gone at K = M + 2. We find none there, but at K = M + 1 the answer "
    "depends on the stopping rule, since descent lingers for very long next to the saddle X(2).",
    regimes=(
        Regime(
            "small teacher",
            r"$M\leq12$: already at $K=M+1$ no run is spurious, so the second step cannot show (0 against 0)",
            expected="inconclusive",
        ),
    ),
)

WIDTH_CHANGES_STABILITY = Claim(
    id="p1_c4_width_changes_stability",
    statement="At $M=17$ the families of $K=M+1$ are softer than those of $K=M$.",
    quantity=r"Ratios of $\lambda_{\min}(H_\parallel)$ and of $\lambda_{\min}(A)$, X($p$) over I($p$), $p=3,4,5$.",
    criterion=r"Every ratio of $\lambda_{\min}(H_\parallel)$ below $.5$ and every ratio of $\lambda_{\min}(A)$ below "
    "$.6$, all of them minima.",
    version=1,
    profile="laptop",
    figure="p1_t1_families",
    deterministic=True,
    source=SOURCE,
    note="Second hand: perturbed minima of K = M return, those of K > M are pushed away at once. The Hessian says "
    "soft, not unstable: X(3), X(4), X(5) are minima.",
    regimes=(Regime("X(2)", "with two flipped units the family at $K=M+1$ is a saddle, not a soft minimum"),),
)


def width_reaches_global(frequencies: xr.Dataset, small: xr.Dataset) -> Verdict:
    """Verdict on `WIDTH_REACHES_GLOBAL` from ``endpoint_frequencies`` at M = 17, and at a small M."""
    if set(frequencies.teachers.values.tolist()) != {CLAIMED_TEACHERS}:
        return not_evaluated(WIDTH_REACHES_GLOBAL, f"needs M = {CLAIMED_TEACHERS}")
    verdict, p_value = _steps(frequencies)
    regime, regime_p = _steps(small)
    shares = ", ".join(_share(frequencies, cell) for cell in range(3))
    return Verdict(
        WIDTH_REACHES_GLOBAL.id,
        verdict,
        value=p_value,
        value_text=f"spurious {shares}; largest corrected p = {p_value:.1e}",
        replicates=int(frequencies.attrs["initialisations"]),
        keys=stored_keys(frequencies, small),
        root_seed=int(frequencies.attrs["root_seed"]),
        regimes=(
            RegimeVerdict(
                "small teacher",
                "inconclusive",
                regime,
                f"M = {int(small.teachers[0])}: {', '.join(_share(small, cell) for cell in range(3))}; "
                f"p = {regime_p:.1e}",
            ),
        ),
        notes=tuple(
            f"unconverged at K = {int(students)}: {int(unconverged)}"
            for students, unconverged in zip(
                frequencies.students.values, frequencies.runs.sel(outcome="unconverged").values, strict=True
            )
        ),
    )


def _steps(frequencies: xr.Dataset) -> tuple[VerdictName, float]:
    """Verdict on both steps under both countings, and the largest corrected p-value."""
    runs = int(frequencies.attrs["initialisations"])
    spurious = frequencies.spurious.values
    unconverged = frequencies.runs.sel(outcome="unconverged").values
    tests, falling = [], []
    for counted in (spurious, spurious + unconverged):
        for before, after in ((0, 1), (1, 2)):
            first, second = int(counted[before]), int(counted[after])
            tests.append(fisher_exact(first, runs, second, runs))
            falling.append(first > second)
    corrected = holm(tests).tolist()
    verdicts: list[VerdictName] = [
        judge_p_value(
            p if falls else 1.0,
            LEVEL,
            p_opposite=1.0 if falls else p,
            replicates=runs,
            minimum_replicates=LEAST_RUNS,
        )
        for p, falls in zip(corrected, falling, strict=True)
    ]
    return judge_all(verdicts), float(max(corrected))


def _share(frequencies: xr.Dataset, cell: int) -> str:
    spurious, converged = int(frequencies.spurious[cell]), int(frequencies.converged[cell])
    lower, upper = wilson_interval(spurious, converged)
    students = int(frequencies.students[cell])
    return f"K = {students}: {spurious}/{converged} ({100 * lower:.0f}-{100 * upper:.0f} %)"


def width_changes_stability(softness: xr.Dataset) -> Verdict:
    """Verdict on `WIDTH_CHANGES_STABILITY` from ``softness`` at M = 17, p = 2, 3, 4, 5."""
    if int(softness.attrs["teachers"]) != CLAIMED_TEACHERS:
        return not_evaluated(WIDTH_CHANGES_STABILITY, f"needs M = {CLAIMED_TEACHERS}")
    judged = softness.sel(flipped=[3, 4, 5])
    hessian, transverse = (
        float(judged[name].max(skipna=False)) for name in ("hessian_ratio", "transverse_ratio")
    )
    minima = bool((judged.hessian_min_wide > 0).all() and (judged.hessian_min_narrow > 0).all())
    soft = hessian < LARGEST_HESSIAN_RATIO and transverse < LARGEST_TRANSVERSE_RATIO
    saddle = float(softness.hessian_min_wide.sel(flipped=2))
    return Verdict(
        WIDTH_CHANGES_STABILITY.id,
        judge_exact(minima and soft, [hessian, transverse]),
        value=hessian,
        keys=stored_keys(softness),
        value_text=f"largest ratios {hessian:.3f} (Hessian) and {transverse:.3f} (A)",
        regimes=(
            RegimeVerdict(
                "X(2)",
                "fails",
                judge_exact(saddle > 0, [saddle]),
                f"smallest eigenvalue of X(2): {saddle:.4f}",
            ),
        ),
    )
