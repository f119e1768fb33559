"""What was evaluated is drawn as it is: histograms, sweeps, classes, pictures."""

import io
from typing import Any

import numpy as np
import pytest
import xarray as xr

from companion.figures import evaluation as figures
from companion.figures.style import PALETTE


def drawn(drawing: Any) -> list[Any]:
    """Panels of a figure that has been drawn for good: warnings of the canvas are errors here."""
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


@pytest.fixture
def data():
    draws = np.random.default_rng(0)
    levels = np.linspace(0.1, 1.0, 10)
    share = np.sort(draws.random((2, 10)), axis=1)
    fraction = draws.uniform(0.2, 0.5, size=(2, 3))
    fraction[1, 2] = np.nan
    variables = {
        "generated_density": ("bin", draws.random(50)),
        "null_density": ("bin", draws.random(50)),
        "memorised_fraction": 0.3,
    }
    for name, values in zip(("memorised", "null"), share, strict=True):
        variables |= {name: ("threshold", values)}
        variables |= {
            f"{name}_{end}": ("threshold", values + gap) for end, gap in (("lower", -0.1), ("upper", 0.1))
        }
    for rule, values in zip(("by_nearest", "by_discriminant"), fraction, strict=True):
        name = f"class_fraction_{rule}"
        variables |= {name: ("label", values), f"{name}_lower": ("label", values - 0.1)}
        variables |= {f"{name}_upper": ("label", values + 0.1)}
    pictures = draws.random((2, 5, 6, 4))
    variables |= {
        "shown_sample": (("shown", "row", "column"), 3 * pictures[0]),
        "shown_nearest": (("shown", "row", "column"), pictures[1]),
        "shown_ratio": ("shown", [0.1, 0.2, 0.5, 0.9, 1.0]),
    }
    coordinates = {"bin": (np.arange(50) + 0.5) / 50, "threshold": levels, "label": [1, 5, 8]}
    return xr.Dataset(variables, coordinates, {"threshold": 1 / 3})


def test_histograms_and_sweeps_show_their_numbers(data):
    left, middle, _ = drawn(figures.ratios(data))
    real, generated = left.patches
    np.testing.assert_array_equal(real.get_data().values, data.null_density)
    np.testing.assert_array_equal(generated.get_data().values, data.generated_density)
    np.testing.assert_allclose(generated.get_data().edges, np.linspace(0, 1, 51))
    curves = [line for line in middle.lines if len(line.get_xdata()) > 2]
    for line, name in zip(curves, ("null", "memorised"), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([data.threshold, data[name]], axis=1))
    for axes in (left, middle):
        (threshold,) = [line for line in axes.lines if len(line.get_xdata()) == 2]
        np.testing.assert_allclose(threshold.get_xdata(), 1 / 3)


def test_classes_stand_at_their_fractions_under_their_labels(data):
    axes = drawn(figures.ratios(data))[2]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "5", "8"]
    for container, rule in zip(axes.containers, ("by_nearest", "by_discriminant"), strict=True):
        found = container.lines[0].get_xydata()
        np.testing.assert_array_equal(found[:, 1], data[f"class_fraction_{rule}"])
        np.testing.assert_allclose(found[:, 0].round(), [0, 1, 2])
    assert axes.get_ylim()[1] > float(data.class_fraction_by_nearest_upper.max())


def test_without_labels_or_null_images_their_parts_are_left_out(data):
    bare = data.drop_dims("label")
    bare["null_density"] = bare.null_density * np.nan
    for name in ("null", "null_lower", "null_upper"):
        bare[name] = bare[name] * np.nan
    panels = drawn(figures.ratios(bare))
    assert len(panels) == 2
    assert len(panels[0].patches) == 1
    assert [text.get_text() for text in panels[1].get_legend().get_texts()] == ["generated"]


def test_pictures_stand_above_their_neighbours_on_one_scale(data):
    panels = drawn(figures.samples(data))
    assert len(panels) == 10
    limits = float(data.shown_nearest.min()), float(data.shown_nearest.max())
    for place, axes in enumerate(panels):
        name = "shown_sample" if place < 5 else "shown_nearest"
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), data[name][place % 5])
        assert image.get_clim() == limits
    for axes, ratio in zip(panels, data.shown_ratio.values, strict=False):
        assert axes.get_title() == f"{ratio:.2f}"
        memorised = axes.title.get_color() == PALETTE["vermilion"]
        assert memorised == (ratio < 1 / 3)


def test_a_single_pair_of_pictures(data):
    assert len(drawn(figures.samples(data.isel(shown=slice(1))))) == 2
