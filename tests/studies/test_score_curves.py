"""Stored learning curves: paired draws, settings by name, and closeness to the theory."""

import numpy as np
import pytest
import xarray as xr

from companion.studies import score_curves
from companion.studies.score_settings import SETTINGS, ScoreSetting, two_classes

#: Small enough for a fraction of a second: p = 3 d features, n = 2 d points.
TINY = two_classes(deviations=(1.2, 0.8), gram=(1, 1), sizes=(2, 3))
OTHER = two_classes(deviations=(1.5, 0.5), sizes=(2, 3))


@pytest.fixture
def models(monkeypatch):
    """The dimensions of the models that were trained, one for each."""
    trained, draw_features = [], score_curves.draw_features

    def counting(mixture, features, dimension, *arguments, **named):
        trained.append(dimension)
        return draw_features(mixture, features, dimension, *arguments, **named)

    monkeypatch.setattr(score_curves, "draw_features", counting)
    return trained


def test_curves_begin_untrained_and_training_loss_only_falls(project):
    curves = score_curves.simulated_curves({"a": TINY, "b": OTHER}, 10, 2, 0, moments=41)
    assert curves.train.dims == curves.test.dims == ("setting", "draw", "time", "label")
    assert curves.sizes == {"setting": 2, "draw": 2, "time": 41, "label": 2} | {
        "share": 4,
        "margin": 4,
        "gap": 2,
    }
    start = curves.isel(time=0)
    assert ((start.train > 0.9) & (start.train < 1)).all()
    total = 0.5 * curves.train.sum("label")
    assert (total.diff("time") < 1e-12).all()
    assert (curves.test.isel(time=-1) > curves.train.isel(time=-1)).all()
    assert curves.attrs["dimension"] == 10
    assert curves.attrs["root_seed"] == 0


def test_names_select_settings_in_whatever_order_they_are_given(project):
    forward = score_curves.simulated_curves({"a": TINY, "b": OTHER}, 8, 1, 0, moments=9)
    backward = score_curves.simulated_curves({"z": TINY, "b": OTHER}, 8, 1, 0, moments=9)
    assert backward.setting.values.tolist() == ["b", "z"]
    xr.testing.assert_equal(forward.sel(setting="b"), backward.sel(setting="b"))
    for name in ("train", "test", "gen_passage", "reducible"):
        np.testing.assert_array_equal(forward[name].sel(setting="a"), backward[name].sel(setting="z"))
        assert not np.array_equal(forward[name].sel(setting="a"), forward[name].sel(setting="b"))


def test_more_draws_compute_only_the_new_ones(project, models, monkeypatch):
    monkeypatch.setattr(score_curves, "_draws_together", lambda dimension: 1)
    few = score_curves.simulated_curves({"a": TINY, "b": OTHER}, 20, 1, 0, moments=9)
    assert models == [20] * 2
    more = score_curves.simulated_curves({"a": TINY, "b": OTHER}, 20, 2, 0, moments=9)
    assert models == [20] * 4
    np.testing.assert_array_equal(more.test.isel(draw=[0]), few.test)
    score_curves.simulated_curves({"a": TINY, "c": OTHER}, 20, 2, 0, moments=9)
    assert models == [20] * 4
    score_curves.simulated_curves({"a": TINY}, 20, 1, 1, moments=9)
    assert models == [20] * 5


def test_draws_of_small_models_come_in_batches_of_five(project, models):
    four = score_curves.simulated_curves({"a": TINY, "b": OTHER}, 10, 4, 0, moments=9)
    assert (four.sizes["draw"], len(models)) == (4, 10)
    five = score_curves.simulated_curves({"a": TINY, "b": OTHER}, 10, 5, 0, moments=9)
    assert len(models) == 10
    np.testing.assert_array_equal(five.test.isel(draw=slice(4)), four.test)
    score_curves.simulated_curves({"a": TINY, "b": OTHER}, 10, 8, 0, moments=9)
    assert len(models) == 20


def test_draws_share_their_noise_across_settings(project):
    near = two_classes(deviations=(1.2001, 0.8), gram=(1, 1), sizes=(2, 3))
    curves = score_curves.simulated_curves({"a": TINY, "b": near}, 10, 2, 0, moments=9).test
    between_settings = abs(curves.sel(setting="a") - curves.sel(setting="b")).max()
    between_draws = abs(curves.isel(draw=0) - curves.isel(draw=1)).max()
    assert between_draws > 1e-2
    assert 0 < between_settings < 1e-3


