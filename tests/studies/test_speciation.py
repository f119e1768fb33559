"""The stored experiments on speciation agree with the closed forms and with each other."""

import numpy as np
import pytest

from companion.studies import learned_speciation, speciation


def test_clones_follow_the_attribution_curves(project):
    found = speciation.attribution_curves([0.1], 32, 150, 3, 0)
    assert found.curve.dims == ("curve_weight", "time", "role")
    lines = found.curve.interp(time=found.start)
    assert float(np.abs(found.ended.mean("draw") - lines).max()) < 0.06
    assert (found.curve.diff("time") < 1e-3).all()


def test_clones_of_all_starts_stand_at_their_times(project):
    found = speciation.attribution_curves([0.3333333333333333], 16, 40, 2, 1)
    early, late = found.ended.mean(["draw", "role"]).isel(curve_weight=0, start=[0, -1]).values
    assert early > 0.9 > 0.6 > late


def test_times_are_those_of_the_closed_forms(project):
    found = speciation.times_against_weight([0.1, 0.01], 64, 1024, 3, 0, line_points=3)
    np.testing.assert_allclose(found.closed, [1.6858, 1.3169], atol=1e-4)
    np.testing.assert_allclose(found.two_absolute, found.closed.broadcast_like(found.two_absolute), rtol=5e-3)
    np.testing.assert_allclose(found.three.mean("draw")[:, 2], [1.519, 1.234], atol=5e-3)
    np.testing.assert_allclose(found.three_line[[0, -1], 1], [1.234, 1.519], atol=5e-3)
    assert (found.turned.std("draw") > 5 * found.three.std("draw")).all()


def test_other_roots_draw_other_points(project):
    first, second = (
        speciation.times_against_weight([0.1], 16, 64, 2, seed, line_points=2) for seed in (0, 1)
    )
    assert (first.three != second.three).all()
    assert first.closed.equals(second.closed)


def test_growth_has_the_slopes_of_the_laws(project):
    found = speciation.growth_with_dimension([256, 4096], [1.3, 0.7], 1024, 2, 0)
    slopes = found.measured.mean("draw").diff("dimension").values.ravel() / np.log(16)
    np.testing.assert_allclose(slopes, [0.5, 0.25], atol=5e-3)
    np.testing.assert_allclose(found.measured.mean("draw"), found.law, rtol=0.01)


def test_the_overview_holds_its_parts(project):
    whole = speciation.overview([0.1], [0.1, 0.01], 16, [16, 64], [1.3, 0.7], 64, 5, 2, 3)
    part = speciation.times_against_weight([0.1, 0.01], 16, 64, 2, 3)
    assert whole.three.equals(part.three)
    assert whole.sizes["growth_dimension"] == 2
    assert (whole.attrs["dimension"], whole.attrs["root_seed"]) == (16, 3)


@pytest.fixture
def learned(project):
    return learned_speciation.learned_speciation(
        0.1, 16, 24.0, 4.0, [0.0, 1000.0], 300, 3, 0, starts=9, steps=24
    )


def test_shares_are_learned_and_the_control_is_exact(learned):
    share = learned.share.mean("draw")
    assert float(share.sel(training=0.0, role="minority")) > 0.25
    assert float(share.sel(training=1000.0, role="minority")) == pytest.approx(0.1, abs=0.04)
    np.testing.assert_allclose(
        2 * learned.share.sel(role="majority") + learned.share.sel(role="minority"), 1.0
    )
    lines = learned["curve"].interp(moment=learned.start)
    assert float(np.abs(learned.control_attribution.mean("draw") - lines).max()) < 0.06


def test_delay_comes_with_training(learned):
    delay = (learned.time.sel(role="majority") - learned.time.sel(role="minority")).mean("draw").values
    assert delay[1] > delay[0] + 0.1
    assert (learned.time.sel(training=1000.0).mean("draw") < learned.exact_time).all()


def test_more_draws_keep_the_first_ones(project):
    few, more = (
        learned_speciation.learned_speciation(0.2, 6, 6.0, 2.0, [1.0], 4, draws, 0, starts=3, steps=6)
        for draws in (1, 2)
    )
    assert few.attribution.isel(draw=0).equals(more.attribution.isel(draw=0))


def test_starts_rise_from_the_latest_time():
    places = learned_speciation.start_places(36, 11)
    assert places == sorted(set(places))
    assert (places[0], places[-1]) == (0, 24)
