"""Exact nearest neighbours on all of Fashion-MNIST, where it is found."""

import numpy as np
import pytest

from companion.analysis.neighbours import Reference


@pytest.fixture(scope="module")
def images(full):
    """Training and test images, pixels in [-1, 1], float32."""
    return tuple(
        pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(127.5) - np.float32(1)
        for pixels in (full.train_images, full.test_images)
    )


def brute_force(queries, references, k):
    """By expansion in float64, whose candidates are then measured by differences."""
    q, x = queries.astype(np.float64), references.astype(np.float64)
    centre = x.mean(0)
    centred = x - centre
    candidates = []
    for part in np.array_split(q - centre, max(1, len(q) // 100)):
        squares = (centred**2).sum(1) - 2 * part @ centred.T
        candidates.append(np.sort(np.argpartition(squares, k + 4, axis=1)[:, : k + 4], axis=1))
    chosen = np.concatenate(candidates)
    gaps = np.sqrt(((q[:, None] - x[chosen]) ** 2).sum(-1))
    order = np.argsort(gaps, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(gaps, order, 1), np.take_along_axis(chosen, order, 1)


def test_test_images_against_all_training_images(images):
    train, test = images
    queries = test[::40]
    distances, indices = brute_force(queries, train, 2)
    reference = Reference(train)
    found = reference.search(queries)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-13)
    assert found.method == "filter" and found.uncertified == 0
    assert found.survivors.mean() < 60  # of 60 000


def test_training_images_against_themselves(images):
    """Every training image is its own nearest; the second is the first of the others."""
    train, _ = images
    reference = Reference(train).prepare()
    queries = train[::100]
    found = reference.search(queries)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(0, len(train), 100))
    np.testing.assert_array_equal(found.distances[:, 0], 0)
    distances, indices = brute_force(queries[:80], train, 2)
    np.testing.assert_array_equal(found.indices[:80], indices)
    np.testing.assert_allclose(found.distances[:80], distances, rtol=1e-13)
    assert found.uncertified == 0


@pytest.mark.parametrize("frame", ["raw", "centred", "offset"])
def test_copies_at_small_distances(images, frame):
    train = images[0][:4000]
    moved = {"raw": train, "centred": train - train.mean(0), "offset": train + np.float32(10)}[frame]
    generator = np.random.default_rng(0)
    chosen = generator.choice(len(train), 40, replace=False)
    step = generator.standard_normal((40, train.shape[1]))
    step *= (np.linalg.norm(train[chosen], axis=1) / np.linalg.norm(step, axis=1))[:, None]
    for method in ("screen", "filter"):
        reference = Reference(moved, method=method)
        for exponent in range(1, 7):
            queries = (moved[chosen] + 10.0**-exponent * step).astype(np.float32)
            distances, indices = brute_force(queries, moved, 2)
            found = reference.search(queries)
            np.testing.assert_array_equal(found.indices, indices)
            np.testing.assert_allclose(found.distances, distances, rtol=1e-12, atol=0)
            np.testing.assert_array_equal(found.indices[:, 0], chosen)
