"""The model itself: features and scores as defined, what it learns, bad inputs."""

import numpy as np
import pytest

from companion.datasets.gaussian_mixture import sample
from companion.models.random_features import RandomFeatures, draw_features
from companion.theory.mixtures import Mixture

PAIR = Mixture((0.6, 0.4), (1.5, 0.5), ((1.0, 0.0), (0.0, 1.0)))


def test_features_and_scores_are_their_definitions():
    random = np.random.default_rng(0)
    model = draw_features(PAIR, 7, 5, random)
    points, A = random.standard_normal((3, 5)), random.standard_normal((5, 7))
    np.testing.assert_allclose(model.features(points), np.tanh(points @ model.W.T / np.sqrt(5)))
    B = np.sqrt(PAIR.noise_variance / 7) * A
    wanted = [A @ np.tanh(model.W @ x / np.sqrt(5)) / np.sqrt(7) for x in points]
    np.testing.assert_allclose(model.score(points, B), wanted, atol=1e-14)
    many = model.score(points, np.stack([B, 2 * B, 0 * B, -B]))
    assert many.shape == (4, 3, 5)
    np.testing.assert_allclose(many[1], np.multiply(2, wanted), atol=1e-14)


def test_the_score_of_many_points_is_the_true_one():
    # One Gaussian: the true score is -x/Γ², and its loss α²/Γ².
    mixture = Mixture((1.0,), (1.0,), None, 0.5)
    random = np.random.default_rng(0)
    samples = sample(mixture, 2000, 10, random)
    model = draw_features(mixture, 160, 10, random)
    flow = model.score_flow(mixture, samples)
    losses = flow.learning_curves(np.geomspace(0.1, 1e4, 40))
    assert losses.test.min() == pytest.approx(mixture.bayes_losses[0], rel=0.04)
    B = flow.flow_coefficients([3e3])[0]
    points = random.standard_normal((200, 10))
    off = model.score(points, B) + points / mixture.total_variances[0]
    assert np.square(off).mean() < 0.05


def test_the_same_features_at_another_time():
    model = draw_features(PAIR, 7, 5, np.random.default_rng(0))
    later = model.at(1.0)
    np.testing.assert_array_equal(later.W, model.W)
    assert later.noise_variance == pytest.approx(1 - np.exp(-2))
    with pytest.raises(ValueError, match=r"^mixture: diffusion time 0.1 and activation 'tanh' given"):
        later.population_matrices(PAIR, np.zeros((2, 5)))


def test_normalised_rows():
    rows = draw_features(PAIR, 50, 20, np.random.default_rng(0), normalise_rows=True).W
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.sqrt(20), rtol=1e-12)
    plain = draw_features(PAIR, 50, 20, np.random.default_rng(0)).W
    np.testing.assert_allclose(
        rows / np.linalg.norm(rows, axis=1)[:, None], plain / np.linalg.norm(plain, axis=1)[:, None]
    )


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: RandomFeatures(np.ones(3), 0.1), "W"),
        (lambda: RandomFeatures(np.full((2, 2), np.nan), 0.1), "W"),
        (lambda: RandomFeatures(np.ones((2, 2)), 0.0), "diffusion_time"),
        (lambda: RandomFeatures(np.ones((2, 2)), 0.1, "sine"), "activation"),
        (lambda: draw_features(PAIR, 0, 5, np.random.default_rng(0)), "number_of_features"),
        (lambda: draw_features(PAIR, 5, 0, np.random.default_rng(0)), "dimension"),
        (
            lambda: RandomFeatures(np.ones((4, 2)), 0.1).score(np.ones((3, 2)), np.ones((4, 2))),
            "coefficients",
        ),
    ],
)
def test_bad_inputs_name_the_argument(call, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        call()
