"""The stored perturbations: who returns, who leaves, and where to."""

import numpy as np
import pytest

from companion.studies import relu_perturbation as study


def test_minima_are_returned_to_and_padded_and_split_points_are_not(project):
    fates = study.perturbation_return(8, [1], [4], [1e-3, 0.01], 3, 0)
    assert fates.point.values.tolist() == ["I(1)", "I(1) padded", "I(1) split", "S(1)", "X(4)"]
    assert fates.kind.values.tolist() == ["I", "padded", "split", "S", "X"]
    assert fates.students.values.tolist() == [8, 9, 9, 9, 9]
    # X(4) is a saddle at M = 8.
    assert fates.is_minimum.values.tolist() == [True, False, False, True, False]
    for point, minimum in zip(fates.point.values, fates.is_minimum.values, strict=True):
        assert (fates.returned.sel(point=point) == minimum).all()
    np.testing.assert_allclose(
        fates.start.mean("repeat"), np.broadcast_to(fates.sigma.values, (5, 2)), rtol=0.15
    )
    # Within the published time the minimum is partly back only.
    assert (fates.published.sel(point="I(1)") > 0.2 * fates.start.sel(point="I(1)")).all()
    assert (fates.final.sel(point="I(1)") < 1e-10).all()
    assert set(fates.label.sel(point="I(1) split").values.ravel()) == {"S(1)"}


def test_the_published_time_does_not_tell_a_weak_saddle_from_a_minimum(project):
    """At M = 13 X(2) is a saddle and X(6) a minimum; only convergence says so."""
    fates = study.perturbation_return(13, [1], [2, 6], [1e-3], 4, 0)
    shrunk = (fates.published / fates.start).mean(("sigma", "repeat"))
    assert float(shrunk.sel(point="X(2)")) < float(shrunk.sel(point="X(6)")) < 0.5
    assert fates.is_minimum.sel(point=["X(2)", "X(6)"]).values.tolist() == [False, True]
    assert not fates.returned.sel(point="X(2)").any()
    assert set(fates.label.sel(point="X(2)").values.ravel()) == {"global"}
    assert fates.returned.sel(point="X(6)").all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((8, [6], [4], [0.1], 1), "flipped: family I"),
        ((8, [1], [9], [0.1], 1), "flipped: family X"),
        ((8, [1], [2], [0.1], 1), "flipped: X.2. was not reached"),  # begins at M = 9
        ((8, [1], [4], [], 1), "sigma must be positive"),
        ((8, [1], [4], [0.1], 0), "repeats must be at least 1"),
    ],
)
def test_what_does_not_exist_is_named(project, arguments, named):
    with pytest.raises(ValueError, match=named):
        study.perturbation_return(*arguments, 0)
