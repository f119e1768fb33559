"""Following a branch: up and down in size, to its end, and not past it."""

import numpy as np

from companion.theory.relu_ansatz import Ansatz
from companion.theory.relu_continuation import follow, reach

_GUESS = {"d1": 1.0, "o1": 0.0, "c12": 0.2, "d2": -0.7, "c21": 0.12}


def _sizes(students):
    return Ansatz((students - 1.0, 1.0))


def _flipped(ansatz, values):
    at = dict(zip(ansatz.names, values, strict=True))
    return at["d2"] < 0 < at["c21"]


def test_both_directions_meet():
    up = follow(8.0, 12.0, 1.1, _sizes, lambda _: _GUESS, _flipped)
    down = follow(20.0, 12.0, 1.1, _sizes, lambda _: _GUESS, _flipped)
    assert up is not None and down is not None
    np.testing.assert_allclose(up, down, rtol=0, atol=1e-12)
    assert np.linalg.norm(_sizes(12.0).gradient(up)) < 1e-13


def test_the_first_point_is_returned_without_a_step():
    here = follow(8.0, 8.0, 1.1, _sizes, lambda _: _GUESS, _flipped)
    np.testing.assert_array_equal(here, reach(_sizes(8.0), _GUESS, _flipped))


def test_a_start_that_leads_elsewhere_is_refused():
    assert reach(_sizes(8.0), {"d1": 1.0, "d2": 1.0}, _flipped) is None
    assert follow(8.0, 12.0, 1.1, _sizes, lambda _: {"d1": 1.0, "d2": 1.0}, _flipped) is None


def test_a_branch_is_not_followed_past_its_end():
    """The condition ends this one at 10; the step shrinks until that is clear."""
    tried = []

    def before_ten(ansatz, values):
        tried.append(sum(ansatz.sizes))
        return tried[-1] <= 10.0 and _flipped(ansatz, values)

    assert follow(8.0, 12.0, 1.1, _sizes, lambda _: _GUESS, before_ten) is None
    assert max(size for size in tried if size <= 10.0) > 9.9
    assert tried[-1] < 10.1
