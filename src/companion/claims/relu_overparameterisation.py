"""Claims on overparameterised ReLU students and on optimisers (arXiv:2604.09412), and their verdicts."""

import numpy as np
import xarray as xr

from companion.analysis.statistics import fisher_exact, holm, wilson_interval
from companion.claims.judging import judge_all, judge_exact, judge_p_value
from companion.claims.protocol import Claim, Regime, Verdict, VerdictName

SOURCE = "2604.09412"
STARTS = 5
SLOPE, SLOPE_TOLERANCE = -3.0, 0.1
LEVEL = 0.01
LEAST_RUNS = 200
NO_ROOM = 0.95
#: The width at which training both layers is said to help most, and the number of teachers.
CLAIMED_STUDENTS, CLAIMED_TEACHERS = 19, 17

FLAT_POWER_LAW = Claim(
    id="p1_c6_flat_power_law",
    statement="Overparameterised global minima are flat and reached as $t^{-3}$.",
    quantity="Number of eigenvalues of the Hessian near zero, at points inside the simplices of global minima (below "
    "$10^{-9}$) and where descent ends (below $10^{-3}$); slope of $\\log L$ against $\\log t$ over the last decade of "
    "descent from random starts.",
    criterion=r"Every count equal to $(K-M)\,d$; slope $-3\pm.1$ in 5 of 5 starts ($K=5$, $M=4$, $d=40$).",
    version=1,
    profile="laptop",
    figure="p1_f9_flatness",
    deterministic=False,
    source=SOURCE,
    note="The paper speaks of flat directions. At second order there are $(K-M)\\,d$ of them, but only those that "
    "share a teacher unit among students keep the loss at zero; across, it grows as $|\\delta|^3$, which makes "
    "descent a power law. The slope is taken at 200 000 steps: at 51 200 one start in 15 is still at $-3.12$. "
    "Descent stops at a distance of about $10^{-5}$, and the small eigenvalues there are of that size.",
    regimes=(
        Regime("K = M", "without overparameterisation minima are isolated and the approach is exponential"),
    ),
)

OPTIMISERS = Claim(
    id="p1_c7_optimisers",
    statement="Training both layers helps most at $K=19$, $M=17$; constraints do not beat free descent.",
    quantity="Runs that reach a global minimum within the stated step budget, out of all runs from random starts, for "
    "gradient descent, training of both layers, unit rows and orthonormal rows at $K=17$, $18$, $19$.",
    criterion="Fisher's exact test on success within the budget, Holm over all tests, $p<.01$: both layers above plain "
    "descent at $K=19$, where the gain is also the largest of the three widths, and each constrained optimiser "
    "below plain descent at each width; at least 200 runs per cell. Fails where the opposite is as significant, or "
    "where plain descent leaves nothing to help (Wilson lower end above .95).",
    version=1,
    profile="night",
    figure="p1_p2_optimisers",
    deterministic=False,
    source=SOURCE,
    note="Claimed second hand, from a table of frequencies with $10^4$ runs per cell and an unknown stopping rule. "
    "We measure success against steps of $2/K$, the same for all, because without a budget plain "
    "descent already reaches a global minimum from nearly every start at $K=19$ and nothing is left to "
    "help; training both layers takes about twice the steps. With $K>M$ unit rows have "
    r"$L\geq(K-M)^2/4\pi$: their failure at $K=18$, $19$ is by construction, and only $K=17$ compares training.",
    regimes=(
        Regime("unlimited budget", "runs go on until they converge: plain descent is near 100 % at K = 19"),
    ),
)


def flat_power_law(minima: xr.Dataset) -> Verdict:
    """Verdict on `FLAT_POWER_LAW` from the stored study ``flatness``."""
    teachers = int(minima.attrs["decay_teachers"])
    size = (teachers + 1, teachers, int(minima.attrs["decay_dimension"]))
    wide, narrow = minima.sel(size=teachers + 1), minima.sel(size=teachers)
    counts = _counts_right(minima, wide)
    right, slopes = _slopes_right(wide), wide.slope.values
    missing = wide.sizes["start"] != STARTS or size != (5, 4, 40)
    verdict = judge_exact(counts and right == STARTS, [*map(float, slopes)])
    exponential = int((narrow.residual_exponential < narrow.residual_power).sum())
    regime = FLAT_POWER_LAW.regimes[0].found(
        judge_exact(
            _slopes_right(narrow) == narrow.sizes["start"] and _counts_right(minima, narrow),
            [*map(float, narrow.slope.values)],
        ),
        f"slopes {_range(narrow.slope.values)}; an exponential fits better in {exponential} of "
        f"{narrow.sizes['start']} starts",
    )
    return Verdict(
        FLAT_POWER_LAW.id,
        "not evaluated" if missing else verdict,
        value=None if missing or np.isnan(slopes).any() else float(slopes.mean()),
        value_text=f"slopes {_range(slopes)}, {right} of {slopes.size} within the criterion; "
        f"near-zero eigenvalues {', '.join(map(str, np.unique(wide.flat_end)))} of {int(wide.flat_expected)} "
        "expected where descent ends",
        replicates=int(slopes.size),
        root_seed=int(minima.attrs["root_seed"]),
        regimes=(regime,),
        notes=(
            "counts at exact points: "
            + ", ".join(
                f"{int(flat)} of {int(expected)} at K = {int(students)}"
                for flat, expected, students in zip(
                    minima.flat.values, minima.expected.values, minima.students.values, strict=True
                )
                if expected
            ),
        )
        + (("needs five starts at K = 5, M = 4, d = 40",) if missing else ()),
    )


