"""Orders, maps and forests are drawn where the datasets put them; what was never reached is no point."""

import functools
import io
from typing import Any

import numpy as np
import pytest
import xarray as xr

from companion.figures import score_order as figures
from companion.figures.style import PALETTE
from companion.studies import score_comparison, score_order


def panels_of(drawing: Any) -> list[Any]:
    return drawing.axes


def drawn(drawing: Any) -> list[Any]:
    """Panels of a figure that has been drawn for good: warnings of the canvas are errors here."""
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return panels_of(drawing)


def points(axes):
    """Markers with error bars: (x, y) of each series."""
    return [container.lines[0].get_xydata() for container in axes.containers]


@functools.cache  # in the project of the first test that asks
def of_study(study, *arguments):
    return study(*arguments)


@pytest.fixture
def variances(project):
    ratios = (1.0, 1.5, 3.0), (3.0, 1.5)
    return of_study(score_order.variance_order, *ratios, 8, 2, 0).copy(deep=True)


@pytest.fixture
def design(project):
    return of_study(score_comparison.support_exposure, 8, 2, 0).copy(deep=True)


SERIES = [("gen_passage", {"share": 0.5}, 0), ("gen_passage", {"share": 0.5}, 1)] + [
    ("mem_gap_absolute", {"gap": 0.05}, label) for label in (0, 1)
]


def test_clocks_of_both_classes_stand_at_their_ratios(variances):
    (axes,) = drawn(figures.variance_order(variances))
    series = points(axes)
    assert len(series) == 4
    for found, (clock, level, label) in zip(series, SERIES, strict=True):
        wanted = variances[f"simulated_{clock}"].sel(level).isel(label=label).mean("draw")
        np.testing.assert_array_equal(found[:, 0], [3.0, 1.5])
        np.testing.assert_allclose(found[:, 1], wanted)
    theory = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert len(theory) == 4
    for line, (clock, level, label) in zip(theory, SERIES, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1.0, 1.5, 3.0])
        np.testing.assert_array_equal(line.get_ydata(), variances[clock].sel(level).isel(label=label))
        assert line.get_color() == PALETTE["blue" if label else "vermilion"]
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == r"$\sigma_1/\sigma_2$"
    assert axes.get_ylabel() == "eigen-time $T$"


def test_times_that_were_not_reached_are_left_out(variances):
    variances.simulated_mem_gap_absolute.loc[{"gap": 0.05}][{"point": 0, "label": 1, "draw": 1}] = np.inf
    variances.gen_passage.loc[{"share": 0.5}][{"setting": 2, "label": 0}] = np.inf
    (axes,) = drawn(figures.variance_order(variances))
    series = points(axes)
    assert [len(found) for found in series] == [2, 2, 2, 1]
    np.testing.assert_array_equal(series[3][:, 0], [1.5])
    for found in series:
        assert np.isfinite(found).all()
    theory = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert np.isfinite(theory[0].get_ydata()).tolist() == [True, True, False]
    assert np.isfinite(theory[1].get_ydata()).all()


def test_norms_are_on_the_left_and_angles_on_the_right(project):
    order = score_order.geometry_order([0.5, 2.0], [2.0], [0, 90, 180], [60, 120], 8, 1, 0)
    left, right = drawn(figures.geometry_order(order))
    for axes, at, shape in ((left, [2.0], 2), (right, [60.0, 120.0], 3)):
        assert [found[:, 0].tolist() for found in points(axes)] == [at] * 4
        assert len([line for line in axes.lines if len(line.get_xdata()) == shape]) >= 4
    wanted = order.simulated_gen_passage.sel(share=0.5).isel(point=0, label=1, draw=0)
    np.testing.assert_allclose(points(left)[1][:, 1], wanted)
    assert left.get_xlabel() == r"$|\mu_1|/|\mu_2|$"
    assert right.get_xlabel() == "angle between centroids (degrees)"
    assert left.get_ylabel() == "eigen-time $T$"
    assert left.get_xscale() == "log"


@pytest.fixture
def phases():
    """Three planes of five places: reversed below a share of .3 from the second place on, never at the first."""
    shares, place = np.array([0.1, 0.2, 0.5]), np.arange(5.0)
    plane = np.where(place == 0, 0.1, (shares[:, None] - 0.3) * np.ones(5))
    return xr.Dataset(
        {
            "advantage": (
                ("axis", "share", "place"),
                np.stack([plane, np.abs(plane), -np.abs(plane)]),
                {"long_name": r"$\log(T_{low}/T_{high})$"},
            ),
            "reduced": (("axis", "share", "place"), np.stack([plane, -plane, plane])),
            "value": (("axis", "place"), np.stack([1 + place / 4, 8 * place, 45 * place])),
        },
        coords={
            "axis": ["deviation ratio", "centroid norm", "angle"],
            "share": ("share", shares, {"long_name": r"share of the high-variance class $\pi_1$"}),
        },
    )


