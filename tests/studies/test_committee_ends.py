"""How a committee ends its one task: readouts by angle, steps that resolve large ones, draws that stay."""

import numpy as np
import pytest

from companion.studies import committee_ends as study
from companion.theory.committee_conditions import drawn_start, two_task_conditions


@pytest.mark.parametrize("students", [2, 3, 4])
def test_polar_readouts_go_from_one_alone_to_all_alike(students):
    found = study.polar_readouts(np.linspace(0, study.EVEN, 7), students)
    np.testing.assert_allclose((found**2).sum(axis=-1), 1.0)
    np.testing.assert_allclose(found[0], np.eye(students)[0], atol=1e-15)
    np.testing.assert_allclose(found[-1], np.full(students, students**-0.5))
    assert (np.diff(found[:, 1]) > 0).all()


def test_two_polar_readouts_are_cosine_and_sine():
    angles = np.array([0.1, 0.3, 0.7])
    found = study.polar_readouts(angles, 2)
    np.testing.assert_allclose(found, np.stack([np.cos(angles), np.sin(angles)], axis=-1))


@pytest.mark.parametrize("angle", [-0.1, 0.8, float("nan")])
def test_angles_outside_are_refused(angle):
    with pytest.raises(ValueError, match=r"angles: .* given; allowed: numbers from 0 to pi/4"):
        study.polar_readouts([0.1, angle], 2)


def test_large_readouts_and_rates_take_smaller_steps():
    heads = np.array([[1.0, 0.0], [2.0, 0.0], [2.5, 0.0], [8.0, 0.0], [1.0, 0.0]])
    given = two_task_conditions(
        np.tile(np.eye(2, 4), (5, 1, 1)), heads, np.zeros(2), learning_rate=[0.5, 1, 1, 1, 6]
    )
    np.testing.assert_allclose(0.2 / study.integration_steps(given, 0.2), [1, 1, 2, 16, 8])


def test_large_readouts_are_resolved():
    """With one step for all, S_use of single draws is off by up to .9 here."""
    draws = 60
    heads = 0.1 * 10**1.5 * study.gaussian_readouts(2, draws, 3)
    given = two_task_conditions(drawn_start(2, 1, 200, 0.1 * 10**-1.5, range(draws), 3), heads, np.zeros(2))
    coarse, fine = (study.final_measures(given, 100.0, step) for step in (0.2, 0.1))
    assert np.abs(coarse["usage"] - fine["usage"]).max() < 0.02
    assert np.abs(coarse["error"] - fine["error"]).max() < 2e-3


def ends(draws, conditions=None, **options):
    settings = {"students": 2, "teachers": 1, "dimension": 100, "first_time": 20.0, "step": 0.2, "seed": 4}
    given = conditions or [study.starting_condition(0.5, 0.3)]
    return study.ends_of_task(given, [0.1, 0.5], draws=draws, **settings | options)


def test_more_draws_keep_the_first_ones(project):
    few, more = ends(2), ends(5)
    np.testing.assert_array_equal(more.usage.isel(draw=slice(2)), few.usage)
    assert (more.usage.std("draw") > 1e-3).all()
    assert not np.array_equal(ends(2, seed=5).usage, few.usage)


def test_conditions_share_their_draws_and_no_draw_is_the_limit(project):
    tiny = [study.starting_condition(1e-4, 0.3), study.starting_condition(1e-4, 0.3, 0.5)]
    both = ends(2, tiny)
    limit = ends(0, tiny)
    assert limit.usage.shape == (2, 2, 1)
    np.testing.assert_allclose(both.usage, limit.usage.values.repeat(2, axis=-1), atol=1e-3)
    alone = ends(2, tiny[1:])
    np.testing.assert_array_equal(alone.error.isel(condition=0), both.error.isel(condition=1))


def test_selectivity_is_of_several_teacher_units(project):
    assert np.isnan(ends(1).selectivity).all()
    assert np.isfinite(ends(1, teachers=2).selectivity).all()


def test_readout_rates_follow_the_weights_unless_they_are_given():
    assert study.starting_condition(1, 2, 3)["readout_learning_rate"] == 3.0
    assert study.starting_condition(1, 2, 3, 4)["readout_learning_rate"] == 4.0


def test_gaussian_readouts_belong_to_their_draw():
    few, more = study.gaussian_readouts(2, 3, 0), study.gaussian_readouts(2, 200, 0)
    np.testing.assert_array_equal(more[:3], few)
    assert np.abs(more.mean(axis=0)).max() < 0.25
    assert more.std() == pytest.approx(1.0, abs=0.1)
