"""The explorer of the landscape draws what is listed, and keeps quiet in batch runs."""

import numpy as np
import pytest

from companion.explore import relu_landscape
from companion.explore.relu_landscape import explorer, listed, view


@pytest.mark.parametrize(
    ("teachers", "surplus", "name"), [(10, 0, "I(1)"), (10, 1, "S(1)"), (20, 0, "II(12)")]
)
def test_a_view_shows_the_chosen_family(teachers, surplus, name):
    panels = view(teachers, surplus, name, 3).axes
    minimum = listed(teachers, surplus)[name]
    np.testing.assert_array_equal(panels[0].images[0].get_array(), minimum.weights)
    assert panels[1].images[0].get_array().shape == (minimum.students, minimum.students)
    heights = [float(np.ravel(line.get_ydata())[0]) for line in panels[3].lines[1:]]
    assert minimum.loss in heights


def test_the_spectrum_counts_every_eigenvalue_in_a_thousand_dimensions():
    spectrum = view(10, 1, "S(2)", 0).axes[2]
    inside, across = (np.asarray(line.get_ydata()) for line in spectrum.lines[:2])
    assert inside.sum() == 11 * 10
    assert across.sum() == 11 * (1000 - 10)
    smallest = min(float(np.min(line.get_xdata())) for line in spectrum.lines[:2])
    assert smallest == pytest.approx(listed(10, 1)["S(2)"].hessian_min, abs=1e-7)


def test_an_unknown_family_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"'X\(3\)'.*I\(1\)"):
        view(10, 0, "X(3)", 0)


def test_in_a_batch_run_it_says_where_it_is(monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")
    assert "make lab" in str(explorer())


@pytest.fixture
def controls(monkeypatch):
    """The four controls of an explorer, and the list of views that it has asked for."""
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    asked = []

    def noted(**chosen):
        asked.append(tuple(chosen.values()))
        return view(**chosen)

    monkeypatch.setattr(relu_landscape, "view", noted)
    box = explorer()
    teachers, surplus, name, start = box.children[0].children
    return teachers, surplus, name, start, asked


def test_moving_a_control_changes_the_families_on_offer(controls):
    teachers, surplus, name, _, _ = controls
    surplus.value = 1
    assert name.value in listed(teachers.value, 1)
    assert "I(1)" not in name.options


def test_one_move_of_any_control_draws_once(controls):
    teachers, surplus, name, start, asked = controls
    teachers.value = 8
    surplus.value = 1
    name.value = "S(2)"
    start.value = 5
    assert asked == [
        (10, 0, "I(1)", 0),
        (8, 0, "I(1)", 0),
        (8, 1, "S(1)", 0),
        (8, 1, "S(2)", 0),
        (8, 1, "S(2)", 5),
    ]


def test_sliders_wait_until_they_are_let_go(controls):
    teachers, _, _, start, _ = controls
    assert not teachers.continuous_update
    assert not start.continuous_update
