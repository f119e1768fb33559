"""The claims on what U-Nets learn and copy first are judged right on clocks whose order is known."""

import math

import numpy as np
import pytest

from companion.claims import unet_order as claims

NEVER = np.inf


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "holds"),
        ({"mem_copy": (NEVER, NEVER)}, "holds"),
        ({"mem_copy": (900.0, 440.0)}, "fails"),
        ({"mem_copy": (900.0, 480.0)}, "inconclusive"),
        ({"early_stop": (300.0, NEVER)}, "fails"),
        ({"early_stop": (300.0, NEVER), "mem_copy": (900.0, NEVER)}, "inconclusive"),
        ({"mem_copy": (np.nan, 1500.0)}, "not evaluated"),
        ({"mem_copy": (np.nan, 440.0)}, "fails"),
        # Other levels stand in the notes and decide nothing.
        ({"mem_copy(0.05)": (310.0, 410.0), "mem_copy(0.2)": (np.nan, np.nan)}, "holds"),
    ],
)
def test_each_class_is_learned_before_it_is_copied(unet_pairs, changes, expected):
    assert claims.learn_then_copy(unet_pairs(Shirt=changes)).verdict == expected


@pytest.mark.parametrize(("pair", "expected"), [("Bag", "fails"), ("Shirt", "fails"), ("Trouser", "holds")])
def test_the_null_pair_is_no_part_of_the_criterion(unet_pairs, pair, expected):
    changed = unet_pairs(**{pair: {"mem_copy": (900.0, 440.0)}})
    assert claims.learn_then_copy(changed).verdict == expected


def test_what_was_found_on_copies(unet_pairs):
    verdict = claims.learn_then_copy(unet_pairs(Shirt={"mem_copy(0.1)": (600.0, 1500.0)}))
    assert verdict.value == pytest.approx(math.log(2))
    assert verdict.value_text.startswith(
        "copied over learned: weakest of 4, Shirt of Shirt / Sneaker, 2.00 ("
    )
    assert (verdict.replicates, verdict.root_seed, verdict.keys) == (8, 1, ("u" * 40,))
    notes = "; ".join(verdict.notes)
    assert "over early_stop, Trouser of Bag / Trouser: mem_copy(0.1) 3.75 (" in notes
    assert "mem_gap(1) 1.5" in notes
    assert "mem_copy(0.05) 3.7" in notes
    assert "null control Trouser / Sneaker" in notes
    assert "null rate" in notes


@pytest.mark.parametrize(
    "judge", [lambda pairs, dial: claims.learn_then_copy(pairs), claims.variance_first, claims.null_control]
)
def test_seven_replicates_are_not_evaluated_but_shown(unet_pairs, unet_dial, judge):
    for count in (7, 1):
        verdict = judge(unet_pairs(count), unet_dial(count))
        assert verdict.verdict == "not evaluated"
        assert verdict.notes[0] == f"needs night: at least 8 replicates, {count} given"
        assert (verdict.value, verdict.interval) == (None, None)
        assert "missing" not in verdict.value_text
        assert " of " in verdict.value_text
        assert "null rate" in verdict.notes[-1]
        assert {regime.verdict for regime in verdict.regimes} <= {"not evaluated"}
    assert judge(unet_pairs(8), unet_dial(8)).verdict == "holds"


@pytest.mark.parametrize(
    "judge", [lambda pairs, dial: claims.learn_then_copy(pairs), claims.variance_first, claims.null_control]
)
def test_a_run_that_stopped_leaves_nothing_to_judge(unet_pairs, unet_dial, judge):
    stopped = dict.fromkeys(("Bag / Trouser", "Trouser / Sneaker"), 1)
    verdict = judge(unet_pairs(stopped=stopped), unet_dial())
    assert verdict.verdict == "not evaluated"
    assert any(
        "stopped on a loss that is no number: pair Bag / Trouser (1)" in note for note in verdict.notes
    )


def test_a_missing_pair_is_not_evaluated(unet_pairs, unet_dial):
    without = unet_pairs().isel(pair=[0, 2])
    assert claims.learn_then_copy(without).verdict == "not evaluated"
    assert claims.variance_first(without, unet_dial()).verdict == "not evaluated"
    without_null = unet_pairs().isel(pair=[0, 1])
    assert claims.learn_then_copy(without_null).verdict == "holds"
    assert claims.variance_first(without_null, unet_dial()).verdict == "not evaluated"
    assert claims.null_control(without_null, unet_dial()).verdict == "not evaluated"


@pytest.mark.parametrize(
    ("copied", "count", "expected"),
    [((310.0, 410.0), 8, "fails"), ((900.0, 900.0), 8, "holds"), ((310.0, 410.0), 4, "not evaluated")],
)
def test_regimes_of_copies_are_judged_where_they_are_given(unet_pairs, copied, count, expected):
    names = [regime.name for regime in claims.LEARN_THEN_COPY.regimes]
    for name in names:
        there = unet_pairs(count, Bag={"mem_copy": copied}).isel(pair=[0])
        (found,) = claims.learn_then_copy(unet_pairs(), {name: there}).regimes
        assert (found.name, found.verdict, found.unexpected) == (name, expected, expected == "holds")
        assert found.value_text.startswith("copied over learned: Bag ")
    with pytest.raises(ValueError, match=r"elsewhere: \['no regime'\] given, allowed are the regimes"):
        claims.learn_then_copy(unet_pairs(), {"no regime": unet_pairs()})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "holds"),
        ({"mem_copy": (900.0, NEVER)}, "holds"),
        ({"mem_copy": (NEVER, 900.0)}, "fails"),
        ({"mem_copy": (NEVER, NEVER)}, "inconclusive"),
        ({"early_stop": (300.0, 330.0)}, "inconclusive"),
        ({"early_stop": (300.0, 310.0)}, "fails"),
        ({"mem_gap": (600.0, 400.0)}, "fails"),
        ({"mem_gap": (400.0, np.nan)}, "not evaluated"),
        ({"mem_half": (2.0, 1.0), "mem_gap(1)": (2.0, 1.0)}, "holds"),
    ],
)
def test_every_clock_counts(unet_pairs, unet_dial, changes, expected):
    assert claims.variance_first(unet_pairs(Bag=changes), unet_dial()).verdict == expected


