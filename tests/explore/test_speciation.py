"""The explorer of speciation draws what the theory says of a minority."""

import io

import numpy as np
import pytest

from companion.explore.speciation import Knobs, explorer, numbers, view
from companion.theory.condensation import class_collapse_times
from companion.theory.speciation import speciation_times


def test_numbers_are_those_of_the_theory():
    found = numbers(Knobs(weight=0.1))
    classes = Knobs().classes(0.1)
    expected = speciation_times(classes.weights, np.ones(3), classes.centroids, "normalised")
    np.testing.assert_allclose(found.speciated, expected[[0, 2]], atol=0.02)
    expected = class_collapse_times([450, 450, 100], np.ones(3), 64)
    np.testing.assert_allclose(found.condensed, expected[[0, 2]])
    assert (np.diff(found.curves, axis=0) < 1e-3).all()


def test_a_rarer_minority_speciates_later():
    found = numbers(Knobs())
    assert (np.diff(found.by_weight[:, 1]) > 0).all()
    assert found.by_weight[0, 1] < found.by_weight[0, 0]
    np.testing.assert_allclose(found.by_weight[-1, 0], found.by_weight[-1, 1], atol=0.05)


def test_a_copying_time_beyond_the_law_is_an_open_mark():
    late = view(Knobs(0.01, 1.5, 0.3, 256, 1e5)).axes[1]
    assert [line.get_markerfacecolor() for line in late.lines].count("white") == 1


@pytest.mark.parametrize("knobs", [Knobs(0.001, 0.3, 0.03, 8, 10.0), Knobs(10**-0.5, 2.0, 10.0, 1024, 1e6)])
def test_the_ends_of_the_controls_draw(knobs):
    view(knobs).savefig(io.BytesIO(), dpi=50)


def test_in_a_batch_run_it_says_where_it_is(monkeypatch):
    monkeypatch.setenv("COMPANION_RUN", "1")
    assert "make lab" in str(explorer())
