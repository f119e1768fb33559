"""Learning curves, time lines and sizes are drawn as the datasets hold them."""

import functools
import io
from typing import Any

import numpy as np
import pytest

from companion.figures import score_curves as figures
from companion.figures.style import PALETTE
from companion.studies import score_comparison


@functools.cache  # in the project of the first test that asks
def of_study(study):
    return study(["V1", "R1"], 8, 2, 0)


@pytest.fixture
def curves(project):
    return of_study(score_comparison.compared_curves).copy(deep=True)


@pytest.fixture
def clocks(project):
    return of_study(score_comparison.compared_clocks).copy(deep=True)


@pytest.fixture
def sizes(project):
    return score_comparison.sample_size([2.0, 4.0, 8.0], 6, 2, 0, feature_ratio=12.0)


def panels_of(drawing: Any) -> list[Any]:
    return drawing.axes


def drawn(drawing: Any) -> list[Any]:
    """Panels of a figure that has been drawn for good: warnings of the canvas are errors here."""
    drawing.savefig(io.BytesIO(), format="png", dpi=30)
    return panels_of(drawing)


def theory(axes):
    """Lines without markers, by their heights; guides have two points only."""
    return [line for line in axes.lines if line.get_marker() in ("", "None") and len(line.get_xdata()) > 2]


def points(axes):
    """Markers with error bars: (x, y) of each series."""
    return [container.lines[0].get_xydata() for container in axes.containers]


def test_a_panel_for_each_class_with_both_losses_and_its_bayes_loss(curves):
    panels = drawn(figures.learning_curves(curves))
    assert len(panels) == 2
    part = curves.sel(setting="V1")
    for label, (axes, colour) in enumerate(zip(panels, ("vermilion", "blue"), strict=True)):
        assert axes.get_xscale() == "log"
        assert axes.get_xlabel() == "eigen-time $T$"
        assert axes.get_ylabel() == "loss $L_c$"
        test, train = theory(axes)
        for line, which in ((test, "test"), (train, "train")):
            np.testing.assert_array_equal(line.get_xdata(), part.time)
            np.testing.assert_array_equal(line.get_ydata(), part[which].isel(label=label))
            assert line.get_color() == PALETTE[colour]
        assert test.get_linestyle() != train.get_linestyle()
        (guide,) = [line for line in axes.lines if len(line.get_ydata()) == 2]
        np.testing.assert_allclose(guide.get_ydata(), 1 - part.reducible.isel(label=label))


def test_simulated_losses_are_means_over_draws_at_their_times(curves):
    part = curves.sel(setting="V1")
    for label, axes in enumerate(panels_of(figures.learning_curves(curves))):
        series = points(axes)
        assert len(series) == 2
        for found, which in zip(series, ("simulated_test", "simulated_train"), strict=True):
            np.testing.assert_array_equal(found[:, 0], part.mark)
            np.testing.assert_allclose(found[:, 1], part[which].isel(label=label).mean("draw"))


def test_bands_and_clocks_stand_at_their_numbers_of_examples(sizes):
    left, right = drawn(figures.sample_size(sizes))
    generalised, memorised = points(left)
    for found, name in ((generalised, "generalisation_band"), (memorised, "memorisation_band")):
        np.testing.assert_array_equal(found[:, 0], [2, 4, 8])
        np.testing.assert_allclose(found[:, 1], sizes[name].mean("draw"))
    (inverse,) = theory(left)
    assert np.ptp(inverse.get_ydata() * sizes.sample_ratio.values) < 1e-12
    passage, gap, linear = theory(right)
    np.testing.assert_array_equal(passage.get_ydata(), sizes.gen_passage)
    np.testing.assert_array_equal(gap.get_ydata(), sizes.mem_gap_absolute)
    assert np.ptp(linear.get_ydata() / sizes.sample_ratio.values) < 1e-12
    for axes in (left, right):
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert axes.get_xlabel() == r"$\psi_n=n/d$"
        assert "$" in axes.get_ylabel()
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "4", "8"]


def test_a_clock_that_is_never_reached_is_no_point_of_its_line(sizes):
    sizes.mem_gap_absolute[2] = np.inf
    _, gap, _ = theory(drawn(figures.sample_size(sizes))[1])
    assert np.isfinite(gap.get_ydata()).tolist() == [True, True, False]


def rows_of(axes):
    """Markers of simulations and of theory by height: {row: ([x, ..], [x, ..])}."""
    found = {}
    for line in axes.lines:
        marker = line.get_marker()
        if marker in ("o", "D", "v", "s", "|"):
            place = found.setdefault(round(float(line.get_ydata()[0]), 6), ([], []))
            place[marker == "|"].append(float(line.get_xdata()[0]))
    return found


def test_events_stand_at_their_times_and_what_never_happens_beyond_all_times(clocks):
    clocks.simulated_early_stop.loc[{"setting": "V1", "label": 0}] = np.inf
    clocks.gen_passage.loc[{"setting": "V1", "label": 0, "share": 0.9}] = np.inf
    (axes,) = drawn(figures.window(clocks))
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "eigen-time $T$"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["V1", "R1"]
    rows = rows_of(axes)
    assert sorted(rows) == [0.0, 0.34, 1.0, 1.34]
    last = clocks.attrs["last_time"]
    for (setting, label), row in zip([("V1", 0), ("V1", 1), ("R1", 0), ("R1", 1)], sorted(rows), strict=True):
        part = clocks.sel(setting=setting).isel(label=label)
        for prefix, found in zip(("simulated_", ""), rows[row], strict=True):
            wanted = [
                part[f"{prefix}gen_passage"].sel(share=0.5),
                part[f"{prefix}gen_passage"].sel(share=0.9),
                part[f"{prefix}early_stop"],
                part[f"{prefix}mem_gap_absolute"].sel(gap=0.1),
            ]
            times = [float(np.median(value)) for value in wanted]
            reached = np.isfinite(times)
            np.testing.assert_allclose(np.array(found)[reached], np.array(times)[reached])
            assert (np.array(found)[~reached] > last).all()
    assert rows[0.0][0][2] > last
    assert rows[0.0][1][1] > last
    low, high = axes.get_xlim()
    assert low < min(min(simulated) for simulated, _ in rows.values())
    assert high > max(max(times) for pair in rows.values() for times in pair)
    assert "never" in [text.get_text() for text in axes.texts]


def test_the_range_of_draws_is_beside_each_event(clocks):
    (axes,) = panels_of(figures.window(clocks))
    part = clocks.sel(setting="V1").isel(label=0).simulated_gen_passage.sel(share=0.5)
    bars = [
        sorted(line.get_xdata())
        for line in axes.lines
        if line.get_marker() in ("", "None") and line.get_linewidth() == 1.6 and line.get_ydata()[0] == 0
    ]
    np.testing.assert_allclose(bars[0], [float(part.min()), float(part.max())])
    assert len(bars) == 4
