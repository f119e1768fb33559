"""Kernel alignment and class probes: invariances, laws for noise, and brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from companion.analysis.representations import class_probe, linear_cka
from companion.compute.seeds import generator


def features(name, *shape):
    return generator(0, "features", name).standard_normal(shape)


@given(st.integers(0, 1000), st.booleans())
def test_rotation_scale_and_shift_leave_a_representation_what_it_is(seed, debiased):
    draws = np.random.default_rng(seed)
    a, b = draws.standard_normal((12, 5)), draws.standard_normal((12, 3))
    turn, _ = np.linalg.qr(draws.standard_normal((5, 5)))
    changed = 3.7 * a @ turn + draws.standard_normal(5)
    assert float(linear_cka(a, changed, debiased=debiased)) == pytest.approx(1.0)
    before = float(linear_cka(a, b, debiased=debiased))
    assert float(linear_cka(changed, b, debiased=debiased)) == pytest.approx(before, rel=1e-8, abs=1e-10)
    assert float(linear_cka(b, a, debiased=debiased)) == pytest.approx(before, rel=1e-8, abs=1e-10)


def test_it_is_the_definition_whether_features_or_images_are_more():
    for p in (3, 60):
        a, b = features("def a", 20, p), features("def b", 20, 4)
        h = np.eye(20) - 1 / 20
        k, m = h @ a @ a.T @ h, h @ b @ b.T @ h
        wanted = (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
        assert float(linear_cka(a, b)) == pytest.approx(wanted)


def unbiased_by_sums(k, m):
    """The unbiased criterion as a mean over quadruples of different images."""
    n = len(k)
    total, count = 0.0, 0
    for i in range(n):
        for j in range(n):
            for q in range(n):
                for r in range(n):
                    if len({i, j, q, r}) == 4:
                        total += k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])
                        count += 1
    return total / count


def test_debiased_is_the_mean_over_quadruples():
    a, b = features("quad a", 7, 3), features("quad b", 7, 2)
    k, m = a @ a.T, b @ b.T
    wanted = unbiased_by_sums(k, m) / np.sqrt(unbiased_by_sums(k, k) * unbiased_by_sums(m, m))
    assert float(linear_cka(a, b, debiased=True)) == pytest.approx(wanted)


def test_noise_looks_alike_unless_it_is_debiased():
    a, b = features("noise a", 300, 40, 200), features("noise b", 300, 40, 200)
    biased, debiased = linear_cka(a, b), linear_cka(a, b, debiased=True)
    assert biased.shape == (300,)
    assert biased.min() > 0.7
    assert abs(debiased.mean()) < 4 * debiased.std() / np.sqrt(300)


def test_leading_axes_broadcast_to_a_matrix_of_checkpoints():
    a = features("stack", 4, 15, 6)
    found = linear_cka(a[:, None], a[None], debiased=True)
    assert found.shape == (4, 4)
    np.testing.assert_allclose(np.diag(found), 1.0)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_allclose(found[1, 2], linear_cka(a[1], a[2], debiased=True))


def test_constant_features_have_no_alignment():
    assert np.isnan(linear_cka(np.ones((5, 2)), features("some", 5, 2)))
    assert np.isnan(linear_cka(np.zeros((5, 2)), features("some", 5, 2), debiased=True))


@pytest.mark.parametrize(
    ("a", "b", "debiased", "said"),
    [
        (np.ones((5, 2)), np.ones((6, 2)), False, "features_b: 6 images"),
        (np.ones((3, 2)), np.ones((3, 2)), True, "4 or more"),
        (np.full((5, 2), np.nan), np.ones((5, 2)), False, "features_a"),
        (np.ones(5), np.ones((5, 2)), False, "features_a"),
    ],
)
def test_features_that_do_not_fit_are_refused(a, b, debiased, said):
    with pytest.raises(ValueError, match=said):
        linear_cka(a, b, debiased=debiased)


def labelled(name, counts, p, distance):
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = distance * np.eye(len(counts), p)
    return features(name, labels.size, p) + centres[labels], labels


def test_far_classes_are_told_and_equal_ones_are_not():
    for distance, low, high in ((8.0, 0.99, 1.0), (0.0, 0.23, 0.43)):
        images, labels = labelled("far", [100, 150, 200], 10, distance)
        probe = class_probe(images, labels, 3, generator=generator(0, "deal"))
        assert probe.class_accuracy.shape == (3,)
        assert low <= probe.accuracy <= high
        assert probe.accuracy == pytest.approx(probe.class_accuracy.mean())


@pytest.mark.parametrize("p", [6, 400])
def test_it_is_ridge_regression_of_indicators(p):
    images, labels = labelled("ridge", [40, 40], p, 1.0)
    images = images * np.linspace(0.1, 5, p)
    found = class_probe(images, labels, 2, generator=generator(0, "deal"), folds=4, penalty=0.05)
    draws = generator(0, "deal")
    fold = np.empty(80, dtype=int)
    for label in range(2):
        members = np.flatnonzero(labels == label)
        fold[draws.permutation(members)] = np.arange(40) % 4
    right = np.empty(80, dtype=bool)
    for index in range(4):
        train, test = fold != index, fold == index
        mean, scale = images[train].mean(0), images[train].std(0)
        model = Ridge(alpha=0.05 * train.sum()).fit((images[train] - mean) / scale, np.eye(2)[labels[train]])
        right[test] = model.predict((images[test] - mean) / scale).argmax(1) == labels[test]
    wanted = [right[labels == label].mean() for label in range(2)]
    np.testing.assert_array_equal(found.class_accuracy, wanted)


def test_a_minority_is_not_overlooked():
    images, labels = labelled("minority", [1000, 40], 4, 2.0)
    probe = class_probe(images, labels, 2, generator=generator(0, "deal"))
    # Bayes' error at equal weights for centroids 2 sqrt(2) apart: Φ(√2) = .921 each.
    np.testing.assert_allclose(probe.class_accuracy, 0.92, atol=0.08)


def test_checkpoints_share_their_folds_and_scale_does_not_matter():
    images, labels = labelled("checkpoints", [30, 30], 5, 1.5)
    stacked = np.stack([images, 100 * images + 3, images[:, ::-1]])
    probe = class_probe(stacked, labels, 2, generator=generator(0, "deal"))
    assert probe.class_accuracy.shape == (3, 2)
    np.testing.assert_array_equal(probe.class_accuracy[0], probe.class_accuracy[1])
    np.testing.assert_array_equal(probe.class_accuracy[0], probe.class_accuracy[2])
    constant = class_probe(np.ones((60, 3)), labels, 2, generator=generator(0, "deal"))
    assert constant.accuracy == 0.5


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        ([0, 1] * 3, {}, "folds: 5 given, allowed is 2 to 3"),
        ([0, 2] * 10, {}, "whole numbers from 0 to 1"),
        ([0, 1] * 10, {"penalty": 0.0}, "penalty"),
        ([0, 1] * 9, {"rows": 20}, "one for each"),
    ],
)
def test_what_a_probe_cannot_take(labels, options, said):
    rows = options.pop("rows", len(labels))
    with pytest.raises(ValueError, match=said):
        class_probe(np.ones((rows, 2)), labels, 2, generator=generator(0), **options)
