"""The claim on four optimisers of two-layer ReLU networks (arXiv:2604.09412), and its verdict."""

import numpy as np
import xarray as xr

from companion.analysis.statistics import bootstrap_interval, fisher_exact, holm, wilson_interval
from companion.claims.judging import judge_all, judge_interval, judge_p_value
from companion.claims.protocol import Claim, Regime, Verdict, VerdictName, stored_keys
from companion.compute.seeds import generator

SOURCE = "2604.09412"
TEACHERS, STUDENTS = 17, (17, 18, 19)
#: The width at which training both layers is said to help most, and the only one that lets constraints compete.
CLAIMED_STUDENTS, CONSTRAINED_STUDENTS = 19, 17
STEP_BUDGET, GENEROUS_BUDGET = 20_000, 200_000
TOLERANCE = 1e-5
LEVEL, NO_ROOM = 0.01, 0.95
LEAST_RUNS = 200
_CONSTRAINED = ("normalised", "orthonormalised")
_WORDS = {
    "gradient_descent": "plain descent",
    "two_layer": "both layers",
    "normalised": "unit rows",
    "orthonormalised": "orthonormal rows",
}

OPTIMISERS = Claim(
    id="p1_c7_optimisers",
    statement="Training both layers helps most at $K=19$, $M=17$; constraints do not beat free descent.",
    quantity="Share of runs that reach a global minimum (gradient norm below $10^{-5}$, loss below a tenth of the "
    "lowest family's) within 20 000 steps of $2/K$, at $d=K$, for gradient descent, training of both layers, unit rows "
    "and orthonormal rows. Gain: the share of both layers less that of plain descent.",
    criterion="At least 200 runs per cell, $K=17$, $18$, $19$, random starts of its own for each optimiser and width. "
    "Three one-sided Fisher tests, Holm, $p<.01$: both layers are above plain descent at $K=19$; neither unit rows "
    "nor orthonormal rows are above it at $K=17$ (at $K>17$ unit rows cannot reach zero loss). The gain at $K=19$ "
    "exceeds those at $K=17$ and $K=18$: 99 % bootstrap intervals of both differences above zero. Fails where both "
    "layers are as significantly below, where an interval lies below zero, where a constrained optimiser is above, and "
    "where plain descent leaves nothing to help at $K=19$ (lower end of its Wilson interval above .95).",
    version=2,
    profile="night",
    figure="p1_p2_optimisers",
    deterministic=False,
    source=SOURCE,
    note="Claimed second hand, from a table of frequencies with $10^4$ runs per cell and an unknown stopping rule. "
    "We count success against steps, the same number for all: without a budget the question would be whether anything "
    "is left to help. Unit rows have $L\\geq(K-M)^2/4\\pi$, so that constraints and free descent can be compared "
    "at $K=M$ only. Version 2 has independent starts, an interval for the largest gain, and numbers where version 1 "
    "had parameters.",
    regimes=(
        Regime(
            "ten times the budget", "success within 200 000 steps, by which plain descent has long settled"
        ),
    ),
)


def optimisers(table: xr.Dataset) -> Verdict:
    """Verdict on `OPTIMISERS` from the stored study ``optimiser_table``."""
    runs, longest = int(table.attrs["initialisations"]), int(table.attrs["maximum_steps"])
    sizes = [int(size) for size in table.students.values]
    widest = max(sizes)
    reason = _not_decidable(table, STEP_BUDGET)
    within = _successes(table, STEP_BUDGET)
    decided = not reason
    interval = _gain_interval(within, CLAIMED_STUDENTS) if decided else None
    shown = min(STEP_BUDGET, longest)
    generous = min(GENEROUS_BUDGET, longest)
    later = _successes(table, generous)
    return Verdict(
        OPTIMISERS.id,
        _judge_cells(within, runs) if decided else "not evaluated",
        value=_gain(within, CLAIMED_STUDENTS) if decided else None,
        interval=interval,
        value_text=f"within {shown} steps, {_cell_text(within, widest)}",
        replicates=runs,
        root_seed=int(table.attrs["root_seed"]),
        regimes=(
            OPTIMISERS.regimes[0].found(
                "not evaluated" if _not_decidable(table, GENEROUS_BUDGET) else _judge_cells(later, runs),
                f"within {generous} steps, {_cell_text(later, widest)}",
            ),
        ),
        notes=(
            *((reason,) if reason else ()),
            *(f"within {shown} steps, {_cell_text(within, size)}" for size in sizes if size != widest),
            "gain of training both layers: " + ", ".join(_gain_text(within, size) for size in sizes),
            *_constraint_notes(within, sizes),
            f"plain descent within {generous} steps: {_interval_text(later, 'gradient_descent', widest)}",
            f"unconverged within {longest} steps, at gradient norm {float(table.tolerance[-1]):.0e}: "
            + ", ".join(_unconverged_text(table, size) for size in sizes),
            *_steps_notes(table, widest),
        ),
        keys=stored_keys(table),
    )


def _not_decidable(table: xr.Dataset, budget: int) -> str:
    sizes = {int(size) for size in table.students.values}
    if not set(STUDENTS) <= sizes or int(table.attrs["teachers"]) != TEACHERS:
        return f"needs K = {', '.join(map(str, STUDENTS))} at M = {TEACHERS}"
    if not np.isclose(float(table.tolerance[0]), TOLERANCE, rtol=1e-9):
        return f"needs success at gradient norm {TOLERANCE:.0e}"
    if int(table.attrs["maximum_steps"]) < budget:
        return f"needs at least {budget} steps"
    runs = int(table.attrs["initialisations"])
    return f"needs {LEAST_RUNS} runs per cell, as the night profile has" if runs < LEAST_RUNS else ""


