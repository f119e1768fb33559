"""Optimisers: the plain iterations, agreement with descend, records, independence of runs, bad input."""

import numba
import numpy as np
import pytest

from companion.theory.two_layer import two_layer_gradient, two_layer_loss
from companion.training.descent import descend, initial_weights
from companion.training.relu_optimisers import optimise

_OPTIMISERS = ("gradient_descent", "two_layer", "normalised", "orthonormalised")
_FIELDS = ("weights", "second_layer", "loss", "gradient_norm", "steps", "converged")


def _orthonormal(W):
    frame, triangle = np.linalg.qr(W.T)
    return (frame * np.sign(np.diag(triangle))).T


def _plain(W, a, V, optimiser, activation, slope, rate, steps):
    """The four iterations as one would write them down."""
    if optimiser == "normalised":
        W = W / np.linalg.norm(W, axis=1, keepdims=True)
    if optimiser == "orthonormalised":
        W = _orthonormal(W)
    for left in range(steps, -1, -1):
        G, pull = two_layer_gradient(W, a, V, activation, slope)
        if optimiser == "normalised":
            G = G - (G * W).sum(axis=1, keepdims=True) * W
        if optimiser == "orthonormalised":
            G = G - (G @ W.T + W @ G.T) @ W / 2
        norm = np.sqrt(np.sum(G**2) + (np.sum(pull**2) if optimiser == "two_layer" else 0.0))
        if left == 0:
            return W, a, norm
        W = W - rate * G
        if optimiser == "two_layer":
            a = a - rate * pull
        if optimiser == "normalised":
            W = W / np.linalg.norm(W, axis=1, keepdims=True)
        if optimiser == "orthonormalised":
            W = _orthonormal(W)


@pytest.mark.parametrize("optimiser", _OPTIMISERS)
@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky_relu", 0.3), ("erf", 0.0)])
@pytest.mark.parametrize(
    "teacher",
    [np.eye(5), np.eye(4, 6), np.eye(2, 13), np.random.default_rng(0).standard_normal((4, 6)) / 2],
    ids=["identity", "narrow", "wide", "general"],
)
def test_steps_are_those_of_the_plain_iteration(optimiser, activation, slope, teacher):
    start = initial_weights(5, teacher.shape[1], range(3), seed=2)
    factors = np.array([1.0, 0.7, 1.3, -0.4, 0.9])
    found = optimise(
        start, teacher, optimiser, activation=activation, negative_slope=slope, second_layer=factors,
        step=0.1, tolerances=[1e-300], maximum_steps=60,
    )  # fmt: skip
    assert (found.steps == 60).all()
    assert not found.converged.any()
    for run, W in enumerate(start):
        W, a, norm = _plain(W, factors, teacher, optimiser, activation, slope, 0.1, 60)
        np.testing.assert_allclose(found.weights[0, run], W, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.second_layer[0, run], a, rtol=0, atol=1e-12)
        assert found.gradient_norm[0, run] == pytest.approx(norm, abs=1e-12)
        expected = two_layer_loss(W, a, teacher, activation, slope)
        assert found.loss[0, run] == pytest.approx(expected, abs=1e-12)


@pytest.fixture(scope="module")
def ends():
    start = initial_weights(8, 8, range(60), seed=0)
    return {optimiser: optimise(start, np.eye(8), optimiser) for optimiser in _OPTIMISERS}


def test_plain_descent_is_descend(ends):
    start = initial_weights(8, 8, range(60), seed=0)
    for at, tolerance in enumerate((1e-5, 1e-9)):
        direct = descend(start, np.eye(8), tolerance=tolerance)
        for name in ("weights", "loss", "gradient_norm", "steps", "converged"):
            np.testing.assert_array_equal(getattr(ends["gradient_descent"], name)[at], getattr(direct, name))


