"""First copies are found in the records of runs; curves and concordances are those of the times planted there."""

import numpy as np
import pytest
import xarray as xr

from companion.datasets.fashion_mnist import load
from companion.studies import unet_survival as studies
from companion.studies.unet_memorisation import pair_setting
from companion.studies.unet_recipes import Recipe
from companion.studies.unet_runs import run_name

PAIRS, COUNT = (("Bag", "Trouser"), ("Shirt", "Sneaker")), 8
STEPS = np.array([0, 10, 20, 40, 80])
RECIPE = Recipe(steps=80)


def runs_with(times):
    """Records of runs in which image i is copied by sample i from ``times`` (runs, images) on, and by no other."""
    images = times.shape[1]
    first = np.where(STEPS[:, None] >= times[:, None, :], 0.1, 0.9)  # (run, step, sample)
    distance = np.stack([first, np.ones_like(first)], axis=-1)
    distance[np.isnan(times).all(axis=1), 2:] = np.nan  # a run that stopped before the third checkpoint
    nearest = np.broadcast_to(np.arange(images)[:, None], (*first.shape, 1))
    neighbour = np.concatenate([nearest, (nearest + 1) % images], axis=-1).astype(np.int32)
    dims = ("condition", "step", "sample", "neighbour_rank")
    return xr.Dataset({"distance": (dims, distance), "neighbour": (dims, neighbour)}, {"step": STEPS})


@pytest.fixture
def planted():
    """Copy times of 2 pairs x 2 replicates; the second class later, and some images never."""
    draws = np.random.default_rng(0)
    times = draws.choice([10.0, 20.0, 40.0], size=(4, 2 * COUNT))
    times[:, COUNT:] = draws.choice([40.0, 80.0, np.inf], size=(4, COUNT))
    return times


@pytest.fixture
def study(project, monkeypatch):
    def call(times, pairs=PAIRS):
        monkeypatch.setattr(studies, "trained", lambda *_, **__: runs_with(times))
        return studies.copy_survival.evaluate_afresh(pairs, COUNT, RECIPE, len(times) // len(pairs), 0)

    return call


def test_planted_copies_are_found_with_their_censoring(study, planted):
    found = study(planted)
    assert found.copy_time.dims == ("pair", "replicate", "image")
    np.testing.assert_array_equal(found.copy_time.values.reshape(4, -1), planted)
    np.testing.assert_array_equal(found.image_label, np.repeat([0, 1], COUNT))
    assert found.class_name.sel(pair="Shirt / Sneaker").values.tolist() == ["Shirt", "Sneaker"]


def test_curves_are_shares_not_copied_and_pooled_over_replicates(study, planted):
    found = study(planted)
    own = planted.reshape(2, 2, 2, COUNT)  # pair, replicate, label, image
    wanted = (own[..., None] > STEPS).mean(axis=3)
    np.testing.assert_allclose(found.survival.transpose(..., "step"), wanted)
    np.testing.assert_allclose(found.pooled.transpose(..., "step"), wanted.mean(axis=1))
    inner = (found.pooled > 0) & (found.pooled < 1)
    assert inner.any()
    low, middle, high = (
        values.values[inner.values] for values in (found.pooled_low, found.pooled, found.pooled_high)
    )
    assert ((low < middle) & (middle < high)).all()
    outside = ~inner.values
    assert np.isnan(found.pooled_low.values[outside]).all()
    assert np.isnan(found.pooled_high.values[outside]).all()


def test_an_order_by_distance_is_told_within_classes_and_between_them(study):
    setting = pair_setting(PAIRS[0], (COUNT, COUNT))
    times = np.empty((2, 2 * COUNT))
    for replicate in range(2):
        pair = setting.draw(load("embedded"), 16, run_name(setting, replicate, 0))
        distance = np.linalg.norm(pair.train - pair.centroids[pair.train_labels], axis=1)
        for label in (0, 1):
            own = pair.train_labels == label
            order = np.argsort(np.argsort(distance[own]))
            times[replicate, own] = STEPS[1:][order // 2] if label == 0 else np.inf
    found = study(times, PAIRS[:1])
    concordance = found.concordance.isel(pair=0)
    # Larger distance, later copy: all comparable pairs of images of class 0 agree; class 1 is never copied.
    np.testing.assert_allclose(concordance.sel(predictor="centroid_distance"), 1)
    np.testing.assert_allclose(concordance.sel(predictor="label"), _between(times))
    assert (found.concordance_mean.sel(predictor="centroid_distance") == 1).all()
    np.testing.assert_allclose(found.centroid_distance[0, 1], distance, rtol=1e-5)


def _between(times):
    """Concordance of the class with copy times, by counting."""
    label, found = np.repeat([0, 1], COUNT), []
    for own in times:
        pairs = [(i, j) for i in range(own.size) for j in range(own.size) if own[i] < own[j]]
        found.append(np.mean([(np.sign(label[j] - label[i]) + 1) / 2 for i, j in pairs]))
    return found


def test_a_run_that_stopped_is_missing_and_nothing_else(study, planted):
    planted[1] = np.nan
    found = study(planted)
    assert np.isnan(found.copy_time.values[0, 1]).all()
    assert np.isnan(found.survival.values[0, 1]).all()
    assert np.isnan(found.concordance.values[0, 1]).all()
    wanted = (planted[0].reshape(2, COUNT)[..., None] > STEPS).mean(axis=1)
    np.testing.assert_allclose(found.pooled[0].transpose(..., "step"), wanted)
    assert np.isfinite(found.concordance.sel(predictor="label").values[0, 0])


def test_a_pair_without_copies_predicts_nothing(study):
    found = study(np.full((4, 2 * COUNT), np.inf))
    assert (found.pooled == 1).all()
    assert np.isnan(found.concordance).all()
    assert np.isnan(found.concordance_mean).all()


def test_a_flag_that_no_image_has_predicts_nothing(study, planted):
    found = study(planted)
    bare = ~found.twin.any("image")
    assert bare.any()
    assert np.isnan(found.concordance.sel(predictor="twin").values[bare.values]).all()
