"""The explorer of the landscape draws what is listed, and keeps quiet in batch runs."""

import numpy as np
import pytest

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


def test_an_unknown_family_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"'X\(3\)'.*I\(1\)"):
        view(10, 0, "X(3)", 0)


def test_in_a_batch_run_it_says_where_it_is(monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")
    assert "make lab" in str(explorer())


def test_moving_a_control_changes_the_families_on_offer(monkeypatch):
    monkeypatch.delenv("COMPANION_RUN", raising=False)
    box = explorer()
    (teachers, surplus), (name, _) = (row.children for row in box.children[:2])
    surplus.value = 1
    assert name.value in listed(teachers.value, 1)
    assert "I(1)" not in name.options
