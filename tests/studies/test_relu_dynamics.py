"""The stored experiments on one-pass learning: trajectories, linearisation, attractors."""

import numpy as np
import pytest

from companion.studies import relu_dynamics as study


def test_the_chain_settles_on_the_flow_with_noise(project):
    paths = study.trajectories([2, 3], [0.8, 0.2], [12.0, 8.0], 2, [100, 4000], 4, 1, moments=25, marks=6)
    at_marks = paths.flow_loss.isel(moment=slice(4, None, 4)).values
    np.testing.assert_allclose(paths.chain_time, paths.flow_time[:, 4::4])
    large = paths.chain_loss.sel(dimension=4000).mean("run").values
    np.testing.assert_allclose(large, at_marks[:, 1], rtol=0.05)
    assert (np.abs(large / at_marks[:, 0] - 1).max(axis=1) > 0.2).all()
    scatter = paths.chain_loss.std("run").mean("mark")
    assert (scatter.sel(dimension=100) > 2 * scatter.sel(dimension=4000)).all()
    np.testing.assert_allclose(
        paths.chain_overlap.sel(dimension=4000).mean("run").values,
        paths.flow_overlap.sel(curve="with noise").isel(moment=slice(4, None, 4)).values,
        atol=0.03,
    )


def test_units_that_a_system_lacks_are_missing_numbers(project):
    paths = study.trajectories([1, 2], [0.2, 0.2], [1.0, 1.0], 1, [50], 2, 0, moments=3, marks=2)
    missing = paths.flow_overlap.isnull().all(["curve", "moment"]).values
    assert missing.tolist() == [[False, True], [False, False]]


def test_lists_of_different_lengths_are_refused(project):
    with pytest.raises(ValueError, match="2, 1 and 2 entries"):
        study.trajectories([2, 3], [0.8], [1.0, 1.0], 2, [50], 2, 0)


def test_the_linearisation_has_the_predicted_parts(project):
    spectra = study.linearisation([5, 6], 0.3)
    assert float(spectra.difference.max()) < 1e-8
    assert (spectra.largest > 0).values.tolist() == [True, False]
    for size in (5, 6):
        parts = spectra.part.values[spectra.eigenvalue_students.values == size]
        assert (parts == "across").sum() == size * (size + 1) // 2
        assert (parts == "inside").sum() == size**2


def test_attractors_are_those_of_first_order_for_small_steps(project):
    states = study.attractors(7, [0.02, 0.6], 0.1, 2, 100, 2, 0)
    assert states.curve_rate.values.tolist() == [0.05, 0.1]
    shift = (states.loss - states.minimum_loss) / states.learning_rate / states.loss_slope
    assert float(shift[0]) == pytest.approx(1.041, abs=1e-3)
    assert states.leading[0] < 0
    # No stationary state is left at .6.
    assert (
        states.sel(learning_rate=0.6)[["loss", "transverse", "leading", "chain_loss"]]
        .to_array()
        .isnull()
        .all()
    )
    np.testing.assert_allclose(states.chain_loss[0], states.loss[0], rtol=0.03)
