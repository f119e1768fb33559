"""The figure of transfer writes and colours what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.curriculum_transfer import transfer, with_returns

NAMES = ["add", "sub", "max"]


@pytest.fixture(scope="module")
def data():
    noise = np.random.default_rng(0)
    count = len(NAMES)
    by_pair, by_run = ("source", "target"), ("source", "target", "replicate")
    same = np.eye(count, dtype=bool)
    gain, lost = noise.uniform(-0.4, 0.4, (count, count, 4)), noise.uniform(0, 1, (count, count, 4))
    gain[same] = lost[same] = np.nan
    ratio = np.where(same, np.nan, noise.uniform(0.6, 1.8, (count, count)))
    found = xr.Dataset(
        {
            "gain": (by_run, gain, {"long_name": "gain"}),
            "forgetting": (by_run, lost, {"long_name": "forgetting"}),
            "speed_up": ((*by_pair, "threshold"), np.stack([ratio, ratio + 1], axis=-1)),
            "backward_transfer": (by_run, -lost + 0.1),
            "forward_transfer": (by_run, gain / 2),
        },
        coords={"source": NAMES, "target": NAMES, "threshold": [0.9, 0.5]},
    )
    means = {"gain": gain, "forgetting": lost, "forward_transfer": gain / 2}
    for name, values in ((name, each.mean(axis=-1)) for name, each in means.items()):
        found[f"{name}_low"], found[f"{name}_high"] = (by_pair, values - 0.05), (by_pair, values + 0.05)
    for end, shift in (("low", -0.2), ("high", 0.2)):
        found[f"speed_up_{end}"] = found.speed_up + shift
    return found


@pytest.fixture(scope="module")
def panels(data):
    return transfer(data).axes


def _texts(axes):
    return {tuple(int(part) for part in text.get_position()): text.get_text() for text in axes.texts}


def test_cells_say_the_number_and_its_interval(data, panels):
    texts = _texts(panels[0])
    assert len(texts) == 6 and (0, 0) not in texts
    value = float(data.speed_up.sel(source="add", target="max", threshold=0.9))
    assert texts[2, 0] == f"{value:.2f}\n{value - 0.2:.2f} to {value + 0.2:.2f}"
    mean = float(data.forgetting.sel(source="max", target="sub").mean())
    assert _texts(panels[2])[1, 2].startswith(f"{mean:.2f}\n")


def test_colours_are_even_about_no_change(data, panels):
    drawn = panels[0].images[0].get_array()
    ratio = data.speed_up.isel(threshold=0).transpose("source", "target").values
    expected = np.log(ratio) / np.nanmax(np.abs(np.log(ratio)))
    np.testing.assert_allclose(drawn.filled(np.nan), expected)
    np.testing.assert_allclose(panels[1].images[0].get_array().filled(np.nan), data.gain.mean("replicate"))
    lost = panels[2].images[0].get_array().filled(np.nan)
    np.testing.assert_allclose(lost, 2 * data.forgetting.mean("replicate", skipna=False) - 1)


def test_rows_are_sources_and_columns_targets(panels):
    for axes in panels[:3]:
        assert [text.get_text() for text in axes.get_xticklabels()] == NAMES
        assert axes.get_xlabel().startswith("target") and axes.get_ylabel().startswith("source")


def test_forward_stands_against_backward_transfer(data, panels):
    points = [container.lines[0].get_xydata()[0] for container in panels[3].containers]
    off = [(row, column) for row in range(3) for column in range(3) if row != column]
    names = ("backward_transfer", "forward_transfer")
    expected = [[data[name].values[place].mean() for name in names] for place in off]
    np.testing.assert_allclose(points, expected)


def test_one_seed_has_numbers_without_intervals(data):
    lone = data.isel(replicate=[0]).copy()
    for name in ("gain", "forgetting", "speed_up"):
        lone[f"{name}_low"], lone[f"{name}_high"] = (
            lone[f"{name}_low"] * -np.inf,
            lone[f"{name}_high"] * np.inf,
        )
    assert all("to" not in text for text in _texts(transfer(lone).axes[0]).values())


def test_a_missing_number_is_a_question_mark(data):
    broken = data.copy(deep=True)
    broken.gain.loc[{"source": "add", "target": "sub", "replicate": 1}] = np.nan
    assert _texts(transfer(broken).axes[1])[1, 0].startswith("?")


@pytest.fixture
def returned():
    noise = np.random.default_rng(2)
    first, again = noise.uniform(20, 90, (2, 2, 3))
    again[1, 0] = first[0, 2] = np.inf
    by_step = ("moments", "replicate", "step")
    words = {"long_name": "test accuracy"}
    return xr.Dataset(
        {name: (by_step, noise.random((2, 3, 6)), words) for name in ("source", "target")}
        | {"first_time": (by_step[:2], first), "again_time": (by_step[:2], again)}
        | {"unmet_time": ("replicate", np.array([30.0, 40.0, np.inf]))},
        coords={
            "moments": ["kept", "reset"],
            "step": ("step", np.arange(0, 251, 50), {"long_name": "steps $t$"}),
        },
        attrs={"source_steps": 100, "target_steps": 50},
    )


def test_a_source_that_comes_back_has_a_row_of_its_own(data, returned):
    curves, times = transfer(with_returns(data, returned)).axes[4:6]
    thick = [line.get_ydata() for line in curves.lines if line.get_linewidth() == 1.3]
    expected = [
        returned[name].isel(moments=place).mean("replicate")
        for place in (0, 1)
        for name in ("source", "target")
    ]
    np.testing.assert_allclose(thick, expected)
    assert [line.get_xdata()[0] for line in curves.lines if line.get_linestyle() == ":"] == [100, 150]
    late = [line.get_ydata().tolist() for line in times.lines if line.get_marker() == "^"]
    assert late == [[pytest.approx(104)], [], [], [pytest.approx(104)], [pytest.approx(104)]]
    (control,) = (line.get_ydata().tolist() for line in times.lines if line.get_marker() == "D")
    assert control == [30, 40] and times.get_xticklabels()[2].get_text() == "target first"
    shown = [line.get_ydata() for line in times.lines if line.get_marker() in ("o", "s")]
    np.testing.assert_allclose(shown[0], returned.first_time[0, :2])
    np.testing.assert_allclose(shown[3], returned.again_time[1, 1:])
    lone = transfer(with_returns(data, returned.isel(replicate=[0])))
    assert len(lone.axes) == 6 and len(transfer(data).axes) == 4
