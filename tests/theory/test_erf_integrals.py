"""Gaussian integrals of erf: quadrature, sampling, the textbook's determinants, positivity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from companion.theory.erf_integrals import (
    activation_covariance,
    gradient_covariance,
    gradient_field,
    gradient_noise,
)

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(26)


def _covariance(seed, size=4, scale=1.0):
    factor = np.random.default_rng(seed).standard_normal((size, size)) * scale
    return factor @ factor.T / size


def _g(z):
    return erf(z / np.sqrt(2))


def _slope(z):
    return np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2)


def _mean(function, covariance):
    """E[function(z)] for z ~ N(0, covariance) by a grid of Gauss-Hermite nodes."""
    size = len(covariance)
    grid = np.stack(np.meshgrid(*[NODES] * size, indexing="ij")).reshape(size, -1)
    weight = np.prod(np.meshgrid(*[WEIGHTS / WEIGHTS.sum()] * size, indexing="ij"), axis=0).ravel()
    return weight @ function(*(np.linalg.cholesky(covariance) @ grid))


@pytest.mark.parametrize("seed", range(3))
def test_integrals_agree_with_quadrature(seed):
    C = _covariance(seed, scale=0.8)
    fields = np.ix_([0, 1], [0, 1])
    expected = _mean(lambda a, b: _g(a) * _g(b), C[fields])
    assert activation_covariance(C, 0, 1) == pytest.approx(expected, abs=1e-7)
    expected = _mean(lambda i, k: _slope(i) * _slope(k), C[fields])
    assert gradient_covariance(C, 0, 1) == pytest.approx(expected, abs=1e-7)
    expected = _mean(lambda k, n, a: _slope(k) * n * _g(a), C[:3, :3])
    assert gradient_field(C, 0, 1, 2) == pytest.approx(expected, abs=1e-7)
    expected = _mean(lambda i, k, a, b: _slope(i) * _slope(k) * _g(a) * _g(b), C)
    assert gradient_noise(C, 0, 1, 2, 3) == pytest.approx(expected, abs=1e-7)


def test_integrals_agree_with_samples():
    C = _covariance(5)
    z = np.linalg.cholesky(C) @ np.random.default_rng(0).standard_normal((4, 1_000_000))
    g, slope = _g(z), _slope(z)
    assert activation_covariance(C, 0, 1) == pytest.approx((g[0] * g[1]).mean(), abs=2e-3)
    assert gradient_covariance(C, 0, 1) == pytest.approx((slope[0] * slope[1]).mean(), abs=2e-3)
    assert gradient_field(C, 0, 1, 2) == pytest.approx((slope[0] * z[1] * g[2]).mean(), abs=2e-3)
    noise = (slope[0] * slope[1] * g[2] * g[3]).mean()
    assert gradient_noise(C, 0, 1, 2, 3) == pytest.approx(noise, abs=2e-3)


@pytest.mark.parametrize(
    ("indices", "function"),
    [
        ((0, 0, 0, 0), lambda a, b: _slope(a) ** 2 * _g(a) ** 2),
        ((0, 0, 0, 1), lambda a, b: _slope(a) ** 2 * _g(a) * _g(b)),
        ((0, 0, 1, 1), lambda a, b: _slope(a) ** 2 * _g(b) ** 2),
        ((0, 1, 0, 1), lambda a, b: _slope(a) * _slope(b) * _g(a) * _g(b)),
        ((0, 1, 0, 0), lambda a, b: _slope(a) * _slope(b) * _g(a) ** 2),
    ],
)
def test_fields_may_coincide(indices, function):
    C = _covariance(2, size=2)
    assert gradient_noise(C, *indices) == pytest.approx(_mean(function, C), abs=1e-7)
    expected = _mean(lambda a, b: _slope(a) * b * _g(b), C)
    assert gradient_field(C, 0, 1, 1) == pytest.approx(expected, abs=1e-7)
    assert gradient_field(C, 0, 0, 1) == pytest.approx(_mean(lambda a, b: _slope(a) * a * _g(b), C), abs=1e-7)


covariances = st.tuples(st.integers(0, 10**6), st.floats(-3, 2)).map(
    lambda drawn: _covariance(drawn[0], scale=10 ** drawn[1])
)


@settings(max_examples=50, deadline=None)
@given(covariances)
def test_the_schur_complement_is_the_textbook_form(C):
    c = C
    d1, d2 = 1 + c[0, 0], 1 + c[1, 1]
    fourth = d1 * d2 - c[0, 1] ** 2
    none = (
        fourth * c[2, 3]
        - c[1, 2] * c[1, 3] * d1
        - c[0, 2] * c[0, 3] * d2
        + c[0, 1] * (c[0, 2] * c[1, 3] + c[0, 3] * c[1, 2])
    )
    first, second = (
        fourth * (1 + c[a, a]) - c[1, a] ** 2 * d1 - c[0, a] ** 2 * d2 + 2 * c[0, 1] * c[0, a] * c[1, a]
        for a in (2, 3)
    )
    angle = np.clip(none / np.sqrt(first * second), -1, 1)
    expected = 4 / np.pi**2 / np.sqrt(fourth) * np.arcsin(angle)
    # Both differences of products lose digits where fields are large and nearly parallel.
    assert gradient_noise(C, 0, 1, 2, 3) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(covariances)
def test_kernels_are_positive(C):
    first = np.array([[activation_covariance(C, a, b) for b in range(4)] for a in range(4)])
    noise = np.array([[gradient_noise(C, 0, 0, a, b) for b in range(4)] for a in range(4)])
    slopes = np.array([[gradient_covariance(C, i, k) for k in range(4)] for i in range(4)])
    for kernel in (first, noise, slopes):
        np.testing.assert_allclose(kernel, kernel.T, rtol=0, atol=1e-10)
        assert np.linalg.eigvalsh(kernel).min() > -1e-9 * np.trace(kernel)
    assert (np.abs(first) <= 1).all()
    assert gradient_noise(C, 0, 1, 2, 3) == pytest.approx(gradient_noise(C, 1, 0, 3, 2), abs=1e-12)
    assert gradient_noise(C, 0, 1, 2, 2) <= gradient_covariance(C, 0, 1)


def test_batches_are_elementwise():
    stack = np.stack([_covariance(seed) for seed in range(6)]).reshape(2, 3, 4, 4)
    found = gradient_noise(stack, 0, 1, 2, 3)
    assert found.shape == (2, 3)
    assert found[1, 2] == gradient_noise(stack[1, 2], 0, 1, 2, 3)
    assert gradient_field(stack, 0, 1, 2)[0, 1] == gradient_field(stack[0, 1], 0, 1, 2)
