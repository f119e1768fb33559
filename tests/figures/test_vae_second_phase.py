"""The figure of a second phase draws what the dataset holds."""

import numpy as np
import xarray as xr

from companion.figures import vae_second_phase as figures


def results():
    rng = np.random.default_rng(0)
    steps = [0, 10, 100, 101, 110, 200, 1100]
    error = rng.uniform(2, 5, size=(3, 4, len(steps), 2))
    return xr.Dataset(
        {
            "error": (
                ("replicate", "imbalance", "step", "phase"),
                error,
                {"long_name": "squared error per image"},
            ),
            "forgetting": (
                ("replicate", "imbalance"),
                error[:, :, -1, 0] - error[:, :, 2, 0],
                {"long_name": "rise"},
            ),
        },
        coords={
            "imbalance": ("imbalance", [-0.5, 0.0, 0.5, 0.75], {"long_name": "L"}),
            "step": steps,
            "phase": ["squares", "ellipses"],
        },
        attrs={"switch": 100},
    )


def heights(container):
    return np.asarray(container.lines[0].get_ydata())


def test_both_errors_follow_the_switch():
    data = results()
    old, new, ends, rise = figures.vae_second_phase(data).axes
    mean = data.error.mean("replicate")
    for axes, place in ((old, 0), (new, 1)):
        for container, row in zip(axes.containers, mean.isel(phase=place).values, strict=True):
            np.testing.assert_allclose(heights(container), row[2:])
    # Steps count from the switch, which stands left of the first.
    np.testing.assert_allclose(old.containers[0].lines[0].get_xdata(), [0.4, 1, 10, 100, 1000])
    assert [tick.get_text() for tick in old.get_xticklabels()] == ["0", "1", "10", "100", "1000"]
    np.testing.assert_allclose(heights(ends.containers[0]), mean.isel(step=2, phase=0))
    np.testing.assert_allclose(heights(ends.containers[3]), mean.isel(step=-1, phase=1))
    np.testing.assert_allclose(heights(rise.containers[0]), data.forgetting.mean("replicate"))
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in (old, new, ends, rise))


def test_what_is_drawn_begins_at_the_switch():
    drawn = figures.as_drawn(results())
    assert drawn.step.values[0] == 100 and drawn.attrs["switch"] == 100
    figures.vae_second_phase(drawn)
