"""The figure of sizes on lists draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import curriculum_lists as figures


@pytest.fixture
def data() -> xr.Dataset:
    random = np.random.default_rng(0)
    reached = random.uniform(100, 800, (2, 3, 4, 2))
    reached[0, 0, :, 1] = np.inf
    reached[1, 1, 0, 1] = np.inf
    names = ("company", "width", "replicate", "part")
    return xr.Dataset(
        {
            "reached": (names, reached, {"long_name": "$t_{90}$", "units": "steps"}),
            "final": (names, random.uniform(size=reached.shape)),
            "weight_count": (("company", "width"), np.array([[1000, 4000, 9000], [1008, 4016, 9024]])),
            "curve": (
                ("company", "size", "replicate", "step"),
                random.uniform(size=(2, 2, 4, 5)),
                {"long_name": "ADD, test accuracy"},
            ),
        },
        coords={
            "company": ["alone", "+ MAX"],
            "width": [8, 16, 24],
            "part": ["train", "test"],
            "size": [8, 24],
            "step": ("step", [0, 25, 50, 75, 100], {"long_name": "training steps $t$"}),
        },
        attrs={"steps": 900, "target": "ADD", "numbers": 10},
    )


def test_means_over_seeds_against_the_number_of_weights(data):
    axes = figures.list_sizes(data).axes[0]
    drawn = [line for line in axes.lines if len(line.get_xdata()) == 3 and line.get_marker() in "os"]
    expected = data.final.mean("replicate").transpose("company", "part", "width").values.reshape(4, 3)
    np.testing.assert_allclose([line.get_ydata() for line in drawn], expected)
    np.testing.assert_allclose(drawn[2].get_xdata(), data.weight_count[1])


def test_times_of_runs_and_those_that_never_got_there(data):
    axes = figures.list_sizes(data).axes[1]
    late = np.concatenate([line.get_ydata() for line in axes.lines if line.get_marker() == "^"])
    assert late.tolist() == [900] * 5
    medians = [
        line.get_ydata() for line in axes.lines if line.get_linestyle() == "-" and line.get_marker() == "None"
    ]
    test = data.reached.sel(part="test").values
    assert np.isnan(medians[0][0])
    np.testing.assert_allclose(medians[0][1:], np.median(test[0, 1:], axis=-1))
    np.testing.assert_allclose(medians[1], [np.median(test[1, at]) for at in range(3)])


def test_curves_of_the_smallest_and_the_largest(data):
    axes = figures.list_sizes(data).axes
    for place, panel in enumerate(axes[2:4]):
        thick = [line.get_ydata() for line in panel.lines if line.get_linewidth() == 1.2]
        np.testing.assert_allclose(thick, data.curve.isel(size=place).mean("replicate"))
    assert [panel.get_title() for panel in axes[2:4]] == ["width 8", "width 24"]


def test_the_legend_names_the_companies(data):
    drawing = figures.list_sizes(data)
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == ["ADD alone", "ADD + MAX"]
    assert len(figures.list_sizes(data.isel(replicate=[0])).axes) == 4


def test_a_shuffled_control_is_drawn_like_any_company(data):
    control = data.sel(company=["+ MAX"]).assign_coords(company=["+ MAX, shuffled"])
    drawing = figures.list_sizes(xr.concat([data, control], dim="company", data_vars="minimal"))
    names = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert names == ["ADD alone", "ADD + MAX", "ADD + MAX, shuffled"]
    thick = [line for line in drawing.axes[2].lines if line.get_linewidth() == 1.2]
    assert len(thick) == 3 and len({line.get_color() for line in thick}) == 3
