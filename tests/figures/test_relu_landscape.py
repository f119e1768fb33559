"""P1's figures draw what the datasets hold."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import relu_landscape as figures
from companion.studies import relu_endpoints, relu_families


@pytest.fixture(scope="module")
def spectrum():
    return relu_families.stability.function(11, 30)


@pytest.fixture(scope="module")
def widths():
    return relu_families.losses_against_width.function(8, 100)


def test_histogram_has_a_panel_per_size_and_every_converged_run_in_a_bar(project):
    histogram = relu_endpoints.loss_histogram([6, 8], [30, 20], [6, 8], 0)
    drawing = figures.loss_histogram(histogram)
    panels = drawing.axes
    assert len(panels) == 2
    heights = [sum(bar.get_height() for bar in axes.patches) for axes in panels]
    assert heights == [30, 20]


def test_bars_stand_on_the_lines_and_all_lines_have_names(project):
    histogram = relu_endpoints.loss_histogram([10], [40], [10], 0)
    (axes,) = figures.loss_histogram(histogram).axes
    bars = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches]
    lines = np.append(histogram.line_loss.values, 0.0)
    assert max(np.abs(lines - place).min() for place in bars) < 1e-9
    assert {text.get_text() for text in axes.texts} >= set(histogram.line_family.values.tolist())


def test_family_lines_stand_at_the_families_losses(project):
    histogram = relu_endpoints.loss_histogram([6], [20], [6], 0)
    (axes,) = figures.loss_histogram(histogram).axes
    drawn = sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_linestyle() == "--")
    np.testing.assert_allclose(drawn, np.sort(histogram.line_loss.values))


def test_titles_tell_shares_intervals_and_what_did_not_converge():
    panel = xr.Dataset(
        {
            "students": 17,
            "dimension": 1000,
            "unconverged": 3,
            "share_global": 0.085,
            "lower": 0.053,
            "upper": 0.132,
        }
    )
    assert figures._panel_title(panel) == "$K=17$, $d=1000$: 8.5 % global (5.3 to 13.2); 3 unconverged"
    panel["dimension"], panel["unconverged"] = ((), 17), ((), 0)
    assert figures._panel_title(panel) == "$K=17$: 8.5 % global (5.3 to 13.2)"


def test_overlap_matrices_are_drawn_unchanged(project):
    overlaps = relu_families.family_overlaps(7, 8)
    drawing = figures.overlap_matrices(overlaps)
    first = next(axes.images[0].get_array() for axes in drawing.axes if axes.images)
    np.testing.assert_array_equal(first, overlaps.teacher_overlap.values[0][:7, :7])


def test_axes_are_labelled_with_symbols(widths, spectrum):
    for drawing in (figures.loss_against_width(widths), figures.stability(spectrum)):
        for axes in drawing.axes:
            assert "$" in axes.get_xlabel()
            assert "$" in axes.get_ylabel()


def test_stability_changes_where_the_lines_cross_zero(spectrum):
    crossing = spectrum.crossing.sel(family="I(1)").values[0]
    branch = spectrum.branch_hessian_min.sel(family="I(1)")
    assert crossing == pytest.approx(5.5855, abs=1e-4)
    assert float(branch.sel(width=5.5)) < 0 < float(branch.sel(width=5.75))


def test_dotted_and_solid_parts_of_a_branch_meet(widths):
    left, _ = figures.loss_against_width(widths).axes
    solid, dotted = left.lines[0].get_ydata(), left.lines[1].get_ydata()
    change = int(np.flatnonzero(np.diff(widths.least.sel(family="I(1)").values > 0))[0])
    assert np.isfinite(dotted[change : change + 2]).all()
    assert np.isnan(solid[change])
    assert np.isfinite(solid[change + 1 :]).all()


def test_every_size_has_a_marker_of_the_full_hessian(spectrum):
    for axes, extra in zip(figures.stability(spectrum).axes[::2], (0, 1), strict=True):
        part = spectrum.isel(family=spectrum.surplus.values == extra)
        markers = [line for line in axes.lines if line.get_marker() not in ("", "None", "x")]
        drawn = np.concatenate([np.asarray(line.get_ydata()) for line in markers])
        values = part.hessian_min.values
        np.testing.assert_allclose(np.sort(drawn), np.sort(values[np.isfinite(values)]))
