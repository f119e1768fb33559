"""The claims on the order of learning are judged right on clocks whose order is known."""

import math

import numpy as np
import pytest

from companion.claims import score_order as claims

HIGH_FIRST = {"every": (1.0, 2.0)}
LOW_FIRST = {"every": (2.0, 1.0)}
NEVER = np.inf


def variances(**changes):
    """Clocks that satisfy the claim and its regimes; ``changes`` are made to run V2."""
    return {
        "V20": HIGH_FIRST,
        "V2": HIGH_FIRST | changes,
        "V0": HIGH_FIRST,
        "V1": HIGH_FIRST | {"gen_passage(0.9)": (NEVER, 4.4)},
        "R1": LOW_FIRST,
    }


def test_sixteen_contrasts_need_ten_draws(score_clocks):
    eight = claims.variance_first(score_clocks(variances(), draws=8))
    assert eight.verdict == "inconclusive"
    assert len(eight.notes) == 16
    assert "largest corrected p 0.125" in eight.value_text
    ten = claims.variance_first(score_clocks(variances(), draws=10))
    assert ten.verdict == "holds"
    assert ten.notes == ()
    assert "largest corrected p 0.031" in ten.value_text
    assert ten.value_text.startswith("weakest of 16: ")
    assert ten.value == pytest.approx(math.log(2), abs=0.02)
    assert (ten.replicates, ten.root_seed, ten.keys) == (10, 1, ("k" * 40,))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"gen_passage(0.5)": (1.0, 1.1)}, "inconclusive"),
        ({"gen_passage(0.5)": (1.0, 1.03)}, "fails"),
        ({"mem_gap(0.25)": (2.0, 1.0)}, "fails"),
        ({"early_stop": (1.0, NEVER)}, "holds"),
        ({"early_stop": (NEVER, 1.0)}, "fails"),
        ({"early_stop": (NEVER, NEVER)}, "inconclusive"),
        ({"mem_gap(0.5)": (1.0, np.nan)}, "not evaluated"),
        # Neither is a clock of the claim.
        ({"mem_gap(1)": (2.0, 1.0), "gen_passage(0.9)": (2.0, 1.0)}, "holds"),
    ],
)
def test_every_clock_of_every_setting_counts(score_clocks, changes, expected):
    verdict = claims.variance_first(score_clocks(variances(**changes)))
    assert verdict.verdict == expected
    changed = next(iter(changes))
    assert verdict.notes == (() if expected == "holds" else (f"V2, {changed}: {expected}",))


def test_a_missing_setting_is_not_evaluated_but_a_refutation_stands(score_clocks):
    settings = variances()
    del settings["V0"]
    assert claims.variance_first(score_clocks(settings)).verdict == "not evaluated"
    settings["V20"] = LOW_FIRST
    assert claims.variance_first(score_clocks(settings)).verdict == "fails"


def test_the_weakest_contrast_is_the_one_reported(score_clocks):
    verdict = claims.variance_first(score_clocks(variances(**{"mem_gap(0.25)": (1.0, 1.3)})))
    assert verdict.value_text.startswith("weakest of 16: V2, mem_gap(0.25), ratio 1.30 (")
    assert verdict.value == pytest.approx(math.log(1.3))


def test_regimes_of_variance_as_registered_and_not(score_clocks):
    found = claims.variance_first(score_clocks(variances())).regimes
    assert [(part.name, part.verdict, part.unexpected) for part in found] == [
        ("late passage", "fails", False),
        ("unequal sampling", "fails", False),
    ]
    surprising = variances() | {"V1": HIGH_FIRST, "R1": HIGH_FIRST}
    found = claims.variance_first(score_clocks(surprising)).regimes
    assert [(part.verdict, part.unexpected) for part in found] == [("holds", True), ("holds", True)]
    few = claims.variance_first(score_clocks(surprising, draws=4)).regimes
    assert {part.verdict for part in few} == {"inconclusive"}


def norms(small_norm=1.2, variance=1.5, relu=0.9, equal=1.0):
    """Ratios of times by which the smaller norm (G1, ReLU, equal) and the higher variance (G2) come first."""
    return {
        "G1": {"every": (small_norm, 1.0)},
        "G2": {"every": (1.0, variance)},
        "G1 ReLU": {"every": (relu, 1.0)},
        "G1 equal": {"every": (equal, 1.0)},
    }


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ({}, "holds"),
        ({"small_norm": 0.9}, "fails"),
        ({"small_norm": 1.0}, "inconclusive"),
        ({"variance": 0.8}, "fails"),
        ({"variance": 1.0}, "inconclusive"),
        ({"small_norm": np.nan}, "not evaluated"),
        ({"small_norm": np.inf}, "holds"),
    ],
)
def test_the_smaller_norm_is_first_and_variance_overrules_it(score_clocks, ratios, expected):
    assert claims.centroid_secondary(score_clocks(norms(**ratios))).verdict == expected


