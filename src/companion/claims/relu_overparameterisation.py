"""The claim on overparameterised ReLU students: flat minima, reached slowly (arXiv:2604.09412)."""

import numpy as np
import xarray as xr

from companion.claims.judging import judge_exact
from companion.claims.protocol import Claim, Regime, Verdict, VerdictName, stored_keys

SOURCE = "2604.09412"
STARTS, STEPS = 5, 200_000
TEACHERS, DIMENSION = 4, 40
SLOPE, SLOPE_TOLERANCE = -3.0, 0.1

FLAT_POWER_LAW = Claim(
    id="p1_c6_flat_power_law",
    statement="Overparameterised global minima are flat and reached as $t^{-3}$.",
    quantity="Number of eigenvalues of the Hessian near zero, at points inside the simplices of global minima (below "
    "$10^{-9}$) and where descent ends (below $10^{-3}$); slope of $\\log L$ against $\\log t$ over the last decade of "
    "200 000 steps of $.3$ from random starts.",
    criterion=r"Every count equal to $(K-M)\,d$; slope $-3\pm.1$ in 5 of 5 starts ($K=5$, $M=4$, $d=40$, 200 000 "
    "steps). The regime is judged by slope and shape alone: it would hold if at $K=M$ all slopes were $-3\\pm.1$ and "
    "fitted better than an exponential, it fails if none is, and is inconclusive between.",
    version=2,
    profile="laptop",
    figure="p1_f9_flatness",
    deterministic=False,
    source=SOURCE,
    note="The paper speaks, second hand, of flat directions. At second order there are $(K-M)\\,d$ of them, but only "
    "those that share a teacher unit among students keep the loss at zero; across, it grows as $|\\delta|^3$, which "
    "makes descent a power law. The law is an asymptotic one: the slope is taken late because a start that lingers at "
    "a saddle shows it late. Version 2 states the number of steps and judges the regime by its own criterion.",
    regimes=(
        Regime("K = M", "without overparameterisation minima are isolated and the approach is exponential"),
    ),
)


def flat_power_law(minima: xr.Dataset) -> Verdict:
    """Verdict on `FLAT_POWER_LAW` from the stored study ``flatness``."""
    teachers = int(minima.attrs["decay_teachers"])
    wide, narrow = minima.sel(size=teachers + 1), minima.sel(size=teachers)
    slopes, right = wide.slope.values, int(_like_power_law(wide.slope).sum())
    counts = bool((minima.flat == minima.expected).all() and (wide.flat_end == wide.flat_expected).all())
    missing = _missing(minima)
    verdict = judge_exact(counts and right == STARTS, [*map(float, slopes)])
    return Verdict(
        FLAT_POWER_LAW.id,
        "not evaluated" if missing else verdict,
        value=None if missing or np.isnan(slopes).any() else float(slopes.mean()),
        value_text=f"slopes {_range(slopes)}, {right} of {slopes.size} within the criterion; "
        f"near-zero eigenvalues {', '.join(map(str, np.unique(wide.flat_end)))} of {int(wide.flat_expected)} "
        "expected where descent ends",
        replicates=int(slopes.size),
        root_seed=int(minima.attrs["root_seed"]),
        regimes=(
            FLAT_POWER_LAW.regimes[0].found(
                "not evaluated" if missing else _judge_narrow(narrow), _narrow_text(narrow)
            ),
        ),
        notes=(
            *((missing,) if missing else ()),
            "counts at exact points: "
            + ", ".join(
                f"{int(flat)} of {int(expected)} at K = {int(students)}"
                for flat, expected, students in zip(
                    minima.flat.values, minima.expected.values, minima.students.values, strict=True
                )
                if expected
            ),
            f"loss after {int(minima.step[-1])} steps at K = {teachers + 1}: "
            f"up to {float(wide.curve.isel(step=-1).max()):.1e}",
        ),
        keys=stored_keys(minima),
    )


def _missing(minima: xr.Dataset) -> str:
    """What the dataset lacks of the criterion's sizes and numbers, if anything."""
    found = (
        int(minima.attrs["decay_teachers"]),
        int(minima.attrs["decay_dimension"]),
        minima.sizes["start"],
        int(minima.attrs["decay_steps"]),
    )
    if found == (TEACHERS, DIMENSION, STARTS, STEPS):
        return ""
    return f"needs {STARTS} starts at K = {TEACHERS + 1}, M = {TEACHERS}, d = {DIMENSION} and {STEPS} steps"


def _like_power_law(slopes: xr.DataArray) -> xr.DataArray:
    return abs(slopes - SLOPE) <= SLOPE_TOLERANCE


def _judge_narrow(narrow: xr.Dataset) -> VerdictName:
    """Whether descent at K = M looks like the power law, start by start."""
    numbers = np.concatenate(
        [narrow[name].values for name in ("slope", "residual_power", "residual_exponential")]
    )
    alike = (_like_power_law(narrow.slope) & (narrow.residual_power < narrow.residual_exponential)).values
    verdict = judge_exact(bool(alike.all()), [*map(float, numbers)])
    return "inconclusive" if verdict == "fails" and alike.any() else verdict


def _narrow_text(narrow: xr.Dataset) -> str:
    exponential = int((narrow.residual_exponential < narrow.residual_power).sum())
    return (
        f"slopes {_range(narrow.slope.values)}; an exponential fits better in {exponential} of "
        f"{narrow.sizes['start']} starts"
    )


def _range(values: np.ndarray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.2f} to {high:.2f}"
