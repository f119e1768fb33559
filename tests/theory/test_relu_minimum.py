"""A critical point as a value: sizes, blocks, weights and the counts of its spectrum."""

import numpy as np
import pytest

from companion.theory import relu_landscape as landscape


@pytest.mark.parametrize(
    ("minimum", "students", "teachers", "flipped"),
    [
        (landscape.family("I", 2, 9), 9, 9, 2),
        (landscape.family("II", 9, 9), 9, 9, 9),
        (landscape.child_family(7, 19), 19, 19, 7),
        (landscape.family("X", 5, 14), 14, 13, 5),
        (landscape.family("X", 13, 14), 14, 13, 13),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_sizes(minimum, students, teachers, flipped):
    assert (minimum.students, minimum.teachers, minimum.flipped) == (students, teachers, flipped)
    assert minimum.weights.shape == (students, teachers)
    assert np.linalg.norm(landscape.loss_gradient(minimum.weights, np.eye(teachers))) < 1e-13


@pytest.mark.parametrize(
    ("arguments", "unstable"), [(("I", 1, 5), 3), (("I", 1, 6), 0), (("X", 2, 18), 1), (("X", 3, 17), 2)]
)
def test_unstable_directions_are_counted(arguments, unstable):
    minimum = landscape.family(*arguments)
    assert minimum.negative_eigenvalues == unstable
    assert minimum.is_minimum == (unstable == 0)
