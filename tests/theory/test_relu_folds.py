"""Branches of stationary states end in the folds that Newton's method in the step size runs into."""

import numpy as np
import pytest

from companion.theory.relu_attractors import NoAttractorError, lyapunov_shift, stationary_state
from companion.theory.relu_folds import attractor_branch
from companion.theory.relu_landscape import family

MINIMUM = family("I", 1, 7)


@pytest.fixture(scope="module")
def branch():
    return attractor_branch(MINIMUM)


def test_the_branch_begins_at_the_minimum_with_the_slopes_of_first_order(branch):
    assert branch.learning_rate[0] == 0
    assert branch.loss[0] == pytest.approx(MINIMUM.loss, abs=1e-14)
    assert branch.leading[0] == pytest.approx(-MINIMUM.hessian_min, abs=1e-12)
    shift = lyapunov_shift(MINIMUM)
    early = branch.learning_rate[1]
    assert (branch.loss[1] - branch.loss[0]) / early == pytest.approx(shift.loss_slope, rel=5 * early)
    assert branch.transverse_trace[1] / early == pytest.approx(shift.transverse_slope, rel=5 * early)


def test_its_states_are_the_stationary_ones(branch):
    for at in (3, 7):
        rate = float(branch.learning_rate[at])
        state = stationary_state(MINIMUM, rate)
        assert branch.loss[at] == pytest.approx(state.loss, abs=1e-10)
        assert branch.transverse_trace[at] == pytest.approx(state.transverse_trace, abs=1e-9)
        assert branch.leading[at] == pytest.approx(state.rates[0].real / rate, abs=1e-8)


def test_at_the_fold_one_eigenvalue_vanishes_and_beyond_no_state_is_left(branch):
    assert branch.fold == pytest.approx(0.47456, abs=1e-5)
    assert (np.diff(branch.learning_rate) > 0).all()
    assert (branch.leading[:-1] < 0).all()
    assert abs(branch.leading[-1]) < 1e-6
    with pytest.raises(NoAttractorError):
        stationary_state(MINIMUM, 1.01 * branch.fold)


def test_a_saddle_is_refused_by_name():
    with pytest.raises(ValueError, match=r"minimum: I\(1\).*saddle"):
        attractor_branch(family("I", 1, 5))
