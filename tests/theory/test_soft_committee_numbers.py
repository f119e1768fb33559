"""Two-task flow: numbers measured with independent code, and limits in closed form."""

import numpy as np
import pytest

from companion.analysis.specialisation import contributions, selectivity, usage_specialisation
from companion.theory.committee_conditions import drawn_start, isotropic_start, two_task_conditions
from companion.theory.erf_integrals import activation_covariance
from companion.theory.soft_committee import shared_forgetting_limit, solve_two_tasks

SIMILARITY = np.linspace(0, 1, 11)
R = 0.3
EVEN = np.array([R, R]) / np.sqrt(2)


def _at_the_end(conditions, **options):
    found = solve_two_tasks(conditions, second_time=0.0, times=[], **options).isel(time=-1)
    return usage_specialisation(contributions(found.readout[:, 0], found.Q)), found.error[:, 0].values


def test_usage_is_decided_by_the_angle_of_the_readouts():
    theta = np.arange(9) * np.pi / 32
    radius = np.array([0.1, 0.3, 1.0])[:, None]
    readout = radius[..., None] * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    readout[:, -1] = radius / np.sqrt(2)
    usage, error = _at_the_end(two_task_conditions(isotropic_start(2, 1, 1e-3), readout, EVEN), step=0.1)
    expected = [
        [1, 0.9003, 0.7580, 0.6268, 0.5008, 0.3678, 0.2193, 0.0713, 0],
        [1, 0.9092, 0.7743, 0.6466, 0.5225, 0.3900, 0.2385, 0.0801, 0],
        [1, 0.9706, 0.9103, 0.8332, 0.7403, 0.6259, 0.4727, 0.2347, 0],
    ]
    np.testing.assert_allclose(usage.reshape(3, 9), expected, rtol=0, atol=1e-4)
    assert error.max() < 7.3e-5


RATES = np.array([0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0])


def _over_rates():
    readout = R * np.array([np.cos(0.3), np.sin(0.3)])
    conditions = two_task_conditions(
        isotropic_start(2, 1, 0.1), readout, EVEN, learning_rate=RATES, readout_learning_rate=1.0
    )
    return _at_the_end(conditions)


def test_large_learning_rates_undo_specialisation():
    usage, _ = _over_rates()
    assert (np.diff(usage) < 0).all()
    np.testing.assert_allclose(usage[1:5], [0.66, 0.47, 0.26, 0.15], rtol=0, atol=0.02)


def test_large_learning_rates_have_a_noise_floor():
    _, error = _over_rates()
    np.testing.assert_allclose(error[5:], [2.5e-4, 2.0e-3, 4.1e-3, 8.1e-3], rtol=0.04)
    assert (error[3:5] < 6e-6).all()


def test_equal_readouts_let_two_units_learn_two_units():
    """High entropy of the readouts helps where the teacher has as many units."""
    theta = np.array([0.0, 0.1, 0.2, 0.4, 0.6, np.pi / 4])
    readout = 0.5 * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
    start = drawn_start(2, 2, 500, 0.1, range(32), 0)[:, None]
    options = {"first_time": 300.0, "second_time": 0.0, "step": 0.15, "times": []}
    found = solve_two_tasks(two_task_conditions(start, readout, readout), **options).isel(time=-1)
    chosen = selectivity(found.readout[:, 0], found.Q, found.R).reshape(32, 6).mean(0)
    solved = (found.error[:, 0].values < 1e-3).reshape(32, 6).mean(0)
    np.testing.assert_allclose(chosen[2:], [0.88, 0.93, 0.97, 0.97], rtol=0, atol=0.03)
    # A single run that stays on its plateau moves this mean by .02.
    assert chosen[1] == pytest.approx(0.79, abs=0.06)
    assert chosen[0] == pytest.approx(0.11, abs=0.06)
    assert (solved[1:] > 0.9).all() and solved[0] < 0.1


