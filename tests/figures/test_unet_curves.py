"""Curves over replicates, and marks of clocks that were reached, that were not, and that are missing."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from companion.figures.style import figure, styled
from companion.figures.unet_classes import CLASS_COLOURS
from companion.figures.unet_curves import (
    CLOCKS,
    as_drawn,
    clock_marks,
    curve,
    middle,
    short_number,
    step_axis,
)


def test_the_middle_is_the_median_of_what_is_there():
    values = [[1.0, 3.0, 100.0], [np.nan, 2.0, 4.0], [np.nan] * 3, [1.0, np.inf, np.inf]]
    np.testing.assert_array_equal(middle(values), [3.0, 3.0, np.nan, np.inf])


@pytest.mark.parametrize(("replicates", "lines"), [(1, 1), (3, 4)])
def test_a_thin_line_for_each_replicate_and_a_thick_median(unet_summary, replicates, lines):
    data = unet_summary("pair", ["a"], replicates).isel(pair=0, label=0)
    with styled():
        _, axes = figure()
        curve(axes, data.memorised, "#123456", scale=2.0)
    assert len(axes.lines) == lines
    last = axes.lines[-1]
    np.testing.assert_array_equal(last.get_xdata(), [50, 100, 200, 400])  # step 0 has no place
    np.testing.assert_allclose(last.get_ydata(), data.memorised.median("replicate")[1:])
    assert last.get_linewidth() == max(line.get_linewidth() for line in axes.lines)
    assert (last.get_marker() == "o") == (replicates == 1)


def test_numbers_on_a_crowded_axis():
    assert [short_number(value) for value in (0.05, 1.0, 2000.0, 10000.0)] == ["0.05", "1", "2000", "10k"]


def marked(data, clocks=("early_stop", "mem_copy")):
    with styled():
        _, axes = figure()
        step_axis(axes, data.step.values)
        clock_marks(axes, data, clocks)
    wanted = {CLOCKS[clock][1] for clock in clocks}
    return axes, [line for line in axes.lines if line.get_marker() in wanted]


def test_marks_of_clocks_stand_at_their_medians_in_the_colours_of_the_classes(unet_summary):
    data = unet_summary("pair", ["a"], 3).isel(pair=0)
    axes, marks = marked(data)
    found = {(line.get_marker(), line.get_color()): float(np.ravel(line.get_xdata())[0]) for line in marks}
    for clock in ("early_stop", "mem_copy"):
        for label, colour in enumerate(CLASS_COLOURS):
            wanted = data.time.sel(clock=clock).isel(label=label).median()
            assert found[CLOCKS[clock][1], colour] == pytest.approx(float(wanted))
    assert all(to_rgba(line.get_markerfacecolor()) == to_rgba(line.get_color()) for line in marks)
    low, high = axes.get_xlim()
    assert low < 100 < 800 < high


def test_a_clock_that_was_not_reached_is_open_at_the_edge_and_a_missing_one_is_left_out(unet_summary):
    data = unet_summary("pair", ["a"], 1).isel(pair=0).copy(deep=True)
    data.time.loc[{"clock": "early_stop", "label": 0}] = np.inf
    data.time.loc[{"clock": "mem_copy", "label": 0}] = np.inf
    data.time.loc[{"clock": "mem_copy", "label": 1}] = np.nan
    axes, marks = marked(data)
    first = [line for line in marks if line.get_color() == CLASS_COLOURS[0]]
    assert [to_rgba(line.get_markerfacecolor()) for line in first] == [to_rgba("white")] * 2
    assert all(line.get_transform() == axes.transAxes for line in first)
    places = [float(np.ravel(line.get_xdata())[0]) for line in first]
    assert 0.8 < min(places) < max(places) <= 1  # beside each other
    assert [line.get_marker() for line in marks if line.get_color() == CLASS_COLOURS[1]] == ["v"]


def test_a_clock_before_the_first_checkpoint_stands_at_the_left_edge(unet_summary):
    data = unet_summary("pair", ["a"], 1).isel(pair=0).copy(deep=True)
    data.time.loc[{"label": 0}] = 3.0
    axes, marks = marked(data)
    first = [line for line in marks if line.get_color() == CLASS_COLOURS[0]]
    assert all(line.get_transform() == axes.transAxes for line in first)
    places = [float(np.ravel(line.get_xdata())[0]) for line in first]
    assert 0 < min(places) < max(places) < 0.3  # right of the letter of the panel, beside each other
    assert all(to_rgba(line.get_markerfacecolor()) == to_rgba(CLASS_COLOURS[0]) for line in first)


def test_a_range_that_reaches_beyond_the_run_ends_at_the_edge(unet_summary):
    data = unet_summary("pair", ["a"], 3).isel(pair=0).copy(deep=True)
    data.time.loc[{"clock": "early_stop", "label": 0}] = [200.0, 300.0, np.inf]
    axes, _ = marked(data, ("early_stop",))
    bars = [
        line for line in axes.lines if line.get_linewidth() == 0.6 and line.get_color() == CLASS_COLOURS[0]
    ]
    ends = bars[0].get_xdata()
    assert ends[0] == 200
    assert 800 < ends[1] <= axes.get_xlim()[1]


def test_tables_hold_what_is_drawn_and_no_more(unet_summary):
    data = unet_summary("pair", ["a"]).assign_attrs(companion_key="x")
    data = data.assign(gap_time=(("pair", "margin"), [[1.0, 2.0]])).assign_coords(margin=[0.1, 0.2])
    kept = as_drawn(data)
    assert kept.attrs == data.attrs
    assert "margin" not in kept.dims
    assert kept.diffusion_index.values.tolist() == [136]
    np.testing.assert_array_equal(kept.test_loss, data.test_loss.sel(diffusion_index=[136]))
    numbers = as_drawn(data, curves=False)
    assert list(numbers.data_vars) == ["time"]
    assert "step" not in numbers.dims
