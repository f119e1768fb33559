"""Closed forms against sampling, numerical integration and each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from companion.compute.seeds import generator
from companion.theory.attribution import Attribution
from companion.theory.class_posterior import GaussianClasses
from companion.theory.speciation import speciation_times
from companion.theory.speciation_closed_forms import (
    half_separation,
    log_odds_moments,
    mean_log_odds_time,
    means_time,
    two_class_attribution,
    variances_time,
)


@pytest.mark.parametrize(("weight", "expected"), [(0.1, 1.686), (0.01, 1.317), (1e-3, 1.113), (1e-5, 0.858)])
def test_times_of_a_minority(weight, expected):
    assert float(means_time(128.0, weight, "absolute")) == pytest.approx(expected, abs=5e-4)
    closed = 0.5 * np.log(128 / (2 * np.log((1 - weight) / weight)))
    assert float(means_time(128.0, weight, "absolute")) == pytest.approx(closed, rel=1e-12)


@pytest.mark.parametrize(("separation", "weight"), [(0.3, 0.5), (3.4, 0.1), (20.0, 1e-5), (25.0, 0.9)])
def test_the_one_integral(separation, weight):
    prior = np.log(weight / (1 - weight))
    exact, _ = quad(
        lambda g: norm.pdf(g) * expit(prior + separation / 2 + np.sqrt(separation) * g),
        -12,
        12,
        epsabs=1e-13,
        limit=400,
    )
    assert float(two_class_attribution(separation, weight)) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("deviation", [0.5, 1.0, 1.6])
def test_the_integral_is_the_attribution_curve(deviation):
    times = np.linspace(0.4, 3.0, 9)
    two = GaussianClasses((0.85, 0.15), (deviation,) * 2, 5 * np.eye(2, 25))
    variance = two.variances(times)[:, :1]
    separation = np.exp(-2 * times)[:, None] * 50 / variance
    sampled = Attribution(two, generator(0, "integral"), 2**15).curves(times)
    np.testing.assert_allclose(two_class_attribution(separation, two.weights), sampled, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-6, 0.999))
def test_both_classes_have_one_normalised_separation(weight):
    needed = half_separation(weight, "normalised")
    assert needed == pytest.approx(half_separation(1 - weight, "normalised"), rel=1e-6)
    reached = float(two_class_attribution(needed, min(weight, 1 - weight)))
    assert (reached - min(weight, 1 - weight)) / (1 - min(weight, 1 - weight)) == pytest.approx(0.5, abs=1e-6)


def test_rarity_closes_the_gap_between_the_definitions():
    rare = [half_separation(1e-5, name) for name in ("absolute", "normalised")]
    assert rare[0] == pytest.approx(rare[1], rel=1e-4)


@pytest.mark.parametrize("deviation", [0.0, 0.6, 1.5])
def test_one_width_for_both_classes(deviation):
    centres = np.array([[3.0, 0.0], [0.0, 3.0]])
    sampled = speciation_times((0.8, 0.2), (deviation,) * 2, centres, samples=2**15)
    assert sampled[1] == pytest.approx(
        float(means_time(18.0, 0.2, "absolute", standard_deviation=deviation)), abs=2e-3
    )


def test_times_that_do_not_exist():
    assert means_time(128.0, 0.5, "absolute") == np.inf
    assert variances_time(64, (1.3, 0.7), 0.6, "absolute") == np.inf
    assert means_time(0.5) == 0.0
    assert mean_log_odds_time(0.6, (1.0, 1.0), 128.0, 64) == np.inf
    assert mean_log_odds_time(0.01, (1.0, 1.0), 1.0, 64) == 0.0


@pytest.mark.parametrize("deviations", [(1.3, 0.7), (0.7, 1.3), (1.0, 1.0)])
def test_moments_of_log_odds(deviations):
    draws = generator(1, "moments")
    two = GaussianClasses((0.5, 0.5), deviations, 2.0 * np.eye(2, 30))
    times = np.array([0.2, 0.8, 1.6])
    means, variances = log_odds_moments(times, deviations, 8.0, 30)
    for place, time in enumerate(times):
        joint = two.log_joint(two.noised(0, time, draws.standard_normal((200_000, 30))), time)
        sample = joint[:, 0] - joint[:, 1]
        assert sample.mean() == pytest.approx(means[place], abs=4 * sample.std() / 447)
        assert sample.var() == pytest.approx(variances[place], rel=0.02)


def test_variances_alone_at_large_dimension():
    exact = speciation_times((0.5, 0.5), (1.3, 0.7), np.zeros((2, 16_384)), "normalised")
    assert exact == pytest.approx(float(variances_time(16_384, (1.3, 0.7))), abs=2e-3)


def test_mean_log_odds_with_equal_variances_are_the_closed_form():
    found = mean_log_odds_time(0.01, (1.0, 1.0), 128.0, 64)
    assert found == pytest.approx(float(means_time(128.0, 0.01, "absolute")), abs=1e-9)


@pytest.mark.parametrize("deviations", [(0.8, 1.2), (1.2, 0.8)])
def test_mean_log_odds_with_other_variances_come_close(deviations):
    found = mean_log_odds_time(0.01, deviations, 128.0, 64)
    sampled = speciation_times((0.01, 0.99), deviations, 8 * np.eye(2, 64))[0]
    assert found == pytest.approx(sampled, abs=0.03)


@pytest.mark.parametrize("weight", [0.0, 1.0, 1.5])
def test_a_weight_is_a_share(weight):
    with pytest.raises(ValueError, match=r"^weight:"):
        half_separation(weight)
