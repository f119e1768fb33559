"""Descent with drawn noise beside the closed form of the same draws."""

import numpy as np
import pytest

from companion.studies.score_descents import learning_curves


def test_descent_follows_the_closed_form_of_the_same_draw(project):
    curves = learning_curves("V0", 12, 1, 1, 1.0, 0, marks=5)
    assert curves.descended_test.dims == ("descent", "descent_time", "label")
    for which in ("train", "test"):
        exact = curves[f"simulated_{which}"].isel(setting=0, draw=0)
        for label in (0, 1):
            expected = np.interp(
                np.log(curves.descent_time), np.log(curves.mark), exact.isel(label=label).values
            )
            found = curves[f"descended_{which}"].isel(descent=0, label=label).values
            np.testing.assert_allclose(found, expected, atol=0.04)
            assert found[0] > found[-1] or which == "test"


def test_more_descents_keep_the_first(project):
    one = learning_curves("V0", 8, 1, 1, 0.1, 0, marks=3)
    two = learning_curves("V0", 8, 1, 2, 0.1, 0, marks=3)
    np.testing.assert_array_equal(two.descended_test.isel(descent=[0]), one.descended_test)
    assert abs(two.descended_test.isel(descent=1) - one.descended_test.isel(descent=0)).max() > 1e-6


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"descents": 0}, "descents"), ({"last_time": 0.0}, "last_time"), ({"name": "V9"}, "V9")],
)
def test_bad_arguments_are_refused_by_name(project, changed, named):
    given = {"name": "V0", "dimension": 8, "draws": 1, "descents": 1, "last_time": 0.1, "seed": 0} | changed
    with pytest.raises(ValueError, match=named):
        learning_curves(**given)