def test_eight_draws_do_for_two_norms_and_seven_do_not(score_clocks):
    assert claims.centroid_secondary(score_clocks(norms(), draws=8)).verdict == "holds"
    assert claims.centroid_secondary(score_clocks(norms(), draws=7)).verdict == "inconclusive"


def test_either_clock_of_the_norms_can_refute(score_clocks):
    for run, pair in (("G1", (0.9, 1.0)), ("G2", (1.0, 0.9))):
        for clock in ("gen_passage(0.5)", "mem_gap(0.5)"):
            settings = norms()
            settings[run] = settings[run] | {clock: pair}
            verdict = claims.centroid_secondary(score_clocks(settings))
            assert verdict.verdict == "fails"
            assert verdict.notes == (f"{run}, {clock}: fails",)


@pytest.mark.parametrize(
    ("relu", "equal", "jitter", "expected"),
    [
        (0.9, 1.02, 0.02, ["fails", "fails"]),
        (1.1, 1.3, 0.02, ["holds", "holds"]),
        (1.0, 1.02, 0.3, ["inconclusive", "inconclusive"]),
        (np.nan, np.nan, 0.02, ["not evaluated", "not evaluated"]),
    ],
)
def test_regimes_of_norms(score_clocks, relu, equal, jitter, expected):
    settings = norms(relu=relu, equal=equal, small_norm=3.0, variance=3.0)
    verdict = claims.centroid_secondary(score_clocks(settings, jitter=jitter))
    assert verdict.verdict == "holds"
    assert [part.verdict for part in verdict.regimes] == expected
    assert [part.unexpected for part in verdict.regimes] == [name == "holds" for name in expected]


def test_a_few_draws_show_no_equality(score_clocks):
    assert claims.centroid_secondary(score_clocks(norms(), draws=4)).regimes[1].verdict == "inconclusive"


def exposures(balanced=1.3, rare=0.8, elsewhere=1.3):
    """T_low / T_high of runs R5 and R1, and in the regimes in which there should be no reversal."""
    regimes = ("R1 M=0", "R1 antipodal", "R1 cosine -.7", "R1 M=4")
    runs = {"R5": balanced, "R1": rare} | dict.fromkeys(regimes, elsewhere)
    return {name: {"every": (1.0, ratio)} for name, ratio in runs.items()}


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ({}, "holds"),
        ({"rare": 1.2}, "fails"),
        ({"rare": 1.0}, "inconclusive"),
        ({"balanced": 0.9}, "fails"),
        ({"balanced": 1.0}, "inconclusive"),
        ({"rare": np.nan}, "not evaluated"),
        ({"rare": 0.0, "balanced": np.inf}, "holds"),
    ],
)
def test_low_exposure_reverses_the_order(score_clocks, ratios, expected):
    assert claims.exposure_reverses(score_clocks(exposures(**ratios))).verdict == expected


def test_classes_that_never_generalise_are_tied_and_decide_nothing(score_clocks):
    settings = exposures() | {"R1": {"every": (NEVER, NEVER)}, "R1 M=0": {"every": (NEVER, NEVER)}}
    verdict = claims.exposure_reverses(score_clocks(settings))
    assert verdict.verdict == "inconclusive"
    assert verdict.regimes[0].verdict == "inconclusive"


def test_reversals_need_their_runs_and_eight_draws(score_clocks):
    assert claims.exposure_reverses(score_clocks(exposures(), draws=8)).verdict == "holds"
    assert claims.exposure_reverses(score_clocks(exposures(), draws=7)).verdict == "inconclusive"
    settings = exposures()
    del settings["R1"]
    assert claims.exposure_reverses(score_clocks(settings)).verdict == "not evaluated"


@pytest.mark.parametrize(
    ("elsewhere", "draws", "expected"),
    [
        (1.3, 10, "fails"),
        (0.8, 10, "holds"),
        (1.0, 10, "inconclusive"),
        (0.8, 5, "inconclusive"),
        (np.nan, 10, "not evaluated"),
    ],
)
def test_regimes_without_a_reversal(score_clocks, elsewhere, draws, expected):
    verdict = claims.exposure_reverses(score_clocks(exposures(elsewhere=elsewhere), draws=draws))
    assert [part.verdict for part in verdict.regimes] == [expected] * 4
    assert [part.unexpected for part in verdict.regimes] == [expected == "holds"] * 4


def test_each_regime_reads_its_own_run(score_clocks):
    for place, run in enumerate(("R1 M=0", "R1 antipodal", "R1 cosine -.7", "R1 M=4")):
        settings = exposures() | {run: {"every": (1.0, 0.8)}}
        verdict = claims.exposure_reverses(score_clocks(settings))
        assert [part.verdict == "holds" for part in verdict.regimes] == [at == place for at in range(4)]
        settings.pop(run)
        verdict = claims.exposure_reverses(score_clocks(settings))
        assert verdict.regimes[place].verdict == "not evaluated"
        assert verdict.verdict == "holds"
