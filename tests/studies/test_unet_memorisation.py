import numpy as np
import pytest

from companion.analysis.memorisation import distance_ratio
from companion.datasets.fashion_mnist import load
from companion.studies.unet_memorisation import (
    imbalance,
    imbalance_settings,
    natural_pairs,
    pair_setting,
    sample_sizes,
    sheet,
    summary,
)
from companion.studies.unet_recipes import ImageSetting
from companion.studies.unet_runs import by_setting, run_name, score_runs, train_side_by_side, trained

PAIRS = (("Bag", "Trouser"), ("Trouser", "Sneaker"))


def test_pairs_have_curves_clocks_and_controls(run_store, tiny_recipe):
    found = natural_pairs(PAIRS, 6, tiny_recipe, 2, 0)
    assert found.pair.values.tolist() == ["Bag / Trouser", "Trouser / Sneaker"]
    assert found.memorised.dims == ("pair", "replicate", "step", "label")
    assert found.time.sizes["clock"] == 6
    # Before training the model is the Gaussian of the data's variance: nothing is copied.
    assert (found.memorised_all.isel(step=0) == 0).all()
    assert (found.test_loss.isel(step=-1) < found.test_loss.isel(step=0)).mean() > 0.9
    # Held-out images: all 400 - 6 training ones and 150 test ones of each class.
    assert (found.null_queries == 2 * (394 + 150)).all()
    assert (found.null_memorised < 0.01 * found.null_queries).all()
    first, second = found.time.sel(label=0), found.time.sel(label=1)
    with np.errstate(invalid="ignore"):
        expected = np.log(second / first)
    both = np.isfinite(first) & np.isfinite(second)
    np.testing.assert_allclose(found.lead.where(both), expected.where(both), rtol=1e-12)


def test_a_pair_is_trained_once_for_all_that_use_it(run_store, tiny_recipe):
    setting = pair_setting(PAIRS[0], (6, 6))
    address = score_runs.address(conditions=(setting.condition(0),), recipe=tiny_recipe, seed=0)
    natural_pairs(PAIRS, 6, tiny_recipe, 2, 0)
    assert address.find() is not None
    train_side_by_side([setting, setting], tiny_recipe, 2, 0, block=1)
    assert sample_sizes(PAIRS[0], [6], tiny_recipe, 2, 0).sizes["size"] == 1


def test_a_sheet_shows_samples_beside_their_nearest_images(run_store, tiny_recipe):
    found = sheet(PAIRS[0], 6, tiny_recipe, 2, 0, rows=3)
    assert found.sample_picture.shape == (3, 3, 16, 16)
    drawn = pair_setting(PAIRS[0], (6, 6)).draw(
        load("embedded"), 16, run_name(pair_setting(PAIRS[0], (6, 6)), 0, 0)
    )
    real = drawn.pictures(drawn.train)
    shown = found.nearest_picture.values.reshape(-1, 16, 16)
    assert all(np.abs(real - one).max(axis=(1, 2)).min() < 1e-6 for one in shown)
    distances = np.sqrt(((found.sample_picture - found.nearest_picture) ** 2).sum(["height", "width"]))
    assert (distances > 0).all() and (found.ratio <= 1).all()
    with pytest.raises(ValueError, match=r"recipe\.shown"):
        sheet(PAIRS[0], 6, tiny_recipe.changed(shown=0), 1, 0)


def test_imbalance_separates_support_and_exposure(run_store, tiny_recipe):
    found = imbalance(PAIRS[0], 12, [6, 3], ["pair", "pixel"], tiny_recipe, 1, 0)
    assert found.exposure.values.tolist() == ["counts"] * 4 + ["equal", "swapped"]
    assert found.minority.values.tolist() == [6, 3, 6, 3, 3, 6]
    np.testing.assert_allclose(found.shown_share, [0.5, 0.25, 0.5, 0.25, 0.5, 0.25])
    settings = imbalance_settings(PAIRS[0], 12, [6, 3], ["pair", "pixel"])
    assert [setting.first_share for setting in settings] == [0, 0, 0, 0, 0.5, 0.25]


def test_a_sweep_over_shares_moves_nothing_hidden():
    data = load("embedded")
    settings = imbalance_settings(PAIRS[0], 12, [6, 3], ["pair"])
    drawn = [setting.draw(data, 16, run_name(setting, 0, 0)) for setting in settings]
    assert len({pair.second_moment for pair in drawn}) == 1
    assert all((pair.centre == drawn[0].centre).all() for pair in drawn)
    # The minority's images are among those of the balanced set.
    assert set(drawn[1].train_source[:3]) <= set(drawn[0].train_source[:6])


def test_records_hold_what_was_measured(run_store, tiny_recipe):
    runs = trained([pair_setting(PAIRS[0], (6, 6))], tiny_recipe, 2, 0, block=1)
    ratio = distance_ratio(runs.distance.values)
    assert ((ratio >= 0) & (ratio <= 1)).all()
    assert (runs.neighbour < 12).all()
    assert ((runs.neighbour.isel(neighbour_rank=0) >= 6) == (runs.neighbour_class == 1)).all()
    assert runs.weights.shape[0] == 2 and runs.first_count.values.tolist() == [6, 6]
    with pytest.raises(ValueError, match="no multiple"):
        by_setting(runs, "pair", 3)


def test_settings_are_checked_before_any_work():
    with pytest.raises(ValueError, match="gain"):
        ImageSetting(gain=0.0)
    with pytest.raises(ValueError, match="Dungaree"):
        pair_setting(("Dungaree", "Bag"), (6, 6)).draw(
            load("embedded"), 16, run_name(pair_setting(PAIRS[0], (6, 6)), 0, 0)
        )


def test_a_run_that_stopped_leaves_blanks_and_the_rest_stands(run_store, tiny_recipe):
    runs = trained([pair_setting(PAIRS[0], (6, 6))], tiny_recipe, 2, 0, block=1).copy(deep=True)
    whole = summary(runs, "pair", ["a"], 2)
    for name in ("distance", "checked_distance", "train_loss", "test_loss", "frechet"):
        runs[name] = runs[name].where(runs.replicate == 0)
    runs["sample_class"] = runs.sample_class.where(runs.replicate == 0, -1)
    found = summary(runs, "pair", ["a"], 2)
    assert found.memorised_all.sel(replicate=1).isnull().all()
    assert found.lead.isel(replicate=1, clock=0).isnull().all()
    np.testing.assert_array_equal(found.lead.isel(replicate=0), whole.lead.isel(replicate=0))
