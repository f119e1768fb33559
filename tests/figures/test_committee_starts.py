"""The figure of starts draws maps, tables, draws and rates as the dataset holds them."""

import numpy as np
import pytest

from companion.figures import committee_starts as figures
from companion.studies import committee_starts as study


@pytest.fixture
def data(project):
    return study.starts(
        [1e-3, 1.0], [1, 3], [0.1, 1.0, 2.0], 4, [0.3, 2.0], [1.0, 8.0], [6.0], [1.0], 5, 3, 8, 60, 0
    )


def test_starts_draw_maps_tables_draws_and_rates(data):
    drawn = [axes for axes in figures.starts(data).axes if axes.get_visible()]
    small, large, spread, table, errors, draws, rates, *bars = drawn
    for axes, values in ((small, data.map_mean[0]), (large, data.map_mean[1]), (spread, data.map_spread[1])):
        np.testing.assert_allclose(axes.collections[0].get_array(), values)
        assert axes.get_yscale() == "log"
    assert [axes.get_title("right") for axes in (small, spread)] == [r"$\sigma_w=10^{-3}$", r"$\sigma_w=1$"]
    lines = [line.get_ydata() for line in table.lines]
    np.testing.assert_allclose(lines, [data.law, *data.usage])
    np.testing.assert_allclose(errors.lines[0].get_ydata(), np.maximum(data.error[0], 1e-8))
    single = [line.get_ydata() for line in draws.lines]
    assert len(single) == 6 + 1
    np.testing.assert_allclose(single[0], data.drawn_usage[0, :, 0])
    np.testing.assert_allclose(single[-1], data.drawn_usage[0].mean("draw"))
    assert np.abs(single[-1] - np.mean(single[:-1], axis=0)).max() > 1e-3  # of all draws, not of those shown
    np.testing.assert_allclose([line.get_ydata() for line in rates.lines], data.rate_usage)
    assert len(bars) == 2
    for axes in drawn[:7]:
        assert axes.get_xlabel()


@pytest.mark.parametrize(
    ("scale", "text"), [(1e-3, r"$\sigma_w=10^{-3}$"), (0.1, r"$\sigma_w=0.1$"), (3e-3, r"$\sigma_w=0.003$")]
)
def test_scales_are_written_as_one_reads_them(scale, text):
    assert figures._weights(scale) == text
