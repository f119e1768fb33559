"""The figure of the parity curriculum draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import curriculum_parity as figures

NEVER = np.inf
STEPS = np.arange(0, 701, 25)


def dataset(rows, replicates=3):
    """``rows``: (task, relevant, width, bias, stream, watched, times of the replicates)."""
    random = np.random.default_rng(0)
    names = ("task", "relevant", "width", "bias", "stream", "watched")
    coords = {name: ("setting", [row[at] for row in rows]) for at, name in enumerate(names)}
    label = {"long_name": "$t_{90}$", "units": "steps"}
    return xr.Dataset(
        {
            "reached": (("setting", "replicate"), np.array([row[6] for row in rows], float), label),
            "test": (
                ("curriculum", "replicate", "step"),
                np.sort(random.uniform(0.5, 1, (2, replicates, STEPS.size))),
                {"long_name": "test accuracy"},
            ),
        },
        coords=coords
        | {"curriculum": ["uniform", "biased"], "step": ("step", STEPS, {"long_name": "training steps $t$"})},
        attrs={"relevant": 4, "gain_relevant": 3, "width": 32, "bias": 0.85, "biased_steps": 150},
    )


MAIN = [
    ("parity", 4, 32, 0.5, 0, 700, [300, NEVER, NEVER]),
    ("parity", 4, 32, 0.85, 0, 700, [100, 125, 75]),
]
STRIPS = [
    ("parity", 4, 32, 0.7, 0, 400, [200, NEVER, np.nan]),
    ("parity", 3, 32, 0.5, 0, 400, [350, 300, np.nan]),
    ("parity", 3, 32, 0.85, 0, 400, [100, 50, np.nan]),
]
WIDE = [
    ("parity", 3, 16, 0.5, 0, 700, [300, 400, 500]),
    ("parity", 3, 16, 0.85, 0, 700, [100, 100, 100]),
    ("parity", 3, 32, 0.5, 0, 700, [200, 400, NEVER]),
    ("parity", 3, 32, 0.85, 0, 700, [100, 200, 300]),
    ("parity", 3, 32, 0.5, 1, 700, [300, 200, 100]),
    ("hamming", 1, 32, 0.5, 0, 700, [NEVER, NEVER, NEVER]),
    ("hamming", 1, 32, 0.85, 0, 700, [NEVER, NEVER, NEVER]),
]


def marks(axes, kind):
    """All points with this marker, (n, 2)."""
    found = [np.array(line.get_xydata()) for line in axes.lines if line.get_marker() == kind]
    return np.concatenate(found) if found else np.empty((0, 2))


def test_curves_and_their_means():
    data = dataset(MAIN + STRIPS)
    axes = figures.parity(data).axes[0]
    thick = [line.get_ydata() for line in axes.lines if line.get_linewidth() == 1.3]
    np.testing.assert_allclose(thick, data.test.mean("replicate"))
    thin = [line.get_ydata() for line in axes.lines if line.get_linewidth() == 0.35]
    np.testing.assert_allclose(thin, data.test.values.reshape(6, -1))


def test_times_by_bits_and_bias_with_late_runs_where_watching_ended():
    drawing = figures.parity(dataset(MAIN + STRIPS))
    bits, bias = drawing.axes[1:3]
    assert [text.get_text() for text in bits.get_xticklabels()] == ["3", "4"]
    assert [text.get_text() for text in bias.get_xticklabels()] == ["0.5", "0.7", "0.85"]
    assert sorted(marks(bits, "o")[:, 1]) == [300, 300, 350]
    assert sorted(marks(bits, "s")[:, 1]) == [50, 75, 100, 100, 125]
    assert marks(bits, "^")[:, 1].tolist() == [700, 700]
    assert sorted(marks(bias, "^")[:, 1]) == [400, 700, 700]
    assert bits.get_ylim() == bias.get_ylim()
    medians = [line.get_ydata()[0] for line in bits.lines if line.get_linewidth() == 1.3]
    # k = 4 with uniform rows has no median: two of three runs never get there.
    assert medians == [325, 75, 100]


def test_gains_by_bits_without_widths():
    gains = figures.parity(dataset(MAIN + STRIPS)).axes[3]
    assert gains.get_xlabel() == "hidden bits $k$"
    assert [text.get_text() for text in gains.get_xticklabels()] == ["3", "4"]
    at = marks(gains, "o")
    assert {3.5, 6.0, 3.0} <= set(at[:, 1].round(9))
    # The larger mark is the median over the replicates that are there.
    assert gains.containers[0].lines[0].get_ydata() == pytest.approx([np.sqrt(3.5 * 6.0)])
    # 125 and 75 steps against never within 700.
    assert marks(gains, "^")[:, 1] == pytest.approx([700 / 125, 700 / 75])


def test_gains_by_width_with_controls():
    gains = figures.parity(dataset(MAIN + STRIPS[:1] + WIDE)).axes[3]
    assert [text.get_text() for text in gains.get_xticklabels()] == ["16", "32", "null", "Ham."]
    seen = marks(gains, "o")[:, 1].round(9)
    assert {3.0, 4.0, 5.0, 2.0} <= set(seen)
    assert {round(2 / 3, 9), 2.0} <= set(seen)  # uniform against uniform in another order
    assert marks(gains, "^")[:, 1] == pytest.approx([700 / 300, 700 / 100])
    assert marks(gains, "x")[:, 1] == pytest.approx([1, 1, 1])


def test_one_replicate_and_one_setting_can_be_drawn():
    rows = [(*row[:6], row[6][:1]) for row in MAIN]
    assert len(figures.parity(dataset(rows, 1)).axes) == 4
