"""The figure of imbalance draws means, shares and what was left out."""

import numpy as np
import pytest

from companion.figures import committee_imbalance as figures
from companion.studies import committee_imbalance as study


def heights(axes):
    return [np.asarray(container.lines[0].get_ydata()) for container in axes.containers]


def test_panels_draw_means_shares_and_those_left_out(project):
    data = study.imbalance([-3.0, 0.0, 3.0], [0.03, 0.1], 12, 50, 0)
    data.unfitted[1, 0] = 0.25
    mean, alone, left = figures.imbalance(data).axes
    for axes, name in ((mean, "mean"), (alone, "alone"), (left, "unfitted")):
        np.testing.assert_allclose(heights(axes), data[name])
        assert axes.get_xlabel()
        assert axes.get_ylabel()
    rings = [line for line in mean.lines if line.get_markerfacecolor() == "none"]
    drawn = np.concatenate([line.get_ydata() for line in rings])
    np.testing.assert_allclose(drawn, data.mean_of_all.values[data.unfitted.values > 0])
    assert 0.25 in heights(left)[1]


@pytest.mark.parametrize(("value", "text"), [(1e-3, "$10^{-3}$"), (0.1, "$0.1$"), (0.03, "$0.03$")])
def test_scales_are_written_as_one_reads_them(value, text):
    assert figures._scale(value) == text
