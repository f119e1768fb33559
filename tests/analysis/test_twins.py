"""Near duplicates: found where they were planted, and as many as are known in Fashion-MNIST."""

import numpy as np
import pytest

from companion.analysis.twins import class_neighbours, other_neighbours, twin_flags
from companion.compute.seeds import generator
from companion.datasets import fashion_mnist


def brute(images, labels):
    distances = np.linalg.norm(images[:, None] - images, axis=2)
    distances[np.eye(len(images), dtype=bool) | (labels[:, None] != labels)] = np.inf
    return distances


def test_planted_twins_are_flagged_and_nothing_else():
    draws = generator(0, "planted")
    images, labels = draws.standard_normal((60, 20)), np.repeat([3, 7], 30)
    for copy, original in ((5, 4), (40, 35)):
        images[copy] = images[original] + 0.01 * draws.standard_normal(20)
    images[20] = images[50]  # of another class: no twin
    flags = twin_flags(images, labels)
    assert np.flatnonzero(flags).tolist() == [4, 5, 35, 40]


def test_distances_and_partners_are_those_of_brute_force():
    draws = generator(0, "brute")
    images, labels = draws.standard_normal((50, 4)), draws.integers(3, size=50)
    found, wanted = class_neighbours(images, labels), brute(images, labels)
    np.testing.assert_allclose(found.distance, wanted.min(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(found.partner, wanted.argmin(axis=1))
    for label in range(3):
        np.testing.assert_allclose(
            found.scale[labels == label], np.median(wanted.min(axis=1)[labels == label])
        )
    for share in (0.1, 1 / 3, 1.0):
        np.testing.assert_array_equal(found.twins(share), found.distance < share * found.scale)
    assert 0.3 < found.twins(1.0).mean() < 0.6  # about half lie below the median


def test_the_order_of_images_does_not_matter():
    draws = generator(0, "order")
    images, labels = draws.standard_normal((40, 3)), draws.integers(2, size=40)
    order = draws.permutation(40)
    np.testing.assert_array_equal(
        twin_flags(images[order], labels[order], 0.5), twin_flags(images, labels, 0.5)[order]
    )


def test_exact_duplicates_are_each_others_neighbours_never_their_own():
    images = np.repeat(np.arange(4.0), [1, 2, 5, 1])[:, None] * np.ones(3)
    for k in (1, 2, 3):
        distances, indices = other_neighbours(images, k)
        assert distances.shape == indices.shape == (9, k)
        assert (indices != np.arange(9)[:, None]).all()
        assert all(len(set(row)) == k for row in indices.tolist())
        gaps = np.linalg.norm(images[:, None] - images, axis=2)
        gaps[np.eye(9, dtype=bool)] = np.inf
        np.testing.assert_allclose(distances, np.sort(gaps, axis=1)[:, :k], atol=1e-12)


def test_an_image_alone_in_its_class_has_no_twin():
    found = class_neighbours(np.eye(3), np.array([0, 0, 1]))
    assert found.distance[2] == np.inf and found.partner.tolist() == [1, 0, -1]
    assert not found.twins(10.0)[2]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="k: 3 given, allowed is 1 to 2"):
        other_neighbours(np.eye(3), 3)
    with pytest.raises(ValueError, match="labels"):
        twin_flags(np.eye(3), [0, 1])
    with pytest.raises(ValueError, match="share"):
        twin_flags(np.eye(3), [0, 0, 0], 0.0)


def test_twins_of_fashion_mnist(full):
    data = full
    found = class_neighbours(data.train_images.reshape(-1, 784), data.train_labels)
    assert (found.distance > 0).all()  # no exact duplicate within a class

    def by_class(share):
        counts = np.bincount(data.train_labels[found.twins(share)], minlength=10)
        return {
            name: int(count) for name, count in zip(fashion_mnist.CLASS_NAMES, counts, strict=True) if count
        }

    assert by_class(0.1) == {"Trouser": 7, "Coat": 8, "Sandal": 2, "Shirt": 8, "Sneaker": 2}
    third = by_class(1 / 3)
    assert (third["Shirt"], sum(third.values())) == (36, 131)
