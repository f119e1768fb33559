"""Ratios of clocks: centred and bounded as the claims judge them, censoring at the edge, ties and gaps left out."""

import io
import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.text import Annotation

from companion.figures.style import figure, styled
from companion.figures.unet_contrasts import (
    contrast,
    contrasts,
    draw_contrasts,
    draw_theory,
    ratio_axis,
    span,
)

INF, NAN = np.inf, np.nan
positive = st.floats(1.0, 1e4)


@pytest.mark.parametrize(
    ("first", "second", "centre"),
    [
        ([100.0], [200.0], math.log(2)),
        ([100.0, 100.0], [200.0, 400.0], math.log(2) * 1.5),
        ([100.0, 100.0, NAN], [200.0, 400.0, 1.0], math.log(2) * 1.5),
        ([100.0, 100.0, 100.0], [200.0, 400.0, INF], math.log(4)),
        ([100.0], [INF], INF),
        ([INF, INF, INF], [200.0, 400.0, 1.0], -INF),
        ([100.0, 100.0, 100.0, INF], [200.0, 200.0, 200.0, INF], math.log(2)),
        ([100.0, INF], [200.0, INF], NAN),
        ([INF], [INF], NAN),
        ([NAN, NAN], [1.0, 2.0], NAN),
    ],
)
def test_centre_is_a_mean_a_median_where_some_are_censored_and_blank_where_most_are_tied(
    first, second, centre
):
    np.testing.assert_allclose(contrast(first, second).centre, centre)


def test_two_runs_that_never_copy_are_not_equal_clocks():
    found = contrast([INF], [INF])
    assert math.isnan(found.centre)
    assert found.seen.size == 0


@given(st.lists(st.tuples(positive, positive), min_size=2, max_size=6))
def test_exchanging_the_classes_turns_the_contrast(times):
    first, second = np.transpose(times)
    there, back = contrast(first, second), contrast(second, first)
    np.testing.assert_allclose([there.centre, *there.seen], [-back.centre, *-back.seen], atol=1e-12)
    assert there.lower <= there.centre + 1e-12
    assert there.centre <= there.upper + 1e-12


def test_one_run_has_no_interval():
    found = contrast([1.0], [2.0])
    assert (found.lower, found.upper) == (-INF, INF)


def test_contrasts_go_along_the_dimension_that_is_named():
    times = xr.DataArray(
        [[[1.0, 2.0], [4.0, 1.0]]], dims=("replicate", "gain", "label"), coords={"gain": [1, 2]}
    )
    assert [each.centre for each in contrasts(times, "gain")] == pytest.approx([math.log(2), -math.log(4)])


def test_the_span_holds_everything_finite():
    found = [contrast([1.0, 1.0], [3.0, 5.0]), contrast([1.0], [INF])]
    assert span(found) > math.log(5)
    assert np.isfinite(span(found))
    assert span(found, [math.log(50)]) > math.log(50)
    assert span([]) > 0


@pytest.mark.parametrize("width", [0.3, 0.7, 1.4, 3.0, 5.0])
@pytest.mark.parametrize("which", ["x", "y"])
def test_the_axis_is_even_about_one_and_names_it(width, which):
    with styled():
        drawing, axes = figure()
        ratio_axis(axes, width, which)
        drawing.savefig(io.BytesIO(), format="png", dpi=30)
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    assert low * high == pytest.approx(1.0)
    axis = axes.xaxis if which == "x" else axes.yaxis
    assert axis.get_scale() == "log"
    ticks = [place for place in axis.get_majorticklocs() if low <= place <= high]
    assert any(place == pytest.approx(1.0) for place in ticks)
    assert len(ticks) >= 3 or width > 4


def marks(axes, marker):
    return [line for line in axes.lines if line.get_marker() == marker and line.get_markersize() > 2]


def test_marks_stand_at_ratios_and_what_is_censored_is_open_with_an_arrow():
    found = [
        contrast([1.0, 1.0], [2.0, 2.0]),
        contrast([1.0], [INF]),
        contrast([INF], [1.0]),
        contrast([INF], [INF]),
    ]
    with styled():
        drawing, axes = figure()
        ratio_axis(axes, 2.0)
        draw_contrasts(axes, [1, 2, 3, 4], found, 2.0, colour="#123456", marker="s")
        drawing.savefig(io.BytesIO(), format="png", dpi=30)
    drawn = marks(axes, "s")
    places = [float(np.ravel(line.get_xdata())[0]) for line in drawn]
    heights = [float(np.ravel(line.get_ydata())[0]) for line in drawn]
    assert places == [1, 2, 3]
    assert heights[0] == pytest.approx(2.0)
    assert heights[1] > 4
    assert heights[2] < 1 / 4
    open_face = [to_rgba(line.get_markerfacecolor()) == to_rgba("white") for line in drawn]
    assert open_face == [False, True, True]
    arrows = [text for text in axes.texts if isinstance(text, Annotation)]
    assert [np.sign(np.log(arrow.xy[1] / arrow.xyann[1])) for arrow in arrows] == [1, -1]


def test_theory_leaves_the_infinite_out_of_its_line_and_at_the_edge():
    with styled():
        _, axes = figure()
        draw_theory(axes, [1.0, 2.0, 3.0], [-INF, math.log(3), INF], 1.5, color="#123456")
    line, low, high = axes.lines
    np.testing.assert_allclose(line.get_ydata(), [NAN, 3.0, NAN])
    assert (low.get_xdata().tolist(), high.get_xdata().tolist()) == ([1.0], [3.0])
    assert low.get_ydata()[0] < 1 < high.get_ydata()[0]
