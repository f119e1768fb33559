"""The figure of gains draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import vae_initialisation as figures
from companion.figures.tables import tidy_csv

IMBALANCES = [-1.0, -0.5, 0.0, 0.5, 1.0]
ERRORS = [2.2, 1.7, 1.6, 2.1, 5.5]


def results(imbalances=tuple(IMBALANCES), settings=1, replicates=3, checkpoints=6):
    rng = np.random.default_rng(0)
    shape = (settings, replicates, len(imbalances))
    runs = ("setting", "replicate", "imbalance")
    fall = np.geomspace(10, 1, checkpoints)
    error = (
        np.resize(ERRORS, len(imbalances))[:, None] * fall * (1 + 0.05 * rng.random((*shape, checkpoints)))
    )
    cells = ("setting", "contrast", "replicate")
    return xr.Dataset(
        {
            "error": ((*runs, "checkpoint"), error, {"long_name": "squared error per image"}),
            "gap": ((*runs, "checkpoint"), rng.random((*shape, checkpoints)), {"long_name": "gap"}),
            "active": (
                (*runs, "checkpoint"),
                rng.integers(1, 5, (*shape, checkpoints)),
                {"long_name": "active"},
            ),
            "disentanglement": ((*runs, "measurement"), rng.random((*shape, 2)), {"long_name": "D"}),
            "divergence": ((*runs, "latent"), rng.random((*shape, 3)), {"long_name": "nats"}),
            "matched_gap": ((*cells, "side"), rng.random((settings, 2, replicates, 3)), {"long_name": "gap"}),
            "common_error": (cells, rng.uniform(2, 3, (settings, 2, replicates))),
            "traversal": (
                ("imbalance", "latent", "value", "pixel"),
                rng.random((len(imbalances), 3, 7, 16)),
            ),
            "variance": ((), 18.0),
        },
        coords={
            "imbalance": ("imbalance", list(imbalances), {"long_name": "L"}),
            "setting": [f"setting {place}" for place in range(settings)],
            "contrast": [0.5, 1.0],
        },
        attrs={"companion_key": "k"},
    )


def test_panels_hold_the_ends_of_the_runs():
    data = results()
    drawn = figures.as_drawn(data)
    axes = figures.vae_initialisation(drawn).axes
    for panel, name in ((0, "error"), (1, "active"), (3, "gap"), (4, "disentanglement")):
        means = data[name].isel({data[name].dims[-1]: -1}).mean("replicate").values[0]
        found = np.sort(
            np.concatenate([np.asarray(each.lines[0].get_ydata()) for each in axes[panel].containers])
        )
        np.testing.assert_allclose(found, np.sort(means))
    assert all(each.get_xlabel() and each.get_ylabel() for each in axes[:5])
    assert drawn.attrs["companion_key"] == "k"


def test_undertrained_starts_are_open():
    data = figures.as_drawn(results())
    assert figures._undertrained(data).tolist() == [[True, False, False, False, True]]
    axes = figures.vae_initialisation(data).axes[0]
    faces = {
        each.lines[0].get_markerfacecolor(): np.asarray(each.lines[0].get_xdata()).tolist()
        for each in axes.containers
    }
    assert faces.pop("white") == [-1.0, 1.0]
    assert list(faces.values()) == [[-0.5, 0.0, 0.5]]


def test_a_run_that_broke_is_marked():
    data = results()
    data.error[0, 0, 3, -1] = np.nan
    assert figures._undertrained(figures.as_drawn(data))[0].tolist() == [True, False, False, True, True]


def test_curves_and_equal_error():
    data = results()
    axes = figures.vae_initialisation(figures.as_drawn(data)).axes
    lines = [line for line in axes[2].lines if len(line.get_xdata()) == 5]
    assert len(lines) == len(IMBALANCES)
    np.testing.assert_allclose(lines[0].get_ydata(), data.gap.mean("replicate")[0, 0, 1:])
    np.testing.assert_allclose(
        axes[5].containers[0].lines[0].get_ydata(), data.matched_gap[0, 0].mean("replicate")
    )
    assert axes[2].get_xlim()[0] > axes[2].get_xlim()[1]


def test_pictures_survive_as_text_in_the_order_of_divergence():
    data = results()
    drawn = figures.as_drawn(data)
    assert drawn.shown.values.tolist() == [-0.5, 0.0, 0.5]
    rate = data.divergence[0, 0, 1].values
    np.testing.assert_allclose(drawn.rate[0], np.sort(rate)[::-1])
    strongest = int(rate.argmax())
    digits = [int(digit) for digit in str(drawn.pictures.values[0, 0])]
    expected = np.round(data.traversal[1, strongest].values.ravel() * 7)
    np.testing.assert_array_equal(digits, expected)
    images = figures.vae_initialisation(drawn).axes[6].images
    assert len(images) == 21
    np.testing.assert_array_equal(np.asarray(images[0].get_array()).ravel(), expected[:16])


def test_several_settings_have_a_legend():
    drawing = figures.vae_initialisation(figures.as_drawn(results(settings=3)))
    assert [text.get_text() for text in drawing.legends[0].texts] == ["setting 0", "setting 1", "setting 2"]


def test_without_the_contrast_ends_and_middle_are_shown():
    data = results(imbalances=(-0.2, 0.0, 0.3))
    data["matched_gap"][:] = np.nan
    data["common_error"][:] = np.nan
    drawn = figures.as_drawn(data)
    assert drawn.shown.values.tolist() == [-0.2, 0.0, 0.3]
    figures.vae_initialisation(drawn)


def test_the_table_is_small():
    data = results(imbalances=tuple(np.linspace(-1, 1, 9)), settings=4, replicates=32, checkpoints=49)
    assert len(tidy_csv(figures.as_drawn(data))) < 200_000


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (0.75, "+0.75"), (-1.0, "\u22121")])
def test_imbalances_are_signed(value, text):
    assert figures.signed(value) == text


def test_the_balanced_start_has_a_colour_of_its_own():
    found = figures.colours(np.array([0.5, 0.0, -0.5]))
    assert len(set(found)) == 3 and found[1] == "#1A1A1A"
    assert figures.colours(np.array([-0.5, 0.0, 0.5])) == found[::-1]
