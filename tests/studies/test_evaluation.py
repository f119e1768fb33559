"""Planted copies are counted, by class and by image; real images are not."""

import numpy as np
import pytest

import companion.analysis.neighbours  # noqa: F401 (here its compiled code is cached for good)
from companion.analysis.memorisation import memorised_fraction
from companion.studies.evaluation import evaluation, neighbour_search

# Every test reads results from the store of its own project.
pytestmark = pytest.mark.usefixtures("project")

THRESHOLD = 1 / 3


def images(name, count, dimension=49):
    """Two far classes of ``count`` images each."""
    draws = np.random.default_rng([name, dimension])
    labels = np.repeat([3, 7], count)
    points = draws.standard_normal((2 * count, dimension)) + np.where(labels == 3, 1.0, -1.0)[:, None]
    return points.astype(np.float32), labels


@pytest.fixture
def planted():
    """100 fresh samples and 60 copies: 40 of image 2 (class 3), 20 of image 33 (class 7)."""
    train, labels = images(0, 30)
    fresh, _ = images(1, 50)
    noise = 0.05 * np.random.default_rng(2).standard_normal((60, 49)).astype(np.float32)
    copies = train[np.repeat([2, 33], [40, 20])] + noise
    return np.concatenate([fresh, copies]), train, labels


def judged(samples, train, labels, held_out=None, **options):
    found = neighbour_search(samples, train, held_out)
    return evaluation(found, samples, train, labels, THRESHOLD, **options)


def test_planted_copies_are_counted_and_named(planted):
    data = judged(*planted)
    assert (int(data.memorised_samples), int(data.samples)) == (60, 160)
    assert float(data.memorised_fraction) == 60 / 160
    assert 0.3 < float(data.memorised_fraction_lower) < 60 / 160 < float(data.memorised_fraction_upper) < 0.46
    assert data.copied_image.values[:2].tolist() == [2, 33]
    assert data.copies.values[:3].tolist() == [40, 20, 0]
    assert (int(data.images_hit), int(data.training_images)) == (2, 60)
    np.testing.assert_array_equal(data.ratio < THRESHOLD, np.arange(160) >= 100)


def test_classes_by_both_rules(planted):
    data = judged(*planted)
    assert data.label.values.tolist() == [3, 7]
    for rule in ("by_nearest", "by_discriminant"):
        np.testing.assert_array_equal(data[f"class_samples_{rule}"], [90, 70])
        np.testing.assert_array_equal(data[f"class_memorised_{rule}"], [40, 20])
        np.testing.assert_allclose(data[f"class_fraction_{rule}"], [40 / 90, 20 / 70])
    np.testing.assert_array_equal(data.class_images_hit, [1, 1])
    np.testing.assert_array_equal(data.class_images, [30, 30])
    assert float(data.undecided) == float(data.disagreement) == 0.0
    np.testing.assert_array_equal(data.discriminant_accuracy, [1, 1])


def test_null_rates(planted):
    samples, train, _ = planted
    leave_one_out = judged(samples, train, None)
    assert (int(leave_one_out.null_samples), int(leave_one_out.null_trials)) == (0, 60)
    held_out, _ = images(9, 200)
    held = judged(samples, train, None, held_out)
    assert (int(held.null_samples), int(held.null_trials)) == (0, 400)
    assert float(held.null_rate_upper) < float(leave_one_out.null_rate_upper)
    copied = judged(samples, train, None, train + 0.01)
    assert float(copied.null_rate) == 1.0
    # A twin in the training set is a false alarm of leave-one-out.
    twins = np.concatenate([train, train[:3] + 0.01])
    assert int(judged(samples, twins, None).null_samples) == 6


def test_leave_one_out_of_many_images_takes_a_draw_of_them(planted):
    samples, train, _ = planted
    every = neighbour_search(samples, train)
    some = neighbour_search(samples, train, null_images=20, seed=4)
    assert some.sizes["null"] == 20
    rows = {tuple(row) for row in every.null_distance.values}
    assert {tuple(row) for row in some.null_distance.values} < rows


def test_the_sweep_is_the_fraction_at_each_threshold(planted):
    data = judged(*planted)
    assert THRESHOLD in data.threshold.values
    for name, distances in (
        ("memorised", data[["first_distance", "second_distance"]].to_array().values.T),
        ("null", neighbour_search(planted[0], planted[1]).null_distance.values),
    ):
        wanted = [memorised_fraction(distances, level) for level in data.threshold.values]
        np.testing.assert_allclose(data[name], wanted)
        assert (data[f"{name}_lower"] <= data[name]).all() and (data[name] <= data[f"{name}_upper"]).all()
    np.testing.assert_allclose(data.generated_density.mean(), 1.0)
    np.testing.assert_allclose(data.null_density.mean(), 1.0)


def test_frechet_distance_stands_beside_its_floor(planted):
    _, train, _ = planted
    fresh, _ = images(5, 15)
    good, bad = judged(fresh, train, None), judged(2 * fresh, train, None)
    assert float(good.frechet_floor_size) == 30
    assert float(good.frechet) < 2 * float(good.frechet_floor)
    assert float(bad.frechet) > 3 * float(bad.frechet_floor)


def test_pictures_are_samples_at_even_ranks_with_their_nearest(planted):
    samples, train, _ = planted
    data = judged(samples, train, None, picture=(7, 7))
    assert data.shown_sample.shape == data.shown_nearest.shape == (12, 7, 7)
    ratios = data.shown_ratio.values
    assert ratios[0] == data.ratio.values.min() and ratios[-1] == data.ratio.values.max()
    assert (np.diff(ratios) >= 0).all()
    for place in range(12):
        index = int(data.shown_index[place])
        np.testing.assert_array_equal(data.shown_sample[place].values.ravel(), samples[index])
        np.testing.assert_array_equal(data.shown_nearest[place].values.ravel(), train[data.nearest[index]])


def test_few_images_leave_blanks_and_no_errors():
    train, labels = images(0, 2)
    samples, _ = images(1, 3)
    data = judged(samples, train, labels)
    assert "class_fraction_by_discriminant" not in data
    assert np.isnan(data.class_fraction_by_nearest).all()
    alone = judged(samples, train[:2], None)
    assert np.isnan(alone.null_rate) and np.isnan(alone.null).all() and np.isnan(alone.frechet_floor)
    assert float(alone.memorised_fraction) == 0.0


def test_the_same_files_are_the_same_stored_result(planted):
    first, second = judged(*planted), judged(*planted)
    assert first.attrs["companion_key"] == second.attrs["companion_key"]
    assert first.identical(second)
