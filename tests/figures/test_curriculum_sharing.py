"""The figure of sharing draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures.curriculum_sharing import sharing

STEPS = [0, 1, 10, 100, 1200]


@pytest.fixture(scope="module")
def data():
    noise = np.random.default_rng(0)
    by_step = ("partner", "step", "replicate")
    shape = (2, len(STEPS), 3)
    power = -np.sort(-noise.dirichlet(np.ones(15), (2, 3, 2)), axis=-1)
    return xr.Dataset(
        {
            "between": (by_step, noise.uniform(0, 1, shape), {"long_name": "CKA"}),
            "by_answer": (by_step, noise.uniform(0, 1, shape)),
            "to_final": (by_step, noise.uniform(0, 1, shape), {"long_name": "CKA"}),
            "gradient_cosine": ((*by_step, "rows"), noise.uniform(-1, 1, (*shape, 2))),
            "embedding_cosine": ((*by_step, "rows"), noise.uniform(-1, 1, (*shape, 2))),
            "share": ((*by_step, "basis"), noise.uniform(0.4, 1, (*shape, 2))),
            "power": (("partner", "replicate", "basis", "rank"), power),
            "probe": ((*by_step, "layer", "read"), noise.uniform(0, 1, (*shape, 2, 3))),
        },
        coords={
            "partner": ["add", "mul"],
            "step": ("step", STEPS, {"long_name": "training steps $t$"}),
            "rows": ["train", "test"],
            "basis": ["additive", "multiplicative"],
            "read": ["a", "b", "answer"],
            "rank": np.arange(1, 16),
        },
        attrs={"prime": 31},
    )


@pytest.fixture(scope="module")
def panels(data):
    return sharing(data).axes


def _lines(axes, thin):
    curves = [line for line in axes.lines if len(line.get_xdata()) == 4]
    return [line for line in curves if (line.get_linewidth() < 1) == thin]


@pytest.mark.parametrize(
    ("panel", "thin", "name", "rows"),
    [
        (0, False, "between", None),
        (0, True, "by_answer", None),
        (1, False, "to_final", None),
        (2, False, "gradient_cosine", "test"),
        (2, True, "gradient_cosine", "train"),
        (3, False, "embedding_cosine", "test"),
        (3, True, "embedding_cosine", "train"),
    ],
)
def test_curves_are_means_over_seeds_after_the_start(data, panels, panel, thin, name, rows):
    values = data[name] if rows is None else data[name].sel(rows=rows)
    lines = _lines(panels[panel], thin)
    assert len(lines) == 2
    for place, line in enumerate(lines):
        np.testing.assert_allclose(line.get_xdata(), STEPS[1:], rtol=0.03)
        np.testing.assert_allclose(line.get_ydata(), values.values[place, 1:].mean(axis=-1))


@pytest.mark.parametrize(("panel", "thin", "read"), [(6, False, 2), (7, False, 0), (7, True, 1)])
def test_probes_have_panels_of_their_own(data, panels, panel, thin, read):
    for place, line in enumerate(_lines(panels[panel], thin)):
        expected = data.probe.values[place, 1:, :, -1, read].mean(axis=-1)
        np.testing.assert_allclose(line.get_ydata(), expected)
    (chance,) = (line for line in panels[panel].lines if len(line.get_xdata()) == 2)
    assert chance.get_ydata()[0] == pytest.approx(1 / 31)


def test_spectra_of_both_bases(data, panels):
    additive, multiplicative = panels[5].lines[:2]
    np.testing.assert_allclose(additive.get_ydata(), data.power.values[0, :, 0].mean(axis=0))
    np.testing.assert_allclose(multiplicative.get_ydata(), data.power.values[0, :, 1].mean(axis=0))
    assert (additive.get_marker(), multiplicative.get_marker()) == ("o", "s")
    np.testing.assert_allclose(panels[4].lines[1].get_ydata(), data.share.values[0, 1:, :, 1].mean(axis=-1))


def test_one_seed_is_drawn_without_intervals(data):
    assert not sharing(data.isel(replicate=[0])).axes[0].collections


def test_intervals_are_of_the_mean(data, panels):
    (bars, _) = panels[1].collections
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    mean = data.to_final.values[0, 1:].mean(axis=-1)
    assert ((ends[:, 0] <= mean) & (mean <= ends[:, 1])).all() and (ends[:, 0] < ends[:, 1]).all()