def test_a_leaky_slope_of_zero_is_relu(ends):
    leaky = optimise(initial_weights(8, 8, range(60), seed=0), np.eye(8), activation="leaky_relu")
    plain = ends["gradient_descent"]
    assert leaky.converged.all()
    # Chaos is absent: rounding differs between the two kernels, the trajectories do not.
    np.testing.assert_array_equal(leaky.steps[0], plain.steps[0])
    np.testing.assert_allclose(leaky.weights[0], plain.weights[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("optimiser", _OPTIMISERS)
def test_records_are_first_crossings(ends, optimiser):
    found, start = ends[optimiser], initial_weights(8, 8, range(60), seed=0)
    assert found.converged.all()
    assert found.tolerances == (1e-5, 1e-9)
    assert (found.gradient_norm < np.array([[1e-5], [1e-9]])).all()
    assert (found.steps[0] < found.steps[1]).all()
    for at, tolerance in enumerate(found.tolerances):
        single = optimise(start[:5], np.eye(8), optimiser, tolerances=[tolerance])
        np.testing.assert_array_equal(single.weights[0], found.weights[at, :5])
        np.testing.assert_array_equal(single.steps[0], found.steps[at, :5])
    before = optimise(start[:1], np.eye(8), optimiser, maximum_steps=int(found.steps[0, 0]) - 1)
    assert not before.converged.any()
    assert before.gradient_norm[0, 0] >= 1e-5
    np.testing.assert_array_equal(before.weights[0], before.weights[1])


@pytest.mark.parametrize("optimiser", _OPTIMISERS)
@pytest.mark.parametrize("runs", [[0], [59], [3, 17, 18], range(10, 33)], ids=str)
def test_a_run_does_not_depend_on_its_batch(ends, optimiser, runs):
    alone = optimise(initial_weights(8, 8, runs, seed=0), np.eye(8), optimiser)
    for name in _FIELDS:
        np.testing.assert_array_equal(getattr(alone, name), getattr(ends[optimiser], name)[:, list(runs)])


@pytest.mark.parametrize("threads", range(1, numba.config.NUMBA_NUM_THREADS + 1))
def test_results_do_not_depend_on_the_number_of_threads(ends, threads):
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        again = optimise(initial_weights(8, 8, range(60), seed=0), np.eye(8), "orthonormalised")
    finally:
        numba.set_num_threads(before)
    for name in _FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(ends["orthonormalised"], name))


@pytest.mark.parametrize("optimiser", _OPTIMISERS)
def test_large_dimensions_belong_to_runs_too(optimiser):
    start, V = initial_weights(4, 30, range(9), seed=4), np.random.default_rng(1).standard_normal((3, 30)) / 6
    whole = optimise(start, V, optimiser, maximum_steps=300)
    single = optimise(start[5:6], V, optimiser, maximum_steps=300)
    for name in _FIELDS:
        np.testing.assert_array_equal(getattr(single, name)[:, 0], getattr(whole, name)[:, 5])


def test_constraints_hold_to_rounding(ends):
    unit = np.einsum("tnki,tnki->tnk", *[ends["normalised"].weights] * 2)
    np.testing.assert_allclose(unit, 1.0, rtol=0, atol=1e-14)
    W = ends["orthonormalised"].weights
    np.testing.assert_allclose(
        W @ np.swapaxes(W, 2, 3), np.broadcast_to(np.eye(8), W.shape), rtol=0, atol=1e-13
    )
    for optimiser in ("gradient_descent", "normalised", "orthonormalised"):
        assert (ends[optimiser].second_layer == 1.0).all()


@pytest.mark.parametrize(
    ("optimiser", "students", "runs", "losses"),
    [
        ("normalised", 6, 100, ()),
        ("orthonormalised", 6, 60, ()),
        ("normalised", 8, 60, (0.02406,)),
        ("orthonormalised", 8, 60, (0.0241,)),
        ("normalised", 10, 40, (0.02099, 0.03832, 0.06209, 0.06757)),
        ("orthonormalised", 10, 40, (0.0212,)),
    ],
)
def test_constrained_descent_has_minima_of_its_own(optimiser, students, runs, losses):
    found = optimise(initial_weights(students, students, range(runs), seed=0), np.eye(students), optimiser)
    assert found.converged.all()
    spurious = found.loss[1][found.loss[1] > 1e-3]
    assert (spurious.size > 0) == bool(losses)
    if losses:
        # As many decimals as are known of them.
        assert np.abs(spurious[:, None] - np.array(losses)).min(axis=1).max() < 5e-5
        assert np.abs(spurious - losses[0]).min() < 5e-5


def test_unit_rows_cannot_solve_an_overparameterised_task():
    start = initial_weights(7, 7, range(10), seed=0)
    for optimiser in ("normalised", "orthonormalised"):
        found = optimise(start, np.eye(6, 7), optimiser, tolerances=[1e-5], maximum_steps=20_000)
        assert (found.loss > 1 / (4 * np.pi)).all()  # the means of the outputs alone
    free = optimise(start, np.eye(6, 7), "two_layer", tolerances=[1e-5])
    assert (free.loss < 1e-5).all()


def test_the_two_layer_flow_conserves_the_balance():
    start, time = initial_weights(5, 5, range(6), seed=1), 8.0
    drifts = []
    for rate in (0.02, 0.01):
        moved = optimise(
            start, np.eye(5), "two_layer", step=rate, tolerances=[1e-300], maximum_steps=round(time / rate)
        )
        balance = moved.second_layer[0] ** 2 - (moved.weights[0] ** 2).sum(axis=2)
        drifts.append(np.abs(balance - (1.0 - (start**2).sum(axis=2))).max())
        assert np.abs(moved.second_layer - 1.0).max() > 0.1
    assert drifts[0] < 0.01
    assert drifts[1] == pytest.approx(drifts[0] / 2, rel=0.1)  # of first order in the step: none in the flow


@pytest.mark.parametrize("optimiser", ["gradient_descent", "two_layer"])
def test_settled_runs_go_no_further(optimiser):
    start, V = initial_weights(11, 10, range(40), seed=0), np.eye(10)
    found = optimise(start, V, optimiser, settled_loss=1e-3)
    settled = found.loss[0] <= 1e-3
    assert settled.sum() > 30
    assert found.converged.all()
    np.testing.assert_array_equal(found.steps[1][settled], found.steps[0][settled])
    np.testing.assert_array_equal(found.weights[1][settled], found.weights[0][settled])
    few = optimise(initial_weights(8, 8, range(60), seed=0), np.eye(8), optimiser, settled_loss=1e-3)
    spurious = few.loss[0] > 1e-3
    assert 0 < spurious.sum() < 60
    assert (few.gradient_norm[1][spurious] < 1e-9).all()


def test_broken_runs_are_reported_and_leave_the_others_alone(ends):
    for optimiser in _OPTIMISERS:
        start = initial_weights(8, 8, range(12), seed=0)
        start[7, 0, 0] = np.nan
        expected = [7]
        if optimiser in ("gradient_descent", "two_layer"):  # the constrained ones refuse it
            start[3, 2] = 0.0
            expected = [3, 7]
        broken = optimise(start, np.eye(8), optimiser)
        good = np.setdiff1d(np.arange(12), expected)
        assert not broken.converged[:, expected].any()
        assert np.isnan(broken.loss[:, expected]).all()
        np.testing.assert_array_equal(broken.weights[:, good], ends[optimiser].weights[:, good])


def test_a_step_that_is_too_long_does_not_converge():
    diverged = optimise(
        initial_weights(6, 6, range(9), seed=0), np.eye(6), "two_layer", step=3.0, maximum_steps=500
    )
    assert not diverged.converged.any()


def test_each_run_may_have_its_own_second_layer():
    start = initial_weights(4, 4, range(3), seed=0)
    factors = np.array([[1.0, 1.0, 1.0, 1.0], [0.5, 1.0, 2.0, 1.0], [1.0, -1.0, 1.0, 1.0]])
    together = optimise(start, np.eye(4), second_layer=factors, maximum_steps=50)
    for run in range(3):
        alone = optimise(start[run : run + 1], np.eye(4), second_layer=factors[run], maximum_steps=50)
        np.testing.assert_array_equal(alone.weights[:, 0], together.weights[:, run])
    np.testing.assert_array_equal(together.second_layer[0], factors)


def test_no_runs():
    empty = optimise(np.empty((0, 3, 9)), np.eye(3, 9), "two_layer")
    assert empty.loss.shape == (2, 0)
    assert empty.weights.shape == (2, 0, 3, 9)


_START = np.ones((2, 3, 3))
_ONE_EMPTY = np.stack([np.eye(3), np.diag([1.0, 0.0, 1.0])])


@pytest.mark.parametrize(
    ("weights", "teacher", "options", "message"),
    [
        (np.ones((3, 3)), np.eye(3), {}, r"weights must have shape .* got shape \(3, 3\)"),
        (np.ones((2, 0, 3)), np.eye(3), {}, r"weights must have shape .* got shape \(2, 0, 3\)"),
        (_START, np.ones(3), {}, r"teacher must have shape .* got shape \(3,\)"),
        (_START, np.ones((0, 3)), {}, r"teacher must have shape .* got shape \(0, 3\)"),
        (
            np.zeros((2, 3, 3)),
            np.eye(3),
            {"optimiser": "orthonormalised"},
            "run 0 has rows of rank 0; .* 3 lin",
        ),
        (_START, np.eye(3), {"optimiser": "orthonormalised"}, "weights: run 0 has rows of rank 1"),
        (_ONE_EMPTY, np.eye(3), {"optimiser": "normalised"}, "weights: run 1 has a row of zeros"),
        (_START, np.eye(4), {}, "same D"),
        (_START, np.full((3, 3), np.nan), {}, "teacher must be finite"),
        (_START, np.ones((2, 3)), {}, "teacher must have linearly independent rows, got rank 1 of 2"),
        (_START, np.zeros((1, 3)), {}, "teacher must have linearly independent rows, got rank 0 of 1"),
        (
            np.ones((2, 4, 3)),
            np.eye(3),
            {"optimiser": "orthonormalised"},
            "needs K <= D, got .* K = 4 .* D = 3",
        ),
        (_START, np.eye(3), {"optimiser": "normalized"}, "optimiser must be .* did you mean `normalised`"),
        (_START, np.eye(3), {"optimiser": "adam"}, "optimiser must be .* there are: gradient_descent"),
        (_START, np.eye(3), {"activation": "leaky"}, "activation must be .* did you mean `leaky_relu`"),
        (_START, np.eye(3), {"negative_slope": 0.1}, "negative_slope belongs to leaky_relu"),
        (_START, np.eye(3), {"second_layer": np.ones(2)}, "second_layer must hold 3 finite numbers"),
        (_START, np.eye(3), {"second_layer": [1, np.inf, 1]}, "second_layer must hold 3 finite numbers"),
        (_START, np.eye(3), {"step": 0.0}, "step must be positive"),
        (_START, np.eye(3), {"maximum_steps": 0}, "maximum_steps must be positive"),
        (_START, np.eye(3), {"tolerances": ()}, "tolerances must be positive and fall"),
        (_START, np.eye(3), {"tolerances": (1e-9, 1e-5)}, "tolerances must be positive and fall"),
        (_START, np.eye(3), {"tolerances": (1e-5, 0.0)}, "tolerances must be positive and fall"),
    ],
)
def test_bad_arguments_are_named(weights, teacher, options, message):
    with pytest.raises(ValueError, match=message):
        optimise(weights, teacher, **options)
