"""The figures of the maps of forgetting draw what the datasets hold."""

import numpy as np
import pytest
import xarray as xr

from companion.analysis.specialisation import SHAPES
from companion.figures import committee_maps as figures
from companion.studies.committee_maps import SECOND_READOUTS

PANELS = ("weights 0.001", "drawn 0.1", *SECOND_READOUTS[1:])
SCALES = np.array([0.01, 0.0316, 0.1, 0.316, 1.0])


@pytest.fixture
def maps() -> xr.Dataset:
    random = np.random.default_rng(0)
    angles = np.append((np.arange(6) + 0.5) * np.pi / 24, np.pi / 4)
    size = (len(PANELS), angles.size, SCALES.size)
    dims = ("panel", "angle", "scale")
    return xr.Dataset(
        {
            "shape": (dims, random.integers(3, size=size)),
            "criterion": (dims, random.integers(2, size=size)),
            "specialisation": (dims, np.broadcast_to(np.cos(2 * angles)[:, None], size)),
        },
        coords={
            "panel": list(PANELS),
            "angle": ("angle", angles, {"long_name": r"readout angle $\theta$"}),
            "scale": ("scale", SCALES, {"long_name": "readout scale $r$"}),
        },
        attrs={
            "second_readouts": ["equal", "equal", *SECOND_READOUTS[1:]],
            "weight_scales": [1e-3, 0.1, 1e-3, 1e-3, 1e-3, 1e-3],
            "draws": [-1, 0, -1, -1, -1, -1],
            "dimension": 1000,
        },
    )


@pytest.fixture
def limits() -> xr.Dataset:
    random = np.random.default_rng(1)
    near = ("time", "distance", "near_scale")
    size = (2, 8, SCALES.size)
    return xr.Dataset(
        {
            "near_shape": (near, random.integers(3, size=size)),
            "near_peak": (near, random.uniform(size=size)),
            "near_relative_start": (near, random.uniform(size=size)),
            "monotonic_below": (("time", "near_scale"), random.uniform(1e-4, 1e-2, (2, SCALES.size))),
            "area": (("weight_scale", "kind"), random.uniform(size=(3, 4)), {"long_name": "share"}),
            "drawn_area": (("weight_scale", "kind", "draw"), random.uniform(size=(3, 4, 5))),
            "changed": (
                ("comparison", "change", "panel"),
                random.uniform(size=(2, 2, len(PANELS))),
                {"long_name": "share changed"},
            ),
        },
        coords={
            "time": [600.0, 200.0],
            "distance": ("distance", np.geomspace(1e-6, 0.4, 8), {"long_name": "distance"}),
            "near_scale": ("near_scale", SCALES, {"long_name": "readout scale $r$"}),
            "weight_scale": ("weight_scale", [0.01, 0.1, 1.0], {"long_name": "weight scale"}),
            "kind": [*SHAPES, "criterion"],
            "comparison": ["$T=200$", "step 0.2"],
            "change": ["shape", "criterion"],
            "panel": list(PANELS),
        },
        attrs={"peak_range": [0.3, 0.7], "largest_start": 0.2},
    )


def test_shapes_and_readouts_are_those_of_the_numbers():
    assert figures.SHAPES == SHAPES
    assert set(figures._SECONDS) == set(SECOND_READOUTS[1:])


def test_each_map_holds_its_cells_and_the_tie_apart(maps):
    drawing = figures.shape_maps(maps)
    panels = [axes for axes in drawing.axes if axes.collections]
    assert len(panels) == len(PANELS)
    for place, axes in enumerate(panels):
        cells, tie = axes.collections[:2]
        part = maps.isel(panel=place)
        kinds = (2 * part["shape"] + part.criterion).transpose("scale", "angle").values
        np.testing.assert_array_equal(np.asarray(cells.get_array()).reshape(5, 6), kinds[:, :-1])
        np.testing.assert_array_equal(np.ravel(tie.get_array()), kinds[:, -1])
        left, right = cells.get_datalim(axes.transData).x1, tie.get_datalim(axes.transData).x0
        assert left == pytest.approx(np.pi / 4)
        assert right > left
    assert [axes.get_title() for axes in panels[:2]] == [
        r"$\sigma_w=0.001$",
        r"$\sigma_w=0.1$, draw, $d=1000$",
    ]
    assert panels[4].get_title() == r"$h^2=(0,r)$"


def test_the_contours_are_those_of_specialisation(maps):
    axes = figures.shape_maps(maps).axes[0]
    lines = axes.collections[2]
    assert lines.levels.tolist() == [0.1, 0.5, 0.9]
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        np.testing.assert_allclose(np.cos(2 * path.vertices[:, 0]), level, atol=0.02)


def test_the_legend_names_what_occurs(maps):
    every = [text.get_text() for text in figures.shape_maps(maps).legends[0].get_texts()]
    assert every[:2] == ["hump, peak intermediate", "hump elsewhere"]
    few = maps.assign({"shape": 0 * maps["shape"], "criterion": 0 * maps.criterion})
    found = [text.get_text() for text in figures.shape_maps(few).legends[0].get_texts()]
    assert found[0] == "hump elsewhere"
    assert "$S_" in found[1]


def test_kinds_have_colours_of_their_own():
    shown = {figures._MAP(figures._NORM(kind)) for kind in (0, 1, 2, 4, 5)}
    assert len(shown) == 5


def test_limits_draw_the_tie_the_areas_and_the_changes(limits):
    near, row, areas, changes = figures.shape_limits(limits).axes
    kinds = np.asarray(near.collections[0].get_array()).reshape(8, 5)
    np.testing.assert_array_equal(kinds, 2 * limits.near_shape[0])
    for line, time in zip(near.lines, (0, 1), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), limits.monotonic_below[time])
    at = limits.isel(near_scale=3)  # .316 is nearest to .3
    np.testing.assert_array_equal(row.lines[0].get_ydata(), at.near_relative_start[0])
    np.testing.assert_array_equal(row.lines[1].get_ydata(), at.near_peak[0])
    assert row.get_ylabel() == "at $r=0.316$"
    means = [container.lines[0].get_ydata() for container in areas.containers]
    np.testing.assert_allclose(means, limits.drawn_area.mean("draw").T)
    np.testing.assert_array_equal(changes.lines[3].get_xdata(), limits.changed[1, 1])
    assert changes.get_yticklabels()[1].get_text() == "(b) drawn 0.1"
    for axes in (near, row, areas, changes):
        assert axes.get_xlabel()
