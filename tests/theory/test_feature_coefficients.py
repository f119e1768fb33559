"""Coefficients of the Gaussian equivalent: closed forms, Hermite series, field nodes, bad input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import eval_hermitenorm, gammaln, ndtr

from companion.theory.feature_coefficients import class_profile, feature_coefficients
from companion.theory.mixtures import Mixture

IDENTITY = ((1.0, 0.0), (0.0, 1.0))


@pytest.mark.parametrize(
    ("mixture", "gain", "sample", "noise"),
    [
        (Mixture((1.0,), (1.0,)), [0.605706], [0.013841], [0.013574]),
        (Mixture((1.0,), (1.0,), diffusion_time=0.01), [0.605706], [0.025542], [0.001874]),
        (Mixture((0.5, 0.5), (1.5, 0.5)), [0.477966, 0.766763], [0.041616, 0.000881], [0.018165, 0.005445]),
    ],
)
def test_published_values_without_centroids(mixture, gain, sample, noise):
    coefficients = feature_coefficients(mixture)
    assert coefficients.node_weights.tolist() == [1.0]
    np.testing.assert_allclose(coefficients.mean[0], 0.0, atol=1e-15)
    np.testing.assert_allclose(coefficients.gain[0], gain, atol=1e-6)
    np.testing.assert_allclose(coefficients.sample_variance[0], sample, atol=1e-6)
    np.testing.assert_allclose(coefficients.noise_variance[0], noise, atol=1e-6)


def test_bare_noise_of_two_classes():
    B = Mixture((0.5, 0.5), (1.5, 0.5))
    np.testing.assert_allclose(feature_coefficients(B).noise_variance @ B.pi, 0.011805, atol=5e-7)


@pytest.mark.parametrize(
    ("mixture", "published"), [(Mixture((1.0,), (1.0,)), 0.39429), (Mixture((0.5, 0.5), (1.5, 0.5)), 0.37764)]
)
def test_first_moment_of_the_bulk(mixture, published):
    k = feature_coefficients(mixture)
    moment = (k.noise_variance + k.sample_variance + mixture.total_variances * k.gain**2) @ mixture.pi
    assert moment[0] == pytest.approx(published, abs=6e-6)


@pytest.mark.parametrize(
    ("weights", "deviations", "moment"),
    [((0.5, 0.5), (1.5, 0.5), 0.29321493), ((0.9, 0.1), (1.0, 1.0), 0.29715559)],
)
def test_first_moment_with_centroids(weights, deviations, moment):
    # Limits by adaptive quadrature of E σ² - E m²; 40 normalised quantiles give .29182 and .29538.
    mixture = Mixture(weights, deviations, IDENTITY)
    k = feature_coefficients(mixture)
    found = (k.noise_variance + k.sample_variance + mixture.total_variances * k.gain**2) @ mixture.pi
    assert k.node_weights @ found == pytest.approx(moment, rel=1e-5)


FIELDS = np.array([-6.0, -1.3, -0.2, 0.0, 0.7, 2.5])


@pytest.mark.parametrize("time", [1e-3, 0.1, 2.0])
def test_relu_has_closed_forms(time):
    mixture = Mixture((1.0,), (1.3,), diffusion_time=time, activation="relu")
    gamma, alpha, noise = (
        math.sqrt(mixture.total_variances[0]),
        float(mixture.alphas[0]),
        mixture.noise_variance,
    )
    x = FIELDS / gamma
    density, below = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi), ndtr(x)
    mean = FIELDS * below + gamma * density
    square = (FIELDS**2 + gamma**2) * below + FIELDS * gamma * density
    found = class_profile(mixture, 0, FIELDS)
    np.testing.assert_allclose(found[0], mean, atol=1e-13)
    np.testing.assert_allclose(found[1], below, atol=1e-13)
    kept = mean**2 + gamma**2 * below**2 + found[2] + found[3]
    np.testing.assert_allclose(kept, square, atol=1e-13)
    # At zero field the smoothed square is the arc-cosine kernel of two arguments with correlation α²/Γ².
    correlation = alpha**2 / gamma**2
    kernel = math.sqrt(1 - correlation**2) + correlation * (math.pi - math.acos(correlation))
    smooth = gamma**2 / (2 * math.pi) * kernel
    at_zero = found[:, FIELDS == 0][:, 0]
    assert at_zero[2] == pytest.approx(smooth - at_zero[0] ** 2 - alpha**2 / 4, abs=1e-9)
    assert at_zero[3] == pytest.approx(gamma**2 / 2 - smooth - noise / 4, abs=1e-9)


def test_erf_has_closed_forms_at_zero_field():
    mixture = Mixture((1.0,), (1.7,), diffusion_time=0.3, activation="erf")
    gamma, alpha, noise = mixture.total_variances[0], mixture.alphas[0] ** 2, mixture.noise_variance
    _, gain, sample, extra = class_profile(mixture, 0, np.zeros(1))[:, 0]
    slope = 2 / math.sqrt(math.pi * (1 + 2 * gamma))

    def overlap(correlated):
        return 2 / math.pi * math.asin(2 * correlated / (1 + 2 * gamma))

    assert gain == pytest.approx(slope, abs=1e-12)
    assert sample == pytest.approx(overlap(alpha) - alpha * slope**2, abs=1e-12)
    assert extra == pytest.approx(overlap(gamma) - overlap(alpha) - noise * slope**2, abs=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("time", [1e-3, 0.5])
def test_many_fields_are_interpolated(activation, time):
    mixture = Mixture((1.0,), (0.7,), None, time, activation)
    fields = np.linspace(-3, 4, 900)
    few = np.sort(np.r_[fields[0], fields[5::100], fields[-1]])
    many = class_profile(mixture, 0, fields)[:, np.isin(fields, few)]
    np.testing.assert_allclose(many, class_profile(mixture, 0, few), atol=1e-11)


def test_linear_activation_has_no_non_linear_part():
    mixture = Mixture((1.0,), (1.7,), activation=lambda x: 2.0 * x)
    mean, gain, sample, noise = class_profile(mixture, 0, FIELDS)
    np.testing.assert_allclose(mean, 2 * FIELDS, atol=1e-12)
    np.testing.assert_allclose(gain, 2.0, atol=1e-13)
    np.testing.assert_allclose([sample, noise], 0.0, atol=1e-12)


def test_a_class_of_one_point_has_no_sample_part():
    profile = class_profile(Mixture((1.0,), (0.0,)), 0, FIELDS)
    assert (profile[2] == 0).all()
    assert (profile[3] > 0).all()


@given(
    field=st.floats(-3, 3),
    deviation=st.floats(0.1, 1.5),
    time=st.floats(0.01, 2.0),
    steepness=st.floats(0.3, 1.5),
)
@settings(max_examples=25, deadline=None)
def test_variances_are_the_hermite_series_beyond_first_order(field, deviation, time, steepness):
    # v² = Σ_{k>1} ρ^k c_k² and s² = Σ_{k>1} (1 - ρ^k) c_k², ρ = α²/Γ², with c_k those of σ(h + Γ g).
    mixture = Mixture((1.0,), (deviation,), None, time, lambda x: np.tanh(steepness * x))
    total = mixture.total_variances[0]
    points, weights = np.polynomial.hermite_e.hermegauss(180)
    values = np.tanh(steepness * (field + math.sqrt(total) * points)) * weights / weights.sum()
    orders = np.arange(2, 90)
    series = [values @ eval_hermitenorm(k, points) * math.exp(-gammaln(k + 1) / 2) for k in orders]
    decay = (mixture.alphas[0] ** 2 / total) ** orders
    _, _, sample, noise = class_profile(mixture, 0, np.array([field]))[:, 0]
    assert sample == pytest.approx(np.square(series) @ decay, abs=2e-7)
    # By Parseval all orders beyond the first sum to E[σ²] - c_0² - c_1²: the series itself would be cut off.
    beyond = values @ np.tanh(steepness * (field + math.sqrt(total) * points))
    beyond -= values.sum() ** 2 + (values @ points) ** 2
    assert noise == pytest.approx(beyond - np.square(series) @ decay, abs=2e-7)


@pytest.mark.parametrize(
    ("gram", "activation", "nodes"),
    [
        (None, "tanh", 1),
        (IDENTITY, "tanh", 12 * 12),
        (((1, 0.5), (0.5, 1)), "tanh", 12 * 24),
        (((1, -1), (-1, 1)), "erf", 12),
        (((1, 0), (0, 0)), "tanh", 12),
        (IDENTITY, "relu", 24 * 24),
        (IDENTITY, np.sin, 12 * 12),
    ],
)
@pytest.mark.parametrize("rule", ["quantiles", "stretched"])
def test_nodes_follow_the_law_of_the_fields(gram, activation, nodes, rule):
    mixture = Mixture((0.5, 0.5), (1.5, 0.5), gram, activation=activation)
    coefficients = feature_coefficients(mixture, 24, rule)
    assert coefficients.fields.shape == (nodes, 2)
    assert coefficients.node_weights.sum() == pytest.approx(1)
    second = (coefficients.node_weights * coefficients.fields.T) @ coefficients.fields
    expected = mixture.contraction**2 * mixture.gram
    if nodes == 12 * 12:  # folded class by class
        second = np.diag(np.diag(second))
    # Plain quantiles cut the tails of the law off.
    np.testing.assert_allclose(second, expected, atol=0.06 if rule == "quantiles" else 1e-4)


def test_odd_numbers_of_nodes_have_one_at_zero():
    mixture = Mixture((1.0,), (1.0,), ((2.0,),))
    coefficients = feature_coefficients(mixture, 5)
    assert coefficients.fields[0, 0] == pytest.approx(0, abs=1e-12)
    unfolded = feature_coefficients(Mixture((1.0,), (1.0,), ((2.0,),), activation="relu"), 5)
    np.testing.assert_allclose(2 * unfolded.node_weights[3:], coefficients.node_weights[1:])


def test_wide_fields_are_left_to_plain_quantiles():
    wide = Mixture((1.0,), (1.0,), ((16.0,),))
    np.testing.assert_allclose(
        feature_coefficients(wide, 24).fields, feature_coefficients(wide, 24, "quantiles").fields
    )


def test_many_directions_take_a_lattice():
    mixture = Mixture((0.25,) * 4, (1.0,) * 4, np.diag([1.0, 2.0, 0.5, 1.0]).tolist())
    coefficients = feature_coefficients(mixture, 40)
    assert coefficients.fields.shape == (8192, 4)
    second = coefficients.fields.T @ coefficients.fields / 8192
    np.testing.assert_allclose(second, mixture.contraction**2 * mixture.gram, atol=0.01)


def test_coefficients_are_computed_once_and_kept_from_change():
    first = feature_coefficients(Mixture((1.0,), (1.0,)))
    assert feature_coefficients(Mixture((1.0,), (1.0,))) is first
    with pytest.raises(ValueError, match="read-only"):
        first.gain[0] = 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: feature_coefficients(Mixture((1.0,), (1.0,)), 0), "nodes: 0 given"),
        (lambda: feature_coefficients(Mixture((1.0,), (1.0,)), 24, "gauss"), "rule: 'gauss' given"),  # pyright: ignore[reportArgumentType]
        (lambda: feature_coefficients(Mixture((1.0,), (1.0,), activation=np.sqrt)), "activation"),
        (lambda: feature_coefficients(Mixture((1.0,), (1.0,), activation=np.sum)), "activation"),
    ],
)
def test_bad_input_is_named(call, message):
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=message):
        call()
