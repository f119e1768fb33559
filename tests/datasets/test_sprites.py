"""The sprites are the images that their factors say, and nothing else is rendered."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.datasets import sprites as module
from companion.datasets.sprites import SHAPES, sprites


def test_the_two_sets_are_those_of_the_theory():
    small, large = sprites("sprites-3"), sprites("sprites-5")
    assert (len(small), len(large)) == (720, 2304)
    images = large.images()
    assert images.shape == (2304, 256) and images.dtype == np.float32
    assert images.mean(dtype=np.float64) == pytest.approx(0.080, abs=5e-4)
    assert images.var(axis=0, dtype=np.float64).sum() == pytest.approx(14.86, abs=5e-3)


@pytest.mark.parametrize("kind", ["sprites-3", "sprites-5"])
def test_factors_are_a_full_design(kind):
    found = sprites(kind, 8)
    factors = found.factors()
    assert factors.tolist() == [list(row) for row in itertools.product(*map(range, found.levels))]
    np.testing.assert_allclose(found.chance, 1 / np.array(found.levels))
    assert len(found.factor_names) == factors.shape[1]
    assert str(len(found)) in found.description


@pytest.mark.parametrize("kind", ["sprites-3", "sprites-5"])
def test_images_tell_their_factors(kind):
    found = sprites(kind, 16)
    assert len(np.unique(found.images(), axis=0)) == len(found)


def test_pixels_are_averages_of_four():
    images = sprites("sprites-5", 16).images()
    assert set(np.unique(images)) == {0.0, 0.25, 0.5, 0.75, 1.0}


def test_centre_of_mass_and_size_follow_the_factors():
    found = sprites("sprites-3", 16)
    pictures, factors = found.images().reshape(-1, 16, 16).astype(float), found.factors()
    mass = pictures.sum(axis=(1, 2))
    place = (np.arange(16) + 0.5) / 16
    scale, x, y = factors.T
    half = np.linspace(0.08, 0.22, 5)[scale]
    # The edge is known to half a fine pixel on either side.
    np.testing.assert_allclose(np.sqrt(mass) / 16, 2 * half, atol=1 / 32)
    np.testing.assert_allclose(
        pictures.sum(axis=1) @ place / mass, np.linspace(0.25, 0.75, 12)[x], atol=1 / 64
    )
    np.testing.assert_allclose(
        pictures.sum(axis=2) @ place / mass, np.linspace(0.25, 0.75, 12)[y], atol=1 / 64
    )


def test_areas_are_those_of_the_shapes():
    """Square (1.8 r)², ellipse π 1.3 · .7 r², triangle 1.8² r²/1.8."""
    found = sprites("sprites-5", 64, (3, 1, 4, 2, 2))
    area = found.images().mean(axis=1).reshape(3, -1) / 0.12**2
    np.testing.assert_allclose(area.mean(axis=1), [1.8**2, np.pi * 1.3 * 0.7, 1.8], rtol=0.02)


def test_a_triangle_turns_by_a_quarter():
    found = sprites("sprites-5", 32, (3, 1, 4, 1, 1)).where(shape=SHAPES.index("triangle"))
    first, second = found.images([0, 1]).reshape(2, 32, 32)
    # The one place is at the lower end, .25: turning about it is turning the first 16 pixels.
    np.testing.assert_array_equal(np.rot90(first[:16, :16], -1), second[:16, :16])


@given(st.lists(st.integers(0, 2303), min_size=1, max_size=20))
def test_rows_are_those_of_the_whole(rows):
    found = sprites("sprites-5", 8)
    every = [found.images([row])[0] for row in rows]
    np.testing.assert_array_equal(found.images(rows), every)


def test_blocks_do_not_show(monkeypatch):
    found = sprites("sprites-3", 8)
    whole = found.images()
    monkeypatch.setattr(module, "_BLOCK_PIXELS", 7 * 256)
    np.testing.assert_array_equal(found.images(), whole)


def test_the_published_size_renders_what_is_asked_for():
    found = sprites("sprites-5", 64, (3, 6, 40, 32, 32))
    assert len(found) == 737_280
    images = found.images([0, 737_279])
    assert images.shape == (2, 4096) and (images.sum(axis=1) > 0).all()


def test_a_shape_alone():
    found = sprites("sprites-5", 8)
    squares = found.where(shape=0)
    assert len(squares) == 768 and set(squares.factors()[:, 0]) == {0}
    np.testing.assert_array_equal(squares.images([5]), found.images([5]))
    assert squares.where(scale=2, x=3).factors()[:, [1, 3]].tolist() == [[2, 3]] * 32
    assert squares.chance[0] == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sprites("dsprites"), r"kind: 'dsprites' given; allowed: sprites-3, sprites-5"),
        (lambda: sprites("sprites-3", 0), r"side: 0 given"),
        (lambda: sprites("sprites-3", 8, (5, 12)), r"levels: \(5, 12\) given"),
        (lambda: sprites("sprites-5", 8, (4, 1, 1, 1, 1)), r"levels: .*shapes up to 3"),
        (lambda: sprites("sprites-3").where(shape=1), r"factor: 'shape' given; allowed: scale, x, y"),
        (lambda: sprites("sprites-3").where(scale=5), r"scale: 5 given; allowed: 0 to 4"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
