"""Clocks are read by name, and a single contrast is judged by the protocol."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims import score_clocks as clock_claims
from companion.claims import score_memorisation as memorisation_claims
from companion.claims import score_order as order_claims
from companion.claims.contrasts import contrast_times, judge_order
from companion.claims.score_contrasts import (
    EARLY_STOP,
    HIGH,
    LOW,
    PASSAGE,
    Clock,
    contrast,
    described,
    times,
)
from companion.studies import score_comparison, score_curves
from companion.studies.score_settings import SETTINGS


@pytest.fixture
def curves(score_clocks):
    return score_clocks(
        {
            "V1": {"every": (1.0, 2.0), "mem_gap(0.25)": (3.0, 12.0), "early_stop": (5.0, np.inf)},
            "A": {"every": (7.0, 7.0)},
        },
        jitter=0.0,
        spread=0.0,
    )


def test_a_time_is_found_by_setting_clock_level_and_class(curves):
    for label, value in ((HIGH, 3.0), (LOW, 12.0)):
        found = times(curves, "V1", Clock("mem_gap", 0.25), label)
        np.testing.assert_allclose(found, np.full(10, value))
    np.testing.assert_allclose(times(curves, "V1", Clock("mem_gap", 0.5), LOW), 2.0)
    assert np.isinf(times(curves, "V1", EARLY_STOP, LOW)).all()
    np.testing.assert_allclose(times(curves, "A", PASSAGE, HIGH), 7.0)


@pytest.mark.parametrize(
    ("setting", "clock"),
    [
        ("V9", PASSAGE),
        ("V1", Clock("gen_passage", 0.51)),
        ("V1", Clock("mem_gap_absolute", 0.25)),
        ("V1", Clock("mem_copy")),
    ],
)
def test_what_is_not_there_is_missing_and_never_the_nearest(curves, setting, clock):
    assert np.isnan(times(curves, setting, clock, HIGH)).all()
    found = contrast(curves, setting, clock)
    assert math.isnan(found.centre)
    assert found.replicates == 10
    assert judge_order(found, above=0.0) == "not evaluated"


def test_a_contrast_is_positive_where_its_first_class_comes_first(curves):
    assert contrast(curves, "V1", PASSAGE).centre == pytest.approx(math.log(2))
    assert contrast(curves, "V1", PASSAGE, LOW, HIGH).centre == pytest.approx(-math.log(2))
    assert contrast(curves, "V1", EARLY_STOP).centre == math.inf


def test_a_lower_confidence_gives_a_narrower_interval(score_clocks):
    curves = score_clocks({"V1": {"every": (1.0, 2.0)}}, jitter=0.1)
    wide, narrow = (contrast(curves, "V1", PASSAGE, confidence=share).interval for share in (0.95, 0.9))
    assert wide[0] < narrow[0] < math.log(2) < narrow[1] < wide[1]


def test_clocks_are_called_as_in_the_register():
    assert [clock.text for clock in (PASSAGE, EARLY_STOP, Clock("mem_gap", 1.0))] == [
        "gen_passage(0.5)",
        "early_stop",
        "mem_gap(1)",
    ]


def pairs(ratio, draws=10, never=0, noise=0.02):
    jitter = noise * np.random.default_rng(3).standard_normal(draws)
    first, second = np.ones(draws), ratio * np.exp(jitter - jitter.mean())
    first[:never], second[:never] = np.inf, np.inf
    return contrast_times(first, second, generator=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("found", "criterion", "expected"),
    [
        (pairs(1.5), {"above": 0.0}, "holds"),
        (pairs(1.5), {"below": 0.0}, "fails"),
        (pairs(0.5), {"above": 0.0}, "fails"),
        (pairs(0.5), {"below": 0.0}, "holds"),
        (pairs(1.0), {"above": 0.0}, "inconclusive"),
        (pairs(1.5, draws=7), {"above": 0.0}, "inconclusive"),
        (pairs(0.5, draws=7), {"above": 0.0}, "inconclusive"),
        (pairs(1.5, draws=40, never=10), {"above": 0.0}, "holds"),
        (pairs(1.5, draws=40, never=11), {"above": 0.0}, "inconclusive"),
        (pairs(0.5, draws=8, never=8), {"above": 0.0}, "inconclusive"),
        (pairs(math.nan), {"above": 0.0}, "not evaluated"),
        (pairs(1.02), {"above": -0.1, "below": 0.1}, "holds"),
        (pairs(1.0, noise=0.0), {"above": 0.0}, "fails"),
        (pairs(1.0, noise=0.0), {"above": 0.0, "strict": False}, "holds"),
    ],
)
def test_a_contrast_is_judged_by_interval_draws_and_ties(found, criterion, expected):
    assert judge_order(found, **criterion) == expected


def test_a_contrast_is_described_as_a_ratio_of_times():
    assert described(pairs(2.0, noise=0.0)) == "2.00 (2.00 to 2.00)"
    assert described(pairs(np.inf)) == "inf (inf to inf)"


def test_claims_find_every_clock_and_setting_that_the_studies_store(score_clocks):
    """Names are text on both sides: one that no longer meets its partner would silently judge nothing."""
    every = {name: {"every": (1.0, 3.0)} for name in SETTINGS}
    curves, large = score_clocks(every), score_clocks(every, dimension=150)
    ends = xr.Dataset(
        {"test": (("setting", "label"), np.arange(8.0).reshape(4, 2))},
        coords={"setting": list(score_comparison.DESIGN)},
    )
    verdicts = [
        clock_claims.theory_predicts_times(curves, large, large.isel(draw=0)),
        clock_claims.window_opens(curves),
        order_claims.variance_first(curves),
        order_claims.centroid_secondary(curves),
        order_claims.exposure_reverses(curves),
        memorisation_claims.exposure_or_support(curves, ends),
        memorisation_claims.memorisation_reverses(curves),
    ]
    for verdict in verdicts:
        assert verdict.verdict != "not evaluated", verdict
        assert [part.name for part in verdict.regimes if part.verdict == "not evaluated"] == []


def test_levels_are_those_that_the_studies_store(score_clocks):
    """The synthetic clocks above stand for real ones only while they have their form."""
    time = score_curves.time_grid(5)
    losses = (("setting", "draw", "label", "time"), np.ones((1, 1, 2, 5)))
    stored = score_curves.clocks(
        xr.Dataset(
            {"train": losses, "test": losses, "reducible": (("setting", "label"), np.ones((1, 2)))},
            coords={"time": time},
        )
    )
    built = score_clocks({"A": {"every": (1.0, 1.0)}})
    assert set(built.variables) - {"setting"} <= set(stored.variables)
    for name in built.data_vars:
        assert built[name].dims == stored[name].dims
    for dim in ("share", "margin", "gap"):
        assert stored[dim].values.tolist() == built[dim].values.tolist()


def test_the_design_of_the_study_is_the_one_that_is_judged():
    judged = {name: cell for cell, name in memorisation_claims.DESIGN.items()}
    assert judged == score_comparison.DESIGN
    for name, (support, exposure) in score_comparison.DESIGN.items():
        setting = SETTINGS[name]
        assert setting.weights[HIGH] == support
        assert (setting.class_weights or setting.weights)[HIGH] == exposure
