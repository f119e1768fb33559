"""The backward process: laws it must reproduce, and clones against attribution curves."""

from itertools import pairwise

import numpy as np
import pytest

from companion.compute.seeds import generator
from companion.theory.attribution import Attribution
from companion.theory.backward_diffusion import backward_sde, clone_attribution, log_spaced_times
from companion.theory.class_posterior import GaussianClasses
from companion.theory.empirical_score import score_of


@pytest.mark.parametrize("deviation", [0.0, 0.5, 1.0, 2.0])
def test_one_gaussian_comes_back(deviation):
    one = GaussianClasses([1.0], [deviation], np.full((1, 2), 3.0))
    draws = generator(0, "one gaussian")
    start = one.noised(0, 3.0, draws.standard_normal((40_000, 2)))
    end = backward_sde(one.score, start, log_spaced_times(3.0, 0.01, 200), draws)
    np.testing.assert_allclose(end.mean(axis=0), 3.0 * np.exp(-0.01), atol=0.04)
    expected = float(one.variances(0.01)[0])
    np.testing.assert_allclose(end.var(axis=0), expected, rtol=0.04)


def test_steps_become_exact():
    """The bias of the variance falls with the step; a Gaussian's can be followed without sampling."""
    errors = []
    for steps in (50, 100, 200):
        times = log_spaced_times(3.0, 0.01, steps)
        one = GaussianClasses([1.0], [1.0], np.zeros((1, 1)))
        probe = np.ones((1, 1))
        variance = 1.0
        for now, then in pairwise(times):
            quiet = backward_sde(one.score, probe, [now, then], _Silent())
            loud = backward_sde(one.score, 0 * probe, [now, then], _One())
            variance = float(quiet[0, 0] ** 2 * variance + loud[0, 0] ** 2)
        errors.append(abs(variance - 1))
    assert errors[0] > 1.6 * errors[1] > 2.5 * errors[2] > 0
    assert errors[2] < 0.02


class _Silent:
    def standard_normal(self, shape):
        return np.zeros(shape)


class _One:
    def standard_normal(self, shape):
        return np.ones(shape)


def test_the_score_is_asked_at_the_given_times_alone():
    asked = []

    def score(points, time):
        asked.append(time)
        return -points

    times = log_spaced_times(1.0, 0.1, 5)
    end = backward_sde(score, np.zeros((3, 4, 2)), times, generator(0, "asked"))
    assert end.shape == (3, 4, 2)
    assert asked == times[:-1].tolist()


def test_clones_end_where_the_posterior_says():
    """d = 32, weights .49, .49, .02: the probability to end in one's class is the attribution curve."""
    classes = GaussianClasses((0.49, 0.49, 0.02), (1, 1, 1), np.sqrt(32) * np.eye(3, 32))
    starts = (2.2, 1.6, 1.2, 0.8)
    times = np.unique([*log_spaced_times(2.2, 1e-3, 100), *starts])[::-1]
    draws, clones = generator(1, "clones"), 1500
    indices = [int(np.argmin(abs(times - start))) for start in starts]
    _, labels = clone_attribution(classes.score, classes, indices, times, clones, draws)
    found = (labels == np.arange(3)[:, None]).mean(axis=2)
    curves = Attribution(classes, draws).curves(starts)
    error = np.sqrt(curves * (1 - curves) / clones)
    assert (np.abs(found - curves) < 3.5 * error + 5e-3).all()
    np.testing.assert_allclose(curves[:, 0], [0.573, 0.694, 0.831, 0.935], atol=0.012)
    np.testing.assert_allclose(curves[:, 2], [0.035, 0.103, 0.280, 0.678], atol=0.02)


def test_the_empirical_score_returns_training_points():
    draws = generator(2, "copies")
    points = draws.standard_normal((30, 6))
    end = backward_sde(
        score_of(points), draws.standard_normal((40, 6)), log_spaced_times(4.0, 1e-5, 150), draws
    )
    nearest = np.linalg.norm(end[:, None] - points, axis=2).min(axis=1)
    assert (nearest < 0.05).all()


@pytest.mark.parametrize("times", [[1.0], [0.5, 1.0], [1.0, 0.0], [1.0, 1.0]])
def test_times_fall_and_stay_positive(times):
    with pytest.raises(ValueError, match=r"^times:"):
        backward_sde(lambda x, t: -x, np.zeros((1, 2)), times, generator(0, "x"))


@pytest.mark.parametrize("indices", [[], [3], [1, 0], [-1]])
def test_starts_are_places_in_the_times(indices):
    classes = GaussianClasses((1.0,), (1.0,), np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"^start_indices:"):
        clone_attribution(classes.score, classes, indices, [1.0, 0.5, 0.2, 0.1], 2, generator(0, "x"))


def test_times_need_a_beginning_and_an_end():
    with pytest.raises(ValueError, match=r"^start, end, steps:"):
        log_spaced_times(0.1, 1.0)
