"""The stored experiments on one-pass learning: linearisation and attractors."""

import numpy as np
import pytest

from companion.studies import relu_dynamics as study


def test_the_linearisation_has_the_predicted_parts(project):
    spectra = study.linearisation([5, 6], ["I(1)"], 0.3)
    assert float(spectra.difference.max()) < 1e-8
    assert (spectra.largest > 0).values.tolist() == [True, False]
    assert spectra.is_minimum.values.tolist() == [False, True]
    for point, size in enumerate((5, 6)):
        parts = spectra.part.values[spectra.owner.values == point]
        assert (parts == "across").sum() == size * (size + 1) // 2
        assert (parts == "inside").sum() == size**2


def test_all_points_linearise_as_the_hessian_says(project):
    spectra = study.linearisation([7], ["all"], 1.0)
    assert {"I(1)", "II(7)", "S(1)", "X(4)"} <= set(spectra.family.values.tolist())
    assert set(spectra.teachers.values.tolist()) == {6, 7}
    assert float(spectra.difference.max()) < 1e-8
    np.testing.assert_array_equal(spectra.largest.values < 0, spectra.is_minimum.values)


def test_a_family_that_does_not_exist_is_refused_by_name(project):
    with pytest.raises(ValueError, match=r"families: \['X\(9\)'\]"):
        study.linearisation([5], ["X(9)"], 1.0)


def test_attractors_are_those_of_first_order_for_small_steps(project):
    states = study.attractors([7], [0.02, 0.6], 100, 2, 0).sel(students=7)
    shift = (states.loss - states.minimum_loss) / states.learning_rate / states.loss_slope
    assert float(shift[0]) == pytest.approx(1.041, abs=1e-3)
    assert states.leading[0] < 0
    # No stationary state is left at .6, which lies beyond the fold.
    assert (
        states.sel(learning_rate=0.6)[["loss", "transverse", "leading", "chain_loss"]]
        .to_array()
        .isnull()
        .all()
    )
    np.testing.assert_allclose(states.chain_loss[0], states.loss[0], rtol=0.03)
    assert float(states.fold) == pytest.approx(0.47456, abs=1e-5)
    assert float(states.curve_rate.max()) == pytest.approx(float(states.fold))


def test_several_sizes_share_a_table_and_saddles_are_refused(project):
    states = study.attractors([6, 7], [0.1], 60, 1, 0)
    assert (states.fold.sel(students=6) > states.fold.sel(students=7)).item()
    np.testing.assert_array_equal(states.curve_rate.isnull(), states.curve_loss.isnull())
    with pytest.raises(ValueError, match="students"):
        study.attractors([5, 7], [0.1], 60, 1, 0)
