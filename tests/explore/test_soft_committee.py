"""The explorer of two tasks draws what the theory says, and keeps quiet in batch runs."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from companion.explore import soft_committee
from companion.explore.soft_committee import SIMILARITIES, STRENGTHS, TIME, Knobs, explorer, numbers, view
from companion.theory.soft_committee import shared_forgetting_limit

MIXED = Knobs(angle=0.4, similarity=0.35, consolidation=0.3)


def test_numbers_are_those_of_canonical_schemes():
    # Measured once with other code, to 4 thousandths of forgetting and 5 % of the cost.
    specialised, shared = numbers(Knobs(0.0)), numbers(Knobs(1.0))
    expected = [15, 32, 61, 107, 143, 149, 134, 105, 72, 36, 0]
    np.testing.assert_allclose(1000 * specialised.forgotten, expected, atol=4)
    np.testing.assert_allclose(shared.forgotten, shared_forgetting_limit(SIMILARITIES), atol=0.02)
    np.testing.assert_allclose(1000 * specialised.cost[:3], [77.7, 15.8, 1.7], rtol=0.05)
    assert specialised.specialisation == 1.0
    assert shared.specialisation == 0.0


def test_a_tie_breaks_with_drawn_weights_only():
    # With EWC of strength 1 the exact tie costs five times what one that broke costs.
    tied, broken = numbers(Knobs(1.0)), numbers(Knobs(1.0, draw=0))
    at = STRENGTHS.tolist().index(1.0)
    assert 1000 * broken.cost[at] == pytest.approx(21.5, rel=0.05)
    assert tied.cost[at] > 4 * broken.cost[at]


def test_numbers_agree_with_each_other():
    found = numbers(MIXED)
    np.testing.assert_allclose(found.cost, found.forgetting + found.second_error)
    np.testing.assert_allclose(found.shares.sum(axis=-1), 1.0)
    assert found.forgetting[0] == pytest.approx(found.forgotten.mean())
    assert found.forgetting[STRENGTHS == 0.3] == pytest.approx(found.protected.mean())
    switch = int(np.searchsorted(found.times, TIME))
    here = found.errors[-1, 0] - found.errors[switch, 0]
    assert here == pytest.approx(np.interp(0.35, SIMILARITIES, found.protected), abs=2e-3)


def test_a_view_shows_the_numbers():
    found = numbers(MIXED)
    errors, shares, profile, cost = view(MIXED).axes
    np.testing.assert_array_equal(errors.lines[1].get_ydata(), np.maximum(found.errors[:, 1], 1e-6))
    np.testing.assert_array_equal(shares.lines[0].get_ydata(), found.shares[:, 0, 0])
    np.testing.assert_array_equal(profile.lines[0].get_ydata(), found.forgotten)
    np.testing.assert_array_equal(profile.lines[1].get_ydata(), found.protected)
    assert list(profile.lines[2].get_xdata()) == [0.35, 0.35]
    np.testing.assert_array_equal(cost.lines[2].get_ydata(), found.cost)
    assert list(cost.lines[3].get_xdata()) == [0.3, 0.3]


def test_times_of_both_tasks_stand_in_order():
    places = soft_committee._places(np.array([0.0, 1.0, TIME, TIME + 1.0, 2 * TIME]))
    assert (np.diff(places) > 0).all()
    np.testing.assert_allclose(places[[0, 2, 4]], [0, 1, 2])
    assert places[1] == pytest.approx(places[3] - 1)


@pytest.mark.parametrize(
    "knobs",
    [
        Knobs(1.0, 1.0, 1.0, 1.0, 10.0, "copied", 0),
        Knobs(0.0, 0.01, 1e-3, 0.0, 10.0, "small"),
        Knobs(0.5, 0.01, 1.0, 0.0, 3.0, "free", 1),
    ],
)
def test_the_ends_of_the_controls_draw(knobs):
    view(knobs).savefig(io.BytesIO(), dpi=50)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        (Knobs(angle=1.1), "angle: 1.1"),
        (Knobs(similarity=2.0), "similarity"),
        (Knobs(consolidation=-1.0), "consolidation"),
        (Knobs(second_readout="none"), "second_readout: 'none'"),
    ],
)
def test_impossible_knobs_are_refused(knobs, message):
    with pytest.raises(ValueError, match=message):
        view(knobs)


def test_in_a_batch_run_it_says_where_it_is(monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")
    assert "make lab" in str(explorer())


def test_each_control_redraws_with_its_knob(monkeypatch):
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    shown = []

    def watched(knobs):
        shown.append(knobs)
        return Figure(figsize=(1.0, 1.0))  # what is drawn has tests of its own

    monkeypatch.setattr(soft_committee, "view", watched)
    box = explorer()
    controls = box.children[0].children
    assert len(controls) == len(Knobs._fields)
    moved = Knobs(0.5, 0.1, 0.1, 0.3, 1.0, "free", 0)
    for control, value in zip(controls, moved, strict=True):
        control.value = value
    assert shown[0] == Knobs()
    assert len(shown) == 1 + len(moved)
    np.testing.assert_allclose(shown[-1][:5], moved[:5])
    assert shown[-1][5:] == moved[5:]
