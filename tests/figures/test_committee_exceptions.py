"""The figure of exceptions draws what the dataset holds."""

import numpy as np
import pytest

from companion.figures import committee_exceptions as figures
from companion.studies import committee_exceptions as study

SIMILARITIES = [0.0, 0.25, 0.5, 0.75, 1.0]
TILTS = [0.1, 0.01, 1e-4, 0.0]


@pytest.fixture(scope="module")
def data():
    return study.exceptions.function(SIMILARITIES, TILTS, 0.3, 1e-3, [20.0, 40.0], 50, 2, 12, 0)


@pytest.fixture(scope="module")
def panels(data):
    return figures.exceptions(data).axes


def drawn(axes, values):
    """Lines of a panel whose ordinates are these."""
    return [
        line
        for line in axes.lines
        if np.shape(line.get_ydata()) == np.shape(values) and np.allclose(line.get_ydata(), values)
    ]


CASES = [
    (0, "copied readout"),
    (1, "small readout"),
    (3, "large weights"),
    (4, "K=M=2, equal"),
    (4, "K=M=2, one"),
    (5, "K=4, M=2, equal"),
    (5, "K=4, M=2, one"),
]


@pytest.mark.parametrize(("panel", "case"), CASES)
def test_every_case_is_drawn_with_its_draws(data, panels, panel, case):
    axes = panels[panel]
    curves = data.forgetting.sel(case=case)
    assert drawn(axes, curves.mean("draw"))
    for curve in curves:
        assert drawn(axes, curve)


@pytest.mark.parametrize(
    ("panel", "plain"),
    [(0, "specialised"), (1, "specialised"), (2, "specialised"), (3, "shared"), (4, "shared"), (5, "shared")],
)
def test_what_was_expected_is_dashed(data, panels, panel, plain):
    axes = panels[panel]
    lines = drawn(axes, data.forgetting.sel(case=plain).mean("draw"))
    assert any(line.get_linestyle() == "--" for line in lines)


def test_random_starts_are_drawn_and_may_be_missing(data, panels):
    assert data.sizes["random_draw"] > 0
    assert len(panels[2].lines) == data.sizes["random_draw"] + 2
    none = figures.exceptions(data.isel(random_draw=slice(0))).axes[2]
    assert len(none.lines) == 1


def test_profiles_near_the_tie_are_named_by_their_distance(data, panels):
    axes = panels[6]
    last = data.tilted.isel(duration=-1)
    for curve in last:
        assert drawn(axes, curve)
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == [r"$\delta=0.1$", r"$\delta=0.01$", r"$\delta=10^{-4}$"]


def test_the_scan_shows_start_and_peak_over_the_distance(data, panels):
    *_, left, right = panels
    start = data.tilted.isel(similarity=0)
    peak = data.similarity.values[data.tilted.argmax("similarity").values]
    for row in range(2):
        assert drawn(left, start[row, :3])
        assert drawn(right, peak[row, :3])
    (marks,) = left.containers
    np.testing.assert_allclose(marks.lines[0].get_ydata(), data.tilted_start.mean("draw"))
    (marks,) = right.containers
    np.testing.assert_allclose(marks.lines[0].get_ydata(), data.tilted_peak.mean("draw"))
    # The tie stands left of all others.
    assert marks.lines[0].get_xdata()[3] < 1e-4
    assert left.get_xticklabels()[0].get_text() == "0"


def test_a_scan_without_the_tie_and_with_one_time_can_be_drawn(data):
    *_, left, _ = figures.exceptions(data.isel(tilt=slice(3), duration=[1])).axes
    assert left.get_xticklabels()[0].get_text() != "0"