def _counts_right(minima: xr.Dataset, decay: xr.Dataset) -> bool:
    exact = bool((minima.flat == minima.expected).all())
    return exact and int(decay.flat_expected) > 0 and bool((decay.flat_end == decay.flat_expected).all())


def _slopes_right(decay: xr.Dataset) -> int:
    return int((abs(decay.slope - SLOPE) <= SLOPE_TOLERANCE).sum())


def _range(values: np.ndarray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.2f} to {high:.2f}"


def optimisers(table: xr.Dataset) -> Verdict:
    """Verdict on `OPTIMISERS` from the stored study ``optimiser_table``."""
    runs = int(table.attrs["initialisations"])
    sizes = [int(size) for size in table.students.values]
    reason = _not_decidable(runs, sizes, int(table.attrs["teachers"]))
    within, unlimited = table.isel(criterion=0), table.isel(criterion=-1)
    budget = int(table.attrs["step_budget"])
    return Verdict(
        OPTIMISERS.id,
        "not evaluated" if reason else _judge_cells(within, runs),
        value=None if reason else _gain(within, CLAIMED_STUDENTS),
        value_text=f"within {budget} steps, {_cell_text(within, sizes[-1], runs)}",
        replicates=runs,
        root_seed=int(table.attrs["root_seed"]),
        regimes=(
            OPTIMISERS.regimes[0].found(
                "not evaluated" if reason else _judge_cells(unlimited, runs),
                f"within {int(table.attrs['maximum_steps'])} steps, {_cell_text(unlimited, sizes[-1], runs)}",
            ),
        ),
        notes=(
            *((reason,) if reason else ()),
            *(f"within {budget} steps, {_cell_text(within, size, runs)}" for size in sizes[:-1]),
            "gain of training both layers: "
            + ", ".join(f"{100 * _gain(within, size):+.0f} points at K = {size}" for size in sizes),
            "plain descent without a budget: " + _near_all(unlimited, sizes[-1], runs),
            "unconverged without a budget: "
            + ", ".join(
                f"{100 * float(unlimited.unconverged.sel(students=size).max()):.0f} % at most at K = {size}"
                for size in sizes
            ),
            f"median steps to the first tolerance at K = {sizes[-1]}: "
            + ", ".join(
                f"{_WORDS[name]} {float(table.median_steps.sel(optimiser=name, students=sizes[-1])):.0f}"
                for name in ("gradient_descent", "two_layer")
            ),
        ),
    )


_WORDS = {
    "gradient_descent": "plain descent",
    "two_layer": "both layers",
    "normalised": "unit rows",
    "orthonormalised": "orthonormal rows",
}


def _not_decidable(runs: int, sizes: list[int], teachers: int) -> str:
    if CLAIMED_STUDENTS not in sizes or teachers != CLAIMED_TEACHERS:
        return f"needs K = {CLAIMED_STUDENTS} at M = {CLAIMED_TEACHERS}"
    return f"needs {LEAST_RUNS} runs per cell, as the night profile has" if runs < LEAST_RUNS else ""


def _judge_cells(cells: xr.Dataset, runs: int) -> VerdictName:
    """All tests of one criterion: both layers at the claimed width, constraints at every width."""
    sizes = [int(size) for size in cells.students.values]
    pairs = [("two_layer", "gradient_descent", CLAIMED_STUDENTS)] + [
        ("gradient_descent", name, size) for name in ("normalised", "orthonormalised") for size in sizes
    ]
    tests = [(_hits(cells, better, size), _hits(cells, worse, size)) for better, worse, size in pairs]
    forward = holm([fisher_exact(a, runs, b, runs, "greater") for a, b in tests])
    backward = holm([fisher_exact(a, runs, b, runs, "less") for a, b in tests])
    parts: list[VerdictName] = [
        judge_p_value(float(p), LEVEL, p_opposite=float(opposite))
        for p, opposite in zip(forward, backward, strict=True)
    ]
    no_room = wilson_interval(_hits(cells, "gradient_descent", CLAIMED_STUDENTS), runs)[0] > NO_ROOM
    largest = _gain(cells, CLAIMED_STUDENTS) >= max(_gain(cells, size) for size in sizes)
    if no_room or (parts[0] == "holds" and not largest):
        parts[0] = "fails"
    return judge_all(parts)


def _hits(cells: xr.Dataset, optimiser: str, size: int) -> int:
    return int(cells.successes.sel(optimiser=optimiser, students=size))


def _gain(cells: xr.Dataset, size: int) -> float:
    both, plain = (
        cells.share.sel(optimiser=name, students=size) for name in ("two_layer", "gradient_descent")
    )
    return float(both) - float(plain)


def _cell_text(cells: xr.Dataset, size: int, runs: int) -> str:
    counts = ", ".join(f"{words} {_hits(cells, name, size)}" for name, words in _WORDS.items())
    return f"K = {size}: {counts} of {runs}"


def _near_all(unlimited: xr.Dataset, size: int, runs: int) -> str:
    hits = _hits(unlimited, "gradient_descent", size)
    lower, upper = wilson_interval(hits, runs)
    return f"{hits} of {runs} at K = {size} ({lower:.3f} to {upper:.3f})"
