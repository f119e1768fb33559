"""The figure of wrong labels draws what its dataset holds, for one corruption and for several."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.curriculum_corruption import corruption

NAMES = ("clean", "wrong", "corrected", "test")
STEPS = [0, 1, 20, 200, 1400, 2000]


def result(corruptions=(0.1,), decays=(0.3, 1.0, 3.0), replicates=3):
    noise = np.random.default_rng(0)
    shape = (len(corruptions), len(decays), replicates)
    dims = ("corruption", "weight_decay", "replicate")
    found = {name: ((*dims, "step"), noise.random((*shape, len(STEPS)))) for name in NAMES}
    found |= {f"{when}_{name}": (dims, noise.random(shape)) for name in NAMES for when in ("before", "final")}
    coords = {"corruption": list(corruptions), "weight_decay": list(decays), "step": STEPS}
    return xr.Dataset(found, coords=coords, attrs={"decay_from": 1400})


def holds(axes, values):
    return any(
        np.shape(line.get_ydata()) == np.shape(values) and np.allclose(line.get_ydata(), values)
        for line in axes.lines
    )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_curves_of_the_first_corruption_and_ends_of_all(count):
    data = result(corruptions=np.linspace(0.1, 0.4, count))
    drawing = corruption(data)
    drawing.canvas.draw()
    panels = [axes for axes in drawing.axes if axes.get_visible()]
    assert len(panels) == 3 + count
    for name in NAMES:
        for place in range(3):
            assert holds(panels[place], data[name][0, place].isel(step=slice(2, None)).mean("replicate"))
        for place in range(count):
            assert holds(panels[3 + place], data[f"final_{name}"][place].mean("replicate"))
            assert holds(panels[3 + place], data[f"before_{name}"][place].mean("replicate"))


def test_of_many_weight_decays_the_first_middle_and_last_are_curves():
    panels = corruption(result(decays=(0.1, 0.3, 1.0, 2.0, 3.0))).axes
    titles = [axes.get_title() for axes in panels[:3]]
    assert [title.split(",")[0] for title in titles] == [r"$\lambda=0.1$", r"$\lambda=1$", r"$\lambda=3$"]


def test_one_weight_decay_and_one_run():
    drawing = corruption(result(decays=(1.0,), replicates=1))
    drawing.canvas.draw()
    assert len([axes for axes in drawing.axes if axes.get_visible()]) == 2
