"""P1's figures draw what the datasets hold."""

import numpy as np
import pytest

from companion.figures import relu_landscape as figures
from companion.studies import relu_families, relu_landscape


def test_histogram_has_a_panel_per_size_and_every_converged_run_in_a_bar(project):
    histogram = relu_landscape.loss_histogram([6, 8], [30, 20], 0)
    drawing = figures.loss_histogram(histogram)
    panels = drawing.axes
    assert len(panels) == 2
    heights = [sum(bar.get_height() for bar in axes.patches) for axes in panels]
    assert heights == [30, 20]


def test_family_lines_stand_at_the_families_losses(project):
    histogram = relu_landscape.loss_histogram([6], [20], 0)
    (axes,) = figures.loss_histogram(histogram).axes
    drawn = sorted(float(line.get_xdata()[0]) for line in axes.lines)
    np.testing.assert_allclose(drawn, np.sort(histogram.line_loss.values))


def test_overlap_matrices_are_drawn_unchanged(project):
    overlaps = relu_families.family_overlaps(7, 8)
    drawing = figures.overlap_matrices(overlaps)
    first = next(axes.images[0].get_array() for axes in drawing.axes if axes.images)
    np.testing.assert_array_equal(first, overlaps.teacher_overlap.values[0][:7, :7])


@pytest.mark.parametrize(
    ("study", "draw"),
    [
        (lambda: relu_families.losses_against_width(8, 100), figures.loss_against_width),
        (lambda: relu_families.stability(9, 30), figures.stability),
    ],
)
def test_axes_are_labelled_with_symbols(project, study, draw):
    for axes in draw(study()).axes:
        assert "$" in axes.get_xlabel()
        assert "$" in axes.get_ylabel()


def test_stability_changes_where_the_lines_cross_zero(project):
    spectrum = relu_families.stability(11, 30)
    crossing = spectrum.crossing.sel(branch="I(1)").values[0]
    branch = spectrum.branch_hessian_min.sel(branch="I(1)")
    assert crossing == pytest.approx(5.5855, abs=1e-4)
    assert float(branch.sel(width=5.5)) < 0 < float(branch.sel(width=5.75))


def test_dotted_and_solid_parts_of_a_branch_meet(project):
    widths = relu_families.losses_against_width(8, 100)
    left, _ = figures.loss_against_width(widths).axes
    solid, dotted = left.lines[0].get_ydata(), left.lines[1].get_ydata()
    change = int(np.flatnonzero(np.diff(widths.least.sel(family="I(1)").values > 0))[0])
    assert np.isfinite(dotted[change : change + 2]).all()
    assert np.isnan(solid[change])
    assert np.isfinite(solid[change + 1 :]).all()