def _forgetting(conditions, **options):
    found = solve_two_tasks(conditions, times=[], overlaps=False, **options)
    return found.error.values[:, -1, 0] - found.error.values[:, 1, 0], found.error.values[:, -1, 1]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ([R, 0.0], [15, 32, 61, 107, 143, 149, 134, 105, 72, 36, 0]),
        (EVEN, [345, 312, 279, 246, 212, 178, 144, 109, 74, 37, 0]),
    ],
)
def test_forgetting_against_similarity(first, expected):
    start = np.concatenate([isotropic_start(2, 1, 1e-3)[None], drawn_start(2, 1, 1000, 1e-3, range(2), 0)])
    forgotten, second = _forgetting(two_task_conditions(start[:, None], first, EVEN, SIMILARITY))
    np.testing.assert_allclose(1e3 * forgotten.reshape(3, 11), np.tile(expected, (3, 1)), rtol=0, atol=1.5)
    assert second.max() < 6e-5


def test_a_copied_readout_makes_forgetting_monotonic():
    conditions = two_task_conditions(
        isotropic_start(2, 1, 1e-3), [R, 0.0], EVEN, SIMILARITY, copy_readout=True
    )
    forgotten, _ = _forgetting(conditions)
    assert (np.diff(forgotten) < 0).all()
    assert forgotten[0] == pytest.approx(0.338, abs=0.004)


def test_shared_units_forget_all_that_a_single_unit_would():
    conditions = two_task_conditions(isotropic_start(2, 1, 1e-3), EVEN, EVEN, SIMILARITY)
    forgotten, _ = _forgetting(conditions, first_time=600.0, second_time=600.0)
    np.testing.assert_allclose(forgotten, shared_forgetting_limit(SIMILARITY), rtol=0, atol=5e-4)


LEANING = R * np.array([np.cos(0.3), np.sin(0.3)])
STRENGTH = np.array([0, 0.03, 0.1, 0.3, 1, 3, 10, 100])


def _costs(start, first, penalty):
    """1000 x mean over similarities of F + ε_2, by start and strength."""
    conditions = two_task_conditions(
        start[:, None, None], first, EVEN, SIMILARITY, consolidation=STRENGTH[:, None], penalty=penalty
    )
    step = np.where(conditions.consolidation > 10, 0.02, 0.2)
    return 1e3 * np.sum(_forgetting(conditions, step=step), axis=0).reshape(len(start), 8, 11).mean(2)


@pytest.mark.parametrize(
    ("first", "penalty", "expected"),
    [
        ([R, 0.0], "fisher", [77.7, 15.8, 1.7, 0.2, 0.1, 0.1, 0.1, 0.1]),
        (EVEN, "fisher", [176.0, 159.0, 137.0, np.nan, 21.5, 29.9, 54.8, 109.5]),
        (LEANING, "fisher", [74.2, 25.7, 8.9, 6.0, 6.6, 10.8, 22.9, 74.2]),
        ([R, 0.0], "uniform", [77.7, np.nan, np.nan, 13.9, np.nan, np.nan, np.nan, np.nan]),
    ],
)
def test_cost_of_consolidation(first, penalty, expected):
    cost = _costs(drawn_start(2, 1, 1000, 1e-3, [0], 0), first, penalty)[0]
    known = np.isfinite(expected)
    # The table has one digit behind the point.
    np.testing.assert_allclose(cost[known], np.array(expected)[known], rtol=0.05, atol=0.06)


def test_consolidation_of_shared_units_hangs_on_their_small_differences():
    """Where the penalty is weak, it decides how far overlaps of order 1/√d at the start have grown."""
    drawn = _costs(drawn_start(2, 1, 1000, 1e-3, range(6), 0), EVEN, "fisher")
    spread = np.ptp(drawn, axis=0) / drawn.mean(axis=0)
    assert spread[3] > 0.3 and spread[5] < 0.02
    equal = _costs(isotropic_start(2, 1, 1e-3)[None], EVEN, "fisher")[0]
    assert equal.min() > 3 * drawn.min(axis=1).max()


def test_limit_of_shared_forgetting():
    assert float(shared_forgetting_limit(0.0)) == pytest.approx(1 / 3)
    assert float(shared_forgetting_limit(1.0)) == pytest.approx(0.0, abs=1e-15)
    covariance = np.array([[1.0, 0.3], [0.3, 1.0]])
    difference = activation_covariance(covariance, 0, 0) - activation_covariance(covariance, 0, 1)
    assert float(shared_forgetting_limit(0.3)) == pytest.approx(float(difference))