@pytest.mark.parametrize("clock", ["early_stop", "mem_gap(0.25)", "mem_copy(0.1)"])
def test_every_clock_of_the_second_pair_counts(unet_pairs, unet_dial, clock):
    verdict = claims.variance_first(unet_pairs(Shirt={clock: (600.0, 400.0)}), unet_dial())
    assert verdict.verdict == "fails"
    assert verdict.notes[0] == f"{clock} of Shirt / Sneaker: fails"


def test_six_contrasts_need_eight_seeds_that_agree(unet_pairs, unet_dial):
    verdict = claims.variance_first(unet_pairs(), unet_dial())
    assert verdict.value_text.startswith("ratio of times: weakest of 6, ")
    assert verdict.value_text.endswith("largest corrected p 0.047")
    one_against = np.where(np.arange(8)[:, None] < 1, [900.0, 400.0], [400.0, 600.0])
    other = claims.variance_first(unet_pairs(Bag={"mem_gap": one_against}), unet_dial())
    assert other.verdict == "inconclusive"


def test_the_order_holds_only_with_its_null(unet_pairs, unet_dial):
    unequal = unet_pairs(Trouser={"early_stop": (300.0, 450.0)})
    assert claims.null_control(unequal, unet_dial()).verdict == "fails"
    verdict = claims.variance_first(unequal, unet_dial())
    assert verdict.verdict == "inconclusive"
    assert "p2unet_c3_null on these seeds: fails" in verdict.notes
    # It cannot rescue an order that is refuted.
    refuted = unet_pairs(Trouser={"early_stop": (300.0, 450.0)}, Bag={"mem_gap": (600.0, 400.0)})
    assert claims.variance_first(refuted, unet_dial()).verdict == "fails"
    assert claims.variance_first(unet_pairs(), unet_dial(ratios=(0.7, 1.5))).verdict == "not evaluated"


def test_notes_of_the_order_carry_the_strip_and_the_confound(unet_pairs, unet_dial):
    notes = "; ".join(claims.variance_first(unet_pairs(), unet_dial()).notes)
    assert "Shirt / Sneaker: early_stop 1.33 (" in notes
    assert "mem_gap(1) 1.50 (" in notes
    assert "mem_copy(0.05) 1.67 (" in notes
    assert "nearest-neighbour distance within the classes: Bag / Trouser 5.6 and 3.2" in notes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "fails"),
        ({"power": -1.5}, "holds"),
        ({"replicates": 4}, "not evaluated"),
        ({"ratios": (1.0, 1.6)}, "not evaluated"),
        ({"stopped": {0.7: 2}}, "not evaluated"),
    ],
)
def test_a_dial_below_one_turns_the_order(unet_pairs, unet_dial, options, expected):
    (regime,) = claims.variance_first(unet_pairs(), unet_dial(**options)).regimes
    assert (regime.verdict, regime.unexpected) == (expected, expected == "holds")


@pytest.mark.parametrize(
    ("changes", "jitter", "expected"),
    [
        ({}, 0.02, "holds"),
        ({}, 0.6, "inconclusive"),
        ({"early_stop": (400.0, 460.0)}, 0.02, "holds"),
        ({"early_stop": (400.0, 500.0)}, 0.02, "inconclusive"),
        ({"early_stop": (400.0, 560.0)}, 0.02, "fails"),
        ({"mem_gap": (600.0, 420.0)}, 0.02, "fails"),
        ({"mem_gap": (600.0, NEVER)}, 0.02, "fails"),
        # Clocks of which neither is ever there are no evidence of equality.
        ({"mem_gap": (NEVER, NEVER)}, 0.02, "inconclusive"),
        ({"mem_gap": (np.nan, 600.0)}, 0.02, "not evaluated"),
        ({"mem_copy": (1500.0, 3000.0)}, 0.02, "holds"),
    ],
)
def test_alike_classes_have_equal_clocks(unet_pairs, unet_dial, changes, jitter, expected):
    pairs = unet_pairs(Trouser=changes, jitter=jitter)
    assert claims.null_control(pairs, unet_dial()).verdict == expected


def test_the_exact_null_of_the_dial_counts_too(unet_pairs, unet_dial):
    # No ratio of one moves with a power: shift the time of the other half instead.
    dial = unet_dial()
    dial["time"] = dial.time.where((dial.label == 0) | (dial.gain != 1.0), dial.time * 1.5)
    verdict = claims.null_control(unet_pairs(), dial)
    assert verdict.verdict == "fails"
    assert verdict.notes[0] == "early_stop of dial at 1: fails"
    assert verdict.value == pytest.approx(math.log(1.5), abs=0.05)
    assert claims.null_control(unet_pairs(), unet_dial(ratios=(1.5, 1.6))).verdict == "not evaluated"


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, "fails"), ({"power": 0.1}, "holds"), ({"ratios": (1.0, 1.5)}, "not evaluated")],
)
def test_a_wide_dial_breaks_the_null(unet_pairs, unet_dial, options, expected):
    verdict = claims.null_control(unet_pairs(), unet_dial(**options))
    assert verdict.verdict == "holds"
    (regime,) = verdict.regimes
    assert (regime.verdict, regime.unexpected) == (expected, expected == "holds")
