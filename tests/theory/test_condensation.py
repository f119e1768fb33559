"""Where copying begins: exact finite-size law and its limit against simulated training sets."""

import numpy as np
import pytest
from scipy.stats import norm

from companion.compute.seeds import generator
from companion.theory.condensation import (
    class_collapse_times,
    collapse_time,
    entropy_density,
    half_return_time,
    information,
    return_probability,
)
from companion.theory.empirical_score import copying


def simulate(dimension, points, deviation, times, sets, queries=600, seed=0):
    """Means over queries for every training set: return weight, participation, entropy, (times, sets)."""
    means = []
    for index in range(sets):
        draws = generator(seed, "copying", index)
        training = deviation * draws.standard_normal((points, dimension))
        origins = draws.integers(points, size=queries)
        found = copying(
            training, np.zeros(points), origins, draws.standard_normal((queries, dimension)), times
        )
        means.append([found.own.mean(axis=1), found.participation.mean(axis=1), found.entropy.mean(axis=1)])
    return np.moveaxis(np.array(means), 0, 2)


def test_collapse_time_is_where_information_equals_the_rate():
    for rate in (0.05, 0.5, 2.0):
        for deviation in (0.3, 1.0, 2.0):
            assert float(information(collapse_time(rate, deviation), deviation)) == pytest.approx(rate)


def test_collapse_time_in_the_form_of_n():
    n, dimension = 3000, 16
    expected = 0.5 * np.log(1 + 0.8**2 / (n ** (2 / dimension) - 1))
    assert float(class_collapse_times([n], [0.8], dimension)[0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("dimension", "points", "deviation"), [(6, 60, 1.0), (8, 400, 0.5), (12, 900, 1.5)])
def test_the_finite_law_is_exact(dimension, points, deviation):
    middle = half_return_time(np.log(points), dimension, deviation)
    times = middle * np.array([0.3, 0.7, 1.0, 1.5, 3.0])
    own, participation, _ = simulate(dimension, points, deviation, times, sets=24)
    predicted = return_probability(times, np.log(points), dimension, deviation)
    assert predicted[2] == pytest.approx(0.5, abs=1e-3)
    for found in (own, participation):
        error = found.std(axis=1, ddof=1) / np.sqrt(found.shape[1])
        assert (np.abs(found.mean(axis=1) - predicted) < 4 * error + 1e-3).all()


def test_two_points_by_hand():
    """For n = 2 the return weight is that of two classes without width at a chi-squared distance."""
    time, dimension = 0.8, 4
    draws = generator(1, "two points")
    separation = np.exp(-2 * time) * 2 * draws.chisquare(dimension, 400_000) / -np.expm1(-2 * time)
    log_odds = separation / 2 + np.sqrt(separation) * draws.standard_normal(separation.size)
    expected = (1 / (1 + np.exp(-log_odds))).mean()
    assert float(return_probability(time, np.log(2), dimension, 1.0)) == pytest.approx(expected, abs=2e-3)


def test_large_dimension_is_the_random_energy_model():
    rate = 0.5
    limit = float(collapse_time(rate, 1.0))
    found = [half_return_time(rate * d, d, 1.0, tolerance=1e-3) for d in (8, 32, 128)]
    errors = np.abs(np.array(found) - limit)
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.02 * limit


def test_the_transition_has_the_width_of_the_information():
    """At large d the return probability is that of log p_t(x | x_0)/p_t(x) to exceed log n, up to O(d^-1/2).

    That information is Gaussian with mean d i(t) and variance d e^-2t for σ = 1.
    """
    rate = 0.5
    times = float(collapse_time(rate, 1.0)) * np.array([0.85, 1.0, 1.15])
    scaled = []
    for dimension in (64, 256):
        slack = np.sqrt(dimension) * (information(times, 1.0) - rate) / np.exp(-times)
        found = return_probability(times, rate * dimension, dimension, 1.0)
        scaled.append(np.sqrt(dimension) * (found - norm.cdf(slack)))
    assert np.abs(scaled[1]).max() < 0.5
    assert scaled[1][1] == pytest.approx(scaled[0][1], rel=0.1)


def test_entropy_of_the_weights_is_what_information_leaves():
    dimension, points = 16, 3000
    rate = np.log(points) / dimension
    limit = float(collapse_time(rate, 1.0))
    times = limit * np.array([0.2, 2.5, 4.0])
    _, _, entropy = simulate(dimension, points, 1.0, times, sets=3, queries=200, seed=2)
    predicted = entropy_density(times, rate, 1.0)
    assert predicted[0] == 0.0
    np.testing.assert_allclose(entropy.mean(axis=1) / dimension, predicted, atol=0.01)


def test_broad_classes_and_small_ones_are_copied_first():
    times = class_collapse_times([1000, 1000, 100], [1.5, 0.5, 0.5], 16)
    assert times[0] > times[1]
    assert times[2] > times[1]


def test_classes_of_a_mixture_condense_one_by_one():
    dimension, counts, deviations = 16, (600, 600), (1.5, 0.5)
    centres = 4.0 * np.eye(2, dimension)
    labels = np.repeat([0, 1], counts)
    halves = [half_return_time(np.log(n), dimension, s) for n, s in zip(counts, deviations, strict=True)]
    sums = np.zeros((2, 2))
    for index in range(12):
        draws = generator(3, "mixture", index)
        points = draws.standard_normal((1200, dimension)) * np.array(deviations)[labels][:, None]
        points += centres[labels]
        for label in range(2):
            origins = np.flatnonzero(labels == label)[draws.integers(600, size=200)]
            found = copying(points, labels, origins, draws.standard_normal((200, dimension)), halves)
            sums[label] += found.own.mean(axis=1) / 12
    np.testing.assert_allclose(np.diag(sums), 0.5, atol=0.03)
    assert sums[0, 1] > 0.99  # the broad class is copied long before the narrow one
    assert sums[1, 0] < 0.05


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: collapse_time(0.0, 1.0), "rate"),
        (lambda: class_collapse_times([1, 5], [1.0, 1.0], 4), "counts"),
        (lambda: return_probability(0.1, 0.0, 8, 1.0), "log_points"),
        (lambda: return_probability(0.1, 5.0, 1, 1.0), "dimension"),
        (lambda: return_probability(0.1, 5.0, 8, 0.0), "dimension, standard_deviation"),
        (lambda: return_probability(0.0, 5.0, 8, 1.0), "times"),
    ],
)
def test_bad_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=f"^{named}"):
        call()
