"""The figure of the delay of generalisation draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import curriculum_delay as figures

STEPS = np.array([0, 1, 5, 25, 100, 400, 1000])
NEVER = np.inf


@pytest.fixture
def runs() -> xr.Dataset:
    random = np.random.default_rng(0)
    shape = (3, 4, STEPS.size)
    by_step, by_level = ("setting", "replicate", "step"), ("setting", "replicate", "threshold")
    memorised, generalised = random.uniform(50, 90, (3, 4, 3)), random.uniform(300, 900, (3, 4, 3))
    generalised[2] = NEVER
    generalised[1, 0] = NEVER
    return xr.Dataset(
        {
            name: (by_step, np.sort(random.uniform(size=shape)), {"long_name": name})
            for name in ("train", "test", "unseen", "weight_norm")
        }
        | {
            "memorised_at": (by_level, memorised, {"long_name": "$T$", "units": "steps"}),
            "generalised_at": (by_level, generalised, {"long_name": "$T$", "units": "steps"}),
        },
        coords={
            "setting": ["add", "comprehension", "few rows"],
            "fraction": ("setting", [0.5, 0.6, 0.25]),
            "step": ("step", STEPS, {"long_name": "training steps $t$"}),
            "threshold": [0.8, 0.9, 0.95],
        },
    )


def thick(axes):
    """The medians over runs, in the order in which they were drawn."""
    return [np.asarray(line.get_ydata()) for line in axes.lines if line.get_linewidth() == 1.3]


def test_medians_and_runs_of_each_setting(runs):
    axes = figures.grokking(runs).axes
    for place, panel in enumerate(axes[:3]):
        own = runs.isel(setting=place, step=slice(1, None))
        expected = [own[name].median("replicate") for name in ("train", "test", "unseen")]
        np.testing.assert_allclose(thick(panel), expected)
        thin = [line.get_ydata() for line in panel.lines if line.get_linewidth() == 0.35]
        np.testing.assert_allclose(thin, own.test)
        assert panel.get_xlabel()
    assert [panel.get_title() for panel in axes[:3]] == [
        "add, $f=0.5$",
        "comprehension, $f=0.6$",
        "few rows, $f=0.25$",
    ]
    np.testing.assert_allclose(thick(axes[3]), runs.weight_norm.isel(step=slice(1, None)).median("replicate"))


def triangles(axes):
    return [np.asarray(line.get_xdata()) for line in axes.lines if line.get_marker() == "v"]


def verticals(axes):
    return [line.get_xdata()[0] for line in axes.lines if line.get_linewidth() == 0.7]


def test_times_at_the_criterion_stand_above_their_panel(runs):
    axes = figures.grokking(runs).axes
    own = runs.sel(threshold=0.9)
    np.testing.assert_allclose(triangles(axes[0])[0], own.memorised_at[0])
    np.testing.assert_allclose(triangles(axes[0])[1], own.generalised_at[0])
    np.testing.assert_allclose(
        verticals(axes[0]), [own.memorised_at[0].median(), own.generalised_at[0].median()]
    )
    # One run of four is late: it has no triangle, and the median knows it.
    assert triangles(axes[1])[1].size == 3
    assert verticals(axes[1])[1] == pytest.approx(np.median(own.generalised_at[1]))
    assert triangles(axes[2])[1].size == 0 and len(verticals(axes[2])) == 1


def test_runs_that_never_generalise_stand_at_the_edge_of_the_times(runs):
    times = figures.grokking(runs).axes[4]
    marks = [line for line in times.lines if line.get_linestyle() == "None"]
    reached = [line for line in marks if line.get_marker() != "^"]
    late = [line for line in marks if line.get_marker() == "^"]
    assert [len(line.get_xdata()) for line in reached] == [4, 3, 0]
    assert [len(line.get_xdata()) for line in late] == [0, 1, 4]
    top = times.get_ylim()[1]
    assert all((STEPS[-1] < np.asarray(line.get_ydata())).all() for line in late)
    assert all((np.asarray(line.get_ydata()) < top).all() for line in late)


def test_one_run_and_many_settings_can_be_drawn(runs):
    alone = runs.isel(replicate=[0])
    drawing = figures.grokking(alone)
    drawing.draw_without_rendering()
    assert len(drawing.axes) == 6
    many = xr.concat([runs, runs], dim="setting")
    drawing = figures.grokking(many)
    assert [axes.get_title() for axes in drawing.axes[:6]].count("add, $f=0.5$") == 2
    assert drawing.axes[8].get_legend() is not None
