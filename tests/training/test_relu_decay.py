"""Loss along descent: the power law of flat minima, the exponential of isolated ones."""

import numpy as np
import pytest

from companion.analysis.power_laws import fit_exponential, fit_power_law, local_slopes
from companion.theory.relu_landscape import population_loss
from companion.theory.relu_splitting import count_flat_directions
from companion.training.descent import descend, initial_weights
from companion.training.relu_decay import logarithmic_steps, loss_curve


def test_overparameterised_minima_are_flat_and_reached_as_a_power_of_time():
    V = np.eye(4, 40)
    curve = loss_curve(initial_weights(5, 40, range(5), 0), V, logarithmic_steps(200_000), step=0.3)
    for W, loss in zip(curve.weights, curve.loss, strict=True):
        fit = fit_power_law(curve.steps, loss)
        assert fit.slope == pytest.approx(-3, abs=0.1)
        assert fit.residual < 0.05 < fit_exponential(curve.steps, loss).residual
        late = curve.steps[1:] > 20_000
        assert np.median(local_slopes(curve.steps, loss)[1][late]) == pytest.approx(-3, abs=0.05)
        assert loss[-1] < 1e-14
        # The distance left is about 1e-5, and so are the eigenvalues.
        assert count_flat_directions(W, V, 40, tolerance=1e-3) == 40


def test_isolated_minima_are_reached_exponentially():
    curve = loss_curve(initial_weights(4, 40, range(5), 0), np.eye(4, 40), range(400, 801, 25), step=0.3)
    assert (curve.loss[:, -1] < 1e-14).all()
    for loss in curve.loss:
        late = loss > 1e-13  # below, weights of order one round
        steps, loss = curve.steps[late], loss[late]
        if late.sum() < 4:
            continue
        exponential = fit_exponential(steps, loss)
        assert exponential.slope < -0.02
        assert exponential.residual < 0.1 * fit_power_law(steps, loss).residual
    assert (curve.loss[:, 4] > 1e-13).sum() >= 3


def test_the_curve_is_that_of_descent():
    start = initial_weights(4, 4, range(3), 1)
    curve = loss_curve(start, np.eye(4), [1, 7, 30], step=0.2)
    for at, steps in enumerate(curve.steps):
        end = descend(start, np.eye(4), step=0.2, tolerance=1e-300, maximum_steps=int(steps))
        np.testing.assert_array_equal(end.loss, curve.loss[:, at])
    np.testing.assert_array_equal(end.weights, curve.weights)
    assert curve.loss[0, 0] < population_loss(start[0], np.eye(4))


def test_the_grid_is_logarithmic():
    grid = logarithmic_steps(10_000, 4)
    assert grid[0] == 1
    assert grid[-1] == 10_000
    assert (np.diff(grid) > 0).all()
    np.testing.assert_allclose(grid[8:] / grid[4:-4], 10.0, rtol=0.02)
    np.testing.assert_array_equal(logarithmic_steps(1), [1])


@pytest.mark.parametrize("steps", [[], [0, 1], [1, 1], [3, 2], [1.5], [[1, 2]]], ids=str)
def test_steps_must_rise(steps):
    with pytest.raises(ValueError, match="steps must be whole numbers that rise"):
        loss_curve(np.ones((1, 2, 2)), np.eye(2), steps)


def test_bad_grids_are_named():
    with pytest.raises(ValueError, match="largest must be at least 1"):
        logarithmic_steps(0)
    with pytest.raises(ValueError, match="per_decade must be at least 1"):
        logarithmic_steps(10, 0)
