"""The two-point response against identities, derivatives, and the iteration that it replaces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.theory.mixtures import Mixture
from companion.theory.spectral_equations import solve
from companion.theory.two_point_response import Resolvents, TwoPointResponse

ONE = Mixture((1.0,), (1.0,))
TWO = Mixture((0.7, 0.3), (1.5, 0.5), ((1, 0.3), (0.3, 2)))
THREE = Mixture((0.5, 0.3, 0.2), (1.3, 1.0, 0.6), ((1, 0, 0), (0, 2, 0), (0, 0, 0.5)))
SPREAD = Mixture((0.4, 0.6), (1.2, 0.9), ((1, 0), (0, 1)), spectrum=((3, 0.5), (0.5, 1), (1, 1)))
SIZES = (4.0, 6.0)
POINTS = np.array([-0.05, -1.3, -0.4 + 0.7j, 0.3 + 0.2j, -6.0 - 4.0j])


def solved(mixture, points=POINTS, weights=None, nodes=8, **more):
    w = mixture.pi if weights is None else np.asarray(weights, dtype=float)
    solution = solve(points, mixture, *SIZES, class_weights=w, nodes=nodes, rule="stretched", **more)
    response = TwoPointResponse(mixture, *SIZES, w, solution.coefficients)
    return solution, Resolvents(solution.delta, solution.overlap, solution.response), response, w


def all_pairs(count):
    return (indices.ravel() for indices in np.indices((count, count)))


@pytest.mark.parametrize("mixture", [ONE, TWO, THREE, SPREAD])
@pytest.mark.parametrize("uniform", [False, True])
def test_training_terms_add_up_by_the_resolvent_identity(mixture, uniform):
    # Σ_c w_c R1 U_c R2 = (z1 R1 - z2 R2)/(z1 - z2).
    weights = np.full(mixture.classes, 0.4) if uniform else None
    solution, resolvents, response, w = solved(mixture, weights=weights)
    first, second = np.triu_indices(len(POINTS), 1)
    train, _ = response.quadratic(resolvents, first, second)
    ends = POINTS * mixture.noise_variance * np.einsum("a,zab,b->z", w, solution.projected, w)
    expected = (ends[first] - ends[second]) / (POINTS[first] - POINTS[second])
    np.testing.assert_allclose(train @ w, expected, rtol=1e-8)


@pytest.mark.parametrize("mixture", [ONE, TWO, THREE, SPREAD])
def test_equal_arguments_give_derivatives_of_the_one_point_function(mixture):
    # With the population loss of class c at weight ε, -Δ ∂(wᵀ P w)/∂ε.
    points = np.array([-0.05, -0.4 + 0.7j])
    _, resolvents, response, w = solved(mixture, points)
    _, test = response.quadratic(resolvents, np.arange(2), np.arange(2))
    for label in range(mixture.classes):
        sides = [
            solved(mixture, points, population_weights=step * np.eye(mixture.classes)[label])[0].projected
            for step in (1e-4, -1e-4)
        ]
        slope = np.einsum("a,zab,b->z", w, (sides[0] - sides[1]) / 2e-4, w)
        np.testing.assert_allclose(test[:, label], -mixture.noise_variance * slope, rtol=1e-6)


def iterated(mixture, solution, response_weights, first, second, source, population):
    """-Δ wᵀ P12 w of one pair and source by damped iteration of the equations as they are written."""
    c, w, K = solution.coefficients, response_weights, mixture.classes
    alpha2, noise = mixture.alphas**2, mixture.noise_variance
    t, e = (np.zeros(K), np.eye(K)[source]) if population else (np.eye(K)[source], np.zeros(K))
    d1, d2 = solution.delta[first], solution.delta[second]
    Q1, Q2 = solution.overlap[first], solution.overlap[second]
    k1, k2 = (np.diag(w * (alpha2 / (1 + d) + noise)) for d in (d1, d2))
    left, right = np.linalg.inv(np.eye(K) + k1 @ Q1), np.linalg.inv(np.eye(K) + Q2 @ k2)
    A1, A2 = left @ k1, k2 @ right
    P1, P2 = Q1 @ left, right @ Q2
    RR = solution.response[first] * solution.response[second]
    X, Q = np.zeros(K, complex), np.zeros((K, K), complex)
    for _ in range(2000):
        y = (t - w**2 * X / (mixture.pi * SIZES[0])) / ((1 + d1) * (1 + d2))
        k12 = np.diag(alpha2 * y + noise * t + (alpha2 + noise) * e)
        A12 = left @ k12 @ right - A1 @ Q @ A2
        P12 = left.T @ Q @ right.T - P1 @ k12 @ P2
        v, s, a = c.sample_variance, c.noise_variance, c.gain
        R12 = -RR * (s @ t + (s + v) @ e + v @ y + np.einsum("na,ab,nb->n", a, A12, a))
        newer_Q = SIZES[1] * np.einsum("n,na,nb->ab", c.node_weights * R12, a, a)
        newer_X = SIZES[1] * (c.node_weights * R12) @ v + alpha2 * np.diag(P12)
        change = max(np.abs(newer_Q - Q).max(), np.abs(newer_X - X).max())
        Q, X = (Q + newer_Q) / 2, (X + newer_X) / 2
        if change < 1e-12:
            return -noise * w @ P12 @ w
    raise AssertionError("the iteration did not converge")


@pytest.mark.parametrize("mixture", [ONE, TWO, THREE])
def test_direct_solution_is_the_fixed_point_of_the_iteration(mixture):
    points = np.array([-0.4 + 0.7j, -1.3 - 0.5j])
    solution, resolvents, response, w = solved(mixture, points, nodes=4)
    found = response.quadratic(resolvents, np.array([0]), np.array([1]))
    for population in (False, True):
        for source in range(mixture.classes):
            expected = iterated(mixture, solution, w, 0, 1, source, population)
            assert found[int(population)][0, source] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("mixture", [TWO, SPREAD])
def test_exchange_and_conjugation(mixture):
    _, resolvents, response, _ = solved(mixture)
    first, second = all_pairs(len(POINTS))
    count = len(POINTS)
    doubled = resolvents.with_conjugates()
    for one, other in zip(
        response.quadratic(resolvents, first, second),
        response.quadratic(doubled, count + second, count + first),
        strict=True,
    ):
        np.testing.assert_allclose(other, one.conj(), rtol=1e-9)


def test_real_arguments_stay_real():
    _, resolvents, response, _ = solved(TWO, np.array([-0.1, -2.0]))
    train, test = response.quadratic(resolvents, np.array([0, 1]), np.array([1, 1]))
    assert train.dtype == test.dtype == np.float64
    assert (train > 0).all() and (test > 0).all()


@settings(max_examples=8, deadline=None)
@given(st.floats(0.1, 0.9), st.floats(0.3, 1.7), st.floats(0.0, 3.0))
def test_one_class_may_be_called_two(share, deviation, norm):
    whole = Mixture((1.0,), (deviation,), ((norm,),))
    halves = Mixture((share, 1 - share), (deviation,) * 2, ((norm, norm), (norm, norm)))
    points = np.array([-0.2, -0.5 + 0.4j])
    pair = np.array([0]), np.array([1])
    _, resolvents, response, _ = solved(whole, points)
    _, parted, response_parted, _ = solved(halves, points)
    for one, two in zip(
        response.quadratic(resolvents, *pair), response_parted.quadratic(parted, *pair), strict=True
    ):
        np.testing.assert_allclose(two, np.repeat(one, 2, axis=1), rtol=1e-7)


def test_blocks_do_not_matter(monkeypatch):
    _, resolvents, response, _ = solved(THREE)
    first, second = all_pairs(len(POINTS))
    whole = response.quadratic(resolvents, first, second)
    monkeypatch.setattr("companion.theory.two_point_response._LARGEST_BLOCK", 1)
    np.testing.assert_allclose(response.quadratic(resolvents, first, second), whole, rtol=1e-10)
