"""Per-class losses: oracles, derivative of the minimum, limits, simulations, and clocks of whole runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.analysis.timescales import gen_passage, mem_gap_absolute
from companion.datasets.gaussian_mixture import sample
from companion.models.random_features import draw_features
from companion.theory.mixtures import Mixture
from companion.theory.score_losses import flow_losses, ridge_losses, total_train_loss
from companion.theory.spectral_equations import solve

UNIT = ((1, 0), (0, 1))
CASES = {
    "A": Mixture((1.0,), (1.0,)),
    "A early": Mixture((1.0,), (1.0,), diffusion_time=0.01),
    "B": Mixture((0.5, 0.5), (1.5, 0.5)),
    "C": Mixture((0.5, 0.5), (1.5, 0.5), UNIT),
    "D": Mixture((0.9, 0.1), (1.0, 1.0), UNIT),
}
THREE = Mixture((0.5, 0.3, 0.2), (1.3, 1.0, 0.6), ((1, 0, 0), (0, 2, 0), (0, 0, 0.5)))
#: Coarse quadratures of the fields err by this much, and earlier numbers with centroids were made with such.
COARSE = 1.5e-3


def of_two(gram, activation="tanh"):
    return Mixture((0.5, 0.5), (1.3, 0.7), gram, 0.1, activation)


@pytest.mark.parametrize(
    ("case", "train", "test", "tolerance"),
    [
        ("A", [0.73705], [0.88392], 6e-6),
        ("A early", [0.95808], [1.00482], 6e-6),
        ("B", [0.76608, 0.56433], [1.19219, 0.59886], 6e-6),
        ("C", [0.7521, 0.5494], [1.2210, 0.5924], COARSE),
        ("D", [0.7212, 0.7021], [0.8937, 0.8965], COARSE),
        # The same, converged in the field nodes, by Gauss-Hermite nodes and damped iteration.
        ("C", [0.752467, 0.549046], [1.220236, 0.592270], 2e-5),
    ],
)
def test_ridge_oracles(case, train, test, tolerance):
    found = ridge_losses([0.1], CASES[case], 4, 8)
    np.testing.assert_allclose(found[0][0], train, atol=tolerance)
    np.testing.assert_allclose(found[1][0], test, atol=tolerance)


@pytest.mark.parametrize(
    ("mixture", "test"),
    [
        (THREE, [[0.922, 0.841, 0.703], [1.325, 1.047, 0.712]]),
        (of_two(((1, -1), (-1, 1))), [[0.929, 0.742], [1.326, 0.783]]),
        (of_two(((1, 0.5), (0.5, 1))), [[0.928, 0.737], [1.335, 0.793]]),
        (of_two(UNIT, "erf"), [[0.935, 0.732], [1.363, 0.810]]),
        (of_two(UNIT, "relu"), [[0.954, 0.733], [1.577, 0.823]]),
    ],
)
def test_ridge_of_other_structures(mixture, test):
    found = ridge_losses([0.3, 0.01], mixture, 6, 8)[1]
    np.testing.assert_allclose(found[0], test[0], atol=COARSE)
    np.testing.assert_allclose(found[1], test[1], atol=5 * COARSE)  # more sensitive at the small ridge


@pytest.mark.parametrize(
    ("case", "train", "test"),
    [
        ("A", [[0.9211], [0.7912], [0.7313], [0.6335]], [[0.9217], [0.8402], [0.9039], [1.2202]]),
        (
            "B",
            [[0.9415, 0.8889], [0.8787, 0.6372], [0.7505, 0.5542], [0.6023, 0.4989]],
            [[0.9428, 0.8890], [0.9970, 0.6475], [1.2738, 0.5962], [2.0492, 0.6310]],
        ),
    ],
)
def test_flow_oracles(case, train, test):
    found = flow_losses([0.1, 1, 10, 100], CASES[case], 4, 8)
    np.testing.assert_allclose(found[0], train, atol=6e-5)
    np.testing.assert_allclose(found[1], test, atol=6e-5)


@pytest.mark.parametrize(
    ("case", "end", "tolerance"),
    [
        ("A", 0.62984, 6e-6),
        ("A early", 0.74085, 6e-6),
        ("B", 0.54838, 2e-5),
        ("C", 0.5232, COARSE),
        ("D", 0.5976, COARSE),
    ],
)
def test_end_of_training(case, end, tolerance):
    mixture = CASES[case]

    def least(ridge):
        P = solve([-ridge], mixture, 4, 8, rule="stretched").projected[0]
        return 1 - mixture.noise_variance * mixture.pi @ P @ mixture.pi

    assert least(1e-6) == pytest.approx(end, abs=tolerance)  # known at this ridge
    total = total_train_loss([np.inf], mixture, 4, 8)[0]
    assert total == pytest.approx(least(1e-9), abs=1e-6)
    train, test = flow_losses([1e9, np.inf], mixture, 4, 8)
    assert train[1] @ mixture.pi == pytest.approx(total, abs=1e-8)
    np.testing.assert_allclose(train[0], train[1], atol=1e-6)
    np.testing.assert_allclose(test[0], test[1], atol=1e-6)
    np.testing.assert_array_equal(ridge_losses([0.0], mixture, 4, 8)[1][0], test[1])


@pytest.mark.parametrize("mixture", [CASES["B"], CASES["D"], THREE])
@pytest.mark.parametrize("uniform", [False, True])
def test_ridge_losses_are_derivatives_of_the_minimum(mixture, uniform):
    # J(w, ε) = Σ (w + ε) - Δ (w + ε)ᵀ P (w + ε) is the least Σ w L_train + Σ ε L_test + λ |B|²/d: envelope theorem.
    w = np.full(mixture.classes, 1 / mixture.classes) if uniform else mixture.pi

    def least(weights, population):
        z = [-0.05]
        P = solve(
            z, mixture, 4, 8, class_weights=weights, population_weights=population, nodes=8, rule="stretched"
        )
        both = weights + population
        return both.sum() - mixture.noise_variance * both @ P.projected[0] @ both

    train, test = ridge_losses([0.05], mixture, 4, 8, class_weights=w, nodes=8)
    for label, unit in enumerate(np.eye(mixture.classes)):
        step, none = 1e-4 * w[label], np.zeros(mixture.classes)
        slope = (least(w + step * unit, none) - least(w - step * unit, none)) / (2 * step)
        assert train[0, label] == pytest.approx(slope, abs=1e-6)
        slope = (least(w, step * unit) - least(w, -step * unit)) / (2 * step)
        assert test[0, label] == pytest.approx(slope, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.05, 0.95),
    st.tuples(st.floats(0.2, 2), st.floats(0.2, 2)),
    st.floats(0, 9),
    st.floats(0.01, 1.0),
    st.floats(0.5, 20),
    st.floats(0.5, 20),
    st.floats(0.05, 0.95),
)
def test_training_losses_add_up_and_fall(share, deviations, norm, time, samples, features, weight):
    mixture = Mixture((share, 1 - share), deviations, ((norm, 0), (0, 2 * norm)), time)
    weights = np.array([weight, 1 - weight])
    times = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 25), [np.inf]])
    sizes = {"sample_ratio": samples, "feature_ratio": features, "class_weights": weights, "nodes": 6}
    train, test = flow_losses(times, mixture, **sizes)
    total = total_train_loss(times, mixture, **sizes)
    np.testing.assert_allclose(train @ weights, total, atol=2e-6)
    assert (np.diff(total) < 1e-6).all()
    assert (total > 0).all()
    np.testing.assert_array_equal(np.stack([train[0], test[0]]), 1.0)
    ridge = ridge_losses([3.0, 0.3, 0.0], mixture, **sizes)
    np.testing.assert_allclose(ridge[0][-1], train[-1], rtol=1e-9)
    assert (np.diff(ridge[0] @ weights) < 0).all()
    # No model beats the best linear score of a class on new points, and training flatters on the whole.
    assert (test > mixture.bayes_losses - 1e-6).all()
    assert ((test - train) @ weights > -1e-6).all()


@pytest.mark.parametrize("order", [[1, 2, 0], [2, 1, 0]])
def test_classes_may_come_in_any_order(order):
    gram = np.array([[1, 0.3, 0], [0.3, 2, 0.2], [0, 0.2, 0.5]])
    mixture = Mixture(THREE.weights, THREE.standard_deviations, gram.tolist())
    moved = Mixture(
        tuple(np.array(THREE.weights)[order]),
        tuple(np.array(THREE.standard_deviations)[order]),
        gram[np.ix_(order, order)].tolist(),
    )
    one, two = (np.stack(flow_losses([0.2, 5.0], m, 4, 6, nodes=10)) for m in (mixture, moved))
    # Equal only up to the quadrature of the fields, of whose nodes the folded half depends on the order.
    np.testing.assert_allclose(one[..., order], two, atol=1e-5)


def test_contours_are_accurate_and_times_do_not_see_each_other():
    times = np.array([0.07, 1.0, 1.999, 2.0, 50.0])
    for mixture in (CASES["B"], CASES["A early"]):
        coarse, fine = (flow_losses(times, mixture, 4, 8, contour_points=n) for n in (16, 24))
        np.testing.assert_allclose(np.stack(coarse), np.stack(fine), atol=3e-6)
        alone = np.stack([flow_losses([time], mixture, 4, 8)[1][0] for time in times])
        np.testing.assert_allclose(coarse[1], alone, rtol=1e-9)
        shuffled = flow_losses(times[::-1], mixture, 4, 8)[1]
        np.testing.assert_allclose(shuffled[::-1], coarse[1], rtol=1e-9)


def test_both_ends_of_time():
    mixture = CASES["C"]
    train, test = flow_losses([0.0, 1e-9, 1e-4], mixture, 4, 8, nodes=8)
    np.testing.assert_allclose(train[:2], 1.0, atol=1e-7)
    # L_c = 1 - 2 T (1/d) Tr Vᵀ V_c at first, for training points and new ones: -2 T Δ ψ_p Σ_c' w_c' N_cc'.
    solution = solve([-1e7], mixture, 4, 8, nodes=8, rule="stretched")
    slope = 1e7 * mixture.noise_variance * solution.projected[0] @ mixture.pi
    np.testing.assert_allclose((1 - test[2]) / 2e-4, slope, rtol=2e-3)
    np.testing.assert_allclose(train[2], test[2], atol=1e-6)
    late = flow_losses([1e12, 1e30], mixture, 4, 8, nodes=8)[1]
    np.testing.assert_allclose(late[0], late[1], rtol=1e-6)


@pytest.mark.parametrize("nodes", [16, 40])
def test_losses_have_converged_in_the_field_nodes(nodes):
    for case in ("C", "D"):
        one = flow_losses([0.3, 30.0], CASES[case], 4, 8)
        other = flow_losses([0.3, 30.0], CASES[case], 4, 8, nodes=nodes)
        np.testing.assert_allclose(np.stack(one), np.stack(other), atol=2e-5)


def simulated(mixture, sizes, dimension, draws, times, class_weights=None):
    """Mean over draws of exact losses at finite size: train, test (times, K)."""
    found = []
    for draw in range(draws):
        rng = np.random.default_rng((7, draw))
        model = draw_features(mixture, sizes[1] * dimension, dimension, rng, normalise_rows=True)
        points = sample(mixture, sizes[0] * dimension, dimension, rng)
        found.append(np.stack(model.score_flow(mixture, points, class_weights).learning_curves(times)))
    return np.mean(found, axis=0)


def test_three_classes_against_simulation():
    times = [0.1, 1.0, 10.0, 100.0]
    found = simulated(THREE, (6, 6), 80, 2, times)
    expected = np.stack(flow_losses(times, THREE, 6, 6, nodes=12))
    # At d = 80 the K directions of the centroids, whose modes are others, are 4 % of all.
    np.testing.assert_allclose(found, expected, rtol=0.025)


def test_loss_weights_apart_from_counts_against_simulation():
    mixture, weights, times = Mixture((0.5, 0.5), (1.2, 0.8)), (0.15, 0.85), [0.1, 1.0, 10.0, 100.0]
    found = simulated(mixture, (4, 6), 80, 2, times, weights)
    expected = np.stack(flow_losses(times, mixture, 4, 6, class_weights=weights))
    np.testing.assert_allclose(found, expected, rtol=0.015)
    # Neither the counts alone nor the weights alone would do.
    for other in (
        flow_losses(times, mixture, 4, 6),
        flow_losses(times, Mixture(weights, (1.2, 0.8)), 4, 6),
    ):
        assert np.abs(np.stack(other) / found - 1).max() > 0.05


def test_anisotropic_classes_against_simulation():
    kinds = ((3.0, 0.2), (0.2, 2.0))
    mixture, plain = Mixture((0.5, 0.5), (1.2, 0.8), spectrum=kinds), Mixture((0.5, 0.5), (1.2, 0.8))
    times = [0.1, 1.0, 10.0, 100.0]
    found = simulated(mixture, (4, 6), 80, 2, times)
    expected = np.stack(flow_losses(times, mixture, 4, 6))
    np.testing.assert_allclose(found[:, :3], expected[:, :3], rtol=0.015)
    # Late, rows of W differ in the variance that they see: 3 % at d = 80, falling as 1/d.
    np.testing.assert_allclose(found[:, 3], expected[:, 3], rtol=0.05)
    isotropic = np.stack(flow_losses(times, plain, 4, 6))
    assert np.abs(isotropic / found - 1)[:, :3].max() > 5 * np.abs(expected / found - 1)[:, :3].max()


def test_a_single_kind_of_direction_is_isotropy():
    same = Mixture((0.5, 0.5), (1.5, 0.5), UNIT, spectrum=((2, 1), (2, 1), (2, 1)))
    one, two = (np.stack(flow_losses([0.3, 30], m, 4, 8, nodes=6)) for m in (same, CASES["C"]))
    np.testing.assert_allclose(one, two, rtol=1e-9)


RUNS = {
    # t, (ψ_n, ψ_p), π_1, (σ_1, σ_2), (M_11, M_22): T_gen(.5), T_mem(.05)
    "V0": (0.1, (8, 16), 0.5, (1.5, 0.5), (0, 0), (0.0340, 0.1479), (0.409, 34.5)),
    "V1": (0.1, (8, 16), 0.5, (1.5, 0.5), (1, 1), (0.0483, 0.2470), (0.514, 11.07)),
    "V2": (0.1, (8, 16), 0.5, (1.2, 0.8), (1, 1), (0.0666, 0.1230), (0.8035, 3.101)),
    "G1": (0.1, (8, 16), 0.5, (1.0, 1.0), (2, 0.5), (0.1016, 0.0819), (2.027, 1.015)),
    "G2": (0.1, (8, 16), 0.5, (1.2, 0.8), (2, 0.5), (0.0742, 0.1098), (1.050, 2.063)),
    "R5": (0.5, (16, 16), 0.5, (1.2, 0.8), (16, 16), (0.1871, 0.2464), (15.26, np.inf)),
    "R2": (0.5, (16, 16), 0.2, (1.2, 0.8), (16, 16), (0.2181, 0.2101), (5.177, np.inf)),
    "R1": (0.5, (16, 16), 0.1, (1.2, 0.8), (16, 16), (0.2334, 0.2014), (4.406, np.inf)),
    "R05": (0.5, (16, 16), 0.05, (1.2, 0.8), (16, 16), (0.2426, 0.1975), (4.272, np.inf)),
    "R'5": (0.1, (16, 16), 0.5, (1.2, 0.8), (16, 16), (0.2676, 0.4902), (6.089, 12.72)),
    "R'1": (0.1, (16, 16), 0.1, (1.2, 0.8), (16, 16), (0.3814, 0.3540), (4.248, 19.51)),
    "R'05": (0.1, (16, 16), 0.05, (1.2, 0.8), (16, 16), (0.4088, 0.3434), (4.353, 20.08)),
    "R''5": (0.5, (16, 16), 0.5, (1.1, 0.9), (9, 9), (0.1452, 0.1669), (23.41, np.inf)),
    "R''1": (0.5, (16, 16), 0.1, (1.1, 0.9), (9, 9), (0.1671, 0.1470), (5.469, np.inf)),
    "MR5": (0.1, (16, 16), 0.5, (1.1, 0.9), (4, 4), (0.1334, 0.1822), (3.902, 6.235)),
    "MR9": (0.1, (16, 16), 0.9, (1.1, 0.9), (4, 4), (0.1244, 0.2328), (6.019, 5.977)),
}


def run(name):
    time, sizes, share, deviations, norms, *clocks = RUNS[name]
    return Mixture((share, 1 - share), deviations, np.diag(norms).tolist(), time), sizes, clocks


@pytest.mark.parametrize("name", RUNS)
def test_clocks_of_the_runs(name):
    mixture, sizes, (learned, memorised) = run(name)
    times = np.geomspace(1e-2, 1e3, 241)
    train, test = flow_losses(times, mixture, *sizes)
    found = gen_passage(times, test.T, 1 - mixture.bayes_losses)
    np.testing.assert_allclose(found, learned, rtol=3e-3)
    np.testing.assert_allclose(mem_gap_absolute(times, train.T, test.T), memorised, rtol=5e-3)


def test_memorisation_is_later_with_more_points_and_generalisation_is_not():
    mixture, times = CASES["A early"], np.geomspace(3e-3, 1e2, 161)
    learned, memorised = [], []
    for samples in (4, 8, 16, 32):
        train, test = flow_losses(times, mixture, samples, 64)
        learned.append(gen_passage(times, test.T, 1 - mixture.bayes_losses)[0])
        memorised.append(mem_gap_absolute(times, train.T, test.T)[0])
    np.testing.assert_allclose(learned, 0.0148, rtol=3e-3)
    np.testing.assert_allclose(memorised, [0.970, 3.201, 8.02, 18.82], rtol=2e-3)


def identity(x):
    return x


@pytest.mark.parametrize(("samples", "features"), [(4.0, 2.0), (0.5, 3.0)])
def test_linear_features_end_as_linear_regression(samples, features):
    # With p > d they can form any linear map C = -√Δ (α² S + Δ)^-1, S the sample covariance (Marchenko-Pastur).
    mixture = Mixture((1.0,), (1.3,), diffusion_time=0.3, activation=identity)
    alpha2, noise = mixture.alphas[0] ** 2, mixture.noise_variance

    def transform(z):  # ∫ ρ(x)/(x + z) at ratio 1/ψ_n
        q = 1 / samples
        return (q - 1 - z + np.sqrt((z + 1 - q) ** 2 + 4 * q * z)) / (2 * q * z)

    z, step = noise / alpha2, 1e-5
    first = transform(z) / alpha2
    second = -(transform(z + step) - transform(z - step)) / (2 * step) / alpha2**2
    train, test = flow_losses([np.inf], mixture, samples, features)
    assert train[0, 0] == pytest.approx(1 - noise * first, abs=1e-5)
    total = mixture.total_variances[0]
    assert test[0, 0] == pytest.approx(1 - 2 * noise * first + noise * total * second, abs=1e-5)


def test_nothing_asked_nothing_given():
    for losses in (ridge_losses, flow_losses):
        assert [each.shape for each in losses([], CASES["B"], 4, 8)] == [(0, 2), (0, 2)]
    assert total_train_loss([], CASES["B"], 4, 8).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flow_losses([-1.0], CASES["B"], 4, 8), "times"),
        (lambda: flow_losses([np.nan], CASES["B"], 4, 8), "times"),
        (lambda: flow_losses([[1.0]], CASES["B"], 4, 8), "times"),
        (lambda: ridge_losses([-0.1], CASES["B"], 4, 8), "ridge"),
        (lambda: ridge_losses([np.inf], CASES["B"], 4, 8), "ridge"),
        (lambda: ridge_losses([0.1], CASES["B"], 0, 8), "sample_ratio"),
        (lambda: flow_losses([1.0], CASES["B"], 4, -8), "feature_ratio"),
        (lambda: flow_losses([1.0], CASES["B"], 4, 8, class_weights=(1.0,)), "class_weights"),
        (lambda: flow_losses([1.0], CASES["B"], 4, 8, class_weights=(1.0, -1.0)), "class_weights"),
        (lambda: total_train_loss([1.0], CASES["B"], 4, 8, class_weights=(0.0, 0.0)), "class_weights"),
        (lambda: flow_losses([1.0], CASES["B"], 4, 8, contour_points=7), "points: 7"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
