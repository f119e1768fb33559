"""Mixtures as features see them: variances, Bayes losses, and what is refused."""

import numpy as np
import pytest

from companion.theory.mixtures import Mixture


def test_variances_of_the_forward_process():
    mixture = Mixture((0.5, 0.5), (1.5, 0.5))
    assert mixture.noise_variance == pytest.approx(0.181269, abs=5e-7)
    np.testing.assert_allclose(mixture.total_variances, [2.023413, 0.385952], atol=5e-7)
    np.testing.assert_allclose(mixture.bayes_losses, mixture.alphas**2 / mixture.total_variances)


def test_total_variance_is_that_of_samples():
    mixture = Mixture((1.0,), (0.7,), diffusion_time=0.4)
    draws = np.random.default_rng(0)
    clean, noise = 0.7 * draws.standard_normal(200_000), draws.standard_normal(200_000)
    noised = mixture.contraction * clean + np.sqrt(mixture.noise_variance) * noise
    assert noised.var() == pytest.approx(mixture.total_variances[0], rel=0.015)


def test_anisotropy_keeps_the_mean_variance_and_lowers_the_bayes_loss():
    round_mixture = Mixture((0.5, 0.5), (1.2, 0.8))
    long_mixture = Mixture((0.5, 0.5), (1.2, 0.8), spectrum=((4.0, 1.0), (1.0, 1.0), (1.0, 7.0)))
    np.testing.assert_allclose(long_mixture.direction_variances.mean(axis=0), round_mixture.alphas**2)
    assert (long_mixture.bayes_losses < round_mixture.bayes_losses).all()


def test_equal_mixtures_are_equal_whatever_they_were_made_from():
    listed = Mixture([0.5, 0.5], [1, 2], [[1, 0], [0, 1]])  # pyright: ignore[reportArgumentType]
    arrays = Mixture(np.array([0.5, 0.5]), np.array([1.0, 2.0]), np.eye(2))  # pyright: ignore[reportArgumentType]
    assert listed == arrays
    assert hash(listed) == hash(arrays)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"weights": (0.5, 0.6)}, "weights: .* sum to 1"),
        ({"weights": (1.5, -0.5)}, "weights"),
        ({"weights": (float("nan"), 0.5)}, "weights"),
        ({"standard_deviations": (1.0, -1.0)}, "standard_deviations"),
        ({"standard_deviations": (1.0,)}, "standard_deviations: 1 given for 2 weights"),
        ({"centroid_gram": ((1.0, 2.0), (2.0, 1.0))}, "centroid_gram: .* no negative eigenvalue"),
        ({"centroid_gram": ((1.0, 0.5), (0.0, 1.0))}, "centroid_gram: .* symmetric"),
        ({"centroid_gram": ((1.0,),)}, "centroid_gram: shape"),
        ({"diffusion_time": 0.0}, "diffusion_time"),
        ({"activation": "gelu"}, "activation: 'gelu' given; allowed are tanh, erf, relu"),
        ({"spectrum": ((1.0, 2.0, 3.0),)}, "spectrum: shape"),
        ({"spectrum": ((1.0, 0.0), (1.0, 0.0))}, "spectrum"),
    ],
)
def test_bad_mixtures_are_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        Mixture(**({"weights": (0.5, 0.5), "standard_deviations": (1.0, 1.0)} | change))
