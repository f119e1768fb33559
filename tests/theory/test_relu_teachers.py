"""Teachers that are not orthonormal have the cosines and norms that were asked for."""

import numpy as np
import pytest

from companion.theory.relu_teachers import teacher_rows


def test_the_default_is_orthonormal():
    np.testing.assert_array_equal(teacher_rows(4, 6), np.eye(4, 6))


@pytest.mark.parametrize("correlation", [-0.2, 0.3, 0.9])
@pytest.mark.parametrize("norm_ratio", [1.0, 3.0])
def test_cosines_norms_and_trace(correlation, norm_ratio):
    V = teacher_rows(5, 7, correlation=correlation, norm_ratio=norm_ratio)
    T = V @ V.T
    norms = np.sqrt(np.diag(T))
    np.testing.assert_allclose((T / np.outer(norms, norms))[~np.eye(5, dtype=bool)], correlation, atol=1e-12)
    assert norms.max() / norms.min() == pytest.approx(norm_ratio)
    np.testing.assert_allclose(norms[1:] / norms[:-1], norm_ratio**0.25)
    assert np.trace(T) == pytest.approx(5.0)


def test_one_unit_has_nothing_to_overlap_with():
    np.testing.assert_allclose(teacher_rows(1, 2, correlation=0.5, norm_ratio=4.0), [[1.0, 0.0]])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 3), {}, "teachers: given 0"),
        ((3, 0), {}, "dimension: given 0"),
        ((3, 2), {}, "dimension: given 2 for 3 teachers"),
        (
            (3, 3),
            {"correlation": 1.0},
            "correlation: given 1.0 for 3 teachers; allowed: above -0.5 and below 1",
        ),
        ((3, 3), {"correlation": -0.5}, "correlation: given -0.5"),
        ((3, 3), {"correlation": np.nan}, "correlation: given nan"),
        ((3, 3), {"norm_ratio": 0.9}, "norm_ratio: given 0.9"),
        ((3, 3), {"norm_ratio": np.inf}, "norm_ratio: given inf"),
    ],
)
def test_bad_arguments_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        teacher_rows(*arguments, **options)
