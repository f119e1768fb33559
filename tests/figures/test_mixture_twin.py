"""The figure of the mixture twin shows networks and theory at their places, and says what is not there."""

import io
from typing import Any

import numpy as np
import pytest
import xarray as xr

from companion.figures import mixture_twin as figures
from companion.figures.mixture_twin import KINDS, SHARED_CLOCKS, mixture_twin
from companion.figures.style import PALETTE

STEPS = np.array([0.0, 10, 30, 100, 300])
GAINS, SHARES = [0.7, 1.0, 1.4], [0.5, 0.25]


def made(replicates=2, centrings=("pair", "balanced")):
    """A twin in which clocks have the ratio 2 ** gain of either clock, and 3 at all shares."""
    kinds, clocks = list(KINDS), list(SHARED_CLOCKS)
    curve = np.array([1.0, 0.6, 0.5, 0.6, 0.7])
    losses = np.broadcast_to(curve[:, None], (2, replicates, 5, 2)) + np.array([0.1, 0.0])
    rising = np.broadcast_to(np.linspace(0, 0.4, 5)[:, None], (2, replicates, 5, 2))
    first = np.full((2, replicates, 3, 1, 2), 10.0)
    gain_time = np.concatenate([first, first * np.array([0.5, 1.0, 2.0])[:, None, None]], axis=3)
    share_first = np.full((2, replicates, len(centrings), 2, 1, 2), 10.0)
    fine = np.linspace(-1, 1, 5)
    steps = {"long_name": r"training steps $\tau$"}
    return xr.Dataset(
        {
            "test_loss": (("prediction", "replicate", "step", "label"), losses),
            "train_loss": (("prediction", "replicate", "step", "label"), 0.9 * losses),
            "memorised": (("prediction", "replicate", "step", "label"), rising),
            "memorised_low": (("prediction", "replicate", "step", "label"), 0.8 * rising),
            "memorised_high": (("prediction", "replicate", "step", "label"), 1.2 * rising),
            "time": (("prediction", "replicate", "label", "clock"), np.full((2, replicates, 2, 2), 40.0)),
            "theory_test": (("label", "eigen_time"), np.linspace([0.9, 0.8], [0.6, 0.4], 6).T),
            "theory_train": (("label", "eigen_time"), np.linspace([0.9, 0.8], [0.3, 0.2], 6).T),
            "theory_time": (("label", "clock"), [[0.1, 1.0], [1.0, np.inf]]),
            "bayes": ("label", [0.45, 0.25]),
            "mismatch": (("prediction", "replicate"), np.repeat([[0.1], [0.2]], replicates, axis=1)),
            "lead_error": (("prediction", "clock"), [[0.3, 2.0], [1.0, np.nan]]),
            "lead_settings": ("clock", [8, 3]),
            "same_order": (("prediction", "clock"), [[7, 6], [5, 0]]),
            "compared": (("prediction", "clock"), [[8, 8], [8, 0]]),
            "null_memorised": ("replicate", np.full(replicates, 2)),
            "null_queries": ("replicate", np.full(replicates, 100)),
            "gain_time": (("prediction", "replicate", "gain", "label", "clock"), gain_time, steps),
            "gain_line": (("fine_gain", "clock"), np.stack([fine, 2 * fine], axis=1)),
            "share_time": (
                ("prediction", "replicate", "centring", "share", "label", "clock"),
                np.concatenate([share_first, 3 * share_first], axis=4),
                steps,
            ),
            "share_line": (
                ("centring", "fine_share", "clock"),
                np.broadcast_to([[0.5, 1.0]], (len(centrings), 4, 2)),
            ),
        },
        coords={
            "prediction": kinds,
            "clock": clocks,
            "step": ("step", STEPS, steps),
            "eigen_time": ("eigen_time", np.geomspace(0.01, 100, 6), {"long_name": "eigen-time $T$"}),
            "gain": ("gain", GAINS, {"long_name": "gain $g$"}),
            "fine_gain": np.geomspace(0.6, 1.6, 5),
            "share": ("share", SHARES, {"long_name": "share of Bag"}),
            "fine_share": np.geomspace(0.25, 0.5, 4),
            "centring": list(centrings),
            "class_name": ("label", ["Bag", "Trouser"]),
        },
    )


def drawn(data) -> list[Any]:
    """Panels of a figure that has been drawn for good: warnings of the canvas are errors here."""
    drawing: Any = mixture_twin(data)
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return drawing.axes


def marks(axes, colour):
    """y of the markers with this colour at all places, from the left."""
    found = [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_color() == colour and len(line.get_xdata()) == 1 and line.get_marker() in "oD"
    ]
    return [y for _, y in sorted(found)]


