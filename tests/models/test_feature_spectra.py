"""Lanczos and kernel polynomials against eigenvalues: exact with enough steps or probes, close with few."""

import numpy as np
import pytest

from companion.datasets.gaussian_mixture import sample
from companion.models.feature_densities import stieltjes
from companion.models.feature_spectra import (
    chebyshev_moments,
    damped_series,
    kernel_polynomial_density,
    lanczos_quadrature,
    leading_eigenpairs,
)
from companion.models.random_features import draw_features
from companion.theory.mixtures import Mixture

Z = np.concatenate([-np.geomspace(0.01, 10, 5), np.geomspace(0.01, 10, 5) * (1 + 0.05j)])


@pytest.fixture(scope="module")
def problem():
    """Matrices with two outliers of 320 features, their sum over classes, its modes."""
    mixture = Mixture((0.9, 0.1), (1.0, 1.0), ((1.0, 0.0), (0.0, 1.0)))
    random = np.random.default_rng(1)
    samples = sample(mixture, 160, 40, random)
    model = draw_features(mixture, 320, 40, random)
    train = model.train_matrices(samples)
    U = train.weighted().features
    return train, U, *np.linalg.eigh(U)


def test_lanczos_is_exact_after_as_many_steps_as_dimensions(problem):
    _, U, values, vectors = problem
    found = lanczos_quadrature(lambda x: U @ x, 320, 400, 2, np.random.default_rng(0))
    probes = np.random.default_rng(0).standard_normal((320, 2))
    probes *= np.sqrt(320) / np.linalg.norm(probes, axis=0)
    masses = ((vectors.T @ probes) ** 2).mean(axis=1) / 320
    np.testing.assert_allclose(found.stieltjes(Z), stieltjes(values, Z, masses), rtol=1e-9)
    assert found.masses.sum() == pytest.approx(1, abs=1e-12)


def test_few_lanczos_steps_give_the_resolvent_and_the_masses(problem):
    _, U, values, _ = problem
    found = lanczos_quadrature(lambda x: U @ x, 320, 60, 60, np.random.default_rng(0))
    # The probes leave an error of .0034 in the upper mass.
    np.testing.assert_allclose(found.stieltjes(Z[:5]), stieltjes(values, Z[:5]), rtol=0.03)
    np.testing.assert_allclose(
        found.mass_above([0.4, 20.0]), [(values > 0.4).mean(), (values > 20).mean()], atol=0.012
    )


def test_deflation_leaves_the_bulk(problem):
    _, U, values, vectors = problem
    top, leading = leading_eigenpairs(lambda x: U @ x, 320, 2)
    np.testing.assert_allclose(top, values[:-3:-1], rtol=1e-10)
    np.testing.assert_allclose(np.abs(leading.T @ vectors[:, :-3:-1]), np.eye(2), atol=1e-7)
    found = lanczos_quadrature(lambda x: U @ x, 320, 60, 20, np.random.default_rng(0), leading)
    assert found.nodes.max() <= values[-3] * (1 + 1e-9)
    assert found.masses.sum() == pytest.approx(318 / 320, abs=0.003)


@pytest.mark.parametrize("moments", [1, 2, 100, 101])
def test_moments_are_those_of_the_eigenvalues(problem, moments):
    train, U, values, vectors = problem
    interval, outliers, every = (0.0, 1.01 * values[-3]), vectors[:, -2:], np.sqrt(320) * np.eye(320)
    scaled = 2 * values[:-2] / interval[1] - 1
    polynomials = np.cos(np.arange(moments)[:, None] * np.arccos(scaled))
    found = chebyshev_moments(lambda x: U @ x, interval, moments, every, deflated=outliers)
    np.testing.assert_allclose(found, polynomials.sum(axis=1) / 320, atol=1e-12)
    for share, matrix in zip(train.shares, train.features, strict=True):
        carried = share * np.einsum("ik,ij,jk->k", vectors, matrix, vectors, optimize=True)[:-2]
        found = chebyshev_moments(
            lambda x: U @ x,
            interval,
            moments,
            every,
            lambda x, share=share, matrix=matrix: share * matrix @ x,
            outliers,
        )
        np.testing.assert_allclose(found, polynomials @ carried / 320, atol=1e-11)


def test_density_has_the_masses_of_the_bands(problem):
    _, U, values, vectors = problem
    edge = 1.05 * values[-3]
    points = np.linspace(0, edge, 4001)[1:-1]
    density = kernel_polynomial_density(
        lambda x: U @ x,
        320,
        points,
        (-0.05, edge),
        400,
        60,
        np.random.default_rng(0),
        deflated=vectors[:, -2:],
    )
    upper = points > 0.4
    assert np.trapezoid(density[upper], points[upper]) == pytest.approx((values[:-2] > 0.4).mean(), rel=0.04)
    assert (density > -1e-12).all()
    mean = np.trapezoid(density[upper] * points[upper], points[upper])
    assert mean == pytest.approx(values[:-2][values[:-2] > 0.4].sum() / 320, rel=0.04)


def test_damped_series_of_one_eigenvalue_is_a_normalised_bump():
    points, interval = np.linspace(-1, 3, 8001), (-1.0, 3.0)
    place = 1.7
    moments = np.cos(np.arange(200) * np.arccos((2 * place - 2) / 4))
    density = damped_series(moments, points, interval)
    assert np.trapezoid(density, points) == pytest.approx(1, abs=1e-3)
    assert points[np.argmax(density)] == pytest.approx(place, abs=2e-3)
    variance = np.trapezoid(density * (points - place) ** 2, points)
    assert np.sqrt(variance) == pytest.approx(np.pi * 2 / 200 * np.sqrt(1 - 0.35**2), rel=0.03)
    assert (damped_series(moments, [-1.0, 3.0, 5.0], interval) == 0).all()


def test_large_equivalents_need_no_matrix():
    mixture = Mixture((1.0,), (1.0,))
    random = np.random.default_rng(0)
    samples = sample(mixture, 800, 200, random)
    equivalent = draw_features(mixture, 1600, 200, random).gaussian_equivalent(mixture, samples, random)
    found = lanczos_quadrature(equivalent.product, 1600, 50, 4, random)
    # The asymptotic resolvent at z = .1 and 1; probes and finite size leave 1 %.
    np.testing.assert_allclose(found.stieltjes([-0.1, -1.0]).real, [7.17076, 0.89069], rtol=0.012)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda U: leading_eigenpairs(lambda x: U @ x, 320, 320), "count"),
        (lambda U: lanczos_quadrature(lambda x: U @ x, 320, 0, 1, np.random.default_rng(0)), "steps"),
        (lambda U: lanczos_quadrature(lambda x: U @ x, 320, 1, 0, np.random.default_rng(0)), "probes"),
        (
            lambda U: lanczos_quadrature(
                lambda x: U @ x, 320, 1, 1, np.random.default_rng(0), np.ones((3, 1))
            ),
            "deflated",
        ),
        (lambda U: chebyshev_moments(lambda x: U @ x, (0, 1), 50, np.eye(320)), "interval"),
        (lambda U: chebyshev_moments(lambda x: U @ x, (1, 0), 50, np.eye(320)), "interval"),
        (
            lambda U: kernel_polynomial_density(
                lambda x: U @ x, 320, [1.0], (0, 100), 0, 1, np.random.default_rng(0)
            ),
            "moments",
        ),
    ],
)
def test_bad_inputs_name_the_argument(problem, call, name):
    with pytest.raises(ValueError, match=f"^{name}:"):
        call(problem[1])
