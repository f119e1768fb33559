"""Closed forms of scalar linear networks against integration, limits and each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.integrate import quad

from companion.analysis.specialisation import usage_specialisation
from companion.compute.seeds import generator
from companion.theory.deep_linear import gradient_flow
from companion.theory.scalar_linear import (
    UNIFORM_USAGE,
    final_contributions,
    gaussian_usage,
    imbalance_shares,
    scalar_path,
    small_start_shares,
)

WEIGHTS = arrays.arrays(np.float64, 4, elements=st.floats(-2, 2).map(lambda value: round(value, 3)))


def integrated(first, second, times, target=1.0, **options):
    """Weights (starts, times, K) by RK4 of the networks (starts, K)."""
    w, h = gradient_flow(first[..., :, None], second[..., None, :], [[target]], times, **options)
    return w[..., 0], h[..., 0, :]


def usage(first, second, target=1.0):
    return usage_specialisation(np.abs(final_contributions(first, second, target)))


@pytest.mark.parametrize("target", [1.0, -0.7, 0.0])
@pytest.mark.parametrize("rates", [(1.0, 1.0), (0.5, 3.0)])
def test_paths_are_those_of_the_integration(target, rates):
    first, second = 0.3 * generator(0, "paths").standard_normal((2, 5, 3))
    options = {"first_rate": rates[0], "second_rate": rates[1]}
    times = np.linspace(0, 6, 7)
    path = scalar_path(first, second, times, target, **options)
    w, h = integrated(first, second, times, target, step=0.005, **options)
    np.testing.assert_allclose(path.first, w, atol=1e-9)
    np.testing.assert_allclose(path.second, h, atol=1e-9)
    # The residual drives the clock.
    rate = np.sqrt(np.prod(rates)) * (target - (w * h).sum(axis=-1))
    around = [
        scalar_path(first, second, times[1:] + shift, target, **options).clock for shift in (-1e-4, 1e-4)
    ]
    np.testing.assert_allclose((around[1] - around[0]) / 2e-4, rate[:, 1:], atol=1e-6)


def test_the_end_of_training_is_reached():
    first, second = 0.3 * generator(1, "ends").standard_normal((2, 5, 3))
    w, h = integrated(first, second, [60.0], step=0.02)
    np.testing.assert_allclose(final_contributions(first, second), (w * h)[:, 0], atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(WEIGHTS, WEIGHTS, st.floats(-3, 3), st.sampled_from([(1.0, 1.0), (0.2, 5.0)]))
def test_contributions_fit_the_target_and_keep_the_symmetries(first, second, target, rates):
    w, h = first / np.sqrt(rates[0]), second / np.sqrt(rates[1])
    if min((w + h) @ (w + h), (w - h) @ (w - h)) < 1e-3 or abs(target) < 1e-3:
        return
    found = final_contributions(first, second, target, first_rate=rates[0], second_rate=rates[1])
    assert found.sum() == pytest.approx(target, abs=1e-10)
    back = final_contributions(second, first, target, first_rate=rates[1], second_rate=rates[0])
    np.testing.assert_allclose(back, found, atol=1e-12)
    order = [2, 0, 3, 1]
    turned = final_contributions(
        -first[order], -second[order], target, first_rate=rates[0], second_rate=rates[1]
    )
    np.testing.assert_allclose(turned, found[order], atol=1e-12)
    mirrored = final_contributions(first, -second, -target, first_rate=rates[0], second_rate=rates[1])
    np.testing.assert_allclose(mirrored, -found, atol=1e-12)
    late = scalar_path(first, second, [1e4], target, first_rate=rates[0], second_rate=rates[1])
    np.testing.assert_allclose((late.first * late.second)[0], found, atol=1e-9)


def test_small_weights_lose_no_digits():
    tiny = np.array([1e-9, 3e-9])
    np.testing.assert_allclose(final_contributions(tiny, 0 * tiny), [0.1, 0.9], rtol=1e-14)
    path = scalar_path(tiny, 0 * tiny, [15.0, 25.0, 1e6])
    product = (path.first * path.second).sum(axis=-1)
    # a(t) = a0 e^2t / (1 + a0 e^2t) with a0 = Σ (w + h)²/4, as long as the shrinking part is lost
    grown = 2.5e-18 * np.exp(2 * np.array([15.0, 25.0]))
    np.testing.assert_allclose(product[:2], grown / (1 + grown), rtol=1e-6)
    assert product[2] == pytest.approx(1.0, abs=1e-14)


def test_shares_are_shares_of_imbalance():
    imbalances = generator(2, "law").uniform(0, 100, (1000, 3))
    for first, second in ((np.sqrt(imbalances), 0.0), (0.0, -np.sqrt(imbalances))):
        found = final_contributions(first, second, 0.8)
        np.testing.assert_allclose(found / 0.8, imbalance_shares(imbalances), rtol=0, atol=2e-15)
    np.testing.assert_allclose(imbalance_shares(-imbalances), imbalance_shares(imbalances))


def test_the_law_knows_no_step():
    w, h = np.sqrt([1.0, 9.0]), np.zeros(2)
    for _ in range(400):
        residual = 1.0 - w @ h
        w, h = w + 0.08 * h * residual, h + 0.08 * w * residual
    assert w @ h == pytest.approx(1.0)
    np.testing.assert_allclose(w * h, [0.1, 0.9], atol=1e-12)


@pytest.mark.parametrize(
    ("imbalances", "expected"),
    [((1, 1), 0), ((1, 4), 0.2781), ((10, 90), 0.5310), ((1, 16), 0.6772), ((0.01, 100), 0.9985)],
)
def test_usage_by_ratio(imbalances, expected):
    assert usage(np.sqrt(imbalances), np.zeros(2)) == pytest.approx(expected, abs=5e-5)


def test_a_map_of_many_starts_has_the_mean_of_a_uniform_one():
    drawn = generator(3, "map").uniform(0, 100, (100_000, 2))
    found = usage(np.sqrt(drawn), np.zeros_like(drawn))
    assert found.mean() == pytest.approx(0.186, abs=2e-3)
    assert found.mean() == pytest.approx(UNIFORM_USAGE, abs=4 * found.std() / np.sqrt(found.size))


def test_the_mean_over_the_map_is_an_integral():
    exact, _ = quad(lambda ratio: float(usage_specialisation([1.0, ratio])), 0, 1)
    assert exact == pytest.approx(UNIFORM_USAGE, abs=1e-8)


@pytest.mark.parametrize("neurons", [2, 5])
@pytest.mark.parametrize("log_ratio", [-3, 0, 3])
def test_a_common_ratio_does_nothing(neurons, log_ratio):
    first, second = generator(4, "gaussian", neurons).standard_normal((2, 40_000, neurons))
    ratio = 10 ** (log_ratio / 2)
    found = usage(0.01 * first / ratio, 0.01 * second * ratio)
    assert found.mean() == pytest.approx(gaussian_usage(neurons), abs=4 * found.std() / np.sqrt(found.size))


def test_the_common_value_of_two_neurons():
    assert gaussian_usage(2) == pytest.approx(1 / np.log(2) - 1, abs=1e-12)
    assert gaussian_usage(2) == pytest.approx(0.442, abs=2e-3)


def test_small_starts_are_decided_by_what_grows():
    first, second = generator(5, "small").standard_normal((2, 200, 4))
    law = small_start_shares(first, second)
    off = [np.abs(final_contributions(size * first, size * second) - law).max() for size in (1e-2, 1e-3)]
    assert off[1] < 1e-5
    # What shrinks is left over as the product of both parts, of the fourth order.
    assert off[0] / off[1] == pytest.approx(1e4, rel=0.3)


def test_starts_that_stay_at_the_saddle_point_are_named():
    for target, second in ((1.0, [-0.3, 0.2]), (-1.0, [0.3, -0.2])):
        with pytest.raises(ValueError, match=r"^first, second: starts \[1\] never reach"):
            final_contributions([[0.3, 0.1], [0.3, -0.2]], [[0.0, 0.0], second], target)
    np.testing.assert_array_equal(final_contributions([0.3, 0.2], [-0.3, -0.2], 0.0), [0, 0])
    np.testing.assert_array_equal(final_contributions([0.0, 0.0], [0.0, 0.0], 0.0), [0, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: final_contributions(1.0, 2.0), "^first, second: numbers"),
        (lambda: final_contributions([np.nan], [1.0]), "^first: a value that is not finite"),
        (lambda: final_contributions([1.0], [1.0], np.inf), "^target:"),
        (lambda: final_contributions([1.0], [1.0], first_rate=0.0), "^first_rate: 0.0 given"),
        (lambda: scalar_path([1.0], [1.0], [-1.0]), "^times:"),
        (lambda: imbalance_shares([1.0, -1.0]), "^imbalances: both signs"),
        (lambda: imbalance_shares([0.0, 0.0]), "^imbalances:"),
        (lambda: imbalance_shares([1.0, np.inf]), "^imbalances: allowed"),
        (lambda: small_start_shares([1.0], [-1.0]), "^first, second: w = -h"),
        (lambda: gaussian_usage(1), "^neurons: 1 given"),
    ],
)
def test_errors_name_the_parameter(call, message):
    with pytest.raises(ValueError, match=message):
        call()