def test_losses_and_theory_have_their_lines():
    panels = drawn(made())
    assert len(panels) == 12
    for axes in panels[:2]:
        thick = [line for line in axes.lines if line.get_linewidth() == 1.2]
        assert len(thick) == 4
        np.testing.assert_array_equal(thick[0].get_xdata(), STEPS[1:])
        np.testing.assert_allclose(thick[0].get_ydata(), np.array([0.6, 0.5, 0.6, 0.7]) + 0.1)
        assert axes.get_ylim() == panels[2].get_ylim()
    theory = [line for line in panels[2].lines if len(line.get_xdata()) == 6]
    assert {line.get_color() for line in theory} == {PALETTE["blue"], PALETTE["vermilion"]}
    hollow = [line for line in panels[2].lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 1  # the one clock that the theory never reaches
    assert hollow[0].get_xdata()[0] == panels[2].get_xlim()[1]


def test_ratios_stand_at_their_gains_and_shares():
    panels = drawn(made())
    for axes in panels[6:8]:
        for _, _, colour in KINDS.values():
            np.testing.assert_allclose(marks(axes, colour), [0.5, 1, 2])
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.7", "1", "1.4"]
        assert axes.get_xlabel() == "gain $g$"
    for axes in panels[8:]:
        for _, _, colour in KINDS.values():
            np.testing.assert_allclose(marks(axes, colour), [3, 3])
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1/2", "1/4"]
        assert axes.get_xlim()[0] < 0.25 < 0.5 < axes.get_xlim()[1]
    line = next(line for line in panels[6].lines if line.get_color() == PALETTE["ink"])
    np.testing.assert_allclose(line.get_ydata(), np.exp(np.linspace(-1, 1, 5)))


def test_a_class_that_never_gets_there_is_an_open_mark_and_an_arrow():
    data = made()
    data.share_time.loc[{"label": 1, "clock": "mem_gap", "prediction": "eps_plain"}] = np.inf
    axes = drawn(data)[9]
    colour = KINDS["eps_plain"][2]
    open_marks = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert len(open_marks) == 2
    assert {line.get_color() for line in open_marks} == {colour}
    bottom, top = axes.get_ylim()
    assert all(bottom < line.get_ydata()[0] < top for line in open_marks)
    np.testing.assert_allclose(marks(axes, KINDS["preconditioned"][2]), [3, 3])


def test_jumps_of_the_theory_are_gaps():
    at, leads = figures._broken(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.6, 3.0]))
    np.testing.assert_array_equal(leads, [0.5, 0.6, np.nan, 3.0])
    np.testing.assert_array_equal(at, [1.0, 2.0, 3.0, 3.0])


def test_distances_and_counts_are_told():
    axes = drawn(made())[3]
    places = {round(float(x), 3) for line in axes.lines for x in line.get_xdata()}
    assert places == {0.1, 0.2, 0.3, 1.0, 2.0}
    assert [text.get_text() for text in axes.texts] == ["7/8", "5/8", "6/8", "0/0"]
    assert [tick.get_text().split("\n")[-1] for tick in axes.get_yticklabels()] == [
        "losses",
        "(8 settings)",
        "(3 settings)",
    ]


def test_memorised_fractions_stand_on_the_null_rate():
    panels = drawn(made())
    for axes in panels[4:6]:
        flat = [line for line in axes.lines if list(line.get_ydata()) == [0.02, 0.02]]
        assert len(flat) == 1
        assert axes.get_ylim()[1] > 0.4


def test_one_replicate_has_wilson_bands_and_one_mark_for_each_contrast():
    panels = drawn(made(replicates=1))
    assert len(panels[4].collections) == 2
    np.testing.assert_allclose(marks(panels[6], KINDS["eps_plain"][2]), [0.5, 1, 2])


@pytest.mark.parametrize(("centrings", "panels"), [(("pair",), 12), (("pair", "balanced", "pixel"), 16)])
def test_each_origin_has_two_panels(centrings, panels):
    found = drawn(made(centrings=centrings))
    assert len(found) == panels
    assert [axes.axison for axes in found[-2:]] == [False, False]


def test_a_twin_without_samples_says_so():
    data = made().drop_vars(["memorised", "memorised_low", "memorised_high"])
    assert drawn(data)[4].texts[0].get_text() == "not sampled"


def test_missing_numbers_are_left_out():
    data = made()
    data.test_loss[:, 0, 2:] = np.nan
    data.time[:, 0] = np.nan
    data.gain_time[:, :, 0] = np.nan
    data.mismatch[0] = np.nan
    panels = drawn(data)
    np.testing.assert_allclose(marks(panels[6], KINDS["eps_plain"][2]), [1, 2])
