"""Mixtures have the moments of the images exactly or in the mean; runs of one replicate share what they can."""

import numpy as np
import pytest

from companion.datasets.fashion_mnist import load
from companion.studies import mixture_runs
from companion.studies.mixture_runs import TwinRecipe, image_moments, twin_name, twin_points, twins
from companion.studies.unet_dials import dialled_mixture
from companion.studies.unet_recipes import ImageSetting, Recipe
from companion.studies.unet_summaries import curves
from companion.theory.noise_schedule import NoiseSchedule

TINY = TwinRecipe(
    dimension=6, width=8, steps=12, first_checkpoint=3, checkpoints=3, loss_rows=8, held_out=40, ruler=60
)
PAIR = ImageSetting(first_count=5, second_count=7)


def test_points_have_the_variances_and_the_gram_matrix_of_the_images():
    recipe = TINY.changed(dimension=16, ruler=4000)
    points = twin_points(PAIR, recipe, twin_name(0, 3))
    pair = image_moments(PAIR, recipe)
    for label in (0, 1):
        cloud = points.ruler[points.ruler_labels == label].astype(float)
        # A variance from 64 000 numbers is right to 5 x .56 %, a mean to 5 x .016 deviations.
        assert cloud.var(axis=0).mean() == pytest.approx(pair.standard_deviations[label] ** 2, rel=0.028)
    means = np.stack([points.ruler[points.ruler_labels == label].mean(axis=0) for label in (0, 1)])
    np.testing.assert_allclose(means @ means.T / 16, pair.gram, atol=0.01)
    assert points.train.shape == (12, 16)
    assert points.train_labels.tolist() == [0] * 5 + [1] * 7
    assert points.train.dtype == np.float32


def test_moments_do_not_depend_on_what_is_drawn():
    few, many = (image_moments(PAIR.changed(first_count=count), TINY) for count in (1, 90))
    assert few.second_moment == many.second_moment
    np.testing.assert_array_equal(few.gram, many.gram)
    dial = ImageSetting(second="", gain=1.4)
    other = dial.everything(load("embedded"), 16, twin_name(3, 8))
    np.testing.assert_allclose(image_moments(dial, TINY).gram, other.gram, atol=1e-12)


def test_settings_of_a_replicate_share_points():
    name = twin_name(1, 3)
    points = twin_points(PAIR, TINY, name)
    fewer = twin_points(PAIR.changed(first_count=2, second_count=10), TINY, name)
    np.testing.assert_array_equal(fewer.train[:2], points.train[:2])
    np.testing.assert_array_equal(fewer.train[2:9], points.train[5:])
    np.testing.assert_array_equal(fewer.test, points.test)
    assert not np.isin(points.train, points.test).any()
    assert not np.isin(points.train, twin_points(PAIR, TINY, twin_name(2, 3)).train).any()


def test_a_gain_stretches_one_cloud_and_leaves_the_other():
    name, dial = twin_name(0, 3), ImageSetting(second="", first_count=6, second_count=4)
    plain, wide = (twin_points(dial.changed(gain=gain), TINY, name) for gain in (1.0, 2.0))
    np.testing.assert_array_equal(wide.train[6:], plain.train[6:])
    differences = [np.diff(points.train[:6].astype(float), axis=0) for points in (plain, wide)]
    np.testing.assert_allclose(differences[1], 2 * differences[0], atol=1e-6)


def test_the_time_of_the_theory_has_the_signal_to_noise_ratio_of_the_losses():
    mixture = dialled_mixture(PAIR, Recipe(), 0)
    index = mixture_runs.MIXTURE_INDICES[0]
    schedule, v = NoiseSchedule(), image_moments(PAIR, TINY).second_moment
    ratios = (schedule.signal / schedule.noise) ** 2 * v
    found = mixture.contraction**2 / mixture.noise_variance
    assert np.abs(np.log(ratios / found)).argmin() == index
    # In the theory's units the classes have a mean square of one.
    both = np.array(mixture.standard_deviations) ** 2 + np.diag(mixture.gram)
    assert both.mean() == pytest.approx(1, rel=1e-12)


def test_runs_are_recorded_and_repeat(project):
    found = twins(
        [PAIR, PAIR.changed(first_count=2)], TINY.changed(samples=40, sampler_steps=3), 2, 3, block=1
    )
    assert dict(found.sizes) | {"condition": 4, "step": 4, "label": 2, "sample": 40} == dict(found.sizes)
    assert found.step.values.tolist() == [0, 3, 6, 12]
    assert found.first_count.values.tolist() == [5, 5, 2, 2]
    assert (found.stopped_at == -1).all()
    for name in ("train_loss", "test_loss", "distance"):
        assert np.isfinite(found[name]).all(), name
    watched = curves(found)
    assert dict(watched.memorised.sizes) == {"condition": 4, "step": 4, "label": 2}
    assert (watched.coverage <= np.array([[5, 7], [5, 7], [2, 7], [2, 7]])[:, None]).all()
    again = mixture_runs.mixture_runs([PAIR.condition(1)], TINY, 3)
    np.testing.assert_array_equal(again.test_loss, found.test_loss.isel(condition=[1]))
    assert "distance" not in again


def test_plain_prediction_starts_at_a_loss_of_one(project):
    recipe = TINY.changed(dimension=32, held_out=256, loss_rows=256, prediction="eps_plain")
    start = twins([PAIR], recipe, 1, 3, block=1).isel(condition=0, step=0)
    # The mean of 8192 squared normal numbers has a standard deviation of .0156.
    np.testing.assert_allclose(start.test_loss, 1, atol=5 * 0.0156)


def test_preconditioned_prediction_starts_at_the_isotropic_score(project):
    recipe = TINY.changed(dimension=32, held_out=2000, loss_rows=2000)
    start = twins([PAIR], recipe, 1, 3, block=1).isel(condition=0, step=0)
    schedule, pair = NoiseSchedule(), image_moments(PAIR, TINY)
    index, v = mixture_runs.MIXTURE_INDICES[0], pair.second_moment
    signal, noise = schedule.signal[index] ** 2, schedule.noise[index] ** 2
    q = signal * v + noise
    second = pair.standard_deviations**2 + np.diag(pair.gram)
    # The noise is predicted as (s/q) x_t: what is missed of it has the mean square below.
    wanted = (signal * v / q) ** 2 + noise / q**2 * signal * second
    np.testing.assert_allclose(start.test_loss.squeeze(), wanted, rtol=0.02)


def test_an_exposure_of_its_own_is_refused(project):
    with pytest.raises(ValueError, match=r"first_share: .* allowed is 0"):
        mixture_runs.mixture_runs.function([PAIR.changed(first_share=0.3).condition(0)], TINY, 3)
