"""What the random-features theory (arXiv:2605.06367) says of the mixture twin, and how near networks come to it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from companion.analysis.statistics import log_ratio, median
from companion.analysis.timescales import early_stop, mem_gap
from companion.studies.mixture_runs import TwinRecipe
from companion.studies.unet_dials import dialled_mixture
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.theory.mixtures import Mixture
from companion.theory.score_losses import flow_losses

Floats = NDArray[np.float64]

#: The clocks that theory and experiment share.
TWIN_CLOCKS = ("early_stop", "mem_gap")
_MOMENTS, _LATEST = 200, 1e5
# Units of time over units of time: eigen-time T for one training step.
_SCALES = np.geomspace(1e-6, 1e2, 1601)


def twin_mixture(setting: ImageSetting, recipe: TwinRecipe) -> Mixture:
    """The mixture of a setting in the units of the theory, at the signal-to-noise ratio of t_OU = .1."""
    return dialled_mixture(setting, Recipe(data=recipe.data, side=recipe.side), 0)


def twin_clocks(times: ArrayLike, train: ArrayLike, test: ArrayLike, gap: float) -> Floats:
    """`TWIN_CLOCKS` (..., clocks) of curves (..., moments) at ``times`` (moments,); inf where never reached.

    What is reached at time 0 already is put at the next time, so that clocks have logarithms. The reducible loss is
    what the test loss falls from its start to its lowest value; the theory's curves start at 1.

    >>> test = np.array([1.0, 0.5, 0.6, 0.7])
    >>> twin_clocks([1.0, 10.0, 100.0, 1000.0], [1.0, 0.5, 0.4, 0.3], test, 0.2).round(3).tolist()
    [21.544, 31.623]
    """
    moments, losses = np.asarray(times, dtype=np.float64), np.asarray(test, dtype=np.float64)
    start = losses[..., 0] if moments[0] == 0 else 1.0
    reducible = start - losses.min(axis=-1)
    found = [early_stop(moments, losses), mem_gap(moments, train, losses, reducible, gap)]
    return np.maximum(np.stack(found, axis=-1), moments[moments > 0].min())


def class_lead(times: ArrayLike) -> Floats:
    """log τ_1/τ_0 (..., clocks) of ``times`` (..., 2, clocks): positive where class 0 is first.

    ±inf where one of the two is never reached, and NaN where neither is: that is no order.
    """
    given = np.asarray(times, dtype=np.float64)
    first, second = given[..., 0, :], given[..., 1, :]
    return np.where(np.isinf(first) & np.isinf(second), np.nan, log_ratio(first, second))


def theory_losses(mixture: Mixture, sizes: tuple[float, float]) -> tuple[Floats, Floats, Floats]:
    """Eigen-times (moments,), and training and test losses (2, moments) of a model with ``sizes`` (n/d, p/d)."""
    # The fastest modes are proportional to the number of features.
    times = np.geomspace(0.1 / sizes[1], _LATEST, _MOMENTS)
    train, test = flow_losses(times, mixture, *sizes)
    return times, train.T, test.T


def theory_leads(
    settings: Sequence[ImageSetting], recipe: TwinRecipe, sizes: tuple[float, float], gap: float
) -> Floats:
    """`class_lead` by the theory, (settings, clocks)."""
    found = []
    for setting in settings:
        times, train, test = theory_losses(twin_mixture(setting, recipe), sizes)
        found.append(class_lead(twin_clocks(times, train, test, gap)))
    return np.array(found)


def theory_curves(mixture: Mixture, sizes: tuple[float, float], gap: float) -> xr.Dataset:
    """``theory_train``, ``theory_test`` (label, eigen_time), ``theory_time`` (label, clock) and ``bayes`` (label)."""
    times, train, test = theory_losses(mixture, sizes)
    return xr.Dataset(
        {
            "theory_train": (("label", "eigen_time"), train),
            "theory_test": (("label", "eigen_time"), test),
            "theory_time": (("label", "clock"), twin_clocks(times, train, test, gap)),
            "bayes": ("label", mixture.bayes_losses),
        },
        coords={"eigen_time": ("eigen_time", times, {"long_name": "eigen-time $T$"})},
    )


def mismatch(
    steps: ArrayLike, losses: ArrayLike, eigen_times: ArrayLike, predicted: ArrayLike
) -> tuple[Floats, Floats]:
    """Distance (...,) of curves from the theory's on the best common scale of time, and that scale T/τ.

    ``losses`` (..., curves, moments) at ``steps`` (moments,) > 0 are compared with ``predicted`` (curves, times) at
    T = scale · τ, constant beyond its ends: root mean square over curves and moments, least over the scale. NaN for
    losses that are missing.
    """
    measured = np.asarray(losses, dtype=np.float64)
    wanted = np.log(np.multiply.outer(_SCALES, np.asarray(steps, dtype=np.float64)))
    known = np.log(np.asarray(eigen_times, dtype=np.float64))
    theory = np.stack([np.interp(wanted, known, curve) for curve in np.asarray(predicted)], axis=-2)
    squares = np.stack([((measured - each) ** 2).mean(axis=(-2, -1)) for each in theory], axis=-1)
    best = squares.argmin(axis=-1)
    return np.sqrt(squares.min(axis=-1)), np.where(np.isnan(squares.min(axis=-1)), np.nan, _SCALES[best])


def closeness(leads: ArrayLike, predicted: ArrayLike) -> dict[str, Any]:
    """How near leads (prediction, replicate, settings, clock) are to the theory's (settings, clock).

    Medians over replicates enter, none where a replicate has no order. ``lead_error`` (prediction, clock): root mean
    square difference over the settings where all, theory and predictions, are finite, so that predictions are compared
    on the same ones, ``lead_settings`` (clock) of them. ``same_order`` of ``compared`` (prediction, clock): settings
    where both have a sign, and agree.
    """
    given, theory = np.asarray(leads, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    middle = np.where(np.isnan(given).any(axis=1), np.nan, median(given, axis=1))
    shared = np.isfinite(theory) & np.isfinite(middle).all(axis=0)
    signed = ~np.isnan(middle) & ~np.isnan(theory)
    difference = np.where(shared, np.where(shared, middle, 0.0) - np.where(shared, theory, 0.0), 0.0)
    count = np.broadcast_to(shared.sum(axis=0), difference.sum(axis=1).shape)
    error = np.sqrt(np.where(count > 0, (difference**2).sum(axis=1) / np.maximum(count, 1), np.nan))
    agreeing = signed & (np.sign(middle) == np.sign(theory))
    axes = ("prediction", "clock")
    return {
        "lead_settings": ("clock", shared.sum(axis=0), {"long_name": "settings that all of them reach"}),
        "lead_error": (axes, error, {"long_name": r"distance of $\log\,\tau_2/\tau_1$ from the theory"}),
        "same_order": (axes, agreeing.sum(axis=1), {"long_name": "settings in the theory's order"}),
        "compared": (axes, signed.sum(axis=1), {"long_name": "settings compared"}),
    }
