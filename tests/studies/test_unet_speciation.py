"""Speciation of U-Nets: the untrained network in closed form, planted curves, and finished runs used again."""

import numpy as np
import pytest
import torch
import xarray as xr

from companion.analysis.attribution import fit_attribution
from companion.datasets.fashion_mnist import load
from companion.models.score_model import ScoreModel
from companion.studies import unet_speciation as studies
from companion.studies.unet_memorisation import pair_setting
from companion.studies.unet_recipes import Recipe
from companion.studies.unet_runs import run_name
from companion.theory.noise_schedule import NoiseSchedule

PAIR = ("Bag", "Trouser")
RECIPE = Recipe(
    base=8,
    multipliers=(1,),
    steps=2,
    first_checkpoint=1,
    checkpoints=2,
    batch_size=8,
    samples=30,
    sampler_steps=6,
    check_steps=2,
    loss_rows=2,
    feature_rows=5,
)


def untrained(conditions, stopped=False):
    """What `score_runs` would return of networks whose last layer is zero."""
    model = ScoreModel(RECIPE.training.network, [1.0] * len(conditions))
    weights = model.draw_weights([torch.Generator().manual_seed(0) for _ in conditions]).numpy()
    if stopped:
        weights[:] = np.nan
    return xr.Dataset(
        {
            "weights": (("condition", "weight"), weights),
            "stopped_at": ("condition", np.full(len(conditions), 1 if stopped else -1)),
        }
    )


def test_the_untrained_network_only_scales(monkeypatch):
    setting = pair_setting(PAIR, (8, 8))
    conditions, levels, rows = [setting.condition(0)], [311, 620], 40
    monkeypatch.setattr(studies, "score_runs", lambda conditions, **_: untrained(conditions))
    found = studies.returns.function(conditions, RECIPE, 0, levels, rows)
    assert found.returned.dims == ("condition", "level", "label")

    name = run_name(setting, 0, 0)
    pair, everything = (draw(load("embedded"), 16, name) for draw in (setting.draw, setting.everything))
    told = fit_attribution(everything.train, everything.train_labels)
    images = np.concatenate([pair.test[pair.test_labels == label][:rows] for label in (0, 1)])
    noise = torch.randn(images.shape, generator=name.torch("speciation noise")).numpy()
    schedule, v = NoiseSchedule(), pair.second_moment
    for level in levels:
        # With F = 0 every step of the sampler multiplies x by a number.
        count = max(round(RECIPE.sampler_steps * (level + 1) / 1000), 1)
        grid = np.linspace(level, 0, count).round().astype(int)
        factor = 1.0
        for here, there in zip(grid, [*grid[1:], None], strict=True):
            a, s = schedule.signal[here], schedule.noise[here]
            onward = (1.0, 0.0) if there is None else (schedule.signal[there], schedule.noise[there])
            predicted = s / (a * a * v + s * s)
            factor *= onward[0] * (1 - s * predicted) / a + onward[1] * predicted
        ends = factor * (schedule.signal[level] * images + schedule.noise[level] * noise)
        own = told.classes(ends, 0.0).reshape(2, rows) == np.array([[0], [1]])
        np.testing.assert_allclose(found.returned.sel(level=level)[0], own.mean(axis=1), atol=1.01 / rows)


def test_a_run_that_stopped_has_no_speciation(monkeypatch):
    monkeypatch.setattr(studies, "score_runs", lambda conditions, **_: untrained(conditions, stopped=True))
    found = studies.returns.function([pair_setting(PAIR, (8, 8)).condition(0)], RECIPE, 0, [136, 900], 5)
    assert np.isnan(found.returned).all()


LEVELS = (136, 311, 520, 760, 999)


def of_curves(monkeypatch, curves, rows=400):
    """The study on planted curves (conditions, level, label)."""
    planted = xr.Dataset(
        {"returned": (("condition", "level", "label"), curves)}, {"level": list(LEVELS), "label": [0, 1]}
    )
    monkeypatch.setattr(studies, "trained", lambda *_, **__: None)
    monkeypatch.setattr(studies, "sweep", lambda *_, **__: planted)
    return studies.speciation.evaluate_afresh(PAIR, 16, (8, 2), RECIPE, 1, 0, levels=LEVELS, rows=rows)


def test_the_time_is_where_half_of_the_way_is_fallen(monkeypatch, project):
    curves = np.empty((2, 5, 2))
    curves[0] = np.array([1.0, 0.75, 0.5, 0.5, 0.5])[:, None]  # at level 311, t_OU = .5
    curves[1, :, 0] = [0.4, 0.3, 0.1, 0.1, 0.1]  # has fallen before the lowest level
    curves[1, :, 1] = [1.0, 1.0, 0.95, 0.95, 0.95]  # hardly falls
    found = of_curves(monkeypatch, curves)
    np.testing.assert_allclose(found.time.sel(minority=8)[0], 0.5, atol=2e-3)
    np.testing.assert_allclose(found["index"].sel(minority=8)[0], 311, atol=0.5)
    assert float(found.time.sel(minority=2, label=0)[0]) == 0
    assert np.isnan(float(found.time.sel(minority=2, label=1)[0]))
    assert np.isnan(float(found["index"].sel(minority=2, label=1)[0]))
    np.testing.assert_allclose(found.floor.sel(minority=2)[0], [0.1, 0.95])
    np.testing.assert_allclose(found.share, [0.5, 0.125])
    assert (found.returned_low <= found.returned).all()
    assert (found.returned <= found.returned_high).all()


def test_more_images_tell_the_time_better(monkeypatch, project):
    curves = np.broadcast_to(np.array([1.0, 0.8, 0.6, 0.5, 0.5])[:, None], (2, 5, 2)).copy()
    widths = []
    for rows in (40, 4000):
        found = of_curves(monkeypatch, curves, rows)
        assert (found.time_low <= found.time).all()
        assert (found.time <= found.time_high).all()
        widths.append(float((found.time_high - found.time_low).mean()))
    assert widths[0] > 4 * widths[1]


def test_a_missing_run_is_missing(monkeypatch, project):
    curves = np.full((2, 5, 2), np.nan)
    found = of_curves(monkeypatch, curves)
    for name in ("returned", "returned_low", "time", "time_low", "index"):
        assert np.isnan(found[name]).all()


@pytest.mark.parametrize("levels", [(136, 311), (311, 136, 520), (136, 136, 520)])
def test_levels_must_increase_and_be_three(levels, project):
    with pytest.raises(ValueError, match="levels"):
        studies.speciation.evaluate_afresh(PAIR, 16, (8,), RECIPE, 1, 0, levels=levels)


def test_finished_runs_are_used_again(project, monkeypatch):
    trainings = []
    original = studies.score_runs.function

    def counted(*arguments, **named):
        trainings.append(named.get("conditions", arguments))
        return original(*arguments, **named)

    monkeypatch.setattr(studies.score_runs, "function", counted)
    found = studies.speciation(PAIR, 16, (8,), RECIPE, 1, 0, levels=(136, 520, 999), rows=6)
    assert len(trainings) == 1
    assert found.returned.shape == (1, 1, 3, 2)
    assert ((found.returned >= 0) & (found.returned <= 1)).all()
    assert found.attrs["companion_function"] == "unet_speciation.speciation"
