"""The figure of consolidation draws what the dataset holds."""

import numpy as np
import pytest

from companion.figures import committee_consolidation as figures
from companion.studies import committee_consolidation as study

STRENGTHS = [0.0, 0.1, 1.0, 10.0]


@pytest.fixture(scope="module")
def data():
    return study.consolidation.function(
        STRENGTHS,
        [0.0, 0.5, 1.0],
        [0.3],
        0.3,
        1e-3,
        50,
        3,
        0,
        duration=20.0,
        penalties=("fisher", "uniform"),
    )


@pytest.fixture(scope="module")
def panels(data):
    """The maps, then cost and trade-off, then the colour bar."""
    return figures.consolidation(data).axes


def test_costs_are_drawn_for_every_start_and_penalty(data, panels):
    cost = panels[4]
    lines = [line.get_ydata() for line in cost.lines if len(line.get_ydata()) == len(STRENGTHS)]
    expected = (data.mean_forgetting + data.mean_second_error).mean("draw")
    for scheme in data.scheme.values:
        for penalty in data.penalty.values:
            values = expected.sel(scheme=scheme, penalty=penalty)
            assert any(np.allclose(line, values) for line in lines)
    tied = data.tied_forgetting + data.tied_second_error
    assert any(np.allclose(line, tied) for line in lines)
    means = [container.lines[0].get_ydata() for container in cost.containers]
    np.testing.assert_allclose(means, expected.sel(penalty="fisher").transpose("scheme", "strength"))
    assert cost.get_xticklabels()[0].get_text() == "0"


def test_the_trade_off_is_that_of_the_means(data, panels):
    trade = panels[5]
    part = data.mean("draw").sel(penalty="fisher")
    for line, scheme in zip(trade.lines, data.scheme.values, strict=False):
        np.testing.assert_allclose(line.get_xdata(), part.mean_second_error.sel(scheme=scheme))
        np.testing.assert_allclose(line.get_ydata(), part.mean_forgetting.sel(scheme=scheme))
    assert len(trade.lines) == data.sizes["scheme"] + 1
    assert [text.get_text() for text in trade.texts] == [r"$\gamma=0.1$", r"$\gamma=1$", r"$\gamma=10$"]


def test_maps_hold_both_parts_of_both_ends_on_one_scale(data, panels):
    maps = panels[:4]
    names = [
        (scheme, name) for scheme in ("specialised", "shared") for name in ("forgetting", "second_error")
    ]
    scales = set()
    for axes, (scheme, name) in zip(maps, names, strict=True):
        (mesh,) = axes.collections
        shown = np.asarray(mesh.get_array()).reshape(len(STRENGTHS), 3)
        np.testing.assert_allclose(shown, np.maximum(data[name].sel(scheme=scheme), 1e-4))
        assert scheme in axes.get_title(loc="right")
        scales.add(mesh.get_clim())
    assert len(scales) == 1
    assert [label.get_text() for label in maps[0].get_yticklabels()] == ["0", "0.1", "1", "10"]


def test_without_further_penalties_or_angles_it_is_drawn_too(data):
    drawing = figures.consolidation(data.sel(penalty=["fisher"]).isel(scheme=[0, 2]))
    assert len(drawing.axes[5].lines) == 2
    assert len(figures.consolidation(data.isel(strength=slice(1, None))).axes) == 7
