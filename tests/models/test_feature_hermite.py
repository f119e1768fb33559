"""Hermite coefficients: closed forms, Parseval, the tables against the quadrature, bad inputs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from companion.models import feature_tables
from companion.models.feature_hermite import checked_activation, hermite_expansion, normalised_hermite
from companion.models.feature_tables import expand_rows

FIELDS = np.linspace(-6, 6, 41)


def kinked(field):
    return np.tanh(field) + 0.3 * np.abs(field)


@pytest.mark.parametrize("deviation", [0.05, 0.43, 1.5, 4.0])
def test_erf_is_known_in_closed_form(deviation):
    width = np.sqrt(1 + 2 * deviation**2)
    coefficients = hermite_expansion(FIELDS, deviation, "erf", 2).coefficients
    bell = 2 / math.sqrt(np.pi) * np.exp(-((FIELDS / width) ** 2)) / width
    np.testing.assert_allclose(coefficients[0], erf(FIELDS / width), atol=1e-14)
    np.testing.assert_allclose(coefficients[1], deviation * bell, atol=1e-14)
    second = deviation**2 / math.sqrt(2) * (-2 * FIELDS / width**2) * bell
    np.testing.assert_allclose(coefficients[2], second, atol=1e-13)


@pytest.mark.parametrize("deviation", [0.05, 0.43, 1.5, 4.0])
def test_relu_in_closed_form_agrees_with_the_broken_quadrature(deviation):
    closed = hermite_expansion(FIELDS, deviation, "relu", 8)
    panels = hermite_expansion(FIELDS, deviation, lambda field: np.maximum(field, 0), 8)
    np.testing.assert_allclose(closed.coefficients, panels.coefficients, atol=1e-13)
    np.testing.assert_allclose(closed.second_moment, panels.second_moment, atol=1e-12)


@pytest.mark.parametrize("deviation", [0.05, 0.43, 1.5, 4.0])
def test_tanh_by_trapezia_agrees_with_the_broken_quadrature(deviation):
    smooth = hermite_expansion(FIELDS, deviation, "tanh", 8)
    panels = hermite_expansion(FIELDS, deviation, np.tanh, 8)
    np.testing.assert_allclose(smooth.coefficients, panels.coefficients, atol=1e-12)


def test_a_jump_at_zero_is_integrated_exactly():
    coefficients, second = hermite_expansion(0.3, 0.7, np.sign, 1)
    assert coefficients[0] == pytest.approx(erf(0.3 / 0.7 / math.sqrt(2)), abs=1e-13)
    assert coefficients[1] == pytest.approx(
        2 * np.exp(-0.5 * (0.3 / 0.7) ** 2) / math.sqrt(2 * np.pi), abs=1e-13
    )
    assert second == pytest.approx(1, abs=1e-13)


@settings(max_examples=40, deadline=None)
@given(field=st.floats(-5, 5), deviation=st.floats(0.05, 0.9), name=st.sampled_from(["tanh", "erf"]))
def test_second_moment_is_the_sum_of_squares(field, deviation, name):
    coefficients, second = hermite_expansion(field, deviation, name, 30)
    assert second == pytest.approx((coefficients**2).sum(), abs=1e-6)
    mirrored = hermite_expansion(-field, deviation, name, 30).coefficients
    np.testing.assert_allclose(mirrored * (-1.0) ** np.arange(1, 32), coefficients, atol=1e-12)


def test_polynomials_are_orthonormal():
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    values = normalised_hermite(nodes, 8)
    np.testing.assert_allclose((values * weights / math.sqrt(2 * np.pi)) @ values.T, np.eye(9), atol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "erf", "relu", kinked])
@pytest.mark.parametrize("diffusion_time", [0.01, 0.5])
@pytest.mark.parametrize("order", [0, 4])
def test_tables_agree_with_the_quadrature(activation, diffusion_time, order):
    random = np.random.default_rng(0)
    deviations = math.sqrt(-math.expm1(-2 * diffusion_time)) * (1 + 0.15 * random.standard_normal(60))
    fields = 5 * random.standard_normal((60, 400))
    calls = feature_tables._table.cache_info().misses
    found = expand_rows(fields, deviations, activation, order)
    assert feature_tables._table.cache_info().misses == calls + 1
    wanted = hermite_expansion(fields[:, :50], deviations[:, None], activation, order)
    scale = max(1, np.abs(wanted.coefficients).max())
    np.testing.assert_allclose(found.coefficients[..., :50], wanted.coefficients, atol=2e-12 * scale)
    scale = max(1, np.abs(wanted.second_moment).max())
    np.testing.assert_allclose(found.second_moment[:, :50], wanted.second_moment, atol=2e-12 * scale)


def test_equal_deviations_and_single_panels():
    fields = np.random.default_rng(0).uniform(0.0, 0.1, (10, 2000))
    found = expand_rows(fields, np.full(10, 0.4), "tanh", 4)
    wanted = hermite_expansion(fields[:, ::40], 0.4, "tanh", 4)
    np.testing.assert_allclose(found.coefficients[..., ::40], wanted.coefficients, atol=1e-12)


def test_functions_too_rough_for_a_table_are_expanded_directly():
    fields = np.random.default_rng(0).standard_normal((4, 5000))
    found = expand_rows(fields, np.full(4, 0.004), np.sign, 1)
    np.testing.assert_allclose(
        found.coefficients, hermite_expansion(fields, 0.004, np.sign, 1).coefficients, atol=1e-14
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0.0, 0.0), "deviations"),
        ((0.0, -1.0), "deviations"),
        ((0.0, np.inf), "deviations"),
        ((np.nan, 1.0), "fields"),
        ((0.0, 1.0, "sine"), "activation"),
        ((0.0, 1.0, "tanh", -1), "order"),
    ],
)
def test_bad_inputs_name_the_argument(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        hermite_expansion(*arguments)


def test_a_function_stands_for_itself():
    assert checked_activation(kinked) is kinked
