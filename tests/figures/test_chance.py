"""What replicates and intervals say about a difference."""

import numpy as np
import pytest

from companion.analysis.statistics import sign_flip_test
from companion.figures.chance import Chance, corrected, judge_chance
from companion.figures.matching import Match


def match(a, b, replicates=None, **others):
    """Two columns "x" side by side, with further columns as pairs."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    sides = [
        {"x": each} | {name: np.asarray(pair[side]) for name, pair in others.items()}
        for side, each in ((0, a), (1, b))
    ]
    keys = ("step",) if replicates is None else ("step", "random_draw")
    places = {"step": list(range(a.size)), "random_draw": replicates}
    return Match(keys, *sides, places, a.size, 0, 0)


def test_a_shift_that_all_replicates_share_is_significant():
    a, shift = np.linspace(0, 1, 16), np.tile([0.2, 0.4], 8)
    chance = judge_chance(match(a, a + shift, np.repeat(range(8), 2)), "x", ["x"])
    assert (chance.replicates, chance.p_value) == (8, 2 / 2**8)
    assert chance.shift == pytest.approx(0.3)
    (judged,) = corrected([chance])
    assert (
        judged.significant and judged.words == "significant: B - A = +0.3 on average over 8 pairs, p = 0.0078"
    )


def test_differences_of_both_signs_are_not():
    shifts = [0.5, -0.4, 0.3, -0.6, 0.1, -0.2]
    chance = judge_chance(match(np.zeros(6), shifts, range(6)), "x", ["x"])
    assert chance.p_value == sign_flip_test(shifts)
    assert corrected([chance])[0].words.startswith("not significant: B - A = -0.05 on average over 6 pairs")


def test_rows_of_a_replicate_count_as_one():
    a = np.zeros(24)
    shifts = np.repeat([1.0, -1.0, 1.0, -1.0, 1.0, -1.0], 4)
    assert judge_chance(match(a, shifts, np.repeat(range(6), 4)), "x", ["x"]).replicates == 6


def test_few_replicates_are_not_tested():
    chance = judge_chance(match([0, 0], [1, 1], range(2)), "x", ["x"])
    assert chance.p_value is None and chance.words == "B - A = +1 on average over 2 pairs, too few to test"
    assert corrected([chance]) == [chance]


def test_more_than_the_exact_test_takes_are_drawn_the_same_each_time():
    values = np.random.default_rng(1).normal(0.1, 1, 40)
    found = [judge_chance(match(np.zeros(40), values, range(40)), "x", ["x"]) for _ in range(2)]
    assert found[0] == found[1] and found[0].p_value is not None


def test_times_never_reached_are_ordered_and_missing_numbers_refuse_a_test():
    never = np.full(6, np.inf)
    reached = judge_chance(match(never, np.arange(6.0), range(6)), "x", ["x"])
    assert reached.p_value == 2 / 2**6 and reached.shift is None
    assert "B - A not finite" in corrected([reached])[0].words
    both_ways = judge_chance(
        match([np.inf, 1, 2] * 6, [1, np.inf, 3] * 6, np.repeat(range(6), 3)), "x", ["x"]
    )
    assert both_ways.p_value == 2 / 2**6
    missing = judge_chance(match([np.nan, *np.ones(6)], np.ones(7), range(7)), "x", ["x"])
    assert missing.p_value is None and "missing on one side" in missing.words
    neither = judge_chance(match([np.nan, *np.zeros(6)], [np.nan, *np.ones(6)], range(7)), "x", ["x"])
    assert neither.replicates == 6


def test_p_values_are_corrected_for_all_that_were_tested():
    family = [Chance("", 8, 0.1, 0.01), Chance("text"), Chance("", 8, 0.1, 0.04)]
    words = [chance.words for chance in corrected(family)]
    assert words[0].endswith("p = 0.02, Holm over 2 columns") and words[1] == "text"
    assert words[2].startswith("significant") and words[2].endswith("p = 0.04, Holm over 2 columns")


@pytest.mark.parametrize(
    ("ends", "column"), [(("x_low", "x_high"), "x"), (("x_lower", "x_upper"), "x"), (("lower", "upper"), "x")]
)
def test_without_replicates_intervals_of_the_table_are_asked(ends, column):
    low, high = ends
    apart = match([0, 0], [0.1, 5], **{low: ([-1, -1], [-1, 4]), high: ([1, 1], [1, 6])})
    assert judge_chance(apart, column, ["x", low, high]).words == "intervals lie apart in 1 of 2 rows"
    over = match([0, 0], [0.1, 0.2], **{low: ([-1, -1], [-1, -1]), high: ([1, 1], [1, 1])})
    assert judge_chance(over, column, ["x", low, high]).words == "intervals overlap in all rows"


def test_columns_that_do_not_enclose_a_number_are_not_its_interval():
    other = match([7, 7], [8, 8], lower=([0, 0], [0, 0]), upper=([1, 1], [1, 1]))
    assert judge_chance(other, "x", ["x", "lower", "upper"]).words == "no replicates: chance not judged"
    assert judge_chance(other, "upper", ["x", "lower", "upper"]).words == "an end of an interval"
