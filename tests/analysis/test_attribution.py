"""The discriminant: Bayes' rule where that is known, calibrated where raw posteriors are far too sure."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from companion.analysis.attribution import Attribution, decide, fit_attribution
from companion.compute.seeds import generator

BLOBS = np.array([[1.5, 0.0], [-1.5, 0.0]])


def blobs(name, counts, centres=BLOBS):
    draws = generator(0, "blobs", name)
    labels = np.repeat(np.arange(len(counts)), counts)
    return draws.standard_normal((labels.size, centres.shape[1])) + centres[labels], labels


def test_in_two_dimensions_it_is_the_posterior_of_equal_gaussians():
    fitted = fit_attribution(*blobs("fit", [20000, 20000]))
    points, _ = blobs("test", [500, 500])
    wanted = expit(3.0 * points[:, 0])  # log ratio of the densities: 2 m x with m = 1.5
    assert np.abs(fitted.posterior(points)[:, 0] - wanted).max() < 0.02
    assert fitted.temperature == pytest.approx(1.0, abs=0.05)
    assert fitted.accuracy == pytest.approx(norm.cdf(1.5), abs=0.004)
    undecided = np.abs(3.0 * points[:, 0]) < np.log(9)
    assert (fitted.classes(points) == -1).mean() == pytest.approx(undecided.mean(), abs=0.02)
    assert fitted.undecided == pytest.approx(undecided.mean(), abs=0.04)


def test_imbalance_of_the_images_does_not_move_the_border():
    fitted = fit_attribution(*blobs("unequal", [20000, 500]))
    assert fitted.posterior([[0.0, 0.0]])[0, 1] == pytest.approx(0.5, abs=0.1)
    assert fitted.class_accuracy == pytest.approx([norm.cdf(1.5)] * 2, abs=0.03)


def test_too_sure_posteriors_are_cooled_until_they_are_right():
    centres = np.zeros((2, 200))
    centres[:, :2] = BLOBS
    images, labels = blobs("wide", [300, 300], centres)
    fitted = fit_attribution(images, labels, shrinkage=0.0)
    points, truth = blobs("wide test", [4000, 4000], centres)
    raw = expit(np.diff(fitted.logits(points))[:, 0])
    calibrated = fitted.posterior(points)[:, 1]
    assert fitted.temperature > 1.5

    def confidence_and_accuracy(probability):
        return np.maximum(probability, 1 - probability).mean(), ((probability > 0.5) == truth).mean()

    sure, right = confidence_and_accuracy(raw)
    assert sure - right > 0.04
    sure, right = confidence_and_accuracy(calibrated)
    assert sure - right == pytest.approx(0.0, abs=0.03)
    assert fitted.accuracy == pytest.approx(right, abs=0.04)


def test_three_classes_with_labels_of_their_own_over_leading_axes():
    centres = 4 * np.eye(3, 10)
    images, labels = blobs("three", [100, 200, 300], centres)
    fitted = fit_attribution(images, np.array([1, 5, 8])[labels])
    assert fitted.labels.tolist() == [1, 5, 8]
    assert fitted.accuracy > 0.98
    stacked = np.stack([images, images + 0.1])[:, None]
    posterior = fitted.posterior(stacked)
    assert posterior.shape == (2, 1, 600, 3)
    np.testing.assert_allclose(posterior.sum(axis=-1), 1.0)
    np.testing.assert_allclose(posterior[1, 0], fitted.posterior(images + 0.1), rtol=1e-12)
    found = fitted.classes(stacked)
    assert set(np.unique(found)) <= {-1, 1, 5, 8}
    assert (found[0, 0] == np.array([1, 5, 8])[labels]).mean() > 0.9


def test_it_survives_the_store_and_answers_the_same():
    images, labels = blobs("saved", [50, 60])
    fitted = fit_attribution(images, labels + 3)
    again = Attribution.from_dataset(fitted.as_dataset())
    np.testing.assert_array_equal(again.posterior(images), fitted.posterior(images))
    assert (again.labels.tolist(), again.accuracy, again.undecided) == (
        [3, 4],
        fitted.accuracy,
        fitted.undecided,
    )


def test_shifting_images_and_samples_alike_changes_nothing():
    images, labels = blobs("shift", [80, 80])
    fitted, shifted = fit_attribution(images, labels), fit_attribution(images + 7.0, labels)
    np.testing.assert_allclose(shifted.posterior(images + 7.0), fitted.posterior(images), atol=1e-8)


def test_decisions():
    assert decide([[0.9, 0.1], [0.89, 0.11]], [4, 7]).tolist() == [4, -1]
    assert decide([[0.3, 0.7]], [4, 7], confidence=0.0).tolist() == [7]
    with pytest.raises(ValueError, match="confidence"):
        decide([[0.3, 0.7]], [4, 7], confidence=1.5)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0] * 20, "two or more"),
        ([0] * 19 + [1], "1 images of class 1"),
        ([0.0, 1.0] * 10, "whole numbers"),
        ([-1, 1] * 10, "whole numbers"),
        ([0, 1], "one for each"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, said):
    with pytest.raises(ValueError, match=said):
        fit_attribution(np.eye(20), np.array(labels))


def test_samples_that_do_not_fit_are_refused():
    fitted = fit_attribution(*blobs("refuse", [20, 20]))
    with pytest.raises(ValueError, match=r"\(\.\.\., 2\)"):
        fitted.posterior(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"row \(1,\)"):
        fitted.posterior([[0.0, 0.0], [np.nan, 0.0]])
    with pytest.raises(ValueError, match="finite"):
        fit_attribution(np.full((20, 2), np.nan), [0, 1] * 10)
