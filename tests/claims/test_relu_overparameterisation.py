"""Claims on overparameterisation and optimisers are judged right on results whose verdict is known."""

import numpy as np
import pytest
import xarray as xr

from companion.claims import relu_overparameterisation as claims

NAMES = ["gradient_descent", "two_layer", "normalised", "orthonormalised"]


def minima(slopes=(-3.02,) * 5, flat_end=(40,) * 5, flat=12, narrow=(-9.0,) * 5, teachers=4) -> xr.Dataset:
    starts = len(slopes)
    return xr.Dataset(
        {
            "flat": ("point", [0, flat, 24]),
            "expected": ("point", [0, 12, 24]),
            "students": ("point", [8, 9, 10]),
            "slope": (("size", "start"), [narrow[:starts], slopes]),
            "residual_power": (("size", "start"), [[1.0] * starts, [0.01] * starts]),
            "residual_exponential": (("size", "start"), [[0.1] * starts, [0.2] * starts]),
            "flat_end": (("size", "start"), [[0] * starts, flat_end[:starts]]),
            "flat_expected": ("size", [0, 40]),
        },
        coords={"size": [teachers, teachers + 1], "point": ["a", "b", "c"]},
        attrs={"root_seed": 5, "decay_teachers": teachers, "decay_dimension": 40, "dimension": 12},
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
    ],
)
def test_flat_power_law_verdicts(changes, expected):
    verdict = claims.flat_power_law(minima(**changes))
    assert verdict.verdict == expected
    assert verdict.root_seed == 5


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [((-9.0,) * 5, "fails"), ((-9.0, -9.0, -9.0, -9.0, float("nan")), "not evaluated")],
)
def test_without_overparameterisation_the_power_law_fails(narrow, expected):
    (regime,) = claims.flat_power_law(minima(narrow=narrow)).regimes
    assert regime.verdict == expected
    assert not regime.unexpected
    assert "5 of 5 starts" in regime.value_text


def table(within, unlimited, runs=1000, sizes=(17, 18, 19)) -> xr.Dataset:
    """Successes (optimiser, students) within the budget and without."""
    hits = np.array([within, unlimited, unlimited])
    dims = ("criterion", "optimiser", "students")
    return xr.Dataset(
        {
            "successes": (dims, hits),
            "share": (dims, hits / runs),
            "unconverged": (dims, np.zeros(hits.shape)),
            "median_steps": (dims[1:], np.full(hits.shape[1:], 8000.0)),
        },
        coords={"optimiser": NAMES, "students": list(sizes)},
        attrs={
            "root_seed": 5,
            "teachers": 17,
            "initialisations": runs,
            "step_budget": 20_000,
            "maximum_steps": 200_000,
        },
    )


AS_CLAIMED = [[150, 700, 800], [150, 720, 990], [50, 0, 0], [60, 0, 0]]
WORSE = [[150, 700, 990], [150, 500, 600], [50, 0, 0], [60, 0, 0]]
ALL_REACH = [[150, 750, 1000], [160, 750, 1000], [50, 0, 0], [60, 0, 0]]


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (AS_CLAIMED, "holds"),
        (WORSE, "fails"),
        (ALL_REACH, "fails"),
        ([[150, 700, 800], [150, 720, 810], *AS_CLAIMED[2:]], "inconclusive"),
        ([[150, 500, 800], [150, 900, 990], *AS_CLAIMED[2:]], "fails"),  # helps more at 18
        ([*AS_CLAIMED[:2], [300, 0, 0], [60, 0, 0]], "fails"),  # unit rows beat free descent
        ([*AS_CLAIMED[:2], [145, 0, 0], [60, 0, 0]], "inconclusive"),
    ],
)
def test_optimiser_verdicts(within, expected):
    verdict = claims.optimisers(table(within, ALL_REACH))
    assert verdict.verdict == expected
    (regime,) = verdict.regimes
    assert (regime.verdict, regime.unexpected) == ("fails", False)


def test_gain_is_the_difference_at_the_claimed_width():
    assert claims.optimisers(table(AS_CLAIMED, ALL_REACH)).value == pytest.approx(0.19)


@pytest.mark.parametrize(("runs", "sizes"), [(60, (17, 18, 19)), (1000, (17, 18, 20))])
def test_small_tables_show_numbers_and_decide_nothing(runs, sizes):
    few = np.minimum(AS_CLAIMED, runs)
    verdict = claims.optimisers(table(few, few, runs, sizes))
    assert verdict.verdict == "not evaluated"
    assert [regime.verdict for regime in verdict.regimes] == ["not evaluated"]
    assert verdict.value is None
    assert f"plain descent {few[0, -1]}" in verdict.value_text
    assert any(note.startswith("needs") for note in verdict.notes)
