"""Probes and alignments of features that are known: planted classes, rotations, noise, and runs that stopped."""

import numpy as np
import pytest
import torch
import xarray as xr

from companion.datasets.fashion_mnist import load
from companion.studies import unet_representations as studies
from companion.studies.unet_memorisation import pair_setting
from companion.studies.unet_recipes import LOSS_INDICES, Recipe
from companion.studies.unet_runs import FEATURE_LEVEL, run_name
from companion.theory.noise_schedule import NoiseSchedule

PAIR, ROWS, UNITS = ("Bag", "Trouser"), 20, 6
STEPS = np.array([0, 10, 20])
RECIPE = Recipe(steps=20, feature_rows=ROWS)


def runs_with(features):
    """Records of runs with these ``features`` (runs, steps, images, units); all else is plain."""
    runs, steps = features.shape[:2]
    losses = np.broadcast_to(
        np.array([1.0, 0.5, 0.6])[:steps, None, None], (runs, steps, len(LOSS_INDICES), 2)
    )
    samples = ("condition", "step", "sample")
    distance = np.broadcast_to([0.9, 1.0], (runs, steps, 40, 2))
    return xr.Dataset(
        {
            "features": (("condition", "step", "held_out", "unit"), features.astype(np.float32)),
            "train_loss": (("condition", "step", "diffusion_index", "label"), losses),
            "test_loss": (("condition", "step", "diffusion_index", "label"), losses),
            "frechet": (("condition", "step", "label"), losses[:, :, 0]),
            "distance": ((*samples, "neighbour_rank"), distance),
            "neighbour": ((*samples, "neighbour_rank"), np.zeros((runs, steps, 40, 2), np.int32)),
            "neighbour_class": (samples, np.zeros((runs, steps, 40), np.int8)),
            "sample_class": (samples, np.zeros((runs, steps, 40), np.int8)),
            "stopped_at": ("condition", np.full(runs, -1)),
        },
        coords={
            "step": STEPS[:steps],
            "diffusion_index": list(LOSS_INDICES),
            "label": [0, 1],
            "first_count": ("condition", np.full(runs, 8)),
        },
    )


@pytest.fixture
def study(project, monkeypatch):
    def call(features):
        monkeypatch.setattr(studies, "trained", lambda *_, **__: runs_with(features))
        return studies.representations.evaluate_afresh((PAIR,), 8, RECIPE, len(features), 0)

    return call


@pytest.fixture
def features():
    """Two runs: noise at first, then the class in one unit, then the same features rotated."""
    draws = np.random.default_rng(0)
    found = draws.standard_normal((2, 3, 2 * ROWS, UNITS))
    found[:, 1, :, 0] += np.where(np.arange(2 * ROWS) < ROWS, -8, 8)
    rotation = np.linalg.qr(draws.standard_normal((UNITS, UNITS)))[0]
    found[:, 2] = found[:, 1] @ rotation * 3 + 1
    return found


def test_a_planted_class_is_read_off_and_noise_is_not(study, features):
    found = study(features)
    assert (found.probe.isel(step=[1, 2]) == 1).all()
    assert 0.2 < float(found.probe.isel(step=0).mean()) < 0.8
    assert (found.pixel_probe > 0.85).all()  # Bag and Trouser are told apart at t_OU = .1


def test_alignment_knows_rotations_and_is_symmetric(study, features):
    found = study(features).alignment.values
    np.testing.assert_allclose(np.diagonal(found, axis1=2, axis2=3), 1)
    np.testing.assert_allclose(found, np.swapaxes(found, 2, 3))
    np.testing.assert_allclose(found[..., 1, 2], 1, atol=1e-6)
    assert (np.abs(found[..., 0, 1]) < 0.5).all()


def test_replicates_are_compared_step_by_step(study, features):
    found = study(features).replicate_alignment
    assert found.dims == ("pair", "step", "comparison")
    assert found.sizes["comparison"] == 1
    assert abs(float(found[0, 0, 0])) < 0.5  # independent noise
    assert (found[0, 1:, 0] > 0.7).all()  # the class is the same
    alone = study(features[:1])
    assert alone.sizes["comparison"] == 0


def test_a_run_that_stopped_is_missing(study, features):
    features[1, 2] = np.nan
    found = study(features)
    assert np.isnan(found.probe.values[0, 1]).all()
    assert np.isnan(found.alignment.values[0, 1]).all()
    assert np.isnan(found.replicate_alignment).all()
    assert np.isfinite(found.probe.values[0, 0]).all()


def test_clocks_stand_beside(study, features):
    found = study(features)
    assert found.time.dims == ("pair", "replicate", "clock", "label")
    # The lowest test loss is near step 10; training and test losses are alike, so that no gap ever opens.
    stops = found.time.sel(clock="early_stop")
    assert ((stops > 0) & (stops < 20)).all()
    assert np.isinf(found.time.sel(clock="mem_gap")).all()


def test_pixels_are_the_noisy_images_that_monitors_see():
    setting = pair_setting(PAIR, (8, 8))
    name = run_name(setting, 0, 0)
    seen = studies._noisy_images(setting, RECIPE, 0, 0)
    pair = setting.draw(load("embedded"), 16, name)
    noise = torch.randn((2 * ROWS, 256), generator=name.torch("feature noise")).numpy()
    schedule = NoiseSchedule()
    clean = (seen - schedule.noise[FEATURE_LEVEL] * noise) / schedule.signal[FEATURE_LEVEL]
    for label in (0, 1):
        own = pair.test[pair.test_labels == label][:ROWS]
        np.testing.assert_allclose(clean[label * ROWS : (label + 1) * ROWS], own, atol=1e-5)
