"""Claim on the dynamics of one-pass learning with ReLU units (arXiv:2604.09412): minima are attractors."""

import numpy as np
import xarray as xr

from companion.claims.judging import judge_all, judge_exact
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, stored_keys

SOURCE = "2604.09412"
STUDENTS = 7
SMALL_STEPS = (0.02, 0.05, 0.1)
LARGE_STEP = 0.3
LARGEST_DIFFERENCE = 1e-8
LARGEST_DEPARTURE = 0.05

SGD_ATTRACTOR = Claim(
    id="p1_c5_sgd_attractor",
    statement=r"Minima attract one-pass SGD as $\eta\to0$; its loss lies $(\eta/4)\,\mathrm{tr}\,N$ above theirs.",
    quantity=r"Spectrum of the flow's Jacobian at I(1), $K=M=7$; slopes at $\eta\to0$ of the stationary loss and of "
    r"$\mathrm{tr}\,S$, from $\eta=.02$, $.05$, $.1$ (parabola through their difference quotients).",
    criterion="Jacobian spectrum negative and as predicted to $10^{-8}$; both slopes within 5 % of the Lyapunov "
    "prediction.",
    version=1,
    profile="laptop",
    figure="p1_f8_attractors",
    deterministic=True,
    source=SOURCE,
    note="Second hand: one-pass SGD with a vanishing step follows gradient flow, so that local minima are attractive "
    r"fixed points of SGD. For steps that do not vanish they are no fixed points, and beyond some $\eta$ near none. "
    "The regime of large steps is about the linear law alone, not about stability.",
    regimes=(
        Regime("I(1) at K=5", "a saddle of the loss: its Jacobian has positive eigenvalues and it repels"),
        Regime(
            "large steps",
            r"$\eta\geq.3$: the loss is no longer within 5 % of the shift linear in $\eta$ (stability is not lost)",
        ),
    ),
)


def sgd_attractor(spectra: xr.Dataset, states: xr.Dataset) -> Verdict:
    """Verdict on `SGD_ATTRACTOR` from ``linearisation`` with K = 5 and 7 and ``attractors`` at K = M = 7."""
    ratios = [_small_step_ratio(states, "loss"), _small_step_ratio(states, "transverse")]
    difference, largest = _at(spectra, "difference", STUDENTS), _at(spectra, "largest", STUDENTS)
    departure = max(abs(ratio - 1) for ratio in ratios)
    verdict = judge_all(
        [
            judge_exact(difference < LARGEST_DIFFERENCE and largest < 0, [difference, largest]),
            judge_exact(departure <= LARGEST_DEPARTURE, ratios),
        ]
    )
    return Verdict(
        SGD_ATTRACTOR.id,
        verdict,
        value=None if np.isnan(ratios[0]) else ratios[0],
        value_text=f"slopes {ratios[0]:.4f} (loss) and {ratios[1]:.4f} (tr S) of the predicted ones; spectra differ "
        f"by {difference:.0e}",
        keys=stored_keys(spectra, states),
        regimes=(_saddle(spectra), _large_steps(states)),
        notes=_ends(states),
    )


def _ends(states: xr.Dataset) -> tuple[str, ...]:
    """Where the state of rest ceases to exist, at every size computed."""
    folds = zip(states.students.values, states.fold.values, strict=True)
    ends = ", ".join(f"{fold:.4f} at K = M = {int(size)}" for size, fold in folds)
    return (f"the state of rest near I(1) ends in a fold, at a step size of {ends}",)


def _saddle(spectra: xr.Dataset) -> RegimeVerdict:
    largest = _at(spectra, "largest", 5)
    found = judge_exact(largest < 0, [largest])
    return SGD_ATTRACTOR.regimes[0].found(found, f"largest eigenvalue over eta: {largest:+.4f}")


def _large_steps(states: xr.Dataset) -> RegimeVerdict:
    ratio = float(_quotients(states, "loss", (LARGE_STEP,))[0])
    leading = float(_values(states, "leading", (LARGE_STEP,))[0])
    stable = "stable" if leading < 0 else "not stable"
    return SGD_ATTRACTOR.regimes[1].found(
        judge_exact(abs(ratio - 1) <= LARGEST_DEPARTURE, [ratio, leading]),
        f"shift at eta = {LARGE_STEP}: {ratio:.2f} of the linear one; the state is {stable} ({leading:+.4f} eta)",
    )


def _at(spectra: xr.Dataset, name: str, students: int) -> float:
    """The value at I(1) of this size, K = M, NaN where the dataset lacks it."""
    chosen = (spectra.family == "I(1)") & (spectra.students == students) & (spectra.teachers == students)
    values = spectra[name].values[chosen.values]
    return float(values[0]) if values.size else float("nan")


def _values(states: xr.Dataset, name: str, rates: tuple[float, ...]) -> np.ndarray:
    """Values at these step sizes and the claimed size, NaN where the dataset lacks one."""
    of_size = states[name].reindex(students=[STUDENTS]).isel(students=0)
    return of_size.reindex(learning_rate=list(rates), method="nearest", tolerance=1e-9).values


def _scalar(states: xr.Dataset, name: str) -> float:
    return float(states[name].reindex(students=[STUDENTS]).values[0])


def _quotients(states: xr.Dataset, name: str, rates: tuple[float, ...]) -> np.ndarray:
    """Shift over η, over its predicted limit."""
    start = _scalar(states, "minimum_loss") if name == "loss" else 0.0
    return (_values(states, name, rates) - start) / np.array(rates) / _scalar(states, f"{name}_slope")


def _small_step_ratio(states: xr.Dataset, name: str) -> float:
    quotients = _quotients(states, name, SMALL_STEPS)
    if np.isnan(quotients).any():
        return float("nan")
    return float(np.polyfit(SMALL_STEPS, quotients, 2)[-1])
