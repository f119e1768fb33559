"""Evaluations that are drawn or compared: which places are chosen."""

import numpy as np

from companion.analysis.checkpoint_grids import evenly_spaced, log_spaced, nearest
from companion.training.curriculum_monitors import metric_steps

STEPS = np.array(metric_steps(400, every=25, logarithmic=20, switches=(130,)))


def test_the_nearest_step_is_chosen_and_none_twice():
    assert STEPS[nearest(STEPS, [129.0, 130.4, 138.0, 1e9])].tolist() == [130, 140, 400]


def test_places_are_even_in_log_time_from_the_first_to_the_last():
    places = log_spaced(STEPS, 20, 12)
    kept = STEPS[places]
    assert (np.diff(places) > 0).all() and kept[-1] == 400 and kept[0] == STEPS[np.abs(STEPS - 20).argmin()]
    wanted = np.geomspace(20, 400, 12)
    assert {int(STEPS[np.abs(STEPS - each).argmin()]) for each in wanted} == set(kept.tolist())
    # A beginning after the end, or at 0, which has no logarithm.
    assert STEPS[log_spaced(STEPS, 1000, 3)].tolist() == [400]
    assert STEPS[log_spaced(STEPS, 0, 3)].tolist()[0] == 1


def test_even_places_are_multiples_and_the_end():
    assert STEPS[evenly_spaced(STEPS, 25)].tolist() == list(range(0, 401, 25))
    assert STEPS[evenly_spaced(STEPS[:-1], 300)].tolist() == [0, 300, int(STEPS[-2])]
