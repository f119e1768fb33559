"""Clocks of U-Net runs are found by name and in the form in which the studies store them."""

import math

import numpy as np
import pytest
import xarray as xr

from companion.claims import unet_contrasts as contrasts
from companion.claims.score_contrasts import HIGH, LOW, Clock
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.studies.unet_runs import by_setting
from companion.studies.unet_summaries import CLOCKS, clocks


def test_a_time_is_found_by_setting_clock_level_and_class(unet_pairs):
    pairs = unet_pairs(jitter=0.0, Bag={"mem_copy(0.2)": (1000.0, np.inf), "mem_gap(1)": (700.0, 800.0)})
    runs = contrasts.chosen(pairs, "pair", "Bag / Trouser")
    assert np.isinf(contrasts.times(runs, Clock("mem_copy", 0.2), LOW)).all()
    ratio = contrasts.times(runs, Clock("mem_gap", 1.0), LOW) / contrasts.times(
        runs, Clock("mem_gap", 1.0), HIGH
    )
    np.testing.assert_allclose(ratio, 8 / 7)
    for clock, place in ((contrasts.EARLY_STOP, 0), (contrasts.MEM_GAP, 1), (contrasts.MEM_COPY, 3)):
        for label in (HIGH, LOW):
            expected = pairs.time.sel(pair="Bag / Trouser").values[:, place, label]
            np.testing.assert_array_equal(contrasts.times(runs, clock, label), expected)


@pytest.mark.parametrize(
    ("name", "clock"),
    [
        ("Coat / Sandal", contrasts.EARLY_STOP),
        ("Bag / Trouser", Clock("mem_gap", 0.26)),
        ("Bag / Trouser", Clock("gen_passage")),
    ],
)
def test_what_is_not_there_is_missing_and_never_the_nearest(unet_pairs, name, clock):
    runs = contrasts.chosen(unet_pairs(), "pair", name)
    assert np.isnan(contrasts.times(runs, clock, HIGH)).all()
    assert math.isnan(contrasts.contrast(runs, clock).centre)
    assert contrasts.described(contrasts.contrast(runs, clock)) == "missing"


def test_a_ratio_of_a_dial_is_met_exactly(unet_dial):
    dial = unet_dial()
    assert np.isfinite(contrasts.times(contrasts.chosen(dial, "gain", 1.5), contrasts.MEM_GAP, HIGH)).all()
    assert np.isnan(contrasts.times(contrasts.chosen(dial, "gain", 1.55), contrasts.MEM_GAP, HIGH)).all()


def test_a_run_that_stopped_is_missing_whatever_it_had_reached(unet_pairs):
    pairs = unet_pairs(stopped={"Bag / Trouser": 1})
    runs = contrasts.chosen(pairs, "pair", "Bag / Trouser")
    assert np.isnan(contrasts.times(runs, contrasts.MEM_COPY, LOW)).tolist() == [True] + 7 * [False]
    assert contrasts.run_notes((pairs, "pair")) == (
        "stopped on a loss that is no number: pair Bag / Trouser (1)",
    )
    assert contrasts.run_notes((unet_pairs(), "pair")) == ()


def test_a_ratio_is_described_with_its_ties(unet_pairs):
    def said(**changes):
        runs = contrasts.chosen(unet_pairs(jitter=0.0, **changes), "pair", "Bag / Trouser")
        return contrasts.described(contrasts.contrast(runs, contrasts.MEM_COPY))

    assert said() == "1.67 (1.67 to 1.67)"
    assert said(Bag={"mem_copy": (900.0, np.inf)}) == "inf (inf to inf)"
    assert said(Bag={"mem_copy": (np.inf, np.inf)}) == "never reached"
    half = np.where(np.arange(8)[:, None] < 4, np.inf, [900.0, 1500.0])
    assert said(Bag={"mem_copy": half}).endswith("50 % ties")
    assert said(replicates=1) == "1.67"


def test_the_root_seed_of_all_is_confirmatory_only_if_each_is(unet_pairs):
    explored, confirmed = unet_pairs(), unet_pairs().assign_attrs(root_seed=CONFIRMATORY_ROOT)
    silent = xr.Dataset()
    assert contrasts.root_seed(confirmed, confirmed) == CONFIRMATORY_ROOT
    assert contrasts.root_seed(confirmed, explored) == 1
    assert contrasts.root_seed(explored, silent) is None
    notes = contrasts.run_notes((unet_pairs().drop_attrs(), "pair"))
    assert notes == ("the root seed was not recorded: whether these are confirmatory seeds is unknown",)


def test_the_controls_tell_the_null_pair_and_the_null_rates(unet_pairs):
    control, rate = contrasts.control_notes(unet_pairs(null=2))
    assert control.startswith(
        "null control Trouser / Sneaker, ratio of times with 90 % interval: early_stop 1.00 ("
    )
    assert "Bag / Trouser 0.2 % (largest of a training set 0.2 %), Shirt / Sneaker" in rate
    without = unet_pairs().isel(pair=[0])
    assert contrasts.control_notes(without)[0].endswith("90 % interval: missing")


@pytest.mark.parametrize(
    ("verdict", "control", "expected"),
    [
        ("holds", "holds", "holds"),
        ("holds", "fails", "inconclusive"),
        ("holds", "inconclusive", "inconclusive"),
        ("holds", "not evaluated", "not evaluated"),
        ("fails", "holds", "fails"),
        ("fails", "fails", "fails"),
        ("inconclusive", "fails", "inconclusive"),
    ],
)
def test_a_control_that_fails_refutes_nothing(verdict, control, expected):
    assert contrasts.judge_with_control(verdict, control) == expected


def test_the_studies_store_what_is_read_here(unet_pairs):
    """Names are text on both sides: one that no longer meets its partner would silently judge nothing."""
    steps = [0, 75, 150]
    by_class = ("condition", "step", "label")
    falling = np.linspace(1.0, 0.5, 3)[:, None] * np.ones((2, 3, 2))
    watched = xr.Dataset(
        {
            "train_loss": (("diffusion_index", *by_class), falling[None] / 2),
            "test_loss": (("diffusion_index", *by_class), falling[None]),
            "frechet": (by_class, falling),
            "memorised": (by_class, 1 - falling),
        },
        coords={"step": steps, "diffusion_index": [136], "label": [0, 1]},
    )
    timed = clocks(watched)
    timed["stopped_at"] = ("condition", np.array([-1, -1]))
    stored = by_setting(timed, "pair", 2, pair=["Bag / Trouser"])
    built = unet_pairs(2)
    for name in ("time", "gap_time", "copy_time", "stopped_at"):
        assert stored[name].dims == built[name].dims
    for dim in ("clock", "margin", "copied"):
        assert stored[dim].values.tolist() == built[dim].values.tolist()
    assert {contrasts.EARLY_STOP.name, contrasts.MEM_GAP.name, contrasts.MEM_COPY.name} <= set(CLOCKS)
    runs = contrasts.chosen(stored, "pair", "Bag / Trouser")
    for name, clock in (("mem_gap", contrasts.MEM_GAP), ("mem_copy", contrasts.MEM_COPY)):
        expected = stored.time.sel(clock=name, label=LOW).values[0]
        np.testing.assert_array_equal(contrasts.times(runs, clock, LOW), expected)
