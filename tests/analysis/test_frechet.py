"""The Fréchet distance of Gaussians is known; that of clouds tends to it, with a floor that is quoted."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from companion.analysis.frechet import FeatureSpace, class_frechet, finite_size_floor, frechet_distance
from companion.compute.seeds import generator


def textbook(a, b):
    """The formula as it is written, by scipy's matrix square root."""
    first, second = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(first @ second)
    shift = a.mean(0) - b.mean(0)
    return float(shift @ shift + np.trace(first + second - 2 * root.real))


def cloud(name, *shape):
    draws = generator(0, "cloud", name)
    return draws.standard_normal(shape) @ draws.standard_normal((shape[-1], shape[-1])) + draws.normal()


def test_it_is_the_textbook_formula():
    a, b = cloud("a", 300, 6), cloud("b", 200, 6)
    assert float(frechet_distance(a, b)) == pytest.approx(textbook(a, b), rel=1e-9)


def test_closed_forms():
    a = cloud("form", 100, 5)
    np.testing.assert_allclose(frechet_distance(a, a), 0.0, atol=1e-10)
    np.testing.assert_allclose(frechet_distance(a, a + 2.0), 20.0, rtol=1e-9)
    centred = a - a.mean(0)
    # Scaling by g moves the cloud by (g - 1)² tr A.
    np.testing.assert_allclose(
        frechet_distance(centred, 1.5 * centred), 0.25 * np.trace(np.cov(a.T)), rtol=1e-9
    )


@given(st.integers(0, 10_000))
def test_symmetric_never_negative_and_blind_to_rotation(seed):
    draws = np.random.default_rng(seed)
    a, b = draws.standard_normal((9, 4)), 3 * draws.standard_normal((7, 4)) + 1
    turn, _ = np.linalg.qr(draws.standard_normal((4, 4)))
    distance = frechet_distance(a, b)
    assert distance >= 0
    np.testing.assert_allclose(frechet_distance(b, a), distance, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(frechet_distance(a @ turn, b @ turn), distance, rtol=1e-9, atol=1e-9)


def test_flat_clouds_lose_no_digits():
    # Rank 1 against rank 1 at an angle: A = u uᵀ s², B = v vᵀ t²; tr sqrt = s t |u·v|.
    line = np.array([[-1.0], [0.0], [1.0]])
    u, v = np.array([[1.0, 0.0, 0.0]]), np.array([[0.6, 0.8, 0.0]])
    wanted = 1 + 4 - 2 * 1 * 2 * 0.6
    np.testing.assert_allclose(frechet_distance(line @ u, 2 * line @ v), wanted, rtol=1e-14)
    narrow = cloud("narrow", 50, 3) * [1.0, 1e-7, 1e-14]
    np.testing.assert_allclose(frechet_distance(narrow, narrow + np.array([0, 0, 1e-3])), 1e-6, rtol=1e-6)


def test_leading_axes_broadcast():
    a, b = cloud("stack", 3, 2, 40, 4), cloud("one", 60, 4)
    found = frechet_distance(a, b)
    assert found.shape == (3, 2)
    for place in np.ndindex(3, 2):
        np.testing.assert_allclose(found[place], textbook(a[place], b), rtol=1e-9)


def test_a_single_point_has_no_distance():
    assert np.isnan(frechet_distance(np.ones((1, 3)), cloud("many", 10, 3)))
    with pytest.raises(ValueError, match="features_b"):
        frechet_distance(np.ones((4, 3)), np.ones((4, 2)))


def test_classes_are_measured_apart_and_scarce_ones_not_at_all():
    features, reference = cloud("samples", 2, 120, 3), cloud("real", 200, 3)
    draws = generator(0, "labels")
    own, real = draws.integers(-1, 3, size=(2, 120)), draws.integers(3, size=200)
    own[1][own[1] == 2] = 0
    found = class_frechet(features, own, reference, real, 3, least=10)
    assert found.shape == (2, 3)
    for run, label in np.ndindex(2, 3):
        if (run, label) == (1, 2):
            assert np.isnan(found[run, label])
        else:
            wanted = textbook(features[run, own[run] == label], reference[real == label])
            np.testing.assert_allclose(found[run, label], wanted, rtol=1e-8)
    with pytest.raises(ValueError, match="sample_class"):
        class_frechet(features, own[0], reference, real, 3)


def test_the_floor_is_what_a_perfect_model_gets_and_falls_with_size():
    real = cloud("floor", 4000, 10)
    small, large = (
        finite_size_floor(real, size, generator=generator(0, "floor", size), repetitions=32)
        for size in (50, 500)
    )
    assert small.shape == (32,)
    assert large.mean() < 0.2 * small.mean()
    draws = generator(0, "perfect")
    perfect = [float(frechet_distance(real[draws.permutation(4000)[:50]], real)) for _ in range(32)]
    assert small.mean() == pytest.approx(np.mean(perfect), rel=0.1)
    with pytest.raises(ValueError, match="size: 2001 given, allowed is 2 to 2000"):
        finite_size_floor(real, 2001, generator=draws)


def test_the_space_holds_the_leading_variance():
    draws = generator(0, "space")
    scales = np.array([5.0, 3.0, 1.0, 0.3, 0.1, 0.05])
    turn, _ = np.linalg.qr(draws.standard_normal((6, 6)))
    images = draws.standard_normal((500, 6)) * scales @ turn + 4.0
    space = FeatureSpace.fit(images, 2)
    np.testing.assert_allclose(space.axes @ space.axes.T, np.eye(2), atol=1e-12)
    assert np.abs(space.axes @ turn[:2].T).diagonal() == pytest.approx([1, 1], abs=0.01)
    assert space.explained == pytest.approx(34 / 35.1, abs=0.005)
    found = space.features(images)
    np.testing.assert_allclose(found, (images - space.mean) @ space.axes.T, atol=1e-10)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-10)
    np.testing.assert_allclose(np.cov(found.T)[0, 1], 0.0, atol=1e-8)


def test_few_images_in_many_pixels_span_the_same_space():
    images = generator(0, "few").standard_normal((12, 40)) * np.linspace(2, 0.1, 40)
    space = FeatureSpace.fit(images, 5)
    _, values, axes = np.linalg.svd(images - images.mean(axis=0))
    np.testing.assert_allclose(np.abs(np.diag(space.axes @ axes[:5].T)), 1.0, atol=1e-9)
    assert space.explained == pytest.approx((values[:5] ** 2).sum() / (values**2).sum())
    full = FeatureSpace.fit(images, 11)
    np.testing.assert_allclose(full.explained, 1.0)
    with pytest.raises(ValueError, match="dimension: 12 given, allowed is 1 to 11"):
        FeatureSpace.fit(images, 12)
    with pytest.raises(ValueError, match=r"\(\.\.\., 40\)"):
        full.features(np.zeros((3, 41)))
