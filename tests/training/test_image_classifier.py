"""The small classifier learns what can be told apart, repeats itself, and survives the store."""

import numpy as np
import pytest
import torch

from companion.compute.seeds import generator
from companion.training.image_classifier import (
    ClassifierState,
    class_features,
    classify,
    train_classifier,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def crosses(name, count, side=8):
    """Upright and lying bars at random places: no single pixel tells them."""
    draws = generator(0, "bars", name)
    labels = draws.integers(2, size=count)
    images = -1 + 0.2 * draws.standard_normal((count, side, side))
    places = draws.integers(1, side - 1, size=count)
    for image, label, place in zip(images, labels, places, strict=True):
        (image if label else image.T)[place] += 1.5
    return images.reshape(count, -1).astype(np.float32), labels


@pytest.fixture(scope="module")
def trained():
    return train_classifier(*crosses("train", 400), side=8, steps=60, seed=0, width=8, features=16, batch=64)


def test_it_learns_shapes(trained):
    images, labels = crosses("test", 500)
    posterior = classify(trained, images)
    assert posterior.shape == (500, 2)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0)
    assert (posterior.argmax(axis=1) == labels).mean() > 0.95


def test_an_answer_does_not_depend_on_the_company(trained):
    images, _ = crosses("test", 40)
    np.testing.assert_allclose(classify(trained, images)[3], classify(trained, images[3]), atol=1e-5)
    stacked = classify(trained, images.reshape(2, 4, 5, 64))
    np.testing.assert_allclose(stacked.reshape(40, 2), classify(trained, images), atol=1e-6)
    assert classify(trained, np.empty((0, 64))).shape == (0, 2)
    assert class_features(trained, np.empty((0, 64))).shape == (0, 16)


def test_features_are_what_the_classes_are_read_from(trained):
    images, _ = crosses("test", 20)
    features = class_features(trained, images)
    assert features.shape == (20, 16) and (features >= 0).all()
    logits = features @ trained.parameters["to_classes.weight"].T + trained.parameters["to_classes.bias"]
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(found / found.sum(axis=1, keepdims=True), classify(trained, images), atol=1e-5)


def test_the_seed_decides_and_nothing_else():
    images, labels = crosses("seed", 80)
    options = {"side": 8, "steps": 6, "width": 8, "features": 8, "batch": 32, "flip": True}
    outside = torch.random.get_rng_state()
    first = train_classifier(images, labels, seed=3, **options)
    assert torch.equal(torch.random.get_rng_state(), outside)
    torch.manual_seed(99)
    second = train_classifier(images, labels, seed=3, **options)
    other = train_classifier(images, labels, seed=4, **options)
    for name, array in first.parameters.items():
        np.testing.assert_array_equal(array, second.parameters[name])
    assert any((array != other.parameters[name]).any() for name, array in first.parameters.items())


def test_it_survives_the_store(trained, tmp_path):
    path = tmp_path / "state.nc"
    trained.as_dataset().to_netcdf(path, engine="h5netcdf")
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf") as data:
        again = ClassifierState.from_dataset(data.load())
    images, _ = crosses("test", 10)
    np.testing.assert_array_equal(classify(again, images), classify(trained, images))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"images": np.zeros((4, 63))}, r"images: shape \(4, 63\)"),
        ({"images": np.full((4, 64), np.nan)}, "images"),
        ({"labels": [0, 1]}, "labels"),
        ({"labels": [0, 1, -1, 0]}, "labels"),
        ({"steps": 0}, "steps"),
        ({"side": 6, "images": np.zeros((4, 36))}, "side: 6"),
    ],
)
def test_bad_input_fails_before_training(given, said):
    arguments = {
        "images": np.zeros((4, 64)),
        "labels": [0, 1, 1, 0],
        "side": 8,
        "steps": 1,
        "seed": 0,
    } | given
    with pytest.raises(ValueError, match=said):
        train_classifier(**arguments)


def test_a_loss_that_is_not_finite_stops_it():
    with pytest.raises(FloatingPointError, match=r"seed 5: the loss is \S+ at step"):
        train_classifier(np.eye(8, 64), [0, 1] * 4, side=8, steps=9, seed=5, batch=8, width=8, rate=1e30)
