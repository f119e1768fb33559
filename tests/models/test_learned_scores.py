"""Random-features scores along the whole diffusion: training in closed form, one second layer for each time."""

import numpy as np
import pytest

from companion.compute.seeds import generator
from companion.datasets.gaussian_mixture import sample
from companion.models.feature_learning_curves import ScoreFlow
from companion.models.learned_scores import learned_scores
from companion.models.random_features import draw_features
from companion.theory.mixtures import Mixture

TIMES = [1.0, 0.3, 0.05]


@pytest.fixture(scope="module")
def setting():
    mixture = Mixture((0.7, 0.3), (1.0, 0.6), ((1.0, 0.0), (0.0, 1.0)), activation="relu")
    draws = generator(0, "learned scores")
    return mixture, sample(mixture, 60, 8, draws), draw_features(mixture, 20, 8, draws)


def test_each_time_has_the_flow_of_its_own_loss(setting):
    mixture, samples, features = setting
    learned = learned_scores(features, samples, TIMES, [0.0, 0.5, 20.0])
    for place, time in enumerate(TIMES):
        at = Mixture(mixture.weights, mixture.standard_deviations, mixture.centroid_gram, time, "relu")
        flow: ScoreFlow = features.at(time).score_flow(at, samples)
        np.testing.assert_allclose(
            learned.coefficients[:, place], flow.flow_coefficients([0.0, 0.5, 20.0]), atol=1e-10
        )
    assert not learned.coefficients[0].any()


def test_the_score_is_that_of_the_features(setting):
    _, samples, features = setting
    learned = learned_scores(features, samples, TIMES, [2.0])
    points = generator(1, "points").standard_normal((3, 5, 8))
    fields = np.maximum(points @ features.W.T / np.sqrt(8), 0)
    expected = fields @ learned.coefficients[0, 1].T / np.sqrt(1 - np.exp(-0.6))
    np.testing.assert_allclose(learned.score(0)(points, 0.3), expected, rtol=1e-12)


def test_long_training_denoises_best_on_its_own_points(setting):
    _, samples, features = setting
    learned = learned_scores(features, samples, [0.3], [0.1, 1e6])
    draws, losses = generator(2, "loss"), []
    noise = draws.standard_normal((200, *samples.points.shape))
    spread = np.sqrt(1 - np.exp(-0.6))
    noised = np.exp(-0.3) * samples.points + spread * noise
    for training in range(2):
        losses.append(np.mean((spread * learned.score(training)(noised, 0.3) + noise) ** 2))
    assert losses[1] < losses[0] < 1


def test_other_times_are_refused(setting):
    _, samples, features = setting
    learned = learned_scores(features, samples, TIMES, [1.0])
    with pytest.raises(ValueError, match=r"^time: 0\.4 given; scores were trained at"):
        learned.score(0)(np.zeros((1, 8)), 0.4)
    with pytest.raises(ValueError, match=r"^training_times:"):
        learned_scores(features, samples, TIMES, [-1.0])
    with pytest.raises(ValueError, match=r"^times:"):
        learned_scores(features, samples, [0.0], [1.0])
