"""Starts from which forgetting is no function of specialisation."""

import numpy as np
import pytest

from companion.analysis.specialisation import SHAPES, forgetting_shape
from companion.studies import committee_exceptions as study

SIMILARITIES = [round(0.1 * place, 1) for place in range(11)]
TILTS = [0.1, 0.03, 0.01, 1e-3, 1e-4, 0.0]


@pytest.fixture(scope="module")
def found():
    return study.exceptions.function(SIMILARITIES, TILTS, 0.3, 1e-3, [100.0, 200.0], 1000, 3, 24, 0)


def shapes(found, case):
    indices = forgetting_shape(found.similarity, found.forgetting.sel(case=case))
    return {SHAPES[index] for index in indices}


def test_the_plain_starts_are_those_that_the_others_are_held_against(found):
    assert shapes(found, "specialised") == {"hump"}
    assert shapes(found, "shared") == {"monotonic"}
    np.testing.assert_allclose(found.specialisation.sel(case="specialised"), 1, atol=1e-3)
    np.testing.assert_allclose(found.specialisation.sel(case="shared"), 0, atol=1e-3)


def test_a_copied_readout_forgets_monotonically_though_specialised(found):
    assert shapes(found, "copied readout") == {"monotonic"}
    np.testing.assert_allclose(found.specialisation.sel(case="copied readout"), 1, atol=1e-3)
    np.testing.assert_allclose(
        found.forgetting.sel(case="copied readout")[:, [0, -1]], [[0.338, 0]] * 3, atol=4e-3
    )


def test_a_small_readout_makes_a_step(found):
    step = found.forgetting.sel(case="small readout")
    assert float(step[:, 0].max()) < 1e-3
    assert step.similarity.values[step.argmax("similarity")].tolist() == [0.1] * 3
    assert float(step[:, 1].min()) > 0.28


def test_larger_weights_break_the_tie_at_low_similarity(found):
    broken = found.forgetting.sel(case="large weights").mean("draw")
    assert float(broken[0]) < 0.9 * float(broken.max())
    np.testing.assert_allclose(broken[5:], found.forgetting.sel(case="shared").mean("draw")[5:], atol=4e-3)


def test_without_a_free_unit_forgetting_is_monotonic(found):
    assert shapes(found, "K=M=2, equal") == {"monotonic"}
    both = 2 * found.forgetting.sel(case="K=M=2, equal")
    np.testing.assert_allclose(both[:, 0], 0.8, atol=0.03)
    assert (found.specialisation.sel(case="K=M=2, equal") > 0.85).all()
    assert (found.specialisation.sel(case="K=M=2, one") < 0.1).all()


def test_four_units_and_two_teacher_units_make_a_hump(found):
    assert "monotonic" not in shapes(found, "K=4, M=2, one")


def test_the_tie_must_be_nearly_exact(found):
    tilted = found.tilted.sel(duration=200)
    np.testing.assert_allclose(1000 * tilted[:5, 0], [45, 79, 130, 320, 344], atol=4)
    assert tilted.similarity.values[tilted[:3].argmax("similarity")].tolist() == [0.5, 0.3, 0.2]
    use = found.tilted_specialisation.sel(duration=200)
    np.testing.assert_allclose(use, [0.083, 0.0085, 0.001, 0, 0, 0], atol=1e-3)
    assert (tilted[:, 0].diff("tilt") > 0).all()
    exact = tilted.isel(tilt=-1).diff("similarity")
    assert (exact < 0).all()


def test_drawn_starts_approach_the_tie_as_the_limit_does(found):
    spread = np.abs(found.tilted_start - found.tilted.sel(duration=200)[:, 0])
    assert float(spread[:3].max()) < 4e-3
    assert float(spread.max()) < 0.015
    np.testing.assert_array_equal(found.tilted_peak[-1], 0)


def test_random_starts_are_kept_where_they_specialise(found):
    assert found.sizes["random_draw"] == round(24 * found.attrs["random_share"])
    assert 0 < found.sizes["random_draw"] < 24
    assert np.isfinite(found.random).all()


def test_the_time_of_the_cases_is_the_last(found):
    assert found.attrs["duration_of_cases"] == 200


def test_the_dataset_is_stored_without_a_specialised_draw_too(project):
    arguments = ([0.0, 0.5, 1.0], [0.1, 0.0], 0.3, 1e-3, [2.0], 50, 1, 1, 0)
    found = study.exceptions(*arguments)
    assert found.sizes["random_draw"] == 0
    assert found.identical(study.exceptions(*arguments))
