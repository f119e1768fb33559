"""The figure of optimisers draws what the dataset holds."""

import numpy as np
import pytest

from companion.figures import relu_optimisers as figures
from companion.studies import relu_optimisers as study


@pytest.fixture
def table(project):
    return study.optimiser_table([6, 7], 6, 6, 0, step_budget=400, maximum_steps=1500)


def test_success_curves_and_shares_are_those_of_the_table(table):
    panels = figures.optimisers(table).axes
    assert len(panels) == 4
    for column in range(2):
        curves = [line.get_ydata() for line in panels[column].lines[:4]]
        np.testing.assert_allclose(curves, table.success_by.isel(students=column))
        marks = [container.lines[0].get_ydata()[0] for container in panels[2 + column].containers[1:]]
        shares = table.share.isel(students=column, criterion=[0, -1])
        np.testing.assert_allclose(np.reshape(marks, (2, 4)), shares)
        bars = [bar.get_height() for bar in panels[2 + column].patches]
        np.testing.assert_allclose(bars, table.unconverged.isel(students=column, criterion=-1))


def test_a_success_that_is_impossible_is_called_so(table):
    panels = figures.optimisers(table).axes
    words = [" ".join(text.get_text() for text in axes.texts) for axes in panels[2:]]
    assert "by construction" not in words[0]
    assert "0 by construction" in words[1]


def test_the_budget_is_marked(table):
    axes = figures.optimisers(table).axes[0]
    assert 400 in [float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 2]


def test_the_limits_are_in_the_legend(table):
    (legend,) = figures.optimisers(table).legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words[-3:] == ["within 400 steps", "within 1\u2009500 steps", "unconverged"]
