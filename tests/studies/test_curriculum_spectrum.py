"""Spectra, progress measures and times are those of the runs; every basis and setting is where it belongs."""

import numpy as np
import pytest

from companion.analysis.curriculum_times import first_checkpoint
from companion.analysis.fourier_structure import additive_power, top_share
from companion.analysis.trajectory_components import (
    explained_shares,
    inner_products,
    steps_between,
    walk_gram,
    walked,
)
from companion.studies.curriculum_delay import delay_settings
from companion.studies.curriculum_runs import trained
from companion.studies.curriculum_spectrum import FEW_ROWS, drawn_steps, spectral_progress, spectrum_settings
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

SPEC = CurriculumSpec(
    tasks=TaskSpec(operations=("add",), prime=11, fractions=(0.7,)),
    steps=60,
    width=16,
    heads=2,
    hidden=32,
    every=10,
    logarithmic=8,
    checkpoints=5,
    linear_checkpoints=6,
)


@pytest.fixture(scope="module")
def runs(run_store):
    return trained(SPEC, 2, 0, block=2).isel(variation=0, operation=0).transpose("replicate", ...)


@pytest.fixture(scope="module")
def data(run_store):
    return spectral_progress(SPEC, ["add", "mul"], 2, 0, block=2, key_count=3)


def test_settings_and_maps(data):
    assert data.setting.values.tolist() == ["add", "mul", FEW_ROWS]
    assert data.fraction.values.tolist() == [0.7, 0.7, 0.25]
    assert data.own_basis.values.tolist() == ["additive", "multiplicative", "additive"]
    assert data["map"].values.tolist() == ["add, additive", "mul, multiplicative", "mul, additive"]
    np.testing.assert_allclose(data.power.sum("frequency"), 1, atol=0.01)


def test_curves_and_times_are_those_of_the_runs(data, runs):
    own = data.sel(setting="add")
    at = runs.step.values.tolist().index(int(own.step[-1]))
    share = top_share(runs.additive_power.transpose("replicate", "step", "frequency"))
    np.testing.assert_allclose(own.additive_share[:, -1], share[:, at], atol=1e-4)
    np.testing.assert_allclose(own.test[:, -1], runs.test_accuracy[:, at], atol=1e-4)
    np.testing.assert_array_equal(own.generalised_at, first_checkpoint(runs.step, runs.test_accuracy, 0.9))
    assert own.level.values.tolist() == [0.5, 0.75, 0.9]
    for level, times in zip(own.level.values, own.understood_at.values, strict=True):
        np.testing.assert_array_equal(times, first_checkpoint(runs.step, runs.unseen_accuracy, level))
    assert float(own.spacing) == np.diff(runs.step).max()
    np.testing.assert_allclose(own.rise.sel(basis="additive"), share[:, -3:].mean(1) - share[:, 0], atol=1e-9)
    # Five frequencies are all there are modulo 11: nothing can rise, and nothing concentrates.
    assert np.isinf(data.concentrated_at.values).all()


def test_power_is_that_of_the_embedding_in_the_weights(data, runs):
    weights = runs.weights.sel(checkpoint=60).values[0]
    power = additive_power(weights[: 11 * SPEC.width].reshape(11, SPEC.width))
    np.testing.assert_allclose(data.power.sel(map="add, additive", step=60), power, atol=6e-4)


def test_progress_measures_begin_at_chance_and_keys_gain(data):
    assert data.restricted_loss.dims == ("replicate", "checkpoint")
    assert data.checkpoint.values.tolist() == [0, 1, 3, 8, 22, 60]
    assert (data.key_share.values >= 0).all() and (data.key_share.values <= 1).all()
    assert (data.key_share[:, -1] > data.key_share[:, 0]).all()
    # Mean and keys of an untrained network know nothing of the answer.
    np.testing.assert_allclose(data.restricted_loss[:, 0], np.log(11), atol=0.7)
    assert (data.excluded_loss[:, -1] < data.excluded_loss[:, 0]).all()


def test_components_of_every_run_stand_beside_walks(data, runs):
    np.testing.assert_allclose(data.walk_share, explained_shares(walk_gram(np.ones((1, 5))), 6))
    assert data.component_share.dims == ("replicate", "component")
    assert (data.flipped_low <= data.flipped_high).all()
    np.testing.assert_allclose(data.component_share.sum("component"), 1)
    for replicate in range(2):
        points = runs.weights.sel(checkpoint=range(0, 61, 12)).values[replicate]
        own = explained_shares(walked(inner_products(steps_between(points))), 6)
        np.testing.assert_allclose(data.component_share[replicate], own)
    assert len(np.unique(data.flipped_high[:, 0])) == 2


def test_nothing_is_trained_for_components_alone():
    """Settings that the figure of delays trains too are the very same specs, which keep one key."""
    here, there = spectrum_settings(SPEC, ["add", "mul"]), delay_settings(SPEC, ["add", "mul"])
    assert {name: there[name] for name in here} == here
    kept = {name: own.linear_checkpoints for name, own in (here | there).items()}
    assert kept == {"add": 6, "mul": 0, FEW_ROWS: 0, "comprehension": 0}


def test_settings_are_recorded(data):
    settings = {
        "prime": 11,
        "width": 16,
        "heads": 2,
        "layers": 1,
        "batch": 0,
        "weight_decay": 1.0,
        "steps": 60,
    }
    assert {name: data.attrs[name] for name in settings} == settings


@pytest.mark.parametrize("name", ["checkpoints", "linear_checkpoints"])
def test_weights_are_needed(name):
    with pytest.raises(ValueError, match=f"spec.{name}: 0 given"):
        spectral_progress.function(SPEC.changed(**{name: 0}), ["add"], 2, 0, block=2)


def test_one_operation_is_shown_in_both_bases(run_store):
    found = spectral_progress(SPEC, ["mul"], 2, 0, block=2, key_count=2)
    assert found["map"].values.tolist() == ["mul, multiplicative", "mul, additive"]


def test_drawn_steps_ascend_and_end_at_the_end():
    steps = np.unique(np.rint(np.geomspace(1, 5000, 200)).astype(int))
    kept = steps[drawn_steps(steps)]
    assert (np.diff(kept) > 0).all() and kept[-1] == 5000 and kept[0] >= 40 and len(kept) <= 26


@pytest.mark.parametrize("operations", [[], ["add", "max"]])
def test_operations_of_no_known_group_are_named(operations):
    with pytest.raises(ValueError, match="operations"):
        spectral_progress.function(SPEC, operations, 2, 0, block=2)
