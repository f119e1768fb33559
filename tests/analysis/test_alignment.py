"""Anti-aligned students are counted as the families have them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.analysis.alignment import anti_aligned
from companion.theory.relu_landscape import family


@pytest.mark.parametrize(
    ("kind", "flipped", "students", "expected"),
    [("I", 1, 6, 1), ("I", 4, 17, 4), ("II", 6, 10, 6), ("II", 8, 8, 8), ("X", 4, 15, 4), ("S", 1, 9, 2)],
)
def test_families_have_the_published_number(kind, flipped, students, expected):
    assert anti_aligned(family(kind, flipped, students).weights) == expected


def test_a_global_minimum_has_none():
    assert anti_aligned(np.eye(5)) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10.0))
def test_order_and_length_of_units_do_not_matter(seed, scale):
    random = np.random.default_rng(seed)
    runs = random.standard_normal((3, 4, 5))
    shuffled = scale * runs[:, random.permutation(4)][:, :, random.permutation(5)]
    np.testing.assert_array_equal(anti_aligned(runs), anti_aligned(shuffled))


@pytest.mark.parametrize("overlaps", [[1.0, 2.0], [[np.nan, 1.0]], np.empty((0, 3))])
def test_bad_overlaps_are_refused_by_name(overlaps):
    with pytest.raises(ValueError, match="overlaps"):
        anti_aligned(overlaps)
