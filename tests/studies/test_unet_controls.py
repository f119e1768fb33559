"""Controls of the ratio criterion: counts against brute force, and the regimes in which it should fail."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import cdist

from companion.datasets.fashion_mnist import load
from companion.studies import unet_controls as studies
from companion.studies.unet_memorisation import pair_setting
from companion.studies.unet_recipes import Recipe
from companion.studies.unet_runs import run_name

PAIR, COUNT = ("Bag", "Trouser"), 16
RECIPE = Recipe(samples=64, sampler_steps=6)


def brute_force(queries, references):
    distances = np.sort(cdist(queries.astype(float), references.astype(float)), axis=1)
    return int((distances[:, 0] < distances[:, 1] / 3).sum())


@pytest.fixture(scope="module")
def counts():
    call = studies.criterion_sets.evaluate_afresh
    return call(PAIR, COUNT, RECIPE, 2, 0, sampler_steps=(5, 12), samples=96, twin_share=0.002)


def test_copies_are_those_of_brute_force():
    draws = np.random.default_rng(0)
    references = draws.standard_normal((12, 5)).astype(np.float32)
    queries = np.concatenate([references[:4] + 0.01, draws.standard_normal((30, 5))]).astype(np.float32)
    hits, size = studies.memorised(queries, references)
    assert size == 34
    assert hits == brute_force(queries, references) >= 4


def test_the_exact_score_copies_and_real_images_do_not(counts):
    assert (counts.exact_samples == 96).all()
    assert (counts.exact_memorised == 96).all()
    assert (counts.null_queries >= 1000).all()
    assert (counts.null_memorised <= 0.01 * counts.null_queries).all()
    np.testing.assert_array_equal(counts.class_memorised, counts.class_samples)
    assert (counts.class_samples.sum("label") <= 96).all()


def test_a_long_last_step_misses_copies_of_the_narrow_class(counts):
    coarse = counts.coarse_class_memorised.sum("set") / counts.coarse_class_samples.sum("set")
    assert float(coarse.sel(sampler_steps=5, label=1)) < 0.9
    assert float(coarse.sel(sampler_steps=5, label=0)) > float(coarse.sel(sampler_steps=5, label=1))
    assert (coarse.sel(sampler_steps=12) > 0.95).all()


def test_the_criterion_is_blind_for_twins(counts):
    assert (counts.twin_exact_memorised < 0.7 * 96).all()
    assert (counts.twin_null_memorised <= counts.null_memorised).all()


def test_twins_lie_where_they_are_said_to_be():
    one = studies._Set(pair_setting(PAIR, (COUNT, COUNT)), RECIPE, 0, 0)
    images = one.pair.train
    doubled = one.with_twins(0.05)
    assert doubled.shape == (4 * COUNT, 256)
    np.testing.assert_array_equal(doubled[: 2 * COUNT], images)
    apart = cdist(images, images)
    np.fill_diagonal(apart, np.inf)
    gap = np.linalg.norm(doubled[2 * COUNT :] - images, axis=1)
    np.testing.assert_allclose(gap, 0.05 * apart.min(axis=1), rtol=1e-4)


def test_training_sets_are_those_of_the_runs():
    setting = pair_setting(PAIR, (COUNT, COUNT))
    one = studies._Set(setting, RECIPE, 1, 3)
    np.testing.assert_array_equal(
        one.pair.train_source, setting.draw(load("embedded"), 16, run_name(setting, 1, 3)).train_source
    )
    trained = one.pair.train_source
    # Held out are all 800 training images of both classes but these, and 300 test images.
    assert len(one.held_out) == 800 - len(trained) + 300


def test_a_coarse_grid_ends_a_whole_step_before_no_noise():
    grid = studies.CoarseSchedule().sampling_grid(5)
    np.testing.assert_allclose(np.diff([*grid, 0]), -200, atol=1)
    with pytest.raises(ValueError, match="sampler steps: 0"):
        studies.CoarseSchedule().sampling_grid(0)


def finished_runs(ratios, kinds):
    """Runs whose last samples have these ratios (runs, samples), and classes."""
    distance = np.stack([ratios, np.ones_like(ratios)], axis=-1)[:, None].repeat(2, axis=1)
    distance[:, 0] = 1.0
    return xr.Dataset(
        {
            "distance": (("condition", "step", "sample", "neighbour_rank"), distance),
            "sample_class": (("condition", "step", "sample"), np.stack([kinds, kinds], axis=1)),
        },
        coords={"step": [0, 10]},
    )


@pytest.fixture
def controls(project, monkeypatch):
    draws = np.random.default_rng(1)
    ratios = np.where(draws.random((2, 64)) < 0.5, 0.11, 0.81)
    ratios[1] = np.nan  # a run that stopped
    kinds = np.where(ratios < 0.5, 0, 1).astype(np.int8)
    monkeypatch.setattr(studies, "trained", lambda *_, **__: finished_runs(ratios, kinds))
    found = studies.controls.evaluate_afresh(PAIR, COUNT, RECIPE, 2, 0, sizes=(4, 32), samples=64, sets=1)
    return found, ratios[0]


def test_ratios_of_finished_runs_fill_their_bins_and_stopped_ones_none(controls):
    found, ratios = controls
    low, high = (ratios < 0.5).mean(), (ratios > 0.5).mean()
    assert found.samples.sel(source="generated") == 64
    share = found.ratio_share.sel(source="generated")
    assert float(share.sel(bin=0.1125)) == pytest.approx(low)
    assert float(share.sel(bin=0.8125)) == pytest.approx(high)
    np.testing.assert_allclose(found.ratio_share.sum("bin"), 1)
    sweep = found.memorised.sel(source="generated")
    np.testing.assert_allclose(sweep.sel(threshold=[0.1, 0.34, 0.8, 0.9]), [0, low, low, 1])
    # All samples of class 0 are copies, none of class 1 is.
    by_class = found.memorised_class.sel(source="generated", threshold=0.5).values
    expected = [1.0 if (ratios < 0.5).sum() >= 30 else np.nan, 0.0 if (ratios > 0.5).sum() >= 30 else np.nan]
    np.testing.assert_array_equal(by_class, expected)
    assert found.attrs["root_seed"] == 0


def test_null_rates_are_those_of_the_first_images_of_the_class(controls):
    found, _ = controls
    wide = pair_setting(PAIR, (32, 32))
    name = run_name(wide, 0, 0)
    pair, everything = wide.draw(load("embedded"), 16, name), wide.everything(load("embedded"), 16, name)
    unseen = ~np.isin(everything.train_source, pair.train_source)
    for label in (0, 1):
        queries = np.concatenate(
            [
                everything.train[unseen & (everything.train_labels == label)],
                pair.test[pair.test_labels == label],
            ]
        )
        assert int(found.null_tried.sel(label=label)) == len(queries)
        for size in (4, 32):
            hits = brute_force(queries, pair.train[pair.train_labels == label][:size])
            rate = float(found.null_rate.sel(size=size, label=label))
            assert rate == pytest.approx(hits / len(queries))
            assert (
                found.null_low.sel(size=size, label=label)
                <= rate
                <= found.null_high.sel(size=size, label=label)
            )
