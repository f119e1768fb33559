"""The figures on width draw what the datasets hold."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.patheffects import Stroke

from companion.figures import relu_width as figures

OUTCOMES = ["global", "I(1)", "I(5)", "II(6)", "X(3)", "unmatched", "unconverged"]


def frequencies(surplus: int) -> xr.Dataset:
    """Ten runs at each of M = 8 and 10."""
    runs = np.array([[4, 2, 1, 1, 0, 1, 1], [9, 0, 0, 0, 1, 0, 0]])
    spurious = runs[:, 1:6].sum(axis=1)
    ends = {"share": spurious / 10, "share_lower": spurious / 20, "share_upper": spurious / 8}
    return xr.Dataset(
        {
            "share": (("cell", "outcome"), runs / 10),
            "anti_aligned_share": (("cell", "anti_aligned"), [[0, 0.3, 0.2], [0, 0, 0.1]]),
            "students": ("cell", [8 + surplus, 10 + surplus]),
            "teachers": ("cell", [8, 10], {"long_name": "teacher units $M$"}),
        }
        | {f"spurious_{name}": ("cell", values) for name, values in ends.items()},
        coords={"outcome": OUTCOMES, "anti_aligned": [0, 1, 2]},
    )


def both(dim: str) -> xr.Dataset:
    return xr.concat(
        [frequencies(0), frequencies(1)], dim, data_vars="all", coords="minimal", compat="equals"
    )


def test_every_spurious_and_unconverged_run_is_in_a_bar():
    drawing = figures.endpoint_frequencies(both("cell"))
    for axes in drawing.axes:
        heights = np.array([bar.get_height() for bar in axes.patches]).reshape(-1, 2).sum(axis=0)
        np.testing.assert_allclose(heights, [60, 10])
        tops = [
            container.lines[0].get_ydata() for container in axes.containers if hasattr(container, "lines")
        ]
        np.testing.assert_allclose(tops, [[50, 10]])
    names = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert names == ["I(1)", "I(4) and on", "II", "X", "no family", "unconverged"]


def test_unmatched_endpoints_stand_out_and_whiskers_have_a_light_edge():
    axes = figures.endpoint_frequencies(frequencies(0)).axes[0]
    hatched = [bar for bar in axes.patches if bar.get_hatch() and bar.get_height()]
    assert [bar.get_hatch() for bar in hatched] == ["xxxx", "////"]
    assert max(hatched[0].get_facecolor()[:3]) - min(hatched[0].get_facecolor()[:3]) > 0.5
    (whisker,) = axes.collections
    assert any(isinstance(effect, Stroke) for effect in whisker.get_path_effects())


def test_more_than_three_widths_take_rows():
    cells = [frequencies(extra) for extra in range(5)]
    joined = xr.concat(cells, "cell", data_vars="all", coords="minimal", compat="equals")
    drawing = figures.endpoint_frequencies(joined)
    assert [axes.get_visible() for axes in drawing.axes] == [True] * 5 + [False]


def test_stopping_writes_shares_by_count_and_by_family():
    comparison = both("stopping").assign_coords(
        stopping=["1e-5", "converged"],
        smallest_eigenvalue=("outcome", [np.nan, 0.05, 0.01, 0.02, -0.02, np.nan, np.nan]),
    )
    left, right, *_ = figures.stopping(comparison).axes
    written = {(text.get_position(), text.get_text()) for text in left.texts}
    assert written == {((0, 0), "40"), ((1, 0), "30"), ((2, 0), "20"), ((0, 1), "90"), ((2, 1), "10")}
    shares = right.images[0].get_array()
    np.testing.assert_allclose(shares, 100 * comparison.share.sel(stopping="1e-5"))
    labels = figures.stopping(comparison).axes[3].get_xticklabels()
    colours = {label.get_text().split()[0]: label.get_color() for label in labels}
    assert [name for name, colour in colours.items() if colour == figures.PALETTE["vermilion"]] == ["X(3)"]


def table() -> xr.Dataset:
    columns = {
        "name": ["I(1)", "II(6)", "S(1)", "T(5)"],
        "students": [10, 10, 11, 11],
        "teachers": [10] * 4,
        "loss": [0.02, 0.05, 0.018, 0.05],
        "hessian_min": [0.03, 0.002, 0.005, -0.02],
        "transverse_min": [0.2, 0.18, 0.07, 0.06],
        "is_minimum": [True, True, True, False],
        "basin_runs": [30, 1, 0, 0],
        "basin_share": [0.3, 0.01, 0.0, 0.0],
        "basin_share_lower": [0.2, 0.0, 0.0, 0.0],
        "basin_share_upper": [0.4, 0.05, 0.04, 0.04],
    }
    return xr.Dataset({name: ("row", values) for name, values in columns.items()})


def test_the_table_has_a_column_per_size_and_names_minima_only():
    drawing = figures.family_table(table())
    grid = np.reshape(drawing.axes, (3, 2))
    assert [[text.get_text() for text in axes.texts if text.get_text()] for axes in grid[0]] == [
        ["I(1)", "II(6)"],
        ["S(1)"],
    ]
    heights = [float(line.get_ydata()[0]) for line in grid[0, 1].lines if line.get_marker() in "^v"]
    assert heights == [0.005, -0.02]
    hollow = [line.get_markerfacecolor() for line in grid[0, 1].lines if line.get_marker() in "^v"]
    assert hollow[1] == "white" != hollow[0]
    assert [container.lines[0].get_ydata()[0] for container in grid[2, 0].containers] == pytest.approx(
        [30, 1]
    )
    assert not grid[2, 1].containers


def test_each_size_has_its_marks_in_both_panels():
    settings = [("dimension", 8, 8, 1.0), ("dimension", 8, 100, 1.0), ("scale", 8, 8, 0.1)]
    settings += [("dimension", 12, 100, 1.0), ("scale", 12, 12, 0.1)]
    names = ("varied", "students", "dimension", "scale")
    data = xr.Dataset(
        {
            name: ("setting", list(values))
            for name, values in zip(names, zip(*settings, strict=True), strict=True)
        }
        | {
            name: ("setting", list(values))
            for name, values in (
                ("fraction_spurious", [0.1, 0.2, 0.3, 0.4, 0.5]),
                ("lower", [0.0, 0.1, 0.2, 0.3, 0.4]),
                ("upper", [0.2, 0.3, 0.4, 0.5, 0.6]),
            )
        }
    )
    left, right = figures.start_dependence(data).axes
    drawn = [
        [container.lines[0].get_ydata().tolist() for container in axes.containers] for axes in (left, right)
    ]
    assert drawn == [[[10.0, 20.0], [40.0]], [[30.0], [50.0]]]
