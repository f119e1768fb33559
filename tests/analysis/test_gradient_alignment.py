"""Cosines between gradients: scale, direction, and gradients that vanish."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.analysis.gradient_alignment import cosine

NOISE = np.random.default_rng(0)


@given(st.floats(-300, 300), st.floats(-300, 300), st.floats(0, np.pi))
def test_the_angle_is_found_at_any_scale(first, second, angle):
    a = 10.0**first * np.array([1.0, 0.0, 0.0])
    b = 10.0**second * np.array([np.cos(angle), np.sin(angle), 0.0])
    assert cosine(a, b) == pytest.approx(np.cos(angle), abs=1e-12)
    assert cosine(a, -b) == pytest.approx(-np.cos(angle), abs=1e-12)


def test_leading_axes_broadcast():
    a, b = NOISE.standard_normal((4, 1, 7)), NOISE.standard_normal((3, 7))
    expected = [[np.dot(x[0], y) / np.linalg.norm(x[0]) / np.linalg.norm(y) for y in b] for x in a]
    np.testing.assert_allclose(cosine(a, b), expected)
    assert cosine(a, a).shape == (4, 1) and np.allclose(cosine(a, a), 1.0)


def test_no_gradient_has_no_direction():
    assert np.isnan(cosine([0.0, 0.0], [1.0, 0.0]))
    assert np.isnan(cosine([np.nan, 1.0], [1.0, 0.0]))


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"shapes \(2,\), \(3,\) given"):
        cosine([1.0, 2.0], [1.0, 2.0, 3.0])
