"""The figure of perturbations draws what the dataset holds."""

import numpy as np
import pytest
import xarray as xr

from companion.figures import relu_perturbation as figures
from companion.figures.style import PALETTE, styled
from companion.studies import relu_perturbation as study


@pytest.fixture
def fates(project):
    return study.perturbation_return(8, [1, 2], [4], [1e-3, 0.1, 1.0], 3, 0)


def test_published_distances_are_means_over_sigma(fates):
    drawing = figures.perturbation(fates)
    assert (
        drawing.get_figheight() > figures.perturbation(_synthetic()).get_figheight()
    )  # more points, more rows
    published = drawing.axes[0]
    drawn = [container.lines[0].get_ydata() for container in published.containers]
    np.testing.assert_allclose(drawn, (fates.published / fates.sigma).mean("repeat").values)


def test_converged_distances_are_medians_of_those_back_and_of_those_gone(fates):
    final = figures.perturbation(fates).axes[1]
    lines = iter(final.lines)
    for name in fates.point.values:
        member = fates.sel(point=name)
        for back, face in ((True, None), (False, "white")):
            line = next(lines)
            chosen = member.final.where(member.returned == back).median("repeat").dropna("sigma")
            np.testing.assert_allclose(line.get_xdata(), chosen.sigma)
            np.testing.assert_allclose(line.get_ydata(), chosen)
            assert line.get_markerfacecolor() == (face or line.get_color())


def _synthetic() -> xr.Dataset:
    """Two points, two noises, four draws of every fate."""
    label = [
        [["I(1)", "I(1)", "global", "I(2)"], ["unmatched", "unconverged", "global", "II(5+1)"]],
        [["S(1)", "S(2)", "X(3)", "T(5)"], ["global"] * 4],
    ]
    returned = np.zeros((2, 2, 4), dtype=bool)
    returned[0, 0, 0] = returned[1, 0, 0] = True
    dims = ("point", "sigma", "repeat")
    return xr.Dataset(
        {
            "label": (dims, label),
            "returned": (dims, returned),
            "final": (dims, np.ones((2, 2, 4))),
            "published": (dims, np.ones((2, 2, 4))),
        },
        coords={"point": ["I(1)", "S(1)"], "sigma": [0.01, 0.5], "is_minimum": ("point", [True, False])},
    )


def test_every_draw_has_one_destination():
    shares = {key: found.tolist() for key, found in figures._shares(_synthetic()).items()}
    assert shares == {
        "back": [[0.25, 0], [0.25, 0]],
        "S": [[0, 0], [0.5, 0]],
        "X": [[0, 0], [0.25, 0]],
        "I": [[0.5, 0.25], [0, 0]],
        "none": [[0, 0.25], [0, 0]],
        "global": [[0.25, 0.25], [0, 1]],
        "unconverged": [[0, 0.25], [0, 0]],
    }


def test_bars_of_a_cell_fill_it_and_saddles_have_stars():
    drawing = figures.perturbation(_synthetic())
    axes = drawing.axes[2]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["I(1)", "S(1) *"]
    heights = np.zeros((2, 2))
    for bar in axes.patches:
        heights[1 - int(bar.get_y()), round(bar.get_x() + bar.get_width() / 2)] += bar.get_height()
    np.testing.assert_allclose(heights, 0.8)
    blue = [
        bar for bar in axes.patches if bar.get_facecolor()[:3] == _rgb(PALETTE["blue"]) and bar.get_height()
    ]
    assert [round(bar.get_x() + bar.get_width() / 2) for bar in blue] == [0, 0]
    assert len(drawing.legends[1].get_texts()) == 7


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))


@pytest.mark.parametrize(
    ("name", "kind", "flipped"),
    [
        ("I(2)", "I", 2),
        ("I(1) padded", "padded", 1),
        ("I(13) split", "split", 13),
        ("S(1)", "S", 1),
        ("X(6)", "X", 6),
    ],
)
def test_points_are_told_apart_by_their_names(name, kind, flipped):
    assert (figures._kind(name), figures._flipped(name)) == (kind, flipped)


@pytest.mark.parametrize(
    ("value", "text"), [(1e-4, "$10^{-4}$"), (0.3, r"$3\cdot10^{-1}$"), (1.0, "$10^{0}$")]
)
def test_powers_of_ten(value, text):
    with styled():
        assert figures._power(value) == text
