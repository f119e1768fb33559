"""The claim on norms against variances is judged right on dials whose effect is known."""

import math

import numpy as np
import pytest

from companion.claims import unet_dials as claims


@pytest.fixture
def judged(unet_pairs, unet_dial):
    """Verdict with the ratio of times the ``variance``-th and ``norm``-th power of those of the dials."""

    def judge(variance=1.5, norm=0.2, replicates=8, others=None, **options):
        first = unet_dial(replicates, power=variance, **options.pop("first", {}))
        second = unet_dial(others or replicates, dim="norm_ratio", power=norm, **options.pop("second", {}))
        return claims.centroid_secondary(first, second, unet_pairs())

    return judge


@pytest.mark.parametrize(
    ("variance", "norm", "expected"),
    [
        (1.5, 0.2, "holds"),
        (1.5, -0.2, "holds"),
        (-1.5, 0.2, "holds"),
        (0.2, 1.5, "fails"),
        (0.2, -1.5, "fails"),
        (np.nan, 0.2, "not evaluated"),
        (np.inf, 0.2, "holds"),
        (0.2, np.inf, "fails"),
        (np.inf, np.inf, "inconclusive"),
    ],
)
def test_variance_outweighs_the_norm_whatever_their_signs(judged, variance, norm, expected):
    assert judged(variance, norm).verdict == expected


def test_effects_alike_decide_nothing(judged):
    assert judged(0.5, 0.52, second={"jitter": 0.03}).verdict == "inconclusive"


def test_what_was_found_on_norms(judged):
    verdict = judged()
    assert verdict.value == pytest.approx(1.3 * math.log(1.5), abs=0.03)
    assert verdict.interval is not None
    assert verdict.interval[0] < verdict.value < verdict.interval[1]
    notes = "; ".join(verdict.notes)
    assert "norm that is first: early_stop larger, mem_gap(0.25) larger" in notes
    assert "variance dial at 1 early_stop 1.00 (" in notes
    assert "null rate" in notes
    assert "mem_copy(0.2) 1." in notes
    assert "norm that is first: early_stop smaller" in "; ".join(judged(norm=-0.2).notes)
    assert "norm that is first: early_stop neither" in "; ".join(judged(norm=0.0).notes)


def test_noise_in_the_norm_is_no_effect_of_it(judged):
    """Of seeds that scatter about no effect, each is far from 0 and their mean is not."""
    noisy = judged(1.0, 0.0, second={"jitter": 0.2})
    assert noisy.verdict == "holds"
    assert noisy.value == pytest.approx(math.log(1.5), abs=0.05)


@pytest.mark.parametrize("where", ["first", "second"])
def test_classes_that_never_overfit_tell_no_difference(unet_pairs, unet_dial, where):
    dials = {"first": unet_dial(), "second": unet_dial(dim="norm_ratio", power=0.2)}
    dials[where]["time"] = dials[where].time.where(dials[where].clock != "early_stop", np.inf)
    verdict = claims.centroid_secondary(dials["first"], dials["second"], unet_pairs())
    assert verdict.verdict == "inconclusive"
    assert verdict.notes[0] == "early_stop: inconclusive"


def test_pairs_of_seeds_and_eight_of_them(judged):
    assert judged(replicates=7).notes[0] == "needs night: at least 8 replicates, 7 given"
    few = judged(replicates=1)
    assert (few.verdict, few.value) == ("not evaluated", None)
    assert "variance early_stop 1." in few.value_text
    uneven = judged(replicates=9, others=8)
    assert uneven.verdict == "not evaluated"
    assert uneven.notes[0] == "needs the same seeds in both dials, 9 and 8 given"
    assert judged(replicates=9).verdict == "holds"


def test_the_ratios_of_the_claim_and_no_others(judged):
    assert judged(first={"ratios": (1.0, 1.6)}).verdict == "not evaluated"
    assert judged(second={"ratios": (1.0, 1.4)}).verdict == "not evaluated"
    assert judged(first={"stopped": {1.5: 1}}).verdict == "not evaluated"
    assert judged(first={"stopped": {1.6: 1}}).verdict == "holds"


def test_equal_norms_are_nothing_to_test(judged):
    (regime,) = judged().regimes
    assert (regime.verdict, regime.expected, regime.unexpected) == ("not evaluated", "not evaluated", False)


def test_thresholds_are_a_proposal():
    assert claims.CENTROID_SECONDARY.version == 0
    assert claims.CENTROID_SECONDARY.note.startswith("Version 0: ")
