"""The figure of the readouts' entropy draws means over draws, shares, and single draws."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import committee_readouts as figures

SETTINGS = (*figures._ENTROPY, *figures._ELSEWHERE)


@pytest.fixture
def data():
    noise = np.random.default_rng(0)
    shape = (len(SETTINGS), 4, 10)
    entropy = np.tile([0.0, 0.4, 0.8, 1.0], (len(SETTINGS), 1))
    four = ["four" in name for name in SETTINGS]
    return xr.Dataset(
        {
            "specialisation": (("setting", "angle", "draw"), noise.uniform(0, 1, shape)),
            "solved": (("setting", "angle", "draw"), noise.integers(0, 2, shape)),
            "entropy": (("setting", "angle"), entropy, {"long_name": "readout entropy"}),
            "random_entropy": (("random_students", "random_draw"), noise.uniform(0.2, 1, (2, 7))),
            "selectivity": (
                ("random_students", "random_scale", "random_draw"),
                noise.uniform(0, 1, (2, 3, 7)),
            ),
            "even_selectivity": (
                ("random_students", "random_scale", "random_draw"),
                noise.uniform(0, 1, (2, 3, 7)),
            ),
        },
        coords={
            "setting": list(SETTINGS),
            "students": ("setting", [4 if each else 2 for each in four]),
            "teachers": ("setting", [1 if name == "one unit" else 2 for name in SETTINGS]),
            "weight_scale": ("setting", [1e-3 if "0.001" in name else 0.1 for name in SETTINGS]),
            "readout_scale": ("setting", [0.5] * len(SETTINGS)),
            "learning_rate": ("setting", [0.5 if "half" in name else 1.0 for name in SETTINGS]),
            "random_students": [2, 4],
            "random_scale": [0.1, 0.5, 1.0],
        },
    )


def heights(axes):
    return [np.asarray(container.lines[0].get_ydata()) for container in axes.containers]


def test_panels_draw_means_shares_and_draws(data):
    clear, solved, elsewhere, drawn = figures.readout_evenness(data).axes
    mean = data.specialisation.mean("draw")
    np.testing.assert_allclose(heights(clear), mean.sel(setting=list(figures._ENTROPY)))
    np.testing.assert_allclose(heights(elsewhere), mean.sel(setting=list(figures._ELSEWHERE)))
    share = data.solved.sel(setting=list(figures._ENTROPY)).mean("draw")
    np.testing.assert_allclose(heights(solved), share)
    dots = [line for line in drawn.lines if line.get_linestyle() == "None"]
    for row, line in enumerate(dots):
        np.testing.assert_allclose(line.get_xdata(), data.random_entropy[row])
        np.testing.assert_allclose(line.get_ydata(), data.selectivity[row, 1])
    strength = np.corrcoef(data.random_entropy[0], data.selectivity[0, 1])[0, 1]
    assert dots[0].get_label() == f"$K=2$, correlation {strength:.2f}"
    for axes in (clear, solved, elsewhere, drawn):
        assert axes.get_xlabel()
        assert axes.get_ylabel()


def test_half_rates_are_rings_of_the_same_colour(data):
    elsewhere = figures.readout_evenness(data).axes[2]
    full, half = (container.lines[0] for container in elsewhere.containers[:2])
    assert full.get_color() == half.get_color()
    assert (full.get_markerfacecolor(), half.get_markerfacecolor()) == (full.get_color(), "white")


def test_settings_are_written_as_one_reads_them(data):
    assert figures._label(data.sel(setting="one unit")) == r"$K=2$, $M=1$, $\sigma_w=0.1$, $r=0.5$"
    tiny = data.sel(setting="two units, sigma_w = 0.001, half the rate")
    assert figures._label(tiny) == r"$K=M=2$, $\sigma_w=10^{-3}$, $r=0.5$, $e_w=0.5$"
