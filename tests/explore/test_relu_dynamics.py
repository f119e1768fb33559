"""The explorer of one-pass learning draws flow and chain from one start."""

import numpy as np
import pytest

from companion.explore import relu_dynamics
from companion.explore.relu_dynamics import LARGEST, Knobs, explorer, paths, view


def test_all_curves_leave_from_one_start_and_the_chain_follows_the_flow():
    found = paths(Knobs(dimension=1000))
    np.testing.assert_allclose(found.gradient.R[0, 0], found.noisy.R[0, 0])
    at = np.interp(found.chains.times[0], found.noisy.times, found.noisy.R[0, :, 0, 0])
    assert np.abs(found.chains.R[:, :5, 0, 0] - at[:5]).max() < 0.15


def test_a_smaller_dimension_scatters_more():
    narrow, wide = (paths(Knobs(dimension=d)).chains.loss[:, :10].std(axis=0).max() for d in (20, 1000))
    assert narrow > 2 * wide


@pytest.mark.parametrize("knobs", [Knobs(1, 1, 1.5, 20, 5), Knobs(LARGEST, 1, 0.1, 1000, 9)])
def test_the_ends_of_the_controls_draw(knobs):
    left, right = view(knobs).axes
    assert len(left.lines) == 4 + 2
    assert len(right.lines) == 5 * (knobs.teachers + knobs.surplus) + 1


def test_each_control_redraws_with_its_knob(monkeypatch):
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    shown = []

    def noted(knobs):
        shown.append(knobs)
        return view(Knobs())

    monkeypatch.setattr(relu_dynamics, "view", noted)
    box = explorer(start=7)
    teachers, *_, dimension, _ = box.children[0].children
    teachers.value = 3
    dimension.value = 20
    assert shown == [Knobs(start=7), Knobs(3, start=7), Knobs(3, dimension=20, start=7)]
