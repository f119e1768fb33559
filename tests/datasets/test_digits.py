"""Tasks on digits: whitening, the two directions, and where MNIST is looked for and what is refused."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.datasets import digits
from companion.datasets.digits import digit_tasks, mixing, places, read_mnist, target_directions, whitened
from companion.datasets.fashion_mnist_full import DataNotFound
from companion.datasets.idx_files import DamagedData, idx_digest, idx_header


def test_inputs_are_white_and_read_only():
    tasks = digit_tasks()
    assert tasks.inputs.shape == (1797, 30)
    assert np.abs(tasks.inputs.mean(axis=0)).max() < 1e-13
    np.testing.assert_allclose(tasks.inputs.T @ tasks.inputs / 1797, np.eye(30), atol=1e-12)
    assert tasks.explained == pytest.approx(0.959085, abs=1e-6)
    for array in (tasks.inputs, tasks.targets, tasks.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert digit_tasks() is tasks


def test_targets_are_parity_and_size_made_orthogonal():
    tasks = digit_tasks()
    np.testing.assert_allclose(tasks.targets @ tasks.targets.T / 1797, np.eye(2), atol=1e-12)
    assert np.abs(tasks.targets.mean(axis=1)).max() < 1e-12
    # Of 0 to 4 three are even, of 5 to 9 two: the contrasts oppose each other.
    assert tasks.raw_correlation == pytest.approx(-0.1987, abs=1e-4)
    assert ((tasks.targets[0] > 0) == (tasks.labels % 2 == 0)).all()
    of_parity = tasks.targets[1][tasks.labels % 2 == 0], tasks.labels[tasks.labels % 2 == 0] >= 5
    assert of_parity[0][of_parity[1]].min() > of_parity[0][~of_parity[1]].max()


@pytest.mark.parametrize("similarity", [0.0, 0.3, 1.0])
def test_similarity_is_the_correlation_of_the_tasks(similarity):
    tasks = digit_tasks()
    second = tasks.mixed(similarity)
    assert np.mean(second * tasks.targets[0]) == pytest.approx(similarity, abs=1e-12)
    assert np.mean(second**2) == pytest.approx(1.0)


@given(st.floats(0.0, 1.0))
def test_mixtures_have_unit_norm(similarity):
    assert np.hypot(*mixing(similarity)) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("similarity", [-0.1, 1.1, np.nan])
def test_similarities_outside_are_refused(similarity):
    with pytest.raises(ValueError, match=r"similarity: .* given; allowed: numbers from 0 to 1"):
        mixing([0.5, similarity])


def test_whitening_is_that_of_the_covariance():
    random = np.random.default_rng(0)
    images = random.integers(0, 17, (5000, 6)).astype(np.uint8)  # more rows than are taken at once
    images[:, 5] = images[:, 0]
    scores, explained = whitened(images, 3)
    variances, axes = np.linalg.eigh(np.cov(images.T.astype(float), bias=True))
    expected = (images - images.mean(axis=0)) @ axes[:, ::-1][:, :3] / np.sqrt(variances[::-1][:3])
    np.testing.assert_allclose(np.abs(scores), np.abs(expected), atol=1e-9)
    assert explained == pytest.approx(variances[::-1][:3].sum() / variances.sum())
    loadings = scores.T @ (images - images.mean(axis=0))  # along the components
    assert (loadings[np.arange(3), np.abs(loadings).argmax(axis=1)] > 0).all()
    with pytest.raises(ValueError, match="dimension: 6 given; allowed: 1 to 5, which the images span"):
        whitened(images, 6)


def test_order_of_images_does_not_matter():
    images = np.random.default_rng(1).integers(0, 17, (5000, 6)).astype(np.uint8)
    order = np.random.default_rng(2).permutation(len(images))
    np.testing.assert_allclose(whitened(images, 4)[0][order], whitened(images[order], 4)[0], atol=1e-12)


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match="source: 'emnist' given; allowed: 'digits', 'mnist'"):
        digit_tasks("emnist")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="dimension: 62 given; allowed: 1 to 61"):
        digit_tasks("digits", 62)
    with pytest.raises(ValueError, match="labels: too few kinds"):
        target_directions([0, 2, 4, 5, 7, 9])


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Two small files in the place of the published ones, packed; nothing lies anywhere yet."""
    random = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": random.integers(0, 256, (60, 5, 5), dtype=np.uint8),
        "train-labels-idx1-ubyte": np.arange(60, dtype=np.uint8) % 10,
    }
    known = {name: digits.Published(array.shape, idx_digest(array)) for name, array in arrays.items()}
    monkeypatch.setattr(digits, "FILES", known)
    monkeypatch.setattr(digits, "SYSTEM_FOLDER", tmp_path / "system")
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "cache" / name)
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "own"))
    digit_tasks.cache_clear()
    yield arrays
    digit_tasks.cache_clear()


def put(folder, arrays, packed=True):
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        contents = idx_header(array.shape) + array.tobytes()
        (folder / (f"{name}.gz" if packed else name)).write_bytes(
            gzip.compress(contents) if packed else contents
        )


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("inside", ["own/mnist", "own/MNIST/raw", "cache/companion/mnist", "system"])
def test_mnist_is_found_in_every_place(small, tmp_path, inside, packed):
    put(tmp_path / inside, small, packed)
    images, labels = read_mnist()
    np.testing.assert_array_equal(images, small["train-images-idx3-ubyte"])
    np.testing.assert_array_equal(labels, small["train-labels-idx1-ubyte"])
    tasks = digit_tasks("mnist", 4)
    assert (tasks.inputs.shape, tasks.source) == ((60, 4), "mnist")


def test_files_of_the_same_names_beside_it_are_left_alone(small, tmp_path):
    other = {name: 255 - array for name, array in small.items()}
    put(tmp_path / "own", other)  # as another data set's files lie there
    put(tmp_path / "system", small)
    assert (read_mnist()[0] == small["train-images-idx3-ubyte"]).all()


def test_without_a_copy_it_says_where_and_what_to_do(small, tmp_path):
    put(tmp_path / "system", {name: small[name] for name in list(small)[:1]})
    with pytest.raises(DataNotFound) as caught:
        digit_tasks("mnist")
    text = str(caught.value)
    assert "source: 'mnist' given" in text
    for folder in places()[:-1]:
        assert f"{folder}: no such folder" in text
    assert f"{tmp_path / 'system'}: no train-labels-idx1-ubyte (or .gz)" in text
    assert "set COMPANION_DATA" in text
    assert "source='digits'" in text


def test_damage_is_named_and_not_passed_over(small, tmp_path):
    put(tmp_path / "own/mnist", {name: 255 - array for name, array in small.items()})
    put(tmp_path / "system", small)
    with pytest.raises(DamagedData, match=r"own/mnist/train-images-idx3-ubyte\.gz: contents with SHA-256"):
        read_mnist()
