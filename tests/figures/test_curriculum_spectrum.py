"""The figure of spectra draws what its dataset holds, also with one operation and nothing reached."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.curriculum_spectrum import spectrum

STEPS, CHECKPOINTS = [11, 100, 300, 700, 1100], [0, 1, 30, 300, 1100]


def result(settings=("add", "mul", "few rows"), replicates=3, reached=True):
    noise = np.random.default_rng(0)
    count = len(settings)
    by_step, by_run = ("setting", "replicate", "step"), ("setting", "replicate")
    shape = (count, replicates, len(STEPS))
    late = np.full((count, 2, replicates), np.inf)
    if reached:
        late[0] = 500 + 50 * noise.random((2, replicates))
    words = {"long_name": "T", "units": "steps"}
    names = ("train", "test", "additive_share", "multiplicative_share", "participation", "weight_norm")
    found = {name: (by_step, noise.random(shape), {"long_name": name}) for name in names}
    measures = noise.random((3, replicates, len(CHECKPOINTS))) + 0.01
    found |= {
        name: (("replicate", "checkpoint"), values)
        for name, values in zip(("key_share", "restricted_loss", "excluded_loss"), measures, strict=True)
    }
    maps = ["add, additive", "mul, multiplicative", "mul, additive"][: max(2, count)]
    found |= {
        "concentrated_at": (("setting", "basis", "replicate"), late, words),
        "generalised_at": (by_run, late[:, 0] * 1.3, words),
        "power": (("map", "step", "frequency"), noise.dirichlet(np.ones(15), (len(maps), len(STEPS)))),
    }
    shares = {"component_share": 0.6, "walk_share": 0.6, "flipped_low": 0.5, "flipped_high": 0.7}
    found |= {name: ("component", first * 0.4 ** np.arange(4)) for name, first in shares.items()}
    runs = noise.uniform(0.9, 1.1, (replicates, 1))
    found |= {
        name: (("replicate", "component"), runs * found[name][1])
        for name in ("component_share", "flipped_low", "flipped_high")
    }
    return xr.Dataset(
        found,
        coords={
            "setting": list(settings),
            "basis": ["additive", "multiplicative"],
            "step": STEPS,
            "checkpoint": CHECKPOINTS,
            "frequency": np.arange(1, 16),
            "component": [1, 2, 3, 4],
            "map": maps,
            "operation": ("setting", ["add", "mul", "add"][:count]),
            "fraction": ("setting", [0.5, 0.5, 0.25][:count]),
            "own_basis": ("setting", ["additive", "multiplicative", "additive"][:count]),
        },
        attrs={"steps": 1100},
    )


def holds(axes, values):
    return any(
        np.shape(line.get_ydata()) == np.shape(values) and np.allclose(line.get_ydata(), values)
        for line in axes.lines
    )


def test_panels_hold_the_means_of_their_curves():
    data = result()
    panels = spectrum(data).axes
    for place in range(3):
        for basis in ("additive", "multiplicative"):
            assert holds(panels[3], data[f"{basis}_share"][place].mean("replicate"))
        assert holds(panels[4], data.participation[place].mean("replicate"))
        assert holds(panels[5], data.weight_norm[place].mean("replicate"))
    assert holds(panels[6], data.test[0].mean("replicate"))
    assert holds(panels[6], data.key_share[:, 2:].mean("replicate"))
    for replicate in range(data.sizes["replicate"]):
        assert holds(panels[8], data.component_share[replicate])
    assert [text.get_text() for text in panels[8].get_legend().get_texts()].count("runs") == 1
    assert len(panels[8].get_legend().get_texts()) == 3


def test_maps_are_the_power():
    data = result()
    panels = spectrum(data).axes
    for place in range(3):
        np.testing.assert_allclose(panels[place].collections[0].get_array(), data.power[place].T)


@pytest.mark.parametrize("case", [{"settings": ("add", "mul")}, {"reached": False}, {"replicates": 1}])
def test_fewer_settings_runs_and_times_are_drawn(case):
    data = result(**case)
    drawing = spectrum(data)
    drawing.canvas.draw()
    times = drawing.axes[7]
    triangles = [line for line in times.lines if line.get_marker() == "^"]
    never = int(np.isinf(data.generalised_at.values).sum())
    assert sum(len(line.get_xdata()) for line in triangles) == never


def test_its_words_name_the_claim():
    assert spectrum.words.claims == ("e4_q6_spectrum_precedes",)
