"""Leads and distances of the twin have the values that closed forms and constructed curves give."""

import numpy as np
import pytest

from companion.studies.mixture_runs import TwinRecipe
from companion.studies.mixture_theory import (
    class_lead,
    closeness,
    mismatch,
    theory_curves,
    theory_leads,
    theory_losses,
    twin_clocks,
    twin_mixture,
)
from companion.studies.unet_recipes import ImageSetting
from companion.theory.score_losses import ridge_losses

RECIPE, SIZES = TwinRecipe(), (2.0, 8.0)
DIAL = ImageSetting(second="")


def test_leads_change_their_sign_with_the_classes_and_vanish_where_they_are_alike():
    narrow, alike, wide = theory_leads([DIAL.changed(gain=g) for g in (0.8, 1.0, 1.25)], RECIPE, SIZES, 0.1)
    np.testing.assert_allclose(alike, 0, atol=1e-6)
    assert (wide > 0.1).all()
    assert (narrow < -0.1).all()


def test_theory_curves_begin_at_one_and_end_on_the_ridge_path():
    mixture = twin_mixture(ImageSetting(), RECIPE)
    times, train, test = theory_losses(mixture, SIZES)
    np.testing.assert_allclose(np.stack([train, test])[:, :, 0], 1, atol=0.1)
    # A class may pay for the other for a while; both together never rise.
    assert (np.diff(train.mean(axis=0)) < 1e-6).all()
    ends = ridge_losses([0.0], mixture, *SIZES)
    np.testing.assert_allclose(train[:, -1], ends[0][0], atol=2e-3)
    np.testing.assert_allclose(test[:, -1], ends[1][0], atol=2e-3)
    found = theory_curves(mixture, SIZES, 0.1)
    np.testing.assert_array_equal(found.theory_test, test)
    assert (found.bayes < found.theory_test.min("eigen_time")).all()
    assert found.theory_time.dims == ("label", "clock")
    assert found.eigen_time.values[0] == times[0]


def test_the_reducible_loss_is_what_the_test_loss_falls():
    times = np.array([0.0, 10.0, 100.0, 1000.0])
    test = np.array([0.9, 0.5, 0.6, 0.7])
    gaps = np.array([0.0, 0.0, 0.0, 0.2])
    # Half of the fall from .9 to .5 is reached at the end; from 1, where the theory starts, it would not be.
    assert twin_clocks(times, test - gaps, test, 0.5)[1] == pytest.approx(1000.0)
    assert np.isinf(twin_clocks(times[1:], test[1:] - gaps[1:], test[1:], 0.5)[1])


def test_clocks_at_the_start_have_a_logarithm():
    stop, gap = twin_clocks([0.0, 5.0, 10.0], [0.0, 0.0, 0.0], [0.5, 0.6, 0.7], 0.1)
    assert (stop, gap) == (5.0, 5.0)


def test_two_classes_that_never_get_there_have_no_order():
    times = np.array([[[1.0], [np.e]], [[np.inf], [2.0]], [[2.0], [np.inf]], [[np.inf], [np.inf]]])
    np.testing.assert_array_equal(class_lead(times)[:, 0], [1.0, -np.inf, np.inf, np.nan])


def test_mismatch_finds_the_scale_of_time_and_what_is_left():
    eigen, steps = np.geomspace(1e-3, 1e4, 400), np.geomspace(1, 1e3, 20)
    predicted = np.stack([1 / (1 + eigen), 0.5 + 0.5 / (1 + eigen**2)])
    exact = np.stack([1 / (1 + 0.02 * steps), 0.5 + 0.5 / (1 + (0.02 * steps) ** 2)])
    distance, scale = mismatch(steps, np.stack([exact, exact + 0.1]), eigen, predicted)
    assert distance[0] < 3e-3
    assert scale[0] == pytest.approx(0.02, rel=0.02)
    assert 0.05 < distance[1] <= 0.1 + 1e-3
    missing, nowhere = mismatch(steps, np.full((2, 20), np.nan), eigen, predicted)
    assert np.isnan(missing)
    assert np.isnan(nowhere)


def test_closeness_takes_medians_and_leaves_out_what_is_unknown():
    leads = np.zeros((1, 3, 4, 2))
    leads[0, :, 0, 0] = [1.0, 2.0, 30.0]
    leads[0, :, 1, 0] = [np.inf] * 3
    leads[0, :, 2, 0] = [np.nan, 1.0, 1.0]
    leads[0, :, 3, 0] = [-1.0] * 3
    predicted = np.array([[1.5, np.nan], [1.0, np.nan], [1.0, np.nan], [1.0, np.nan]])
    found = closeness(leads, predicted)
    error, same, compared = (found[name][1][0] for name in ("lead_error", "same_order", "compared"))
    assert error[0] == pytest.approx(np.sqrt((0.5**2 + 2**2) / 2))
    assert (same[0], compared[0]) == (2, 3)
    assert np.isnan(error[1])
    assert (same[1], compared[1]) == (0, 0)


def test_predictions_are_compared_on_the_settings_that_all_of_them_reach():
    leads = np.array([[[[1.0], [3.0]]], [[[2.0], [np.inf]]]])
    found = closeness(leads, np.array([[1.5], [3.5]]))
    np.testing.assert_allclose(found["lead_error"][1], [[0.5], [0.5]])
    assert found["lead_settings"][1].tolist() == [1]
    assert found["compared"][1].tolist() == [[2], [2]]
    assert found["same_order"][1].tolist() == [[2], [2]]
