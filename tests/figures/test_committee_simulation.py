"""The figure of simulations draws what the dataset holds."""

import numpy as np
import pytest

from companion.figures.committee_simulation import simulation
from companion.studies.committee_simulation import simulations


@pytest.fixture(scope="module")
def data():
    return simulations.function([20, 40, 80], 3, 4.0, 0, shown_dimension=40, moments=8, marks=2)


@pytest.fixture(scope="module")
def panels(data):
    return np.array(simulation(data).axes).reshape(5, 3)


def _lines(axes, count):
    return [line for line in axes.lines if len(line.get_xdata()) == count and line.get_marker() == ""]


def test_lines_are_the_flow(data, panels):
    for place in range(3):
        part = data.isel(system=place)
        errors = [line.get_ydata() for line in _lines(panels[0, place], 17)]
        np.testing.assert_allclose(errors, part.flow_error.transpose("task", "time"))
        squares = [line.get_ydata() for line in _lines(panels[1, place], 17)]
        np.testing.assert_allclose(
            squares, part.flow_square.dropna("student", how="all").transpose("student", "time")
        )
        drawn = _lines(panels[2, place], 17)
        solid = [line.get_ydata() for line in drawn if line.get_linestyle() == "-"]
        dashed = [line.get_ydata() for line in drawn if line.get_linestyle() == "--"]
        for found, name in ((solid, "flow_first"), (dashed, "flow_second")):
            np.testing.assert_allclose(
                found, part[name].dropna("student", how="all").transpose("student", "time")
            )


def test_readouts_are_interrupted_at_the_switch(data, panels):
    students = 4
    before, after = (_lines(panels[3, 2], count) for count in (9, 8))
    assert len(before) == len(after) == students
    np.testing.assert_allclose(before[1].get_ydata(), data.flow_readout[2, :9, 1])
    np.testing.assert_allclose(after[1].get_ydata(), data.flow_readout[2, 9:, 1])


def test_markers_are_means_with_their_intervals(data, panels):
    container = panels[0, 0].containers[1]
    run = data.run_error.isel(system=0).sel(task=2)
    np.testing.assert_allclose(container.lines[0].get_ydata(), run.sel(summary="mean"))
    bars = np.array(container.lines[2][0].get_segments())[:, :, 1]
    np.testing.assert_allclose(bars[:, 0], run.sel(summary="lower"))
    np.testing.assert_allclose(bars[:, 1], run.sel(summary="upper"))


def test_deviations_stand_against_the_dimension_with_their_slope(data, panels):
    for place in range(3):
        axes, part = panels[4, place], data.isel(system=place).deviation
        largest, error = (container.lines[0].get_ydata() for container in axes.containers)
        np.testing.assert_allclose(
            largest, part.sel(quantity=["Q", "R, U", "readout"]).max("quantity").mean("draw")
        )
        np.testing.assert_allclose(error, part.sel(quantity="error").mean("draw"))
        guide = next(
            line
            for line in axes.lines
            if not isinstance(line.get_linestyle(), str) or line.get_linestyle() == "--"
        )
        slope = np.diff(np.log(guide.get_ydata())) / np.diff(np.log(guide.get_xdata()))
        np.testing.assert_allclose(slope, -0.5)
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_panels_are_named_and_share_their_scales(data, panels):
    assert [axes.get_title() for axes in panels[0]] == [
        r"$K=2, M=1, \gamma=0$",
        r"$K=2, M=1, \gamma=2$",
        r"$K=4, M=2, \gamma=0$",
    ]
    for row in (1, 2, 3, 4):
        assert len({axes.get_ylim() for axes in panels[row]}) == 1
    assert panels[0, 0].get_ylim() == panels[0, 1].get_ylim()
    assert "$d=40$" in [text.get_text() for text in panels[0, 0].get_legend().get_texts()]
    assert panels[3, 0].get_xlabel() and panels[4, 0].get_xlabel() == "dimension $d$"
