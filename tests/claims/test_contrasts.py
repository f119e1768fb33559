"""Paired contrasts of synthetic clocks whose order is known."""

import dataclasses
import math

import numpy as np
import pytest

from companion.claims.contrasts import contrast_means, contrast_times, judge_contrasts


def clocks(ratio, seeds=8, noise=0.05, seed=0):
    """Times of a and b on paired seeds, the mean log of tau_b / tau_a being exactly that of ``ratio``."""
    generator = np.random.default_rng(seed)
    first, jitter = np.exp(generator.normal(5, 1, seeds)), generator.normal(0, noise, seeds)
    return first, first * ratio * np.exp(jitter - jitter.mean())


def contrast(first, second):
    return contrast_times(first, second, generator=np.random.default_rng(1))


def test_a_known_ratio_is_found_and_pairing_removes_the_spread_between_seeds():
    found = contrast(*clocks(2.0))
    assert found.interval[0] < math.log(2) < found.interval[1]
    assert found.interval[1] - found.interval[0] < 0.15
    assert found.p_value == 2 / 2**8
    assert (found.statistic, found.ties, found.replicates) == ("mean", 0.0, 8)


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(2.0, "holds"), (0.5, "fails"), (1.1, "inconclusive"), (1.0, "fails")]
)
def test_verdicts_on_known_orders(ratio, verdict):
    found = {"mem_gap": contrast(*clocks(ratio, noise=0.03))}
    assert judge_contrasts(found, above=math.log(1.1)) == {"mem_gap": verdict}


def test_equal_clocks_do_not_hold_and_do_not_fail():
    first, second = clocks(1.0, noise=0.3)
    assert judge_contrasts({"clock": contrast(first, second)}) == {"clock": "inconclusive"}


def test_one_member_censored_orders_the_pair():
    first, second = clocks(2.0)
    second[:3] = np.inf
    found = contrast(first, second)
    assert (found.statistic, found.ties, found.p_value) == ("median", 0.0, 2 / 2**8)
    assert found.interval[0] > math.log(1.5)
    assert judge_contrasts({"clock": found}) == {"clock": "holds"}
    assert judge_contrasts({"clock": contrast(second, first)}) == {"clock": "fails"}


@pytest.mark.parametrize(("tied", "verdict"), [(10, "holds"), (11, "inconclusive")])
def test_more_than_a_quarter_of_ties_decides_nothing(tied, verdict):
    first, second = clocks(4.0, seeds=40)
    first[:tied], second[:tied] = np.inf, np.inf
    found = contrast(first, second)
    assert found.ties == tied / 40
    assert found.interval[0] > 1
    assert judge_contrasts({"clock": found}) == {"clock": verdict}


def test_every_pair_tied():
    never = np.full(8, np.inf)
    found = contrast(never, never)
    assert (found.centre, found.ties) == (0.0, 1.0)
    assert judge_contrasts({"clock": found}) == {"clock": "inconclusive"}


def test_a_missing_time_is_not_evaluated():
    first, second = clocks(2.0)
    first[0] = np.nan
    found = contrast(first, second)
    assert math.isnan(found.p_value)
    assert judge_contrasts({"clock": found, "other": contrast(*clocks(2.0))}) == {
        "clock": "not evaluated",
        "other": "holds",
    }


def test_five_seeds_are_too_few():
    assert judge_contrasts({"clock": contrast(*clocks(2.0, seeds=5))}) == {"clock": "inconclusive"}
    assert judge_contrasts({"clock": contrast(*clocks(0.5, seeds=5))}) == {"clock": "inconclusive"}


def test_the_family_pays_for_its_size():
    found = contrast(*clocks(2.0))
    assert found.p_value * 7 > 0.05 > found.p_value * 6
    assert set(judge_contrasts(dict.fromkeys("abcdef", found)).values()) == {"holds"}
    family = {name: dataclasses.replace(found) for name in "abcdefg"}
    assert set(judge_contrasts(family).values()) == {"inconclusive"}


def test_means_are_of_paired_differences():
    own = np.random.default_rng(3).random(8)
    found = contrast_means(own + np.linspace(0.4, 0.6, 8), own, generator=np.random.default_rng(1))
    assert found.centre == pytest.approx(0.5) and found.p_value == pytest.approx(2 / 2**8)
    assert 0.4 < found.interval[0] < 0.5 < found.interval[1] < 0.6 and found.ties == 0
    own[2] = np.nan
    assert math.isnan(contrast_means(own, np.zeros(8), generator=np.random.default_rng(1)).centre)