def hatched(axes):
    """Intervals along x that are hatched."""
    spans = [patch for patch in axes.patches if patch.get_hatch()]
    return [(span.get_x(), span.get_x() + span.get_width()) for span in spans]


def test_places_without_a_reversal_are_hatched_and_no_others(phases):
    first, second, third, _ = drawn(figures.phase_diagram(phases))
    np.testing.assert_allclose(hatched(first), [(1.0, 1.125)])
    np.testing.assert_allclose(hatched(second), [(0, 4), (4, 12), (12, 20), (20, 28), (28, 32)])
    assert hatched(third) == []


def test_a_reversal_above_one_half_does_not_count(phases):
    shifted = phases.assign_coords(share=[0.1, 0.5, 0.9])
    shifted.advantage[:] = 1.0
    shifted.advantage[:, 2] = -1.0
    for axes in drawn(figures.phase_diagram(shifted))[:3]:
        assert len(hatched(axes)) == 5
    shifted.advantage[:, 1, 2] = -1e-6
    for axes in panels_of(figures.phase_diagram(shifted))[:3]:
        assert len(hatched(axes)) == 4


def test_the_map_holds_the_advantage_and_its_zero(phases):
    first, second, third, bar = drawn(figures.phase_diagram(phases))
    for axes, name, zeros in (
        (first, "deviation ratio", 2),
        (second, "centroid norm", 1),
        (third, "angle", 1),
    ):
        part = phases.sel(axis=name)
        meshes = [found for found in axes.collections if found.get_array() is not None]
        mesh = next(found for found in meshes if np.size(found.get_array()) == 15)
        np.testing.assert_array_equal(np.reshape(mesh.get_array(), (3, 5)), part.advantage)
        contours = [found for found in axes.collections if hasattr(found, "levels")]
        # Of the theory and of the reduced model, where each changes its sign.
        assert len(contours) == zeros
        assert axes.get_yscale() == "log"
        np.testing.assert_allclose(axes.get_xlim(), (part.value.min(), part.value.max()))
    crossing = next(found for found in first.collections if hasattr(found, "levels")).get_paths()[0].vertices
    inner = crossing[crossing[:, 0] > 1.25]
    np.testing.assert_allclose(inner[:, 1], 0.3, atol=1e-9)
    assert [axes.get_xlabel() for axes in (first, second, third)] == [
        r"$\sigma_1/\sigma_2$",
        r"$|\mu|^2/d$",
        "angle (degrees)",
    ]
    assert "$" in first.get_ylabel()
    assert bar.get_ylabel() == r"$\log(T_{low}/T_{high})$"


def test_red_is_where_the_class_of_higher_variance_is_first(phases):
    mesh = panels_of(figures.phase_diagram(phases))[0].collections[0]
    red, _, blue, _ = mesh.cmap(mesh.norm(0.5))
    assert red > blue
    red, _, blue, _ = mesh.cmap(mesh.norm(-0.5))
    assert blue > red
    np.testing.assert_allclose(mesh.cmap(mesh.norm(0.0))[:3], (0.97, 0.97, 0.97), atol=0.01)


def test_a_place_that_nobody_reaches_is_blank(phases):
    phases.advantage[0, 0, 2] = np.nan
    mesh = drawn(figures.phase_diagram(phases))[0].collections[0]
    assert np.ma.getmaskarray(mesh.get_array()).sum() == 1


def test_a_study_of_the_phases_can_be_drawn(project):
    panels = drawn(figures.phase_diagram(score_order.phase_diagram(3, [0.1, 0.5])))
    for axes, spans in zip(panels[:3], (1, 1, 2), strict=True):
        # Of three values the last deviation ratio, the first norm, and equal or opposite centroids.
        assert len(hatched(axes)) == spans


