"""Claims on width in two-layer ReLU networks (arXiv:2604.09412): what one and two students more change."""

import xarray as xr

from companion.analysis.statistics import fisher_exact, holm, wilson_interval
from companion.claims.judging import judge_all, judge_exact, judge_p_value
from companion.claims.protocol import (
    Claim,
    Regime,
    Verdict,
    VerdictName,
    not_evaluated,
    stored_keys,
)

SOURCE = "2604.09412"
LEAST_RUNS = 60
CLAIMED_TEACHERS = 17
LEVEL = 0.01
_SURPLUS = [0, 1, 2]
_JUDGED = (3, 4, 5)
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
    note="Second hand: at K = M + 1 the family with k1 = 1 disappears and others survive; at K = M + 2 spurious minima "
    "are nearly gone. Descent starts at d = M. At K = M + 1 it lingers for very long next to the saddle X(2), so that "
    "what is counted depends on where it stops: hence two countings of the unconverged runs.",
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
    note="Second hand: perturbed minima of K = M return, those of K > M are pushed away at the smallest noise. A "
    "thousand steps cannot tell a soft minimum from a saddle; the sign of the smallest eigenvalue does, and its size "
    "says how soft.",
    regimes=(Regime("X(2)", "with two flipped units the family at $K=M+1$ is a saddle, not a soft minimum"),),
)


def width_reaches_global(frequencies: xr.Dataset, small: xr.Dataset) -> Verdict:
    """Verdict on `WIDTH_REACHES_GLOBAL` from ``endpoint_frequencies`` at M = 17, and at a small M."""
    if set(frequencies.teachers.values.tolist()) != {CLAIMED_TEACHERS}:
        return not_evaluated(WIDTH_REACHES_GLOBAL, f"needs M = {CLAIMED_TEACHERS}")
    for cells in (frequencies, small):
        surplus = (cells.students - cells.teachers).values.tolist()
        if surplus != _SURPLUS:
            return not_evaluated(WIDTH_REACHES_GLOBAL, f"needs K - M = 0, 1, 2, given {surplus}")
    verdict, p_value = _steps(frequencies)
    regime, regime_p = _steps(small)
    shares, small_shares = (
        ", ".join(_share(cells, cell) for cell in range(3)) for cells in (frequencies, small)
    )
    return Verdict(
        WIDTH_REACHES_GLOBAL.id,
        verdict,
        value=p_value,
        value_text=f"spurious {shares}; largest corrected p = {p_value:.1e}",
        replicates=int(frequencies.attrs["initialisations"]),
        keys=stored_keys(frequencies, small),
        root_seed=int(frequencies.attrs["root_seed"]),
        regimes=(
            WIDTH_REACHES_GLOBAL.regimes[0].found(
                regime, f"M = {int(small.teachers[0])}: {small_shares}; p = {regime_p:.1e}"
            ),
        ),
        notes=tuple(_cell_note(frequencies, cell) for cell in range(3)),
    )


def _cell_note(frequencies: xr.Dataset, cell: int) -> str:
    """Unconverged runs of one width, and its spurious endpoints by k1."""
    part = frequencies.isel(cell=cell)
    counts = part.anti_aligned_runs
    by_count = [
        f"k1 = {int(k1)}: {int(runs)}" for k1, runs in zip(counts.anti_aligned, counts, strict=True) if runs
    ]
    unconverged = int(part.runs.sel(outcome="unconverged"))
    return (
        f"K = {int(part.students)}: {unconverged} unconverged; spurious by anti-aligned students: "
        f"{', '.join(by_count) or 'none'}"
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
    judged = softness.sel(flipped=list(_JUDGED))
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
            WIDTH_CHANGES_STABILITY.regimes[0].found(
                judge_exact(saddle > 0, [saddle]), f"smallest eigenvalue of X(2): {saddle:.4f}"
            ),
        ),
        notes=(
            "smallest eigenvalues of the Hessian at K = M and M + 1: "
            + ", ".join(
                f"{float(judged.hessian_min_narrow.sel(flipped=p)):.2g} and "
                f"{float(judged.hessian_min_wide.sel(flipped=p)):.2g} (p = {p})"
                for p in _JUDGED
            ),
        ),
    )
