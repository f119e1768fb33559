"""The map of centroids is classical scaling, and pairs are ordered and named as experiments use them."""

import numpy as np
import pytest

from companion.datasets.fashion_mnist import CLASS_NAMES
from companion.studies import image_geometry as studies


@pytest.fixture(scope="module")
def table():
    return studies.class_geometry_table.evaluate_afresh("embedded", 16)


@pytest.mark.parametrize("seed", range(3))
def test_scaling_finds_points_again_up_to_a_rotation(seed):
    points = np.random.default_rng(seed).standard_normal((7, 3)) * [5.0, 2.0, 0.5]
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    places, share = studies.classical_scaling(distances)
    np.testing.assert_allclose(np.linalg.norm(places[:, None] - places, axis=2), distances, atol=1e-9)
    np.testing.assert_allclose(places[:, 3:], 0, atol=1e-6)
    np.testing.assert_allclose(places[:, :3].mean(axis=0), 0, atol=1e-12)
    assert (np.diff(share) <= 1e-12).all()
    assert share.sum() == pytest.approx(1)
    # The first axis carries the largest variance that any direction has.
    centred = points - points.mean(axis=0)
    assert share[0] == pytest.approx(np.linalg.svd(centred)[1][0] ** 2 / (centred**2).sum())


def test_scaling_of_one_place_is_that_place():
    places, share = studies.classical_scaling(np.zeros((3, 3)))
    assert not places.any()
    assert not share.any()


def test_all_pairs_stand_once_with_the_wider_class_first(table):
    assert table.sizes["pair"] == 45
    assert {
        frozenset((str(a), str(b))) for a, b in zip(table["first"].values, table.second.values, strict=True)
    } == {frozenset((a, b)) for a in CLASS_NAMES for b in CLASS_NAMES if a < b}
    assert (table.variance_ratio >= 1).all()
    variance = dict(zip(table.label.values, table.trace.values, strict=True))
    for pair in ("Bag / Trouser", "Shirt / Sneaker"):
        first, second = pair.split(" / ")
        assert table.variance_ratio.sel(pair=pair) == pytest.approx(variance[first] / variance[second])


def test_every_pair_of_the_experiments_is_marked(table):
    used = table.pair.values[table.purpose.values != ""]
    assert {frozenset(str(pair).split(" / ")) for pair in used} == set(map(frozenset, studies.PURPOSES))
    assert str(table.purpose.sel(pair="Bag / Trouser").values) == "variance"


def test_distances_on_the_map_are_shorter_than_the_true_ones(table):
    places = table.place.transpose("label", "axis").values
    shown = np.linalg.norm(places[:, None] - places, axis=2)
    assert (shown <= table.centroid_distance.values + 1e-9).all()
    squares = (table.centroid_distance.values**2).sum()
    assert (shown**2).sum() / squares == pytest.approx(float(table.map_share))


def test_thinned_spectra_keep_the_first_and_the_last_rank(table):
    ranks = table["eigenvalue"].values
    assert ranks[0] == 1
    assert ranks[-1] == 256
    assert len(ranks) < 60
    np.testing.assert_allclose(table.eigenvalues.sel(eigenvalue=1), table.top_eigenvalue)
