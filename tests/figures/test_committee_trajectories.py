"""The figure of trajectories draws what the dataset holds."""

import numpy as np
import pytest

from companion.figures import committee_trajectories as figures
from companion.studies import committee_trajectories as study


@pytest.fixture
def data(project):
    return study.trajectories(
        [0.0, 0.3, np.pi / 4], 0.3, 1e-3, 60, 2, 0, first_time=20.0, moments=9, run_moments=4
    )


def heights(axes):
    return [
        np.asarray(container.lines[0].get_ydata())
        for container in axes.containers
        if hasattr(container, "lines")
    ]


def test_trajectories_draw_errors_overlaps_and_shares(data):
    network, errors, overlaps, *shares = (
        axes for axes in figures.trajectories(data).axes if axes.get_visible()
    )
    assert [text.get_text() for text in network.texts if text.get_text().startswith("task")] == [
        "task 1",
        "task 2",
    ]
    lines = [line.get_ydata() for line in errors.lines if len(line.get_xdata()) == data.sizes["time"]]
    np.testing.assert_allclose(lines, data.error)
    np.testing.assert_allclose(heights(errors), data.run_error.mean("run"))
    bars = [bar.get_height() for bar in overlaps.patches]
    np.testing.assert_allclose(bars, data.overlap.values.ravel())
    for place, axes in enumerate(shares):
        lines = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == data.sizes["time"]]
        np.testing.assert_allclose(lines, data["share"].isel(start=place).T)
        np.testing.assert_allclose(heights(axes), data.run_share.isel(start=place).mean("run").T)
        assert axes.get_xlabel()
    titles = [axes.get_title("right") for axes in shares]
    assert titles[0] == r"$\theta=0$: $S_\mathrm{use}=1.00$"
    assert titles[2] == r"$\theta=\pi/4$: $S_\mathrm{use}=0.00$"


def test_errors_that_vanish_leave_the_logarithmic_axis_alone(data):
    data.run_error[0, -1] = 0.0
    errors = figures.trajectories(data).axes[1]
    assert [len(each) for each in heights(errors)] == [3, 4, 4]


@pytest.mark.parametrize(
    ("theta", "text"), [(0.0, r"$\theta=0$"), (0.3, r"$\theta=0.3$"), (np.pi / 4, r"$\theta=\pi/4$")]
)
def test_angles_are_written_as_one_reads_them(theta, text):
    assert figures._angle(theta) == text
