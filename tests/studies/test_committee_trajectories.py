"""Trajectories from contrasting starts: SGD follows the flow, and equal errors hide different shares."""

import numpy as np
import pytest

from companion.studies import committee_trajectories as study


@pytest.fixture
def found(project):
    return study.trajectories([0.0, 0.3, np.pi / 4], 0.3, 1e-3, 200, 3, 0, first_time=60.0, run_moments=8)


def test_starts_end_alone_in_part_and_shared(found):
    one, some, both = found.share.isel(time=-1).values
    np.testing.assert_allclose(one, [1, 0])
    np.testing.assert_allclose(both, [0.5, 0.5], atol=1e-9)
    assert 0.85 < some[0] < 0.95
    np.testing.assert_allclose(found.usage[[0, 2]], [1, 0], atol=1e-9)
    assert (found.final_error < 1e-3).all()
    assert found.overlap[0].values == pytest.approx([1.0, 0.0], abs=0.04)


def test_runs_follow_the_flow(found):
    flow = found[["error", "share"]].interp(time=found.run_time)
    assert float(np.abs(found.run_error.mean("run") - flow.error.values).max()) < 0.01
    assert float(np.abs(found.run_share.mean("run") - flow["share"].values).max()) < 0.03
    np.testing.assert_allclose(found.run_overlap.mean("run"), found.overlap, atol=0.05)


def test_longer_agrees_with_the_table(project):
    found = study.trajectories([0.15, 0.3, 0.5], 0.3, 1e-3, 50, 1, 0, run_moments=2)
    np.testing.assert_allclose(found.usage, [0.838, 0.640, 0.377], atol=1e-3)


def test_shares_are_of_contributions():
    Q = np.array([[4.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(study.unit_shares(np.array([1.0, -6.0]), Q), [0.25, 0.75])
