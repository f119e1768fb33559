import numpy as np
import pytest
import torch

from companion.theory.empirical_score import empirical_score
from companion.theory.noise_schedule import NoiseSchedule
from companion.training.diffusion_sampler import exact_predicted_noise, sample

SCHEDULE = NoiseSchedule()


def gaussian(variance, mean):
    """ε̂ of N(mean, variance): -s times its score."""

    def predicted(x, index):
        a = torch.as_tensor(SCHEDULE.signal)[index][..., None]
        s = torch.as_tensor(SCHEDULE.noise)[index][..., None]
        return s * (x - a * mean) / (a * a * variance + s * s)

    return predicted


def latents(rows=2000, dimension=3, seed=0):
    return torch.randn(rows, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_flow_of_a_gaussian_is_the_linear_map_onto_it():
    x = latents()
    found = sample(gaussian(0.25, 2.0), x, SCHEDULE, 500)
    a, s = SCHEDULE.signal[-1], SCHEDULE.noise[-1]
    expected = 2.0 + np.sqrt(0.25 / (a**2 * 0.25 + s**2)) * (x - a * 2.0)
    assert (found - expected).abs().max() < 0.02  # first order in the step: it halves with twice the steps
    finer = sample(gaussian(0.25, 2.0), x, SCHEDULE, 1000)
    assert (finer - expected).abs().max() < 0.6 * (found - expected).abs().max()


def test_more_steps_come_closer():
    x = latents(200)
    exact = sample(gaussian(0.25, 2.0), x, SCHEDULE, 1000)
    errors = [(sample(gaussian(0.25, 2.0), x, SCHEDULE, steps) - exact).abs().max() for steps in (5, 20, 80)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_limits_clamp_the_clean_image():
    lower, upper = torch.full((3,), 1.5, dtype=torch.float64), torch.full((3,), 2.2, dtype=torch.float64)
    found = sample(gaussian(0.25, 2.0), latents(100), SCHEDULE, 20, limits=(lower, upper))
    assert found.min() >= 1.5 and found.max() <= 2.2


def test_from_a_lower_level_on_little_moves():
    points = latents(50, 4)
    noisy = SCHEDULE.signal[30] * points + SCHEDULE.noise[30] * latents(50, 4, seed=1)
    found = sample(exact_predicted_noise(points, SCHEDULE), noisy, SCHEDULE, 50, start=30)
    torch.testing.assert_close(found, points, rtol=0, atol=1e-6)


def test_the_exact_score_is_the_empirical_score():
    points, x = latents(20, 5), latents(7, 5, seed=2)
    for level in (40, 311, 800):
        predicted = exact_predicted_noise(points, SCHEDULE)(x, torch.full((7,), level))
        score = empirical_score(x.numpy(), points.numpy(), SCHEDULE.times[level])
        np.testing.assert_allclose(-predicted.numpy() / SCHEDULE.noise[level], score, rtol=1e-9, atol=1e-9)


def test_the_exact_score_returns_training_points():
    points = latents(16, 20)
    found = sample(exact_predicted_noise(points, SCHEDULE), latents(64, 20, seed=3), SCHEDULE, 50)
    nearest = torch.cdist(found, points).min(dim=1).values
    assert (nearest < 1e-3).double().mean() > 0.9


def test_more_steps_than_levels_are_refused():
    with pytest.raises(ValueError, match="sampler steps"):
        sample(gaussian(1.0, 0.0), latents(1), SCHEDULE, 1001)
