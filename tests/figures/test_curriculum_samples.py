"""The figure of memorised rows draws what its dataset holds, with and without ranks."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.curriculum_samples import samples

MOMENTS, SHOWN, P = [25, 100, 400, 900], [100, 400, 900], 7


def result(ranked=True, shown=3):
    noise = np.random.default_rng(0)
    names = ("train", "test", "mean", "variance", "chance", "same_operands", "other_rows")
    found = {name: ("moment", noise.uniform(0.1, 0.9, 4), {"long_name": name}) for name in names}
    found["chance_low"] = "moment", found["chance"][1] * 0.9
    found["chance_high"] = "moment", found["chance"][1] * 1.1
    found["memorised"] = (
        ("shown", "first", "second"),
        noise.uniform(-1, 1, (shown, P, P)),
        {"long_name": "mem"},
    )
    edges = np.linspace(-1, 1, 41)
    counts = np.stack([np.histogram(table, edges)[0] for table in found["memorised"][1]])
    found["histogram"] = ("shown", "bin"), counts
    found["chance_histogram"] = ("shown", "bin"), counts[:, ::-1] * 1.0
    if ranked:
        for name in ("train", "test", "mem"):
            values = noise.random((shown, P))
            for ending, shift in (("", 0), ("_low", -0.1), ("_high", 0.1)):
                found[f"{name}_by_rank{ending}"] = ("shown", "rank"), values + shift, {"long_name": name}
        found["exposure"] = "rank", 1.0 / np.arange(1, P + 1)
        found["rank"] = "rank", np.arange(1, P + 1)
    coords = {"moment": MOMENTS, "shown": SHOWN[:shown], "bin": edges[:-1]}
    coords |= {"first": np.arange(P), "second": np.arange(P)}
    return xr.Dataset(found, coords=coords, attrs={"exponent": 1.0})


def holds(axes, values):
    return any(
        np.shape(line.get_ydata()) == np.shape(values) and np.allclose(line.get_ydata(), values)
        for line in axes.lines
    )


@pytest.mark.parametrize("ranked", [True, False])
def test_panels_hold_the_dataset(ranked):
    data = result(ranked)
    drawing = samples(data)
    drawing.canvas.draw()
    panels = drawing.axes
    for place, names in enumerate(
        [("train", "test", "mean"), ("variance", "chance"), ("same_operands", "other_rows")]
    ):
        for name in names:
            assert holds(panels[place], data[name])
    for place in range(3):
        observed, chance = panels[3 + place].patches
        np.testing.assert_array_equal(observed.get_data().values, data.histogram[place])
        np.testing.assert_array_equal(chance.get_data().values, data.chance_histogram[place])
        np.testing.assert_array_equal(panels[6 + place].images[0].get_array(), data.memorised[place])
    visible = sum(axes.get_visible() for axes in panels)
    assert visible == (13 if ranked else 10)  # one is the colour bar
    if ranked:
        for place, name in enumerate(("train", "test", "mem")):
            for step in SHOWN:
                assert holds(panels[9 + place], data[f"{name}_by_rank"].sel(shown=step))


def test_fewer_shown_steps_leave_panels_out():
    drawing = samples(result(ranked=False, shown=1))
    drawing.canvas.draw()
    assert sum(axes.get_visible() for axes in drawing.axes) == 6