def test_the_design_is_two_lines_of_two_weights(design):
    panels = drawn(figures.support_exposure(design))
    assert len(panels) == 2
    for axes, (clock, level) in zip(
        panels, (("gen_passage", {"share": 0.5}), ("mem_gap_absolute", {"gap": 0.05})), strict=True
    ):
        for found, support in zip(points(axes), (0.5, 0.1), strict=True):
            cells = [
                next(name for name, cell in score_comparison.DESIGN.items() if cell == (support, weight))
                for weight in (0.1, 0.5)
            ]
            wanted = design[f"simulated_{clock}"].sel(level).isel(label=0).sel(setting=cells).mean("draw")
            np.testing.assert_allclose(found[:, 0], [0.1, 0.5], rtol=0.031)
            np.testing.assert_allclose(found[:, 1], wanted)
            line = next(
                line
                for line in axes.lines
                if np.array_equal(line.get_ydata(), design[clock].sel(level).isel(label=0).sel(setting=cells))
            )
            np.testing.assert_array_equal(line.get_xdata(), [0.1, 0.5])
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert axes.get_xlabel() == "weight in the loss"
        assert axes.get_ylabel().startswith("eigen-time $T$: ")


def test_a_cell_that_is_never_memorised_has_no_marker(design):
    design.simulated_mem_gap_absolute.loc[{"setting": "R1", "gap": 0.05}] = np.inf
    _, right = drawn(figures.support_exposure(design))
    assert [len(found) for found in points(right)] == [2, 1]


ROWS = 11


@pytest.fixture
def forest(project):
    return of_study(score_comparison.compared_clocks, ("MR", "R1", "V1"), 8, 4, 0).copy(deep=True)


def marks(axes):
    """Markers by row: {row: (x, marker)}; rows with their bars: {row: (low, high)}."""
    found, bars = {}, {}
    for line in axes.lines:
        if len(line.get_xdata()) == 2 and line.get_linewidth() == 0.7:
            bars[int(line.get_ydata()[0])] = tuple(map(float, line.get_xdata()))
        elif line.get_marker() not in ("", "None"):
            found[int(line.get_ydata()[0])] = (float(line.get_xdata()[0]), line.get_marker())
    return found, bars


def test_a_panel_for_each_run_in_the_order_of_the_paper_and_a_row_for_each_clock(forest):
    panels = drawn(figures.robustness(forest))
    assert [axes.get_title().split("\n")[0] for axes in panels] == ["V1", "R1", "MR"]
    labels = [tick.get_text() for tick in panels[0].get_yticklabels()]
    assert len(labels) == ROWS
    assert (labels[1], labels[4], labels[-1]) == ("generalised 0.5", "early stop", "gap 0.1 abs.")
    assert "$" in panels[1].get_xlabel()


def test_contrasts_stand_at_their_means_with_their_intervals(forest):
    axes = panels_of(figures.robustness(forest))[0]
    found, bars = marks(axes)
    part = forest.sel(setting="V1")
    for row, times in (
        (1, part.simulated_gen_passage.sel(share=0.5)),
        (4, part.simulated_early_stop),
        (9, part.simulated_mem_gap_absolute.sel(gap=0.05)),
    ):
        ratios = np.log(times.isel(label=1) / times.isel(label=0))
        assert np.isfinite(ratios).all()
        x, marker = found[row]
        assert (x, marker) == (pytest.approx(float(ratios.mean())), "o")
        low, high = bars[row]
        assert low <= x <= high


def censored(forest, first, second):
    """Contrasts of run V1 at ``early stop`` with these times of the four draws."""
    forest.simulated_early_stop.loc[{"setting": "V1", "label": 0}] = first
    forest.simulated_early_stop.loc[{"setting": "V1", "label": 1}] = second
    found, bars = marks(drawn(figures.robustness(forest))[0])
    return found.get(4), bars.get(4)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 1, 1, 1], [np.inf] * 4, (6.0, ">")),
        ([np.inf] * 4, [1, 1, 1, 1], (-6.0, "<")),
        ([1, 1, 1, 1], [2, 2, 2, np.inf], (np.log(2), "o")),
        ([1, 1, 1, np.inf], [2, 2, 2, np.inf], (np.log(2), "o")),
        ([1, 1, np.inf, np.inf], [2, 2, np.inf, np.inf], None),
        ([np.inf] * 4, [np.inf] * 4, None),
        ([1, 1, 1, np.nan], [2, 2, 2, 2], None),
        ([1, 1, 1, 1], [1e4, 1e4, 1e4, 1e4], (6.0, ">")),
    ],
)
def test_what_is_never_reached_is_at_the_edge_and_ties_are_left_out(forest, first, second, expected):
    found, bar = censored(forest, first, second)
    if expected is None:
        assert found is None
        assert bar is None
    else:
        assert found == (pytest.approx(expected[0]), expected[1])
        assert bar is not None
        assert np.isfinite(bar).all()


def test_one_draw_has_no_interval(forest):
    found, bars = marks(drawn(figures.robustness(forest.isel(draw=[0])))[0])
    assert 1 in found
    assert bars == {}
