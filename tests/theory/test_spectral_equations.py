"""The self-consistent equations: an independent form of them, limits in closed form, the branch, failures."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.theory import feature_coefficients as coefficients_module
from companion.theory import spectral_equations
from companion.theory.mixtures import Mixture
from companion.theory.spectral_equations import ConvergenceError, solve

IDENTITY = ((1.0, 0.0), (0.0, 1.0))
A = Mixture((1.0,), (1.0,))
B = Mixture((0.5, 0.5), (1.5, 0.5))
C = Mixture((0.5, 0.5), (1.5, 0.5), IDENTITY)
D = Mixture((0.9, 0.1), (1.0, 1.0), IDENTITY)


def stieltjes(solution):
    return solution.response @ solution.coefficients.node_weights


def loss(mixture, ratios, ridge, weights, population):
    """J(w, ε, λ), the minimum of the weighted losses."""
    solution = solve(
        [-ridge], mixture, *ratios, class_weights=weights, population_weights=population, nodes=16
    )
    both = weights + population
    return both.sum() - mixture.noise_variance * both @ solution.projected[0] @ both


def worst_residual(solution, mixture, ratios, weights, population):
    """The equations once more, written with inverses, in plain NumPy."""
    k = solution.coefficients
    worst = 0.0
    for index, z in enumerate(solution.z):
        delta, Q, R = solution.delta[index], solution.overlap[index], solution.response[index]
        A_mean, P_mean, trace = 0, 0, 0
        for tau in mixture.direction_variances:
            kappa = np.diag(
                weights * (tau / (1 + delta) + mixture.noise_variance)
                + population * (tau + mixture.noise_variance)
            )
            share = 1 / len(mixture.direction_variances)
            A_mean = A_mean + share * np.linalg.inv(np.eye(len(Q)) + kappa @ Q) @ kappa
            P = Q @ np.linalg.inv(np.eye(len(Q)) + kappa @ Q)
            P_mean, trace = P_mean + share * P, trace + share * tau * np.diag(P)
        floor = k.noise_variance @ (weights + population) + k.sample_variance @ population
        quadratic = np.einsum("na,ab,nb->n", k.gain, A_mean, k.gain)
        denominator = floor - z + k.sample_variance @ (weights / (1 + delta)) + quadratic
        new_Q = ratios[1] * np.einsum("n,na,nb->ab", k.node_weights * R, k.gain, k.gain)
        memory = ratios[1] * (k.node_weights * R) @ k.sample_variance + trace
        new_delta = weights / (mixture.pi * ratios[0]) * memory
        scale = max(np.abs(np.diag(Q)).max(), 1e-300)
        worst = max(
            worst,
            np.abs(R * denominator - 1).max(),
            np.abs(new_Q - Q).max() / scale,
            (np.abs(new_delta - delta) / (np.abs(delta) + 1e-12)).max(),
            np.abs(P_mean - solution.projected[index]).max() / scale,
        )
    return worst


@pytest.mark.parametrize(
    ("mixture", "published", "limit"),
    [
        (A, 0.62984, 0.629836),
        (Mixture((1.0,), (1.0,), diffusion_time=0.01), 0.74085, 0.740768),
        (B, 0.54838, 0.548370),
    ],
)
def test_train_loss_after_infinite_time(mixture, published, limit):
    # Published to five digits at λ = 1e-6, which is not yet the limit in the fourth.
    projected = solve([-1e-6, -1e-10], mixture, 4, 8).projected
    found = 1 - mixture.noise_variance * np.einsum("c,zce,e->z", mixture.pi, projected, mixture.pi)
    np.testing.assert_allclose(found, [published, limit], atol=5e-6)


@pytest.fixture
def normalised_quantiles(monkeypatch):
    """Plain quantiles scaled to unit variance: the rule behind the published values with centroids."""

    def line(nodes, fold, stretch):
        points = coefficients_module.ndtri((np.arange(nodes) + 0.5) / nodes)
        points = points / points.std()
        points = points[points > 0] if fold else points
        return points, np.full(points.size, 1 / points.size)

    monkeypatch.setattr(coefficients_module, "_line", line)
    coefficients_module.feature_coefficients.cache_clear()
    yield
    coefficients_module.feature_coefficients.cache_clear()


@pytest.mark.parametrize(
    ("mixture", "g", "moment", "train"),
    [
        (C, [28.034, 6.8568, 0.89123, 0.09763], 0.29182, 0.5232),
        (D, [25.786, 6.8230, 0.89209, 0.09760], 0.29538, 0.5976),
    ],
)
def test_published_values_with_centroids_hold_on_their_own_nodes(
    normalised_quantiles, mixture, g, moment, train
):
    solution = solve([-0.01, -0.1, -1, -10, -1e-9], mixture, 4, 8, nodes=40)
    np.testing.assert_allclose(stieltjes(solution)[:4], g, rtol=6e-5)
    k = solution.coefficients
    first = k.noise_variance + k.sample_variance + mixture.total_variances * k.gain**2
    assert k.node_weights @ first @ mixture.pi == pytest.approx(moment, abs=6e-6)
    found = 1 - mixture.noise_variance * mixture.pi @ solution.projected[4] @ mixture.pi
    assert found == pytest.approx(train, abs=6e-5)


@pytest.mark.parametrize(("mixture", "g"), [(C, 28.062422), (D, 25.858754)])
def test_field_nodes_converge(mixture, g):
    # Limits from 80 Gauss-Hermite nodes in each direction, which are fine on the negative axis.
    for nodes, error in ((12, 2e-4), (24, 2e-6), (48, 2e-7)):
        assert stieltjes(solve([-0.01], mixture, 4, 8, nodes=nodes))[0] == pytest.approx(g, rel=error)


@pytest.mark.parametrize(
    ("mixture", "train", "test"),
    [
        (A, [0.73705], [0.88392]),
        (Mixture((1.0,), (1.0,), diffusion_time=0.01), [0.95808], [1.00482]),
        (B, [0.76608, 0.56433], [1.19219, 0.59886]),
    ],
)
def test_losses_on_the_ridge_path_are_slopes_in_the_weights(mixture, train, test):
    pi, zero = mixture.pi, np.zeros(mixture.classes)
    for label in range(mixture.classes):
        step = np.zeros(mixture.classes)
        step[label] = 1e-4 * pi[label]
        ends = [loss(mixture, (4, 8), 0.1, pi + sign * step, zero) for sign in (1, -1)]
        assert (ends[0] - ends[1]) / (2e-4 * pi[label]) == pytest.approx(train[label], abs=6e-6)
        ends = [loss(mixture, (4, 8), 0.1, pi, sign * step) for sign in (1, -1)]
        assert (ends[0] - ends[1]) / (2e-4 * pi[label]) == pytest.approx(test[label], abs=6e-6)


@st.composite
def mixtures(draw):
    classes = draw(st.integers(1, 3))
    pi = np.array(draw(st.lists(st.floats(0.05, 1), min_size=classes, max_size=classes)))
    sigma = draw(st.lists(st.one_of(st.just(0.0), st.floats(0.2, 3)), min_size=classes, max_size=classes))
    rank = draw(st.integers(0, min(classes, 2)))
    entries = st.lists(st.floats(-2, 2), min_size=classes, max_size=classes)
    factor = np.array([draw(entries) for _ in range(rank)]).reshape(rank, classes)
    spectrum = None
    if draw(st.booleans()):
        spectrum = [[draw(st.floats(0.1, 3)) for _ in range(classes)] for _ in range(3)]
    return Mixture(
        tuple(pi / pi.sum()),
        tuple(sigma),
        (factor.T @ factor).tolist(),
        draw(st.floats(0.01, 1)),
        draw(st.sampled_from(["tanh", "erf", "relu", np.cos])),
        spectrum,
    )


@given(
    mixture=mixtures(),
    ratios=st.tuples(st.floats(0.05, 100), st.floats(0.05, 100)),
    eta=st.floats(1e-5, 1),
    weight=st.sampled_from([0.0, 0.5, 2.0]),
    extra=st.sampled_from([0.0, 0.3]),
)
@settings(max_examples=25, deadline=None)
def test_solutions_solve_the_equations_on_the_physical_branch(mixture, ratios, eta, weight, extra):
    weights = mixture.pi.copy()
    if mixture.classes > 1:
        weights[0] *= weight
    population = np.full(mixture.classes, extra)
    for z in (np.geomspace(1e-3, 100, 15) * (1 + 1j * eta), -np.geomspace(1e-3, 100, 5)):
        solution = solve(z, mixture, *ratios, class_weights=weights, population_weights=population, nodes=6)
        assert worst_residual(solution, mixture, ratios, weights, population) < 1e-7
        part = np.imag if np.iscomplexobj(z) else np.real
        assert (part(solution.response) > 0).all()
        assert (part(solution.delta) >= 0).all()
        lowest = np.linalg.eigvalsh(part(solution.overlap))[:, 0]
        assert (lowest >= -1e-12 * np.abs(solution.overlap).max(axis=(1, 2))).all()


def test_agrees_with_the_damped_iteration():
    z = -0.03
    pi, tau, noise = C.pi, C.alphas**2, C.noise_variance
    solution = solve([z], C, 4, 8, nodes=12)
    k = solution.coefficients
    delta, Q = np.ones(2), np.eye(2)
    for _ in range(400):
        kappa = np.diag(pi * (tau / (1 + delta) + noise))
        inner = np.linalg.inv(np.linalg.inv(kappa) + Q)
        R = 1 / (
            k.noise_variance @ pi
            - z
            + k.sample_variance @ (pi / (1 + delta))
            + np.einsum("na,ab,nb->n", k.gain, inner, k.gain)
        )
        P = np.linalg.inv(np.linalg.inv(Q) + kappa)
        new_Q = 8 * np.einsum("n,na,nb->ab", k.node_weights * R, k.gain, k.gain)
        new_delta = (8 * (k.node_weights * R) @ k.sample_variance + tau * np.diag(P)) / 4
        delta, Q = 0.4 * delta + 0.6 * new_delta, 0.4 * Q + 0.6 * new_Q
    np.testing.assert_allclose(solution.delta[0], delta, rtol=1e-10)
    np.testing.assert_allclose(solution.overlap[0], Q, rtol=1e-10)


def test_linear_features_of_endless_data_follow_marchenko_and_pastur():
    # U = Γ² W Wᵀ/d, whose resolvent has a closed form.
    linear = Mixture((1.0,), (1.3,), activation=lambda x: 1.0 * x)
    scale, ratio = linear.total_variances[0], 0.5
    z = np.array([0.1 + 0.02j, 1 + 0.1j, 4 + 1e-4j, -0.3])
    s = z / scale
    edges = (1 - np.sqrt(ratio)) ** 2, (1 + np.sqrt(ratio)) ** 2
    root = np.sqrt(s - edges[0]) * np.sqrt(s - edges[1])
    expected = (1 - ratio - s + root) / (2 * ratio * s) / scale
    np.testing.assert_allclose(stieltjes(solve(z, linear, 1e9, ratio)), expected, rtol=1e-6)


def test_few_features_do_not_see_one_another():
    k = coefficients_module.feature_coefficients(B)
    variance = (k.noise_variance + k.sample_variance + B.total_variances * k.gain**2) @ B.pi
    solution = solve([-0.1, 0.2 + 0.1j], B, 1e6, 1e-6)
    np.testing.assert_allclose(stieltjes(solution), 1 / (variance[0] - solution.z), rtol=1e-5)


def test_classes_without_weight_do_not_count():
    alone = solve([-0.1, 0.1 + 1e-3j], Mixture((1.0,), (1.5,)), 2, 8)
    both = solve([-0.1, 0.1 + 1e-3j], B, 4, 8, class_weights=(1.0, 0.0))
    np.testing.assert_allclose(both.response, alone.response, rtol=1e-12)
    np.testing.assert_allclose(both.delta[:, 0], alone.delta[:, 0], rtol=1e-12)
    assert (both.delta[:, 1] == 0).all()


def test_population_weight_is_endless_data():
    z = [-0.1, 0.1 + 1e-3j]
    population = solve(z, C, 4, 8, class_weights=(1e-12, 1e-12), population_weights=C.pi, nodes=8)
    endless = solve(z, C, 1e12, 8, nodes=8)
    np.testing.assert_allclose(population.response, endless.response, rtol=1e-8)


def test_one_spectrum_line_is_the_isotropic_case():
    flat = Mixture(B.weights, B.standard_deviations, spectrum=((1.0, 2.0), (1.0, 2.0)))
    z = np.geomspace(0.01, 5, 9) * (1 + 1e-3j)
    np.testing.assert_allclose(solve(z, flat, 4, 8).response, solve(z, B, 4, 8).response, rtol=1e-11)


def test_folded_nodes_stand_for_their_mirror_images(monkeypatch):
    z = np.array([-0.1, 0.1 + 1e-2j])
    folded = stieltjes(solve(z, C, 4, 8, nodes=6))
    monkeypatch.setattr(coefficients_module, "_is_odd", lambda sigma: False)
    coefficients_module.feature_coefficients.cache_clear()
    whole = solve(z, C, 4, 8, nodes=6)
    coefficients_module.feature_coefficients.cache_clear()
    assert whole.response.shape == (2, 36)
    np.testing.assert_allclose(stieltjes(whole), folded, rtol=1e-12)


def test_order_half_plane_and_threads_do_not_matter():
    z = np.geomspace(0.005, 15, 67) * (1 + 1e-3j)
    reference = solve(z, C, 4, 8, nodes=8)
    shuffled = np.random.default_rng(0).permutation(z.size)
    np.testing.assert_array_equal(solve(z[shuffled], C, 4, 8, nodes=8).response, reference.response[shuffled])
    np.testing.assert_array_equal(solve(z.conj(), C, 4, 8, nodes=8).overlap, reference.overlap.conj())
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = solve(z, C, 4, 8, nodes=8)
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(alone.response, reference.response)


def test_real_points_give_real_arrays():
    solution = solve([-1.0, -0.1], B, 4, 8)
    for array in (solution.z, solution.delta, solution.overlap, solution.projected, solution.response):
        assert array.dtype == np.float64
    assert solution.delta.shape == (2, 2)
    assert solution.overlap.shape == solution.projected.shape == (2, 2, 2)
    assert np.linalg.matrix_rank(solution.overlap[0]) == 1  # profiles are alike where M = 0
    mixed = solve([-1.0, 1j], B, 4, 8)
    np.testing.assert_allclose(mixed.response[0], solution.response[0], rtol=1e-13)


@pytest.mark.parametrize("ratios", [(1e-3, 1e3), (1e3, 1e-3), (1e4, 1e4), (1e-3, 1e-3)])
@pytest.mark.parametrize("mixture", [B, Mixture((0.3, 0.7), (0.0, 1.0), ((1, 1), (1, 1)), 0.01, "relu")])
def test_extreme_ratios_are_solved(ratios, mixture):
    z = np.geomspace(1e-4, 1e4, 41) * (1 + 1e-5j)
    solution = solve(z, mixture, *ratios, nodes=8)
    assert solution.residual.max() < 1e-10
    assert worst_residual(solution, mixture, ratios, mixture.pi, np.zeros(2)) < 1e-6
    assert (solution.response.imag > 0).all()


def test_failures_are_errors_with_place_residual_and_advice(monkeypatch):
    monkeypatch.setattr(spectral_equations, "ACCEPTED", -1.0)
    message = r"1 of 1 points; worst at z = -0.1.* residual of .*\(1 field nodes\). Move z away"
    with pytest.raises(ConvergenceError, match=message):
        solve([-0.1], A, 4, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": [0.0]}, "z: 0 given"),
        ({"z": [-1.0, 2.0]}, "z: 2 given"),
        ({"z": [np.nan]}, "z: some points are not finite"),
        ({"z": []}, "z: shape"),
        ({"sample_ratio": 0}, "sample_ratio: 0 given"),
        ({"sample_ratio": np.inf}, "sample_ratio: inf given"),
        ({"feature_ratio": -1.0}, "feature_ratio: -1.0 given"),
        ({"class_weights": (1.0,)}, "class_weights"),
        ({"class_weights": (1.0, -0.1)}, "class_weights"),
        ({"class_weights": (0.0, 0.0)}, "class_weights"),
        ({"population_weights": (np.nan, 0.0)}, "population_weights"),
        ({"nodes": 0}, "nodes: 0 given"),
        ({"rule": "gauss"}, "rule: 'gauss' given"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"z": [-1.0], "mixture": B, "sample_ratio": 4.0, "feature_ratio": 8.0} | change
    with pytest.raises(ValueError, match=message):
        solve(**arguments)
