"""Images as rows: scaling and pooling against NumPy in float64; class moments against direct sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from companion.datasets import image_pairs
from companion.datasets.image_moments import class_moments, image_rows, pooled, scaled

IMAGES = arrays.arrays(np.uint8, st.tuples(st.integers(0, 3), st.just(28), st.just(28)))


@settings(max_examples=50, deadline=None)
@given(IMAGES)
def test_rows_are_padded_and_averaged(images):
    exact = images / 127.5 - 1
    whole = scaled(images)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, exact.reshape(len(images), 784), atol=2e-7)
    padded = np.pad(exact, ((0, 0), (2, 2), (2, 2)), constant_values=-1)
    squares = padded.reshape(len(images), 16, 2, 16, 2).mean(axis=(2, 4))
    small = pooled(images)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, squares.reshape(len(images), 256), atol=2e-7)


@settings(max_examples=30, deadline=None)
@given(IMAGES)
def test_pooling_keeps_the_mean_and_mirrors(images):
    mirrored = pooled(images[:, :, ::-1]).reshape(-1, 16, 16)[:, :, ::-1]
    np.testing.assert_array_equal(mirrored, pooled(images).reshape(-1, 16, 16))
    inside = (pooled(images).astype(np.float64) + 1).sum(axis=1) * 4
    np.testing.assert_allclose(inside, images.sum(axis=(1, 2)) / 127.5, atol=1e-3)


def test_black_and_white_are_exact_and_all_bytes_differ():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    rows = scaled(every)[0]
    assert (rows[0], rows[-1]) == (-1, 1)
    assert (np.diff(rows) > 0).all()
    assert pooled(np.zeros((1, 28, 28), np.uint8)).max() == -1
    assert pooled(np.full((1, 28, 28), 255, np.uint8)).reshape(16, 16)[1:-1, 1:-1].min() == 1


def test_pairs_offer_them_too():
    assert image_pairs.scaled is scaled
    assert image_pairs.pooled is pooled


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 28, 28)), "float64"),
        (np.zeros((28, 28), np.uint8), r"\(28, 28\)"),
        (np.zeros((1, 784), np.uint8), r"\(1, 784\)"),
    ],
)
def test_only_images_of_bytes(images, words):
    for rows in (scaled, pooled):
        with pytest.raises(ValueError, match=f"images: .*{words}"):
            rows(images)


def test_pooling_is_of_one_size():
    with pytest.raises(ValueError, match=r"images: shape \(1, 32, 32\) given; they are \(n, 28, 28\)"):
        pooled(np.zeros((1, 32, 32), np.uint8))


@pytest.mark.parametrize("side", [0, 14, 32, "16"])
def test_two_sides(embedded, side):
    for use in (
        lambda: image_rows(embedded.train_images[:1], side),
        lambda: class_moments(embedded, side),
    ):
        with pytest.raises(ValueError, match=f"side: {side!r} given; one of 16, 28"):
            use()


@pytest.mark.parametrize("side", [16, 28])
def test_moments_are_those_of_the_rows(embedded, side):
    moments = class_moments(embedded, side)
    rows = image_rows(embedded.train_images, side).astype(np.float64)
    for label in range(10):
        own = rows[embedded.train_labels == label]
        # Rows are float32: their own rounding, 6e-8, is all that may differ.
        np.testing.assert_allclose(moments.means[label], own.mean(axis=0), atol=2e-7)
        np.testing.assert_allclose(moments.mean_squares[label], (own**2).mean(axis=0), atol=3e-7)
        np.testing.assert_allclose(moments.traces[label], own.var(axis=0).sum(), rtol=1e-6)
    assert moments.counts.tolist() == [400] * 10


def test_traces_of_the_full_data(full):
    """Rows of an independent computation at 28 x 28 and 16 x 16."""
    unbiased = 6000 / 5999  # as there
    whole = [164.8, 103.0, 192.0, 142.8, 170.4, 160.2, 195.3, 100.8, 249.5, 166.4]
    np.testing.assert_allclose(unbiased * class_moments(full, 28).traces, whole, atol=0.06)
    small = unbiased * class_moments(full, 16).traces
    np.testing.assert_allclose(small[[8, 6, 1, 7]], [50.4, 38.7, 18.0, 17.8], atol=0.06)
    assert small[8] / small[1] == pytest.approx(2.80, abs=0.01)
