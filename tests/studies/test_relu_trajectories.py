"""Stored trajectories of one-pass learning: flows, the chain, and where both come to rest."""

import numpy as np
import pytest

from companion.studies.relu_trajectories import trajectories
from companion.theory.relu_landscape import family


def test_the_chain_settles_on_the_flow_with_noise(project):
    paths = trajectories(
        [2, 3], [2, 2], [0.8, 0.2], [12.0, 8.0], [0, 0], [100, 4000], 5, 1, moments=41, marks=4
    )
    at_marks = [20, 29, 35, 40]  # of the flow, nearest to those of the chain
    np.testing.assert_allclose(paths.flow_time[:, at_marks], paths.chain_time, rtol=0.06)
    flow = np.exp(
        [
            np.interp(marks, times, np.log(losses))
            for marks, times, losses in zip(
                paths.chain_time.values, paths.flow_time.values, paths.flow_loss[:, 1].values, strict=True
            )
        ]
    )
    chain = paths.chain_loss.sel(fate="as the flow")
    large = chain.sel(dimension=4000, quantile=0.5)
    np.testing.assert_allclose(large, flow, rtol=0.06)
    assert (np.abs(large / paths.flow_loss[:, 0, at_marks].values - 1).max("mark") > 0.2).all()
    width = (chain.sel(quantile=0.9) - chain.sel(quantile=0.1)).mean("mark")
    assert (width.sel(dimension=100) > 2 * width.sel(dimension=4000)).all()
    assert (paths.runs.sum("fate") == 5).all()
    np.testing.assert_allclose(
        paths.chain_overlap.sel(quantile=0.5)[:, -1],
        paths.flow_overlap.sel(curve="with noise")[:, -1],
        atol=0.03,
    )
    assert (paths.rest == "").all()


def test_gradient_flow_that_enters_a_minimum_is_told_with_its_noisy_state(project):
    paths = trajectories([8], [8], [0.05], [3000.0], [32], [100], 1, 0, moments=5, marks=1, longest_chain=1)
    minimum = family("I", 1, 8)
    assert paths.rest.values.tolist() == ["I(1)"]
    assert float(paths.rest_loss[0, 0]) == pytest.approx(minimum.loss, abs=1e-12)
    assert float(paths.flow_loss[0, 0, -1]) == pytest.approx(minimum.loss, abs=1e-3)
    assert float(paths.flow_loss[0, 1, -1]) == pytest.approx(float(paths.rest_loss[0, 1]), rel=0.02)
    assert paths.flow_anti_aligned.values.tolist() == [[1, 1]]
    assert float(paths.flow_overlap[:, 0, -1].min()) == pytest.approx(minimum.values["d2"], abs=0.01)
    assert paths.chain_loss.isnull().all()
    assert (paths.runs == 0).all()


def test_every_student_of_every_system_has_its_track(project):
    paths = trajectories([1, 2], [1, 1], [0.2, 0.2], [1.0, 1.0], [0, 0], [50], 2, 0, moments=3, marks=2)
    assert paths.track_system.values.tolist() == [0, 1, 1]
    assert paths.track_unit.values.tolist() == [1, 1, 2]
    assert paths.flow_overlap.notnull().all()


def test_lists_of_different_lengths_are_refused(project):
    with pytest.raises(ValueError, match="2, 2, 1, 2, 2 entries"):
        trajectories([2, 3], [2, 2], [0.8], [1.0, 1.0], [0, 0], [50], 2, 0)
