"""Claim on elastic weight consolidation (arXiv:2503.02526): specialisation makes it cheap."""

import functools

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from companion.analysis.statistics import bootstrap_interval
from companion.claims.judging import MINIMUM_SEEDS, judge_all, judge_interval
from companion.claims.protocol import Claim, Regime, Verdict, VerdictName, not_evaluated, stored_keys
from companion.compute.seeds import generator

Floats = NDArray[np.float64]

SOURCE = "2503.02526"
SHORT, LONG = 200.0, 600.0
LARGEST_RATIO = 0.02
SETTING = (0.3, 1e-3, 1000.0)
BETWEEN = r"$\theta=0.3$"

EWC_IS_CHEAP = Claim(
    id="p3_d_ewc",
    statement="Specialisation makes elastic weight consolidation cheap.",
    quantity=r"Smallest cost over $\gamma$, $\min_\gamma\langle F(T)+\epsilon_2\rangle_V$, of the specialised start "
    r"($\theta=0$) over that of the shared one ($\theta=\pi/4$), from the same draw of weights; $K=2$, $M=1$, "
    r"$r=.3$, $\sigma_w=10^{-3}$, $d=1000$; over the $\gamma$ that all runs share, $V=0$ to 1.",
    criterion="Interval of the ratio below .02, at $T=200$, at $T=600$ and with half the step. At least 8 draws.",
    version=1,
    profile="laptop",
    figure="p3_f9_ewc",
    deterministic=False,
    source=SOURCE,
    note="The penalty can break the tie of a drawn shared start. The exact tie ($d\\to\\infty$) is drawn beside it "
    "and not judged.",
    regimes=(
        Regime(
            "uniform penalty",
            "one $F_k$ for both units, their mean: without the weighting specialisation gains little ($T=200$)",
        ),
        Regime("theta = .3", r"partial specialisation over the shared start, Fisher penalty ($T=200$)"),
    ),
)


def ewc_is_cheap(data: xr.Dataset, longer: xr.Dataset, finer: xr.Dataset) -> Verdict:
    """Verdict on `EWC_IS_CHEAP` from ``consolidation`` at T = 200, at T = 600, and at T = 200 with half the step."""
    for name, run, duration, share in (
        ("data", data, SHORT, 1.0),
        ("longer", longer, LONG, 1.0),
        ("finer", finer, SHORT, 0.5),
    ):
        step = share * float(data.attrs["step"])
        if float(run.attrs["duration"]) != duration or not np.isclose(float(run.attrs["step"]), step):
            return not_evaluated(EWC_IS_CHEAP, f"{name}: needs T = {duration:g} with step {step:g}")
        setting = tuple(float(run.attrs[name]) for name in ("readout_scale", "weight_scale", "dimension"))
        V = run.similarity.values
        if setting != SETTING or V.min() != 0 or V.max() != 1:
            return not_evaluated(
                EWC_IS_CHEAP, f"{name}: needs r = .3, sigma_w = 1e-3, d = 1000, V from 0 to 1"
            )
    shared = functools.reduce(np.intersect1d, [run.strength.values for run in (data, longer, finer)])
    if shared.size < 3 or any(_at_an_end(run.sel(strength=shared)) for run in (data, longer, finer)):
        return not_evaluated(
            EWC_IS_CHEAP, f"the best penalty is at an end of the common ones, {shared.tolist()}"
        )
    judged = {"T = 200": data, "T = 600": longer, "half": finer}
    ratios = {name: _ratios(run.sel(strength=shared)) for name, run in judged.items()}
    centre, low, high = _interval(ratios["T = 200"])
    missing = np.isnan(centre)
    return Verdict(
        EWC_IS_CHEAP.id,
        judge_all([_judged(values) for values in ratios.values()]),
        value=None if missing else centre,
        interval=None if missing else (low, high),
        value_text=f"{_text(ratios['T = 200'])} at T = 200, {_text(ratios['T = 600'])} at T = 600, "
        f"{_text(ratios['half'])} with half the step",
        replicates=data.sizes["draw"],
        root_seed=int(data.attrs["root_seed"]),
        keys=stored_keys(data, longer, finer),
        regimes=tuple(
            regime.found(_judged(values), f"ratio {_text(values)}")
            for regime, values in zip(
                EWC_IS_CHEAP.regimes,
                (
                    _ratios(data.sel(strength=shared), penalty="uniform"),
                    _ratios(data.sel(strength=shared), scheme=BETWEEN),
                ),
                strict=True,
            )
        ),
        notes=(_best(data.sel(strength=shared)),),
    )


def _at_an_end(run: xr.Dataset) -> bool:
    """Whether the mean cost of the shared start is smallest at the weakest or at the strongest penalty."""
    cost = (run.mean_forgetting + run.mean_second_error).reindex(penalty=["fisher"], scheme=["shared"])
    means = cost.isel(penalty=0, scheme=0).transpose("strength", "draw").values.mean(axis=1)
    return not np.isnan(means).any() and int(means.argmin()) in (0, means.size - 1)


def _ratios(run: xr.Dataset, *, scheme: str = "specialised", penalty: str = "fisher") -> Floats:
    """Smallest cost of ``scheme`` over that of the shared start, for each draw; NaN where one is missing."""
    best = _smallest(run, penalty).reindex(scheme=[scheme, "shared"])
    return (best[0] / best[1]).values


def _smallest(run: xr.Dataset, penalty: str) -> xr.DataArray:
    """Smallest cost over γ (scheme, draw); NaN where a cost is missing."""
    cost = (run.mean_forgetting + run.mean_second_error).reindex(penalty=[penalty]).isel(penalty=0)
    return cost.min("strength", skipna=False).transpose("scheme", "draw")


def _interval(ratios: Floats) -> tuple[float, float, float]:
    if np.isnan(ratios).any():
        return float("nan"), float("nan"), float("nan")
    low, high = bootstrap_interval(ratios, generator=generator(0, "consolidation"))
    return float(ratios.mean()), low, high


def _judged(ratios: Floats) -> VerdictName:
    centre, low, high = _interval(ratios)
    return judge_interval(
        centre,
        low,
        high,
        criterion_upper=LARGEST_RATIO,
        replicates=ratios.size,
        minimum_replicates=MINIMUM_SEEDS,
        strict=True,
    )


def _text(ratios: Floats) -> str:
    centre, low, high = _interval(ratios)
    return "missing" if np.isnan(centre) else f"{centre:.2g} ({low:.2g} to {high:.2g})"


def _best(data: xr.Dataset) -> str:
    """Smallest costs, means of draws, at both ends of the scale."""
    smallest = 1000 * _smallest(data, "fisher").mean("draw").reindex(scheme=["specialised", "shared"]).values
    tied = 1000 * float((data.tied_forgetting + data.tied_second_error).min())
    return (
        f"smallest cost with the Fisher penalty at T = 200, in thousandths: {smallest[0]:.3g} (specialised), "
        f"{smallest[1]:.3g} (shared), {tied:.3g} (exact tie)"
    )
