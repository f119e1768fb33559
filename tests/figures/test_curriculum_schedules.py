"""The figure of schedules draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import curriculum_schedules as figures
from companion.figures.style import PALETTE

NAMES = ["interleaved", "blocked", "gate", "consolidated 0.1", "consolidated 1"]


def dataset(names=NAMES, seeds=3, operations=("add", "sub")):
    random = np.random.default_rng(0)
    strength = [float(name.split()[1]) if "consolidated" in name else 0.0 for name in names]
    step = np.arange(0, 101, 20)
    shape = (len(names), seeds, len(operations))
    weight = random.uniform(size=(len(names), step.size, len(operations)))
    numbers = {name: random.uniform(size=shape) for name in ("final", "forgetting", "equal_exposure")}
    blocked = np.array([name not in ("interleaved", "gate") for name in names])
    numbers["stage_end"] = np.where(blocked[:, None, None], 0.5, np.nan) * np.ones(shape)
    return xr.Dataset(
        {name: (("schedule", "replicate", "operation"), values) for name, values in numbers.items()}
        | {
            "test_accuracy": (
                ("schedule", "replicate", "step", "operation"),
                random.uniform(size=(len(names), seeds, step.size, len(operations))),
            ),
            "weight": (
                ("schedule", "step", "operation"),
                weight / weight.sum(axis=2, keepdims=True),
            ),
        },
        coords={
            "schedule": list(names),
            "consolidation": ("schedule", strength),
            "step": ("step", step, {"long_name": "training steps $t$"}),
            "operation": list(operations),
        },
        attrs={"steps": 100, "switches": 40, "decay_from": 70},
    )


def titled(drawing, text):
    (found,) = [axes for axes in drawing.axes if axes.get_title(loc="right") == text]
    return found


def test_curves_are_seeds_and_their_mean():
    data = dataset()
    drawing = figures.schedules(data)
    axes = titled(drawing, "blocked")
    own = data.test_accuracy.sel(schedule="blocked", operation="sub")
    lines = [line for line in axes.lines if line.get_color() == PALETTE["vermilion"]]
    assert len(lines) == 4
    np.testing.assert_allclose(lines[-1].get_ydata(), own.mean("replicate"))
    np.testing.assert_allclose(np.stack([line.get_ydata() for line in lines[:3]]), own)
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [70]


def test_stages_are_shaded_where_there_are_stages():
    data = dataset()
    data.weight.loc[{"schedule": "blocked"}] = np.where(data.step.values[:, None] < 40, [1, 0], [0, 1])
    drawing = figures.schedules(data)
    spans = titled(drawing, "blocked").patches
    assert [patch.get_x() for patch in spans] == [0, 40]
    assert [patch.get_width() for patch in spans] == [40, 60]
    colours = [tuple(patch.get_facecolor()[:3]) for patch in spans]
    assert colours[0] != colours[1]
    assert not titled(drawing, "interleaved").patches


def test_of_several_strengths_the_strongest_has_curves():
    drawing = figures.schedules(dataset())
    titles = [axes.get_title(loc="right") for axes in drawing.axes if axes.get_title(loc="right")]
    assert titles == ["interleaved", "blocked", "gate", r"blocked, $\gamma=1$"]
    letters = [axes.get_title(loc="left") for axes in drawing.axes if axes.get_title(loc="left")]
    assert letters == [f"({letter})" for letter in "abcdefg"]


def test_bars_are_means_over_seeds_of_every_schedule():
    data = dataset()
    data.equal_exposure[1, 0, 0] = data.equal_exposure[2, :, 1] = np.nan
    panels = figures.schedules(data).axes[-3:]
    for axes, name in zip(panels, ("final", "forgetting", "equal_exposure"), strict=True):
        widths = [[bar.get_width() for bar in container] for container in axes.containers]
        np.testing.assert_allclose(widths, data[name].mean("replicate").transpose("operation", "schedule"))
        assert axes.get_xlabel()
    labels = [tick.get_text() for tick in panels[0].get_yticklabels()]
    assert labels[:3] == NAMES[:3] and labels[3:] == [r"blocked, $\gamma=0.1$", r"blocked, $\gamma=1$"]


@pytest.mark.parametrize(
    ("names", "operations"),
    [(["interleaved"], ("add", "sub")), (["interleaved", "blocked", "annealed", "replay"], ("a", "b", "c"))],
)
def test_any_number_of_schedules_and_operations(names, operations):
    data = dataset(names, operations=operations)
    drawing = figures.schedules(data)
    assert len([axes for axes in drawing.axes if axes.get_title(loc="right")]) == len(names)
    (legend,) = [axes.get_legend() for axes in drawing.axes if axes.get_legend()]
    assert [text.get_text() for text in legend.get_texts()][:-1] == list(operations)
