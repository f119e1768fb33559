"""Controls are drawn as counted: histograms, sweeps, null rates with their intervals, the exact score by class."""

import io

import numpy as np
import pytest
import xarray as xr

from companion.analysis.statistics import wilson_band
from companion.figures import unet_controls as figures
from companion.figures.unet_classes import CLASS_COLOURS

SIZES, STEPS, SETS, SAMPLES = [8, 64], [5, 12, 25], 2, 100


@pytest.fixture
def data():
    draws = np.random.default_rng(0)
    edges = np.linspace(0, 1, 11)
    shares = np.stack([np.histogram(draws.random(200), edges)[0] / 200 for _ in range(3)])
    threshold = np.array([0.2, 0.5, 0.8])
    grid = (SETS, len(STEPS), 2)
    classes = {
        f"{prefix}class_{name}": (("set", "sampler_steps", "label"), values)
        for prefix, missed in (("", 0), ("coarse_", 20), ("twin_", 40))
        for name, values in (
            ("memorised", np.full(grid, SAMPLES // 2 - missed)),
            ("samples", np.full(grid, SAMPLES // 2)),
        )
    }
    hits = np.array([[0, 1], [2, 6]])
    low, high = wilson_band(hits, 400)
    by_size = ("size", "label")
    return xr.Dataset(
        {
            "ratio_share": (("source", "bin"), shares, {"long_name": "share of samples"}),
            "samples": ("source", [200, 200, 200]),
            "memorised": (("source", "threshold"), np.tile(threshold, (3, 1)), {"long_name": "memorised"}),
            "memorised_class": (
                ("source", "threshold", "label"),
                np.tile(threshold[:, None], (3, 1, 2)) * [1.0, 0.5],
            ),
            "null_rate": (by_size, hits / 400),
            "null_low": (by_size, low),
            "null_high": (by_size, high),
            **classes,
        },
        coords={
            "source": ["generated", "held out", "exact score"],
            "bin": ("bin", (edges[1:] + edges[:-1]) / 2, {"long_name": "$d_1/d_2$"}),
            "threshold": ("threshold", threshold, {"long_name": r"threshold $\kappa$"}),
            "size": ("size", SIZES, {"long_name": "training images $n_c$"}),
            "sampler_steps": ("sampler_steps", STEPS, {"long_name": "sampler steps $K$"}),
            "class_name": ("label", ["Bag", "Trouser"]),
        },
    )


def drawn(data):
    drawing = figures.controls(data)
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


def markers(axes):
    return [container.lines[0].get_xydata() for container in axes.containers]


def test_histograms_have_the_shares_and_the_threshold(data):
    ratios = drawn(data)[0]
    for source, patch in zip(data.source.values, ratios.patches, strict=True):
        values, edges, baseline = patch.get_data()
        wanted = data.ratio_share.sel(source=source).values
        np.testing.assert_allclose(values, np.maximum(wanted, baseline))
        np.testing.assert_allclose(edges, np.linspace(0, 1, 11), atol=1e-12)
    assert any(np.allclose(line.get_xdata(), 1 / 3) for line in ratios.lines)
    assert [text.get_text() for text in ratios.get_legend().get_texts()] == list(data.source.values)


def test_sweeps_stand_by_source_and_by_class(data):
    sweep = drawn(data)[1]
    by_class = [line for line in sweep.lines if line.get_color() in CLASS_COLOURS]
    assert [line.get_label() for line in by_class] == ["Bag", "Trouser"]
    for label, line in enumerate(by_class):
        np.testing.assert_allclose(
            line.get_ydata(), data.memorised_class.sel(source="generated").isel(label=label)
        )


def test_null_rates_have_their_intervals(data):
    null = drawn(data)[2]
    for label, points in enumerate(markers(null)):
        np.testing.assert_allclose(points[:, 0], SIZES, rtol=0.05)
        np.testing.assert_allclose(points[:, 1], data.null_rate.isel(label=label))
    ends = np.concatenate([segment for bar in null.collections for segment in bar.get_segments()])
    assert ends[:, 1].max() == pytest.approx(float(data.null_high.max()))


def test_the_exact_score_is_pooled_over_sets_and_split_by_class(data):
    exact = drawn(data)[3]
    series = markers(exact)
    assert len(series) == 6
    for points, share in zip(series, (1.0, 1.0, 0.6, 0.6, 0.2, 0.2), strict=True):
        np.testing.assert_allclose(points[:, 0], STEPS, rtol=0.05)
        np.testing.assert_allclose(points[:, 1], share)
    assert [container.lines[0].get_color() for container in exact.containers] == [*CLASS_COLOURS] * 3


def test_a_class_that_no_sample_has_is_blank(data):
    data.class_samples[{"label": 1}] = 0
    data.class_memorised[{"label": 1}] = 0
    series = markers(drawn(data)[3])
    assert np.isnan(series[1][:, 1]).all()
    assert np.isfinite(series[0]).all()
