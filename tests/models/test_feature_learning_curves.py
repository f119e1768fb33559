"""Learning curves: explicit integration, long times, the ridge path, asymptotic oracles, clocks of the claims."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.datasets.gaussian_mixture import angle_mixture, antipodal_mixture, sample
from companion.models.feature_learning_curves import ScoreFlow
from companion.models.random_features import draw_features
from companion.theory.mixtures import Mixture

PAIR = Mixture((0.6, 0.4), (1.5, 0.5), ((1.0, 0.0), (0.0, 1.0)))


def flow_of(
    mixture, dimension, sample_ratio, feature_ratio, seed=0, normalise_rows=False, class_weights=None
):
    random = np.random.default_rng(seed)
    samples = sample(mixture, sample_ratio * dimension, dimension, random)
    model = draw_features(
        mixture, feature_ratio * dimension, dimension, random, normalise_rows=normalise_rows
    )
    train, population = (
        model.train_matrices(samples),
        model.population_matrices(mixture, samples.centroids),
    )
    return ScoreFlow(train, population, class_weights), train, population


@pytest.mark.parametrize("class_weights", [None, (0.2, 0.8), (1.0, 0.0)])
def test_curves_follow_the_equation_of_motion(class_weights):
    flow, train, population = flow_of(PAIR, 8, 6, 4, class_weights=class_weights)
    U, V = train.weighted(class_weights)
    step, B, path = 0.25 / flow.eigenvalues[-1], np.zeros((8, 32)), []
    marks = np.array([1, 10, 100, 1000])

    def rate(B):
        return -(B @ U + V.T)

    for taken in range(1, 1001):
        first = rate(B)
        second = rate(B + 0.5 * step * first)
        third = rate(B + 0.5 * step * second)
        B = B + step / 6 * (first + 2 * second + 2 * third + rate(B + step * third))
        if taken in marks:
            path.append(B)
    np.testing.assert_allclose(flow.flow_coefficients(step * marks), path, atol=1e-4)
    losses = flow.learning_curves(step * marks)
    np.testing.assert_allclose(losses.train, train.losses(path), atol=2e-4)
    np.testing.assert_allclose(losses.test, population.losses(path), atol=2e-4)
    assert np.ptp(losses.test[:, 0]) > 0.05  # something was learned


def test_losses_are_quadratic_forms_of_the_coefficients():
    flow, train, population = flow_of(PAIR, 12, 8, 8)
    times, ridge = np.geomspace(0.01, 1e4, 9), np.geomspace(1e-3, 10, 5)
    for B, losses in (
        (flow.flow_coefficients(times), flow.learning_curves(times)),
        (flow.ridge_coefficients(ridge), flow.ridge_path(ridge)),
    ):
        np.testing.assert_allclose(losses.train, train.losses(B), atol=1e-10)
        np.testing.assert_allclose(losses.test, population.losses(B), atol=1e-10)


def test_ridge_coefficients_solve_their_equation():
    flow, train, _ = flow_of(PAIR, 12, 8, 8)
    U, V = train.weighted()
    for ridge, B in zip((0.003, 0.5), flow.ridge_coefficients([0.003, 0.5]), strict=True):
        np.testing.assert_allclose(B @ (U + ridge * np.eye(len(U))), -V.T, atol=1e-10)


@settings(max_examples=10, deadline=None)
@given(
    share=st.floats(0.1, 0.9),
    deviation=st.floats(0.3, 2.0),
    norm=st.floats(0, 3),
    time=st.floats(0.02, 1.0),
    seed=st.integers(0, 1000),
)
def test_identities(share, deviation, norm, time, seed):
    mixture = Mixture((share, 1 - share), (1.0, deviation), ((norm**2, 0.0), (0.0, 1.0)), time)
    flow, _, _ = flow_of(mixture, 10, 8, 5, seed)
    times = np.array([0.0, 1e-3, 0.1, 10.0, 1e3, np.inf])
    losses = flow.learning_curves(times)
    np.testing.assert_allclose(losses.train[0], 1, atol=1e-14)
    np.testing.assert_allclose(losses.test[0], 1, atol=1e-14)
    total = losses.train @ flow.class_weights
    np.testing.assert_allclose(total, flow.total_train_loss(times), atol=1e-10)
    assert (np.diff(total) < 1e-12).all()
    np.testing.assert_allclose(flow.class_shares().sum(axis=1), 1, atol=1e-9)
    late = flow.learning_curves([1e3 / flow.eigenvalues[0]])
    np.testing.assert_allclose(late.train[0], losses.train[-1], atol=1e-8)
    np.testing.assert_allclose(flow.ridge_path([1e-9]).test[0], losses.test[-1], rtol=1e-4)
    # Nobody does better on a class than the true score of that class; finite d costs little.
    assert (losses.test > mixture.bayes_losses - 0.05).all()


def test_weights_are_apart_from_counts():
    plain, train, population = flow_of(PAIR, 12, 8, 8)
    same = ScoreFlow(train, population, train.shares)
    np.testing.assert_array_equal(
        plain.learning_curves([1.0, 10.0]).test, same.learning_curves([1.0, 10.0]).test
    )
    # Minima of Σ w_c L_c + ridge obey Σ (w'_c - w_c)(L'_c - L_c) <= 0.
    change = np.array([0.1, 0.9]) - train.shares
    ridge = [1e-3, 0.1, 10.0]
    other = ScoreFlow(train, population, [0.1, 0.9]).ridge_path(ridge).train
    assert ((other - plain.ridge_path(ridge).train) @ change < 0).all()
    # Weights twice as large are a clock twice as fast.
    doubled = ScoreFlow(train, population, 2 * train.shares).learning_curves([0.5])
    np.testing.assert_allclose(doubled.test, plain.learning_curves([1.0]).test, atol=1e-11)


FLOW = np.array([0.1, 1, 10, 100])


def test_curves_of_one_class_are_the_asymptotic_ones():
    flow, _, _ = flow_of(Mixture((1.0,), (1.0,)), 150, 4, 8, normalise_rows=True)
    losses = flow.learning_curves(FLOW)
    np.testing.assert_allclose(losses.train[:, 0], [0.9211, 0.7912, 0.7313, 0.6335], rtol=0.008)
    # At T = 100 finite size costs 2.1, 1.1, .5 % at d = 75, 150, 300.
    np.testing.assert_allclose(losses.test[:3, 0], [0.9217, 0.8402, 0.9039], rtol=0.008)
    assert losses.test[3, 0] == pytest.approx(1.2202, rel=0.02)


def test_curves_of_two_variances_are_the_asymptotic_ones():
    flow, _, _ = flow_of(Mixture((0.5, 0.5), (1.5, 0.5)), 150, 4, 8, normalise_rows=True)
    losses, ridge = flow.learning_curves(FLOW), flow.ridge_path([0.1])
    np.testing.assert_allclose(losses.train[:, 0], [0.9415, 0.8787, 0.7505, 0.6023], rtol=0.008)
    np.testing.assert_allclose(losses.train[:, 1], [0.8889, 0.6372, 0.5542, 0.4989], rtol=0.008)
    np.testing.assert_allclose(losses.test[:, 0], [0.9428, 0.9970, 1.2738, 2.0492], rtol=0.01)
    np.testing.assert_allclose(losses.test[:, 1], [0.8890, 0.6475, 0.5962, 0.6310], rtol=0.008)
    np.testing.assert_allclose(ridge.train[0], [0.76608, 0.56433], rtol=0.008)
    np.testing.assert_allclose(ridge.test[0], [1.19219, 0.59886], rtol=0.008)
    assert flow.total_train_loss(np.inf)[0] == pytest.approx(0.54838, rel=0.008)


SECOND = (1.3, 0.7)
UNIT = ((1.0, 0.0), (0.0, 1.0))
STRUCTURES = {
    "three classes": (
        Mixture((0.5, 0.3, 0.2), (1.3, 1.0, 0.6), np.diag([1.0, 2.0, 0.5]).tolist()),
        [[0.922, 0.841, 0.703], [1.325, 1.047, 0.712]],
    ),
    "antipodal": (antipodal_mixture(standard_deviations=SECOND), [[0.929, 0.742], [1.326, 0.783]]),
    "60 degrees": (angle_mixture(60, standard_deviations=SECOND), [[0.928, 0.737], [1.335, 0.793]]),
    "erf": (Mixture((0.5, 0.5), SECOND, UNIT, 0.1, "erf"), [[0.935, 0.732], [1.363, 0.810]]),
    "relu": (Mixture((0.5, 0.5), SECOND, UNIT, 0.1, "relu"), [[0.954, 0.733], [1.577, 0.823]]),
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_ridge_path_of_other_structures(structure):
    mixture, losses = STRUCTURES[structure]
    flow, _, _ = flow_of(mixture, 100, 6, 8, normalise_rows=True)
    np.testing.assert_allclose(flow.ridge_path([0.3, 0.01]).test, losses, rtol=0.025)


# pi, sigma, M_cc, t, psi_n, T_gen(.5) as (mean of the asymptotic values and d = 40 simulations, which class first).
RUNS = {
    "V1": ((0.5, 0.5), (1.5, 0.5), (1, 1), 0.1, 8, (0.054, 0.28), 0),
    "G1": ((0.5, 0.5), (1.0, 1.0), (2, 0.5), 0.1, 8, (0.110, 0.0915), 1),
    "R5": ((0.5, 0.5), (1.2, 0.8), (16, 16), 0.5, 16, (0.215, 0.26), 0),
    "R1": ((0.1, 0.9), (1.2, 0.8), (16, 16), 0.5, 16, (0.27, 0.215), 1),
}


@pytest.mark.parametrize("run", RUNS)
def test_order_of_generalisation_in_every_seed(run):
    weights, deviations, norms, time, sample_ratio, centres, first = RUNS[run]
    mixture = Mixture(weights, deviations, np.diag(np.float64(norms)).tolist(), time)
    times, passages = np.geomspace(1e-3, 1e2, 250), np.empty((5, 2))
    for seed in range(5):
        flow, _, _ = flow_of(mixture, 30, sample_ratio, 16, seed)
        share = (1 - flow.learning_curves(times).test) / (1 - mixture.bayes_losses)
        for label in range(2):
            reached = int(np.argmax(share[:, label] >= 0.5))
            around = slice(reached - 1, reached + 1)
            passages[seed, label] = np.exp(np.interp(0.5, share[around, label], np.log(times[around])))
    assert (np.argmin(passages, axis=1) == first).all()
    np.testing.assert_allclose(passages.mean(axis=0), centres, rtol=0.08)


def test_bad_inputs_name_the_argument():
    flow, train, population = flow_of(PAIR, 8, 6, 4)
    _, other, _ = flow_of(PAIR, 8, 6, 3)
    with pytest.raises(ValueError, match=r"^population: U_c of shape \(2, 24, 24\)"):
        ScoreFlow(train, other)
    _, _, reseeded = flow_of(PAIR, 8, 6, 4, seed=1)
    with pytest.raises(ValueError, match=r"^population: matrices of other features"):
        ScoreFlow(train, reseeded)
    with pytest.raises(ValueError, match=r"^class_weights:"):
        ScoreFlow(train, population, [1.0])
    for times in ([-1.0], [np.nan], [[1.0]]):
        with pytest.raises(ValueError, match=r"^times:"):
            flow.learning_curves(times)
    with pytest.raises(ValueError, match=r"^ridge:"):
        flow.ridge_path([0.0])
