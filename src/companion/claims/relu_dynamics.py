"""Claim on the dynamics of one-pass learning with ReLU units (arXiv:2604.09412): minima are attractors."""

import numpy as np
import xarray as xr

from companion.claims.judging import judge_all, judge_exact
from companion.claims.protocol import Claim, Regime, RegimeVerdict, Verdict, VerdictName, stored_keys

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
    note=r"At $\eta=.3$ nothing becomes unstable: the stationary state is still stable, and only the linear prediction "
    r"fails, by a factor of 2.5. That prediction is what the regime of large steps judges. The state ends in a fold "
    r"at $\eta=.474$ only.",
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
    )


def _saddle(spectra: xr.Dataset) -> RegimeVerdict:
    largest = _at(spectra, "largest", 5)
    found: VerdictName = judge_exact(largest < 0, [largest])
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
    """The value at this size, NaN where the dataset lacks it."""
    return float(spectra[name].reindex(students=[students]).values[0])


def _values(states: xr.Dataset, name: str, rates: tuple[float, ...]) -> np.ndarray:
    """Values at these step sizes, NaN where the dataset lacks one or is about another size."""
    if int(states.attrs["students"]) != STUDENTS:
        return np.full(len(rates), np.nan)
    return states[name].reindex(learning_rate=list(rates), method="nearest", tolerance=1e-9).values


def _quotients(states: xr.Dataset, name: str, rates: tuple[float, ...]) -> np.ndarray:
    """Shift over η, over its predicted limit."""
    start = float(states.minimum_loss) if name == "loss" else 0.0
    return (_values(states, name, rates) - start) / np.array(rates) / float(states[f"{name}_slope"])


def _small_step_ratio(states: xr.Dataset, name: str) -> float:
    quotients = _quotients(states, name, SMALL_STEPS)
    if np.isnan(quotients).any():
        return float("nan")
    return float(np.polyfit(SMALL_STEPS, quotients, 2)[-1])
