"""The claim on speciation is judged right on results whose verdict is known."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims import speciation as claims
from companion.claims.protocol import criterion_digest

WEIGHTS = [1 / 3, 0.1, 0.01, 1e-3, 1e-5]


def around(values, spread, draws, seed=0):
    """Draws whose mean is exact, so that a verdict does not hang on luck."""
    noise = np.random.default_rng(seed).normal(size=(*np.shape(values), draws))
    noise -= noise.mean(axis=-1, keepdims=True)
    return np.asarray(values)[..., None] + spread * noise


def times(minority, *, draws=8, spread=0.005, ratio=1.0, pair=0.0, dimension=64, weights=WEIGHTS):
    size = len(weights)
    three = np.full((size, 3), 1.8)
    three[:, 2] = minority
    closed = np.linspace(2.2, 0.9, size)
    both = np.stack([np.full(size, 1.6), np.full(size, 1.6) - pair], axis=1)
    return xr.Dataset(
        {
            "three": (("weight", "label", "draw"), around(three, spread, draws)),
            "turned": (("weight", "label", "draw"), around(three, 5 * spread, draws, 1)),
            "two_absolute": (("weight", "draw"), around(ratio * closed, spread, draws, 2)),
            "two_normalised": (("weight", "class_of_two", "draw"), around(both, spread, draws, 3)),
            "closed": ("weight", closed),
        },
        coords={"weight": weights},
        attrs={"dimension": dimension, "root_seed": 7},
    )


def learned(before=0.0, after=0.3, draws=8, trainings=(0.0, 1.0, 1000.0)):
    delays = np.interp(np.log1p(trainings), [0.0, np.log1p(1000.0)], [before, after])
    mean = np.stack([np.full(len(trainings), 1.4), 1.4 - delays], axis=1)
    return xr.Dataset(
        {"time": (("training", "role", "draw"), around(mean, 0.01, draws, 4))},
        coords={"training": list(trainings), "role": ["majority", "minority"]},
        attrs={"dimension": 40},
    ).transpose("draw", "training", "role")


LATE = [1.8, 1.5, 1.2, 1.0, 0.8]


@pytest.mark.parametrize(
    ("minority", "options", "expected"),
    [
        (LATE, {}, "holds"),
        ([1.8, 1.5, 1.2, 1.0, 1.75], {}, "fails"),
        ([1.8, 1.7, 1.2, 1.0, 0.8], {"spread": 0.05}, "inconclusive"),
        ([1.8, 1.9, 2.0, 2.1, 2.2], {}, "fails"),
        (LATE, {"ratio": 1.08}, "fails"),
        (LATE, {"ratio": 0.97}, "holds"),
        (LATE, {"draws": 5}, "inconclusive"),
        ([1.8, 1.5, math.nan, 1.0, 0.8], {}, "not evaluated"),
        (LATE[:3], {"weights": WEIGHTS[:3]}, "not evaluated"),
        (LATE, {"dimension": 32}, "not evaluated"),
    ],
)
def test_minority_speciates_late(minority, options, expected):
    assert claims.minority_speciates_late(times(minority, **options), learned()).verdict == expected


def test_the_balanced_weight_is_not_judged():
    """At 1/3 there is no delay to be found."""
    verdict = claims.minority_speciates_late(times(LATE), learned())
    assert verdict.value == pytest.approx(0.3, abs=0.01)
    assert verdict.interval[0] < verdict.value < verdict.interval[1]
    assert (verdict.replicates, verdict.root_seed) == (8, 7)


def test_the_later_majority_counts():
    found = times(LATE)
    found.three[:, 0] = found.three[:, 2] + 0.05
    assert claims.minority_speciates_late(found, learned()).verdict == "fails"


def regimes(found, scores):
    verdict = claims.minority_speciates_late(found, scores)
    return {regime.name: regime.verdict for regime in verdict.regimes}


def test_regimes_as_registered():
    verdict = claims.minority_speciates_late(times(LATE), learned())
    assert [(regime.verdict, regime.unexpected) for regime in verdict.regimes] == [
        ("fails", False),
        ("holds", False),
        ("fails", False),
    ]
    assert len(verdict.regimes) == len(claims.MINORITY_SPECIATES_LATE.regimes)


def test_regimes_that_surprise():
    assert regimes(times(LATE, pair=0.3), learned())["two classes"] == "holds"
    assert regimes(times(LATE), learned(after=0.0))["learned score"] == "fails"
    assert regimes(times(LATE), learned(before=0.4))["untrained score"] == "holds"


def test_training_times_that_were_not_run_are_not_evaluated():
    found = regimes(times(LATE), learned(trainings=(0.0, 10.0)))
    assert (found["learned score"], found["untrained score"]) == ("not evaluated", "fails")


def test_the_criterion_is_fixed():
    assert claims.MINORITY_SPECIATES_LATE.profile == "laptop"
    assert len(criterion_digest(claims.MINORITY_SPECIATES_LATE)) == 16
