"""Survival curves, censored copies and concordances are drawn as they are; what is missing is not drawn."""

import io

import numpy as np
import pytest
import xarray as xr

from companion.figures import unet_survival as figures
from companion.figures.unet_classes import CLASS_COLOURS

STEPS = np.array([0, 10, 20, 40])
PREDICTORS = ["label", "centroid_distance", "neighbour_distance", "density_distance", "twin"]
PAIRS = [["Bag", "Trouser"], ["Shirt", "Sneaker"], ["Trouser", "Sneaker"]]


def of(pairs, replicates):
    draws = np.random.default_rng(0)
    times = draws.choice([10.0, 20.0, 40.0, np.inf], size=(pairs, replicates, 8))
    labels = np.repeat([0, 1], 4)
    survival = (times.reshape(pairs, replicates, 2, 4)[..., None] > STEPS).mean(axis=3)
    images, curve = ("pair", "replicate", "image"), ("pair", "label", "step")
    found = {
        name: (images, draws.uniform(1, 5, times.shape), {"long_name": name}) for name in PREDICTORS[1:4]
    }
    concordance = draws.uniform(0.2, 0.8, (pairs, replicates, 5))
    concordance[..., 4] = np.nan
    mean = concordance.mean(axis=1)
    pooled = survival.mean(axis=1)
    return xr.Dataset(
        found
        | {
            "copy_time": (images, times, {"long_name": "first copy"}),
            "survival": (("pair", "replicate", "label", "step"), survival),
            "pooled": (curve, pooled, {"long_name": "share not copied yet"}),
            "pooled_low": (curve, np.where((pooled > 0) & (pooled < 1), pooled - 0.1, np.nan)),
            "pooled_high": (curve, np.where((pooled > 0) & (pooled < 1), pooled + 0.1, np.nan)),
            "concordance": (("pair", "replicate", "predictor"), concordance),
            "concordance_mean": (("pair", "predictor"), mean),
            "concordance_low": (("pair", "predictor"), mean - 0.1 if replicates > 1 else mean - np.inf),
            "concordance_high": (("pair", "predictor"), mean + 0.1 if replicates > 1 else mean + np.inf),
        },
        coords={
            "pair": [" / ".join(pair) for pair in PAIRS[:pairs]],
            "class_name": (("pair", "label"), PAIRS[:pairs]),
            "step": STEPS,
            "image_label": ("image", labels),
            "predictor": PREDICTORS,
        },
    )


def drawn(data):
    drawing = figures.survival(data)
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


@pytest.mark.parametrize(("pairs", "replicates"), [(1, 1), (2, 3), (3, 1)])
def test_a_panel_for_each_pair_and_three_more(pairs, replicates):
    data = of(pairs, replicates)
    panels = drawn(data)
    assert len(panels) == pairs + 3
    for place, axes in enumerate(panels[:pairs]):
        names = [text.get_text() for text in axes.get_legend().get_texts()]
        assert names == PAIRS[place]
        thick = [line for line in axes.lines if line.get_linewidth() == 1.3]
        for label, line in enumerate(thick):
            np.testing.assert_array_equal(line.get_xdata(), STEPS[1:])
            np.testing.assert_allclose(line.get_ydata(), data.pooled[place, label, 1:])
        thin = [line for line in axes.lines if line.get_linewidth() == 0.4]
        assert len(thin) == (2 * replicates if replicates > 1 else 0)


def test_censored_images_are_rings_beyond_the_last_step():
    data = of(1, 2)
    panels = drawn(data)
    times = data.copy_time.values.ravel()
    for axes, name in ((panels[1], "centroid_distance"), (panels[2], "neighbour_distance")):
        values = data[name].values.ravel()
        points = np.concatenate([line.get_xydata() for line in axes.lines if line.get_marker() == "o"])
        seen = points[points[:, 1] <= STEPS[-1]]
        assert {tuple(row) for row in seen} == set(
            zip(values[np.isfinite(times)], times[np.isfinite(times)], strict=True)
        )
        assert sorted(points[points[:, 1] > STEPS[-1], 0]) == sorted(values[np.isinf(times)])
        hollow = [
            line for line in axes.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())
        ]
        assert {line.get_color() for line in hollow} <= set(CLASS_COLOURS)
        assert axes.get_yscale() == "log"


def test_nothing_copied_and_runs_that_stopped_can_be_drawn():
    data = of(1, 2)
    data.copy_time[:] = np.inf
    data.copy_time[{"replicate": 1}] = np.nan
    data.concordance[:] = np.nan
    data.concordance_mean[:] = np.nan
    panels = drawn(data)
    points = np.concatenate([line.get_xydata() for line in panels[1].lines if line.get_marker() == "o"])
    assert (points[:, 1] > STEPS[-1]).all()
    assert len(points) == 8
    assert [text.get_text().strip() for text in panels[3].texts].count("none") == 5


def test_concordances_stand_in_their_rows_with_intervals_over_training_sets():
    data = of(2, 3)
    forest = drawn(data)[-1]
    bars = {
        round(float(line.get_ydata()[0]), 3): line.get_xdata()
        for line in forest.lines
        if line.get_linewidth() == 0.7
    }
    assert len(bars) == 8  # two pairs, four predictors; no twin anywhere
    at = min(bars)
    np.testing.assert_allclose(bars[at], float(data.concordance_mean[0, 0]) + np.array([-0.1, 0.1]))
    assert [text.get_text().strip() for text in forest.texts].count("none") == 1


def test_one_training_set_has_no_interval():
    forest = drawn(of(1, 1))[-1]
    assert not [line for line in forest.lines if line.get_linewidth() == 0.7]
    marks = [
        line for line in forest.lines if line.get_marker() == "o" and np.isfinite(line.get_xdata()).all()
    ]
    assert len(marks) == 4