def _successes(table: xr.Dataset, budget: int) -> xr.DataArray:
    """Whether each run (optimiser, students, run) is global within ``budget`` steps, at the first tolerance."""
    return table.success_steps.isel(tolerance=0) <= budget


def _judge_cells(success: xr.DataArray, runs: int) -> VerdictName:
    plain = {size: _hits(success, "gradient_descent", size) for size in STUDENTS}
    pairs = [(_hits(success, "two_layer", CLAIMED_STUDENTS), plain[CLAIMED_STUDENTS])]
    pairs += [
        (_hits(success, name, CONSTRAINED_STUDENTS), plain[CONSTRAINED_STUDENTS]) for name in _CONSTRAINED
    ]
    above = holm([fisher_exact(a, runs, b, runs, "greater") for a, b in pairs])
    below = holm([fisher_exact(a, runs, b, runs, "less") for a, b in pairs])
    parts: list[VerdictName] = [judge_p_value(float(above[0]), LEVEL, p_opposite=float(below[0]))]
    for p in above[1:]:
        parts.append("fails" if p < LEVEL else "holds")
    for size in STUDENTS:
        if size != CLAIMED_STUDENTS:
            excess, (lower, upper) = _gain_excess(success, size)
            parts.append(judge_interval(excess, lower, upper, criterion_lower=0.0, strict=True))
    if wilson_interval(plain[CLAIMED_STUDENTS], runs)[0] > NO_ROOM:
        parts.append("fails")
    return judge_all(parts)


def _gains(success: xr.DataArray, size: int) -> np.ndarray:
    """Success of both layers less that of plain descent, run by run: starts are independent, so any pairing will do."""
    cell = success.sel(students=size).astype(float)
    return (cell.sel(optimiser="two_layer") - cell.sel(optimiser="gradient_descent")).values


def _gain(success: xr.DataArray, size: int) -> float:
    return float(_gains(success, size).mean())


def _gain_interval(success: xr.DataArray, size: int) -> tuple[float, float]:
    return bootstrap_interval(_gains(success, size), generator=generator(0, "optimiser gain", size))


def _gain_excess(success: xr.DataArray, size: int) -> tuple[float, tuple[float, float]]:
    """By how much the gain at the claimed width exceeds that at another, with its 99 % interval."""
    excess = _gains(success, CLAIMED_STUDENTS) - _gains(success, size)
    random = generator(0, "optimiser gain", CLAIMED_STUDENTS, size)
    return float(excess.mean()), bootstrap_interval(excess, generator=random, confidence=1 - LEVEL)


def _hits(success: xr.DataArray, optimiser: str, size: int) -> int:
    return int(success.sel(optimiser=optimiser, students=size).sum())


def _cell_text(success: xr.DataArray, size: int) -> str:
    counts = ", ".join(f"{words} {_hits(success, name, size)}" for name, words in _WORDS.items())
    return f"K = {size}: {counts} of {success.sizes['run']}"


def _interval_text(success: xr.DataArray, name: str, size: int) -> str:
    hits, runs = _hits(success, name, size), success.sizes["run"]
    lower, upper = wilson_interval(hits, runs)
    return f"{hits} of {runs} at K = {size} ({100 * lower:.0f} to {100 * upper:.0f} %)"


def _gain_text(success: xr.DataArray, size: int) -> str:
    lower, upper = _gain_interval(success, size)
    return (
        f"{100 * _gain(success, size):+.0f} points ({100 * lower:+.0f} to {100 * upper:+.0f}) at K = {size}"
    )


def _constraint_notes(success: xr.DataArray, sizes: list[int]) -> tuple[str, ...]:
    """How much better than free descent the constrained optimisers could still be, where they can compete."""
    if CONSTRAINED_STUDENTS not in sizes:
        return ()
    cell = success.sel(students=CONSTRAINED_STUDENTS).astype(float)
    texts = []
    for name in _CONSTRAINED:
        excess = (cell.sel(optimiser=name) - cell.sel(optimiser="gradient_descent")).values
        lower, upper = bootstrap_interval(excess, generator=generator(0, "optimiser constraint", name))
        texts.append(f"{_WORDS[name]} {100 * excess.mean():+.0f} ({100 * lower:+.0f} to {100 * upper:+.0f})")
    return (f"points above plain descent at K = {CONSTRAINED_STUDENTS}: {', '.join(texts)}",)


def _unconverged_text(table: xr.Dataset, size: int) -> str:
    shares = table.unconverged.isel(criterion=-1).sel(students=size)
    worst = str(table.optimiser.values[int(np.argmax(shares.values))])
    return f"{100 * float(shares.max()):.0f} % of {_WORDS[worst]} at K = {size}"


def _steps_notes(table: xr.Dataset, size: int) -> tuple[str, ...]:
    plain, both = (
        float(table.median_steps.sel(optimiser=name, students=size))
        for name in ("gradient_descent", "two_layer")
    )
    text = f"median steps to the first gradient norm at K = {size}: plain descent {plain:.0f}, both layers {both:.0f}"
    return (f"{text}, {both / plain:.1f} times as many",) if np.isfinite(both) else (text,)
