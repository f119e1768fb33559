"""Intervals and tests against closed forms, textbook numbers, simulation and their own symmetries."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from companion.analysis import statistics
from companion.analysis.statistics import (
    bootstrap_band,
    bootstrap_interval,
    fisher_exact,
    holm,
    kaplan_meier,
    log_ratio,
    median,
    restricted_mean,
    sign_flip_test,
    wilson_band,
    wilson_interval,
)

numbers = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))
differences = st.lists(numbers, min_size=1, max_size=10)
quick = settings(max_examples=50, deadline=None, derandomize=True)


def rng(seed=0):
    return np.random.default_rng(seed)


# Proportions


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (95, 100)])
def test_wilson_closed_form(successes, trials):
    z, share = stats.norm.ppf(0.975), successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    assert wilson_interval(successes, trials) == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_wilson_band_is_the_interval_of_every_cell():
    hits, runs = np.array([[0, 3, 7], [10, 2, 1]]), np.array([[10, 12, 8], [10, 12, 8]])
    lower, upper = wilson_band(hits, runs)
    for place in np.ndindex(hits.shape):
        assert (lower[place], upper[place]) == wilson_interval(int(hits[place]), int(runs[place]))
    lower, upper = wilson_band(hits, 20)
    assert (lower[1, 0], upper[1, 0]) == wilson_interval(10, 20)
    assert [ends.shape for ends in wilson_band(np.zeros((0, 2), dtype=int), 5)] == [(0, 2)] * 2
    assert np.isnan(wilson_band(0, 0)).all()
    with pytest.raises(ValueError, match="successes: 3 given"):
        wilson_band([1, 3], 2)


def test_wilson_textbook_numbers():
    # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0000, 0.1611), abs=5e-5)


def test_wilson_covers_as_promised():
    probability, trials = 0.9, 60
    outcomes = np.arange(trials + 1)
    intervals = np.array([wilson_interval(int(k), trials) for k in outcomes])
    inside = (intervals[:, 0] <= probability) & (probability <= intervals[:, 1])
    assert 0.93 < stats.binom.pmf(outcomes, trials, probability)[inside].sum() < 0.98


def test_no_trials_is_not_a_number():
    assert np.isnan(wilson_interval(0, 0)).all()
    assert np.isnan(fisher_exact(0, 0, 3, 5))


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_named(successes, trials):
    with pytest.raises(ValueError, match=f"successes: {successes} given"):
        wilson_interval(successes, trials)
    with pytest.raises(ValueError, match="number of trials, 3"):
        fisher_exact(1, 2, successes, trials)


def test_fisher_tea_tasting():
    # Fisher, The Design of Experiments (1935): 3 of 4 cups right, one-sided 17/70, two-sided 34/70.
    assert fisher_exact(3, 4, 1, 4, alternative="greater") == pytest.approx(17 / 70)
    assert fisher_exact(3, 4, 1, 4) == pytest.approx(34 / 70)


def test_fisher_nothing_against_nothing():
    assert fisher_exact(0, 60, 0, 60) == 1.0


# Families of tests


def test_holm_textbook_family():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_one_and_keeps_missing_members():
    assert holm([0.6, 0.9]).tolist() == [1.0, 1.0]
    adjusted = holm([0.01, np.nan, 0.02])
    assert adjusted[[0, 2]] == pytest.approx([0.03, 0.04])
    assert np.isnan(adjusted[1])


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_holm_between_raw_and_bonferroni_in_any_order(family, shuffler):
    adjusted = holm(family)
    assert np.all(adjusted >= np.array(family) - 1e-15)
    assert np.all(adjusted <= np.minimum(1, len(family) * np.array(family)) + 1e-15)
    order = list(range(len(family)))
    shuffler.shuffle(order)
    assert holm(np.array(family)[order]) == pytest.approx(adjusted[order])


# Bootstrap


def test_bootstrap_agrees_with_scipy_percentile(monkeypatch):
    monkeypatch.setattr(statistics, "_percentile_level", lambda replicates, confidence: (1 - confidence) / 2)
    values = rng(1).normal(size=12)
    ours = bootstrap_interval(values, generator=rng(2), resamples=20000)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20000, rng=rng(3))
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.03)


@pytest.mark.parametrize("seeds", [5, 8, 16])
def test_bootstrap_of_few_normal_seeds_covers_as_promised(seeds):
    generator = rng(seeds)
    samples = generator.normal(size=(1500, seeds))
    lower, upper = bootstrap_band(samples, generator=generator, resamples=1999)
    assert np.mean((lower <= 0) & (upper >= 0)) == pytest.approx(0.95, abs=0.025)


def test_bootstrap_repeats_with_its_generator():
    values = rng(4).normal(size=8)
    assert bootstrap_interval(values, generator=rng(5)) == bootstrap_interval(values, generator=rng(5))


@quick
@given(st.lists(numbers, min_size=2, max_size=9), numbers, st.floats(0.1, 10))
def test_bootstrap_moves_and_scales_with_the_values(values, shift, scale):
    lower, upper = bootstrap_interval(values, generator=rng(6), resamples=199)
    moved = bootstrap_interval(shift + scale * np.array(values), generator=rng(6), resamples=199)
    assert moved == pytest.approx((shift + scale * lower, shift + scale * upper), abs=1e-6)
    assert min(values) - 1e-9 <= lower <= upper <= max(values) + 1e-9


def test_wider_confidence_is_a_wider_interval():
    values = rng(7).normal(size=10)
    inner = bootstrap_interval(values, generator=rng(8), confidence=0.8)
    outer = bootstrap_interval(values, generator=rng(8), confidence=0.99)
    assert outer[0] < inner[0] < inner[1] < outer[1]


def test_pairs_are_redrawn_together():
    first = rng(9).normal(scale=100, size=8)
    second = first + 1 + rng(10).normal(scale=0.01, size=8)

    def shift(a, b, axis):
        return np.mean(b, axis=axis) - np.mean(a, axis=axis)

    lower, upper = bootstrap_interval(first, shift, generator=rng(11), paired=second)
    assert 0.9 < lower < 1 < upper < 1.1
    with pytest.raises(ValueError, match=r"paired: shape \(7,\) given"):
        bootstrap_interval(first, shift, generator=rng(11), paired=second[:7])


def test_a_band_redraws_the_same_seeds_at_every_point():
    curves = np.stack([rng(12).normal(size=6)] * 3)
    lower, upper = bootstrap_band(curves, generator=rng(13))
    assert lower.shape == (3,)
    assert np.ptp(lower) == np.ptp(upper) == 0
    assert (lower[0], upper[0]) == bootstrap_interval(curves[0], generator=rng(13))


def test_one_seed_says_nothing_and_a_missing_one_spoils_all():
    assert bootstrap_interval([3.0], generator=rng()) == (-np.inf, np.inf)
    assert np.isnan(bootstrap_interval([], generator=rng())).all()
    assert np.isnan(bootstrap_interval([1.0, np.nan, 2.0], generator=rng())).all()
    assert np.isnan(bootstrap_interval([1.0, -np.inf, np.inf, 2.0], generator=rng())).all()
    with pytest.raises(ValueError, match="one number per seed"):
        bootstrap_interval([[1.0, 2.0]], generator=rng())


def test_equal_seeds_give_a_point():
    assert bootstrap_interval([2.0] * 8, generator=rng()) == (2.0, 2.0)


# Sign flips


def _all_patterns(values, alternative):
    patterns = np.array(list(itertools.product((1, -1), repeat=len(values))))
    means, observed = patterns @ np.array(values), np.sum(values)
    slack = 1e-12 * np.abs(values).sum()
    if alternative == "two-sided":
        return np.mean(np.abs(means) >= abs(observed) - slack)
    sign = 1 if alternative == "greater" else -1
    return np.mean(sign * means >= sign * observed - slack)


@quick
@given(differences, st.sampled_from(["two-sided", "greater", "less"]))
def test_sign_flips_visit_every_pattern(values, alternative):
    assert sign_flip_test(values, alternative) == pytest.approx(_all_patterns(values, alternative))


@pytest.mark.parametrize("seeds", [5, 8])
def test_smallest_p_value_needs_enough_seeds(seeds):
    values = 1 + rng().random(seeds)
    assert sign_flip_test(values) == 2 / 2**seeds
    assert sign_flip_test(values, "greater") == 1 / 2**seeds
    assert sign_flip_test(values, "less") == 1.0


def test_sign_flips_reproduce_darwins_maize():
    # Fisher, The Design of Experiments (1935), section 21: 863 of 32768 patterns on each side.
    maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip_test(maize) == 2 * 863 / 2**15


@quick
@given(differences, st.sampled_from([0.25, 2.0, 1024.0]))
def test_sign_flips_ignore_units_and_direction(values, scale):
    assert sign_flip_test(np.array(values) * scale) == sign_flip_test(values)
    assert sign_flip_test(-np.array(values)) == sign_flip_test(values)
    assert sign_flip_test(-np.array(values), "less") == sign_flip_test(values, "greater")


def test_sign_flips_with_a_censored_pair_are_the_signed_rank_test():
    finite = np.array([0.3, -0.1, 0.7, 1.1, 0.2, 0.9, -0.4, 1.5])
    censored = finite.copy()
    censored[7] = np.inf
    expected = stats.wilcoxon(finite, method="exact").pvalue
    assert sign_flip_test(censored) == pytest.approx(expected)


def test_many_sign_flips_are_drawn():
    values = rng(14).normal(0.4, 1, size=24)
    drawn = sign_flip_test(values, generator=rng(15))
    assert drawn == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)
    assert sign_flip_test(np.ones(40), generator=rng(16)) == 1 / 100_000
    with pytest.raises(ValueError, match="generator: needed beyond 20 differences, 24 given"):
        sign_flip_test(values)


def test_sign_flips_without_numbers():
    assert np.isnan(sign_flip_test([]))
    assert np.isnan(sign_flip_test([1.0, np.nan]))
    assert sign_flip_test([0.0, 0.0, 0.0]) == 1.0
    with pytest.raises(ValueError, match="alternative: 'both' given"):
        sign_flip_test([1.0], "both")  # pyright: ignore[reportArgumentType]


# Censored times

times = st.one_of(st.floats(0, 1e6), st.just(np.inf))


def test_log_ratio_is_positive_where_the_first_comes_first():
    assert log_ratio([1.0, 4.0], [np.e, 2.0]) == pytest.approx([1.0, -np.log(2)])


def test_one_censored_orders_the_pair_and_two_are_a_tie():
    found = log_ratio([5.0, np.inf, np.inf, 0.0, 0.0], [np.inf, 5.0, np.inf, 3.0, 0.0])
    assert found.tolist() == [np.inf, -np.inf, 0.0, np.inf, 0.0]
    assert np.isnan(log_ratio([np.nan, 1.0], [1.0, np.nan])).all()
    with pytest.raises(ValueError, match=r"times_b: -1\.0 given"):
        log_ratio([1.0], [-1.0])


@quick
@given(st.lists(st.tuples(times, times), min_size=1, max_size=6))
def test_log_ratio_changes_sign_with_the_order(pairs):
    first, second = np.array(pairs).T
    assert log_ratio(first, second).tolist() == (-log_ratio(second, first) + 0.0).tolist()


@quick
@given(st.lists(numbers, min_size=1, max_size=9))
def test_median_of_numbers_is_numpys(values):
    assert float(median(values)) == pytest.approx(np.median(values))


def test_median_knows_infinities():
    assert median([-np.inf, np.inf, 1.0]) == 1.0
    assert median([-np.inf, np.inf]) == 0.0
    assert median([1.0, np.inf]) == np.inf
    assert median([np.inf, np.inf, 2.0]) == np.inf
    assert median([[1.0, 2.0], [3.0, -np.inf]], axis=0).tolist() == [2.0, -np.inf]


def test_bootstrap_of_a_median_takes_censored_pairs():
    lower, upper = bootstrap_interval([0.5, 0.7, np.inf, 0.6, 0.9, 0.8, 0.4, 1.0], median, generator=rng(17))
    assert 0.4 <= lower < 0.75 < upper


# Freireich et al., Blood 21 (1963) 699: weeks in remission under 6-MP, the textbook example.
WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_kaplan_meier_textbook_remissions():
    curve = kaplan_meier(WEEKS, np.array(RELAPSED, dtype=bool))
    drops = dict(zip(curve.times.tolist(), curve.probability.tolist(), strict=True))
    expected = {6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482}
    assert {week: drops[week] for week in expected} == pytest.approx(expected, abs=5e-5)
    assert curve.end == 35
    assert np.all(curve.lower < curve.probability)
    assert np.all(curve.probability < curve.upper)


def test_without_censoring_survival_is_the_share_still_waiting():
    sample = rng(18).permutation(np.arange(1.0, 21.0))
    curve = kaplan_meier(sample, np.ones(20, dtype=bool))
    assert curve.probability == pytest.approx(1 - np.arange(1, 21) / 20)
    assert restricted_mean(sample, np.ones(20, dtype=bool), 50.0) == pytest.approx(sample.mean())
    assert restricted_mean(sample, np.ones(20, dtype=bool), 7.0) == pytest.approx(
        np.minimum(sample, 7).mean()
    )


def test_restricted_mean_with_common_end_is_the_mean_of_what_was_watched():
    watched = np.array([2.0, 3.0, 10.0, 10.0])
    assert restricted_mean(watched, watched < 10, 10.0) == pytest.approx(watched.mean())


def test_restricted_mean_recovers_an_exponential_under_censoring():
    generator = rng(19)
    event, end = generator.exponential(1.0, 20000), generator.uniform(0, 4, 20000)
    found = restricted_mean(np.minimum(event, end), event <= end, 2.0)
    assert found == pytest.approx(1 - np.exp(-2), abs=0.015)


def test_nothing_ever_happened():
    curve = kaplan_meier([3.0, 3.0], [False, False])
    assert curve.probability.tolist() == [1.0]
    assert np.isnan(curve.upper).all()
    assert restricted_mean([3.0, 3.0], [False, False], 2.0) == 2.0
    with pytest.raises(ValueError, match=r"horizon: 4\.0 given, allowed is up to 3\.0"):
        restricted_mean([3.0, 3.0], [False, False], 4.0)


@pytest.mark.parametrize("bad", [[], [1.0, np.inf], [np.nan]])
def test_survival_needs_finite_times(bad):
    with pytest.raises(ValueError, match="times: allowed are finite"):
        kaplan_meier(bad, [True] * len(bad))
