"""Curves of return and speciation times are drawn for one training set and for several; missing ones are not."""

import io

import numpy as np
import pytest
import xarray as xr

from companion.figures import unet_speciation as figures
from companion.figures.unet_classes import CLASS_COLOURS

TIMES = np.array([0.1, 0.5, 1.5, 5.0])


def of(replicates):
    draws = np.random.default_rng(replicates)
    returned = np.sort(draws.uniform(0.5, 1, (2, replicates, 4, 2)), axis=2)[:, :, ::-1]
    by_level, by_run = ("minority", "replicate", "level", "label"), ("minority", "replicate", "label")
    time = draws.uniform(0.6, 1.4, (2, replicates, 2))
    return xr.Dataset(
        {
            "returned": (by_level, returned, {"long_name": r"share that returns $\phi_c$"}),
            "returned_low": (by_level, returned - 0.05),
            "returned_high": (by_level, returned + 0.05),
            "floor": (by_run, returned[:, :, -1]),
            "time": (by_run, time, {"long_name": "$t_S^c$"}),
            "time_low": (by_run, time - 0.1),
            "time_high": (by_run, time + 0.2),
        },
        coords={
            "minority": [16, 4],
            "share": ("minority", [0.5, 0.125], {"long_name": "share of the images"}),
            "level": [136, 311, 550, 999],
            "level_time": ("level", TIMES, {"long_name": r"$t_{OU}$"}),
            "class_name": ("label", ["Bag", "Trouser"]),
        },
        attrs={"total": 32},
    )


def drawn(data):
    drawing = figures.speciation(data)
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


def markers(axes):
    return [container.lines[0].get_xydata() for container in axes.containers]


def test_one_training_set_has_bars_and_its_times():
    data = of(1)
    first, second, times = drawn(data)
    for place, axes in enumerate((first, second)):
        for label, points in enumerate(markers(axes)):
            np.testing.assert_allclose(points[:, 0], TIMES, rtol=0.02)
            np.testing.assert_allclose(points[:, 1], data.returned[place, 0, :, label])
        triangles = [line for line in axes.lines if line.get_marker() == "v"]
        assert [line.get_color() for line in triangles] == list(CLASS_COLOURS)
        for label, line in enumerate(triangles):
            wanted = (float(data.time[place, 0, label]), (1 + float(data.floor[place, 0, label])) / 2)
            np.testing.assert_allclose(line.get_xydata()[0], wanted)
    assert [axes.get_title() for axes in (first, second)] == ["16 + 16 images", "4 + 28 images"]
    points = np.concatenate(markers(times))
    np.testing.assert_allclose(np.sort(points[:, 1]), np.sort(data.time.values.ravel()))
    assert [tick.get_text() for tick in times.get_xticklabels()] == ["1/2", "1/8"]


def test_several_training_sets_are_thin_lines_about_their_median():
    data = of(5)
    first, _, times = drawn(data)
    for label, colour in enumerate(CLASS_COLOURS):
        curves = [line for line in first.lines if line.get_color() == colour and len(line.get_xdata()) == 4]
        assert len(curves) == 6
        np.testing.assert_allclose(curves[-1].get_ydata(), np.median(data.returned[0, :, :, label], axis=0))
        assert curves[-1].get_linewidth() > curves[0].get_linewidth()
    means = np.concatenate(markers(times))[:, 1]
    np.testing.assert_allclose(np.sort(means), np.sort(data.time.mean("replicate").values.ravel()))


def test_noise_levels_stand_above():
    (first, *_) = drawn(of(1))
    (above,) = first.child_axes
    names = [tick.get_text() for tick in above.get_xticklabels()]
    assert (names[0], names[-1]) == ("136", "999")


def test_a_time_that_cannot_be_told_is_a_dash():
    data = of(2)
    data.time[{"minority": 1, "label": 0}] = np.nan
    _, second, times = drawn(data)
    assert [text.get_text() for text in times.texts].count("—") == 1
    assert sum(line.get_marker() == "v" for line in second.lines) == 1
    assert len(np.concatenate(markers(times))) == 3


def test_of_two_training_sets_one_may_be_missing():
    data = of(2)
    for name in ("returned", "floor", "time", "time_low", "time_high", "returned_low", "returned_high"):
        data[name][{"replicate": 1}] = np.nan
    first, _, times = drawn(data)
    curves = [line for line in first.lines if len(line.get_xdata()) == 4]
    assert any(np.array_equal(line.get_ydata(), data.returned[0, 0, :, 0]) for line in curves)
    np.testing.assert_allclose(
        np.sort(np.concatenate(markers(times))[:, 1]), np.sort(data.time[:, 0].values.ravel())
    )


@pytest.mark.parametrize(("share", "text"), [(0.5, "1/2"), (0.125, "1/8"), (0.3, "0.3")])
def test_shares_are_written_as_one_reads_them(share, text):
    assert figures._fraction(share) == text
