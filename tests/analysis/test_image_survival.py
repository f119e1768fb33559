"""Copy times of training images: censored right, ordered by what orders them, tested over runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from companion.analysis.image_survival import (
    association,
    class_survival,
    concordance,
    image_predictors,
    log_rank,
    survival_curves,
)
from companion.compute.seeds import generator

TIMES = np.geomspace(10, 1000, 8)


def drawn(name, *shape, end=1000.0):
    """Copy times on the grid of checkpoints, about a third censored."""
    times = generator(0, "times", name).exponential(900.0, size=shape)
    index = np.searchsorted(TIMES, times)
    return np.where(times > end, np.inf, TIMES[np.minimum(index, TIMES.size - 1)])


def harrell(times, values, strata):
    """The index by its definition, pair by pair."""
    agreeing = pairs = 0.0
    for i in range(len(times)):
        for j in range(len(times)):
            if times[i] < times[j] and strata[i] == strata[j]:
                pairs += 1
                agreeing += 1.0 if values[i] < values[j] else 0.5 if values[i] == values[j] else 0.0
    return agreeing / pairs


def test_concordance_is_harrells_index():
    draws = generator(0, "harrell")
    times, strata = drawn("harrell", 3, 2, 40), draws.integers(2, size=40)
    values = draws.integers(6, size=(2, 40)).astype(float)
    plain, split = concordance(times, values), concordance(times, values, strata)
    assert plain.shape == split.shape == (3, 2)
    for place in np.ndindex(3, 2):
        assert plain[place] == pytest.approx(harrell(times[place], values[place[1]], np.zeros(40)))
        assert split[place] == pytest.approx(harrell(times[place], values[place[1]], strata))


@given(st.integers(0, 1000))
def test_only_orders_matter_and_the_reverse_order_is_the_rest(seed):
    draws = np.random.default_rng(seed)
    times = np.where(draws.random(15) < 0.3, np.inf, draws.integers(1, 6, size=15))
    times[0] = 0.0
    values = draws.standard_normal(15)
    found = concordance(times, values)
    np.testing.assert_allclose(concordance(times**2, np.exp(values)), found)
    np.testing.assert_allclose(concordance(times, -values), 1 - found)


def test_blocks_do_not_matter(monkeypatch):
    times, values = drawn("blocks", 2, 50), generator(0, "blocks").standard_normal(50)
    whole = concordance(times, values)
    monkeypatch.setattr("companion.analysis.image_survival._BLOCK", 200)
    np.testing.assert_array_equal(concordance(times, values), whole)


def test_without_comparable_pairs_nothing_is_known():
    assert np.isnan(concordance([np.inf, np.inf], [0.0, 1.0]))
    assert np.isnan(concordance([5.0, 5.0], [0.0, 1.0]))
    assert np.isnan(concordance([1.0, 5.0], [0.0, 1.0], [0, 1]))
    assert np.isnan(concordance([1.0, 5.0], [0.0, np.nan]))


def test_log_rank_is_scipys():
    draws = generator(0, "rank")
    times, group = drawn("rank", 3, 60), draws.random(60) < 0.4
    found = log_rank(times, group)
    for run in range(3):
        watched, seen = np.minimum(times[run], 1000.0), np.isfinite(times[run])
        sides = [
            stats.CensoredData(uncensored=watched[side & seen], right=watched[side & ~seen])
            for side in (group, ~group)
        ]
        assert found[run] == pytest.approx(stats.logrank(*sides).statistic)
    np.testing.assert_allclose(log_rank(times, ~group), -found)


def test_log_rank_is_standard_normal_without_a_difference_and_strata_take_one_away():
    times = drawn("null", 4000, 40)
    group = np.arange(40) % 2 == 0
    z = log_rank(times, group)
    assert abs(z.mean()) < 4 / np.sqrt(4000)
    assert z.std() == pytest.approx(1.0, abs=0.05)
    # Stratum 1 is copied thirty times as late and is mostly outside of the group: Simpson's paradox.
    strata = np.repeat([0, 1], 20)
    late = np.where(strata == 1, 30 * times, times)
    mostly = np.where(strata == 0, np.arange(40) % 4 > 0, np.arange(40) % 4 == 0)
    assert log_rank(late, mostly).mean() > 20 / np.sqrt(4000)
    assert abs(log_rank(late, mostly, strata).mean()) < 4 / np.sqrt(4000)
    assert concordance(late, -mostly.astype(float)).mean() > 0.55
    assert concordance(late, -mostly.astype(float), strata).mean() == pytest.approx(0.5, abs=0.01)


def test_nothing_copied_gives_no_statistic():
    assert np.isnan(log_rank(np.full(6, np.inf), [True, True, True, False, False, False]))
    assert np.isnan(log_rank([1.0, 2.0], [True, True]))


def test_survival_of_a_class_is_the_share_not_copied():
    times, labels = drawn("curves", 4, 30), np.repeat([0, 1], [10, 20])
    curves = survival_curves(times, labels, 3, TIMES)
    assert curves.shape == (4, 3, 8)
    assert np.isnan(curves[:, 2]).all()
    for run, label, moment in np.ndindex(4, 2, 8):
        own = times[run, labels == label]
        assert curves[run, label, moment] == pytest.approx((own > TIMES[moment]).mean())
    one = class_survival(times[0], labels, 1000.0)
    assert sorted(one) == [0, 1]
    for label, curve in one.items():
        places = np.searchsorted(TIMES, curve.times)
        np.testing.assert_allclose(curve.probability, curves[0, label, places], atol=1e-12)
        inside = (curve.probability > 0) & (curve.probability < 1)
        assert (curve.lower[inside] < curve.probability[inside]).all()
        assert (curve.probability[inside] < curve.upper[inside]).all()
    pooled = class_survival(times, labels, 1000.0)[1]
    assert pooled.probability[-1] == pytest.approx(np.isinf(times[:, 10:]).mean())


def test_what_is_no_copy_time_is_refused():
    for wrong in ([-1.0, 2.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="copy_times"):
            concordance(wrong, [0.0, 1.0])
    with pytest.raises(ValueError, match="end: 5"):
        class_survival([1.0, 10.0], [0, 0], 5.0)
    with pytest.raises(ValueError, match="strata"):
        concordance([1.0, 2.0], [0.0, 1.0], [0])
    with pytest.raises(ValueError, match="group"):
        log_rank([1.0, 2.0], [True])
    with pytest.raises(ValueError, match="labels"):
        class_survival([1.0, 2.0], [0], 5.0)
    with pytest.raises(ValueError, match="runs"):
        association([1.0, 2.0], [0.0, 1.0], generator=generator(0))


def test_predictors_are_distances_within_the_class():
    draws = generator(0, "predictors")
    images, labels = draws.standard_normal((40, 6)), np.repeat([0, 1], [12, 28])
    images[3] = images[2] + 1e-3
    found = image_predictors(images, labels, neighbour=4)
    assert found.sizes == {"image": 40}
    for label in (0, 1):
        own = images[labels == label]
        gaps = np.sort(np.linalg.norm(own[:, None] - own, axis=2), axis=1)
        part = found.isel(image=labels == label)
        np.testing.assert_allclose(part.neighbour_distance, gaps[:, 1], rtol=1e-9)
        np.testing.assert_allclose(part.density_distance, gaps[:, 4], rtol=1e-12)
        np.testing.assert_allclose(part.centroid_distance, np.linalg.norm(own - own.mean(0), axis=1))
    assert np.flatnonzero(found.twin).tolist() == [2, 3]
    moved = image_predictors(images, labels, centroids=np.zeros((2, 6)))
    np.testing.assert_allclose(moved.centroid_distance, np.linalg.norm(images, axis=1))
    few = image_predictors(np.eye(4), [0, 0, 0, 1], neighbour=3)
    assert np.isnan(few.density_distance).all()
    assert np.isnan(few.neighbour_distance).values.tolist() == [False, False, False, True]


def test_association_is_judged_over_runs():
    draws = generator(0, "runs")
    values = draws.standard_normal((8, 60))
    times = np.exp(values + draws.standard_normal((8, 60)))
    times[times > 3] = np.inf
    found = association(times, values, generator=generator(0, "interval"))
    np.testing.assert_array_equal(found.concordance, concordance(times, values))
    assert found.p_value == pytest.approx(2 / 2**8)
    assert 0.5 < found.lower < found.mean < found.upper < 1
    shuffled = association(times, draws.permuted(values, axis=1), generator=generator(0, "interval"))
    assert shuffled.lower < 0.5 < shuffled.upper
    assert shuffled.p_value > 0.05
    again = association(times, values, generator=generator(0, "interval"))
    assert (again.lower, again.upper) == (found.lower, found.upper)
