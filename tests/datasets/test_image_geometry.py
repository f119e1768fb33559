"""Class geometry: by hand, invariant where it must be, and the published data's known numbers."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.datasets.fashion_mnist import CLASS_NAMES
from companion.datasets.image_geometry import class_geometry
from companion.datasets.image_moments import image_rows

#: Of all 60000 training images at 28 x 28, class by class:
#: trace, trace/d, participation ratio, k90, largest eigenvalue, its share, |m|, |m - g|, mean pixel.
KNOWN = np.array(
    [
        [164.8, 0.210, 5.7, 79, 65.5, 0.40, 17.8, 9.3, -0.349],
        [103.0, 0.131, 10.0, 36, 22.5, 0.22, 22.5, 12.1, -0.554],
        [192.0, 0.245, 5.5, 51, 76.5, 0.40, 16.1, 8.9, -0.247],
        [142.8, 0.182, 8.7, 81, 41.6, 0.29, 20.8, 9.5, -0.482],
        [170.4, 0.217, 7.4, 61, 52.6, 0.31, 17.8, 9.6, -0.229],
        [160.2, 0.204, 17.2, 135, 29.5, 0.18, 21.7, 12.1, -0.727],
        [195.3, 0.249, 5.6, 77, 76.9, 0.39, 15.9, 5.7, -0.336],
        [100.8, 0.129, 11.1, 79, 24.3, 0.24, 22.8, 13.2, -0.665],
        [249.5, 0.318, 8.3, 101, 70.5, 0.28, 15.4, 8.9, -0.293],
        [166.4, 0.212, 9.0, 82, 48.4, 0.29, 19.7, 12.6, -0.398],
    ]
)
COLUMNS = (
    "trace",
    "variance",
    "participation_ratio",
    "k90",
    "top_eigenvalue",
    "top_share",
    "centroid_norm",
    "grand_distance",
    "mean_pixel",
)
#: Half a unit of the last digit, and a little for what was rounded before.
ROUNDING = np.array([0.06, 0.0006, 0.06, 0, 0.06, 0.006, 0.06, 0.06, 0.0006])

DISTANCES = """12.9 11.2 9.0 11.6 19.0 7.4 20.5 15.1 19.1
16.9 8.2 16.6 18.2 14.0 19.8 19.4 21.5
14.4 5.0 19.1 5.4 20.0 11.6 17.3
13.7 17.7 10.6 19.0 16.4 19.5
20.7 6.0 21.1 12.2 18.3
16.6 7.7 15.0 14.0
18.0 10.7 16.3
14.8 14.4
12.3"""
KNOWN_DISTANCES = np.array([float(number) for number in DISTANCES.split()])
KNOWN_COSINES = {
    (2, 4): 0.86,
    (5, 7): 0.82,
    (2, 6): 0.82,
    (1, 3): 0.74,
    (4, 5): -0.80,
    (6, 7): -0.77,
    (8, 1): -0.71,
    (5, 8): 0.00,
    (3, 4): -0.02,
    (8, 6): -0.04,
}
ABOVE = np.triu_indices(10, 1)


@pytest.fixture(scope="module")
def geometry(embedded):
    return class_geometry(embedded.train_images, embedded.train_labels)


def few(seed, each=12, classes=(1, 8, 3)):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (each * len(classes), 28, 28), dtype=np.uint8)
    images //= np.repeat(np.arange(1, len(classes) + 1), each).astype(np.uint8)[:, None, None]
    return images, np.repeat(classes, each)


@pytest.mark.parametrize("side", [16, 28])
def test_against_numpy(side):
    images, labels = few(0)
    found = class_geometry(images, labels, side)
    assert found.label.values.tolist() == ["Trouser", "Dress", "Bag"]
    rows = image_rows(images, side).astype(np.float64)
    centroids = {}
    for number, name in ((1, "Trouser"), (3, "Dress"), (8, "Bag")):
        own = rows[labels == number]
        values = np.linalg.svd(own - own.mean(axis=0), compute_uv=False)[:-1] ** 2 / 11
        here = found.sel(label=name)
        np.testing.assert_allclose(here.eigenvalues[:11], values, rtol=1e-9)
        np.testing.assert_allclose(here.eigenvalues[11:], 0, atol=1e-10 * values[0])
        assert float(here.trace) == pytest.approx(own.var(axis=0, ddof=1).sum())
        assert float(here.variance) == pytest.approx(own.var(axis=0, ddof=1).mean())
        assert float(here.participation_ratio) == pytest.approx(values.sum() ** 2 / (values**2).sum())
        assert float(here.top_share) == pytest.approx(values[0] / values.sum())
        carried = int(here.k90)
        assert values[:carried].sum() >= 0.9 * values.sum() > values[: carried - 1].sum()
        centroids[name] = own.mean(axis=0)
        assert float(here.centroid_norm) == pytest.approx(np.linalg.norm(centroids[name]))
        assert float(here.mean_pixel) == pytest.approx(own.mean())
        assert int(here.images) == 12
    grand = sum(centroids.values()) / 3
    assert float(found.grand_norm) == pytest.approx(np.linalg.norm(grand))
    one, other = centroids["Trouser"], centroids["Bag"]
    pair = found.sel(label="Trouser", other_label="Bag")
    assert float(pair.centroid_distance) == pytest.approx(np.linalg.norm(one - other))
    cosine = (one - grand) @ (other - grand) / np.linalg.norm(one - grand) / np.linalg.norm(other - grand)
    assert float(pair.centroid_cosine) == pytest.approx(cosine)
    total = ((rows - grand) ** 2).sum(axis=1).mean() + float(found.trace.mean()) / 12
    assert float(found.mixture_trace) == pytest.approx(total)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_order_mirror_and_negative_change_nothing(seed):
    images, labels = few(seed, each=4)
    found = class_geometry(images, labels, 16)
    order = np.random.default_rng(seed).permutation(len(labels))
    xr.testing.assert_allclose(class_geometry(images[order], labels[order], 16), found, atol=1e-9)
    mirrored = class_geometry(images[:, :, ::-1], labels, 16)
    xr.testing.assert_allclose(mirrored, found, atol=1e-9)
    whole = class_geometry(images, labels)
    negative = class_geometry(255 - images, labels)
    for sign in ("mean_pixel", "grand_pixel"):
        negative[sign] = -negative[sign]
    xr.testing.assert_allclose(negative, whole, atol=1e-5)  # float32 rows of bytes are not quite odd


def test_labelled_for_figures_and_stores(geometry):
    assert geometry.sizes == {"label": 10, "other_label": 10, "eigenvalue": 784}
    assert geometry.label.values.tolist() == list(CLASS_NAMES)
    for name, variable in geometry.variables.items():
        assert variable.attrs["long_name"], name
    assert all("units" in geometry[name].attrs for name in geometry.data_vars)
    assert geometry.attrs == {"side": 28}


def test_embedded_images_have_the_known_geometry_within_sampling_error(geometry):
    trace, ratio = KNOWN[:, 0], KNOWN[:, 2]
    # Of a Gaussian class the variance of tr S is 2 tr Σ²/n = 2 tr²/(PR n).
    assert (np.abs(geometry.trace - trace) < 4 * trace * np.sqrt(2 / ratio / 400)).all()
    spread = np.sqrt(trace / 400)
    assert (np.abs(geometry.centroid_norm - KNOWN[:, 6]) < 2 * spread).all()
    distances = geometry.centroid_distance.values[ABOVE]
    assert (np.abs(distances - KNOWN_DISTANCES) < 2 * np.hypot(spread[ABOVE[0]], spread[ABOVE[1]])).all()
    order = geometry.trace.values.argsort()
    assert set(order[:2]) == {1, 7}
    assert order[-1] == 8


def test_full_data_have_the_known_geometry(full):
    found = class_geometry(full.train_images, full.train_labels)
    for column, name in enumerate(COLUMNS):
        difference = np.abs(found[name].values - KNOWN[:, column])
        assert (difference <= ROUNDING[column]).all(), name
    np.testing.assert_allclose(found.centroid_distance.values[ABOVE], KNOWN_DISTANCES, atol=0.06)
    for (one, other), cosine in KNOWN_COSINES.items():
        assert float(found.centroid_cosine[one, other]) == pytest.approx(cosine, abs=0.006)
    assert float(found.grand_norm) == pytest.approx(16.2, abs=0.06)
    assert float(found.grand_pixel) == pytest.approx(-0.428, abs=0.0006)
    assert float(found.mixture_trace) == pytest.approx(272.9, abs=0.06)


def test_a_class_alone_and_a_class_of_equal_images():
    images = np.full((3, 28, 28), 7, np.uint8)
    found = class_geometry(images, [4, 4, 4], 16)
    assert float(found.trace[0]) == 0
    assert np.isnan(found.participation_ratio[0])
    assert np.isnan(found.top_share[0])
    assert np.isnan(found.centroid_cosine[0, 0])


@pytest.mark.parametrize(
    ("images", "labels", "side", "words"),
    [
        (np.zeros((2, 28, 28), np.uint8), [0], 28, r"labels: shape \(1,\)"),
        (np.zeros((2, 28, 28), np.uint8), [0.0, 1.0], 28, "labels: .* of float64"),
        (np.zeros((2, 28, 28), np.uint8), [0, 10], 28, r"labels: \[0, 10\] given; they are 0 to 9"),
        (np.zeros((2, 28, 28), np.uint8), [-1, 0], 28, "labels: "),
        (np.zeros((3, 28, 28), np.uint8), [0, 0, 8], 28, "labels: one image of Bag given"),
        (np.zeros((0, 28, 28), np.uint8), np.zeros(0, int), 28, "labels: "),
        (np.zeros((2, 28, 28), np.uint8), [0, 0], 30, "side: 30 given"),
        (np.zeros((2, 28, 28)), [0, 0], 28, "images: "),
        (np.zeros((2, 14, 14), np.uint8), [0, 0], 28, "images: "),
    ],
)
def test_bad_input_is_named(images, labels, side, words):
    with pytest.raises(ValueError, match=words):
        class_geometry(images, labels, side)