def test_seeds_and_dimensions_have_their_own_noise(project):
    first, again, other = (
        score_curves.simulated_curves({"a": TINY}, 8, 1, seed, moments=9).test for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 1e-2


def test_weights_in_the_loss_default_to_the_shares(project):
    rare = two_classes(deviations=(1.2, 0.8), gram=(16, 16), share=0.25, sizes=(2, 3))
    same, equal = rare.changed(class_weights=(0.25, 0.75)), rare.changed(class_weights=(0.5, 0.5))
    settings = {"rare": rare, "same": same, "equal": equal}
    for curves in (
        score_curves.simulated_curves(settings, 8, 1, 0, moments=9),
        score_curves.theory_curves(settings, moments=9),
    ):
        loss = curves.train.isel(label=0)
        np.testing.assert_allclose(loss.sel(setting="rare"), loss.sel(setting="same"), rtol=1e-9)
        learning = loss.sel(time=20, method="nearest")
        assert (learning.sel(setting="equal") < learning.sel(setting="rare") - 0.01).all()


def test_clocks_of_the_theory_are_those_of_the_printed_run(project):
    """Two variances without centroids: the four times of run V0, to their printed digits."""
    theory = score_curves.theory_curves({"V0": SETTINGS["V0"]}).sel(setting="V0")
    np.testing.assert_allclose(theory.gen_passage.sel(share=0.5), [0.0339, 0.148], rtol=5e-3)
    np.testing.assert_allclose(theory.mem_gap_absolute.sel(gap=0.05), [0.409, 34.4], rtol=5e-3)
    np.testing.assert_allclose(theory.reducible, 1 - SETTINGS["V0"].mixture.bayes_losses)
    assert theory.time.size == 281
    assert theory.test.dims == ("time", "label")


def test_theory_and_simulation_close_with_dimension(project):
    runs = {name: SETTINGS[name] for name in ("G1", "V2")}
    theory = score_curves.theory_curves(runs)
    distance = {}
    for dimension, draws in ((12, 4), (40, 2)):
        curves = score_curves.simulated_curves(runs, dimension, draws, 0)
        passage = curves.gen_passage.sel(share=0.5) / theory.gen_passage.sel(share=0.5)
        distance[dimension] = float(abs(np.log(passage)).median())
        # Which class is first is the same as in the theory, draw by draw.
        for clock in (curves.gen_passage.sel(share=0.5), curves.early_stop):
            assert (clock.sel(setting="V2", label=0) < clock.sel(setting="V2", label=1)).all()
    assert distance[40] < 0.1
    assert distance[40] < 0.6 * distance[12]


def test_clocks_of_a_curve_that_is_known():
    """Test loss falls by r (1 - e^-T) and later rises; the gap grows as .2 T/(T + 20)."""
    time = np.geomspace(1e-3, 1e3, 2001)
    reducible = np.array([0.8, 0.4])
    gap = 0.2 * time / (time + 20)
    test = 1 - reducible * -np.expm1(-time)[:, None] + 1e-4 * time[:, None]
    train = test - gap[:, None]
    curves = xr.Dataset(
        {
            "train": (("draw", "time", "label"), train[None]),
            "test": (("draw", "time", "label"), test[None]),
            "reducible": ("label", reducible),
        },
        coords={"time": time},
    )
    found = score_curves.clocks(curves).isel(draw=0)
    np.testing.assert_allclose(found.gen_passage.sel(share=0.5), np.log(2) * np.ones(2), rtol=1e-3)
    np.testing.assert_allclose(found.gen_passage.sel(share=0.9), np.log(10) * np.ones(2), rtol=1e-2)
    np.testing.assert_allclose(found.early_stop, np.log(reducible / 1e-4), rtol=1e-3)
    np.testing.assert_allclose(found.mem_gap_absolute.sel(gap=0.1), [20, 20], rtol=1e-3)
    np.testing.assert_allclose(found.mem_gap_absolute.sel(gap=0.05), [20 / 3] * 2, rtol=1e-3)
    # A quarter of the reducible loss: .2, where the gap never gets, and .1.
    assert np.isinf(found.mem_gap.sel(margin=0.25)[0])
    assert float(found.mem_gap.sel(margin=0.25)[1]) == pytest.approx(20, rel=1e-3)
    assert (found.own_passage.sel(share=0.5) < found.gen_passage.sel(share=0.5)).all()
    # Training is half of test loss where .2 T/(T + 20) = .1 + T/20000; class 2 ends far above that.
    np.testing.assert_allclose(found.mem_half, [20.412, np.inf], rtol=1e-3)
    assert found.gen_passage.dims == ("label", "share")


def test_the_grid_of_times_is_even_in_the_logarithm():
    times = score_curves.time_grid(8)
    np.testing.assert_allclose(times, 10.0 ** np.arange(-3, 5))


ONE_CLASS = ScoreSetting(
    weights=(1.0,),
    standard_deviations=(1.0,),
    centroid_gram=((0.0,),),
    diffusion_time=0.1,
    sample_ratio=2.0,
    feature_ratio=3.0,
)


@pytest.mark.parametrize(
    ("settings", "dimension", "draws", "message"),
    [
        ({"a": TINY}, 8, 0, "draws: given 0; allowed: at least 1"),
        ({"a": TINY}, 0, 1, "dimension: given 0; allowed: at least 1"),
        ({}, 8, 1, r"settings: given ones of \[\] classes; allowed: at least one, all of one number"),
        ({"a": TINY, "b": ONE_CLASS}, 8, 1, r"settings: given ones of \[1, 2\] classes"),
    ],
)
def test_bad_arguments_are_refused_by_name(project, models, settings, dimension, draws, message):
    with pytest.raises(ValueError, match=message):
        score_curves.simulated_curves(settings, dimension, draws, 0)
    assert models == []


def test_theories_of_unlike_numbers_of_classes_are_refused(project):
    with pytest.raises(ValueError, match=r"settings: given ones of \[1, 2\] classes"):
        score_curves.theory_curves({"a": TINY, "b": ONE_CLASS})
