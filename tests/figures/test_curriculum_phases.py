"""The figure of the phases draws times, censored shares and delays as the dataset holds them."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import curriculum_phases as figures

NEVER = np.inf


@pytest.fixture
def grid() -> xr.Dataset:
    """T_gen = 400/(f λ), T_mem = 50; of the lowest share no run or one of three gets there."""
    share, decay = np.array([0.3, 0.5, 0.8]), np.array([0.5, 1.0, 2.0])
    generalised = (400 / (share[:, None] * decay))[..., None] * np.array([0.9, 1.0, 1.2])
    generalised[0, :2] = NEVER
    generalised[0, 2, 1:] = NEVER
    generalised[1, 0, 2] = NEVER
    dims = ("fraction", "weight_decay", "replicate")
    return xr.Dataset(
        {
            "memorised_at": (dims, np.full((3, 3, 3), 50.0), {"long_name": "$T_m$", "units": "steps"}),
            "generalised_at": (dims, generalised, {"long_name": "$T_g$", "units": "steps"}),
            "final_test": (dims, np.linspace(0.1, 1.0, 27).reshape(3, 3, 3), {"long_name": "accuracy"}),
        },
        coords={
            "fraction": ("fraction", share, {"long_name": "share"}),
            "weight_decay": ("weight_decay", decay, {"long_name": "decay"}),
        },
        attrs={"steps": 2000},
    )


def words(axes):
    """What is written into the cells, row by row from below."""
    cells = [text for text in axes.texts if all(float(place).is_integer() for place in text.get_position())]
    return [text.get_text() for text in sorted(cells, key=lambda text: text.get_position()[::-1])]


def test_the_map_says_how_many_runs_are_late(grid):
    chart = figures.phases(grid).axes[0]
    assert words(chart) == [
        "3/3 never",
        "3/3 never",
        "2/3 never",
        "1600\n1/3 never",
        "800\n$\\times$16",
        "400\n$\\times$8",
        "1000\n$\\times$20",
        "500\n$\\times$10",
        "250\n$\\times$5",
    ]
    assert len([patch for patch in chart.patches if patch.get_hatch()]) == 3
    shown = chart.collections[0].get_array().reshape(3, 3)
    assert shown.mask.tolist() == [[True] * 3, [False] * 3, [False] * 3]
    np.testing.assert_allclose(shown[1:], np.median(grid.generalised_at[1:], axis=-1))


def test_delays_are_medians_and_shares_without_one_are_crossed(grid):
    delays = figures.phases(grid).axes[1]
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in delays.lines}
    np.testing.assert_allclose(lines["$f=0.8$"], [950, 450, 200])
    np.testing.assert_allclose(lines["$f=0.5$"], [1550, 750, 350])
    assert lines["$f=0.3$"].size == 0
    # Not one cross for the shares that do generalise.
    assert len([line for line in delays.lines if line.get_marker() == "x"]) == 3
    guide = lines["$1/\\lambda$"]
    np.testing.assert_allclose(guide / guide[0], [1, 1 / 2, 1 / 4])


def test_final_accuracies_are_means_over_runs(grid):
    ends = figures.phases(grid).axes[2]
    drawn = [np.asarray(container.lines[0].get_ydata()) for container in ends.containers]
    np.testing.assert_allclose(drawn, grid.final_test.mean("replicate").values.T)


def test_a_grid_where_nothing_generalises_can_be_drawn(grid):
    for value, text in ((NEVER, "3/3 never"), (np.nan, "missing")):
        drawing = figures.phases(grid.assign(generalised_at=grid.generalised_at * value))
        assert words(drawing.axes[0]) == [text] * 9
        drawing.draw_without_rendering()
