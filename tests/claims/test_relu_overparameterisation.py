"""The claim on overparameterisation is judged right on results whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import relu_overparameterisation as claims


def minima(
    slopes=(-3.02,) * 5,
    flat_end=(40,) * 5,
    flat=12,
    narrow=(-9.0,) * 5,
    teachers=4,
    steps=200_000,
    alike=(False,) * 5,
) -> xr.Dataset:
    """Five starts as claimed; ``alike`` tells which of those at K = M a power law fits better than an exponential."""
    starts = len(slopes)
    power = [0.01 if each else 1.0 for each in alike[:starts]]
    return xr.Dataset(
        {
            "flat": ("point", [0, flat, 24]),
            "expected": ("point", [0, 12, 24]),
            "students": ("point", [8, 9, 10]),
            "slope": (("size", "start"), [narrow[:starts], slopes]),
            "residual_power": (("size", "start"), [power, [0.01] * starts]),
            "residual_exponential": (("size", "start"), [[0.1] * starts, [0.2] * starts]),
            "flat_end": (("size", "start"), [[0] * starts, flat_end[:starts]]),
            "flat_expected": ("size", [0, 40]),
            "curve": (("size", "start", "step"), np.ones((2, starts, 2))),
        },
        coords={"size": [teachers, teachers + 1], "point": ["a", "b", "c"], "step": [1, steps]},
        attrs={
            "root_seed": 5,
            "decay_teachers": teachers,
            "decay_dimension": 40,
            "decay_steps": steps,
            "dimension": 12,
            "companion_key": "k6",
        },
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "holds"),
        ({"slopes": (-3.02, -3.0, -2.95, -3.09, -3.12)}, "fails"),
        ({"slopes": (-3.02, -3.0, -2.95, -3.09, float("nan"))}, "not evaluated"),
        ({"flat_end": (40, 40, 40, 40, 39)}, "fails"),
        ({"flat": 11}, "fails"),
        ({"slopes": (-3.0,) * 4}, "not evaluated"),
        ({"teachers": 5}, "not evaluated"),
        ({"steps": 51_200}, "not evaluated"),
    ],
)
def test_flat_power_law_verdicts(changes, expected):
    verdict = claims.flat_power_law(minima(**changes))
    assert verdict.verdict == expected
    assert verdict.root_seed == 5
    assert verdict.keys == ("k6",)


def test_other_numbers_than_the_criterion_s_are_named():
    verdict = claims.flat_power_law(minima(steps=51_200))
    assert verdict.notes[0] == "needs 5 starts at K = 5, M = 4, d = 40 and 200000 steps"
    assert verdict.value is None
    assert verdict.regimes[0].verdict == "not evaluated"


@pytest.mark.parametrize(
    ("narrow", "alike", "expected"),
    [
        ((-9.0,) * 5, (False,) * 5, "fails"),
        ((-9.0,) * 5, (True,) * 5, "fails"),  # a power law, but another one
        ((-3.0,) * 5, (False,) * 5, "fails"),  # a slope that an exponential had at this time
        ((-3.0,) * 5, (True,) * 5, "holds"),
        ((-3.0, -3.0, -3.0, -3.0, -9.0), (True,) * 5, "inconclusive"),
        ((-9.0, -9.0, -9.0, -9.0, float("nan")), (False,) * 5, "not evaluated"),
    ],
)
def test_the_isolated_minimum_is_judged_by_slope_and_shape(narrow, alike, expected):
    verdict = claims.flat_power_law(minima(narrow=narrow, alike=alike))
    assert verdict.verdict == "holds"
    (regime,) = verdict.regimes
    assert regime.verdict == expected
    assert regime.unexpected == (expected == "holds")
    assert f"an exponential fits better in {5 - sum(alike)} of 5 starts" in regime.value_text
